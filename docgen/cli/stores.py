"""The service's own store, for commands of whoever runs it; faults become messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from sqlalchemy.orm import Session

from docgen.access import SERVICE
from docgen.cli.console import errors_told
from docgen.settings import load_settings
from docgen.store.unit_of_work import Store, UnitOfWork


@contextmanager
def opened_store(as_json: bool) -> Iterator[Store]:
    """Open the store of the settings. Ends the command with its exit code on any DocgenError."""
    with errors_told(as_json), closing(Store.open(load_settings())) as store:
        yield store


@contextmanager
def reading(as_json: bool) -> Iterator[Session]:
    """Open the store and give a session to read in."""
    with opened_store(as_json) as store, store.reading() as session:
        yield session


@contextmanager
def changing(as_json: bool) -> Iterator[UnitOfWork]:
    """Open the store and give one transaction, made by the service itself."""
    with opened_store(as_json) as store, store.change(SERVICE) as unit:
        yield unit
