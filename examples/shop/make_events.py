"""Half a year of a shop's clicks as CloudEvents: `python -m examples.shop.make_events OUT.jsonl`.

The clickstream (data/README.md) has user, session, event and timestamp. This file turns clicks into events:

    click                      events
    add_to_cart                cart.updated     the user's cart has one more item; a cart ends with its purchase, or after
                                                three days without a new item
    purchase                   order.placed     the order of that cart; order.shipped follows after 4 to 30 hours, and
                                                order.delivered, or sometimes order.cancelled, 1 to 3 days after that
    any other click            page.viewed      data.path is the name of the click, or /pricing for promo_page and compare
    first click of a user      customer.identified, then consent.granted for nine users in ten

A click may also lead to the events of `more.py`: logins with a code, questions to support, scanned packs, walks past the gallery,
and doubts about the membership.

Timestamps are read as Asia/Jakarta (UTC+7) and moved by 104 weeks, so that the half year is January to June 2026. Weekdays and
hours stay the same, and a bundle knows the holidays of that year. Names, phones, prices, languages, consents and parcels come
from a seed, so every machine makes the same file. Some events are in the file twice, because real shops also send duplicates.
Lines are in order of time.
"""

import csv
import datetime
import gzip
import json
import pathlib
import random
import sys
from collections.abc import Iterator
from typing import Any, Final

from examples.shop import more

HERE = pathlib.Path(__file__).parent
CLICKS = HERE / "data" / "retentioneering_5.2.4_ecom.csv.gz"
SEED = 2024
LATER: Final = datetime.timedelta(weeks=104)
UNTIL: Final = "2026-08-26T00:00:00Z"
"""The time at which the demo's clock stops, sixty days after the last click; without it, schedules would go on for ever."""
PAGES: Final = {"promo_page": "/pricing", "compare": "/pricing"}
WIB = datetime.timezone(datetime.timedelta(hours=7))
NAMES = ("Ayu", "Budi", "Citra", "Dewi", "Eko", "Fitri", "Gilang", "Hana", "Indra", "Joko", "Kartika", "Lestari")
ZONES = ("Asia/Jakarta", "Asia/Jakarta", "Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura")
COURIERS = ("JNE", "SiCepat", "AnterAja")

Event = dict[str, Any]


def events() -> list[Event]:
    """Return all events in order of time; events with the same time keep the order in which they were made."""
    made: list[Event] = []
    with gzip.open(CLICKS, "rt", encoding="utf-8") as file:
        clicks: dict[str, list[dict[str, str]]] = {}
        for click in csv.DictReader(file):
            clicks.setdefault(click["user_id"], []).append(click)
    for user, own in clicks.items():
        own.sort(key=lambda click: click["timestamp"])
        made.extend(Customer(user).live(own))
    return sorted(made, key=lambda event: event["time"])


