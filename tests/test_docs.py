"""The documentation is true: its commands run, its links lead somewhere, its tables hold."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from api.app import create_app
from api.http.limits import HELD_LIMIT
from api.http.problems import KINDS, STATUSES
from api.http.work import QUEUE
from docgen.authoring.vocabulary import vocabulary
from docgen.cli import app
from docgen.cli.commands import every
from docgen.cli.console import ENDED, INTERRUPTED, OK, REFUSED, SURROUNDINGS, USAGE
from docgen.paths import samples_dir, templates_dir
from docgen.pipeline.json_input import DEPTH_LIMIT, SIZE_LIMIT
from docgen.renderers import isolation
from docgen.settings import Settings
from docgen.templates.catalog import FORMATS
from docs import make_reference
from schemas.catalog import record_types
from schemas.values import LOG_LIMIT, ROW_LIMIT, TEXT_LIMIT
from tests.answering import script
from tests.commands import EASY, docgen
from tests.service import Clock
from tests.warm import lent

pytestmark = pytest.mark.no_cover

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PNG_LIMIT = 150 * 1024


@dataclass(frozen=True)
class Block:
    """A fenced block; every `sh` block is run."""

    page: Path
    language: str
    text: str


def blocks(page: Path, language: str) -> list[Block]:
    found = FENCE.findall(page.read_text("utf-8"))
    return [Block(page, kind, text) for kind, text in found if kind == language]


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text("utf-8"))


def section(page: str, heading: str) -> str:
    """Return the text under a heading, down to the next of the same level."""
    text = (DOCS / page).read_text("utf-8")
    start = text.index(f"\n{heading}") + 1
    level = heading.split(" ")[0]
    end = re.compile(rf"^{level} ", re.MULTILINE).search(text, start + len(heading))
    return text[start : end.start() if end else len(text)]


def table(text: str) -> list[list[str]]:
    """Return the rows of the first table, without its head."""
    lines = text[text.index("\n|") + 1 :].split("\n")
    rows = takewhile(lambda line: line.startswith("|"), lines)
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows][2:]


def ticked(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


# ---------------------------------------------------------------- commands


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder that looks like a checkout to the commands of the documentation."""
    folder = tmp_path / "checkout"
    shutil.copytree(samples_dir(), folder / "samples")
    (folder / "templates").symlink_to(templates_dir())
    return folder


def with_commands() -> list[Path]:
    return [page for page in PAGES if page.name != "api.md" and blocks(page, "sh")]


@pytest.mark.slow
@pytest.mark.parametrize("page", with_commands(), ids=lambda page: page.name)
def test_every_command_works(workspace: Path, page: Path) -> None:
    lines = "set -euxo pipefail\n" + "".join(block.text for block in blocks(page, "sh"))
    done = script(lines, workspace, os.environ | EASY, workspace / ".venv/bin")
    assert done.returncode == 0, done.stdout[-3000:]
    assert "Traceback" not in done.stdout


def test_the_command_is_installed() -> None:
    program = Path(sys.prefix) / "bin" / "docgen"
    done = subprocess.run([program, "--help"], capture_output=True, text=True, check=True)
    assert " render " in done.stdout


def test_commands_are_marked_to_be_run() -> None:
    names = {page.name for page in with_commands()}
    assert {"README.md", "cli.md", "templates.md", "records.md", "operations.md"} <= names
    for page in PAGES:
        for block in blocks(page, "bash"):
            assert block.text.startswith("make "), f"{page.name}: mark it sh, so that it is run"


def test_the_makefile_has_the_readmes_targets() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"`?make ([\w-]+)", (ROOT / "README.md").read_text("utf-8")):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


# ---------------------------------------------------------------- curl


