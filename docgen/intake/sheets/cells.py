"""A cell → the plain value that a JSON record would hold; reading then judges both alike.

Only what a spreadsheet does to values is undone here: serial days, units, several values in a
cell, words for nothing. Nothing is guessed: what is not understood goes on as it was typed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any

from pydantic import ValidationError

from docgen.intake.sheets import parts
from docgen.intake.sheets.facts import WITHOUT_VALUE
from docgen.intake.sheets.quick import adapter
from docgen.intake.sheets.targets import Slot
from docgen.intake.sheets.units import figure, is_scientific, scale
from schemas.fields import Choice, Part, extra, shape
from schemas.problems import Problem, error
from schemas.values import fold

Convert = Callable[[Any], Any]
NOTHING = frozenset({"/", "\\", "-", "--", "—", "——", "－", "无", "暂无", "n/a", "na", ""})
NULL_SETTINGS = frozenset({"未设置", "null", "(null)", "空值"})
EMPTY_SETTINGS = frozenset({"(空)", "空串", "''", '""'})
TICKS = str.maketrans({"✓": "√", "✔": "√", "☑": "√", "✗": "×", "✘": "×", "☒": "×"})
LARGEST_EXACT = 1e15
EPOCHS = {False: datetime.fromisoformat("1899-12-30"), True: datetime.fromisoformat("1904-01-01")}
FIRST_DAY, LAST_DAY = (datetime.fromisoformat(day) for day in ("1990-01-01", "2100-01-01"))
_SERIAL_TEXT = re.compile(r"\d{5}(\.\d+)?")
_SEPARATORS = re.compile(r"[、，,；;\n]+")
_IP_SEPARATORS = re.compile(r"[、，,；;\s]+|(?<=\d)/(?=\d{1,3}\.)")


@dataclass(frozen=True)
class Odd:
    """A cell that has no value: an error, a formula that was never computed, 同上 without above."""

    text: str
    code: str = ""

    def problem(self) -> Problem:
        """Return what is wrong with it."""
        if self.code == "nothing_above":
            return error((), "nothing_above", self.text)
        if self.text == WITHOUT_VALUE:
            return error((), "formula_without_value")
        return error((), "error_cell", self.text)


@dataclass(frozen=True)
class Surroundings:
    """What the file decides about its cells' values."""

    date1904: bool = False
    typed: bool = True  # cells have types; in CSV all is text


def converter(slot: Slot, unit: str, around: Surroundings) -> Convert:
    """Return the function that reads a cell of `slot`; it returns None for an empty one."""
    model, name = slot.owner, slot.name
    kind = shape(model, name)
    if kind.part:
        return parts.converter(kind.part, around.typed)
    own = _scalar(slot, unit, around)
    if not kind.is_list:
        return own
    separators = _IP_SEPARATORS if _probe(model, name, ["x"]) == "not_an_ip" else _SEPARATORS
    return lambda cell: _several(cell, separators, own)


def _several(cell: Any, separators: re.Pattern[str], own: Convert) -> Any:
    if not isinstance(cell, str):
        return [own(cell)]
    found = [own(part) for part in separators.split(cell) if part.strip()]
    return [value for value in found if value is not None] or None


def _scalar(slot: Slot, unit: str, around: Surroundings) -> Convert:
    base = shape(slot.owner, slot.name).base
    if isinstance(base, type):
        if issubclass(base, Choice):
            return _choice(base)
        if issubclass(base, bool):
            return _flag
        if issubclass(base, date):
            return lambda cell: _moment(cell, around)
        if issubclass(base, int | float):
            return _number(slot.unit, unit, around)
    return _text(slot)


# ---------------------------------------------------------------- text


def _text(slot: Slot) -> Convert:
    if extra(slot.owner.model_fields[slot.name]).get("x-widget") == "setting":
        return _setting
    if _probe(slot.owner, slot.name, 1) == "digits_lost":
        return _digits
    return _words


def _words(cell: Any) -> Any:
    if not isinstance(cell, str):
        return as_text(cell)
    text = cell.strip()
    return None if len(text) < 4 and text.lower() in NOTHING else text


def _bare(cell: str) -> str | None:
    text = cell.strip()
    return None if len(text) < 4 and text.lower() in NOTHING else text


