"""Files reach a folder whole or not at all, whatever the disk, other runs or a kill do."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from docgen.errors import OutputRefused
from docgen.files.output import INDEX, JOURNAL, OutputFolder, write_aside
from schemas.values import parse_instant
from tests.commands import NOW, SAMPLES, XJ, ZX, codes, docgen, numbered, rendered, surroundings


def refused(folder: OutputFolder, name: str = "a.docx", data: bytes = b"x") -> OutputRefused:
    with pytest.raises(OutputRefused) as caught:
        folder.deliver(name, data)
    assert caught.value.message("zh")
    assert caught.value.hint("en")
    return caught.value


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


# ---------------------------------------------------------------- where to


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    path, state = OutputFolder(tmp_path / "甲" / "b c").deliver("XJ/a.docx", b"data")
    assert (path.read_bytes(), state) == (b"data", "made")
    assert path == tmp_path / "甲" / "b c" / "XJ" / "a.docx"


def test_files_have_the_rights_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        path, _ = OutputFolder(tmp_path).deliver("a.docx", b"data")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_file_where_a_folder_is_needed(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine", "utf-8")
    with pytest.raises(OutputRefused) as caught:
        OutputFolder(tmp_path / "out")
    assert caught.value.code == "not_writable"
    (tmp_path / "XJ").write_text("mine", "utf-8")
    assert refused(OutputFolder(tmp_path), "XJ/a.docx").code == "not_writable"
    assert files(tmp_path) == ["XJ", "out"]


def test_a_folder_where_a_file_is_needed(tmp_path: Path) -> None:
    (tmp_path / "a.docx").mkdir()
    assert refused(OutputFolder(tmp_path)).code == "file_exists"
    assert refused(OutputFolder(tmp_path, force=True)).code == "not_writable"
    assert files(tmp_path) == []


def test_a_folder_that_vanishes_meanwhile(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path / "out", indexed=True)
    (tmp_path / "out").rmdir()
    assert refused(folder).code == "not_writable"
    with pytest.raises(OutputRefused):
        folder.save_index()


LOCKED = "-dac_override,-dac_read_search"


def test_a_locked_folder_is_said_to_be_locked(tmp_path: Path) -> None:
    locked = tmp_path / "out"
    locked.mkdir(mode=0o555)
    command = [sys.executable, "-m", "docgen", "render", str(XJ), "--format", "docx"]
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root writes everywhere, and there is no setpriv to stop it")
        command = ["setpriv", f"--bounding-set={LOCKED}", f"--inh-caps={LOCKED}", *command]
    run = subprocess.run(
        [*command, "--out", str(locked), "--json"],
        capture_output=True,
        env=surroundings(),
        check=False,
    )
    assert run.returncode == 3, run.stderr
    errors = json.loads(run.stdout)["errors"]
    assert codes(errors) == ["not_writable"]
    assert "Permission denied" in errors[0]["message"]["en"]
    assert files(locked) == []


# ---------------------------------------------------------------- what is there already


def test_equal_content_is_unchanged(tmp_path: Path) -> None:
    OutputFolder(tmp_path).deliver("a.docx", b"data")
    before = (tmp_path / "a.docx").stat()
    assert OutputFolder(tmp_path).deliver("a.docx", b"data")[1] == "unchanged"
    assert (tmp_path / "a.docx").stat().st_mtime_ns == before.st_mtime_ns


def test_another_file_is_kept_unless_forced(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"mine")
    error = refused(OutputFolder(tmp_path, indexed=True))
    assert (error.code, error.place) == ("file_exists", str(tmp_path / "a.docx"))
    assert "--force" in error.hint("zh")
    assert (tmp_path / "a.docx").read_bytes() == b"mine"
    assert OutputFolder(tmp_path, force=True).deliver("a.docx", b"new")[1] == "made"
    assert (tmp_path / "a.docx").read_bytes() == b"new"


def test_what_docgen_made_is_replaced_until_somebody_edits_it(tmp_path: Path) -> None:
    first = OutputFolder(tmp_path, indexed=True)
    first.deliver("XJ/a.docx", b"one", "key 1")
    first.save_index()
    second = OutputFolder(tmp_path, indexed=True)
    assert second.deliver("XJ/a.docx", b"two", "key 2")[1] == "made"
    second.save_index()
    (tmp_path / "XJ" / "a.docx").write_bytes(b"edited")
    third = OutputFolder(tmp_path, indexed=True)
    assert third.unchanged("key 2") is None
    assert refused(third, "XJ/a.docx").code == "file_exists"


def test_unchanged_is_what_was_made_from_the_same_and_is_still_there(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path, indexed=True)
    folder.deliver("a.docx", b"one", "key 1")
    folder.save_index()
    again = OutputFolder(tmp_path, indexed=True)
    assert again.unchanged("key 1") == tmp_path / "a.docx"
    assert again.unchanged("key 2") is None
    (tmp_path / "a.docx").unlink()
    assert again.unchanged("key 1") is None


def test_the_index_forgets_what_is_gone_and_knows_each_file_once(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path, indexed=True)
    folder.deliver("a.docx", b"one", "key 1")
    folder.deliver("b.docx", b"two", "key 2")
    folder.save_index()
    (tmp_path / "b.docx").unlink()
    again = OutputFolder(tmp_path, indexed=True)
    again.deliver("a.docx", b"three", "key 3")
    again.save_index()
    assert list(json.loads((tmp_path / INDEX).read_text("utf-8"))) == ["key 3"]


def test_what_a_killed_run_made_is_known_and_saved_by_the_next(tmp_path: Path) -> None:
    OutputFolder(tmp_path, indexed=True).deliver("a.docx", b"one", "key 1")
    OutputFolder(tmp_path, indexed=True).deliver("b.docx", b"two", "key 2")
    with (tmp_path / JOURNAL).open("ab") as journal:
        journal.write(b'\n["key 3", "c.d\xe4')  # torn
    after = OutputFolder(tmp_path, indexed=True)
    assert after.unchanged("key 1") == tmp_path / "a.docx"
    assert after.unchanged("key 3") is None
    assert after.deliver("b.docx", b"three", "key 4")[1] == "made"
    after.save_index()
    assert files(tmp_path) == [INDEX, "a.docx", "b.docx"]
    assert list(json.loads((tmp_path / INDEX).read_text("utf-8"))) == ["key 1", "key 4"]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"precious")
    (tmp_path / "a.docx").symlink_to(tmp_path / "other")
    OutputFolder(tmp_path, force=True).deliver("a.docx", b"new")
    assert (tmp_path / "other").read_bytes() == b"precious"
    assert not (tmp_path / "a.docx").is_symlink()


# ---------------------------------------------------------------- a broken index


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"1",
        b"null",
        b'{"k": 1}',
        b'{"k": ["a"]}',
        b'{"k": null}',
        b"[" * 100_000,
    ],
)
def test_a_broken_index_is_told_and_how_to_mend_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / INDEX).write_bytes(content)
    with pytest.raises(OutputRefused) as caught:
        OutputFolder(tmp_path, indexed=True)
    assert caught.value.code == "index_unreadable"
    assert INDEX in caught.value.hint("zh")


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "\x00", "\ud800", "", "/etc/passwd", pytest.param("a" * 5000, id="long")],
)
def test_a_hostile_index_leads_nowhere(tmp_path: Path, name: str) -> None:
    (tmp_path / INDEX).write_text(json.dumps({"key": [name, "0" * 64]}), "utf-8")
    folder = OutputFolder(tmp_path, indexed=True)
    assert folder.unchanged("key") is None
    folder.deliver("a.docx", b"data", "own")
    folder.save_index()
    assert "own" in json.loads((tmp_path / INDEX).read_text("utf-8"))


def test_a_broken_index_ends_a_run_with_3(tmp_path: Path) -> None:
    (tmp_path / INDEX).write_text("{", "utf-8")
    run = docgen("render", XJ, "--format", "docx", "--out", tmp_path)
    assert run.returncode == 3
    assert "index_unreadable" in run.stderr
    assert files(tmp_path) == [INDEX]


# ---------------------------------------------------------------- a full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small file system")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_tears_no_file(small_disk: Path) -> None:
    folder = OutputFolder(small_disk, indexed=True)
    folder.deliver("a.docx", b"a" * 30_000, "key 1")
    error = refused(folder, "b.docx", b"b" * 50_000)
    assert error.code == "no_space"
    assert files(small_disk) == [JOURNAL, "a.docx"]
    assert refused(OutputFolder(small_disk, force=True), "a.docx", b"b" * 50_000).code == "no_space"
    assert (small_disk / "a.docx").read_bytes() == b"a" * 30_000
    folder.deliver("c.docx", b"c" * 1_000, "key 2")
    folder.save_index()
    assert files(small_disk) == [INDEX, "a.docx", "c.docx"]


def test_a_full_disk_is_told_and_what_fits_is_made(small_disk: Path) -> None:
    report = rendered(ZX, XJ, SAMPLES / "QX" / "large.json", to=small_disk, code=3)
    assert {error["code"] for error in report["errors"]} == {"no_space"}
    assert [made["doc_no"] for made in report["documents"]] == ["ZX-HDYD-20260306-001"]
    assert [name for name in files(small_disk) if name != INDEX] == ["ZX-HDYD-20260306-001.docx"]


@pytest.mark.parametrize("call", ["fsync", "replace", "chmod"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_failing_call_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    (tmp_path / "a.docx").write_bytes(b"before")

    def failing(*arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, failing)
    with pytest.raises(OutputRefused) as caught:
        write_aside(tmp_path / "a.docx", b"after")
    full = number in (errno.ENOSPC, errno.EDQUOT)
    assert caught.value.code == ("no_space" if full else "not_writable")
    monkeypatch.undo()
    assert files(tmp_path) == ["a.docx"]
    assert (tmp_path / "a.docx").read_bytes() == b"before"


def test_an_interruption_in_mid_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_aside(tmp_path / "a.docx", b"data")
    assert files(tmp_path) == []


# ---------------------------------------------------------------- kill -9

WRITER = """
import sys
from pathlib import Path
from docgen.files.output import write_aside
size = 4_000_000
print("ready", flush=True)
while True:
    for letter in (b"a", b"b"):
        write_aside(Path(sys.argv[1]), letter * size)
