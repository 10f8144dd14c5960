"""Works on what is ordered in a data folder, as the service on SQLite does, until SIGTERM.

`python -m bench.queue_worker FOLDER`. Children import this module anew, as they do the command
`docgen`: therefore it is as light.
"""

import os
import signal
import sys
from pathlib import Path
from threading import Event


def main() -> None:
    """Work; DOCGEN_JOBS says with how many children."""
    from dataclasses import replace

    from bench.jobs import Place
    from docgen.batches.handlers import handlers
    from docgen.batches.worker import WorkerContext, run_worker
    from docgen.pipeline.children import children
    from docgen.store.unit_of_work import Store

    stopping = Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    at_once = int(os.environ["DOCGEN_JOBS"])
    settings = Place(Path(sys.argv[1]), "").settings
    store = Store.open(settings)
    with children(replace(settings, jobs=at_once + 1), ["docx"]) as pool:
        run_worker(WorkerContext(store, handlers(store, pool), at_once=at_once), stopping)
    store.close()


if __name__ == "__main__":
    main()
