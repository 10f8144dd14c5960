"""The public verification: a code tells how a version stands, a file whether it is the one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response

from docgen.paths import samples_dir
from docgen.signing.configuration import trusted
from docgen.signing.fields import add_fields
from docgen.signing.keys import make_trial
from docgen.signing.paper import printed
from docgen.signing.seal import seal
from docgen.signing.trust import Trust
from docgen.signing.verification import WRONG_CODES, code_of, masked
from docgen.uploads import MOST_BYTES
from docgen.uploads.scans import look_for_codes
from tests.service import Team, at_work, picture
from tests.signing_in import trail
from tests.test_signing_seal import APPENDED, appended, byte_changed

NO_SUCH = "0" * 16


@dataclass
class Public:
    """Whoever has a paper in hand; and the files that the service keeps of it."""

    team: Team
    record: Any
    code: str
    submitted: bytes
    first: bytes
    whole: bytes
    other: bytes
    other_code: str

    def look(self, code: str, path: str = "/api/v1/verify/") -> Response:
        return self.team.client.get(path + code)

    def check(self, data: bytes, code: str = "", path: str = "/api/v1/verify/") -> Response:
        files = {"file": ("a.pdf", data, "application/pdf")}
        return self.team.client.post(path + (code or self.code), files=files)

    def outcome(self, data: bytes) -> str:
        answer = self.check(data)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["outcome"])


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Public]:
    """A permission signed by its author, then by the customer on paper; and another one."""
    with at_work(tmp_path_factory.mktemp("public") / "data") as team:
        team.clock.at("04-20 10:00")
        team.contract()
        record, other = team.record("SQ"), team.record("SQ")
        for one in (record, other):
            team.made(team.submit(one), 200)
        first = document(team, record, "signed")
        team.clock.at("04-20 11:00")
        paper = {"role": "cust_owner", "name": "刘洋", "signed_on": "2026-04-19"}
        paper |= {"opinion": "agree", "scan_id": team.scan(record)}
        path = f"/records/{record['id']}/versions/1/paper-signatures"
        team.made(team.post("zhangwei", path, paper))
        yield Public(
            team,
            record,
            short(team, record),
            document(team, record, "submitted"),
            first,
            document(team, record, "signed"),
            document(team, other, "signed"),
            short(team, other),
        )


def short(team: Team, record: Any) -> str:
    answer = team.get("zhangwei", f"/records/{record['id']}").json()
    return str(answer["current"]["record_hash"][:16].upper())


def document(team: Team, record: Any, stage: str) -> bytes:
    path = f"/records/{record['id']}/versions/1/document.pdf?stage={stage}"
    answer = team.get("zhangwei", path)
    assert answer.status_code == 200, answer.text
    return bytes(answer.content)


# ---------------------------------------------------------------- codes


def test_a_code_tells_how_its_version_stands_and_nothing_else(public: Public) -> None:
    answer = public.look(public.code)
    assert answer.status_code == 200
    told = answer.json()
    assert told["record_sha256"].startswith(public.code.lower())
    assert told == {
        "doc_no": public.record["doc_no"],
        "title": {"zh": "操作/远程登录授权单", "en": told["title"]["en"]},
        "state": told["state"],
        "doc_date": "2026-04-18",
        "record_sha256": told["record_sha256"],
        "signers": ["张*", "刘*"],
    }
    assert told["state"] in ("in_review", "approved")
    page = public.look(public.code, "/verify/")
    assert page.status_code == 200
    assert public.record["doc_no"] in page.text
    for hidden in ("刘洋", "张伟", "华东移动", "HT-2026-017", public.record["id"]):
        assert hidden not in page.text
        assert hidden not in answer.text


def test_a_code_may_be_typed_as_people_type(public: Public) -> None:
    typed = f" {public.code[:4].lower()}-{public.code[4:8]} {public.code[8:]}"
    assert public.look(typed).json() == public.look(public.code).json()
    sent_on = public.team.client.get(
        "/verify", params={"code": typed, "lang": "en"}, follow_redirects=False
    )
    assert sent_on.status_code == 303
    assert sent_on.headers["location"] == f"/verify/{public.code}?lang=en"
    assert code_of(typed) == public.code


def test_the_contract_may_permit_whole_names(office: Team) -> None:
    office.contract(verification_shows_names=True)
    record = office.record("XJ")
    office.made(office.submit(record), 200)
    told = office.client.get(f"/api/v1/verify/{short(office, record)}").json()
    assert told["signers"] == ["张伟"]
    assert masked("J. Doe") == "J*"


def test_a_draft_is_as_unknown_as_a_code_that_nobody_has(public: Public) -> None:
    draft = public.team.record("SQ")
    path = f"/records/{draft['id']}/versions/1/document.pdf"
    preview = public.team.get("zhangwei", path)
    assert preview.status_code == 200
    code = code_in(preview.content)
    for path in ("/api/v1/verify/", "/verify/"):
        unknown, drafts = public.look(NO_SUCH, path), public.look(code, path)
        assert (unknown.status_code, drafts.status_code) == (404, 404)
        assert unknown.text == drafts.text
    assert public.check(public.whole, code).status_code == 404


def code_in(pdf: bytes) -> str:
    """Read the code off a draft's paper."""
    return next(printed(look_for_codes("application/pdf", pdf))).short_code


