"""CSV as it occurs: encoding decided strictly, separator found, rows given one by one."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docgen.errors import InputUnreadable
from docgen.intake.sheets.limits import WorkbookLimits
from schemas.values import LOG_LIMIT

ENCODINGS = ("utf-8-sig", "gb18030")
SEPARATORS = ",\t;"
CHUNK = 2**20
SAMPLE_LINES = 50


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written."""

    encoding: str
    separator: str


def dialect(path: Path, place: str) -> Dialect:
    """Find encoding and separator; the whole file must decode. Raises InputUnreadable."""
    encoding = _encoding(path, place)
    csv.field_size_limit(LOG_LIMIT)
    with path.open(encoding=encoding, newline="") as file:
        lines = [line for _, line in zip(range(SAMPLE_LINES), file, strict=False)]
    return Dialect(encoding, _separator(lines))


def rows(path: Path, how: Dialect, limits: WorkbookLimits, place: str) -> Iterator[list[str]]:
    """Yield rows of cells. Raises InputUnreadable: csv_quotes."""
    with path.open(encoding=how.encoding, newline="") as file:
        reader = csv.reader(_clean(file), delimiter=how.separator, strict=False)
        try:
            for row in reader:
                if len(row) > limits.columns:
                    raise InputUnreadable(
                        "too_many_columns",
                        place=f"{place}:{reader.line_num}",
                        value=len(row),
                        limit=WorkbookLimits.columns,
                    )
                yield row
        except csv.Error as wrong:
            raise InputUnreadable(
                "csv_quotes", place=f"{place}:{reader.line_num}", value=str(wrong)
            ) from wrong


def _clean(lines: Iterator[str]) -> Iterator[str]:
    """Leave out a line that only tells Excel the separator, as an empty row."""
    for number, line in enumerate(lines):
        told = number == 0 and line.lower().startswith("sep=")
        yield "\n" if told else line


def _encoding(path: Path, place: str) -> str:
    with path.open("rb") as file:
        head = file.read(4)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _decodes(path, "utf-16") or _mixed(place)
    for encoding in ENCODINGS:
        if _decodes(path, encoding):
            return encoding
    return _mixed(place)


def _mixed(place: str) -> str:
    raise InputUnreadable("csv_encoding", place=place)


def _decodes(path: Path, encoding: str) -> str:
    """Return the encoding when all of the file decodes and holds no NUL."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        with path.open("rb") as file:
            while piece := file.read(CHUNK):
                if "\0" in decoder.decode(piece):
                    return ""
            decoder.decode(b"", True)
    except UnicodeDecodeError:
        return ""
    return encoding


def _widths(lines: list[str], separator: str) -> list[int]:
    """Return how many cells each line has; none where the quotes are wrong, as `rows` will say."""
    try:
        return [len(row) for row in csv.reader(lines, delimiter=separator)]
    except csv.Error:
        return []


def _separator(lines: list[str]) -> str:
    """Choose what splits the lines most evenly into several cells; a comma in doubt."""
    best, most = ",", 0
    for separator in SEPARATORS:
        widths = _widths(lines, separator)
        wide = [width for width in widths if width > 1]
        score = max((wide.count(width) * min(width, 40) for width in set(wide)), default=0)
        if score > most:
            best, most = separator, score
    return best
