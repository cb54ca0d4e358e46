"""The commands `dalang state rebuild` and `dalang state check` for the customers' states.

`rebuild` computes the states again from `customer.events`. `check` decides the last minutes again and compares.
"""

import datetime
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from engine.cli import options
from engine.core.model import inputs
from engine.runtime import logs, settings
from engine.runtime.kafka import connection, topics

if TYPE_CHECKING:
    from engine.runtime import state_check

_SHOWN: Final = 20
"""The greatest number of differences that are printed for one partition."""
app: Final = typer.Typer(no_args_is_help=True)


@app.callback()
def state() -> None:
    """Group the commands about the states of all customers; the help text is in `app.py`."""


@app.command("rebuild")
def rebuild_(
    broker: options.Broker = None,
    topic_prefix: options.Prefix = None,
    app_id: Annotated[
        str | None, typer.Option(help="The app id of the workers. Default: dalang.", envvar="DALANG_APP_ID")
    ] = None,
    partial: Annotated[
        bool,
        typer.Option("--partial", help="Rebuild even if the oldest records of the log are deleted.", envvar="DALANG_PARTIAL"),
    ] = False,
) -> None:
    """Fold the log again and write customer.state anew. Stop the workers first. It decides nothing and sends nothing."""
    from engine.runtime import state_rebuild  # noqa: PLC0415 - Faust takes a while to import

    chosen = settings.read(settings.Settings, broker=broker, topic_prefix=topic_prefix, app_id=app_id)
    names = topics.Topics(chosen.topic_prefix)
    logs.quiet()
    with options.counting("records") as heard:
        done = connection.run(state_rebuild.rebuild(chosen.connected(), names, chosen.app_id, partial=partial, heard=heard))
    for number, each in sorted(done.items()):
        print(f"partition {number}: {each.customers} customers, {each.removed} removed, up to offset {each.offset}")


@app.command("check")
def check_(
    broker: options.Broker = None,
    topic_prefix: options.Prefix = None,
    minutes: Annotated[
        float,
        typer.Option(min=0, help="The number of minutes to check, back from now.", envvar="DALANG_MINUTES", metavar="MINUTES"),
    ] = 60,
    as_json: options.AsJson = False,
) -> None:
    """Decide the last minutes again and compare with what is committed; exit 1 on a difference. It writes nothing."""
    from engine.runtime import state_check  # noqa: PLC0415 - as above

    chosen = settings.read(settings.Settings, broker=broker, topic_prefix=topic_prefix)
    logs.quiet()
    with options.counting("records") as heard:
        done = connection.run(state_check.check(chosen.connected(), topics.Topics(chosen.topic_prefix), minutes, heard=heard))
    if as_json:
        print(msgspec.json.encode({"partitions": done}).decode())
    else:
        for number, each in sorted(done.items()):
            print(f"partition {number}: {_told(each)}")
            for difference in each.differences[:_SHOWN]:
                print(f"  {difference}")
            if hidden := len(each.differences[_SHOWN:]) + each.more:
                print(f"  and {hidden} more")
    if any(each.differences for each in done.values()):
        raise typer.Exit(1)


def _told(each: "state_check.Checked") -> str:
    if each.since is None:
        return "nothing to check"
    since = inputs.text(datetime.datetime.fromtimestamp(each.since, datetime.UTC))
    found = len(each.differences) + each.more
    verdict = "no difference" if not found else f"{found} difference{'s' if found > 1 else ''}"
    return f"since {since} {each.inputs} inputs, {each.customers} customers, {each.outputs} outputs: {verdict}"
