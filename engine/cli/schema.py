"""`dalang schema write|check`: the schemas that other programs and editors read, and the reference page of the language."""

import pathlib
from typing import Annotated, Final

import typer

from engine.authoring import reference
from engine.runtime import access, contract, settings

app: Final = typer.Typer(no_args_is_help=True)
Directory = Annotated[pathlib.Path, typer.Argument(help="Where the schemas stand.")]
Reference = Annotated[
    pathlib.Path, typer.Option("--reference", envvar="DALANG_REFERENCE", help="Where the reference page of the language stands.")
]
PAGE: Final = pathlib.Path("docs/reference.md")


@app.command()
def write(directory: Directory = pathlib.Path("schemas"), page: Reference = PAGE) -> None:
    """Write every schema and the reference page, made from the models."""
    for path, text in _files(directory, page).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")


@app.command("settings")
def settings_page() -> None:
    """Print docs/settings.md, made from the settings."""
    print(settings.page(), end="")


@app.command()
def rights() -> None:
    """Print docs/rights.md, made from the rights that each process asks for."""
    print(access.page(), end="")


@app.command()
def check(directory: Directory = pathlib.Path("schemas"), page: Reference = PAGE) -> None:
    """Say which of them are not those of the models. Exit 1 if one is not."""
    stale = [
        path for path, text in _files(directory, page).items() if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        print(f"{path} is not what the models say; run `dalang schema write`")
    if stale:
        raise typer.Exit(1)


def _files(directory: pathlib.Path, page: pathlib.Path) -> dict[pathlib.Path, str]:
    return {**{directory / name: text for name, text in contract.files().items()}, page: reference.page()}
