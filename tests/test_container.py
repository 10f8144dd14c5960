"""Containerfile and compose.yaml, held against what they name; no container engine is needed."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from docgen.cli.commands import ENTRIES
from docgen.cli.serving import GRACE_S
from docgen.settings import PREFIX, Settings, load_settings
from docgen.store.health import OLDEST_POSTGRES
from tests.serving import served
from tests.settings import SECRET
from tests.stores import environment

ROOT = Path(__file__).resolve().parent.parent
CONTAINERFILE = (ROOT / "Containerfile").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SETTINGS = {PREFIX + field.name.upper() for field in fields(Settings)}
SECRETS = {"POSTGRES_PASSWORD", "DOCGEN_SECRET_KEY"}


def instructions() -> list[tuple[str, str]]:
    """The lines of the Containerfile, as instruction and rest."""
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", CONTAINERFILE, flags=re.MULTILINE))
    parted = (line.partition(" ") for line in joined.splitlines() if line.strip())
    return [(name, " ".join(rest.split())) for name, _, rest in parted]


def the(name: str) -> list[str]:
    return [rest for found, rest in instructions() if found == name]


def variables() -> dict[str, str]:
    [rest] = the("ENV")
    return dict(pair.split("=", 1) for pair in shlex.split(rest))


def substituted(text: str, values: dict[str, str]) -> str:
    """What compose makes of a text: `${NAME:?message}` must be set."""

    def value(found: re.Match[str]) -> str:
        assert found["rest"].startswith(":?"), f"{found[0]} has a default"
        return values[found["name"]]

    return re.sub(r"\$\{(?P<name>\w+)(?P<rest>[^}]*)\}", value, text)


# ---------------------------------------------------------------- the image


def test_images_are_named_without_a_host() -> None:
    images = [rest.split()[0] for rest in the("FROM")]
    assert set(images) == {"debian:12-slim"}
    named = {service["image"] for service in COMPOSE["services"].values()}
    assert named == {"postgres:15", "docgen"}
    for name in ("Containerfile", "compose.yaml", ".dockerignore"):
        text = (ROOT / name).read_text("utf-8")
        assert re.findall(r"https?://(?!127\.0\.0\.1)\S+", text) == []
        assert not re.search(r"\b[\w-]+\.(io|com|org|net)\b", text)


def test_the_wheel_comes_with_locked_requirements() -> None:
    runs = " ".join(the("RUN"))
    assert "--require-hashes --only-binary=:all: --requirement /build/requirements.txt" in runs
    assert "--no-index /build/docgen-*.whl" in runs
    assert (ROOT / "requirements.txt").read_text("utf-8").count("--hash=sha256:") > 50


def test_the_system_packages_are_those_of_setup() -> None:
    setup = (ROOT / ".ci/setup").read_text("utf-8")
    needed = re.search(r"^packages=\(([^)]*)\)", setup, re.MULTILINE)
    assert needed
    assert all(package in the("RUN")[-1] for package in needed[1].split())


def test_it_runs_as_nobody_special() -> None:
    assert the("USER") == ["docgen"]
    assert "--mode 0700 /var/lib/docgen" in the("RUN")[-1]
    assert variables()["DOCGEN_DATA"] == the("VOLUME")[0] == "/var/lib/docgen"


def test_its_settings_are_settings() -> None:
    own = {name: value for name, value in variables().items() if name.startswith(PREFIX)}
    settings = load_settings(own)
    assert (settings.host, settings.port) == ("0.0.0.0", int(the("EXPOSE")[0]))  # noqa: S104 # within its container
    assert json.loads(the("ENTRYPOINT")[0]) == ["docgen"]
    assert json.loads(the("CMD")[0])[0] in ENTRIES


def test_what_is_copied_is_let_in() -> None:
    rules = [
        line
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    copied = [rest.split()[0] for rest in the("COPY") if not rest.startswith("--from")]
    assert copied == ["requirements.txt", "dist/docgen-*.whl"]

    def let_in(path: str) -> bool:
        last = True
        for rule in rules:
            if fnmatch.fnmatch(path, rule.lstrip("!")) or path.startswith(rule.strip("!")):
                last = rule.startswith("!")
        return last

    assert let_in("requirements.txt")
    assert let_in("dist/docgen-0.1.0-py3-none-any.whl")
    for path in (
        ".env",
        "docgen-data/secret.key",
        "dist/other.tar",
        "tests/stores.py",
        ".git/config",
    ):
        assert not let_in(path)


@pytest.mark.slow
@pytest.mark.enable_socket
def test_the_health_check_tells_a_service_that_lives(tmp_path: Path) -> None:
    [check] = the("HEALTHCHECK")
    command = json.loads(check.partition("CMD ")[2])
    assert command[:2] == ["python3", "-c"]
    with served(tmp_path, environment(tmp_path / "data")) as service:
        script = command[2].replace(f":{the('EXPOSE')[0]}/", f":{service.port}/")
        subprocess.run([sys.executable, "-c", script], check=True)
    gone = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert gone.returncode != 0


# ---------------------------------------------------------------- compose


def test_secrets_have_no_default() -> None:
    text = (ROOT / "compose.yaml").read_text("utf-8")
    body = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    assert set(re.findall(r"\$\{(\w+):\?[^}]+\}", body)) == SECRETS
    assert len(re.findall(r"\$", body)) == len(re.findall(r"\$\{\w+:\?[^}]+\}", body))


def test_the_services_are_settled_by_real_settings_and_commands() -> None:
    values = dict.fromkeys(SECRETS, SECRET)
    for name in ("migrate", "docgen", "worker"):
        service = COMPOSE["services"][name]
        env = {key: substituted(text, values) for key, text in service["environment"].items()}
        assert env.keys() <= SETTINGS
        settings = load_settings(env)
        assert settings.database == f"postgresql://docgen:{SECRET}@database/docgen"
        assert settings.secret_key == SECRET
        assert service["command"][0] in ENTRIES
        assert service["read_only"]
        assert service["volumes"] == [f"data:{the('VOLUME')[0]}"]
        assert service["build"]["dockerfile"] == "Containerfile"
    assert COMPOSE["services"]["docgen"]["command"] == ["serve"]
    assert COMPOSE["services"]["worker"]["command"] == ["worker"]


def test_three_workers_do_batches_and_publish_nothing() -> None:
    worker, service = COMPOSE["services"]["worker"], COMPOSE["services"]["docgen"]
    assert worker["deploy"] == {"replicas": 3}
    assert worker["depends_on"] == service["depends_on"]
    assert int(worker["stop_grace_period"].removesuffix("s")) > GRACE_S
    assert "ports" not in worker
    assert worker["environment"] == service["environment"]


def test_the_service_waits_for_the_migration_and_that_for_the_database() -> None:
    services = COMPOSE["services"]
    waits = {name: service.get("depends_on", {}) for name, service in services.items()}
    assert waits["docgen"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert waits["migrate"] == {"database": {"condition": "service_healthy"}}
    assert services["database"]["healthcheck"]["test"][1] == "pg_isready"
    assert int(services["docgen"]["stop_grace_period"].removesuffix("s")) > GRACE_S
    assert int(services["database"]["image"].partition(":")[2]) >= OLDEST_POSTGRES


def test_only_loopback_is_published() -> None:
    published = [port for one in COMPOSE["services"].values() for port in one.get("ports", ())]
    assert published == [f"127.0.0.1:8000:{the('EXPOSE')[0]}"]


def test_volumes_are_declared() -> None:
    used = {
        volume.partition(":")[0]
        for service in COMPOSE["services"].values()
        for volume in service.get("volumes", ())
    }
    assert used == COMPOSE["volumes"].keys()
