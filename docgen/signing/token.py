"""A seal whose key lies in a PKCS#11 token (an HSM, a smart card), and never leaves it.

Opened for each certificate and each signature: a token's session belongs to one caller at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import unquote

import pkcs11
from asn1crypto import x509
from pkcs11 import Attribute, ObjectClass, PKCS11Error
from pyhanko.sign.pkcs11 import PKCS11Signer
from pyhanko.sign.signers import Signer

from docgen.errors import RenderFailed, SettingWrong
from docgen.signing.keys import matches, registry

_ALONE = threading.Lock()
_EXAMPLE = "pkcs11:token=docgen;object=seal?module-path=/usr/lib/softhsm/libsofthsm2.so"
_PIN_WRONG = (
    pkcs11.PinIncorrect,
    pkcs11.PinInvalid,
    pkcs11.PinLenRange,
    pkcs11.PinLocked,
    pkcs11.PinExpired,
    pkcs11.UserPinNotInitialized,
)


@dataclass(frozen=True)
class TokenKey:
    """Where a key is: the module's file, the token's label, the label of key and certificate."""

    module: str
    token: str
    label: str

    def __str__(self) -> str:
        """For people."""
        return f"pkcs11:token={self.token};object={self.label}"


@dataclass(frozen=True)
class TokenSealer:
    """A key in a PKCS#11 token."""

    place: TokenKey
    pin: str = field(default="", repr=False)

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate that the signatures carry. Raises SettingWrong."""
        return self.certificates[0]

    @cached_property
    def certificates(self) -> list[x509.Certificate]:
        """The seal's certificate, and those of authorities that lie in the token."""
        try:
            with _opened(self.place, self.pin) as session:
                objects = session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE})
                made = [
                    (one[Attribute.LABEL], x509.Certificate.load(one[Attribute.VALUE]))
                    for one in objects
                ]
        except PKCS11Error as wrong:
            raise SettingWrong(
                "seal_missing.token",
                place=str(self.place),
                reason=str(wrong) or type(wrong).__name__,
            ) from wrong
        sealing = [one for label, one in made if label == self.place.label]
        if len(sealing) != 1:
            raise SettingWrong(
                "seal_missing.token", place=str(self.place), reason=f"{len(sealing)} certificates"
            )
        return sealing + [one for label, one in made if one.ca and label != self.place.label]

    def signer(self) -> Signer:
        """Return what makes a signature."""
        return TokenSigner(self)


class TokenSigner(Signer):
    """Has the token sign, and looks whether what it gives belongs to the certificate."""

    def __init__(self, sealer: TokenSealer) -> None:
        certificate, *authorities = sealer.certificates
        super().__init__(signing_cert=certificate, cert_registry=registry(authorities))
        self.sealer = sealer

    async def async_sign_raw(
        self, data: bytes, digest_algorithm: str, dry_run: bool = False
    ) -> bytes:
        """Sign; SettingWrong: seal_mismatch, seal_missing; RenderFailed: seal_failed."""
        certificate = self.sealer.certificate
        if dry_run:
            return bytes(512)
        try:
            with _opened(self.sealer.place, self.sealer.pin) as session:
                inner = PKCS11Signer(
                    session,
                    key_label=self.sealer.place.label,
                    signing_cert=certificate,
                    use_raw_mechanism=certificate.public_key.algorithm == "ec",
                )
                signature: bytes = await inner.async_sign_raw(data, digest_algorithm)
        except PKCS11Error as wrong:
            raise _failed(self.sealer.place, wrong) from wrong
        if not matches(certificate, data, signature):
            raise SettingWrong("seal_mismatch", place=str(self.sealer.place))
        return signature


def place_of(uri: str) -> TokenKey:
    """Read a PKCS#11 URI (RFC 7512) with `token`, `object`, `module-path`.

    Raises SettingWrong: seal_address.
    """
    path, _, query = uri.removeprefix("pkcs11:").partition("?")
    try:
        named = _attributes(path, ";") | _attributes(query, "&")
    except ValueError:
        named = {}
    if named.keys() != {"token", "object", "module-path"} or not all(named.values()):
        raise SettingWrong("seal_address", place="DOCGEN_SEAL", example=_EXAMPLE)
    return TokenKey(named["module-path"], named["token"], named["object"])


def _attributes(text: str, between: str) -> dict[str, str]:
    """Return attributes by name. ValueError for one that is given twice, or is no UTF-8."""
    found: dict[str, str] = {}
    for part in filter(None, text.split(between)):
        name, _, value = part.partition("=")
        if name in found:
            raise ValueError(name)
        found[name] = unquote(value, errors="strict")
    return found


@contextmanager
def _opened(place: TokenKey, pin: str) -> Iterator[pkcs11.Session]:
    """Give a session with the token; nobody else in this process has one meanwhile."""
    with _ALONE:
        try:
            token = pkcs11.lib(place.module).get_token(token_label=place.token)
            session = token.open(user_pin=pin or None)
        except _PIN_WRONG as wrong:
            raise SettingWrong(
                "seal_unreadable.token", place=str(place), kind=type(wrong).__name__
            ) from wrong
        except (PKCS11Error, OSError, RuntimeError) as wrong:
            raise SettingWrong(
                "seal_missing.token", place=str(place), reason=str(wrong) or type(wrong).__name__
            ) from wrong
        with session:
            yield session


def _failed(place: TokenKey, wrong: PKCS11Error) -> RenderFailed:
    reason = str(wrong) or type(wrong).__name__
    return RenderFailed("seal_failed.token", place=str(place), reason=reason)