def _setting(cell: Any) -> Any:
    """Read a parameter's value: typed spaces stay, and nothing is not the empty text."""
    if not isinstance(cell, str):
        return as_text(cell)
    word = fold(cell)
    if word in EMPTY_SETTINGS:
        return ""
    return None if word in NOTHING or word in NULL_SETTINGS else cell


def _digits(cell: Any) -> Any:
    """Keep a phone or serial number that became a number one: reading says that digits are lost."""
    if isinstance(cell, str):
        return float(cell) if is_scientific(cell) else _bare(cell)
    return cell if isinstance(cell, int | float) and not isinstance(cell, bool) else as_text(cell)


def as_text(cell: Any) -> Any:
    """Return a typed cell as people see it; a number too long to be exact is refused."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, int | float):
        if abs(cell) >= LARGEST_EXACT:
            raise CellRefused(error((), "digits_lost", cell))
        return str(int(cell)) if cell == int(cell) else repr(cell)
    if isinstance(cell, date):
        return moment_text(cell)
    if isinstance(cell, time):
        return cell.strftime("%H:%M:%S").removesuffix(":00")
    return str(cell)


class CellRefused(Exception):
    """A cell whose value cannot be told."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


# ---------------------------------------------------------------- choices, days, figures


def _choice(members: Any) -> Convert:
    @cache
    def known(text: str) -> str | None:
        try:
            return str(members(text).value)
        except ValueError:
            return None if fold(text) in NOTHING else text

    return lambda cell: known(cell.strip()) if isinstance(cell, str) else known(str(as_text(cell)))


def _flag(cell: Any) -> Any:
    if isinstance(cell, str):
        text = cell.strip().translate(TICKS)
        return None if text != "无" and fold(text) in NOTHING else text
    return bool(cell) if cell in (0, 1) else as_text(cell)


def _moment(cell: Any, around: Surroundings) -> Any:
    if isinstance(cell, date):
        return moment_text(cell)
    if isinstance(cell, bool | time | timedelta):
        return as_text(cell)
    if isinstance(cell, int | float):
        return _serial(float(cell), around.date1904)
    text = cell.strip()
    if around.typed and _SERIAL_TEXT.fullmatch(text):
        return _serial(float(text), around.date1904)
    return _bare(text)


def _serial(number: float, date1904: bool) -> Any:
    """Read a day's serial; one outside 1990 to 2100 is no day, but maybe 20260307."""
    if 19_900_101 <= number < 21_000_101 and number == int(number):
        return str(int(number))
    if 0 < number < 80_000:
        moment = EPOCHS[date1904] + timedelta(seconds=round(number * 86_400))
        if FIRST_DAY <= moment < LAST_DAY:
            return moment_text(moment)
    return number


def moment_text(moment: date) -> str:
    """Write a day or a moment; half seconds are a spreadsheet's rounding."""
    if not isinstance(moment, datetime):
        return moment.isoformat()
    if moment.microsecond:
        moment = (moment + timedelta(milliseconds=500)).replace(microsecond=0)
    if (moment.hour, moment.minute, moment.second) == (0, 0, 0):
        return moment.date().isoformat()
    return moment.isoformat(" ").removesuffix(":00") if not moment.second else moment.isoformat(" ")


def _number(unit: str, given: str, around: Surroundings) -> Convert:
    factor = scale(given, unit) or 1.0

    def read(cell: Any) -> Any:
        if isinstance(cell, str):
            return _figure(cell, unit, given)
        if isinstance(cell, bool) or not isinstance(cell, int | float):
            return as_text(cell)
        if unit == "%" and around.typed and 0 < cell <= 1:
            return _whole(cell * 100)
        return _whole(cell * factor)

    return read


def _figure(cell: str, unit: str, given: str) -> Any:
    text = cell.strip()
    if fold(text) in NOTHING:
        return None
    value = figure(text, unit, given)
    return text if value is None else _whole(value)


def _whole(value: float) -> Any:
    rounded = round(value, 6)
    return int(rounded) if abs(rounded) < LARGEST_EXACT and rounded == int(rounded) else rounded


def _probe(model: type[Part], name: str, value: Any) -> str:
    """Ask the field's own parser what it says of `value`: kinds of text have no types."""
    try:
        adapter(model, name).validate_python(value)
    except ValidationError as refused:
        return str(refused.errors()[0]["type"])
    return ""