def test_what_is_no_code_is_not_found(public: Public) -> None:
    for text in ("x", "..", "%00", "A" * 17, "测试", "<b>"):
        answer = public.look(text, "/verify/")
        assert answer.status_code in (404, 303), text
        assert "<b>" not in answer.text
    too_long = public.look("A" * 99)
    assert too_long.status_code == 422


def test_wrong_codes_lock_the_address_and_no_other(office: Team) -> None:
    office.contract()
    record = office.record("XJ")
    office.made(office.submit(record), 200)
    code = short(office, record)
    for _ in range(WRONG_CODES):
        assert office.client.get(f"/api/v1/verify/{NO_SUCH}").status_code == 404
    for path in ("/api/v1/verify/", "/verify/"):
        locked = office.client.get(path + code)
        assert locked.status_code == 429
        assert int(locked.headers["retry-after"]) <= 15 * 60
        assert record["doc_no"] not in locked.text
    assert trail(office)[-1].action == "verification.locked"
    office.clock.go(minutes=16)
    assert office.client.get(f"/api/v1/verify/{code}").status_code == 200


# ---------------------------------------------------------------- files


def test_the_file_on_record_is_known(public: Public) -> None:
    answer = public.check(public.whole).json()
    assert (answer["outcome"], answer["stage"], answer["findings"]) == ("on_record", "signed", [])
    assert [(one["field"], one["name"][:2]) for one in answer["seals"]] == [
        ("engineer", "张伟"),
        ("cust_owner", "刘洋"),
    ]
    assert [one["covers_file"] for one in answer["seals"]] == [False, True]
    assert all(one["intact"] and one["trusted"] and one["trial"] for one in answer["seals"])
    submitted = public.check(public.submitted).json()
    assert (submitted["outcome"], submitted["stage"]) == ("on_record", "submitted")


def test_a_roll_back_is_an_earlier_state(public: Public) -> None:
    answer = public.check(public.first).json()
    assert (answer["outcome"], answer["stage"]) == ("earlier", "signed")
    assert [one["field"] for one in answer["seals"]] == ["engineer"]


def test_a_genuine_file_of_another_version_is_told_as_that(public: Public) -> None:
    assert public.outcome(public.other) == "not_on_record"
    assert public.check(public.other, public.other_code).json()["outcome"] == "on_record"
    page = public.check(public.other, path="/verify/")
    assert "不是本版本登记的文件" in page.text


@pytest.mark.parametrize("change", APPENDED, ids=[one.__name__ for one in APPENDED])
def test_whatever_is_appended_is_found(public: Public, change: Callable[..., None]) -> None:
    assert public.outcome(appended(change)(public.whole)) == "altered"
    assert public.outcome(appended(change)(public.submitted)) == "unsigned"


