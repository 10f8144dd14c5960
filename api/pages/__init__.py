"""Pages for people: templates, texts and static files. Data only; routes decide what is shown."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

FOLDER = Path(__file__).parent
# What may be served by its name; nothing else of the folder can be asked for.
STATIC = {
    "icon.svg": "image/svg+xml",
    "sign.css": "text/css; charset=utf-8",
    "sign.js": "text/javascript; charset=utf-8",
    "signature_pad.js": "text/javascript; charset=utf-8",
    "verify.css": "text/css; charset=utf-8",
    "verify.js": "text/javascript; charset=utf-8",
}
# Content Security Policy Level 3: only our own scripts run, and no other page shows ours.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


@cache
def static(name: str) -> tuple[bytes, str, str]:
    """Return a static file: its bytes, its media type, and the tag of its content."""
    data = (FOLDER / "static" / name).read_bytes()
    return data, STATIC[name], hashlib.sha256(data).hexdigest()[:16]


@cache
def texts(lang: str) -> Mapping[str, str]:
    """Return what pages say, in `lang` (zh or en)."""
    plain = tomllib.loads((FOLDER / "texts.toml").read_text("utf-8"))
    return {name: entry[lang] for name, entry in plain.items()}


def page(name: str, lang: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Fill a template; the answer may run only our own scripts."""
    made = _templates().get_template(name)
    html = made.render(t=SimpleNamespace(**texts(lang)), lang=lang, asset=_asset, **values)
    return HTMLResponse(html, status, {"Content-Security-Policy": POLICY})


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _asset(name: str) -> str:
    return f"/pages/{name}?v={static(name)[2]}"
