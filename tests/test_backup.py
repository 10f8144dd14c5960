"""Backup and restore: a store under load comes back whole, on either database, or not at all."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import func, select, text

from docgen.audit import trail
from docgen.backup.manifest import MANIFEST
from docgen.backup.place import opened
from docgen.backup.reading import Backup
from docgen.backup.restoring import restore
from docgen.backup.rows import tables
from docgen.backup.writing import write
from docgen.errors import Conflict, DocgenError, InputUnreadable, OutputRefused, StoreFault
from docgen.records import documents, records
from docgen.settings import Settings
from docgen.signing.configuration import open_sealer, renew
from docgen.signing.keys import SEAL_NAME
from docgen.signing.known_certificates import known
from docgen.store.tables import AttachmentRow, Base, DocumentRow, RecordRow
from docgen.store.unit_of_work import Store, head_of
from tests.commands import as_json, docgen
from tests.settings import NOW, SECRET, settings_of
from tests.stores import (
    Filled,
    content_of,
    environment,
    filled_at,
    record_ids,
    store_at,
    whole,
)

THREADS, BEFORE, AFTER = 4, 12, 12


@pytest.fixture(params=["sqlite to postgresql", "postgresql to sqlite"])
def move(request: pytest.FixtureRequest, database: str) -> tuple[str, str]:
    """URLs of two databases, '' being SQLite's: from, to."""
    return ("", database) if request.param.startswith("sqlite") else (database, "")


def back_up(settings: Settings, file: Path, *, with_key: bool = False) -> Any:
    with opened(settings) as place:
        return write(place, file, now=NOW, with_key=with_key).manifest


def restored(settings: Settings, file: Path) -> Any:
    """Restore with the head that the backup says; what proves it: tests/test_backup_proof.py."""
    with opened(settings) as place:
        backup = Backup(file)
        return restore(place, backup, expected=backup.manifest.head)


def with_key_of(old: Path, folder: Path, url: str = "") -> Settings:
    """Settings of a place where an old store's key is at hand, which proves its backup."""
    key = old / "secret.key"
    return settings_of(folder, url, secret_key=key.read_text("ascii") if key.is_file() else SECRET)


def refused(settings: Settings, file: Path) -> DocgenError:
    with pytest.raises(DocgenError) as caught:
        restored(settings, file)
    assert caught.value.message("zh")
    return caught.value


def counts(store: Store) -> dict[str, int]:
    with store.database.snapshot() as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in tables(connection)
        }


def every_row(store: Store) -> dict[str, list[dict[str, Any]]]:
    """All rows through the models, so that both databases give the same values."""
    with store.reading() as session:
        return {
            table.name: sorted(
                map(dict, session.connection().execute(select(table)).mappings()), key=repr
            )
            for table in Base.metadata.sorted_tables
        }


# ---------------------------------------------------------------- under load (F14)


@contextmanager
def load(filled: Filled, acknowledged: list[str]) -> Iterator[Event]:
    """Let threads make and submit records; the event says that enough are done."""
    stop, enough = Event(), Event()

    def work(number: int) -> None:
        while not stop.is_set():
            acknowledged.append(filled.submitted(summary=f"线程 {number}"))
            if len(acknowledged) >= BEFORE:
                enough.set()

    with ThreadPoolExecutor(THREADS) as pool:
        working = [pool.submit(work, number) for number in range(THREADS)]
        try:
            yield enough
        finally:
            stop.set()
            for one in working:
                one.result()


