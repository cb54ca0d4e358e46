"""The cart journey over the whole demo history, computed by other means.

A few dozen lines that know nothing of the engine: they read the events, follow the words of journeys/cart-abandonment.yaml
and policy.yaml with plain variables, and must find the same actions at the same instants.

The cart journey stands alone here, in a directory of its own with the house's policy: under the caps of the whole bundle its
messages depend on those of every other journey. The caps are the test's own, tight enough for one journey to meet them.
"""

import datetime as dt
import json
import pathlib
import shutil
import zoneinfo
from datetime import datetime, timedelta
from typing import Any

import pytest

from engine.authoring.compiling import catalogs
from examples.shop import make_events
from tests.acceptance import history

Sent = tuple[str, str, str, int, str, str]
CAPS = """
  caps:
    - {purpose: marketing, at_most: 1, per: day}
    - {purpose: marketing, at_most: 2, per: 30d}
    - {purpose: marketing, channel: whatsapp, at_most: 1, per: 30d}
  channels:
"""
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Cart:
    """One entry; `stage` is cool-off, asking (until `due`, for channel `next`), nudge or second-chance, and ends at `due`."""

    def __init__(self, cart: str, total: int, at: datetime) -> None:
        self.cart, self.total = cart, total
        self.stage, self.due = "cool-off", at + 45 * MINUTE
        self.requested = at
        self.open("", [], at)

    def open(self, template: str, channels: list[str], at: datetime) -> None:
        self.template, self.channels, self.expires = template, channels, at + 12 * HOUR
        self.attempt, self.next, self.message, self.tried = 0, 0, "", set[str]()

    @property
    def turn(self) -> tuple[datetime, datetime]:
        """Who goes first: what is due first, then whose message expires first."""
        return self.due, self.expires if self.stage == "asking" else self.due + 12 * HOUR


