"""Start the rendering children of the command line and the API, with fonts and search path."""

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
    """Return a pool of rendering children for `formats` that sees only the theme's fonts."""
    leave_out_working_folder()  # also where another server than ours has loaded the API
    theme = load_theme(settings.theme_folder)
    private_fontconfig(theme.fonts, _private_folder())
    limits = ChildLimits(settings.memory_mb, settings.wall_s, settings.cpu_s)
    return Children(settings.jobs, limits, [FORMATS[name].module for name in formats])


def _private_folder() -> Path:
    """Return the folder of the fonts' cache, which nobody else can write to."""
    folder = Path(tempfile.gettempdir()) / f"docgen-fonts-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()  # somebody else may have made it, or a link, before
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid():
            return folder
        return Path(tempfile.mkdtemp(prefix="docgen-fonts-"))
    except OSError as wrong:
        raise OutputRefused(
            "no_temporary_folder", place=str(folder), reason=wrong.strerror
        ) from wrong
