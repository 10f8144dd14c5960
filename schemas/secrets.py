"""Text that looks like a credential: found, and masked where that is asked for.

No record ever holds one (handbook 5.E): passwords stay with the customer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from schemas.problems import Problem, Step, error

MASK = "******"
_SET = r"""\s*(?:=>|[=:：])\s*["'“‘]?(?P<s{n}>[^\s"'”’,，;；]+)"""
_PATTERNS = (
    r"(?<![\w-])(?:password|passwd|passphrase|pwd|secret_?key|access_?key|api_?key|auth_?token|db_?pass(?:word)?)"
    + _SET.format(n=1),
    r"(?:密码|口令|密钥)(?:是|为)?" + _SET.format(n=2),
    r"""\bidentified\s+(?:with\s+\S+\s+)?by\s+(?:values\s+)?["']?(?P<s3>[^\s"';]+)""",
    r"""\b(?:mysql|mysqldump|mysqladmin|xtrabackup|mariadb)\b[^\n]*?\s-p["']?(?P<s4>[^\s"'-][^\s"']*)""",
    r"\b[a-z][a-z0-9+.-]*://[^\s/:@]+:(?P<s5>[^\s/@]+)@",
    r"\b(?:sqlplus|expdp|impdp|exp|imp|rman\s+target|disql|dexp|dmrman|jdbc:oracle:thin:)\s*[\w$#.]+/(?P<s6>[^\s/@]+)",
    r"\b[A-Za-z][\w$#]*/(?P<s7>[^\s/@:]{3,})@(?:/{0,2}[\w.-]+(?::\d+)?[/:]?[\w.]*)",
    r"\bPGPASSWORD=(?P<s8>\S+)",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?P<s9>[\s\S]*?)(?:-----END|$)",
)
_SECRET = re.compile("|".join(_PATTERNS), re.IGNORECASE)
_QUICK = re.compile(r"pass|pwd|密码|口令|密钥|identified|-p|key|token|@|PRIVATE|/", re.IGNORECASE)
_HARMLESS = re.compile(r"^(?:[*•●xX.<>\[\]{}]+|<.*>?|\{.*\}?|\$\{?\w+\}?|\?|values|null|none|yes|no|是|否|无)$", re.IGNORECASE)


def secrets_in(text: str) -> list[tuple[int, int]]:
    """Where `text` holds what looks like a credential, as (start, end) of the secret itself."""
    if not _QUICK.search(text):
        return []
    spans = []
    for found in _SECRET.finditer(text):
        name = next(key for key, value in found.groupdict().items() if value is not None)
        if not _HARMLESS.match(found[name]):
            spans.append(found.span(name))
    return spans


def masked(text: str) -> str:
    """`text` with every credential replaced by `******`."""
    for start, end in reversed(secrets_in(text)):
        text = text[:start] + MASK + text[end:]
    return text


def mask_all(value: Any) -> Any:
    """JSON-like `value` with credentials masked in every text."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, list):
        return [mask_all(item) for item in value]
    if isinstance(value, dict):
        return {key: mask_all(item) for key, item in value.items()}
    return value


def secret_problems(value: Any, path: tuple[Step, ...] = ()) -> Iterator[Problem]:
    """One error for each text that holds a credential; the secret itself is never repeated."""
    if isinstance(value, str):
        if secrets_in(value):
            yield error(path, "secret", masked(value))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from secret_problems(item, (*path, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from secret_problems(item, (*path, key))