@pytest.mark.slow
def test_a_store_under_load_moves_to_the_other_database(
    tmp_path: Path, move: tuple[str, str]
) -> None:
    source, target = move
    file = tmp_path / "backup.tar"
    acknowledged: list[str] = []
    with filled_at(tmp_path / "old", source) as filled:
        draft = filled.record()
        attachment = filled.attach(draft, b"log of the instance\n")
        with load(filled, acknowledged) as enough:
            assert enough.wait(120)
            before = set(acknowledged)
            manifest = back_up(filled.store.settings, file)
            known = len(acknowledged)
            while len(acknowledged) < known + AFTER:
                time.sleep(0.01)
        ids, author = record_ids(filled.store), filled.author
    restored(with_key_of(tmp_path / "old", tmp_path / "new", target), file)

    with store_at(tmp_path / "new", target) as store:
        moved = record_ids(store)
        assert before | {draft} <= moved < ids
        assert counts(store) == {name: table.count for name, table in manifest.tables.items()}
        assert whole(store) == manifest.blobs.count == check_files(store, attachment)
        assert trail.verified(store, with_seals=False).as_json() == manifest.audit
        assert manifest.audit["broken"] == 0
        check_life_goes_on(store, author)


def check_files(store: Store, attachment: str) -> int:
    """Every submitted record has the files it was submitted with; returns how many files."""
    with store.reading() as session:
        states = {row.id: row.state for row in session.scalars(select(RecordRow))}
        files = list(session.scalars(select(DocumentRow)))
        kept = session.get_one(AttachmentRow, attachment)
    assert len(files) == 3 * list(states.values()).count("submitted")
    for file in files:
        assert states[file.record_id] == "submitted"
        assert store.blobs.get(file.sha256) == content_of(file.format, file.record_id)
    assert store.blobs.get(kept.sha256) == b"log of the instance\n"
    return len(files) + 2  # the attachment, and the templates that all were made from


def check_life_goes_on(store: Store, author: Any) -> None:
    """New records get new numbers, and are found as the old ones are."""
    filled = Filled(store, {"zhangwei": author}, "")
    before = record_ids(store)
    with store.reading() as session:
        page = records.listed(session, author, records.Filter(words="巡检"), limit=200)
        assert {row.id for row in page.items} == before
        last = max(row.base_no for row in session.scalars(select(RecordRow)))
    new = filled.submitted()
    with store.reading() as session:
        row, _ = records.visible(session, author, new)
        assert int(row.base_no[-3:]) == int(last[-3:]) + 1
        assert {row.state} <= documents.FIXED
    assert trail.verified(store).broken == 0


# ---------------------------------------------------------------- every value


def test_every_table_and_value_comes_back(tmp_path: Path, move: tuple[str, str]) -> None:
    source, target = move
    with filled_at(tmp_path / "old", source) as filled:
        filled.attach(filled.record(), b"x" * 10)
        filled.submitted()
        back_up(filled.store.settings, tmp_path / "there.tar")
        rows = every_row(filled.store)
        assert set(counts(filled.store)) == set(Base.metadata.tables)
    restored(with_key_of(tmp_path / "old", tmp_path / "new", target), tmp_path / "there.tar")
    with store_at(tmp_path / "new", target) as store:
        assert every_row(store) == rows
        back_up(store.settings, tmp_path / "back.tar")
    again = settings_of(tmp_path / "again")
    restored(again, tmp_path / "back.tar")
    with store_at(tmp_path / "again") as store:
        assert every_row(store) == rows
        assert store.anchor.read()
        assert trail.verified(store).broken == 0


def test_a_table_that_would_not_be_portable_is_noticed(store_url: str, tmp_path: Path) -> None:
    """Whatever a migration adds must be of a kind that `docgen.backup.rows` can write and read."""
    with store_at(tmp_path, store_url) as store, store.database.snapshot() as connection:
        kinds = {c.type.python_type.__name__ for t in tables(connection) for c in t.columns}
    assert kinds <= {"str", "int", "bool", "datetime", "date"}


def test_an_empty_store_comes_back(tmp_path: Path) -> None:
    with store_at(tmp_path / "old") as store:
        back_up(store.settings, tmp_path / "backup.tar")
    restored(settings_of(tmp_path / "new"), tmp_path / "backup.tar")
    with store_at(tmp_path / "new") as store:
        assert sum(counts(store).values()) == 0


# ---------------------------------------------------------------- what is in the file


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """A backup of a small store, which lies in `old`."""
    with filled_at(tmp_path / "old") as filled:
        filled.submitted()
        back_up(filled.store.settings, tmp_path / "backup.tar")
    return tmp_path / "backup.tar"


