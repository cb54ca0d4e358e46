"""The command `dalang check`, which prints all findings of directories of journeys.

`dalang deploy` also calls `report` and `shown`, to print the findings of its directory.
"""

import json
import pathlib
import sys
from typing import Annotated, Literal

import msgspec
import typer

from engine.authoring import lint
from engine.authoring.compiling import compile as compiler
from engine.authoring.findings import excerpt
from engine.authoring.findings.findings import Finding
from engine.core.model import definition

Format = Literal["text", "json", "github"]


def check(
    paths: Annotated[
        list[pathlib.Path] | None,
        typer.Argument(help="Directories of journeys, or single files in them. Default: journeys.", envvar="DALANG_JOURNEYS"),
    ] = None,
    format: Annotated[Format, typer.Option(help="The form in which the findings are printed.", envvar="DALANG_FORMAT")] = "text",
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.", envvar="DALANG_JSON")] = False,
    base: Annotated[
        pathlib.Path | None,
        typer.Option(
            help="The directory of the version before. Steps whose customers have no place in the new version are found too.",
            envvar="DALANG_BASE",
        ),
    ] = None,
) -> None:
    """Print every finding of journeys, policy and templates. Exit 1 if one is an error; warnings alone are fine."""
    before = None if base is None else _before(base)
    found: dict[Finding, None] = {}
    for path in paths or [pathlib.Path("journeys")]:
        if not path.exists():
            told = f"{path} does not exist in {pathlib.Path.cwd()}. Go to the folder that holds it, or give another path."
            raise typer.BadParameter(told, param_hint="PATH")
        found |= dict.fromkeys(_findings(path, before))
    report(list(found), "json" if as_json else format)
    if any(finding.severity == "error" for finding in found):
        raise typer.Exit(1)


def report(found: list[Finding], format: Format, *, quiet: bool = False) -> None:
    """Print findings; with `quiet`, text goes to standard error only, because another program reads standard output."""
    match format:
        case "json":
            fields = [{name: getattr(each, name) for name in Finding.__struct_fields__} for each in found]
            print(json.dumps({"findings": fields}, indent=2, ensure_ascii=False))
        case "github":
            for each in found:
                place = f"file={_property(each.file)},line={each.line},col={each.column},title={each.code}"
                print(f"::{each.severity} {place}::{_data(f'{each.message} {each.hint}')}")
        case _:
            for each in found:
                print(
                    f"{each}\n    {each.hint} (More: dalang schema finding {each.code})", file=sys.stderr if quiet else sys.stdout
                )
            print(_count(found), file=sys.stderr)


def _before(base: pathlib.Path) -> definition.Bundle:
    bundle = compiler.compile_directory(base).bundle
    if bundle is None:
        raise typer.BadParameter(f"{base} has errors of its own; check it alone to see them.", param_hint="--base")
    return bundle


def _findings(path: pathlib.Path, before: definition.Bundle | None) -> list[Finding]:
    """Return the findings of a directory or of one file; a file is compiled together with its directory.

    `before` is the bundle of `--base`, None if this flag was not given.
    """
    root = path if path.is_dir() else path.parent.parent if path.parent.name == "templates" else path.parent
    result = compiler.compile_directory(root)
    holes = () if before is None else lint.against(before, result.bundle)
    found = [shown(root, finding) for finding in excerpt.merged(result.findings, excerpt.of(holes))]
    return found if path.is_dir() else [finding for finding in found if finding.file == path.as_posix()]


def shown(root: pathlib.Path, finding: Finding) -> Finding:
    """Return the finding with a path that the user can open: `root`, followed by the file's path inside `root`."""
    inside = "." if finding.file == root.as_posix() else finding.file  # the file of a finding about `root` itself is `root`
    return msgspec.structs.replace(finding, file=(root / inside).as_posix())


def _count(found: list[Finding]) -> str:
    counts = {"error": 0, "warning": 0}
    for each in found:
        counts[each.severity] += each.count if isinstance(each, excerpt.More) else 1
    told = ", ".join(f"{count:,} {severity}{'s' * (count != 1)}" for severity, count in counts.items())
    return told if found else "No findings."


# In GitHub's workflow commands a line end ends the message, and a comma or colon ends a property. So they are escaped.


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
