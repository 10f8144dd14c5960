"""Exports whose index lies, or whose packages are not those that it lists."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from docgen.archive.export_index import INDEX, INDEX_PAGE, INDEX_SEAL
from docgen.archive.restoring import restore
from docgen.archive.verifying import verify
from docgen.signing.detached import sign_detached
from docgen.signing.keys import load, make_trial, roots
from docgen.signing.trust import Trust
from tests.commands import as_json, docgen
from tests.packages import archived, zipped
from tests.service import at_work
from tests.settings import NOW

pytestmark = pytest.mark.slow

Files = dict[str, bytes]

LATER = NOW.replace(month=4, day=22)  # when the key of the export was valid


@dataclass(frozen=True)
class Exported:
    """An export of two packages and a draft, as one zip and as a folder of zips; and its key."""

    files: Files
    zips: Files
    numbers: tuple[str, str]
    folder: Path

    @property
    def trust(self) -> Trust:
        return Trust.of(*roots((self.folder / "seal.pem").read_bytes(), "seal.pem"))

    def resealed(self, files: Mapping[str, bytes]) -> Files:
        """Return the files with a seal on their index, which the operator alone can set."""
        sealer = load(self.folder / "seal.p12")
        return dict(files) | {INDEX_SEAL: sign_detached(files[INDEX], sealer, now=LATER)}


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    with at_work(tmp_path_factory.mktemp("service") / "data") as team:
        contract = team.contract()
        numbers = tuple(archived(team, day=day)["doc_no"] for day in ("04-20", "04-21"))
        team.record("ZX")
        answer = team.get("wangqiang", f"/contracts/{contract}/export.zip")
        with zipfile.ZipFile(io.BytesIO(answer.content)) as opened:
            files = {
                name.removeprefix("HT-2026-017/"): opened.read(name) for name in opened.namelist()
            }
        out = tmp_path_factory.mktemp("out")
        source: dict[str, Any] = {
            "DOCGEN_DATA": team.store.folder,
            "DOCGEN_NOW": "2026-04-22T09:00",
        }
        as_json("archive", "export", "HT-2026-017", "--out", out, **source)
        zips = {one.name: one.read_bytes() for one in out.iterdir()}
        yield Exported(files, zips, (numbers[0], numbers[1]), team.store.folder)


def found(files: Mapping[str, bytes], trusted: Trust, folder: Path) -> set[str]:
    """Verify a zip of the files; the codes of all findings."""
    path = folder / "export.zip"
    path.write_bytes(zipped(files, "HT-2026-017/"))
    return {one.code for verdict in verify(path, trusted) for one in verdict.findings}


def laid_out(files: Mapping[str, bytes], folder: Path) -> Path:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def changed(files: Files, change: Callable[[Any], object]) -> Files:
    """Return the files with an index that was changed."""
    plain = json.loads(files[INDEX])
    change(plain)
    return files | {INDEX: json.dumps(plain, ensure_ascii=False).encode()}


def test_a_whole_export_is_good_in_both_forms(export: Exported, tmp_path: Path) -> None:
    assert found(export.files, export.trust, tmp_path) == set()
    folder = laid_out(export.zips, tmp_path / "zips")
    verdicts = list(verify(folder, export.trust))
    assert [one.kind for one in verdicts] == ["package", "package", "export"]
    assert all(one.good for one in verdicts)
    index = json.loads(export.zips[INDEX])
    assert (index["format"], index["counts"]) == (1, {"documents": 3, "packages": 2})
    trusted = ("--cert", export.folder / "seal.pem")
    run = docgen("verify", folder, *trusted, DOCGEN_DATA=tmp_path / "none")
    assert (run.returncode, "2 / 2" in run.stdout) == (0, True)


def test_standard_tools_verify_the_index(export: Exported, tmp_path: Path) -> None:
    laid_out(export.zips, tmp_path / "zips")
    command = f"openssl cms -verify -binary -inform DER -in {INDEX_SEAL} -content {INDEX}"
    assert command in export.zips[INDEX_PAGE].decode()
    trust = ["-CAfile", str(export.folder / "seal.pem"), "-purpose", "any", "-partial_chain"]
    whole = [*command.split(), *trust, "-attime", str(int(NOW.timestamp()) + 86400 * 42)]
    run = subprocess.run(whole, cwd=tmp_path / "zips", capture_output=True, check=False)
    assert run.returncode == 0, run.stderr
    (tmp_path / "zips" / INDEX).write_bytes(export.zips[INDEX].replace(b"archived", b"Archived"))
    run = subprocess.run(whole, cwd=tmp_path / "zips", capture_output=True, check=False)
    assert run.returncode != 0


def test_a_copy_of_another_package_under_a_missing_ones_name_is_found(
    export: Exported, tmp_path: Path
) -> None:
    first, second = export.numbers
    zips = export.zips | {f"{first}.zip": export.zips[f"{second}.zip"]}
    folder = laid_out(zips, tmp_path / "zips")
    *_, last = verify(folder, export.trust)
    assert {one.code for one in last.findings} == {"index_differs", "package_repeated"}
    wrong = changed(
        zips, lambda plain: [one.update(tagmanifest_sha256="0" * 64) for one in plain["documents"]]
    )
    for name, data in wrong.items():
        (folder / name).write_bytes(data)
    run = docgen("verify", folder, "--cert", export.folder / "seal.pem", DOCGEN_DATA=tmp_path)
    assert run.returncode == 1
    with at_work(tmp_path / "data") as other:
        came = list(restore(other.store, folder, export.trust))
    assert [one.state for one in came] == ["restored", "unchanged", "refused"]


def test_packages_swapped_in_an_export_are_found(export: Exported, tmp_path: Path) -> None:
    first, second = export.numbers
    swap = {first: second, second: first}
    files = {
        "/".join((swap.get(name.split("/")[0], name.split("/")[0]), *name.split("/")[1:])): data
        for name, data in export.files.items()
    }
    assert found(files, export.trust, tmp_path) == {"index_differs"}


@pytest.mark.parametrize(
    "name",
    ["doc_no", "version", "record_hash", "archived_hash", "evidence_sha256", "tagmanifest_sha256"],
)
def test_an_index_that_its_own_sealer_wrote_wrongly_is_found(
    export: Exported, tmp_path: Path, name: str
) -> None:
    def lie(plain: Any) -> None:
        plain["documents"][0][name] = 7 if name == "version" else "f" * 64

    lying = changed(export.files, lie)
    assert found(lying, export.trust, tmp_path) >= {"signature_broken", "index_differs"}
    assert found(export.resealed(lying), export.trust, tmp_path) == {"index_differs"}


def absent(plain: Any) -> None:
    del plain["documents"][0]
    plain["counts"] = {"documents": 2, "packages": 1}


def twice(plain: Any) -> None:
    plain["documents"].append(plain["documents"][0])
    plain["counts"] = {"documents": 4, "packages": 3}


def invented(plain: Any) -> None:
    more = {"doc_no": "SQ-X", "package": "SQ-X/"}
    plain["documents"].append(plain["documents"][0] | more)
    plain["counts"] = {"documents": 4, "packages": 3}


LIES: dict[str, tuple[Callable[[Any], object], str]] = {
    "a document left out": (absent, "package_extra"),
    "a document twice": (twice, "index_broken"),
    "a document invented": (invented, "package_missing"),
    "a count": (lambda plain: plain["counts"].update(packages=3), "index_broken"),
    "archived without a package": (
        lambda plain: plain["documents"][0].update(package=""),
        "index_broken",
    ),
    "another contract": (lambda plain: plain.update(contract_no="HT-1"), "index_differs"),
    "another form": (lambda plain: plain.update(format=9), "index_format"),
    "an unknown field": (lambda plain: plain.update(more=1), "index_broken"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_index_is_found_even_when_sealed(
    export: Exported, tmp_path: Path, lie: str
) -> None:
    change, code = LIES[lie]
    assert found(export.resealed(changed(export.files, change)), export.trust, tmp_path) == {code}


def test_what_is_gone_or_added_is_found(export: Exported, tmp_path: Path) -> None:
    def without(*names: str) -> Files:
        return {
            name: data for name, data in export.files.items() if name.split("/")[0] not in names
        }

    first = export.numbers[0]
    assert found(without(first), export.trust, tmp_path) == {"package_missing"}
    assert found(without(INDEX_PAGE), export.trust, tmp_path) == {"bag_file_missing"}
    assert found(without(INDEX_SEAL), export.trust, tmp_path) == {"index_unsealed"}
    edited = export.files | {INDEX_PAGE: export.files[INDEX_PAGE].replace(b"archived", b"draft")}
    assert found(edited, export.trust, tmp_path) == {"index_page_differs"}
    extra = export.files | {"stray.txt": b"x"}
    assert found(extra, export.trust, tmp_path) == {"bag_file_extra"}
    other = {
        f"SQ-X/{name.partition('/')[2]}": data
        for name, data in export.files.items()
        if name.startswith(first)
    }
    assert found(export.files | other, export.trust, tmp_path) == {
        "package_extra",
        "package_repeated",
    }


def test_packages_without_an_index_are_not_told_to_be_complete(
    export: Exported, tmp_path: Path
) -> None:
    zips = {name: data for name, data in export.zips.items() if name.endswith(".zip")}
    folder = laid_out(zips, tmp_path / "zips")
    *packages, last = verify(folder, export.trust)
    assert all(one.good for one in packages)
    assert (last.good, last.consistent) == (False, True)
    assert [one.code for one in last.findings] == ["index_absent"]
    trusted = ("--cert", export.folder / "seal.pem")
    run = docgen("verify", folder, *trusted, DOCGEN_DATA=tmp_path)
    assert (run.returncode, "not covered" in run.stderr) == (1, True)
    run = docgen("archive", "restore", folder, *trusted, DOCGEN_DATA=tmp_path / "restored")
    assert (run.returncode, "not covered" in run.stderr) == (0, True)
    (tmp_path / "zips" / "more").mkdir()
    *_, last = verify(folder, export.trust)
    assert "bag_file_extra" in {one.code for one in last.findings}


def test_an_index_sealed_by_a_stranger_is_told(export: Exported, tmp_path: Path) -> None:
    stranger = make_trial(tmp_path, now=NOW)
    seal = sign_detached(export.files[INDEX], stranger, now=NOW)
    forged = export.files | {INDEX_SEAL: seal}
    assert found(forged, export.trust, tmp_path) == {"signer_only_in_package"}
    torn = export.files | {INDEX_SEAL: seal[:-9]}
    assert found(torn, export.trust, tmp_path) == {"signature_broken"}
