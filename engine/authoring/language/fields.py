"""Field types and helpers for the models of YAML files: names, expressions, constants, and fields of several types.

Used by the other files of this folder. Field types for times and percentages are in `times.py`.
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
"""The kind of result that an expression must have; `value` allows every result that a state can store."""


class Marker:
    """A mark in the type of a text field: the text is a CEL expression, and its result must be of the kind `wanted`."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted


def marked(field: FieldInfo) -> Wanted | None:
    """Return the kind of result that a field's expression must have; None if the field has no expression.

    If the field holds several expressions by name, the kind is the same for each of them.
    """
    found = [*field.metadata]
    for variant in (field.annotation, *typing.get_args(field.annotation)):
        found += typing.get_args(variant)[1:] if typing.get_origin(variant) is Annotated else ()
    return next((each.wanted for each in found if isinstance(each, Marker)), None)


class Model(pydantic.BaseModel):
    """The base class of all models of YAML files: an unknown key is an error, and no value is converted to another type."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)


def refused(kind: str, why: str) -> PydanticCustomError:
    """Return the error that a validator raises for a wrong value.

    `kind` is pydantic's type of the error. `why` is the sentence for the author, without its full stop.
    """
    return PydanticCustomError(kind, "{why}", {"why": why})


def parsed(parse: Callable[[object], Any], kind: str) -> pydantic.PlainValidator:
    """Return a pydantic validator that reads a value with the function `parse`.

    `parse` returns the value to store, or raises ValueError with a sentence for the author. `kind` is pydantic's type of the
    error.
    """

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
    """Return the JSON Schema of a field that is written as text but stored as another type.

    `pattern` is the regular expression of the text. `told` becomes the `$comment`, which the reference shows as the field's
    type.
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
    # YAML reads the expressions `true` and `false` as booleans, but CEL needs them as text.
    return str(value).lower() if isinstance(value, bool) else value


def _number_written(value: object) -> object:
    # An author may write a number without quotes; as text, the number is a CEL expression.
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
# pydantic takes the names from the table of channels. A type checker accepts only literals that the source spells out, so for a
# type checker a channel's name is any text.
if TYPE_CHECKING:
    ChannelName = str
else:
    ChannelName = Literal[channels.NAMES]

_MOST: Final = 2**63 - 1
"""The greatest whole number that CEL and a saved state can represent."""


def _given(value: object) -> object:
    """Return the value unchanged if it is a constant, null or the text of an expression; raise ValueError otherwise."""
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
"""The type of a value that `set` or `emit` writes: a number or boolean is a constant, and a text is a CEL expression.

Null removes the attribute, or leaves the field out.
"""


def either(**variants: type) -> Discriminator:
    """Return a pydantic discriminator that chooses the variant of a field by the type of the value in YAML.

    For example, with `either(list=list)`, a YAML list gets the tag `<list>`, and every other value gets the tag `<other>`. The
    possible keys of `variants` are `list` and `mapping`.
    """
    kinds = {"mapping": dict, "list": list}

    def choose(value: object) -> str:
        found = (name for name in variants if isinstance(value, kinds[name]))
        return f"<{next(found, 'other')}>"

    return Discriminator(choose)
