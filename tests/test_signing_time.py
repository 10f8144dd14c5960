"""Time stamps from a real service (another process), and seals that outlast their certificates."""

# mypy: allow-untyped-calls
from __future__ import annotations

import io
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pikepdf
import pytest
from asn1crypto import keys, pem, tsp, x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils import generic
from pyhanko.sign.signers.pdf_signer import PdfTimeStamper
from pyhanko.sign.timestamps import DummyTimeStamper

from docgen.errors import DocgenError
from docgen.settings import Settings
from docgen.signing.configuration import lasting, timestamper, trusted
from docgen.signing.fields import add_fields, field_names
from docgen.signing.incremental_update import Appending
from docgen.signing.keys import FileSealer, Sealer, load
from docgen.signing.known_certificates import remember
from docgen.signing.long_term import Lasting
from docgen.signing.seal import seal
from docgen.signing.timestamps import TimeAuthority
from docgen.signing.verify import SignatureVerdict, verify_pdf
from tests.authorities import NOW, Authority, p12, pkcs8
from tests.authorities import pem as as_pem
from tests.commands import SAMPLES, docgen, rendered
from tests.signing_servers import STAMPED, serving

BOTH = ("engineer", "cust_owner")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys and certificates: an authority, its seal, its time stamps, those of a stranger."""
    folder = tmp_path_factory.mktemp("authority")
    authority, stranger = Authority.made("Root"), Authority.made("Stranger")
    key, stamps = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
    own = authority.issue(key.public_key(), "华信 seal")
    tsa = authority.issue(stamps.public_key(), "Time Service", stamps=True)
    made = {
        "tsa": tsa,
        "unfit": authority.issue(stamps.public_key(), "No Time Service"),
        "stranger": stranger.issue(stamps.public_key(), "Stranger", stamps=True),
    }
    for name, one in made.items():
        (folder / f"{name}.der").write_bytes(one.public_bytes(Encoding.DER))
    (folder / "tsa.key").write_bytes(pkcs8(stamps))
    (folder / "seal.p12").write_bytes(p12(key, own, "", authority.certificate))
    (folder / "roots.pem").write_bytes(as_pem(authority.certificate))
    proofs = {
        "proofs": authority.crl(NOW - timedelta(days=1)),
        "stale": authority.crl(NOW - timedelta(days=30)),
        "revoked": authority.crl(NOW - timedelta(days=1), own),
        "late": authority.crl(NOW - timedelta(days=1), tsa),
    }
    for name, data in proofs.items():
        (folder / name).mkdir()
        (folder / name / "root.crl").write_bytes(data)
    (folder / "none").mkdir()
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    with serving(folder) as address:
        yield f"{address}/tsa"


@pytest.fixture(scope="module")
def settings(folder: Path, server: str) -> Settings:
    remember(folder / "data", load(folder / "seal.p12").certificate)
    return Settings(
        data=folder / "data",
        seal=str(folder / "seal.p12"),
        signer_roots=folder / "roots.pem",
        tsa_roots=folder / "roots.pem",
        seal_lta=folder / "proofs",
        tsa=f"{server}/good",
        now=NOW,
    )


@pytest.fixture(scope="module")
def sealer(folder: Path) -> FileSealer:
    return load(folder / "seal.p12")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("pdf")
    rendered(SAMPLES / "SQ" / "basic.json", to=folder, formats="pdf")
    return add_fields(next(folder.rglob("*.pdf")).read_bytes(), BOTH)


@pytest.fixture
def stamped(plain: bytes, sealer: FileSealer, settings: Settings) -> bytes:
    return signed(plain, "engineer", sealer, timestamper(settings))


@pytest.fixture
def lasted(plain: bytes, sealer: FileSealer, settings: Settings) -> bytes:
    return signed(plain, "engineer", sealer, lta=lasting(settings))


def signed(
    pdf: bytes,
    field: str,
    by: Sealer,
    stamps: TimeAuthority | None = None,
    *,
    lta: Lasting | None = None,
) -> bytes:
    made = seal(
        pdf, field, by, image=None, name="刘洋", reason="同意", now=NOW, timestamper=stamps, lta=lta
    )
    assert made.startswith(pdf)
    return made


def verified(data: bytes, settings: Settings, *expected: str) -> SignatureVerdict:
    return verify_pdf(data, trusted(settings), expected=expected)


def codes(verdict: SignatureVerdict) -> list[str]:
    return [one.code for one in verdict.findings]


def refused(pdf: bytes, by: Sealer, stamps: TimeAuthority | None = None, **more: Lasting) -> str:
    with pytest.raises(DocgenError) as caught:
        signed(pdf, "engineer", by, stamps, lta=more.get("lta"))
    assert caught.value.message("zh")
    assert caught.value.hint("zh")
    assert caught.value.hint("en")
    return caught.value.code


# ---------------------------------------------------------------- B-T


@pytest.mark.enable_socket
def test_a_signature_tells_when_it_was_stamped_and_by_whom(
    stamped: bytes, settings: Settings
) -> None:
    verdict = verified(stamped, settings, "engineer")
    assert verdict.good
    (one,) = verdict.signatures
    assert one.stamp
    assert (one.stamp.at, one.stamp.by) == ("2026-11-01T09:00:03+08:00", "Time Service")
    assert one.stamp.trusted
    assert one.covers_file
    assert verdict.as_json()["signatures"][0]["stamp"]["by"] == "Time Service"


@pytest.mark.enable_socket
def test_the_command_line_tells_it_too(stamped: bytes, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(stamped)
    run = docgen(
        "verify", tmp_path / "a.pdf", DOCGEN_DATA=settings.data, DOCGEN_TSA_ROOTS=settings.tsa_roots
    )
    assert run.returncode == 0, run.stderr
    assert "2026-11-01T09:00:03+08:00  Time Service" in run.stdout
    assert "nobody that is trusted" not in run.stdout


@pytest.mark.enable_socket
def test_a_stamp_of_a_stranger_proves_no_time_but_breaks_nothing(
    plain: bytes, sealer: FileSealer, server: str, settings: Settings
) -> None:
    made = signed(plain, "engineer", sealer, TimeAuthority(f"{server}/stranger"))
    verdict = verified(made, settings)
    assert verdict.good
    assert verdict.signatures[0].stamp
    assert not verdict.signatures[0].stamp.trusted
    strict = TimeAuthority(f"{server}/stranger", trusted(settings).tsa_roots)
    assert refused(plain, sealer, strict) == "tsa_failed"


MODES = [
    "unfit",
    "nonce",
    "imprint",
    "forged",
    "refused",
    "junk",
    "page",
    "flood",
    "error",
    "redirect",
]


@pytest.mark.enable_socket
@pytest.mark.parametrize("mode", MODES)
def test_what_is_no_time_stamp_ends_the_seal(
    plain: bytes, sealer: FileSealer, server: str, settings: Settings, mode: str
) -> None:
    stamps = TimeAuthority(f"{server}/{mode}", trusted(settings).tsa_roots)
    assert refused(plain, sealer, stamps) == "tsa_failed"


@pytest.mark.enable_socket
@pytest.mark.parametrize("mode", ["hang", "drip"])
def test_a_service_that_hangs_ends_in_time(
    plain: bytes, sealer: FileSealer, server: str, mode: str
) -> None:
    stamps = TimeAuthority(f"{server}/{mode}", timeout_s=0.5)
    assert refused(plain, sealer, stamps) == "tsa_failed"


@pytest.mark.enable_socket
def test_a_service_that_is_not_there(plain: bytes, sealer: FileSealer) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        stamps = TimeAuthority(f"http://127.0.0.1:{free.getsockname()[1]}/")
        assert refused(plain, sealer, stamps) == "tsa_failed"


class OfOther(DummyTimeStamper):
    """Stamps something else than it was asked to."""

    def request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        req["message_imprint"]["hashed_message"] = bytes(32)
        return super().request_tsa_response(req)


def dummy(folder: Path, kind: type[DummyTimeStamper] = DummyTimeStamper) -> DummyTimeStamper:
    certificate = x509.Certificate.load((folder / "tsa.der").read_bytes())
    key = keys.PrivateKeyInfo.load((folder / "tsa.key").read_bytes())
    return kind(certificate, key, fixed_dt=STAMPED)


def test_a_stamp_on_something_else_is_found(plain: bytes, sealer: FileSealer, folder: Path) -> None:
    with pytest.raises(DocgenError, match="timestamp_broken") as caught:
        signed(plain, "engineer", sealer, dummy(folder, OfOther))  # type: ignore[arg-type]
    assert caught.value.code == "seal_failed"


# ---------------------------------------------------------------- B-LTA


@pytest.mark.enable_socket
def test_a_stamp_covers_the_file_and_its_proofs(
    lasted: bytes, plain: bytes, settings: Settings
) -> None:
    verdict = verified(lasted, settings, "engineer")
    assert verdict.good
    assert not verdict.signatures[0].covers_file
    (stamp,) = verdict.timestamps
    assert stamp.covers_file
    assert stamp.trusted
    assert (stamp.at, stamp.by) == ("2026-11-01T09:00:03+08:00", "Time Service")
    with pikepdf.open(io.BytesIO(plain)) as old, pikepdf.open(io.BytesIO(lasted)) as new:
        assert len(new.Root.DSS.CRLs) == 1
        assert len(new.Root.DSS.Certs) >= 3
        assert "/VRI" not in new.Root.DSS
        assert old.Root.Metadata.read_raw_bytes() == new.Root.Metadata.read_raw_bytes()
        assert dict(old.docinfo) == dict(new.docinfo)


@pytest.mark.enable_socket
def test_others_sign_on_and_other_programs_agree(
    lasted: bytes, sealer: FileSealer, settings: Settings, tmp_path: Path
) -> None:
    assert field_names(lasted) == {"engineer": True, "cust_owner": False}
    whole = signed(lasted, "cust_owner", sealer, lta=lasting(settings))
    verdict = verified(whole, settings, *BOTH)
    assert verdict.good
    assert [one.covers_file for one in verdict.timestamps] == [False, True]
    plainly = signed(lasted, "cust_owner", sealer)
    assert verified(plainly, settings, *BOTH).good
    path = tmp_path / "a.pdf"
    path.write_bytes(whole)
    told = subprocess.run(["pdfsig", path], capture_output=True, text=True, check=False).stdout
    assert told.count("Signature is Valid") >= 2
    subprocess.run(["qpdf", "--check", path], check=True, capture_output=True)


@pytest.mark.enable_socket
@pytest.mark.parametrize("proofs", ["none", "stale", "revoked", "late"])
def test_proofs_have_to_be_there_and_in_force(
    plain: bytes, sealer: FileSealer, settings: Settings, folder: Path, proofs: str
) -> None:
    given = lasting(replace(settings, seal_lta=folder / proofs))
    assert given
    assert refused(plain, sealer, lta=given) == "lta_incomplete"


@pytest.mark.enable_socket
def test_proofs_may_be_pem(
    plain: bytes, sealer: FileSealer, settings: Settings, tmp_path: Path
) -> None:
    assert settings.seal_lta
    data = (settings.seal_lta / "root.crl").read_bytes()
    (tmp_path / "root.crl").write_bytes(pem.armor("X509 CRL", data))
    given = lasting(replace(settings, seal_lta=tmp_path))
    assert verified(signed(plain, "engineer", sealer, lta=given), settings).good


def test_proofs_that_are_none(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.crl").write_bytes(b"no list")
    for wrong in (tmp_path, tmp_path / "absent"):
        with pytest.raises(DocgenError) as caught:
            lasting(replace(settings, seal_lta=wrong))
        assert caught.value.code == "lta_unreadable"
    with pytest.raises(DocgenError) as caught:
        lasting(replace(settings, tsa=""))
    assert caught.value.code == "lta_without_tsa"
    assert lasting(replace(settings, seal_lta=None)) is None


# ---------------------------------------------------------------- what a stamp does not do


def stamped_over(data: bytes, folder: Path, writer: Appending | None = None) -> bytes:
    """Have anybody's time-stamping service cover a file and what was appended to it."""
    stamper = PdfTimeStamper(dummy(folder), field_name="timestamp-9")
    made: bytes = stamper.timestamp_pdf(writer or Appending(data), "sha256").getvalue()
    return made


