"""Events of a shop's customer beside clicks: login codes, support questions, scanned packs, locations, cancellations.

Called by `make_events.py` for one customer, after each of her clicks. All details come from the customer's seed.
"""

import datetime
import random
from collections.abc import Callable, Iterator
from typing import Any, Final

Event = dict[str, Any]
Make = Callable[[str, datetime.datetime, dict[str, Any]], Event]

TOPICS: Final = ("pembayaran", "pengiriman", "pengembalian", "ukuran")
GALLERY: Final = (-6.1951, 106.8209)


class More:
    """The maker of one customer's further events.

    `make` makes an event of the customer from its type, time and data. `chance` draws random numbers from the customer's seed,
    and `number` is the number in the customer's id.
    """

    def __init__(self, make: Make, chance: random.Random, number: str) -> None:
        self.make, self.chance, self.number = make, chance, number
        self.count = 0

    def addresses(self, name: str) -> dict[str, str]:
        """Return the customer's email address and push token; eight customers in ten have an email, four in ten the app."""
        traits = {}
        if self.chance.random() < 0.8:
            traits["email"] = f"{name.lower()}.{self.number}@mail.example"
        if self.chance.random() < 0.4:
            traits["push_token"] = f"token-{self.number}-{self.chance.randrange(10**8):08d}"
        return traits

    def after(self, click: str, at: datetime.datetime) -> Iterator[Event]:
        """Yield the further events that follow one click; `click` is its name in the clickstream, such as `account_page`."""
        match click:
            case "promo_page" | "compare" if self._happens(0.08):
                yield from self._looks_again("/pricing", at)
            case "account_page":
                yield from self._logs_in(at)
                if self._happens(0.06):
                    yield from self._doubts(at)
            case "support_chat":
                yield from self._asks(at)
            case "home" if self._happens(0.03):
                yield from self._scans(at)
            case "catalog" if self._happens(0.02):
                yield from self._walks_past(at)

    def _looks_again(self, path: str, at: datetime.datetime) -> Iterator[Event]:
        for _ in range(2):
            at += self._delay(60, 600)
            yield self.make("page.viewed", at, {"path": path, "platform": "mobile"})

    def _doubts(self, at: datetime.datetime) -> Iterator[Event]:
        """Yield three views of the cancellation page; three customers in ten then cancel their membership."""
        page = {"path": "/cancel", "platform": "mobile"}
        yield self.make("page.viewed", at + self._delay(30, 300), page)
        yield from self._looks_again("/cancel", at + datetime.timedelta(seconds=300))
        if self._happens(0.3):
            yield self.make("membership.cancelled", at + self._delay(3600, 86_400), {})

    def _logs_in(self, at: datetime.datetime) -> Iterator[Event]:
        """Yield the request of a login code; in 85 of 100 cases the customer types the code 15 to 180 seconds later."""
        request = self._named("otp")
        yield self.make("otp.requested", at, {"request_id": request, "code": f"{self.chance.randrange(10**6):06d}"})
        if self._happens(0.85):
            yield self.make("otp.verified", at + self._delay(15, 180), {"request_id": request})

    def _asks(self, at: datetime.datetime) -> Iterator[Event]:
        ticket = {"ticket": self._named("t"), "topic": self.chance.choice(TOPICS)}
        yield self.make("support.requested", at, ticket)
        if self._happens(0.5):
            yield self.make("support.closed", at + self._delay(3600, 5 * 86_400), ticket)

    def _scans(self, at: datetime.datetime) -> Iterator[Event]:
        """Yield the events of a customer who scans the code on a pack, which opens a chat in WhatsApp.

        In the chat she says yes (which grants consent), says no, or does not answer.
        """
        yield self.make("message.received", at, {"channel": "whatsapp", "text": "IKUT KOPI2026"})
        at += datetime.timedelta(seconds=1)
        yield self.make("qr.scanned", at, {"campaign": "kopi-2026"})
        said, at = self.chance.random(), at + self._delay(60, 3600)
        if said < 0.6:
            yield self.make("message.received", at, {"channel": "whatsapp", "text": "YA", "payload": "YA"})
            proof = "YA di WhatsApp atas undangan scan-invite"
            at += datetime.timedelta(seconds=1)
            yield self.make("consent.granted", at, {"purpose": "marketing", "channel": "whatsapp", "proof": proof})
        elif said < 0.8:
            yield self.make("message.received", at, {"channel": "whatsapp", "text": "TIDAK", "payload": "TIDAK"})

    def _walks_past(self, at: datetime.datetime) -> Iterator[Event]:
        """Yield the customer's location, at most some four kilometres from the gallery; one in five then redeems a voucher."""
        lat, lon = (round(each + self.chance.uniform(-0.025, 0.025), 4) for each in GALLERY)
        yield self.make("location.updated", at, {"lat": lat, "lon": lon})
        if self._happens(0.2):
            yield self.make("voucher.redeemed", at + self._delay(600, 5400), {"voucher": "KUOTA10", "amount": 50_000})

    def _happens(self, share: float) -> bool:
        return self.chance.random() < share

    def _delay(self, low: int, high: int) -> datetime.timedelta:
        return datetime.timedelta(seconds=self.chance.randrange(low, high))

    def _named(self, kind: str) -> str:
        self.count += 1
        return f"{kind}-{self.number}-{self.count}"
