"""`docgen convert`: spreadsheets to records to documents, every row accounted for."""

from __future__ import annotations

from collections.abc import Mapping as Fields
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from docgen.children import children
from docgen.cli.choices import chosen_formats, chosen_lang, record_type
from docgen.cli.console import INTERRUPTED, OK, REFUSED, err, errors_told, exit_code, print_json
from docgen.cli.options import AsJson, Force
from docgen.cli.sources import contract_bytes, shown
from docgen.cli.told import tell
from docgen.errors import SettingWrong
from docgen.pipeline import Order as Rendering
from docgen.renderers.isolate import Children
from docgen.settings import Settings, load_settings
from docgen.sheets.envelope import option
from docgen.sheets.making import Making
from docgen.sheets.mapping import Mapping, load, load_all
from docgen.sheets.order import Order
from docgen.sheets.planning import Looking
from docgen.sheets.previews import RowName
from docgen.sheets.report import Report


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
        order = Order(
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
        report = Report(dry=dry_run)
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
    report: Report,
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


def _code(report: Report) -> int:
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
