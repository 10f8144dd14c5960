"""What the database must not hold open: texts sealed under the service's key, and opened again."""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken

from docgen.errors import StoreFault


def sealed(key: bytes, text: str) -> str:
    """Return `text` as only `key` can open it (Fernet: AES-CBC with an HMAC)."""
    return Fernet(key).encrypt(text.encode()).decode("ascii")


def opened(key: bytes, token: str) -> str:
    """Return what was sealed. StoreFault: sealed_otherwise, under another key or changed since."""
    try:
        return Fernet(key).decrypt(token).decode()
    except InvalidToken as wrong:
        raise StoreFault("sealed_otherwise") from wrong
