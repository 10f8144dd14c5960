"""Papers signed by hand: the scan of just this version's signed page is known by its code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from docgen.errors import UploadRefused
from docgen.signing.paper import matched, printed
from docgen.uploads.scans import PAGES, ScannedCode, look_for_codes
from tests.photographs import Camera, page, photographed, saved, signed
from tests.service import Team, at_work, picture
from tests.signing_in import trail
from tests.sizes import FULL

PNG, JPEG, PDF, TIFF = "image/png", "image/jpeg", "application/pdf", "image/tiff"
ENDINGS = {PNG: "png", JPEG: "jpg", PDF: "pdf", TIFF: "tif"}
NUMBER, HASH = "SQ-HDYD-20260418-001", "3a4edf5757ef93ea" + "0" * 48
SIGN = "docgen:SQ-HDYD-20260418-001/3A4EDF5757EF93EA?p=sign"


@dataclass
class Desk:
    """A team with two submitted records, and what was printed of them (too much to be shown)."""

    team: Team
    record: Any
    paper: Image.Image = field(repr=False)
    draft_paper: Image.Image = field(repr=False)
    other_paper: Image.Image = field(repr=False)
    archive: Any = field(repr=False)
    archive_pdf: bytes = field(repr=False)

    def upload(self, data: bytes, kind: str = JPEG, record: Any = None, **more: str) -> Any:
        where = (record or self.record)["id"]
        return self.team.ask(
            "zhangwei",
            "POST",
            f"/records/{where}/versions/1/files",
            files={"file": (f"签字页.{ENDINGS[kind]}", data, kind)},
            data={"purpose": "scan"} | more,
        )


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with at_work(tmp_path_factory.mktemp("paper") / "data") as team:
        team.clock.at("04-20 10:00")
        team.contract()
        record = team.record("SQ")
        draft_paper = page(document(team, record))
        team.made(team.submit(record), 200)
        other = team.record("SQ")
        other_paper = page(document(team, other))
        archive = team.record("XJ")
        team.made(team.submit(archive), 200)
        yield Desk(
            team,
            record,
            page(document(team, record)),
            draft_paper,
            other_paper,
            archive,
            document(team, archive),
        )


def document(team: Team, record: Any) -> bytes:
    answer = team.get("zhangwei", f"/records/{record['id']}/versions/1/document.pdf")
    assert answer.status_code == 200, answer.text
    return bytes(answer.content)


def code(answer: Any) -> str:
    assert answer.status_code == 422, answer.text
    return str(answer.json()["code"])


# ---------------------------------------------------------------- uploads


def test_a_photograph_of_the_signed_page_is_matched(desk: Desk) -> None:
    camera = Camera(angle=7, tilt=0.08, blur=1, noise=8, shade=0.4, quality=60)
    made = desk.team.made(desk.upload(photographed(signed(desk.paper), camera)))
    assert (made["matched"], made["purpose"]) == ("sign_page", "scan")
    entry = trail(desk.team)[-1]
    assert entry.action == "file.added"
    assert '"matched":"sign_page"' in entry.detail.replace(" ", "")


@pytest.mark.parametrize("kind", [PDF, TIFF, PNG])
def test_scans_come_as_pdf_tiff_or_png(desk: Desk, kind: str) -> None:
    scan = signed(desk.paper).convert("L")
    blank = Image.new("L", scan.size, 255)
    name = ENDINGS[kind].upper().replace("TIF", "TIFF")
    more = {} if kind == PNG else {"save_all": True, "append_images": [scan]}
    first = scan if kind == PNG else blank
    data = saved(first, name, **more)
    assert desk.team.made(desk.upload(data, kind))["matched"] == "sign_page"


def test_a_scan_of_something_else_is_refused_whoever_answers_for_it(desk: Desk) -> None:
    for paper, said in ((desk.other_paper, "另一份文件"), (desk.draft_paper, "另一版本")):
        taken = photographed(signed(paper), Camera(angle=3, width=1700))
        for more in ({}, {"unmatched": "true", "note": "就是它"}):
            answer = desk.upload(taken, **more)
            assert code(answer) == "scan_of_another"
            assert said in answer.json()["title_zh"]
            assert desk.record["doc_no"] in answer.json()["title"]
    before = desk.team.get("zhangwei", f"/records/{desk.record['id']}/versions/1/files").json()
    assert not [one for one in before["items"] if one["note"] == "就是它"]


def test_one_foreign_page_among_the_right_ones_is_refused(desk: Desk) -> None:
    pages = [signed(desk.paper).convert("L"), desk.other_paper.convert("L")]
    answer = desk.upload(saved(pages[0], "PDF", save_all=True, append_images=pages[1:]), PDF)
    assert code(answer) == "scan_of_another"
    assert answer.json()["errors"][0]["place"] == "page 2"


def test_the_right_version_without_its_signed_page_is_told(desk: Desk) -> None:
    cover = saved(page(desk.archive_pdf, 0), "PNG")
    assert code(desk.upload(cover, PNG, desk.archive)) == "scan_without_sign_page"
    confirmed = desk.upload(cover, PNG, desk.archive, unmatched="true", note="签在封面")
    assert desk.team.made(confirmed)["matched"] == "other_page"
    last = saved(page(desk.archive_pdf), "PNG")
    assert desk.team.made(desk.upload(last, PNG, desk.archive))["matched"] == "sign_page"


def test_what_cannot_be_read_is_kept_on_somebodys_word_only(desk: Desk) -> None:
    assert code(desk.upload(picture(), PNG)) == "scan_unread"
    made = desk.team.made(desk.upload(picture(), PNG, unmatched="true", note="复印件，二维码破损"))
    assert (made["matched"], made["note"]) == ("unread", "复印件，二维码破损")
    told = trail(desk.team)[-1].detail.replace(" ", "")
    assert '"unmatched":true' in told
    assert "复印件，二维码破损" in told


def test_a_signed_page_is_recorded_with_what_was_matched(desk: Desk) -> None:
    form = {"role": "cust_owner", "name": "刘洋", "signed_on": "2026-04-19", "opinion": "agree"}
    address = f"/records/{desk.record['id']}/versions/1/signed-papers"

    def send(paper: Image.Image) -> Any:
        files = {"file": ("a.jpg", photographed(signed(paper), Camera(angle=-4, width=1700)), JPEG)}
        return desk.team.ask("zhangwei", "POST", address, files=files, data=form)

    assert code(send(desk.other_paper)) == "scan_of_another"
    made = desk.team.made(send(desk.paper))
    roles = [(one["role"], one["method"]) for one in made["current"]["signoffs"]]
    assert ("cust_owner", "handwritten") in roles
    assert ("engineer", "electronic") in roles  # both ways in one record
    files = desk.team.get("zhangwei", address.replace("signed-papers", "files")).json()["items"]
    assert files[-1]["matched"] == "sign_page"


# ---------------------------------------------------------------- reading


@pytest.mark.slow
@settings(
    max_examples=50 if FULL else 6,
    derandomize=not FULL,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@example(angle=226, tilt=0.083, blur=1.25, noise=11, shade=0.24, quality=50, width=2415)
@example(angle=47, tilt=0.1, blur=1.2, noise=11, shade=0.1, quality=62, width=2503)
@given(
    angle=st.floats(0, 360),
    tilt=st.floats(0, 0.15),
    blur=st.floats(0, 1.2),
    noise=st.floats(0, 12),
    shade=st.floats(0, 0.5),
    quality=st.integers(45, 95),
    width=st.integers(2200, 3000),
)
def test_photographs_of_all_kinds_are_read(desk: Desk, **how: Any) -> None:
    found = printed(look_for_codes(JPEG, photographed(signed(desk.paper), Camera(**how))))
    pages = {(one.doc_no, one.is_sign_page) for one in found}
    assert (desk.record["doc_no"], True) in pages


def test_pages_are_counted_before_they_are_drawn() -> None:
    blank = Image.new("1", (8, 8))
    data = saved(blank, "TIFF", save_all=True, append_images=[blank] * PAGES)
    with pytest.raises(UploadRefused) as caught:
        look_for_codes(TIFF, data)
    assert caught.value.code == "too_many_pages"


def test_what_shows_no_code_shows_none() -> None:
    noise = Image.effect_noise((600, 900), 80)
    assert look_for_codes(PNG, saved(noise, "PNG")) == ()
    clear = Image.new("LA", (40, 40), (0, 0))
    assert look_for_codes(PNG, saved(clear, "PNG")) == ()


@pytest.mark.parametrize(
    ("texts", "outcome"),
    [
        ([SIGN], "sign_page"),
        (["https://a.example/verify/3A4EDF5757EF93EA?p=sign"], "sign_page"),
        (["https://a.example/verify/3A4EDF5757EF93EA", "WIFI:S:x;;", SIGN], "sign_page"),
        ([f"docgen:{NUMBER}:{HASH}"], "other_page"),
        (["https://a.example/verify/3A4EDF5757EF93EA"], "other_page"),
        (["https://a.example/3a4edf5757ef93ea", "docgen:", "docgen:SQ/12"], "unread"),
        ([], "unread"),
    ],
)
def test_what_codes_say(texts: list[str], outcome: str) -> None:
    seen = [ScannedCode(1, text) for text in texts]
    assert matched(seen, NUMBER, HASH, unmatched=True) == outcome


@pytest.mark.parametrize(
    "texts",
    [
        ["https://a.example/verify/3A4EDF5757EF93EB?p=sign", SIGN],
        [f"docgen:{NUMBER}:" + "0" * 64],
        ["docgen:SQ-HDYD-20260418-002/0000000000000000?p=sign"],
    ],
)
def test_codes_of_something_else_are_refused(texts: list[str]) -> None:
    with pytest.raises(UploadRefused) as caught:
        matched([ScannedCode(1, text) for text in texts], NUMBER, HASH, unmatched=True)
    assert caught.value.code == "scan_of_another"


@given(st.text(max_size=80))
def test_any_text_may_stand_in_a_code(text: str) -> None:
    assert all(len(one.short_code) == 16 for one in printed([ScannedCode(1, text)]))


def test_the_camera_is_one(desk: Desk) -> None:
    small = Camera(width=600)
    assert photographed(desk.paper, small) != photographed(desk.paper, replace(small, noise=5))
