"""The laws of splits: who moves when weights change, and that the short way to compare agrees with the exact one."""

import fractions

from hypothesis import given
from hypothesis import strategies as st

from engine.core.model import definition
from engine.core.rules import assignment

salts = st.text(max_size=8)
units = st.lists(st.text(max_size=8), min_size=1, max_size=40, unique=True)
weights = st.dictionaries(
    st.text("abcdefg", min_size=1, max_size=2), st.integers(0, 1000) | st.integers(0, 10), min_size=1, max_size=5
)


def arms(written: dict[str, int]) -> tuple[definition.SplitArm, ...]:
    return tuple(definition.SplitArm(id, weight, None) for id, weight in written.items())


@given(salts, units, weights, st.data())
def test_growing_an_arm_moves_people_only_into_it(
    salt: str, units: list[str], before: dict[str, int], data: st.DataObject
) -> None:
    """Whatever the number of arms: who moves, moves into the arm that grew; and where it shrinks again, back out of it."""
    grown = data.draw(st.sampled_from(sorted(before)))
    after = before | {grown: before[grown] + data.draw(st.integers(1, 1000))}
    for unit in units:
        old, new = assignment.arm(salt, unit, arms(before)).id, assignment.arm(salt, unit, arms(after)).id
        assert new in (old, grown)


@given(salts, units, weights, st.integers(1, 1000))
def test_a_new_arm_takes_from_all_and_moves_nobody_else(salt: str, units: list[str], before: dict[str, int], weight: int) -> None:
    """An arm that comes in is one that grew from nothing; one that goes gives its people to the others and moves nobody else."""
    if not any(before.values()):
        return
    for unit in units:
        old = assignment.arm(salt, unit, arms(before)).id
        assert assignment.arm(salt, unit, arms(before | {"new": weight})).id in (old, "new")


@given(salts, units, weights, st.integers(1, 50))
def test_only_the_ratio_of_weights_counts(salt: str, units: list[str], written: dict[str, int], factor: int) -> None:
    """1 to 2 is 50 to 100, and the order in the file says nothing."""
    if not any(written.values()):
        return
    backwards = dict(reversed(written.items()))
    for unit in units:
        arm = assignment.arm(salt, unit, arms(written)).id
        assert assignment.arm(salt, unit, arms({id: weight * factor for id, weight in written.items()})).id == arm
        assert assignment.arm(salt, unit, arms(backwards)).id == arm


@given(salts, units, st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_larger_holdout_holds_everybody_of_a_smaller_one(salt: str, units: list[str], one: int, other: int) -> None:
    """Growing a holdout moves people only into it."""
    for unit in units:
        assert assignment.held_out(salt, unit, min(one, other)) <= assignment.held_out(salt, unit, max(one, other))


draws = (
    st.integers(1, 1 << 64)
    | st.integers(0, 63).map(lambda bits: 1 << bits)
    | st.integers(0, 1000).map(lambda below: (1 << 64) - below)
)


@given(draws, draws, st.integers(1, 60), st.integers(1, 60))
def test_the_short_comparison_is_the_exact_one(one: int, other: int, weight: int, others: int) -> None:
    """Cut powers decide only where they are sure: the answer is that of whole fractions, also next to equality."""
    left, right = fractions.Fraction(one, 1 << 64), fractions.Fraction(other, 1 << 64)
    assert assignment._beats(one, weight, other, others) is (left**others > right**weight)


@given(st.data(), st.integers(1, 60), st.integers(1, 60), st.integers(-1, 1))
def test_neighbours_of_a_tie_are_told_apart(data: st.DataObject, weight: int, others: int, off: int) -> None:
    """Where both draws are powers of one fraction, one more or less decides, and a tie is no win."""
    bits = data.draw(st.integers(1, 64 // max(weight, others)))
    root = fractions.Fraction(data.draw(st.integers(1, (1 << bits) - 1)), 1 << bits)
    one, other = int(root**weight * (1 << 64)), int(root**others * (1 << 64))
    assert not assignment._beats(one, weight, other, others)
    assert assignment._beats(max(1, one + off), weight, other, others) is (off > 0)
