"""The models of traits.yaml: traits and segments.

A trait is a value that is computed from a customer's events. A segment is a named condition on the profile and the traits.
Only these models define what the file may contain.
"""

from typing import Annotated, Final

import pydantic
from pydantic import Field, Tag

from engine.authoring.language.fields import Condition, Model, Text, Value, Word, either, refused
from engine.authoring.language.times import Window
from engine.core.model import definition

Bands = Annotated[list[Annotated[float, Field(strict=False, allow_inf_nan=False)]], Field(min_length=4, max_length=4)]
BANDS: Final = ("recency", "frequency", "monetary")


class Trait(Model):
    """A value that is computed from the events of one customer."""

    of: Annotated[
        Annotated[Text, Tag("<other>")] | Annotated[list[Text], Field(min_length=1), Tag("<list>")],
        either(list=list),
    ] = Field(description="The event type that it is computed from, or a list of them.", examples=["order.placed"])
    when: Condition | None = Field(
        None,
        description="CEL over event and profile; only events for which this is true count.",
        examples=['event.data.path == "/pricing"'],
    )
    compute: definition.Compute = Field(description=f"{' | '.join(definition.COMPUTES)}.", examples=["count"])
    value: Value | None = Field(
        None,
        description="CEL over event and profile; the value to compute with. Every computation but count needs it.",
        examples=["event.data.total"],
    )
    within: Window | None = Field(
        None,
        description="The time to look back over. d and w: the customer's own calendar days, today included. h, m and s: exactly "
        "this long. Default: all events.",
        examples=["90d", "1h"],
    )
    recency: Bands | None = Field(
        None, description="rfm: four numbers of days, rising; fewer days score better.", examples=[[7, 30, 90, 180]]
    )
    frequency: Bands | None = Field(
        None, description="rfm: four numbers of events, rising; more score better.", examples=[[1, 2, 4, 8]]
    )
    monetary: Bands | None = Field(
        None,
        description="rfm: four sums of the value, rising; more score better.",
        examples=[[100_000, 250_000, 1_000_000, 5_000_000]],
    )

    @pydantic.model_validator(mode="after")
    def _fits(self) -> "Trait":
        if self.compute == "count" and self.value is not None:
            raise refused("fits", "`count` counts events and takes no `value`")
        needed = {"value": self.compute != "count", "within": self.compute == "rfm"}
        needed |= dict.fromkeys(BANDS, self.compute == "rfm")
        missing = [key for key, needs in needed.items() if needs and getattr(self, key) is None]
        if missing:
            raise refused("fits", f"`{self.compute}` needs {', '.join(f'`{key}`' for key in missing)}")
        spare = [key for key in BANDS if not needed[key] and getattr(self, key) is not None]
        if spare:
            raise refused("fits", f"{', '.join(f'`{key}`' for key in spare)}: these are for `rfm` only")
        return self


class TraitsFile(Model):
    """The file traits.yaml: the traits and the segments of the directory."""

    traits: dict[Word, Trait] = Field(
        {},
        description="Name -> how it is computed; expressions use it as traits.<name>.",
        examples=[{"orders_90d": {"of": "order.placed", "compute": "count", "within": "90d"}}],
    )
    segments: dict[Word, Condition] = Field(
        {},
        description="Name -> CEL over profile, traits and now; expressions use it as segments.<name>.",
        examples=[{"loyal": "traits.rfm.frequency >= 4 && traits.rfm.monetary >= 4"}],
    )
