"""A corpus of forgeries: whatever is done to a sealed file is found, for the right reason.

The judgement is one function, so it is called as commands and pages call it. Files are those of the
service's seals, of time stamps by an authority that is trusted and by one that nobody knows.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import crl, keys
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.sign.fields import SigFieldSpec, append_signature_field
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.signers.pdf_signer import PdfTimeStamper
from pyhanko.sign.timestamps import DummyTimeStamper

from docgen.signing.detached import detached_faults, sign_detached
from docgen.signing.fields import add_fields
from docgen.signing.incremental_update import Appending
from docgen.signing.keys import FileSealer, load, make_trial
from docgen.signing.long_term import Lasting
from docgen.signing.seal import seal
from docgen.signing.trust import Trust
from docgen.signing.verify import SignatureVerdict, verify_pdf
from tests.authorities import END, NOW, START, Authority, as_asn1, p12, pkcs8
from tests.commands import SAMPLES, docgen, rendered
from tests.test_signing_seal import APPENDED, appended, stream

ROLES = ("engineer", "cust_owner")
FORGED = b"BT /F1 24 Tf 60 700 Td (FORGED) Tj ET"


@dataclass(frozen=True)
class Place:
    """Whoever forges: the service's files, and time-stamping services."""

    plain: bytes
    sealer: FileSealer
    trust: Trust
    lasting: Lasting
    good_tsa: DummyTimeStamper
    own_tsa: DummyTimeStamper

    def sealed(self, pdf: bytes, role: str, lta: Lasting | None = None) -> bytes:
        return seal(
            pdf,
            role,
            self.sealer,
            image=None,
            name="张伟",
            reason="同意",
            now=NOW,
            timestamper=self.good_tsa if lta is None and role == "engineer" else None,  # type: ignore[arg-type]
            lta=lta,
            trust=self.trust,
        )

    def judged(self, data: bytes, *expected: str) -> SignatureVerdict:
        return verify_pdf(data, self.trust, expected=expected)

    def found(self, data: bytes, *expected: str) -> set[str]:
        return {one.entry for one in self.judged(data, *expected).findings}

    def stamped(self, data: bytes, by: DummyTimeStamper, name: str = "timestamp-9") -> bytes:
        made: bytes = (
            PdfTimeStamper(by, field_name=name).timestamp_pdf(Appending(data), "sha256").getvalue()
        )
        return made


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("forging")
    rendered(SAMPLES / "SQ" / "basic.json", to=folder, formats="pdf")
    plain = add_fields(next(folder.rglob("*.pdf")).read_bytes(), ROLES)
    authority, stranger = Authority.made("Root"), Authority.made("Stranger")
    key, stamps = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
    own = authority.issue(key.public_key(), "华信 seal")
    (folder / "seal.p12").write_bytes(p12(key, own, "", authority.certificate))
    sealer = load(folder / "seal.p12")

    def tsa(by: Authority) -> DummyTimeStamper:
        certificate = by.issue(stamps.public_key(), "Time Service", stamps=True)
        private = keys.PrivateKeyInfo.load(pkcs8(stamps))
        return DummyTimeStamper(as_asn1(certificate), private, fixed_dt=NOW)

    root = as_asn1(authority.certificate)
    revoked = crl.CertificateList.load(authority.crl(NOW - timedelta(days=1)))
    good = tsa(authority)
    lasting = Lasting(good, (root,), (revoked,))  # type: ignore[arg-type]
    trust = Trust((sealer.certificate,), tsa_roots=(root,))
    return Place(plain, sealer, trust, lasting, good, tsa(stranger))


@pytest.fixture(scope="module")
def files(place: Place) -> Mapping[str, bytes]:
    """One file of each kind: B-T, B-T and B-B, B-LTA, twice B-LTA."""
    first = place.sealed(place.plain, "engineer")
    lasted = place.sealed(place.plain, "engineer", place.lasting)
    return {
        "one": first,
        "two": place.sealed(first, "cust_owner"),
        "lasted": lasted,
        "twice": place.sealed(lasted, "cust_owner", place.lasting),
    }


KINDS = ("one", "two", "lasted", "twice")
every_kind = pytest.mark.parametrize("kind", KINDS)


# ---------------------------------------------------------------- what is genuine


