"""`docgen convert`: spreadsheets to records to documents, every row accounted for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping as Fields
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from docgen.cli.console import (
    INTERRUPTED,
    OK,
    REFUSED,
    err,
    errors_told,
    escape,
    exit_code,
    out,
    print_json,
    show_error,
)
from docgen.cli.options import AsJson, Force, chosen_formats, chosen_lang, record_type
from docgen.cli.sources import contract_bytes, shown
from docgen.errors import SettingWrong
from docgen.intake.sheets.envelope import option
from docgen.intake.sheets.making import Making
from docgen.intake.sheets.mapping import Mapping, load, load_all
from docgen.intake.sheets.order import ConversionRequest
from docgen.intake.sheets.places import Fault
from docgen.intake.sheets.planning import Looking
from docgen.intake.sheets.previews import RowName
from docgen.intake.sheets.report import ConversionReport
from docgen.pipeline import RenderRequest as Rendering
from docgen.pipeline.children import children
from docgen.renderers.isolation import Children
from docgen.settings import Settings, load_settings
from schemas.catalog import record_types
from schemas.wording import Phrase


def convert_command(
    files: Annotated[list[Path], typer.Argument(help="表格文件：xlsx xlsm xls ods csv")],
    contract: Annotated[Path | None, typer.Option(help="合同 JSON，补表中没有的内容")] = None,
    folder: Annotated[Path, typer.Option("--out", "-o", help="输出目录")] = Path("out"),
    code: Annotated[str, typer.Option("--type", "-t", help="只认这一类单据，如 ZX")] = "",
    mapping: Annotated[Path | None, typer.Option(help="映射文件，见 docgen mapping")] = None,
    formats: Annotated[
        str, typer.Option("--format", "-f", help="docx,xlsx,pdf 的任意组合")
    ] = "docx,xlsx,pdf",
    given: Annotated[
        list[str] | None, typer.Option("--set", help="表中没有的字段，如 --set prepared_by=张伟")
    ] = None,
    group_by: Annotated[str, typer.Option(help="asset：每个资产一份")] = "",
    mask_secrets: Annotated[
        bool, typer.Option("--mask-secrets", help="把口令替换为 ******")
    ] = False,
    lang: Annotated[str | None, typer.Option(help="文档语言 zh 或 en")] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=0, max=64, help="并行数，0 为核数")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只检查，什么都不写")] = False,
    preview: Annotated[
        str, typer.Option(help="预检时另看一行的文档，写到 <out>/preview，如 服务器!12")
    ] = "",
    combined: Annotated[
        bool, typer.Option("--combined", help="另出一个合并的 PDF，带书签，供打印")
    ] = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """把 Excel、WPS、CSV 表格转成单据和文档。Convert spreadsheets to records and documents.

    退出码: 0 每一行都已转换或有理由跳过; 1 有行或文件出错; 2 用法错误;
    3 输出目录或设置不可用; 130 被中断。
    """
    with errors_told(as_json):
        settings = load_settings()
        settings = replace(settings, jobs=jobs or settings.jobs)
        wanted = chosen_formats(formats)
        _check(combined and "pdf" not in wanted, "combined_needs_pdf", "--combined")
        _check(bool(preview) and not dry_run, "preview_needs_dry_run", "--preview")
        row = RowName.of(preview) if preview else None
        order = ConversionRequest(
            Path(),
            "",
            settings.clock(),
            folder,
            contract=contract_bytes(contract, settings, as_json),
            code=record_type(code).record_type.code if code else "",
            group_by=_group(group_by),
            given=_given(given or []),
            mappings=_mappings(mapping, settings),
            mask=mask_secrets,
            dry=dry_run,
        )
        rendering = Rendering(
            b"",
            settings.clock(),
            lang=chosen_lang(lang, settings.lang),
            contract=order.contract,
            templates=settings.template_folders,
            theme=settings.theme_folder,
            verify_url=settings.verify_url,
        )
        report = ConversionReport(dry=dry_run)
        try:
            with children(settings, wanted if row or not dry_run else ()) as pool:
                if row:
                    named = [(path, shown(path)) for path in files]
                    Looking(order, rendering, named, row, wanted).within(pool, report)
                else:
                    making = Making(order, rendering, wanted, force=force)
                    _run(files, making, pool, report, quiet=as_json, combined=combined)
        except KeyboardInterrupt:
            err.print("已中断；已完成的文件保留，再次运行同一命令只做其余的。")
            err.print("Interrupted; finished files are kept. Run it again to do the rest.")
            raise typer.Exit(INTERRUPTED) from None
    print_json(report.as_json()) if as_json else tell(report)
    raise typer.Exit(_code(report))


def _run(
    files: list[Path],
    making: Making,
    pool: Children,
    report: ConversionReport,
    *,
    quiet: bool,
    combined: bool,
) -> None:
    """Take each file in, then make its documents; one bad file never stops the others."""
    try:
        for path in files:
            making.file(path, shown(path), pool, report, quiet=quiet or not err.is_terminal)
        if combined and not making.order.dry:
            making.combine(pool, report)
    finally:
        making.close(report)


def _code(report: ConversionReport) -> int:
    refused = [exit_code(error) for _, error in report.refused]
    return max(refused, default=OK) or (REFUSED if report.errors or report.failed else OK)


def _mappings(path: Path | None, settings: Settings) -> tuple[Mapping, ...]:
    """Return the mapping that is named, before those that are remembered."""
    named = [load(path)] if path else []
    return (*named, *load_all(settings.mappings_folder))


def _group(text: str) -> str:
    if text not in ("", "asset"):
        raise SettingWrong("unknown_group", place="--group-by", value=text)
    return text


def _given(texts: list[str]) -> Fields[str, Any]:
    made = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            made[name.strip()] = option(value)
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            raise SettingWrong("bad_option", place="--set", value=text)
    return made


def _check(wrong: bool, code: str, place: str) -> None:
    """Refuse options that do not go together."""
    if wrong:
        raise SettingWrong(code, place=place)


SHOWN_CELLS = 8


def tell(report: ConversionReport) -> None:
    """Say what was understood first, then what came of it."""
    _tell_sheets(report)
    for file, error in report.refused:
        show_error(file, error)
    _tell_faults(report.errors, "[red]✗[/]")
    _tell_faults(report.warnings, "[yellow]![/]", dict(report.warned))
    _tell_skips(report)
    _tell_end(report)


def _tell_sheets(report: ConversionReport) -> None:
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


def _tell_skips(report: ConversionReport) -> None:
    counts: dict[str, int] = defaultdict(int)
    for skip in report.skips:
        counts[skip.reason] += skip.rows
    for reason, number in counts.items():
        why = Phrase(f"skipped.{reason}")
        out.print(f"  跳过 skipped {number} × {why.message('zh')} {why.message('en')}")


def _tell_end(report: ConversionReport) -> None:
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
