"""A working folder full of modules named like those that docgen needs: none is ever imported."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from docgen import search_path
from tests.commands import PROGRAM, XJ, ZX, surroundings
from tests.serving import served
from tests.stores import environment, filled_at
from tests.test_jobs import state, wait_for
from tests.test_jobs_rendering import order_records

SCRIPT = (str(Path(sys.executable).parent / "docgen"),)
NAMED = ("json", "html", "decimal", "timeit")
"""What people may well call a script of their own."""
HOSTILE = """
import os
with open({log!r}, "a") as log:
    log.write(__name__ + " in " + open("/proc/self/cmdline").read() + chr(10))
raise ImportError("imported from the working folder")
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where hostile modules say that they were imported."""
    return tmp_path / "imported.txt"


@pytest.fixture
def folder(tmp_path: Path, log: Path) -> Path:
    """A folder with a module for every name that could be asked for.

    Without those that Python itself asks for before it comes to a program called by `-m`, and
    without docgen, which is that program.
    """
    made = tmp_path / "hostile"
    made.mkdir()
    ours = {"docgen", "__main__", "a1_coverage", *_asked_before(tmp_path)}
    for name in {*sys.stdlib_module_names, *packages_distributions(), "schemas", "api"} - ours:
        (made / f"{name.replace('/', '_')}.py").write_text(HOSTILE.format(log=str(log)), "utf-8")
    for name in NAMED:
        assert (made / f"{name}.py").is_file()
    return made


def _asked_before(folder: Path) -> list[str]:
    (folder / "probe.py").write_text("import sys; print(*sys.modules)", "utf-8")
    command = [sys.executable, "-m", "probe"]
    plain = surroundings(COVERAGE_PROCESS_CONFIG=None)  # what coverage asks for is not Python's
    return subprocess.run(
        command, cwd=folder, env=plain, capture_output=True, text=True, check=True
    ).stdout.split()


@pytest.mark.parametrize("program", [SCRIPT, PROGRAM], ids=["script", "module"])
def test_a_command_and_its_children_import_nothing_of_it(
    folder: Path, log: Path, program: tuple[str, ...]
) -> None:
    run = subprocess.run(
        [*program, "render", XJ, ZX, "--format", "docx,xlsx,pdf", "--out", "made"],
        cwd=folder,
        env=surroundings(),
        capture_output=True,
        text=True,
    )
    assert not log.exists(), log.read_text("utf-8")
    assert run.returncode == 0, run.stdout + run.stderr
    assert len([*(folder / "made").rglob("*.*")]) >= 6


@pytest.mark.enable_socket
def test_a_server_and_its_children_import_nothing_of_it(
    folder: Path, log: Path, tmp_path: Path
) -> None:
    with served(tmp_path, environment(tmp_path / "data"), cwd=folder) as service:
        status, told = service.ask("POST", "/api/v1/render/ZX.docx", ZX.read_bytes())
    assert not log.exists(), log.read_text("utf-8")
    assert status == 200, told


@pytest.mark.slow
@pytest.mark.enable_socket
def test_a_worker_and_its_children_import_nothing_of_it(
    folder: Path, log: Path, tmp_path: Path, database: str
) -> None:
    with filled_at(tmp_path / "data", database) as filled:
        batch = order_records(filled, 2)
        env = surroundings(**environment(tmp_path / "data", database))
        command = [*PROGRAM, "worker"]
        with subprocess.Popen(command, cwd=folder, env=env, stdout=-3, stderr=-3) as process:
            try:
                wait_for(lambda: state(filled.store, batch) == "done", 90)
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == 0
            finally:
                process.kill()
    assert not log.exists(), log.read_text("utf-8")


def test_entries_that_mean_the_working_folder_are_taken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = str(tmp_path / "other")
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", other, ".", str(tmp_path), str(link), "other/.."])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", other, str(tmp_path), ""]))
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    Path(other).mkdir()
    search_path.leave_out_working_folder()
    assert sys.path == [other]
    assert os.environ["PYTHONPATH"] == other
    assert os.environ["PYTHONSAFEPATH"] == "1"


def test_a_checkout_that_is_worked_in_stays_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = str(Path(search_path.__file__).parent.parent)
    monkeypatch.chdir(checkout)
    monkeypatch.setattr(sys, "path", ["", checkout])
    monkeypatch.setenv("PYTHONPATH", checkout)
    search_path.leave_out_working_folder()
    assert sys.path == [checkout]
    assert os.environ["PYTHONPATH"] == checkout


def test_a_working_folder_that_is_gone_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setattr(sys, "path", ["", "/opt"])
    search_path.leave_out_working_folder()
    assert sys.path == ["/opt"]
