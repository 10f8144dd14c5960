"""Map each kind of work in the queue to its handler."""

from __future__ import annotations

from docgen.batches import rendering, sheet_documents, sheet_reading
from docgen.batches.reading_batch import KIND_CONVERT, KIND_READ
from docgen.batches.worker import GroupHandler, one_at_a_time
from docgen.renderers.isolation import Children
from docgen.store.unit_of_work import Store


def handlers(store: Store, children: Children) -> dict[str, GroupHandler]:
    """Return the handlers of every kind of work."""
    return {
        rendering.KIND_RENDER: rendering.rendering_handler(store, children),
        KIND_READ: one_at_a_time(sheet_reading.reading_handler(store, children)),
        KIND_CONVERT: sheet_documents.drafting_handler(store, children),
    }
