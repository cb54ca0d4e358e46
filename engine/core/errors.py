"""The exception classes of Dalang, as one tree.

    DalangError
    ├── Malformed          DLG10x  a record that is not a valid event; a worker writes it to the dead letters
    ├── EvaluationError    DLG201  an expression without a value for a customer; a condition then counts as false
    ├── BundleError        DLG3xx  a directory of journeys with errors
    ├── HistoryError, …    DLG4xx  a history or an output file that cannot be used (`engine/replay`, `engine/cli`)
    └── RuntimeFailure     DLG5xx  a failure of the broker, a topic or the worker

The first line of a class's docstring is the default message of the error. `hint` tells the user what to do about the error. The
findings of `dalang check` are values and not exceptions: see `engine/authoring/findings/findings.py`.
"""

from typing import ClassVar


class DalangError(Exception):
    """Something in Dalang failed."""

    code: ClassVar[str] = "DLG000"
    hint: ClassVar[str] = "Report it, with the command that you ran."

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").split("\n")[0])

    def __str__(self) -> str:
        return f"{self.code} {self.args[0]} {self.hint}".rstrip()


class Malformed(DalangError):
    """This record is not a valid event."""

    code = "DLG100"
    hint = "The record is skipped. Correct the program that wrote it."
    reason: ClassVar[str] = "malformed"


class NotJson(Malformed):
    """The value is not JSON text in UTF-8."""

    code = "DLG101"
    reason = "not_json"


class NotCloudEvent(Malformed):
    """The value is JSON, but not a CloudEvent 1.0: specversion, id, source and type are required."""

    code = "DLG102"
    reason = "not_a_cloudevent"


class NoSubject(Malformed):
    """The event has no `subject`, which is the id of its customer."""

    code = "DLG103"
    reason = "no_subject"


class KeyIsNotSubject(Malformed):
    """The record's key is missing or differs from the event's `subject`, so the record may be in the wrong partition."""

    code = "DLG104"
    reason = "key_is_not_subject"


class NotATime(Malformed):
    """`time` or `recordedtime` is not an RFC 3339 time between the years 1970 and 9000."""

    code = "DLG105"
    reason = "not_a_time"


class NoValue(Malformed):
    """The record has no value."""

    code = "DLG106"
    reason = "no_value"


class TooLarge(Malformed):
    """The event is larger than 1 MiB."""

    code = "DLG107"
    reason = "too_large"


class BadData(Malformed):
    """The event's `data` lacks a field that its type needs, or a field has a wrong value."""

    code = "DLG108"
    reason = "bad_data"


class StateTooLarge(Malformed):
    """The event would make the customer's state larger than 1 MiB."""

    code = "DLG562"
    hint = (
        "The event is skipped. Find what fills the customer's state: large events that instances keep, a new key (enter.key) for"
        " every entry, or a large profile."
    )
    reason = "state_too_large"


class EvaluationError(DalangError):
    """The condition gave no value for this customer."""

    code = "DLG201"
    hint = "Test with has() that the field is there, or send the field in every event."


class BundleError(DalangError):
    """The journeys in this directory cannot be used."""

    code = "DLG300"
    hint = "Run `dalang check` for all findings."


class RuntimeFailure(DalangError):
    """The runtime cannot go on."""

    code = "DLG500"
    hint = "Look for the cause in the log of the worker and of the broker."
