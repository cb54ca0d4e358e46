"""Docstrings and comments name only functions that exist; `test_file_names.py` does the same for files."""

import ast
import collections
import pathlib
import re

ROOT = pathlib.Path(__file__).parents[2]
OTHER = {"settings", "traits", "segments", "branch", "split", "actions", "options"}
"""Names of files that are also names in journeys, event types or parameters: `split.assigned` is no function."""


def texts(source: str) -> list[str]:
    """The docstrings of a file, of its attributes too, and its comments."""
    bare = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Expr)]
    return [each.value for each in bare if isinstance(each, ast.Constant) and isinstance(each.value, str)] + re.findall(
        r"#(.*)", source
    )


def names(source: str) -> set[str]:
    """Every name that a file defines or uses."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name) | ast.Name(id=name):
                found.add(name)
            case ast.Attribute(attr=name) | ast.arg(arg=name):
                found.add(name)
            case _:
                pass
    return found


def stale(root: pathlib.Path) -> list[str]:
    """Each reference of the engine under `root` that leads nowhere, as `file: reference`."""
    sources = {path: path.read_text() for path in sorted(root.glob("engine/**/*.py"))}
    known = collections.defaultdict[str, set[str]](set)
    for path, source in sources.items():
        known[path.stem] |= names(source)
    found = []
    for path, source in sources.items():
        for text in texts(source):
            for module, name in re.findall(r"`([a-z_]+)\.([A-Za-z_]+)", text):
                if name != "py" and module in known.keys() - OTHER and name not in known[module]:
                    found.append(f"{path.relative_to(root)}: {module}.{name}")
    return found


def test_every_reference_leads_somewhere() -> None:
    """A function that was renamed is renamed in the docstrings too."""
    assert stale(ROOT) == []


def test_a_stale_reference_is_found(tmp_path: pathlib.Path) -> None:
    """A function that is gone is found, and an event type is not taken for a function."""
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "caps.py").write_text('def free_at() -> None:\n    """See `caps.place_at` and `caps.free_at`."""\n')
    (tmp_path / "engine" / "split.py").write_text('"""The decision `split.assigned`."""\n')
    assert stale(tmp_path) == ["engine/caps.py: caps.place_at"]
