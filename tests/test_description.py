"""The API does what its description says: requests made from it, good and bad, by Schemathesis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from docgen.settings import Settings
from tests.service import Team, at_work
from tests.sizes import FULL

pytestmark = pytest.mark.no_cover

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
CALLERS = {"contracts": "wangqiang", "users": "root", "audit": "root"}
EXAMPLES = 60 if FULL else 8
"""Requests an operation; the same each time in the gate, new ones at full size."""

KNOWN: dict[str, Any] = {}
SCHEMA: Any = schemathesis.openapi.from_dict(create_app(Settings()).openapi())
OPERATIONS = {
    f"{found.ok().method.upper()} {found.ok().path}": found.ok()
    for found in SCHEMA.get_all_operations()
}


@pytest.fixture(scope="module")
def crew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A team with a contract and a draft, which may ask as often as it likes."""
    with at_work(tmp_path_factory.mktemp("data") / "data", requests_per_minute=10**6) as team:
        KNOWN["contract_id"] = team.contract()
        KNOWN["record_id"] = team.record("ZX")["id"]
        KNOWN["number"], KNOWN["username"] = 1, "lina"
        yield team


def known(given: dict[str, Any] | None) -> dict[str, Any]:
    """Put what there is in the place of made up identifiers."""
    return {name: KNOWN.get(name, value) for name, value in (given or {}).items()}


def sent(crew: Team, case: Any, headers: dict[str, str]) -> Any:
    """Send what Schemathesis made through the running application."""
    kwargs = case.as_transport_kwargs(base_url="http://testserver", headers=headers)
    names = ("method", "url", "headers", "params", "json", "data", "files", "cookies")
    request = requests.Request(**{name: kwargs[name] for name in names if name in kwargs}).prepare()
    return crew.client.request(
        str(request.method), str(request.url), headers=dict(request.headers), content=request.body
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_answers_as_described(crew: Team, name: str) -> None:
    part = name.split("/")[3] if name.count("/") > 2 else ""
    who = CALLERS.get(part, "zhangwei")
    headers = {"Authorization": f"Bearer {crew.tokens[who]}"}

    @given(case=OPERATIONS[name].as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=not FULL,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def answered(case: Any) -> None:
        if len(repr(case.path_parameters)) % 3:  # most ask for what there is
            case.path_parameters = known(case.path_parameters)
        case.validate_response(sent(crew, case, headers), checks=CHECKS)

    answered()


def test_operations_were_found() -> None:
    assert len(OPERATIONS) > 40
