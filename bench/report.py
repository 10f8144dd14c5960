"""The tables of a run, and the targets that it reached or missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bench.measure import Growth, Isolation, Race

LEAST_RATIO = {"docx": 1.0, "xlsx": 1.0, "pdf": 2.0}
GREATEST_EXPONENT = 1.1
NAMES = {
    "docx": ("Word", "docxtpl"),
    "xlsx": ("Excel", "openpyxl"),
    "pdf": ("PDF", "WeasyPrint"),
    "pdf-lean": ("PDF", "… words run over"),
    "pdf-light": ("PDF", "… not PDF/A"),
}


@dataclass(frozen=True)
class Verdict:
    """A target, and whether it was reached."""

    text: str
    reached: bool


Line = tuple[str, str, str, bool]
"""What was measured, the figure, its target, and whether that was reached."""


def show_lines(title: str, lines: Sequence[Line], console: Console) -> list[Verdict]:
    """Print lines as a table; return their verdicts."""
    table = Table(title=title)
    for name in ("what", "measured", "target"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for what, measured, target, _ in lines:
        table.add_row(what, measured, target)
    console.print(table)
    return [Verdict(f"{what}: {measured} {target}", good) for what, measured, target, good in lines]


def show_races(races: list[Race], console: Console) -> list[Verdict]:
    """Print the ratios; return their targets."""
    table = Table(title="Milliseconds of processor time a document")
    for heading in ("format", "against", "load"):
        table.add_column(heading)
    for heading in ("ours", "theirs", "ratio", "target", "rounds"):
        table.add_column(heading, justify="right")
    verdicts = []
    for race in races:
        target = _target(race)
        reached = target is None or race.ratio >= target
        table.add_row(
            *NAMES[race.format],
            race.workload,
            f"{race.ours_s * 1000:,.0f}",
            f"{race.plain_s * 1000:,.0f}",
            _marked(f"{race.ratio:.2f}", reached, target is not None),
            "–" if target is None else f"≥ {target:.0f}",
            str(race.rounds),
        )
        if target is not None:
            text = f"{NAMES[race.format][0]} {race.workload}: {race.ratio:.2f} ≥ {target:.0f}"
            verdicts.append(Verdict(text, reached))
    console.print(table)
    return verdicts


def _target(race: Race) -> float | None:
    if race.format == "pdf" and race.workload == "B":
        return None  # one round only
    return LEAST_RATIO.get(race.format)


def show_growth(found: list[Growth], console: Console) -> list[Verdict]:
    """Print how time and memory grow with the rows; return their targets."""
    table = Table(title="One table of 8 columns: processor seconds / MB above the loaded process")
    table.add_column("rows", justify="right")
    for growth in found:
        table.add_column(NAMES[growth.format][0], justify="right")
    for at, count in enumerate(found[0].rows):
        pairs = [(growth.seconds[at], growth.memory_mb[at]) for growth in found]
        table.add_row(f"{count:,}", *(f"{seconds:.2f} / {size:.0f}" for seconds, size in pairs))
    table.add_section()
    table.add_row(f"exponents ≤ {GREATEST_EXPONENT}", *map(_exponents, found))
    steps = (growth.last_exponents for growth in found)
    table.add_row("of the last step", *(f"{time:.2f} / {size:.2f}" for time, size in steps))
    console.print(table)
    return [verdict for growth in found for verdict in _growth_verdicts(growth)]


def _exponents(growth: Growth) -> str:
    both = (growth.time_exponent, growth.memory_exponent)
    return " / ".join(_marked(f"{slope:.2f}", slope <= GREATEST_EXPONENT, True) for slope in both)


def _growth_verdicts(growth: Growth) -> list[Verdict]:
    name = NAMES[growth.format][0]
    both = (("time", growth.time_exponent), ("memory", growth.memory_exponent))
    return [
        Verdict(
            f"{name} {what}: exponent {slope:.2f} ≤ {GREATEST_EXPONENT}", slope <= GREATEST_EXPONENT
        )
        for what, slope in both
    ]


def show_isolation(found: Isolation, console: Console) -> None:
    """Print what a child costs."""
    console.print(
        f"A ticket in Word: {found.inside_s * 1000:.1f} ms in the process, "
        f"{found.child_s * 1000:.1f} ms in a waiting child "
        f"(+{(found.child_s - found.inside_s) * 1000:.1f} ms), "
        f"{found.first_s * 1000:,.0f} ms the first one, with the start of the child."
    )


def show_verdicts(verdicts: list[Verdict], console: Console) -> bool:
    """Print what was missed; return whether nothing was."""
    missed = [verdict for verdict in verdicts if not verdict.reached]
    for verdict in missed:
        console.print(f"[red]missed[/red]  {verdict.text}")
    console.print(f"{len(verdicts) - len(missed)} of {len(verdicts)} targets reached")
    return not missed


def _marked(text: str, reached: bool, aimed: bool) -> str:
    if not aimed:
        return text
    return f"[green]{text}[/green]" if reached else f"[red]{text}[/red]"
