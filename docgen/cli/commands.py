"""The list of commands. A command's module is loaded when it is called, so that help is quick."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from click import UsageError
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from schemas.visible import visible


@dataclass(frozen=True)
class CommandEntry:
    """Where a command lies (a function, or the Typer app of a group), and its line in the help."""

    module: str
    name: str
    help: str
    """The first line of the command's own help, without what would need its module."""

    def load(self, name: str) -> Any:
        """Import and make the command."""
        found = getattr(import_module(f"docgen.cli.{self.module}"), self.name)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False)
            alone.command(name)(found)
            found = alone
        made = get_command(found)
        made.name = name
        return made


ENTRIES = {
    "render": CommandEntry(
        "render",
        "render_command",
        "把单据 JSON 生成 Word、Excel、PDF。Render records as documents.",
    ),
    "convert": CommandEntry(
        "convert",
        "convert_command",
        "把 Excel、WPS、CSV 表格转成单据和文档。Convert spreadsheets to records and documents.",
    ),
    "mapping": CommandEntry(
        "sheets", "app", "表格映射：保存、查看。Mappings of spreadsheets: save, show."
    ),
    "intake-template": CommandEntry(
        "sheets",
        "intake_template_command",
        "生成给人填写的 Excel 登记表。Make a workbook for people to fill in.",
    ),
    "validate": CommandEntry(
        "records",
        "validate_command",
        "检查单据，一次列出全部错误。Check records and tell all errors at once.",
    ),
    "check-coverage": CommandEntry(
        "records",
        "coverage_command",
        "核对档案是否覆盖合同的全部维保对象。Check that archives cover the contract's objects.",
    ),
    "new": CommandEntry(
        "records", "new_command", "生成一份待填的单据。Make a starting record to fill in."
    ),
    "schema": CommandEntry(
        "records",
        "schema_command",
        "输出 JSON Schema 2020-12（含标签和单位）。Print a record type's JSON Schema.",
    ),
    "extract": CommandEntry(
        "records",
        "extract_command",
        "取回文档中的单据，并说明是否完好。Get the record back and say whether it is intact.",
    ),
    "template": CommandEntry(
        "templates", "app", "模板：生成、检查、列出。Templates: scaffold, lint, list."
    ),
    "doctor": CommandEntry(
        "serving",
        "doctor_command",
        "检查运行环境，缺什么、怎样补上。Say what is missing and how to get it.",
    ),
    "serve": CommandEntry(
        "serving",
        "serve_command",
        "启动 API 服务。Serve the API, on loopback unless told otherwise.",
    ),
    "worker": CommandEntry(
        "worker",
        "worker_command",
        "处理批量任务，可在多台机器上各起若干。Work on batches, on any number of machines.",
    ),
    "migrate": CommandEntry(
        "operations",
        "migrate_command",
        "把数据库结构升到本版本所需。Bring the database's tables to what this version needs.",
    ),
    "backup": CommandEntry(
        "operations",
        "backup_command",
        "把全部数据备份成一个文件，服务不必停。Back everything up to one file, while it serves.",
    ),
    "restore": CommandEntry(
        "operations",
        "restore_command",
        "核对备份并恢复到空的数据目录与数据库。Check a backup and restore it into an empty store.",
    ),
    "sweep": CommandEntry(
        "operations",
        "sweep_command",
        "清除无用的文件、预览和过期的会话。Remove what nothing needs any more.",
    ),
    "audit": CommandEntry("operations", "audit_app", "审计链。The audit trail."),
    "seal": CommandEntry("signing", "seal_app", "签章密钥。The key of the seal."),
    "verify": CommandEntry(
        "signing",
        "verify_command",
        "离线核对 PDF 或归档包。Verify a PDF's signatures, or archive packages, offline.",
    ),
    "archive": CommandEntry("archive", "archive_app", "归档包。Archive packages."),
    "contract": CommandEntry(
        "contracts",
        "app",
        "合同：建立，并为其中人员建账号。Contracts: make one, with accounts for its people.",
    ),
    "user": CommandEntry(
        "accounts",
        "users_app",
        "账号：添加、列出、停用、设密码。Accounts: add, list, disable, password.",
    ),
    "token": CommandEntry(
        "accounts", "tokens_app", "API 令牌：生成、列出、吊销。API tokens: create, list, revoke."
    ),
}


def every() -> dict[str, Any]:
    """Load all commands."""
    return {name: entry.load(name) for name, entry in ENTRIES.items()}


@contextmanager
def _usage_shown_safely() -> Iterator[None]:
    """Tell a wrong option without what controls a terminal: `*` may have made it of a file name."""
    try:
        yield
    except UsageError as wrong:
        raise UsageError(visible(wrong.format_message()), wrong.ctx) from wrong


class Commands(TyperGroup):
    """The group of all commands: named for help and completion, loaded when one is called."""

    def make_context(self, *given: Any, **more: Any) -> Any:
        """Read the options before the command."""
        with _usage_shown_safely():
            return super().make_context(*given, **more)

    def invoke(self, ctx: Any) -> Any:
        """Read the command's own options, and run it."""
        with _usage_shown_safely():
            return super().invoke(ctx)

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of the work."""
        return list(ENTRIES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command that only has its help."""
        entry = ENTRIES.get(cmd_name)
        return TyperCommand(cmd_name, help=entry.help) if entry else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command itself for the name that was typed."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, ENTRIES[name].load(name) if name in ENTRIES else command, rest
