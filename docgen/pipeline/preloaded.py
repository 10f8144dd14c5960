"""Imported by the process that children are forked from: what each would do at its first record."""

import docxtpl  # noqa: F401 # Word templates load it only when they are compiled

import docgen.pipeline  # noqa: F401 # what every child runs
from schemas.catalog import record_types

record_types()
