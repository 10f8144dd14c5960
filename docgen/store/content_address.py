"""What every blob store shares: the form of a hash, where its blob lies, checks, faults."""

from __future__ import annotations

import hashlib
import re

from docgen.errors import StoreFault

SHA256 = re.compile(r"[0-9a-f]{64}")


SHARD = re.compile(r"[0-9a-f]{2}")


def shard(sha256: str) -> str:
    """Return where a blob lies below the root; StoreFault for anything but 64 hex digits."""
    if not SHA256.fullmatch(sha256):
        raise StoreFault("bad_sha256", value=sha256)
    return f"{sha256[:2]}/{sha256}"


def checked(data: bytes, sha256: str) -> bytes:
    """Return `data`, which must have that hash. StoreFault: blob_damaged."""
    if hashlib.sha256(data).hexdigest() == sha256:
        return data
    raise StoreFault("blob_damaged", place=sha256)
