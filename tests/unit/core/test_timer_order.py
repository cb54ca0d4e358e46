import datetime

from engine.core.model import state
from engine.core.rules import timer_order

TEN = datetime.datetime(2026, 11, 24, 10, tzinfo=datetime.UTC)
MINUTE = datetime.timedelta(minutes=1)


def customer(**timers: tuple[datetime.datetime, str]) -> state.Customer:
    """A customer with timers: `id=(due, instance)`."""
    return state.Customer(
        "ayu", timers={id_: state.Timer(due, instance, "pause", "wait") for id_, (due, instance) in timers.items()}
    )


def test_an_event_comes_before_a_timer_of_its_own_time() -> None:
    """A timer that is due exactly at the event's time is not due before the event, and is due after it."""
    ayu = customer(a=(TEN, "i"))
    assert timer_order.next_timer(ayu, TEN, at_until=False) is None
    found = timer_order.next_timer(ayu, TEN, at_until=True)
    assert found is not None
    assert found[0] == "a"


def test_the_earliest_timer_comes_first_whatever_its_id() -> None:
    """The due time decides; of one due time the instance, then the step, then the id."""
    ayu = customer(a=(TEN, "z"), b=(TEN - MINUTE, "z"), c=(TEN, "y"))
    fired: list[str] = []
    while (found := timer_order.next_timer(ayu, TEN, at_until=True, fired=fired)) is not None:
        fired.append(found[0])
    assert fired == ["b", "c", "a"]


def test_a_timer_of_the_future_is_not_due() -> None:
    """No timer fires early."""
    assert timer_order.next_timer(customer(a=(TEN + MINUTE, "i")), TEN, at_until=True) is None
