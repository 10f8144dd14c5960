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
    verdicts = []
    for verdict in verify(path, trust):
        verdicts.append(verdict)
        if not as_json:
            _print_verdict(verdict)
    good = all(one.good for one in verdicts)
    if as_json:
        told = [one.as_json() for one in verdicts]
        print_json({"file": shown(path), "good": good, "packages": told})
    else:
        packages = [one.good for one in verdicts if one.kind == "package"]
        out.print(f"{sum(packages)} / {len(packages)} 完好 good")
    if not good:
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
    if verdict.kind == "export":
        name += " 索引 index"
    if verdict.good:
        out.print(f"[green]✓[/] {name}")
        for one in verdict.not_covered:
            text = f"{escape(one.place)} {escape(one.message('zh'))} {escape(one.message('en'))}"
            out.print(f"    [dim]未核对 not covered: {text}[/]")
        return
    if verdict.consistent and verdict.kind == "export":
        err.print(f"[yellow]![/] {name}: 未能证明齐全 not proven to be complete")
    elif verdict.consistent:
        err.print(f"[yellow]![/] {name}: 内容一致，签章人不可信 consistent, not trusted")
    else:
        err.print(f"[red]✗[/] {name} {escape(verdict.place)}")
    print_findings(verdict)