def test_a_blob_can_be_taken_out_with_tar(tmp_path: Path, backup: Path) -> None:
    with store_at(tmp_path / "old") as store:
        with store.reading() as session:
            sha256 = session.scalars(select(DocumentRow.sha256)).first()
        assert sha256
        inner = f"blobs/{sha256[:2]}/{sha256}"
        (store.folder / inner).unlink()
        with pytest.raises(StoreFault) as caught:
            back_up(store.settings, tmp_path / "second.tar")
        assert caught.value.code == "backup_incomplete"
        assert sha256 in caught.value.message("en")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.tar", "old"]
        subprocess.run(["tar", "-xf", backup, "-C", store.folder, inner], check=True)
        whole(store)
        back_up(store.settings, tmp_path / "second.tar")


def test_what_sealed_the_files_is_in_it_and_the_seals_key_only_when_wanted(tmp_path: Path) -> None:
    with filled_at(tmp_path / "old") as filled:
        open_sealer(filled.store.settings)
        renew(filled.store.settings, NOW)
        settings = filled.store.settings
        certificates = {one.dump() for one in known(settings.data)}
        assert len(certificates) == 2
        for name, with_key in (("plain", False), ("whole", True)):
            back_up(settings, tmp_path / f"{name}.tar", with_key=with_key)
            target = with_key_of(settings.data, tmp_path / name)
            restored(target, tmp_path / f"{name}.tar")
            assert {one.dump() for one in known(target.data)} == certificates
            assert (target.data / SEAL_NAME).exists() == with_key
    assert (tmp_path / "whole" / SEAL_NAME).stat().st_mode & 0o777 == 0o600
    assert open_sealer(settings_of(tmp_path / "whole")).certificate.dump() in certificates


def test_the_key_is_in_it_only_when_wanted(tmp_path: Path, backup: Path) -> None:
    key = (tmp_path / "old/secret.key").read_bytes()
    assert key not in backup.read_bytes()
    restored(settings_of(tmp_path / "without"), backup)
    assert not (tmp_path / "without/secret.key").exists()
    surroundings: Any = environment(tmp_path / "old")
    told = docgen("backup", tmp_path / "secret.tar", "--with-key", **surroundings)
    assert told.returncode == 0
    assert "含 secret.key" in told.stderr
    assert key in (tmp_path / "secret.tar").read_bytes()
    restored(settings_of(tmp_path / "with"), tmp_path / "secret.tar")
    assert (tmp_path / "with/secret.key").read_bytes() == key
    assert (tmp_path / "with/secret.key").stat().st_mode & 0o777 == 0o600
    own = settings_of(tmp_path / "own")
    own.data.mkdir()
    (own.data / "secret.key").write_text(SECRET, "ascii")
    assert refused(own, tmp_path / "secret.tar").code == "backup_altered"
    assert (own.data / "secret.key").read_text("ascii") == SECRET


def test_a_key_that_is_elsewhere_cannot_be_in_it(tmp_path: Path, database: str) -> None:
    with store_at(tmp_path / "old", database):
        pass
    surroundings: Any = environment(tmp_path / "old", database)
    told = as_json("backup", tmp_path / "b.tar", "--with-key", code=2, **surroundings)
    assert told["errors"][0]["code"] == "no_key_file"
    assert not (tmp_path / "b.tar").exists()


def test_a_backup_is_private_and_never_overwrites(tmp_path: Path, backup: Path) -> None:
    assert backup.stat().st_mode & 0o777 == 0o600
    before = backup.read_bytes()
    with pytest.raises(OutputRefused) as caught:
        back_up(settings_of(tmp_path / "old"), backup)
    assert caught.value.code == "file_exists"
    assert backup.read_bytes() == before