def curled(client: TestClient, command: str, folder: Path) -> None:
    """Do what a curl command says, with what of curl the documentation uses."""
    words = shlex.split(command)[1:]
    taken: dict[str, list[str]] = {name: [] for name in ("-H", "--data-binary", "-d", "-F", "-o")}
    plain, rest = [], iter(words)
    for word in rest:
        if word in taken:
            taken[word].append(next(rest))
        else:
            plain.append(word)
    url = next(word for word in plain if word.startswith("http"))
    assert set(plain) <= {"-sS", "-f", url}, f"unknown to this test: {plain}"
    headers = dict(re.split(r":\s*", header, maxsplit=1) for header in taken["-H"])
    files = [_form_part(folder, part) for part in taken["-F"]]
    bodies = [(folder / name[1:]).read_bytes() for name in taken["--data-binary"]]
    bodies += [text.encode() for text in taken["-d"]]
    answer = client.request(
        "POST" if bodies or files else "GET",
        url.removeprefix("http://127.0.0.1:8000"),
        headers=headers,
        **({"files": files} if files else {"content": bodies[0] if bodies else b""}),
    )
    assert answer.is_success or ("-f" not in plain and answer.status_code == 422), answer.text
    for target in taken["-o"]:
        (folder / target).write_bytes(answer.content)
        assert answer.content


def _form_part(folder: Path, part: str) -> tuple[str, Any]:
    name, _, value = part.partition("=")
    if value.startswith("@"):
        return name, (Path(value).name, (folder / value[1:]).read_bytes())
    return name, (None, value.encode())


@pytest.mark.slow
def test_every_curl_example_works(workspace: Path, tmp_path: Path) -> None:
    commands = [line for block in blocks(DOCS / "api.md", "sh") for line in block.text.splitlines()]
    assert commands
    with TestClient(create_app(Settings(data=tmp_path), pools=lent)) as client:
        for command in commands:
            assert command.startswith("curl ")
            curled(client, command, workspace)
    assert (workspace / "QX.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/api.md"])
def test_the_way_to_the_archive_works(workspace: Path, tmp_path: Path, page: str) -> None:
    commands = [
        line
        for block in blocks(ROOT / page, "shell")
        for line in block.text.splitlines()
        if line.startswith("curl ")
    ]
    assert commands
    settings = Settings(data=tmp_path / "data")
    environ = {"DOCGEN_DATA": str(settings.data)}
    contract = str(workspace / "samples/contract/HT-2026-017.json")
    added = CliRunner(env=environ).invoke(app, ["contract", "add", contract, "--json"])
    names = {"engineer": "$ENGINEER", "leader": "$LEADER", "pm": "$PM"}
    tokens = {
        names[one["role"]]: one["token"]
        for one in json.loads(added.stdout)["people"]
        if one["role"] in names
    }
    with TestClient(create_app(settings, pools=lent)) as client:
        clock = client.app.state.store.clock = Clock()  # type: ignore[attr-defined]
        clock.at("03-31 09:00")  # both pages' documents are equal, and rendered once
        for command in commands:
            for name, token in tokens.items():
                command = command.replace(name, token)
            curled(client, command, workspace)
        reader = {"Authorization": f"Bearer {tokens['$PM']}"}
        path = "/api/v1/records/XJ-HDYD-20260307-001"
        assert client.get(path, headers=reader).json()["state"] == "archived"


# ---------------------------------------------------------------- links and pictures


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    text = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return text.replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", prose(target), re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, f"{page.name}: {link}"


def test_every_page_is_found_from_the_readme() -> None:
    linked = set(LINK.findall((ROOT / "README.md").read_text("utf-8")))
    pages = {f"docs/{page.name}" for page in DOCS.glob("*.md")}
    assert pages <= linked


def test_every_place_where_to_change_something_exists() -> None:
    places = re.findall(r"`([a-z]+/[\w./-]*)`", (DOCS / "contributing.md").read_text("utf-8"))
    assert len(places) > 40
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_pictures_are_small() -> None:
    pictures = list((DOCS / "images").glob("*.png"))
    assert len(pictures) >= 2
    for picture in pictures:
        assert picture.stat().st_size < PNG_LIMIT, picture.name


# ---------------------------------------------------------------- JSON examples


