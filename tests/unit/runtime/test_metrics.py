"""The numbers of a partition's batches are those of what it wrote."""

import json
import pathlib
from collections import Counter

import pytest

from engine.core.model import decisions
from engine.runtime.kafka import timestamps
from engine.runtime.monitoring import metrics
from engine.runtime.partition import writer
from tests.unit.runtime.rig import START, Rig


@pytest.fixture
def rig(tmp_path: pathlib.Path) -> Rig:
    return Rig(tmp_path)


async def test_decisions_and_actions_are_those_that_were_written(rig: Rig) -> None:
    """Decisions by journey and type, actions by channel: as many as stand on the topics."""
    known = [rig.event(each, "customer.identified", traits={"phone": "+62811"}) for each in ("a", "b")]
    await rig.handle(rig.activation(), *known, rig.event("a", "go", n=2, k="x"), rig.event("b", "go", n=2, k="x"))
    later = {"specversion": "1.0", "id": "t", "source": "tests", "type": "timer.due", "time": "2026-11-22T01:00:00Z"}
    await rig.handle(rig.record(json.dumps({**later, "recordedtime": later["time"]}).encode()))
    told = [decisions.decode(each.value or b"") for each in rig.kept.outputs if each.topic == "shop.journey.events"]
    assert Counter(
        {type_: int(rig.value("dalang_decisions_total", journey="quick", type=type_)) for type_ in decisions.PAYLOADS}
    ) == (Counter(dict.fromkeys(decisions.PAYLOADS, 0)) | Counter(each.type for each in told))
    acted = [each for each in rig.kept.outputs if each.topic == "shop.actions.whatsapp"]
    assert rig.value("dalang_actions_total", channel="whatsapp") == len(acted) == 2
    assert rig.value("dalang_events_total", partition="7") == 6
    assert rig.value("dalang_batch_records_count") == 2
    assert rig.value("dalang_batch_records_sum") == 6
    assert rig.value("dalang_activations_total") == 1
    assert rig.value("dalang_delay_seconds_sum") == 4  # both batches were two seconds old
    assert rig.value("dalang_batch_duration_seconds_count") == rig.value("dalang_transaction_duration_seconds_count") == 2


async def test_refusals_suppressions_and_reports_are_counted_by_their_reason(rig: Rig) -> None:
    """Who may not enter, whom no message reaches, and what the channels report."""
    await rig.handle(rig.activation(), rig.event("a", "go", n=2, k="x"), rig.event("a", "go", n=2, k="x"))
    hour = {"specversion": "1.0", "id": "t", "source": "tests", "type": "timer.due", "time": "2026-11-22T01:00:00Z"}
    await rig.handle(rig.record(json.dumps({**hour, "recordedtime": hour["time"]}).encode()))
    assert rig.value("dalang_refusals_total", journey="quick", reason="active") == 1
    assert rig.value("dalang_suppressions_total", journey="quick", reason="unreachable") == 1
    report = decisions.MessageReported("m", "failed", 1, "sms", failure="configuration")
    decision = decisions.Decision("d", report.type, "a", timestamps.instant(START), "quick", "v", "i", "ask", "e", report)
    rig.metrics.wrote(metrics.Written(partition=7, records=1, oldest=START, decided=[decision]))
    assert rig.value("dalang_reports_total", channel="sms", status="failed") == 1
    assert rig.value("dalang_failures_total", channel="sms", failure="configuration") == 1


async def test_conditions_without_a_value_are_counted_by_their_place(rig: Rig) -> None:
    """A condition that fails to evaluate is false, and counted once for each time; one that is false is not."""
    await rig.handle(rig.activation(), rig.event("a", "go", k="x"), rig.event("a", "go", n=1, k="x"))
    await rig.handle(rig.event("b", "go", k="x"))
    assert rig.value("dalang_condition_errors_total", journey="quick", path="enter.when") == 2


async def test_dead_letters_are_counted_by_their_reason(rig: Rig) -> None:
    """What is no event is counted as handled, and put aside by its reason."""
    await rig.handle(rig.record(b"{nonsense", "a"), rig.record(None, "a"), rig.event("", "go"))
    reasons = [dict(each.headers)["reason"].decode() for each in rig.kept.outputs]
    assert {reason: rig.value("dalang_dead_letters_total", reason=reason) for reason in reasons} == Counter(reasons)
    assert len(reasons) == rig.value("dalang_events_total", partition="7") == 3


async def test_what_was_not_written_is_not_counted(rig: Rig) -> None:
    """A batch that the broker did not take leaves no trace in the numbers: it will come again."""

    async def refuse(outputs: list[writer.Output], states: list[writer.Output]) -> None:
        raise ConnectionError

    rig.kept.write = refuse  # type: ignore[method-assign]
    with pytest.raises(ConnectionError):
        await rig.handle(rig.record(b"{nonsense", "a"))
    assert rig.value("dalang_events_total", partition="7") == rig.value("dalang_dead_letters_total", reason="not_json") == 0


async def test_the_size_of_the_state_follows_what_is_put_into_it(rig: Rig) -> None:
    """Customers, bytes and waiting timers are those of the snapshots, after a change and after an erasure too."""
    await rig.handle(rig.activation(), *(rig.event(each, "go", n=2, k="x") for each in "abc"))
    assert (len(rig.store.snapshots), rig.store.waiting) == (3, 3)
    await rig.handle(rig.event("a", "go", n=2, k="another"), rig.event("b", "customer.erased"))
    assert rig.store.bytes == sum(map(len, rig.store.snapshots.values())) > 0
    assert (len(rig.store.snapshots), rig.store.waiting) == (2, 2)


def test_no_label_names_a_customer_and_every_number_says_what_it_is() -> None:
    """Labels come from definitions and short lists; each metric has a help text and a unit that Prometheus knows."""
    counted = metrics.Metrics()
    counted.standings = (metrics.Standing(number=1, loaded=True, lag=3),)
    families = [each for each in counted.registry.collect() if each.name.startswith("dalang_")]
    assert len(families) > 20
    assert [each.name for each in families if not each.documentation.endswith(".")] == []
    labels = {label for each in families for sample in each.samples for label in sample.labels}
    assert labels <= {"partition", "le", "version"}
    named = {label for each in vars(counted).values() for label in getattr(each, "_labelnames", ())}
    assert named == {"partition", "journey", "type", "channel", "reason", "status", "failure", "path"}


def test_a_lost_partition_leaves_no_number_behind() -> None:
    """Gauges are those of the partitions that the worker has now, and those of a loading one are not known."""
    counted = metrics.Metrics(wall=lambda: 100.0)
    counted.standings = (metrics.Standing(number=1, loaded=True, lag=3, behind=90.0), metrics.Standing(number=2))
    value = counted.registry.get_sample_value
    assert value("dalang_lag_records", {"partition": "1"}) == 3
    assert value("dalang_lag_seconds", {"partition": "1"}) == 10
    assert value("dalang_lag_records", {"partition": "2"}) is None
    assert (value("dalang_partitions"), value("dalang_partitions_loading")) == (2, 1)
    counted.standings = ()
    assert value("dalang_lag_records", {"partition": "1"}) is None
    assert value("dalang_partitions") == 0


def test_two_workers_in_one_process_count_apart() -> None:
    """Each has a registry of its own."""
    one, other = metrics.Metrics(), metrics.Metrics()
    one.rebalanced()
    assert one.registry.get_sample_value("dalang_rebalances_total") == 1
    assert other.registry.get_sample_value("dalang_rebalances_total") == 0
