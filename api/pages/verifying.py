"""What the verification page shows, as texts in the reader's language."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fastapi.responses import HTMLResponse

from api import pages
from docgen.document import words
from docgen.signing.verification import FileCheck, Standing
from docgen.signing.verify import Signature
from docgen.uploads import MOST_BYTES
from schemas.visible import visible

TONES = {
    "on_record": "good",
    "stamped_later": "good",
    "earlier": "warn",
    "signoffs_differ": "bad",
    "not_on_record": "warn",
    "altered": "bad",
    "signer_unknown": "bad",
    "unsigned": "bad",
    "unreadable": "bad",
}


def verification_page(
    lang: str,
    *,
    status: int = 200,
    code: str = "",
    one: Standing | None = None,
    checked: FileCheck | None = None,
    lines: Sequence[str] = (),
) -> HTMLResponse:
    """Return the page: a form for a code, or what is known of one, and of a file."""
    return pages.page(
        "verify.html",
        lang,
        status,
        code=code,
        one=_standing(one, lang) if one else None,
        checked=_checked(checked, lang) if checked else None,
        told=lines,
        most=MOST_BYTES["attachment"],
    )


def _standing(one: Standing, lang: str) -> dict[str, Any]:
    return {
        "doc_no": one.doc_no,
        "title": one.title[lang],
        "state": one.state.label(lang),
        "tone": one.state.tone,
        "doc_date": one.doc_date.isoformat(),
        "signers": one.signers,
        "sha256": one.sha256,
    }


def _checked(checked: FileCheck, lang: str) -> dict[str, Any]:
    said = pages.texts(lang)
    verdict = checked.verdict
    shows_seals = checked.outcome != "on_record" or verdict.signatures
    found = checked.differences or (verdict.findings if checked.outcome == "altered" else ())
    return {
        "tone": TONES[checked.outcome],
        "heading": said[f"verify_{checked.outcome}"],
        "text": said[f"verify_{checked.outcome}_text"],
        "findings": [one.message(lang) for one in found],
        "sha256": verdict.sha256,
        "seals": [_seal(one, lang) for one in verdict.signatures] if shows_seals else [],
    }


def _seal(one: Signature, lang: str) -> dict[str, Any]:
    return {
        "role": words(lang).get(f"signoff_{one.field}", visible(one.field)),
        "name": visible(one.name),
        "signer": visible(one.signer),
        "at": _moment(one.signed_at),
        "stamp": f"{_moment(one.stamp.at)} {visible(one.stamp.by)}" if one.stamp else "",
        "intact": one.intact,
        "trusted": one.trusted,
        "trial": one.trial,
        "covers_file": one.covers_file,
    }


def _moment(text: str) -> str:
    """Return a moment to the second, with its zone."""
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S (%Z)") if text else "—"
