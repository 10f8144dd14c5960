"""`docgen migrate | backup | restore | sweep | audit verify`: for whoever runs the service."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from docgen.audit import trail
from docgen.backup.manifest import KEY, Manifest
from docgen.backup.place import need_store, opened
from docgen.backup.restoring import restore
from docgen.backup.writing import write
from docgen.cli.console import REFUSED, command_group, err, errors_told, escape, out, print_json
from docgen.cli.options import AsJson
from docgen.operations.sweeping import sweep
from docgen.settings import Settings, load_settings
from docgen.store import migrations
from docgen.store.unit_of_work import Store

audit_app = command_group("审计链。The audit trail.")


def migrate_command(as_json: AsJson = False) -> None:
    """把数据库结构升到本版本所需。Bring the database's tables to what this version needs.

    退出码: 0 完成; 3 数据目录或数据库不可用。
    """
    with errors_told(as_json), opened(load_settings()) as place:
        before, after = migrations.migrate(place.database)
    if as_json:
        print_json({"from": before, "to": after})
    else:
        out.print(f"{before or '空 nothing'} → {after}")


def backup_command(
    file: Annotated[Path, typer.Argument(help="新文件，如 docgen-20261124.tar")],
    with_key: Annotated[
        bool, typer.Option("--with-key", help="连同 secret.key；这份备份须保密")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """把全部数据备份成一个文件，服务不必停。Back everything up to one file, while it serves.

    退出码: 0 完成; 1 有文件缺失或损坏; 3 文件、数据目录或数据库不可用。
    """
    with errors_told(as_json, str(file)):
        settings = load_settings()
        need_store(settings)
        with opened(settings) as place:
            manifest = write(place, file, now=datetime.now(UTC), with_key=with_key)
    if as_json:
        print_json({"file": str(file)} | manifest.as_json())
    else:
        _tell("已备份 Backed up", manifest)
        _tell_key(with_key)


def restore_command(
    file: Annotated[Path, typer.Argument(help="备份文件")],
    into: Annotated[Path | None, typer.Option(help="空的数据目录，缺省 DOCGEN_DATA")] = None,
    as_json: AsJson = False,
) -> None:
    """核对备份并恢复到空的数据目录与数据库。Check a backup and restore it into an empty store.

    退出码: 0 完成; 1 备份损坏，或目标不空; 3 数据目录或数据库不可用。
    """
    with errors_told(as_json, str(file)):
        settings = load_settings()
        settings = replace(settings, data=into or settings.data)
        with opened(settings) as place:
            manifest = restore(place, file, own_key=bool(settings.secret_key))
    if as_json:
        print_json({"file": str(file)} | manifest.as_json())
    else:
        _tell("已恢复 Restored", manifest)
        _tell_key(KEY in manifest.others)


def sweep_command(as_json: AsJson = False) -> None:
    """清除无用的文件、预览和过期的会话。Remove what nothing needs any more.

    退出码: 0 完成; 3 数据目录或数据库不可用。
    """
    with errors_told(as_json), closing(_existing(load_settings())) as store:
        swept = sweep(store, datetime.now(UTC))
    if as_json:
        print_json(swept.as_json())
    elif swept.busy:
        out.print("正在清除或备份，这次跳过。Somebody sweeps or makes a backup; not this time.")
    else:
        out.print(" ".join(f"{name}: {count}" for name, count in swept.as_json().items()))


@audit_app.callback()
def _audit() -> None:
    """Make `verify` a command of its group, though it is the only one."""


@audit_app.command("verify")
def verify_command(as_json: AsJson = False) -> None:
    """核对审计链与锚点，找出任何改动。Verify the audit trail, and find anything that was altered.

    退出码: 0 完好; 1 有改动; 3 数据目录或数据库不可用。
    """
    with errors_told(as_json), closing(_existing(load_settings())) as store:
        verdict = trail.verified(store)
    if as_json:
        print_json(verdict.as_json())
    else:
        _tell_verdict(verdict)
    if verdict.broken:
        raise typer.Exit(REFUSED)


def _existing(settings: Settings) -> Store:
    need_store(settings)
    return Store.open(settings)


def _tell_verdict(verdict: trail.TrailVerdict) -> None:
    for found in verdict.breaks:
        err.print(f"[red]✗[/] [bold]{found.seq}[/] [dim]{found.code}[/]")
        err.print(f"    {escape(found.message('zh'))}  [dim]{escape(found.message('en'))}[/]")
    mark = f"[red]✗[/] 断裂 {verdict.broken} 处" if verdict.broken else "[green]✓[/] 完好 intact"
    out.print(f"{mark}: {verdict.entries} 条 entries, {verdict.anchors} 个锚点 anchors")
    out.print(f"{verdict.seq} {verdict.entry_hash}")


def _tell(done: str, manifest: Manifest) -> None:
    rows = sum(content.count for content in manifest.tables.values())
    out.print(
        f"{done}: {rows} 行 rows, {manifest.blobs.count} 个文件 files"
        f" ({manifest.blobs.size_bytes} B), 结构 tables {manifest.revision}"
    )
    if broken := manifest.audit["broken"]:
        err.print(
            f"[yellow]![/] 审计链有 {broken} 处断裂，照原样保存；见 docgen audit verify。"
            f"The audit trail has {broken} breaks, kept as they are."
        )


def _tell_key(with_key: bool) -> None:
    if with_key:
        err.print("[yellow]![/] 含 secret.key，请保密。It holds secret.key: keep it secret.")
    else:
        err.print(
            "不含密钥：请另存 secret.key 或 DOCGEN_SECRET_KEY，否则 Webhook 密钥须重设。"
            "The key is not in it: keep secret.key or DOCGEN_SECRET_KEY apart,"
            " or webhook secrets must be made anew."
        )
