"""Files named on the command line: `-` is standard input, a folder is all its JSON files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docgen.cli.console import errors_told
from docgen.errors import DocgenError, InputUnreadable
from docgen.pipeline import read_contract
from docgen.pipeline.json_input import SIZE_LIMIT
from docgen.settings import Settings
from schemas.contract import Contract


@dataclass(frozen=True)
class InputFile:
    """One input: its name as given, and its bytes or why there are none."""

    name: str
    data: bytes = b""
    error: DocgenError | None = None


def sources(names: list[Path]) -> Iterator[InputFile]:
    """Read every named input; a folder stands for the JSON files in it and below."""
    for name in names:
        if not name.is_dir():
            yield read_source(name)
        elif found := sorted(path for path in name.rglob("*.json") if not path.is_dir()):
            yield from (read_source(path) for path in found)
        else:
            yield InputFile(shown(name), error=InputUnreadable("no_records", place=shown(name)))


def read_source(path: Path, limit: int = SIZE_LIMIT) -> InputFile:
    """Read one input, never more than one byte over the limit."""
    name = shown(path)
    try:
        if name == "-":
            return InputFile("-", sys.stdin.buffer.read(limit + 1))
        with path.open("rb") as file:
            return InputFile(name, file.read(limit + 1))
    except OSError as wrong:
        return InputFile(
            name, error=InputUnreadable("file_unreadable", place=name, reason=wrong.strerror)
        )


def read_bytes(path: Path, limit: int = SIZE_LIMIT) -> bytes:
    """Return the bytes of an input; InputUnreadable says why there are none."""
    source = read_source(path, limit)
    if source.error:
        raise source.error
    return source.data


def read_agreed(path: Path, settings: Settings) -> tuple[bytes, Contract]:
    """Return a contract as bytes and read; what is wrong with it ends the command."""
    data = read_bytes(path)
    return data, read_contract(data, settings.clock())


def contract_bytes(path: Path | None, settings: Settings, as_json: bool) -> bytes:
    """Return the bytes of a contract that was read without an error; empty when none is given."""
    if path is None:
        return b""
    with errors_told(as_json, shown(path)):
        return read_agreed(path, settings)[0]


def shown(path: Path) -> str:
    """Return a path as text; bytes of a name that are not UTF-8 are shown as such."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
