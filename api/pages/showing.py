"""What the signing pages show, as texts; in the language that somebody chose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import Request

from api.pages import texts
from docgen.document import short_code
from docgen.links import opening
from docgen.links.links import LinkedDocument, documents_of
from docgen.links.opening import OpenedLink
from docgen.links.signing import SignatureMark
from docgen.store.tables import LinkRow, SignoffRow
from docgen.store.unit_of_work import Store
from schemas.catalog import record_model
from schemas.problems import SHANGHAI
from schemas.vocabulary import Role


@dataclass(frozen=True)
class Asking:
    """Where a form was filled in: which document, in which language, under which statement."""

    position: int
    lang: str
    statement: str
    mark: SignatureMark


def base_url(request: Request) -> str:
    """Return the address under which people reach this service."""
    public: str = request.app.state.settings.public_url
    return (public or str(request.base_url)).rstrip("/")


def document(store: Store, opened: OpenedLink, one: LinkedDocument, lang: str) -> dict[str, Any]:
    """Return what the page of a document shows."""
    asking = Asking(one.item.position, lang, "document", SignatureMark())
    shown = _line(one, lang) | {"consent": consent(opened.link, one, asking)}
    with store.reading() as session:
        given = session.get(SignoffRow, one.item.signoff_id) if one.item.signoff_id else None
    return _frame(store, opened, lang) | {
        "one": shown,
        "visit": opened.count > 1,
        "done": _done(one, given, lang) if given else None,
    }


def visit(store: Store, opened: OpenedLink, lang: str) -> dict[str, Any]:
    """Return what the list of a visit shows."""
    words, lines = texts(lang), []
    with store.reading() as session:
        documents = documents_of(session, opened.link)
        refusals = {one.item.position: opening.refusal_to_sign(session, one) for one in documents}
    for one in documents:
        state = _state(one, refused=refusals[one.item.position] is not None)
        said = {
            "done": "done",
            "opened": "opened",
            "waiting": "not_opened",
            "closed": "cannot_sign",
        }
        lines.append(_line(one, lang) | {"state": state, "said": words[said[state]]})
    role = Role[opened.link.role].label(lang)
    return _frame(store, opened, lang) | {
        "documents": lines,
        "waiting": any(one["state"] in ("opened", "waiting") for one in lines),
        "consent": words["consent_visit"].format(name=opened.link.name, role=role),
    }


def consent(link: LinkRow, one: LinkedDocument, asking: Asking) -> str:
    """Return the statement that the page shows, word for word."""
    name = "consent_visit" if asking.statement == "visit" else "consent"
    return texts(asking.lang)[name].format(
        name=link.name,
        role=Role[link.role].label(asking.lang),
        doc_no=one.version.doc_no,
        short=_short(one),
    )


def _frame(store: Store, opened: OpenedLink, lang: str) -> dict[str, Any]:
    link = opened.link
    return {
        "link": link,
        "role": Role[link.role].label(lang),
        "customer": opened.contract.customer_name,
        "maker": opened.maker,
        "expires": _moment(link.expires_at, lang),
        "form_key": opening.form_key(store.key, link),
    }


def _line(one: LinkedDocument, lang: str) -> dict[str, Any]:
    kind = record_model(one.record.code).record_type
    return {
        "position": one.item.position,
        "doc_no": one.version.doc_no,
        "title": kind.zh if lang == "zh" else kind.en,
        "short": _short(one),
    }


def _done(one: LinkedDocument, given: SignoffRow, lang: str) -> dict[str, str]:
    at = _moment(one.item.done_at or given.recorded_at, lang)
    return {"opinion": given.opinion, "comment": given.comment or "", "at": at}


def _state(one: LinkedDocument, *, refused: bool) -> str:
    if one.item.done_at:
        return "done"
    if refused:
        return "closed"
    return "opened" if one.item.opened_at else "waiting"


def _short(one: LinkedDocument) -> str:
    return short_code(one.version.record_hash or "")


def _moment(at: datetime, lang: str) -> str:
    local = at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
    return f"{local} {texts(lang)['time_zone']}"
