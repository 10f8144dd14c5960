"""Forms of the signing page, read strictly: small, with the link's own key, from our own page."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from api.http.callers import check_not_foreign, store_of
from docgen.errors import InputUnreadable, UploadRefused
from docgen.links import opening
from docgen.links.opening import LinkVisitor
from docgen.links.signing import Colleague
from docgen.signing.stamps import MOST_BYTES

MOST_STROKES = 1024 * 1024  # bytes of JSON
# As the HTML standard has it for input type=email (4.10.5.1.5), but with a dot in the domain.
EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
# Characters at most; RFC 5321 4.5.3.1.3 leaves 254 to an address.
LENGTHS = {"name": 200, "org": 200, "email": 254, "reason": 500}


@dataclass
class Form:
    """What a form gives: texts without the spaces around them, and files up to their limits."""

    texts: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return a text; empty where there is none."""
        return self.texts.get(name, "")


async def read_form(request: Request, visitor: LinkVisitor) -> Form:
    """Read a form of a link's own page. Raises NotFound, Conflict, NotAllowed (not its own)."""
    check_not_foreign(request)
    store = store_of(request)

    def form_key() -> str:
        with store.reading() as session:
            link = opening.usable_link(session, visitor.token, store.clock())
        return opening.form_key(store.key, link)

    key, made = await run_in_threadpool(form_key), Form()
    async with request.form(max_files=2, max_fields=20) as form:
        for name, given in form.multi_items():
            if isinstance(given, UploadFile):
                made.files[name] = await given.read(MOST_BYTES + 1)
            else:
                made.texts[name] = given.strip()
    opening.check_form(key, made.text("form_key"))
    return made


def colleague(form: Form) -> Colleague:
    """Read to whom a link is handed on. InputUnreadable: link_colleague_wrong."""
    given = {name: form.text(name) for name in LENGTHS}
    wrong = [name for name, most in LENGTHS.items() if len(given[name]) > most]
    wrong += [name for name in ("name", "reason") if not given[name]]
    if given["email"] and not EMAIL.fullmatch(given["email"]):
        wrong.append("email")
    if wrong:
        raise InputUnreadable("link_colleague_wrong", place=wrong[0])
    return Colleague(given["name"], given["reason"], given["org"] or None, given["email"] or None)


def strokes(form: Form) -> bytes:
    """Return the strokes of a drawing: JSON, not too long. UploadRefused: link_strokes_wrong."""
    data = form.files.get("strokes", b"")
    try:
        if len(data) <= MOST_STROKES and isinstance(json.loads(data), dict):
            return data
    except (ValueError, RecursionError):
        pass
    raise UploadRefused("link_strokes_wrong")
