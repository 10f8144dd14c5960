"""Who holds the seal's key: files, a real PKCS#11 token, a real signing service; and bad ones."""

# mypy: allow-untyped-calls
from __future__ import annotations

import os
import pickle
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pkcs11
import pytest
from asn1crypto import core, pkcs12, x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from hypothesis import given
from hypothesis import strategies as st
from pkcs11 import Attribute, KeyType, ObjectClass
from pkcs11.util.ec import encode_ec_public_key, encode_named_curve_parameters

from docgen.errors import DocgenError
from docgen.settings import Settings, load_settings
from docgen.signing.configuration import existing, open_sealer, renew, timestamper, trusted
from docgen.signing.fields import add_fields
from docgen.signing.health import examine
from docgen.signing.keys import SEAL_NAME, Sealer, is_trial, load
from docgen.signing.known_certificates import SEALS, known, short
from docgen.signing.remote import RemoteSealer
from docgen.signing.seal import seal
from docgen.signing.token import TokenKey, place_of
from docgen.signing.trust import Trust
from docgen.signing.verify import verify_pdf
from docgen.store.health import HealthFinding
from tests.authorities import END, NOW, START, Authority, Private, Public, as_asn1, p12, pem, pkcs8
from tests.commands import SAMPLES, as_json, rendered
from tests.commands import codes as told_codes
from tests.signing_servers import TOKEN, serving

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "246810"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("pdf")
    rendered(SAMPLES / "SQ" / "basic.json", to=folder, formats="pdf")
    return add_fields(next(folder.rglob("*.pdf")).read_bytes(), ["engineer", "cust_owner"])


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.made("Root")


@pytest.fixture
def settings(authority: Authority, tmp_path: Path) -> Settings:
    (tmp_path / "roots.pem").write_bytes(pem(authority.certificate))
    return Settings(data=tmp_path / "data", tsa_roots=tmp_path / "roots.pem", now=NOW)


def signed(pdf: bytes, by: Sealer, field: str = "engineer", *, now: datetime = NOW) -> bytes:
    return seal(pdf, field, by, image=None, name="刘洋", reason="同意", now=now)


def sent(sealer: Sealer) -> Sealer:
    """What another process gets."""
    revived: Sealer = pickle.loads(pickle.dumps(sealer))  # noqa: S301 # our own
    return revived


def verifies(pdf: bytes, settings: Settings, *, trial: bool = False) -> bool:
    verdict = verify_pdf(pdf, trusted(settings), expected=["engineer"])
    return verdict.good and verdict.signatures[0].trial == trial


def code_of(settings: Settings, pdf: bytes = b"") -> str:
    """The refusal of opening a seal, or of signing with it; nothing is kept of it."""
    with pytest.raises(DocgenError) as caught:
        signed(pdf, open_sealer(settings))
    error = caught.value
    assert error.message("zh")
    assert error.hint("zh")
    assert error.hint("en")
    return error.code


# ---------------------------------------------------------------- files


def test_a_trial_seal_is_made_at_first_use_and_kept(plain: bytes, settings: Settings) -> None:
    made = signed(plain, open_sealer(settings))
    assert verifies(made, settings, trial=True)
    assert open_sealer(settings).certificate.dump() == open_sealer(settings).certificate.dump()
    assert len(known(settings.data)) == 1


