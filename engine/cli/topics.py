"""The commands `dalang topics create` and `dalang topics check`, which create and check the Kafka topics."""

from typing import Annotated, Final

import typer

from engine.cli import options
from engine.runtime import settings
from engine.runtime.kafka import connection, topics

app: Final = typer.Typer(no_args_is_help=True)


@app.command()
def create(
    broker: options.Broker = None,
    topic_prefix: options.Prefix = None,
    partitions: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="The number of partitions of every topic. Default: 12, or as many as topics have that exist.",
            envvar="DALANG_PARTITIONS",
        ),
    ] = None,
    replication: Annotated[
        int | None, typer.Option(min=1, help="The number of copies of each partition. Default: 1.", envvar="DALANG_REPLICATION")
    ] = None,
) -> None:
    """Create the topics that are missing. DALANG_RETENTION_* say for how many days they keep records."""
    given = {"broker": broker, "topic_prefix": topic_prefix, "partitions": partitions, "replication": replication}
    chosen = settings.read(settings.Making, **given)
    days = {
        topics.EVENTS: chosen.retention_events,
        topics.DECISIONS: chosen.retention_decisions,
        topics.DEAD_LETTERS: chosen.retention_dead_letters,
        **dict.fromkeys(topics.ACTIONS.values(), chosen.retention_actions),
    }
    names = topics.Topics(chosen.topic_prefix)
    made = connection.run(topics.create(chosen.connected(), names, chosen.partitions, chosen.replication, days))
    print("\n".join(f"created {name}" for name in made) or "All topics exist.")


@app.command()
def check(broker: options.Broker = None, topic_prefix: options.Prefix = None) -> None:
    """Check that all topics exist, with one number of partitions, and are configured as the engine needs it."""
    chosen = settings.read(settings.Access, broker=broker, topic_prefix=topic_prefix)
    names = topics.Topics(chosen.topic_prefix)
    count = connection.run(topics.partitions(chosen.connected(), names))
    for each in connection.run(topics.checked(chosen.connected(), names)):
        print(each)
    print(f"All topics exist, with {count} partitions each.")
