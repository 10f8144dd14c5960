"""The same record gives the same values in Word, Excel and PDF: every sample, every field."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from docgen.document import Document, Rows, Value, View, build, words
from docgen.paths import samples_dir
from docgen.pipeline import RenderedFile, RenderRequest, read_record, render
from docgen.pipeline.children import children
from docgen.renderers.isolation import Children
from docgen.settings import Settings
from schemas.setting import Setting
from tests.office import converted
from tests.readers import docx_text, pdf_text, squeezed, xlsx_cells, xlsx_text
from tests.sizes import FULL
from tests.warm import PATIENT, lent

pytestmark = pytest.mark.no_cover

NOW = datetime(2026, 11, 1, tzinfo=UTC)
ALL = sorted(
    path
    for path in samples_dir().rglob("*.json")
    if path.parent.name not in ("bad", "service") and not path.name.startswith("HT-")
)
# Of the large ones the gate takes the widest: many rows are the same template as few.
SAMPLES = [path for path in ALL if FULL or path.stem != "large" or path.parent.name == "XJ"]
FORMATS = ("docx", "xlsx", "pdf")
HIDDEN = {"schema_version", "absences", "signoffs"}
CONTROL_LISTS = {"revisions", "distribution", "attachments"}  # a form leaves empty ones out
NONE = words("zh")["none"]


def name_of(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


@pytest.fixture(scope="module")
def pool() -> Children:
    """Children that render each sample once in a run, whichever process of it asks."""
    return lent(Settings(jobs=1, **PATIENT), FORMATS)


def rendered(pool: Children, path: Path, format_name: str, lang: str = "zh") -> RenderedFile:
    settings = Settings()
    order = RenderRequest(
        path.read_bytes(),
        NOW,
        lang=lang,
        templates=settings.template_folders,
        theme=settings.theme_folder,
    )
    return pool.run(render, order, format_name, size_bytes=len(order.data))


@cache
def made(pool: Children, path: Path, format_name: str, lang: str = "zh") -> RenderedFile:
    """What came of a sample; the tests of this module share it."""
    return rendered(pool, path, format_name, lang)


@cache
def document(path: Path, lang: str = "zh") -> Document:
    found = read_record(path.read_bytes(), Setting(NOW))
    assert found.value is not None, found.problems
    return build(found.value, lang)


def texts(node: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every printed value with its path; nothing of an absent object but its reason."""
    if isinstance(node, Value):
        yield name, str(node)
    elif isinstance(node, View):
        if not node and node.empty != NONE:
            yield name, node.empty
        for key, child in node.fields.items() if node else ():
            if key not in HIDDEN:
                yield from texts(child, f"{name}.{key}" if name else key)
    elif isinstance(node, Rows):
        if not node and name not in CONTROL_LISTS:
            yield name, node.empty
        for index, row in enumerate(node):
            yield from texts(row, f"{name}[{index}]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made")


@cache
def text_of(pool: Children, folder: Path, path: Path, format_name: str, lang: str = "zh") -> str:
    """The text of a sample's document, without white space."""
    outcome = made(pool, path, format_name, lang)
    if format_name == "pdf":
        file = folder / f"{name_of(path)}-{lang}.pdf"
        file.write_bytes(outcome.data)
        return squeezed(pdf_text(file))
    return squeezed((docx_text if format_name == "docx" else xlsx_text)(outcome.data))


@pytest.mark.parametrize("path", SAMPLES, ids=name_of)
def test_every_value_stands_in_all_three_in_order(pool: Children, folder: Path, path: Path) -> None:
    expected = list(texts(document(path).view))
    assert len(expected) > 20
    fields = document(path).view.fields.items()
    lists = [rows for name, rows in fields if isinstance(rows, Rows) and name not in HIDDEN]
    for format_name in FORMATS:
        found = text_of(pool, folder, path, format_name)
        lost = [(name, text) for name, text in expected if not stands(text, found)]
        assert not lost, (format_name, lost[:10])
        for rows in (rows for rows in lists if len(rows) > 1 and isinstance(rows.rows[0], View)):
            lines = [line for row in rows if (line := _line(row))]
            assert _in_order(found, lines), (format_name, lines[:5])


