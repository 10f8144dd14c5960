"""Whether asset archives cover a contract: each of its objects has exactly one form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from schemas.asset_archive import AssetArchive
from schemas.contract import Contract
from schemas.problems import Problem, Step, error, warning
from schemas.values import base_number, revision_of

Place = tuple[Step, ...]


def coverage(contract: Contract, archives: Sequence[AssetArchive]) -> list[Problem]:
    """Compare the contract's list of objects with the forms of one or more archives.

    An object without a form is an error at its place in the contract (`objects[4]`); a form
    outside the contract is a warning and a second form an error, both at their place in an
    archive (`WB-HDYD-20260306-001.objects[2].asset_no`). Of a revised archive only the last
    revision counts.
    """
    forms = list(_forms(latest(archives)))
    return [*_missing(contract, forms), *_outside(contract, forms), *_twice(forms)]


def latest(archives: Sequence[AssetArchive]) -> list[AssetArchive]:
    """Keep the last revision of each archive, in the order of first appearance."""
    kept: dict[str, AssetArchive] = {}
    for archive in archives:
        earlier = kept.setdefault(base_number(archive.doc_no), archive)
        if revision_of(archive.doc_no) > revision_of(earlier.doc_no):
            kept[base_number(archive.doc_no)] = archive
    return list(kept.values())


def _forms(archives: Sequence[AssetArchive]) -> Iterator[tuple[str, Place]]:
    for archive in archives:
        for index, item in enumerate(archive.objects):
            yield item.asset_no, (archive.doc_no, "objects", index, "asset_no")


def _missing(contract: Contract, forms: Sequence[tuple[str, Place]]) -> Iterator[Problem]:
    covered = {asset_no for asset_no, _ in forms}
    for index, item in enumerate(contract.objects):
        if item.asset_no not in covered:
            yield error(("objects", index), "object_without_form", item.asset_no)


def _outside(contract: Contract, forms: Sequence[tuple[str, Place]]) -> Iterator[Problem]:
    known = set(contract.asset_nos)
    for asset_no, place in forms:
        if asset_no not in known:
            yield warning(place, "outside_contract", asset_no)


def _twice(forms: Sequence[tuple[str, Place]]) -> Iterator[Problem]:
    seen: dict[str, Place] = {}
    for asset_no, place in forms:
        first = seen.setdefault(asset_no, place)
        if first != place:
            yield error(place, "duplicate", asset_no, first=str(first[0]))
