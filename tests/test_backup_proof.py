"""A backup that was altered and packed again, manifest, chain and anchors with it, is refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from docgen.audit import trail
from docgen.backup.manifest import ANCHOR, KEY, MANIFEST
from docgen.backup.place import opened
from docgen.backup.proof import PROOF, ProofVerdict, prove
from docgen.backup.reading import Backup
from docgen.backup.restoring import RestoredBackup, restore
from docgen.backup.writing import write
from docgen.errors import DocgenError
from docgen.settings import Settings
from docgen.signing.configuration import open_sealer
from docgen.signing.keys import CERTIFICATE_NAME, SEAL_NAME, make_trial
from docgen.signing.known_certificates import armoured, known, short
from docgen.store.audit_chain import ChainEntry, Head
from tests.commands import as_json, docgen
from tests.settings import NOW, SECRET, settings_of
from tests.stores import environment, store_at
from tests.test_trail_proof import cut_tail, history

NAMES = list(ChainEntry.__dataclass_fields__)
Contents = dict[str, bytes]
Alter = Callable[[Contents], None]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store (`old`), whose seal was made, and its backup with the key."""
    folder = tmp_path_factory.mktemp("original")
    with history(folder / "old") as filled:
        open_sealer(filled.store.settings)
        with opened(filled.store.settings) as place:
            for name, with_key in (("backup.tar", False), ("with-key.tar", True)):
                made = write(place, folder / name, now=NOW, with_key=with_key)
                assert made.unsealed is None
    return folder


def with_key(original: Path, folder: Path) -> Settings:
    """Settings of a new place, in which the service's key is at hand."""
    return settings_of(folder, secret_key=(original / "old" / KEY).read_text("ascii"))


def verdict_of(settings: Settings, file: Path) -> ProofVerdict:
    with opened(settings) as place:
        return Backup(file).verdict(place)


def restored(settings: Settings, file: Path, head: Head | None = None) -> RestoredBackup:
    """Restore with a head, or with the one that the file itself says."""
    with opened(settings) as place:
        backup = Backup(file)
        return restore(place, backup, expected=head or backup.manifest.head)


def refusal(settings: Settings, file: Path, head: Head | None = None) -> str:
    with pytest.raises(DocgenError) as refused:
        restored(settings, file, head)
    assert refused.value.message("zh")
    assert refused.value.hint("zh")
    return refused.value.entry


# ---------------------------------------------------------------- altering


