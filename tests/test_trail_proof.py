"""What is recorded stays recorded: whatever is done to rows, entries and anchors is found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, text, update

from docgen.audit import rows, trail
from docgen.contracts import contracts
from docgen.errors import Conflict, StoreFault
from docgen.store.audit_chain import ChainEntry, Head, text_hash
from docgen.store.tables import (
    AuditEntryRow,
    DocumentRow,
    RecordAssetRow,
    RecordRow,
    SignoffRow,
    VersionRow,
)
from docgen.store.unit_of_work import Store, head_of
from docgen.workflow import review
from docgen.workflow.review import StatedOpinion
from schemas.envelope import Opinion
from tests.commands import as_json, docgen
from tests.links import link, submitted
from tests.originals import Original
from tests.packages import archived, downloaded
from tests.service import Team
from tests.settings import NOW, settings_of
from tests.stores import Filled, environment, fill, store_at, token

NAMES = list(ChainEntry.__dataclass_fields__)
Tamper = Callable[[Connection], None]


# ---------------------------------------------------------------- a store with a history


def _history(store: Store) -> Any:
    """A draft with a file, a submitted record, one that the leader has signed, and a token."""
    people, contract_id = fill(store)
    filled = Filled(store, people, contract_id)
    filled.attach(filled.record(), b"log of the instance\n")
    filled.submitted()
    with store.change(people["wangqiang"]) as unit:
        contracts.add_member(unit, contract_id, "chenjianguo")
    signed = filled.submitted(summary="有意见")
    wish = StatedOpinion(Opinion.agree_with_changes, "请改正结论")
    with store.change(people["chenjianguo"]) as unit:
        review.record_signoff(unit, review.own_signoff(unit, (signed, 1), wish, lock=True), None)
    token(store, "chenjianguo")
    return people, contract_id


HISTORY = Original(_history)


@contextmanager
def history(folder: Path, url: str = "") -> Iterator[Filled]:
    people, contract_id = HISTORY.copy(folder, url)
    with store_at(folder, url) as store:
        yield Filled(store, people, contract_id)


def found(store: Store, **known: Head) -> set[str]:
    return {one.code for one in trail.verified(store, known=known).breaks}


def sql(statement: str) -> Tamper:
    def tamper(connection: Connection) -> None:
        if connection.dialect.name == "sqlite":  # whoever has the file needs no foreign keys
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        assert connection.execute(text(statement)).rowcount > 0

    return tamper


def tampered(store: Store, *tampers: Tamper) -> None:
    with store.database.begun() as connection:
        for tamper in tampers:
            tamper(connection)


# ---------------------------------------------------------------- rows without their entries

ROWS: dict[str, tuple[str, str]] = {
    "opinion": ("UPDATE signoffs SET opinion = 'agree' WHERE role = 'leader'", "row_altered"),
    "name": ("UPDATE signoffs SET name = '别人' WHERE role = 'leader'", "row_altered"),
    "time": (
        "UPDATE signoffs SET recorded_at = '2026-03-09 00:00:00.000000' WHERE role = 'leader'",
        "row_altered",
    ),
    "day": ("UPDATE signoffs SET signed_on = '2026-03-09'", "row_altered"),
    "comment": ("UPDATE signoffs SET comment = NULL WHERE role = 'leader'", "row_altered"),
    "another role": (
        "UPDATE signoffs SET role = 'cust_owner' WHERE role = 'leader'",
        "row_altered",
    ),
    "sign-off deleted": ("DELETE FROM signoffs WHERE role = 'leader'", "row_gone"),
    "sign-off added": (
        (
            "INSERT INTO signoffs SELECT 'x', record_id, number, 'cust_owner', '刘洋', org,"
            " user_id, 'agree', NULL, NULL, method, signed_on, recorded_by, recorded_at, NULL"
            " FROM signoffs WHERE role = 'leader'"
        ),
        "row_not_named",
    ),
    "state": ("UPDATE versions SET state = 'approved' WHERE state = 'submitted'", "row_altered"),
    "state of the record": (
        "UPDATE records SET state = 'draft' WHERE state = 'submitted'",
        "row_altered",
    ),
    "submitted content": (
        "UPDATE versions SET body = replace(body, '巡检', '抽检') WHERE state = 'submitted'",
        "row_altered",
    ),
    "draft's content": (
        "UPDATE versions SET body = replace(body, '巡检', '抽检') WHERE state = 'draft'",
        "row_altered",
    ),
    "its hash": ("UPDATE versions SET record_hash = archived_hash", "row_gone"),
    "its templates": (
        "UPDATE versions SET templates = (SELECT min(sha256) FROM blobs)",
        "row_altered",
    ),
    "archived content": ("UPDATE versions SET archived_body = body", "row_not_named"),
    "another number": ("UPDATE versions SET doc_no = 'x' WHERE state = 'submitted'", "row_gone"),
    "a file's bytes": (
        "UPDATE documents SET sha256 = (SELECT max(sha256) FROM blobs) WHERE format = 'docx'",
        "row_altered",
    ),
    "a file deleted": ("DELETE FROM documents WHERE format = 'pdf'", "row_gone"),
    "a file in another language": (
        "UPDATE documents SET lang = 'en' WHERE format = 'pdf'",
        "row_not_named",
    ),
    "an attachment's bytes": (
        "UPDATE attachments SET sha256 = (SELECT max(sha256) FROM blobs)",
        "row_altered",
    ),
    "an attachment deleted": ("DELETE FROM attachments", "row_gone"),
    "contract": ("UPDATE contracts SET body = replace(body, '0', '1')", "row_altered"),
    "role": ("UPDATE users SET role = 'leader' WHERE username = 'zhangwei'", "row_altered"),
    "password": ("UPDATE users SET password_hash = 'x' WHERE username = 'root'", "row_altered"),
    "account added": (
        (
            "INSERT INTO users (id, username, name, role, etag, created_at)"
            " SELECT 'x', 'x', 'x', 'leader', 1, created_at FROM users WHERE username = 'root'"
        ),
        "row_not_named",
    ),
    "token added": (
        (
            "INSERT INTO api_tokens SELECT 'x', user_id, name, 'x', scopes, created_at, expires_at,"
            " NULL FROM api_tokens"
        ),
        "row_not_named",
    ),
    "token replaced": ("UPDATE api_tokens SET token_hash = 'x'", "row_altered"),
    "token deleted": ("DELETE FROM api_tokens", "row_gone"),
    "token that lasts": ("UPDATE api_tokens SET expires_at = '2999-01-01'", "row_altered"),
    "type of a record": ("UPDATE records SET code = 'ZX' WHERE state = 'draft'", "row_altered"),
    "base number": ("UPDATE records SET base_no = 'x' WHERE state = 'draft'", "row_altered"),
    "author": (
        "UPDATE records SET created_by = (SELECT id FROM users WHERE username = 'root')",
        "row_altered",
    ),
    "who submitted": (
        (
            "UPDATE versions SET submitted_by = (SELECT id FROM users WHERE username = 'root')"
            " WHERE state = 'submitted'"
        ),
        "row_altered",
    ),
    "when": (
        (
            "UPDATE versions SET submitted_at = '2026-03-09 00:00:00.000000'"
            " WHERE state = 'submitted'"
        ),
        "row_altered",
    ),
    "an attachment's name": ("UPDATE attachments SET name = 'x'", "row_altered"),
    "an attachment as a scan": (
        "UPDATE attachments SET purpose = 'scan', matched = 'sign_page'",
        "row_altered",
    ),
    "name of an account": ("UPDATE users SET name = 'x' WHERE username = 'root'", "row_altered"),
    "address that a provider vouches for": (
        "UPDATE users SET email = 'a@b.example' WHERE username = 'root'",
        "row_altered",
    ),
    "member added": (
        (
            "INSERT INTO members SELECT id, (SELECT id FROM users WHERE username = 'root'),"
            " created_at FROM contracts"
        ),
        "row_not_named",
    ),
    "member removed": (
        "DELETE FROM members WHERE user_id = (SELECT id FROM users WHERE username = 'zhangwei')",
        "row_gone",
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_that_was_changed_is_found(tmp_path: Path, name: str) -> None:
    statement, code = ROWS[name]
    with history(tmp_path) as filled:
        tampered(filled.store, sql(statement))
        assert code in found(filled.store)
        assert all(one.message("zh") for one in trail.verified(filled.store).breaks)


@pytest.mark.parametrize("name", ["opinion", "submitted content", "sign-off deleted"])
def test_it_is_found_in_postgresql(tmp_path: Path, database: str, name: str) -> None:
    statement, code = ROWS[name]
    with history(tmp_path, database) as filled:
        assert found(filled.store) == set()
        tampered(filled.store, sql(statement))
        assert code in found(filled.store)


def test_nothing_is_found_where_nothing_was_changed(tmp_path: Path) -> None:
    with history(tmp_path) as filled:
        verdict = trail.verified(filled.store)
        assert (verdict.broken, verdict.breaks) == (0, [])
        lines = filled.store.anchor.path.read_text("ascii").splitlines()
        assert verdict.anchors == len(lines)
        filled.store.clock = lambda: NOW - timedelta(days=400)  # a clock that was set back
        filled.submitted()
        filled.store.clock = lambda: NOW + timedelta(days=4000)
        filled.submitted()
        assert found(filled.store) == set()


def test_a_record_moved_to_another_contract_is_found(tmp_path: Path) -> None:
    with history(tmp_path) as filled:
        copy = (
            "INSERT INTO contracts SELECT 'other', 'other', customer_code, customer_name, body,"
            " etag, created_by, created_at, updated_at FROM contracts"
        )
        tampered(filled.store, sql(copy), sql("UPDATE records SET contract_id = 'other'"))
        assert found(filled.store) == {"row_not_named", "row_altered"}


def test_a_link_of_ones_own_is_found(office: Team) -> None:
    """A customer's signing link: its token, and whose it is."""
    office.contract()
    link(office, submitted(office))
    assert found(office.store) == set()
    for statement, codes in (
        ("UPDATE links SET name = 'x'", {"row_altered"}),
        ("INSERT INTO link_tokens SELECT 'x', id, created_at FROM links", {"row_not_named"}),
        ("UPDATE link_tokens SET token_hash = 'y'", {"row_not_named", "row_gone"}),
    ):
        with office.store.database.begun() as connection:
            sql(statement)(connection)
            assert {one.code for one in rows.compare(connection)} == codes
            connection.rollback()


