"""A folder for work in hand, gone when it is done; a disk that takes nothing more is a fault."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from docgen.errors import StoreFault

FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """Give a folder of its own. StoreFault: no_space, scratch_unusable."""
    try:
        with TemporaryDirectory(prefix=f"docgen-{name}-") as folder:
            yield Path(folder)
    except (OSError, sqlite3.Error) as wrong:
        raise _fault(wrong) from wrong


def _fault(wrong: Exception) -> StoreFault:
    if isinstance(wrong, OSError) and wrong.errno in FULL:
        return StoreFault(
            "no_space",
            "临时目录已满，没有写入",
            "The temporary folder is full; nothing was written",
            hint_zh="请清理空间后重试。",
            hint_en="Free some space and try again.",
            place=gettempdir(),
        )
    return StoreFault(
        "scratch_unusable",
        f"临时目录不可用：{wrong}",
        f"The temporary folder cannot be used: {wrong}",
        hint_zh="请检查 TMPDIR 的空间和权限。",
        hint_en="Check the space and permissions of TMPDIR.",
        place=gettempdir(),
    )