def test_a_trail_that_was_tampered_with_stays_so(tmp_path: Path) -> None:
    with filled_at(tmp_path / "old") as filled:
        filled.record()
        with filled.store.database.begun() as connection:
            connection.execute(text("UPDATE audit SET action = 'x' WHERE seq = 2"))
        manifest = back_up(filled.store.settings, tmp_path / "backup.tar")
    assert manifest.audit["broken"] == 1
    assert refused(settings_of(tmp_path / "new"), tmp_path / "backup.tar").code == "backup_altered"
    done = restored(with_key_of(tmp_path / "old", tmp_path / "new"), tmp_path / "backup.tar")
    assert [one.code for one in done.breaks] == ["row_not_named"]  # the entry made an account
    with store_at(tmp_path / "new") as store:
        codes = [one.code for one in trail.verified(store).breaks]
        assert codes == ["entry_changed", "row_not_named"]


# ---------------------------------------------------------------- what is refused


def emptied(folder: Path) -> bool:
    """Whether a refused restore left nothing but an empty database."""
    with store_at(folder) as store:
        none = not any(counts(store).values())
        return none and not store.anchor.path.exists() and not list(store.blobs.names())


def cut(data: bytes) -> bytes:
    return data[:-2000]


def lengthened(data: bytes) -> bytes:
    return data + b"x"


