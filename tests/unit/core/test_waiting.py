"""Wait: for a duration, for events, since when; and branch."""

from collections.abc import Callable

from tests.unit.core.story import Story

Tell = Callable[..., Story]
GO = "enter: {event: go, key: event.data.k, reentry: after_exit}\n"


def test_a_wait_is_over_after_its_duration(tell: Tell) -> None:
    """A wait for a duration completes as `elapsed`."""
    story = tell(GO + "steps: [{id: pause, wait: 2d}]")
    story.when("go", "10:00", k="a")
    assert story.pass_time("+2 09:59:59.999") == []
    assert story.pass_time("+2 10:00")[0] == "+2 10:00 step.completed pause elapsed"


def test_restart_on_starts_it_again(tell: Tell) -> None:
    """`restart_on` cancels the timer and arms it anew, from the event."""
    story = tell(GO + "steps: [{id: pause, wait: 1h, restart_on: {event: touch, when: event.data.k == entry.data.k}}]")
    story.when("go", "10:00", k="a")
    assert story.when("touch", "10:30", k="b") == []
    assert story.when("touch", "10:30", k="a") == ["10:30 timer.cancelled pause", "10:30 timer.scheduled pause wait 11:30"]
    assert story.pass_time("11:29") == []


def test_restart_on_may_be_a_type_alone(tell: Tell) -> None:
    """A type alone will do without keys."""
    story = tell(GO + "steps: [{id: pause, wait: 1h, restart_on: touch}]")
    story.when("go", "10:00", k="a")
    assert len(story.when("touch", "10:30")) == 2


def test_each_arming_has_its_own_timer_id(tell: Tell) -> None:
    """The id of a timer is made of the instance, the step, the visit and the number of the arming."""
    story = tell(GO + "steps: [{id: pause, wait: 1h, restart_on: touch}]")
    story.when("go", "10:00", k="a")
    (first,) = story.state.timers
    story.when("touch", "10:30")
    assert list(story.state.timers) != [first]


FOR = "{id: answer, wait: {for: [{event: order, when: event.data.n > 1, then: [{id: big, exit: big}]}, {event: order}], timeout: 1h, on_timeout: [{id: out, exit: silent}]}}"


def test_the_first_item_that_matches_wins(tell: Tell) -> None:
    """The first item of `for`, in the file's order, that the event matches leads to its `then`."""
    story = tell(GO + f"steps: [{FOR}]")
    story.when("go", "10:00", k="a")
    assert story.when("order", "10:10", n=2)[-1] == "10:10 journey.exited big big"
    story.when("go", "11:00", k="a")
    assert story.when("order", "11:10", n=1)[-1] == "11:10 journey.completed"


def test_the_timeout_leads_to_on_timeout(tell: Tell) -> None:
    """Without an event the wait ends at its timeout, and `on_timeout` follows."""
    story = tell(GO + f"steps: [{FOR}]")
    story.when("go", "10:00", k="a")
    assert story.when("other", "10:59") == []
    assert story.pass_time("11:00")[0] == "11:00 step.completed answer timeout"
    assert story.told[-1].data.reason == "silent"  # type: ignore[attr-defined]


def test_the_event_that_led_to_a_wait_does_not_end_it(tell: Tell) -> None:
    """An event moves an instance once: what it moved to waits for the next."""
    wait = "{{id: {0}, wait: {{for: [{{event: order}}], timeout: 1h}}}}"
    story = tell(GO + f"steps: [{wait.format('one')}, {wait.format('two')}]")
    story.when("go", "10:00", k="a")
    assert story.when("order", "10:10")[-1] == "10:10 timer.scheduled two timeout 11:10"


SINCE = (
    "{{id: {0}, wait: 1h}}, {{id: ask, send: {{template: hello, channels: [{{channel: whatsapp, success: read, "
    "fallback_after: 30m}}]}}}}, {{id: answer, wait: {{for: [{{event: order}}], timeout: 1h, since: {1}}}}}"
)


def test_since_previous_send_sees_what_came_while_it_was_sent(tell: Tell) -> None:
    """`since: previous_send`: an event after the send's first request, before the wait, is kept and ends the wait at once."""
    story = tell(GO + f"steps: [{SINCE.format('pause', 'previous_send')}]")
    story.when("go", "10:00", k="a")
    story.pass_time("11:00")
    assert story.when("order", "11:10") == ["11:10 event.kept ask answer 0"]
    assert story.pass_time("11:30")[-2:] == ["11:30 step.completed answer order", "11:30 journey.completed"]


