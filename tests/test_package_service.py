"""Packages out of the service and back: the same bytes each time, whole contracts, restoring."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from docgen.archive.restoring import restore
from docgen.archive.verifying import verify
from docgen.audit import trail
from docgen.errors import Conflict
from docgen.signing.trust import Trust
from docgen.store.tables import Base, DocumentRow
from tests.commands import as_json
from tests.packages import (
    Made,
    archived,
    codes,
    downloaded,
    flipped,
    made,
    path_of,
    with_manifests,
    zipped,
)
from tests.service import Team, at_work

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    with at_work(tmp_path_factory.mktemp("service") / "data") as team:
        team.contract()
        yield made(team, archived(team))


def counts(team: Team) -> dict[str, int]:
    with team.store.reading() as session:
        return {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Base.metadata.sorted_tables
        }


def actions(team: Team, record: Any) -> list[str]:
    found = team.get("zhangwei", f"/records/{record['id']}/audit").json()["items"]
    return [one["action"] for one in found]


def test_a_package_is_the_same_each_time(team: Team, tmp_path: Path) -> None:
    team.contract()
    record = archived(team)
    first = downloaded(team, record)
    team.clock.go(days=40)
    assert downloaded(team, record, "chenjianguo") == first
    certificate = (team.store.folder / "seal.pem").read_bytes()
    assert codes(first, Made(record, first, certificate).trust, tmp_path) == set()
    told = actions(team, record)
    assert (told.count("archive.exported"), told.count("archive.sealed")) == (2, 1)
    assert trail.verified(team.store).broken == 0


def test_only_archived_versions_have_one(team: Team) -> None:
    team.contract()
    record = team.record("ZX")
    answer = team.get("zhangwei", f"{path_of(record)}/package.zip")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_archived")
    assert (
        team.get("zhangwei", f"/records/{record['id']}/versions/9/package.zip").status_code == 404
    )
    assert team.get("other", f"{path_of(record)}/package.zip").status_code == 404


def test_a_later_revision_leaves_the_first_package_alone(office: Team) -> None:
    office.contract()
    record = archived(office)
    first = downloaded(office, record)
    office.made(office.post("zhangwei", f"/records/{record['id']}/revisions", {"reason": "更正"}))
    assert downloaded(office, record) == first


def test_seals_that_do_not_verify_are_not_packed(office: Team) -> None:
    office.contract()
    record = archived(office)
    with office.store.database.writing() as session:
        row = session.scalars(select(DocumentRow).where(DocumentRow.stage == "signed")).one()
        data = office.store.blobs.get(row.sha256)
        row.sha256 = office.store.blobs.put(flipped(data))
        session.connection().exec_driver_sql(
            "INSERT INTO blobs (sha256, size_bytes, created_at) VALUES (?, ?, ?)",
            (row.sha256, len(data), "2026-03-10 00:00:00.000000"),
        )
    answer = office.get("zhangwei", f"{path_of(record)}/package.zip")
    assert (answer.status_code, answer.json()["code"]) == (409, "seals_broken")


# ---------------------------------------------------------------- contracts


def test_a_contract_is_exported_whole(team: Team, tmp_path: Path) -> None:
    contract = team.contract()
    records = [archived(team, day=day) for day in ("04-20", "04-21")]
    draft = team.record("ZX")
    answer = team.get("wangqiang", f"/contracts/{contract}/export.zip")
    assert answer.status_code == 200
    path = tmp_path / "export.zip"
    path.write_bytes(answer.content)
    known = Made(records[0], b"", (team.store.folder / "seal.pem").read_bytes()).trust
    verdicts = list(verify(path, known))
    assert [one.doc_no for one in verdicts[:-1]] == [one["doc_no"] for one in records]
    assert all(one.good for one in verdicts), [one.as_json() for one in verdicts]
    assert verdicts[-1].kind == "export"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as opened:
        index = json.loads(opened.read("HT-2026-017/index.json"))
        page = opened.read("HT-2026-017/index.html").decode()
        sums = opened.read(f"HT-2026-017/{records[0]['doc_no']}/tagmanifest-sha256.txt")
    states = {one["doc_no"]: (one["state"], bool(one["package"])) for one in index["documents"]}
    assert states == {one["doc_no"]: ("archived", True) for one in records} | {
        draft["doc_no"]: ("draft", False)
    }
    digest = subprocess.run(["sha256sum"], input=sums, capture_output=True, check=True)
    assert index["documents"][0]["tagmanifest_sha256"] == digest.stdout.decode().split()[0]
    assert draft["doc_no"] in page
    assert team.get("other", f"/contracts/{contract}/export.zip").status_code == 404


def test_the_command_exports_and_restores(office: Team, tmp_path: Path) -> None:
    office.contract()
    record = archived(office)
    source: dict[str, Any] = {"DOCGEN_DATA": office.store.folder, "DOCGEN_NOW": "2026-04-22T09:00"}
    out = tmp_path / "out"
    told = as_json("archive", "export", "HT-2026-017", "--out", out, **source)
    assert [one["doc_no"] for one in told["packages"]] == [record["doc_no"]]
    data = (out / f"{record['doc_no']}.zip").read_bytes()
    assert downloaded(office, record) == data
    trusted = ("--cert", office.store.folder / "seal.pem")
    assert as_json("verify", out, *trusted, DOCGEN_DATA=tmp_path / "none")["good"]
    target: dict[str, Any] = {"DOCGEN_DATA": tmp_path / "other", "DOCGEN_NOW": "2026-04-23T09:00"}
    refused = as_json("archive", "restore", out, code=1, **target)
    assert [one["state"] for one in refused["packages"]] == ["refused", "refused"]
    for state in ("restored", "unchanged"):
        done = as_json("archive", "restore", out, *trusted, **target)
        assert [one["state"] for one in done["packages"]] == [state]
    again = as_json("archive", "export", "HT-2026-017", "--out", tmp_path / "again", **target)
    assert len(again["packages"]) == 1
    assert (tmp_path / "again" / f"{record['doc_no']}.zip").read_bytes() == data
    assert as_json("audit", "verify", **target)["broken"] == 0
    closing = as_json(
        "archive", "export", "HT-2026-017", "--out", tmp_path / "end", "--closing", code=1, **source
    )
    assert {one["code"] for one in closing["errors"]} == {"asset_not_inspected"}
    assert len(closing["errors"]) == 5
    assert not (tmp_path / "end").exists()
    missing = as_json("archive", "export", "HT-0", "--out", out, code=1, **source)
    assert missing["errors"][0]["code"] == "not_found"


# ---------------------------------------------------------------- restoring


def test_a_restored_record_is_what_it_was(team: Team, package: Made, tmp_path: Path) -> None:
    path = tmp_path / "package.zip"
    path.write_bytes(package.data)
    (found,) = restore(team.store, path, package.trust)
    assert (found.state, found.doc_no) == ("restored", package.doc_no)
    seen = team.made(team.get("zhangwei", f"/records/{package.doc_no}"), 200)
    assert (seen["id"], seen["state"]) == (package.record["id"], "archived")
    files = package.files()
    for stage, folder in (("archived", "documents"), ("submitted", "submitted")):
        for name in ("docx", "xlsx", "pdf"):
            answer = team.get(
                "zhangwei", f"{path_of(package.record)}/document.{name}?stage={stage}"
            )
            assert answer.content == files[f"data/{folder}/{package.doc_no}.{name}"]
    listed = team.get("zhangwei", f"{path_of(package.record)}/files").json()["items"]
    assert {one["name"] for one in listed} == {"范围说明.png", "签字页.png"}
    assert downloaded(team, package.record) == package.data
    assert team.get("zhangwei", "/records?q=驻场维保").json()["items"] != []
    assert "archive.restored" in actions(team, package.record)
    assert trail.verified(team.store).broken == 0


def test_a_second_restore_adds_nothing(team: Team, package: Made, tmp_path: Path) -> None:
    path = tmp_path / "package.zip"
    path.write_bytes(package.data)
    assert [one.state for one in restore(team.store, path, package.trust)] == ["restored"]
    before = counts(team)
    assert [one.state for one in restore(team.store, path, package.trust)] == ["unchanged"]
    assert counts(team) == before


def test_numbers_go_on_after_those_restored(team: Team, package: Made, tmp_path: Path) -> None:
    path = tmp_path / "package.zip"
    path.write_bytes(package.data)
    list(restore(team.store, path, package.trust))
    team.clock.at("04-22 09:00")
    assert team.record("SQ")["doc_no"] == package.doc_no[:-1] + "2"


def test_what_does_not_verify_is_refused_and_changes_nothing(
    office: Team, package: Made, tmp_path: Path
) -> None:
    before, path = counts(office), tmp_path / "package.zip"
    files = package.files()
    path.write_bytes(
        zipped(with_manifests(files | {"data/record.json": flipped(files["data/record.json"])}))
    )
    assert [one.state for one in restore(office.store, path, package.trust)] == ["refused"]
    path.write_bytes(package.data)
    assert [one.state for one in restore(office.store, path, Trust())] == ["refused"]
    assert counts(office) == before


def test_another_record_of_that_number_is_not_replaced(
    office: Team, package: Made, tmp_path: Path
) -> None:
    office.contract()
    path = tmp_path / "package.zip"
    path.write_bytes(package.data)
    with pytest.raises(Conflict) as refused:
        list(restore(office.store, path, package.trust))
    assert refused.value.code == "restored_differs"


def test_people_who_are_unknown_come_back_disabled(package: Made, tmp_path: Path) -> None:
    with at_work(tmp_path / "data") as other:
        names = {"zhangwei"}
        path = tmp_path / "package.zip"
        path.write_bytes(package.data)
        with other.store.database.writing() as session:
            for statement in (
                "PRAGMA defer_foreign_keys = ON",
                (
                    "UPDATE api_tokens SET user_id = 'other' WHERE user_id IN (SELECT id FROM users"
                    " WHERE username = 'zhangwei')"
                ),
                "UPDATE users SET id = 'other', username = 'someone' WHERE username = 'zhangwei'",
            ):
                session.connection().exec_driver_sql(statement)
        list(restore(other.store, path, package.trust))
        users = other.get("root", "/users?limit=200").json()["items"]
        disabled = {one["username"] for one in users if one["disabled"]}
        assert disabled == names
