"""One small example for each checklist of CONTRIBUTING.md, for `test_contributing.py`.

A toy is `{file: text}` for a new file, or `{file: ((old text, new text), …)}`, where each old text stands once in the file.
"""

from collections.abc import Mapping
from typing import Final

Toy = Mapping[str, str | tuple[tuple[str, str], ...]]

CHANNEL: Final[Toy] = {
    "engine/core/model/channels.py": (
        (
            '    ),\n)\n"""Every channel.',
            '''    ),
    Channel(
        name="toychannel",
        address="toy_id",
        told="A message of the toy channel.",
        example={"text": "Halo"},
        bodies=(
            Body(
                "ToyChannel",
                "A message of the toy channel.",
                (
                    Field(name="text", told="Liquid.", example="Halo {{ profile.name }}", one_line=True),
                    Field(name="button", told="Liquid; its label.", example="Beli", required=False),
                ),
            ),
        ),
        reports=("accepted", "delivered", "read", "failed"),
        billed="delivered",
        failures=_each(_STOP, "6"),
    ),
)
"""Every channel.''',
        ),
    ),
    "docs/tutorial.md": ((".\n    Did you mean whatsapp?", ", toychannel.\n    Did you mean whatsapp?"),),
}

STEP: Final[Toy] = {
    "engine/authoring/language/steps.py": (
        (
            "# The steps.\n",
            '''class ToyStep(Model):
    """A call to another system."""

    url: Address = Field(description="CEL; the address that is called.", examples=["'https://toko.example/hook'"])
    data: dict[Text, Given] = Field({}, description="Key -> value, as in `set`.", examples=[{"order": "entry.data.order_id"}])


# The steps.
''',
        ),
        (
            "class ExitStep(_Step):",
            '''class ToyStepStep(_Step):
    """Calls another system, by an action on the channel `webhook`."""

    toy_step: ToyStep = Field(description="The call.", examples=[{"url": "'https://toko.example/hook'"}])


class ExitStep(_Step):''',
        ),
        (
            '    | Annotated[ExitStep, Tag("<exit>")],',
            '    | Annotated[ToyStepStep, Tag("<toy_step>")]\n    | Annotated[ExitStep, Tag("<exit>")],',
        ),
    ),
    "engine/core/model/definition.py": (
        (
            "Step = Send |",
            '''class ToyStep(msgspec.Struct, frozen=True, tag="toy_step"):
    """The step `toy_step`: it calls another system at `url`."""

    id: str
    path: str
    next: str | None
    url: Expression
    data: Mapping[str, Given] = {}


Step = Send |''',
        ),
        (" | Exit\n", " | ToyStep | Exit\n"),
    ),
    "engine/authoring/compiling/flat_steps.py": (
        (
            "            case steps.ExitStep():\n",
            """            case steps.ToyStepStep(toy_step=call):
                url = expressions.compiled(call.url, (*self.path, "toy_step", "url"))
                return definition.ToyStep(*self.place, url, self._given(call.data, "toy_step", "data"))
            case steps.ExitStep():
""",
        ),
    ),
    "engine/core/steps/toy_step.py": '''"""The step `toy_step`: it calls another system, by an action on `actions.webhook`."""

from engine.core import send_policy
from engine.core.context import decision_context
from engine.core.model import channels, decisions, definition
from engine.core.steps import results

CHANNEL = "webhook"


def begin(step: definition.ToyStep, context: decision_context.Context) -> results.Move:
    """Request the call; nobody is called about a held-out customer, or without an address."""
    at = context.here
    message_id = decisions.hashed(at.id, step.id, at.visit)
    if at.held_out:
        return results.Goto((decisions.MessageSuppressed(message_id, "held_out"),), "held_out", step.next)
    url = send_policy.text(context.value(step.url))
    if not url:
        return results.Goto((decisions.MessageSuppressed(message_id, "unreachable"),), "suppressed", step.next)
    data, failed = context.given(step.data)
    request = decisions.MessageRequested(
        message_id=message_id,
        attempt=1,
        channel=CHANNEL,
        place=0,
        to={channels.of(CHANNEL).address: url},
        purpose=context.journey.purpose,
        template="",
        language=context.catalog.policy.language,
        content={"data": data},
        missing=failed,
    )
    return results.Goto((request, decisions.MessageResolved(message_id, "requested")), "requested", step.next)
''',
    "engine/core/steps/__init__.py": (
        ("    split,\n", "    split,\n    toy_step,\n"),
        (
            "    definition.Exit: exit.begin,\n",
            "    definition.ToyStep: toy_step.begin,\n    definition.Exit: exit.begin,\n",
        ),
    ),
    "engine/authoring/docs/behaviour.py": (
        (
            '    "ExitStep": Behaviour(',
            """    "ToyStepStep": Behaviour(
        "[Without an address there is no call](PAGE#a-toy-step-needs-an-address).",
        ("parcel-call",),
    ),
    "ExitStep": Behaviour(""".replace(
                "PAGE", "semantics.md"
            ),  # written out, it would be a citation of a rule that the tree lacks
        ),
    ),
    "journeys/parcel-call.yaml": """\
# Why: the warehouse wants to know that a parcel has left.
journey: parcel-call
owner: logistics@toko.example
purpose: transactional
status: live
enter: {event: order.shipped, key: event.data.order_id, reentry: never}
steps:
  - id: call
    toy_step: {url: "'https://toko.example/hook'", data: {order: entry.data.order_id}}
""",
    "docs/semantics.md": (
        (
            "## Traits and segments\n",
            """### A toy step needs an address

A toy step without an address makes no call, and the journey goes on.

```text
url: profile.nothing  -> no call, the next step follows
```

Tests: `unit/core/test_toy_step.py::test_a_call_needs_an_address`

## Traits and segments
""",
        ),
    ),
    "tests/unit/authoring/test_journeys.py": (('    "payday-offer",\n', '    "parcel-call",\n    "payday-offer",\n'),),
    "tests/unit/core/test_toy_step.py": '''"""The step `toy_step`."""

from collections.abc import Callable

import pytest

from tests.unit.core import story as stories

Tell = Callable[..., stories.Story]


@pytest.mark.parametrize(("url", "called"), [("'https://toko.example'", ["webhook"]), ("profile.nothing", [])])
def test_a_call_needs_an_address(tell: Tell, url: str, called: list[str]) -> None:
    """A toy step needs an address; without one there is no call, and the journey goes on."""
    step = f'{{id: a, toy_step: {{url: "{url}"}}}}'
    story = tell(f"enter: {{event: go, reentry: never}}\\nsteps: [{step}, {{id: b, exit: done}}]")
    assert any("journey.exited b done" in line for line in story.when("go", "10:00"))
    assert called == [each.channel for each in story.sent]
''',
}