@every_kind
def test_what_is_genuine_is_good(place: Place, files: Mapping[str, bytes], kind: str) -> None:
    roles = ROLES if kind in ("two", "twice") else ROLES[:1]
    verdict = place.judged(files[kind], *roles)
    assert verdict.good, verdict.findings
    assert all(one.intact and one.trusted for one in verdict.signatures)
    assert verdict.sha256 in verdict.revisions


@pytest.mark.parametrize("kind", ["one", "twice"])
def test_a_trusted_stamp_may_follow_and_another_one(
    place: Place, files: Mapping[str, bytes], kind: str
) -> None:
    later = place.stamped(files[kind], place.good_tsa)
    verdict = place.judged(place.stamped(later, place.good_tsa, "timestamp-10"))
    assert verdict.good, verdict.findings
    assert verdict.timestamps[-1].covers_file
    assert place.judged(files[kind]).sha256 in verdict.revisions


@pytest.mark.parametrize("kind", ["one", "lasted"])
def test_a_stamp_of_somebodys_own_counts_for_nothing(
    place: Place, files: Mapping[str, bytes], kind: str
) -> None:
    assert place.found(place.stamped(files[kind], place.own_tsa)) == {"timestamp_unknown"}
    covered = place.stamped(files[kind] + b"\n% junk\n", place.own_tsa)
    assert place.found(covered) - {"timestamp_unknown"}


def test_states_on_record_are_compared_by_their_bytes(
    place: Place, files: Mapping[str, bytes]
) -> None:
    one, two = (place.judged(files[name]) for name in ("one", "two"))
    known = [one.sha256, two.sha256]
    assert verify_pdf(files["two"], place.trust, revisions=known).good
    rolled_back = verify_pdf(files["one"], place.trust, revisions=known).findings
    assert [(each.code, each.place) for each in rolled_back] == [("revision_differs", two.sha256)]
    again = place.sealed(files["one"], "cust_owner")  # a seal of another moment, not on record
    assert verify_pdf(again, place.trust, revisions=known).findings


# ---------------------------------------------------------------- appended, however it is hidden


@dataclass
class Forger:
    """An update that adds a field with an appearance, as one is free to write it."""

    writer: Appending

    def add(self, written: Any) -> generic.IndirectObject:
        return self.writer.add_object(written)

    def field(self, rectangle: Any, **more: Any) -> Any:
        """Add a signature field to form and page, and return it."""
        sheet, _ = self.writer.find_page_for_modification(0)
        made = generic.DictionaryObject(
            {
                pdf_name("/FT"): pdf_name("/Sig"),
                pdf_name("/T"): generic.pdf_string("timestamp-7"),
                pdf_name("/Type"): pdf_name("/Annot"),
                pdf_name("/Subtype"): pdf_name("/Widget"),
                pdf_name("/F"): generic.NumberObject(132),
                pdf_name("/P"): sheet,
                pdf_name("/Rect"): rectangle,
            }
            | {pdf_name(f"/{key}"): value for key, value in more.items()}
        )
        reference = self.add(made)
        form = self.writer.root["/AcroForm"]
        form["/Fields"].append(reference)
        self.writer.update_container(form)
        page = sheet.get_object()
        page["/Annots"].append(reference)
        self.writer.update_container(page)
        return made

    def appearance(self) -> generic.DictionaryObject:
        font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
        fonts = {pdf_name("/F1"): names(font)}
        painted = stream(FORGED)
        painted[pdf_name("/Type")], painted[pdf_name("/Subtype")] = (
            pdf_name("/XObject"),
            pdf_name("/Form"),
        )
        painted[pdf_name("/BBox")] = numbers(0, 0, 595, 842)
        painted[pdf_name("/Resources")] = generic.DictionaryObject(
            {pdf_name("/Font"): generic.DictionaryObject(fonts)}
        )
        return generic.DictionaryObject({pdf_name("/N"): self.add(painted)})


def names(given: Mapping[str, str]) -> generic.DictionaryObject:
    return generic.DictionaryObject(
        {pdf_name(key): pdf_name(value) for key, value in given.items()}
    )


def numbers(*given: int) -> generic.ArrayObject:
    return generic.ArrayObject(map(generic.NumberObject, given))


def direct(forger: Forger) -> Any:
    return numbers(0, 0, 595, 842)


def indirect(forger: Forger) -> Any:
    return generic.ArrayObject(forger.add(generic.NumberObject(one)) for one in (0, 0, 595, 842))


