"""When a segment is looked at again by itself: at the moments at which it can change, and at no others."""

import datetime
import pathlib

from engine.core.decide import decider
from engine.core.model import decisions, inputs, state
from tests.unit.core import story

TRAITS = """
traits:
  rfm:
    {of: order.placed, compute: rfm, value: event.data.total, within: 365d,
     recency: [7, 30, 90, 180], frequency: [1, 2, 4, 8], monetary: [1, 2, 3, 4]}
segments:
  drifting: CONDITION
"""


def looks(tmp_path: pathlib.Path, condition: str) -> list[str]:
    """The days after her order on which her segments are looked at within a hundred days."""
    tmp_path.mkdir(exist_ok=True)
    (tmp_path / "traits.yaml").write_text(TRAITS.replace("CONDITION", condition))
    catalog = story.compiled(
        tmp_path, story.written("quiet", "enter: {event: go, reentry: never}\nsteps: [{id: end, exit: done}]\n")
    )
    ordered = inputs.Event("e", "order.placed", story.at("03:00"), story.at("03:00"), "ayu", "tests", {"total": 9})
    customer: state.Customer | None = decider.transition(catalog, None, ordered).state
    told = []
    for day in range(1, 101):
        at = story.at("03:00") + datetime.timedelta(days=day)
        done = decider.transition(catalog, customer, inputs.tick(at), customer_id="ayu")
        customer = done.state
        told += [f"{day} {each.type}" for each in done.decisions if not isinstance(each.data, decisions.TimerScheduled)]
        told += [f"{day} looked" for each in done.decisions if isinstance(each.data, decisions.TimerScheduled)]
    return told


def test_a_score_of_recency_is_looked_at_where_it_can_fall(tmp_path: pathlib.Path) -> None:
    """No polling: who reads the scores alone is looked at on the days after a band, and enters on the right one."""
    assert looks(tmp_path, "traits.rfm.recency <= 3") == ["8 looked", "31 segment.entered", "31 looked", "91 looked"]


def test_the_days_themselves_are_looked_at_every_day(tmp_path: pathlib.Path) -> None:
    """`recency_days` is another every day; so may be what is asked for by an index."""
    daily = looks(tmp_path, "traits.rfm.recency_days >= 20")
    assert (len(daily), daily[19:21]) == (101, ["20 segment.entered", "20 looked"])
    assert len(looks(tmp_path / "b", 'traits.rfm["recency_days"] >= 20')) == 101


def test_a_segment_that_reads_no_trait_is_never_looked_at(tmp_path: pathlib.Path) -> None:
    """Nothing that time could change: no timer."""
    assert looks(tmp_path, "has(profile.vip)") == []