class Customer:
    """One user of the clickstream, with invented details (name, phone, cart, consent) that come from the seed."""

    def __init__(self, user: str) -> None:
        self.id = user.replace("user_", "cust-")
        self.chance = random.Random(f"{SEED}/{user}")
        self.more = more.More(self.event, random.Random(f"{SEED}/{user}/more"), self.id.removeprefix("cust-"))
        self.made = 0
        self.cart: list[dict[str, Any]] = []
        self.carts = 0
        self.touched: datetime.datetime | None = None

    def live(self, clicks: list[dict[str, str]]) -> Iterator[Event]:
        """Yield all events of the customer, made from her clicks."""
        first = _time(clicks[0])
        yield from self._introduced(first)
        for number, click in enumerate(clicks):
            at = _time(click)
            match click["event"]:
                case "add_to_cart":
                    told = [self._carted(at)]
                case "purchase":
                    told = list(self._bought(at))
                case page:
                    told = [self.event("page.viewed", at, {"path": PAGES.get(page, f"/{page}"), "platform": click["platform"]})]
            yield from told
            yield from self.more.after(click["event"], at)
            if self.chance.random() < 0.01:
                yield dict(told[0])  # sent twice, with the same id
            if number == len(clicks) // 2 and self.chance.random() < 0.08:
                yield self.event("consent.withdrawn", at, {"purpose": "marketing"})

    def _introduced(self, first: datetime.datetime) -> Iterator[Event]:
        at = first - datetime.timedelta(seconds=2)
        number = int(self.id.removeprefix("cust-"))
        traits = {
            "name": self.chance.choice(NAMES),
            "phone": f"+62812{number:04d}{self.chance.randrange(10_000):04d}",
            "language": "en" if self.chance.random() < 0.15 else "id",
            "timezone": self.chance.choice(ZONES),
        }
        if self.chance.random() < 0.04:
            del traits["phone"]
        traits |= self.more.addresses(traits["name"])
        yield self.event("customer.identified", at, {"traits": traits})
        said = self.chance.random()
        at += datetime.timedelta(seconds=1)
        if said < 0.75:
            yield self.event("consent.granted", at, {"purpose": "marketing", "proof": "checkbox at sign-up"})
        elif said < 0.9:
            channel = self.chance.choice(("whatsapp", "sms"))
            yield self.event("consent.granted", at, {"purpose": "marketing", "channel": channel})

    def _carted(self, at: datetime.datetime) -> Event:
        if self.touched is not None and at - self.touched > datetime.timedelta(days=3):
            self._empty()
        self.touched = at
        item = {"sku": f"SKU-{self.chance.randrange(500):03d}", "qty": 1, "price": 25_000 * self.chance.randint(1, 12)}
        self.cart.append(item)
        total = sum(each["price"] * each["qty"] for each in self.cart)
        return self.event("cart.updated", at, {"cart_id": self._cart_id(), "total": total, "items": list(self.cart)})

    def _bought(self, at: datetime.datetime) -> Iterator[Event]:
        total = sum(each["price"] * each["qty"] for each in self.cart) or 150_000
        order = {"order_id": f"order-{self.id.removeprefix('cust-')}-{self.carts}", "cart_id": self._cart_id()}
        yield self.event("order.placed", at, {**order, "total": total})
        self._empty()
        shipped = at + datetime.timedelta(hours=4, seconds=self.chance.randrange(26 * 3600))
        parcel = {"courier": self.chance.choice(COURIERS), "tracking": f"ID{self.chance.randrange(10**9):09d}"}
        yield self.event("order.shipped", shipped, {**order, **parcel})
        arrived = shipped + datetime.timedelta(days=1, seconds=self.chance.randrange(2 * 86_400))
        kind = "order.delivered" if self.chance.random() < 0.96 else "order.cancelled"
        yield self.event(kind, arrived, order)

    def _cart_id(self) -> str:
        return f"cart-{self.id.removeprefix('cust-')}-{self.carts}"

    def _empty(self) -> None:
        self.cart, self.carts = [], self.carts + 1

    def event(self, type_: str, at: datetime.datetime, data: dict[str, Any]) -> Event:
        """Return one CloudEvent of the customer, with the customer's next event number in the id."""
        self.made += 1
        return {
            "specversion": "1.0",
            "id": f"{self.id}-{self.made}",
            "source": "shop/web",
            "type": type_,
            "subject": self.id,
            "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "data": data,
        }


def _time(click: dict[str, str]) -> datetime.datetime:
    local = datetime.datetime.strptime(click["timestamp"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=WIB)
    return local.astimezone(datetime.UTC) + LATER


def write(target: pathlib.Path) -> int:
    """Write the events as JSON lines and return their number."""
    made = events()
    with target.open("w", encoding="utf-8") as file:
        for event in made:
            file.write(json.dumps(event, separators=(",", ":")) + "\n")
    return len(made)


if __name__ == "__main__":
    print(f"{write(pathlib.Path(sys.argv[1]))} events in {sys.argv[1]}")
