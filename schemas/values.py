"""Kinds of values: text, numbers, days and instants, addresses, document numbers.

Each kind is an annotated type with one parser; a value that cannot be read raises a code of
`messages.toml`. Nothing here knows of records.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, StringConstraints
from pydantic_core import PydanticCustomError

from schemas.problems import SHANGHAI

TEXT_LIMIT = 20_000  # characters; a cell of a workbook holds 32,767 (Excel's limits)
LOG_LIMIT = 4 * 1024 * 1024  # characters of a log
ROW_LIMIT = 5_000

_CODES = "WB|XJ|WH|ZX|QX|JJ|SQ|XC|BD|XT|SB|BM|DJ|YB|ZJ"
RECORD_CODES = _CODES.split("|")
DOC_NO_PATTERN = rf"^({_CODES})-[A-Z0-9]{{2,12}}-\d{{8}}-\d{{3}}(-R\d{{1,2}})?$"

_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufdd0-\ufdef\ufffe\uffff]"
)
# Noncharacters (Unicode 23.7); XML 1.0 2.2 forbids the last two in documents.
_NEVER = re.compile(r"[\ufdd0-\ufdef\ufffe\uffff]")
_DAY = re.compile(
    r"^(?P<y>\d{4})\s*(?:[-/.年])\s*(?P<m>\d{1,2})\s*(?:[-/.月])\s*(?P<d>\d{1,2})\s*日?(?P<rest>.*)$"
)
# ISO 8601 basic format, as file names and exports of databases have it.
_COMPACT_DAY = re.compile(
    r"^(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})(?P<rest>(?:[T ]?\d{4}(?:\d{2})?|[T ].*)?)$"
)
# Told apart from other nonsense, because the remedy is another: to add the year.
_NO_YEAR = re.compile(r"^\d{1,2}\s*[-/.月]\s*\d{1,2}\s*日?(\s.*)?$")
_TIME = re.compile(
    r"^[T\s]*(?P<half>上午|下午|晚上|凌晨|中午|AM|PM)?\s*"
    r"(?P<h>\d{1,2})\s*[:点时]\s*(?P<mi>\d{1,2})?\s*分?(?:\s*[:]?\s*(?P<s>\d{1,2})(?:\.(?P<f>\d{1,9}))?\s*秒?)?"
    r"\s*(?P<late>AM|PM)?\s*(?P<zone>Z|[+-]\d{2}:?\d{2})?$",
    re.IGNORECASE,
)
# ISO 8601:2004 4.2.3: 24:00 is the midnight at the end of a day.
_END_OF_DAY = re.compile(r"[T\s]*24[:点时]0{0,2}分?(?::00)?\s*(Z|[+-]\d{2}:?\d{2})?\s*")
_COMPACT_TIME = re.compile(r"^[T ]?(?P<h>\d{2})(?P<mi>\d{2})(?P<s>\d{2})?$")


def fail(code: str, **params: Any) -> PydanticCustomError:
    """Make an error of this project for Pydantic; its code is a key of `messages.toml`."""
    return PydanticCustomError(code, "{code}", {"code": code, **params})


def fold(text: str) -> str:
    """`text` as enums and headers are compared: NFKC, no spaces, lower case."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).casefold()


def _clean(value: str) -> str:
    value = unicodedata.normalize("NFC", value.replace("\r\n", "\n").replace("\r", "\n"))
    if bad := _UNPRINTABLE.search(value):
        raise fail("control_character", character=f"U+{ord(bad[0]):04X}", position=bad.start() + 1)
    return value


def _clean_log(value: str) -> str:
    if bad := _NEVER.search(value):
        raise fail("control_character", character=f"U+{ord(bad[0]):04X}", position=bad.start() + 1)
    return unicodedata.normalize("NFC", value.replace("\r\n", "\n"))


def _filled(value: str) -> str:
    if not value.strip():
        raise fail("blank")
    return value


def _name(value: str) -> str:
    if "\n" in value or "\t" in value:
        raise fail("line_break")
    return value


AnyText = Annotated[str, Field(max_length=TEXT_LIMIT), AfterValidator(_clean)]
"""Text as typed (NFC), may be empty: parameter values, where '' means something."""
Text = Annotated[AnyText, AfterValidator(_filled)]
"""Text as typed (NFC) with something in it; may have several lines."""
Name = Annotated[
    str,
    Field(max_length=200),
    AfterValidator(_clean),
    AfterValidator(_filled),
    AfterValidator(_name),
]
"""One line of at most 200 characters: names, numbers of things, titles."""
LogText = Annotated[str, Field(max_length=LOG_LIMIT), AfterValidator(_clean_log)]
"""A log as it came, up to 4 MiB; control characters are kept and printed as \\x1b."""

PRINTABLE: Mapping[Any, int] = {Name: 200, Text: TEXT_LIMIT, AnyText: TEXT_LIMIT}
"""Kinds of text, and their length: printable text is kept by them as it is."""


def are_printable(texts: Sequence[Any], limit: int) -> bool:
    """Tell whether these are texts of letters and spaces that the kinds above leave alone."""
    if not all(type(text) is str and text.strip() and len(text) <= limit for text in texts):
        return False
    whole = "".join(texts)
    return whole.isprintable() and unicodedata.is_normalized("NFC", whole)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise fail("not_a_number")
    if isinstance(value, str):
        value = unicodedata.normalize("NFKC", value).strip().replace(",", "")
        if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)", value):
            raise fail("not_a_number")
    if not isinstance(value, int | float | str):
        raise fail("not_a_number")
    try:
        number = float(value)
    except OverflowError as too_big:
        raise fail("not_a_number") from too_big
    if number != number or abs(number) > 1e15:
        raise fail("not_a_number")
    return number


