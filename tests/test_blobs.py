"""Blobs hold what their names say, in a folder and in a bucket, whatever disk, kill or sweep do."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import obstore
import pytest

from docgen.errors import SettingWrong, StoreFault
from docgen.store.blobs import BATCH, Blobs, FolderBlobs, SweptBlobs, open_blobs, sweep
from docgen.store.s3 import S3Blobs
from tests.s3_server import BUCKET, KEYS, S3Server, s3_server

DAY = timedelta(days=1)
LONG = timedelta(days=3)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def fault(call: object, *arguments: object) -> str:
    assert callable(call)
    with pytest.raises(StoreFault) as caught:
        call(*arguments)
    assert caught.value.message("zh")
    return caught.value.code


def yesterday() -> datetime:
    return datetime.now(UTC) - DAY


def none(batch: list[str]) -> set[str]:
    return set()


def names(blobs: Blobs) -> set[str]:
    return {sha256 for sha256, _ in blobs.names()}


# ---------------------------------------------------------------- two stores, one contract


@dataclass(frozen=True)
class FolderGround:
    """A store in a folder, and what time and bad luck do to it."""

    blobs: FolderBlobs

    def age(self) -> None:
        """Let days go by."""
        for path in filter(Path.is_file, self.blobs.root.rglob("*")):
            before = path.stat().st_mtime - LONG.total_seconds()
            os.utime(path, (before, before))

    def overwrite(self, sha256: str, data: bytes) -> None:
        """Put other bytes behind a name."""
        self.blobs._path(sha256).write_bytes(data)


@dataclass(frozen=True)
class BucketGround:
    """A store in a bucket, and what time and bad luck do to it."""

    blobs: S3Blobs
    server: S3Server

    def age(self) -> None:
        """Let days go by."""
        self.server.age(LONG)

    def overwrite(self, sha256: str, data: bytes) -> None:
        """Put other bytes behind a name."""
        obstore.put(self.blobs._store, f"{sha256[:2]}/{sha256}", data)


Ground = FolderGround | BucketGround


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as started:
        yield started


def bucket(server: S3Server, prefix: str) -> S3Blobs:
    return S3Blobs(f"s3://{BUCKET}/{prefix}", server.environ)


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.enable_socket)])
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Ground:
    if request.param == "folder":
        return FolderGround(FolderBlobs(tmp_path / "blobs"))
    server: S3Server = request.getfixturevalue("server")
    return BucketGround(bucket(server, tmp_path.name), server)


@pytest.fixture
def blobs(ground: Ground) -> Blobs:
    return ground.blobs


@pytest.mark.parametrize("data", [b"", b"a", bytes(range(256)) * 50_000], ids=["0", "1", "12 MB"])
def test_what_was_put_comes_back(blobs: Blobs, data: bytes) -> None:
    assert blobs.put(data) == sha(data)
    assert blobs.get(sha(data)) == data
    assert names(blobs) == {sha(data)}


def test_an_empty_store_holds_nothing(blobs: Blobs) -> None:
    assert names(blobs) == set()
    assert fault(blobs.get, sha(b"a")) == "blob_missing"
    assert blobs.delete(sha(b"a"), older_than=datetime.now(UTC)) is False
    assert sweep(blobs, none, older_than=datetime.now(UTC)) == SweptBlobs(0, 0, 0)


NO_HASHES = {
    "empty": "",
    "dots": "..",
    "path": "../" * 20 + "etc/passwd",
    "root": "/" + "a" * 63,
    "short": "a" * 63,
    "long": "a" * 65,
    "upper case": "A" * 64,
    "line": "a" * 64 + "\n",
    "full width": "ａ" * 64,
    "nul": "\x00" * 64,
    "slash": "a" * 32 + "/" + "a" * 31,
}


@pytest.mark.parametrize("name", NO_HASHES.values(), ids=NO_HASHES)
def test_a_name_that_is_no_hash_leads_nowhere(blobs: Blobs, name: str) -> None:
    assert fault(blobs.get, name) == "bad_sha256"
    with pytest.raises(StoreFault):
        blobs.delete(name, older_than=datetime.now(UTC))


@pytest.mark.parametrize(
    "damaged",
    [b"some bytez", b"some byte", b"", b"some bytes and more"],
    ids=["flipped", "cut", "empty", "longer"],
)
def test_damage_is_found_at_the_read_and_mended_by_a_put(ground: Ground, damaged: bytes) -> None:
    blobs = ground.blobs
    name = blobs.put(b"some bytes")
    ground.overwrite(name, damaged)
    assert fault(blobs.get, name) == "blob_damaged"
    assert blobs.put(b"some bytes") == name
    assert blobs.get(name) == b"some bytes"


def test_every_name_tells_when_it_was_put(ground: Ground) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)  # a bucket counts whole seconds
    name = ground.blobs.put(b"a")
    assert [before <= moment <= datetime.now(UTC) for _, moment in ground.blobs.names()] == [True]
    ground.age()
    assert [moment < yesterday() for _, moment in ground.blobs.names()] == [True]
    assert ground.blobs.put(b"a") == name
    assert [before <= moment for _, moment in ground.blobs.names()] == [True]


def test_only_the_old_are_deleted(ground: Ground) -> None:
    blobs = ground.blobs
    name = blobs.put(b"a")
    assert blobs.delete(name, older_than=yesterday()) is False
    assert blobs.get(name) == b"a"
    ground.age()
    assert blobs.delete(name, older_than=yesterday()) is True
    assert blobs.delete(name, older_than=yesterday()) is False


def test_a_moment_without_a_zone_is_refused(blobs: Blobs) -> None:
    name = blobs.put(b"a")
    with pytest.raises(TypeError):
        blobs.delete(name, older_than=datetime(2026, 3, 6))  # noqa: DTZ001 - that is the point
    assert blobs.get(name) == b"a"


def test_a_sweep_takes_what_is_old_and_unreferenced(ground: Ground) -> None:
    blobs = ground.blobs
    needed, orphan, renewed = (blobs.put(data) for data in (b"needed", b"orphan", b"renewed"))
    ground.age()
    fresh = blobs.put(b"fresh")
    blobs.put(b"renewed")
    asked: list[str] = []

    def referenced(batch: list[str]) -> set[str]:
        asked.extend(batch)
        return {needed}

    assert sweep(blobs, referenced, older_than=yesterday()) == SweptBlobs(2, 1, 0)
    assert sorted(asked) == sorted([needed, orphan])
    ground.age()
    sweep(blobs, lambda _: {needed, fresh, renewed}, older_than=yesterday())
    assert names(blobs) == {needed, fresh, renewed}
    assert fault(blobs.get, orphan) == "blob_missing"


def test_a_sweep_asks_in_batches(tmp_path: Path) -> None:
    ground = FolderGround(FolderBlobs(tmp_path))
    for number in range(BATCH + 1):
        data = str(number).encode()
        path = ground.blobs._path(sha(data))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    ground.age()
    sizes: list[int] = []

    def referenced(batch: list[str]) -> set[str]:
        sizes.append(len(batch))
        return set(batch)

    assert sweep(ground.blobs, referenced, older_than=yesterday()) == SweptBlobs(BATCH + 1, 0, 0)
    assert sizes == [BATCH, 1]


def test_what_a_put_renews_after_the_question_stays(ground: Ground) -> None:
    name = ground.blobs.put(b"a")
    ground.age()

    def referenced(batch: list[str]) -> set[str]:
        ground.blobs.put(b"a")
        return set()

    assert sweep(ground.blobs, referenced, older_than=yesterday()) == SweptBlobs(1, 0, 0)
    assert ground.blobs.get(name) == b"a"


def test_sweeping_during_puts_takes_nothing_that_was_put(ground: Ground) -> None:
    datas = [f"blob {number}".encode() for number in range(12)]
    for data in datas:
        ground.blobs.put(data)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(8):
            ground.age()
            limit = yesterday()
            sweeps = [pool.submit(sweep, ground.blobs, none, older_than=limit) for _ in range(2)]
            written = list(pool.map(ground.blobs.put, datas))
            for running in sweeps:
                running.result()
            assert [ground.blobs.get(name) for name in written] == datas


def test_a_writer_killed_at_random_leaves_no_wrong_blob(ground: Ground) -> None:
    url = ground.blobs.place if isinstance(ground, BucketGround) else ""
    environ = ground.server.environ if isinstance(ground, BucketGround) else {}
    root = ground.blobs.root if isinstance(ground, FolderGround) else "none"
    for pause in (0.0, 0.004, 0.011, 0.023):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(root), url],
            stdout=subprocess.PIPE,
            env={**os.environ, **environ},
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(pause)
            writer.kill()
        for name in names(ground.blobs):
            assert len(ground.blobs.get(name)) == 4_000_000
    assert ground.blobs.get(ground.blobs.put(b"after")) == b"after"


WRITER = """
import sys
from pathlib import Path
from docgen.store.blobs import open_blobs
blobs = open_blobs(Path(sys.argv[1]), sys.argv[2] or None)
print("ready", flush=True)
for number in range(1000):
    blobs.put(number.to_bytes(2, "big") * 2_000_000)