"""


def test_a_kill_in_mid_write_tears_no_file(tmp_path: Path) -> None:
    target = tmp_path / "a.docx"
    for pause in (0.0, 0.003, 0.007, 0.013, 0.02, 0.035):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(target)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(pause)
            writer.kill()
        if target.exists():
            data = target.read_bytes()
            assert len(data) == 4_000_000
            assert len(set(data)) == 1
    write_aside(target, b"after")
    assert target.read_bytes() == b"after"


@pytest.mark.parametrize(
    ("name", "hours", "goes"),
    [
        ("XJ/.docgen-old_1234", 25, True),
        (".docgen-old_5678", 25, True),
        ("XJ/.docgen-new_1234", 23, False),
        ("XJ/.docgen-of-mine", 25, False),
        ("XJ/b.docx", 25, False),
        ("a/b/.docgen-deep1234", 25, False),
    ],
)
def test_what_a_killed_run_left_goes_after_a_day(
    tmp_path: Path, name: str, hours: int, goes: bool
) -> None:
    now = parse_instant(NOW)
    path = tmp_path / name
    write_aside(path, b"half")
    aged(path, now - timedelta(hours=hours))
    (tmp_path / ".docgen-folder00").mkdir()
    aged(tmp_path / ".docgen-folder00", now - timedelta(days=9))
    OutputFolder(tmp_path).discard_unfinished(older_than=now - timedelta(days=1))
    assert files(tmp_path) == ([] if goes else [path.name])


def test_a_run_tidies_up_after_a_killed_one(tmp_path: Path) -> None:
    (tmp_path / ".docgen-old_1234").write_bytes(b"half")
    aged(tmp_path / ".docgen-old_1234", parse_instant(NOW) - timedelta(days=2))
    rendered(ZX, to=tmp_path)
    assert files(tmp_path) == [INDEX, "ZX-HDYD-20260306-001.docx"]


def test_a_conversion_tidies_up_after_a_killed_one(tmp_path: Path) -> None:
    (tmp_path / ".docgen-old_1234").write_bytes(b"half")
    aged(tmp_path / ".docgen-old_1234", parse_instant(NOW) - timedelta(days=2))
    sheet = tmp_path / "empty.csv"
    sheet.write_text("提出人,受理人\n", "utf-8")
    docgen("convert", sheet, "--format", "docx", "--out", tmp_path)
    assert not (tmp_path / ".docgen-old_1234").exists()


def aged(path: Path, moment: datetime) -> None:
    """Let a file be last changed at `moment`."""
    os.utime(path, (moment.timestamp(), moment.timestamp()))


# ---------------------------------------------------------------- several runs

SHARER = """
import sys
from pathlib import Path
from docgen.files.output import OutputFolder
own = sys.argv[2]
for number in range(30):
    folder = OutputFolder(Path(sys.argv[1]), indexed=True)
    folder.deliver(f"{own}-{number}.docx", f"{own} {number}".encode(), f"{own} {number}")
    folder.save_index()
