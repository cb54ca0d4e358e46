"""`dalang state rebuild`: the states of all customers, from the log."""

from typing import Annotated, Final

import typer

from engine.cli import options
from engine.runtime import connection, logs, settings, topics

app: Final = typer.Typer(no_args_is_help=True)


@app.callback()
def state() -> None:
    """What is known of each customer."""


@app.command("rebuild")
def rebuild_(
    broker: options.Broker = None,
    topic_prefix: options.Prefix = None,
    app_id: Annotated[str | None, typer.Option(help="Of the workers. Default: dalang.", envvar="DALANG_APP_ID")] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Even if the log does not reach back to its beginning.", envvar="DALANG_PARTIAL")
    ] = False,
) -> None:
    """Fold the log again and write customer.state anew. Stop the workers first. It decides nothing and sends nothing."""
    from engine.runtime import rebuild  # noqa: PLC0415 - Faust takes a while to import

    chosen = settings.read(settings.Settings, broker=broker, topic_prefix=topic_prefix, app_id=app_id)
    names = topics.Topics(chosen.topic_prefix)
    logs.quiet()
    with options.counting("records") as heard:
        done = connection.run(rebuild.rebuild(chosen.connected(), names, chosen.app_id, partial=partial, heard=heard))
    for number, each in sorted(done.items()):
        print(f"partition {number}: {each.customers} customers, {each.removed} removed, up to offset {each.offset}")
