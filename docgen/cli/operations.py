"""`docgen migrate | backup | restore | sweep | audit`: for whoever runs the service."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from docgen.audit import trail
from docgen.backup.manifest import KEY, Manifest
from docgen.backup.place import need_store, opened
from docgen.backup.proof import ProofVerdict
from docgen.backup.reading import Backup
from docgen.backup.restoring import RestoredBackup, restore
from docgen.backup.writing import write
from docgen.cli.console import (
    REFUSED,
    command_group,
    err,
    errors_told,
    escape,
    out,
    print_json,
    print_result,
    show_error,
)
from docgen.cli.options import AsJson
from docgen.errors import Conflict, SettingWrong
from docgen.operations.sweeping import sweep
from docgen.settings import Settings, load_settings
from docgen.store import migrations
from docgen.store.audit_chain import Head
from docgen.store.unit_of_work import Store

CHECKED = {
    "good": "[green]✓[/] 相符 good",
    "wrong": "[red]✗[/] 不符 wrong",
    "unknown": "[yellow]![/] 无法核对：不在手边 not checked: not at hand",
    "none": "[yellow]![/] 没有 none",
}
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
            made = write(place, file, now=datetime.now(UTC), with_key=with_key)
    if made.unsealed:
        err.print(
            "[yellow]![/] 签章没有在备份上签字；没有密钥时须凭号与哈希恢复。"
            "The seal did not sign the backup; without the key its head is needed to restore it."
        )
        show_error("seal", made.unsealed)
    if as_json:
        print_json({"file": str(file)} | made.manifest.as_json())
    else:
        _tell("已备份 Backed up", made.manifest)
        out.print(f"请另记 Note elsewhere: {made.manifest.head}")
        _tell_key(with_key)


def restore_command(
    file: Annotated[Path, typer.Argument(help="备份文件")],
    into: Annotated[Path | None, typer.Option(help="空的数据目录，缺省 DOCGEN_DATA")] = None,
    expect_head: Annotated[
        str, typer.Option(help="备份时另记的 号:哈希；不给则显示出来，由人在终端确认")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """核对备份并恢复到空的数据目录与数据库。Check a backup and restore it into an empty store.

    退出码: 0 完成; 1 备份损坏、被改动、未经确认，或目标不空; 3 数据目录或数据库不可用。
    """
    with errors_told(as_json, str(file)):
        settings = load_settings()
        settings = replace(settings, data=into or settings.data)
        with opened(settings) as place:
            backup = Backup(file)
            verdict = backup.verdict(place)
            _tell_proof(verdict)
            expected = _expected_head(backup, verdict, expect_head, as_json=as_json)
            done = restore(place, backup, expected=expected)
    _tell_left(done)
    if as_json:
        print_json({"file": str(file), "proven": verdict.proven} | done.as_json())
    else:
        _tell("已恢复 Restored", done.manifest)
        _tell_key(KEY in done.manifest.others)


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


@audit_app.command("verify")
def verify_command(
    head: Annotated[
        list[str] | None, typer.Option("--head", help="别处记下的 号:哈希，可多次")
    ] = None,
    backup: Annotated[
        list[Path] | None, typer.Option("--backup", help="备份文件，与它的号和哈希比对，可多次")
    ] = None,
    without_seals: Annotated[
        bool, typer.Option("--without-seals", help="不打开签章的 PDF，快得多")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """核对审计链、锚点、各行与签章，找出任何改动。Verify the audit trail, anchors, rows and seals.

    退出码: 0 完好; 1 有改动; 3 数据目录或数据库不可用。
    """
    with errors_told(as_json), closing(_existing(load_settings())) as store:
        known = {f"--head {text}": _head(text, "--head") for text in head or []}
        known |= {str(path): Backup(path).manifest.head for path in backup or []}
        verdict = trail.verified(store, known=known, with_seals=not without_seals)
    _show(verdict, as_json)


@audit_app.command("anchor")
def anchor_command(
    accept_head: Annotated[
        str, typer.Option(help="号:哈希，核对过的一条；锚点由此重新开始，审计链会记下")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """补上锚点；链缺了什么时，由人接受后继续。Anchor the head, or go on from one that is accepted.

    退出码: 0 完成; 1 审计链里没有这一条; 3 数据目录或数据库不可用，或链缺了锚点记下的记录。
    """
    with errors_told(as_json), closing(_existing(load_settings())) as store:
        if accept_head:
            _tell_breaks(trail.accept(store, _head(accept_head, "--accept-head")))
        newest = trail.anchor_newest(store)
    print_result(newest._asdict(), f"✓ {newest}", as_json=as_json)


def _head(text: str, option: str) -> Head:
    """Read SEQ:HASH. SettingWrong: bad_head."""
    found = Head.parsed(text)
    if found is None:
        raise SettingWrong("bad_head", place=option, value=text)
    return found


def _show(verdict: trail.TrailVerdict, as_json: bool) -> None:
    if as_json:
        print_json(verdict.as_json())
    else:
        _tell_verdict(verdict)
    if verdict.broken:
        raise typer.Exit(REFUSED)


def _existing(settings: Settings) -> Store:
    need_store(settings)
    return Store.open(settings)


def _expected_head(backup: Backup, verdict: ProofVerdict, text: str, *, as_json: bool) -> Head:
    """Return the head that somebody vouches for: as given, or as shown and confirmed.

    Conflict: backup_unproven, backup_not_confirmed.
    """
    if text:
        return _head(text, "--expect-head")
    head = backup.manifest.head
    if verdict.altered:
        return head  # `restore` refuses it
    if not verdict.proven:
        raise Conflict("backup_unproven")
    if as_json or not at_terminal():
        raise Conflict("backup_not_confirmed", place=str(backup.path), head=head)
    err.print(f"{backup.manifest.made_at}  {head}")
    if not typer.confirm("这是要恢复的那一份吗？Is this the one to restore?", err=True):
        raise Conflict("backup_not_confirmed", place=str(backup.path), head=head)
    return head


def at_terminal() -> bool:
    """Return whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _tell_proof(verdict: ProofVerdict) -> None:
    """Say what of a backup's proof could be checked, and what could not."""
    for subject, found in (("密钥 key", verdict.mac), ("签章 seal", verdict.seal)):
        err.print(f"{subject}: {CHECKED[found]}")
    if not verdict.proven:
        err.print(
            "[yellow]![/] 无法确认谁写了这份备份：凭号与哈希只核对审计链及它提到的各行；"
            "会话、链接的期限、回调、secret.key 没有核对。"
            "Nothing here proves who wrote this backup: by its head only the trail, and the rows"
            " it names, are checked; not sessions, when links end, webhooks, secret.key."
        )


