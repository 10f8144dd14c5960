"""Signing a version: checked, sealed outside any transaction, then checked again and stored.

Two people who sign at the same moment both sign: the later seal is set again in the newer bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TypeVar

from docgen.access import Actor
from docgen.errors import Conflict
from docgen.signing import signed_pdf
from docgen.signing.seal_reason import SealReason
from docgen.signing.signed_pdf import Sealed, SealMark
from docgen.store.tables import AttachmentRow
from docgen.store.unit_of_work import Store, UnitOfWork
from docgen.workflow import review
from docgen.workflow.review import PendingSignoff
from schemas.envelope import Opinion

T = TypeVar("T")
TRIES = 5  # each lost to somebody who signed meanwhile
Ask = Callable[[UnitOfWork, bool], PendingSignoff]


def sign(
    store: Store,
    actor: Actor,
    ask: Ask,
    change: Callable[[Callable[[UnitOfWork], PendingSignoff]], T],
    *,
    image: bytes | None = None,
    proof: str = "",
) -> T:
    """Build a sign-off with `ask` (its flag: lock the version), seal it, store it with `change`.

    `change` makes the change in one transaction with what it is given. `image` is a drawn
    signature, `proof` the sha256 of a scan that comes with the change. Raises what `ask` and
    the seal raise; then nothing is changed.
    """
    for tried in range(1, TRIES + 1):
        sealed = _sealed(store, actor, ask, (image, proof))
        try:
            return change(partial(_kept, ask, sealed))
        except Conflict as conflict:
            if conflict.code != signed_pdf.OVERTAKEN or tried == TRIES:
                raise
    raise AssertionError


def _kept(ask: Ask, sealed: Sealed | None, unit: UnitOfWork) -> PendingSignoff:
    return review.keep(unit, ask(unit, True), sealed)


def author_mark(actor: Actor, record_hash: str, now: datetime) -> SealMark:
    """Return what the seal of a record's author says, who agrees by submitting."""
    signed = review.author_word(actor, now)
    return SealMark(SealReason.of_signoff(signed, record_hash))


def _sealed(store: Store, actor: Actor, ask: Ask, shown: tuple[bytes | None, str]) -> Sealed | None:
    with store.looking(actor) as unit, unit.session.no_autoflush:
        given = ask(unit, False)
        base = signed_pdf.base_of(unit.session, given.version)
        mark = _mark(unit, given, *shown)
        agrees = given.signed.opinion != Opinion.disagree
    return signed_pdf.sealed(store, base, mark) if base and agrees else None


def _mark(unit: UnitOfWork, given: PendingSignoff, image: bytes | None, proof: str) -> SealMark:
    one = given.signed
    assert given.version.record_hash
    scan = unit.session.get_one(AttachmentRow, one.scan_id).sha256 if one.scan_id else proof
    reason = SealReason.of_signoff(one, given.version.record_hash, scan)
    return SealMark(reason, image, Opinion[one.opinion].zh)
