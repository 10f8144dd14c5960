"""Files named on the command line: `-` is standard input, a folder is all its JSON files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docgen.errors import DocgenError, InputUnreadable
from docgen.intake import SIZE_LIMIT


@dataclass(frozen=True)
class Source:
    """One input: its name as given, and its bytes or why there are none."""

    name: str
    data: bytes = b""
    error: DocgenError | None = None


def sources(names: list[Path]) -> Iterator[Source]:
    """Read every named input; a folder stands for the JSON files in it and below."""
    for name in names:
        if name.is_dir():
            yield from (read_source(path) for path in sorted(name.rglob("*.json")))
        else:
            yield read_source(name)


def read_source(path: Path) -> Source:
    """Read one input, never more than the limit."""
    name = str(path)
    try:
        if name == "-":
            return Source("-", sys.stdin.buffer.read(SIZE_LIMIT + 1))
        with path.open("rb") as file:
            return Source(name, file.read(SIZE_LIMIT + 1))
    except OSError as wrong:
        return Source(name, error=_unreadable(name, wrong))


def _unreadable(name: str, wrong: OSError) -> InputUnreadable:
    return InputUnreadable(
        "file_unreadable",
        f"无法读取文件：{wrong.strerror}",
        f"The file cannot be read: {wrong.strerror}",
        hint_zh="请检查路径和权限。",
        hint_en="Check the path and its permissions.",
        place=name,
    )
