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
        raise StoreFault(
            "sealed_otherwise",
            "封存的内容无法打开：密钥已更换，或内容被改动",
            "What was sealed cannot be opened: the key was changed, or the content was",
            hint_zh="请恢复原来的 DOCGEN_SECRET_KEY（或数据目录中的 secret.key）；回调密钥可更换。",
            hint_en="Bring back the former DOCGEN_SECRET_KEY (or secret.key in the data folder);"
            " a webhook's secret can be replaced.",
        ) from wrong
