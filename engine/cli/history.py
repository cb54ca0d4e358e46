"""`dalang history export`: the log to a file."""

import gzip
import pathlib
from typing import Annotated, Final

import typer

from engine.runtime import history

app: Final = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `export` a command of its own."""


@app.command()
def export(
    log: Annotated[str, typer.Argument(help="kafka://host:port/topic")],
    file: Annotated[pathlib.Path, typer.Argument(help="Written as JSON lines; gzipped if it ends in .gz.")],
) -> None:
    """Write the log as JSON lines, with the time, partition and offset of each record."""
    count = 0
    with gzip.open(file, "wb") if file.suffix == ".gz" else file.open("wb") as out:
        for line in history.read(log):
            out.write(line + b"\n")
            count += 1
    print(f"{count} records in {file}")
