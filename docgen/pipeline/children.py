"""What every entrance (command line, API) starts: rendering children and their surroundings."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from docgen.errors import OutputRefused
from docgen.renderers.isolation import ChildLimits, Children, private_fontconfig
from docgen.search_path import leave_out_working_folder
from docgen.settings import Settings
from docgen.templates.catalog import FORMATS
from docgen.templates.theme import load_theme


def children(settings: Settings, formats: Iterable[str]) -> Children:
    """Return rendering children for `formats`, with only the theme's fonts in sight."""
    leave_out_working_folder()  # also where another server than ours has loaded the API
    theme = load_theme(settings.theme_folder)
    private_fontconfig(theme.fonts, _own_folder())
    limits = ChildLimits(settings.memory_mb, settings.wall_s, settings.cpu_s)
    return Children(settings.jobs, limits, [FORMATS[name].module for name in formats])


def _own_folder() -> Path:
    """Return the folder of the fonts' cache, one that nobody else can write to."""
    folder = Path(tempfile.gettempdir()) / f"docgen-fonts-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
            return folder
        return Path(tempfile.mkdtemp(prefix="docgen-fonts-"))
    except OSError as wrong:
        raise OutputRefused(
            "no_temporary_folder", place=str(folder), reason=wrong.strerror
        ) from wrong