def test_a_record_is_missed_with_all_its_rows(tmp_path: Path) -> None:
    with history(tmp_path) as filled, filled.store.database.writing() as session:
        [record] = session.scalars(select(RecordRow).where(RecordRow.state == "in_review"))
        for table in (DocumentRow, SignoffRow, RecordAssetRow, VersionRow):
            session.execute(delete(table).where(table.record_id == record.id))
        session.delete(record)
    with store_at(tmp_path) as store:
        [gone] = trail.verified(store).breaks
    assert gone.code == "row_gone"


def test_a_download_hides_nothing(tmp_path: Path) -> None:
    """Entries that only tell of reading, or of a file made on demand, name nothing anew."""
    with history(tmp_path) as filled:
        tampered(filled.store, sql(ROWS["a file's bytes"][0]))
        with filled.store.database.begun() as connection:
            rows = connection.execute(text("SELECT record_id, sha256 FROM documents")).all()
            doc_no = connection.scalar(text("SELECT doc_no FROM records WHERE state = 'submitted'"))
        with filled.store.change(filled.author) as unit:
            for record_id, sha256 in rows:
                for action in ("document.read", "document.rendered"):
                    named = {"submitted/docx/zh": sha256}
                    unit.note(action, ("record", record_id), doc_no=doc_no, documents=named)
        assert "row_altered" in found(filled.store)


