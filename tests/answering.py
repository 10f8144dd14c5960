"""A program `docgen` for scripts, which has its commands run within the tests' process.

The program sends its arguments, variables, folder and standard input through a Unix socket to
`script`, and prints and ends as it is told: a script calls commands without the start of each.
"""

from __future__ import annotations

import base64
import json
import selectors
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.commands import called

PROGRAM = f"""#!{sys.executable} -ISs
import base64, json, os, socket, sys
place = os.path.join(os.path.dirname(os.path.realpath(__file__)), "s")
data = base64.b64encode(sys.stdin.buffer.read()).decode()
call = [sys.argv[1:], dict(os.environ), os.getcwd(), data]
with socket.socket(socket.AF_UNIX) as line:
    line.connect(place)
    line.sendall(json.dumps(call).encode() + b"\\n")
    code, *told = json.loads(line.makefile("rb").read())
for stream, text in zip((sys.stdout, sys.stderr), told):
    stream.buffer.write(base64.b64decode(text))
    stream.flush()
sys.exit(code)
"""


def script(
    lines: str, cwd: Path, environ: Mapping[str, str], programs: Path
) -> subprocess.CompletedProcess[str]:
    """Run a bash script, answering its calls of `docgen`; all that it wrote is its output.

    `programs` is a new folder; the program is put into it, and it comes first on the script's PATH.
    """
    programs.mkdir(parents=True)
    (programs / "docgen").write_text(PROGRAM, "utf-8")
    (programs / "docgen").chmod(0o755)
    written = programs / "written"
    environ = {**environ, "PATH": f"{programs}:{environ['PATH']}"}
    with (
        socket.socket(socket.AF_UNIX) as listening,
        selectors.DefaultSelector() as waiting,
        written.open("wb") as file,
    ):
        listening.bind(str(programs / "s"))
        listening.listen()
        waiting.register(listening, selectors.EVENT_READ)
        running = subprocess.Popen(
            ["bash", "-c", lines],
            cwd=cwd,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
        while running.poll() is None:
            if waiting.select(timeout=0.05):
                _answer(listening.accept()[0])
    return subprocess.CompletedProcess(lines, running.returncode, written.read_text("utf-8"))


def _answer(line: socket.socket) -> None:
    with line, line.makefile("rwb") as file:
        words, environ, cwd, data = json.loads(file.readline())
        run = called(words, environ, Path(cwd), base64.b64decode(data))
        told: list[Any] = [run.returncode]
        told += [base64.b64encode(text).decode() for text in (run.stdout, run.stderr)]
        file.write(json.dumps(told).encode())
