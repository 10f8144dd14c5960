"""Fixtures that every test may ask for; what they are stands in the modules named here."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from docgen.renderers.isolation import private_fontconfig
from docgen.templates.theme import default_folder
from tests.sizes import FULL

# The gate draws the same examples each time, so that no change fails by another's luck; the full
# size draws new ones. Neither counts seconds: the machine may be busy.
settings.register_profile(
    "gate", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("full", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("full" if FULL else "gate")

pytest_plugins = [
    "tests.postgres",
    "tests.warm",
    "tests.service",
    "tests.shop",
    "tests.signing_in",
    "tests.stores",
    "tests.browsing",  # after those that it imports
]


@pytest.fixture(autouse=True, scope="session")
def own_fonts(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Show only our fonts from the start: what the first child sees, all later ones see."""
    private_fontconfig(default_folder() / "fonts", tmp_path_factory.mktemp("fontconfig"))