def stands(text: str, found: str) -> bool:
    """Whether a text is there; one over several pages line by line, for headers come between."""
    if squeezed(text) in found:
        return True
    return len(text) > 2_000 and all(squeezed(line) in found for line in text.split("\n"))


def _line(row: View) -> str:
    """The longest short text of a row: what tells it from the others."""
    plain = [str(v) for v in row.fields.values() if isinstance(v, Value) and v and v.moment is None]
    return squeezed(max((text for text in plain if len(text) < 120), key=len, default=""))


def _in_order(text: str, lines: list[str]) -> bool:
    place = 0
    for line in dict.fromkeys(lines):
        place = text.find(line, place)
        if place < 0:
            return False
    return True


# Many rows are the same template as few: a large sample tells nothing of the language.
ENGLISH = [path for path in ALL[::4] if FULL or path.stem != "large"]


@pytest.mark.parametrize("path", ENGLISH, ids=name_of)
def test_english_is_complete(pool: Children, folder: Path, path: Path) -> None:
    expected = list(texts(document(path, "en").view))
    for format_name in FORMATS:
        found = text_of(pool, folder, path, format_name, "en")
        lost = [(name, text) for name, text in expected if squeezed(text) not in found]
        assert not lost, (format_name, lost[:10])


def test_the_same_input_gives_the_same_bytes(pool: Children) -> None:
    path = samples_dir() / "ZX" / "hard.json"
    for format_name in FORMATS:
        first = made(pool, path, format_name).data
        with children(Settings(jobs=1), [format_name]) as other:
            second = rendered(other, path, format_name).data
        assert hashlib.sha256(first).hexdigest() == hashlib.sha256(second).hexdigest()


def test_no_cell_is_a_formula(pool: Children) -> None:
    for path in SAMPLES:
        if path.stem == "hard":
            cells = xlsx_cells(made(pool, path, "xlsx").data)
            assert not [cell.coordinate for cell in cells if cell.data_type in "fe"]


@pytest.mark.parametrize("code", ["XJ", "ZX", "WB"])
def test_pdf_holds_what_it_claims(pool: Children, code: str, tmp_path: Path) -> None:
    path = tmp_path / "made.pdf"
    path.write_bytes(made(pool, samples_dir() / code / "hard.json", "pdf").data)
    check = subprocess.run(["qpdf", "--check", path], capture_output=True, text=True, check=True)
    assert "No syntax or stream encoding errors found" in check.stdout
    fonts = subprocess.run(["pdffonts", path], capture_output=True, text=True, check=True).stdout
    rows = [line for line in fonts.splitlines()[2:] if line]
    assert rows
    assert all("Docgen-S" in row and row.split()[-5] == "yes" for row in rows), fonts
    info = subprocess.run(["pdfinfo", path], capture_output=True, text=True, check=True).stdout
    assert "Tagged:          yes" in info
    assert code in info


OPENED = SAMPLES[::3]


@pytest.fixture(scope="module")
def opened(pool: Children, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what LibreOffice prints of Word and Excel documents."""
    folder = tmp_path_factory.mktemp("opened")
    files = []
    for path in OPENED:
        for format_name in ("docx", "xlsx"):
            files.append(folder / f"{name_of(path)}-{format_name}.{format_name}")
            files[-1].write_bytes(made(pool, path, format_name).data)
    said = converted(files, "pdf")
    assert "Error" not in said, said
    return folder


@pytest.mark.office
@pytest.mark.slow
def test_libreoffice_opens_word_and_excel(opened: Path) -> None:
    for path in OPENED:
        expected = list(texts(document(path).view))[:12]
        for format_name in ("docx", "xlsx"):
            found = squeezed(pdf_text(opened / f"{name_of(path)}-{format_name}.pdf"))
            assert all(squeezed(text) in found for _, text in expected), (path, format_name)