def _whole(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise fail("not_whole")
    return int(number)


Number = Annotated[float, BeforeValidator(_number)]
Whole = Annotated[int, BeforeValidator(_whole)]
Amount = Annotated[Number, Field(ge=0)]
"""A number of at least 0, its unit in the field's name."""
Count = Annotated[Whole, Field(ge=0)]
Port = Annotated[Whole, Field(ge=1, le=65535)]
Percent = Annotated[Number, Field(ge=0)]
"""Per cent, 98.33 meaning 98.33 %."""


_YES = frozenset({"是", "有", "y", "yes", "√", "true", "on", "开"})
_NO = frozenset({"否", "无", "n", "no", "×", "false", "off", "关"})


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and fold(value) in _YES | _NO:
        return fold(value) in _YES
    raise fail("not_yes_no")


Flag = Annotated[bool, BeforeValidator(_flag)]
"""Yes or no; 是/否, √/×, Y/N are read."""


def parse_day(value: Any) -> date:
    """Read a day in any shape of `spreadsheets.md`; a number is never a day."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    day, rest = _split_day(value)
    if rest.strip() and _clock(rest) is None:
        raise fail("not_a_day")
    return day


def parse_instant(value: Any) -> datetime:
    """Read a moment; a naive one is Asia/Shanghai, a day alone is its first minute. Returns UTC."""
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime.combine(value, time())
    else:
        day, rest = _split_day(value)
        rest, days = _midnight(rest)
        clock = time() if not rest.strip() else _clock(rest)
        if clock is None:
            raise fail("not_an_instant")
        moment = _combined(day, days, clock)
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)).astimezone(UTC)
    except OverflowError as outside:
        raise fail("not_an_instant") from outside


def _midnight(rest: str) -> tuple[str, int]:
    """Read 24:00 as 00:00 of the next day (ISO 8601); give the rest, and the days to add."""
    found = _END_OF_DAY.fullmatch(rest)
    return (f"00:00{found[1] or ''}", 1) if found else (rest, 0)


def _combined(day: date, days: int, clock: time) -> datetime:
    try:
        return datetime.combine(day + timedelta(days=days), clock)
    except OverflowError as outside:
        raise fail("not_an_instant") from outside


def _split_day(value: Any) -> tuple[date, str]:
    if not isinstance(value, str):
        raise fail("number_as_day" if isinstance(value, int | float) else "not_a_day")
    text = unicodedata.normalize("NFKC", value).strip()
    if re.fullmatch(r"\d{1,7}(\.\d+)?|\d{9,13}(\.\d+)?", text):
        raise fail("number_as_day")
    found = _DAY.match(text) or _COMPACT_DAY.match(text)
    if not found:
        raise fail("day_without_year" if _NO_YEAR.match(text) else "not_a_day")
    try:
        return date(int(found["y"]), int(found["m"]), int(found["d"])), found["rest"]
    except ValueError as wrong:
        raise fail("no_such_day") from wrong


def _clock(text: str) -> time | None:
    found = _TIME.match(text.rstrip()) or _COMPACT_TIME.match(text.strip())
    if not found:
        return None
    parts = found.groupdict()
    hour = int(parts["h"])
    half = (parts.get("half") or parts.get("late") or "").upper()
    if half in {"下午", "晚上", "PM", "中午"} and hour < 12 and not (half == "中午" and hour == 11):
        hour += 12
    if half in {"AM", "上午", "凌晨"} and hour == 12:
        hour = 0
    fraction = int((parts.get("f") or "0").ljust(6, "0")[:6])
    try:
        return time(
            hour, int(parts["mi"] or 0), int(parts["s"] or 0), fraction, _zone(parts.get("zone"))
        )
    except ValueError:
        return None


def _zone(text: str | None) -> timezone | None:
    if not text:
        return None
    if text.upper() == "Z":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-offset if text[0] == "-" else offset)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="auto").replace("+00:00", "Z")


Day = Annotated[date, BeforeValidator(parse_day), Field(json_schema_extra={"format": "date"})]
"""A calendar day, ISO 8601 in JSON."""
Instant = Annotated[
    datetime,
    BeforeValidator(parse_instant),
    PlainSerializer(_iso, return_type=str, when_used="json"),
]
"""A moment, aware; UTC in JSON, Asia/Shanghai on paper."""


# Four numbers up to 255 without leading zeros, which some programs read as octal (RFC 6943 3.1.1).
_PLAIN_IP = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.|\Z)){4}(?<!\.)")


def _ip(value: Any) -> str:
    if type(value) is str and _PLAIN_IP.fullmatch(value):
        return value
    try:
        return str(ipaddress.ip_address(unicodedata.normalize("NFKC", str(value)).strip()))
    except ValueError as wrong:
        raise fail("not_an_ip") from wrong


Ip = Annotated[str, BeforeValidator(_ip)]
"""An IPv4 or IPv6 address in its canonical form."""


def _digits_text(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise fail("digits_lost")
    return value


DigitsText = Annotated[Name, BeforeValidator(_digits_text)]
"""Phone and serial numbers: text, because a number loses leading zeros and digits."""
Email = Annotated[Name, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s.]+$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
DocNo = Annotated[str, StringConstraints(pattern=DOC_NO_PATTERN)]
"""Type, customer, date, serial of that day, revision: `QX-HDYD-20260306-001-R1`."""


def base_number(doc_no: str) -> str:
    """Give a document's number without its revision."""
    return doc_no.partition("-R")[0]


def revision_of(doc_no: str) -> int:
    """Give a document's revision, 0 for the first."""
    return int(doc_no.partition("-R")[2] or 0)