def test_a_stamp_does_not_cover_up_forged_metadata(
    plain: bytes, sealer: FileSealer, settings: Settings, folder: Path
) -> None:
    whole = signed(plain, "engineer", sealer)
    assert verified(stamped_over(whole, folder), settings).good
    writer = Appending(whole)
    forged = generic.StreamObject(stream_data=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    forged["/Type"], forged["/Subtype"] = (
        generic.NameObject("/Metadata"),
        generic.NameObject("/XML"),
    )
    writer.root["/Metadata"] = writer.add_object(forged)
    writer.update_root()
    assert "bytes_after_signature" in codes(verified(stamped_over(whole, folder, writer), settings))
    info = Appending(whole)
    info.set_info(
        generic.DictionaryObject({generic.NameObject("/Title"): generic.TextStringObject("别的")})
    )
    assert "bytes_after_signature" in codes(verified(stamped_over(whole, folder, info), settings))


def test_junk_after_the_stamp_is_found(
    plain: bytes, sealer: FileSealer, settings: Settings, folder: Path
) -> None:
    whole = stamped_over(signed(plain, "engineer", sealer), folder)
    assert codes(verified(whole + b"\n", settings))


def test_a_stamp_in_a_field_is_no_signature(plain: bytes, settings: Settings, folder: Path) -> None:
    stamper = PdfTimeStamper(dummy(folder), field_name="engineer")
    made = stamper.timestamp_pdf(Appending(plain), "sha256").getvalue()
    assert codes(verified(made, settings, "engineer")) == ["signature_absent"]
    assert "not_signed" in codes(verified(made, settings))
    assert "engineer" not in field_names(made)