FINDING: Final[Toy] = {
    "engine/authoring/findings/hazards.py": (
        (
            "class NoTemplateInLanguage(Kind):",
            '''class LoudTitle(Kind):
    """The title `{title}` ends with an exclamation mark."""

    code = "DLG999"
    severity = "warning"
    hint = "Colleagues read it every day: say what the journey does."


class NoTemplateInLanguage(Kind):''',
        ),
    ),
    "engine/authoring/lint/journeys.py": (
        (
            "    yield from _events(file)\n",
            """    if model.title.endswith("!"):
        yield hazards.LoudTitle.at(file.document.place(("title",)), title=model.title)
    yield from _events(file)
""",
        ),
    ),
    "engine/authoring/lint/examples.yaml": (
        (
            "  DLG698:\n",
            """  DLG999:
    at: cart.yaml:2:8
    in: cart.yaml
    right: "owner: growth@toko.example"
    wrong: "title: Buy!\\nowner: growth@toko.example"
  DLG698:
""",
        ),
    ),
    "tests/unit/authoring/test_lint.py": (
        (
            "        # Consent.\n",
            """        # Titles.
        ("owner: growth@toko.example", "title: Buy!\\nowner: growth@toko.example", ["2:8 DLG999"]),
        ("owner: growth@toko.example", "title: Buy\\nowner: growth@toko.example", []),
        # Consent.
""",
        ),
    ),
}

TRAIT: Final[Toy] = {
    "engine/core/model/definition.py": (
        ('"most_frequent", "rfm"]\nCOMPUTES', '"most_frequent", "rfm", "farthest"]\nCOMPUTES'),
        ('"max", "rfm"})', '"max", "rfm", "farthest"})'),
    ),
    "engine/core/traits/tallies.py": (
        (
            "JOINED: Final",
            '''def _farther(a: int | float, b: int | float) -> int | float:
    """Return the number that is farther from 0, or the first if both are as far."""
    return b if abs(b) > abs(a) else a


JOINED: Final''',
        ),
        ('    "max": value_rules.greatest,\n', '    "max": value_rules.greatest,\n    "farthest": _farther,\n'),
        ('    "max": _add_number,\n', '    "max": _add_number,\n    "farthest": _add_number,\n'),
    ),
    "engine/core/traits/evaluate.py": (
        (
            "            return value_rules.joined(value_rules.greatest, numbers)\n",
            """            return value_rules.joined(value_rules.greatest, numbers)
        case "farthest":
            return float(max(map(abs, numbers)))
""",
        ),
    ),
    "tests/property/test_traits.py": (
        (
            "            return max(values, key=lambda value: (value, type(value) is int))\n",
            """            return max(values, key=lambda value: (value, type(value) is int))
        case "farthest":
            return float(max(map(abs, values)))
""",
        ),
    ),
    "tests/unit/core/test_traits.py": (
        ('    ("max", [7, 9, 5], 9),\n', '    ("max", [7, 9, 5], 9),\n    ("farthest", [7, -9, 5], 9.0),\n'),
    ),
}

ALL: Final[Mapping[str, Toy]] = {
    "Add a channel": CHANNEL,
    "Add a step": STEP,
    "Add a finding": FINDING,
    "Add a trait compute": TRAIT,
}
"""`{title of a checklist: its toy}`."""
