"""Damaged spreadsheets: whatever was done to the bytes, each is read or refused, in its time.

Every file is taken in as the service does it, in a child with limits. SHEETS_FUZZED names how many
files are made (150), SHEETS_FUZZED_FROM the first seed; a failing seed is printed, and kept below.
"""

from __future__ import annotations

import io
import os
import random
import re
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from docgen.errors import InputUnreadable
from docgen.intake.sheets.import_result import ImportResult
from docgen.intake.sheets.intake import take
from docgen.intake.sheets.order import ConversionRequest
from docgen.renderers.isolation import ChildLimits, Children
from tests.sheet_files import CONTRACT, NOW, mixed

pytestmark = pytest.mark.no_cover

HERE = Path(__file__).parent / "spreadsheets"
FUZZED = int(os.environ.get("SHEETS_FUZZED", "150"))
FIRST = int(os.environ.get("SHEETS_FUZZED_FROM", "0"))
ONCE_FAILED = (153, 238, 442, 1843, 5763, 6549, 6880, 8597, 8887, 9198, 16272)
AHEAD = 8
Change = Callable[[random.Random, bytes], bytes]

# ---------------------------------------------------------------- what is done to bytes

NUMBERS = (b"-1", b"0", b"1", b"255", b"65536", b"1048577", b"4294967295", b"1e308", b"NaN", b"")
PIECES: tuple[bytes, ...] = (
    b"\0",
    b"\xff\xfe",
    b"\xa4\xa4",
    b"\xf0\xa0\xae\xb7",
    b'"',
    b"''",
    b",,,,",
    b"\r",
    b"&#0;",
)
PIECES += (
    b"<",
    b"]]>",
    b"&x;",
    b"<!DOCTYPE a [<!ENTITY x 'y'>]>",
    b"\xed\xa0\x80",
    b"=1+1",
    b"#N/A",
)
REFS = (b"A0", b"XFD1048576", b"XFE1", b"ZZZZ1", b"A4294967296", b"a1", b"1", b"", b"A1:XFD1048576")
TYPES = (b"s", b"e", b"b", b"d", b"n", b"str", b"inlineStr", b"?", b"")


def _flipped(dice: random.Random, data: bytes) -> bytes:
    made = bytearray(data)
    for _ in range(dice.choice((1, 4, 32))):
        made[dice.randrange(len(made))] = dice.randrange(256)
    return bytes(made)


def _cut(dice: random.Random, data: bytes) -> bytes:
    return data[: dice.randrange(len(data))]


def _removed(dice: random.Random, data: bytes) -> bytes:
    start = dice.randrange(len(data))
    return data[:start] + data[start + dice.choice((1, 2, 64, 1000)) :]


def _doubled(dice: random.Random, data: bytes) -> bytes:
    start = dice.randrange(len(data))
    piece = data[start : start + dice.choice((1, 16, 500, 4000))]
    return data[:start] + piece * dice.choice((2, 3, 50)) + data[start:]


def _inserted(dice: random.Random, data: bytes) -> bytes:
    at = dice.randrange(len(data))
    return data[:at] + dice.choice(PIECES) + data[at:]


def _words(dice: random.Random, data: bytes) -> bytes:
    """Write extreme numbers over small ones, as lengths and offsets are kept."""
    made = bytearray(data)
    for _ in range(dice.choice((1, 3, 10))):
        at, size = dice.randrange(len(made)), dice.choice((1, 2, 4))
        made[at : at + size] = dice.choice(
            (0, 1, 2 ** (8 * size) - 1, 2 ** (8 * size - 1))
        ).to_bytes(size, "little")
    return bytes(made)


BYTES: tuple[Change, ...] = (_flipped, _cut, _removed, _doubled, _inserted, _words)

# ---------------------------------------------------------------- what is done to XML and packages


def _swapped(pattern: bytes, values: tuple[bytes, ...]) -> Change:
    """Return a change that writes other values in a few places of a pattern's first group."""

    def change(dice: random.Random, data: bytes) -> bytes:
        found = list(re.finditer(pattern, data))
        for match in sorted(dice.sample(found, min(len(found), 3)), key=lambda one: -one.start()):
            data = data[: match.start(1)] + dice.choice(values) + data[match.end(1) :]
        return data

    return change


def _elements(dice: random.Random, data: bytes) -> bytes:
    """Move, lose or repeat one element, whole or in part."""
    found = list(re.finditer(rb"<[^>]{1,300}>", data))
    if len(found) < 3:
        return data
    first, other = dice.choice(found), dice.choice(found)
    lost = data[: first.start()] + data[first.end() :]
    at = min(other.start(), len(lost))
    return dice.choice((lost, lost[:at] + first[0] * dice.choice((1, 2, 300)) + lost[at:]))