def indirect_zeros(forger: Forger) -> Any:
    return generic.ArrayObject(forger.add(generic.NumberObject(0)) for _ in range(4))


def null(forger: Forger) -> Any:
    return generic.NullObject()


def zeros(forger: Forger) -> Any:
    return numbers(0, 0, 0, 0)


def thin(forger: Forger) -> Any:
    return numbers(0, 0, 595, 0)


def of_reals(forger: Forger) -> Any:
    return generic.ArrayObject(map(generic.FloatObject, ("0.0", "0.0", "0.0", "595.0")))


def array_elsewhere(forger: Forger) -> Any:
    return forger.add(numbers(0, 0, 595, 842))


RECTANGLES = (direct, indirect, indirect_zeros, null, zeros, thin, of_reals, array_elsewhere)


@pytest.mark.parametrize("rectangle", RECTANGLES, ids=[one.__name__ for one in RECTANGLES])
@pytest.mark.parametrize("visible", [True, False], ids=["appearance", "none"])
def test_a_field_with_a_stamp_paints_nothing(
    place: Place,
    files: Mapping[str, bytes],
    rectangle: Callable[[Forger], Any],
    visible: bool,
) -> None:
    """The forgery that passed: an appearance in a rectangle that cannot be measured, stamped."""
    forger = Forger(Appending(files["one"]))
    look = {"AP": forger.appearance()} if visible else {}
    forger.field(rectangle(forger), **look)
    stamper = PdfTimeStamper(place.good_tsa, field_name="timestamp-7")
    made = stamper.timestamp_pdf(forger.writer, "sha256")
    verdict = place.judged(made.getvalue(), "engineer")
    if rectangle is zeros and not visible:
        assert verdict.good
    else:
        assert {one.entry for one in verdict.findings} & {
            "bytes_after_signature.field",
            "bytes_after_signature.object",
        }
        assert not any(one.intact for one in verdict.signatures)


FIELD_EXTRAS: dict[str, Callable[[Forger], Any]] = {
    "MK": lambda forger: names({"/R": "/A"}),
    "A": lambda forger: names({"/S": "/JavaScript"}),
    "AA": lambda forger: generic.DictionaryObject(),
    "OC": lambda forger: forger.add(names({"/Type": "/OCG"})),
    "Kids": lambda forger: generic.ArrayObject(),
    "Parent": lambda forger: forger.add(generic.DictionaryObject()),
    "DA": lambda forger: generic.pdf_string("/F1 24 Tf"),
    "Contents": lambda forger: generic.pdf_string("void"),
    "TU": lambda forger: generic.pdf_string("this document is void"),
    "Lock": lambda forger: generic.DictionaryObject(),
}


@pytest.mark.parametrize("key", FIELD_EXTRAS)
def test_a_stamps_field_has_nothing_else(
    place: Place, files: Mapping[str, bytes], key: str
) -> None:
    forger = Forger(Appending(files["one"]))
    forger.field(zeros(forger), **{key: FIELD_EXTRAS[key](forger)})
    stamper = PdfTimeStamper(place.good_tsa, field_name="timestamp-7")
    made = stamper.timestamp_pdf(forger.writer, "sha256").getvalue()
    assert "bytes_after_signature.field" in place.found(made)


def optional_content(writer: Appending) -> None:
    layer = writer.add_object(names({"/Type": "/OCG"}))
    shown = generic.DictionaryObject({pdf_name("/ON"): generic.ArrayObject([layer])})
    writer.root["/OCProperties"] = generic.DictionaryObject(
        {pdf_name("/OCGs"): generic.ArrayObject([layer]), pdf_name("/D"): shown}
    )
    writer.update_root()


def fonts_replaced(writer: Appending) -> None:
    _replaced(writer, "/Font")


def resources_replaced(writer: Appending) -> None:
    sheet, _ = writer.find_page_for_modification(0)
    sheet.get_object()["/Resources"] = writer.add_object(generic.DictionaryObject())
    writer.mark_update(sheet)


def content_replaced(writer: Appending) -> None:
    sheet, _ = writer.find_page_for_modification(0)
    _overwrite(writer, sheet.get_object().raw_get("/Contents"), stream(FORGED))


def box_changed(writer: Appending) -> None:
    sheet, _ = writer.find_page_for_modification(0)
    sheet.get_object()["/MediaBox"] = numbers(0, 0, 100, 100)
    writer.mark_update(sheet)