def altered(file: Path, to: Path, *alters: Alter) -> Path:
    """Write a backup anew, and its manifest and MAC as somebody would who knows the format."""
    with tarfile.open(file) as tar:
        found = {info.name: tar.extractfile(info) for info in tar.getmembers()}
        contents = {name: opened.read() for name, opened in found.items() if opened}
    for alter in alters:
        alter(contents)
    with tarfile.open(to, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name in [*(one for one in contents if one not in (MANIFEST, PROOF)), MANIFEST, PROOF]:
            info = tarfile.TarInfo(name)
            info.size = len(contents[name])
            tar.addfile(info, io.BytesIO(contents[name]))
    return to


def rows_of(contents: Contents, table: str) -> list[dict[str, Any]]:
    packed = contents[f"rows/{table}/000001.jsonl.gz"]
    return [json.loads(line) for line in gzip.decompress(packed).splitlines()]


def put(contents: Contents, table: str, rows: list[dict[str, Any]]) -> None:
    """Put rows in, and make the manifest fit."""
    data = b"".join(
        json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for row in rows
    )
    contents[f"rows/{table}/000001.jsonl.gz"] = gzip.compress(data)
    if not rows:
        del contents[f"rows/{table}/000001.jsonl.gz"]
    manifest = json.loads(contents[MANIFEST])
    manifest["tables"][table] = {
        "count": len(rows),
        "sha256": hashlib.sha256(data).hexdigest(),
        "size_bytes": 0,
    }
    contents[MANIFEST] = json.dumps(manifest).encode()


def change(table: str, chosen: dict[str, Any], **values: Any) -> Alter:
    def alter(contents: Contents) -> None:
        rows = rows_of(contents, table)
        hit = [row for row in rows if chosen.items() <= row.items()]
        assert hit
        for row in hit:
            row.update(values)
        put(contents, table, rows)

    return alter


def add(table: str, like: dict[str, Any], **values: Any) -> Alter:
    def alter(contents: Contents) -> None:
        rows = rows_of(contents, table)
        row = next(row for row in rows if like.items() <= row.items())
        put(contents, table, [*rows, row | values])

    return alter


def remove(table: str, chosen: dict[str, Any]) -> Alter:
    def alter(contents: Contents) -> None:
        rows = rows_of(contents, table)
        rest = [row for row in rows if not chosen.items() <= row.items()]
        assert len(rest) < len(rows)
        put(contents, table, rest)

    return alter


def put_other(name: str, data: bytes) -> Alter:
    def alter(contents: Contents) -> None:
        contents[name] = data
        manifest = json.loads(contents[MANIFEST])
        manifest["others"][name] = hashlib.sha256(data).hexdigest()
        contents[MANIFEST] = json.dumps(manifest).encode()

    return alter


def rebuild(contents: Contents) -> None:
    """Chain the entries anew, and make anchors and manifest fit."""
    rows, previous = rows_of(contents, "audit"), "0" * 64
    for seq, row in enumerate(rows, 1):
        row |= {"seq": seq, "previous_hash": previous}
        row["entry_hash"] = previous = ChainEntry(**{name: row[name] for name in NAMES}).entry_hash
    put(contents, "audit", rows)
    lines = [f"{row['seq']} {row['entry_hash']}\n" for row in rows]
    put_other(ANCHOR, "".join(lines).encode())(contents)
    manifest = json.loads(contents[MANIFEST])
    manifest["audit"] |= {
        "entries": len(rows),
        "seq": len(rows),
        "entry_hash": previous,
        "anchors": len(rows),
    }
    contents[MANIFEST] = json.dumps(manifest).encode()


def entry(action: str, old: str, new: str) -> Alter:
    """Change what entries of an action say."""

    def alter(contents: Contents) -> None:
        rows = rows_of(contents, "audit")
        hit = [row for row in rows if row["action"] == action and old in row["detail"]]
        assert hit
        for row in hit:
            row["detail"] = row["detail"].replace(old, new)
        put(contents, "audit", rows)

    return alter


def other_proof(contents: Contents) -> None:
    """Prove the manifest with a key and a seal of one's own."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        make_trial(folder, now=NOW)
        with opened(settings_of(folder, secret_key=SECRET)) as place:
            contents[PROOF] = prove(place, contents[MANIFEST])[0].written()


def proof(**values: str) -> Alter:
    def alter(contents: Contents) -> None:
        contents[PROOF] = json.dumps(json.loads(contents[PROOF]) | values).encode()

    return alter


def one_more_member(contents: Contents) -> None:
    [root] = [row["id"] for row in rows_of(contents, "users") if row["username"] == "root"]
    add("members", {}, user_id=root)(contents)


without_seal = proof(certificate="", signature="")
LEADER = {"role": "leader"}
WITH_CHANGES = ('"opinion": "agree_with_changes"', '"opinion": "agree"')
AGREES = (
    change("signoffs", LEADER, opinion="agree"),
    entry("record.signed", *WITH_CHANGES),
    rebuild,
)
ANOTHER_NAME = (
    change("signoffs", LEADER, name="别人"),
    entry("record.signed", '"name": "chenjianguo"', '"name": "别人"'),
    rebuild,
)
TOKEN = {"id": "f" * 32, "token_hash": hashlib.sha256(b"dgt_own").hexdigest()}
ALTERED: dict[str, tuple[Alter, ...]] = {
    "an opinion": (change("signoffs", LEADER, opinion="agree"),),
    "an opinion with entry, chain, anchors": AGREES,
    "an opinion, proven by another": (*AGREES, other_proof),
    "an opinion, without the seal's word": (*AGREES, without_seal),
    "another name with its entry": ANOTHER_NAME,
    "the day of a sign-off": (change("signoffs", LEADER, signed_on="2026-03-01"),),
    "a sign-off taken away with its entry": (
        remove("signoffs", LEADER),
        remove("audit", {"action": "record.signed"}),
        change("versions", {"state": "in_review"}, state="submitted"),
        change("records", {"state": "in_review"}, state="submitted"),
        rebuild,
    ),
    "a leader's token": (add("api_tokens", {}, **TOKEN),),
    "a leader's token with an entry": (
        add("api_tokens", {}, **TOKEN),
        add("audit", {"action": "token.created"}, subject_id=TOKEN["id"]),
        rebuild,
    ),
    "a token of one's own in the place of another": (
        change("api_tokens", {}, token_hash=TOKEN["token_hash"]),
    ),
    "an administrator's password": (
        change("users", {"role": "admin"}, password_hash="$argon2id$"),
    ),
    "another role": (change("users", {"username": "zhangwei"}, role="leader"),),
    "an e-mail address": (change("users", {"username": "root"}, email="me@example.com"),),
    "a member": (one_more_member,),
    "a state": (change("versions", {"state": "submitted"}, state="approved"),),
    "a submitted content": (change("versions", {"state": "submitted"}, body="{}"),),
    "a draft's content": (change("versions", {"state": "draft"}, body="{}"),),
    "a file of a version taken away": (remove("documents", {"format": "pdf"}),),
    "a contract": (change("contracts", {}, body="{}"),),
    "the last entries": (
        remove("audit", {"action": "token.created"}),
        remove("api_tokens", {}),
        rebuild,
    ),
    "the anchors": (put_other(ANCHOR, f"1 {'0' * 64}\n".encode()),),
    "another certificate": (put_other("seals/0123456789abcdef.pem", b""),),
    "a proof that is cut": (proof(mac=""),),
    "a seal's word that is none": (proof(signature="AAAA"),),
}
# What only a proof tells, because the trail names nothing of it; with the head alone it is told
# beforehand that this was not checked.
NOT_NAMED = {
    "another certificate",
    "a proof that is cut",
    "a seal's word that is none",
}


@pytest.mark.parametrize("name", ALTERED)
def test_an_altered_backup_is_refused(tmp_path: Path, original: Path, name: str) -> None:
    head = Backup(original / "backup.tar").manifest.head
    file = altered(original / "backup.tar", tmp_path / "altered.tar", *ALTERED[name])
    # the key is at hand: whatever was altered, even with the head that the file itself says
    proven = with_key(original, tmp_path / "proven")
    assert refusal(proven, file) in ("backup_altered", "backup_damaged")
    # the key is not at hand, and the seal's word was taken away, but the head was noted elsewhere
    file = altered(original / "backup.tar", file, *ALTERED[name], without_seal)
    unproven = settings_of(tmp_path / "unproven")
    if name in NOT_NAMED:
        assert not verdict_of(unproven, file).proven
    else:
        code = "backup_altered.trail"
        if rebuild in ALTERED[name]:
            code = "backup_head_differs"
        elif name == "the anchors":
            code = "backup_damaged"
        assert refusal(unproven, file, head) == code
        with store_at(unproven.data) as store, store.reading() as session:
            assert session.connection().exec_driver_sql("SELECT count(*) FROM users").scalar() == 0


def test_an_unaltered_one_is_restored(tmp_path: Path, original: Path) -> None:
    head = Backup(original / "backup.tar").manifest.head
    same = altered(original / "backup.tar", tmp_path / "same.tar")
    for name, settings, verdict in (
        ("proven", with_key(original, tmp_path / "proven"), ProofVerdict("good", "unknown")),
        ("alone", settings_of(tmp_path / "alone"), ProofVerdict("unknown", "unknown")),
    ):
        assert verdict_of(settings, same) == verdict, name
        done = restored(settings, same, head)
        assert done.breaks == []
        assert done.manifest.head == head
    with store_at(tmp_path / "alone") as store:
        assert trail.verified(store).broken == 0


def test_the_seal_proves_where_its_certificate_is_known(tmp_path: Path, original: Path) -> None:
    settings = settings_of(tmp_path / "new")
    settings.data.mkdir()
    shutil.copy(original / "old" / CERTIFICATE_NAME, settings.data / CERTIFICATE_NAME)
    assert verdict_of(settings, original / "backup.tar") == ProofVerdict("unknown", "good")
    file = altered(original / "backup.tar", tmp_path / "altered.tar", *AGREES)
    assert verdict_of(settings, file) == ProofVerdict("unknown", "wrong")
    assert refusal(settings, file) == "backup_altered"


def test_a_key_within_the_backup_proves_nothing(tmp_path: Path, original: Path) -> None:
    """Whoever packs it again with a key of their own makes a MAC that fits it."""
    own = hashlib.sha256(b"own").hexdigest()

    def prove_by_own_key(contents: Contents) -> None:
        folder = settings_of(tmp_path / "forger", secret_key=own)
        with opened(folder) as place:
            contents[PROOF] = prove(place, contents[MANIFEST])[0].written()

    file = altered(
        original / "with-key.tar",
        tmp_path / "altered.tar",
        put_other(KEY, own.encode()),
        *AGREES,
        prove_by_own_key,
    )
    settings = settings_of(tmp_path / "new")
    assert verdict_of(settings, file) == ProofVerdict("unknown", "none")
    head = Backup(original / "with-key.tar").manifest.head
    assert refusal(settings, file, head) == "backup_head_differs"


def test_a_certificate_that_the_trail_does_not_name_stays_out(
    tmp_path: Path, original: Path
) -> None:
    """Nothing was sealed in this store: by the head alone no seal is to be trusted."""
    make_trial(tmp_path, now=NOW)
    stranger = known(tmp_path)[0]
    name = f"seals/{short(stranger)}.pem"
    file = altered(
        original / "with-key.tar",
        tmp_path / "more.tar",
        put_other(name, armoured(stranger)),
        without_seal,
    )
    done = restored(settings_of(tmp_path / "new"), file)
    assert {name, CERTIFICATE_NAME, SEAL_NAME} <= {*done.left_out}
    assert known(tmp_path / "new") == []
    assert (tmp_path / "new" / KEY).exists()


def test_a_seal_that_cannot_sign_is_told_and_no_hindrance(tmp_path: Path, original: Path) -> None:
    shutil.copytree(original / "old", tmp_path / "old")
    (tmp_path / "old" / SEAL_NAME).write_bytes(b"damaged")
    env: Any = environment(tmp_path / "old")
    told = docgen("backup", tmp_path / "b.tar", **env)
    assert told.returncode == 0
    assert "签章没有在备份上签字" in told.stderr
    assert "seal_unreadable" in told.stderr
    settings = with_key(original, tmp_path / "new")
    assert verdict_of(settings, tmp_path / "b.tar") == ProofVerdict("good", "none")


Members = list[tuple[tarfile.TarInfo, bytes]]


def repacked(file: Path, to: Path, change: Callable[[Members], Members]) -> Path:
    """Write the members of a backup anew as they are, but for some."""
    with tarfile.open(file) as tar:
        members = [(info, tar.extractfile(info).read()) for info in tar.getmembers()]  # type: ignore[union-attr]
    with tarfile.open(to, "w", format=tarfile.USTAR_FORMAT) as tar:
        for info, data in change(members):
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return to


def member(name: str, data: bytes = b"", **more: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


STRANGE: dict[str, Callable[[Members], tuple[tarfile.TarInfo, bytes]]] = {
    "a second head": lambda all: all[0],
    "second anchors": lambda all: next(one for one in all if one[0].name == ANCHOR),
    "a second manifest": lambda all: all[-2],
    "a second proof": lambda all: all[-1],
    "an absolute name": lambda _: member("/etc/x"),
    "a name that leads up": lambda _: member("seals/../../x.pem"),
    "a link": lambda _: member("blobs", type=tarfile.SYMTYPE, linkname="/tmp"),
    "a hard link": lambda _: member("x", type=tarfile.LNKTYPE, linkname=MANIFEST),
    "a folder": lambda _: member("d", type=tarfile.DIRTYPE),
    "a sparse file": lambda _: member("x", type=tarfile.GNUTYPE_SPARSE),
}


@pytest.mark.parametrize("name", STRANGE)
def test_one_more_member_is_refused_wherever_it_stands(
    tmp_path: Path, original: Path, name: str
) -> None:
    for at in (0, 1, -2, -1, 1000):

        def change(members: Members, at: int = at) -> Members:
            return [*members[:at], STRANGE[name](members), *members[at:]]

        file = repacked(original / "backup.tar", tmp_path / "strange.tar", change)
        with pytest.raises(DocgenError) as refused:
            Backup(file)
        assert refused.value.code == "backup_damaged"


DEEP = b"[" * 200_000
UNREADABLE: dict[str, tuple[str, bytes]] = {
    "a deep proof": (PROOF, DEEP),
    "a MAC that is a number": (PROOF, b'{"mac": 1}'),
    "a signature that is a list": (PROOF, b'{"mac": "", "signature": ["a"]}'),
    "a deep manifest": (MANIFEST, DEEP),
    "a deep head": ("docgen-backup.json", DEEP),
    "an earlier form": ("docgen-backup.json", b'{"format": 0, "docgen": "x"}'),
    "a form that is a text": ("docgen-backup.json", b'{"format": "1", "docgen": "x"}'),
    "a form that is true": ("docgen-backup.json", b'{"format": true, "docgen": "x"}'),
    "an endless form": ("docgen-backup.json", b'{"format": 1e999, "docgen": "x"}'),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_parts_that_cannot_be_read_are_damage(tmp_path: Path, original: Path, name: str) -> None:
    part, data = UNREADABLE[name]
    file = altered(
        original / "backup.tar", tmp_path / "x.tar", lambda all: all.update({part: data})
    )
    with pytest.raises(DocgenError) as refused:
        Backup(file)
    assert (refused.value.code, refused.value.place) == ("backup_damaged", part)


@pytest.mark.parametrize("audit", [None, {}, {"seq": "9" * 5000, "entry_hash": "x"}])
def test_a_manifest_without_a_head_is_damage(tmp_path: Path, original: Path, audit: Any) -> None:
    def alter(contents: Contents) -> None:
        manifest = json.loads(contents[MANIFEST]) | {"audit": audit}
        contents[MANIFEST] = json.dumps(manifest).encode()

    with pytest.raises(DocgenError) as refused:
        Backup(altered(original / "backup.tar", tmp_path / "x.tar", alter))
    assert refused.value.entry == "backup_damaged"


def test_a_mac_of_other_letters_is_wrong(tmp_path: Path, original: Path) -> None:
    file = altered(original / "backup.tar", tmp_path / "x.tar", proof(mac="é" * 64), without_seal)
    assert refusal(with_key(original, tmp_path / "new"), file) == "backup_altered"


def test_an_anchor_file_is_never_written_over(tmp_path: Path, original: Path) -> None:
    settings = with_key(original, tmp_path / "new")
    settings.data.mkdir()
    (settings.data / ANCHOR).write_text("no line of ours\n")
    assert refusal(settings, original / "backup.tar") == "store_not_empty"
    assert (settings.data / ANCHOR).read_text() == "no line of ours\n"


# ---------------------------------------------------------------- the command


def test_a_restore_has_to_be_confirmed(
    tmp_path: Path, original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = original / "backup.tar"
    head = str(Backup(file).manifest.head)
    command = ("restore", file, "--into", tmp_path / "new")
    key: Any = {"DOCGEN_SECRET_KEY": (original / "old" / KEY).read_text("ascii")}
    [unproven] = as_json(*command, code=1)["errors"]
    assert unproven["code"] == "backup_unproven"
    assert head not in json.dumps(unproven)
    [unconfirmed] = as_json(*command, code=1, **key)["errors"]
    assert unconfirmed["code"] == "backup_not_confirmed"
    assert f"--expect-head {head}" in unconfirmed["hint"]["en"]
    wrong = f"{head[:-1]}{'0' if head[-1] != '0' else '1'}"
    [differs] = as_json(*command, "--expect-head", wrong, code=1, **key)["errors"]
    assert differs["code"] == "backup_head_differs"
    as_json(*command, "--expect-head", "7", code=2)
    told = docgen(*command, "--expect-head", head)
    assert told.returncode == 0
    assert "无法确认谁写了这份备份" in told.stderr
    assert as_json("audit", "verify", "--backup", file, DOCGEN_DATA=tmp_path / "new")["broken"] == 0


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1)])
def test_at_a_terminal_somebody_is_asked(
    tmp_path: Path, original: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    file = original / "backup.tar"
    key: Any = {"DOCGEN_SECRET_KEY": (original / "old" / KEY).read_text("ascii")}
    monkeypatch.setattr("docgen.cli.operations.at_terminal", lambda: True)
    told = docgen("restore", file, "--into", tmp_path / "new", data=f"{answer}\n", **key)
    assert told.returncode == code
    assert str(Backup(file).manifest.head) in told.stderr


def test_a_backup_is_compared_with_the_trail(tmp_path: Path, original: Path) -> None:
    shutil.copytree(original / "old", tmp_path / "old")
    env: Any = environment(tmp_path / "old")
    with store_at(tmp_path / "old") as store, store.database.begun() as connection:
        cut_tail(connection)
    (tmp_path / "old" / "audit-anchor.log").unlink()
    told = as_json("audit", "verify", "--backup", original / "backup.tar", code=1, **env)
    assert [one["code"] for one in told["breaks"]] == ["not_anchored", "head_differs"]