def _tell_left(done: RestoredBackup) -> None:
    for found in done.breaks:
        err.print(f"[yellow]![/] {escape(found.message('zh'))} {escape(found.message('en'))}")
    for name in done.left_out:
        err.print(
            f"[yellow]![/] 没有放入 {name}：审计链没有提到它的证书。"
            f"{name} was left out: the trail does not name its certificate."
        )


def _tell_breaks(verdict: trail.TrailVerdict) -> None:
    for found in verdict.breaks:
        err.print(f"[red]✗[/] [bold]{found.seq}[/] [dim]{found.code}[/]")
        err.print(f"    {escape(found.message('zh'))}  [dim]{escape(found.message('en'))}[/]")


def _tell_verdict(verdict: trail.TrailVerdict) -> None:
    _tell_breaks(verdict)
    for one in verdict.accepted:
        err.print(f"[yellow]![/] 第 {one['seq']} 条：由人接受后继续 accepted by an operator")
        err.print(f"    [dim]{one['at']} {escape(one['detail'])}[/]")
    mark = f"[red]✗[/] 断裂 {verdict.broken} 处" if verdict.broken else "[green]✓[/] 完好 intact"
    seals = f"{verdict.seals} 个签章文件 sealed files"
    if verdict.seals is None:
        seals = "签章未核对 seals not covered"
    elif verdict.foreign_seals:
        seals += f"（{verdict.foreign_seals} 个来自归档包 out of packages）"
    out.print(f"{mark}: {verdict.entries} 条 entries, {verdict.anchors} 个锚点 anchors, {seals}")
    out.print(str(verdict.head))


def _tell(done: str, manifest: Manifest) -> None:
    rows = sum(content.count for content in manifest.tables.values())
    out.print(
        f"{done}: {rows} 行 rows, {manifest.blobs.count} 个文件 files"
        f" ({manifest.blobs.size_bytes} B), 结构 tables {escape(manifest.revision)}"
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
