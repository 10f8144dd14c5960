"""Archive packages: complete, deterministic, checked by standard tools, every tampering found."""

from __future__ import annotations

import io
import os
import re
import stat
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import bagit
import pytest

from docgen.archive.verifying import verify
from docgen.errors import InputUnreadable
from docgen.signing.keys import make_trial
from docgen.signing.trust import Trust
from tests.commands import as_json, docgen
from tests.hostile import displaced
from tests.packages import Made, archived, codes, flipped, made, with_manifests, zipped
from tests.service import at_work
from tests.settings import NOW

pytestmark = pytest.mark.slow

COMMAND = re.compile(r"^    \$ (.*\n(?:    (?!\$ ).*\n)*)", re.MULTILINE)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    with at_work(tmp_path_factory.mktemp("service") / "data") as team:
        team.contract()
        yield made(team, archived(team))


@pytest.fixture
def unzipped(package: Made, tmp_path: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(package.data)) as opened:
        opened.extractall(tmp_path / "bags")
    return tmp_path / "bags" / package.doc_no


def test_it_holds_everything(package: Made) -> None:
    number = package.doc_no
    named = {name for name in package.files() if not name.startswith("data/certificates/")}
    assert named == {
        "README.en.txt",
        "README.zh.txt",
        "bag-info.txt",
        "bagit.txt",
        "data/attachments/01-范围说明.png",
        "data/audit.jsonl",
        "data/contract.json",
        "data/evidence.pdf",
        "data/package.json",
        "data/record.json",
        "data/scans/02-签字页.png",
        "data/signed.pdf",
        "data/submitted/record.json",
        "data/templates.zip",
        "manifest-sha256.txt",
        "tagmanifest-sha256.txt",
        *(f"data/documents/{number}.{name}" for name in ("docx", "xlsx", "pdf")),
        *(f"data/submitted/{number}.{name}" for name in ("docx", "xlsx", "pdf")),
    }