"""


# ---------------------------------------------------------------- a folder: kills at every step

STEPS = """
import os, signal, sys
from pathlib import Path
from docgen.store.blobs import FolderBlobs

root, data = Path(sys.argv[1]), b"a" * 100_000
CALLS = ("mkdir", "open", "fsync", "chmod", "replace", "utime", "close")


def hooked(call, last):
    def wrapper(*arguments, **more):
        global calls
        for moment in (lambda: call(*arguments, **more), lambda: None):
            calls += 1
            if calls == last:
                os.kill(os.getpid(), signal.SIGKILL)
            if moment.__closure__:
                result = moment()
        return result
    return wrapper


def put_killed_at(last):
    global calls
    calls = 0
    for name in CALLS:
        setattr(os, name, hooked(getattr(os, name), last))
    FolderBlobs(root / str(last)).put(data)
    os._exit(0)


def prepare(folder):
    if sys.argv[2] == "nothing":
        return
    name = FolderBlobs(folder).put(data)
    if sys.argv[2] == "damaged":
        (folder / name[:2] / name).write_bytes(data[:-1])


for last in range(1, 200):
    prepare(root / str(last))
    child = os.fork()
    if not child:
        put_killed_at(last)
    if os.waitpid(child, 0)[1] == 0:
        print(last)
        break
