"""Batches are listed, counted by state and error, and swept in time; conversions stay known."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from sqlalchemy import func, select

from docgen.batches.handlers import handlers
from docgen.batches.queue_metrics import batch_totals
from docgen.batches.rendering import KIND_RENDER
from docgen.batches.retention import sweep_batches
from docgen.batches.worker import WorkerContext
from docgen.renderers.isolation import ChildLimits, Children
from docgen.store.tables import BatchItemRow, BatchRow
from tests.service import Team
from tests.stores import filled_at
from tests.test_batches_sheets import SHEETS, handed_in, opened, previewed
from tests.test_jobs import finish
from tests.test_jobs_rendering import order_rows


def test_failures_are_counted_by_their_code_and_old_batches_go(
    tmp_path: Path, store_url: str
) -> None:
    with filled_at(tmp_path / "data", store_url) as filled, Children(1, ChildLimits()) as children:
        batch = order_rows(filled, [b"{}", b"[]", json.dumps({"doc_no": "ZX-1"}).encode()])
        order_rows(filled, [b"{}"])
        context = WorkerContext(filled.store, handlers(filled.store, children))
        finish(context)
        with filled.store.reading() as session:
            found = batch_totals(session)
        assert found.batches == {"done": 2}
        assert sum(found.failures.values()) == 4
        assert found.failures["unknown_record_type"] == 3
        clock = filled.store.clock()
        assert sweep_batches(filled.store, clock) == 0
        with filled.store.change(filled.author) as unit:
            unit.session.get_one(BatchRow, batch).ended_at = clock.replace(year=clock.year - 1)
        assert sweep_batches(filled.store, clock) == 1
        with filled.store.reading() as session:
            assert session.scalar(select(func.count()).select_from(BatchItemRow)) == 1
            assert session.scalar(select(BatchRow.kind)) == KIND_RENDER


def test_a_preview_that_nobody_confirms_goes_as_well(office: Team) -> None:
    contract_id = opened(office)
    path, _ = previewed(office, SHEETS / "tickets.csv", contract_id=contract_id)
    told = office.client.get("/metrics").text
    assert 'docgen_batches{state="preview"} 1.0' in told
    office.clock.go(days=91)
    assert sweep_batches(office.store, office.clock()) == 2  # with the reading of its files
    assert office.get("zhangwei", path).status_code == 404
    assert 'docgen_batches{state="preview"}' not in office.client.get("/metrics").text


def test_nobody_has_too_many_previews(office: Team) -> None:
    contract_id = opened(office)
    file = ("a.csv", b"a,b\n1,2\n")
    for _ in range(20):
        office.made(handed_in(office, file, contract_id=contract_id), 202)
    refused = handed_in(office, file, contract_id=contract_id)
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_batches")


def test_batches_are_listed_newest_first(team: Team) -> None:
    contract_id = opened(team)
    made = []
    for number in range(5):
        answer = handed_in(team, ("a.csv", b"a,b\n1,2\n"), contract_id=contract_id)
        made.append(team.made(answer, 202))
        team.clock.go(minutes=number % 2)  # two of one instant among them
    newest_first = sorted(made, key=lambda one: (one["created_at"], one["id"]), reverse=True)
    assert walked(team, "limit=2") == [one["id"] for one in newest_first]
    assert walked(team, "contract_id=none") == []
    assert team.get("other", "/batches").json()["items"] == []


def test_batches_that_ended_are_left_out(office: Team) -> None:
    contract_id = opened(office)
    first, second = (
        previewed(office, SHEETS / "tickets.csv", contract_id=contract_id)[0] for _ in "12"
    )
    office.made(office.post("zhangwei", f"{first}/cancel"), 200)
    listed = walked(office, f"active=true&contract_id={contract_id}")
    assert [f"/batches/{one}" for one in listed] == [second]


def test_a_cursor_of_batches_is_ours_or_refused(team: Team) -> None:
    opened(team)
    for key in ("x", "2026-03-20T10:00:00+00:00 \0", "0001-01-01T00:00+23:00", 1):
        cursor = base64.urlsafe_b64encode(json.dumps(["batches", key]).encode()).decode()
        answer = team.get("zhangwei", f"/batches?cursor={cursor}")
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor"), key


def walked(team: Team, query: str) -> list[str]:
    """Return the ids of all batches that are listed, page by page."""
    seen: list[str] = []
    cursor = ""
    while True:
        page = team.made(team.get("zhangwei", f"/batches?{query}&cursor={cursor}"), 200)
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            return seen
