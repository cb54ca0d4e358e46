"""The command `dalang command`, with which an operator pauses or resumes journeys, stops instances or enters customers."""

import json
from typing import Annotated

import typer

from engine.cli import options
from engine.runtime import commands, settings
from engine.runtime.kafka import connection, topics


def command(
    name: Annotated[commands.Name, typer.Argument(help="What to do.", metavar="pause|resume|stop|enter")],
    journey: Annotated[str | None, typer.Option(help="This journey. Default: all.", envvar="DALANG_JOURNEY")] = None,
    customer: Annotated[str | None, typer.Option(help="This customer. Default: everybody.", envvar="DALANG_CUSTOMER")] = None,
    key: Annotated[str | None, typer.Option(help="The instance with this key.", envvar="DALANG_KEY")] = None,
    data: Annotated[str, typer.Option(help="JSON: what entry.data holds, for enter.", envvar="DALANG_DATA")] = "",
    everybody: Annotated[bool, typer.Option("--everybody", help="Enter all who are known.", envvar="DALANG_EVERYBODY")] = False,
    broker: options.Broker = None,
    topic_prefix: options.Prefix = None,
    as_json: options.AsJson = False,
) -> None:
    """Pause or resume journeys, stop instances, or enter customers by hand.

    A command is an event on customer.events: it takes its place in the log, and a replay obeys it too.
    """
    told = commands.command(name, journey, customer, key, data, everybody=everybody)
    chosen = settings.read(settings.Access, broker=broker, topic_prefix=topic_prefix)
    stands = connection.run(commands.send(chosen.connected(), topics.Topics(chosen.topic_prefix), told))
    if as_json:
        print(
            json.dumps(
                {"command": name, "journey": told.journey, "customer": told.customer, "partitions": list(stands)}, indent=2
            )
        )
        return
    whom = f"customer {customer} (partition {stands[0]})" if customer else f"everybody, in {len(stands)} partitions"
    print(f"{name} {journey or 'all journeys'} for {whom}: written.")
