"""The command `dalang command`, with which an operator pauses or resumes journeys, stops instances or enters customers."""

import json
from typing import Annotated

import typer

from engine.cli import options
from engine.runtime import commands, settings
from engine.runtime.kafka import connection, topics


def command(
    name: Annotated[commands.Name, typer.Argument(help="The command.", metavar="pause|resume|stop|enter")],
    journey: Annotated[str | None, typer.Option(help="The journey. Default: all journeys.", envvar="DALANG_JOURNEY")] = None,
    customer: Annotated[str | None, typer.Option(help="The customer. Default: all customers.", envvar="DALANG_CUSTOMER")] = None,
    key: Annotated[str | None, typer.Option(help="The key of one instance. Default: all instances.", envvar="DALANG_KEY")] = None,
    data: Annotated[
        str, typer.Option(help="For enter: the JSON object that expressions see as entry.data.", envvar="DALANG_DATA")
    ] = "",
    everybody: Annotated[
        bool, typer.Option("--everybody", help="For enter: all known customers.", envvar="DALANG_EVERYBODY")
    ] = False,
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
