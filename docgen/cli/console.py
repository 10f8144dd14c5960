"""How the command line talks: tables and messages for people, JSON for machines, exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from docgen.errors import DocgenError, OutputRefused, RecordRefused, SettingWrong
from schemas.problems import Problem

OK, REFUSED, USAGE, SURROUNDINGS, INTERRUPTED = 0, 1, 2, 3, 130

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)


def print_json(value: Any) -> None:
    """Write one JSON value to standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def show_problems(name: str, problems: list[Problem]) -> None:
    """Tell a record's problems: place, zh, en, hint."""
    for problem in problems:
        mark = "[red]✗[/]" if problem.level == "error" else "[yellow]![/]"
        err.print(
            f"{mark} {escape(name)} [bold]{escape(problem.place or '/')}[/] [dim]{problem.code}[/]"
        )
        err.print(f"    {escape(problem.message('zh'))}  [dim]{escape(problem.hint('zh'))}[/]")
        err.print(f"    [dim]{escape(problem.message('en'))}  {escape(problem.hint('en'))}[/]")


def show_error(name: str, error: DocgenError) -> None:
    """Tell an error, or all problems of a refused record."""
    if isinstance(error, RecordRefused):
        show_problems(name, error.problems)
        return
    place = f" [bold]{escape(error.place)}[/]" if error.place else ""
    err.print(f"[red]✗[/] {escape(name)}{place} [dim]{error.code}[/]")
    err.print(f"    {escape(error.zh)}  [dim]{escape(error.hint_zh)}[/]")
    err.print(f"    [dim]{escape(error.en)}  {escape(error.hint_en)}[/]")


def leave(error: DocgenError, as_json: bool = False) -> NoReturn:
    """End the command with an error: exit code 3 for surroundings, else 1."""
    if as_json:
        print_json({"errors": error.as_json()})
    else:
        show_error("docgen", error)
    raise typer.Exit(SURROUNDINGS if isinstance(error, OutputRefused | SettingWrong) else REFUSED)


@contextmanager
def errors_told(as_json: bool = False) -> Iterator[None]:
    """Turn any DocgenError inside into a message and an exit code."""
    try:
        yield
    except DocgenError as error:
        leave(error, as_json)
