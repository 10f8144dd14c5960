"""Where templates and samples lie: in the installed wheel, or beside this package in a checkout.

The working directory plays no part. Folders that a user brings are a matter of the settings.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def templates_dir() -> Path:
    """Return the folder that holds one folder of templates for each record type, and `theme`."""
    return _data_dir("templates")


def samples_dir() -> Path:
    """Return the folder that holds one folder of sample records for each record type."""
    return _data_dir("samples")


def _data_dir(name: str) -> Path:
    """Return the wheel's copy (`docgen/data/<name>`) where there is one: a checkout has none."""
    bundled = _PACKAGE / "data" / name
    return bundled if bundled.is_dir() else _PACKAGE.parent / name
