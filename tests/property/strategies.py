"""Random journeys and random lives: what Hypothesis throws at the laws."""

import functools
import json
import pathlib
import re
import tempfile
from typing import Any

from hypothesis import strategies as st

from engine.core.context import catalog
from engine.core.model import inputs
from tests.unit.core import story

KINDS = ("go", "order", "touch", "click")
KEYS = ("a", "b")
durations = st.sampled_from(["0s", "1s", "30s", "1m", "10m", "1h"])
conditions = st.sampled_from([None, "event.data.n > 1", "event.data.k == entry.data.k", "event.data.nothing", "profile.vip"])


untils = st.sampled_from(
    [
        {"time": "00:10"},
        {"time": "09:00", "days": ["mon", "fri"]},
        {"payday": True, "time": "09:00"},
        {"date": "event.time", "offset": "1h"},
        {"date": "event.time", "offset": "-1h", "if_past": "continue"},
        {"date": "event.data.nothing", "if_missing": "continue"},
    ]
)
given_values = st.sampled_from(
    [1, True, None, "'Asia/Jayapura'", "'America/New_York'", "event.data.n > 1", "now", "event.data.nothing"]
)
POLICY = (
    story.POLICY
    + """
  quiet_hours: {marketing: "00:30-00:40", night: {quiet: "23:00-06:00", days_off: [sun]}}
  caps:
    - {purpose: marketing, at_most: 2, per: day}
    - {at_most: 3, per: 1h, then: defer}
    - {channel: sms, at_most: 1, per: 10m}
  timezone: UTC
"""
)
TRAITS = """
traits:
  goes: {of: go, compute: count, within: 1h}
  n_days: {of: [go, touch], compute: sum, value: event.data.n, within: 2d}
  last_go: {of: go, compute: last, value: event.time}
  touches: {of: touch, compute: count, within: 1d}  # no segment reads it
segments:
  busy: traits.goes >= 2
  quiet: days_since(traits.last_go) > 0.01
  richer: traits.n_days > 3
"""


def _trigger(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from([*KINDS, "message.delivered", "message.received"]))
    when = draw(conditions)
    return {"event": kind, "when": when} if when else {"event": kind}


@st.composite
def steps(draw: st.DrawFn, depth: int, names: list[int]) -> list[dict[str, Any]]:
    """A list of steps; nested lists get shorter with depth."""
    written: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(0 if depth else 1, 3 if depth == 0 else 2))):
        names[0] += 1
        step: dict[str, Any] = {"id": f"s{names[0]}"}
        kinds = ["send", "send", "wait", "wait", "until", "set", "emit", "handoff", "exit"]
        kinds += [] if depth == 2 else ["for", "for", "branch", "split", "choose"]
        kind = draw(st.sampled_from(kinds))
        match kind:
            case "send":
                step["send"] = _send(draw)
            case "until" | "set" | "emit" | "handoff":
                step |= _simple(draw, kind)
            case "wait":
                step["wait"] = draw(durations)
                if draw(st.booleans()):
                    step["restart_on"] = _trigger(draw)
            case "for":
                items = [{**_trigger(draw), "then": draw(steps(depth + 1, names))} for _ in range(draw(st.integers(1, 2)))]
                since = draw(st.sampled_from(["step", "previous_send", "entry"]))
                timeout = draw(durations)
                step["wait"] = {"for": items, "timeout": timeout, "since": since, "on_timeout": draw(steps(depth + 1, names))}
            case "branch":
                arm = {"if": draw(conditions.filter(bool)), "then": draw(steps(depth + 1, names))}
                step["branch"] = [arm, {"else": draw(steps(depth + 1, names))}]
            case "split":
                arms: list[dict[str, Any]] = [
                    {"id": arm, "weight": draw(st.integers(0, 3)), "then": draw(steps(depth + 1, names))} for arm in "ab"
                ]
                arms[0]["weight"] += 1
                step["split"] = {"by": draw(st.sampled_from(["customer", "instance"])), "arms": arms}
            case "choose":
                offer = {
                    "id": "x",
                    "if": draw(conditions.filter(bool)),
                    "score": draw(st.sampled_from(["1", "event.data.n * 1.5"])),
                }
                step["choose"] = {"candidates": [{**offer, "then": draw(steps(depth + 1, names))}]}
            case _:
                # An exit ends its list, or what follows could not be reached.
                return [*written, {**step, "exit": "enough"}]
        written.append(step)
    return written


