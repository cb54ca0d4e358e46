"""Records that nobody can take, in every position of a batch; and states that grow too large."""

import itertools
import json
import pathlib
from typing import Any

import pytest

from engine.core import errors
from engine.core.decide import state_limit
from engine.core.model import decisions
from engine.runtime.kafka import topics
from tests.unit.runtime.rig import Rig

GOOD = {"specversion": "1.0", "id": "p", "source": "tests", "type": "go", "subject": "c", "data": {"n": 2, "k": "p"}}


def told(**changed: Any) -> bytes:
    return json.dumps({**GOOD, **changed}).encode()


POISON: dict[str, tuple[bytes | None, str | None, str]] = {
    "not JSON": (b"{nonsense", "c", "not_json"),
    "invalid UTF-8": (b'{"specversion":"1.0","id":"\xff"}', "c", "not_json"),
    "nested without end": (b'{"data":' + b"[" * 200_000, "c", "not_json"),
    "empty": (b"", "c", "not_json"),
    "no value": (None, "c", "no_value"),
    "no CloudEvent": (b'{"hello":"world"}', "c", "not_a_cloudevent"),
    "a list": (b"[1,2]", "c", "not_a_cloudevent"),
    "no subject": (told(subject=None), "c", "no_subject"),
    "another's key": (told(subject="somebody"), "c", "key_is_not_subject"),
    "no key": (told(), None, "key_is_not_subject"),
    "no time": (told(time="yesterday"), "c", "not_a_time"),
    "2 MB": (told(data="x" * 2_000_000), "c", "too_large"),
    "customers that are none": (told(type="timer.due", subject=None, data={"customers": [1]}), None, "bad_data"),
    "an unknown bundle": (told(type="bundle.activated", subject=None, data={"bundle": "?"}), None, "unknown_bundle"),
}


@pytest.fixture
def rig(tmp_path: pathlib.Path) -> Rig:
    return Rig(tmp_path)


def entered(rig: Rig) -> list[str]:
    found = [decisions.decode(each.value) for each in rig.kept.outputs if each.topic == "shop.journey.events" and each.value]
    return [each.customer for each in found if each.type == "journey.entered"]


def buried(rig: Rig) -> list[tuple[bytes | None, dict[str, str]]]:
    letters = [each for each in rig.kept.outputs if each.topic == "shop.dead.letters"]
    return [(each.value, {name: value.decode() for name, value in each.headers}) for each in letters]


@pytest.mark.parametrize(("kind", "position"), [*itertools.product(POISON, range(4))])
async def test_poison_in_every_position_of_a_batch(rig: Rig, monkeypatch: Any, kind: str, position: int) -> None:
    """It goes to the dead letters as it came, with its position and reason; the events around it are taken as if it were not
    there.
    """
    value, key, reason = POISON[kind]

    async def nothing(*_: str) -> bool:
        return False

    monkeypatch.setattr(rig.partition._registry, "know", nothing)
    records = [rig.activation()]
    for place in range(4):
        if place == position:
            records.append(rig.record(value, key))
        if place < 3:
            records.append(rig.event(f"c{place}", "go", n=2, k="x"))
    await rig.handle(*records)
    assert entered(rig) == ["c0", "c1", "c2"]
    where = {"topic": "shop.customer.events", "partition": "7", "offset": str(1 + position), "reason": reason}
    assert buried(rig) == [(value, where)]
    assert rig.store.record.offset == 4


async def test_a_batch_of_nothing_but_poison_is_handled(rig: Rig) -> None:
    """The partition's record moves on past it, so that it is not read again."""
    kinds = [each for each in POISON.values() if each[2] != "unknown_bundle"]
    await rig.handle(rig.activation(), *(rig.record(value, key) for value, key, _ in kinds))
    assert [told["reason"] for _, told in buried(rig)] == [reason for *_, reason in kinds]
    assert rig.store.record.offset == len(kinds)


async def test_what_is_too_large_for_the_dead_letters_is_cut(rig: Rig) -> None:
    """A record that its producer compressed may be larger than any topic takes uncompressed: its start and its size are kept,
    and its position says where the whole is.
    """
    await rig.handle(rig.record(b"x" * (topics.LARGEST + 1), "c"))
    ((value, headers),) = buried(rig)
    assert value == b"x" * (topics.LARGEST // 2)
    assert (headers["reason"], headers["bytes"]) == ("too_large", str(topics.LARGEST + 1))


async def test_a_state_too_large_is_refused_and_recorded(rig: Rig) -> None:
    """The input that would make a state too large goes to the dead letters as `state_too_large`, is counted, and changes
    nothing; so do the customer's later ones of that size, in another batch too. Everybody else goes on.
    """
    large = "x" * (state_limit.LARGEST // 2)
    live = rig.activation()
    events = [rig.event("c", "go", n=2, k=str(number), text=large) for number in range(3)]
    await rig.handle(live, events[0], events[1], events[2], rig.event("d", "go", n=2, k="x"))
    before = rig.store.snapshots[b"c"]
    events.append(rig.event("c", "go", n=2, k="another", text=large))
    await rig.handle(events[3], rig.event("e", "go", n=2, k="x"))
    assert entered(rig) == ["c", "d", "e"]
    assert [(value, told["reason"]) for value, told in buried(rig)] == [(each.value, "state_too_large") for each in events[1:]]
    assert rig.store.snapshots[b"c"] == before
    assert rig.value("dalang_dead_letters_total", reason="state_too_large") == 3
    await rig.handle(rig.event("c", "go", n=2, k="small"))
    assert entered(rig) == ["c", "d", "e", "c"]


async def test_a_refused_timer_names_its_customer(rig: Rig) -> None:
    """A `timer.due` is about many: the dead letter of one whose state it would make too large says whose."""
    await rig.handle(rig.activation(), rig.event("c", "go", n=2, k="x"), rig.event("d", "go", n=2, k="x"))
    everybody = {"specversion": "1.0", "id": "t", "source": "tests", "type": "timer.due", "recordedtime": "2100-01-01T00:00:00Z"}
    due = rig.record(json.dumps({**everybody, "data": {"customers": ["c", "d"]}}).encode())
    real = state_limit.check

    def check(before: Any, after: Any, event: Any, *more: Any) -> int:
        if before is not None and before.id == "c":
            raise errors.StateTooLarge
        return real(before, after, event, *more)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(state_limit, "check", check)
        await rig.handle(due)
    assert [told.get("customer") for _, told in buried(rig)] == ["c"]
