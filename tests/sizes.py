"""How much the tests do: DOCGEN_TESTS=full makes faults, fuzz and soaks run at full size."""

import os

import pytest

FULL = os.environ.get("DOCGEN_TESTS") == "full"


def one_database(fixture: str, usual: str = "postgresql") -> pytest.MarkDecorator:
    """Run a long walk through the whole application over one database, at full size over both.

    Each step of it is tried over both in the tests of its own subject.
    """
    chosen = ["sqlite", "postgresql"] if FULL else [usual]
    return pytest.mark.parametrize(fixture, chosen, indirect=True)
