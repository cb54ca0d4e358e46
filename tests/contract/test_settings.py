"""The pages of settings and rights are those of the models."""

import pathlib

from engine.runtime import settings
from engine.runtime.kafka import acl

ROOT = pathlib.Path(__file__).parents[2]


def test_the_page_of_settings_is_made_from_the_models() -> None:
    """docs/settings.md names every setting, with its default; `make schemas` writes it."""
    assert (ROOT / "docs" / "settings.md").read_text() == settings.page()


def test_the_page_of_rights_is_made_from_the_table() -> None:
    """docs/rights.md lists what each process asks the broker for; `make schemas` writes it."""
    assert (ROOT / "docs" / "rights.md").read_text() == acl.page()


def test_every_setting_says_what_it_is() -> None:
    """No setting without a sentence."""
    fields = {**settings.Making.model_fields, **settings.Settings.model_fields}
    assert [name for name, field in fields.items() if not (field.description or "").rstrip().endswith(".")] == []