"""


@pytest.mark.parametrize("before", ["nothing", "equal", "damaged"])
def test_a_writer_killed_at_any_step_leaves_no_wrong_blob(tmp_path: Path, before: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", STEPS, str(tmp_path), before],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    steps = int(run.stdout)
    assert steps > 15
    whole, data = 0, b"a" * 100_000
    for last in range(1, steps + 1):
        ground = FolderGround(FolderBlobs(tmp_path / str(last)))
        for name in names(ground.blobs):
            assert name == sha(data)
            whole += before == "damaged" or ground.blobs.get(name) == data
        assert ground.blobs.get(ground.blobs.put(data)) == data
        ground.age()
        sweep(ground.blobs, none, older_than=yesterday())
        assert [path for path in ground.blobs.root.rglob("*") if path.is_file()] == []
    assert whole >= (1 if before == "nothing" else steps)


def test_a_sweep_takes_old_unfinished_files_only(tmp_path: Path) -> None:
    ground = FolderGround(FolderBlobs(tmp_path))
    leaf = ground.blobs._path(ground.blobs.put(b"a")).parent
    (leaf / ".docgen-old").write_bytes(b"half")
    ground.age()
    (leaf / ".docgen-new").write_bytes(b"half")
    (leaf / "mine").write_bytes(b"not docgen's")
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "README").write_bytes(b"not docgen's")
    assert sweep(ground.blobs, none, older_than=yesterday()) == SweptBlobs(1, 1, 1)
    assert sorted(path.name for path in leaf.iterdir()) == [".docgen-new", "mine"]


def test_a_put_waits_for_the_removal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ground = FolderGround(FolderBlobs(tmp_path))
    name = ground.blobs.put(b"a")
    ground.age()
    looked, put, unlink = Event(), Event(), Path.unlink

    def late(path: Path) -> None:
        looked.set()
        put.wait(0.3)  # a put that did not wait would be done by then, and lost
        unlink(path)

    monkeypatch.setattr(Path, "unlink", late)
    with ThreadPoolExecutor(1) as pool:
        removal = pool.submit(ground.blobs.delete, name, older_than=yesterday())
        assert looked.wait(60)
        ground.blobs.put(b"a")
        put.set()
        assert removal.result() is True
    assert ground.blobs.get(name) == b"a"


# ---------------------------------------------------------------- a folder: disks


@contextmanager
def _disk(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_tears_no_blob_and_the_store_goes_on(tmp_path: Path) -> None:
    with _disk(tmp_path / "disk", "size=64k") as disk:
        blobs = FolderBlobs(disk)
        first = blobs.put(b"a" * 30_000)
        assert fault(blobs.put, b"b" * 50_000) == "no_space"
        assert {path.name for path in disk.rglob("*") if path.is_file()} == {first}
        assert blobs.put(b"a" * 30_000) == first
        second = blobs.put(b"c" * 1_000)
        assert names(blobs) == {first, second}
        assert blobs.get(first) == b"a" * 30_000


def test_a_disk_without_room_for_a_folder_is_full(tmp_path: Path) -> None:
    with _disk(tmp_path / "disk", "nr_inodes=3") as disk:
        blobs = FolderBlobs(disk)
        first = blobs.put(b"a")
        assert fault(blobs.put, b"b") == "no_space"
        assert names(blobs) == {first}


def test_a_disk_that_may_only_be_read_is_read(tmp_path: Path) -> None:
    with _disk(tmp_path / "disk", "size=64k") as disk:
        blobs = FolderBlobs(disk)
        name = blobs.put(b"a")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert fault(blobs.put, b"b") == "store_unusable"
        assert fault(blobs.put, b"a") == "store_unusable"
        with pytest.raises(StoreFault, match="Read-only"):
            blobs.delete(name, older_than=datetime.now(UTC) + DAY)
        assert blobs.get(name) == b"a"
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        assert blobs.get(blobs.put(b"b")) == b"b"


def test_a_file_that_may_not_grow_further_tears_no_blob(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (run.stdout, run.stderr) == ("store_unusable\n", "")
    assert names(FolderBlobs(tmp_path)) == {sha(b"small")}
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


LIMITED = """
import resource, signal, sys
from pathlib import Path
from docgen.errors import StoreFault
from docgen.store.blobs import FolderBlobs
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
before = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
blobs = FolderBlobs(Path(sys.argv[1]))
try:
    blobs.put(b"large" * 10_000)