def test_an_own_seal_with_its_authority(
    plain: bytes, settings: Settings, authority: Authority, tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    own = authority.issue(key.public_key(), "华信")
    (tmp_path / "own.p12").write_bytes(p12(key, own, "horse", authority.certificate))
    used = replace(settings, seal=str(tmp_path / "own.p12"), seal_passphrase="horse")
    made = signed(plain, open_sealer(used))
    roots = (authority_certificate := as_asn1(authority.certificate),)
    named = Trust(signer_roots=roots, subjects=frozenset({"CN=华信"}))
    assert verify_pdf(made, named).good
    of_others = [Trust(signer_roots=roots), Trust(tsa_roots=roots, subjects=named.subjects)]
    of_others += [Trust(signer_roots=roots, subjects=frozenset({"CN=刘洋"}))]
    for trust in [*of_others, Trust.of(authority_certificate)]:
        assert [one.code for one in verify_pdf(made, trust).findings] == ["signer_unknown"]
    assert verifies(made, used)
    assert not (settings.data / SEAL_NAME).exists()
    assert code_of(replace(used, seal_passphrase="pony")) == "seal_unreadable"


def test_an_rsa_seal(
    plain: bytes, settings: Settings, authority: Authority, tmp_path: Path
) -> None:
    key = rsa.generate_private_key(65537, 2048)
    (tmp_path / "own.p12").write_bytes(p12(key, authority.issue(key.public_key(), "华信")))
    assert verifies(
        signed(plain, open_sealer(replace(settings, seal=str(tmp_path / "own.p12")))), settings
    )


def other_certificate(data: bytes, other: bytes) -> bytes:
    """Put another certificate into an open PKCS#12 file."""
    pfx = pkcs12.Pfx.load(data)
    contents = pfx.authenticated_safe
    for content in contents:
        bags = pkcs12.SafeContents.load(content["content"].native)
        for bag in bags:
            if bag["bag_id"].native == "cert_bag":
                bag["bag_value"]["cert_value"] = core.ParsableOctetString(other)
                content["content"] = core.OctetString(bags.dump(force=True))
    safe = core.OctetString(contents.dump(force=True))
    auth = {"content_type": "data", "content": safe}
    return bytes(pkcs12.Pfx({"version": "v3", "auth_safe": auth}).dump())


def bad(kind: str, by: Authority) -> bytes:
    key: Private = ec.generate_private_key(ec.SECP256R1())
    if kind == "weak":
        key = rsa.generate_private_key(65537, 1024)  # noqa: S505 # to be refused
    times: dict[str, tuple[datetime, datetime]] = {
        "expired": (START, NOW - timedelta(seconds=1)),
        "early": (NOW + timedelta(seconds=1), END),
    }
    own = by.issue(key.public_key(), kind, times.get(kind, (START, END)), commits=kind != "use")
    if kind == "changed":
        other = by.issue(ec.generate_private_key(ec.SECP256R1()).public_key(), "other")
        return other_certificate(p12(key, own), other.public_bytes(Encoding.DER))
    return b"no key" if kind == "junk" else p12(key, own)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("absent", "seal_missing"),
        ("junk", "seal_unreadable"),
        ("expired", "seal_expired"),
        ("early", "seal_not_yet"),
        ("changed", "seal_mismatch"),
        ("use", "seal_usage"),
        ("weak", "seal_kind"),
    ],
)
def test_keys_that_cannot_seal(
    settings: Settings, authority: Authority, tmp_path: Path, kind: str, code: str
) -> None:
    path = tmp_path / f"{kind}.p12"
    if kind != "absent":
        path.write_bytes(bad(kind, authority))
    used = replace(settings, seal=str(path))
    assert code_of(used) == code
    assert not settings.data.exists()
    assert found(used)["签章 seal"].detail.startswith(code)


# ---------------------------------------------------------------- renewal


def test_what_an_old_seal_signed_verifies_after_its_renewal(
    plain: bytes, settings: Settings
) -> None:
    old = open_sealer(settings)
    first = signed(plain, old)
    renewed = replace(settings, now=NOW + timedelta(days=700))
    made = renew(renewed, renewed.clock())
    assert is_trial(made.certificate)
    assert open_sealer(renewed).certificate.dump() == made.certificate.dump()
    assert verifies(first, renewed, trial=True)
    assert verifies(signed(first, made, "cust_owner", now=renewed.clock()), renewed, trial=True)
    assert len(known(settings.data)) == 2
    aside = settings.data / SEALS / f"{short(old.certificate)}.p12"
    assert load(aside).certificate.dump() == old.certificate.dump()
    assert aside.stat().st_mode & 0o777 == 0o600


def test_the_command_renews(tmp_path: Path) -> None:
    data: dict[str, Any] = {"DOCGEN_DATA": tmp_path / "data"}
    assert told_codes(as_json("seal", "renew", code=3, **data)["errors"]) == ["seal_missing"]
    first = as_json("seal", "init", **data)
    second = as_json("seal", "renew", **data)
    assert first["fingerprint"] != second["fingerprint"]
    kept = {f"{one['fingerprint'][:16]}.pem" for one in (first, second)}
    assert {path.name for path in (tmp_path / "data" / SEALS).glob("*.pem")} == kept
    refused = as_json("seal", "renew", code=3, DOCGEN_SEAL=tmp_path / "own.p12", **data)
    assert told_codes(refused["errors"]) == ["seal_elsewhere"]


