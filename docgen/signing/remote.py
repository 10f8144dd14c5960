"""A seal whose key is held by a signing service, asked over HTTP as docs/signing.md describes.

The service sees the hash of what is signed, never the document.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property

from asn1crypto import x509
from pyhanko.sign.signers import Signer

from docgen.errors import RenderFailed, SettingWrong
from docgen.signing.keys import matches, registry, roots
from docgen.signing.service_request import TIMEOUT_S, Unanswered, ask

CHAIN = "application/pem-certificate-chain"
SIGNATURE = "application/octet-stream"


@dataclass(frozen=True)
class RemoteSealer:
    """A key at a signing service, which is asked with a bearer token."""

    url: str
    token: str = field(default="", repr=False)
    timeout_s: float = TIMEOUT_S

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate that the signatures carry. RenderFailed: signer_failed."""
        return self.chain[0]

    @cached_property
    def chain(self) -> list[x509.Certificate]:
        """The seal's certificate and those of its authorities, as the service tells them."""
        return asyncio.run(self._chain())

    def signer(self) -> Signer:
        """Return what makes a signature."""
        return RemoteSigner(self)

    async def signature(self, digest: bytes) -> bytes:
        """Have a SHA-256 digest signed. RenderFailed: signer_failed."""
        question = json.dumps({"algorithm": "sha256", "digest": digest.hex()}).encode()
        headers = self._headers(SIGNATURE) | {"Content-Type": "application/json"}
        return await self._asked("POST", headers, SIGNATURE, question)

    async def _chain(self) -> list[x509.Certificate]:
        pem = await self._asked("GET", self._headers(CHAIN), CHAIN)
        try:
            return roots(pem, self.url)
        except SettingWrong as wrong:
            raise RenderFailed("signer_failed.no_certificate", place=self.url) from wrong

    async def _asked(
        self, method: str, headers: dict[str, str], kind: str, body: bytes = b""
    ) -> bytes:
        try:
            return await ask(
                method, self.url, headers, kind=kind, body=body, timeout_s=self.timeout_s
            )
        except Unanswered as wrong:
            raise RenderFailed("signer_failed", place=self.url, why=wrong.why) from wrong

    def _headers(self, kind: str) -> dict[str, str]:
        authorization = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return {"Accept": kind} | authorization


class RemoteSigner(Signer):
    """Has the service sign, and looks whether what it gives belongs to the certificate."""

    def __init__(self, sealer: RemoteSealer) -> None:
        certificate, *authorities = sealer.chain
        super().__init__(signing_cert=certificate, cert_registry=registry(authorities))
        self.sealer = sealer

    async def async_sign_raw(
        self, data: bytes, digest_algorithm: str, dry_run: bool = False
    ) -> bytes:
        """Sign. RenderFailed: signer_failed."""
        if dry_run:
            return bytes(512)
        signature = await self.sealer.signature(hashlib.sha256(data).digest())
        if not matches(self.sealer.certificate, data, signature):
            raise RenderFailed("signer_failed.mismatch", place=self.sealer.url)
        return signature
