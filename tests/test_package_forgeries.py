"""Forged parts in a package whose manifests fit, and packages of a service that lies."""

# mypy: allow-untyped-calls
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import keys
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.embed import EmbeddedFileObject, FileSpec, embed_file
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.sign.signers.pdf_signer import PdfTimeStamper
from pyhanko.sign.timestamps import DummyTimeStamper
from sqlalchemy import delete, select

from docgen.archive.restoring import restore
from docgen.archive.verifying import verify
from docgen.signing.configuration import trusted
from docgen.signing.incremental_update import Appending
from docgen.store.tables import DocumentRow, SignoffRow
from tests.authorities import NOW, Authority, as_asn1, p12, pem, pkcs8
from tests.packages import Made, archived, codes, downloaded, made, path_of, with_manifests, zipped
from tests.service import Team, at_work
from tests.signing_servers import serving
from tests.test_signing_seal import stream

pytestmark = pytest.mark.slow
EVIDENCE = "data/evidence.pdf"


@dataclass(frozen=True)
class Shop:
    """A service, and two packages of it."""

    team: Team
    package: Made
    other: Made


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with at_work(tmp_path_factory.mktemp("service") / "data") as team:
        team.contract()
        first, second = (made(team, archived(team, day=day)) for day in ("04-20", "04-21"))
        yield Shop(team, first, second)


# ---------------------------------------------------------------- the evidence page


@pytest.fixture(scope="module")
def own_tsa() -> DummyTimeStamper:
    """A time-stamping service of the forger's own."""
    key = rsa.generate_private_key(65537, 2048)
    issued = Authority.made("Stranger").issue(key.public_key(), "Time", stamps=True)
    return DummyTimeStamper(as_asn1(issued), keys.PrivateKeyInfo.load(pkcs8(key)), fixed_dt=NOW)


def painted(writer: Appending) -> None:
    """Add a signature field over the page, whose rectangle is four objects elsewhere."""
    sheet, _ = writer.find_page_for_modification(0)
    look = stream(b"0 0 595 842 re f")
    look[pdf_name("/Type")], look[pdf_name("/Subtype")] = pdf_name("/XObject"), pdf_name("/Form")
    look[pdf_name("/BBox")] = generic.ArrayObject(map(generic.NumberObject, (0, 0, 595, 842)))
    rectangle = (writer.add_object(generic.NumberObject(one)) for one in (0, 0, 595, 842))
    field = {
        "/FT": pdf_name("/Sig"),
        "/T": generic.pdf_string("timestamp-1"),
        "/Type": pdf_name("/Annot"),
        "/Subtype": pdf_name("/Widget"),
        "/F": generic.NumberObject(132),
        "/P": sheet,
        "/Rect": generic.ArrayObject(rectangle),
        "/AP": generic.DictionaryObject({pdf_name("/N"): writer.add_object(look)}),
    }
    reference = writer.add_object(
        generic.DictionaryObject({pdf_name(name): value for name, value in field.items()})
    )
    form, page = writer.root["/AcroForm"], sheet.get_object()
    form["/Fields"].append(reference)
    writer.update_container(form)
    page[pdf_name("/Annots")] = generic.ArrayObject([*page.get("/Annots", ()), reference])
    writer.update_container(page)


def unchanged(writer: Appending) -> None:
    """Append nothing but a time stamp."""


def attached(writer: Appending) -> None:
    """Attach another statement."""
    data = EmbeddedFileObject.from_file_data(writer, b'{"format": 1}', mime_type="text/json")
    embed_file(writer, FileSpec("more.json", embedded_data=data))


def overwritten(writer: Appending) -> None:
    """Put other content into the page."""
    sheet, _ = writer.find_page_for_modification(0)
    content = sheet.get_object().raw_get("/Contents")
    writer.objects[(content.generation, content.idnum)] = stream(b"0 0 595 842 re f")


FORGED: dict[Callable[[Appending], None], set[str]] = {
    painted: {"bytes_after_signature"},
    unchanged: {"timestamp_unknown"},
    attached: {"bytes_after_signature"},
    overwritten: {"bytes_after_signature"},
}


@pytest.mark.parametrize("forge", FORGED, ids=[one.__name__ for one in FORGED])
def test_a_forged_evidence_page_under_a_stamp_of_ones_own_is_found(
    shop: Shop, own_tsa: DummyTimeStamper, tmp_path: Path, forge: Callable[[Appending], None]
) -> None:
    files = shop.package.files()
    writer = Appending(files[EVIDENCE])
    forge(writer)
    stamper = PdfTimeStamper(own_tsa, field_name="timestamp-1")
    forged = stamper.timestamp_pdf(writer, "sha256").getvalue()
    assert forged.startswith(files[EVIDENCE])
    data = zipped(with_manifests(files | {EVIDENCE: forged}))
    assert codes(data, shop.package.trust, tmp_path) & FORGED[forge]
    if forge is painted:
        (found,) = restore(shop.team.store, tmp_path / "package.zip", shop.package.trust)
        assert found.state == "refused"


