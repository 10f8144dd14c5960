"""Children that hang, burst, crash or call out: each costs its own document and nothing else."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pebble import ProcessFuture
from pebble.pool.base_pool import PoolStatus

from docgen.errors import RecordRefused, RenderFailed, TemplateFaulty
from docgen.pipeline import RenderedFile, RenderRequest, render
from docgen.pipeline.children import _private_folder, children
from docgen.renderers.isolation import (
    FILE_BYTES,
    OPEN_FILES,
    RECYCLED_AFTER,
    ChildLimits,
    Children,
    outcome,
)
from docgen.settings import Settings
from docgen.templates.catalog import FORMATS
from docgen.templates.theme import default_folder
from tests.commands import TEMPLATES, XJ
from tests.records import NOW
from tests.word_templates import template

LIMITS = ChildLimits(memory_mb=1024, wall_s=20, cpu_s=1)
SETTINGS = Settings(jobs=1, memory_mb=1024, wall_s=20, cpu_s=1)
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


@pytest.fixture(scope="module")
def pool() -> Iterator[Children]:
    """One child, as the command line starts it; the tests of a module share it."""
    with children(SETTINGS, FORMATS) as made:
        yield made


value_of = eval  # noqa: S307 (the expressions are ours)
"""Children find a function by its module, and builtins need none of the tests' imports."""


def failure(pool: Children, code: str) -> RenderFailed:
    """How Python code ends in a child."""
    with pytest.raises(RenderFailed) as caught:
        pool.run(exec, code, size_bytes=0)
    assert caught.value.message("zh")
    assert caught.value.message("en")
    return caught.value


def with_template(folder: Path, name: str, data: bytes) -> RenderRequest:
    """An order for a record under one template."""
    (folder / "XJ").mkdir(parents=True, exist_ok=True)
    (folder / "XJ" / "manifest.toml").write_text('record = "XJ"\nversion = "1"\n', "utf-8")
    (folder / "XJ" / name).write_bytes(data)
    return good(folder)


def good(*folders: Path) -> RenderRequest:
    return RenderRequest(
        XJ.read_bytes(), NOW, templates=(*folders, TEMPLATES), theme=default_folder()
    )


def page(folder: Path, html: str) -> RenderRequest:
    return with_template(folder, "page.html", f"<html><body>{html}</body></html>".encode())


def alive(pid: int) -> bool:
    """A process runs (a zombie does not)."""
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text("utf-8")
    except FileNotFoundError:
        return False


# ---------------------------------------------------------------- templates that never end


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.html", ENDLESS.encode()),
        ("document.docx", template("{{ 10**(10**9) }}")),
    ],
    ids=["page loops", "word folds"],
)
def test_an_endless_template_ends(pool: Children, tmp_path: Path, name: str, data: bytes) -> None:
    order = with_template(tmp_path, name, data)
    made = {"page.html": "pdf", "document.docx": "docx"}[name]
    with pytest.raises((RenderFailed, TemplateFaulty)) as caught:
        pool.run(render, order, made, size_bytes=0)
    assert caught.value.code in ("render_timeout", "template_error")
    assert pool.run(render, good(), "docx", size_bytes=0).data


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("page.html", b"{{ 'x' * (10**10) }}"),
        ("page.html", b"{% set x = [summary] * (10**9) %}{{ x|length }}"),
        ("document.docx", template("{{ 'x' * (10**10) }}")),
    ],
)
def test_a_template_that_eats_memory_ends(
    pool: Children, tmp_path: Path, name: str, data: bytes
) -> None:
    order = with_template(tmp_path, name, data)
    made = {"page.html": "pdf", "document.docx": "docx"}[name]
    with pytest.raises(RenderFailed) as caught:
        pool.run(render, order, made, size_bytes=0)
    assert caught.value.code == "render_memory"
    assert pool.run(render, good(), "docx", size_bytes=0).data


# ---------------------------------------------------------------- how a child may end


