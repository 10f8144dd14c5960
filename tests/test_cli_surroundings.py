"""`docgen doctor` and `docgen serve`: what the machine must have, and a service that ends well."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docgen.errors import SettingWrong
from docgen.paths import templates_dir
from docgen.settings import Settings, load_settings
from docgen.templates.theme import default_folder, load_theme
from tests.commands import (
    PROGRAM,
    XJ,
    as_json,
    docgen,
    docgen_process,
    heeding_ctrl_c,
    surroundings,
)

FONT = "docgen-sans-regular-common.ttf"


@pytest.fixture
def own_theme(tmp_path: Path) -> Path:
    """A theme of its own, with its own fonts."""
    folder = tmp_path / "theme"
    shutil.copytree(default_folder(), folder, copy_function=lambda a, b: Path(b).symlink_to(a))
    for name in ("theme.toml", "logo.png", f"fonts/{FONT}", "fonts/fonts.toml"):
        (folder / name).unlink()
        shutil.copy(default_folder() / name, folder / name)
    return folder


def bad(*, code: int = 3, **env: object) -> dict[str, str]:
    """What doctor finds wrong: subject → detail."""
    found = as_json("doctor", code=code, **env)["findings"]
    for finding in found:
        assert finding["good"] or finding["remedy"] or finding["detail"]
    return {item["subject"].split()[-1]: item["detail"] for item in found if not item["good"]}


# ---------------------------------------------------------------- doctor


def test_a_good_machine_is_well() -> None:
    report = as_json("doctor")
    assert all(finding["good"] for finding in report["findings"])
    subjects = " ".join(finding["subject"] for finding in report["findings"])
    for subject in ("Python", "Pango", "theme", "fonts", "templates", "temp space"):
        assert subject in subjects


def test_missing_and_changed_fonts_are_named(own_theme: Path) -> None:
    with (own_theme / "fonts" / FONT).open("ab") as file:
        file.write(b"\0")
    other = FONT.replace("sans", "serif")
    (own_theme / "fonts" / other).unlink()
    run = docgen("doctor", DOCGEN_THEME=own_theme)
    assert run.returncode == 3
    assert f"与清单不符：{FONT}" in run.stdout
    assert f"没有文件：{other}" in run.stdout
    assert "build.py" in run.stdout


@pytest.mark.parametrize("text", ["{", "[[fonts]]\nfile = 5"])
def test_a_broken_list_of_fonts_is_told(own_theme: Path, text: str) -> None:
    (own_theme / "fonts" / "fonts.toml").write_text(text, "utf-8")
    assert "fonts" in bad(DOCGEN_THEME=own_theme)


def test_a_faulty_template_is_named(tmp_path: Path) -> None:
    (tmp_path / "XJ").mkdir()
    (tmp_path / "XJ" / "manifest.toml").write_text('record = "XJ"\nversion = "1"\n', "utf-8")
    (tmp_path / "XJ" / "page.html").write_text("x\n{% if %}", "utf-8")
    assert "line 2" in bad(DOCGEN_TEMPLATES=tmp_path)["templates"]


def test_a_missing_theme_is_told(tmp_path: Path) -> None:
    assert {"theme", "fonts", "templates"} <= bad(DOCGEN_THEME=tmp_path).keys()


@pytest.mark.parametrize(
    ("name", "value"), [("DOCGEN_COLOUR", "red"), ("DOCGEN_JOBS", "0"), ("DOCGEN_NOW", "soon")]
)
def test_a_wrong_variable_ends_doctor_with_3(name: str, value: str) -> None:
    env: dict[str, Any] = {name: value}
    run = docgen("doctor", **env)
    assert run.returncode == 3
    assert name in run.stderr


# ---------------------------------------------------------------- themes and settings


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('accent = "', 'accent = "#', "theme_colour"),
        ('accent = "', 'accent = "red', "theme_colour"),
        ('logo = "logo.png"', 'logo = "none.png"', "theme_unreadable"),
        ('logo = "logo.png"', "logo = 5", "theme_unreadable"),
        ("company_zh = ", "company = ", "theme_unreadable"),
        ("company_zh = ", "colour = 1\ncompany_zh = ", "theme_unreadable"),
        ("company_zh = ", "company_zh = = ", "theme_unreadable"),
    ],
)
def test_a_wrong_theme_is_told(own_theme: Path, old: str, new: str, code: str) -> None:
    text = (own_theme / "theme.toml").read_text("utf-8")
    assert old in text
    (own_theme / "theme.toml").write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(SettingWrong) as caught:
        load_theme(own_theme)
    assert caught.value.code == code


@pytest.mark.parametrize("data", [b"\xff\xfe", "company_zh = '华信'".encode("gbk"), b"\x00"])
def test_a_theme_in_another_encoding_is_told(own_theme: Path, data: bytes) -> None:
    (own_theme / "theme.toml").write_bytes(data)
    with pytest.raises(SettingWrong) as caught:
        load_theme(own_theme)
    assert caught.value.code == "theme_unreadable"


def test_settings_come_from_variables() -> None:
    assert load_settings({}) == Settings()
    made = load_settings(
        {
            "DOCGEN_TEMPLATES": "/a:/b",
            "DOCGEN_THEME": "/t",
            "DOCGEN_JOBS": "3",
            "DOCGEN_MEMORY_MB": "512",
            "DOCGEN_WALL_S": "7",
            "DOCGEN_LANG": "en",
            "DOCGEN_HOST": "::1",
            "DOCGEN_PORT": "9",
            "DOCGEN_NOW": "2026-03-07 08:00",
            "PATH": "/bin",
        }
    )
    assert made.template_folders == (Path("/a"), Path("/b"), templates_dir())
    assert (made.theme_folder, made.jobs, made.memory_mb, made.wall_s) == (Path("/t"), 3, 512, 7)
    assert (made.lang, made.host, made.port) == ("en", "::1", 9)
    assert made.clock().isoformat() == "2026-03-07T00:00:00+00:00"


# ---------------------------------------------------------------- serve


@pytest.fixture
def port(socket_enabled: None) -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def served(port: int) -> Iterator[subprocess.Popen[str]]:
    """The service, once it listens."""
    with (
        heeding_ctrl_c(),
        subprocess.Popen(
            [*PROGRAM, "serve", "--port", str(port)],
            env=surroundings(DOCGEN_JOBS=1),
            stderr=subprocess.PIPE,
            text=True,
        ) as run,
    ):
        assert run.stderr is not None
        while "running on" not in (line := run.stderr.readline()):
            assert line, "the service ended"
        yield run
        run.kill()


def test_the_service_answers_and_ends_on_ctrl_c(port: int, served: subprocess.Popen[str]) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/validate/XJ",
        XJ.read_bytes(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 (our own address)
        assert json.load(answer)["valid"] is True
    children = _children(served.pid)
    assert children
    served.send_signal(signal.SIGINT)
    assert served.wait() in (0, 130)
    assert served.stderr is not None
    assert "Traceback" not in served.stderr.read()


HALF = (
    b"POST /api/v1/validate/XJ HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
    b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
)
IMPATIENT = """
import sys
from docgen.cli import serving
serving.GRACE_S = 1
serving.serve_command("", int(sys.argv[1]))
"""


def test_a_caller_that_hangs_does_not_hold_up_the_end(port: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, str(port)],
        env=surroundings(DOCGEN_JOBS=1),
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stderr is not None
        while "running on" not in (line := run.stderr.readline()):
            assert line, "the service ended"
        with socket.create_connection(("127.0.0.1", port)) as caller:
            caller.sendall(HALF)
            assert caller.recv(100).startswith(b"HTTP/1.1 100")  # the service waits for the rest
            run.send_signal(signal.SIGTERM)
            said = run.communicate()[1]
    assert run.returncode in {0, -signal.SIGTERM, 128 + signal.SIGTERM}
    assert "timeout graceful shutdown exceeded" in said
    assert "Finished server process" in said


def _children(pid: int) -> str:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8")


def test_a_port_that_is_taken_ends_with_3(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        run = docgen_process("serve", "--port", port, DOCGEN_JOBS=1)
    assert run.returncode == 3
    assert "address already in use" in run.stderr


def test_the_service_refuses_a_wrong_setting() -> None:
    run = docgen("serve", DOCGEN_COLOUR="red")
    assert run.returncode == 3
    assert "DOCGEN_COLOUR" in run.stderr
