"""`dalang schema write|check`: the schemas that other programs and editors read."""

import pathlib
from typing import Annotated, Final

import typer

from engine.runtime import contract, settings

app: Final = typer.Typer(no_args_is_help=True)
Directory = Annotated[pathlib.Path, typer.Argument(help="Where they stand.")]


@app.command()
def write(directory: Directory = pathlib.Path("schemas")) -> None:
    """Write every schema, made from the models."""
    for name, text in contract.files().items():
        (directory / name).write_text(text, encoding="utf-8")
        print(f"wrote {directory / name}")


@app.command("settings")
def page() -> None:
    """Print docs/settings.md, made from the settings."""
    print(settings.page(), end="")


@app.command()
def check(directory: Directory = pathlib.Path("schemas")) -> None:
    """Say which schemas are not those of the models. Exit 1 if one is not."""
    stale = [
        name
        for name, text in contract.files().items()
        if not (directory / name).is_file() or (directory / name).read_text(encoding="utf-8") != text
    ]
    for name in stale:
        print(f"{directory / name} is not what the models say; run `dalang schema write`")
    if stale:
        raise typer.Exit(1)
