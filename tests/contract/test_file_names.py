"""The names of files in docstrings, comments and two pages: many point to a module, and a renamed file leaves a wrong name."""

import io
import pathlib
import re
import tokenize
from typing import Final

import pytest

from tests.contract import pages

NAMED: Final = re.compile(r"(?<![\w/.*-])((?:[\w-]+/)*[\w-]+\.py)\b")
"""The name of a Python file, between backticks or bare, with the folders that stand before it."""
MODULES: Final = sorted(path.relative_to(pages.ROOT).as_posix() for path in (pages.ROOT / "engine").rglob("*.py"))
PAGES: Final = ("README.md", "docs/architecture.md")
"""The pages that tell where things are. Decisions are not among them: they keep the names of their time."""


def texts(source: str) -> str:
    """Return the comments and the literal texts of a module; its docstrings are among the texts."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return "\n".join(token.string for token in tokens if token.type in {tokenize.COMMENT, tokenize.STRING})


def unknown(text: str) -> list[str]:
    """Return the names of files in a text that no module of the engine has.

    Folders before a name are compared too: `steps/send.py` is the end of `engine/core/steps/send.py`.
    """
    return sorted({name for name in NAMED.findall(text) if not any(f"/{path}".endswith(f"/{name}") for path in MODULES)})


@pytest.mark.parametrize("module", MODULES)
def test_a_file_that_a_module_names_exists(module: str) -> None:
    """Every `name.py` in a docstring or a comment of the engine is a module of the engine."""
    assert unknown(texts((pages.ROOT / module).read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("page", PAGES)
def test_a_file_that_a_page_names_exists(page: str) -> None:
    """README.md and docs/architecture.md name modules of the engine as they are called today; tests have their own paths."""
    written = (pages.ROOT / page).read_text(encoding="utf-8")
    assert [name for name in unknown(written) if not pathlib.Path(pages.ROOT, name).is_file()] == []


def test_a_file_that_does_not_exist_is_found() -> None:
    """A wrong name is found in a docstring, in a comment and with a wrong folder; code is not read."""
    source = '"""Called by `gone.py`, `decider.py` and lint/send.py."""\nimport os  # see away.py\nname = other.py\n'
    assert unknown(texts(source)) == ["away.py", "gone.py", "lint/send.py"]
