"""Word documents: what templates print, with which look, and always the same bytes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC
from typing import Any

import docx
import pytest
import segno
from docx.oxml.ns import nsmap, qn
from lxml import etree
from PIL import Image

from docgen.document import Document
from docgen.renderers.docx import compile, pieces
from docgen.renderers.ooxml.package import Package, read_record
from docgen.renderers.qr import qr_png, qr_text
from docgen.templates.theme import Theme, default_folder, load_theme
from tests.word_templates import (
    GIVEN,
    HOSTILE,
    document,
    printed,
    rows,
    table_template,
    template,
    with_part,
)


@pytest.fixture(scope="module")
def theme() -> Theme:
    return load_theme(default_folder())


@pytest.fixture(scope="module")
def doc() -> Document:
    return document()


def test_values_come_back_as_typed(theme: Theme, doc: Document) -> None:
    data = table_template(
        ["{%tr for row in params %}"], ["{{ row.current_value }}"], ["{%tr endfor %}"]
    )
    made = printed(data, theme, doc)
    assert rows(made.tables[0]) == [[text] for text in HOSTILE]


def test_values_in_loops_conditions_and_text(theme: Theme, doc: Document) -> None:
    made = printed(
        template(
            "{{ numeral(2, doc.lang) }}{{ section.params }}：{{ label.params.current_value }}",
            "{%p if backup_files %}",
            "never",
            "{%p else %}",
            "{{ backup_files.empty }}",
            "{%p endif %}",
            "{% for n in asset_nos %}[{{ n }}]{% endfor %} {{ asset_nos }} {{ t.contents }}",
            "{{ data_files[0].used_pct }} {{ theme.company }} {{ data_files[0].status.tone }}",
        ),
        theme,
        doc,
    )
    assert [p.text for p in made.paragraphs] == [
        "二、主要参数配置：当前值",
        "无：未提供",
        "[HDYD-DB-01] HDYD-DB-01 目录",
        f"98.33% {theme.company_zh} warn",
    ]


def test_the_same_template_speaks_english(theme: Theme) -> None:
    made = printed(
        template("{{ label.doc_no }} {{ section.params }} {{ theme.company }} {{ phase }}"),
        theme,
        document("en"),
    )
    assert made.paragraphs[0].text == f"Document no. Main parameters {theme.company_en} Onboarding"


def test_a_tag_split_over_runs_is_one_tag(theme: Theme, doc: Document) -> None:
    def edit(made: Any) -> None:
        paragraph = made.add_paragraph("No. {")
        for piece in ("{ do", "c_", "no }", "} and {{ t", ".none", " }} end"):
            paragraph.add_run(piece).bold = True

    assert (
        printed(template(edit=edit), theme, doc).paragraphs[0].text
        == f"No. {doc.doc_no} and 无 end"
    )


def test_curly_quotes_in_tags_are_quotes(theme: Theme, doc: Document) -> None:
    made = printed(template("{% if phase.code == “onboarding” %}yes{% endif %}"), theme, doc)
    assert made.paragraphs[0].text == "yes"


def test_escaping_filters_do_not_escape_twice_or_never(theme: Theme, doc: Document) -> None:
    first = "{{ params[0].current_value"
    filters = ("", "|e", "|safe", "|escape", "|forceescape", "|e|safe", " ~ ''", "|trim", "|string")
    texts = [f"{first}{name} }}}}" for name in filters]
    made = printed(template(*texts), theme, doc)
    assert {p.text for p in made.paragraphs} == {HOSTILE[0]}


def test_macros_and_set_blocks_escape_once(theme: Theme, doc: Document) -> None:
    text = (
        "{% macro m(x) %}[{{ x }}]{% endmacro %}"
        "{% set s %}({{ params[0].current_value }}){% endset %}"
        "{{ m(params[0].current_value) }}{{ s }}"
    )
    made = printed(template(text), theme, doc)
    assert made.paragraphs[0].text == f"[{HOSTILE[0]}]({HOSTILE[0]})"


def test_values_in_attributes_and_properties_stay_there(theme: Theme) -> None:
    hostile = 'x" y="1"/><w:p/>\n&'

    def edit(made: Any) -> None:
        made.core_properties.title = "{{ customer_name }}"
        made.core_properties.subject = "{{ summary }}"
        props = made.add_table(1, 1)._tbl.tblPr
        caption = etree.SubElement(props, qn("w:tblCaption"))
        caption.set(qn("w:val"), "{{ summary }} {{ 'a' if 1 > 0 }}")

    made = printed(template(edit=edit), theme, document(summary=hostile))
    assert made.tables[0]._tbl.tblPr.find(qn("w:tblCaption")).get(qn("w:val")) == f"{hostile} a"
    assert made.core_properties.subject == hostile
    assert made.core_properties.title == "华东移动"


def test_headers_footers_notes_and_properties_are_printed(theme: Theme, doc: Document) -> None:
    def edit(made: Any) -> None:
        made.sections[0].header.paragraphs[0].text = "{{ theme.company }}"
        made.sections[0].footer.paragraphs[0].text = "{{ doc_no }} {{ doc.mark }}"

    notes = (
        f'<w:footnotes xmlns:w="{nsmap["w"]}"><w:footnote w:id="1"><w:p><w:r>'
        "<w:t>{{ summary }}</w:t></w:r></w:p></w:footnote></w:footnotes>"
    )
    data = with_part(template("x", edit=edit), "word/footnotes.xml", "footnotes", notes.encode())
    out = compile(data, theme).render(doc)
    made = docx.Document(io.BytesIO(out))
    assert made.sections[0].header.paragraphs[0].text == theme.company_zh
    assert made.sections[0].footer.paragraphs[0].text == f"{doc.doc_no} 草稿"
    assert "正常".encode() in Package.read(out).parts["word/footnotes.xml"]
    properties = made.core_properties
    assert properties.title == f"{doc.title} {doc.doc_no}"
    assert properties.author == properties.last_modified_by == theme.company_zh
    assert properties.created == properties.modified == doc.created.astimezone(UTC)


def test_cells_have_the_colour_of_their_state(theme: Theme, doc: Document) -> None:
    text = "{% cellbg tone_fill(row.status) %}{{ row.status }}"
    data = table_template(
        ["{%tr for row in data_files %}", ""],
        [text, "{% cellbg row.name %}{{ row.name }}"],
        ["{%tr endfor %}", ""],
    )
    cells = printed(data, theme, doc).tables[0].rows[0].cells
    fills = [cell._tc.tcPr.find(qn("w:shd")).get(qn("w:fill")) for cell in cells]
    assert fills[0] != "auto"
    assert len(fills[0]) == 6
    assert fills[1] == "auto"  # a name is no colour, whatever it says
    assert [child.tag for child in cells[0]._tc.tcPr] == [qn("w:tcW"), qn("w:shd")]


def test_spans_and_merges_of_docxtpl(theme: Theme, doc: Document) -> None:
    data = table_template(
        ["{% colspan 2 %}{{ label.params }}", ""],
        ["{%tr for row in params %}", ""],
        ["{% vm %}{{ phase }}", "{{ row.name }}"],
        ["{%tr endfor %}", ""],
    )
    made = printed(data, theme, doc)
    xml = etree.tostring(made.element).decode()
    assert 'w:gridSpan w:val="2"' in xml
    assert xml.count('<w:vMerge w:val="continue"/>') == len(HOSTILE) - 1


def test_cells_and_tables_never_lose_what_word_needs(theme: Theme, doc: Document) -> None:
    def edit(made: Any) -> None:
        cell = made.add_table(1, 1).cell(0, 0)
        cell.text = "{%p for row in backup_files %}"
        cell.add_paragraph("{{ row.file }}")
        cell.add_paragraph("{%p endfor %}")
        empty = made.add_table(3, 1)
        for row, text in zip(
            empty.rows, ("{%tr for row in disks %}", "x", "{%tr endfor %}"), strict=True
        ):
            row.cells[0].text = text

    made = printed(template(edit=edit), theme, doc)
    assert rows(made.tables[0]) == [[""]]
    assert len(made.tables) == 1


def test_the_theme_replaces_fonts_and_colours_but_no_text(theme: Theme, doc: Document) -> None:
    def edit(made: Any) -> None:
        run = made.add_paragraph().add_run("宋体 1F4E79")
        run.font.color.rgb = docx.shared.RGBColor(0x1F, 0x4E, 0x79)
        run._r.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), "宋体")

    own = replace(theme, accent="AA0000", word_serif="仿宋")
    run = printed(template(edit=edit), own, doc).paragraphs[0].runs[0]
    assert str(run.font.color.rgb) == "AA0000"
    assert run._r.rPr.rFonts.get(qn("w:eastAsia")) == "仿宋"
    assert run.text == "宋体 1F4E79"


def test_marked_pictures_become_logo_and_code(theme: Theme, doc: Document) -> None:
    def edit(made: Any) -> None:
        for mark, picture in (
            ("docgen:logo", theme.logo),
            ("docgen:qr", qr_png(doc, theme) + b"!"),
        ):
            shape = made.add_picture(io.BytesIO(picture))
            shape._inline.docPr.set("descr", mark)

    wide = bytearray(theme.logo)
    wide[16:24] = (480).to_bytes(4, "big") + (240).to_bytes(4, "big")
    own = replace(theme, logo=bytes(wide), verify_url="https://docs.example.com/v/")
    out = compile(template(edit=edit), own).render(doc)
    media = [part for name, part in Package.read(out).parts.items() if "/media/" in name]
    assert sorted(media) == sorted([own.logo, qr_png(doc, own)])
    shape = docx.Document(io.BytesIO(out)).inline_shapes[0]
    assert shape.width == 2 * shape.height


def test_pieces_tell_every_tagged_paragraph_in_order() -> None:
    def edit(made: Any) -> None:
        made.add_table(1, 2).cell(0, 1).text = "{{ b }}"
        made.sections[0].header.paragraphs[0].text = "{{ c }}"
        paragraph = made.add_paragraph("{{ “d")
        paragraph.add_run("” }}")

    found = pieces(template("plain", "{{ a }}", edit=edit))
    assert [(piece.place, piece.text) for piece in found] == [
        ("段落 2 (paragraph 2)", "{{ a }}"),
        ("表 1 行 1 列 2 (table 1 row 1 cell 2)", "{{ b }}"),
        ("段落 3 (paragraph 3)", '{{ "d" }}'),
        ("页眉1 段落 1 (header1 paragraph 1)", "{{ c }}"),
    ]


def test_a_block_over_several_paragraphs_may_stay_even(theme: Theme, doc: Document) -> None:
    made = printed(
        template("{% if params %}a", "b{% endif %}c", "{% if disks %}x", "y{% endif %}z"),
        theme,
        doc,
    )
    assert [p.text for p in made.paragraphs] == ["a", "bc", "z"]


def test_the_same_document_is_the_same_bytes(theme: Theme, doc: Document) -> None:
    data = template("{{ doc_no }}", "{% for p in params %}{{ p.current_value }}{% endfor %}")
    once = compile(data, theme).render(doc)
    assert compile(data, theme).render(document()) == once
    assert read_record(once).json == doc.record_json
    assert read_record(once).file_intact


def test_bytes_do_not_depend_on_the_hash_seed() -> None:
    script = (
        "import hashlib, json, sys; from datetime import *; from docgen.document import build;"
        "from docgen.renderers.docx import compile;"
        "from docgen.authoring.scaffold.docx import scaffold_docx;"
        "from docgen.templates.theme import *; from schemas.catalog import record_model;"
        "from schemas.setting import Setting; from schemas.reading import read;"
        "m = record_model('XJ'); now = datetime(2026, 4, 1, tzinfo=UTC);"
        "r = read(m, json.load(sys.stdin), Setting(now));"
        "made = compile(scaffold_docx(m), load_theme(default_folder())).render(build(r.value));"
        "print(hashlib.sha256(made).hexdigest())"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", script],
            input=json.dumps(GIVEN).encode(),
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "4711")
    }
    assert len(hashes) == 1


def test_long_tables_take_linear_time_and_open(theme: Theme) -> None:
    names = ("name", "path", "size_gb", "used_gb", "used_pct", "max_gb", "max_pct", "status")
    data = table_template(
        ["{%tr for row in data_files %}", *[""] * 7],
        [f"{{{{ row.{name} }}}}" for name in names],
        ["{%tr endfor %}", *[""] * 7],
    )
    made = compile(data, theme)
    took: dict[int, float] = {}
    out = b""
    for count in (500, 5_000):
        files = [
            {"name": f"F{n}.dbf", "path": f"/u01/第{n}", "size_gb": 30, "used_gb": n % 30}
            for n in range(count)
        ]
        doc = document(data_files=files)
        began = time.process_time()
        out = made.render(doc)
        took[count] = time.process_time() - began
        assert Package.read(out).parts["word/document.xml"].count(b"<w:tr") == count
    assert took[5_000] < 30 * took[500] + 0.1
    assert read_record(out).file_intact


def test_the_code_is_drawn_as_segno_draws_it(theme: Theme, doc: Document) -> None:
    code = segno.make(qr_text(doc, theme), error="m", micro=False, mask=4)
    drawn = _pixels(qr_png(doc, theme))
    wanted = io.BytesIO()
    code.save(wanted, kind="png", scale=6, border=1)
    assert drawn == _pixels(wanted.getvalue())


def _pixels(png: bytes) -> bytes:
    return Image.open(io.BytesIO(png)).convert("L").tobytes()
