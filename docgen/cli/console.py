"""How the command line talks: tables and messages for people, JSON for machines, exit codes."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NoReturn

import typer
from rich import markup
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from docgen.errors import DocgenError, OutputRefused, RecordRefused, SettingWrong, StoreFault
from schemas.problems import Problem
from schemas.visible import visible

OK, REFUSED, USAGE, SURROUNDINGS, INTERRUPTED, ENDED = 0, 1, 2, 3, 130, 143
ARGUMENT = "CODE"
"""Place of an error in a command's argument that names a record type."""

WIDE = 1000


def escape(text: str) -> str:
    """Return text from outside for `print`: no markup, in one line, nothing that cannot be seen."""
    return markup.escape(visible(text))


class PlainConsole(Console):
    """A console whose texts control no terminal, even where they were not escaped."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        """Make everything visible but line breaks, which tables and messages have of themselves."""
        for one in super().render(renderable, options):
            yield one if one.control else Segment(visible(one.text, "\n"), one.style)


out = PlainConsole(soft_wrap=True, emoji=False)
err = PlainConsole(stderr=True, soft_wrap=True, emoji=False)


def prepare_streams() -> None:
    """Let a terminal or pipe that lacks a character (GBK, ASCII) show `?` for it; widen files."""
    if not out.is_terminal:
        out.width = WIDE
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def command_group(text: str) -> typer.Typer:
    """Return a group of commands, which shows its help when none of them is named."""
    return typer.Typer(no_args_is_help=True, add_completion=False, help=text)


def print_result(value: Any, text: str, *, as_json: bool) -> None:
    """Print what a command did: the value for machines, or the text (no markup) for people."""
    if as_json:
        print_json(value)
    else:
        out.print(escape(text))


def print_json(value: Any) -> None:
    """Write one JSON value to standard output, in UTF-8 whatever the terminal's encoding.

    What a terminal obeys or hides stands there as JSON's escapes: the value is the same.
    """
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    text = "\n".join(map(_in_json, text.split("\n")))
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()


def _in_json(line: str) -> str:
    if line == visible(line):
        return line
    return "".join(one if one == visible(one) else json.dumps(one)[1:-1] for one in line)


def discard_output() -> None:
    """Forget what standard output would not take, so that the end of the process is silent."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_problems(name: str, problems: list[Problem]) -> None:
    """Tell a record's problems: place, zh, en, hint; what rows have in common is told once."""
    for place, problem in _told_once(problems):
        mark = "[red]✗[/]" if problem.level == "error" else "[yellow]![/]"
        err.print(f"{mark} {escape(name)} [bold]{escape(place or '/')}[/] [dim]{problem.code}[/]")
        err.print(f"    {escape(problem.message('zh'))}  [dim]{escape(problem.hint('zh'))}[/]")
        err.print(f"    [dim]{escape(problem.message('en'))}  {escape(problem.hint('en'))}[/]")


def _told_once(problems: list[Problem]) -> Iterator[tuple[str, Problem]]:
    """Pair problems with places, those alike in several rows as `check_items[0-39].reason`."""
    groups: dict[tuple[object, ...], list[Problem]] = {}
    for problem in problems:
        head, row, tail = _around_row(problem)
        told = (problem.level, problem.code, problem.message("zh"), problem.hint("zh"))
        groups.setdefault((head, row is None, tail, *told), []).append(problem)
    for alike in groups.values():
        head, _, tail = _around_row(alike[0])
        rows = {row for _, row, _ in map(_around_row, alike) if row is not None}
        yield (f"{head}[{_spans(rows)}]{tail}" if rows else head), alike[0]


def _around_row(problem: Problem) -> tuple[str, int | None, str]:
    """Split a place at its last row number: what is before it, the number, what is after it."""
    for at, step in reversed(list(enumerate(problem.path))):
        if isinstance(step, int):
            tail = replace(problem, path=problem.path[at + 1 :]).place
            return replace(problem, path=problem.path[:at]).place, step, tail and f".{tail}"
    return problem.place, None, ""


def _spans(numbers: set[int]) -> str:
    """Write numbers as `0-4,7`."""
    spans: list[tuple[int, int]] = []
    for number in sorted(numbers):
        first = spans.pop()[0] if spans and spans[-1][1] == number - 1 else number
        spans.append((first, number))
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def show_error(name: str, error: DocgenError) -> None:
    """Tell an error, or all problems of a refused record."""
    if isinstance(error, RecordRefused):
        show_problems(name, error.problems)
        return
    place = f" [bold]{escape(error.place)}[/]" if error.place not in ("", name) else ""
    err.print(f"[red]✗[/] {escape(name)}{place} [dim]{error.code}[/]")
    err.print(f"    {escape(error.message('zh'))}  [dim]{escape(error.hint('zh'))}[/]")
    err.print(f"    [dim]{escape(error.message('en'))}  {escape(error.hint('en'))}[/]")


def leave(error: DocgenError, as_json: bool = False, name: str = "docgen") -> NoReturn:
    """Tell an error of `name` and end the command with its exit code."""
    if as_json:
        print_json({"errors": [{"file": name} | entry for entry in error.as_json()]})
    else:
        show_error(name, error)
    raise typer.Exit(exit_code(error))


def exit_code(error: DocgenError) -> int:
    """Return 2 for a wrong option, 3 for a setting, an output folder or the store, else 1."""
    if isinstance(error, SettingWrong) and error.place.startswith(("--", ARGUMENT)):
        return USAGE
    kinds = OutputRefused | SettingWrong | StoreFault
    own_fault = isinstance(error, kinds) and error.code not in ("file_exists", "backup_incomplete")
    return SURROUNDINGS if own_fault else REFUSED


@contextmanager
def errors_told(as_json: bool = False, name: str = "docgen") -> Iterator[None]:
    """Turn any DocgenError inside into a message about `name` and an exit code."""
    try:
        yield
    except DocgenError as error:
        leave(error, as_json, name)
