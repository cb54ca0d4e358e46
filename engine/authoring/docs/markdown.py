"""Tables in Markdown, in the same form for every page that is made by code.

Called by `reference.py`, `finding_pages.py`, `settings.py`, `acl.py` and the table of the benchmarks. The caller passes each cell
as Markdown, so a cell may contain links and code.
"""

from collections.abc import Iterable, Iterator


def table(names: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the lines of a Markdown table: the line of column names, the line `|---|---|`, and a line for each row."""
    names = tuple(names)
    yield heading(*names)
    yield "|" + "---|" * len(names)
    yield from (row(*cells) for cells in rows)


def row(*cells: str) -> str:
    """Return a line of a table with these cells.

    In a cell, a line break becomes a space and `|` is escaped, because both would end the cell.
    """
    escaped = (" ".join(cell.split()).replace("|", r"\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def heading(*names: str) -> str:
    """Return a line of a table with headings: `| key | type |`; an empty heading becomes a single space: `| key | |`."""
    return "|" + "".join(f" {name} |" if name else " |" for name in names)
