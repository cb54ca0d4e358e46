"""Parts of an SMS, judged by the saved outputs of Twilio's calculator; tests/property has a slow reference."""

import json
import pathlib

import pytest

from engine.core.rules import sms_parts

VECTORS = json.loads((pathlib.Path(__file__).parent / "sms_vectors.json").read_text())["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_parts_are_those_of_another_calculator(vector: dict[str, object]) -> None:
    """Encoding, units and parts as npm sms-segments-calculator gives them (the file says which version)."""
    found = sms_parts.parts(str(vector["text"]))
    told = {"GSM-7": "gsm7", "UCS-2": "ucs2"}[str(vector["encoding"])]
    assert (found.encoding, found.units, found.count) == (told, vector["units"], vector["parts"])
