"""The record of a partition against its topics: whole, missing, more than it says, cut off."""

from engine.runtime.kafka import topics
from engine.runtime.partition import tails, writer
from engine.runtime.state import codec

NAMES = topics.Topics("shop.")
DECISIONS, SMS = topics.DECISIONS, topics.ACTIONS["sms"]


def record(**written: list[str]) -> codec.PartitionRecord:
    """A record whose batch wrote these ids after offset 10 of every topic."""
    start = {topic: codec.Tail(10) for topic in tails.TOPICS}
    outputs = [writer.Output(NAMES.name(topic), b"c", b"", (), id_) for topic, ids in written.items() for id_ in ids]
    return codec.PartitionRecord(offset=7, base=3, tails=tails.counted(start, outputs, NAMES))


def found(*ids: str, cut: bool = False) -> tails.Found:
    return tails.Found(list(ids), [11 + index for index in range(len(ids))], cut)


def test_a_whole_transaction_is_let_be() -> None:
    """What the record says is there, in any order, and nothing else: nothing is missing, nothing is extra."""
    told = record(**{DECISIONS: ["a", "b"], SMS: ["m"]})
    compared = tails.compared(told, {DECISIONS: found("b", "a"), SMS: found("m")})
    assert (compared.missing, compared.extra) == ({}, ())
    assert compared.tails[DECISIONS] == codec.Tail(12)
    assert compared.tails[SMS] == codec.Tail(11)
    assert compared.tails[topics.EVENTS] == codec.Tail(10)


def test_what_is_missing_makes_all_of_it_be_decided_again() -> None:
    """One topic lacks a record: everything that is there of the transaction is passed over, counted from where it began."""
    told = record(**{DECISIONS: ["a", "b"], SMS: ["m"]})
    compared = tails.compared(told, {DECISIONS: found("a"), SMS: found("m")})
    assert compared.missing == {DECISIONS: 1}
    assert set(compared.extra) == {(DECISIONS, "a"), (SMS, "m")}
    assert compared.tails[DECISIONS] == codec.Tail(10)


def test_another_id_in_its_place_is_missing_too() -> None:
    """The count is right and an id is not, or one is there twice."""
    told = record(**{DECISIONS: ["a", "b"]})
    assert tails.compared(told, {DECISIONS: found("a", "x")}).missing == {DECISIONS: 1}
    assert tails.compared(told, {DECISIONS: found("a", "a")}).missing == {DECISIONS: 1}


def test_what_comes_after_a_whole_transaction_is_extra() -> None:
    """Outputs of a later transaction whose states were aborted, also in a topic to which the last one wrote nothing."""
    told = record(**{DECISIONS: ["a"]})
    compared = tails.compared(told, {DECISIONS: found("a", "b"), SMS: found("n")})
    assert compared.missing == {}
    assert set(compared.extra) == {(DECISIONS, "b"), (SMS, "n")}
    assert compared.tails[DECISIONS] == codec.Tail(11)
    assert compared.tails[SMS] == codec.Tail(10)


def test_what_retention_took_is_not_missing() -> None:
    """Nothing can be told of a topic whose records at the tail are gone."""
    told = record(**{DECISIONS: ["a", "b"]})
    assert tails.compared(told, {DECISIONS: found(cut=True)}).missing == {}


def test_two_writes_count_as_one_where_the_broker_did_not_tell() -> None:
    """The tails of the first go on in the second."""
    first = record(**{DECISIONS: ["a"]}).tails
    second = tails.counted(first, [writer.Output(NAMES.name(DECISIONS), b"c", b"", (), "b")], NAMES)
    assert second == record(**{DECISIONS: ["a", "b"]}).tails
    moved = tails.moved(second, {NAMES.name(DECISIONS): 12}, NAMES, handled=40)
    assert (moved[DECISIONS], moved[topics.EVENTS], moved[SMS]) == (codec.Tail(12), codec.Tail(40), codec.Tail(10))


def test_a_dead_letter_is_known_by_its_position() -> None:
    """Its id is the same when its record is put aside again, and another one for each customer of a `timer.due`."""
    headers = {"topic": "t", "partition": "1", "offset": "9", "reason": "failed"}
    assert tails.letter_id(headers) == "t/1/9/failed/"
    assert tails.letter_id({**headers, "customer": "c1"}) != tails.letter_id({**headers, "customer": "c2"})
