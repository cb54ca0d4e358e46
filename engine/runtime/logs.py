"""Logs: structlog at the edge. An event name and keys; ids of customers at most, never an address or a text."""

import logging
import sys
from typing import Any, Literal

import structlog


def configure(format: Literal["console", "json"]) -> None:
    """Send Dalang's own log, and warnings of the libraries, to standard error."""
    # The default traceback shows the values of variables, and with them what events say of people.
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
    # Without this each record pays for debug texts that nobody reads (10-50 % of the throughput, measured).
    logging.disable(logging.DEBUG)


def quiet() -> None:
    """For a command that is no process of its own to watch: warnings and errors alone, on standard error."""
    configure("console")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


def log() -> Any:
    """The logger."""
    return structlog.get_logger("dalang")
