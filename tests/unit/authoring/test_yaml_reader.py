import os
import pathlib

import pytest

from engine.authoring.files import positions, yaml_reader
from engine.authoring.findings.findings import Finding
from tests import hostile, work


def read(text: str) -> positions.Document:
    document, found = yaml_reader.parse("a.yaml", text)
    assert found == []
    assert document is not None
    return document


def refused(text: str) -> list[str]:
    document, found = yaml_reader.parse("a.yaml", text)
    assert document is None
    return [f"{f.place.line}:{f.place.column} {f.code}" for f in found]


def test_plain_scalars_mean_what_yaml_1_2_says() -> None:
    """The core schema of YAML 1.2: no dates, no sexagesimal numbers, and `yes` and `on` are text."""
    text = "[2026-11-22, 09:00, yes, on, 0x1F, 0o17, 017, 1_000, 1.5, .inf, ~, null, true, '1', \"true\", -3, 1e3]"
    expected = ["2026-11-22", "09:00", "yes", "on", 31, 15, 17, "1_000", 1.5, float("inf"), None, None, True]
    assert [*expected, "1", "true", -3, 1000.0] == read(text).plain()


def test_keys_are_text() -> None:
    """A provider's code needs no quotes: every key is what is written."""
    assert read("131026: a\ntrue: b\n: c").plain() == {"131026": "a", "true": "b", "": "c"}


@pytest.mark.parametrize(
    ("text", "character", "expected"),
    [
        ("a: one & two", "&", (1, 8)),
        ("a: 'it''s & two'", "&", (1, 11)),
        ('a: "q\\"\\u0041 & x"', "&", (1, 15)),
        ('a: "x\n   & y"', "&", (2, 4)),
        ('a: "x\\\n   & y"', "&", (2, 4)),
        ("a:\n  one\n\n  & two", "&", (4, 3)),
        ("a: |\n  one\n    & two\n", "&", (3, 5)),
        ("a: >-  # why\n\n  one\n\n  \n  & two\n", "&", (6, 3)),
        ("a: >2\n   one\n  é &\n", "&", (3, 5)),
        ("a: |\r\n  one\r\n  & two\r\n", "&", (3, 3)),
        ("a: &x one & two", "& ", (1, 11)),
        ("a: &x !!str 'one & two'", "& ", (1, 18)),
        ("a: &x |\n  one\n  & two\n", "& ", (3, 3)),
    ],
)
def test_a_character_of_a_text_is_found_in_the_file(text: str, character: str, expected: tuple[int, int]) -> None:
    """Findings point at the offending character, also in quotes and inside | and > blocks."""
    document = read(text)
    value = document.plain()["a"]
    place = document.place(("a",), value.index(character))
    assert expected == (place.line, place.column)


def test_anchors_stand_for_their_value() -> None:
    """An alias is its anchor's value, and a finding in it points to where the value is written."""
    document = read("a: &x [1, {b: two}]\nc: *x")
    assert document.plain() == {"a": [1, {"b": "two"}], "c": [1, {"b": "two"}]}
    assert document.place(("c", 1, "b")).line == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3", ["3:1 DLG605"]),
        ("a: !thing 1", ["1:4 DLG606"]),
        ("a: !!binary aGk=", ["1:4 DLG606"]),
        ("a: &x {b: 1}\nc:\n  <<: *x", ["3:3 DLG607"]),
        ("a: 1\n---\nb: 2", ["2:1 DLG604"]),
        ("a: *x", ["1:4 DLG603"]),
        ("a: &x [*x]", ["1:8 DLG603"]),
        ("{[1]: 2}", ["1:2 DLG612"]),
        ("a: 'x", ["1:6 DLG603"]),
        ("a: b: c", ["1:5 DLG603"]),
        ("a: \x00", ["1:4 DLG603"]),
        ('a: "\\0"', ["1:4 DLG603"]),
        ('a: "\\ud800"', ["1:4 DLG603"]),
        ('a: "\\UFFFFFFFF"', ["1:1 DLG603"]),
        ("\ta: 1", ["1:1 DLG603"]),
        ("%YAML 9.9\n---\na: 1", ["1:1 DLG603"]),
    ],
)
def test_what_is_not_taken_is_a_finding_at_its_place(text: str, expected: list[str]) -> None:
    """Duplicate keys, tags, merge keys, several documents and broken YAML are refused where they stand."""
    assert expected == refused(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [("\ta: 1", "1:1"), ("a:\n  - id: x\n\twait: 1h\n", "3:1"), ("a:\t1", "1:3"), ("a:\n-\tb: 1\n  c: 2\n", "2:2")],
)
def test_a_tab_is_called_a_tab(text: str, place: str) -> None:
    """Where YAML takes no tab, the finding says so and what to write; in a text or between the values of a list a tab is fine."""
    document, (sighting,) = yaml_reader.parse("f.yaml", text)
    finding = sighting.told()
    assert (document, f"{finding.line}:{finding.column} {finding.code}") == (None, f"{place} DLG603")
    assert "a tab stands where only spaces may; use spaces instead of tabs" in finding.message
    assert yaml_reader.parse("f.yaml", "a: 'x\ty'\nb: [1,\t2]\n")[1] == []


