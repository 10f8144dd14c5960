"""How much the tests do: DOCGEN_TESTS=full makes faults, fuzz and soaks run at full size."""

import os

FULL = os.environ.get("DOCGEN_TESTS") == "full"
