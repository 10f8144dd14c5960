"""The signing page in a real browser, on a desk and on a phone: drawn by mouse and by finger."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browsing import desktop, draw, opened, phone, shot, site
from tests.links import PERSON, link, path_of, submitted
from tests.service import Team

pytestmark = [pytest.mark.enable_socket, pytest.mark.slow]


@pytest.fixture
def base(office: Team) -> Iterator[str]:
    office.contract()
    with site(office) as url:
        yield url


def signoffs(team: Team, record: dict[str, str]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = team.get("zhangwei", f"/records/{record['id']}").json()[
        "current"
    ]["signoffs"]
    return found


def test_signing_by_mouse_on_a_desk(office: Team, base: str, browser: Browser) -> None:
    record = submitted(office)
    made = link(office, record)
    with desktop(browser) as context:
        page = opened(context, base + path_of(made))
        expect(page.locator("h1")).to_have_text("数据库巡检档案")
        expect(page.locator(".phone img")).to_be_visible()
        shot(page, "desk-before")
        page.get_by_role("button", name="确认签署").click()
        expect(page.locator("form.sign .error")).to_contain_text("请先手写签名")
        draw(page)
        page.locator("[name=consent]").check()
        shot(page, "desk-drawn")
        page.get_by_role("button", name="确认签署").click()
        expect(page.locator(".card.done")).to_contain_text("已签署")
        page.wait_for_load_state("networkidle")
        shot(page, "desk-done")
    assert [one["name"] for one in signoffs(office, record) if one["role"] == "cust_owner"] == [
        PERSON["name"]
    ]


def test_signing_by_finger_on_a_phone(office: Team, base: str, browser: Browser) -> None:
    record = submitted(office)
    made = link(office, record)
    with phone(browser) as context:
        page = opened(context, base + path_of(made))
        expect(page.locator(".phone")).to_be_hidden()
        shot(page, "phone-before")
        page.get_by_text("修改后同意", exact=True).tap()
        page.locator("[name=comment]").fill("请补充恢复演练记录")
        draw(page, touch=True)
        page.locator("[name=consent]").tap()
        shot(page, "phone-drawn")
        page.get_by_role("button", name="确认签署").tap()
        expect(page.locator(".card.done")).to_contain_text("修改后同意")
        page.wait_for_load_state("networkidle")
        shot(page, "phone-done")
    [given] = [one for one in signoffs(office, record) if one["role"] == "cust_owner"]
    assert (given["opinion"], given["comment"]) == ("agree_with_changes", "请补充恢复演练记录")


def test_a_visit_signs_what_was_opened_and_ticked(
    office: Team, base: str, browser: Browser
) -> None:
    records = [submitted(office), submitted(office)]
    contract = office.get("wangqiang", "/contracts").json()["items"][0]["id"]
    documents = [{"record_id": one["id"]} for one in records]
    wish = PERSON | {"role": "cust_owner", "documents": documents}
    made = office.made(office.post("zhangwei", f"/contracts/{contract}/visits", wish))
    with phone(browser) as context:
        page = opened(context, base + path_of(made))
        expect(page.locator("[name=position]").nth(0)).to_be_disabled()
        shot(page, "visit-before")
        for position in (1, 2):
            page.locator("li a.button").nth(position - 1).tap()
            page.wait_for_load_state("networkidle")
            page.get_by_role("link", name="返回文档清单").last.tap()
            page.wait_for_load_state("networkidle")
        page.locator("[data-all]").tap()
        draw(page, touch=True)
        page.locator("[name=consent]").tap()
        shot(page, "visit-drawn")
        page.get_by_role("button", name="签署勾选的文档").tap()
        expect(page.locator("li.done")).to_have_count(2)
        shot(page, "visit-done")
    for record in records:
        assert "cust_owner" in {one["role"] for one in signoffs(office, record)}


def test_a_code_is_asked_for_once_and_a_colleague_takes_over(
    office: Team, base: str, browser: Browser
) -> None:
    record = submitted(office)
    made = link(office, record, access_code="314159")
    with desktop(browser) as context:
        page = context.new_page()
        page.goto(base + path_of(made))
        assert record["doc_no"] not in page.content()
        shot(page, "code")
        page.locator("[name=code]").fill("271828")
        page.get_by_role("button", name="进入").click()
        expect(page.locator(".error")).to_contain_text("访问码不正确")
        page.locator("[name=code]").fill("314159")
        page.get_by_role("button", name="进入").click()
        expect(page.locator("h1")).to_have_text("数据库巡检档案")
        page.get_by_text("转交同事签署").click()
        page.locator(".delegate [name=name]").fill("周敏")
        page.locator(".delegate [name=reason]").fill("出差")
        page.get_by_role("button", name="转交", exact=True).click()
        address = page.locator(".made").inner_text()
        shot(page, "delegated")
        page.reload()
        expect(page.locator(".notice")).to_contain_text("已转交周敏签署")
        shot(page, "ended")
    with desktop(browser) as context:
        page = context.new_page()
        page.goto(address)
        page.locator("[name=code]").fill("314159")
        page.get_by_role("button", name="进入").click()
        expect(page.locator(".intro")).to_contain_text("周敏，您好")
