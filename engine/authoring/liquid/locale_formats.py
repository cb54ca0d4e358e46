"""Tongues: for each language, how days, months, clock times and numbers are written.

`renderer.py` chooses the tongue for the language of a message, and `filters.py` writes dates and numbers with this tongue.
Source: Unicode CLDR 47 (as Babel 2.18.0 ships it): the wide and the abbreviated names in the `format` context, the separator of
the short time, the symbols of decimal numbers. The data is copied into this file and not read from a library. So a replay in a
later year writes the same text that was sent.
"""

from collections.abc import Sequence
from typing import Final

import msgspec


class Tongue(msgspec.Struct, frozen=True):
    """How one language writes days, months, clock times and numbers.

    `days` and `short_days` start with Monday, as in Python. `halves` are the words for the two halves of a day (AM, PM). `clock`
    is the separator between hours and minutes, `thousands` the separator between groups of three digits, and `decimal` the
    separator before the fraction.
    """

    days: Sequence[str]
    months: Sequence[str]
    short_days: Sequence[str]
    short_months: Sequence[str]
    halves: tuple[str, str] = ("AM", "PM")
    clock: str = "."
    thousands: str = "."
    decimal: str = ","


TONGUES: Final = {
    "id": Tongue(
        ["Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu"],
        [
            "Januari",
            "Februari",
            "Maret",
            "April",
            "Mei",
            "Juni",
            "Juli",
            "Agustus",
            "September",
            "Oktober",
            "November",
            "Desember",
        ],
        ["Sen", "Sel", "Rab", "Kam", "Jum", "Sab", "Min"],
        ["Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des"],
    ),
    "en": Tongue(
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
        [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ],
        ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
        clock=":",
        thousands=",",
        decimal=".",
    ),
    "jv": Tongue(
        ["Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Ahad"],
        [
            "Januari",
            "Februari",
            "Maret",
            "April",
            "Mei",
            "Juni",
            "Juli",
            "Agustus",
            "September",
            "Oktober",
            "November",
            "Desember",
        ],
        ["Sen", "Sel", "Rab", "Kam", "Jum", "Sab", "Ahad"],
        ["Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agt", "Sep", "Okt", "Nov", "Des"],
        ("Isuk", "Wengi"),
        ":",
    ),
    "su": Tongue(
        ["Senén", "Salasa", "Rebo", "Kemis", "Jumaah", "Saptu", "Minggu"],
        [
            "Januari",
            "Pébruari",
            "Maret",
            "April",
            "Méi",
            "Juni",
            "Juli",
            "Agustus",
            "Séptémber",
            "Oktober",
            "Nopémber",
            "Désémber",
        ],
        ["Sen", "Sal", "Reb", "Kem", "Jum", "Sap", "Mng"],
        ["Jan", "Péb", "Mar", "Apr", "Méi", "Jun", "Jul", "Ags", "Sép", "Okt", "Nop", "Dés"],
    ),
    "ms": Tongue(
        ["Isnin", "Selasa", "Rabu", "Khamis", "Jumaat", "Sabtu", "Ahad"],
        ["Januari", "Februari", "Mac", "April", "Mei", "Jun", "Julai", "Ogos", "September", "Oktober", "November", "Disember"],
        ["Isn", "Sel", "Rab", "Kha", "Jum", "Sab", "Ahd"],
        ["Jan", "Feb", "Mac", "Apr", "Mei", "Jun", "Jul", "Ogo", "Sep", "Okt", "Nov", "Dis"],
        ("PG", "PTG"),
        ":",
        ",",
        ".",
    ),
}


def of(*tags: str) -> Tongue:
    """Return the formats of the first language tag, such as `id` or `en-GB`, that `TONGUES` knows; English if it knows none."""
    for tag in tags:
        found = TONGUES.get(tag.partition("-")[0])
        if found is not None:
            return found
    return TONGUES["en"]
