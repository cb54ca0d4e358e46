import pathlib
import re

import pytest

from engine.authoring.compiling import compile as compiler
from engine.core.model import definition
from engine.core.rules import sms_parts

JOURNEYS = pathlib.Path(__file__).parents[3] / "journeys"
NAMES = [
    "cart-abandonment",
    "churn-save",
    "delivery-notice",
    "loyalty-upgrade",
    "otp",
    "payday-offer",
    "pricing-follow-up",
    "scan-and-win",
    "second-purchase",
    "support-handoff",
    "travel-disruption",
    "voucher-by-distance",
    "win-back",
]
LONG = {
    "profile.name": "Siti Nurhaliza Rahmawati",
    "entry.data.total": "Rp12.500.000",
    "entry.data.order_id": "INV-20261122-0042",
    "entry.data.courier": "SiCepat",
    "entry.data.tracking": "ID000123456789",
    "entry.data.code": "123456",
    "100000": "Rp100.000",
}
"""What a placeholder may become, by its first word: as long as is plausible."""


@pytest.fixture(scope="module")
def bundle() -> definition.Bundle:
    result = compiler.compile_directory(JOURNEYS)
    assert result.findings == ()
    assert result.bundle is not None
    return result.bundle


def test_the_journeys_of_the_house_have_no_findings(bundle: definition.Bundle) -> None:
    """Not even a warning."""
    assert [journey.name for journey in bundle.journeys] == NAMES


def test_the_delivery_notice_goes_by_sms_first(bundle: definition.Bundle) -> None:
    """WhatsApp when no delivery was reported within ten minutes."""
    step = next(each for each in bundle.journeys if each.name == "delivery-notice").steps["notice"]
    assert isinstance(step, definition.Send)
    assert (definition.Place("sms", "delivered", 600_000), definition.Place("whatsapp")) == step.places


def test_every_sms_fits_into_one_part_of_gsm_7(bundle: definition.Bundle) -> None:
    """160 characters of the GSM alphabet with plausible values; concatenation is not guaranteed in Indonesia."""
    texts = {
        (template, language): str(bodies["sms"]["text"])  # type: ignore[index]
        for journey in bundle.journeys
        for template, languages in journey.templates.items()
        for language, bodies in languages.items()
        if "sms" in bodies
    }
    assert len(texts) == 14
    for written in texts.values():
        text = re.sub(r"\{\{ *([a-z_.0-9]+).*?\}\}", lambda found: LONG[found[1]], written)
        assert (set(text) - sms_parts.ALPHABET, sms_parts.parts(text).count) == (set(), 1), text


def test_every_template_speaks_indonesian_and_english_on_the_same_channels(bundle: definition.Bundle) -> None:
    """Whoever reads English gets the same message on the same channels."""
    for journey in bundle.journeys:
        for template, languages in journey.templates.items():
            assert {*languages["id"]} == {*languages["en"]}, template
