"""`dalang check`: all findings of a directory of journeys."""

import json
import pathlib
import sys
from typing import Annotated, Literal

import msgspec
import typer

from engine.authoring import compile as compiler
from engine.authoring.findings import Finding

Format = Literal["text", "json", "github"]


def check(
    paths: Annotated[list[pathlib.Path] | None, typer.Argument(help="Directories of journeys.", envvar="DALANG_JOURNEYS")] = None,
    format: Annotated[Format, typer.Option(help="How to print the findings.", envvar="DALANG_FORMAT")] = "text",
) -> None:
    """Print every finding of journeys, policy and templates. Exit 1 if one is an error; warnings alone are fine."""
    found = [
        msgspec.structs.replace(finding, file=_shown(path, finding))
        for path in paths or [pathlib.Path("journeys")]
        for finding in compiler.compile_directory(path).findings
    ]
    match format:
        case "json":
            print(json.dumps({"findings": [msgspec.to_builtins(finding) for finding in found]}, indent=2))
        case "github":
            for each in found:
                place = f"file={each.file},line={each.line},col={each.column},title={each.code}"
                print(f"::{each.severity} {place}::{each.message} {each.hint}")
        case _:
            for each in found:
                print(f"{each}\n    {each.hint}")
            print(_count(found), file=sys.stderr)
    if any(finding.severity == "error" for finding in found):
        raise typer.Exit(1)


def _shown(path: pathlib.Path, finding: Finding) -> str:
    """The file as the user would open it from here."""
    return path.as_posix() if finding.file in (".", path.as_posix()) else (path / finding.file).as_posix()


def _count(found: list[Finding]) -> str:
    bad = sum(finding.severity == "error" for finding in found)
    return f"{bad} errors, {len(found) - bad} warnings" if found else "No findings."
