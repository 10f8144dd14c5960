"""Fixtures that every test may ask for; what they are stands in the modules named here."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from docgen.renderers.isolation import private_fontconfig
from docgen.templates.theme import default_folder
from tests.sizes import FULL

pytest_plugins = [
    "tests.postgres",
    "tests.warm",
    "tests.kept_child",
    "tests.service",
    "tests.shop",
    "tests.signing_in",
    "tests.stores",
    "tests.browsing",  # after those that it imports
]

# Without a deadline, since a busy machine is no fault. The gate draws the same examples each time,
# so that nothing fails by luck; at full size they are drawn anew, and what fails is printed.
_PATIENT: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow],  # the machine may be busy
}
settings.register_profile("gate", derandomize=True, database=None, max_examples=50, **_PATIENT)
settings.register_profile("full", print_blob=True, max_examples=500, **_PATIENT)
settings.load_profile("full" if FULL else "gate")


@pytest.fixture(autouse=True, scope="session")
def own_fonts(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Show only our fonts from the start: what the first child sees, all later ones see."""
    private_fontconfig(default_folder() / "fonts", tmp_path_factory.mktemp("fontconfig"))


def pytest_runtest_setup() -> None:
    """Forget what an entrance that ran in this process told Python for its children."""
    os.environ.pop("PYTHONSAFEPATH", None)
