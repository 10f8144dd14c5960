"""Time stamps (RFC 3161) from a service that the operator names; it sees the hash, not the file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from asn1crypto import cms, tsp, x509
from pyhanko.sign.timestamps import TimeStamper, TimestampRequestError
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko.sign.validation.status import TimestampSignatureStatus
from pyhanko_certvalidator import ValidationContext

from docgen.errors import RenderFailed
from docgen.signing.damaged_pdf import DAMAGES
from docgen.signing.service_request import TIMEOUT_S, Unanswered, ask

_HEADERS = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
PROBE = hashlib.sha256(b"docgen doctor\n").digest()


class TimeAuthority(TimeStamper):
    """A time-stamping service, whose stamps are checked before they are used.

    Where there are `roots`, its certificate has to come from one of them. What goes wrong raises
    RenderFailed: tsa_failed.
    """

    def __init__(
        self, url: str, roots: Sequence[x509.Certificate] = (), *, timeout_s: float = TIMEOUT_S
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.url, self.roots, self.timeout_s = url, tuple(roots), timeout_s

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """Ask for one stamp."""
        answer = await ask(
            "POST",
            self.url,
            _HEADERS,
            kind="application/timestamp-reply",
            body=req.dump(),
            timeout_s=self.timeout_s,
        )
        return tsp.TimeStampResp.load(answer, strict=True)

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        """Return a stamp on a digest, as it should be."""
        try:
            token = await super().async_timestamp(message_digest, md_algorithm)
            await self._check(token, message_digest)
        except Unanswered as wrong:
            raise RenderFailed("tsa_failed", place=self.url, why=wrong.why) from wrong
        except TimestampRequestError as wrong:
            raise RenderFailed("tsa_failed.refused", place=self.url, reason=str(wrong)) from wrong
        except (*DAMAGES, SignatureValidationError) as wrong:
            raise RenderFailed("tsa_failed.no_stamp", place=self.url) from wrong
        return token

    async def _check(self, token: cms.ContentInfo, digest: bytes) -> None:
        found = token["content"]
        context = ValidationContext(
            trust_roots=[*self.roots], allow_fetching=False, moment=moment_of(found)
        )
        status = TimestampSignatureStatus(
            **await validate_tst_signed_data(found, context, lambda _: digest)
        )
        if not (status.intact and status.valid):
            raise RenderFailed("tsa_failed.wrong_signature", place=self.url)
        if self.roots and not status.trusted:
            raise RenderFailed("tsa_failed.not_trusted", place=self.url)


def moment_of(stamp: cms.SignedData) -> datetime:
    """Return the time that a stamp states."""
    moment: datetime = stamp["encap_content_info"]["content"].parsed["gen_time"].native
    return moment
