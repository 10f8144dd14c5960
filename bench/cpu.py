"""Processor time of a process and of all that it started, and its own memory, as Linux counts."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def tree_seconds(pid: int) -> float:
    """Return the seconds that a process and its descendants used, ended ones included."""
    found = dict(_processes())
    below: dict[int, list[int]] = defaultdict(list)
    for one, (parent, _) in found.items():
        below[parent].append(one)
    waiting, total = [pid], 0.0
    while waiting:
        one = waiting.pop()
        total += found[one][1] if one in found else 0
        waiting += below[one]
    return total


def _processes() -> list[tuple[int, tuple[int, float]]]:
    made = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "stat").read_text("utf-8", "replace")
        except OSError:
            continue  # it has ended
        fields = text.rpartition(")")[2].split()
        made.append((int(folder.name), (int(fields[1]), sum(map(int, fields[11:15])) / TICKS)))
    return made


def peak_kb() -> int:
    """Return the most memory that this process has held: ru_maxrss begins with its parent's."""
    status = Path("/proc/self/status").read_text("ascii", "replace")
    return int(status.partition("VmHWM:")[2].split()[0])