def test_whatever_is_changed_is_found(public: Public) -> None:
    assert public.outcome(byte_changed(public.whole)) in ("altered", "unreadable")
    for junk in (b"\n", b"x", b"\n%%EOF\n", bytes(5000)):
        assert public.outcome(public.whole + junk) in ("altered", "unreadable")
    for cut in (-1, -40, -3000):
        assert public.outcome(public.whole[:cut]) in ("altered", "unreadable")
    for data in (b"%PDF-1.7", bytes(99), picture(), b"%PDF-1.7\n%%EOF"):
        assert public.outcome(data) == "unreadable"


def test_an_edit_between_two_seals_and_a_forgers_seal_are_found(
    public: Public, tmp_path: Path
) -> None:
    forger = make_trial(tmp_path, now=public.team.clock.now)
    given: dict[str, Any] = {"image": None, "name": "刘洋", "reason": "同意"}
    given |= {"now": public.team.clock.now}
    forged = seal(add_fields(public.submitted, ["cust_owner"]), "cust_owner", forger, **given)
    answer = public.check(forged).json()
    assert answer["outcome"] == "signer_unknown"
    assert [one["trusted"] for one in answer["seals"]] == [False]
    everybody = Trust.of(forger.certificate, *trusted(public.team.store.settings).seals)
    added = seal(public.first, "cust_owner", forger, trust=everybody, **given)
    assert public.outcome(added) == "altered"
    for change in APPENDED:
        assert public.outcome(appended(change)(forged)) == "altered"


def test_pages_say_in_both_languages_what_was_found(public: Public) -> None:
    for data, zh, en in (
        (public.whole, "就是登记的文件", "This is the file on record"),
        (public.first, "较早的状态", "An earlier state"),
        (public.whole + b"\n", "被改动过", "was altered"),
        (b"x", "打不开", "cannot be read"),
    ):
        assert zh in public.check(data, path="/verify/").text
        assert en in public.check(data, public.code + "?lang=en", path="/verify/").text


def test_files_have_limits(public: Public) -> None:
    assert public.check(b"").status_code == 422
    none = public.team.client.post(f"/verify/{public.code}", files={"other": b"a"})
    assert none.status_code == 422
    for path in ("/verify/", "/api/v1/verify/"):
        large = public.check(bytes(MOST_BYTES["attachment"] + 100_000), path=path)
        assert (large.status_code, large.json()["code"]) == (413, "too_large")
        larger = public.check(bytes(MOST_BYTES["attachment"] + 1), path=path)
        assert larger.status_code == 413
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    for path in ("/verify/", "/api/v1/verify/"):
        answer = public.team.client.post(path + public.code, content=b"--y", headers=broken)
        assert answer.status_code in (400, 422)


def test_pages_run_only_their_own_scripts(public: Public) -> None:
    page = public.look(public.code, "/verify/")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    assert "style=" not in page.text
    assert "onclick" not in page.text
    for name, media in (("verify.js", "text/javascript"), ("verify.css", "text/css")):
        assert f"/pages/{name}" in page.text
        got = public.team.client.get(f"/pages/{name}")
        assert got.headers["content-type"].startswith(media)


def test_codes_lead_to_the_service_where_the_theme_names_nothing(tmp_path: Path) -> None:
    def codes(folder: str, **settings: Any) -> set[str]:
        with at_work(tmp_path / folder, **settings) as team:
            answers = [
                team.client.post("/api/v1/render/XJ.pdf", json=sample("XJ")) for _ in range(2)
            ]
        assert answers[0].content == answers[1].content
        seen = look_for_codes("application/pdf", answers[0].content)
        return {re.sub("[0-9A-F]{16}|[0-9a-f]{64}", "…", one.text) for one in seen}

    assert codes("a", public_url="https://docs.example.com/") == {
        "https://docs.example.com/verify/…",
        "https://docs.example.com/verify/…?p=sign",
    }
    number = sample("XJ")["doc_no"]
    assert codes("b") == {f"docgen:{number}:…", f"docgen:{number}/…?p=sign"}


def sample(code: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((samples_dir() / code / "basic.json").read_bytes())
    return made
