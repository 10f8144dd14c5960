#!/usr/bin/env python3
"""A customer who signs through a link, as a browser does: opens it, looks at a page, draws.

Usage: customer.py URL
"""

from __future__ import annotations

import io
import json
import re
import sys

import requests
from PIL import Image, ImageDraw

FORM_KEY = re.compile(r'name="form_key" value="([0-9a-f]{64})"')
SCRIBBLE = ((40, 150), (110, 40), (150, 170), (230, 60), (300, 160), (360, 90), (470, 140))
SIZE = (520, 200)


class Customer:
    """Somebody who was sent a link."""

    def __init__(self, url: str) -> None:
        self.url, self.browser = url, requests.Session()
        self.browser.headers["User-Agent"] = "docgen demo"

    def sign(self) -> None:
        """Agree with a drawn signature. Raises requests.RequestException with the refusal."""
        page = self.get("")
        self.get("/1/pages/1.png")
        found = FORM_KEY.search(page.text)
        if not found:
            raise requests.RequestException(f"{self.url}: no form")
        form = {"form_key": found[1], "opinion": "agree", "consent": "yes", "lang": "zh"}
        points = [{"x": x, "y": y} for x, y in SCRIBBLE]
        strokes = {"width": SIZE[0], "height": SIZE[1], "strokes": [{"points": points}]}
        files = {
            "image": ("signature.png", scribble(), "image/png"),
            "strokes": ("strokes.json", json.dumps(strokes), "application/json"),
        }
        headers = {"Accept": "application/json", "Sec-Fetch-Site": "same-origin"}
        answer = self.browser.post(
            f"{self.url}/1/sign", form, files=files, headers=headers, timeout=60
        )
        if answer.status_code != requests.codes.ok:
            raise requests.RequestException(answer.text)

    def get(self, below: str) -> requests.Response:
        """Open a page of the link."""
        answer = self.browser.get(self.url + below, timeout=60)
        answer.raise_for_status()
        return answer


def scribble() -> bytes:
    """Return a sample signature as a browser draws it, PNG."""
    picture = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    ImageDraw.Draw(picture).line(SCRIBBLE, fill=(16, 26, 58, 255), width=6, joint="curve")
    made = io.BytesIO()
    picture.save(made, "PNG")
    return made.getvalue()


if __name__ == "__main__":
    Customer(sys.argv[1]).sign()