def test_since_previous_send_forgets_what_came_before_it(tell: Tell) -> None:
    """An event before the send does not count, and does not stand in the way of one after it."""
    story = tell(GO + f"steps: [{SINCE.format('pause', 'previous_send')}]")
    story.when("go", "10:00", k="a")
    story.when("order", "10:30")
    assert story.pass_time("11:30")[-1] == "11:30 timer.scheduled answer timeout 12:30"


def test_since_entry_sees_everything_after_the_entry(tell: Tell) -> None:
    """`since: entry`: an event since the entry counts; the timeout counts from the step."""
    story = tell(GO + f"steps: [{SINCE.format('pause', 'entry')}]")
    story.when("go", "10:00", k="a")
    story.when("order", "10:30")
    assert story.pass_time("11:30")[-1] == "11:30 journey.completed"


def test_since_step_keeps_nothing(tell: Tell) -> None:
    """Without `since` an event before the wait has no effect at all."""
    story = tell(GO + f"steps: [{SINCE.format('pause', 'step')}]")
    story.when("go", "10:00", k="a")
    assert story.when("order", "10:30") == []


BRANCH = "{id: which, branch: [{if: entry.data.n > 10, then: [{id: big, exit: big}]}, {if: entry.data.n > 5, then: []}, {else: [{id: small, exit: small}]}]}, {id: after, exit: middle}"


def test_the_first_true_arm_is_taken(tell: Tell) -> None:
    """`branch`: the first true `if`, else `else`; an empty arm goes on at what follows."""
    story = tell(GO + f"steps: [{BRANCH}]")
    for n, reason in ((11, "big"), (6, "middle"), (1, "small")):
        assert story.when("go", "10:00", k="a", n=n)[-1].endswith(f" {reason}")


def test_a_condition_that_fails_is_false_and_traced(tell: Tell) -> None:
    """A condition that fails to evaluate is false, is recorded in the trace with its error, and is counted."""
    story = tell(GO + f"steps: [{BRANCH}]")
    assert story.when("go", "10:00", k="a")[-1].endswith(" small")
    failed = [(each.path, each.result, each.inputs) for each in story.trace.conditions if each.error]
    assert failed == [
        ("steps[0].branch[0].if", False, {}),
        ("steps[0].branch[1].if", False, {}),
    ]
    assert story.trace.errors["journey-0", "steps[0].branch[0].if"] == 1


def test_without_a_true_arm_the_journey_goes_on(tell: Tell) -> None:
    """With no arm true and no `else`, what follows the branch is next."""
    story = tell(
        GO + "steps: [{id: which, branch: [{if: entry.data.n > 10, then: [{id: big, exit: big}]}]}, {id: after, exit: rest}]"
    )
    assert story.when("go", "10:00", k="a", n=1)[-1] == "10:00 journey.exited after rest"


def test_after_a_timer_event_is_the_last_that_moved_the_instance(tell: Tell) -> None:
    """After a timer, `event` is the last event that moved the instance, at first the entry."""
    branch = "{id: which, branch: [{if: event.type == 'order', then: [{id: a, exit: order}]}, {else: [{id: b, exit: entry}]}]}"
    wait = "{id: answer, wait: {for: [{event: order}], timeout: 1h}}, {id: pause, wait: 1h}"
    story = tell(GO + f"steps: [{wait}, {branch}]")
    story.when("go", "10:00", k="a")
    story.pass_time("13:00")
    assert story.told[-1].data.reason == "entry"  # type: ignore[attr-defined]
    story.when("go", "14:00", k="a")
    story.when("order", "14:10")
    story.pass_time("16:00")
    assert story.told[-1].data.reason == "order"  # type: ignore[attr-defined]


def test_the_outcome_of_a_step_is_known_to_the_next(tell: Tell) -> None:
    """`steps.<id>.outcome` is what a step completed as."""
    branch = "{id: which, branch: [{if: steps.answer.outcome == 'timeout', then: [{id: a, exit: silent}]}]}"
    story = tell(GO + "steps: [{id: answer, wait: {for: [{event: order}], timeout: 1h}}, " + branch + "]")
    story.when("go", "10:00", k="a")
    assert story.pass_time("11:00")[-1] == "11:00 journey.exited a silent"


def test_more_than_a_hundred_steps_in_one_input_is_a_loop(tell: Tell) -> None:
    """At most 100 `step.entered` per instance per input; past it the instance exits with reason `loop`."""
    steps = [f"{{id: s{i}, branch: [{{if: 'true', then: []}}]}}" for i in range(101)]
    story = tell(GO + f"steps: [{', '.join(steps)}]")
    told = story.when("go", "10:00", k="a")
    assert (sum("step.entered" in line for line in told), told[-1]) == (100, "10:00 journey.exited s99 loop")
    story = tell(GO + f"steps: [{', '.join(steps[:100])}]")
    assert story.when("go", "10:00", k="a")[-1] == "10:00 journey.completed"