# ---------------------------------------------------------------- a token


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> str:
    """A token with keys made inside it: ec, rsa, and `changed` with another's certificate."""
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\n")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    command = ["softhsm2-util", "--init-token", "--free", "--label", "doc gen"]
    subprocess.run([*command, "--pin", PIN, "--so-pin", PIN], check=True, capture_output=True)
    with pkcs11.lib(MODULE).get_token(token_label="doc gen").open(rw=True, user_pin=PIN) as session:
        public = public_keys(session)
        for label, key in (*public.items(), ("changed", public["ec"])):
            certificate = authority.issue(key, label).public_bytes(Encoding.DER)
            keep(session, label, certificate)
    return f"pkcs11:token={quote('doc gen')};object={{}}?module-path={MODULE}"


def public_keys(session: pkcs11.Session) -> dict[str, Public]:
    curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
    made: dict[str, Public] = {}
    for label in ("ec", "changed"):
        parameters = session.create_domain_parameters(KeyType.EC, curve, local=True)
        public, _ = parameters.generate_keypair(label=label, store=True)
        made[label] = load_der_public_key(encode_ec_public_key(public))  # type: ignore[assignment]
    public, _ = session.generate_keypair(KeyType.RSA, 2048, label="rsa", store=True)
    key = {"n": public[Attribute.MODULUS], "e": public[Attribute.PUBLIC_EXPONENT]}
    numbers = {name: int.from_bytes(value, "big") for name, value in key.items()}
    made["rsa"] = rsa.RSAPublicNumbers(**numbers).public_key()
    del made["changed"]
    return made


def keep(session: pkcs11.Session, label: str, certificate: bytes) -> None:
    subject = x509.Certificate.load(certificate).subject.dump()
    session.create_object(
        {
            Attribute.CLASS: ObjectClass.CERTIFICATE,
            Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
            Attribute.TOKEN: True,
            Attribute.LABEL: label,
            Attribute.SUBJECT: subject,
            Attribute.VALUE: certificate,
        }
    )


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_a_token_seals(plain: bytes, settings: Settings, token: str, kind: str) -> None:
    used = replace(settings, seal=token.format(kind), seal_passphrase=PIN)
    sealer = open_sealer(used)
    assert verifies(signed(plain, sent(sealer)), settings)
    assert PIN not in repr(sealer)
    assert found(used)["签章 seal"].good


def test_many_seal_with_one_token_at_once(plain: bytes, settings: Settings, token: str) -> None:
    used = replace(settings, seal=token.format("ec"), seal_passphrase=PIN)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: signed(plain, open_sealer(used)), range(8)))
    assert all(verifies(one, settings) for one in made)


@pytest.mark.parametrize(
    ("change", "pin", "code"),
    [
        (("object=ec", "object=changed"), PIN, "seal_mismatch"),
        (("object=ec", "object=absent"), PIN, "seal_missing"),
        (("token=doc%20gen", "token=absent"), PIN, "seal_missing"),
        (("libsofthsm2", "absent"), PIN, "seal_missing"),
        (("libsofthsm2.so", ""), PIN, "seal_missing"),
        (("object=ec", "object=ec"), "1", "seal_unreadable"),
        (("object=ec", "object=ec"), "135790", "seal_unreadable"),
        (("object=ec", "object="), PIN, "seal_address"),
        (("object=ec", "pin-value=1;object=ec"), PIN, "seal_address"),
    ],
)
def test_tokens_that_do_not_seal(
    plain: bytes, settings: Settings, token: str, change: tuple[str, str], pin: str, code: str
) -> None:
    place = token.format("ec").replace(*change)
    used = replace(settings, seal=place, seal_passphrase=pin)
    assert code_of(used, plain) == code
    assert found(used)["签章 seal"].detail.startswith(code)


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_addresses_of_tokens_come_back(module: str, label: str, key: str) -> None:
    with suppress(UnicodeEncodeError):
        parts = [quote(one, safe="") for one in (label, key, module)]
        uri = "pkcs11:token={};object={}?module-path={}".format(*parts)
        assert place_of(uri) == TokenKey(module, label, key)


@given(st.text(alphabet="pkcs11:token=object;module-path=?&%2f0x"))
def test_addresses_that_are_none(text: str) -> None:
    with suppress(DocgenError):
        place_of(text)


# ---------------------------------------------------------------- a signing service


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("signer")
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    own = authority.issue(key.public_key(), "Remote seal")
    (folder / "signer.key").write_bytes(pkcs8(key))
    (folder / "other.key").write_bytes(pkcs8(other))
    (folder / "signer.pem").write_bytes(pem(own, authority.certificate))
    with serving(folder) as address:
        yield f"{address}/signer"


@pytest.mark.enable_socket
def test_a_service_seals(plain: bytes, settings: Settings, server: str) -> None:
    used = replace(settings, seal=f"{server}/good", seal_token=TOKEN)
    sealer = open_sealer(used)
    assert verifies(signed(plain, sent(sealer)), settings)
    assert TOKEN not in repr(sealer)
    assert TOKEN not in repr(used)
    assert found(used)["签章 seal"].good


