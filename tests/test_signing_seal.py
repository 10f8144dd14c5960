"""The seal and its verification: either order, appended only, and every tampering is found."""

# mypy: allow-untyped-calls
from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pikepdf
import pytest
from PIL import Image, ImageDraw
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from docgen.errors import DocgenError
from docgen.signing.fields import add_fields, field_names
from docgen.signing.incremental_update import Appending
from docgen.signing.keys import FileSealer, load, make_trial, roots
from docgen.signing.seal import seal
from docgen.signing.trust import Trust
from docgen.signing.verify import verify_pdf
from tests.commands import SAMPLES, rendered

NOW = datetime(2026, 11, 1, 1, tzinfo=UTC)
BOTH = ("engineer", "cust_owner")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A permission with fields for the engineer and the customer."""
    folder = tmp_path_factory.mktemp("pdf")
    rendered(SAMPLES / "SQ" / "basic.json", to=folder, formats="pdf")
    return add_fields(next(folder.rglob("*.pdf")).read_bytes(), BOTH)


@pytest.fixture(scope="module")
def sealer(tmp_path_factory: pytest.TempPathFactory) -> FileSealer:
    return make_trial(tmp_path_factory.mktemp("key"), now=NOW)


@pytest.fixture(scope="module")
def leaders(plain: bytes, sealer: FileSealer) -> bytes:
    return signed(plain, "engineer", sealer)


@pytest.fixture(scope="module")
def whole(leaders: bytes, sealer: FileSealer) -> bytes:
    return signed(leaders, "cust_owner", sealer)


def signed(pdf: bytes, field: str, by: FileSealer, image: bytes | None = None) -> bytes:
    made = seal(pdf, field, by, image=image, name="陈建国 䶮", reason="同意", now=NOW)
    assert made.startswith(pdf)
    return made


def scribble(size: tuple[int, int] = (600, 240), kind: str = "PNG", ink: bool = True) -> bytes:
    picture = Image.new("RGB", size, "white")
    if ink:
        ImageDraw.Draw(picture).line((20, 40, 500, 200, 300, 60), fill="navy", width=8)
    data = io.BytesIO()
    picture.save(data, kind)
    return data.getvalue()


def findings(data: bytes, sealer: FileSealer, sha256: str = "") -> set[str]:
    verdict = verify_pdf(data, Trust.of(sealer.certificate), expected=BOTH, sha256=sha256)
    return {one.code for one in verdict.findings}


# ---------------------------------------------------------------- signing


def test_two_signatures_are_told_with_who_and_when(whole: bytes, sealer: FileSealer) -> None:
    verdict = verify_pdf(whole, Trust.of(sealer.certificate), expected=BOTH)
    assert verdict.good
    assert verdict.as_json()["findings"] == []
    told = [(one.field, one.name, one.signed_at, one.covers_file) for one in verdict.signatures]
    assert told == [
        ("engineer", "陈建国 䶮", "2026-11-01T09:00:00+08:00", False),
        ("cust_owner", "陈建国 䶮", "2026-11-01T09:00:00+08:00", True),
    ]
    assert all(one.trial and one.intact and one.trusted for one in verdict.signatures)


def test_the_customer_may_sign_first_and_draw(plain: bytes, sealer: FileSealer) -> None:
    first = signed(plain, "cust_owner", sealer, scribble())
    assert findings(signed(first, "engineer", sealer, scribble(kind="JPEG")), sealer) == set()


def test_other_programs_agree(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(whole)
    told = subprocess.run(["pdfsig", path], capture_output=True, text=True, check=False).stdout
    assert told.count("Signature is Valid") == 2
    assert "Total document signed" in told
    mutool = subprocess.run(["mutool", "sign", "-v", path], capture_output=True, text=True)
    assert "document is unchanged since signing" in mutool.stdout
    subprocess.run(["qpdf", "--check", path], check=True, capture_output=True)


def test_what_pdf_a_asks_is_kept(plain: bytes, whole: bytes) -> None:
    with pikepdf.open(io.BytesIO(plain)) as old, pikepdf.open(io.BytesIO(whole)) as new:
        assert old.Root.Metadata.read_raw_bytes() == new.Root.Metadata.read_raw_bytes()
        assert dict(old.docinfo) == dict(new.docinfo)
        for one in new.Root.AcroForm.Fields:
            assert "/Font" not in one.AP.N.get("/Resources", {})
        assert b"Courier" not in whole[len(plain) :]


# ---------------------------------------------------------------- refusals


def refused(pdf: bytes, field: str, by: FileSealer, **more: object) -> str:
    given: dict[str, object] = {"image": None, "name": "刘洋", "reason": "同意", "now": NOW}
    with pytest.raises(DocgenError) as caught:
        seal(pdf, field, by, **(given | more))  # type: ignore[arg-type]
    assert caught.value.message("zh")
    assert caught.value.hint("en")
    return caught.value.code


def test_a_field_is_signed_once_and_has_to_be_there(leaders: bytes, sealer: FileSealer) -> None:
    assert refused(leaders, "engineer", sealer) == "already_signed"
    assert refused(leaders, "pm", sealer) == "no_field"


@pytest.mark.parametrize(("days", "code"), [(-1, "seal_not_yet"), (731, "seal_expired")])
def test_a_seal_out_of_its_time(plain: bytes, sealer: FileSealer, days: int, code: str) -> None:
    assert refused(plain, "engineer", sealer, now=NOW + timedelta(days=days)) == code


@pytest.mark.parametrize(
    ("image", "code"),
    [
        (scribble(ink=False), "signature_empty"),
        (b"GIF89a", "signature_image_bad"),
        (scribble()[:-60], "image_broken"),
        (scribble() + b"PK junk", "polyglot"),
        (scribble((3000, 3000)), "signature_image_bad"),
        (b"\x89PNG" + bytes(20_000_000), "signature_image_bad"),
        (scribble(kind="GIF"), "signature_image_bad"),
    ],
    ids=["empty", "no image", "cut", "polyglot", "pixels", "20 MB", "gif"],
)
def test_pictures_that_are_none(plain: bytes, sealer: FileSealer, image: bytes, code: str) -> None:
    assert refused(plain, "engineer", sealer, image=image) == code


def test_an_altered_file_is_not_signed_on(leaders: bytes, sealer: FileSealer) -> None:
    for altered in (leaders + b"\njunk", byte_changed(leaders), metadata_edited(leaders)):
        assert refused(altered, "cust_owner", sealer) in {"altered_before", "unknown_file"}


# ---------------------------------------------------------------- tampering


def byte_changed(data: bytes) -> bytes:
    at = data.index(b"stream") + 40
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def appended(change: Callable[[IncrementalPdfFileWriter], None]) -> Callable[[bytes], bytes]:
    def made(data: bytes) -> bytes:
        writer = Appending(data)
        change(writer)
        return writer.whole()

    return made


def stream(content: bytes) -> generic.StreamObject:
    return generic.StreamObject(stream_data=content)


def content(writer: IncrementalPdfFileWriter) -> None:
    reference, _ = writer.find_page_for_modification(0)
    sheet = reference.get_object()
    sheet["/Contents"] = writer.add_object(stream(b"0 0 100 100 re f"))
    writer.mark_update(reference)


def annotation(writer: IncrementalPdfFileWriter) -> None:
    reference, _ = writer.find_page_for_modification(0)
    note = {"/Type": "/Annot", "/Subtype": "/Text"}
    made = generic.DictionaryObject(
        {generic.NameObject(key): generic.NameObject(value) for key, value in note.items()}
    )
    made["/Rect"] = generic.ArrayObject(map(generic.NumberObject, (0, 0, 9, 9)))
    reference.get_object()["/Annots"] = generic.ArrayObject([writer.add_object(made)])
    writer.mark_update(reference)


def page(writer: IncrementalPdfFileWriter) -> None:
    pages = writer.root.raw_get("/Pages").get_object()
    pages["/Kids"].append(pages["/Kids"].raw_get(0))
    pages["/Count"] = generic.NumberObject(int(pages["/Count"]) + 1)
    writer.mark_update(writer.root.raw_get("/Pages"))


def attachment(writer: IncrementalPdfFileWriter) -> None:
    names = writer.root["/Names"]
    names["/EmbeddedFiles"] = generic.DictionaryObject(
        {generic.NameObject("/Names"): generic.ArrayObject()}
    )
    writer.update_container(names)


def javascript(writer: IncrementalPdfFileWriter) -> None:
    action = {generic.NameObject("/S"): generic.NameObject("/JavaScript")}
    writer.root["/OpenAction"] = generic.DictionaryObject(action)
    writer.update_root()


def planted(writer: IncrementalPdfFileWriter) -> None:
    writer.add_object(stream(b"shadow"))


def metadata(writer: IncrementalPdfFileWriter) -> None:
    made = stream(b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><forged/></x:xmpmeta>")
    made["/Type"], made["/Subtype"] = generic.NameObject("/Metadata"), generic.NameObject("/XML")
    writer.root["/Metadata"] = writer.add_object(made)
    writer.update_root()


metadata_edited = appended(metadata)
APPENDED = [content, annotation, page, attachment, javascript, planted, metadata]


@pytest.mark.parametrize("change", APPENDED, ids=[one.__name__ for one in APPENDED])
def test_what_is_appended_is_found(
    whole: bytes, sealer: FileSealer, change: Callable[[IncrementalPdfFileWriter], None]
) -> None:
    assert "bytes_after_signature" in findings(appended(change)(whole), sealer)


@pytest.mark.parametrize("change", APPENDED, ids=[one.__name__ for one in APPENDED])
def test_what_is_appended_between_two_signatures_is_not_signed_on(
    leaders: bytes, sealer: FileSealer, change: Callable[[IncrementalPdfFileWriter], None]
) -> None:
    assert refused(appended(change)(leaders), "cust_owner", sealer) == "altered_before"


def test_one_byte_is_found_wherever_it_is(whole: bytes, sealer: FileSealer) -> None:
    for at in range(200, len(whole), len(whole) // 12):
        changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        assert findings(changed, sealer), at
    assert findings(byte_changed(whole), sealer)


def test_a_changed_signature_is_found(whole: bytes, sealer: FileSealer) -> None:
    at = re.search(rb"/Contents <", whole).end() + 500  # type: ignore[union-attr]
    changed = whole[:at] + (b"1" if whole[at : at + 1] != b"1" else b"2") + whole[at + 1 :]
    assert "signature_broken" in findings(changed, sealer)


def test_junk_after_the_end_is_found(whole: bytes, sealer: FileSealer) -> None:
    for junk in (b"\n", b"x", b"\n%%EOF\n", bytes(5000)):
        assert findings(whole + junk, sealer), junk[:9]


def test_a_roll_back_to_an_earlier_revision_is_found(
    plain: bytes, leaders: bytes, sealer: FileSealer
) -> None:
    assert findings(leaders, sealer) == {"signature_absent"}
    assert findings(plain, sealer) == {"signature_absent"}
    assert verify_pdf(leaders, Trust.of(sealer.certificate)).good  # nothing in it says what it was
    codes = {one.code for one in verify_pdf(plain, Trust.of(sealer.certificate)).findings}
    assert codes == {"not_signed"}


def test_another_file_than_that_on_record_is_found(whole: bytes, sealer: FileSealer) -> None:
    assert findings(whole, sealer, sha256="0" * 64) == {"hash_differs"}


def test_another_signer_is_found(plain: bytes, whole: bytes, tmp_path: Path) -> None:
    forger = make_trial(tmp_path, now=NOW)
    verdict = verify_pdf(whole, Trust.of(forger.certificate), expected=BOTH)
    assert {one.code for one in verdict.findings} == {"signer_unknown"}
    assert verdict.untouched


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7", bytes(99), b"%PDF-1.7\n%%EOF"])
def test_what_is_no_pdf_is_told(data: bytes, sealer: FileSealer) -> None:
    assert findings(data, sealer) == {"unreadable"}


# ---------------------------------------------------------------- keys


def test_a_trial_key_is_its_owners_and_kept(tmp_path: Path) -> None:
    make_trial(tmp_path, now=NOW, passphrase="correct horse")
    path = tmp_path / "seal.p12"
    assert path.stat().st_mode & 0o777 == 0o600
    made = load(path, "correct horse")
    assert (
        roots((tmp_path / "seal.pem").read_bytes(), "seal.pem")[0].dump() == made.certificate.dump()
    )
    assert "non_repudiation" in made.certificate.key_usage_value.native
    before = path.read_bytes()
    assert code_of(lambda: load(path)) == "seal_unreadable"
    assert code_of(lambda: load(path, "wrong")) == "seal_unreadable"
    assert code_of(lambda: make_trial(tmp_path, now=NOW)) == "seal_exists"
    assert path.read_bytes() == before


def test_keys_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"no key")
    assert code_of(lambda: load(tmp_path / "a")) == "seal_unreadable"
    assert code_of(lambda: load(tmp_path / "b")) == "seal_missing"
    assert code_of(lambda: roots(b"no certificate", "a")) == "certificate_unreadable"


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(DocgenError) as caught:
        call()
    return caught.value.code


def test_fields_know_who_signed(leaders: bytes) -> None:
    assert field_names(leaders) == {"engineer": True, "cust_owner": False}
