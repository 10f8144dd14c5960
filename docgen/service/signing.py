"""Signing a version: asked whether it may be, sealed outside any transaction, then asked and kept.

Two people who sign at the same moment both sign: the later seal is set again in the newer bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from docgen.access import Actor
from docgen.errors import Conflict
from docgen.service import review, signed
from docgen.service.review import Given
from docgen.service.signed import Mark, Sealed
from docgen.service.unit import Store, Unit
from docgen.store.tables import Attachment
from schemas.envelope import Opinion, Role, SignMethod

T = TypeVar("T")
TRIES = 5
Ask = Callable[[Unit, bool], Given]


def sign(
    store: Store,
    actor: Actor,
    ask: Ask,
    change: Callable[[Callable[[Unit], Given]], T],
    *,
    image: bytes | None = None,
    proof: str = "",
) -> T:
    """Have `ask` tell what is given (its flag: whether to lock), seal it, and have it kept.

    `change` makes the change in one transaction with what it is given. `image` is a drawn
    signature, `proof` the sha256 of a scan that comes with the change. Raises what `ask` and
    the seal raise; then nothing is changed.
    """
    for tried in range(1, TRIES + 1):
        sealed = _sealed(store, actor, ask, (image, proof))
        try:
            return change(partial(_kept, ask, sealed))
        except Conflict as conflict:
            if conflict.code != signed.OVERTAKEN or tried == TRIES:
                raise
    raise AssertionError


def _kept(ask: Ask, sealed: Sealed | None, unit: Unit) -> Given:
    return review.keep(unit, ask(unit, True), sealed)


def author_mark(actor: Actor, record_hash: str) -> Mark:
    """Return what the seal of a record's author says."""
    return Mark(Role.engineer, actor.name, f"提交 submitted; record sha256 {record_hash}")


def _sealed(store: Store, actor: Actor, ask: Ask, shown: tuple[bytes | None, str]) -> Sealed | None:
    with store.looking(actor) as unit, unit.session.no_autoflush:
        given = ask(unit, False)
        base = signed.base_of(unit.session, given.version)
        mark = _mark(unit, given, *shown)
        agrees = given.signed.opinion != Opinion.disagree
    return signed.sealed(store, base, mark) if base and agrees else None


def _mark(unit: Unit, given: Given, image: bytes | None, proof: str) -> Mark:
    one, opinion = given.signed, Opinion[given.signed.opinion]
    name, words = one.name, [f"{opinion.zh} {opinion.en}"]
    if one.method == SignMethod.handwritten:
        name += "（纸质签字 on paper）"
        scan = unit.session.get_one(Attachment, one.scan_id).sha256 if one.scan_id else proof
        words.append(f"scan sha256 {scan}")
    words.append(f"record sha256 {given.version.record_hash}")
    return Mark(one.role, name, "; ".join(words), image, opinion.zh)