XML: tuple[Change, ...] = (
    _swapped(rb'\br="([A-Z]+\d+)"', REFS),
    _swapped(rb'\b(?:ref|dimension ref)="([^"]*)"', REFS),
    _swapped(rb'\bt="(\w+)"', TYPES),
    _swapped(rb"<v>([^<]*)</v>", NUMBERS),
    _swapped(rb'="(\d+)"', NUMBERS),
    _swapped(rb'-(?:repeated|spanned)="(\d+)"', NUMBERS),
    _swapped(rb'(?:date|time)-value="([^"]*)"', (*NUMBERS, b"9999-99-99", b"PT99999999H")),
    _swapped(rb"<t[^>]*>([^<]*)<", PIECES),
    _swapped(rb'name="([^"]*)"', (*PIECES[5:8], b"x" * 300)),
    _elements,
    *BYTES,
)


def _repacked(dice: random.Random, data: bytes) -> bytes:
    """Change a member of a package, or the package's list of them."""
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        members = [(name, old.read(name)) for name in old.namelist()]
    at = dice.choice([i for i, (name, _) in enumerate(members) for _ in range(_weight(name))])
    name, content = members[at]
    if dice.random() < 0.9:
        for _ in range(dice.choice((1, 1, 2, 4))):
            content = dice.choice(XML)(dice, content) if content else content
        members[at] = (name, content)
    elif dice.random() < 0.5:
        del members[at]
    else:
        members[at] = (dice.choice((name.upper(), "../" + name, members[0][0])), content)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", dice.choice((0, zipfile.ZIP_DEFLATED))) as new:
        for one, text in dict(members).items():
            new.writestr(one, text)
    return out.getvalue()


def _weight(name: str) -> int:
    wanted = ("sheet", "sharedStrings", "styles", "workbook", "content.xml")
    return 8 if any(one in name for one in wanted) else 1


# ---------------------------------------------------------------- the files


@cache
def originals() -> dict[str, bytes]:
    """One spreadsheet of each kind, with merges, error cells, formulas, feet and two types."""
    made = {path.name: path.read_bytes() for path in sorted(HERE.glob("mixed.*"))}
    text = "\r\n".join(",".join(map(str, row)) for row in mixed()["咨询"])
    return made | {"a.csv": text.encode(), "b.csv": text.encode("gb18030")}


def mutated(seed: int) -> tuple[str, bytes]:
    """Return the name and the bytes of the damaged file of a seed."""
    dice = random.Random(seed)
    name, data = dice.choice(sorted(originals().items()))
    if data.startswith(b"PK") and dice.random() < 0.8:
        return name, _repacked(dice, data)
    for _ in range(dice.choice((1, 1, 2, 5))):
        data = dice.choice(BYTES)(dice, data) if data else data
    return name, data


def fates(seeds: list[int], folder: Path) -> Iterator[tuple[int, object]]:
    """Take the file of each seed in; yield what came of it, or the error."""
    limits = ChildLimits(memory_mb=2048, wall_s=60, cpu_s=20)
    with Children(2, limits, preload=["docgen.intake.sheets.intake"]) as pool:
        running = []
        for seed in [*seeds, *[None] * AHEAD]:
            if seed is not None:
                running.append((seed, *_begun(pool, seed, folder)))
            if len(running) > AHEAD or (seed is None and running):
                done, path, future = running.pop(0)
                yield done, future.exception() or future.result()
                path.unlink()


def _begun(pool: Children, seed: int, folder: Path):  # type: ignore[no-untyped-def]
    name, data = mutated(seed)
    path = folder / f"{seed}-{name}"
    path.write_bytes(data)
    order = ConversionRequest(path, name, NOW, folder, contract=CONTRACT.read_bytes(), dry=True)
    return path, pool.submit(take, order, size_bytes=0)


def complaint(fate: object) -> str:
    """Say what is wrong with the fate of a file: neither read, every row told, nor refused."""
    if isinstance(fate, InputUnreadable):
        return (
            ""
            if fate.message("zh") and fate.hint("en")
            else f"a refusal without words: {fate.code}"
        )
    if not isinstance(fate, ImportResult):
        return repr(fate)
    told = sum(len(one.rows) + len(one.known) for one in fate.documents)
    rows = told + fate.failed + fate.skipped
    return "" if fate.read == rows else f"{fate.read} rows read, {rows} told"


@pytest.mark.slow
def test_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    seeds = [*ONCE_FAILED, *range(FIRST, FIRST + FUZZED)]
    found = {seed: text for seed, fate in fates(seeds, tmp_path) if (text := complaint(fate))}
    assert not found