@pytest.mark.parametrize(
    ("code", "ends_as", "says"),
    [
        ("import ctypes; ctypes.string_at(0)", "render_died", "-11"),
        ("import os; os.abort()", "render_died", "-6"),
        ("import os; os._exit(3)", "render_died", "3"),
        ("import os; os.kill(os.getpid(), 9)", "render_died", "-9"),
        ("while True: pass", "render_timeout", "CPU"),
        ("x = bytearray(2 * 2**30)", "render_memory", "memory"),
        ("1 / 0", "render_bug", "ZeroDivisionError"),
        ("raise SystemExit(0)", "render_bug", "SystemExit"),
        ("raise KeyboardInterrupt", "render_bug", "KeyboardInterrupt"),
        ("f = lambda g: g(g)\nf(f)", "render_bug", "RecursionError"),
        (
            "class E(Exception):\n  def __str__(self): return 'x' * 10**7\nraise E",
            "render_bug",
            "x",
        ),
    ],
)
def test_each_end_has_its_code(pool: Children, code: str, ends_as: str, says: str) -> None:
    error = failure(pool, code)
    assert error.code == ends_as
    assert says in error.message("en")
    assert len(error.message("en")) < 1000
    assert pool.run(value_of, "6 * 7", size_bytes=0) == 42


def test_a_result_that_cannot_be_sent_fails_alone(pool: Children) -> None:
    with pytest.raises(RenderFailed):
        pool.run(value_of, "lambda: 1", size_bytes=0)
    assert pool.run(value_of, "6 * 7", size_bytes=0) == 42


@pytest.mark.parametrize("code", ["import time; time.sleep(60)", "import os; os._exit(0)"])
def test_what_takes_no_cpu_ends_by_the_wall_clock(code: str) -> None:
    with Children(1, ChildLimits(memory_mb=1024, wall_s=1, cpu_s=10)) as pool:
        assert failure(pool, code).code == "render_timeout"
        assert pool.run(value_of, "6 * 7", size_bytes=0) == 42


def test_a_killed_idle_child_is_replaced() -> None:
    """Pebble gives up its pool for good then."""
    with Children(1, LIMITS) as pool:
        for _ in range(2):
            pid = pool.run(os.getpid, size_bytes=0)
            os.kill(pid, signal.SIGKILL)
            while pool._pool.active:
                time.sleep(0.01)
            assert pool.run(os.getpid, size_bytes=0) != pid


def test_faults_cost_nobody_else_anything() -> None:
    """F7 in small: a hang, a segfault, an exit and an eater among good documents."""
    faults = [
        "while True: pass",
        "import ctypes; ctypes.string_at(0)",
        "import os; os._exit(7)",
        "x = bytearray(2 * 2**30)",
        "raise SystemExit",
    ]
    with Children(2, LIMITS, ["docgen.renderers.docx"]) as pool:
        good_ones, bad_ones = [], []
        for fault in faults:
            good_ones.append(pool.submit(render, good(), "docx", size_bytes=2**20))
            bad_ones.append(pool.submit(exec, fault, size_bytes=0))
            good_ones.append(pool.submit(render, good(), "docx", size_bytes=2**20))
        codes = []
        for future in bad_ones:
            with pytest.raises(RenderFailed) as caught:
                outcome(future)
            codes.append(caught.value.code)
        made = {outcome(future).data for future in good_ones}
    assert codes == ["render_timeout", "render_died", "render_died", "render_memory", "render_bug"]
    assert len(made) == 1


def test_refusals_come_back_whole(pool: Children) -> None:
    order = RenderRequest(b'{"doc_no": "XJ-HDYD-20260307-001"}', NOW, theme=default_folder())
    with pytest.raises(RecordRefused) as caught:
        pool.run(render, order, "docx", size_bytes=0)
    assert len(caught.value.problems) > 5
    assert caught.value.as_json()[0]["message"]["zh"]


def test_children_are_recycled() -> None:
    with Children(1, LIMITS) as pool:
        futures = [pool.submit(os.getpid, size_bytes=0) for _ in range(RECYCLED_AFTER + 5)]
        pids = [outcome(future) for future in futures]
    assert len(set(pids[:RECYCLED_AFTER])) == 1
    assert len(set(pids)) == 2


