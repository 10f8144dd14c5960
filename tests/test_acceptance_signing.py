"""The acceptance list's signatures: by a link in a real browser on a phone, and by paper.

What is signed is then put before the programs that others check with: pyHanko's own command line,
pdfsig, mutool, qpdf; and its package before `docgen verify`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from docgen.signing.keys import CERTIFICATE_NAME
from tests.browsing import desktop, draw, opened, phone, site
from tests.commands import as_json, docgen_process
from tests.links import link, path_of
from tests.photographs import Camera, photographed, signed
from tests.photographs import page as printed
from tests.service import Team, draft
from tests.sizes import FULL
from tests.test_verification import short

pytestmark = [pytest.mark.enable_socket, pytest.mark.slow, pytest.mark.no_cover]

OWNER = "刘洋"
PYHANKO = str(Path(sys.executable).with_name("pyhanko"))
Way = Callable[["Case", Any, str], None]


@dataclass
class Case:
    """A contract's people, the service's address, and every state of the file that is signed."""

    team: Team
    browser: Browser
    base: str
    states: list[bytes] = field(default_factory=list)

    def seen(self, record: Any) -> bytes:
        """Fetch the signed file; each state begins with the one before it."""
        answer = self.team.get("zhangwei", f"{versions(record)}/document.pdf?stage=signed")
        assert answer.status_code == 200, answer.text
        if self.states:
            assert answer.content.startswith(self.states[-1])
        self.states.append(answer.content)
        return answer.content

    def submits(self, record: Any) -> None:
        self.team.made(self.team.submit(record), 200)
        submitted = self.team.get(
            "zhangwei", f"{versions(record)}/document.pdf?stage=submitted"
        ).content
        self.states.append(submitted)
        self.seen(record)

    def signs(self, who: str, record: Any) -> None:
        """Sign as one of us."""
        given = {"opinion": "agree"}
        self.team.made(self.team.post(who, f"{versions(record)}/signoffs", given))
        self.seen(record)

    def archives(self, record: Any) -> Any:
        return self.team.post("zhangwei", f"/records/{record['id']}/archive")


@pytest.fixture
def case(office: Team, browser: Browser) -> Iterator[Case]:
    with site(office) as base:
        yield Case(office, browser, base)


def versions(record: Any) -> str:
    return f"/records/{record['id']}/versions/1"


def by_link(case: Case, record: Any, day: str) -> None:
    """Have the customer open the link on a phone, draw with a finger and send it off."""
    made = link(case.team, record)
    with phone(case.browser) as context:
        page = opened(context, case.base + path_of(made))
        draw(page, touch=True)
        page.locator("[name=consent]").tap()
        page.get_by_role("button", name="确认签署").tap()
        expect(page.locator(".card.done")).to_contain_text("已签署")


def by_paper(case: Case, record: Any, day: str) -> None:
    """Print the signed page, have it signed, and take its photograph."""
    path = f"{versions(record)}/document.pdf"
    paper = printed(case.team.get("zhangwei", path).content)
    taken = photographed(signed(paper), Camera(angle=4, tilt=0.04, blur=0.7, noise=6, shade=0.2))
    files = {"file": ("签字页.jpg", taken, "image/jpeg")}
    form = {"role": "cust_owner", "name": OWNER, "signed_on": day, "opinion": "agree"}
    answer = case.team.ask(
        "zhangwei", "POST", f"{versions(record)}/signed-papers", files=files, data=form
    )
    case.team.made(answer)


def ways(usual: Way) -> pytest.MarkDecorator:
    """Sign in both ways, or in the usual one: each way, and each case, comes once in any run."""
    chosen = [by_link, by_paper] if FULL else [usual]
    return pytest.mark.parametrize("sign", chosen, ids=lambda way: way.__name__)


@ways(by_paper)
def test_case_2_an_inspection(case: Case, sign: Way, tmp_path: Path) -> None:
    team = case.team
    team.clock.at("03-07 18:40")
    team.contract()
    record = team.record("XJ")
    case.submits(record)
    team.clock.at("03-10 09:00")
    case.signs("chenjianguo", record)
    refused = case.archives(record)
    assert refused.status_code == 409
    assert f"客户负责人（{OWNER}）" in refused.json()["errors"][0]["message"]["zh"]
    team.clock.at("03-12 15:00")
    sign(case, record, "2026-03-12")
    case.seen(record)
    assert team.made(case.archives(record), 200)["state"] == "archived"
    edit = team.ask(
        "zhangwei",
        "PUT",
        f"/records/{record['id']}",
        json=draft("XJ", summary="改"),
        headers={"If-Match": "*"},
    )
    assert edit.status_code == 409
    assert "R1" in edit.json()["errors"][0]["hint"]["zh"]
    others_agree(case, record, tmp_path, roles={"engineer", "leader", "cust_owner"}, pyhanko=False)


@ways(by_link)
def test_case_8_a_defect(case: Case, sign: Way, tmp_path: Path) -> None:
    team = case.team
    team.clock.at("03-11 16:45")
    team.contract()
    record = team.record(
        "QX",
        converted_from=None,
        config_changes=[],
        config_changes_reason="本次处理未修改参数",
        pm_delivery=None,
        prepared_at=None,
    )
    case.submits(record)
    unsigned = case.archives(record)
    assert unsigned.status_code == 409
    assert OWNER in unsigned.json()["errors"][0]["message"]["zh"]
    sign(case, record, "2026-03-11")
    case.seen(record)
    team.clock.at("03-11 17:00")
    case.signs("wangqiang", record)
    final = team.made(case.archives(record), 200)["current"]["content"]
    assert final["pm_delivery"]["received_at"] == "2026-03-11T09:00:00Z"
    others_agree(case, record, tmp_path, roles={"handler", "pm", "cust_owner"})


def others_agree(
    case: Case, record: Any, folder: Path, roles: set[str], *, pyhanko: bool = True
) -> None:
    """Put the signed file and the package before every program that people check with.

    pyHanko's command opens an object stream anew for each object: minutes over eighteen pages.
    """
    file, certificate = folder / "signed.pdf", folder / "seal.pem"
    file.write_bytes(case.seen(record))
    certificate.write_bytes((case.team.store.folder / CERTIFICATE_NAME).read_bytes())

    def told(*command: str) -> str:
        done = subprocess.run([*command, str(file)], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr

    if pyhanko:
        trust = ("--trust", str(certificate), "--trust-replace", "--no-revocation-check")
        summary = told(PYHANKO, "sign", "validate", *trust, "--executive-summary").splitlines()
        assert len(summary) == len(roles), summary
        assert all("VALID" in line and "INVALID" not in line for line in summary)
    assert "No syntax or stream encoding errors" in told("qpdf", "--check")
    assert told("pdfsig", "-nocert").count("Signature is Valid") == len(roles)
    assert "ocument has been changed" not in told("mutool", "sign", "-v")
    fonts = told("pdffonts").splitlines()[2:]
    assert fonts
    assert all(re.search(r" yes +(yes|no) +(yes|no) ", one) for one in fonts)

    package = folder / "package.zip"
    answer = case.team.get("zhangwei", f"{versions(record)}/package.zip")
    assert answer.status_code == 200, answer.text
    package.write_bytes(answer.content)
    for path in (file, package):  # a process, since the browser keeps a loop in this one
        assert as_json("verify", path, "--cert", certificate, call=docgen_process)["good"] is True
    the_page_agrees(case, record, file)


def the_page_agrees(case: Case, record: Any, file: Path) -> None:
    """Go where the code on the paper leads, and give that page the signed file."""
    with desktop(case.browser) as context:
        page = opened(context, f"{case.base}/verify/{short(case.team, record)}")
        expect(page.locator("dl")).to_contain_text(record["doc_no"])
        page.locator("input[type=file]").set_input_files(file)
        page.get_by_role("button", name="核对文件").click()
        expect(page.locator("h1")).to_have_text("就是登记的文件")
