"""Scaffolded Word templates of every record type: complete, valid, editable, and they open."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import docx
import pytest
from docx.oxml.ns import qn
from openxml_audit import OpenXmlValidator  # type: ignore[import-untyped] # ships no types

from docgen.authoring.scaffold.docx import scaffold_docx
from docgen.document import Document, Rows, Value, View, build
from docgen.renderers.docx import compile, pieces
from docgen.templates.theme import Theme, default_folder, load_theme
from schemas.catalog import record_types
from schemas.envelope import Opinion, Record, SignMethod, Signoff
from schemas.fields import Choice, Part, extra, shape
from schemas.problems import SHANGHAI
from schemas.vocabulary import Role
from tests.office import converted
from tests.readers import pdf_text

CODES = sorted(record_types())
ARCHIVES = [code for code in CODES if record_types()[code].record_type.layout == "archive"]
FORMS = [code for code in CODES if record_types()[code].record_type.layout == "form"]


def filled(model: type[Part], number: int = 1) -> Any:
    """A part with a value in every field, each text its own; rules are not asked."""
    return model.model_construct(
        **{name: _value(model, name, number) for name in model.model_fields}
    )


def _value(model: type[Part], name: str, number: int) -> Any:
    kind = shape(model, name)
    if kind.part and kind.is_list:
        return [filled(kind.part, 10 * number + row) for row in (1, 2)]
    if kind.part:
        return filled(kind.part, number)
    value = _scalar(model, name, number)
    return [value] if kind.is_list else value


def _scalar(model: type[Part], name: str, number: int) -> Any:
    base: Any = shape(model, name).base
    if name == "doc_no" and issubclass(model, Record):
        return f"{model.record_type.code}-HDYD-20260307-001"
    if get_origin(base) is Literal:
        return get_args(base)[0]
    if isinstance(base, type) and issubclass(base, Choice):
        return list(base)[number % len(list(base))]
    made = {bool: True, int: number, float: number + 0.5, date: date(2026, 3, 7)}
    made[datetime] = datetime(2026, 3, 7, 9, 30, tzinfo=SHANGHAI)
    return made.get(base, f"{name}·{number}")


def document(code: str, lang: str = "zh") -> Document:
    record = filled(record_types()[code])
    record.signoffs = []
    return build(record, lang)


def bare(code: str) -> Document:
    """A document whose lists are empty and whose optional fields are absent."""
    model = record_types()[code]
    record = filled(model)
    for name in model.model_fields:
        kind = shape(model, name)
        if kind.is_list and kind.part:
            setattr(record, name, [])
        elif kind.optional:
            setattr(record, name, None)
    return build(record)


@pytest.fixture(scope="module")
def theme() -> Theme:
    return load_theme(default_folder())


@pytest.fixture(scope="module")
def made(theme: Theme) -> dict[str, bytes]:
    compiled = {code: compile(scaffold_docx(record_types()[code]), theme) for code in CODES}
    return {code: compiled[code].render(document(code)) for code in CODES}


def texts(data: bytes) -> str:
    body = docx.Document(io.BytesIO(data)).element.body
    return "\n".join("".join(t.text or "" for t in p.iter(qn("w:t"))) for p in body.iter(qn("w:p")))


def printed(view: View, model: type[Part]) -> Iterator[str]:
    """Every value that a template should show: of all fields but hidden ones."""
    for name, value in view.fields.items():
        info = model.model_fields[name]
        inner = shape(model, name).part
        if extra(info).get("x-widget") == "hidden" or name == "signoffs":
            continue
        if isinstance(value, Value):
            yield str(value)
        for row in value if isinstance(value, Rows) else [value]:
            if isinstance(row, View) and inner:
                yield from printed(row, inner)
            elif not isinstance(row, View):
                yield str(row)


def audited(data: bytes, path: Path) -> list[str]:
    path.write_bytes(data)
    return [error.description for error in OpenXmlValidator().validate(path).errors]


@pytest.mark.parametrize("code", CODES)
def test_a_scaffold_is_valid_and_the_same_each_time(code: str, tmp_path: Path) -> None:
    data = scaffold_docx(record_types()[code])
    assert data == scaffold_docx(record_types()[code])
    assert audited(data, tmp_path / "template.docx") == []
    assert len(docx.Document(io.BytesIO(data)).tables) > 1
    assert pieces(data)


@pytest.mark.parametrize("code", CODES)
def test_every_value_is_printed(code: str, made: dict[str, bytes]) -> None:
    found = texts(made[code])
    missing = [v for v in printed(document(code).view, record_types()[code]) if v not in found]
    assert missing == []


@pytest.mark.parametrize("code", CODES)
def test_outputs_pass_the_auditor(
    code: str, made: dict[str, bytes], theme: Theme, tmp_path: Path
) -> None:
    compiled = compile(scaffold_docx(record_types()[code]), theme)
    for other in (made[code], compiled.render(bare(code)), compiled.render(document(code, "en"))):
        assert audited(other, tmp_path / "out.docx") == []


@pytest.mark.parametrize("code", CODES)
def test_empty_lists_say_so_and_leave_no_grid(code: str, theme: Theme) -> None:
    data = compile(scaffold_docx(record_types()[code]), theme).render(bare(code))
    for table in docx.Document(io.BytesIO(data)).element.body.iter(qn("w:tbl")):
        rows = list(table.iter(qn("w:tr")))
        heads = [row for row in rows if row.find(f"{qn('w:trPr')}/{qn('w:tblHeader')}") is not None]
        assert len(rows) > len(heads)
    assert "无" in texts(data) or code in FORMS


@pytest.mark.parametrize("code", CODES)
def test_tables_can_be_read_on_every_page(code: str, made: dict[str, bytes]) -> None:
    document = docx.Document(io.BytesIO(made[code]))
    for table in document.element.body.iter(qn("w:tbl")):
        assert table.tblPr.find(qn("w:tblLayout")).get(qn("w:type")) == "fixed"
        columns = len(table.tblGrid.gridCol_lst)
        for row in table.iter(qn("w:tr")):
            spans = [cell.grid_span for cell in row.tc_lst]
            assert sum(spans) == columns
            log = "DgLog" in {p.get(qn("w:val")) for p in row.iter(qn("w:pStyle"))}
            assert log or row.find(f"{qn('w:trPr')}/{qn('w:cantSplit')}") is not None


@pytest.mark.parametrize("code", ARCHIVES)
def test_an_archive_has_real_headings_and_contents(code: str, made: dict[str, bytes]) -> None:
    document = docx.Document(io.BytesIO(made[code]))
    kind = record_types()[code].record_type
    heads = [p.text for p in document.paragraphs if p.style and p.style.name == "Heading 1"]
    numbers = "一二三四五六七八九十"
    assert [head[0] for head in heads[:10]] == list(numbers[: len(heads)])
    assert [head.partition("、")[2] for head in heads][-1] == "签署页"
    used = {extra(info).get("x-section") for info in record_types()[code].model_fields.values()}
    for key, zh, _ in kind.sections:
        assert key == "control" or key not in used or any(head.endswith(zh) for head in heads)
    xml = document.element.xml
    assert 'TOC \\o "1-2"' in xml
    links = {a.get(qn("w:anchor")) for a in document.element.iter(qn("w:hyperlink"))}
    marks = {b.get(qn("w:name")) for b in document.element.iter(qn("w:bookmarkStart"))}
    assert links
    assert links <= marks
    settings = document.settings.element.xml
    assert "updateFields" not in settings
    assert "dirty" not in xml


@pytest.mark.parametrize("code", CODES)
def test_headers_footers_and_draft_mark(code: str, theme: Theme) -> None:
    compiled = compile(scaffold_docx(record_types()[code]), theme)
    for status, mark in (("draft", "草稿"), ("void", "作废"), ("archived", "")):
        record = filled(record_types()[code])
        record.status = type(record.status)(status)
        opened = docx.Document(io.BytesIO(compiled.render(build(record))))
        for section in opened.sections:
            header = section.header._element.xml
            assert theme.company_zh in header
            assert ("textpath" in header) == bool(mark)
            assert f'string="{mark}"' in header or not mark
            footer = section.footer._element.xml
            assert all(field in footer for field in (" PAGE ", " NUMPAGES ", record.doc_no))


def test_signatures_are_lines_to_sign_or_what_was_signed(theme: Theme) -> None:
    model = record_types()["XJ"]
    record = filled(model)
    given = dict.fromkeys(Signoff.model_fields) | {
        "role": Role.leader,
        "opinion": Opinion.agree,
        "name": "陈建国",
        "signed_on": date(2026, 3, 10),
        "method": SignMethod.electronic,
        "seal_required": False,
    }
    record.signoffs = [Signoff.model_validate(given)]
    made = build(record)
    found = texts(compile(scaffold_docx(model), theme).render(made))
    assert "☑同意" in found
    assert "□同意" in found
    assert f"电子签　校验码 {made.meta.fields['short_code']}" in found
    assert "____年__月__日" in found
    assert "（盖章）" in found


@pytest.fixture(scope="module")
def printed_by_office(
    made: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """What LibreOffice makes of each output, as PDF."""
    folder = tmp_path_factory.mktemp("office")
    files = [folder / f"{code}.docx" for code in CODES]
    for file in files:
        file.write_bytes(made[file.stem])
    converted(files, "pdf")
    return {file.stem: file.with_suffix(".pdf") for file in files}


@pytest.mark.office
@pytest.mark.parametrize("code", CODES)
def test_libreoffice_opens_it_and_shows_every_value(
    code: str, printed_by_office: dict[str, Path]
) -> None:
    plain = "".join(pdf_text(printed_by_office[code]).split())
    values = {"".join(v.split()) for v in printed(document(code).view, record_types()[code])}
    assert {value for value in values if value not in plain} == set()
