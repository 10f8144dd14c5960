"""LibreOffice as a reader of produced files: one start for many files, for a start is a second."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

PATIENCE_S = 170


def converted(files: list[Path], to: str) -> str:
    """Have LibreOffice write each file in another format beside it; what it said of errors.

    All files lie in one folder; what a file becomes has its stem.
    """
    office = shutil.which("soffice")
    if not office:
        pytest.skip("LibreOffice is not installed")
    [folder] = {path.parent for path in files}
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    names = [path.name for path in files]
    done = subprocess.run(
        [office, profile, "--headless", "--convert-to", to, *names],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    return done.stderr
