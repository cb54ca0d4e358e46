"""The files of one directory of journeys, each read and turned into its model.

Called by `compile.py`. Journeys, policy.yaml and traits.yaml are at the top of the directory, and templates are in its folder
`templates` as `<name>.<language>.yaml`. The files `*.test.yaml` are for `dalang test` and are not read here. Files are read in
the order of their names, so the result does not depend on the order in which a file system lists them.
"""

import dataclasses
import pathlib
import re
from typing import Final, Generic, TypeVar

import pydantic

from engine.authoring.files import positions, validate, yaml_reader
from engine.authoring.findings import findings, unreadable
from engine.authoring.language import fields, journey_file, policy_file, template_file
from engine.authoring.language.traits_file import TraitsFile

M = TypeVar("M", bound=pydantic.BaseModel)

_TEMPLATE: Final = re.compile(r"([a-z0-9-]{1,100})\.([a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)\.yaml", re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class File(Generic[M]):
    """One valid YAML file: its document, which has the position of each value, and its pydantic model."""

    document: positions.Document
    model: M


@dataclasses.dataclass(slots=True)
class Directory:
    """The files of one directory, and the findings about the form of each file.

    `policy` is None if there is no policy.yaml, and also if policy.yaml is invalid; in the second case `policy_broken` is True.
    For traits.yaml, `traits` and `traits_broken` have the same meaning. An invalid journey is not in `journeys`. `sources` is
    `{file name: text}`, and `found` are the findings.
    """

    policy: File[policy_file.PolicyFile] | None = None
    policy_broken: bool = False
    traits: File[TraitsFile] | None = None
    traits_broken: bool = False
    journeys: list[File[journey_file.Journey]] = dataclasses.field(default_factory=list)
    templates: dict[str, dict[str, File[fields.Model] | None]] = dataclasses.field(default_factory=dict)
    """The templates as `{name: {language: file}}`; the file is None if it exists but is invalid."""
    sources: dict[str, str] = dataclasses.field(default_factory=dict)
    found: list[findings.Sighting] = dataclasses.field(default_factory=list)


def read(root: pathlib.Path) -> Directory:
    """Read all YAML files of the directory `root`, and collect the findings about the form of each file."""
    directory = Directory()
    if not root.is_dir():
        why = "it is no directory" if root.exists() else "it does not exist"
        directory.found.append(unreadable.Unreadable.at(findings.Place(root.as_posix()), why=why))
        return directory
    seen = False
    for path in _listed(root, root, directory):
        if path.name.endswith(".test.yaml"):
            continue
        if path.name == "traits.yaml":
            directory.traits = _file(root, path, TraitsFile, directory)
            directory.traits_broken = directory.traits is None
        elif path.name == "policy.yaml":
            directory.policy = _file(root, path, policy_file.PolicyFile, directory)
            directory.policy_broken = directory.policy is None
        else:
            seen = True
            journey = _file(root, path, journey_file.Journey, directory)
            if journey is not None:
                directory.journeys.append(journey)
    if not seen:
        directory.found.append(unreadable.NothingHere.at(findings.Place(".")))
    if (root / "templates").is_dir():
        _templates(root, directory)
    return directory


def _templates(root: pathlib.Path, directory: Directory) -> None:
    for path in _listed(root, root / "templates", directory):
        matched = _TEMPLATE.fullmatch(path.name)
        if matched is None:
            directory.found.append(unreadable.FileName.at(_place(root, path)))
        else:
            template: File[fields.Model] | None = _file(root, path, template_file.Template, directory)
            directory.templates.setdefault(matched[1], {})[matched[2]] = template


def _listed(root: pathlib.Path, folder: pathlib.Path, directory: Directory) -> list[pathlib.Path]:
    """Return the .yaml files of one folder in the order of their names, without hidden files.

    Adds a finding to `directory` if the folder cannot be read, and a warning for each file that ends in `.yml` or `.YAML`.
    """
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as exc:
        directory.found.append(unreadable.Unreadable.at(_place(root, folder), why=exc.strerror or str(exc)))
        return []
    for entry in entries:
        if entry.suffix.lower() in (".yml", ".yaml") and entry.suffix != ".yaml":
            directory.found.append(unreadable.PassedOver.at(_place(root, entry)))
    return [entry for entry in entries if entry.suffix == ".yaml"]


def _place(root: pathlib.Path, path: pathlib.Path) -> findings.Place:
    return findings.Place(path.relative_to(root).as_posix())


def _file(root: pathlib.Path, path: pathlib.Path, model: type[M], directory: Directory) -> File[M] | None:
    document, found = yaml_reader.read(root, path)
    directory.found.extend(found)
    if document is None:
        return None
    directory.sources[document.file] = document.source.text
    said, found = validate.validated(document, model)
    directory.found.extend(found)
    return None if said is None else File(document, said)
