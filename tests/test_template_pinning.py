"""Templates and theme are fixed at submission: later copies print what was submitted."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from docgen.document import LANGS
from docgen.errors import TemplateFaulty
from docgen.operations.sweeping import sweep
from docgen.paths import templates_dir
from docgen.pipeline import pinned_bundle
from docgen.store.tables import VersionRow
from docgen.templates.bundle import HEAD, gathered, parsed
from docgen.templates.catalog import FORMATS
from docgen.templates.theme import default_folder, load_theme
from tests import paperless
from tests.packages import codes, downloaded, path_of
from tests.packages import made as package_of
from tests.readers import pdf_text
from tests.service import Team, at_work

FOLDERS = (templates_dir(),)
FONTS = default_folder() / "fonts"
AT_FIRST, LATER = "甲版措辞", "乙版措辞"


# ---------------------------------------------------------------- bundles


def bundle(code: str = "SQ") -> bytes:
    return pinned_bundle(FOLDERS, default_folder(), code, "https://example.org/verify/")


def test_a_bundle_gives_back_what_was_gathered() -> None:
    theme = load_theme(default_folder())
    made = gathered(FOLDERS, theme, "SQ")
    assert set(made.templates) == {(name, lang) for name in FORMATS for lang in LANGS}
    data = made.written()
    assert data == gathered(FOLDERS, load_theme(default_folder()), "SQ").written()
    found = parsed(data, FONTS)
    assert (found.theme, found.fonts_sha256) == (theme, made.fonts_sha256)
    for key, template in made.templates.items():
        assert (found.templates[key].data, found.templates[key].version) == (
            template.data,
            template.version,
        )
    assert parsed(bundle(), FONTS).theme.verify_url == "https://example.org/verify/"


def test_every_part_of_a_theme_changes_the_bundle() -> None:
    theme = load_theme(default_folder())
    changes: list[dict[str, Any]] = [
        {"company_zh": "别家"},
        {"logo": b"other"},
        {"edge_seal": b"\x89PNG"},
        {"accent": "000000"},
        {"pages": dict(theme.pages) | {"page.css": ""}},
    ]
    made = {gathered(FOLDERS, replace(theme, **one), "SQ").written() for one in [{}, *changes]}
    assert len(made) == 1 + len(changes)


def altered(data: bytes, **head: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as opened, zipfile.ZipFile(out, "w") as made:
        for name in opened.namelist():
            part = opened.read(name)
            made.writestr(name, json.dumps(json.loads(part) | head) if name == HEAD else part)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (altered(bundle(), format=2), "bundle_format"),
        (altered(bundle(), theme={}), "bundle_broken"),
        (b"no zip", "bundle_broken"),
    ],
    ids=["another form", "no theme", "no zip"],
)
def test_a_bundle_that_cannot_be_read_is_refused_by_name(data: bytes, code: str) -> None:
    with pytest.raises(TemplateFaulty) as refused:
        parsed(data, FONTS)
    assert refused.value.code == code


# ---------------------------------------------------------------- the service


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[Team, Path, Path]]:
    """A team with templates and a theme of its own, which say `AT_FIRST`."""
    templates, theme = tmp_path / "templates", tmp_path / "theme"
    shutil.copytree(templates_dir() / "SQ", templates / "SQ")
    shutil.copytree(default_folder(), theme, ignore=shutil.ignore_patterns("fonts"))
    reword(templates / "SQ/page.html", "{% block body %}", f"{{% block body %}}<p>{AT_FIRST}</p>")
    reword(theme / "theme.toml", load_theme(theme).company_zh, "甲版公司")
    with at_work(tmp_path / "data", templates=(templates,), theme=theme) as team:
        team.contract()
        yield team, templates, theme


def reword(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def submitted(team: Team) -> Any:
    team.clock.at("04-19 18:00")
    record = team.record("SQ")
    team.made(team.submit(record), 200)
    team.clock.at("04-20 15:00")
    given = {
        "role": "cust_owner",
        "name": "刘洋",
        "opinion": "agree",
        "signed_on": "2026-04-20",
        "scan_id": team.scan(record),
    }
    team.made(team.post("zhangwei", f"{path_of(record)}/paper-signatures", given))
    return record


def text_of(team: Team, record: Any, **query: str) -> str:
    answer = team.get("zhangwei", f"{path_of(record)}/document.pdf", params=query)
    assert answer.status_code == 200, answer.text
    return printed(answer.content, team)


def printed(pdf: bytes, team: Team) -> str:
    path = team.store.folder.parent / "printed.pdf"
    path.write_bytes(pdf)
    return pdf_text(path)


@pytest.mark.slow
@pytest.mark.parametrize("deleted", [False, True], ids=["edited", "deleted"])
def test_later_copies_print_what_was_submitted(
    own: tuple[Team, Path, Path], tmp_path: Path, deleted: bool
) -> None:
    team, templates, theme = own
    record = submitted(team)
    original = (templates / "SQ/page.html").read_bytes()
    if deleted:
        shutil.rmtree(templates)
        shutil.rmtree(theme)
    else:
        reword(templates / "SQ/page.html", AT_FIRST, LATER)
        reword(theme / "theme.toml", "甲版公司", "乙版公司")
        reword(theme / "signoffs.html", "{{ block.title }}", "乙版 {{ block.title }}")
        shutil.copyfile(templates_dir() / "theme/logo.png", templates / "logo.png")
        with (theme / "logo.png").open("ab") as file:
            file.write(b"changed")
        assert LATER in text_of(team, team.record("SQ"))  # a new draft prints what is there now
    team.made(team.post("zhangwei", f"/records/{record['id']}/archive"), 200)
    for query in ({"stage": "submitted"}, {"stage": "archived"}, {"lang": "en"}):
        text = text_of(team, record, **query)
        assert (AT_FIRST in text, "乙版" in text) == (True, False), query
        assert "甲版公司" in text or query == {"lang": "en"}
    if deleted:
        return  # an evidence page is printed with the theme of its day
    package = package_of(team, record)
    files = package.files()
    with zipfile.ZipFile(io.BytesIO(files["data/templates.zip"])) as opened:
        assert opened.read("templates/page.html") == original
    statement = json.loads(files["data/package.json"])
    (item,) = [one for one in statement["files"] if one["kind"] == "templates"]
    assert statement["rows"]["version"]["templates"] == item["sha256"]
    assert item["sha256"] in printed(files["data/evidence.pdf"], team).replace("\n", "")
    assert codes(package.data, package.trust, tmp_path) == set()


@pytest.mark.slow
def test_a_copy_of_another_text_is_not_archived(office: Team) -> None:
    office.contract()
    record = submitted(office)
    other = office.store.blobs.put(bundle())  # the QR code leads elsewhere
    with office.store.database.writing() as session:
        kept = session.scalars(select(VersionRow)).one()
        session.connection().exec_driver_sql(
            "INSERT INTO blobs (sha256, size_bytes, created_at) VALUES (?, ?, ?)",
            (other, 1, "2026-03-10 00:00:00.000000"),
        )
        first, kept.templates = kept.templates, other
    answer = office.post("zhangwei", f"/records/{record['id']}/archive")
    assert (answer.status_code, answer.json()["code"]) == (409, "archived_text_differs")
    with office.store.database.writing() as session:
        session.scalars(select(VersionRow)).one().templates = first
    office.made(office.post("zhangwei", f"/records/{record['id']}/archive"), 200)
    assert downloaded(office, record)


def test_bundles_are_stored_once_and_not_swept(office: Team) -> None:
    office.contract()
    office.clock.at("04-19 18:00")
    for _ in range(2):
        paperless.submit(office, office.record("SQ"))
    with office.store.reading() as session:
        (sha256,) = {one.templates for one in session.scalars(select(VersionRow))}
    assert sha256
    orphan = office.store.blobs.put(b"nobody's")
    swept = sweep(office.store, datetime.now(UTC) + timedelta(days=400))
    assert (swept.blobs, orphan in dict(office.store.blobs.names())) == (1, False)
    assert parsed(office.store.blobs.get(sha256), FONTS).code == "SQ"
