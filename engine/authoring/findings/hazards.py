"""Findings about combinations that hurt in production, though each file is right by itself.

As in `findings.py`, there is one class for each kind. They come from the checks in `engine/authoring/lint`. The first line of a
class's docstring is its sentence. The text below it gives the reason; the finding's page in docs/lint prints it.
"""

from engine.authoring.findings.findings import Kind

# Receipts and replies.


class UnrelatedReceipt(Kind):
    """No message of this journey comes before this, so no `{event}` ever belongs to it.

    A receipt or a reply concerns only the instance that sent its message. A reply without a message id belongs to the latest
    message on its channel within 24 hours. So an instance that has sent nothing never gets one.
    """

    code = "DLG680"
    hint = "Put a send or a handoff before it, or enter the journey by this event."


class ReportNeverComes(Kind):
    """None of the channels before this reports `{status}`."""

    code = "DLG681"
    hint = "Wait for a status that one of them reports, or add it under policy.channels if its provider does. {known}"


class ForgottenMessage(Kind):
    """This begins {days} days after the journey's last message at the earliest; after 30 days messages are forgotten.

    The topic `customer.events` keeps records for 30 days, and the customer's state keeps a closed message for the same time, so
    that its receipts can be recognised. The other data of an instance (entry, timers, kept events, traits) has no such limit.
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

    The check takes the route with the fewest messages and the longest time of each wait. For a window of one calendar day, it
    reports messages that are less than twelve hours apart, because these mostly fall on one day.
    """

    code = "DLG684"
    severity = "warning"
    hint = "Wait longer between the messages, send fewer of them, or raise the cap in policy.yaml."


class DeferAtChannel(Kind):
    """At the cap of a channel nothing waits: `{channel}` is skipped, and the message goes on to its next channel.

    `then` is for caps without a channel. Such a cap applies to the whole message, which is dropped or waits until the cap allows
    it.
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

    Meta drops an authentication message that it could not deliver within the template's time to live (by default 10 minutes; 30
    to 900 seconds can be set), and reports nothing. A longer wait only keeps the customer waiting at the login.
    """

    code = "DLG689"
    severity = "warning"
    hint = "Fall back within 10 minutes, better within one."


class GoalTooShort(Kind):
    """The time for the goal is over before the first message can go.

    So no message of the journey can lead to the goal, and the number of goals does not measure the journey.
    """

    code = "DLG695"
    severity = "warning"
    hint = "`within` counts from the entry: make it longer than the waits before the first message."


# Experiments.


class ArmsByInstance(Kind):
    """Each entry draws an arm anew here, so who enters again may get another one.

    A customer who has seen two arms cannot be counted for either. With `reentry: never`, each key gets one arm, which may be
    intended.
    """

    code = "DLG690"
    severity = "warning"
    hint = "Write `by: customer`. Where a new draw is meant, give each a key of its own (enter.key) and `reentry: never`."


class SharedSalt(Kind):
    """The salt `{salt}` divides customers into other arms in {other}.

    Two splits with one salt are meant to give a customer the same arm. They do so only if their arms, weights and `by` are the
    same.
    """

    code = "DLG691"
    severity = "warning"
    hint = "Give the two the same arms, or one of them another salt."


# Versions.


class MigrationOfLivingStep(Kind):
    """`{step}` is a step of this version: whoever waits there is moved at every later deploy, too.

    The map comes before the step of the same name. So as long as this line is there, each later version moves the instances that
    wait at this step.
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

    Only `dalang check --base DIR` and a deploy can find this, because they know the version before. Such instances stay on their
    version until they end.
    """

    code = "DLG694"
    hint = "Add a line under `migrations`: `{step}: exit`, or a step of this version, or keep a step of that id."


# The calendar.


class HolidaysEnd(Kind):
    """The public holidays of `{country}` are known up to {year} only.

    After that year, paydays move for weekends only, and `holidays_off` has no effect.
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
