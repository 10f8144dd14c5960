"""Signing through the service: the stored PDF grows by a seal for each sign-off."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from docgen.access import SERVICE
from docgen.paths import samples_dir
from docgen.signing.configuration import open_sealer, trusted
from docgen.signing.keys import SEAL_NAME, make_trial
from docgen.signing.trust import Trust
from docgen.signing.verify import SignatureVerdict, verify_pdf
from docgen.store.tables import DocumentRow
from tests.service import Team, draft

PAPER = {"role": "cust_owner", "name": "刘洋", "opinion": "agree", "signed_on": "2026-03-10"}
AGREED = {"opinion": "agree"}
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def listed(team: Team) -> Any:
    """Submit a list of one asset: three sign it, and its six pages are verified quickly."""
    objects = json.loads((samples_dir() / "contract/HT-2026-017.json").read_bytes())["objects"]
    team.contract(objects=objects[:1])
    content = draft("contract", "WB-five-objects")
    content["objects"] = content["objects"][:1]
    record = team.made(team.post("zhangwei", "/records?code=WB", content))
    team.made(team.submit(record), 200)
    return record


@pytest.fixture
def submitted(office: Team) -> Any:
    return listed(office)


def versions(record: Any) -> str:
    return f"/records/{record['id']}/versions/1"


def pdf(team: Team, record: Any, stage: str = "signed") -> bytes:
    answer = team.get("zhangwei", f"{versions(record)}/document.pdf?stage={stage}")
    assert answer.status_code == 200, answer.text
    return answer.content


def leader(team: Team, record: Any, word: Any = AGREED) -> Any:
    return team.post("chenjianguo", f"{versions(record)}/signoffs", word)


def customer(team: Team, record: Any) -> Any:
    given = PAPER | {"scan_id": team.scan(record)}
    return team.post("zhangwei", f"{versions(record)}/paper-signatures", given)


def verdict(team: Team, data: bytes, *fields: str) -> SignatureVerdict:
    own = open_sealer(team.store.settings).certificate
    return verify_pdf(data, Trust.of(own), expected=fields)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


@pytest.mark.parametrize("order", [(leader, customer), (customer, leader)], ids=["LC", "CL"])
def test_each_sign_off_appends_its_seal(office: Team, submitted: Any, order: Any) -> None:
    states = [pdf(office, submitted, "submitted"), pdf(office, submitted)]
    for sign in order:
        office.made(sign(office, submitted))
        states.append(pdf(office, submitted))
    for before, after in itertools.pairwise(states):
        assert after.startswith(before)
        assert len(after) > len(before)
    office.made(office.post("zhangwei", f"/records/{submitted['id']}/archive"), 200)
    assert pdf(office, submitted) == states[-1]
    found = verdict(office, states[-1], "engineer", "leader", "cust_owner")
    assert found.good, found
    names = {one.field: one.name for one in found.signatures}
    assert names == {
        "engineer": "张伟",
        "leader": "陈建国",
        "cust_owner": "刘洋（纸质签字 on paper）",
    }
    assert all(one.trial for one in found.signatures)


@pytest.mark.slow
def test_other_programs_agree(office: Team, submitted: Any, tmp_path: Path) -> None:
    office.made(leader(office, submitted))
    office.made(customer(office, submitted))
    path = tmp_path / "signed.pdf"
    path.write_bytes(pdf(office, submitted))

    def told(*command: str) -> str:
        done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    assert "No syntax or stream encoding errors" in told("qpdf", "--check")
    assert told("pdfsig", "-nocert").count("Signature is Valid") == 3
    assert "ocument has been changed" not in told("mutool", "sign", "-v")
    fonts = told("pdffonts").splitlines()[2:]
    assert fonts
    assert all(re.search(r" yes +(yes|no) +(yes|no) ", line) for line in fonts)


def test_two_at_the_same_moment_both_sign(team: Team) -> None:
    submitted = listed(team)
    given = PAPER | {"scan_id": team.scan(submitted)}
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(leader, team, submitted)
        two = pool.submit(team.post, "zhangwei", f"{versions(submitted)}/paper-signatures", given)
        assert {one.result().status_code, two.result().status_code} == {201}
    assert verdict(team, pdf(team, submitted), "engineer", "leader", "cust_owner").good


def test_one_who_signs_twice_at_the_same_moment_signs_once(team: Team) -> None:
    submitted = listed(team)
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(leader, team, submitted) for _ in range(2)]
        found = sorted(one.result().status_code for one in answers)
    assert found == [201, 422]
    assert len(verdict(team, pdf(team, submitted)).signatures) == 2


def test_a_disagreement_seals_nothing(office: Team, submitted: Any) -> None:
    before = pdf(office, submitted)
    made = office.made(leader(office, submitted, {"opinion": "disagree", "comment": "缺建议"}))
    assert made["state"] == "returned"
    assert pdf(office, submitted) == before


def test_a_key_that_cannot_sign_changes_nothing(
    office: Team, submitted: Any, tmp_path: Path
) -> None:
    before = pdf(office, submitted)
    key = office.store.settings.data / SEAL_NAME
    kept = key.read_bytes()
    key.write_bytes(b"no key")
    assert code(leader(office, submitted)) == (503, "seal_unreadable")
    key.write_bytes(kept)
    old = tmp_path / "old"
    old.mkdir()
    make_trial(old, now=office.clock() - timedelta(days=1000))
    key.write_bytes((old / SEAL_NAME).read_bytes())
    assert code(leader(office, submitted)) == (503, "seal_expired")
    found = office.get("zhangwei", f"/records/{submitted['id']}").json()
    assert (found["state"], len(found["current"]["signoffs"])) == ("submitted", 1)
    assert pdf(office, submitted) == before


def test_bytes_that_were_altered_in_the_store_are_neither_signed_nor_archived(
    office: Team, submitted: Any
) -> None:
    office.made(customer(office, submitted))
    office.made(leader(office, submitted))
    data = pdf(office, submitted)
    for path in (office.store.settings.data / "blobs").rglob("*"):
        if path.is_file() and path.read_bytes() == data:
            path.chmod(0o600)
            path.write_bytes(data[:-40] + b"%" + data[-39:])
    refused = office.post("zhangwei", f"/records/{submitted['id']}/archive")
    assert code(refused) == (500, "blob_damaged")


def test_a_row_that_names_an_earlier_state_is_not_archived(office: Team, submitted: Any) -> None:
    """A roll-back: the bytes are whole, but a seal that was given is not in them."""
    earlier = pdf(office, submitted)
    office.made(leader(office, submitted))
    office.made(customer(office, submitted))
    with office.store.change(SERVICE) as unit:
        row = unit.session.get_one(DocumentRow, (submitted["id"], 1, "signed", "pdf", "zh"))
        row.sha256 = office.store.blobs.put(earlier)
        unit.keep_blob(row.sha256, len(earlier))
    refused = office.post("zhangwei", f"/records/{submitted['id']}/archive")
    assert code(refused) == (409, "seal_broken")


def test_a_state_that_was_never_stored_is_not_signed_on(office: Team, submitted: Any) -> None:
    """Sound by itself: of an ECDSA signature anybody makes a second one (r, n - s) in its place."""
    office.made(leader(office, submitted))
    forged = with_another_signature(pdf(office, submitted))
    stored = office.store.blobs.put(forged)
    with office.store.change(SERVICE) as unit:
        unit.keep_blob(stored, len(forged))
        row = unit.session.get_one(DocumentRow, (submitted["id"], 1, "signed", "pdf", "zh"))
        row.sha256 = stored
    assert verify_pdf(forged, trusted(office.store.settings)).good
    assert code(customer(office, submitted)) == (409, "altered_before")


def with_another_signature(data: bytes) -> bytes:
    """Return the file with the other signature that its last seal may have."""
    last = [*re.finditer(rb"/Contents <([0-9A-F]+)>", data)][-1]
    padded = bytes.fromhex(last[1].decode())
    signed = cms.ContentInfo.load(padded)
    signer = signed["content"]["signer_infos"][0]
    r, s = decode_dss_signature(signer["signature"].native)
    signer["signature"] = encode_dss_signature(r, P256_ORDER - s)
    made: bytes = signed.dump(force=True)
    contents = made + bytes(len(padded) - len(made))
    return data[: last.start(1)] + contents.hex().upper().encode() + data[last.end(1) :]
