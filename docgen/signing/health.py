"""The condition of the seal and of the time-stamping service, really asked. Makes no key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta

from docgen.errors import DocgenError, SettingWrong
from docgen.settings import Settings
from docgen.signing.configuration import existing, lasting, timestamper, trusted
from docgen.signing.keys import SEAL_NAME, Sealer, is_trial, matches, usable
from docgen.signing.timestamps import PROBE, TimeAuthority, moment_of
from docgen.signing.trust import Trust
from docgen.store.health import HealthFinding

SOON, VERY_SOON = timedelta(days=60), timedelta(days=30)
RENEW = "docgen seal renew 生成新的试用密钥；自己的密钥按 docs/signing.md 更换"


def examine(settings: Settings) -> Iterator[HealthFinding]:
    """Look at the seal, at time stamps, and at what makes seals last, as far as they are set."""
    yield _told("签章 seal", lambda subject: _seal(subject, settings))
    yield _told("可信证书 trusted", lambda subject: _good(subject, _counted(trusted(settings))))
    if settings.tsa:
        yield _told("时间戳 TSA", lambda subject: _tsa(subject, settings))
    if settings.seal_lta:
        yield _told("长期验证 LTA", lambda subject: _lasting(subject, settings))


def _counted(trust: Trust) -> str:
    roots = len(trust.signer_roots) + len(trust.tsa_roots)
    return f"签章 {len(trust.seals)} 张，根证书 {roots} 张"


def _seal(subject: str, settings: Settings) -> HealthFinding:
    """Have something signed, and tell how long the certificate holds."""
    if not settings.seal and not (settings.data / SEAL_NAME).exists():
        return _good(subject, "试用，首次签章时生成 trial, made at the first sign-off")
    sealer = existing(settings)
    now, until = settings.clock(), sealer.certificate.not_valid_after
    usable(sealer.certificate, now)
    _sign(sealer)
    kind = "试用 trial" if is_trial(sealer.certificate) else "自己的 own"
    told, left = f"{kind}，至 until {until:%Y-%m-%d}", until - now
    if left <= SOON:
        told += f"，还有 {left.days} 天，请准备更换 renew soon"
    return HealthFinding(subject, left > VERY_SOON, told, RENEW)


def _sign(sealer: Sealer) -> None:
    signature = asyncio.run(sealer.signer().async_sign_raw(PROBE, "sha256"))
    if not matches(sealer.certificate, PROBE, signature):
        raise SettingWrong("seal_mismatch")


def _tsa(subject: str, settings: Settings) -> HealthFinding:
    authority = timestamper(settings)
    assert authority is not None
    return _good(subject, f"{settings.tsa} {_asked(authority)}")


def _asked(authority: TimeAuthority) -> str:
    stamp = asyncio.run(authority.async_timestamp(PROBE, "sha256"))
    return moment_of(stamp["content"]).isoformat()


def _lasting(subject: str, settings: Settings) -> HealthFinding:
    found = lasting(settings)
    assert found is not None
    return _good(subject, f"{len(found.crls)} CRL, {len(found.ocsps)} OCSP")


def _good(subject: str, told: str) -> HealthFinding:
    return HealthFinding(subject, True, told)


def _told(subject: str, look: Callable[[str], HealthFinding]) -> HealthFinding:
    try:
        return look(subject)
    except DocgenError as wrong:
        return HealthFinding(
            subject,
            False,
            f"{wrong.code}: {wrong.message('zh')}",
            wrong.hint("zh") or wrong.hint("en"),
        )
