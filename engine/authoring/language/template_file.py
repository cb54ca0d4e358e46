"""The model of a template file, made from the table of channels in `engine/core/model/channels.py`.

Each channel of the table is a key of the file. The body below a key may have several forms, such as an approved template or
free text on WhatsApp, and each form is one model. This file, `journey_file.py`, `steps.py`, `policy_file.py` and
`traits_file.py` together define the whole language.
"""

from typing import Annotated, Any, Final

import pydantic
from pydantic import Discriminator, Field, Tag

from engine.authoring.language.fields import Model, Text
from engine.core.model import channels

_KINDS: Final[dict[str, Any]] = {"text": Text, "texts": list[Text], "values": dict[str, Any]}


def _field(field: channels.Field) -> tuple[Any, Any]:
    """Return the type and the description of one key of a body, in the form that `pydantic.create_model` needs."""
    kind = _KINDS[field.kind]
    if field.required:
        return kind, Field(description=field.told, examples=[field.example])
    if field.kind == "texts":
        return kind, Field([], description=field.told, examples=[field.example])
    return kind | None, Field(None, description=field.told, examples=[field.example])


def _body(body: channels.Body) -> type[Model]:
    fields: dict[str, Any] = {field.name: _field(field) for field in body.fields}
    return pydantic.create_model(body.name, __base__=Model, __module__=__name__, __doc__=body.told, **fields)


BODIES: Final = {body.name: _body(body) for channel in channels.TABLE for body in channel.bodies}
"""The model of each form of a body, as `{name of the form: model}`."""

FORMS: Final = frozenset(body.fields[0].name for channel in channels.TABLE for body in channel.bodies)
"""The first key of each form of a body, such as `text`; by this key, the forms of a channel are told apart."""


def _chosen(bodies: tuple[channels.Body, ...]) -> Discriminator:
    """Return a pydantic discriminator that chooses the form of a body by the keys in the file.

    Each form has a different first key. If exactly one of these first keys is present, its form is chosen. Otherwise the last
    form is chosen.
    """
    firsts = [body.fields[0].name for body in bodies]

    def choose(value: object) -> str:
        found = [first for first in firsts if isinstance(value, dict) and first in value]
        return f"<{found[0] if len(found) == 1 else firsts[-1]}>"

    return Discriminator(choose)


def _channel(channel: channels.Channel) -> tuple[Any, Any]:
    """Return the type and the description of a channel's key in a template file, as `pydantic.create_model` needs them.

    The key is optional: a template without the key has no body for this channel.
    """
    forms: Any = BODIES[channel.bodies[0].name]
    if len(channel.bodies) > 1:
        tagged = [Annotated[BODIES[body.name], Tag(f"<{body.fields[0].name}>")] for body in channel.bodies]
        forms = tagged[0]
        for each in tagged[1:]:
            forms = forms | each
        forms = Annotated[forms, _chosen(channel.bodies)]
    return forms | None, Field(None, description=channel.told, examples=[dict(channel.example)])


_CHANNELS: Final[dict[str, Any]] = {channel.name: _channel(channel) for channel in channels.TABLE}

Template: Final[type[Model]] = pydantic.create_model(
    "Template",
    __base__=Model,
    __module__=__name__,
    __doc__="The file templates/<name>.<language>.yaml: one body for each channel.",
    **_CHANNELS,
)
