from collections.abc import Iterator
from typing import Any

import pydantic
import pytest

from engine.authoring.findings import findings
from engine.authoring.language import durations, journey_file, policy_file, steps, template_file, times, traits_file
from engine.core.model import channels, definition


def models(model: type[pydantic.BaseModel]) -> Iterator[type[pydantic.BaseModel]]:
    yield model
    for other in model.__subclasses__():
        yield from models(other)


MODELS = [
    model
    for model in models(pydantic.BaseModel)
    if model.__module__ in [each.__name__ for each in (journey_file, steps, traits_file, policy_file, template_file)]
    and not model.__name__.startswith("_")
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_key_says_what_it_is(model: type[pydantic.BaseModel]) -> None:
    """A description and an example each: messages, editors and the reference come from them."""
    assert model.__doc__
    assert model.model_fields
    for name, field in model.model_fields.items():
        assert field.description, name
        assert field.examples, name


def test_the_schemas_are_of_the_four_kinds_of_file() -> None:
    """Unknown keys are errors: each JSON Schema (2020-12) of a file knows the keys as they are written, and allows no others."""
    schemas = journey_file.schemas()
    assert {f"{kind}.schema.json" for kind in ("journey", "policy", "traits", "template")} == set(schemas)
    journey: dict[str, Any] = schemas["journey.schema.json"]
    assert journey["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert {"journey", "owner", "purpose", "status", "enter", "steps"} == set(journey["required"])
    assert journey["additionalProperties"] is False
    assert {"for", "timeout"} == set(journey["$defs"]["WaitFor"]["required"])


def test_the_channels_are_those_of_the_core() -> None:
    """A template has a body for each channel that an action can go to, and no other."""
    assert set(channels.NAMES) == set(template_file.Template.model_fields)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0s", 0), ("45m", 2_700_000), ("3d", 259_200_000), ("2w", 1_209_600_000), ("007h", 25_200_000)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, expected: int) -> None:
    """Durations: a whole number and `s`, `m`, `h`, `d` or `w`; in milliseconds."""
    assert expected == durations.parse(text)


@pytest.mark.parametrize("text", ["", "m", "45", "45 m", "1.5h", "-1h", "1h30m", "1M", "1y", "٣d", "45m\n", 45, None, True])
def test_anything_else_is_no_duration(text: object) -> None:
    """Fractions, signs, other units, other digits, white space."""
    with pytest.raises(ValueError, match="whole number"):
        durations.parse(text)


def test_a_duration_stays_in_the_calendar() -> None:
    """Ten years at most."""
    assert durations.parse("3650d") == durations.LONGEST
    for text in ("3651d", "999999999s", "9" * 10 + "s", "99999999999d", "0" + "9" * 5_000 + "w"):
        with pytest.raises(durations.TooLong, match=r"^This is too long: a duration is at most ten years \(3650d\)$"):
            durations.parse(text)
    with pytest.raises(ValueError, match=r"ten years \(3650d\)$"):
        times.per("99999999999d")  # nothing else would be shorter


KINDS = [kind for kind in vars(findings).values() if isinstance(kind, type) and issubclass(kind, findings.Kind)]


def test_every_finding_has_a_sentence_a_hint_and_a_code_of_its_own() -> None:
    """So none can ship silent, and a code means one thing for ever."""
    kinds = [kind for kind in KINDS if kind is not findings.Kind]
    assert len(kinds) == len({kind.code for kind in kinds})
    for kind in kinds:
        assert (kind.__doc__ or "").split("\n")[0].endswith("."), kind
        assert kind.hint, kind
        assert kind.code.startswith("DLG6"), kind


@pytest.mark.parametrize(
    ("channel", "code", "kind"),
    [
        ("whatsapp", "131026", "next_channel"),
        ("whatsapp", "131049", "next_channel"),
        ("whatsapp", "131050", "withdraw_consent"),
        ("whatsapp", "131056", "retry"),
        ("whatsapp", "132001", "configuration"),
        ("sms", "21610", "withdraw_consent"),
        ("sms", "21614", "stop_channel"),
        ("push", "UNREGISTERED", "stop_channel"),
    ],
)
def test_the_usual_codes_are_known(channel: str, code: str, kind: str) -> None:
    """Opt-outs withdraw, a user's limit is never retried on the channel, no retry mends a template."""
    assert kind == channels.OF[channel].failures[code].kind


def test_a_line_of_the_policy_wins(shop: Any) -> None:
    """Over the usual class, and beside it; the numbers of a retry are kept."""
    written = '{whatsapp: {"131026": stop_channel, 999: {retry_after: 2m, at_most: 5}}}'
    shop.replace("policy.yaml", "  channels:", f"  failure_classes: {written}\n  channels:")
    policy = compiled(shop).policy.failure_classes["whatsapp"]
    assert definition.FailureClass("stop_channel") == policy["131026"]
    assert definition.FailureClass("retry", 120_000, 5) == policy["999"]
    assert policy["131050"].kind == "withdraw_consent"


def test_only_the_policys_channels_have_failure_classes(shop: Any) -> None:
    """A bundle does not change with what the engine learns of channels that it does not use."""
    assert list(compiled(shop).policy.failure_classes) == ["sms", "whatsapp"]


def compiled(shop: Any) -> definition.Bundle:
    from engine.authoring.compiling import compile as compiler

    bundle = compiler.compile_directory(shop.root).bundle
    assert bundle is not None
    return bundle
