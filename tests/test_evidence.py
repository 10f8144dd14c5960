"""The evidence page: what it tells of everybody who signed, sealed, and the same each time."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from docgen.archive import evidence
from docgen.archive.evidence import EvidencePage
from docgen.pipeline.children import children
from docgen.settings import Settings
from docgen.signing.verify import verify_pdf
from docgen.templates.theme import default_folder
from tests.links import Customer, link
from tests.packages import Made, codes, made
from tests.readers import pdf_text, squeezed
from tests.service import Team

pytestmark = pytest.mark.slow


@pytest.fixture
def by_link(office: Team) -> Made:
    """A permission that the customer signed by drawing, through a link."""
    office.clock.at("04-19 18:00")
    office.contract()
    record = office.record("SQ")
    office.made(office.submit(record), 200)
    office.clock.at("04-20 10:00")
    customer = Customer(office, link(office, record))
    office.clock.at("04-20 11:30")
    customer.opens()
    assert customer.signs().status_code == 200
    office.made(office.post("zhangwei", f"/records/{record['id']}/archive"), 200)
    return made(office, record)


def text_of(data: bytes, folder: Path) -> str:
    (folder / "evidence.pdf").write_bytes(data)
    return squeezed(pdf_text(folder / "evidence.pdf"))


def test_it_tells_who_was_invited_who_signed_when_and_from_where(
    by_link: Made, office: Team, tmp_path: Path
) -> None:
    files = by_link.files()
    text = text_of(files["data/evidence.pdf"], tmp_path)
    for words in (
        by_link.doc_no,
        "客户负责人Customerowner刘洋（华东移动信息部）",
        "驻场工程师On-siteengineer张伟",
        "经一次性链接签署",
        "邀请：生成链接",
        "打开链接",
        "经链接签署",
        "2026-04-2011:30:00",
        "testclient",
        "phone",
    ):
        assert words in text, words
    trail = office.get("zhangwei", f"/records/{by_link.record['id']}/audit?limit=200").json()
    (signed,) = [one for one in trail["items"] if one["action"] == "link.signed"]
    detail = json.loads(signed["detail"])
    for name in ("consent", "image", "strokes", "shown"):
        assert detail[name] in text, name
    for name in ("data/signed.pdf", "data/record.json"):
        assert hashlib.sha256(files[name]).hexdigest() in text, name
    drawn = [name for name in files if name.startswith("data/signatures/")]
    assert len(drawn) == 2
    assert codes(by_link.data, by_link.trust, tmp_path) == set()


def test_its_seal_covers_the_whole_file(by_link: Made) -> None:
    pdf = by_link.files()["data/evidence.pdf"]
    verdict = verify_pdf(pdf, by_link.trust, expected=["seal"])
    assert verdict.good
    (one,) = verdict.signatures
    assert one.covers_file
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        carried = {"audit.jsonl", "contract.json", "package.json"}
        assert set(opened.attachments) == carried | {"README.en.txt", "README.zh.txt"}


def page(**changes: Any) -> EvidencePage:
    view = {
        "facts": [{"name": "a", "text": "b"}],
        "signoffs": [],
        "invitations": [],
        "seals": [],
        "files": [],
        "entries": [],
    }
    created = datetime.fromisoformat("2026-04-20T11:30:00+08:00")
    return EvidencePage(view | changes, {"package.json": b"{}"}, "SQ-1", created, default_folder())


def test_equal_pages_are_equal_bytes_whatever_is_printed(tmp_path: Path) -> None:
    odd = page(
        facts=[{"name": "浏览器", "text": "Mozilla \U0001f600 \u202e <b>&amp; {{ 7*7 }}\x01"}]
    )
    with children(Settings(jobs=1), ["pdf"]) as pool:
        first, second = (pool.run(evidence.render, odd, size_bytes=100) for _ in range(2))
    assert first == second
    text = text_of(first, tmp_path)
    assert "[U+1F600][U+202E]<b>&amp;{{7*7}}[U+0001]" in text
