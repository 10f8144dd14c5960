"""A consultation that became a defect ticket: both name each other, and it counts once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from docgen.rules.partial import Plain, line
from schemas.problems import Problem, error
from schemas.values import base_number

LINKS = {"ZX": "converted_to", "QX": "converted_from"}
BACK = {"ZX": "converted_from", "QX": "converted_to"}
COPIED = ("raised_by", "dept", "phone", "email", "mode", "handler", "asset_no", "description")


@dataclass(frozen=True)
class Other:
    """The ticket at the other end: its number, and the ticket that it names in turn."""

    doc_no: str
    names: str


def link_of(code: str, plain: Plain) -> str:
    """Return the number of the ticket at the other end, or nothing."""
    return line(plain, LINKS[code]) if code in LINKS else ""


def converting(code: str, own_no: str, plain: Plain, other: Other | None) -> Iterator[Problem]:
    """Refuse a reference to a ticket that is not there, or that names another one or none."""
    number = link_of(code, plain)
    if not number:
        return
    if other is None:
        yield error(LINKS[code], "no_such_ticket", number)
    elif not other.names:
        yield error(LINKS[code], "conversion_one_sided", number, field=BACK[code], own=own_no)
    elif base_number(other.names) != base_number(own_no):
        yield error(LINKS[code], "converted_otherwise", number, other=other.names)


def defect_of(consultation: Plain) -> dict[str, object]:
    """Return what a defect ticket takes over from the consultation that it comes from."""
    shared = ("contract_no", "confidentiality", *COPIED)
    taken = {name: consultation[name] for name in shared if consultation.get(name) is not None}
    return taken | {"converted_from": base_number(line(consultation, "doc_no"))}
