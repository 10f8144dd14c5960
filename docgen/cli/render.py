"""`docgen render`: records to documents, in parallel, one bad file never stopping the others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from pebble import ProcessFuture
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

import docgen
from docgen.cli.console import (
    INTERRUPTED,
    OK,
    err,
    errors_told,
    escape,
    exit_code,
    out,
    print_json,
    show_error,
    show_problems,
)
from docgen.cli.options import chosen_formats, chosen_lang
from docgen.cli.sources import InputFile, contract_bytes, shown, sources
from docgen.errors import DocgenError, OutputRefused, TemplateFaulty
from docgen.files.output import OutputFolder
from docgen.pipeline import RenderedFile, RenderRequest, render, skip_key
from docgen.pipeline.children import children
from docgen.renderers.isolation import Children, outcome
from docgen.settings import Settings, load_settings
from schemas.problems import Problem

Waiting = tuple[InputFile, str, str]
"""A record, the format it is to be made in, and what that depends on."""


@dataclass(frozen=True)
class RenderedDocument:
    """One document that was made, or found unchanged."""

    file: str
    code: str
    doc_no: str
    format: str
    path: Path
    state: str
    size_bytes: int
    sha256: str

    def as_json(self) -> dict[str, Any]:
        """Return the entry of `documents[]`."""
        return vars(self) | {"path": shown(self.path)}


@dataclass
class RenderReport:
    """What a run did, file by file."""

    documents: list[RenderedDocument] = field(default_factory=list)
    errors: list[tuple[str, str, DocgenError]] = field(default_factory=list)
    warnings: dict[str, list[Problem]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the `--json` report."""
        entries = [{"file": name} | entry for name, _, e in self.errors for entry in e.as_json()]
        errors = list({json.dumps(entry, sort_keys=True): entry for entry in entries}.values())
        warnings = [
            {"file": name} | p.as_json() for name, found in self.warnings.items() for p in found
        ]
        return {
            "documents": [made.as_json() for made in self.documents],
            "errors": errors,
            "warnings": warnings,
        }


def render_command(
    files: Annotated[list[Path], typer.Argument(help="单据 JSON、目录，或 - 表示标准输入")],
    formats: Annotated[
        str, typer.Option("--format", "-f", help="docx,xlsx,pdf 的任意组合")
    ] = "docx,xlsx,pdf",
    folder: Annotated[Path, typer.Option("--out", "-o", help="输出目录")] = Path("out"),
    lang: Annotated[
        str | None, typer.Option(help="文档语言 zh 或 en，缺省由 DOCGEN_LANG 定")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=0, max=64, help="并行数，0 为核数")] = 0,
    contract: Annotated[Path | None, typer.Option(help="合同 JSON，用于核对")] = None,
    force: Annotated[bool, typer.Option("--force", help="覆盖已有的不同文件")] = False,
    mask_secrets: Annotated[
        bool, typer.Option("--mask-secrets", help="把口令替换为 ******")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON 报告")] = False,
) -> None:
    """把单据 JSON 生成 Word、Excel、PDF。Render records as documents.

    退出码: 0 全部成功; 1 有单据被拒或失败; 2 用法错误; 3 输出目录或设置不可用; 130 被中断。
    """
    with errors_told(as_json):
        settings = load_settings()
        wanted = chosen_formats(formats)
        order = RenderRequest(
            b"",
            settings.clock(),
            lang=chosen_lang(lang, settings.lang),
            mask=mask_secrets,
            contract=contract_bytes(contract, settings, as_json),
            templates=settings.template_folders,
            theme=settings.theme_folder,
            verify_url=settings.verify_url,
        )
        target = OutputFolder(folder, force=force, indexed=True)
        report = RenderReport()
        settings = replace(settings, jobs=jobs or settings.jobs)
        try:
            waiting = _waiting(sources(files), order, wanted, target, report)
            _run(waiting, order, target, report, settings, quiet=as_json)
        except KeyboardInterrupt:
            err.print("已中断，已完成的文件保留。Interrupted; finished files are kept.")
            raise typer.Exit(INTERRUPTED) from None
        finally:
            _close(target, report, settings)
    _tell(report, as_json)
    raise typer.Exit(max((exit_code(error) for _, _, error in report.errors), default=OK))


def _close(target: OutputFolder, report: RenderReport, settings: Settings) -> None:
    """Write the index and tidy up; a folder that takes none is one failure beside the others."""
    try:
        target.save_index()
        target.discard_unfinished(older_than=settings.clock() - timedelta(days=1))
    except OutputRefused as error:
        report.errors.append((shown(target.path), "", error))


