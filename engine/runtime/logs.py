"""The program's log on standard error, made with structlog: each entry is the name of an event, with keys and values.

Example: the entry `bundle deployed` has the key `partitions`. An entry may contain ids of customers, but never an address or
the text of a message.
"""

import logging
import sys
from typing import Any, Literal

import structlog


def configure(format: Literal["console", "json"]) -> None:
    """Send Dalang's own log and the warnings of libraries to standard error, as text (`console`) or as JSON lines (`json`)."""
    # The default traceback shows the values of variables, and with them personal data from events.
    console = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    render: Any = structlog.processors.JSONRenderer() if format == "json" else console
    shared: list[Any] = [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    structlog.configure(
        processors=[*shared, render],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=render, foreign_pre_chain=shared))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # Without this line, libraries build debug texts for each Kafka record, which costs 10-50 % of the throughput (measured).
    logging.disable(logging.DEBUG)


def quiet() -> None:
    """Log only warnings and errors, on standard error, for a command that is not a worker."""
    configure("console")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


def log() -> Any:
    """Return the logger of Dalang."""
    return structlog.get_logger("dalang")