"""


def test_runs_that_share_a_folder_lose_nothing(tmp_path: Path) -> None:
    runs = [subprocess.Popen([sys.executable, "-c", SHARER, str(tmp_path), own]) for own in "abc"]
    assert [run.wait() for run in runs] == [0, 0, 0]
    index = json.loads((tmp_path / INDEX).read_text("utf-8"))
    assert sorted(index) == sorted(f"{own} {number}" for own in "abc" for number in range(30))
    assert files(tmp_path) == sorted([INDEX, *(f"{name}.docx" for name in _names())])


def _names() -> list[str]:
    return [f"{own}-{number}" for own in "abc" for number in range(30)]


RIVAL = """
import sys
from pathlib import Path
from docgen.files.output import OutputFolder
from docgen.errors import OutputRefused
from schemas.values import parse_instant
folder, own, won = OutputFolder(Path(sys.argv[1])), sys.argv[2], 0
for number in range(100):
    try:
        folder.deliver(f"{number}.docx", own.encode() * 10_000)
        won += 1
    except OutputRefused as error:
        assert error.code == "file_exists"
print(won)
"""


def test_of_two_runs_with_one_name_the_second_is_refused(tmp_path: Path) -> None:
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", RIVAL, str(tmp_path), own], stdout=subprocess.PIPE, text=True
        )
        for own in "ab"
    ]
    won = [int(run.communicate()[0]) for run in runs]
    assert sum(won) == 100
    assert all(len(set(path.read_bytes())) == 1 for path in tmp_path.glob("*.docx"))


def test_two_commands_at_once_into_one_folder(tmp_path: Path) -> None:
    records = [
        numbered(tmp_path / f"{number}.json", ZX, f"ZX-HDYD-20260306-0{number}")
        for number in range(11, 15)
    ]
    out = tmp_path / "out"
    command = [sys.executable, "-m", "docgen", "render", "--format", "docx", "--out", str(out)]
    runs = [
        subprocess.Popen([*command, *map(str, half)], env=surroundings(), stdout=subprocess.DEVNULL)
        for half in (records[:3], records[1:])
    ]
    assert [run.wait() for run in runs] == [0, 0]
    assert len(files(out)) == 5
    assert len(json.loads((out / INDEX).read_text("utf-8"))) == 4
    report = rendered(*records, to=out)
    assert {made["state"] for made in report["documents"]} == {"unchanged"}
