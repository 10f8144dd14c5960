"""Commands about records: validate, check-coverage, new, schema, extract."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from docgen.cli.console import (
    REFUSED,
    err,
    errors_told,
    escape,
    out,
    print_json,
    show_error,
    show_problems,
)
from docgen.cli.options import AsJson, ContractFile, Files, Force, chosen_lang, record_type
from docgen.cli.sources import InputFile, contract_bytes, read_agreed, read_bytes, shown, sources
from docgen.errors import DocgenError, RecordRefused, SettingWrong
from docgen.files.output import OutputFolder, placed
from docgen.intake.starting import ENGINES, example, starting_record
from docgen.pipeline import RenderRequest, read_record, validate
from docgen.pipeline.children import children
from docgen.pipeline.extract import SIZE_LIMIT as DOCUMENT_LIMIT
from docgen.pipeline.extract import Extracted, extract
from docgen.renderers.isolation import Children
from docgen.settings import load_settings
from schemas.asset_archive import AssetArchive
from schemas.contract import Contract
from schemas.coverage import coverage
from schemas.fields import Part
from schemas.jsonschema import json_schema
from schemas.problems import Problem, errors_of
from schemas.setting import Setting


def validate_command(
    files: Files,
    contract: ContractFile = None,
    mask_secrets: Annotated[
        bool, typer.Option("--mask-secrets", help="先把口令替换为 ******")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """检查单据，一次列出全部错误。Check records and tell all errors at once.

    退出码: 0 全部正确; 1 有错误。
    """
    with errors_told(as_json):
        settings = load_settings()
        agreed = contract_bytes(contract, settings, as_json)
        order = RenderRequest(b"", settings.clock(), mask=mask_secrets, contract=agreed)
        with children(replace(settings, jobs=1), ()) as pool:
            results = [(source.name, *_validated(pool, order, source)) for source in sources(files)]
    _tell_validated(results, as_json)
    if any(error for _, _, error in results):
        raise typer.Exit(REFUSED)


def _validated(
    pool: Children, order: RenderRequest, source: InputFile
) -> tuple[list[Problem], DocgenError | None]:
    if source.error:
        return [], source.error
    own = RenderRequest(source.data, order.now, mask=order.mask, contract=order.contract)
    try:
        return list(pool.run(validate, own, size_bytes=len(source.data)).warnings), None
    except DocgenError as error:
        return [], error


def _tell_validated(
    results: list[tuple[str, list[Problem], DocgenError | None]], as_json: bool
) -> None:
    if as_json:
        files = [
            {
                "file": name,
                "valid": error is None,
                "errors": error.as_json() if error else [],
                "warnings": [problem.as_json() for problem in warnings],
            }
            for name, warnings, error in results
        ]
        print_json({"files": files})
        return
    for name, warnings, error in results:
        show_problems(name, warnings)
        if error:
            show_error(name, error)
        else:
            out.print(f"[green]✓[/] {escape(name)}")


def coverage_command(
    contract: Annotated[Path, typer.Argument(help="合同 JSON")],
    files: Files,
    as_json: AsJson = False,
) -> None:
    """核对档案是否覆盖合同的全部维保对象。Check that archives cover the contract's objects.

    退出码: 0 全部覆盖; 1 有缺项或单据有错误。
    """
    failures: list[tuple[str, DocgenError]] = []
    archives: list[AssetArchive] = []
    with errors_told(as_json):
        settings = load_settings()
    with errors_told(as_json, shown(contract)):
        _, agreed = read_agreed(contract, settings)
    for source in sources(files):
        try:
            archives += _archive(source, Setting(settings.clock(), agreed))
        except DocgenError as error:
            failures.append((source.name, error))
    problems = coverage(agreed, archives)
    if as_json:
        print_json(
            {
                "contract_no": agreed.contract_no,
                "objects": len(agreed.objects),
                "problems": [problem.as_json() for problem in problems],
                "errors": [
                    {"file": name} | entry
                    for name, failure in failures
                    for entry in failure.as_json()
                ],
            }
        )
    else:
        show_problems(shown(contract), problems)
        for name, failure in failures:
            show_error(name, failure)
        missing = len(errors_of(problems))
        out.print(
            f"合同 {agreed.contract_no}：{len(agreed.objects)} 个对象，"
            f"缺 {missing} 个 (missing {missing})"
        )
    if failures or errors_of(problems):
        raise typer.Exit(REFUSED)


def _archive(source: InputFile, setting: Setting) -> list[AssetArchive]:
    if source.error:
        raise source.error
    found = read_record(source.data, setting)
    if found.value is None:
        raise RecordRefused(found.problems)
    return [found.value] if isinstance(found.value, AssetArchive) else []


def new_command(
    code: Annotated[str, typer.Argument(help="单据类型，如 XJ")],
    engine: Annotated[str, typer.Option(help="数据库：" + " ".join(ENGINES))] = "",
    contract: ContractFile = None,
    lang: Annotated[
        str | None, typer.Option(help="检查项语言 zh 或 en，缺省由 DOCGEN_LANG 定")
    ] = None,
    filled: Annotated[
        bool, typer.Option("--example", help="改为一份填好的样例，人名都是虚构的")
    ] = False,
    target: Annotated[str, typer.Option("--out", "-o", help="写入文件或目录，缺省为标准输出")] = "",
    force: Force = False,
) -> None:
    """生成一份待填的单据。Make a starting record to fill in.

    空文本是必填的，null 是选填的。An empty text must be typed, null may be.
    """
    agreed: Contract | None = None
    with errors_told():
        settings = load_settings()
        model = record_type(code)
        if filled and (engine or contract or lang):
            raise SettingWrong("example_stands_alone", place="--example")
        lang = chosen_lang(lang, settings.lang)
    if contract is not None:
        with errors_told(name=shown(contract)):
            _, agreed = read_agreed(contract, settings)
    with errors_told():
        now = settings.clock()
        if filled:
            made = example(model)
        else:
            made = starting_record(model, now, engine=engine, lang=lang, contract=agreed)
        if not target:
            print_json(made)
        else:
            text = json.dumps(made, ensure_ascii=False, indent=2) + "\n"
            place, name = placed(target, f"{made['doc_no']}.json")
            OutputFolder(place, force=force).deliver(name, text.encode())


def schema_command(
    code: Annotated[str, typer.Argument(help="单据类型，如 XJ；contract 为合同")],
) -> None:
    """输出 JSON Schema 2020-12（含标签和单位）。Print a record type's JSON Schema."""
    with errors_told():
        model: type[Part] = Contract if code.lower() == "contract" else record_type(code)
        print_json(json_schema(model))


