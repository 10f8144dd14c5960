"""A real Chromium, and the team's application served to it over a socket."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.service import Team

CHROMIUM = "/usr/bin/chromium"
DESKTOP = {"width": 1366, "height": 900}
PHONE = {"width": 390, "height": 844}
PATIENCE_S = 60
expect.set_options(timeout=PATIENCE_S * 1000)


@contextmanager
def site(team: Team) -> Iterator[str]:
    """Serve the running application; gives its base URL."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        port = int(made.getsockname()[1])
    config = uvicorn.Config(
        team.client.app, host="127.0.0.1", port=port, lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + PATIENCE_S
    while not server.started:
        assert time.monotonic() < end
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Debian's Chromium."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield started
        finally:
            started.close()


def desktop(browser: Browser) -> BrowserContext:
    """Return a browser on a desk."""
    return browser.new_context(viewport=DESKTOP, locale="zh-CN")  # type: ignore[arg-type]


def phone(browser: Browser) -> BrowserContext:
    """Return a browser on a phone that is touched."""
    return browser.new_context(
        viewport=PHONE,  # type: ignore[arg-type]
        locale="zh-CN",
        is_mobile=True,
        has_touch=True,
        device_scale_factor=3,
    )


def opened(context: BrowserContext, url: str) -> Page:
    """Open a page that must not complain of anything, nor be wider than its window."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    page.wait_for_load_state("networkidle")
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    return page


def shot(page: Page, name: str) -> None:
    """Keep a picture to look at, where one is asked for."""
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def draw(page: Page, *, touch: bool = False) -> None:
    """Draw a signature into the field, with a mouse or a finger."""
    canvas = page.locator("canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box
    spots = [(0.15, 0.7), (0.3, 0.2), (0.4, 0.75), (0.55, 0.3), (0.7, 0.7), (0.85, 0.3)]
    line = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in spots]
    if touch:
        _touched(page, line)
        return
    page.mouse.move(*line[0])
    page.mouse.down()
    for spot in line[1:]:
        page.mouse.move(*spot, steps=6)
    page.mouse.up()


def _touched(page: Page, line: list[tuple[float, float]]) -> None:
    """Send real touch events through the browser's own protocol."""
    session = page.context.new_cdp_session(page)

    def send(kind: str, spot: tuple[float, float] | None) -> None:
        points = [{"x": spot[0], "y": spot[1]}] if spot else []
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    send("touchStart", line[0])
    for start, end in pairwise(line):
        for step in range(1, 7):
            share = step / 6
            between = (
                start[0] + (end[0] - start[0]) * share,
                start[1] + (end[1] - start[1]) * share,
            )
            send("touchMove", between)
    send("touchEnd", None)
    session.detach()
    page.wait_for_timeout(1000)  # as people do: Chromium takes a tap at once for the drag's end
