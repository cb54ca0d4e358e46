"""Tables in Markdown, written in one way for every page that the code makes.

Called by `reference.py`, `finding_pages.py`, `settings.py`, `acl.py` and the table of the benchmarks. A cell is Markdown already:
code and links are written by the caller.
"""

from collections.abc import Iterable, Iterator


def table(names: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the lines of a table: the names of its columns, the line below them, and its rows."""
    names = tuple(names)
    yield heading(*names)
    yield "|" + "---|" * len(names)
    yield from (row(*cells) for cells in rows)


def row(*cells: str) -> str:
    """Return a line of a table. A line break in a cell becomes a space, and `|` is escaped: both would end the cell."""
    escaped = (" ".join(cell.split()).replace("|", r"\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def heading(*names: str) -> str:
    """Return a line of headings, at the head of a table or inside it; an empty heading takes one space."""
    return "|" + "".join(f" {name} |" if name else " |" for name in names)