def test_the_bagit_library_accepts_it(unzipped: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bag = bagit.Bag(str(unzipped))
        bag.validate()
    assert bag.version_info == (1, 0)
    assert bag.info["External-Identifier"] == unzipped.name


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_command_of_its_readme_works(unzipped: Path, lang: str) -> None:
    text = (unzipped / f"README.{lang}.txt").read_text("utf-8")
    commands = COMMAND.findall(text)
    assert len(commands) == 10
    for command in commands:
        done = run(shell(command), unzipped)
        assert done.returncode == 0, f"{command}\n{done.stdout}"
    assert "ENTIRE_FILE" in run(shell(commands[7]), unzipped).stdout


@pytest.mark.parametrize("path", ["data/record.json", "data/audit.jsonl", "data/evidence.pdf"])
def test_its_commands_find_tampering_with_manifests_made_anew(unzipped: Path, path: str) -> None:
    files = {
        str(one.relative_to(unzipped)): one.read_bytes()
        for one in unzipped.rglob("*")
        if one.is_file()
    }
    for name, data in with_manifests(files | {path: flipped(files[path])}).items():
        (unzipped / name).write_bytes(data)
    text = (unzipped / "README.en.txt").read_text("utf-8")
    commands = COMMAND.findall(text)
    found = [run(shell(command), unzipped).returncode != 0 for command in commands]
    assert not any(found[:2])
    assert any(found[2:])


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env=os.environ | {"PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def shell(command: str) -> str:
    return "\n".join(line.removeprefix("    ") for line in command.split("\n"))


# ---------------------------------------------------------------- verdicts


def test_a_whole_one_is_good(package: Made, unzipped: Path, tmp_path: Path) -> None:
    assert codes(package.data, package.trust, tmp_path) == set()
    (verdict,) = verify(unzipped, package.trust)
    assert (verdict.good, verdict.doc_no) == (True, package.doc_no)
    assert {one.field for one in verdict.signatures["signed.pdf"]} >= {"engineer", "cust_owner"}


def test_a_certificate_of_its_own_is_told(package: Made, tmp_path: Path) -> None:
    assert codes(package.data, Trust(), tmp_path) == {"signer_only_in_package"}
    other = make_trial(tmp_path, now=NOW).certificate
    assert codes(package.data, Trust.of(other), tmp_path) == {"signer_only_in_package"}
    (verdict,) = verify(tmp_path / "package.zip", Trust())
    assert (verdict.good, verdict.consistent) == (False, True)


def test_a_changed_byte_is_found_in_every_file(package: Made, tmp_path: Path) -> None:
    files = package.files()
    missed = [
        name
        for name, data in files.items()
        if not codes(zipped(files | {name: flipped(data)}), package.trust, tmp_path)
    ]
    assert missed == []


def test_a_forger_who_makes_the_manifests_anew_is_found(package: Made, tmp_path: Path) -> None:
    files = package.files()
    missed = [
        name
        for name, data in files.items()
        if name.startswith("data/")
        and not codes(
            zipped(with_manifests(files | {name: flipped(data)})), package.trust, tmp_path
        )
    ]
    assert missed == []


def test_a_file_that_is_gone_is_found(package: Made, tmp_path: Path) -> None:
    files = package.files()
    for name in files:
        rest = {one: data for one, data in files.items() if one != name}
        if name == "bagit.txt":
            continue
        assert codes(zipped(rest), package.trust, tmp_path), name
        if name.startswith("data/"):
            assert codes(zipped(with_manifests(rest)), package.trust, tmp_path), name


def test_files_too_many_are_found(package: Made, tmp_path: Path) -> None:
    files = package.files()
    for name in ("data/extra.txt", "extra.txt", "data/documents/extra.pdf"):
        assert "bag_file_extra" in codes(zipped(files | {name: b"x"}), package.trust, tmp_path)
    forged = with_manifests(files | {"data/extra.txt": b"x"})
    assert codes(zipped(forged), package.trust, tmp_path) == {"not_covered"}
    path = tmp_path / "package.zip"
    path.write_bytes(zipped(with_manifests(files | {"extra.txt": b"x"})))
    (verdict,) = verify(path, package.trust)
    assert [(one.code, one.place) for one in verdict.findings] == [("not_covered", "extra.txt")]


@pytest.mark.parametrize(
    ("name", "old", "new", "code"),
    [
        ("README.en.txt", b"docgen", b"nobody", "evidence_differs"),
        ("README.zh.txt", b"docgen", b"nobody", "evidence_differs"),
        ("bagit.txt", b"1.0", b"9.9", "bag_broken"),
        ("bag-info.txt", b"docgen", b"nobody", "bag_broken"),
        ("data/package.json", b'"format": 1', b'"format": 2', "package_format"),
        ("data/package.json", b'"agree"', b'"other"', "evidence_differs"),
        ("data/package.json", b"{", b"[", "statement_broken"),
    ],
)
def test_every_file_is_covered_by_the_seal(
    package: Made, tmp_path: Path, name: str, old: bytes, new: bytes, code: str
) -> None:
    files = package.files()
    assert old in files[name]
    forged = with_manifests(files | {name: files[name].replace(old, new)})
    assert code in codes(zipped(forged), package.trust, tmp_path)


def test_manifests_say_nothing_else(package: Made, tmp_path: Path) -> None:
    files = package.files()
    name = "tagmanifest-sha256.txt"
    lines = b"".join(reversed(files[name].splitlines(keepends=True)))
    for data in (files[name] + b"\n", lines, files[name].replace(b"\n", b"\r\n")):
        assert codes(zipped(files | {name: data}), package.trust, tmp_path) == {"bag_broken"}


def test_what_is_not_covered_is_told(package: Made, tmp_path: Path) -> None:
    path = tmp_path / "package.zip"
    path.write_bytes(package.data)
    (verdict,) = verify(path, package.trust)
    told = {(one.entry, one.place) for one in verdict.not_covered}
    assert told == {
        ("not_covered.chain", "audit.jsonl"),
        ("not_covered.time", "evidence.pdf"),
        ("not_covered.time", "signed.pdf"),
    }
    (tmp_path / "seal.pem").write_bytes(package.certificate)
    run = docgen("verify", path, "--cert", tmp_path / "seal.pem", DOCGEN_DATA=tmp_path / "none")
    assert (run.returncode, run.stdout.count("未核对 not covered:")) == (0, 3)


def test_a_signed_pdf_rolled_back_to_the_first_seal_is_found(package: Made, tmp_path: Path) -> None:
    files = package.files()
    signed = files["data/signed.pdf"]
    first = signed[: signed.index(b"%%EOF", len(files[f"data/submitted/{package.doc_no}.pdf"]) + 9)]
    forged = with_manifests(files | {"data/signed.pdf": first + b"%%EOF\n"})
    assert "signature_absent" in codes(zipped(forged), package.trust, tmp_path)


def test_two_packages_whose_parts_were_swapped_are_found(package: Made, tmp_path: Path) -> None:
    files = package.files()
    pdf = files[f"data/documents/{package.doc_no}.pdf"]
    forged = with_manifests(files | {f"data/submitted/{package.doc_no}.pdf": pdf})
    found = codes(zipped(forged), package.trust, tmp_path)
    assert {"record_differs", "statement_differs"} <= found


@pytest.mark.parametrize("cut", [1, 2])
def test_audit_entries_that_are_gone_are_found(package: Made, tmp_path: Path, cut: int) -> None:
    files = package.files()
    lines = files["data/audit.jsonl"].splitlines(keepends=True)
    kept = b"".join(lines[:-1] if cut == 1 else lines[1:])
    forged = with_manifests(files | {"data/audit.jsonl": kept})
    found = codes(zipped(forged), package.trust, tmp_path)
    assert {"audit_incomplete", "evidence_differs"} <= found


# ---------------------------------------------------------------- hostile containers


def entry(name: str, mode: int = 0o100644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def twice(opened: zipfile.ZipFile) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened.writestr("bag/bagit.txt", b"x")
        opened.writestr("bag/bagit.txt", b"y")


def bomb(opened: zipfile.ZipFile) -> None:
    opened.writestr(entry("bag/data/a.bin"), bytes(40 * 2**20), zipfile.ZIP_DEFLATED)


HOSTILE: dict[str, Callable[[zipfile.ZipFile], None]] = {
    "package_unsafe_name": lambda opened: opened.writestr("bag/../../x", b"x"),
    "package_link": lambda opened: opened.writestr(entry("bag/x", stat.S_IFLNK | 0o777), b"/etc"),
    "package_duplicate": twice,
    "package_bomb": bomb,
    "package_method": lambda opened: opened.writestr(entry("x"), b"x", zipfile.ZIP_BZIP2),
}


@pytest.mark.parametrize("code", HOSTILE)
def test_hostile_zips_are_refused(tmp_path: Path, code: str) -> None:
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as opened:
        HOSTILE[code](opened)
    with pytest.raises(InputUnreadable) as refused:
        list(verify(path, Trust()))
    assert refused.value.code == code


@pytest.mark.parametrize("data", [b"", b"PK\3\4", b"PK\5\6" + bytes(18), b"hello" * 9])
def test_what_is_no_package_is_told(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad.zip"
    path.write_bytes(data)
    with pytest.raises(InputUnreadable) as refused:
        list(verify(path, Trust()))
    assert refused.value.code in ("package_broken", "package_unreadable")


def test_entries_before_the_file_are_refused(package: Made, tmp_path: Path) -> None:
    path = tmp_path / "bad.zip"
    path.write_bytes(displaced(package.data))
    with pytest.raises(InputUnreadable) as refused:
        list(verify(path, package.trust))
    assert refused.value.code == "package_broken"


def test_links_in_folders_are_refused(unzipped: Path, package: Made) -> None:
    (unzipped / "data" / "record.json").unlink()
    (unzipped / "data" / "record.json").symlink_to("/etc/hostname")
    with pytest.raises(InputUnreadable) as refused:
        list(verify(unzipped, package.trust))
    assert refused.value.code == "package_link"


# ---------------------------------------------------------------- command line


def test_the_command_tells_all_findings(package: Made, tmp_path: Path) -> None:
    (tmp_path / "seal.pem").write_bytes(package.certificate)
    (tmp_path / "good.zip").write_bytes(package.data)
    files = package.files()
    bad = files | {"data/record.json": b"{}", "data/contract.json": b"{}"}
    (tmp_path / "bad.zip").write_bytes(zipped(bad))
    data = tmp_path / "none"
    trusted = ("--cert", tmp_path / "seal.pem")
    run = docgen("verify", tmp_path / "good.zip", *trusted, DOCGEN_DATA=data)
    assert run.returncode == 0, run.stderr
    assert package.doc_no in run.stdout
    told = as_json("verify", tmp_path / "bad.zip", *trusted, code=1, DOCGEN_DATA=data)
    places = {one["place"] for one in told["packages"][0]["findings"]}
    assert {"data/record.json", "data/contract.json"} <= places
    untrusted = docgen("verify", tmp_path / "good.zip", DOCGEN_DATA=data)
    assert untrusted.returncode == 1
    assert "consistent" in untrusted.stderr
