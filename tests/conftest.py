"""Fixtures that every test may ask for; what they are stands in the modules named here."""

pytest_plugins = [
    "tests.postgres",
    "tests.service",
    "tests.shop",
    "tests.signing_in",
    "tests.stores",
]
