"""What the fields of the language are made of: kinds of text, durations, expressions, and variants told apart by
their type.

Called by `language.py` and `workspace.py`, whose models are the language itself.
"""

import re
import typing
from typing import Annotated, Final, Literal

import pydantic
from pydantic import Discriminator, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from engine.authoring import durations

NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$"
TEMPLATE_NAME: Final = r"^[a-z0-9-]{1,100}$"


class Marker:
    """Says that a text is a CEL expression, and what it must give."""

    def __init__(self, wanted: Literal["condition", "key", "address"]) -> None:
        self.wanted = wanted


def marked(field: FieldInfo) -> Literal["condition", "key", "address"] | None:
    """What the field's text must give, if it is an expression."""
    found = [*field.metadata]
    for variant in (field.annotation, *typing.get_args(field.annotation)):
        found += typing.get_args(variant)[1:] if typing.get_origin(variant) is Annotated else ()
    return next((each.wanted for each in found if isinstance(each, Marker)), None)


class Model(pydantic.BaseModel):
    """What all models share: no unknown keys, nothing converted."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)


def _named(pattern: str, told: str) -> pydantic.AfterValidator:
    matches = re.compile(pattern, re.ASCII)

    def check(name: str) -> str:
        if not matches.fullmatch(name):
            raise PydanticCustomError("name", "{why}", {"why": told})
        return name

    return pydantic.AfterValidator(check)


def _written(value: object) -> object:
    # YAML makes a boolean of the expressions `true` and `false`.
    return str(value).lower() if isinstance(value, bool) else value


Duration = durations.Duration
Text = Annotated[str, Field(min_length=1)]
Name = Annotated[
    str,
    _named(NAME, "A name is made of letters, digits, - and _, at most 100 of them"),
    pydantic.WithJsonSchema({"type": "string", "pattern": NAME}),
]
TemplateName = Annotated[
    str,
    _named(TEMPLATE_NAME, "The name of a template is made of a-z, 0-9 and -"),
    pydantic.WithJsonSchema({"type": "string", "pattern": TEMPLATE_NAME}),
]
_Expression = Annotated[str, Field(min_length=1, max_length=10_000)]
Condition = Annotated[_Expression, pydantic.BeforeValidator(_written), Marker("condition")]
Key = Annotated[_Expression, Marker("key")]
Address = Annotated[_Expression, Marker("address")]
Success = Literal["accepted", "sent", "delivered", "read", "clicked", "replied"]
Report = Literal["accepted", "sent", "delivered", "read", "clicked", "replied", "failed"]
ChannelName = Literal["sms", "whatsapp", "email", "push", "line", "telegram", "webhook", "agent"]


def either(**variants: type) -> Discriminator:
    """Which variant a value is, by its type in YAML: `mapping`, `list` or, for anything else, `other`."""
    kinds = {"mapping": dict, "list": list}

    def choose(value: object) -> str:
        found = (name for name in variants if isinstance(value, kinds[name]))
        return f"<{next(found, 'other')}>"

    return Discriminator(choose)
