"""The command `dalang deploy`, which compiles a directory of journeys and makes it live in every partition."""

import json
import pathlib
from typing import Annotated

import typer

from engine.authoring.compiling import compile as compiler
from engine.cli import check, options
from engine.runtime import bundles, deploys, settings
from engine.runtime.kafka import connection, topics


def deploy(
    directory: Annotated[pathlib.Path, typer.Argument(help="The directory of journeys.", envvar="DALANG_JOURNEYS")],
    broker: options.Broker = None,
    topic_prefix: options.Prefix = None,
    clock: Annotated[
        options.Clock | None, typer.Option(help=f"{options.CLOCK} Default: the clock in force.", envvar="DALANG_CLOCK")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Check and compile a directory, and make it live. Workers follow; an instance stays on the version that it entered with.

    Exit 1 if a finding is an error: nothing is changed then. A bundle that is live already is not deployed again.
    """
    chosen = settings.read(settings.Access, broker=broker, topic_prefix=topic_prefix)
    compiled = compiler.compile_directory(directory)
    found = [check.shown(directory, finding) for finding in compiled.findings]
    check.report(found, "json" if as_json and compiled.bundle is None else "text", quiet=as_json)
    if compiled.bundle is None:
        raise typer.Exit(1)
    names, to = topics.Topics(chosen.topic_prefix), chosen.connected()
    registry = bundles.Registry(to, names)
    done = connection.run(deploys.deploy(to, names, registry, compiled.bundle, clock))
    if as_json:
        before = {str(number): each.bundle for number, each in done.before.items()}
        told = {"bundle": done.bundle, "partitions": len(before), "changed": list(done.changed), "before": before}
        print(json.dumps(told, indent=2))
        return
    if not done.changed:
        print(f"{done.bundle} is live already; nothing was changed.")
        return
    former = sorted({done.before[number].bundle or "nothing" for number in done.changed})
    print(f"{done.bundle} is live in {len(done.changed)} of {len(done.before)} partitions, where it was {', '.join(former)}.")
