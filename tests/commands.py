"""Call the command line as a person would, on a fixed day; nothing may ever end in a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from docgen.paths import samples_dir, templates_dir

SAMPLES = samples_dir()
TEMPLATES = templates_dir()
CONTRACT = SAMPLES / "contract" / "HT-2026-017.json"
FIVE = SAMPLES / "contract" / "WB-five-objects.json"
XJ = SAMPLES / "XJ" / "basic.json"
ZX = SAMPLES / "ZX" / "basic.json"
PROGRAM = (sys.executable, "-m", "docgen")
NOW = "2026-11-01T09:00"


def surroundings(**changes: object) -> dict[str, str]:
    """The environment of a command; a change to None takes a variable away."""
    made = {name: text for name, text in os.environ.items() if not name.startswith("DOCGEN_")}
    made |= {"DOCGEN_NOW": NOW} | {name: str(value) for name, value in changes.items()}
    return {name: text for name, text in made.items() if changes.get(name, "") is not None}


def docgen(
    *arguments: object, data: str | bytes = b"", cwd: Path | None = None, **env: object
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, `data` being its standard input."""
    run = subprocess.run(
        [*PROGRAM, *map(_argument, arguments)],
        input=data.encode() if isinstance(data, str) else data,
        capture_output=True,
        env=surroundings(**env),
        cwd=cwd,
        check=False,
    )
    out, err = (text.decode("utf-8", "replace") for text in (run.stdout, run.stderr))
    assert "Traceback" not in out + err, out + err
    assert "internal error" not in err, err
    return subprocess.CompletedProcess(run.args, run.returncode, out, err)


def _argument(argument: object) -> str | bytes:
    return argument if isinstance(argument, bytes) else str(argument)


def as_json(*arguments: object, code: int = 0, **more: Any) -> Any:
    """Run a command with --json, which must end in `code`; what it wrote."""
    run = docgen(*arguments, "--json", **more)
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
