"""What several commands take: the history, the journeys, the customer. Each flag has an environment twin."""

import datetime
import pathlib
from collections.abc import Iterable
from typing import Annotated

import typer

from engine.core import inputs
from engine.replay import histories

Events = Annotated[str, typer.Argument(help="A .jsonl or .jsonl.gz file, - for standard input, or kafka://host:port/topic.")]
Journeys = Annotated[pathlib.Path, typer.Option("--journeys", help="The directory of journeys.", envvar="DALANG_JOURNEYS")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.", envvar="DALANG_JSON")]
Broker = Annotated[str, typer.Option(help="host:port of a Kafka broker.", envvar="DALANG_BROKER")]
Prefix = Annotated[str, typer.Option("--topic-prefix", help="Put before every topic.", envvar="DALANG_TOPIC_PREFIX")]


def instant(text: str) -> datetime.datetime:
    """A time on the command line; `errors.NotATime` if it is none."""
    return inputs.instant(text)


def history(events: str) -> histories.FileHistory | histories.LinesHistory:
    """The history of the argument EVENTS."""
    if events.startswith("kafka://"):
        from engine.runtime import history as log  # noqa: PLC0415 - Kafka is loaded only where it is asked for

        lines: Iterable[bytes] = log.read(events)
        return histories.LinesHistory(lines)
    return histories.open_history(events)
