"""The commands `dalang schema`, which write, check and print the files that are made from the code.

These files are the schemas that other programs and editors read, the reference page of the language, and the pages of the
findings, the settings and the rights.
"""

import pathlib
from typing import Annotated, Final

import typer

from engine.authoring.docs import finding_pages, reference
from engine.runtime import public_schemas, settings
from engine.runtime.kafka import acl

app: Final = typer.Typer(no_args_is_help=True)
Directory = Annotated[pathlib.Path, typer.Argument(help="The directory of the schemas.")]
Reference = Annotated[
    pathlib.Path, typer.Option("--reference", envvar="DALANG_REFERENCE", help="The file of the reference page of the language.")
]
Lint = Annotated[pathlib.Path, typer.Option("--lint", envvar="DALANG_LINT", help="The directory of the pages of the findings.")]
LINT: Final = pathlib.Path("docs/lint")
PAGE: Final = pathlib.Path("docs/reference.md")


@app.command()
def write(directory: Directory = pathlib.Path("schemas"), page: Reference = PAGE, lint: Lint = LINT) -> None:
    """Write every schema, the reference page and the findings' pages, made from the models and the findings."""
    for path, text in _files(directory, page, lint).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")


@app.command("settings")
def settings_page() -> None:
    """Print docs/settings.md, made from the settings."""
    print(settings.page(), end="")


@app.command()
def finding(code: Annotated[str, typer.Argument(help="The code of a finding, such as DLG622.")]) -> None:
    """Print the page of a finding of `dalang check`: why it is reported, and an example, wrong and right."""
    page = finding_pages.page(code.upper())
    if page is None:
        raise typer.BadParameter(f"{code} is not the code of a finding; `dalang check` prints the codes.", param_hint="CODE")
    print(page, end="")


@app.command()
def rights() -> None:
    """Print docs/rights.md, made from the rights that each process asks for."""
    print(acl.page(), end="")


@app.command()
def check(directory: Directory = pathlib.Path("schemas"), page: Reference = PAGE, lint: Lint = LINT) -> None:
    """Print each schema and page that differs from the models. Exit 1 if one does."""
    stale = [
        path
        for path, text in _files(directory, page, lint).items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        print(f"{path} is not what the models say; run `dalang schema write`")
    if stale:
        raise typer.Exit(1)


def _files(directory: pathlib.Path, page: pathlib.Path, lint: pathlib.Path) -> dict[pathlib.Path, str]:
    schemas = {directory / name: text for name, text in public_schemas.files().items()}
    return {**schemas, page: reference.page(), **{lint / name: text for name, text in finding_pages.pages().items()}}
