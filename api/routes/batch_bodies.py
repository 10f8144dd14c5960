"""What is said of batches: what to make, how far it is, and what came of each item."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.http.bodies import AnswerBody, PageBody, RequestBody
from docgen.batches.batches import BatchProgress, ItemWithFiles
from docgen.intake.sheets.mapping import MappedColumn, Mapping, SheetMapping, loads

FormatName = Literal["docx", "xlsx", "pdf"]
State = Literal["pending", "done", "failed", "poison"]
FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {
            "description": "表格，可多个 spreadsheets: xlsx xlsm xls ods csv",
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "format": "binary"},
        },
        "set": {
            "description": "表中没有的字段，JSON 对象 JSON: fields that no sheet says",
            "type": "string",
        },
        "mapping": {
            "description": "列 → 字段，JSON，见 PUT …/mapping JSON, as PUT …/mapping takes it",
            "type": "string",
        },
    },
}
RECORDS = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": FORM},
            "application/json": {
                "schema": {
                    "description": "单据的数组，或每行一份（JSON Lines）"
                    " an array of records, or JSON lines",
                    "type": "array",
                    "items": {"type": "object"},
                }
            },
        },
    }
}


class Ordered(RequestBody):
    """What is to be made of the records."""

    contract_id: str = Field("", max_length=32, description="必填 needed")
    format: list[FormatName] = Field(["docx"], min_length=1, max_length=3)
    lang: Literal["zh", "en"] = "zh"
    type: str = Field("", max_length=2, description="表格：只认这一类 one record type only")
    group_by: Literal["", "asset"] = Field("", description="表格：每个资产一份 one of each asset")
    keep: Literal["documents", "drafts"] = Field(
        "documents", description="表格：drafts 同时存为草稿 drafts keeps records as well"
    )
    combined: bool = Field(False, description="表格：另出合并的 PDF one PDF for printing as well")
    mask_secrets: bool = Field(False, description="表格：把口令替换为 ****** Mask credentials")


class BatchOut(AnswerBody):
    """A batch, and how far it is."""

    id: str
    contract_id: str
    state: str = Field(
        description="active, done, cancelled; 表格 of sheets: reading, preview, refused, taking"
    )
    formats: list[str]
    lang: str
    total: int
    pending: int
    done: int
    failed: int
    poison: int = Field(description="ended whatever made them")
    created_at: datetime
    ended_at: datetime | None

    @classmethod
    def from_progress(cls, found: BatchProgress) -> BatchOut:
        """Make it of a batch, its options and its counts."""
        batch, options = found.batch, json.loads(found.batch.options)
        return cls.of(
            batch,
            state=found.state or batch.state,
            formats=options["formats"],
            lang=options["lang"],
            **vars(found.counts),
        )


class BatchPage(PageBody[BatchOut]):
    """A page of batches, newest first."""


class BatchFileOut(AnswerBody):
    """A document that came of an item."""

    format: str
    sha256: str
    size_bytes: int


class ItemOut(AnswerBody):
    """A record of a batch, and what came of it."""

    seq: int = Field(description="its place among the records, from 1")
    state: str
    doc_no: str | None
    files: list[BatchFileOut]
    errors: list[dict[str, Any]]

    @classmethod
    def from_item(cls, found: ItemWithFiles) -> ItemOut:
        """Make it of an item and its files."""
        errors = json.loads(found.item.errors or "[]")
        return cls.of(found.item, files=list(found.files), errors=errors)


class ItemPage(PageBody[ItemOut]):
    """A page of items, in the order of the records."""


class ColumnIn(BaseModel):
    """A column and its field."""

    model_config = ConfigDict(extra="ignore")
    column: str = Field(max_length=3, description="its letters")
    header: str = Field("", max_length=1000)
    field: str = Field(max_length=200, description="as in the preview; empty: ignored")


class SheetIn(BaseModel):
    """How a sheet is read; one without a type is no record and left out."""

    model_config = ConfigDict(extra="ignore")
    sheet: str = Field(max_length=200)
    type: str | None = Field(None, max_length=2)
    list_name: str | None = Field("", alias="list", max_length=200)
    header_rows: list[int] = Field(max_length=10)
    columns: list[ColumnIn] = Field(max_length=1000)


class Correction(BaseModel):
    """A preview's `sheets[]`, given back with what is to be read differently."""

    model_config = ConfigDict(extra="ignore")
    sheets: list[SheetIn] = Field(max_length=200)

    def toml(self) -> str:
        """Return it as a mapping file; empty without sheets. Raises InputUnreadable."""
        sheets = tuple(
            SheetMapping(
                one.sheet,
                one.type,
                tuple(part for part in (one.list_name or "").split(".") if part),
                tuple(one.header_rows),
                "",
                tuple(MappedColumn(two.column, two.header, two.field) for two in one.columns),
            )
            for one in self.sheets
            if one.type
        )
        if not sheets:
            return ""
        text = Mapping("corrected", sheets).as_toml()
        loads(text, "mapping")
        return text
