"""What every entrance (command line, API) starts: the rendering children with their surroundings."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from docgen.renderers.isolate import Children, Limits, private_fontconfig
from docgen.settings import Settings
from docgen.templates import FORMATS
from docgen.theme import load_theme


def children(settings: Settings, formats: Iterable[str]) -> Children:
    """Return rendering children for `formats`, with only the theme's fonts in sight."""
    theme = load_theme(settings.theme_folder)
    private_fontconfig(theme.fonts, Path(tempfile.gettempdir()) / f"docgen-fonts-{os.getuid()}")
    limits = Limits(settings.memory_mb, settings.wall_s, settings.cpu_s)
    return Children(settings.jobs, limits, [FORMATS[name].module for name in formats])
