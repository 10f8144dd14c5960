"""Excel workbooks: typed cells, texts as typed, styles, and always the same bytes."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from docgen.document import Document, Value
from docgen.renderers.ooxml.package import Package, read_record
from docgen.renderers.xlsx import compile, pieces
from docgen.templates.theme import Theme, default_folder, load_theme
from tests.word_templates import HOSTILE, document
from tests.workbooks import LOOP, changed, faults, opened, printed, shown, template, values

FORMULA_LIKE = ["=1+1", "+86 10", "-5", "@SUM(A1)", "\tx", "=cmd|' /C calc'!A0", "#N/A", "#REF!"]


@pytest.fixture(scope="module")
def theme() -> Theme:
    return load_theme(default_folder())


@pytest.fixture(scope="module")
def doc() -> Document:
    return document()


def at(day: int, hour: int = 0) -> datetime:
    """A moment of March 2026 as openpyxl reads it, without a zone."""
    return datetime.fromisoformat(f"2026-03-{day:02} {hour:02}:00")


def params(*texts: str) -> dict[str, Any]:
    return {"params": [{"name": f"p{at}", "current_value": text} for at, text in enumerate(texts)]}


def with_value(doc: Document, **fields: Any) -> Document:
    return replace(doc, view=replace(doc.view, fields=doc.view.fields | fields))


def test_dates_are_dates_and_numbers_numbers(theme: Theme, doc: Document) -> None:
    data = template(
        ["{{ doc_date }}", "{{ started_at }}"],
        ["{{ data_files[0].size_gb }}", "{{ data_files[0].used_pct }}", "{{ params|length }}"],
        ["{{ authorization_no }}", "{{ doc_date }} {{ doc_no }}"],
    )
    sheet = printed(data, theme, doc)["表"]
    cells = [[(cell.value, cell.number_format) for cell in row if cell.value] for row in sheet]
    assert cells == [
        [(at(7), "yyyy-mm-dd"), (at(7, 9), "yyyy-mm-dd hh:mm")],
        [(30, "General"), (0.9833, "0.00%"), (len(HOSTILE), "General")],
        [("SQ-1", "General"), ("2026-03-07 XJ-HDYD-20260307-001", "General")],
    ]
    assert sheet["A1"].is_date
    assert sheet["A2"].data_type == "n"


def test_the_authors_own_number_format_wins(theme: Theme, doc: Document) -> None:
    def edit(book: Any) -> None:
        for cell, code in (("A1", "yyyy年m月d日"), ("B1", "0.000"), ("C1", "@"), ("D1", "0.0")):
            book.active[cell].number_format = code

    row = ["{{ doc_date }}", *["{{ data_files[0].size_gb }}"] * 2, "{{ doc_date }}"]
    sheet = printed(template(row, edit=edit), theme, doc).active
    assert [cell.number_format for cell in sheet[1]] == ["yyyy年m月d日", "0.000", "@", "yyyy-mm-dd"]
    assert sheet["C1"].value == "30"


def test_the_1904_calendar_is_respected(theme: Theme, doc: Document) -> None:
    def edit(book: Any) -> None:
        book.epoch = CALENDAR_MAC_1904

    sheet = printed(template(["{{ doc_date }}"], edit=edit), theme, doc).active
    assert sheet["A1"].value == at(7)


@pytest.mark.parametrize(
    ("value", "number_format"),
    [(123456789012, "0"), (1234567.12345, "0.00000"), (0.5, "General"), (99999, "General")],
)
def test_no_digit_of_a_number_is_hidden(
    theme: Theme, doc: Document, value: float, number_format: str
) -> None:
    given = Value(str(value), number=value, number_format="General")
    sheet = printed(template(["{{ n }}"]), theme, with_value(doc, n=given)).active
    assert (sheet["A1"].value, sheet["A1"].number_format) == (value, number_format)


def test_a_day_before_excels_calendar_is_text(theme: Theme, doc: Document) -> None:
    given = Value("1899-01-01", moment=date(1899, 1, 1), number_format="yyyy-mm-dd")
    assert (
        printed(template(["{{ d }}"]), theme, with_value(doc, d=given)).active["A1"].value
        == "1899-01-01"
    )


def test_texts_come_back_as_typed(theme: Theme) -> None:
    texts = [*HOSTILE, *FORMULA_LIKE]
    sheet = printed(template(*LOOP), theme, document(**params(*texts)))["表"]
    cells = [sheet.cell(3 + at, 2) for at in range(len(texts))]
    assert [cell.value for cell in cells] == texts
    assert {cell.data_type for cell in cells} == {"s"}
    assert all(cell.quotePrefix for cell in cells if cell.value[0] in "=+-@\t")
    assert all(cell.alignment.wrap_text for cell in cells if "\n" in cell.value)


@settings(max_examples=150, deadline=None)
@given(
    text=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), min_size=1)
)
@example(text="_x0041_ and _x005F_")
@example(text="a  b ")
@example(text="<![CDATA[&amp;")
def test_any_printable_text_comes_back(text: str) -> None:
    doc = with_value(document(), x=Value(text))
    made = compiled().render(doc)
    (value,) = values(opened(made).active)[0]
    # openpyxl unescapes what Excel would, but only in this way: `_x005F_` → `_`.
    assert value == text.replace("x005F_", "")


_once: list[Any] = []


def compiled() -> Any:
    if not _once:
        _once.append(compile(template(["{{ x }}"]), load_theme(default_folder())))
    return _once[0]


def test_inline_statements_and_comments(theme: Theme, doc: Document) -> None:
    data = template(
        ["{% if params %}{{ params|length }} 项{% endif %}{# a note #}"],
        ["{% for a in asset_nos %}[{{ a }}]{% endfor %}"],
        ["{{ asset_nos }}", "{{ numeral(2, doc.lang) }}{{ section.params }}", "{{ overall|e }}"],
    )  # fmt: skip
    assert values(printed(data, theme, doc).active) == [
        [f"{len(HOSTILE)} 项"],
        ["[HDYD-DB-01]"],
        ["HDYD-DB-01", "二、主要参数配置", "健康"],
    ]


def test_the_record_travels_with_the_file(theme: Theme, doc: Document) -> None:
    made = compile(template(*LOOP), theme).render(doc)
    found = read_record(made)
    assert json.loads(found.json) == json.loads(doc.record_json)
    assert found.record_intact
    assert found.file_intact
    assert not read_record(changed(made, "xl/workbook.xml", "表".encode(), b"X")).file_intact


def test_bytes_are_the_same_each_time(theme: Theme, doc: Document) -> None:
    data = template(*LOOP)
    made = compile(data, theme)
    first = made.render(doc)
    made.render(document(**params("other", "=2")))
    assert made.render(doc) == compile(data, theme).render(doc) == first


def test_bytes_do_not_depend_on_the_hash_seed(theme: Theme, doc: Document) -> None:
    code = (
        "import sys, hashlib; from tests.word_templates import document;"
        "from docgen.renderers.xlsx import compile;"
        "from docgen.templates.theme import load_theme, default_folder;"
        "data = sys.stdin.buffer.read();"
        "made = compile(data, load_theme(default_folder())).render(document());"
        "print(hashlib.sha256(made).hexdigest())"
    )
    data = template(*LOOP)
    wanted = hashlib.sha256(compile(data, theme).render(doc)).hexdigest()
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=data,
        capture_output=True,
        check=True,
        cwd=Path(__file__).parent.parent,
        env={"PYTHONHASHSEED": "1", "PATH": ""},  # ours is random, unless it is set
    )
    assert done.stdout.decode().strip() == wanted


def test_pieces_are_listed_with_their_places() -> None:
    def edit(book: Any) -> None:
        book.active.oddHeader.left.text = "{{ theme.company }}"
        book.create_sheet("{{ label.params }}")["B2"] = "{{ doc_no }}"

    found = pieces(template(["plain", "{{ doc_no }}"], ["{%tr for p in params %}"], edit=edit))
    assert [(piece.place, piece.text) for piece in found] == [
        ("表!B1", "{{ doc_no }}"),
        ("表!A2", "{%tr for p in params %}"),
        ("表!oddHeader", "&L{{ theme.company }}"),
        ("{{ label.params }}!", "{{ label.params }}"),
        ("{{ label.params }}!B2", "{{ doc_no }}"),
    ]


@pytest.mark.office
def test_libreoffice_shows_what_the_values_say(theme: Theme, tmp_path: Path) -> None:
    texts = ["=1+1", "#N/A", "'quoted", "00123", "1E5", "2026/3/7", 'a,b;"c"', "第一行\n第二行"]
    fields = ("doc_date", "started_at", "data_files[0].size_gb", "data_files[0].used_pct")
    unit = Value("29.5 GB", number=29.5, number_format='General" GB"')
    doc = with_value(document(**params(*texts)), unit=unit)
    path = tmp_path / "made.xlsx"
    rows = [[f"{{{{ {name} }}}}" for name in (*fields, "unit")], *LOOP[3:6]]
    path.write_bytes(compile(template(*rows), theme).render(doc))
    assert faults(path) == []
    assert shown(path)["表"] == [
        ["2026-03-07", "2026-03-07 09:00", "30", "98.33%", "29.5 GB"],
        *[[f"p{at}", text, "", "", ""] for at, text in enumerate(texts)],
    ]


def test_a_workbook_of_a_program_that_writes_prefixes(theme: Theme, doc: Document) -> None:
    package = Package.read(template(*LOOP))
    parts = dict(package.parts)
    for name in ("xl/worksheets/sheet1.xml", "xl/styles.xml"):
        text = re.sub(rb"<(/?)(?=[a-zA-Z])", rb"<\1x:", parts[name].replace(b"xmlns=", b"xmlns:x="))
        parts[name] = text
    assert values(printed(Package(parts).pack(), theme, doc).active)[2] == ["p", HOSTILE[0]]


def test_a_workbook_without_shared_strings_or_core_properties(theme: Theme, doc: Document) -> None:
    made = compile(template(["{{ doc_no }}"]), theme).render(doc)
    names = {"docProps/core.xml"}
    parts = {name: part for name, part in Package.read(made).parts.items() if name not in names}
    rels = parts["_rels/.rels"]
    parts["_rels/.rels"] = rels.replace(b"core-properties", b"other")
    again = compile(Package(parts).pack(), theme).render(doc)
    assert opened(again).active["A1"].value == doc.doc_no
