"""`dalang topics create|check`."""

import asyncio
from typing import Annotated, Final

import typer

from engine.cli import options
from engine.runtime import topics

app: Final = typer.Typer(no_args_is_help=True)


@app.command()
def create(
    broker: options.Broker = "localhost:9092",
    topic_prefix: options.Prefix = "",
    partitions: Annotated[int, typer.Option(min=1, help="Of every topic.", envvar="DALANG_PARTITIONS")] = 12,
    replication: Annotated[int, typer.Option(min=1, help="Copies of each.", envvar="DALANG_REPLICATION")] = 1,
) -> None:
    """Make the topics that are missing."""
    made = asyncio.run(topics.create(broker, topics.Topics(topic_prefix), partitions, replication))
    print("\n".join(f"made {name}" for name in made) or "All topics exist.")


@app.command()
def check(broker: options.Broker = "localhost:9092", topic_prefix: options.Prefix = "") -> None:
    """Say whether all topics exist, with one partition count."""
    count = asyncio.run(topics.partitions(broker, topics.Topics(topic_prefix)))
    print(f"All topics exist, with {count} partitions each.")
