"""Sentences for docs/reference.md: how the engine behaves for each part of the journey language, with links to the rules.

`reference.py` writes the sentences above the table of a part's keys. The pydantic models in `engine/authoring/language` say which
keys and values a file may contain, and no sentence here may repeat this.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Behaviour(NamedTuple):
    """The behaviour of one part of the journey language, such as the step `send`.

    `told` are the sentences in Markdown, with links to the rules. `used_in` are the names of files in `journeys/` that use the
    part, without `.yaml`.
    """

    told: str
    used_in: tuple[str, ...]


OF: Final[Mapping[str, Behaviour]] = {
    "Enter": Behaviour(
        "An event that meets `event` and `when` but may not enter is [refused, with a "
        "reason](semantics.md#a-refusal-has-a-reason). Of several journeys that one event enters, the one with [the highest "
        "priority](semantics.md#journeys-enter-by-priority-then-name) comes first.",
        ("cart-abandonment", "loyalty-upgrade", "payday-offer"),
    ),
    "ReentryRule": Behaviour(
        "[Re-entry is judged for each key](semantics.md#re-entry-is-judged-for-each-key), also for entries by a segment or a "
        "schedule.",
        ("win-back",),
    ),
    "Schedule": Behaviour(
        "[Each customer has a timer of her own](semantics.md#a-schedule-is-planned-for-each-customer), by her own clock. After "
        "an outage [she enters once](semantics.md#after-an-outage-a-schedule-enters-once), not once for each time that was "
        "missed.",
        ("payday-offer",),
    ),
    "ExitRule": Behaviour(
        "An event that would lead to a message, and that an exit names, [leads to the exit alone](semantics.md#exit-beats-send).",
        ("otp",),
    ),
    "Goal": Behaviour(
        "It is watched [after the exit too](semantics.md#a-goal-is-watched-after-the-exit), until `within` has passed. Since "
        "[the goal of the held-out counts](semantics.md#the-goal-of-the-held-out-counts-too), both groups can be compared.",
        ("win-back",),
    ),
    "SendStep": Behaviour(
        "The channels are tried in their order. The next one follows when the success is not reported within `fallback_after`, "
        "or [at once after a failure](semantics.md#a-failure-goes-to-the-next-channel-at-once). Consent, quiet hours and caps "
        "are [judged for every attempt](semantics.md#the-policy-is-asked-for-every-attempt): a message in quiet hours [waits "
        "for the next open minute](semantics.md#a-message-in-quiet-hours-waits-for-the-next-open-minute), and the journey waits "
        "with it. A message that may not go at all is suppressed, and the journey goes on.",
        ("cart-abandonment", "travel-disruption"),
    ),
    "WaitStep": Behaviour(
        "The customer stays at this step. An [exit](#exitrule) leads out of it at any time. An event that comes exactly at the "
        "end of a wait [is handled before the wait ends](semantics.md#an-event-wins-a-tie).",
        ("cart-abandonment", "second-purchase"),
    ),
    "BranchStep": Behaviour(
        "What follows the branch comes after the arm, whichever arm was taken. A condition that cannot be evaluated, for "
        "example because a field is missing, [is false](semantics.md#a-condition-that-fails-is-false).",
        ("support-handoff",),
    ),
    "SplitStep": Behaviour(
        "The arm is a hash, not a draw. So a customer (with `by: instance` an entry) has the same arm [on every machine and in "
        "every replay](semantics.md#a-replay-decides-the-same-on-every-machine).",
        ("payday-offer", "scan-and-win"),
    ),
    "ChooseStep": Behaviour(
        "Of offers with the same score, the first in the file is taken. An `if` that cannot be evaluated "
        "[is false](semantics.md#a-condition-that-fails-is-false).",
        ("win-back",),
    ),
    "SetStep": Behaviour(
        "Every later expression and template, of every journey, sees the new values in `profile`. They may bring the customer "
        "[into a segment or out of it](semantics.md#segments-are-examined-when-they-can-change) at once.",
        ("loyalty-upgrade",),
    ),
    "EmitStep": Behaviour(
        "The event is [taken at once](semantics.md#an-emitted-event-is-taken-at-once): another journey may enter by it, and "
        "other systems read it on `customer.events`. It must carry [what its type "
        "needs](semantics.md#an-emitted-event-is-as-strict-as-one-from-outside).",
        ("loyalty-upgrade", "scan-and-win"),
    ),
    "HandoffStep": Behaviour(
        "No rule of the policy holds it back. The journey [goes on at once](semantics.md#a-handoff-goes-on-at-once); with "
        "`reply_within` it waits for the reply.",
        ("support-handoff",),
    ),
    "ExitStep": Behaviour(
        "Nothing that follows in the file happens to the customer. Her "
        "[goal is still watched](semantics.md#a-goal-is-watched-after-the-exit) until its time is over.",
        ("scan-and-win",),
    ),
    "WaitFor": Behaviour(
        "`since` lets [an event from before the step](semantics.md#an-event-is-kept-for-a-coming-since-wait) end the wait. The "
        "timeout [counts from the step](semantics.md#the-timeout-of-a-since-wait-counts-from-the-step) all the same.",
        ("scan-and-win",),
    ),
    "WaitUntil": Behaviour(
        "A time that is exactly now [is reached now](semantics.md#a-time-that-is-exactly-now-is-reached-now). A date that is "
        "past or missing [never means now](semantics.md#a-past-or-missing-date-never-means-now).",
        ("second-purchase",),
    ),
    "Channel": Behaviour(
        "The last channel may lack `success`: it then counts [when it is "
        "requested](semantics.md#the-last-channel-counts-when-it-is-requested). A channel that the policy refuses, or that the "
        "template has no body for, [is skipped](semantics.md#a-skipped-channel-takes-no-attempt-number).",
        ("delivery-notice",),
    ),
    "Policy": Behaviour(
        "[The newest policy holds for everybody](semantics.md#the-newest-policy-holds-for-everybody), also for customers inside "
        "a journey.",
        ("policy",),
    ),
    "QuietRule": Behaviour(
        "[The start is quiet and the end is open](semantics.md#the-start-of-quiet-hours-is-quiet-and-the-end-is-open), by [the "
        "customer's own zone](semantics.md#the-zone-is-that-of-the-profile-then-of-the-phone-then-of-the-workspace).",
        (),
    ),
    "Cap": Behaviour(
        "A message [counts once](semantics.md#a-message-counts-once-against-caps), however many channels it is tried on, and "
        "[keeps its place](semantics.md#a-place-under-a-cap-is-never-given-back) if it fails.",
        ("policy",),
    ),
    "Trait": Behaviour(
        "A trait sees [the event and the profile only](semantics.md#traits-see-the-event-and-the-profile-only). The average, "
        "first or last value of nothing [is missing](semantics.md#nothing-counted-has-no-value), and a condition on it is "
        "false.",
        ("traits",),
    ),
}
"""`{name of a pydantic model: its behaviour}`; every kind of step has an entry."""
