"""Split arms and holdouts: their shares, and that they are the same everywhere and always."""

import collections
import math

import pytest

from engine.core.model import definition
from engine.core.rules import assignment

CUSTOMERS = tuple(f"cust-{number}" for number in range(20_000))
SALT = "cart-abandonment/second-chance"


def arms(**weights: int) -> tuple[definition.SplitArm, ...]:
    return tuple(definition.SplitArm(id, weight, None) for id, weight in weights.items())


def within(got: int, share: float, of: int = len(CUSTOMERS)) -> bool:
    """Within five standard deviations of a binomial: a right share fails once in two million."""
    return abs(got - share * of) <= 5 * math.sqrt(of * share * (1 - share))


@pytest.mark.parametrize(
    "weights",
    [{"a": 50, "b": 50}, {"a": 1, "b": 1, "c": 1}, {"a": 70, "b": 30}, {"a": 33, "b": 33, "c": 34}, {"a": 997, "b": 3},
     {"a": 10, "b": 20, "c": 30, "d": 40}, {"a": 1, "none": 0, "b": 9}, {"a": 500, "b": 1000}],
)  # fmt: skip
def test_each_arm_gets_its_share(weights: dict[str, int]) -> None:
    """Shares of 20,000 customers lie within binomial bounds of the weights; weight 0 gets nobody."""
    got = collections.Counter(assignment.arm(SALT, customer, arms(**weights)).id for customer in CUSTOMERS)
    assert sum(got.values()) == len(CUSTOMERS)
    for id, weight in weights.items():
        assert within(got[id], weight / sum(weights.values())), (id, got)


@pytest.mark.parametrize("hundredths", [1, 100, 1_000, 5_000, 9_999])
def test_a_holdout_gets_its_share(hundredths: int) -> None:
    """Shares of 20,000 customers lie within binomial bounds of the percentage."""
    held = sum(assignment.held_out("cart-abandonment/holdout", customer, hundredths) for customer in CUSTOMERS)
    assert within(held, hundredths / 10_000)


def test_nobody_and_everybody_may_be_held_out() -> None:
    """0% holds nobody, 100% everybody."""
    assert not any(assignment.held_out("j/holdout", customer, 0) for customer in CUSTOMERS)
    assert all(assignment.held_out("j/holdout", customer, 10_000) for customer in CUSTOMERS)


def test_two_splits_are_independent() -> None:
    """Who takes an arm of one split takes each arm of another as all others do: salts, and the holdout, cut across each other."""
    half = arms(a=1, b=1)
    first = [customer for customer in CUSTOMERS if assignment.arm(SALT, customer, half).id == "a"]
    assert within(sum(assignment.arm("other/split", customer, half).id == "a" for customer in first), 0.5, len(first))
    assert within(sum(assignment.held_out("cart-abandonment/holdout", customer, 1_000) for customer in first), 0.1, len(first))
    assert within(sum(assignment.held_out(SALT, customer, 5_000) for customer in first), 0.5, len(first))


def test_weights_that_are_all_zero_take_the_first_arm() -> None:
    """A split always has an arm."""
    assert assignment.arm(SALT, "cust-1", arms(a=0, b=0)).id == "a"
    assert assignment.arm(SALT, "cust-1", arms(a=0, b=1)).id == "b"


def test_arms_never_change_with_the_engine() -> None:
    """The dice are a storage format: these customers have taken these arms since the first release."""
    taken = "".join(assignment.arm("payday/which", customer, arms(a=50, b=30, c=20)).id for customer in CUSTOMERS[:40])
    assert taken == "aaaaaaaaabbcbaaaaaaaacacbacbbabaaaccaacc"
    held = [number for number in range(100) if assignment.held_out("payday/holdout", f"cust-{number}", 1_000)]
    assert held == [14, 23, 26, 41, 70, 73, 75, 78, 84]
