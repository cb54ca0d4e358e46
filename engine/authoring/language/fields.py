"""The building blocks of the language's models: kinds of text, expressions, constants, and variants that the type selects.

Used by the models in the other files of this folder. Fields for times and shares are in `times.py`.
"""

import re
import typing
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import pydantic
from pydantic import Discriminator, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from engine.authoring.language import durations
from engine.core.model import channels, definition

NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$"
TEMPLATE_NAME: Final = r"^[a-z0-9-]{1,100}$"
WORD: Final = r"^[a-z][a-z0-9_]{0,99}$"
RULE: Final = r"^[a-z][a-z0-9_-]{0,99}$"

Wanted = Literal["condition", "key", "address", "number", "moment", "value"]
"""The type that the value of an expression must have; `value` allows every type that a state can store."""


class Marker:
    """Marks a text as a CEL expression, with the type that its value must have."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted


def marked(field: FieldInfo) -> Wanted | None:
    """Return the type that the value of the field's expression must have; None if the field is not an expression.

    For a mapping of expressions, return the type for each of them.
    """
    found = [*field.metadata]
    for variant in (field.annotation, *typing.get_args(field.annotation)):
        found += typing.get_args(variant)[1:] if typing.get_origin(variant) is Annotated else ()
    return next((each.wanted for each in found if isinstance(each, Marker)), None)


class Model(pydantic.BaseModel):
    """The base of all models: no unknown keys, and no conversion of values."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)


def refused(kind: str, why: str) -> PydanticCustomError:
    """Return the error of a validator; `why` is a sentence without its full stop."""
    return PydanticCustomError(kind, "{why}", {"why": why})


def parsed(parse: Callable[[object], Any], kind: str) -> pydantic.PlainValidator:
    """Return a validator made from a function that returns the value or raises ValueError with a sentence."""

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
    """Return the JSON Schema of a text that the model stores as another type.

    `told` goes to `$comment`, from which the reference takes the name of the type.
    """
    return pydantic.WithJsonSchema({"$comment": told, "type": "string", "pattern": pattern})


def _cel(told: str, *others: str) -> pydantic.WithJsonSchema:
    kinds = ["string", *others] if others else "string"
    return pydantic.WithJsonSchema({"$comment": told, "type": kinds, "minLength": 1, "maxLength": 10_000})


# Reserved words, which cannot be identifiers (CEL specification, section Syntax).
_RESERVED: Final = frozenset({"true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function"}) | {
    *("if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while")
}


def _unreserved(name: str) -> str:
    if name in _RESERVED:
        raise refused("name", f"`{name}` is a word of CEL's own")
    return name


def _written(value: object) -> object:
    # YAML reads the expressions `true` and `false` as booleans.
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
Report = definition.Status
# pydantic takes the names from the table; a type checker needs literals in the source, so it sees text.
if TYPE_CHECKING:
    ChannelName = str
else:
    ChannelName = Literal[channels.NAMES]

_MOST: Final = 2**63 - 1
"""The greatest whole number in CEL and in a stored state."""


def _given(value: object) -> object:
    """Check a constant or the text of an expression, and return it."""
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
"""A constant or an expression: numbers and booleans are constants, a text is CEL, and null removes the attribute."""


def either(**variants: type) -> Discriminator:
    """Return a discriminator that chooses a variant by the value's type in YAML: `mapping`, `list` or, for others, `other`."""
    kinds = {"mapping": dict, "list": list}

    def choose(value: object) -> str:
        found = (name for name in variants if isinstance(value, kinds[name]))
        return f"<{next(found, 'other')}>"

    return Discriminator(choose)