def page_turned(writer: Appending) -> None:
    sheet, _ = writer.find_page_for_modification(0)
    sheet.get_object()["/Rotate"] = generic.NumberObject(180)
    writer.mark_update(sheet)


def destinations_changed(writer: Appending) -> None:
    tree = writer.root["/Names"]
    tree["/Dests"] = generic.DictionaryObject({pdf_name("/Names"): generic.ArrayObject()})
    writer.update_container(tree)


def language_changed(writer: Appending) -> None:
    writer.root["/Lang"] = generic.pdf_string("en")
    writer.update_root()


def field_renamed(writer: Appending) -> None:
    field = writer.root["/AcroForm"]["/Fields"].raw_get(0)
    field.get_object()["/T"] = generic.pdf_string("leader")
    writer.mark_update(field)


def signature_emptied(writer: Appending) -> None:
    for field in writer.root["/AcroForm"]["/Fields"]:
        one = field.get_object()
        if one["/T"] == "engineer":
            del one["/V"]
            writer.update_container(one)


def seal_repainted(writer: Appending) -> None:
    for field in writer.root["/AcroForm"]["/Fields"]:
        one = field.get_object()
        if one["/T"] == "engineer":
            _overwrite(writer, one["/AP"].raw_get("/N"), stream(FORGED))


def form_of_another_font(writer: Appending) -> None:
    form = writer.root["/AcroForm"]
    form["/DA"] = generic.pdf_string("/F1 24 Tf")
    writer.update_container(form)


def form_of_xfa(writer: Appending) -> None:
    form = writer.root["/AcroForm"]
    form["/XFA"] = writer.add_object(stream(b"<xdp/>"))
    writer.update_container(form)


def further_field(writer: Appending) -> None:
    append_signature_field(writer, SigFieldSpec("leader_2", box=(10, 10, 500, 700)))


def permissions_gone(writer: Appending) -> None:
    del writer.root["/Perms"]
    writer.update_root()


def title_changed(writer: Appending) -> None:
    writer.set_info(
        generic.DictionaryObject({pdf_name("/Title"): generic.pdf_string("another one")})
    )


def _overwrite(writer: Appending, reference: Any, new: Any) -> None:
    writer.objects[(reference.generation, reference.idnum)] = new


def _replaced(writer: Appending, key: str) -> None:
    sheet, _ = writer.find_page_for_modification(0)
    resources = sheet.get_object()["/Resources"]
    resources[key] = generic.DictionaryObject()
    writer.update_container(resources)


CHANGES = [
    *APPENDED,
    optional_content,
    fonts_replaced,
    resources_replaced,
    content_replaced,
    box_changed,
    page_turned,
    destinations_changed,
    language_changed,
    field_renamed,
    signature_emptied,
    seal_repainted,
    form_of_another_font,
    form_of_xfa,
    further_field,
    permissions_gone,
    title_changed,
]


@pytest.mark.parametrize("change", CHANGES, ids=[one.__name__ for one in CHANGES])
def test_nothing_else_may_follow(
    place: Place, files: Mapping[str, bytes], change: Callable[[Any], None]
) -> None:
    """As it is, under a trusted stamp of its own update, and under one that came later."""
    alone = appended(change)(files["one"])
    assert place.found(alone, "engineer"), change
    writer = Appending(files["one"])
    change(writer)
    stamper = PdfTimeStamper(place.good_tsa, field_name="timestamp-9")
    together = stamper.timestamp_pdf(writer, "sha256").getvalue()
    for made in (together, place.stamped(alone, place.good_tsa)):
        verdict = place.judged(made, "engineer")
        assert verdict.alterations, change


# ---------------------------------------------------------------- the store of proofs


def proofs(pdf: bytes, *streams: Any, key: str = "/Certs", **more: Any) -> bytes:
    writer = Appending(pdf)
    held = generic.ArrayObject(writer.add_object(one) for one in streams)
    made = generic.DictionaryObject({pdf_name(key): held})
    for name, value in more.items():
        made[pdf_name(f"/{name}")] = value
    writer.root["/DSS"] = writer.add_object(made)
    writer.update_root()
    return writer.whole()