MODES = ["other", "redirect", "error", "page", "junk", "flood"]


@pytest.mark.enable_socket
@pytest.mark.parametrize("mode", MODES)
def test_services_that_do_not_seal(
    plain: bytes, settings: Settings, server: str, mode: str
) -> None:
    used = replace(settings, seal=f"{server}/{mode}", seal_token=TOKEN)
    assert code_of(used, plain) == "signer_failed"
    assert found(used)["签章 seal"].detail.startswith("signer_failed")


@pytest.mark.enable_socket
def test_a_service_that_knows_us_not_or_hangs_or_is_gone(settings: Settings, server: str) -> None:
    assert code_of(replace(settings, seal=f"{server}/good")) == "signer_failed"
    with pytest.raises(DocgenError, match="within"):
        _ = RemoteSealer(f"{server}/hang", TOKEN, timeout_s=0.4).certificate
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"http://127.0.0.1:{free.getsockname()[1]}/"
        assert code_of(replace(settings, seal=place)) == "signer_failed"


@pytest.mark.parametrize(
    "place",
    [
        "http://signer.example/",
        "ftp://localhost/",
        "https://me:pass@signer.example/",
        "https://",
        "http://[",
        "https://a:x/",
    ],
)
def test_addresses_that_are_not_asked(settings: Settings, place: str) -> None:
    assert code_of(replace(settings, seal=place)) == "address_refused"
    if not place.startswith("http://s"):
        with pytest.raises(DocgenError):
            timestamper(replace(settings, tsa=place))


# ---------------------------------------------------------------- settings and doctor


def found(settings: Settings) -> dict[str, HealthFinding]:
    return {one.subject: one for one in examine(settings)}


def test_settings_come_from_variables() -> None:
    given = {"DOCGEN_SEAL": "a.p12", "DOCGEN_SEAL_TOKEN": "t", "DOCGEN_TSA": "http://tsa.example"}
    given |= {
        "DOCGEN_SIGNER_ROOTS": "roots.pem",
        "DOCGEN_TSA_ROOTS": "tsa.pem",
        "DOCGEN_SEAL_LTA": "proofs",
    }
    read = load_settings(given)
    assert (read.seal, read.tsa) == ("a.p12", "http://tsa.example")
    assert (read.signer_roots, read.tsa_roots) == (Path("roots.pem"), Path("tsa.pem"))
    assert read.seal_lta == Path("proofs")


def test_doctor_makes_no_key_and_tells_of_the_trial(settings: Settings) -> None:
    assert found(settings)["签章 seal"].good
    assert not settings.data.exists()
    until = open_sealer(settings).certificate.not_valid_after
    assert f"试用 trial，至 until {until:%Y-%m-%d}" in found(settings)["签章 seal"].detail


@pytest.mark.parametrize(
    ("days", "good", "told"),
    [(61, True, ""), (60, True, "还有 60 天"), (31, True, "还有 31 天"), (30, False, "还有 30 天")],
)
def test_doctor_warns_before_a_seal_expires(
    settings: Settings, days: int, good: bool, told: str
) -> None:
    until = open_sealer(settings).certificate.not_valid_after
    seen = found(replace(settings, now=until - timedelta(days=days)))["签章 seal"]
    assert seen.good == good
    assert told in seen.detail
    assert ("还有" in seen.detail) == bool(told)
    gone = found(replace(settings, now=until + timedelta(days=1)))["签章 seal"]
    assert gone.detail.startswith("seal_expired")
    assert gone.remedy


def test_certificates_that_cannot_be_read(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "junk.pem").write_bytes(b"junk")
    for wrong in (tmp_path / "junk.pem", tmp_path / "absent.pem", tmp_path):
        used = replace(settings, signer_roots=wrong)
        assert found(used)["可信证书 trusted"].detail.startswith("certificate_unreadable")


@pytest.mark.enable_socket
def test_doctor_asks_for_a_time_stamp(settings: Settings, server: str) -> None:
    used = replace(settings, tsa=f"{server}/error", seal_lta=settings.data)
    assert found(used)["时间戳 TSA"].detail.startswith("tsa_failed")
    assert found(used)["长期验证 LTA"].detail.startswith("lta_unreadable")


def test_what_is_opened_is_never_made(settings: Settings) -> None:
    with pytest.raises(DocgenError, match="no key"):
        existing(settings)
    assert not settings.data.exists()