def of_another_kind(data: bytes) -> bytes:
    return b"SQLite format 3\0" + data


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut": cut,
    "half": lambda data: data[: len(data) // 2],
    "nothing": lambda data: b"",
    "lengthened": lengthened,
    "of another kind": of_another_kind,
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_file_is_refused(tmp_path: Path, backup: Path, name: str) -> None:
    backup.write_bytes(DAMAGE[name](backup.read_bytes()))
    error = refused(settings_of(tmp_path / "new"), backup)
    assert isinstance(error, InputUnreadable)
    assert error.code == "backup_damaged"
    assert emptied(tmp_path / "new")


def test_every_entry_is_protected(tmp_path: Path, backup: Path) -> None:
    """Flip one bit in the middle of every entry, and in every header."""
    whole_file = backup.read_bytes()
    with tarfile.open(backup) as tar:
        infos = tar.getmembers()
    assert {info.name.partition("/")[0] for info in infos} == {
        "docgen-backup.json",
        "rows",
        "blobs",
        "audit-anchor.log",
        "manifest.json",
        "proof.json",
    }
    target = with_key_of(tmp_path / "old", tmp_path / "new")
    for info in infos:
        places = [info.offset + 20]
        places.append(info.offset_data + info.size // 2)
        for place in places:
            changed = bytearray(whole_file)
            changed[place] ^= 1
            backup.write_bytes(changed)
            error = refused(target, backup)
            assert error.code in ("backup_damaged", "backup_altered"), info.name
    assert emptied(tmp_path / "new")
    backup.write_bytes(whole_file)
    restored(target, backup)


def rewritten(backup: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Write the backup anew with changed entries, as tar itself would."""
    with tarfile.open(backup) as tar:
        found = {info.name: tar.extractfile(info) for info in tar.getmembers()}
        contents = {name: file.read() for name, file in found.items() if file}
    change(contents)
    with tarfile.open(backup, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def replace_row(contents: dict[str, bytes], table: str, old: str, new: str) -> None:
    """Change rows, and make the manifest fit."""
    name = f"rows/{table}/000001.jsonl.gz"
    rows = gzip.decompress(contents[name]).replace(old.encode(), new.encode())
    contents[name] = gzip.compress(rows)
    manifest = json.loads(contents[MANIFEST])
    manifest["tables"][table]["sha256"] = hashlib.sha256(rows).hexdigest()
    contents[MANIFEST] = json.dumps(manifest).encode()


FORGERIES: dict[str, tuple[tuple[str, str, str], str]] = {
    "a reference to nobody": (("members", '"user_id":"', '"user_id":"f'), "rows_do_not_fit"),
    "another column": (("users", '"email"', '"e-mail"'), "backup_damaged"),
    "a moment that is none": (("users", "2026-03-10T", "2026-13-10T"), "backup_damaged"),
    "an entry of the trail": (("audit", '"action":"user', '"action":"person'), "backup_damaged"),
    "bytes that are not there": (("blobs", '"sha256":"', '"sha256":"0'), "rows_do_not_fit"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_rows_that_do_not_hold_together_are_refused(
    tmp_path: Path, backup: Path, database: str, name: str
) -> None:
    change, code = FORGERIES[name]
    rewritten(backup, lambda contents: replace_row(contents, *change))
    for folder, url in (("new", ""), ("other", database)):
        error = refused(settings_of(tmp_path / folder, url, secret_key=""), backup)
        assert error.code == code
        with opened(settings_of(tmp_path / folder, url)) as place:
            with place.database.snapshot() as connection:
                assert tables(connection) == []
            assert list(place.blobs.names()) == []


def without_a_blob(contents: dict[str, bytes]) -> None:
    """Take a file away, and make the manifest fit."""
    name = next(name for name in contents if name.startswith("blobs/"))
    del contents[name]
    rest = [one for one in contents if one.startswith("blobs/")]
    manifest = json.loads(contents[MANIFEST])
    digest = hashlib.sha256("".join(f"{one.rpartition('/')[2]}\n" for one in rest).encode())
    manifest["blobs"] = {
        "count": len(rest),
        "sha256": digest.hexdigest(),
        "size_bytes": sum(len(contents[one]) for one in rest),
    }
    contents[MANIFEST] = json.dumps(manifest).encode()


def with_another_table(contents: dict[str, bytes]) -> None:
    manifest = json.loads(contents[MANIFEST])
    manifest["tables"]["others"] = manifest["tables"]["users"]
    contents[MANIFEST] = json.dumps(manifest).encode()
    contents["rows/others/000001.jsonl.gz"] = contents["rows/users/000001.jsonl.gz"]
    contents[MANIFEST] = contents.pop(MANIFEST)


def with_something_after_it(contents: dict[str, bytes]) -> None:
    contents["blobs/00/00/x"] = b""


def without(name: str) -> Callable[[dict[str, bytes]], None]:
    def change(contents: dict[str, bytes]) -> None:
        del contents[name]

    return change


def with_entry(name: str, data: bytes) -> Callable[[dict[str, bytes]], None]:
    def change(contents: dict[str, bytes]) -> None:
        contents[name] = data
        contents[MANIFEST] = contents.pop(MANIFEST)

    return change


LAYOUTS: dict[str, Callable[[dict[str, bytes]], None]] = {
    "a file less": without_a_blob,
    "another table": with_another_table,
    "something after the manifest": with_something_after_it,
    "no manifest": without(MANIFEST),
    "no head": without("docgen-backup.json"),
    "no anchor": without("audit-anchor.log"),
    "something unlisted": with_entry("secret.key", b"another key"),
    "rows unlisted": with_entry("rows/x/000001.jsonl.gz", gzip.compress(b"{}\n")),
    "rows not packed": with_entry("rows/users/000001.jsonl.gz", b"{}\n"),
    "rows without an end": with_entry("rows/users/000001.jsonl.gz", gzip.compress(b"{}")),
    "a file by no name": with_entry("blobs/../x", b""),
    "a file by another name": with_entry(f"blobs/00/00/{'0' * 64}", b"x"),
    "a manifest of another form": with_entry(MANIFEST, b"[]"),
    "a head of another form": with_entry("docgen-backup.json", b"[]"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_another_layout_is_refused(tmp_path: Path, backup: Path, name: str) -> None:
    rewritten(backup, LAYOUTS[name])
    error = refused(settings_of(tmp_path / "new"), backup)
    assert error.code == "backup_damaged"
    assert emptied(tmp_path / "new")


def test_a_newer_backup_is_refused(tmp_path: Path, backup: Path) -> None:
    def newer_form(contents: dict[str, bytes]) -> None:
        contents["docgen-backup.json"] = b'{"format": 2, "docgen": "9.0"}'

    def newer_tables(contents: dict[str, bytes]) -> None:
        manifest = json.loads(contents[MANIFEST]) | {"revision": "9999"}
        contents[MANIFEST] = json.dumps(manifest).encode()

    original = backup.read_bytes()
    for change in (newer_form, newer_tables):
        backup.write_bytes(original)
        rewritten(backup, change)
        assert refused(settings_of(tmp_path / "new"), backup).code == "newer_backup"


def test_a_store_that_is_not_empty_is_kept(tmp_path: Path, backup: Path, store_url: str) -> None:
    with filled_at(tmp_path / "new", store_url) as filled:
        before = every_row(filled.store)
        error = refused(with_key_of(tmp_path / "old", tmp_path / "new", store_url), backup)
        assert isinstance(error, Conflict)
        assert error.code == "store_not_empty"
        assert every_row(filled.store) == before


def test_an_old_anchor_is_kept(tmp_path: Path, backup: Path) -> None:
    new = settings_of(tmp_path / "new")
    new.data.mkdir()
    (new.data / "audit-anchor.log").write_text(f"7 {'a' * 64}\n", "ascii")
    assert refused(new, backup).code == "store_not_empty"
    assert (new.data / "audit-anchor.log").read_text("ascii") == f"7 {'a' * 64}\n"


# ---------------------------------------------------------------- the commands


@pytest.mark.slow
def test_the_commands(tmp_path: Path, backup: Path, database: str) -> None:
    old: Any = environment(tmp_path / "old")
    made = as_json("backup", tmp_path / "a.tar", **old)
    assert made["files"] == 4
    assert made["rows"]["records"] == 1
    assert not made["with_key"]
    told = docgen("backup", tmp_path / "b.tar", **old)
    assert "不含密钥" in told.stderr
    target: Any = environment(tmp_path / "ignored", database)
    target["DOCGEN_SECRET_KEY"] = (tmp_path / "old/secret.key").read_text("ascii")
    known = ("--expect-head", made["head"])
    back = as_json("restore", tmp_path / "a.tar", "--into", tmp_path / "new", *known, **target)
    assert back["rows"] == made["rows"]
    assert not (tmp_path / "ignored").exists()
    new = tmp_path / "new"
    again = as_json("restore", tmp_path / "a.tar", "--into", new, *known, code=1, **target)
    assert again["errors"][0]["code"] == "store_not_empty"
    missing = as_json("restore", tmp_path / "none.tar", "--into", tmp_path / "x", code=1)
    assert missing["errors"][0]["code"] == "backup_unreadable"


@pytest.mark.slow
def test_a_backup_needs_a_store_and_a_folder(tmp_path: Path, backup: Path) -> None:
    nowhere = as_json("backup", tmp_path / "a.tar", code=3, DOCGEN_DATA=tmp_path / "none")
    assert nowhere["errors"][0]["code"] == "no_store"
    (tmp_path / "file").write_bytes(b"")
    old: Any = environment(tmp_path / "old")
    wrong = as_json("backup", tmp_path / "file/a.tar", code=3, **old)
    assert wrong["errors"][0]["code"] == "not_writable"


@pytest.mark.slow
def test_memory_does_not_grow_with_the_store(tmp_path: Path) -> None:
    """Forty files of 4 MiB go through processes that need little more than any command."""
    with filled_at(tmp_path / "old") as filled:
        record = filled.record()
        for number in range(40):
            filled.attach(record, os.urandom(4 << 20) + bytes([number]))
    old: Any = environment(tmp_path / "old")
    script = (
        "import resource, sys; from docgen.cli import main; sys.argv = ['docgen', *sys.argv[1:]]\n"
        "try: main()\n"
        "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    with store_at(tmp_path / "old") as store, store.reading() as session:
        known = ["--expect-head", str(head_of(session))]
    peaks = []
    restoring = ["restore", "b.tar", "--into", "n", *known]
    for command in (["audit", "verify"], ["backup", "b.tar"], restoring):
        run = subprocess.run(
            [sys.executable, "-c", script, *command],
            cwd=tmp_path,
            env=os.environ | {name: str(value) for name, value in old.items()},
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(run.stderr.split()[-1]) >> 10)
    assert max(peaks) < peaks[0] + 60
