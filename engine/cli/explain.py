"""The command `dalang explain`, which tells why a customer got a message, or why she got none."""

import json
from typing import Annotated

import msgspec
import typer

from engine.cli import options
from engine.core import errors
from engine.replay import definitions, explainer, histories, replayer, story_text


class NoSuchJourney(errors.DalangError):
    """The journey of --journey is in none of the definitions that decide this history."""

    code = "DLG408"
    hint = "Name one of these with --journey, or leave --journey out for all."


def explain(
    events: options.Events,
    customer: Annotated[str, typer.Option(help="The id of the customer.", envvar="DALANG_CUSTOMER")],
    journeys: options.Given = None,
    bundles: options.Bundles = "",
    journey: Annotated[
        str | None, typer.Option(help="Tell about this journey alone. Default: all.", envvar="DALANG_JOURNEY")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Tell one customer's story: what was seen, what was decided, and why not."""
    source = options.history(events)
    chosen = replayer.Options(clock="recorded" if histories.has_clock(source) else "virtual", customers=frozenset([customer]))
    given = options.warned(options.decided_by(events, source, journeys, bundles))
    known = definitions.names(given)
    if journey is not None and journey not in known:
        raise NoSuchJourney(f"There is no journey {journey}. There are: {', '.join(known) or 'none'}.")
    chapters = explainer.explain(definitions.of(given), source.lines(), chosen, journey)
    if as_json:
        print(json.dumps(json.loads(msgspec.json.encode(chapters)), indent=2))
        return
    print("\n".join(story_text.text(chapters)) or options.unconcerned(customer))
