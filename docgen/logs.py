"""Logs: one line an event on standard error, for people (text) or for their tools (JSON)."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from schemas.visible import visible

CHATTY = ("alembic", "procrastinate", "weasyprint")
"""Libraries that tell each of their steps as news; of them only warnings are worth a line."""


def set_up_logging(form: str = "text") -> None:
    """Write every event to standard error as one line of `form`: text or json.

    It carries its request's name if it has one. A traceback stands in JSON as a whole, in text as
    the error and its place.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
    ]
    last = _as_json() if form == "json" else _as_text()
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _as_json() -> list[Processor]:
    return [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _keep_to_a_line,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]


def _as_text() -> list[Processor]:
    return [
        structlog.processors.TimeStamper(fmt="%m-%d %H:%M:%S", utc=False),
        _fold_traceback,
        _keep_to_a_line,
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0, sort_keys=False),
    ]


def _fold_traceback(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Put the error and the place where it was raised for the traceback."""
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if type(given) is tuple else given
    if isinstance(error, BaseException):
        event["error"] = "".join(traceback.format_exception_only(error)).strip()
        for frame in traceback.extract_tb(error.__traceback__)[-1:]:
            event["at"] = f"{frame.filename}:{frame.lineno}"
    return event


def _keep_to_a_line(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Write line breaks and control characters as escapes: one event can never look like two."""
    for name, value in event.items():
        if isinstance(value, str) or name == "event":  # a traceback stands in JSON as a whole
            event[name] = visible(str(value), "\n" if name == "exception" else "")
    return event
