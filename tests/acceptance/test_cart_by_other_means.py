"""The cart journey over the whole demo history, computed by other means.

A few dozen lines that know nothing of the engine: they read the events, follow the words of journeys/cart-abandonment.yaml
and policy.yaml with plain variables, and must find the same actions at the same instants.
"""

import json
import pathlib
from datetime import datetime, timedelta
from typing import Any

Sent = tuple[str, str, str, int, str, str]
MINUTE = timedelta(minutes=1)


class Cart:
    """One entry into the journey; `stage` is cool-off, nudge, retry or second-chance, and ends at `due`."""

    def __init__(self, cart: str, total: int, at: datetime) -> None:
        self.cart, self.total = cart, total
        self.stage, self.due = "cool-off", at + 45 * MINUTE
        self.attempt, self.message = 0, ""
        self.requested = at


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

    def may(self, channel: str) -> bool:
        return bool(self.profile.get("phone")) and self.consent.get(channel, self.everywhere)

    def send(self, channel: str, template: str, attempt: int, at: datetime) -> None:
        language = self.profile.get("language", "id")
        self.sent.append((self.name, channel, template, attempt, language, at.isoformat()))

    def until(self, time: datetime, *, through: bool) -> None:
        """Let every due moment come, earliest first."""
        while self.carts and (
            (first := min(self.carts, key=lambda each: each.due)).due < time or (through and first.due == time)
        ):
            self.due(first, first.due)

    def due(self, cart: Cart, at: datetime) -> None:
        if cart.stage in ("cool-off", "retry"):
            self.whatsapp(cart, at)
        elif cart.stage == "nudge":
            self.sms(cart, at)
        else:
            self.carts.remove(cart)
            if cart.total >= 500_000 and self.may("whatsapp"):
                self.send("whatsapp", "free-shipping", 1, at)

    def whatsapp(self, cart: Cart, at: datetime) -> None:
        if not self.may("whatsapp"):
            self.sms(cart, at)
            return
        cart.attempt += 1
        self.send("whatsapp", "cart-reminder", cart.attempt, at)
        cart.stage, cart.requested, cart.due = "nudge", at, at + 30 * MINUTE

    def sms(self, cart: Cart, at: datetime) -> None:
        if self.may("sms"):
            self.send("sms", "cart-reminder", cart.attempt + 1, at)
        cart.stage, cart.due = "second-chance", at + timedelta(hours=24)

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
            case kind if kind.startswith("message."):
                self.reported(kind.removeprefix("message."), data, at)

    def updated(self, data: dict[str, Any], at: datetime) -> None:
        live = [each for each in self.carts if each.cart == data["cart_id"]]
        for each in live:
            if each.stage == "cool-off":
                each.due = at + 45 * MINUTE
        last = self.entered.get(data["cart_id"])
        if not live and data["total"] >= 100_000 and (last is None or at - last >= timedelta(days=7)):
            self.carts.append(Cart(data["cart_id"], data["total"], at))
            self.entered[data["cart_id"]] = at

    def reported(self, status: str, data: dict[str, Any], at: datetime) -> None:
        if data["channel"] != "whatsapp":
            return
        if data.get("code") == "131050":
            # Only messages for marketing can withdraw marketing; the notices of parcels are not the cart's.
            mine = any(row[:2] == (self.name, "whatsapp") and self.belongs(row, data, at) for row in self.sent)
            self.consent["whatsapp"] = False if mine else self.consent.get("whatsapp", self.everywhere)
        # A message is recognised by its first receipt, a second after its request (receipts.yaml).
        for cart in [each for each in self.carts if each.stage == "nudge" and each.attempt == data["attempt"]]:
            if status == "accepted" and at - cart.requested == timedelta(seconds=1):
                cart.message = data["message_id"]
            elif cart.message == data["message_id"] and status in ("delivered", "read", "replied"):
                cart.stage, cart.due = "second-chance", at + timedelta(hours=24)
            elif cart.message == data["message_id"] and status == "failed":
                if data["code"] == "130429" and cart.attempt <= 3:
                    cart.stage, cart.due = "retry", at + MINUTE
                else:
                    self.sms(cart, at)

    def belongs(self, row: Sent, data: dict[str, Any], at: datetime) -> bool:
        """A failure of the demo comes three to eleven seconds after its request."""
        return row[3] == data["attempt"] and timedelta(0) < at - datetime.fromisoformat(row[5]) < timedelta(seconds=12)


def test_the_cart_journey_computed_by_other_means_sends_the_same(shop: pathlib.Path) -> None:
    """The same customers get the same messages, on the same channels, to the millisecond."""
    customers: dict[str, Customer] = {}
    with (shop / "history.jsonl").open() as file:
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
        customer.until(datetime.max.replace(tzinfo=at.tzinfo), through=True)
    by_other_means = sorted(row for customer in customers.values() for row in customer.sent)
    assert len(by_other_means) > 500
    assert sorted(_cart_actions(shop / "actions.jsonl")) == by_other_means


def _cart_actions(file: pathlib.Path) -> list[Sent]:
    actions = [json.loads(line) for line in file.read_text().splitlines()]
    return [
        (
            each["customer"],
            each["channel"],
            each["template"],
            each["attempt"],
            each["language"],
            datetime.fromisoformat(each["requested_at"]).isoformat(),
        )
        for each in actions
        if each["journey"] == "cart-abandonment"
    ]
