"""Map each kind of work in the queue to its handler."""

from __future__ import annotations

from docgen.batches import rendering, sheet_documents, sheet_reading
from docgen.batches.reading_batch import CONVERT, READ
from docgen.batches.worker import Groups, singly
from docgen.renderers.isolation import Children
from docgen.store.unit_of_work import Store


def handlers(store: Store, children: Children) -> dict[str, Groups]:
    """Return the handlers of every kind of work."""
    return {
        rendering.KIND: rendering.rendering(store, children),
        READ: singly(sheet_reading.reading(store, children)),
        CONVERT: sheet_documents.drafting(store, children),
    }
