"""Fixtures that every test may ask for; what they are stands in the modules named here."""

from __future__ import annotations

import pytest

from docgen.renderers.isolate import private_fontconfig
from docgen.theme import default_folder

pytest_plugins = [
    "tests.kept_child",
    "tests.postgres",
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
