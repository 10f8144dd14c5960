"""The audit trail: whatever is done to it is found, and those concerned can read it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from docgen.audit import trail
from docgen.errors import StoreFault
from docgen.store.anchor import EVERY, NEWEST, Anchor
from docgen.store.audit_chain import ChainEntry
from docgen.store.unit_of_work import Store
from tests.commands import as_json, docgen
from tests.service import Team
from tests.settings import NOW
from tests.stores import Filled, environment, filled_at

NAMES = list(ChainEntry.__dataclass_fields__)


def found(store: Store) -> set[str]:
    return {one.code for one in trail.verified(store).breaks}


def do(connection: Connection, statement: str, **values: object) -> None:
    connection.execute(text(statement), values)


# ---------------------------------------------------------------- tampering (A9)


def change(connection: Connection) -> None:
    do(connection, "UPDATE audit SET actor_name = '别人' WHERE seq = 3")


def change_with_its_hash(connection: Connection) -> None:
    change(connection)
    rehash(connection, 3, 3)


def remove(connection: Connection) -> None:
    do(connection, "DELETE FROM audit WHERE seq = 3")


def remove_and_close_the_gap(connection: Connection) -> None:
    remove(connection)
    for seq in range(4, last(connection) + 1):
        do(connection, "UPDATE audit SET seq = :to WHERE seq = :seq", seq=seq, to=seq - 1)
    rehash(connection, 3, last(connection))


def reorder(connection: Connection) -> None:
    for seq, to in ((3, 1000), (4, 3), (1000, 4)):
        do(connection, "UPDATE audit SET seq = :to WHERE seq = :seq", seq=seq, to=to)


def cut_the_tail(connection: Connection) -> None:
    do(connection, "DELETE FROM audit WHERE seq = :seq", seq=last(connection))


def empty(connection: Connection) -> None:
    do(connection, "DELETE FROM audit")


def rebuild(connection: Connection) -> None:
    change(connection)
    rehash(connection, 3, last(connection))


def last(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT max(seq) FROM audit")) or 0)


def rehash(connection: Connection, first: int, until: int) -> None:
    """Make the hashes of some entries right again, as somebody would who knows how."""
    for seq in range(first, until + 1):
        where = {"seq": seq, "before": seq - 1}
        previous = connection.scalar(
            text("SELECT entry_hash FROM audit WHERE seq = :before"), where
        )
        row = (
            connection.execute(text("SELECT * FROM audit WHERE seq = :seq"), where).mappings().one()
        )
        plain = {name: row[name] for name in NAMES}
        entry = ChainEntry(**plain | {"seq": seq, "previous_hash": previous})
        do(
            connection,
            "UPDATE audit SET previous_hash = :previous, entry_hash = :own WHERE seq = :seq",
            seq=seq,
            previous=previous,
            own=entry.entry_hash,
        )


TAMPERING: dict[str, tuple[Callable[[Connection], None], set[str]]] = {
    "changed": (change, {"entry_changed"}),
    "changed with its hash": (change_with_its_hash, {"chain_broken"}),
    "removed": (remove, {"entry_missing"}),
    "removed and renumbered": (remove_and_close_the_gap, {"anchor_differs", "tail_cut"}),
    "reordered": (reorder, {"entry_changed", "chain_broken", "anchor_differs"}),
    "tail cut": (cut_the_tail, {"tail_cut"}),
    "emptied": (empty, {"tail_cut"}),
    "rebuilt": (rebuild, {"anchor_differs"}),
}


@pytest.mark.parametrize("name", TAMPERING)
def test_tampering_is_found(tmp_path: Path, store_url: str, name: str) -> None:
    tamper, codes = TAMPERING[name]
    with filled_at(tmp_path, store_url) as filled:
        for _ in range(3):
            filled.record()
        assert found(filled.store) == set()
        with filled.store.database.begun() as connection:
            tamper(connection)
        # what the rows say of it is told as well: tests/test_trail_proof.py
        assert {code for code in found(filled.store) if not code.startswith("row_")} == codes


def test_the_command_says_what_is_broken(tmp_path: Path, store_url: str) -> None:
    surroundings: Any = environment(tmp_path, store_url)
    with filled_at(tmp_path, store_url) as filled:
        filled.record()
        seq = trail.verified(filled.store).seq
        whole = as_json("audit", "verify", **surroundings)
        assert (whole["seq"], whole["broken"], whole["breaks"]) == (seq, 0, [])
        assert whole["entries"] == seq
        with filled.store.database.begun() as connection:
            change(connection)
        broken = as_json("audit", "verify", code=1, **surroundings)
        assert [(one["code"], one["seq"]) for one in broken["breaks"]] == [("entry_changed", 3)]
        told = docgen("audit", "verify", **surroundings)
        assert told.returncode == 1
        assert "第 3 条内容被改动" in told.stderr


def test_no_store_is_no_intact_trail(tmp_path: Path) -> None:
    told = as_json("audit", "verify", code=3, DOCGEN_DATA=tmp_path / "nothing")
    assert told["errors"][0]["code"] == "no_store"
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------- the anchor


def test_a_kill_before_anchoring_is_told_and_made_good(tmp_path: Path, store_url: str) -> None:
    with filled_at(tmp_path, store_url) as filled:
        filled.record()
        lines = filled.store.anchor.path.read_text("ascii").splitlines(keepends=True)
        filled.store.anchor.path.write_text("".join(lines[:-1]) + lines[-1][:20], "ascii")
        # Beside PostgreSQL another machine may have anchored it; that is judged after two hours.
        assert found(filled.store) == (set() if store_url else {"tail_not_anchored"})
        filled.store.clock = lambda: NOW + trail.ELSEWHERE + timedelta(seconds=1)
        assert found(filled.store) == {"tail_not_anchored"}
        trail.anchor_newest(filled.store)
        assert filled.store.anchor.path.read_text("ascii") == "".join(lines)
        trail.anchor_newest(filled.store)
        assert filled.store.anchor.path.read_text("ascii") == "".join(lines)


def test_anchoring_again_hides_nothing(tmp_path: Path, store_url: str) -> None:
    with filled_at(tmp_path, store_url) as filled:
        filled.record()
        with filled.store.database.begun() as connection:
            rebuild(connection)
            filled.store.anchor.keep(
                last(connection), str(connection.scalar(text("SELECT max(entry_hash) FROM audit")))
            )
        with pytest.raises(StoreFault) as refused:
            trail.anchor_newest(filled.store)
        assert refused.value.code == "trail_behind"
        assert found(filled.store) == {"anchor_differs"}


def test_anchors_are_read_thinned(tmp_path: Path) -> None:
    anchor = Anchor(tmp_path)
    count = 3 * EVERY + 500
    anchor.path.write_text("".join(f"{seq} {seq:064}\n" for seq in range(1, count + 1)), "ascii")
    kept = anchor.read()
    assert set(kept) == {EVERY, 2 * EVERY, *range(count - NEWEST + 1, count + 1)}
    assert all(int(entry_hash) == seq for seq, entry_hash in kept.items())


# ---------------------------------------------------------------- reading it


def actions(page: Any) -> list[str]:
    return [item["action"] for item in page["items"]]


def test_members_read_the_trail(team: Team) -> None:
    contract = team.contract()
    record = team.record()
    other = team.record()
    page = team.get("zhangwei", f"/records/{record['id']}/audit").json()
    assert actions(page) == ["record.created"]
    [entry] = page["items"]
    assert entry["actor_name"] == "张伟"
    plain = {name: entry[name] for name in NAMES}
    assert ChainEntry(**plain).entry_hash == entry["entry_hash"]
    canonical = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(canonical.encode()).hexdigest() == entry["entry_hash"]
    first = team.get("wangqiang", f"/contracts/{contract}/audit?limit=2").json()
    assert actions(first) == ["record.created", "record.created"]
    assert first["items"][0]["subject_id"] == other["id"]
    cursor = first["next_cursor"]
    rest = team.get("wangqiang", f"/contracts/{contract}/audit?limit=200&cursor={cursor}").json()
    assert actions(rest)[-1] == "contract.created"
    assert rest["next_cursor"] == ""
    seqs = [item["seq"] for item in first["items"] + rest["items"]]
    assert seqs == sorted(seqs, reverse=True)


def test_a_trail_is_for_those_concerned(office: Team) -> None:
    contract = office.contract()
    record = office.record()
    paths = (f"/contracts/{contract}/audit", f"/records/{record['id']}/audit")
    for path in paths:
        assert office.get("", path).status_code == 401
        assert office.get("other", path).status_code == 404
        assert office.get("root", path).status_code == 403
    assert office.get("zhangwei", paths[0] + "?cursor=x").status_code == 422
    for who in ("zhangwei", "chenjianguo", "other"):
        assert office.get(who, "/audit/head").status_code == 403
    assert office.get("", "/audit/head").status_code == 401
    head = office.get("root", "/audit/head").json()
    verdict = trail.verified(office.store)
    assert head == {"seq": verdict.seq, "entry_hash": verdict.entry_hash}


def test_an_entry_holds_nothing_secret(office: Team) -> None:
    office.contract()
    with office.store.database.snapshot() as connection:
        told = " ".join(str(asdict(entry)) for entry, _ in trail.entries(connection))
    assert not any(token in told for token in office.tokens.values())


def test_a_long_list_of_breaks_is_cut(tmp_path: Path) -> None:
    with filled_at(tmp_path) as filled:
        _many(filled, 120)
        with filled.store.database.begun() as connection:
            do(connection, "UPDATE audit SET action = 'x'")
        verdict = trail.verified(filled.store)
    assert verdict.broken > verdict.entries > trail.TOLD
    assert len(verdict.breaks) == trail.TOLD


def _many(filled: Filled, count: int) -> None:
    with filled.store.change(filled.author) as unit:
        for number in range(count):
            unit.note("record.read", ("record", str(number)))