def test_all_findings_of_a_file_come_at_once() -> None:
    """A duplicate key does not hide the tag after it."""
    assert refused("a: 1\na: 2\nb: !x 3\n<<: {}") == ["2:1 DLG605", "3:4 DLG606", "4:1 DLG607"]


@pytest.mark.parametrize("name", hostile.FILES)
def test_work_grows_with_the_file_and_no_faster(name: str) -> None:
    """Counted in calls: nothing grows with what a file could expand to, nor with the square of its length."""
    file, counted = hostile.FILES[name], []
    for size in (4_000, 8_000, 16_000):
        count, (_, found) = work.calls(yaml_reader.parse, "a.yaml", file.text(size))
        counted.append(count)
        assert ([] if file.code is None else [file.code]) == [each.code for each in found]
    least, middle, most = counted
    assert most - middle <= 2.2 * (middle - least) + 100


def test_brackets_are_not_looked_ahead_of() -> None:
    """A file that opens too many is refused at the hundred-and-first, not after each was compared with a thousand others."""
    count, (document, _) = work.calls(yaml_reader.parse, "a.yaml", "[" * 10_000)
    assert document is None
    assert count <= 500 * yaml_reader.MAX_DEPTH


def test_ten_thousand_placeholders_are_taken() -> None:
    """The limit of a file: the next one, or the next tag, is one too many, wherever it stands."""
    many = "a: '" + "{{ b }}" * 9_999 + "'\nb: '{% c %}'\n"
    assert read(many).plain()["b"] == "{% c %}"
    assert refused(many + "c: ['{{ d }}']\n") == ["3:5 DLG616"]


def test_ten_thousand_expanded_nodes_are_taken() -> None:
    """The limit of anchors is 10,000 values, each alias counted with all that it stands for."""
    few = "a: &a [" + "x, " * 90 + "x]\nb: [" + "*a, " * 99 + "x]"
    assert len(read(few).plain()["b"]) == 99 + 1
    assert refused(few.replace("*a, " * 99, "*a, " * 120)) == ["2:433 DLG609"]


def found_in(root: pathlib.Path, path: pathlib.Path) -> Finding:
    document, found = yaml_reader.read(root, path)
    assert document is None
    assert len(found) == 1
    return found[0].told()


def test_a_file_may_start_with_a_byte_order_mark(tmp_path: pathlib.Path) -> None:
    """UTF-8 with a BOM is accepted, and columns do not count it."""
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfa: 1")
    document, found = yaml_reader.read(tmp_path, tmp_path / "a.yaml")
    assert found == []
    assert document is not None
    assert document.key_place(("a",)).column == 1


def test_a_byte_that_is_not_utf_8_is_found(tmp_path: pathlib.Path) -> None:
    """Line and column of the byte; the file is not guessed at."""
    (tmp_path / "a.yaml").write_bytes(b"a: 1\nb: \xff")
    finding = found_in(tmp_path, tmp_path / "a.yaml")
    assert (finding.code, finding.line, finding.column) == ("DLG601", 2, 4)


def test_a_file_over_a_megabyte_is_not_read(tmp_path: pathlib.Path) -> None:
    """The size is looked at first; a sparse file of a gigabyte costs nothing."""
    with (tmp_path / "a.yaml").open("wb") as file:
        file.truncate(1 << 30)
    assert found_in(tmp_path, tmp_path / "a.yaml").code == "DLG602"


def test_a_link_may_not_leave_the_directory(tmp_path: pathlib.Path) -> None:
    """A link out of the directory is refused, one inside is followed, one to itself is a finding."""
    (tmp_path / "secret.yaml").write_text("a: 1")
    root = tmp_path / "journeys"
    root.mkdir()
    (root / "real.yaml").write_text("a: 1")
    (root / "out.yaml").symlink_to(tmp_path / "secret.yaml")
    (root / "in.yaml").symlink_to(root / "real.yaml")
    (root / "loop.yaml").symlink_to(root / "loop.yaml")
    assert found_in(root, root / "out.yaml").code == "DLG610"
    assert yaml_reader.read(root, root / "in.yaml")[0] is not None
    assert found_in(root, root / "loop.yaml").code == "DLG601"


def test_a_pipe_is_not_waited_for(tmp_path: pathlib.Path) -> None:
    """Only regular files are opened."""
    os.mkfifo(tmp_path / "a.yaml")
    assert found_in(tmp_path, tmp_path / "a.yaml").code == "DLG601"