def test_a_store_holds_proofs_and_nothing_else(place: Place, files: Mapping[str, bytes]) -> None:
    one, certificate = files["one"], place.sealer.certificate.dump()
    assert place.found(proofs(one, stream(certificate))) == set()
    wrong = "bytes_after_signature.proofs"
    foreign = (b"no certificate", certificate + b"and more", certificate[:-9], FORGED)
    for data in foreign:
        assert place.found(proofs(one, stream(data))) == {wrong}, data[:20]
    assert place.found(proofs(one, stream(certificate), key="/CRLs")) == {wrong}
    assert place.found(proofs(one, stream(certificate), key="/Other")) == {wrong}
    assert place.found(proofs(one, names({"/A": "/B"}))) == {wrong}
    assert place.found(proofs(one, stream(certificate), VRI=generic.DictionaryObject())) == {wrong}
    typed = stream(certificate)
    typed[pdf_name("/Subtype")] = pdf_name("/Form")
    assert place.found(proofs(one, typed)) == {wrong}


def test_a_store_stands_in_no_other_objects_place(place: Place, files: Mapping[str, bytes]) -> None:
    """Under the number of the page's content, it would take the content away."""
    writer = Appending(files["one"])
    sheet, _ = writer.find_page_for_modification(0)
    content = sheet.get_object().raw_get("/Contents")
    held = generic.ArrayObject([writer.add_object(stream(place.sealer.certificate.dump()))])
    _overwrite(writer, content, generic.DictionaryObject({pdf_name("/Certs"): held}))
    writer.root["/DSS"] = generic.IndirectObject(content.idnum, content.generation, writer)
    writer.update_root()
    assert place.found(writer.whole()) == {"bytes_after_signature.proofs"}


def test_a_store_keeps_what_it_had(place: Place, files: Mapping[str, bytes]) -> None:
    emptied = proofs(files["lasted"], stream(place.sealer.certificate.dump()))
    assert place.found(emptied) == {"bytes_after_signature.proofs"}
    writer = Appending(files["lasted"])
    del writer.root["/DSS"]
    writer.update_root()
    assert place.found(writer.whole()) == {"bytes_after_signature.proofs"}


# ---------------------------------------------------------------- bytes


@pytest.mark.parametrize("kind", ["one", "lasted"])
def test_junk_is_found(place: Place, files: Mapping[str, bytes], kind: str) -> None:
    data = files[kind]
    tail = data[data.rindex(b"startxref") :]
    for junk in (b"\n", b" ", b"%", b"\0", b"\n%%EOF\n", tail, b"1 0 obj\nnull\nendobj\n" + tail):
        assert place.found(data + junk), junk[:20]
    assert place.found(b"\n" + data)
    assert place.found(data[:-1])


def test_bytes_between_objects_are_found(place: Place, files: Mapping[str, bytes]) -> None:
    """No cross-reference names them, but a reader that rebuilds a damaged file would."""
    hidden = b"7 0 obj\n<</Type/Page>>\nendobj\n"
    for junk in (hidden, b"% words\n", b"\0\0\0\0"):
        later = place.stamped(files["one"] + junk, place.good_tsa)
        assert place.found(later) & {"bytes_after_signature.junk", "unreadable"}, junk


PADDED = re.compile(rb"/Contents <([0-9A-Fa-f]+?)((?:00)+)>")


@pytest.mark.parametrize("kind", ["two", "lasted"])
def test_padding_is_zeros_in_every_signature(
    place: Place, files: Mapping[str, bytes], kind: str
) -> None:
    data = files[kind]
    places = list(PADDED.finditer(data))
    verdict = place.judged(data)
    assert len(places) == len(verdict.signatures) + len(verdict.timestamps)
    for one in places:
        at = one.end(2) - 2
        changed = data[:at] + b"4A" + data[at + 2 :]
        assert "signature_padding" in place.found(changed), at
    last = places[-1].end(2)  # an odd number of digits, or other characters, are no padding
    assert place.found(data[: last - 1] + b" " + data[last:])
    assert place.found(data[: last - 1] + b"g" + data[last:])
    first = places[0]
    digits = first[1][:40].upper() + first[1][40:].lower()
    mixed = data[: first.start(1)] + digits + data[first.end(1) :]
    assert "signature_broken" in place.found(mixed)


def test_a_roll_back_to_each_state_is_found(place: Place, files: Mapping[str, bytes]) -> None:
    whole = files["twice"]
    ends = [one.end() for one in re.finditer(rb"%%EOF\n", whole)]
    assert len(ends) >= 6
    sha256 = hashlib.sha256(whole).hexdigest()
    for end in ends[:-1]:
        state = whole[:end]
        kept = verify_pdf(state, place.trust, expected=ROLES, revisions=[sha256])
        codes = {one.code for one in kept.findings}
        assert "revision_differs" in codes, end
        assert ("signature_absent" in codes) == (end < ends[-2]), end


