"""`docgen convert` as people use it: a row looked at, all as one PDF, stopped and done again."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from pikepdf import Pdf

from docgen.files.output import INDEX, JOURNAL
from tests.commands import (
    CONTRACT,
    PROGRAM,
    SAMPLES,
    as_json,
    docgen,
    heeding_ctrl_c,
    surroundings,
)
from tests.test_jobs import wait_for

TICKETS = SAMPLES / "sheets" / "tickets.csv"
BAD = "day_without_year"


def many(path: Path, count: int) -> Path:
    """A sheet of so many good tickets."""
    rows = [f"赵敏,电话,张伟,第 {n} 次,2026-03-12 09:30,尽快" for n in range(count)]
    text = "\n".join(["提出人,受理方式,受理人,问题描述,受理时间,客户需求", *rows])
    path.write_text(text, "utf-8")
    return path


def convert(*options: object, code: int = 0, **more: Any) -> Any:
    return as_json("convert", *options, "--contract", CONTRACT, code=code, **more)


def test_a_row_is_looked_at_and_nothing_else_is_written(tmp_path: Path) -> None:
    options = (TICKETS, "--dry-run", "--out", tmp_path, "--format", "docx")
    report = convert(*options, "--preview", "tickets!2", code=1)
    [made] = [one for one in report["documents"] if one["state"] == "preview"]
    assert made["path"] == str(tmp_path / "preview" / "ZX-HDYD-20260312-001.docx")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [Path(made["path"])]
    assert report["rows"] == {"read": 4, "converted": 2, "failed": 1, "skipped": 1}
    missed = convert(*options, "--preview", "4", code=1)
    assert [one["code"] for one in missed["errors"]] == [BAD, "row_unknown"]
    assert "preview_needs_dry_run" in docgen("convert", TICKETS, "--preview", "2").stderr
    assert "bad_row" in docgen("convert", *options, "--preview", "x!y").stderr


@pytest.mark.slow
def test_all_pdfs_are_one_for_printing(tmp_path: Path) -> None:
    outs = [tmp_path / "a", tmp_path / "b"]
    reports = [convert(TICKETS, "-f", "pdf", "--combined", "-o", out, code=1) for out in outs]
    report = reports[0]
    assert [one["combined"] for one in reports] == [[str(out / "combined.pdf")] for out in outs]
    first, second = ((out / "combined.pdf").read_bytes() for out in outs)
    assert first == second
    pages = 0
    with Pdf.open(outs[0] / "combined.pdf") as pdf:
        for item, made in zip(pdf.open_outline().root, report["documents"], strict=True):
            assert item.title == f"{made['doc_no']} {'咨询类问题单'}"
            with Pdf.open(made["path"]) as alone:
                pages += len(alone.pages)
        assert len(pdf.pages) == pages
    assert docgen("convert", TICKETS, "--combined", "--format", "docx").returncode == 2
    again = convert(TICKETS, "--format", "pdf", "--combined", "--out", outs[0], code=1)
    assert again["combined"] == [str(outs[0] / "combined.pdf")]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill -9"])
def test_a_stopped_conversion_goes_on_where_it_was(tmp_path: Path, how: signal.Signals) -> None:
    out, sheet = tmp_path / "out", many(tmp_path / "many.csv", 60)
    options = [str(one) for one in (sheet, "--contract", CONTRACT, "--out", out, "-f", "docx")]
    with (
        heeding_ctrl_c(),
        subprocess.Popen(
            [*PROGRAM, "convert", *options, "--jobs", "1"],
            env=surroundings(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C goes to the children as well
        ) as process,
    ):
        wait_for(lambda: len(list(out.glob("ZX/*.docx"))) >= 3, 90)
        os.killpg(process.pid, how)
        _, told = process.communicate(timeout=60)
    if how == signal.SIGINT:
        assert process.returncode == 130, told
        assert b"Run it again" in told
        assert list(out.rglob(".docgen-????????")) == []
    assert b"Traceback" not in told
    done = sorted(out.glob("ZX/*.docx"))
    assert 3 <= len(done) < 60
    assert all(ZipFile(path).testzip() is None for path in done)
    rendered = remembered(out)  # one may be there whose line in the journal was not yet
    assert len(done) - 1 <= len(rendered) <= len(done)
    report = convert(sheet, "--out", out, "-f", "docx")
    states = [one["state"] for one in report["documents"]]
    assert (len(states), len(list(out.glob("ZX/*.docx")))) == (60, 60)
    assert states.count("unchanged") == len(done)
    assert (len(remembered(out)), rendered <= remembered(out)) == (60, True)
    assert not (out / JOURNAL).exists()


def remembered(out: Path) -> set[str]:
    """What the files of an output folder were made from, by its index and its journal."""
    index, journal = out / INDEX, out / JOURNAL
    keys = set(json.loads(index.read_text("utf-8"))) if index.exists() else set()
    lines = journal.read_text("ascii").splitlines() if journal.exists() else []
    return keys | {json.loads(line)[0] for line in lines if line}


@pytest.mark.slow
def test_progress_tells_the_rate_and_the_time_left(tmp_path: Path) -> None:
    sheet, (ours, theirs) = many(tmp_path / "many.csv", 20), pty.openpty()
    options = [str(one) for one in (sheet, "--contract", CONTRACT, "--out", tmp_path, "-f", "docx")]
    env = surroundings(TERM="xterm", COLUMNS=120)
    with subprocess.Popen(
        [*PROGRAM, "convert", *options], env=env, stdout=subprocess.DEVNULL, stderr=theirs
    ) as process:
        os.close(theirs)
        told = read_all(ours)
    assert process.returncode == 0
    assert re.search(r"\d/20.*?\d\.\d/s", told, re.DOTALL)
    assert re.search(r"\d:\d\d:\d\d", told)


def read_all(terminal: int) -> str:
    """Read a terminal until its other end is closed."""
    parts = []
    try:
        while part := os.read(terminal, 65536):
            parts.append(part)
    except OSError:  # how Linux ends it
        pass
    os.close(terminal)
    return b"".join(parts).decode("utf-8", "replace")
