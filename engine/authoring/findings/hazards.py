"""Findings about combinations that cause trouble in production, although each file is valid by itself.

As in `findings.py`, each kind of finding is a class. The checks that yield these findings are in `engine/authoring/lint/`. The
first line of a class's docstring is the message. The text below it gives the reason, and is printed on the finding's page in
docs/lint.
"""

from engine.authoring.findings.findings import Kind

# Receipts and replies.


class UnrelatedReceipt(Kind):
    """No message of this journey comes before this, so no `{event}` ever belongs to it.

    A receipt or a reply concerns only the instance whose message it names. If a reply names no message, it concerns the
    instance with the latest message on the same channel within the last 24 hours. So no receipt and no reply ever concerns an
    instance that has sent nothing.
    """

    code = "DLG680"
    hint = "Put a send or a handoff before it, or enter the journey by this event."


class ReportNeverComes(Kind):
    """None of the channels before this reports `{status}`."""

    code = "DLG681"
    hint = "Wait for a status that one of them reports, or add it under policy.channels if its provider does. {known}"


class ForgottenMessage(Kind):
    """This begins {days} days after the journey's last message at the earliest; after 30 days messages are forgotten.

    The topic `customer.events` keeps records for 30 days. For the same time, the state of a customer keeps a message that is
    closed, so that the engine knows which message a receipt is about. After 30 days, a receipt cannot be matched with its
    message. Everything else that a long path needs (the entry, timers, kept events, traits) stays in the state without this
    limit.
    """

    code = "DLG682"
    hint = "Wait for it within 30 days of the message, or send another one before."


class NothingSentBefore(Kind):
    """No message comes before this wait, so `previous_send` is the entry."""

    code = "DLG683"
    severity = "warning"
    hint = "Write `since: entry`, or put the wait behind a send."


# Caps, hours and time.


class CapNeverPassed(Kind):
    """On one way this is message {number} within {window}, and a cap of the policy admits {at_most}: nobody gets it there.

    The check examines the way to the message that takes the least time, with each wait on it at its longest. For a cap for one
    calendar day, messages are reported that come within less than twelve hours: for nearly every customer, they fall on the
    same day.
    """

    code = "DLG684"
    severity = "warning"
    hint = "Wait longer between the messages, send fewer of them, or raise the cap in policy.yaml."


class DeferAtChannel(Kind):
    """At the cap of a channel nothing waits: `{channel}` is skipped, and the message goes on to its next channel.

    `then` has an effect only in a cap without `channel`. Such a cap holds for the whole message: over the cap, the message is
    dropped (`then: drop`), or it waits until the cap admits it (`then: defer`).
    """

    code = "DLG698"
    severity = "warning"
    hint = "Take `then: defer` out, or take `channel` out where the message itself is to wait."


class NeverOpen(Kind):
    """These quiet hours leave no minute of the week open."""

    code = "DLG685"
    hint = "Take a day out of days_off: a message that has to wait for ever is dropped."


class ExpiresInQuietHours(Kind):
    """This message is asked for in quiet hours ({rule}) and has expired when they end."""

    code = "DLG686"
    hint = "Ask for it at a time that is open, or let it live longer than the quiet hours last."


class AlwaysQuiet(Kind):
    """This message is always asked for in quiet hours ({rule}), and so never sent at the time that is written here."""

    code = "DLG687"
    severity = "warning"
    hint = "Choose a time that is open: it waits for the next open minute anyway."


class FallbackAfterExpiry(Kind):
    """The message has expired when `{channel}` is given up: the next channel has a turn only when this one fails at once."""

    code = "DLG688"
    severity = "warning"
    hint = "Shorten fallback_after, or let the message live longer: expires_after counts from its first request."


class SlowFallback(Kind):
    """A code sent by WhatsApp lives 10 minutes unless its template says otherwise; this waits longer for it.

    Meta drops an authentication message that could not be delivered within the time to live of its template, and reports
    nothing. This time is 10 minutes by default; the template may set 30 to 900 seconds. A longer `fallback_after` is useless:
    the code cannot arrive any more, while the customer is waiting for it in order to log in.
    """

    code = "DLG689"
    severity = "warning"
    hint = "Fall back within 10 minutes, better within one."