def extract_command(
    file: Annotated[Path, typer.Argument(help="docgen 生成的 docx、xlsx 或 pdf")],
    target: Annotated[str, typer.Option("--out", "-o", help="把单据 JSON 写入文件或目录")] = "",
    attachments: Annotated[Path | None, typer.Option(help="把日志附件写入目录")] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """取回文档中的单据，并说明是否完好。Get the record back and say whether it is intact.

    退出码: 0 完好; 1 单据被改动或文件中没有单据; 文件在生成后被改过时也为 1。
    """
    with errors_told(as_json, shown(file)):
        settings = load_settings()
        data = read_bytes(file, DOCUMENT_LIMIT)
        with children(replace(settings, jobs=1), ()) as pool:
            found = pool.run(extract, data, settings.clock(), size_bytes=len(data))
        if target:
            place, name = placed(target, f"{file.stem}.json")
            OutputFolder(place, force=force).deliver(name, found.record_json)
        if attachments is not None:
            folder = OutputFolder(attachments, force=force)
            for attached in found.attached:
                folder.deliver(attached.name, attached.data)
        if as_json:
            print_json(found.as_json())
        elif not target:
            print_json(found.record())
        if not as_json:
            _tell_extracted(shown(file), found)
    if not found.intact:
        raise typer.Exit(REFUSED)


def _tell_extracted(name: str, found: Extracted) -> None:
    """Say it on standard error: standard output holds the record."""
    words = {True: "[green]完好 intact[/]", False: "[red]已改动 changed[/]"}
    err.print(
        f"{escape(name)}: 单据 record {words[found.record_intact]}，"
        f"文件 file {words[found.file_intact]}"
    )
    if later := found.later_revisions:
        err.print(f"其后追加 {later} 次（如签名）  ({later} later revisions)")
