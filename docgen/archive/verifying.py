"""Verifying what lies in a zip or folder, offline: each package, and an export's index over them.

Memory is that of the largest file, whatever the number of packages.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from docgen.archive.bags import Bag, bags, files_outside_bags
from docgen.archive.containers import Container, opened, zips
from docgen.archive.export_index import (
    INDEX,
    INDEX_PAGE,
    INDEX_SEAL,
    ExportIndex,
    IndexedDocument,
    parsed_index,
)
from docgen.archive.findings import PackageVerdict
from docgen.archive.package_verification import verify_package
from docgen.errors import InputUnreadable
from docgen.signing.detached import detached_faults
from docgen.signing.trust import Trust
from docgen.signing.verify import SignatureFinding

OWN_FILES = {INDEX, INDEX_PAGE, INDEX_SEAL}
Visit = Callable[[Bag, PackageVerdict], None]


def verify(path: Path, trusted: Trust) -> Iterator[PackageVerdict]:
    """Give the verdict on every package in a zip or folder; that on an export comes last.

    InputUnreadable: none can be read.
    """
    return verify_each(path, trusted, lambda _bag, _verdict: None)


def verify_each(path: Path, trusted: Trust, visit: Visit) -> Iterator[PackageVerdict]:
    """Verify as `verify` does; `visit` may use each bag while it is open, by its verdict."""
    if found := zips(path):
        yield from _in_folder(path, found, trusted, visit)
        return
    with opened(path) as container:
        checked = _ExportCheck(path.name, trusted)
        for root, bag in bags(container):
            verdict = verify_package(bag, trusted, root.rstrip("/") or path.name)
            visit(bag, verdict)
            checked.packages[root] = verdict
            yield verdict
        if not checked.packages:
            raise InputUnreadable("package_unreadable.damaged", place="bagit.txt")
        checked.take_files(container)
        if checked.is_export:
            yield checked.verdict()


def _in_folder(
    path: Path, packages: Sequence[Path], trusted: Trust, visit: Visit
) -> Iterator[PackageVerdict]:
    """Verify the zips in a folder, and the index over them."""
    checked = _ExportCheck(path.name, trusted, many=True)
    for one in packages:
        try:
            with opened(one) as container:
                verdicts = list(_of_zip(container, one.name, trusted, visit))
        except InputUnreadable as wrong:
            verdicts = [PackageVerdict(one.name)]
            verdicts[0].find("bag_file_unreadable", wrong.place or one.name)
        for verdict in verdicts:
            checked.packages[verdict.place] = verdict
            yield verdict
    for other in sorted(path.iterdir()):
        if other.name in OWN_FILES and other.is_file():
            checked.files[other.name] = other.read_bytes()
        elif other not in packages:
            checked.strays.append(other.name)
    yield checked.verdict()


def _of_zip(
    container: Container, name: str, trusted: Trust, visit: Visit
) -> Iterator[PackageVerdict]:
    """Verify the one package that a zip of an export holds, and find what lies beside it."""
    found = list(bags(container))
    if not found:
        raise InputUnreadable("package_unreadable.damaged", place="bagit.txt")
    for number, (root, bag) in enumerate(found):
        verdict = verify_package(bag, trusted, f"{name}/{root}".rstrip("/") if number else name)
        for stray in () if number else files_outside_bags(container):
            verdict.find("bag_file_extra", stray)
        visit(bag, verdict)
        yield verdict


@dataclass
class _ExportCheck:
    """Packages that lie together, by where, and what lies beside them.

    `many` says that they lie in zips of a folder; one bag alone is a package as it is downloaded.
    """

    place: str
    trusted: Trust
    many: bool = False
    packages: dict[str, PackageVerdict] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    strays: list[str] = field(default_factory=list)

    @property
    def is_export(self) -> bool:
        """Whether there is anything but one package."""
        return self.index_due or bool(self.strays)

    @property
    def index_due(self) -> bool:
        """Whether an index has to be there."""
        return self.many or len(self.packages) > 1 or bool(self.files)

    def take_files(self, container: Container) -> None:
        """Take the index that lies beside bags; packages lie where it says from its folder on."""
        others = files_outside_bags(container)
        index = next((one for one in others if one.rpartition("/")[2] == INDEX), "")
        folder = index.removesuffix(INDEX)
        for name in others:
            if name.startswith(folder) and (last := name.removeprefix(folder)) in OWN_FILES:
                self.files[last] = b"".join(container.pieces(name))
            else:
                self.strays.append(name)
        self.packages = {
            root.removeprefix(folder): verdict for root, verdict in self.packages.items()
        }

    def verdict(self) -> PackageVerdict:
        """Compare the index with the packages, both ways."""
        verdict = PackageVerdict(self.place, "export")
        for name in self.strays:
            verdict.find("bag_file_extra", name)
        counts = Counter(one.doc_no for one in self.packages.values() if one.doc_no)
        for doc_no in sorted(one for one, count in counts.items() if count > 1):
            verdict.find("package_repeated", doc_no)
        if INDEX not in self.files:
            if self.index_due:
                verdict.find("index_absent", INDEX)
            return verdict
        data = self.files[INDEX]
        try:
            index = parsed_index(data)
        except InputUnreadable as wrong:
            verdict.findings.append(SignatureFinding(wrong.code, wrong.place))
            return verdict
        verdict.contract_no = index.contract_no
        # An older index of the contract is as genuine as the newest one.
        verdict.not_covered.append(SignatureFinding("not_covered.later", index.made_at))
        self._check_seal(verdict, data)
        page = self.files.get(INDEX_PAGE)
        if page is None:
            verdict.find("bag_file_missing", INDEX_PAGE)
        elif hashlib.sha256(page).hexdigest() != index.page_sha256:
            verdict.find("index_page_differs", INDEX_PAGE)
        compare(index, self.packages, verdict)
        return verdict

    def _check_seal(self, verdict: PackageVerdict, data: bytes) -> None:
        seal = self.files.get(INDEX_SEAL)
        if seal is None:
            verdict.find("index_unsealed", INDEX_SEAL)
            return
        for one in detached_faults(data, seal, self.trusted, INDEX_SEAL):
            unknown = one.code == "signer_unknown"
            verdict.find("signer_only_in_package" if unknown else one.code, one.place)


def compare(
    index: ExportIndex, packages: Mapping[str, PackageVerdict], verdict: PackageVerdict
) -> None:
    """Find what an index and the packages, by their places, say differently of each other."""
    listed = {one.package: one for one in index.documents if one.package}
    for place in sorted(listed.keys() - packages.keys()):
        verdict.find("package_missing", f"{place} {listed[place].doc_no}")
    for place in sorted(packages.keys() - listed.keys()):
        verdict.find("package_extra", place)
    for place in sorted(packages.keys() & listed.keys()):
        found = packages[place]
        if found.document is None:  # its own verdict tells that it cannot be read
            continue
        differing = _differing(listed[place], found.document)
        if found.contract_no != index.contract_no:
            differing.append("contract_no")
        if differing:
            verdict.find("index_differs", f"{place} ({', '.join(differing)})")


def _differing(listed: IndexedDocument, found: IndexedDocument) -> list[str]:
    said = vars(replace(listed, package=""))
    return [name for name, value in vars(found).items() if said[name] != value]
