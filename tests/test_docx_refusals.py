"""Word templates that are refused: faults with their place, injections, links, fields."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from docx.oxml.ns import nsmap, qn
from lxml import etree

from docgen.document import Document, Value, View
from docgen.errors import RenderFailed
from docgen.renderers.docx import compile
from docgen.renderers.ooxml.package import Package
from docgen.renderers.ooxml.relationships import OFFICE, rels_name
from docgen.templates.theme import Theme, default_folder, load_theme
from tests.sizes import FULL
from tests.word_templates import (
    document,
    printed,
    refusal,
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


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{{ nope }}", "template_error"),
        ("{{ row.nope }}", "template_error"),
        ("{{ row.name.upper() }}", "template_error"),
        ("{{ row }}", "template_error"),
        ("{{ a b }}", "template_error"),
        ("{{ 1 / 0 }}", "template_error"),
        ("{{ row.name|nope }}", "template_error"),
        ("{% include 'x' %}", "template_error"),
        ("{{ row.name", "broken_tag"),
        ("{% if row %}", "template_error"),
        ("{{p row.name }}", "unsupported_tag"),
        ("{{r row.name }}", "unsupported_tag"),
        ("{{ cycler.__init__.__globals__ }}", "template_unsafe"),
        ("{{ doc.title.__class__.__mro__ }}", "template_unsafe"),
        ("{{ ''['__class__'] }}", "template_unsafe"),
        ("{{ numeral.__globals__ }}", "template_unsafe"),
    ],
)
def test_a_fault_names_its_cell_and_text(theme: Theme, doc: Document, text: str, code: str) -> None:
    data = table_template(
        ["{%tr for row in params %}", ""], ["{{ row.name }}", f"abc {text}"], ["{%tr endfor %}", ""]
    )
    fault = refusal(data, theme, doc)
    assert fault.code == code
    if "if row" not in text:  # an open block is only missed at the template's end
        assert fault.place.startswith("表 1 行 2 列 2 (table 1 row 2 cell 2)")
        assert f"abc {text}" in fault.place
    assert fault.message("zh")
    assert fault.hint("en")


INJECTIONS = [
    "{{ cycler.__init__.__globals__.os.system('touch /tmp/docgen-was-here') }}",
    "{{ ().__class__.__base__.__subclasses__() }}",
    "{{ lipsum.__globals__ }}",
    "{{ self.__init__.__globals__ }}",
    "{{ doc_no.__class__.__init__.__globals__ }}",
    "{{ doc['__class__'] }}",
    "{{ (doc_no|attr('__class__')).__mro__ }}",
    "{{ '%s'|format(doc.__class__) }}",
    "{{ '{0.__class__}'.format(doc) }}",
]
PLACES = ["body", "header", "footer", "footnotes", "properties", "cell"]
EACH = [(text, PLACES[at % len(PLACES)]) for at, text in enumerate(INJECTIONS)]
"""Every text somewhere and something everywhere; one environment compiles all places."""
ALL = [(text, where) for text in INJECTIONS for where in PLACES]


@pytest.mark.parametrize(("text", "where"), ALL if FULL else EACH)
def test_injection_runs_nowhere(theme: Theme, doc: Document, text: str, where: str) -> None:
    def edit(made: Any) -> None:
        if where == "header":
            made.sections[0].header.paragraphs[0].text = text
        if where == "footer":
            made.sections[0].footer.paragraphs[0].text = text
        if where == "properties":
            made.core_properties.subject = text
        if where == "cell":
            made.add_table(1, 1).cell(0, 0).text = text

    data = template(text if where == "body" else "x", edit=edit)
    if where == "footnotes":
        root = etree.Element(qn("w:footnotes"), nsmap={"w": nsmap["w"]})
        paragraph = etree.SubElement(etree.SubElement(root, qn("w:footnote")), qn("w:p"))
        run = etree.SubElement(paragraph, qn("w:r"))
        etree.SubElement(run, qn("w:t")).text = text
        data = with_part(data, "word/footnotes.xml", "footnotes", etree.tostring(root))
    assert refusal(data, theme, doc).code in {"template_unsafe", "template_error"}


def test_places_of_headers_and_properties(theme: Theme, doc: Document) -> None:
    def edit(made: Any) -> None:
        made.sections[0].header.paragraphs[0].text = "{{ nope }}"

    assert refusal(template(edit=edit), theme, doc).place.startswith(
        "页眉1 段落 1 (header1 paragraph 1)"
    )
    data = template(edit=lambda made: setattr(made.core_properties, "subject", "{{ nope }}"))
    assert refusal(data, theme, doc).place.startswith("文档属性")


@pytest.mark.parametrize(
    "texts",
    [
        ["{%p if backup_files %}", "x{% endif %}"],
        ["{% for row in params %}", "{%p endfor %}"],
    ],
)
def test_tags_that_would_tear_elements_apart_are_refused(
    theme: Theme, doc: Document, texts: list[str]
) -> None:
    assert refusal(template(*texts), theme, doc).code == "unbalanced_tag"


def test_a_block_from_text_into_a_table_is_refused(theme: Theme, doc: Document) -> None:
    def edit(made: Any) -> None:
        made.add_table(1, 1).cell(0, 0).text = "x{% endif %}"

    assert refusal(template("{% if disks %}", edit=edit), theme, doc).code == "unbalanced_tag"


@pytest.mark.parametrize(
    ("kind", "target", "external"),
    [
        ("attachedTemplate", "file:///C:/evil.dotx", True),
        ("image", "http://192.0.2.1/x.png", True),
        ("oleObject", "embeddings/oleObject1.dat", False),
        ("aFChunk", "chunk.html", False),
        ("frame", "http://192.0.2.1/", True),
        ("hyperlink", "file://server/share", True),
        ("subDocument", "other.docx", True),
    ],
)
def test_links_to_the_outside_are_refused(
    theme: Theme, doc: Document, kind: str, target: str, external: bool
) -> None:
    made = template(edit=lambda d: d.part.rels.get_or_add_ext_rel(f"{OFFICE}/{kind}", target))
    if not external:
        package = Package.read(made)
        name = rels_name("word/document.xml")
        rels = package.parts[name].replace(b'TargetMode="External"', b"")
        made = package.with_parts({name: rels}).pack()
    assert refusal(made, theme, doc).code in ("remote_content", "macros")


def test_a_plain_hyperlink_is_no_danger(theme: Theme, doc: Document) -> None:
    link = "https://docs.example.com/"
    data = template("x", edit=lambda d: d.part.rels.get_or_add_ext_rel(f"{OFFICE}/hyperlink", link))
    assert printed(data, theme, doc).paragraphs[0].text == "x"


@pytest.mark.parametrize(
    "instruction",
    [
        'INCLUDEPICTURE "http://192.0.2.1/x.png"',
        " includetext C:\\secret.docx",
        "DDEAUTO c:\\windows\\system32\\cmd.exe",
        "LINK Excel.Sheet",
        'HYPERLINK "{{ summary }}"',
        "",
    ],
)
@pytest.mark.parametrize("simple", [True, False])
def test_fields_that_fetch_are_refused(
    theme: Theme, doc: Document, instruction: str, simple: bool
) -> None:
    def edit(made: Any) -> None:
        paragraph = made.add_paragraph()._p
        if simple:
            etree.SubElement(paragraph, qn("w:fldSimple")).set(qn("w:instr"), instruction)
            return
        for kind, text in (("begin", instruction[:5]), ("", instruction[5:]), ("end", "")):
            run = etree.SubElement(paragraph, qn("w:r"))
            if kind:
                etree.SubElement(run, qn("w:fldChar")).set(qn("w:fldCharType"), kind)
            if kind != "end":
                etree.SubElement(run, qn("w:instrText")).text = text

    assert refusal(template(edit=edit), theme, doc).code == "active_field"


def test_vml_that_names_an_address_is_refused(theme: Theme, doc: Document) -> None:
    def edit(made: Any) -> None:
        run = etree.SubElement(made.add_paragraph()._p, qn("w:r"))
        data = etree.SubElement(
            etree.SubElement(run, qn("w:pict")), "{urn:schemas-microsoft-com:vml}imagedata"
        )
        data.set("src", "http://192.0.2.1/x.png")

    assert refusal(template(edit=edit), theme, doc).code == "remote_content"


def test_a_strict_document_is_refused(theme: Theme, doc: Document) -> None:
    package = Package.read(template("x"))
    strict = package.parts["word/document.xml"].replace(
        b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        b"http://purl.oclc.org/ooxml/wordprocessingml/main",
    )
    data = package.with_parts({"word/document.xml": strict}).pack()
    assert refusal(data, theme, doc).code == "not_word"


def test_a_character_that_xml_lacks_is_refused(theme: Theme, doc: Document) -> None:
    for character in ("\x00", "\x1b", "\ud800", "\uffff"):
        view = View(doc.view.fields | {"summary": Value(f"a{character}b")})
        with pytest.raises(RenderFailed) as refused:
            compile(template("{{ summary }}"), theme).render(replace(doc, view=view))
        assert refused.value.code == "character_not_xml"


@pytest.mark.parametrize(
    ("pictures", "code"),
    [
        ([("docgen:logo", b"logo"), ("docgen:qr", b"logo")], "picture_shared"),
        ([("docgen:qr", b"gif")], "picture_not_png"),
    ],
)
def test_places_for_pictures_are_checked(
    theme: Theme, doc: Document, pictures: list[tuple[str, bytes]], code: str
) -> None:
    gif = b"GIF89a" + bytes([1, 0, 1, 0, 0, 0, 0]) + b";"

    def edit(made: Any) -> None:
        for mark, kind in pictures:
            data = theme.logo if kind == b"logo" else gif
            made.add_picture(io.BytesIO(data))._inline.docPr.set("descr", mark)

    assert refusal(template(edit=edit), theme, doc).code == code