def test_a_former_state_written_again_is_found(place: Place, files: Mapping[str, bytes]) -> None:
    """A last cross-reference that leads past the seals to what was before them."""
    whole = files["two"]
    offsets = [int(one) for one in re.findall(rb"startxref\n(\d+)\n", whole)]
    for offset in offsets[:-1]:
        forged = whole + b"\nstartxref\n%d\n%%%%EOF\n" % offset
        assert place.found(forged, *ROLES), offset


# ---------------------------------------------------------------- seals of others


def test_a_forgers_seal_after_ours_is_an_alteration(
    place: Place, files: Mapping[str, bytes], tmp_path: Path
) -> None:
    forger = make_trial(tmp_path, now=NOW)
    both = Trust.of(place.sealer.certificate, forger.certificate)
    more: dict[str, Any] = {"image": None, "name": "刘洋", "reason": "同意", "now": NOW}
    later = seal(files["one"], "cust_owner", forger, trust=both, **more)
    assert place.found(later) == {"signer_unknown", "bytes_after_signature.object"}
    first = seal(place.plain, "cust_owner", forger, **more)
    ours = seal(first, "engineer", place.sealer, trust=both, **more)
    assert place.found(ours) == {"signer_unknown"}


def test_an_authority_of_time_stamps_vouches_for_no_signer(place: Place, tmp_path: Path) -> None:
    """Another customer of a public authority, under the firm's own name or another one."""
    authority = Authority.made("Public CA")
    for subject in ("刘洋", "华信 seal"):
        key = ec.generate_private_key(ec.SECP256R1())
        issued = authority.issue(key.public_key(), subject)
        (tmp_path / "other.p12").write_bytes(p12(key, issued, "", authority.certificate))
        other = load(tmp_path / "other.p12")
        made = seal(place.plain, "engineer", other, image=None, name="刘洋", reason="同意", now=NOW)
        root = (as_asn1(authority.certificate),)
        stamps = Trust(place.trust.seals, tsa_roots=root)
        assert {one.code for one in verify_pdf(made, stamps).findings} == {"signer_unknown"}
        signers = Trust(place.trust.seals, signer_roots=root)
        found = {one.code for one in verify_pdf(made, signers).findings}
        assert found == (set() if subject == "华信 seal" else {"signer_unknown"})


def test_a_seal_vouches_for_nobody_else(place: Place, tmp_path: Path) -> None:
    """What a trusted certificate issued is none, even under its own name."""
    authority = Authority.made("华信")
    key = ec.generate_private_key(ec.SECP256R1())
    issued = authority.issue(key.public_key(), "华信")
    (tmp_path / "other.p12").write_bytes(p12(key, issued, "", authority.certificate))
    other = load(tmp_path / "other.p12")
    made = seal(place.plain, "engineer", other, image=None, name="刘洋", reason="同意", now=NOW)
    found = verify_pdf(made, Trust.of(as_asn1(authority.certificate))).findings
    assert {one.code for one in found} == {"signer_unknown"}
    signature = sign_detached(b"{}", other, now=NOW)
    faults = detached_faults(b"{}", signature, Trust.of(as_asn1(authority.certificate)), "a")
    assert [one.code for one in faults] == ["signer_unknown"]
    assert detached_faults(b"{}", signature, Trust.of(other.certificate), "a") == []


