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
        name="viber",
        address="viber_id",
        told="A Viber message.",
        example={"text": "Halo"},
        bodies=(
            Body(
                "Viber",
                "A Viber message.",
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
    "docs/tutorial.md": (("webhook, agent.", "webhook, agent, viber."),),
}

STEP: Final[Toy] = {
    "engine/authoring/language/steps.py": (
        (
            "# The steps.\n",
            '''class WebhookCall(Model):
    """A call to another system."""

    url: Address = Field(description="CEL; the address that is called.", examples=["'https://toko.example/hook'"])
    data: dict[Text, Given] = Field({}, description="Key -> value, as in `set`.", examples=[{"order": "entry.data.order_id"}])


# The steps.
''',
        ),
        (
            "class ExitStep(_Step):",
            '''class WebhookCallStep(_Step):
    """Calls another system, by an action on the channel `webhook`."""

    webhook_call: WebhookCall = Field(description="The call.", examples=[{"url": "'https://toko.example/hook'"}])


class ExitStep(_Step):''',
        ),
        (
            '    | Annotated[ExitStep, Tag("<exit>")],',
            '    | Annotated[WebhookCallStep, Tag("<webhook_call>")]\n    | Annotated[ExitStep, Tag("<exit>")],',
        ),
    ),
    "engine/core/model/definition.py": (
        (
            "Step = Send |",
            '''class WebhookCall(msgspec.Struct, frozen=True, tag="webhook_call"):
    """The step `webhook_call`: it calls another system at `url`."""

    id: str
    path: str
    next: str | None
    url: Expression
    data: Mapping[str, Given] = {}


Step = Send |''',
        ),
        ("| Handoff | Exit\n", "| Handoff | WebhookCall | Exit\n"),
    ),
    "engine/authoring/compiling/flat_steps.py": (
        (
            "            case steps.ExitStep():\n",
            """            case steps.WebhookCallStep(webhook_call=call):
                url = expressions.compiled(call.url, (*self.path, "webhook_call", "url"))
                return definition.WebhookCall(*self.place, url, self._given(call.data, "webhook_call", "data"))
            case steps.ExitStep():
""",
        ),
    ),
    "engine/core/steps/webhook_call.py": '''"""The step `webhook_call`: it calls another system, by an action on `actions.webhook`."""

from engine.core import send_policy
from engine.core.context import decision_context
from engine.core.model import channels, decisions, definition
from engine.core.steps import results

CHANNEL = "webhook"


def begin(step: definition.WebhookCall, context: decision_context.Context) -> results.Move:
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
        ("    wait_until,\n", "    wait_until,\n    webhook_call,\n"),
        (
            "    definition.Exit: exit.begin,\n",
            "    definition.WebhookCall: webhook_call.begin,\n    definition.Exit: exit.begin,\n",
        ),
    ),
    "engine/authoring/docs/behaviour.py": (
        (
            '    "ExitStep": Behaviour(',
            """    "WebhookCallStep": Behaviour(
        "It asks for nothing when [its condition is false](semantics.md#a-condition-that-fails-is-false).",
        ("parcel-call",),
    ),
    "ExitStep": Behaviour(""",
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
    webhook_call: {url: "'https://toko.example/hook'", data: {order: entry.data.order_id}}
""",
    "tests/unit/core/test_webhook_call.py": '''"""The step `webhook_call`."""

from collections.abc import Callable

import pytest

from tests.unit.core import story as stories

Tell = Callable[..., stories.Story]


@pytest.mark.parametrize(("url", "called"), [("'https://toko.example'", ["webhook"]), ("profile.nothing", [])])
def test_a_call_needs_an_address(tell: Tell, url: str, called: list[str]) -> None:
    """A call goes to its address; without one there is no call, and the journey goes on."""
    step = f'{{id: a, webhook_call: {{url: "{url}"}}}}'
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

    code = "DLG699"
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
            """  DLG699:
    at: cart.yaml:2:8
    in: cart.yaml
    right: "owner: growth@toko.example"
    wrong: "title: Buy!\\nowner: growth@toko.example"
  DLG698:
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
