"""The condition of a store: its folder, key, database, bytes, and clock. Makes no store."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from docgen.errors import DocgenError, StoreFault
from docgen.settings import Settings
from docgen.store import migrations
from docgen.store.blobs import open_blobs
from docgen.store.database import SQLITE_NAME, Database, sqlite_url
from docgen.store.folder import secret_key

FREE_MB = 1000  # below it a contract's documents, or a backup, may not fit any more
# Before this no docgen existed: a machine without a battery clock starts in 1970 or 2000.
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
APART = timedelta(seconds=5)  # far below the two minutes for which a message of mail is claimed
OLDEST_POSTGRES = 14  # of 2021; PostgreSQL mends a release for five years
PROBE = b"docgen doctor\n"


@dataclass(frozen=True)
class HealthFinding:
    """One thing looked at, and what to do when it is not good."""

    subject: str
    good: bool
    detail: str
    remedy: str = ""

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)


def examine(settings: Settings) -> Iterator[HealthFinding]:
    """Look at the store that the settings name; one that is still to be made is no fault."""
    yield _clock(settings)
    folder = settings.data.resolve()
    if not settings.database and not (folder / SQLITE_NAME).is_file():
        yield HealthFinding("数据目录 data folder", True, f"{folder}: 尚未建立 not made yet")
        return
    if folder.is_dir():
        yield _folder(folder)
        yield _space(folder)
    yield _finding("密钥 secret key", lambda: _key(settings, folder))
    yield _finding("数据库 database", lambda: _database(settings, folder))
    yield _finding("文件存储 blobs", lambda: _blobs(settings, folder))


def _folder(folder: Path) -> HealthFinding:
    subject, mode = "数据目录 data folder", stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o077:
        remedy = f"chmod 700 {folder}"
        return HealthFinding(
            subject, False, f"{folder}: 别人可读 open to others ({mode:o})", remedy
        )
    if not os.access(folder, os.W_OK) or os.statvfs(folder).f_flag & os.ST_RDONLY:
        return HealthFinding(subject, False, f"{folder}: 不可写 not writable", "检查属主与挂载方式")
    return HealthFinding(subject, True, str(folder))


def _space(folder: Path) -> HealthFinding:
    free = shutil.disk_usage(folder).free // 2**20
    remedy = f"至少留出 {FREE_MB} MB"
    return HealthFinding("数据盘空间 data space", free > FREE_MB, f"{free} MB", remedy)


def _clock(settings: Settings) -> HealthFinding:
    subject, now = "时钟 clock", datetime.now(UTC)
    if settings.now:
        detail = f"DOCGEN_NOW={settings.now.isoformat()}，只用于重现 only to reproduce"
        return HealthFinding(subject, True, detail)
    return HealthFinding(
        subject, now > EARLIEST, now.isoformat(timespec="seconds"), "启用时间同步 NTP"
    )


def _key(settings: Settings, folder: Path) -> str:
    secret_key(folder, settings.secret_key, make=False)
    return "DOCGEN_SECRET_KEY" if settings.secret_key else "secret.key"


def _database(settings: Settings, folder: Path) -> str:
    database = Database(settings.database or sqlite_url(folder))
    try:
        migrations.check(database)
        with database.reading() as session:
            return f"{_version(session)}, 结构 tables {migrations.current(session.connection())}"
    finally:
        database.close()


def _version(session: Session) -> str:
    """Return the version, of PostgreSQL after a look at its clock. Raises StoreFault."""
    if session.get_bind().dialect.name == "sqlite":
        return f"SQLite {session.scalar(text('SELECT sqlite_version()'))}"
    # 170004 is release 17.4: the major number is all but the last four digits since release 10.
    number = int(session.scalar(text("SHOW server_version_num")) or 0)
    version = f"PostgreSQL {number // 10000}.{number % 10000}"
    if number // 10000 < OLDEST_POSTGRES:
        raise StoreFault("old_postgresql", version=version, oldest=OLDEST_POSTGRES)
    _compare_clocks(session.scalar(text("SELECT clock_timestamp()")))
    return version


def _compare_clocks(there: datetime | None) -> None:
    if there and abs(there - datetime.now(UTC)) > APART:
        raise StoreFault("clocks_differ", seconds=APART.seconds, there=there.isoformat())


def _blobs(settings: Settings, folder: Path) -> str:
    """Put some bytes and get them back; a sweep takes them away."""
    blobs = open_blobs(folder / "blobs", settings.blobs or None)
    blobs.get(blobs.put(PROBE))
    return settings.blobs or str(folder / "blobs")


def _finding(subject: str, look: Callable[[], str]) -> HealthFinding:
    try:
        return HealthFinding(subject, True, look())
    except DocgenError as wrong:
        return HealthFinding(
            subject,
            False,
            f"{wrong.code}: {wrong.message('zh')}",
            wrong.hint("zh") or wrong.hint("en"),
        )
