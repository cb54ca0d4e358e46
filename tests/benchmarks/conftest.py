"""The shop's history, as lines."""

import pathlib

import pytest


@pytest.fixture
def shop_lines(shop: pathlib.Path) -> list[bytes]:
    """Every line of the shop's history, with its receipts."""
    return (shop / "history.jsonl").read_bytes().splitlines()
