"""Stories: given, when, then for one customer, over journeys written as users write them.

Every input also checks the laws: folding the facts, each decision through its wire form, gives the very state of the
transition, an input without effect gives the same object and no facts, and nothing depends on whether somebody listens.
"""

import datetime
import pathlib
import textwrap
from typing import Any

import msgspec

from engine.authoring.compiling import catalogs
from engine.core.context import catalog, pauses, trace
from engine.core.decide import decider
from engine.core.model import actions, decisions, inputs, state

POLICY = """
policy:
  consent: {marketing: opt_in, transactional: implied, support: implied, authentication: implied}
  channels:
    whatsapp: {address: profile.phone, cost: 586, reports: [accepted, sent, delivered, read, clicked, replied, failed]}
    sms: {address: profile.phone, cost: 250, reports: [accepted, delivered, failed]}
    email: {address: profile.email, cost: 10, reports: [accepted, failed]}
  failure_classes:
    whatsapp: {"busy": {retry_after: 1m, at_most: 2}, "never": stop_channel, "setup": configuration}
"""
TEMPLATE = """
whatsapp: {template: hello, language: id, parameters: ["{{ profile.name }}"]}
sms: {text: "Hai {{ profile.name }}"}
email: {subject: "Halo", text: "Isi"}
"""
HEAD = """
journey: {name}
owner: tests@toko.example
purpose: {purpose}
status: live
"""
DAY = datetime.date(2026, 11, 22)


def written(name: str, rest: str, purpose: str = "transactional") -> str:
    """A journey file: the head, and `rest` with enter, exit and steps."""
    body = textwrap.dedent(rest)
    head = HEAD.format(name=name, purpose=purpose)
    return (head.replace("status: live\n", "") if "status:" in body else head) + body


def compiled(directory: pathlib.Path, *journeys: str, policy: str = POLICY, traits: str = "") -> catalog.Catalog:
    """The catalog of some journeys, with the policy, traits and a template `hello` in Indonesian and English."""
    (directory / "templates").mkdir(parents=True, exist_ok=True)
    if traits:
        (directory / "traits.yaml").write_text(textwrap.dedent(traits))
    (directory / "policy.yaml").write_text(textwrap.dedent(policy))
    for language in ("id", "en"):
        (directory / "templates" / f"hello.{language}.yaml").write_text(TEMPLATE)
    for index, text in enumerate(journeys):
        (directory / f"journey-{index}.yaml").write_text(text)
    return catalogs.load(directory)


def at(clock: str) -> datetime.datetime:
    """`10:45`, `10:45:30`, `10:45:30.250`, or `+1 10:45` for a day later; UTC."""
    days, _, clock = clock.rpartition(" ")
    day = DAY + datetime.timedelta(days=int(days or 0))
    return datetime.datetime.combine(day, datetime.time.fromisoformat(clock), datetime.UTC)


