"""The table that every benchmark fills, and the shop's histories."""

import pathlib
import shutil
from collections.abc import Iterator

import pytest

from engine.authoring.compiling import catalogs
from examples.shop import make_events
from tests.acceptance import history
from tests.benchmarks import tables

TIMES = 4
"""Shops side by side in the history of the three journeys, each with its own customers."""
THIRD = """
journey: welcome
owner: b@toko.example
purpose: marketing
status: live
enter: {event: customer.identified, reentry: never}
steps:
  - {id: settle, wait: 1d}
  - {id: hello, send: {template: free-shipping, channels: [{channel: whatsapp}]}}
"""
TEMPLATES = ("cart-reminder", "delivery-notice", "free-shipping")
TABLE = pytest.StashKey[tables.Table]()


@pytest.fixture(scope="session")
def table(pytestconfig: pytest.Config) -> tables.Table:
    """The one table of this run."""
    return pytestconfig.stash.setdefault(TABLE, tables.Table())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table once all benchmarks are done."""
    filled = config.stash.get(TABLE, None)
    for line in filled.lines() if filled is not None else ():
        terminalreporter.write_line(line)


@pytest.fixture
def shop_lines(shop: pathlib.Path) -> list[bytes]:
    """Every line of the shop's history, with its receipts."""
    return (shop / "history.jsonl").read_bytes().splitlines()


@pytest.fixture(scope="session")
def three_journeys(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A directory with three of a shop's journeys, their templates and the house's policy."""
    directory = tmp_path_factory.mktemp("three")
    (directory / "templates").mkdir()
    for name in ("policy", "cart-abandonment", "delivery-notice", *(f"templates/{each}" for each in TEMPLATES)):
        for source in history.JOURNEYS.glob(f"{name}*.yaml"):
            shutil.copy(source, directory / source.relative_to(history.JOURNEYS))
    (directory / "welcome.yaml").write_text(THIRD)
    return directory


@pytest.fixture(scope="session")
def shops_lines(three_journeys: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """The history of several shops side by side under the three journeys, with the receipts of their own messages."""
    directory = tmp_path_factory.mktemp("shops")
    make_events.write(directory / "one.jsonl")
    lines = (directory / "one.jsonl").read_bytes().splitlines()
    (directory / "events.jsonl").write_bytes(b"\n".join(_several(lines)))
    history.replayed(directory, catalogs.bundle(three_journeys))
    return (directory / "history.jsonl").read_bytes().splitlines()


def _several(lines: list[bytes]) -> Iterator[bytes]:
    for line in lines:
        for number in range(TIMES):
            yield line.replace(b'"cust-', b'"c%d-' % number)