class Customer:
    """Everything that matters of one customer, in the order of her events."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.profile: dict[str, Any] = {}
        self.consent: dict[str, bool] = {}
        self.everywhere = False
        self.carts: list[Cart] = []
        self.entered: dict[str, datetime] = {}
        self.seen: set[str] = set()
        self.sent: list[Sent] = []
        self.days: list[dt.date] = []
        self.whatsapp_days: list[dt.date] = []
        self.chat: tuple[datetime, Cart] | None = None
        self.waited = self.capped = 0

    def may(self, channel: str) -> bool:
        return bool(self.profile.get("phone")) and self.consent.get(channel, self.everywhere)

    def local(self, at: datetime) -> datetime:
        return at.astimezone(zoneinfo.ZoneInfo(self.profile.get("timezone", "Asia/Jakarta")))

    def opens(self, at: datetime) -> datetime:
        """Marketing is quiet from 20:00 to 08:00."""
        local = self.local(at)
        if 8 <= local.hour < 20:
            return at
        morning = local.replace(hour=8, minute=0, second=0, microsecond=0)
        return (morning + DAY if local.hour >= 20 else morning).astimezone(dt.UTC)

    def full(self, cart: Cart, channel: str, at: datetime) -> str:
        """What keeps a message from going: `all`, `channel` or nothing. It takes its places at its first attempts."""
        today = self.local(at).date()
        since = today - 29 * DAY
        if not cart.tried and (today in self.days or sum(day >= since for day in self.days) >= 2):
            return "all"
        full = channel == "whatsapp" and "whatsapp" not in cart.tried and sum(day >= since for day in self.whatsapp_days) >= 1
        return "channel" if full else ""

    def until(self, time: datetime, *, through: bool) -> None:
        """Let every due moment come, earliest first."""
        while self.carts and (
            (first := min(self.carts, key=lambda each: each.turn)).due < time or (through and first.due == time)
        ):
            self.due(first, first.due)

    def due(self, cart: Cart, at: datetime) -> None:
        if cart.stage == "cool-off":
            cart.open("cart-reminder", ["whatsapp", "sms"], at)
            self.request(cart, 0, at)
        elif cart.stage == "asking":
            self.request(cart, cart.next, at)
        elif cart.stage == "nudge":
            self.request(cart, 1, at)
        elif cart.total >= 500_000:
            cart.open("free-shipping", ["whatsapp"], at)
            self.request(cart, 0, at)
        else:
            self.carts.remove(cart)

    def request(self, cart: Cart, first: int, at: datetime) -> None:
        """Try the channels in turn: at once, in the morning, or not at all."""
        for index in range(first, len(cart.channels)):
            channel = cart.channels[index]
            if at >= cart.expires:
                break
            opens = self.opens(at)
            full = self.full(cart, channel, opens) if self.may(channel) else "channel"
            self.capped += bool(full) and self.may(channel)
            if full == "channel":
                continue
            if full or opens >= cart.expires:
                break
            if opens > at:
                self.waited += 1
                cart.stage, cart.next, cart.due = "asking", index, opens
                return
            self.send(cart, channel, at)
            if index + 1 == len(cart.channels):
                break
            cart.stage, cart.requested, cart.due = "nudge", at, at + 30 * MINUTE
            return
        self.done(cart, at)

    def send(self, cart: Cart, channel: str, at: datetime) -> None:
        today = self.local(at).date()
        self.days += [] if cart.tried else [today]
        self.chat = (at, cart) if channel == "whatsapp" else self.chat
        self.whatsapp_days += [today] if channel == "whatsapp" and channel not in cart.tried else []
        cart.tried.add(channel)
        cart.attempt += 1
        language = self.profile.get("language", "id")
        self.sent.append((self.name, channel, cart.template, cart.attempt, language, at.isoformat()))

    def done(self, cart: Cart, at: datetime) -> None:
        if cart.template == "free-shipping":
            self.carts.remove(cart)
        else:
            cart.stage, cart.due = "second-chance", at + DAY

    def take(self, event: dict[str, Any], at: datetime) -> None:
        data = event.get("data", {})
        match event["type"]:
            case "customer.identified":
                self.profile.update(data["traits"])
            case "consent.granted" | "consent.withdrawn" if data["purpose"] == "marketing":
                granted = event["type"] == "consent.granted"
                if "channel" in data:
                    self.consent[data["channel"]] = granted
                else:
                    self.consent, self.everywhere = {}, granted
            case "order.placed":
                self.carts = [each for each in self.carts if each.cart != data["cart_id"] and each.stage != "second-chance"]
            case "cart.updated":
                self.updated(data, at)
            case "message.received":
                self.answered(data, at)
            case kind if kind.startswith("message."):
                self.reported(kind.removeprefix("message."), data, at)

    def updated(self, data: dict[str, Any], at: datetime) -> None:
        live = [each for each in self.carts if each.cart == data["cart_id"]]
        for each in live:
            if each.stage == "cool-off":
                each.due = at + 45 * MINUTE
        last = self.entered.get(data["cart_id"])
        if not live and data["total"] >= 100_000 and (last is None or at - last >= 7 * DAY):
            self.carts.append(Cart(data["cart_id"], data["total"], at))
            self.entered[data["cart_id"]] = at

    def answered(self, data: dict[str, Any], at: datetime) -> None:
        """What she writes answers the latest message there, at most a day old: so it was delivered."""
        if data["channel"] == "whatsapp" and self.chat is not None and at - self.chat[0] <= DAY:
            cart = self.chat[1]
            if cart in self.carts and cart.stage in ("nudge", "asking") and cart.attempt and cart.template == "cart-reminder":
                self.done(cart, at)

    def reported(self, status: str, data: dict[str, Any], at: datetime) -> None:
        if data["channel"] != "whatsapp":
            return
        if data.get("code") == "131050":
            self.consent["whatsapp"] = False
        # A message is recognised by its first receipt, a second after its request (receipts.yaml).
        for cart in [each for each in self.carts if each.stage in ("nudge", "asking") and each.attempt == data["attempt"]]:
            if status == "accepted" and at - cart.requested == timedelta(seconds=1):
                cart.message = data["message_id"]
            elif cart.message == data["message_id"] and status in ("delivered", "read", "replied"):
                self.done(cart, at)
            elif cart.message == data["message_id"] and status == "failed" and cart.stage == "nudge":
                if data["code"] == "130429" and cart.attempt <= 3:
                    cart.stage, cart.next, cart.due = "asking", 0, at + MINUTE
                else:
                    self.request(cart, 1, at)


@pytest.fixture(scope="module")
def cart(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The demo's events, with the receipts and the actions of the cart journey alone."""
    directory = tmp_path_factory.mktemp("cart")
    (directory / "templates").mkdir()
    for file in (
        "cart-abandonment.yaml",
        *(f"templates/{t}.{c}.yaml" for t in ("cart-reminder", "free-shipping") for c in ("id", "en")),
    ):
        shutil.copy(history.JOURNEYS / file, directory / file)
    policy = (history.JOURNEYS / "policy.yaml").read_text()
    before, after = policy.split("  caps:")[0], policy.split("  channels:\n")[1]
    (directory / "policy.yaml").write_text(before + CAPS.removeprefix("\n") + after)
    make_events.write(directory / "events.jsonl")
    history.replayed(directory, catalogs.bundle(directory))
    return directory


def test_the_cart_journey_computed_by_other_means_sends_the_same(cart: pathlib.Path) -> None:
    """The same customers get the same messages, on the same channels, to the millisecond, through quiet hours and caps."""
    customers: dict[str, Customer] = {}
    with (cart / "history.jsonl").open() as file:
        for line in file:
            event = json.loads(line)
            at = datetime.fromisoformat(event["time"])
            customer = customers.setdefault(event["subject"], Customer(event["subject"]))
            customer.until(at, through=False)
            if event["id"] not in customer.seen:
                customer.seen.add(event["id"])
                customer.take(event, at)
            customer.until(at, through=True)
    for customer in customers.values():
        customer.until(history.UNTIL, through=True)
    by_other_means = sorted(row for customer in customers.values() for row in customer.sent)
    waited, capped = (sum(getattr(each, name) for each in customers.values()) for name in ("waited", "capped"))
    assert (len(by_other_means) > 500, waited > 50, capped > 50) == (True, True, True), (len(by_other_means), waited, capped)
    assert sorted(_cart_actions(cart / "actions.jsonl")) == by_other_means


def _cart_actions(file: pathlib.Path) -> list[Sent]:
    return [
        (
            each["customer"],
            each["channel"],
            each["template"],
            each["attempt"],
            each["language"],
            datetime.fromisoformat(each["requested_at"]).isoformat(),
        )
        for each in map(json.loads, file.read_text().splitlines())
    ]