def test_stopping_ends_a_hanging_child() -> None:
    pool = Children(1, ChildLimits(memory_mb=1024, wall_s=60, cpu_s=60))
    pid = pool.run(os.getpid, size_bytes=0)
    pool.submit(exec, "while True: pass", size_bytes=0)
    pool.stop()
    assert not alive(pid)


def test_who_waits_when_children_are_stopped_is_told_so() -> None:
    """One that is worked on, and one that waits its turn."""
    pool = Children(1)
    waiting = [pool.submit(time.sleep, 600, size_bytes=0) for _ in range(2)]
    pool.stop()
    for future in waiting:
        with pytest.raises(RenderFailed) as told:
            outcome(future)
        assert told.value.code in {"render_stopped", "render_died"}  # where Pebble saw it die


def test_who_waits_for_a_pool_that_broke_is_told_so() -> None:
    with Children(1) as pool:
        pool.run(os.getpid, size_bytes=0)
        pool._pool._context.status = PoolStatus.ERROR  # as Pebble does when an idle child dies
        lost: ProcessFuture[None] = ProcessFuture()  # left in the queue of such a pool
        pool._unfinished.add(lost)
        assert pool.run(os.getpid, size_bytes=0)
        with pytest.raises(RenderFailed) as told:
            outcome(lost)
        assert told.value.code == "render_died"


def test_what_comes_after_the_stop_is_told_so() -> None:
    pool = Children(1)
    assert pool.run(len, "abc", size_bytes=3) == 3
    pool.stop()
    with pytest.raises(RenderFailed) as late:
        pool.run(len, "abc", size_bytes=3)
    assert late.value.code == "render_stopped"


def test_an_error_in_the_parent_stops_the_children() -> None:
    pids: list[int] = []

    def work() -> None:
        with Children(1, LIMITS) as pool:
            pids.append(pool.run(os.getpid, size_bytes=0))
            pool.submit(exec, "import time; time.sleep(60)", size_bytes=0)
            raise LookupError

    with pytest.raises(LookupError):
        work()
    assert not alive(pids[0])


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RLIMIT_AS", 1024 * 2**20),
        ("RLIMIT_FSIZE", FILE_BYTES),
        ("RLIMIT_NOFILE", OPEN_FILES),
        ("RLIMIT_CORE", 0),
    ],
)
def test_limits_are_set(pool: Children, name: str, value: int) -> None:
    code = f"__import__('resource').getrlimit(__import__('resource').{name})[0]"
    assert pool.run(value_of, code, size_bytes=0) == value


def test_cpu_time_is_limited_anew_for_each_document(pool: Children) -> None:
    code = (
        "(lambda r: r.getrlimit(r.RLIMIT_CPU)[0] - sum(r.getrusage(r.RUSAGE_SELF)[:2]))"
        "(__import__('resource'))"
    )
    assert 0 < pool.run(value_of, code, size_bytes=0) <= 2
    assert 280 < pool.run(value_of, code, size_bytes=2**20) <= 283
    assert 0 < pool.run(value_of, code, size_bytes=0) <= 2


def test_time_grows_with_the_record() -> None:
    limits = ChildLimits(wall_s=30, cpu_s=10)
    assert (limits.wall_for(0), limits.cpu_for(0)) == (30, 10)
    assert limits.wall_for(2**20) > limits.cpu_for(2**20) > 100


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import tempfile; tempfile.TemporaryFile().truncate(2**29)", "File too large"),
        ("import os; x = [os.open('/dev/null', 0) for _ in range(300)]", "Too many open files"),
    ],
)
def test_files_are_limited(code: str, says: str) -> None:
    with Children(1, LIMITS) as pool:
        assert says in failure(pool, code).message("en")


# ---------------------------------------------------------------- no network, no programs