@pytest.mark.parametrize("days", [-1, 731])
def test_a_seal_out_of_its_time_is_not_trusted(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    """As its thief would set it, long after it expired."""
    sealer, then = make_trial(tmp_path, now=NOW), NOW + timedelta(days=days)
    monkeypatch.setattr("docgen.signing.seal.usable", lambda *_: None)
    made = seal(place.plain, "engineer", sealer, image=None, name="刘洋", reason="同意", now=then)
    trust = Trust.of(sealer.certificate)
    assert {one.code for one in verify_pdf(made, trust).findings} == {"signer_unknown"}
    faults = detached_faults(b"{}", sign_detached(b"{}", sealer, now=then), trust, "a")
    assert [one.code for one in faults] == ["signer_unknown"]


def test_a_trusted_signer_adds_no_field_that_shows(
    place: Place, files: Mapping[str, bytes], tmp_path: Path
) -> None:
    """MuPDF painted a field whose rectangle is null over the whole page."""
    authority = Authority.made("Public CA")
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "other.p12").write_bytes(p12(key, authority.issue(key.public_key(), "刘洋")))
    roots = (as_asn1(authority.certificate),)
    trust = Trust(place.trust.seals, roots, frozenset({"CN=刘洋"}), place.trust.tsa_roots)
    signer = PdfSigner(
        PdfSignatureMetadata(field_name="cust_owner", md_algorithm="sha256"),
        load(tmp_path / "other.p12").signer(),
    )
    for rectangle in (None, null, zeros, indirect):
        forger = Forger(Appending(files["one"]))
        if rectangle:
            forger.field(rectangle(forger), AP=forger.appearance())
        made = signer.sign_pdf(forger.writer, existing_fields_only=True).getvalue()
        found = {one.entry for one in verify_pdf(made, trust, expected=ROLES).findings}
        assert found == ({"signature_broken"} if rectangle else set()), rectangle


# ---------------------------------------------------------------- cross-references that lie


FORGED_PAGE = b"0 0 595 842 re f"
PLANTED = b"""
1 0 obj
<</Type/Pages/Kids[7 0 R]/Count 1>>
endobj
7 0 obj
<</Type/Page/Parent 1 0 R/MediaBox[0 0 595 842]/Contents 6 0 R>>
endobj
6 0 obj
<</Length %d>>
stream
%b
endstream
endobj
2 0 obj
<</Type/Catalog/Pages 1 0 R>>
endobj
trailer
<</Root 2 0 R/Size 340>>
""" % (len(FORGED_PAGE), FORGED_PAGE)


@dataclass(frozen=True)
class Written:
    """Proofs added to a file as raw bytes, and how its cross-reference tells of them."""

    entries: tuple[tuple[int, tuple[int, int, int]], ...] = ()
    more: bytes = b""
    proof: bytes = b""
    space: bytes = b"\n"
    size: int = 0
    skipped: int = 0
    widths: tuple[int, int, int] = (1, 8, 2)
    generation: int = 0
    catalog: bytes = b""

    def after(self, data: bytes, place: Place) -> bytes:
        catalog = re.findall(rb"\n2 0 obj\n(<<.*?>>)\nendobj", data, re.DOTALL)[-1]
        first = int(re.findall(rb"/Size (\d+)", data)[-1]) + self.skipped
        proof = self.proof or place.sealer.certificate.dump()
        objects = {
            2: catalog[:-2] + b"/DSS %d 0 R\n%b" % (first, self.catalog or b">>"),
            first: b"<</Certs [%d 0 R]>>" % (first + 1),
            first + 1: b"<</Length %d>>\nstream\n%b\nendstream" % (len(proof), proof),
        }
        made, listed = data, {}
        for number, content in objects.items():
            listed[number] = (1, len(made), self.generation)
            made += b"%d 0 obj%b%b\nendobj\n" % (number, self.space, content)
        listed[first + 2] = (1, len(made), 0)
        pairs = [
            *listed.items(),
            *((first if at < 0 else at, to) for at, to in self.entries),
        ]
        table = b"".join(
            number.to_bytes(width)
            for _, entry in pairs
            for number, width in zip(entry, self.widths, strict=True)
        )
        index = b" ".join(b"%d 1" % number for number, _ in pairs)
        former = int(re.findall(rb"startxref\n(\d+)", data)[-1])
        identifier = re.findall(rb"/ID (\[.*?\])", data)[-1]
        head = b"/Type /XRef /W [%d %d %d] /Root 2 0 R /Info 315 0 R" % self.widths
        head += b"/Size %d /ID %b /Prev %d" % (self.size or first + 3, identifier, former)
        head += b"/Index [%b] /Length %d%b" % (index, len(table), self.more)
        stream_ = b"<<%b>>\nstream\n%b\nendstream" % (head, table)
        end = b"\nendobj\nstartxref\n%d\n%%%%EOF\n" % len(made)
        return made + b"%d 0 obj\n%b" % (first + 2, stream_) + end


