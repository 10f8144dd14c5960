"""`docgen archive export | restore`: packages out of a service, and back into an empty one."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from docgen.access import SERVICE
from docgen.archive import evidence
from docgen.archive.evidence import EvidencePage
from docgen.archive.exporting import Export, contract_id_of
from docgen.archive.restoring import restore
from docgen.backup.place import need_store
from docgen.cli.console import REFUSED, command_group, errors_told, escape, out, print_json
from docgen.cli.options import AsJson, Certificates, SignerRoots, Subjects, TsaRoots
from docgen.cli.packages import print_findings
from docgen.cli.signing import trust_of
from docgen.errors import NotFound
from docgen.pipeline.children import children
from docgen.settings import load_settings
from docgen.store.unit_of_work import Store

archive_app = command_group("归档包。Archive packages.")


STATES = {
    "restored": "[green]✓[/] 已恢复 restored",
    "unchanged": "[green]✓[/] 已存在 there already",
    "refused": "[red]✗[/] 核对不通过 refused",
    "unindexed": "[yellow]![/] 没有索引 no index",
}


@archive_app.command("export")
def export_command(
    contract_no: Annotated[str, typer.Argument(help="合同编号")],
    to: Annotated[Path, typer.Option("--out", "-o", help="输出目录")],
    closing_: Annotated[
        bool, typer.Option("--closing", help="结清合同：每个维保对象都要有归档的巡检单或免检原因")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """导出合同的全部归档包和索引。Export a contract's packages, with an index.

    退出码: 0 完成; 1 没有这个合同，文件缺失、签章不符，或结清时有对象未巡检; 3 目录或数据库不可用。
    """
    settings = load_settings()
    with errors_told(as_json, contract_no), children(settings, ["pdf"]) as pool:
        need_store(settings)

        def render(page: EvidencePage) -> bytes:
            return pool.run(evidence.render, page, size_bytes=evidence.size_of(page))

        with closing(Store.open(settings)) as store:
            contract_id = _contract_id(store, contract_no)
            export = Export(store, SERVICE, contract_id, render, closing=closing_)
            lines = list(export.written(to))
            with store.change(SERVICE) as unit:
                export.note(unit)
    if as_json:
        print_json({"out": str(to), "packages": [vars(one) for one in lines]})
    else:
        out.print(f"[green]✓[/] {len(lines)} 个归档包 packages → {escape(str(to))}")


@archive_app.command("restore")
def restore_command(
    package: Annotated[list[Path], typer.Argument(help="归档包 zip，或其目录")],
    cert: Certificates = None,
    signer_root: SignerRoots = None,
    signer: Subjects = None,
    tsa_root: TsaRoots = None,
    as_json: AsJson = False,
) -> None:
    """核对归档包并恢复到空的服务；再次恢复不增加任何内容。Verify packages and restore them.

    退出码: 0 完成; 1 有归档包核对不通过，或与索引不符; 3 数据目录或数据库不可用。
    """
    with errors_told(as_json):
        settings = load_settings()
        trust = trust_of(settings, cert, signer_root, signer, tsa_root)
        with closing(Store.open(settings)) as store:
            found = [one for path in package for one in restore(store, path, trust)]
    if as_json:
        print_json({"packages": [one.as_json() for one in found]})
    else:
        for one in found:
            out.print(f"{STATES[one.state]}: {escape(one.doc_no or one.place)}")
            print_findings(one.verdict)
    if any(one.state == "refused" for one in found):
        raise typer.Exit(REFUSED)


def _contract_id(store: Store, contract_no: str) -> str:
    found = contract_id_of(store, contract_no)
    if not found:
        raise NotFound("not_found.contract_no", value=contract_no)
    return found