def _waiting(
    found: Iterable[InputFile],
    order: RenderRequest,
    formats: list[str],
    target: OutputFolder,
    report: RenderReport,
) -> list[Waiting]:
    """Sort out what cannot be read and what is made already; return the rest."""
    waiting = []
    for source in found:
        if source.error:
            report.errors.append((source.name, "", source.error))
            continue
        for name in formats:
            key = _key(replace(order, data=source.data), name)
            path = target.unchanged(key)
            if path is None or not _found_unchanged(source.name, name, path, report):
                waiting.append((source, name, key))
    return waiting


def _key(order: RenderRequest, format_name: str) -> str:
    """Return what the file depends on; empty where a faulty template hides it."""
    try:
        return skip_key(order, format_name, docgen.__version__)
    except TemplateFaulty:
        return ""


def _found_unchanged(name: str, format_name: str, path: Path, report: RenderReport) -> bool:
    """Note a file that is as it would be made; the number is its owner's from now on."""
    if report.owners.setdefault(path.stem, name) != name:
        return False
    made = _made(
        name, (path.parent.name, path.stem, format_name), (path, "unchanged"), path.read_bytes()
    )
    report.documents.append(made)
    return True


def _made(
    name: str, document: tuple[str, str, str], delivered: tuple[Path, str], data: bytes
) -> RenderedDocument:
    return RenderedDocument(
        name, *document, *delivered, len(data), hashlib.sha256(data).hexdigest()
    )


def _run(
    waiting: list[Waiting],
    order: RenderRequest,
    target: OutputFolder,
    report: RenderReport,
    settings: Settings,
    *,
    quiet: bool,
) -> None:
    if not waiting:
        return
    formats = dict.fromkeys(name for _, name, _ in waiting)
    settings = replace(settings, jobs=min(settings.jobs, len(waiting)))
    with children(settings, formats) as pool, _progress(quiet) as progress:
        task = progress.add_task("渲染 rendering", total=len(waiting))
        for item, future in _submitted(pool, order, waiting, settings.jobs * 4):
            _finish(item, future, target, report)
            progress.advance(task)


def _submitted(
    pool: Children, order: RenderRequest, waiting: list[Waiting], ahead: int
) -> Iterator[tuple[Waiting, ProcessFuture[RenderedFile]]]:
    """Keep `ahead` documents in work, yield them in order: memory stays bounded."""
    running: list[tuple[Waiting, ProcessFuture[RenderedFile]]] = []
    for item in waiting:
        source, name, _ = item
        own = replace(order, data=source.data)
        running.append((item, pool.submit(render, own, name, size_bytes=len(source.data))))
        if len(running) >= ahead:
            yield running.pop(0)
    yield from running


def _finish(
    item: Waiting, future: ProcessFuture[RenderedFile], target: OutputFolder, report: RenderReport
) -> None:
    source, format_name, key = item
    try:
        done = outcome(future)
        _claim(report, source.name, done.doc_no)
        delivered = target.deliver(f"{done.code}/{done.doc_no}.{format_name}", done.data, key)
    except DocgenError as error:
        report.errors.append((source.name, format_name, error))
        return
    document = (done.code, done.doc_no, format_name)
    report.documents.append(_made(source.name, document, delivered, done.data))
    report.warnings[source.name] = list(done.warnings)


def _claim(report: RenderReport, name: str, doc_no: str) -> None:
    """Two inputs with one document number: the second is refused, never silently the winner."""
    owner = report.owners.setdefault(doc_no, name)
    if owner != name:
        raise OutputRefused("file_exists.same_number", place="/doc_no", value=doc_no, owner=owner)


def _progress(quiet: bool) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=err, disable=quiet or not err.is_terminal, transient=True)


def _tell(report: RenderReport, as_json: bool) -> None:
    if as_json:
        print_json(report.as_json())
        return
    for name, problems in report.warnings.items():
        show_problems(name, problems)
    told: set[str] = set()
    for name, format_name, error in report.errors:
        text = f"{name} {error.as_json()}"
        if text not in told:
            told.add(text)
            show_error(
                f"{name} [{format_name}]" if format_name and len(error.as_json()) == 1 else name,
                error,
            )
    if report.documents:
        out.print(_table(report.documents))
    failed = len({name for name, _, _ in report.errors})
    out.print(
        f"{len(report.documents)} 个文件完成，{failed} 个单据被拒或失败  "
        f"({len(report.documents)} files, {failed} refused or failed)"
    )


def _table(documents: Iterable[RenderedDocument]) -> Table:
    file = Column("文件", overflow="fold")
    table = Table("类型", "编号", "格式", "大小", "状态", file, title="docgen render")
    words = {"made": "已生成", "unchanged": "未变"}
    for made in sorted(documents, key=lambda item: (item.code, item.doc_no, item.format)):
        size = f"{made.size_bytes / 1024:.0f} KB"
        path = escape(shown(made.path))
        table.add_row(made.code, made.doc_no, made.format, size, words[made.state], path)
    return table
