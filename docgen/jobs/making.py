"""What a child does for `render_records`: knows no store, which every new child would load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from docgen.errors import DocgenError
from docgen.pipeline import Order, render


@dataclass(frozen=True)
class Documents:
    """What a child makes of a record: the bytes of its files by format."""

    doc_no: str
    files: dict[str, bytes] = field(repr=False)


Answer = Documents | DocgenError


def documents(orders: Sequence[Order], formats: Sequence[str]) -> list[Answer]:
    """Make the documents of records; what is wrong with one is its answer."""
    return [_made(order, formats) for order in orders]


def _made(order: Order, formats: Sequence[str]) -> Answer:
    try:
        outcomes = {name: render(order, name) for name in formats}
    except DocgenError as refused:
        return refused
    doc_no = next(outcome.doc_no for outcome in outcomes.values())
    return Documents(doc_no, {name: outcome.data for name, outcome in outcomes.items()})
