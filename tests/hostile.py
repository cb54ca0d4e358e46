"""Hostile inputs: files in which one thing is repeated, as often as one likes.

The unit tests count the work of some sizes of each, and `make bench` times them at the size that is given here.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

HEAD: Final = """\
journey: a
owner: growth@toko.example
purpose: marketing
status: live
enter: {event: cart.updated, reentry: {after: 7d}}
"""
_LONG: Final = " && ".join(["days_since(profile.a) >= 60"] * 300)


class Hostile(NamedTuple):
    """A file of a directory, its text for a size, a size that is large, and one of the codes that it gives."""

    file: str
    text: Callable[[int], str]
    large: int
    code: str


def _each(text: Callable[[int], str], count: int) -> str:
    return ", ".join(text(number) for number in range(count))


def _template(text: Callable[[int], str], large: int, code: str) -> Hostile:
    return Hostile("templates/promo.id.yaml", text, large, code)


def _sms(text: Callable[[int], str], large: int, code: str) -> Hostile:
    return _template(lambda size: "sms: {text: '" + "".join(map(text, range(size))) + "'}", large, code)


def _steps(text: Callable[[int], str], large: int, code: str, head: str = HEAD) -> Hostile:
    return Hostile("cart.yaml", lambda size: f"{head}steps: [{_each(text, size)}]", large, code)


def _traits(text: Callable[[int], str], large: int, code: str) -> Hostile:
    return Hostile("traits.yaml", text, large, code)


def _policy(text: Callable[[int], str], large: int, code: str) -> Hostile:
    return Hostile("policy.yaml", lambda size: f"policy: {{{text(size)}}}", large, code)


def _migrations(size: int) -> str:
    steps = _each(lambda i: f"{{id: s{i}, wait: 1m}}", size)
    return f"{HEAD}migrations: {{{_each(lambda i: f'o{i}: n{i}', size)}}}\nsteps: [{steps}]"


def _unknown_traits(size: int) -> str:
    traits = _each(lambda i: f"t{i}: {{of: x, compute: count}}", size)
    return f"traits: {{{traits}}}\nsegments: {{{_each(lambda i: f's{i}: traits.x{i} > 1', size)}}}"


DIRECTORIES: Final[Mapping[str, Hostile]] = {
    "one unknown name": _sms(lambda i: "{{ a }}", 9_000, "DLG661"),
    "unknown names": _sms(lambda i: f"{{{{ a{i} }}}}", 9_000, "DLG661"),
    "unknown filters": _sms(lambda i: f"{{{{ now | f{i} }}}}", 9_000, "DLG662"),
    "misused filters": _sms(lambda i: "{{ now | date }}", 9_000, "DLG664"),
    "fields that are nearly others": _sms(lambda i: f"{{{{ profile.naame{i} }}}} {{{{ b }}}}", 4_500, "DLG661"),
    "texts": _template(
        lambda n: "push: {title: a, body: b, data: {" + _each(lambda i: f"k{i}: '{{{{ a{i} }}}}'", n) + "}}", 9_000, "DLG661"
    ),
    "aliases of a text": _template(
        lambda n: "webhook: {data: {a: &x '" + "{{ a }}" * n + "', b: [" + "*x, " * n + "*x]}}", 4_500, "DLG661"
    ),
    "aliases of a parameter": _template(
        lambda n: "whatsapp: {template: a, language: id, parameters: [&x '{{ a }}" + "a b" * 50 * n + "', " + "*x, " * n + "*x]}",
        4_500,
        "DLG661",
    ),
    "a long expression": _policy(
        lambda n: "channels: {sms: {address: '" + "1+" * 1_000 * n + "1', reports: []}}", 400, "DLG622"
    ),
    "unknown keys": _policy(lambda n: _each(lambda i: f"k{i}: 1", n), 9_000, "DLG620"),
    "unknown channels": _policy(
        lambda n: "caps: [" + _each(lambda i: f"{{journey: c{i}, at_most: 1, per: day}}", n) + "]", 4_500, "DLG648"
    ),
    "unknown languages": _policy(
        lambda n: "languages: {id: [" + _each(lambda i: f"qq-x{i:05}", n) + "]}", 9_000, "DLG665"
    ),
    "duplicate keys": Hostile("cart.yaml", lambda n: "journey: a\n" * n, 20_000, "DLG605"),
    "tags": Hostile("cart.yaml", lambda n: "".join(f"k{i}: !x 1\n" for i in range(n)), 20_000, "DLG606"),
    "steps that are none": _steps(lambda i: "1", 9_000, "DLG624"),
    "step ids": _steps(lambda i: "{id: a, exit: x}", 4_500, "DLG630"),
    "bad durations": _steps(lambda i: f"{{id: s{i}, wait: 1x}}", 4_500, "DLG622"),
    "missing keys": _steps(lambda i: "{exit: x}", 4_500, "DLG621"),
    "arms": _steps(lambda i: f"{{id: s{i}, split: {{by: customer, arms: [{{id: a, weight: 1}}, {{id: a, weight: 1}}]}}}}", 1_500, "DLG644"),
    "steps that expressions name": _steps(
        lambda i: f"{{id: s-{i}, branch: [{{if: steps.s{i}.outcome == 1, then: []}}]}}", 2_000, "DLG651"
    ),
    "summaries": _steps(lambda i: f"{{id: s-{i}, handoff: {{queue: a, summary: '{{{{ x{i} }}}}'}}}}", 2_500, "DLG661"),
    "unknown templates": _steps(
        lambda i: f"{{id: s{i}, send: {{template: r{i}, channels: [{{channel: sms}}]}}}}", 2_000, "DLG634"
    ),
    "migrations": Hostile("cart.yaml", _migrations, 4_500, "DLG647"),
    "segments": _traits(lambda n: f"segments: {{{_each(lambda i: f's{i}: nothing.x > {i}', n)}}}", 9_000, "DLG651"),
    "bad expressions": _traits(lambda n: "segments: {" + _each(lambda i: f"s{i}: '1 + + {i}'", n) + "}", 9_000, "DLG650"),
    "unknown traits": _traits(_unknown_traits, 4_500, "DLG651"),
    "a trait that is none": _traits(
        lambda n: f"traits: {{a: 5, {_each(lambda i: f't{i}: {{of: x, compute: count}}', n)}}}", 6_000, "DLG622"
    ),
    "aliases of a segment": _traits(
        lambda n: f"segments: {{a: &x '{_LONG}', b: no, {_each(lambda i: f's{i}: *x', n)}}}", 2_000, "DLG651"
    ),
}  # fmt: skip
"""What is repeated -> where and how."""


class File(NamedTuple):
    """The text of one file for a size in characters, and the code of the one finding that it gives, if it gives one."""

    text: Callable[[int], str]
    code: str | None


def _repeated(what: str, code: str | None, before: str = "", after: str = "") -> File:
    return File(lambda size: before + what * (size // len(what)) + after, code)


def _laughs(size: int) -> str:
    """Each line holds the one before it ten times."""
    lines = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, size // 60)]
    return "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(lines)


FILES: Final[Mapping[str, File]] = {
    "brackets": _repeated("[", "DLG608"),
    "braces": _repeated("{a: ", "DLG608"),
    "dashes": _repeated("- ", "DLG608"),
    "questions": _repeated("? ", "DLG608"),
    "billion laughs": File(_laughs, "DLG609"),
    "one long tag": _repeated("!", "DLG606"),
    "a long tag": _repeated("x", "DLG606", "a: !"),
    "one long anchor": _repeated("a", None, "&"),
    "one long number": _repeated("9", None, "a: "),
    "placeholders": _repeated("{{ a }}", "DLG616", "a: '" + "{{ a }}" * 10_001, "'"),
    "one long text": _repeated("a ", None, "a: '", "'"),
    "empty lines": _repeated("\n", None, "a: 1"),
    "directives": _repeated("%A b\n", "DLG603"),
}
"""What a file is made of; each may have a megabyte."""

MEGABYTE: Final = 900_000
