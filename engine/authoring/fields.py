"""What the fields of the language are made of: kinds of text, durations, expressions, and variants told apart by
their type.

Called by the models of the language (`language.py`, `steps.py`, `workspace.py`, `traits.py`). Times and
shares stand in `hours.py`.
"""

import re
import typing
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

import pydantic
from pydantic import Discriminator, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from engine.authoring import durations
from engine.core import definition

NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$"
TEMPLATE_NAME: Final = r"^[a-z0-9-]{1,100}$"
WORD: Final = r"^[a-z][a-z0-9_]{0,99}$"
RULE: Final = r"^[a-z][a-z0-9_-]{0,99}$"

Wanted = Literal["condition", "key", "address", "number", "moment", "value"]
"""What an expression must give; `value`: anything that can be kept."""


class Marker:
    """Says that a text is a CEL expression, and what it must give."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted


def marked(field: FieldInfo) -> Wanted | None:
    """What the field's text must give, if it is an expression; or what the texts of its mapping must."""
    found = [*field.metadata]
    for variant in (field.annotation, *typing.get_args(field.annotation)):
        found += typing.get_args(variant)[1:] if typing.get_origin(variant) is Annotated else ()
    return next((each.wanted for each in found if isinstance(each, Marker)), None)


class Model(pydantic.BaseModel):
    """What all models share: no unknown keys, nothing converted."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)


def refused(kind: str, why: str) -> PydanticCustomError:
    """The error of a validator, with a sentence without its full stop."""
    return PydanticCustomError(kind, "{why}", {"why": why})


def parsed(parse: Callable[[object], Any], kind: str) -> pydantic.PlainValidator:
    """A validator of a function that gives the value or raises ValueError with a sentence."""

    def check(value: object) -> Any:
        try:
            return parse(value)
        except ValueError as exc:
            raise refused(kind, str(exc)) from None

    return pydantic.PlainValidator(check)


def _named(pattern: str, told: str) -> pydantic.AfterValidator:
    matches = re.compile(pattern, re.ASCII)

    def check(name: str) -> str:
        if not matches.fullmatch(name):
            raise refused("name", told)
        return name

    return pydantic.AfterValidator(check)


def written(told: str, pattern: str) -> pydantic.WithJsonSchema:
    """How the JSON Schema shows a text that is held as something else; the comment is its type in the reference."""
    return pydantic.WithJsonSchema({"$comment": told, "type": "string", "pattern": pattern})


def _cel(told: str, *others: str) -> pydantic.WithJsonSchema:
    kinds = ["string", *others] if others else "string"
    return pydantic.WithJsonSchema({"$comment": told, "type": kinds, "minLength": 1, "maxLength": 10_000})


# The CEL specification, section Syntax: words that are no identifiers.
_RESERVED: Final = frozenset({"true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function"}) | {
    *("if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while")
}


def _unreserved(name: str) -> str:
    if name in _RESERVED:
        raise refused("name", f"`{name}` is a word of CEL's own")
    return name


def _written(value: object) -> object:
    # YAML makes a boolean of the expressions `true` and `false`.
    return str(value).lower() if isinstance(value, bool) else value


def _number_written(value: object) -> object:
    # A number is an expression too, and needs no quotes.
    return repr(value) if type(value) in (int, float) else value


Duration = durations.Duration
Text = Annotated[str, Field(min_length=1)]
Name = Annotated[str, _named(NAME, "A name is made of letters, digits, - and _, at most 100 of them"), written("name", NAME)]
TemplateName = Annotated[
    str, _named(TEMPLATE_NAME, "The name of a template is made of a-z, 0-9 and -"), written("name", TEMPLATE_NAME)
]
Word = Annotated[
    str,
    _named(WORD, "A name that expressions use is made of a-z, 0-9 and _, a letter first, at most 100 of them"),
    pydantic.AfterValidator(_unreserved),
    written("name", WORD),
]
RuleName = Annotated[str, _named(RULE, "The name of a rule is made of a-z, 0-9, - and _, a letter first"), written("name", RULE)]
_Expression = Annotated[str, Field(min_length=1, max_length=10_000)]
Condition = Annotated[_Expression, pydantic.BeforeValidator(_written), Marker("condition"), _cel("condition (CEL)", "boolean")]
Key = Annotated[_Expression, Marker("key"), _cel("text or number (CEL)")]
Address = Annotated[_Expression, Marker("address"), _cel("text (CEL)")]
Moment = Annotated[_Expression, Marker("moment"), _cel("time (CEL)")]
Value = Annotated[_Expression, Marker("value"), _cel("value (CEL)")]
Number = Annotated[
    _Expression,
    pydantic.BeforeValidator(_number_written),
    Marker("number"),
    _cel("number (CEL)", "number"),
]
Success = Literal["accepted", "sent", "delivered", "read", "clicked", "replied"]
Report = Literal["accepted", "sent", "delivered", "read", "clicked", "replied", "failed"]
ChannelName = definition.ChannelName

_MOST: Final = 2**63 - 1
"""The greatest whole number of CEL and of a saved state."""


def _given(value: object) -> object:
    """A constant, or the text of an expression."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if not 0 < len(value) <= 10_000:
            raise ValueError("An expression has 1 to 10000 characters; for empty text write \"''\"")
        return value
    if isinstance(value, int):
        if not -_MOST - 1 <= value <= _MOST:
            raise ValueError("A whole number has at most 64 bits")
        return value
    if isinstance(value, float) and value - value == 0:
        return value
    raise ValueError("A value is a number, true, false, null or CEL")


Given = Annotated[
    bool | int | float | str | None,
    parsed(_given, "given"),
    Marker("value"),
    pydantic.WithJsonSchema({"$comment": "constant or value (CEL)", "type": ["boolean", "number", "string", "null"]}),
]
"""Numbers and booleans are themselves, text is CEL, null removes."""


def either(**variants: type) -> Discriminator:
    """Which variant a value is, by its type in YAML: `mapping`, `list` or, for anything else, `other`."""
    kinds = {"mapping": dict, "list": list}

    def choose(value: object) -> str:
        found = (name for name in variants if isinstance(value, kinds[name]))
        return f"<{next(found, 'other')}>"

    return Discriminator(choose)
