"""A reader of docs/tutorial.md: types its commands, writes its files, and compares what it shows with what she sees.

Each fenced block of the page has one of these forms; a block of any other form is an error of the page:

* `sh`: commands. What they print is shown by the block after them, or they print nothing.
* `text`: what the commands of the block before printed. A line `…` stands for any number of lines, and `…` at the end of a line
  for the rest of that line.
* `yaml` and `json` with `title="FILE"`: the whole text of a file.
* `diff` with `title="FILE"`: a change of a file. Lines with `-` go, lines with `+` come, lines with a space show the place.
"""

import os
import pathlib
import re
import shlex
import subprocess
from collections.abc import Iterator
from typing import Final, NamedTuple

from tests import starting
from tests.starting import ROOT

PREPARED: Final = frozenset({"make demo", ". .venv/bin/activate"})
"""Commands that the README has too. They install Dalang, which a test has done already."""

_FENCE: Final = re.compile(r"^ *(`{3,}|~{3,})(.*)$")
_INFO: Final = re.compile(r'(\w+)(?: title="([\w./-]+)")?')
_TO_FILE: Final = re.compile(r"(.*) > (\S+)")


class Block(NamedTuple):
    """A fenced block: the line where it begins, the words behind its fence, its text, and the text between it and the last one."""

    line: int
    info: str
    text: str
    before: str


class Wrong(AssertionError):
    """The page does not say what is so."""

    def __init__(self, block: Block, why: str) -> None:
        super().__init__(f"line {block.line}: {why}")


def blocks(page: str) -> Iterator[Block]:
    """Yield each fenced block of a page."""
    fence, start, info, lines, before = "", 0, "", list[str](), list[str]()
    for number, line in enumerate(page.splitlines(), 1):
        found = _FENCE.match(line)
        if not fence and found:
            fence, start, info, lines = found[1], number, found[2].strip(), []
        elif fence and line.strip() == fence:
            yield Block(start, info, "".join(f"{each}\n" for each in lines), "\n".join(before))
            fence, before = "", []
        else:
            (lines if fence else before).append(line)
    if fence:
        raise Wrong(Block(start, info, "", ""), "the block never ends")


class Reader:
    """Somebody at a terminal whose home directory is `home`."""

    def __init__(self, home: pathlib.Path) -> None:
        self._home = self._directory = home
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(home)}
        self._printed: str | None = None
        """What the last commands printed, until the page shows it; None before the first command and after that."""

    def follow(self, page: str) -> None:
        """Do what each block says, in order. Raises Wrong at the first that is not so."""
        for block in blocks(page):
            found = _INFO.fullmatch(block.info)
            match found.groups() if found else ("", None):
                case ("text", None):
                    self._compare(block)
                    continue
                case ("sh", None):
                    self._quiet(block)
                    self._printed = "".join(self._type(block, line) for line in block.text.splitlines())
                    continue
                case ("yaml" | "json", str(file)):
                    self._named(block, file).write_text(block.text, encoding="utf-8")
                case ("diff", str(file)):
                    self._edit(block, self._named(block, file))
                case _:
                    raise Wrong(block, f"nobody knows what to do with a block {block.info!r}")
            self._quiet(block)
        if self._printed:
            raise Wrong(block, f"the page does not show what its last commands print:\n{self._printed}")

    def _type(self, block: Block, line: str) -> str:
        """Run one command and return what it prints."""
        if line in PREPARED:
            return ""
        if line.startswith("cd "):
            self._directory = pathlib.Path(line.removeprefix("cd ").replace("~", str(self._home), 1))
            return ""
        if line.startswith("dalang "):
            to_file = _TO_FILE.fullmatch(line)
            arguments = shlex.split(to_file[1] if to_file else line)[1:]
            done = starting.run(arguments, self._environment, cwd=self._directory)
            if to_file:
                (self._directory / to_file[2]).write_text(done.stdout, encoding="utf-8")
        else:
            done = subprocess.run(
                ["sh", "-c", line], cwd=self._directory, env=self._environment, capture_output=True, text=True, check=False
            )
            to_file = None
        if done.returncode not in (0, 1):  # 1 is a finding of `dalang check`, and a difference of `diff`
            raise Wrong(block, f"`{line}` exits with {done.returncode}:\n{done.stdout}{done.stderr}")
        return ("" if to_file else done.stdout) + done.stderr

    def _compare(self, block: Block) -> None:
        """Compare what the page shows with what was printed."""
        if self._printed is None:
            raise Wrong(block, "no command stands before what is shown")
        pattern = "".join(
            r"(?:.*\n)*?" if line == "…" else re.escape(line.removesuffix("…")) + ".*" * line.endswith("…") + r"\n"
            for line in block.text.splitlines()
        )
        if not re.fullmatch(pattern, self._printed):
            raise Wrong(block, f"what is printed is:\n{self._printed}")
        self._printed = None

    def _quiet(self, block: Block) -> None:
        """Raise Wrong if the commands before the block printed something that the page does not show."""
        if self._printed:
            raise Wrong(block, f"the page does not show what the commands before print:\n{self._printed}")

    def _named(self, block: Block, file: str) -> pathlib.Path:
        """Return the file that a block writes. GitHub shows no titles of blocks, so the text before names the file too."""
        if f"`{file}`" not in block.before:
            raise Wrong(block, f"the text before the block does not name `{file}`")
        return self._directory / file

    def _edit(self, block: Block, file: pathlib.Path) -> None:
        """Change a file as a diff says."""
        lines = [line or " " for line in block.text.splitlines()]
        old, new = ("".join(f"{line[1:]}\n" for line in lines if line[0] in kept) for kept in (" -", " +"))
        text = file.read_text(encoding="utf-8")
        if text.count(old) != 1 or {line[0] for line in lines} - {" ", "-", "+"}:
            raise Wrong(block, f"this does not stand once in {file.name}:\n{old}")
        file.write_text(text.replace(old, new), encoding="utf-8")
