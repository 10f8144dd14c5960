"""Blobs in a bucket that speaks S3. Keys come from AWS_ variables and are never logged or shown."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from docgen.errors import SettingWrong, StoreFault
from docgen.store.content_address import SHA256, checked, shard

if TYPE_CHECKING:  # obstore ships these for checkers only
    from obstore.store import ClientConfig, RetryConfig, S3Config

# Bucket names: Amazon S3 User Guide, "General purpose bucket naming rules" (3 to 63 characters).
PLACE = re.compile(
    r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])"
    r"(?P<prefix>(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)/?"
)
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")  # first hit wins
ASIDE = "removed"
# Long enough for a server that restarts; then the caller is told that the store is unusable.
RETRIES: RetryConfig = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}
CLIENT: ClientConfig = {
    "connect_timeout": timedelta(seconds=5),
    "timeout": timedelta(seconds=120),  # of one request with its body
}


class S3Blobs:
    """Blobs as objects `ab/<sha256>` below a prefix of a bucket.

    A bucket can neither be locked nor delete on a condition of time, so a put may slip in
    between the look and the removal. Therefore `delete` first sets a copy aside, where `get`
    finds it as well; that copy goes with a later sweep, if nothing refers to it by then.
    """

    def __init__(self, url: str, environ: Mapping[str, str] = os.environ) -> None:
        """Take the place from `url`, keys and endpoint from AWS_ variables; send nothing yet."""
        place = PLACE.fullmatch(url)
        if place is None:
            raise SettingWrong("bad_blob_url")
        endpoint = _endpoint(environ)
        self.place = f"s3://{place['bucket']}{place['prefix']}"
        self._store = S3Store(
            place["bucket"],
            prefix=place["prefix"].strip("/") or None,
            config=_config(environ, endpoint),
            client_options={**CLIENT, "allow_http": endpoint.startswith("http://")},
            retry_config=RETRIES,
        )

    def put(self, data: bytes) -> str:
        """Send one request with all bytes, also where they lie already: that renews and mends."""
        sha256 = hashlib.sha256(data).hexdigest()
        with self._faults():
            obstore.put(self._store, shard(sha256), data, use_multipart=False)
        return sha256

    def get(self, sha256: str) -> bytes:
        """Return the bytes of that hash, checked."""
        for key in _keys(sha256):
            data = self._fetched(key)
            if data is not None:
                return checked(data, sha256)
        raise StoreFault("blob_missing", place=sha256)

    def names(self) -> Iterator[tuple[str, datetime]]:
        """List the bucket; a blob that was set aside and put again comes twice."""
        with self._faults():
            for chunk in obstore.list(self._store):
                for entry in chunk:
                    sha256 = entry["path"].rpartition("/")[2]
                    if SHA256.fullmatch(sha256) and entry["path"] in _keys(sha256):
                        yield sha256, entry["last_modified"]

    def delete(self, sha256: str, *, older_than: datetime) -> bool:
        """Set a blob aside, or remove what was set aside, unless it is that new."""
        key, aside = _keys(sha256)
        with self._faults():
            modified = self._modified(key)
            if modified is None:
                key, modified = aside, self._modified(aside)
            if modified is None or modified >= older_than:
                return False
            if key != aside:
                try:
                    obstore.copy(self._store, key, aside)
                except FileNotFoundError:  # another sweep was faster
                    return False
            obstore.delete(self._store, key)
        return True

    def discard_unfinished(self, *, older_than: datetime) -> int:
        """Remove nothing: an object that was not sent whole never shows."""
        return 0

    def _fetched(self, key: str) -> bytes | None:
        with self._faults():
            try:
                return obstore.get(self._store, key).bytes().to_bytes()
            except FileNotFoundError as wrong:
                if _reason(wrong) == "NoSuchBucket":
                    raise
        return None

    def _modified(self, key: str) -> datetime | None:
        try:
            return obstore.head(self._store, key)["last_modified"]
        except FileNotFoundError:
            return None

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, FileNotFoundError) as wrong:
            raise StoreFault("store_unusable", place=self.place, reason=_reason(wrong)) from wrong


def _keys(sha256: str) -> tuple[str, str]:
    """Return where a blob lies, and where it lies once it is set aside."""
    return shard(sha256), f"{ASIDE}/{sha256}"


def _reason(wrong: Exception) -> str:
    """Return the code that the bucket answered, or the kind of error where it answered none."""
    code = re.search(r"<Code>(\w+)</Code>", str(wrong))
    return code[1] if code else type(wrong).__name__


# ---------------------------------------------------------------- settings


def _config(environ: Mapping[str, str], endpoint: str) -> S3Config:
    """Return keys and endpoint; without keys obstore would ask a cloud's own network for them."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    for name in names:
        if not environ.get(name):
            raise SettingWrong("no_s3_keys", place=name)
    config: S3Config = {
        "access_key_id": environ["AWS_ACCESS_KEY_ID"],
        "secret_access_key": environ["AWS_SECRET_ACCESS_KEY"],
    }
    if endpoint:
        config["endpoint"] = endpoint
    return config


def _endpoint(environ: Mapping[str, str]) -> str:
    """Return the first endpoint that is set, or nothing for Amazon's own."""
    name = next((name for name in ENDPOINTS if environ.get(name)), "")
    if not name:
        return ""
    try:
        parts = urlsplit(environ[name])
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise SettingWrong("bad_endpoint", place=name)
    return environ[name]
