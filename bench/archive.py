"""How long archive packages take to be verified, and how much memory: linear in their bytes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.measure import exponent
from bench.report import GREATEST_EXPONENT, Verdict
from docgen.access import SERVICE, Actor
from docgen.accounts import users
from docgen.archive import evidence, packages
from docgen.archive.evidence import EvidencePage
from docgen.archive.packages import ArchivePackage
from docgen.archive.packing import in_folder, moment_of, zipped
from docgen.contracts import contracts
from docgen.paths import samples_dir
from docgen.pipeline import RenderRequest, render
from docgen.pipeline.children import children
from docgen.records import records
from docgen.records.documents import StoredDocument, store_file
from docgen.renderers.isolation import Children
from docgen.settings import Settings
from docgen.signing import signed_pdf
from docgen.store.unit_of_work import Store, UnitOfWork
from docgen.workflow import archiving, review, signing, submission
from docgen.workflow.review import PendingSignoff, StatedOpinion
from schemas.envelope import Opinion

MOST_MB = 200
CONTRACT = "contract/HT-2026-017.json"
FORMATS = ("docx", "xlsx", "pdf")
VERIFY = """
import resource, sys
from pathlib import Path
from docgen.archive.verifying import verify
from docgen.signing.keys import roots
from docgen.signing.trust import Trust
trust = Trust.of(*roots(Path(sys.argv[2]).read_bytes(), sys.argv[2]))
assert all(one.good for one in verify(Path(sys.argv[1]), trust) if one.kind == "package")
used = resource.getrusage(resource.RUSAGE_SELF)
status = Path("/proc/self/status").read_text("ascii")  # unlike ru_maxrss, it begins with exec
peak_kb = status.partition("VmHWM:")[2].split()[0]
print(used.ru_utime + used.ru_stime, peak_kb)
"""
Told = Callable[[str], None]


@dataclass(frozen=True)
class Load:
    """How many packages are verified, in ever larger exports."""

    counts: tuple[int, ...]


USUAL, QUICK = Load((25, 100, 400)), Load((5, 10, 20))


def archive(chosen: Load, tell: Told, console: Console) -> list[Verdict]:
    """Measure verification of exports; print a table, return the verdicts."""
    with tempfile.TemporaryDirectory(prefix="docgen-bench-") as folder:
        tell("archiving a record")
        data = _package(Path(folder))
        sizes, seconds, memory = [], [], []
        for count in chosen.counts:
            tell(f"verifying {count} packages")
            path = Path(folder) / f"{count}.zip"
            _copies(data, count, path)
            sizes.append(path.stat().st_size)
            taken = _verified(path, Path(folder) / "data/seal.pem")
            seconds.append(taken[0])
            memory.append(taken[1])
    table = Table(title="docgen verify: an export of so many packages")
    for name in ("packages", "MB", "processor s", "peak MB"):
        table.add_column(name, justify="right")
    for row in zip(chosen.counts, sizes, seconds, memory, strict=True):
        table.add_row(f"{row[0]:,}", f"{row[1] / 2**20:,.0f}", f"{row[2]:.1f}", f"{row[3]:.0f}")
    console.print(table)
    slope, most = exponent(sizes, seconds), max(memory)
    return [
        Verdict(f"verify: time {slope:.2f} ≤ {GREATEST_EXPONENT}", slope <= GREATEST_EXPONENT),
        Verdict(f"verify: memory {most:.0f} MB ≤ {MOST_MB}", most <= MOST_MB),
    ]


def _package(folder: Path) -> bytes:
    """Return the package of one consultation, sealed by its author and its project manager."""
    settings = Settings(data=folder / "data", jobs=1)
    with (
        closing(Store.open(settings)) as store,
        children(settings, FORMATS) as pool,
    ):
        made = _archived(store, pool)
        entries = in_folder(made.target.doc_no, made.entries(store))
        return b"".join(zipped(entries, moment_of(made.statement)))


def _archived(store: Store, pool: Children) -> ArchivePackage:
    author, manager = _people(store)
    with store.change(manager) as unit:
        contract = contracts.create(unit, (samples_dir() / CONTRACT).read_bytes())
        contracts.add_member(unit, contract.id, "author")
    with store.change(author) as unit:
        record, _, _ = records.create(unit, _draft(), code="ZX")
        where = (record.id, 1)
    submitted = submission.prepare(store, author, record.id, "*")
    files = _files(store, pool, submitted.order)
    mark = signing.author_mark(author, submitted.record_hash, store.clock())
    sealed = signed_pdf.begun(store, files, mark)
    with store.change(author) as unit:
        submission.finish(unit, submitted, files, sealed)
    _receive(store, manager, where)
    final = archiving.prepare(store, author, record.id)
    files = _files(store, pool, final.order)
    with store.change(author) as unit:
        archiving.finish(unit, final, files)

    def made(page: EvidencePage) -> bytes:
        return pool.run(evidence.render, page, size_bytes=evidence.size_of(page))

    return packages.make_package(
        store, author, packages.archived_version(store, author, *where), made
    )


def _people(store: Store) -> tuple[Actor, Actor]:
    """Add who writes and who receives."""
    made = []
    with store.change(SERVICE) as unit:
        for username, name, role in (("author", "张伟", "engineer"), ("manager", "王强", "pm")):
            user = users.add(unit, users.NewUser(username, name, role))
            made.append(Actor(user.id, user.name, user.role))
    return made[0], made[1]


def _draft() -> bytes:
    plain = json.loads((samples_dir() / "ZX/basic.json").read_bytes())
    for name in ("doc_no", "status", "signoffs", "pm_delivery"):
        plain.pop(name, None)
    return json.dumps(plain).encode()


def _files(store: Store, pool: Children, order: RenderRequest) -> dict[str, StoredDocument]:
    size = len(order.data)
    return {
        name: store_file(store, order, name, pool.run(render, order, name, size_bytes=size))
        for name in FORMATS
    }


def _receive(store: Store, manager: Actor, where: tuple[str, int]) -> None:
    def ask(unit: UnitOfWork, lock: bool) -> PendingSignoff:
        return review.own_signoff(unit, where, StatedOpinion(Opinion.agree), lock=lock)

    def change(work: Callable[[UnitOfWork], PendingSignoff]) -> PendingSignoff:
        with store.change(manager) as unit:
            return work(unit)

    signing.sign(store, manager, ask, change)


def _copies(data: bytes, count: int, path: Path) -> None:
    """Write an export of so many packages, all of one content."""
    with zipfile.ZipFile(io.BytesIO(data)) as one, zipfile.ZipFile(path, "w") as made:
        files = [(name.partition("/")[2], one.read(name)) for name in one.namelist()]
        for number in range(count):
            for name, content in files:
                made.writestr(f"export/{number:06}/{name}", content)


def _verified(path: Path, certificate: Path) -> tuple[float, float]:
    """Return processor seconds and peak memory (MB) of a process that verifies an export."""
    run = subprocess.run(
        [sys.executable, "-c", VERIFY, str(path), str(certificate)],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, peak_kb = run.stdout.split()
    return float(seconds), int(peak_kb) / 1024
