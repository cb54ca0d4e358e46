"""The command `dalang replay`, which decides a history again, writes the results to files, and prints a summary."""

import json
import pathlib
import sys
from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from engine.cli import options, report
from engine.core import errors
from engine.replay import histories, outputs, replayer, simulated_receipts

File = pathlib.Path | None


def replay(
    events: options.Events,
    journeys: options.Given = None,
    bundles: options.Bundles = "",
    customer: Annotated[
        list[str] | None, typer.Option(help="Decide for this customer alone; may be repeated.", envvar="DALANG_CUSTOMER")
    ] = None,
    until: Annotated[str, typer.Option(help="The time (RFC 3339) at which to stop.", envvar="DALANG_UNTIL")] = "",
    decisions: Annotated[File, typer.Option(help="Write the decisions to this file.", envvar="DALANG_DECISIONS")] = None,
    actions: Annotated[File, typer.Option(help="Write the actions to this file.", envvar="DALANG_ACTIONS")] = None,
    receipts: Annotated[str, typer.Option(help="A model of simulated receipts, or none.", envvar="DALANG_RECEIPTS")] = "none",
    history: Annotated[
        File, typer.Option(help="Write the events with the simulated receipts to this file.", envvar="DALANG_HISTORY")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="The number of processes that share the work.", envvar="DALANG_WORKERS")
    ] = 1,
    clock: Annotated[
        Literal["virtual", "recorded"] | None,
        typer.Option(
            help="virtual: timers fire at their due times; recorded: with timer.due events. Default: recorded if there are any.",
            envvar="DALANG_REPLAY_CLOCK",
        ),
    ] = None,
    drain: Annotated[
        bool,
        typer.Option("--drain/--no-drain", help="Let the clock run on after the last event.", envvar="DALANG_DRAIN"),
    ] = True,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if a line is bad.", envvar="DALANG_STRICT")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Decide a history again. It sends nothing, to anybody."""
    if history is not None and receipts == "none":
        raise HistoryNeedsReceipts
    source = options.history(events)
    chosen = replayer.Options(
        clock=clock or ("recorded" if histories.has_clock(source) else "virtual"),
        drain=drain,
        until=options.instant(until, "--until") if until else None,
        customers=frozenset(customer or ()),
        receipts=None if receipts == "none" else simulated_receipts.read(pathlib.Path(receipts)),
    )
    files: dict[str, File] = {"decisions": decisions, "actions": actions}
    if history is not None:
        files["history"] = history
    _writable(files, events, journeys)
    given = options.warned(options.decided_by(events, source, journeys, bundles))
    try:
        outcome = outputs.replay(given, source, chosen, files, workers, watched=sys.stderr.isatty())
    except OSError as exc:  # for example a full disk
        raise NotWritable(f"The outputs cannot be written: {exc.strerror or exc}.") from None
    told = {**outcome.summary.as_dict(), "sha256": {kind: each.sha256 for kind, each in outcome.written.items()}}
    print(json.dumps(told, indent=2) if as_json else report.summary(told))
    _unknown(chosen.customers - outcome.summary.found, until)
    if strict and told["bad_lines"]:
        raise typer.Exit(1)


def _unknown(names: frozenset[str], until: str) -> None:
    """Print a warning for each customer whom `--customer` names and who is not in the history.

    Without the warning, a misspelt id would look like a customer without decisions.
    """
    for name in sorted(names):
        print(f"warning: {options.unconcerned(name, until)}", file=sys.stderr)


class HistoryNeedsReceipts(errors.DalangError):
    """--history writes the events with simulated receipts, so it needs --receipts too."""

    code = "DLG402"
    hint = "Give a model of receipts: --receipts examples/shop/receipts.yaml."


class NotWritable(errors.DalangError):
    """This output cannot be written."""

    code = "DLG403"
    hint = "Give another file, in a directory that exists and in which you may write."


def _writable(files: dict[str, File], events: Sequence[str], journeys: pathlib.Path | None) -> None:
    """Raise `NotWritable` if an output file cannot be written, or is also an input or another output of this replay.

    Called before the replay starts, because a replay may take long.
    """
    taken = {pathlib.Path(each).resolve() for each in events}
    for path in files.values():
        if path is None:
            continue
        if path.is_dir() or not path.absolute().parent.is_dir():
            raise NotWritable(f"{path} cannot be written.")
        whole = path.resolve()
        if whole in taken or (journeys is not None and whole.is_relative_to(journeys.resolve())):
            raise NotWritable(f"{path} is read by this replay, or is another of its outputs.")
        taken.add(whole)