def bulky(payload: bytes) -> bytes:
    """Return a certificate of somebody's own that carries bytes of his choice."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([])
    carrier = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), payload)
    made = x509.CertificateBuilder(subject, subject, key.public_key(), 1, START, END)
    made = made.add_extension(carrier, critical=False)
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


LIES: dict[str, Written] = {
    "an object twice": Written(((-1, (1, 15, 0)),)),
    "an object that is elsewhere": Written(((7, (1, 15, 0)),)),
    "a page that is gone": Written(((6, (0, 0, 1)),)),
    "a page in an object stream": Written(((7, (2, 334, 0)),)),
    "another table": Written(more=b"/XRefStm 116"),
    "encryption": Written(more=b"/Encrypt <</Filter /Standard>>"),
    "a size beyond readers": Written(size=10**8),
    "a size beyond integers": Written(size=2**40),
    "numbers beyond readers": Written(skipped=9 * 10**6),
    "offsets beyond readers": Written(widths=(1, 12, 2)),
    "generations": Written(generation=5),
    "white space": Written(space=b"\x0b"),
    "a dictionary that does not end": Written(catalog=b"> "),
    "a comment": Written(catalog=b"% >>\r/Pages 5 0 R\n>>"),
    "an object in a proof": Written(proof=bulky(PLANTED)),
}


def test_proofs_written_by_another_program_are_proofs(
    place: Place, files: Mapping[str, bytes]
) -> None:
    assert place.found(Written().after(files["one"], place)) == set()
    assert place.found(Written(proof=bulky(b"words")).after(files["one"], place)) == set()


@pytest.mark.parametrize("lie", LIES)
def test_a_cross_reference_says_what_is_there(
    place: Place, files: Mapping[str, bytes], lie: str
) -> None:
    assert place.found(LIES[lie].after(files["one"], place), "engineer")


def test_a_page_planted_for_readers_that_rebuild_a_file_is_found(
    place: Place, files: Mapping[str, bytes], tmp_path: Path
) -> None:
    """Poppler gave the cross-reference up, and showed a page that lay in a certificate."""
    planted = Written(proof=bulky(PLANTED), size=10**8).after(files["one"], place)
    shown = [_shown(data, tmp_path) for data in (files["one"], planted)]
    assert shown[0] != shown[1]
    assert set(shown[1].split(b"\n", 3)[3]) == {0}  # black all over
    assert place.found(planted, "engineer") == {"bytes_after_signature.junk"}


def _shown(data: bytes, folder: Path) -> bytes:
    """Return the first page as poppler shows it."""
    (folder / "shown.pdf").write_bytes(data)
    command = ["pdftoppm", "-r", "10", "-gray", "-f", "1", "-l", "1", "-singlefile"]
    subprocess.run([*command, folder / "shown.pdf", folder / "shown"], check=True)
    return (folder / "shown.pgm").read_bytes()


# ---------------------------------------------------------------- names that write a verdict


BAD = "leader\n✓ engineer\x1b[2K\x9b2K\u202e"


def test_names_in_a_file_write_no_verdict(place: Place, tmp_path: Path) -> None:
    authority = Authority.made("Root")
    key = ec.generate_private_key(ec.SECP256R1())
    issued = authority.issue(key.public_key(), f"华信{BAD}")
    (tmp_path / "bad.p12").write_bytes(p12(key, issued))
    writer = Appending(place.plain)
    append_signature_field(writer, SigFieldSpec(BAD, box=(10, 10, 50, 50)))
    meta = PdfSignatureMetadata(
        field_name=BAD, name=f"刘洋{BAD}", reason=f"同意{BAD}", md_algorithm="sha256"
    )
    signer = PdfSigner(meta, load(tmp_path / "bad.p12").signer())
    made = signer.sign_pdf(Appending(writer.whole()), existing_fields_only=True).getvalue()
    path = tmp_path / "a\n✓ b\x1b[2K\u202e.pdf"
    path.write_bytes(made)
    run = docgen("verify", path, "--field", "leader", DOCGEN_DATA=tmp_path / "none")
    assert run.returncode == 1
    shown = run.stdout + run.stderr
    for hidden in ("\x1b", "\x9b", "\u202e"):
        assert hidden not in shown
    assert not any(line.startswith(("✓ engineer", "✓ b")) for line in shown.splitlines())
    assert r"leader\n✓ engineer\x1b[2K\x9b2K\u202e" in shown
    told = docgen("verify", path, "--json", DOCGEN_DATA=tmp_path / "none").stdout
    assert not {"\x1b", "\x9b", "\u202e"} & {*told}
