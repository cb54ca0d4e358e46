"""The summary of a replay as text for people, printed by `dalang replay`."""

from collections.abc import Mapping
from typing import Any

from engine.authoring.liquid import filters


def summary(told: Mapping[str, Any]) -> str:
    """Return the summary of a replay as text; `told` is `Summary.as_dict()` with the additional `sha256`: `{kind: hash}`."""
    lines = [
        f"{_number(told['events'])} events of {_number(told['customers'])} customers in {told['seconds']:.2f} s"
        f" ({_number(told['events_per_second'])} events/s)"
    ]
    if told["bad_lines"]:
        lines.append(f"bad lines, passed over: {_counts(told['bad_lines'])}")
        lines += [f"  {reason}: first {_place(first)}. {first['why']}" for reason, first in told["first_bad"].items()]
        lines.append("  Mend these lines, or what writes them: a worker would put them into dead.letters.")
    for name, journey in told["journeys"].items():
        lines += [
            f"{name}",
            f"  entered    {_number(journey['entered'])}",
            f"  refused    {_counts(journey['refused'])}",
            f"  exited     {_counts(journey['exited'])}",
            f"  completed  {_number(journey['completed'])}",
        ]
        lines += [f"  {name:<10} {_number(journey[name])}" for name in ("held_out", "goals") if journey[name]]
        lines += [f"  choices    {_counts(journey['choices'])}"] if journey["choices"] else []
    lines.append(f"messages     {_counts(told['messages'])}")
    lines.append(f"suppressed   {_counts(told['suppressed'])}")
    lines += [f"{name:<12} {_counts(told[name])}" for name in ("deferred", "emitted") if told[name]]
    lines += [f"segment      {name}: {_counts(counts)}" for name, counts in told["segments"].items()]
    cost = told["cost"]
    lines.append(
        f"cost         {filters.rupiah(cost['reported'])} reported, {filters.rupiah(cost['planned'])} if every attempt is billed"
    )
    if told["condition_errors"]:
        lines.append(f"conditions without a value: {_counts(told['condition_errors'])}")
    if told["other_tzdata"]:
        lines.append(f"made under tzdata {', '.join(told['other_tzdata'])}, not the one here: local times may differ")
    for kind, digest in told["sha256"].items():
        lines.append(f"{kind:<12} sha256 {digest}")
    return "\n".join(lines)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {_number(count)}" for name, count in counts.items()) or "none"


def _place(first: Mapping[str, Any]) -> str:
    """Return the position of a skipped record, such as `at events.jsonl:17` or `at record 17 (partition 3, offset 118)`."""
    place = "when the clock ran on after the last line"
    if "file" in first:
        place = f"at {first['file']}:{first['line']}"
    elif "record" in first:
        place = f"at record {first['record']}"
    on_log = ", ".join(f"{name} {first[name]}" for name in ("partition", "offset") if name in first)
    return f"{place} ({on_log})" if on_log else place


def _number(value: float) -> str:
    return f"{value:,.0f}"
