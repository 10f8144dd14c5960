"""The moment, the secret and the settings of tests; light, since processes of tests start here."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from docgen.settings import Settings

NOW = datetime.fromisoformat("2026-03-10T10:00:00+08:00")
SECRET = "Zq7v1LwX0c9bTt3rKpE5mNn8yHg2sJdF"


def settings_of(folder: Path, url: str = "", **more: Any) -> Settings:
    """Return what a store in `folder` needs; the database at `url`, or SQLite in it."""
    usual: dict[str, Any] = {"now": NOW, "secret_key": SECRET if url else ""}
    return Settings(data=folder, database=url, **usual | more)
