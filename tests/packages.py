"""Archived records and their packages, made once, and ways to tamper with them."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docgen.archive.verifying import verify
from docgen.signing.keys import roots
from docgen.signing.trust import Trust
from tests.service import Team, picture

MANIFESTS = ("manifest-sha256.txt", "tagmanifest-sha256.txt")


@dataclass(frozen=True)
class Made:
    """A package with the certificate of its seals."""

    record: Any
    data: bytes
    certificate: bytes

    @property
    def doc_no(self) -> str:
        return str(self.record["doc_no"])

    @property
    def trust(self) -> Trust:
        return Trust.of(*roots(self.certificate, "seal.pem"))

    def files(self) -> dict[str, bytes]:
        """Return its files by name, without the root folder."""
        with zipfile.ZipFile(io.BytesIO(self.data)) as opened:
            return {name.partition("/")[2]: opened.read(name) for name in sorted(opened.namelist())}


def path_of(record: Any) -> str:
    return f"/records/{record['id']}/versions/1"


def archived(team: Team, *, day: str = "04-20", **changes: Any) -> Any:
    """Make a permission, with an attachment, signed by the customer on paper, and archived."""
    team.clock.at("04-19 18:00")
    record = team.record("SQ", **changes)
    files = {"file": ("范围说明.png", picture((40, 30)), "image/png")}
    team.made(team.ask("zhangwei", "POST", f"{path_of(record)}/files", files=files))
    team.made(team.submit(record), 200)
    team.clock.at(f"{day} 15:00")
    given = {
        "role": "cust_owner",
        "name": "刘洋",
        "opinion": "agree",
        "signed_on": f"2026-{day}",
        "scan_id": team.scan(record),
    }
    team.made(team.post("zhangwei", f"{path_of(record)}/paper-signatures", given))
    team.made(team.post("zhangwei", f"/records/{record['id']}/archive"), 200)
    return record


def downloaded(team: Team, record: Any, who: str = "zhangwei") -> bytes:
    answer = team.get(who, f"{path_of(record)}/package.zip")
    assert answer.status_code == 200, answer.text
    return bytes(answer.content)


def made(team: Team, record: Any) -> Made:
    data = downloaded(team, record)
    return Made(record, data, (team.store.folder / "seal.pem").read_bytes())


def zipped(files: Mapping[str, bytes], root: str = "bag/") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as opened:
        for name, data in files.items():
            opened.writestr(root + name, data)
    return out.getvalue()


def flipped(data: bytes) -> bytes:
    """Return the bytes with one changed in the middle."""
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def with_manifests(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files with manifests that fit them, as a forger would make them."""
    payload = {name: data for name, data in files.items() if name.startswith("data/")}
    size = sum(map(len, payload.values()))
    info = b"".join(
        line
        if not line.startswith(b"Payload-Oxum")
        else f"Payload-Oxum: {size}.{len(payload)}\n".encode()
        for line in files["bag-info.txt"].splitlines(keepends=True)
    )
    changed = dict(files) | {"bag-info.txt": info, MANIFESTS[0]: sums(payload)}
    tags = {
        name: data
        for name, data in changed.items()
        if not name.startswith("data/") and name != MANIFESTS[1]
    }
    return changed | {MANIFESTS[1]: sums(tags)}


def sums(files: Mapping[str, bytes]) -> bytes:
    lines = (f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return "".join(lines).encode()


def codes(data: bytes, trust: Trust, folder: Path) -> set[str]:
    """Return the codes of what verifying a zip finds."""
    path = folder / "package.zip"
    path.write_bytes(data)
    return {one.code for verdict in verify(path, trust) for one in verdict.findings}
