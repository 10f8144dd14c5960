"""Space on disks, in files and tablespaces: size, use, limit and computed percentages."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.fields import Part, field, rule
from schemas.problems import Problem, error
from schemas.setting import Setting
from schemas.values import Amount, Flag, Name, Percent
from schemas.vocabulary import CheckState

PERCENT_TOLERANCE = 0.5  # percentage points: tools round to whole numbers


def _agrees(name: str, given: float | None, computed: float | None) -> Iterator[Problem]:
    if given is None:
        return
    if computed is None or abs(given - computed) > PERCENT_TOLERANCE:
        told = "—" if computed is None else computed
        yield error(name, "percentage_differs", given, computed=told)


def _share(part: float, whole: float | None) -> float | None:
    return round(part / whole * 100, 2) if whole else None


class Space(Part):
    """A file or tablespace with its size, use and limit; percentages are computed."""

    name: Name = field("名称", "Name")
    path: Name | None = field("路径", "Path", None)
    size_gb: Amount = field("大小", "Size", unit="GB")
    used_gb: Amount = field("已用", "Used", unit="GB")
    used_pct: Percent | None = field("使用率", "Used", None, unit="%")
    autoextend: Flag | None = field("自动扩展", "Autoextend", None)
    max_gb: Amount | None = field("上限", "Maximum", None, unit="GB")
    max_pct: Percent | None = field("占上限", "Of maximum", None, unit="%")
    status: CheckState | None = field("状态", "Status", None)

    @rule("size_gb", "used_gb")
    def used_fits(self) -> Iterator[Problem]:
        """Refuse more used than there is."""
        if self.used_gb > self.size_gb:
            yield error("used_gb", "used_over_size", self.used_gb, size_gb=self.size_gb)

    @rule("size_gb", "max_gb")
    def size_fits(self) -> Iterator[Problem]:
        """Refuse a maximum below the size."""
        if self.max_gb is not None and self.max_gb < self.size_gb:
            yield error("max_gb", "max_under_size", self.max_gb, size_gb=self.size_gb)

    @rule("size_gb", "used_gb", "used_pct", "max_gb", "max_pct", "autoextend")
    def given_percentages_agree(self) -> Iterator[Problem]:
        """Refuse a given percentage that is more than 0.5 off the computed one."""
        yield from _agrees("used_pct", self.used_pct, self.computed_used_pct)
        yield from _agrees("max_pct", self.max_pct, self.computed_max_pct)

    def fill(self, setting: Setting) -> None:
        """Print the computed percentages."""
        self.used_pct = self.computed_used_pct
        self.max_pct = self.computed_max_pct

    @property
    def computed_used_pct(self) -> float | None:
        """Compute used of size, per cent, two decimals."""
        return _share(self.used_gb, self.size_gb)

    @property
    def computed_max_pct(self) -> float | None:
        """Compute used of the maximum when the file may grow, per cent, two decimals."""
        return _share(self.used_gb, self.max_gb) if self.autoextend else None


class DataFile(Space):
    """One data file."""


class Tablespace(Space):
    """One tablespace."""


class Disk(Part):
    """One file system."""

    host: Name | None = field("主机", "Host", None)
    mount: Name = field("挂载点", "Mount point")
    size_gb: Amount = field("大小", "Size", unit="GB")
    used_gb: Amount = field("已用", "Used", unit="GB")
    used_pct: Percent | None = field("使用率", "Used", None, unit="%")
    status: CheckState | None = field("状态", "Status", None)

    @rule("size_gb", "used_gb", "used_pct")
    def used_fits(self) -> Iterator[Problem]:
        """Refuse more used than there is, and a given percentage that is off."""
        if self.used_gb > self.size_gb:
            yield error("used_gb", "used_over_size", self.used_gb, size_gb=self.size_gb)
        yield from _agrees("used_pct", self.used_pct, self.computed_used_pct)

    @property
    def computed_used_pct(self) -> float | None:
        """Compute used of size, per cent, two decimals."""
        return _share(self.used_gb, self.size_gb)

    def fill(self, setting: Setting) -> None:
        """Print the computed percentage."""
        self.used_pct = self.computed_used_pct
