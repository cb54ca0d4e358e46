"""A directory of journeys that has no findings, and what it takes to spoil one thing in it."""

import pathlib
from collections.abc import Callable

import pytest

from engine.authoring.compiling import compile as compiler
from engine.authoring.findings.findings import Finding

POLICY = """\
policy:
  consent: {marketing: opt_in}
  channels:
    whatsapp: {address: profile.phone, cost: 586, reports: [accepted, sent, delivered, read, failed]}
    sms: {address: profile.phone, cost: 250, reports: [accepted, delivered, failed]}
"""
JOURNEY = """\
journey: cart
owner: growth@toko.example
purpose: marketing
status: live
enter:
  event: cart.updated
  when: event.data.total >= 100000
  key: event.data.cart_id
  reentry: {after: 7d}
exit:
  - {event: order.placed, when: event.data.cart_id == entry.data.cart_id, reason: bought}
steps:
  - id: cool-off
    wait: 45m
  - id: nudge
    send:
      template: reminder
      channels:
        - {channel: whatsapp, success: delivered, fallback_after: 30m}
        - {channel: sms}
"""
REMINDER = """\
sms: {text: "Halo {{ profile.name }}"}
whatsapp: {template: pengingat, language: id, parameters: ["{{ entry.data.total | rupiah }}"]}
"""


class Shop:
    """A directory of journeys. Files are replaced as a whole, or one text in one of them."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.write("policy.yaml", POLICY)
        self.write("cart.yaml", JOURNEY)
        self.write("templates/reminder.id.yaml", REMINDER)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text(encoding="utf-8")
        assert old in text
        self.write(name, text.replace(old, new, 1))

    def steps(self, text: str) -> None:
        """Other steps for the journey; `text` is a YAML list, indented by two."""
        self.write("cart.yaml", JOURNEY[: JOURNEY.index("steps:")] + "steps:\n" + text)

    def findings(self) -> tuple[Finding, ...]:
        return compiler.compile_directory(self.root).findings

    def said(self) -> list[str]:
        """The findings as `file:line:column CODE`."""
        return [f"{f.file}:{f.line}:{f.column} {f.code}" for f in self.findings()]


@pytest.fixture
def shop(tmp_path: pathlib.Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def spoiled(shop: Shop) -> Callable[[str, str, str], list[str]]:
    """The findings after one text in one file was replaced by another."""

    def spoil(name: str, old: str, new: str) -> list[str]:
        shop.replace(name, old, new)
        return shop.said()

    return spoil
