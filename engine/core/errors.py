"""The errors of Dalang, as one tree.

    DalangError
    ├── Malformed          DLG10x  an input that cannot be taken; it goes to the dead letters
    ├── EvaluationError    DLG201  a condition that gives no value for this customer (false, and traced)
    ├── BundleError        DLG3xx  a directory of journeys that cannot be used
    ├── HistoryError, …    DLG4xx  a history or an output that cannot be used (`engine/replay`, `engine/cli`)
    └── RuntimeFailure     DLG5xx  the broker, the topics, the worker

The docstring of an error is its default message, so every error has a sentence. `hint` says what the reader can do. The findings
of `dalang check` are values, not errors: they live in `engine/authoring/findings/findings.py`.
"""

from typing import ClassVar


class DalangError(Exception):
    """Something in Dalang failed."""

    code: ClassVar[str] = "DLG000"
    hint: ClassVar[str] = "Please report this with the command that led here."

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").split("\n")[0])

    def __str__(self) -> str:
        return f"{self.code} {self.args[0]} {self.hint}".rstrip()


class Malformed(DalangError):
    """This record is not an event that the log takes."""

    code = "DLG100"
    hint = "It was put aside with its reason; mend its producer."
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
    """The event names no customer in `subject`."""

    code = "DLG103"
    reason = "no_subject"


class KeyIsNotSubject(Malformed):
    """The record's key is not the event's subject, or there is none, so it may stand in another customer's partition."""

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
    """The event's `data` lacks what its type needs."""

    code = "DLG108"
    reason = "bad_data"


class StateTooLarge(Malformed):
    """The event would make its customer's state larger than 1 MiB."""

    code = "DLG562"
    hint = "It was put aside; look for what fills the state: large events that instances keep, keys without end, a profile."
    reason = "state_too_large"


class EvaluationError(DalangError):
    """The condition gave no value for this customer."""

    code = "DLG201"
    hint = "Guard the field with has(), or give it in the event."


class BundleError(DalangError):
    """The journeys in this directory cannot be used."""

    code = "DLG300"
    hint = "Run `dalang check` for all findings."


class RuntimeFailure(DalangError):
    """The runtime cannot go on."""

    code = "DLG500"
    hint = "See the log of the worker and of the broker."
