"""The arguments and flags that several commands share: the history, the definitions, the broker and the form of the output.

Called by the other files of this folder. Every flag here can be set by an environment variable too.
"""

import contextlib
import datetime
import pathlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from engine.authoring.compiling import catalogs
from engine.core import errors
from engine.core.model import inputs
from engine.replay import definitions, histories

if TYPE_CHECKING:
    from engine.runtime.kafka import connection

Clock = Literal["wall", "stream"]
CLOCK: Final = "The clock of the timers: wall goes by real time, stream by the recorded times of the events."
"""The help text of --clock for a worker; a replay has other clocks."""
LOG: Final = "kafka://"
"""The beginning of the address of a Kafka topic, such as `kafka://localhost:9092/customer.events`."""

Events = Annotated[
    list[str],
    typer.Argument(
        help="The history: .jsonl or .jsonl.gz files, read one after the other; - for standard input; or kafka://host:port/topic."
    ),
]
Journeys = Annotated[pathlib.Path, typer.Option("--journeys", help="The directory of journeys.", envvar="DALANG_JOURNEYS")]
Given = Annotated[
    pathlib.Path | None,
    typer.Option(
        "--journeys",
        help="The directory of journeys that decides from the start. Default: for a log, its live bundles; else journeys.",
        envvar="DALANG_JOURNEYS",
    ),
]
Bundles = Annotated[
    str,
    typer.Option(
        help="The bundles that were live: a file, or kafka://host:port/topic. Default: the log's own.", envvar="DALANG_BUNDLES"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.", envvar="DALANG_JSON")]
Broker = Annotated[
    str | None,
    typer.Option(
        help="host:port of a Kafka broker; several with commas between them. Default: localhost:9092.", envvar="DALANG_BROKER"
    ),
]
Prefix = Annotated[
    str | None,
    typer.Option("--topic-prefix", help="The text before the name of every topic. Default: none.", envvar="DALANG_TOPIC_PREFIX"),
]


class NotAnInstant(errors.DalangError):
    """A flag needs a time, and its text is none."""

    code = "DLG409"
    hint = "Write it like 2026-06-30T17:00:00Z or 2026-07-01T00:00:00+07:00 (RFC 3339), between the years 1970 and 9000."


def instant(text: str, flag: str) -> datetime.datetime:
    """Return the time in the text of a flag; raise `NotAnInstant`, which names the flag, if the text is no time."""
    try:
        return inputs.instant(text)
    except errors.NotATime as exc:
        raise NotAnInstant(f"{flag}: {exc.args[0]}") from None


class StandsAlone(errors.DalangError):
    """A log must be the only history, and standard input can be read only once."""

    code = "DLG410"
    hint = "Write the log to a file with `dalang history export` (or standard input with `cat > FILE`), and give that file."


def history(events: Sequence[str]) -> histories.Kept:
    """Return the history that the arguments EVENTS name: files, standard input (`-`) or one Kafka topic.

    Raises `StandsAlone` if a Kafka topic is not the only argument, or if standard input is named twice.
    """
    if is_log(events):
        from engine.runtime.kafka import history as log  # noqa: PLC0415 - load Kafka only if it is needed

        lines: Iterable[bytes] = log.read(*this_log(events[0]))
        return histories.LinesHistory(lines, events[0])
    if any(each.startswith(LOG) for each in events) or events.count("-") > 1:
        raise StandsAlone(f"{' '.join(events)}: a log must be the only history, and standard input can be read only once.")
    return histories.JoinedHistory([histories.open_history(each) for each in events])


def is_log(events: Sequence[str]) -> bool:
    """Return True if the arguments EVENTS are one Kafka topic (`kafka://host:port/topic`)."""
    return len(events) == 1 and events[0].startswith(LOG)


def unconcerned(customer: str, until: str = "") -> str:
    """Return a sentence which says that the history has no event of this customer, with the likely reason.

    `until` is the text of the flag `--until`, empty if it was not given.
    """
    end = f" until {until}" if until else ""
    return (
        f"Nothing in this history concerned {customer}{end}."
        " Write the id exactly as the `subject` of the events has it; small and capital letters differ."
    )


@contextlib.contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """Show a running count of `what` on standard error, and yield the function that adds to the count.

    Nothing is shown if standard error is not a terminal.
    """
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich import console, progress  # noqa: PLC0415 - only the count needs rich

    shown = progress.Progress(
        progress.TextColumn("{task.completed:,.0f} " + what), console=console.Console(stderr=True), transient=True
    )
    with shown:
        task = shown.add_task(what, total=None)
        yield lambda count: shown.advance(task, count)


def this_log(url: str) -> "tuple[connection.Broker, str]":
    """Return the broker and the topic of `kafka://host:port/topic`; the broker has the TLS and SASL options of the settings."""
    from engine.runtime import settings  # noqa: PLC0415
    from engine.runtime.kafka import history as log  # noqa: PLC0415 - load Kafka only if it is needed

    broker, topic = log.address(url)
    return settings.read(settings.Access).connected(broker), topic


class WhichDefinitions(errors.DalangError):
    """This history says which bundles were live, but it does not hold the bundles."""

    code = "DLG405"
    hint = "Give the bundles with --bundles (a file, or kafka://host:port/journey.bundles), or a directory with --journeys."


class NothingLive(errors.DalangError):
    """No bundle is activated in this history, so nothing would be decided."""

    code = "DLG407"
    hint = "Give a directory with --journeys, or run `dalang deploy` before the first event comes."


class OneOfBoth(errors.DalangError):
    """--journeys (one directory, from the start) and --bundles (those that were live) cannot be given together."""

    code = "DLG406"
    hint = "Leave one of them out; the variables DALANG_JOURNEYS and DALANG_BUNDLES count too."


def decided_by(
    events: Sequence[str], source: histories.History, journeys: pathlib.Path | None, bundles: str
) -> definitions.Given:
    """Return the bundle or bundles that decide a history.

    `journeys` is a directory, which decides the whole history. `bundles` is a file or a Kafka topic with bundles, among which
    the history's activations choose. If neither is given, a Kafka topic is decided by its own bundles, and a file by the
    directory `journeys`.

    Raises `OneOfBoth` if both are given. Raises `NothingLive` if bundles are to decide but the history activates none. Raises
    `WhichDefinitions` if a file has activations and neither is given.
    """
    if journeys is not None and bundles:
        raise OneOfBoth
    if journeys is not None:
        return catalogs.bundle(journeys)
    recorded = histories.has_activations(source)
    if not recorded and (bundles or is_log(events)):
        raise NothingLive
    if bundles and not bundles.startswith(LOG):
        return definitions.read(pathlib.Path(bundles))
    if bundles or is_log(events):
        from engine.runtime import bundles as topic  # noqa: PLC0415 - load Kafka only if it is needed
        from engine.runtime.kafka import connection  # noqa: PLC0415

        return connection.run(topic.beside(*this_log(bundles or events[0])))
    if recorded:
        raise WhichDefinitions
    return catalogs.bundle("journeys")


def warned(given: definitions.Given) -> definitions.Given:
    """Return the definitions unchanged; print a warning on standard error if they were made with another version of tzdata."""
    sentence = definitions.told(definitions.foreign(given))
    if sentence:
        print(f"warning: {sentence}", file=sys.stderr)
    return given