class Story:
    """One customer, Ayu, who is known, has a phone and said yes to marketing, unless `known` is false."""

    def __init__(self, catalog: catalog.Catalog, *, known: bool = True, punctual: bool = True) -> None:
        self.catalog, self.punctual = catalog, punctual
        self.held: frozenset[str] = frozenset()
        self.customer: state.Customer | None = None
        self.told: list[decisions.Decision] = []
        self.sent: list[actions.Action] = []
        self.trace = trace.Trace()
        self.count = self.weighs = 0
        if known:
            self.when("customer.identified", "00:00", traits={"name": "Ayu", "phone": "+6281234567890"})
            self.when("consent.granted", "00:00", purpose="marketing")

    def when(self, type_: str, clock: str, *, id: str = "", recorded: str = "", **data: Any) -> list[str]:
        """An event happens; what was decided, as short lines."""
        self.count += 1
        happened = at(clock)
        event = inputs.Event(
            id or f"e{self.count}", type_, happened, at(recorded) if recorded else happened, "ayu", "tests", data
        )
        return self.take(event)

    def command(self, command: str, clock: str, *, everybody: bool = False, **data: Any) -> list[str]:
        """An operator's command, for her or for everybody."""
        self.count += 1
        happened, subject = at(clock), "" if everybody else "ayu"
        return self.take(
            inputs.Event(f"c{self.count}", "journey.command", happened, happened, subject, "tests", {"command": command, **data})
        )

    def activate(self, catalog: catalog.Catalog, clock: str) -> list[str]:
        """A bundle goes live; versions of the one before stay known."""
        self.count += 1
        self.catalog = catalogs.of(catalog.bundle, [self.catalog.bundle])
        return self.take(inputs.Event(f"b{self.count}", "bundle.activated", at(clock), at(clock), "", "tests", {}))

    def pass_time(self, clock: str) -> list[str]:
        """Time passes until then, and every timer up to and including then fires."""
        return self.take(inputs.tick(at(clock)))

    def take(self, event: inputs.Event) -> list[str]:
        """One input, and the laws."""
        before = self.customer
        if event.type == inputs.JOURNEY_COMMAND and not event.subject:
            self.held = pauses.held_after(self.held, event)
        failed = self.trace.errors.copy()
        done = decider.transition(
            self.catalog,
            before,
            event,
            customer_id="ayu",
            punctual=self.punctual,
            trace=self.trace,
            held=self.held,
            weighs=self.weighs,
        )
        unheard = trace.Trace(detailed=False)  # with nobody listening it takes shorter ways, to the same end
        again = decider.transition(
            self.catalog, before, event, customer_id="ayu", punctual=self.punctual, trace=unheard, held=self.held
        )
        assert (done.state, done.facts) == (again.state, again.facts)
        if done.facts:
            exact = 0 if done.state is None else len(msgspec.msgpack.encode(done.state))
            assert done.weighs >= again.weighs == exact
            self.weighs = done.weighs if self.count % 3 else exact  # as near as it may be, and with all that has come together
        assert self.trace.errors - failed == unheard.errors
        folded = before
        for fact in done.facts:
            if isinstance(fact, decisions.Decision):
                fact = decisions.decode(decisions.encode(fact))
            folded = decider.evolve(folded, fact, self.catalog)
        assert folded == done.state
        if not done.facts:
            assert done.state is before
        self.customer = done.state
        self.told += done.decisions
        self.sent += [action for decision in done.decisions for action in decider.react(decision)]
        return lines(done.decisions)

    @property
    def state(self) -> state.Customer:
        assert self.customer is not None
        return self.customer

    @property
    def actions(self) -> list[str]:
        """Every action so far: `10:45 whatsapp hello`."""
        return [f"{clock(each.requested_at)} {each.channel} {each.template}" for each in self.sent]

    def message(self, index: int = -1) -> str:
        """The id of a message that was requested, the last unless another is named."""
        ids = list(dict.fromkeys(each.message_id for each in self.sent))
        return ids[index]


def lines(decided: tuple[decisions.Decision, ...]) -> list[str]:
    """Decisions as `10:45 step.completed nudge reached`."""
    return [" ".join(f"{clock(each.at)} {each.type} {each.step} {_word(each.data)}".split()) for each in decided]


def clock(moment: datetime.datetime) -> str:
    days = (moment.date() - DAY).days
    fraction = f".{moment.microsecond // 1000:03d}" if moment.microsecond else ""
    text = moment.strftime("%H:%M" if not moment.second and not fraction else "%H:%M:%S") + fraction
    return f"+{days} {text}" if days else text


def _word(data: decisions.Payload) -> str:
    match data:
        case decisions.MessageRequested(channel=channel, attempt=attempt):
            return f"{channel} {attempt}"
        case decisions.MessageReported(status=status, attempt=attempt, late=late):
            return f"{status} {attempt}" + (" late" if late else "")
        case decisions.TimerScheduled(kind=kind, due=due):
            return f"{kind} {clock(due)}"
        case decisions.BranchTaken(arm=arm):
            return str(arm)
        case decisions.ConsentUpdated(purpose=purpose, channel=channel, granted=granted):
            return f"{purpose} {channel} {granted}"
        case decisions.EventKept(wait=wait, index=index):
            return f"{wait} {index}"
        case _:
            return _choice(data) or str(getattr(data, "reason", "") or getattr(data, "outcome", "") or getattr(data, "error", ""))


def _choice(data: decisions.Payload) -> str:
    match data:
        case decisions.SplitAssigned(arm=word) | decisions.SegmentEntered(segment=word) | decisions.SegmentLeft(segment=word):
            return word
        case decisions.OfferChosen(offer=offer):
            return offer or "none"
        case decisions.EventEmitted(event=event):
            return event.type
        case decisions.GoalReached(event=word, value=value):
            return word if value is None else f"{word} {value:g}"
        case decisions.ProfileUpdated(set=written, removed=removed):
            return " ".join([*(f"{name}={value}" for name, value in written.items()), *(f"-{name}" for name in removed)])
        case decisions.MessageDeferred(until=until, reason=reason):
            return f"{reason} {'until resumed' if until is None else clock(until)}"
    return ""
