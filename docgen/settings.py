"""All settings, read once from `DOCGEN_` variables into one frozen object."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from docgen.errors import SettingWrong
from docgen.paths import templates_dir
from schemas.values import parse_instant

PREFIX = "DOCGEN_"
OIDC = ("oidc_issuer", "oidc_client_id", "oidc_client_secret", "oidc_redirect")
SEALS = ("seal", "seal_passphrase", "seal_token", "tsa")
MAIL = ("smtp", "mail_from", "public_url")
TEXTS = {"host", "database", "blobs", "secret_key", *SEALS, *OIDC, *MAIL}
PATHS = ("theme", "data", "mappings", "signer_roots", "tsa_roots", "seal_lta")
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Names of this machine, to which nothing that is secret needs TLS."""
LEAST = {"memory_mb": 256, "requests_per_minute": 0}  # below that not even the libraries fit


@dataclass(frozen=True)
class Settings:
    """What the surroundings decide. `templates` are folders searched before docgen's own.

    `data` is the folder of the embedded store; `database` and `blobs` are URLs of another one.
    `oidc_redirect` is the public base URL, to which the OpenID provider sends people back.
    `seal` is a PKCS#12 file, a `pkcs11:` address or a signing service's URL, `tsa` that of time
    stamps; `signer_roots` are authorities (PEM) whose certificates may seal, where they are issued
    to the subject of a seal used here; `tsa_roots` those of time stamps; `seal_lta` is a folder
    with revocation lists.
    `smtp` is the mail server's URL, `mail_from` the sender, `public_url` the base of links in mail.
    `batch_days` is how long batches are kept after their end.
    `webhook_networks` are inner ones that messages may be sent into.
    `log` is the form of logs, text or json.
    """

    templates: tuple[Path, ...] = ()
    theme: Path | None = None
    lang: str = "zh"
    jobs: int = max(1, os.cpu_count() or 1)
    memory_mb: int = 2048
    wall_s: int = 30
    cpu_s: int = 10
    host: str = "127.0.0.1"
    port: int = 8000
    requests_per_minute: int = 1200
    batch_days: int = 90
    data: Path = Path("docgen-data")
    database: str = ""
    blobs: str = ""
    mappings: Path | None = None
    secret_key: str = field(default="", repr=False)
    seal: str = ""
    seal_passphrase: str = field(default="", repr=False)
    seal_token: str = field(default="", repr=False)
    signer_roots: Path | None = None
    tsa_roots: Path | None = None
    seal_lta: Path | None = None
    tsa: str = ""
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = field(default="", repr=False)
    oidc_redirect: str = ""
    smtp: str = field(default="", repr=False)
    mail_from: str = ""
    public_url: str = ""
    webhook_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    log: str = "text"
    now: datetime | None = None

    def clock(self) -> datetime:
        """Return the present moment, or the one that `DOCGEN_NOW` fixes."""
        return self.now or datetime.now(UTC)

    @property
    def theme_folder(self) -> Path:
        """Where the theme lies."""
        return self.theme or templates_dir() / "theme"

    @property
    def verify_url(self) -> str:
        """Where QR codes lead when the theme names no address; empty when nobody can be reached."""
        return f"{self.public_url.rstrip('/')}/verify/" if self.public_url else ""

    @property
    def mappings_folder(self) -> Path:
        """Where mappings of spreadsheets are kept, and found again."""
        return self.mappings or self.data / "mappings"

    @property
    def template_folders(self) -> tuple[Path, ...]:
        """Where templates are looked for, first hit wins."""
        return (*self.templates, templates_dir())


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the `DOCGEN_` variables; SettingWrong for an unknown name or a bad value."""
    given = {
        name.removeprefix(PREFIX).lower(): text
        for name, text in environ.items()
        if name.startswith(PREFIX)
    }
    known = {one.name for one in fields(Settings)}
    if "seal_roots" in given:  # one list vouched for signers and time stamps alike
        raise SettingWrong("setting_split", place="DOCGEN_SEAL_ROOTS")
    for name in given.keys() - known:
        raise SettingWrong(
            "unknown_setting",
            place=PREFIX + name.upper(),
            prefix=PREFIX,
            name=name.upper(),
            choices=", ".join(PREFIX + item.upper() for item in sorted(known)),
        )
    return Settings(**{name: _value(name, text) for name, text in given.items()})  # type: ignore[arg-type]


def _value(name: str, text: str) -> object:
    try:
        if name == "templates":
            return tuple(Path(part) for part in text.split(os.pathsep) if part)
        if name == "webhook_networks":
            return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
        if name in PATHS:
            return Path(text)
        if name == "now":
            return parse_instant(text)
        if name == "lang":
            return {"zh": "zh", "en": "en"}[text]
        if name == "log":
            return {"text": "text", "json": "json"}[text]
        if name in TEXTS:
            return text
        if (number := int(text)) < LEAST.get(name, 1):
            raise ValueError(text)
    except (ValueError, KeyError) as wrong:
        raise SettingWrong(
            "bad_setting", place=PREFIX + name.upper(), value=text, prefix=PREFIX, name=name.upper()
        ) from wrong
    return number
