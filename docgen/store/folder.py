"""The data folder: who may see it, and the key that seals what the database must not hold open."""

from __future__ import annotations

import base64
import hashlib
import secrets
from pathlib import Path

from docgen.delivery import write_aside
from docgen.errors import OutputRefused, SettingWrong

KEY_NAME = "secret.key"
KEY_BYTES = 32
EXAMPLES = ("changeme", "change-me", "secret", "password", "example", "docgen", "please", "your")


def prepare(folder: Path) -> Path:
    """Make the folder, for its owner only. OutputRefused: data_folder."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder.resolve()
    except OSError as wrong:
        raise refused(folder, wrong) from wrong


def refused(folder: Path, wrong: OSError) -> OutputRefused:
    """Say that the data folder cannot be used."""
    return OutputRefused(
        "data_folder",
        f"数据目录不可用：{wrong.strerror}",
        f"The data folder cannot be used: {wrong.strerror}",
        hint_zh="用 DOCGEN_DATA 指定可写的目录。",
        hint_en="Name a folder that can be written with DOCGEN_DATA.",
        place=str(folder),
    )


def secret_key(folder: Path, given: str, *, make: bool) -> bytes:
    """Return the service's key: the one given, or the folder's own, made at first when `make`.

    Raises SettingWrong: secret_missing, secret_weak (too short, or an example from a manual).
    """
    if given:
        return _derived(given)
    path = folder / KEY_NAME
    if not path.is_file():
        if not make:
            raise _wrong(
                "secret_missing",
                "没有设置 DOCGEN_SECRET_KEY",
                "DOCGEN_SECRET_KEY is not set",
            )
        write_aside(path, secrets.token_hex(KEY_BYTES).encode())
        path.chmod(0o600)
    return _derived(path.read_text("ascii").strip())


def _derived(text: str) -> bytes:
    plain = text.casefold()
    if len(text) < KEY_BYTES or len(set(text)) < 10 or any(word in plain for word in EXAMPLES):
        raise _wrong(
            "secret_weak",
            "密钥太短，或是文档中的示例",
            "The secret is too short, or an example from a manual",
        )
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())


def _wrong(code: str, zh: str, en: str) -> SettingWrong:
    return SettingWrong(
        code,
        zh,
        en,
        hint_zh="用 openssl rand -hex 32 生成，写入环境变量 DOCGEN_SECRET_KEY。",
        hint_en="Make one with openssl rand -hex 32 and set DOCGEN_SECRET_KEY.",
        place="DOCGEN_SECRET_KEY",
    )