# ---------------------------------------------------------------- rows and entries together


def last(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT max(seq) FROM audit")) or 0)


def rebuilt(connection: Connection) -> None:
    """Number entries anew and make all hashes right again, as somebody would who knows how."""
    rows = connection.execute(text("SELECT * FROM audit ORDER BY seq")).mappings().all()
    connection.execute(text("DELETE FROM audit"))
    previous = "0" * 64
    for seq, row in enumerate(rows, 1):
        plain = {name: row[name] for name in NAMES} | {"seq": seq, "previous_hash": previous}
        previous = ChainEntry(**plain).entry_hash
        connection.execute(insert(AuditEntryRow), plain | {"entry_hash": previous})


def renamed_opinion(connection: Connection) -> None:
    """Make an agreement with changes a plain one, in the row, the entry and the chain."""
    sql("UPDATE signoffs SET opinion = 'agree', comment = NULL WHERE role = 'leader'")(connection)
    query = text("SELECT seq, detail FROM audit WHERE action = 'record.signed'")
    [(seq, detail)] = connection.execute(query).all()
    plain = json.loads(detail)
    plain["signed"][0] |= {"opinion": "agree", "comment": None}
    told = json.dumps(plain, ensure_ascii=False, sort_keys=True)
    change = text("UPDATE audit SET detail = :told WHERE seq = :seq")
    connection.execute(change, {"told": told, "seq": seq})
    rebuilt(connection)


def changed_body(connection: Connection) -> None:
    query = text("SELECT record_id, body FROM versions WHERE state = 'draft'")
    [(record_id, body)] = connection.execute(query).all()
    values = {"id": record_id, "new": body.replace("巡检", "抽检")}
    connection.execute(text("UPDATE versions SET body = :new WHERE record_id = :id"), values)
    values = {"old": text_hash(body), "new": text_hash(values["new"])}
    connection.execute(text("UPDATE audit SET detail = replace(detail, :old, :new)"), values)
    rebuilt(connection)


def forgot_the_leader(connection: Connection) -> None:
    sql("DELETE FROM signoffs WHERE role = 'leader'")(connection)
    sql("DELETE FROM audit WHERE action = 'record.signed'")(connection)
    sql("UPDATE versions SET state = 'submitted' WHERE state = 'in_review'")(connection)
    sql("UPDATE records SET state = 'submitted' WHERE state = 'in_review'")(connection)
    rebuilt(connection)


def cut_tail(connection: Connection) -> None:
    """Take the last change back, with its row."""
    sql("DELETE FROM api_tokens")(connection)
    sql("DELETE FROM audit WHERE action = 'token.created'")(connection)


def doubled_entry(connection: Connection) -> None:
    query = text("SELECT * FROM audit WHERE action = 'record.signed'")
    row = connection.execute(query).mappings().one()
    values = dict(row) | {"seq": last(connection) + 1}
    connection.execute(insert(AuditEntryRow), values)
    rebuilt(connection)


TOGETHER: dict[str, tuple[Tamper, set[str]]] = {
    "a sign-off": (renamed_opinion, {"anchor_differs"}),
    "a content": (changed_body, {"anchor_differs"}),
    "a sign-off with its entry": (forgot_the_leader, {"anchor_differs", "tail_cut"}),
    "the tail": (cut_tail, {"tail_cut"}),
    "an entry doubled": (doubled_entry, {"tail_not_anchored"}),
}


@pytest.mark.parametrize("name", TOGETHER)
def test_rows_and_entries_changed_together_are_found(tmp_path: Path, name: str) -> None:
    tamper, codes = TOGETHER[name]
    with history(tmp_path) as filled:
        tampered(filled.store, tamper)
        assert found(filled.store) == codes


@pytest.mark.parametrize("name", [one for one in TOGETHER if one != "an entry doubled"])
def test_without_its_anchors_no_trail_is_intact(tmp_path: Path, name: str) -> None:
    tamper, _ = TOGETHER[name]
    with history(tmp_path) as filled:
        noted = trail.verified(filled.store).head
        tampered(filled.store, tamper)
        filled.store.anchor.path.unlink()
        assert found(filled.store) == {"not_anchored"}
        assert found(filled.store, paper=noted) == {"not_anchored", "head_differs"}
        with filled.store.reading() as session:  # anchors that somebody made anew
            filled.store.anchor.keep(*head_of(session))
        assert found(filled.store) == set()
        assert found(filled.store, paper=noted) == {"head_differs"}


def test_anchors_that_end_early_are_found(tmp_path: Path) -> None:
    with history(tmp_path) as filled:
        lines = filled.store.anchor.path.read_text("ascii").splitlines(keepends=True)
        filled.store.anchor.path.write_text("".join(lines[:-2]), "ascii")
        assert found(filled.store) == {"tail_not_anchored"}


def test_a_detail_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    details = ("no json", "[]", '{"documents": 3}', '{"signed": [{}]}', '{"body": {}, "doc_no": 1}')
    with history(tmp_path) as filled:
        for detail in details:
            with filled.store.database.writing() as session:
                later = update(AuditEntryRow).where(AuditEntryRow.seq > 6)
                session.execute(later.values(detail=detail))
            assert {"entry_changed", "row_not_named"} <= found(filled.store)
            assert "entry_unreadable" in found(filled.store) or "doc_no" in detail


# ---------------------------------------------------------------- going on


def refusals(filled: Filled) -> list[str]:
    """What the start of the service and a change say."""
    told = []
    for attempt in (lambda: trail.begin(filled.store), filled.record):
        with pytest.raises(StoreFault) as refused:
            attempt()
        assert refused.value.hint("zh")
        told.append(refused.value.code)
    return told


def test_nobody_goes_on_from_a_trail_that_lacks_something(tmp_path: Path, store_url: str) -> None:
    with history(tmp_path, store_url) as filled:
        anchored = filled.store.anchor.path.read_bytes()
        tampered(filled.store, cut_tail)
        assert refusals(filled) == ["trail_behind"] * 2
        assert filled.store.anchor.path.read_bytes() == anchored
        filled.store.anchor.path.unlink()
        assert refusals(filled) == ["trail_not_anchored"] * 2
        assert not filled.store.anchor.path.exists()


def test_an_operator_goes_on_and_the_trail_says_so(tmp_path: Path) -> None:
    env: Any = environment(tmp_path)
    with history(tmp_path) as filled:
        before = trail.verified(filled.store).head
        anchored = filled.store.anchor.path.read_bytes()
        tampered(filled.store, cut_tail)
        stands = trail.verified(filled.store).head
        for head, code in ((str(before), 1), ("7:x", 2)):
            as_json("audit", "anchor", "--accept-head", head, code=code, **env)
        as_json("audit", "anchor", code=3, **env)
        assert refusals(filled) == ["trail_behind"] * 2
        told = as_json("audit", "anchor", "--accept-head", str(stands), **env)
        assert told["seq"] == stands.seq + 1
        assert (tmp_path / "audit-anchor.1.log").read_bytes() == anchored
        filled.record()
        verdict = trail.verified(filled.store)
    assert verdict.broken == 0
    [accepted] = verdict.accepted
    detail = json.loads(accepted["detail"])
    assert (accepted["seq"], detail["head"]) == (stands.seq + 1, str(stands))
    assert (detail["anchored"], detail["found"]) == (str(before), {"tail_cut": 1})
    shown = docgen("audit", "verify", "--head", str(before), **env)
    assert shown.returncode == 1
    assert "由人接受后继续" in shown.stderr
    assert f"--head {before}" in shown.stderr


def test_only_an_entry_of_the_trail_is_accepted(tmp_path: Path) -> None:
    with history(tmp_path) as filled:
        head = trail.verified(filled.store).head
        with pytest.raises(Conflict) as refused:
            trail.accept(filled.store, head._replace(entry_hash="0" * 64))
        assert refused.value.code == "head_not_in_trail"
        assert found(filled.store) == set()
        trail.accept(filled.store, head._replace(seq=0, entry_hash=Head().entry_hash))
        assert found(filled.store) == set()


def test_a_new_machine_is_accepted_first(tmp_path: Path, database: str) -> None:
    """Another machine has no anchors: it begins with an entry that an operator compared."""
    with history(tmp_path / "one", database) as filled:
        head = trail.verified(filled.store).head
        settings = replace(settings_of(tmp_path / "two", database))
        other = Store.open(settings)
        try:
            with pytest.raises(StoreFault) as refused:
                trail.begin(other)
            assert refused.value.code == "trail_not_anchored"
            filled.record()  # life goes on meanwhile
            trail.accept(other, head)
            trail.begin(other)
            assert trail.verified(other).broken == trail.verified(filled.store).broken == 0
        finally:
            other.close()


# ---------------------------------------------------------------- seals


def test_seals_name_the_trail_and_the_record(office: Team, tmp_path: Path) -> None:
    store = office.store
    office.contract()
    downloaded(office, archived(office))
    verdict = trail.verified(store)
    assert (verdict.broken, verdict.seals, verdict.foreign_seals) == (0, 2, 0)
    assert trail.verified(store, with_seals=False).seals is None

    tampered(store, sql("UPDATE signoffs SET name = '别人' WHERE role = 'cust_owner'"))
    assert found(store) >= {"row_altered", "seal_faulty"}
    tampered(store, sql("UPDATE signoffs SET name = '刘洋' WHERE role = 'cust_owner'"))
    assert found(store) == set()

    tampered(store, rebuilt_by_another_hand)  # entries, anchors and rows agree; the seals do not
    with store.reading() as session:
        head = head_of(session)
    store.anchor.path.write_text(f"{head.seq} {head.entry_hash}\n", "ascii")
    assert found(store) == {"seal_head_differs"}
    with pytest.raises(StoreFault) as refused:
        trail.begin(store)
    assert refused.value.entry == "trail_behind.seal"
    trail.accept(store, head)
    trail.begin(store)
    assert found(store) == {"seal_head_differs"}


def rebuilt_by_another_hand(connection: Connection) -> None:
    sql("UPDATE audit SET address = '10.0.0.1' WHERE seq = 2")(connection)
    rebuilt(connection)


def test_a_file_that_lost_its_seals_is_found(office: Team) -> None:
    office.contract()
    downloaded(office, archived(office))
    path = office.store.folder / "blobs"
    with office.store.database.snapshot() as connection:
        query = text("SELECT sha256 FROM documents WHERE stage = 'signed'")
        sha256 = str(connection.scalar(query))
    (path / sha256[:2] / sha256).unlink()
    assert found(office.store) == {"sealed_file_lost"}
    assert "sealed_file_lost" not in {
        one.code for one in trail.verified(office.store, with_seals=False).breaks
    }
