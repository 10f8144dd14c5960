"""Encryption, under the service's key, of texts that the database must not hold in clear."""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken

from docgen.errors import StoreFault


def sealed(key: bytes, text: str) -> str:
    """Encrypt `text` with `key` (Fernet: AES-128-CBC with HMAC-SHA256)."""
    return Fernet(key).encrypt(text.encode()).decode("ascii")


def opened(key: bytes, token: str) -> str:
    """Decrypt a text. StoreFault: sealed_otherwise (another key, or changed since)."""
    try:
        return Fernet(key).decrypt(token).decode()
    except InvalidToken as wrong:
        raise StoreFault("sealed_otherwise") from wrong