@pytest.fixture
def canary(socket_enabled: None) -> Iterator[socket.socket]:
    """A listener that must hear nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.create_connection(('127.0.0.1', PORT), 1)",
        "import socket; socket.socket(socket.AF_INET).connect(('127.0.0.1', PORT))",
        "import socket; socket.socket(socket.AF_INET6).connect(('::ffff:127.0.0.1', PORT))",
        "import socket; socket.socket(socket.AF_INET).connect_ex(('127.0.0.1', PORT))",
        "import socket; socket.socket(2, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', PORT))",
        "import socket; socket.socket(socket.AF_INET).bind(('127.0.0.1', 0))",
        "import socket; socket.getaddrinfo('localhost', 80)",
        "import socket; socket.gethostbyname('localhost')",
        "import socket; socket.gethostbyname_ex('localhost')",
        "import socket; socket.gethostbyaddr('127.0.0.1')",
        "import socket; socket.getnameinfo(('127.0.0.1', 80), 0)",
        "import urllib.request as u; u.urlopen('http://127.0.0.1:PORT/')",
        "import http.client as h; h.HTTPConnection('127.0.0.1', PORT).request('GET', '/')",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.system('true')",
        "import os; os.popen('true')",
        "import os; os.fork()",
        "import os; os.forkpty()",
        "import os; os.posix_spawn('/bin/true', ['true'], {})",
        "import os; os.execv('/bin/true', ['true'])",
        "import os; os.spawnv(os.P_WAIT, '/bin/true', ['true'])",
        "import multiprocessing as m; m.get_context('fork').Process(target=print).start()",
    ],
)
def test_a_child_talks_to_nobody_and_starts_nothing(
    pool: Children, canary: socket.socket, code: str
) -> None:
    error = failure(pool, code.replace("PORT", str(canary.getsockname()[1])))
    assert error.code == "render_bug"
    assert re.search(r"may not use (socket|os|subprocess|urllib)\.", error.message("en")), (
        error.message("en")
    )


REFUSED_PAGES = [
    '<img src="http://127.0.0.1:PORT/a.png">',
    '<img src="HTTP://127.0.0.1:PORT/a.png">',
    '<img src="https://127.0.0.1:PORT/a.png">',
    '<img src="ftp://127.0.0.1:PORT/a.png">',
    '<img src="//127.0.0.1:PORT/a.png">',
    '<img src="http://[::ffff:127.0.0.1]:PORT/a.png">',
    '<img src="http://2130706433:PORT/a.png">',
    '<img src="http://localhost:PORT/a.png">',
    '<img src="http://a@127.0.0.1:PORT/a.png">',
    '<img src="file:///etc/passwd">',
    '<img src="/etc/passwd">',
    '<img src="../../etc/passwd">',
    '<img src="asset:record">',
    '<img srcset="http://127.0.0.1:PORT/a.png 1x" src="http://127.0.0.1:PORT/b.png">',
    '<base href="http://127.0.0.1:PORT/"><img src="a.png">',
    '<style>@import url("http://127.0.0.1:PORT/a.css");</style>',
    '<style>@import "file:///etc/passwd";</style>',
    '<link rel="stylesheet" href="http://127.0.0.1:PORT/a.css">',
    '<p style="background: url(http://127.0.0.1:PORT/a.png)">x</p>',
    "<style>p::before { content: url(http://127.0.0.1:PORT/a.png) }</style><p>x</p>",
    "<style>li { list-style-image: url(http://127.0.0.1:PORT/a) }</style><ul><li>x</li></ul>",
    "<style>@page { background: url(http://127.0.0.1:PORT/a.png) }</style>",
    "<style>@font-face { font-family: A; src: url(http://127.0.0.1:PORT/a.ttf) }</style>",
    '<link rel="attachment" href="file:///etc/passwd">',
    '<link rel="attachment" href="http://127.0.0.1:PORT/a">',
    '<a rel="attachment" href="file:///etc/passwd">x</a>',
    '<a rel="attachment" href="http://127.0.0.1:PORT/a">x</a>',
    '<svg><image href="http://127.0.0.1:PORT/a.png" width="9" height="9"/></svg>',
    '<svg><image xlink:href="file:///etc/passwd" width="9" height="9"/></svg>',
    '<object data="http://127.0.0.1:PORT/a.png"></object>',
    '<embed src="http://127.0.0.1:PORT/a.png">',
    '<a href="javascript:alert(1)">x</a>',
    '<a href="file:///etc/passwd">x</a>',
    '<a href="http://127.0.0.1:PORT/">x</a>',
    '<a href="JaVaScRiPt:alert(1)">x</a>',
    '<a href="data:text/html,x">x</a>',
    '<a href="mailto:a@example.org">x</a>',
]


@pytest.mark.parametrize("html", REFUSED_PAGES)
def test_a_page_fetches_nothing(
    pool: Children, canary: socket.socket, tmp_path: Path, html: str
) -> None:
    order = page(tmp_path, html.replace("PORT", str(canary.getsockname()[1])))
    with pytest.raises(RenderFailed) as caught:
        pool.run(render, order, "pdf", size_bytes=0)
    assert caught.value.code in ("url_refused", "link_refused"), caught.value


IGNORED_PAGES = [
    '<iframe src="http://127.0.0.1:PORT/"></iframe>',
    '<meta http-equiv="refresh" content="0; url=http://127.0.0.1:PORT/">',
    '<script src="http://127.0.0.1:PORT/a.js"></script>',
    '<form action="http://127.0.0.1:PORT/"><input></form>',
    '<video src="http://127.0.0.1:PORT/a.mp4" poster="http://127.0.0.1:PORT/a.png"></video>',
    '<link rel="icon" href="http://127.0.0.1:PORT/a.ico">',
    '<svg width="9" height="9"><use href="http://127.0.0.1:PORT/a.svg#x"/></svg>',
    '<a href="https://example.org/">x</a>',
    '<a href="#x">x</a><p id="x">y</p>',
    '<img src="asset:logo">',
]


@pytest.mark.parametrize("html", IGNORED_PAGES)
def test_what_a_page_does_not_know_fetches_nothing_either(
    pool: Children, canary: socket.socket, tmp_path: Path, html: str
) -> None:
    order = page(tmp_path, html.replace("PORT", str(canary.getsockname()[1])))
    made: RenderedFile = pool.run(render, order, "pdf", size_bytes=0)
    assert made.data.startswith(b"%PDF-")
    assert b"root:x:" not in made.data


@pytest.mark.parametrize(
    "expression",
    [
        "cycler.__init__.__globals__",
        "''.__class__.__mro__",
        "numeral.__globals__",
        "self._TemplateReference__context",
        "summary.__class__",
        "doc.__init__",
        "range.__self__",
        "label|attr('__class__')",
        "lipsum.__globals__",
        "'{0.__class__}'.format(summary)",
        "('{0.__class__}'|format)(1)",
        "[].append(1)",
    ],
)
@pytest.mark.parametrize(("made", "name"), [("pdf", "page.html"), ("docx", "document.docx")])
def test_a_template_escapes_nowhere(
    pool: Children, tmp_path: Path, expression: str, made: str, name: str
) -> None:
    tag = f"{{{{ {expression} }}}}"
    data = tag.encode() if made == "pdf" else template(tag)
    with pytest.raises((TemplateFaulty, RenderFailed)) as caught:
        pool.run(render, with_template(tmp_path, name, data), made, size_bytes=0)
    assert caught.value.code in ("template_unsafe", "template_error", "unknown_name"), caught.value


# ---------------------------------------------------------------- the fonts' cache


def test_nobody_elses_folder_is_used_for_fonts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert _private_folder() == tmp_path / f"docgen-fonts-{os.getuid()}"
    assert _private_folder().stat().st_mode & 0o777 == 0o700
    _private_folder().rmdir()
    (tmp_path / "theirs").mkdir()
    (tmp_path / f"docgen-fonts-{os.getuid()}").symlink_to(tmp_path / "theirs")
    assert _private_folder().name not in ("theirs", f"docgen-fonts-{os.getuid()}")


def test_settings_reach_the_children() -> None:
    settings: dict[str, Any] = {"jobs": 3, "memory_mb": 900, "wall_s": 7, "cpu_s": 5}
    with children(Settings(**settings), ()) as pool:
        assert pool.limits == ChildLimits(900, 7, 5)
        code = "__import__('resource').getrlimit(__import__('resource').RLIMIT_AS)[0]"
        assert pool.run(value_of, code, size_bytes=0) == 900 * 2**20
