"""Tables in Markdown, for every page that the code generates.

Called by `reference.py`, `finding_pages.py`, `settings.py`, `acl.py` and the table of the benchmarks. The caller passes
cells in Markdown, with code and links.
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
    """Return a line of headings, for the top of a table or between its rows; an empty heading is one space."""
    return "|" + "".join(f" {name} |" if name else " |" for name in names)
