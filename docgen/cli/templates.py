"""`docgen template scaffold | lint | list`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from docgen.authoring.lint import LintFinding, lint
from docgen.authoring.scaffold import scaffold
from docgen.cli.console import REFUSED, command_group, errors_told, escape, out, print_json
from docgen.cli.options import AsJson, Force, chosen_formats, record_type
from docgen.cli.sources import shown
from docgen.errors import DocgenError
from docgen.files.output import OutputFolder
from docgen.pipeline.children import children
from docgen.renderers.isolation import Children
from docgen.settings import load_settings
from docgen.templates.catalog import FORMATS, Template, every, find
from docgen.templates.theme import Theme, load_theme

app = command_group("模板：生成、检查、列出。Templates: scaffold, lint, list.")


@app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """列出将会使用的模板。List the templates in use."""
    with errors_told(as_json):
        found = list(every(load_settings().template_folders))
    entries = [
        {
            "code": t.code,
            "format": t.format,
            "version": t.version,
            "path": shown(t.path),
            "sha256": t.digest,
        }
        for t in found
    ]
    if as_json:
        print_json({"templates": entries})
        return
    table = Table("类型", "格式", "版本", "摘要", Column("文件", overflow="fold"))
    for entry in entries:
        table.add_row(
            *(escape(entry[key]) for key in ("code", "format", "version")),
            entry["sha256"][:12],
            escape(entry["path"]),
        )
    out.print(table)


@app.command("scaffold")
def scaffold_command(
    code: Annotated[str, typer.Argument(help="单据类型，如 XJ")],
    formats: Annotated[str, typer.Option("--format", "-f", help="docx,xlsx,pdf")] = "docx,xlsx,pdf",
    folder: Annotated[Path, typer.Option("--out", "-o", help="模板目录")] = Path("templates"),
    force: Force = False,
) -> None:
    """按字段生成一套可编辑的模板。Make editable templates from the schema."""
    with errors_told():
        model = record_type(code)
        target = OutputFolder(folder, force=force)
        made = scaffold(model, chosen_formats(formats))
        for name, data in made.items():
            path, state = target.deliver(f"{model.record_type.code}/{name}", data)
            out.print(f"{'已生成' if state == 'made' else '未变'} {escape(shown(path))}")


@app.command("lint")
def lint_command(
    codes: Annotated[list[str] | None, typer.Argument(help="单据类型，缺省为全部")] = None,
    folder: Annotated[Path | None, typer.Option("--templates", help="模板目录，缺省为设置")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="有未显示字段也算失败")] = False,
    as_json: AsJson = False,
) -> None:
    """检查模板：未知变量、坏标签、未显示的字段。Check templates against the schema.

    退出码: 0 无错误; 1 有错误。
    """
    with errors_told(as_json):
        settings = load_settings()
        folders = (folder,) if folder else settings.template_folders
        theme = load_theme(settings.theme_folder)
        wanted = [record_type(code).record_type.code for code in codes or []]
        chosen = [template for template in every(folders) if not wanted or template.code in wanted]
        for code in wanted:
            if not any(template.code == code for template in chosen):
                find(folders, code, next(iter(FORMATS)), "zh")
        formats = {template.format for template in chosen}
        with children(replace(settings, jobs=1), formats) as pool:
            results = [(template, _linted(pool, template, theme)) for template in chosen]
    _tell(results, as_json)
    failing = [f for _, found in results for f in found if f.level == "error" or strict]
    if failing:
        raise typer.Exit(REFUSED)


def _linted(pool: Children, template: Template, theme: Theme) -> list[LintFinding]:
    """Lint in a child: a template may hang or burst while it is compiled."""
    try:
        return pool.run(lint, template, theme, size_bytes=0)
    except DocgenError as error:
        place = f"{template.code}/{template.path.name} {error.place}".strip()
        return [LintFinding(place, *error.wording())]


def _tell(results: list[tuple[Template, list[LintFinding]]], as_json: bool) -> None:
    if as_json:
        entries = [finding.as_json() for _, found in results for finding in found]
        print_json(
            {"checked": [shown(template.path) for template, _ in results], "findings": entries}
        )
        return
    for template, found in results:
        mark = "[green]✓[/]" if not any(f.level == "error" for f in found) else "[red]✗[/]"
        out.print(f"{mark} {escape(shown(template.path))}")
        for finding in found:
            colour = "red" if finding.level == "error" else "yellow"
            told = f"{escape(finding.place)}: {escape(finding.message('zh'))}"
            out.print(f"    [{colour}]{finding.code}[/] {told}")
            out.print(f"        [dim]{escape(finding.message('en'))}[/]")
