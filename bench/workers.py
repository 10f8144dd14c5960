"""Processes that make documents when told to through a pipe, and say how long it took."""

from __future__ import annotations

import gc
import multiprocessing
import os
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.cpu import peak_kb
from docgen.pipeline import RenderRequest, read_record, render
from docgen.renderers.isolation import private_fontconfig
from docgen.settings import Settings
from docgen.templates.catalog import compiled, find
from docgen.templates.theme import load_theme
from schemas.setting import Setting

CODES = ("QX", "XJ")
NOW = datetime(2026, 7, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Made:
    """One document: seconds, bytes, and the memory the process has peaked at.

    Seconds of processor time: making a document is one busy thread that waits for nothing, and
    the clock on the wall would measure the machine's other work too.
    """

    seconds: float
    size_bytes: int
    peak_kb: int


def order(data: bytes) -> RenderRequest:
    """Return the order to make a document of a record with docgen's own templates."""
    settings = Settings()
    return RenderRequest(
        data, NOW, templates=settings.template_folders, theme=settings.theme_folder
    )


class Worker:
    """A child; `kind` is ours or plain. Ours sees only the project's fonts, as in service."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._child = context.Process(target=_serve, args=(kind, theirs), daemon=True)
        self._child.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pipe.close()
        self._child.join(10)
        if self._child.is_alive():
            self._child.kill()

    def make(self, format_name: str, name: str, data: bytes) -> Made:
        """Make the record `data`, known as `name`, once."""
        self._pipe.send((format_name, name, data))
        try:
            made = self._pipe.recv()
        except EOFError:
            self._child.join()
            made = f"the process died, exit code {self._child.exitcode}"
        if isinstance(made, str):
            raise RuntimeError(f"{self.kind} {format_name} {name}: {made}")
        assert isinstance(made, Made)
        return made

    def load(self, format_name: str) -> int:
        """Import and compile what `format_name` needs; return the peak memory so far, in kB."""
        return self.make(format_name, "", b"").peak_kb


def own_fonts() -> None:
    """Show this process the project's fonts only, as its rendering children see them."""
    folder = Path(tempfile.gettempdir()) / f"docgen-bench-fonts-{os.getuid()}"
    private_fontconfig(load_theme(Settings().theme_folder).fonts, folder)


def _serve(kind: str, pipe: Connection) -> None:
    if kind == "ours":
        own_fonts()
    side = _Ours() if kind == "ours" else _Plain()
    while True:
        try:
            format_name, name, data = pipe.recv()
        except EOFError:
            return
        pipe.send(_measured(side, format_name, name, data))


def _measured(side: _Ours | _Plain, format_name: str, name: str, data: bytes) -> Made | str:
    try:
        if not data:
            _load(format_name)
            return Made(0.0, 0, peak_kb())
        make = side.prepared(format_name, name, data)
        gc.collect()
        start = time.process_time()
        size = len(make())
        return Made(time.process_time() - start, size, peak_kb())
    except Exception as wrong:  # noqa: BLE001 (told to the parent, which stops)
        return repr(wrong)


class _Ours:
    """The whole way from the record's bytes: reading, checking, printing."""

    def prepared(self, format_name: str, name: str, data: bytes) -> Any:
        del name
        own = order(data)
        return lambda: render(own, format_name).data


class _Plain:
    """The contenders, with the document's values ready made."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Any] = {}

    def prepared(self, format_name: str, name: str, data: bytes) -> Any:
        from bench.plain import CONTENDERS
        from docgen.document import build

        key = (format_name, name)
        if key not in self._known:
            record = read_record(data, Setting(NOW)).value
            assert record is not None
            settings = Settings()
            theme = load_theme(settings.theme_folder)
            made = CONTENDERS[format_name](build(record), theme, settings.template_folders)
            self._known[key] = made
        return self._known[key].make


def _load(format_name: str) -> None:
    settings = Settings()
    theme = load_theme(settings.theme_folder)
    for code in CODES:
        compiled(find(settings.template_folders, code, format_name, "zh"), theme)
