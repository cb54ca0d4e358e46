"""Tables in Markdown."""

from engine.authoring.docs import markdown


def test_a_table_has_its_names_a_line_and_its_rows() -> None:
    """Names, a line of dashes for each, then the rows; an empty name takes one space."""
    written = list(markdown.table(("code", "", "says"), [("DLG1", "error", "A."), ("DLG2", "", "B.")]))
    assert written == ["| code | | says |", "|---|---|---|", "| DLG1 | error | A. |", "| DLG2 |  | B. |"]


def test_a_table_without_rows_is_its_head() -> None:
    """Rows may follow one by one, with headings between them."""
    assert list(markdown.table(("a", "b"), ())) == ["| a | b |", "|---|---|"]
    assert markdown.heading("**part**", "") == "| **part** | |"


def test_a_cell_ends_at_its_own_end() -> None:
    """A bar is escaped, also inside code, and a line break is a space."""
    assert markdown.row("`a | b`", "one\n  two") == "| `a \\| b` | one two |"
