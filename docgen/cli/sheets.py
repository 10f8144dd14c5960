"""`docgen mapping save | show` and `docgen intake-template`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from docgen.cli.console import command_group, errors_told, escape, out, print_json
from docgen.cli.options import AsJson, ContractFile, Force, record_type
from docgen.cli.sources import read_agreed, shown
from docgen.errors import SettingWrong
from docgen.files.output import OutputFolder, placed
from docgen.intake.sheets.intake import layouts
from docgen.intake.sheets.intake_book import intake_workbook
from docgen.intake.sheets.mapping import load, load_all, mapping_of, save
from docgen.intake.sheets.order import ConversionRequest
from docgen.pipeline.children import children
from docgen.settings import load_settings

app = command_group("表格映射：保存、查看。Mappings of spreadsheets: save, show.")


@app.command("save")
def save_command(
    file: Annotated[Path, typer.Argument(help="一个这种形状的表格")],
    name: Annotated[str, typer.Option("--name", "-n", help="映射的名称")],
    columns: Annotated[
        list[str] | None, typer.Option("--column", "-c", help="列或表头=字段，如 C=server_name")
    ] = None,
    code: Annotated[str, typer.Option("--type", "-t", help="单据类型")] = "",
) -> None:
    """记住这种表格怎样读。Remember how spreadsheets of this shape are read.

    退出码: 0 已保存; 1 表格或字段不可用。
    """
    with errors_told():
        settings = load_settings()
        code = record_type(code).record_type.code if code else ""
        order = ConversionRequest(file, shown(file), settings.clock(), Path(), code=code)
        with children(settings, ()) as pool:
            size = file.stat().st_size if file.is_file() else 0
            found = pool.run(layouts, order, size_bytes=size)
        mapping = mapping_of(name, found, _changes(columns or []))
        out.print(f"已保存 saved {escape(shown(save(mapping, settings.mappings_folder)))}")


@app.command("show")
def show_command(
    name: Annotated[str, typer.Argument(help="名称或文件，缺省为全部")] = "",
    as_json: AsJson = False,
) -> None:
    """列出或查看映射。List mappings, or show one."""
    with errors_told(as_json):
        folder = load_settings().mappings_folder
        path = Path(name) if name.endswith(".toml") else folder / f"{name}.toml"
        found = [load(path)] if name else load_all(folder)
    if as_json:
        told = [
            {
                "name": one.name,
                "sheets": [
                    {
                        "sheet": sheet.sheet,
                        "type": sheet.code,
                        "list": ".".join(sheet.path),
                        "header_rows": list(sheet.header_rows),
                        "columns": [vars(column) for column in sheet.columns],
                    }
                    for sheet in one.sheets
                ],
            }
            for one in found
        ]
        print_json({"mappings": told})
        return
    for one in found:
        for sheet in one.sheets:
            title = f"{one.name} › {sheet.sheet} → {' '.join((sheet.code, *sheet.path))}"
            table = Table("列", "表头", "字段", title=escape(title))
            for column in sheet.columns:
                table.add_row(column.column, escape(column.header), column.field or "（忽略）")
            out.print(table)


def intake_template_command(
    code: Annotated[str, typer.Argument(help="单据类型，如 XJ")],
    contract: ContractFile = None,
    target: Annotated[str, typer.Option("--out", "-o", help="文件，或放它的目录")] = "",
    force: Force = False,
) -> None:
    """生成给人填写的 Excel 登记表。Make a workbook for people to fill in.

    退出码: 0 已生成; 2 类型不存在; 3 不能写出。
    """
    with errors_told():
        settings = load_settings()
        model = record_type(code)
        agreed = read_agreed(contract, settings)[1] if contract else None
        folder, name = placed(target, f"{model.record_type.code}-{model.record_type.zh}登记表.xlsx")
        data = intake_workbook(model.record_type.code, agreed)
        made, state = OutputFolder(folder, force=force).deliver(name, data)
        out.print(f"{'已生成' if state == 'made' else '未变'} {escape(shown(made))}")


def _changes(texts: list[str]) -> dict[str, str]:
    made = {}
    for text in texts:
        column, equals, field = text.partition("=")
        if not equals:
            raise SettingWrong("bad_option.column", place="--column", value=text)
        made[column.strip()] = field.strip()
    return made
