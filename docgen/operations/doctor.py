"""Check the machine: libraries, fonts, templates, children that obey their limits.

`docgen.store.health` checks the store, `docgen.signing.health` the seal. Changes nothing.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from docgen.errors import DocgenError
from docgen.mail.smtp import server_of
from docgen.pipeline import ready
from docgen.pipeline.children import children
from docgen.settings import Settings
from docgen.signing import health as seals
from docgen.store import health
from docgen.store.health import HealthFinding
from docgen.templates.catalog import FORMATS
from docgen.templates.theme import load_theme

FREE_MB = 500  # of the temporary folder: a batch's PDFs lie there while they are merged


def examine(settings: Settings) -> Iterator[HealthFinding]:
    """Check everything that rendering and the service need; yield every finding, good or bad."""
    version = platform.python_version()
    yield HealthFinding(
        "Python", sys.version_info >= (3, 11), version, "安装 Python 3.11 或更新版本"
    )
    yield _pango()
    yield _theme(settings)
    yield _fonts(settings)
    yield _render(settings)
    yield _space()
    yield _mail(settings)
    yield from health.examine(settings)
    yield from seals.examine(settings)


def _pango() -> HealthFinding:
    remedy = "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
    try:
        import weasyprint
    except OSError as missing:
        return HealthFinding("Pango", False, str(missing).splitlines()[0], remedy)
    return HealthFinding("Pango", True, f"WeasyPrint {weasyprint.__version__}")


def _theme(settings: Settings) -> HealthFinding:
    try:
        theme = load_theme(settings.theme_folder)
    except DocgenError as wrong:
        return HealthFinding(
            "主题 theme", False, wrong.message("en"), wrong.hint("en") or str(settings.theme_folder)
        )
    return HealthFinding("主题 theme", True, theme.company_zh)


def _fonts(settings: Settings) -> HealthFinding:
    folder = settings.theme_folder / "fonts"
    remedy = "重新安装 docgen，或运行 templates/theme/fonts/build.py"
    try:
        folder = load_theme(settings.theme_folder).fonts
        listed = tomllib.loads((folder / "fonts.toml").read_text("utf-8"))["fonts"]
        wrong = [text for item in listed if (text := _wrong_font(folder, item))]
    except (OSError, LookupError, TypeError, ValueError, DocgenError) as missing:
        return HealthFinding("字体 fonts", False, str(missing), remedy)
    if wrong:
        return HealthFinding("字体 fonts", False, ", ".join(wrong), remedy)
    return HealthFinding("字体 fonts", True, f"{len(listed)} 个文件与清单一致")


def _wrong_font(folder: Path, item: dict[str, str]) -> str:
    """Return what is wrong with a font file of the list; empty for nothing."""
    path = folder / item["file"]
    if not path.is_file():
        return f"没有文件：{path.name}"
    same = hashlib.sha256(path.read_bytes()).hexdigest() == item["sha256"]
    return "" if same else f"与清单不符：{path.name}"


def _render(settings: Settings) -> HealthFinding:
    """Load all templates in a real child, with its limits."""
    try:
        with children(replace(settings, jobs=1), FORMATS) as pool:
            found = pool.run(ready, settings.template_folders, settings.theme_folder, size_bytes=0)
    except DocgenError as wrong:
        return HealthFinding(
            "模板 templates", False, f"{wrong.place} {wrong.message('en')}", wrong.hint("en")
        )
    return HealthFinding("模板 templates", True, f"{found} 个模板可用")


def _mail(settings: Settings) -> HealthFinding:
    """Check the mail settings without connecting; no server is fine, but nobody gets mail."""
    subject = "邮件 mail"
    try:
        server = server_of(settings)
    except DocgenError as wrong:
        return HealthFinding(subject, False, wrong.message("en"), wrong.hint("en") or "DOCGEN_SMTP")
    if server is None:
        detail = "没有设 DOCGEN_SMTP：不发邀请，remind_days 无效 no invitations, no reminders"
        return HealthFinding(subject, True, detail)
    return HealthFinding(subject, True, f"{server.host}:{server.port}")


def _space() -> HealthFinding:
    free = shutil.disk_usage(tempfile.gettempdir()).free // 2**20
    return HealthFinding(
        "临时空间 temp space", free > FREE_MB, f"{free} MB", f"至少需要 {FREE_MB} MB"
    )
