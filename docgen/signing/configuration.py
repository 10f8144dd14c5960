"""Opens what the settings name: the seal, time stamps, certificates to trust.

Where they name no seal, it is the data folder's own trial one, made at its first use.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from asn1crypto import x509

from docgen.errors import OutputRefused, SettingWrong
from docgen.settings import Settings
from docgen.signing.keys import SEAL_NAME, FileSealer, Sealer, load, make_trial, roots, usable
from docgen.signing.known_certificates import SEALS, known, remember, short
from docgen.signing.long_term import Lasting, revocations
from docgen.signing.remote import RemoteSealer
from docgen.signing.service_request import checked_url
from docgen.signing.timestamps import TimeAuthority
from docgen.signing.token import TokenSealer, place_of
from docgen.signing.trust import Trust


def open_sealer(settings: Settings, now: datetime | None = None) -> Sealer:
    """Return the seal, fit for use at `now`; a trial key is made where there is none.

    Its certificate is kept, so that what it seals verifies after it was replaced. Raises
    SettingWrong (missing, expired, wrong passphrase, …); RenderFailed: signer_failed.
    """
    moment = now or settings.clock()
    if not settings.seal and not (settings.data / SEAL_NAME).exists():
        with suppress(OutputRefused):  # another process made it meanwhile
            make_trial(settings.data, now=moment, passphrase=settings.seal_passphrase)
    sealer = existing(settings)
    usable(sealer.certificate, moment)
    remember(settings.data, sealer.certificate)
    return sealer


def existing(settings: Settings) -> Sealer:
    """Return the seal as it is, and make none. Raises as `open_sealer`."""
    place = settings.seal
    if place.startswith("pkcs11:"):
        return TokenSealer(place_of(place), settings.seal_passphrase)
    if "://" in place:
        return RemoteSealer(checked_url(place, "DOCGEN_SEAL"), settings.seal_token)
    return load(Path(place) if place else settings.data / SEAL_NAME, settings.seal_passphrase)


def renew(settings: Settings, now: datetime) -> FileSealer:
    """Make a new trial key; the old one goes to the folder `seals`, where its certificate stays.

    Raises SettingWrong: seal_elsewhere, for a key that is not the data folder's.
    """
    if settings.seal:
        raise SettingWrong("seal_elsewhere", place="DOCGEN_SEAL")
    old = existing(settings)
    remember(settings.data, old.certificate)
    aside = settings.data / SEALS / f"{short(old.certificate)}.p12"
    (settings.data / SEAL_NAME).rename(aside)
    made = make_trial(settings.data, now=now, passphrase=settings.seal_passphrase)
    remember(settings.data, made.certificate)
    return made


def timestamper(settings: Settings) -> TimeAuthority | None:
    """Return the time-stamping service that the settings name, if they do. SettingWrong."""
    if not settings.tsa:
        return None
    url = checked_url(settings.tsa, "DOCGEN_TSA", plain=True)
    return TimeAuthority(url, roots_in(settings.tsa_roots, "DOCGEN_TSA_ROOTS"))


def lasting(settings: Settings) -> Lasting | None:
    """Return what seals are made to last with (PAdES B-LTA), if the settings ask for it.

    Raises SettingWrong: lta_without_tsa, lta_unreadable, certificate_unreadable.
    """
    if settings.seal_lta is None:
        return None
    authority = timestamper(settings)
    if authority is None:
        raise SettingWrong("lta_without_tsa", place="DOCGEN_SEAL_LTA")
    signer_roots = roots_in(settings.signer_roots, "DOCGEN_SIGNER_ROOTS")
    roots = (*signer_roots, *authority.roots)
    return Lasting(authority, roots, *revocations(settings.seal_lta))


def trusted(settings: Settings) -> Trust:
    """Return whom verification trusts: all seals ever used here, and the roots that are set.

    Raises SettingWrong: certificate_unreadable. Asks nobody, and makes nothing.
    """
    return Trust(
        tuple(known(settings.data)),
        tuple(roots_in(settings.signer_roots, "DOCGEN_SIGNER_ROOTS")),
        tsa_roots=tuple(roots_in(settings.tsa_roots, "DOCGEN_TSA_ROOTS")),
    )


def roots_in(path: Path | None, setting: str) -> list[x509.Certificate]:
    """Read the certificates (PEM) that a setting names; none where it is empty. SettingWrong."""
    if path is None:
        return []
    try:
        return roots(path.read_bytes(), str(path))
    except OSError as wrong:
        raise SettingWrong(
            "certificate_unreadable.roots",
            place=str(path),
            setting=setting,
            reason=wrong.strerror,
        ) from wrong