class GoalTooShort(Kind):
    """The time for the goal is over before the first message can go.

    If the time for the goal ends before the first message can be sent, no message can lead to the goal. Then the number of
    reached goals says nothing about the effect of the journey.
    """

    code = "DLG695"
    severity = "warning"
    hint = "`within` counts from the entry: make it longer than the waits before the first message."


# Experiments.


class ArmsByInstance(Kind):
    """Each entry draws an arm anew here, so who enters again may get another one.

    With `by: instance`, a customer who enters again may get another arm. A customer who has seen two arms cannot be counted
    for either arm. With `reentry: never` there is no finding: each key gets an arm only once, which may be intended.
    """

    code = "DLG690"
    severity = "warning"
    hint = "Write `by: customer`. Where a new draw is meant, give each a key of its own (enter.key) and `reentry: never`."


class SharedSalt(Kind):
    """The salt `{salt}` divides customers into other arms in {other}.

    Two splits with the same salt are meant to choose the same arm for a customer. They do so only if they also have the same
    arms, weights and `by`.
    """

    code = "DLG691"
    severity = "warning"
    hint = "Give the two the same arms, or one of them another salt."


# Versions.


class MigrationOfLivingStep(Kind):
    """`{step}` is a step of this version: whoever waits there is moved at every later deploy, too.

    At a deploy, the engine looks for the step of a waiting instance in `migrations` first, and only then for a step with the
    same id. So as long as `migrations` names a step of the current version, every later deploy moves the instances that wait
    at this step at that time.
    """

    code = "DLG692"
    severity = "warning"
    hint = "Take the line out: an instance stays at the step of the same id. Or give the new step another id."


class MigrationsPinned(Kind):
    """`migrations` means nothing while instances stay on their version."""

    code = "DLG693"
    severity = "warning"
    hint = "Write `on_update: migrate`, or take the map out."


class MigrationHole(Kind):
    """Instances that wait at `{step}` of the version before have no place in this one.

    Instances that wait at a step without a target in the new version would stay on their old version until they leave the
    journey. The finding compares two versions, so only `dalang check --base DIR` and a deploy report it.
    """

    code = "DLG694"
    hint = "Add a line under `migrations`: `{step}: exit`, or a step of this version, or keep a step of that id."


# The calendar.


class HolidaysEnd(Kind):
    """The public holidays of `{country}` are known up to {year} only.

    After the last year whose public holidays are known, a payday moves only if it falls on a weekend, and `holidays_off` has
    no effect.
    """

    code = "DLG696"
    severity = "warning"
    hint = "Upgrade Dalang when its library of holidays has the next years."


class DateOutOfCalendar(Kind):
    """{date} is {why}."""

    code = "DLG697"
    severity = "warning"
    hint = "{hint}"


# Probable slips.


class NoConsentRule(Kind):
    """The policy says nothing of consent for the purpose `{purpose}`, so it is opt_in."""

    code = "DLG670"
    severity = "warning"
    hint = "Add it under policy.consent: opt_in or implied."


class CostlyCharacter(Kind):
    """The character {character} makes this an SMS of 70 instead of 160 characters a part: at least {parts} parts{cost}."""

    code = "DLG671"
    severity = "warning"
    hint = "Write it with the characters of GSM 7-bit (3GPP TS 23.038), straight quotes and no emoji, and it can be {without}."


class UnsuppliedField(Kind):
    """No event or profile is known to have `{name}`."""

    code = "DLG672"
    severity = "warning"
    hint = "Did you mean {meant}? That one is named elsewhere too, this one in no other file."


class FreeTextAlone(Kind):
    """This WhatsApp message is free text, and nothing in the journey makes the customer write first."""

    code = "DLG673"
    severity = "warning"
    hint = "It goes only within 24 hours of the customer's last message: use a template approved by Meta, or wait for one."


class WhiteSpaceInParameter(Kind):
    """This parameter has {what}, which Meta refuses."""

    code = "DLG674"
    severity = "warning"
    hint = "It will be sent as one space. Line breaks belong into the template at Meta."


class NoTemplateInLanguage(Kind):
    """No template is in `{language}`."""

    code = "DLG675"
    severity = "warning"
    hint = "Take it out, or add templates/<name>.{language}.yaml. {known}"
