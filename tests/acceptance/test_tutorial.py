"""docs/tutorial.md as a newcomer follows it: every file is written, every command typed, and what is shown is what comes."""

import pathlib

import pytest

from tests.acceptance import reader
from tests.starting import ROOT

PAGE = ROOT / "docs" / "tutorial.md"
FILE = 'Write `a.yaml`:\n\n```yaml title="a.yaml"\nwait: 1d\n```\n'


def test_every_block_of_the_tutorial_is_true(tmp_path: pathlib.Path) -> None:
    """From an empty home directory to the last line: each command prints what the page shows, shortened only where it says `…`."""
    reader.Reader(tmp_path).follow(PAGE.read_text(encoding="utf-8"))


def test_the_commands_that_install_are_those_of_the_readme() -> None:
    """What the tutorial assumes to be done is what the README tells, so that it is tested there."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [command for command in reader.PREPARED if command not in readme] == []


@pytest.mark.parametrize(
    ("page", "why"),
    [
        ("```python\n1 + 1\n```\n", "line 1: nobody knows what to do with a block 'python'"),
        ("```\nnothing is said of this\n```\n", "nobody knows what to do with a block ''"),
        ("~~~sh title=x\nls\n~~~\n", "nobody knows what to do with a block 'sh title=x'"),
        ("```yaml\nwait: 1d\n```\n", "nobody knows what to do with a block 'yaml'"),
        ("```sh\necho 1\n", "line 1: the block never ends"),
        ('```yaml title="a.yaml"\nwait: 1d\n```\n', "the text before the block does not name `a.yaml`"),
        ("```text\n1\n```\n", "no command stands before what is shown"),
        ("```sh\necho 1\n```\n\n```text\n2\n```\n", "line 5: what is printed is:\n1\n"),
        ("```sh\necho 1\necho 2\n```\n\n```text\n1\n```\n", "what is printed is:\n1\n2\n"),
        ("```sh\necho 1\n```\n\n```sh\necho 2\n```\n", "does not show what the commands before print:\n1\n"),
        (f"```sh\necho 1\n```\n\n{FILE}", "does not show what the commands before print:\n1\n"),
        ("```sh\necho 1\n```\n", "does not show what its last commands print:\n1\n"),
        ("```sh\nexit 2\n```\n", "`exit 2` exits with 2"),
        (
            f'{FILE}\n`a.yaml`:\n\n```diff title="a.yaml"\n-wait: 2d\n+wait: 3d\n```\n',
            "this does not stand once in a.yaml:\nwait: 2d\n",
        ),
    ],
)
def test_a_page_that_is_not_true_is_found(tmp_path: pathlib.Path, page: str, why: str) -> None:
    """A block of no known form, an output that is another or is not shown, and a change of what is not there are told."""
    with pytest.raises(reader.Wrong) as told:
        reader.Reader(tmp_path).follow(page)
    assert why in str(told.value)


def test_what_is_left_out_may_be_anything(tmp_path: pathlib.Path) -> None:
    """`…` stands for lines, none or many, and for the rest of a line; a change keeps the lines around it."""
    page = f'{FILE}\n`a.yaml`:\n\n```diff title="a.yaml"\n wait: 1d\n+\n+more: 2\n```\n\n```sh\ncat a.yaml\necho x\n```\n'
    reader.Reader(tmp_path).follow(page + "\n```text\n…\nwait: 1d\n\nmo…\n…\n```\n")
    assert (tmp_path / "a.yaml").read_text() == "wait: 1d\n\nmore: 2\n"
