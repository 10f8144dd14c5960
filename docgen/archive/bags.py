"""Reading bags: every file once, in pieces, against the manifests; large ones are not held."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from docgen.archive.containers import Container
from docgen.archive.findings import PackageVerdict
from docgen.archive.layout import BAGIT, DECLARATION, INFO, MANIFEST, PAYLOAD, READMES, TAG_MANIFEST
from docgen.archive.packing import manifest
from docgen.errors import InputUnreadable

TAG_BYTES = 4 * 2**20
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")


@dataclass(frozen=True)
class BagContent:
    """A file: its hash and size, and its bytes where they were held."""

    sha256: str
    size_bytes: int
    data: bytes


class Bag:
    """The files below one root of a container."""

    def __init__(self, container: Container, root: str, names: frozenset[str]) -> None:
        """`names` are those of its files, without the root."""
        self._container, self._root, self.names = container, root, names

    def read(self, name: str, *, hold: bool = True) -> BagContent:
        """Read a file. InputUnreadable: a code of containers.REASONS."""
        digest, size, held = hashlib.sha256(), 0, []
        for piece in self._container.pieces(self._root + name):
            digest.update(piece)
            size += len(piece)
            if hold:
                held.append(piece)
        return BagContent(digest.hexdigest(), size, b"".join(held))

    def manifest(self, name: str) -> dict[str, str]:
        """Return the hashes of a manifest by name, which says nothing else.

        InputUnreadable: bag_broken.
        """
        found: dict[str, str] = {}
        text = self.text(name)
        for line in text.splitlines():
            match = _LINE.fullmatch(line)
            if match is None or match[2] in found:
                raise InputUnreadable("bag_broken", place=name)
            found[match[2]] = match[1]
        if manifest(found) != text.encode():
            raise InputUnreadable("bag_broken", place=name)
        return found

    def text(self, name: str) -> str:
        """Return a tag file's text. InputUnreadable: bag_broken."""
        if name not in self.names:
            raise InputUnreadable("bag_broken", place=name)
        data = self.read(name).data
        if len(data) > TAG_BYTES:
            raise InputUnreadable("bag_broken", place=name)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as wrong:
            raise InputUnreadable("bag_broken", place=name) from wrong


def bags(container: Container) -> Iterator[tuple[str, Bag]]:
    """Give every bag with its root, which ends with `/` or is empty."""
    roots = [name.removesuffix(BAGIT) for name in container.names if _declares(name)]
    outer = [one for one in roots if not any(one != two and one.startswith(two) for two in roots)]
    below: dict[str, set[str]] = {root: set() for root in outer}
    for name in container.names:
        if (root := _root_of(name, below)) is not None:
            below[root].add(name.removeprefix(root))
    for root in sorted(below):
        yield root, Bag(container, root, frozenset(below[root]))


def files_outside_bags(container: Container) -> list[str]:
    """Name the files that lie in no bag."""
    roots = {name.removesuffix(BAGIT) for name in container.names if _declares(name)}
    return [name for name in container.names if _root_of(name, roots) is None]


def check_tag_files(bag: Bag, verdict: PackageVerdict, listed: dict[str, str]) -> None:
    """Find what the manifests alone tell of tag files: missing, extra or changed ones."""
    tags = bag.manifest(TAG_MANIFEST)
    due = {*tags, TAG_MANIFEST, BAGIT, INFO, MANIFEST, *READMES}
    for name in sorted(due - bag.names):
        verdict.find("bag_file_missing", name)
    for name in sorted(bag.names - due - listed.keys()):
        verdict.find("bag_file_extra", name)
    for name in sorted(bag.names & tags.keys()):
        if bag.read(name, hold=False).sha256 != tags[name]:
            verdict.find("bag_file_changed", name)
    if bag.text(BAGIT).encode() != DECLARATION or not {BAGIT, INFO, MANIFEST} <= tags.keys():
        verdict.find("bag_broken", BAGIT)
    for name in sorted(tags.keys() - {BAGIT, INFO, MANIFEST, *READMES}):
        verdict.find("not_covered.part", name)
    if any(not name.startswith(PAYLOAD) for name in listed):
        verdict.find("bag_broken", MANIFEST)


def _declares(name: str) -> bool:
    return name.rpartition("/")[2] == BAGIT


def _root_of(name: str, roots: Collection[str]) -> str | None:
    """Return the outermost root above a file: `` or `a/` or `a/b/`."""
    if "" in roots:
        return ""
    at = name.find("/")
    while at >= 0:
        if name[: at + 1] in roots:
            return name[: at + 1]
        at = name.find("/", at + 1)
    return None
