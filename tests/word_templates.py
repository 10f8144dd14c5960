"""Word templates and a record for the tests of Word documents."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import docx
import pytest
from docx.table import Table

from docgen.document import Document, build
from docgen.errors import TemplateFaulty
from docgen.renderers.docx import compile
from docgen.renderers.ooxml.package import CONTENT_TYPES, Package
from docgen.renderers.ooxml.relationships import OFFICE, rels_name, with_relationship, with_type
from docgen.templates.theme import Theme
from schemas.catalog import record_model
from schemas.reading import read
from schemas.setting import Setting

HOSTILE = [
    "</w:t></w:r></w:p>…&<",
    "{{7*7}} {% for x in y %} {# no #}",
    "line one\nline two\n\n  indented\ttabbed",
    "𠮷田䶮 \"quoted\" 'single'",
    " leading and trailing ",
    "=cmd|' /C calc'!A0",
    "]]> <!-- -->",
]
GIVEN: dict[str, Any] = {
    "doc_no": "XJ-HDYD-20260307-001",
    "schema_version": "1.0",
    "contract_no": "HT-2026-017",
    "phase": "导入期",
    "customer_name": "华东移动",
    "customer_code": "HDYD",
    "provider_name": "华信",
    "doc_date": "2026-03-07",
    "prepared_by": "张伟",
    "status": "draft",
    "confidentiality": "内部",
    "type": "initial",
    "asset_nos": ["HDYD-DB-01"],
    "started_at": "2026-03-07 09:00",
    "ended_at": "2026-03-07 10:00",
    "inspectors": ["张伟"],
    "authorization_no": "SQ-1",
    "summary": "正常",
    "data_files": [{"name": "USERS01.dbf", "size_gb": 30, "used_gb": 29.5, "status": "关注"}],
    "params": [{"name": "p", "current_value": text} for text in HOSTILE],
    "check_items": [{"seq": 1, "item": "备份", "standard": "有", "state": "正常", "result": "有"}],
    "absences": [
        {"section": section, "state": "none", "reason": "未提供"}
        for section in ("backup_policies", "backup_files", "security")
    ],
}


def document(lang: str = "zh", **changes: Any) -> Document:
    found = read(record_model("XJ"), GIVEN | changes, Setting(datetime(2026, 4, 1, tzinfo=UTC)))
    assert found.value, [problem.message("zh") for problem in found.problems]
    return build(found.value, lang)


def template(*texts: str, edit: Callable[[Any], None] | None = None) -> bytes:
    """A template with a paragraph for each text; `edit` may change it."""
    made = docx.Document()
    for text in texts:
        made.add_paragraph(text)
    if edit:
        edit(made)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def table_template(*rows: list[str]) -> bytes:
    def edit(made: Any) -> None:
        table = made.add_table(len(rows), max(map(len, rows)))
        for row, texts in zip(table.rows, rows, strict=True):
            for cell, text in zip(row.cells, texts, strict=False):
                cell.text = text

    return template(edit=edit)


def with_part(data: bytes, name: str, kind: str, part: bytes) -> bytes:
    """The template with another part beside its document."""
    package = Package.read(data)
    rels = rels_name("word/document.xml")
    word = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    file = name.rpartition("/")[2]
    return package.with_parts(
        {
            name: part,
            rels: with_relationship(package.parts[rels], f"{OFFICE}/{kind}", file),
            CONTENT_TYPES: with_type(package.parts[CONTENT_TYPES], name, f"{word}.{kind}+xml"),
        }
    ).pack()


def printed(data: bytes, theme: Theme, doc: Document) -> Any:
    return docx.Document(io.BytesIO(compile(data, theme).render(doc)))


def rows(table: Table) -> list[list[str]]:
    return [["\n".join(p.text for p in c.paragraphs) for c in row.cells] for row in table.rows]


def refusal(data: bytes, theme: Theme, doc: Document) -> TemplateFaulty:
    with pytest.raises(TemplateFaulty) as refused:
        compile(data, theme).render(doc)
    return refused.value
