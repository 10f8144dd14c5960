"""The frame of the project: locks, import direction, wheel, scripts, and nothing of one machine."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from docgen.paths import samples_dir, templates_dir

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PACKAGES = ("schemas", "docgen", "api")
LINT_IMPORTS = "from importlinter.cli import lint_imports_command as run; run()"


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """The files under version control, or none when these are not (an unpacked archive)."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout")
    # The repository may belong to someone else, as in a container.
    git = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    names = subprocess.run(git, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [name for name in names.split("\0") if name and (ROOT / name).is_file()]


def text_of(name: str) -> str:
    """The file's text; that of a binary file is empty."""
    data = (ROOT / name).read_bytes()
    return "" if b"\0" in data else data.decode("utf-8", "replace")


def locked(name: str) -> dict[str, str]:
    """The packages of a lock file, each with its version."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return dict(re.split("==| ", line)[:2] for line in lines if re.match(r"[a-z0-9]", line))


def names_of(requirements: list[str]) -> set[str]:
    """The bare names of requirements such as `jinja2>=3.1.6`."""
    return {re.split(r"[\[<>=!~; ]", requirement)[0].lower() for requirement in requirements}


# ---------------------------------------------------------------- locks


def test_the_locks_hold_every_declared_dependency() -> None:
    runtime, dev = locked("requirements.txt"), locked("requirements-dev.txt")
    assert names_of(PROJECT["dependencies"]) <= runtime.keys()
    assert names_of(PROJECT["optional-dependencies"]["dev"]) <= dev.keys()


def test_what_is_tested_is_what_is_shipped() -> None:
    assert locked("requirements.txt").items() <= locked("requirements-dev.txt").items()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_locked_package_has_hashes_and_nothing_else_is_in_the_lock(name: str) -> None:
    code = [line for line in text_of(name).splitlines() if not re.match(r"\s*#", line)]
    for line in code:
        assert re.fullmatch(r"[a-z0-9-]+==\S+ \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line), line
    assert sum(line.endswith(" \\") and "==" in line for line in code) == len(locked(name))


# ---------------------------------------------------------------- nothing of one machine


def test_no_file_names_a_package_index_or_a_path_of_this_machine(tracked: list[str]) -> None:
    index = r"--(extra-)?index-url[ =]|--find-links[ =]|files\.pythonhosted\.org|/simple/"
    here = re.escape(f"{ROOT}/")
    this_file = Path(__file__).resolve().relative_to(ROOT).as_posix()
    places = re.compile(f"{index}|{here}")
    assert not [name for name in tracked if name != this_file and places.search(text_of(name))]


def test_the_build_files_name_nobodys_home(tracked: list[str]) -> None:
    home = re.compile(r"/(root|home/\w+|Users/\w+)/")
    build = re.compile(r"(\.ci/|Makefile$|requirements.*\.txt$|[^/]*\.toml$)")
    assert not [name for name in tracked if build.match(name) and home.search(text_of(name))]


# ---------------------------------------------------------------- architecture


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", LINT_IMPORTS, "--no-logo", "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_imports_go_from_api_to_docgen_to_schemas_only() -> None:
    report = lint_imports(ROOT)
    assert report.returncode == 0, report.stdout


@pytest.mark.parametrize(
    ("importer", "imported"), [("schemas", "docgen"), ("schemas", "api"), ("docgen", "api")]
)
def test_an_import_in_the_other_direction_is_found(
    tmp_path: Path, importer: str, imported: str
) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        for module in (ROOT / package).iterdir():  # the layers name them
            if module.suffix == ".py" or (module / "__init__.py").is_file():
                (tmp_path / package / f"{module.stem}.py").touch()
    (tmp_path / importer / "wrong.py").write_text(f"import {imported}\n", "utf-8")
    report = lint_imports(tmp_path)
    assert report.returncode == 1
    assert f"{importer} is not allowed to import {imported}" in report.stdout


# ---------------------------------------------------------------- the wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("docgen-*.whl")
    return built


def place_in_wheel(name: str) -> str | None:
    top = name.partition("/")[0]
    if top in PACKAGES:
        return name
    return f"docgen/data/{name}" if top in {"templates", "samples"} else None


def test_the_wheel_holds_packages_templates_and_samples(wheel: Path, tracked: list[str]) -> None:
    expected = {place for name in tracked if (place := place_in_wheel(name))}
    assert expected <= set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_holds_no_other_top_level_package(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_the_wheel_finds_its_own_templates_and_samples(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = "from docgen import paths; print(paths.templates_dir()); print(paths.samples_dir())"
    command = [sys.executable, "-X", "utf8", "-c", code]
    output = subprocess.check_output(command, cwd=tmp_path, text=True, encoding="utf-8")
    data = tmp_path / "docgen" / "data"
    assert output.splitlines() == [str(data / "templates"), str(data / "samples")]


def test_a_checkout_finds_its_own_templates_and_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert templates_dir() == ROOT / "templates"
    assert samples_dir() == ROOT / "samples"


# ---------------------------------------------------------------- commands


def test_every_target_has_its_help() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert targets >= {
        "demo",
        "test",
        "test-full",
        "check",
        "serve",
        "bench",
        "wheel",
        "clean",
        "help",
    }
    output = subprocess.check_output(["make", "help"], cwd=ROOT, text=True, encoding="utf-8")
    helped = re.findall(r"^  make ([\w-]+) +\S", output, re.MULTILINE)
    assert sorted(helped) == sorted(targets)


@pytest.mark.parametrize(
    "script",
    sorted((ROOT / ".ci").iterdir()),
    ids=lambda path: path.name,
)
def test_every_script_can_run_and_says_what_it_does(script: Path) -> None:
    assert script.stat().st_mode & 0o111
    shebang, comment, *_ = script.read_text("utf-8").splitlines()
    if shebang == "#!/usr/bin/env python3":
        assert comment.startswith('"""')
        ast.parse(script.read_text("utf-8"))
        return
    assert shebang == "#!/usr/bin/env bash"
    assert comment.startswith("# ")
    subprocess.run(["bash", "-n", str(script)], check=True)
