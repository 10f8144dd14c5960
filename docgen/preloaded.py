"""Imported by the process that children are forked from: what each would do at its first record."""

import docxtpl  # noqa: F401

import docgen.pipeline  # noqa: F401
from schemas.catalog import record_types

record_types()
