"""Entity tags: whoever changes something says which state of it was seen (RFC 9110, If-Match)."""

from __future__ import annotations

from docgen.errors import Conflict


def etag_of(counter: int) -> str:
    """Return the entity tag of a change counter."""
    return f'"{counter}"'


def check_etag(given: str, counter: int) -> None:
    """Compare an If-Match value. Conflict: etag_missing, overtaken."""
    if not given:
        raise Conflict("etag_missing", place="If-Match")
    if given.strip() not in (etag_of(counter), "*"):
        raise Conflict("overtaken.etag", place="If-Match", value=given)