def shape(value: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of all members."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield f"{path}.{key}"
            yield from shape(child, f"{path}.{key}")
    elif isinstance(value, list):
        for child in value:
            yield from shape(child, f"{path}[]")


def examples(page: str) -> list[Any]:
    return [json.loads(block.text) for block in blocks(DOCS / page, "json")]


def test_every_json_example_is_json() -> None:
    for page in PAGES:
        for block in blocks(page, "json"):
            json.loads(block.text)


@pytest.mark.slow
def test_the_command_lines_examples_have_the_real_members(workspace: Path) -> None:
    page = workspace / "my-templates/ZX"
    page.mkdir(parents=True)
    (page / "manifest.toml").write_bytes((templates_dir() / "ZX/manifest.toml").read_bytes())
    (page / "page.html").write_text("{{ docno }}", "utf-8")
    bad = "samples/bad/XJ.advice_required+overall_too_good.json"
    pdf = "out/ZX/ZX-HDYD-20260306-001.pdf"
    contract = "samples/contract/HT-2026-017.json"

    def told(*arguments: str) -> Any:
        return json.loads(docgen(*arguments, "--json", cwd=workspace).stdout)

    real = [
        told("render", "samples/ZX/basic.json", "-f", "pdf"),
        told("validate", bad)["files"][0]["errors"][0],
        told("validate", "samples/ZX/basic.json"),
        told("check-coverage", contract, "samples/contract/WB-five-objects.json"),
        told("extract", pdf),
        told("template", "lint", "ZX", "--templates", "my-templates"),
        told("doctor"),
    ]
    for shown, made in zip(examples("cli.md"), real, strict=True):
        assert set(shape(shown)) <= set(shape(made))
        assert isinstance(made, dict)
        assert shown.keys() == made.keys()


def test_the_apis_examples_are_its_answers(tmp_path: Path) -> None:
    headers = {"Content-Type": "application/json"}
    good = (samples_dir() / "ZX/basic.json").read_bytes()
    bad = (samples_dir() / "bad/QX.signature_missing.json").read_bytes()
    with TestClient(create_app(Settings(data=tmp_path), pools=lent)) as client:
        valid = client.post("/api/v1/validate/ZX", content=good, headers=headers).json()
        refused = client.post("/api/v1/validate/QX", content=bad, headers=headers).json()
    assert examples("api.md") == [valid, refused]


def test_the_example_of_absences_is_valid() -> None:
    from schemas.inspection import Inspection

    [shown] = examples("records.md")
    kind = Inspection.model_fields["absences"].annotation
    assert kind is not None
    from pydantic import TypeAdapter

    assert TypeAdapter(kind).validate_python(shown["absences"])


# ---------------------------------------------------------------- tables


@pytest.mark.parametrize("name", make_reference.PAGES)
def test_generated_pages_are_up_to_date(name: str) -> None:
    made = make_reference.PAGES[name]()
    assert (DOCS / name).read_text("utf-8") == made, "run docs/make_reference.py"


def test_every_setting_is_listed() -> None:
    listed = {ticked(row[0])[0] for row in table(section("operations.md", "## 设置"))}
    assert listed == {f"DOCGEN_{field.name.upper()}" for field in fields(Settings)}


def commands(found: dict[str, Any], names: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, command in found.items():
        if hasattr(command, "commands"):
            yield from commands(command.commands, (*names, name))
        else:
            yield " ".join((*names, name)), command


def all_commands() -> dict[str, Any]:
    return dict(commands(every()))


@pytest.mark.parametrize("name", all_commands())
def test_every_command_and_option_is_described(name: str) -> None:
    command = all_commands()[name]
    text = section("cli.md", f"## docgen {name.split(' ')[0]}")
    assert name.rpartition(" ")[2] in text
    known = {
        option for item in command.params for option in item.opts if option.startswith("-")
    } - {"--help"}
    written = set(re.findall(r"`(--?[a-z-]+)`", text))
    assert known <= written
    if " " not in name:
        assert written - {"-"} <= known


def test_record_types_and_formats_are_listed() -> None:
    rows = table(section("records.md", "## 单据类型与编号"))
    kinds = [model.record_type for model in record_types().values()]
    assert [row[:3] for row in rows] == [[kind.code, kind.zh, kind.en] for kind in kinds]
    for page in ("README.md", "docs/api.md"):
        text = (ROOT / page).read_text("utf-8")
        assert all(code in text for code in record_types())
        assert all(name in text.lower() for name in FORMATS)


def test_limits_are_the_codes() -> None:
    limits = dict(row[:2] for row in table(section("records.md", "## 上限")))
    assert limits["一个文件或请求"] == f"{SIZE_LIMIT >> 20} MiB"
    assert limits["每个表"] == f"{ROW_LIMIT:,} 行"
    assert limits["一处文本"] == f"{TEXT_LIMIT:,} 字"
    assert limits["一处日志"] == f"{LOG_LIMIT >> 20} MiB"
    assert limits["嵌套"] == f"{DEPTH_LIMIT} 层"
    busy = section("api.md", "## 状态码")
    assert f"{QUEUE} 个" in busy
    assert f"{HELD_LIMIT >> 20} MiB" in busy
    operations = (DOCS / "operations.md").read_text("utf-8")
    assert f"每 MiB 加 {isolation.WALL_S_PER_MB} 秒" in operations
    assert f"每 MiB 加 {isolation.CPU_S_PER_MB} 秒" in operations
    assert f"最多 {isolation.RECYCLED_AFTER} 份" in operations
    assert f"{isolation.FILE_BYTES >> 20} MiB、{isolation.OPEN_FILES} 个" in operations


def test_defaults_are_the_settings() -> None:
    shown = {
        ticked(row[0])[0]: row[1].strip("`") for row in table(section("operations.md", "## 设置"))
    }
    for name in ("lang", "memory_mb", "wall_s", "cpu_s", "host", "port"):
        assert shown[f"DOCGEN_{name.upper()}"] == str(getattr(Settings(), name))


def test_addresses_and_statuses_are_the_apis() -> None:
    described = create_app(Settings()).openapi()["paths"]
    shown = {ticked(row[1])[0] for row in table((DOCS / "api.md").read_text("utf-8"))}
    assert shown == {
        *(path for path in described if not path.endswith("/contract")),
        "/api/v1/openapi.json",
    }
    statuses = {int(row[0]) for row in table(section("api.md", "## 状态码"))}
    told = {200, 405, 500, *STATUSES.values(), *(status for _, status in KINDS)}
    assert statuses == told


def test_names_of_templates_are_the_vocabulary() -> None:
    text = section("templates.md", "## 可以使用的名字")
    model = record_types()["XJ"]
    known = vocabulary(model)
    roots = set(known) - set(model.model_fields) - {"range", "loop"}
    assert roots <= set(re.findall(r"\b[a-z_]+\b", text))
    rows = {ticked(row[0])[0]: row[1] for row in table(text) if ticked(row[0])}
    for root in ("doc", "theme"):
        assert set(ticked(rows[root])) == set(known[root].children or {})
    blocks_item = known["signoff_blocks"].item
    assert blocks_item is not None
    assert set(ticked(rows["signoff_blocks"])) | {"role", "opinion"} == set(
        blocks_item.children or {}
    )


def test_the_shown_theme_is_the_default() -> None:
    [shown] = blocks(DOCS / "templates.md", "toml")
    assert tomllib.loads(shown.text) == tomllib.loads(
        (templates_dir() / "theme/theme.toml").read_text("utf-8")
    )


def test_pages_say_nothing_of_this_machine() -> None:
    for page in PAGES:
        assert str(ROOT) not in page.read_text("utf-8")


def test_exit_codes_are_the_command_lines() -> None:
    codes = {int(row[0]) for row in table(section("cli.md", "## 退出码"))}
    assert codes == {OK, REFUSED, USAGE, SURROUNDINGS, INTERRUPTED, ENDED}
    readme = section("../README.md", "## 退出码")
    assert codes == {int(code) for row in table(readme) for code in row[0].split("、")}
