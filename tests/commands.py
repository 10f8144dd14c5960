"""Call the command line as a person would, on a fixed day; nothing may ever end in a traceback.

`docgen` runs a command within this process, as a process of its own would run it: with its own
environment, folder, streams, signals and logs, but without the start, and with rendering children
that stay warm. `docgen_process` starts one: where start-up, streams, signals, several children or
another sys.path are the subject.
"""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from docgen.cli import main
from docgen.cli.console import out
from docgen.paths import samples_dir, templates_dir
from docgen.pipeline import _theme
from docgen.templates.catalog import templates_digest
from tests.kept_child import LIMITS, child_kept

SAMPLES = samples_dir()
TEMPLATES = templates_dir()
CONTRACT = SAMPLES / "contract" / "HT-2026-017.json"
FIVE = SAMPLES / "contract" / "WB-five-objects.json"
XJ = SAMPLES / "XJ" / "basic.json"
ZX = SAMPLES / "ZX" / "basic.json"
PROGRAM = (sys.executable, "-m", "docgen")
NOW = "2026-11-01T09:00"
SIGNALS = (signal.SIGINT, signal.SIGTERM)
EASY = {
    "DOCGEN_JOBS": "1",
    "DOCGEN_WALL_S": f"{LIMITS.wall_s}",
    "DOCGEN_CPU_S": f"{LIMITS.cpu_s}",
}
"""What gives a command the child that is kept; its limits suit machines that do much else."""


def surroundings(**changes: object) -> dict[str, str]:
    """The environment of a command; a change to None takes a variable away.

    Without what a command that ran in this process left for its children.
    """
    made = {name: text for name, text in os.environ.items() if not name.startswith("DOCGEN_")}
    made.pop("PYTHONSAFEPATH", None)
    made |= {"DOCGEN_NOW": NOW} | {name: str(value) for name, value in changes.items()}
    return {name: text for name, text in made.items() if changes.get(name, "") is not None}


# ---------------------------------------------------------------- within this process


def docgen(
    *arguments: object, data: str | bytes = b"", cwd: Path | None = None, **env: object
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, `data` being its standard input; one child renders by default."""
    early = {name for name in env if name == "TZ" or name.startswith("PYTHON")}
    assert not early, f"{early} count when a process starts: call docgen_process"
    words = [os.fsdecode(_argument(one)) for one in arguments]
    environ = surroundings(**EASY | env)
    return _unbroken(called(words, environ, cwd or Path.cwd(), _encoded(data)))


def called(
    words: list[str], environ: Mapping[str, str], cwd: Path, data: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run a command within this process; what it wrote, and its exit code."""
    given, written = io.BytesIO(data), [io.BytesIO(), io.BytesIO()]
    with pytest.MonkeyPatch.context() as patch, _own_state(), child_kept():
        for name, file in zip(("stdin", "stdout", "stderr"), (given, *written), strict=True):
            patch.setattr(sys, name, io.TextIOWrapper(file, "utf-8"))
        patch.setattr(sys, "argv", ["docgen", *words])
        patch.chdir(cwd)
        for name in os.environ.keys() - environ.keys():
            patch.delenv(name)
        for name, text in environ.items():
            patch.setenv(name, text)
        code = _exit_code()
        sys.stdout.flush()
        sys.stderr.flush()
        told = [file.getvalue() for file in written]
    return subprocess.CompletedProcess(words, code, *told)


def _exit_code() -> int:
    """What the process would have ended with."""
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
            return 1
        return end.code or 0
    return 0


@contextmanager
def _own_state() -> Iterator[None]:
    """Begin as a process does, and leave to others what they had: signals, logs, caches."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    hook, width, said = sys.excepthook, out._width, structlog.get_config()
    logs = logging.getLogger()
    log_handlers, levels = logs.handlers, {one: one.level for one in _loggers()}
    logs.handlers = []  # without any, warnings go to standard error
    logs.setLevel(logging.WARNING)
    structlog.reset_defaults()
    for remembered in (_theme, templates_digest):  # by the folder's name, once a process
        remembered.cache_clear()
    try:
        yield
    finally:
        structlog.configure(**said)
        logs.handlers, sys.excepthook, out._width = log_handlers, hook, width
        for logger in _loggers():
            logger.setLevel(levels.get(logger, logging.NOTSET))
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _loggers() -> list[logging.Logger]:
    known = logging.getLogger().manager.loggerDict.values()
    return [logging.getLogger(), *(one for one in known if isinstance(one, logging.Logger))]


# ---------------------------------------------------------------- as a process


def docgen_process(
    *arguments: object, data: str | bytes = b"", cwd: Path | None = None, **env: object
) -> subprocess.CompletedProcess[str]:
    """Start a command and wait for its end, `data` being its standard input."""
    run = subprocess.run(
        [*PROGRAM, *map(_argument, arguments)],
        input=_encoded(data),
        capture_output=True,
        env=surroundings(**env),
        cwd=cwd,
        check=False,
    )
    return _unbroken(run)


@contextmanager
def heeding_ctrl_c() -> Iterator[None]:
    """Let what is started here hear SIGINT: a job in the background is started deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _unbroken(run: subprocess.CompletedProcess[bytes]) -> subprocess.CompletedProcess[str]:
    out_text, err_text = (text.decode("utf-8", "replace") for text in (run.stdout, run.stderr))
    assert "Traceback" not in out_text + err_text, out_text + err_text
    assert "internal error" not in err_text, err_text
    return subprocess.CompletedProcess(run.args, run.returncode, out_text, err_text)


def _encoded(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data


def _argument(argument: object) -> str | bytes:
    return argument if isinstance(argument, bytes) else str(argument)


# ---------------------------------------------------------------- what most tests ask


def as_json(*arguments: object, code: int = 0, call: Any = docgen, **more: Any) -> Any:
    """Run a command with --json by `docgen` or `docgen_process`, which must end in `code`."""
    run = call(*arguments, "--json", **more)
    assert run.returncode == code, run.stdout + run.stderr
    return json.loads(run.stdout)


def codes(entries: list[dict[str, Any]]) -> list[str]:
    """The codes of errors, warnings or findings."""
    return [entry["code"] for entry in entries]


def rendered(
    *files: object, to: Path, formats: str = "docx", code: int = 0, **more: Any
) -> dict[str, Any]:
    """Render as Word unless told otherwise, which must end in `code`; the report."""
    options = ["--format", formats, "--out", to]
    report: dict[str, Any] = as_json("render", *files, *options, code=code, **more)
    return report


def changed(path: Path, sample: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Write a changed copy of a sample to `path`."""
    record = json.loads(sample.read_text("utf-8"))
    change(record)
    path.write_text(json.dumps(record, ensure_ascii=False), "utf-8")
    return path


def numbered(path: Path, sample: Path, doc_no: str) -> Path:
    """Write a copy of a sample under another number."""
    return changed(path, sample, lambda record: record.update(doc_no=doc_no))


def left_behind(folder: Path) -> list[str]:
    """Files in `folder` that are no finished document."""
    whole = {".docx", ".xlsx", ".pdf"}
    return sorted(
        path.name
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in whole and path.name != ".docgen-index.json"
    )
