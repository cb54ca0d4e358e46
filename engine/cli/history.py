"""The commands `dalang history export`, `import` and `dead`: copy a Kafka topic to a file or back, and list dead letters."""

import gzip
import json
import pathlib
import sys
from typing import Annotated, Final

import msgspec
import typer

from engine.cli import options
from engine.replay import histories
from engine.runtime import bundles as topic
from engine.runtime.kafka import connection, history

app: Final = typer.Typer(no_args_is_help=True)


@app.command()
def export(
    log: Annotated[str, typer.Argument(help="The log to read: kafka://host:port/topic.")],
    file: Annotated[pathlib.Path, typer.Argument(help="The file to write, as JSON lines; gzipped if its name ends in .gz.")],
    bundles: Annotated[
        pathlib.Path | None, typer.Option(help="Also write the bundles of the log to this file, for a replay of the history.")
    ] = None,
) -> None:
    """Write the log as JSON lines, with the time, partition and offset of each record."""
    count = 0
    with gzip.open(file, "wb") if file.suffix == ".gz" else file.open("wb") as out:
        for line in history.read(*options.this_log(log)):
            out.write(line + b"\n")
            count += 1
    print(f"{count} records in {file}")
    if bundles is not None:
        # Read the bundles after the events. A bundle is written before the event that activates it, so no bundle is missing.
        kept = connection.run(topic.beside(*options.this_log(log)))
        bundles.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in kept))
        print(f"{len(kept)} bundles in {bundles}")


@app.command()
def dead(log: Annotated[str, typer.Argument(help="The topic of the dead letters: kafka://host:port/dead.letters.")]) -> None:
    """List dead letters as JSON lines: where each record stood, why it was put aside, and its key; not what is in it."""
    found = connection.run(history.dead(*options.this_log(log)))
    for headers in found:
        print(json.dumps(headers, ensure_ascii=False))
    if not found:
        print("No dead letters.", file=sys.stderr)


@app.command("import")
def import_(
    file: Annotated[str, typer.Argument(help="The file to read: .jsonl or .jsonl.gz, or - for standard input.")],
    log: Annotated[str, typer.Argument(help="The log to write to: kafka://host:port/topic.")],
) -> None:
    """Put the events of a file onto the log, keyed by customer; those without subject into every partition."""
    broker, topic = options.this_log(log)
    last = connection.run(history.send(histories.open_history(file).lines(), broker, topic))
    print("\n".join(f"partition {number} ends at offset {offset}" for number, offset in sorted(last.items())))
