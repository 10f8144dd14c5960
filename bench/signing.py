"""What signing costs: against the rendering of the document, and over one visit's documents."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import insert
from sqlalchemy.orm import Session

from bench.measure import exponent
from bench.report import GREATEST_EXPONENT, Verdict
from bench.workers import own_fonts
from docgen.access import SERVICE, Actor
from docgen.accounts import users
from docgen.contracts import contracts
from docgen.links import links, opening
from docgen.links import signing as link_signing
from docgen.links.links import LinkRecipient, LinkTerms
from docgen.links.opening import LinkVisitor
from docgen.links.signing import Hand, SigningStatement
from docgen.paths import samples_dir, templates_dir
from docgen.pipeline import RenderRequest, render
from docgen.settings import Settings
from docgen.signing.blocks import blocks
from docgen.signing.fields import add_fields
from docgen.signing.keys import FileSealer, make_trial
from docgen.signing.seal import seal
from docgen.signing.trust import Trust
from docgen.signing.verify import verify_pdf
from docgen.store import tables
from docgen.store.unit_of_work import Store
from docgen.workflow.review import SignoffWish
from schemas.envelope import Opinion
from schemas.vocabulary import Role

MOST_SHARE = 0.25
CHECKS = 6  # of a check list; the inspection has about ten pages then
ROUNDS = 3
SIGNERS = ("engineer", "leader", "cust_owner")
Told = Callable[[str], None]


@dataclass(frozen=True)
class Load:
    """How many documents are signed in ever longer visits."""

    counts: tuple[int, ...]


USUAL, QUICK = Load((25, 50, 100, 200)), Load((5, 10, 20))


def signing(chosen: Load, tell: Told, console: Console) -> list[Verdict]:
    """Measure processor time; print a table, return the verdicts."""
    own_fonts()
    with tempfile.TemporaryDirectory(prefix="docgen-bench-") as folder:
        tell("an inspection rendered, then signed")
        rendering, sealing, pages = _shares(Path(folder))
        seconds = []
        for count in chosen.counts:
            tell(f"a visit of {count} documents")
            seconds.append(_visit(Path(folder) / str(count), count))
    table = Table(title="one person signs so many documents in one visit")
    table.add_column("documents", justify="right")
    table.add_column("processor ms a document", justify="right")
    for count, taken in zip(chosen.counts, seconds, strict=True):
        table.add_row(f"{count:,}", f"{taken / count * 1000:.0f}")
    console.print(table)
    share, slope = sealing / rendering, exponent(chosen.counts, seconds)
    told = f"{sealing * 1000:.0f} of {rendering * 1000:.0f} ms, {pages} pages"
    return [
        Verdict(
            f"fields, seal, validation against rendering ({told}): {share:.2f} ≤ {MOST_SHARE}",
            share <= MOST_SHARE,
        ),
        Verdict(f"visit: time {slope:.2f} ≤ {GREATEST_EXPONENT}", slope <= GREATEST_EXPONENT),
    ]


def _shares(folder: Path) -> tuple[float, float, int]:
    """Return seconds of rendering, seconds of the first signature, and the page count."""
    made = make_trial(folder, now=datetime.now(UTC))
    order = _order("XJ", lambda plain: plain | {"check_items": plain["check_items"][:CHECKS]})
    render(order, "pdf")
    add_fields(data := render(order, "pdf").data, ["engineer"])
    pages = max(box.page for box in blocks(data).values())
    rendering = median(_timed(lambda: render(order, "pdf")) for _ in range(ROUNDS))
    sealing = median(_timed(lambda: _signed(data, made)) for _ in range(ROUNDS))
    return rendering, sealing, pages


def _signed(data: bytes, sealer: FileSealer) -> None:
    fields = add_fields(data, SIGNERS)
    done = seal(
        fields, "engineer", sealer, image=None, name="张伟", reason="bench", now=datetime.now(UTC)
    )
    assert verify_pdf(done, Trust.of(sealer.certificate), expected=["engineer"]).good


def _timed(work: Callable[[], object]) -> float:
    began = process_time()
    work()
    return process_time() - began


def _order(code: str, change: Callable[[Any], Any] = lambda plain: plain) -> RenderRequest:
    plain = change(json.loads((samples_dir() / code / "basic.json").read_bytes()))
    return RenderRequest(
        json.dumps(plain).encode(),
        datetime.now(UTC),
        code=code,
        templates=(templates_dir(),),
        theme=templates_dir() / "theme",
    )


def _visit(folder: Path, count: int) -> float:
    """Return the processor seconds in which a person signs so many authorisations."""
    with closing(Store.open(Settings(data=folder))) as store:
        where, maker = _submitted(store, count)
        person = LinkRecipient(Role.cust_owner, "刘洋")
        with store.change(maker) as unit:
            made = links.make(unit, where, person, LinkTerms(), key=store.key)
        comer = LinkVisitor(made.token)
        said = SigningStatement(SignoffWish(Opinion.agree), "bench", Hand(typed="刘洋"))
        for position in range(1, count + 1):
            opening.open_document(store, comer, position)

        def sign_all() -> None:
            for position in range(1, count + 1):
                link_signing.sign(store, comer, position, said)

        return _timed(sign_all)


def _submitted(store: Store, count: int) -> tuple[list[tuple[str, int]], Actor]:
    """Make so many submitted authorisations, by rows; they share one PDF."""
    order = replace(_order("SQ", _awaited), contract=_contract())
    pdf = render(order, "pdf").data
    sha256 = store.blobs.put(pdf)
    with store.change(SERVICE) as unit:
        user = users.add(unit, users.NewUser("bench", "王强", "pm"))
        maker = Actor(user.id, user.name, user.role)
    with store.change(maker) as unit:
        contract_id = contracts.create(unit, _contract()).id
        unit.keep_blob(sha256, len(pdf))
        ids = [f"{number:032x}" for number in range(count)]
        for number, record_id in enumerate(ids):
            doc_no = f"SQ-HDYD-20260306-{number + 1:03}"
            rows = _Rows(record_id, doc_no, contract_id, maker.user_id or "", unit.now)
            rows.insert(unit.session, order.data, (sha256, len(pdf)))
    return [(record_id, 1) for record_id in ids], maker


@dataclass(frozen=True)
class _Rows:
    """One submitted record's rows."""

    record_id: str
    doc_no: str
    contract_id: str
    user_id: str
    now: datetime

    def insert(self, session: Session, data: bytes, file: tuple[str, int]) -> None:
        """Put them into the tables."""
        body = json.dumps(json.loads(data) | {"doc_no": self.doc_no}, ensure_ascii=False)
        record_hash = hashlib.sha256(body.encode()).hexdigest()
        same = {"doc_no": self.doc_no, "state": "submitted", "created_at": self.now}
        record = {
            "id": self.record_id,
            "contract_id": self.contract_id,
            "code": "SQ",
            "base_no": self.doc_no,
            "doc_date": date(2026, 3, 6),
            "created_by": self.user_id,
            "updated_at": self.now,
        }
        version = {"record_id": self.record_id, "number": 1}
        content = {"body": body, "record_hash": record_hash, "submitted_at": self.now}
        kind = {"stage": "submitted", "format": "pdf", "lang": "zh", "created_at": self.now}
        kept = {"sha256": file[0], "size_bytes": file[1], "skip_key": file[0]}
        session.execute(insert(tables.RecordRow).values(**same, **record))
        session.execute(insert(tables.VersionRow).values(**same, **version, **content))
        session.execute(insert(tables.DocumentRow).values(**version, **kind, **kept))


def _contract() -> bytes:
    return (samples_dir() / "contract/HT-2026-017.json").read_bytes()


def _awaited(plain: Any) -> Any:
    signers = [{"role": one["role"], "name": one.get("name")} for one in plain["signoffs"]]
    return plain | {"status": "submitted", "signoffs": signers}
