"""File names of strangers, made safe to show and to put into a header; never used as a path."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

NAME_BYTES = 200  # file systems allow 255; archives and downloads add a prefix or a number
EXTENSION_BYTES = 16

# Controls, formats (bidi overrides, zero widths), surrogates, unassigned, separators of lines.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"})
_OUTSIDE_QUOTES = re.compile(r'[^\x20-\x7e]|["\\%]')  # % too: some browsers decode it there
_ATTR_CHARS = "!#$&+-.^_`|~"  # RFC 5987, attr-char


def display_name(name: str) -> str:
    """Return the last path part of `name` in NFC, without unseen characters, ≤ 200 bytes.

    Empty where nothing is left.
    """
    seen = "".join(char for char in name if unicodedata.category(char) not in _UNSEEN)
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", seen).rstrip(" ./\\"))[-1]
    return _cut(last.strip().strip(" ."))


def extension_of(name: str) -> str:
    """Return what follows the last dot, in lower case; empty without a dot."""
    return name.rpartition(".")[2].lower() if "." in name else ""


def content_disposition(name: str, *, inline: bool = False) -> str:
    """Return the header's value for a download (RFC 6266), with an ASCII fallback.

    Whatever `name` holds, it stays one file name: no other parameter, header or folder.
    """
    shown = display_name(name) or "download"
    fallback = _OUTSIDE_QUOTES.sub("_", shown)
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{fallback}\"; filename*=UTF-8''{quote(shown, safe=_ATTR_CHARS)}"


def _cut(name: str) -> str:
    """Shorten the stem and keep the extension, between characters."""
    if len(name.encode()) <= NAME_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension.encode()) > EXTENSION_BYTES:
        stem, dot, extension = name, "", ""
    room = NAME_BYTES - len((dot + extension).encode())
    return (stem.encode()[:room].decode("utf-8", "ignore").rstrip(" .") + dot + extension).strip()