except StoreFault as fault:
    print(fault.code)
blobs.put(b"small")
resource.setrlimit(resource.RLIMIT_FSIZE, before)  # what measures coverage writes at the end
"""


def test_a_file_in_place_of_a_folder_is_told(tmp_path: Path) -> None:
    root, name = tmp_path / "blobs", sha(b"a")
    root.write_text("mine", "utf-8")
    blobs = FolderBlobs(root)
    for call in (lambda: blobs.put(b"a"), lambda: blobs.get(name), lambda: list(blobs.names())):
        assert fault(call) == "store_unusable"
    assert fault(lambda: sweep(blobs, none, older_than=yesterday())) == "store_unusable"
    root.unlink()
    root.mkdir()
    (root / name[:2]).write_text("mine", "utf-8")
    assert fault(blobs.put, b"a") == "store_unusable"
    assert fault(lambda: list(blobs.names())) == "store_unusable"


# ---------------------------------------------------------------- a bucket


@pytest.mark.enable_socket
def test_a_put_during_the_removal_is_not_lost(
    server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = BucketGround(bucket(server, "race"), server)
    name = ground.blobs.put(b"a")
    ground.age()
    copy = obstore.copy

    def copied(*arguments: object) -> None:
        copy(*arguments)  # type: ignore[arg-type]
        ground.blobs.put(b"a")

    monkeypatch.setattr(obstore, "copy", copied)
    assert sweep(ground.blobs, none, older_than=yesterday()) == SweptBlobs(1, 1, 0)
    monkeypatch.undo()
    assert ground.blobs.get(name) == b"a"
    assert sweep(ground.blobs, none, older_than=yesterday()) == SweptBlobs(0, 0, 0)
    ground.age()
    assert sweep(ground.blobs, lambda batch: set(batch), older_than=yesterday()) == SweptBlobs(
        1, 0, 0
    )
    assert ground.blobs.get(name) == b"a"


@pytest.mark.enable_socket
def test_prefixes_do_not_see_each_other(server: S3Server) -> None:
    one, other = bucket(server, "one/a"), bucket(server, "one/ab")
    name = one.put(b"a")
    assert names(other) == set()
    assert fault(other.get, name) == "blob_missing"


@pytest.mark.enable_socket
def test_a_bucket_that_is_not_there_is_no_missing_blob(server: S3Server) -> None:
    blobs = S3Blobs("s3://not-there", server.environ)
    for call in (lambda: blobs.put(b"a"), lambda: blobs.get(sha(b"a")), lambda: names(blobs)):
        with pytest.raises(StoreFault, match="NoSuchBucket") as caught:
            call()
        assert (caught.value.code, caught.value.place) == ("store_unusable", "s3://not-there")


@pytest.mark.enable_socket
def test_a_server_that_is_gone_is_told_without_keys() -> None:
    with s3_server() as server:
        blobs = bucket(server, "gone")
        name = blobs.put(b"a")
    for call in (lambda: blobs.put(b"a"), lambda: blobs.get(name), lambda: names(blobs)):
        with pytest.raises(StoreFault) as caught:
            call()
        assert caught.value.code == "store_unusable"
        assert KEYS["AWS_SECRET_ACCESS_KEY"] not in str(caught.value.__cause__)


# ---------------------------------------------------------------- which store


def test_without_an_address_the_folder_is_used(tmp_path: Path) -> None:
    blobs = open_blobs(tmp_path, None)
    assert isinstance(blobs, FolderBlobs)
    assert (blobs.root, list(blobs.names())) == (tmp_path, [])


def test_a_folder_needs_no_client_of_buckets() -> None:
    code = "import sys, docgen.store.blobs; print('obstore' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


@pytest.mark.enable_socket
def test_an_address_names_bucket_and_prefix(server: S3Server, tmp_path: Path) -> None:
    blobs = open_blobs(tmp_path, f"s3://{BUCKET}/a/b.c-d/", environ=server.environ)
    name = blobs.put(b"a")
    listed = obstore.list(bucket(server, "")._store, prefix="a").collect()
    assert [entry["path"] for entry in listed] == [f"a/b.c-d/{name[:2]}/{name}"]
    assert names(bucket(server, "a/b.c-d")) == {name}


NO_BUCKETS = """
s3:// s3:///a s3://ab S3://bucket s3://Bucket/a s3://bucket//a s3://bucket/../a s3://bucket/a/..
s3://bucket/.a s3://bucket/a?b=c s3://key:hidden@bucket/a s3://bucket:9000/a s3://bucket/甲
http://bucket/a https://bucket/a file:///tmp gs://bucket/a /var/blobs
"""


@pytest.mark.parametrize("url", ["", "s3://bucket/a\n", *NO_BUCKETS.split()])
def test_any_other_address_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingWrong) as caught:
        open_blobs(tmp_path, url, environ=KEYS)
    assert caught.value.code == "bad_blob_url"
    assert "hidden" not in str(caught.value.as_json())


@pytest.mark.parametrize("name", sorted(KEYS))
def test_without_keys_nobody_is_asked_for_them(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingWrong) as caught:
        open_blobs(tmp_path, "s3://bucket/a", environ={**KEYS, name: ""})
    assert (caught.value.code, caught.value.place) == ("no_s3_keys", name)


@pytest.mark.parametrize(
    "endpoint", ["127.0.0.1:9000", "ftp://a", "http://", "http://[a", "http://a:b"]
)
def test_an_endpoint_is_an_address_of_the_web(tmp_path: Path, endpoint: str) -> None:
    with pytest.raises(SettingWrong) as caught:
        open_blobs(tmp_path, "s3://bucket/a", environ={**KEYS, "AWS_ENDPOINT_URL": endpoint})
    assert (caught.value.code, caught.value.place) == ("bad_endpoint", "AWS_ENDPOINT_URL")


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "https://127.0.0.1:1"])
def test_plain_http_only_where_the_endpoint_says_so(tmp_path: Path, endpoint: str) -> None:
    environ = {**KEYS, "AWS_ENDPOINT_URL": endpoint}
    blobs = open_blobs(tmp_path, "s3://bucket", environ=environ)
    assert isinstance(blobs, S3Blobs)
    options = blobs._store.client_options
    assert options is not None
    assert str(options.get("allow_http")).lower() == str(endpoint.startswith("http:")).lower()
