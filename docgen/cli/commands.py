"""The list of commands. A command's module is loaded when it is called, so that help is quick."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


@dataclass(frozen=True)
class Entry:
    """Where a command lies (a function, or the Typer app of a group), and its line in the help."""

    module: str
    name: str
    zh: str
    en: str

    @property
    def help(self) -> str:
        """The first line of the command's own help."""
        return self.zh + self.en

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
    "render": Entry(
        "render",
        "render_command",
        "把单据 JSON 生成 Word、Excel、PDF。",
        "Render records as documents.",
    ),
    "validate": Entry(
        "records",
        "validate_command",
        "检查单据，一次列出全部错误。",
        "Check records and tell all errors at once.",
    ),
    "check-coverage": Entry(
        "records",
        "coverage_command",
        "核对档案是否覆盖合同的全部维保对象。",
        "Check that archives cover the contract's objects.",
    ),
    "new": Entry(
        "records",
        "new_command",
        "生成一份待填的单据。",
        "Make a starting record to fill in.",
    ),
    "schema": Entry(
        "records",
        "schema_command",
        "输出 JSON Schema 2020-12（含标签和单位）。",
        "Print a record type's JSON Schema.",
    ),
    "extract": Entry(
        "records",
        "extract_command",
        "取回文档中的单据，并说明是否完好。",
        "Get the record back and say whether it is intact.",
    ),
    "template": Entry(
        "templates",
        "app",
        "模板：生成、检查、列出。",
        "Templates: scaffold, lint, list.",
    ),
    "doctor": Entry(
        "serving",
        "doctor_command",
        "检查运行环境，缺什么、怎样补上。",
        "Say what is missing and how to get it.",
    ),
    "serve": Entry(
        "serving",
        "serve_command",
        "启动 API 服务。",
        "Serve the API, on loopback unless told otherwise.",
    ),
}


def every() -> dict[str, Any]:
    """Load all commands."""
    return {name: entry.load(name) for name, entry in ENTRIES.items()}


class Commands(TyperGroup):
    """The group of all commands: named for help and completion, loaded when one is called."""

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
