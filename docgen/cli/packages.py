"""What `docgen verify` prints of archive packages."""

from __future__ import annotations

from pathlib import Path

import typer

from docgen.archive.findings import PackageVerdict
from docgen.archive.verifying import verify
from docgen.cli.console import REFUSED, err, escape, out, print_json
from docgen.cli.sources import shown
from docgen.signing.trust import Trust

ZIP = b"PK\x03\x04"  # signature of a local file header (APPNOTE.TXT 4.3.7)


def is_package(path: Path) -> bool:
    """Whether a path is a folder or a zip; whatever else it is, reading it will tell."""
    if path.is_dir():
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(ZIP)) == ZIP
    except OSError:
        return False


def verify_packages(path: Path, trust: Trust, *, as_json: bool) -> None:
    """Verify all packages of a zip or folder, and tell each as it is done; JSON comes at the end.

    Raises InputUnreadable, and Exit when something was found.
    """
    verdicts, good, count = [], 0, 0
    for verdict in verify(path, trust):
        count += 1
        good += verdict.good
        if as_json:
            verdicts.append(verdict.as_json())
        else:
            _print_verdict(verdict)
    if as_json:
        print_json({"file": shown(path), "good": good == count, "packages": verdicts})
    else:
        out.print(f"{good} / {count} 完好 good")
    if good != count:
        raise typer.Exit(REFUSED)


def print_findings(verdict: PackageVerdict) -> None:
    """Print what was found in a package."""
    for found in verdict.findings:
        err.print(
            f"    [dim]{found.code}[/] [bold]{escape(found.place)}[/] {escape(found.message('zh'))}"
        )
        err.print(f"    [dim]{escape(found.message('en'))}[/]")


def _print_verdict(verdict: PackageVerdict) -> None:
    name = escape(verdict.doc_no or verdict.place)
    if verdict.good:
        out.print(f"[green]✓[/] {name}")
        return
    if verdict.consistent:
        err.print(f"[yellow]![/] {name}: 内容一致，签章人不可信 consistent, not trusted")
    else:
        err.print(f"[red]✗[/] {name} {escape(verdict.place)}")
    print_findings(verdict)