def test_junk_after_the_evidence_page_is_found(shop: Shop, tmp_path: Path) -> None:
    files = shop.package.files()
    forged = with_manifests(files | {EVIDENCE: files[EVIDENCE] + b"% junk\n"})
    assert "bytes_after_signature" in codes(zipped(forged), shop.package.trust, tmp_path)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("data/package.json",), "evidence_differs"),
        (("data/package.json", EVIDENCE), "evidence_differs"),
        ((EVIDENCE,), "evidence_differs"),
        (("data/signed.pdf",), "statement_differs"),
        (("data/signed.pdf", "data/submitted/record.json"), "seal_differs"),
        (("data/audit.jsonl",), "evidence_differs"),
        (("data/templates.zip",), ""),
    ],
)
def test_parts_of_another_package_are_found(
    shop: Shop, tmp_path: Path, names: tuple[str, ...], expected: str
) -> None:
    files, others = shop.package.files(), shop.other.files()
    forged = with_manifests(files | {name: others[name] for name in names})
    found = codes(zipped(forged), shop.package.trust, tmp_path)
    assert (expected in found) if expected else not found  # the same templates printed both


# ---------------------------------------------------------------- a service that lies

LIES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "name": ({"name": "赵六"}, {"seal_differs", "signoffs_differ"}),
    "opinion": ({"opinion": "agree_with_changes"}, {"seal_differs", "signoffs_differ"}),
    "comment": ({"comment": "另有约定"}, {"seal_differs", "signoffs_differ"}),
    "role": ({"role": "cust_contact"}, {"seal_differs", "signoffs_differ", "signature_absent"}),
}


@pytest.mark.parametrize("lie", LIES)
def test_seals_that_say_something_else_than_the_record_are_found(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    """The store was altered after signing: no package is made, and one made all the same is bad."""
    team, package = shop.team, shop.package
    change, expected = LIES[lie]
    with team.store.database.writing() as session:
        session.execute(delete(DocumentRow).where(DocumentRow.stage == "evidence"))
        query = select(SignoffRow).where(
            SignoffRow.record_id == package.record["id"], SignoffRow.role == "cust_owner"
        )
        row = session.scalars(query).one()
        before = {name: getattr(row, name) for name in change}
        row_id = row.id
        for name, value in change.items():
            setattr(row, name, value)
    try:
        refused = team.get("zhangwei", f"{path_of(package.record)}/package.zip")
        assert (refused.status_code, refused.json()["code"]) == (409, "seals_broken")
        monkeypatch.setattr("docgen.archive.packages.compare", lambda *_: [])
        forged = downloaded(team, package.record)
    finally:
        monkeypatch.undo()
        with team.store.database.writing() as session:
            session.execute(delete(DocumentRow).where(DocumentRow.stage == "evidence"))
            row = session.get_one(SignoffRow, row_id)
            for name, value in before.items():
                setattr(row, name, value)
    path = tmp_path / "package.zip"
    path.write_bytes(forged)
    (verdict,) = verify(path, package.trust)
    assert {one.code for one in verdict.findings} == expected, verdict.as_json()
    assert any("cust_owner" in one.place for one in verdict.findings)


def test_a_package_of_an_unsealed_version_is_not_made(office: Team) -> None:
    office.contract()
    record = archived(office)
    with office.store.database.writing() as session:
        session.execute(delete(DocumentRow).where(DocumentRow.stage == "signed"))
    answer = office.get("zhangwei", f"{path_of(record)}/package.zip")
    assert (answer.status_code, answer.json()["code"]) == (409, "seals_broken")


# ---------------------------------------------------------------- other seals


@pytest.mark.enable_socket
@pytest.mark.parametrize("proofs", [False, True], ids=["stamped", "lasting"])
def test_packages_with_time_stamps_are_good_and_say_so(tmp_path: Path, proofs: bool) -> None:
    authority = Authority.made("Root")
    stamps, key = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
    own = authority.issue(key.public_key(), "华信 seal")
    tsa = authority.issue(stamps.public_key(), "Time Service", stamps=True)
    (tmp_path / "tsa.der").write_bytes(tsa.public_bytes(Encoding.DER))
    (tmp_path / "tsa.key").write_bytes(pkcs8(stamps))
    (tmp_path / "seal.p12").write_bytes(p12(key, own, "", authority.certificate))
    (tmp_path / "roots.pem").write_bytes(pem(authority.certificate))
    (tmp_path / "proofs").mkdir()
    (tmp_path / "proofs/root.crl").write_bytes(authority.crl(NOW - timedelta(days=1)))
    given: dict[str, Any] = {
        "tsa_roots": tmp_path / "roots.pem",
        "seal": str(tmp_path / "seal.p12"),
    }
    if proofs:
        given["seal_lta"] = tmp_path / "proofs"
    with (
        serving(tmp_path) as address,
        at_work(tmp_path / "data", tsa=f"{address}/tsa/good", **given) as team,
    ):
        contract = team.contract()
        team.clock.now = NOW
        record = team.record("SQ")
        team.made(team.submit(record), 200)
        word = {"role": "cust_owner", "name": "刘洋", "opinion": "agree", "signed_on": "2026-11-01"}
        word["scan_id"] = team.scan(record)
        team.made(team.post("zhangwei", f"{path_of(record)}/paper-signatures", word))
        team.made(team.post("zhangwei", f"/records/{record['id']}/archive"), 200)
        answer = team.get("wangqiang", f"/contracts/{contract}/export.zip")
        trust = trusted(team.store.settings)
    path = tmp_path / "export.zip"
    path.write_bytes(answer.content)
    package, index = verify(path, trust)
    assert (package.good, index.good) == (True, True), [package.as_json(), index.as_json()]
    assert [one.entry for one in package.not_covered] == ["not_covered.chain"]
