"""`python -m bench`: race, growth, isolation, service, queue, signing, archive; 1 for a miss."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace

from rich.console import Console

from bench.archive import QUICK as FEW_PACKAGES
from bench.archive import USUAL as PACKAGES
from bench.archive import archive
from bench.jobs import QUICK as FEW
from bench.jobs import USUAL, jobs
from bench.measure import Plan, growth, isolation, race
from bench.report import show_growth, show_isolation, show_races, show_verdicts
from bench.service import Load, service
from bench.signing import QUICK as FEW_SIGNED
from bench.signing import USUAL as SIGNED
from bench.signing import signing

FULL = Plan(rounds=5, variant_rounds=3, rows=(120, 600, 1200, 2500, 5000), huge_pdf=True)
LOADS = {True: Load(), False: Load(records=20_000, seconds=2, rounds=2, inspections=20)}
QUICK = Plan(rounds=2, variant_rounds=1, rows=(120, 300, 600), huge_pdf=False)


def main() -> int:
    """Measure, print, judge."""
    plan = _plan()
    console, progress = Console(), Console(stderr=True)
    start = time.monotonic()

    def tell(text: str) -> None:
        progress.print(f"[dim]{time.monotonic() - start:4.0f} s  {text}[/dim]", highlight=False)

    verdicts = show_races(race(plan, tell), console)
    verdicts += show_growth(growth(plan, tell), console)
    show_isolation(isolation(), console)
    verdicts += service(LOADS[plan.huge_pdf], tell, console)
    verdicts += jobs(USUAL if plan.huge_pdf else FEW, tell, console)
    verdicts += signing(SIGNED if plan.huge_pdf else FEW_SIGNED, tell, console)
    verdicts += archive(PACKAGES if plan.huge_pdf else FEW_PACKAGES, tell, console)
    reached = show_verdicts(verdicts, console)
    console.print(f"{time.monotonic() - start:.0f} s")
    return 0 if reached else 1


def _plan() -> Plan:
    parser = argparse.ArgumentParser(prog="python -m bench", description=main.__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute instead of five")
    parser.add_argument("--rounds", type=int, help="rounds of the race (5; quick: 2)")
    given = parser.parse_args()
    plan = QUICK if given.quick else FULL
    rounds = plan.rounds if given.rounds is None else max(1, given.rounds)
    return replace(plan, rounds=rounds)


if __name__ == "__main__":
    sys.exit(main())
