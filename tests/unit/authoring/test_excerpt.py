from typing import Any

import pytest

from engine.authoring.findings import excerpt, findings, unreadable
from tests import hostile, work


def keys(count: int) -> str:
    return "policy:\n" + "".join(f"  k{number}: 1\n" for number in range(count))


def test_twenty_of_a_kind_are_told(shop: Any) -> None:
    """Up to twenty findings of a kind in a file are all there, and nothing speaks of more."""
    shop.write("policy.yaml", keys(20))
    assert shop.said() == [f"policy.yaml:{line}:3 DLG620" for line in range(2, 22)]
    assert not any("more of" in each.message for each in shop.findings())


@pytest.mark.parametrize(("count", "told"), [(21, "1"), (1_020, "1,000")])
def test_the_rest_of_a_kind_is_counted(shop: Any, count: int, told: str) -> None:
    """From the twenty-first on they are one finding: of their code and severity, where the first of them stands."""
    shop.write("policy.yaml", keys(count))
    *shown, more = shop.findings()
    assert [each.line for each in shown] == list(range(2, 22))
    assert (more.line, more.column, more.code, more.severity) == (22, 3, "DLG620", "error")
    assert more.message == f"And {told} more of DLG620 in this file."
    assert more.hint == "A file is shown 20 of a kind: correct those, and check it again."


def test_kinds_and_files_are_counted_apart() -> None:
    """Fifteen of each of two kinds in each of two files are sixty findings."""
    places = [findings.Place(file, line) for file in ("a.yaml", "b.yaml") for line in range(15)]
    kinds = (unreadable.MergeKey, unreadable.ComplexKey)
    assert len(excerpt.of(kind.at(place) for place in places for kind in kinds)) == 60


def test_the_first_are_those_of_the_first_lines() -> None:
    """In whichever order they are found."""
    found = excerpt.of(unreadable.MergeKey.at(findings.Place("a.yaml", line)) for line in range(100, 0, -1))
    assert [each.line for each in found] == list(range(1, 22))
    assert found[-1].message == "And 80 more of DLG607 in this file."


def test_a_thing_is_said_once() -> None:
    """What is found a thousand times at one place with the same words is one finding."""
    here = findings.Place("a.yaml")
    found = [unreadable.TooDeep.at(here, limit=100 if index % 2 else "100") for index in range(1_000)]
    assert [str(each) for each in excerpt.of(found)] == ["a.yaml:1:1 DLG608 This is nested more than 100 levels deep."]


def test_findings_of_two_checks_keep_their_order() -> None:
    """Each is counted by itself, and all stand by place."""
    first, second = (excerpt.of([unreadable.MergeKey.at(findings.Place("a.yaml", line))]) for line in (2, 1))
    assert excerpt.merged(first, second) == (*second, *first)


@pytest.mark.parametrize("name", hostile.DIRECTORIES)
def test_work_grows_with_the_input_and_no_faster(shop: Any, name: str) -> None:
    """Counted in calls: fifty more of a thing cost twice what twenty-five more do; a tenth more is allowed.

    So no check goes through everything for each thing that it finds, and a text that is repeated is looked at once.
    """
    case, counted = hostile.DIRECTORIES[name], []
    for size in (25, 25, 50, 100):  # the first one fills the caches
        shop.write(case.file, case.text(size))
        count, found = work.calls(shop.findings)
        counted.append(count)
        assert case.code in {each.code for each in found}
    _, least, middle, most = counted
    assert most - middle <= 2.2 * (middle - least)
