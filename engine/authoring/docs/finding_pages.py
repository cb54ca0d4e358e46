"""The pages of docs/lint: one for each finding, with the reason for the finding, what to do, and an example.

The pages are made from the finding classes and from `engine/authoring/lint/examples.yaml`. `dalang schema write` writes them, and
`dalang schema check` reports a page that differs. The tests run `dalang check` on every example.
"""

import dataclasses
import datetime
import functools
import pathlib
import re
import tempfile
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

import ruamel.yaml

from engine.authoring import lint
from engine.authoring.compiling import compile as compiler
from engine.authoring.docs import markdown
from engine.authoring.findings import excerpt, findings

_HEAD: Final = """\
# Findings

Made by `dalang schema write` from the findings' classes and examples; do not edit these pages. Each finding of
`dalang check` has one: why it is told, what to do, and an example. Errors keep a directory from being used, warnings
do not. Of one kind the first twenty in a file are told; one more line of that kind counts the rest ("And 8,980 more of
DLG622 in this file."). The examples change one thing in this directory:

"""


@dataclasses.dataclass(frozen=True, slots=True)
class Example:
    """The example of one finding: the files of a directory with the fault, and the files after the correction.

    `at` is the place of the finding: `cart.yaml:3:8`. `told` is the entry in examples.yaml. `wrong`, `right` and `before` are
    `{file name: bytes}`. `right` is None if no changed text corrects the fault. `before` are the files that were live before, for
    a finding that compares two versions; otherwise None. `today` is the day of the check.
    """

    at: str
    told: Mapping[str, Any]
    wrong: Mapping[str, bytes]
    right: Mapping[str, bytes] | None
    before: Mapping[str, bytes] | None
    today: datetime.date

    def found(self) -> tuple[findings.Finding, ...]:
        """Return the findings for the files with the fault."""
        return _found(self.wrong, self)

    def found_right(self) -> tuple[findings.Finding, ...]:
        """Return the findings for the corrected files; a test checks that there are none."""
        return () if self.right is None else _found(self.right, self)


def pages() -> dict[str, str]:
    """Return all pages as `{file name: page}`: `DLG622.md` is the page of that finding, `README.md` the list of all findings."""
    written, rows = {}, []
    for kind in findings.kinds():
        sentence, severity = _sentence(kind), kind.severity
        rows.append((f"[{kind.code}]({kind.code}.md)", severity, sentence))
        written[f"{kind.code}.md"] = _page(kind, examples()[kind.code])
    base = "\n".join(f"`{name}`:\n\n```yaml\n{text}```\n" for name, text in _data()["base"].items())
    table = "\n".join(markdown.table(("code", "", "says"), rows))
    return {**written, "README.md": f"{_HEAD}{base}\n{table}\n"}


def page(code: str) -> str | None:
    """Return the page of the finding with this code, such as `DLG622`; None if no finding has the code."""
    return next((_page(kind, examples()[code]) for kind in findings.kinds() if kind.code == code), None)


@functools.cache
def examples() -> dict[str, Example]:
    """Return the examples of all findings as `{code of the finding: example}`."""
    return {code: _example(told) for code, told in _data()["examples"].items()}


