"""Addresses in Office files: which ones a click may open, and which ones are of this machine."""

from __future__ import annotations

import re
from urllib.parse import unquote

_SCHEME = re.compile(r"\s*([a-z][a-z0-9+.-]+):", re.IGNORECASE)  # two letters: C: is a drive
_PLAIN = frozenset({"http", "https", "mailto", "ftp", "tel"})
_SHARE = re.compile(
    r"[\s\[]*[\\/]{2}"
)  # \\server\share: asking it hands over the user's name and hash
_OUTSIDE = re.compile(r"://|\\\\|^[\s\[]*//")  # no name of a bookmark, sheet or cell holds these
_SKIPPED = re.compile(r"[\x00-\x20]+")  # browsers drop them from an address (WHATWG URL, 4.4)
_LOCAL = re.compile(r"\s*(?:file:(?:///)?)?/?[a-z]:[\\/]", re.IGNORECASE)


def is_plain(target: str) -> bool:
    """Return whether a link opens a page, writes a mail, or leads to a file beside this one."""
    return all(map(_is_plain, {target, _SKIPPED.sub("", unquote(target))}))


def leads_outside(location: str) -> bool:
    """Return whether what should be a place in the file is an address of something else."""
    return _OUTSIDE.search(unquote(location)) is not None


def _is_plain(target: str) -> bool:
    if scheme := _SCHEME.match(target):
        return scheme[1].lower() in _PLAIN
    return not _SHARE.match(target) and not _LOCAL.match(target)


def is_on_this_machine(target: str) -> bool:
    """Return whether an address is a path on a drive: nothing is asked of a network for it."""
    return _LOCAL.match(target) is not None
