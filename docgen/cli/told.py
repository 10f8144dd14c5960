"""How a conversion is told to people: what was understood, then what is wrong, by kind."""

from __future__ import annotations

from collections import defaultdict

from rich.markup import escape
from rich.table import Column, Table

from docgen.cli.console import err, out, show_error
from docgen.sheets.places import Fault
from docgen.sheets.report import Report
from schemas.catalog import record_types
from schemas.wording import Phrase

SHOWN_CELLS = 8


def tell(report: Report) -> None:
    """Say what was understood first, then what came of it."""
    _tell_sheets(report)
    for file, error in report.refused:
        show_error(file, error)
    _tell_faults(report.errors, "[red]✗[/]")
    _tell_faults(report.warnings, "[yellow]![/]", dict(report.warned))
    _tell_skips(report)
    _tell_end(report)


def _tell_sheets(report: Report) -> None:
    told = ""
    for sheet in report.sheets:
        code = sheet["type"]
        title = f"[bold]{escape(sheet['file'])} › {escape(sheet['sheet'])}[/]"
        if code is None:
            out.print(f"{title}  不是单据 no record")
            continue
        kind = record_types()[code].record_type
        rows = "、".join(map(str, sheet["header_rows"]))
        types = "/".join(sheet["types"])
        where = f" {sheet['list']}" if sheet["list"] else ""
        out.print(f"{title}  → {types}{where} {kind.zh} ({kind.en})，表头第 {rows} 行 header row")
        same = repr((code, sheet["list"], sheet["columns"], sheet["unmapped"]))
        if same == told:
            out.print("  列同上 the same columns")
            continue
        told = same
        table = Table("列", "表头", "字段", Column("", overflow="fold"), "可信度")
        for column in sheet["columns"]:
            table.add_row(
                column["column"],
                escape(column["header"]),
                column["field"],
                escape(column["label"]["zh"]),
                f"{column['confidence']:.0%}",
            )
        for line in sheet["lines"]:
            table.add_row(line["cell"], escape(line["label"]), line["field"], "", "")
        out.print(table)
        if sheet["unmapped"]:
            names = "，".join(f"{one['column']} {one['header']}" for one in sheet["unmapped"])
            out.print(f"  [yellow]未用的列 columns not used:[/] {escape(names)}")
    for file, note in report.notes:
        said = Phrase(f"sheet_note.{note}")
        out.print(f"  [dim]{escape(file)}: {said.message('zh')} ({said.message('en')})[/]")


def _tell_faults(faults: list[Fault], mark: str, counts: dict[str, int] | None = None) -> None:
    """Tell each kind once, with the cells that it is found in."""
    kinds: dict[tuple[str, str], list[Fault]] = defaultdict(list)
    for fault in faults:
        kinds[fault.problem.code, fault.field].append(fault)
    for (code, field), alike in sorted(kinds.items(), key=lambda item: -len(item[1])):
        first = alike[0].problem
        number = max(len(alike), (counts or {}).get(code, 0))
        err.print(f"{mark} [bold]{number} × {code}[/] {escape(field)}")
        for fault in alike[:SHOWN_CELLS]:
            place = f"{fault.file} {fault.spot}"
            err.print(f"    {escape(place)}  {escape(fault.problem.message('zh'))}")
        if len(alike) > SHOWN_CELLS:
            err.print(f"    … 另有 {len(alike) - SHOWN_CELLS} 处 more")
        err.print(f"    [dim]{escape(first.hint('zh'))} {escape(first.hint('en'))}[/]")


def _tell_skips(report: Report) -> None:
    counts: dict[str, int] = defaultdict(int)
    for skip in report.skips:
        counts[skip.reason] += skip.rows
    for reason, number in counts.items():
        why = Phrase(f"skipped.{reason}")
        out.print(f"  跳过 skipped {number} × {why.message('zh')} {why.message('en')}")


def _tell_end(report: Report) -> None:
    for path in report.error_workbooks:
        out.print(f"错误已标在 errors are marked in: {escape(path)}")
    for path in report.combined:
        out.print(f"合并的 PDF combined: {escape(path)}")
    for document in report.documents:
        if document.state == "preview":
            out.print(f"预览 preview: {escape(document.path)}")
    rows = report.rows
    if report.dry:
        numbers = {made.doc_no for made in report.documents}
        shown = any(one.state == "preview" for one in report.documents)
        zh, en = ("别的什么", "nothing else") if shown else ("什么", "nothing")
        out.print(f"预检：将有 {len(numbers)} 份单据，{zh}都没有写 (dry run: {en} was written)")
    else:
        states = [made.state for made in report.documents]
        made, same = states.count("made"), states.count("unchanged")
        out.print(f"{made} 个文件生成，{same} 个未变 ({made} files made, {same} unchanged)")
        for doc_no in dict.fromkeys(
            one.doc_no for one in report.documents if one.state == "failed"
        ):
            out.print(f"  失败 failed: {escape(doc_no)}")
    out.print(
        f"行 rows: 读入 read {rows['read']} = 转换 converted {rows['converted']}"
        f" + 出错 failed {rows['failed']} + 跳过 skipped {rows['skipped']}"
    )
