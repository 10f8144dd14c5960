"""All settings, read once from `DOCGEN_` variables into one frozen object."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from docgen.errors import SettingWrong
from docgen.paths import templates_dir
from schemas.values import parse_instant

PREFIX = "DOCGEN_"
LEAST = {"memory_mb": 256}  # below that not even the libraries fit


@dataclass(frozen=True)
class Settings:
    """What the surroundings decide. `templates` are folders searched before docgen's own."""

    templates: tuple[Path, ...] = ()
    theme: Path | None = None
    lang: str = "zh"
    jobs: int = max(1, os.cpu_count() or 1)
    memory_mb: int = 2048
    wall_s: int = 30
    cpu_s: int = 10
    host: str = "127.0.0.1"
    port: int = 8000
    now: datetime | None = None

    def clock(self) -> datetime:
        """Return the present moment, or the one that `DOCGEN_NOW` fixes."""
        return self.now or datetime.now(UTC)

    @property
    def theme_folder(self) -> Path:
        """Where the theme lies."""
        return self.theme or templates_dir() / "theme"

    @property
    def template_folders(self) -> tuple[Path, ...]:
        """Where templates are looked for, first hit wins."""
        return (*self.templates, templates_dir())


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the `DOCGEN_` variables; SettingWrong for an unknown name or a bad value."""
    given = {
        name.removeprefix(PREFIX).lower(): text
        for name, text in environ.items()
        if name.startswith(PREFIX)
    }
    known = {field.name for field in fields(Settings)}
    for name in given.keys() - known:
        raise SettingWrong(
            "unknown_setting",
            f"没有 {PREFIX}{name.upper()} 这个设置",
            f"There is no setting {PREFIX}{name.upper()}",
            hint_zh="可用：" + ", ".join(PREFIX + item.upper() for item in sorted(known)),
            hint_en="Known: " + ", ".join(PREFIX + item.upper() for item in sorted(known)),
            place=PREFIX + name.upper(),
        )
    return Settings(**{name: _value(name, text) for name, text in given.items()})  # type: ignore[arg-type]


def _value(name: str, text: str) -> object:
    try:
        if name == "templates":
            return tuple(Path(part) for part in text.split(os.pathsep) if part)
        if name == "theme":
            return Path(text)
        if name == "now":
            return parse_instant(text)
        if name == "lang":
            return {"zh": "zh", "en": "en"}[text]
        if name == "host":
            return text
        if (number := int(text)) < LEAST.get(name, 1):
            raise ValueError(text)
    except (ValueError, KeyError) as wrong:
        raise SettingWrong(
            "bad_setting",
            f"设置 {PREFIX}{name.upper()} 的值“{text}”不可用",
            f"“{text}” cannot be the value of {PREFIX}{name.upper()}",
            place=PREFIX + name.upper(),
            value=text,
        ) from wrong
    return number
