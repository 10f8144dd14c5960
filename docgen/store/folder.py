"""The data folder: who may see it, and the key that seals what the database must not hold open."""

from __future__ import annotations

import base64
import hashlib
import secrets
from pathlib import Path

from docgen.errors import OutputRefused, SettingWrong
from docgen.files.output import write_aside

KEY_NAME = "secret.key"
KEY_BYTES = 32  # 256 bits, as much as the Fernet key that is derived from it
# What manuals and compose files put in the place of a key.
EXAMPLES = ("changeme", "change-me", "secret", "password", "example", "docgen", "please", "your")


def prepare(folder: Path) -> Path:
    """Make the folder, for its owner only. OutputRefused: data_folder."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder.resolve()
    except OSError as wrong:
        raise OutputRefused("data_folder", place=str(folder), reason=wrong.strerror) from wrong


def secret_key(folder: Path, given: str, *, make: bool) -> bytes:
    """Return the service's key: the one given, or the folder's own, made at first when `make`.

    Raises SettingWrong: secret_missing, secret_weak (too short, or an example from a manual).
    """
    if given:
        return _derived(given)
    path = folder / KEY_NAME
    if not path.is_file():
        if not make:
            raise SettingWrong("secret_missing", place="DOCGEN_SECRET_KEY")
        write_aside(path, secrets.token_hex(KEY_BYTES).encode())
        path.chmod(0o600)  # readable by nobody but the owner
    return _derived(path.read_text("ascii").strip())


def _derived(text: str) -> bytes:
    plain = text.casefold()
    if len(text) < KEY_BYTES or len(set(text)) < 10 or any(word in plain for word in EXAMPLES):
        raise SettingWrong("secret_weak", place="DOCGEN_SECRET_KEY")
    # Fernet wants 32 bytes in URL-safe base64 (its specification, "Key Format").
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
