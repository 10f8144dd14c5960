"""Passwords: argon2id, a least length, none of the usual ones; a few are computed at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from docgen.errors import InputUnreadable, Overloaded

# Characters; NIST SP 800-63B 5.1.1.2 wants at least 8, and room for 64.
LEAST, MOST = 10, 200
COMMON = frozenset({"password", "changeme", "docgen", "admin", "qwerty", "123456", "letmein"})
# Each computation takes 64 MiB and a core: a flood of guesses must not take all there are.
AT_ONCE, PATIENCE_S = 4, 5
_PLACES = threading.BoundedSemaphore(AT_ONCE)
_HASHER = PasswordHasher()  # its defaults are RFC 9106's second recommendation: 64 MiB, 3 passes


def hashed(password: str, username: str) -> str:
    """Return what is kept of a password. InputUnreadable: password_weak."""
    check(password, username)
    with _place():
        return _HASHER.hash(password)


def check(password: str, username: str) -> None:
    """Refuse a weak password. InputUnreadable: password_weak."""
    plain = password.casefold()
    # "password2026!" is as easy to guess as "password".
    stripped = plain.strip("0123456789!@#$%^&*._-")
    weak = stripped in COMMON or username.casefold() in plain or len(set(plain)) < 5
    if not LEAST <= len(password) <= MOST or weak:
        raise InputUnreadable("password_weak", place="password", least=LEAST, limit=MOST)


def matches(password_hash: str | None, password: str) -> bool:
    """Compare; takes as long when there is nothing to compare with."""
    with _place():
        unknown = _unknown_user_hash()
        try:
            _HASHER.verify(password_hash or unknown, password)
        except (VerificationError, InvalidHashError):
            return False
    return password_hash is not None


def outdated(password_hash: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


@cache
def _unknown_user_hash() -> str:
    """Return what an unknown user's password is compared with, so that both take as long."""
    return _HASHER.hash("nobody has this password")


@contextmanager
def _place() -> Iterator[None]:
    if not _PLACES.acquire(timeout=PATIENCE_S):
        raise Overloaded("sign_in_busy")
    try:
        yield
    finally:
        _PLACES.release()