@functools.cache
def _data() -> dict[str, Any]:
    text = resources.files("engine.authoring.lint").joinpath("examples.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = ruamel.yaml.YAML(typ="safe", pure=True).load(text)
    return loaded


def _example(told: dict[str, Any]) -> Example:
    """Return the example for `told`, one entry of examples.yaml; the comment at the top of examples.yaml explains the keys."""
    files = {**_data()["base"], **told.get("files", {})}
    for name, changes in told.get("setup", {}).items():
        for old, new in changes.items():
            files[name] = _replaced(files[name], old, new)
    before = None
    if "before" in told:
        before = _encoded(
            files, {told["in"]: functools.reduce(lambda t, c: _replaced(t, *c), told["before"].items(), files[told["in"]])}
        )
    for name in told.get("remove", ()):
        del files[name]
    right: dict[str, bytes] | None = _encoded(files, told.get("fix", {}))
    wrong = dict(files)
    if "in" in told:
        text = told["wrong"]
        if "many" in told:
            text = text.replace("…", told["many"]["text"] * told["many"]["times"])
        wrong[told["in"]] = text if "right" not in told else _replaced(files[told["in"]], told["right"], text)
    elif "fix" not in told:
        right = None  # the fault is that a file exists or is missing, so no changed text can correct it
    encoded = _encoded(wrong, {}, told.get("encoding", "utf-8"))
    return Example(told["at"], told, encoded, right, before, told.get("today", datetime.date(2026, 11, 25)))


def _replaced(text: str, old: str, new: str) -> str:
    assert old in text, old
    return text.replace(old, new, 1)


def _encoded(files: Mapping[str, str], more: Mapping[str, str], encoding: str = "utf-8") -> dict[str, bytes]:
    return {name: text.encode(encoding) for name, text in {**files, **more}.items()}


def _found(files: Mapping[str, bytes], example: Example) -> tuple[findings.Finding, ...]:
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name) / "journeys"
        _put(root, files)
        for link, target in example.told.get("link", {}).items():
            (root.parent / "elsewhere.yaml").write_text("journey: elsewhere\n")
            (root / link).symlink_to(target)
        result = compiler.compile_directory(root, example.today)
        if example.before is None:
            return result.findings
        _put(root.parent / "before", example.before)
        base = compiler.compile_directory(root.parent / "before", example.today).bundle
        assert base is not None
        return excerpt.merged(result.findings, excerpt.of(lint.against(base, result.bundle)))


def _put(root: pathlib.Path, files: Mapping[str, bytes]) -> None:
    for name, raw in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(raw)


def _sentence(kind: type[findings.Kind]) -> str:
    return re.sub(r"`?\{\w+:?,?\}`?", "…", (kind.__doc__ or "").split("\n")[0])


def _page(kind: type[findings.Kind], example: Example) -> str:
    lines = (kind.__doc__ or "").split("\n")
    why = " ".join(line.strip() for line in lines[1:]).strip()
    finding = example.found()[0]
    parts = [
        f"# {kind.code}",
        f"{_sentence(kind)} (an {kind.severity})" if kind.severity == "error" else f"{_sentence(kind)} (a warning)",
    ]
    parts += [why] if why else []
    parts += _shown(example)
    parts.append(f"`dalang check` says:\n\n```\n{finding}\n    {finding.hint}\n```")
    return "\n\n".join(parts) + "\n"


def _shown(example: Example) -> list[str]:
    """Return the paragraphs that show an example, as changes to the directory that docs/lint/README.md shows."""
    told, parts = example.told, []
    for name, text in told.get("files", {}).items():
        parts.append(f"With `{name}`:\n\n```yaml\n{text}```")
    for name, changes in told.get("setup", {}).items():
        parts += [f"With this in `{name}`:\n\n```yaml\n{new.rstrip()}\n```" for new in changes.values()]
    for old, new in told.get("before", {}).items():
        parts.append(f"Where `{new}` was live before, instead of `{old}`:")
    parts += [f"With a link `{link}` to `{target}`." for link, target in told.get("link", {}).items()]
    parts += [f"Without `{name}`." for name in told.get("remove", ())]
    if "in" in told:
        many = f"\n\nHere … stands for {told['many']['times']} times `{told['many']['text']}`." if "many" in told else ""
        wrong = told["wrong"].rstrip("\n") or "# nothing"
        parts.append(f"Wrong, in `{told['in']}`:\n\n```yaml\n{wrong}\n```{many}")
        parts += [f"Right:\n\n```yaml\n{told['right'].rstrip()}\n```"] if "right" in told else []
    parts += [f"Right, with `{name}` beside it:\n\n```yaml\n{text}```" for name, text in told.get("fix", {}).items()]
    return parts
