"""The command line: all commands, and how every one of them ends.

Exit codes: 0 done; 1 a record or file was refused; 2 wrong usage; 3 a setting or the output
folder cannot be used; 130 interrupted; 143 ended by SIGTERM.
"""

from __future__ import annotations

import errno
import signal
import sys
import traceback
from typing import NoReturn

import typer

from docgen.cli.commands import Commands
from docgen.cli.console import (
    ENDED,
    INTERRUPTED,
    REFUSED,
    SURROUNDINGS,
    discard_output,
    err,
    escape,
    prepare_streams,
)

app = typer.Typer(
    name="docgen",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="一份单据，三种一致的文档：Word、Excel、PDF。One record, three identical documents.",
)


def main() -> None:
    """Run the command line; whatever happens ends in a message and an exit code."""
    prepare_streams()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ENDED))
    try:
        try:
            app(prog_name="docgen")
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        err.print("已中断。Interrupted.")
        sys.exit(INTERRUPTED)
    except OSError as wrong:
        _no_output(wrong)
    except Exception as bug:  # noqa: BLE001 # the last resort
        _bug(bug)


def _no_output(wrong: OSError) -> NoReturn:
    """End because nobody reads on (quietly), or because output cannot be written."""
    discard_output()
    if wrong.errno == errno.EPIPE:
        sys.exit(REFUSED)
    place = f"{wrong.filename}: " if wrong.filename else ""
    err.print(f"无法写出 (output failed): {escape(place)}{wrong.strerror}")
    sys.exit(SURROUNDINGS)


def _bug(bug: Exception) -> NoReturn:
    """Name a fault of docgen itself and its place; `python -X dev -m docgen` shows all of it."""
    if sys.flags.dev_mode:
        raise bug
    frame = traceback.extract_tb(bug.__traceback__)[-1]
    err.print(
        "docgen 内部错误，请报告 (internal error, please report): "
        + escape(f"{type(bug).__name__}: {bug} [{frame.filename}:{frame.lineno}]")
    )
    sys.exit(REFUSED)


@app.callback()
def _docgen() -> None:
    """Come before every command, and do nothing."""
