"""Which kind of work is done by what."""

from __future__ import annotations

from docgen.jobs import converting, drafting, rendering
from docgen.jobs.worker import Groups, singly
from docgen.renderers.isolate import Children
from docgen.service.batches_reading import CONVERT, READ
from docgen.service.unit import Store


def handlers(store: Store, children: Children) -> dict[str, Groups]:
    """Return the handlers of every kind of work."""
    return {
        rendering.KIND: rendering.rendering(store, children),
        READ: singly(converting.reading(store, children)),
        CONVERT: drafting.drafting(store, children),
    }
