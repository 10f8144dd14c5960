"""The verification page in a real browser, on a desk and on a phone, with and without scripts."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browsing import DESKTOP, desktop, opened, phone, shot, site
from tests.service import Team, at_work
from tests.test_verification import document, short

pytestmark = [pytest.mark.enable_socket, pytest.mark.slow]

DROP = """async ([bytes, name]) => {
  const data = Uint8Array.from(atob(bytes), (one) => one.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([data], name, {type: "application/pdf"}));
  const drop = document.querySelector(".drop");
  for (const kind of ["dragenter", "dragover", "drop"]) {
    const event = {dataTransfer: transfer, bubbles: true, cancelable: true};
    drop.dispatchEvent(new DragEvent(kind, event));
  }
}"""


@dataclass
class Place:
    """Where the page is served, and a document to verify."""

    url: str
    team: Team
    doc_no: str
    code: str
    pdf: bytes


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with at_work(tmp_path_factory.mktemp("page") / "data") as team:
        team.clock.at("04-20 10:00")
        team.contract()
        record = team.record("SQ")
        team.made(team.submit(record), 200)
        with site(team) as url:
            pdf = document(team, record, "signed")
            yield Place(url, team, record["doc_no"], short(team, record), pdf)


def dropped(page: Page, data: bytes) -> None:
    with page.expect_navigation():
        page.evaluate(DROP, [base64.b64encode(data).decode(), "单据.pdf"])


def test_a_code_is_typed_and_a_file_dropped_on_a_desk(place: Place, browser: Browser) -> None:
    with desktop(browser) as context:
        page = opened(context, f"{place.url}/verify")
        shot(page, "verify-desk-ask")
        page.get_by_label("校验码").fill(f"{place.code[:8].lower()} {place.code[8:]}")
        page.get_by_role("button", name="核验").click()
        expect(page.locator("h1")).to_have_text("系统中登记有这份文档")
        expect(page.locator("dl")).to_contain_text(place.doc_no)
        shot(page, "verify-desk-standing")
        dropped(page, place.pdf)
        expect(page.locator("h1")).to_have_text("就是登记的文件")
        shot(page, "verify-desk-on-record")
        dropped(page, place.pdf + b"\n")
        expect(page.locator("h1")).to_have_text("文件被改动过")
        shot(page, "verify-desk-altered")
        page.get_by_role("link", name="English").click()
        expect(page.locator("h1")).to_have_text("This document is on record")


def test_a_file_is_chosen_on_a_phone(place: Place, browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(place.pdf)
    with phone(browser) as context:
        page = opened(context, f"{place.url}/verify/{place.code}?p=sign")
        shot(page, "verify-phone-standing")
        page.locator("input[type=file]").set_input_files(path)
        expect(page.locator(".drop-text")).to_have_text("a.pdf")
        page.get_by_role("button", name="核对文件").click()
        expect(page.locator("h1")).to_have_text("就是登记的文件")
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
        shot(page, "verify-phone-on-record")


def test_it_works_without_scripts(place: Place, browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(place.pdf[:-1])
    size: Any = DESKTOP
    with browser.new_context(viewport=size, java_script_enabled=False, locale="en-GB") as context:
        page = context.new_page()
        page.goto(f"{place.url}/verify/{place.code}")
        page.locator("input[type=file]").set_input_files(path)
        page.get_by_role("button", name="Check the file").click()
        expect(page.locator("h1")).to_contain_text("was altered")
        shot(page, "verify-plain-altered")


def test_too_large_a_file_is_told_before_it_is_sent(place: Place, browser: Browser) -> None:
    with desktop(browser) as context:
        page = opened(context, f"{place.url}/verify/{place.code}")
        page.evaluate("document.querySelector('form.file').dataset.most = '10'")
        page.evaluate(DROP, [base64.b64encode(place.pdf).decode(), "单据.pdf"])
        expect(page.locator("form.file .error")).to_contain_text("超过 50 MB")


def test_an_unknown_code_is_told(place: Place, browser: Browser) -> None:
    with phone(browser) as context:
        page = context.new_page()
        page.goto(f"{place.url}/verify/{'0' * 16}")
        expect(page.locator("h1")).to_have_text("没有找到这个校验码")
        shot(page, "verify-phone-unknown")