def _simple(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    match kind:
        case "until":
            return {"wait": {"until": draw(untils)}}
        case "set":
            return {"set": {draw(st.sampled_from(["vip", "level", "timezone"])): draw(given_values)}}
        case "emit":
            return {"emit": {"event": draw(st.sampled_from(["go", "touch", "click"])), "data": {"n": 2, "k": "'a'"}}}
        case _:
            waits = {"reply_within": draw(durations)} if draw(st.booleans()) else {}
            return {"handoff": {"queue": "care", "summary": "{{ profile.name }}", **waits}}


def _send(draw: st.DrawFn) -> dict[str, Any]:
    channels = draw(st.permutations(["whatsapp", "sms", "email"]))[: draw(st.integers(1, 3))]
    places: list[dict[str, Any]] = [{"channel": c, "success": "accepted", "fallback_after": draw(durations)} for c in channels]
    if draw(st.booleans()):
        places[-1] = {"channel": channels[-1]}
    send = {"template": "hello", "channels": places}
    return {**send, "expires_after": draw(durations)} if draw(st.booleans()) else send


ways_in: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"event": "go"},
        {"event": "go"},
        {"event": ["go", "touch"]},
        {"segment": "busy"},
        {"segment": "quiet"},
        {"schedule": {"time": "00:20", "day": "daily"}},
        {"schedule": {"time": "09:00", "day": "payday", "audience": "traits.goes > 0"}},
    ]
)


@st.composite
def journeys(draw: st.DrawFn) -> str:
    """A journey file. JSON is YAML."""
    reentry = draw(st.sampled_from(["never", "after_exit", {"after": "10m"}, {"parallel": 2}]))
    enter: dict[str, Any] = {"reentry": reentry, **draw(ways_in)}
    if "event" in enter and draw(st.booleans()):
        enter["key"] = "event.data.k"
    if not isinstance(reentry, dict) or "parallel" not in reentry:
        enter["while_active"] = draw(st.sampled_from(["ignore", "restart", "update"]))
    exits = [{**_trigger(draw), "reason": "left"} for _ in range(draw(st.integers(0, 1)))]
    head: dict[str, Any] = {"owner": "t", "purpose": draw(st.sampled_from(["marketing", "transactional"])), "status": "live"}
    head |= draw(st.sampled_from([{}, {}, {"holdout": "50%"}, {"hours": "night"}, {"priority": 3}]))
    if draw(st.booleans()):
        head["goal"] = {"event": draw(st.sampled_from(KINDS)), "within": draw(durations), "value": "event.data.n"}
    name = f"j{draw(st.integers(0, 99))}"
    return json.dumps({"journey": name, **head, "enter": enter, "exit": exits, "steps": draw(steps(0, [0]))})


@functools.lru_cache(maxsize=512)
def compiled(*texts: str) -> catalog.Catalog | None:
    """The catalog; None where the linter refuses the journey: a step after both arms left, a receipt of no message."""
    with tempfile.TemporaryDirectory() as directory:
        try:
            return story.compiled(pathlib.Path(directory), *texts, policy=POLICY, traits=TRAITS)
        except Exception as exc:
            assert re.search("DLG63[12]|DLG68", str(exc)), str(exc)
            return None


catalogs = st.lists(journeys(), min_size=1, max_size=2).map(lambda texts: compiled(*texts)).filter(bool)


class Life:
    """One input to come: a kind, how long after the one before, and what it carries; receipts name a message by its place."""

    def __init__(self, kind: str, gap: int, n: int, k: str, back: int) -> None:
        self.kind, self.gap, self.n, self.k, self.back = kind, gap, n, k, back

    def __repr__(self) -> str:
        return f"{self.kind}+{self.gap}s n={self.n} k={self.k} back={self.back}"


_life = st.builds(
    Life,
    st.sampled_from(
        [*KINDS, "go", *inputs.RECEIPTS, "message.received", "consent.granted", "consent.withdrawn", "command", "tick"]
    ),
    st.sampled_from([0, 0, 1, 29, 30, 60, 600, 3600, -30]),
    st.integers(0, 3),
    st.sampled_from(KEYS),
    st.integers(0, 2),
)
lives = st.lists(_life, min_size=4, max_size=25).map(lambda lived: [Life("go", 1, 2, "a", 0), *lived])
"""A life starts with an entry, or most would be empty."""


def events(lived: list[Life], customer: str = "ayu") -> list[tuple[Life, inputs.Event]]:
    """The inputs with their times; the message of a receipt is filled in when it is taken."""
    at, made = story.at("00:00"), []
    for number, life in enumerate(lived):
        at = max(at, story.at("00:00")) + life.gap * (story.at("00:00:01") - story.at("00:00"))
        data = {
            "n": life.n,
            "k": life.k,
            "purpose": "marketing",
            "channel": "whatsapp",
            "code": ("busy", "never", "x")[life.back],
        }
        if life.kind.startswith("consent") and life.n > 1:
            del data["channel"]
        if life.kind == "command":
            life = Life("journey.command", life.gap, life.n, life.k, life.back)
            data = {"command": ("pause", "resume", "resume", "stop")[life.n]}
        event = inputs.tick(at) if life.kind == "tick" else inputs.Event(f"e{number}", life.kind, at, at, customer, "t", data)
        made.append((life, event))
    return made
