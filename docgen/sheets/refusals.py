"""Why a whole file or sheet cannot be read: the codes and their wording."""

from __future__ import annotations

from typing import NamedTuple

from docgen.errors import InputUnreadable
from docgen.sheets.limits import Limits


class Reason(NamedTuple):
    """Message and hint, zh and en."""

    zh: str
    en: str
    hint_zh: str
    hint_en: str


_AGAIN = (
    "请用 Excel 或 WPS 打开，另存为 .xlsx 后重试。",
    "Open it in Excel or WPS and save it as .xlsx.",
)
_SPLIT = ("请拆分文件。", "Split the file.")

REASONS = {
    "sheet_file_unreadable": Reason(
        "无法读取文件",
        "The file cannot be read",
        "请检查路径和权限。",
        "Check path and permissions.",
    ),
    "sheet_file_empty": Reason(
        "文件是空的", "The file is empty", "请检查导出是否完成。", "Check how it was exported."
    ),
    "sheet_file_too_large": Reason(
        f"文件超过 {Limits.file_bytes // 2**20} MiB",
        f"The file has more than {Limits.file_bytes // 2**20} MiB",
        *_SPLIT,
    ),
    "sheet_unpacked_too_large": Reason(
        f"解压后超过 {Limits.unpacked_bytes // 2**20} MiB",
        f"Unpacked it has more than {Limits.unpacked_bytes // 2**20} MiB",
        *_SPLIT,
    ),
    "sheet_zip_bomb": Reason(
        "压缩比异常，或解压后的大小与声明不符",
        "It is compressed too much, or its sizes lie",
        *_AGAIN,
    ),
    "sheet_kind_unknown": Reason(
        "不是可读取的表格文件",
        "It is no spreadsheet that can be read",
        "可读取：.xlsx、.xlsm、.xls、.ods、.csv、.tsv、.txt。",
        "Readable: .xlsx, .xlsm, .xls, .ods, .csv, .tsv, .txt.",
    ),
    "workbook_broken": Reason("工作簿已损坏", "The workbook is broken", *_AGAIN),
    "workbook_encrypted": Reason(
        "工作簿有打开密码",
        "The workbook is encrypted",
        "请去掉密码后重试。",
        "Remove the password and try again.",
    ),
    "workbook_xml": Reason("XML 中有 DTD 或实体", "The XML has a DTD or entities", *_AGAIN),
    "too_many_sheets": Reason(
        f"工作表超过 {Limits.sheets} 张", f"There are more than {Limits.sheets} sheets", *_SPLIT
    ),
    "too_many_sheet_rows": Reason(
        f"工作表超过 {Limits.rows} 行", f"A sheet has more than {Limits.rows} rows", *_SPLIT
    ),
    "too_many_columns": Reason(
        f"工作表超过 {Limits.columns} 列",
        f"A sheet has more than {Limits.columns} columns",
        "请删去多余的列，或转置。",
        "Remove columns that are not needed.",
    ),
    "too_many_cells": Reason(
        f"工作表的最后一个值离得太远：行数乘列数超过 {Limits.cells}",
        f"A sheet's last value is too far away: rows times columns exceed {Limits.cells}",
        "请删除远处的内容（在 Excel 中按 Ctrl+End 可到达），或拆分工作表。",
        "Delete what stands far away (Ctrl+End goes there), or split the sheet.",
    ),
    "csv_encoding": Reason(
        "编码既不是 UTF-8 也不是 GB18030，或混用了多种编码",
        "It is neither UTF-8 nor GB18030, or a mixture",
        "请另存为 UTF-8。",
        "Save it as UTF-8.",
    ),
    "csv_quotes": Reason(
        "引号没有成对，或一格过长",
        "A quote is not closed, or a cell is too long",
        "请检查该行的引号。",
        "Check the quotes on that line.",
    ),
    "nothing_to_convert": Reason(
        "没有可识别的表头或表单",
        "No header or form was recognised",
        "请核对表头用词，用 --type 指明类型，或用 docgen mapping save 建立映射。",
        "Check the headers, name the type with --type, or save a mapping.",
    ),
    "intake_version": Reason(
        "登记表是另一版本的 docgen 生成的",
        "The workbook was made for another version of the schemas",
        "请用 docgen intake-template 重新生成，再把内容复制过去。",
        "Make it again with docgen intake-template and copy the rows over.",
    ),
    "mapping_unreadable": Reason(
        "映射文件不可用",
        "The mapping file cannot be used",
        "用 docgen mapping save 重新生成。",
        "Make it again with docgen mapping save.",
    ),
}


def refusal(code: str, place: str = "", value: object = None) -> InputUnreadable:
    """Return the error for `code`; `place` is the file, sheet or line."""
    zh, en, hint_zh, hint_en = REASONS[code]
    return InputUnreadable(code, zh, en, hint_zh=hint_zh, hint_en=hint_en, place=place, value=value)
