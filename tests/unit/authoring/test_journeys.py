import pathlib

import pytest

from engine.authoring import compile as compiler
from engine.authoring import templates
from engine.core import definition, sms

JOURNEYS = pathlib.Path(__file__).parents[3] / "journeys"


@pytest.fixture(scope="module")
def bundle() -> definition.Bundle:
    result = compiler.compile_directory(JOURNEYS)
    assert result.findings == ()
    assert result.bundle is not None
    return result.bundle


def test_the_journeys_of_the_house_have_no_findings(bundle: definition.Bundle) -> None:
    """Not even a warning."""
    assert [journey.name for journey in bundle.journeys] == ["cart-abandonment", "delivery-notice"]


def test_the_delivery_notice_goes_by_sms_first(bundle: definition.Bundle) -> None:
    """WhatsApp when no delivery was reported within ten minutes."""
    step = bundle.journeys[1].steps["notice"]
    assert isinstance(step, definition.Send)
    assert (definition.Place("sms", "delivered", 600_000), definition.Place("whatsapp")) == step.places


def test_every_sms_fits_into_one_part_of_gsm_7(bundle: definition.Bundle) -> None:
    """160 characters of the GSM alphabet with plausible values; concatenation is not guaranteed in Indonesia."""
    values = {"profile.name": "Siti Nurhaliza Rahmawati", "order_id": "INV-20261122-0042", "courier": "SiCepat"}
    for journey in bundle.journeys:
        for languages in journey.templates.values():
            for bodies in languages.values():
                text = str(bodies.get("sms", {}).get("text", ""))  # type: ignore[attr-defined]
                assert not set(templates.plain(text)) - sms.ALPHABET
                assert len(templates.plain(text)) + 4 * max(map(len, values.values())) - 8 <= 160
