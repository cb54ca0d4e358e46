"""What a waiting customer costs in the worker's memory."""

import pathlib
import subprocess
import sys

import pytest

from tests.benchmarks import tables

pytestmark = pytest.mark.benchmark
ROOT = pathlib.Path(__file__).parents[2]

PROGRAM = """
import gc, pathlib, sys
from engine.authoring.compiling import catalogs
from engine.core.decide import decider
from engine.core.model import inputs
from engine.runtime.state import codec, store

def resident():
    gc.collect()
    return next(int(line.split()[1]) * 1024 for line in pathlib.Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line)

catalog, held, count = catalogs.load("journeys"), store.Store(), 100_000
at = inputs.instant("2026-11-22T10:00:00Z")
def customer(n):
    id_ = f"cust-{n:07d}"
    traits = {"name": "Kartika", "phone": f"+62812{n:08d}", "language": "id", "timezone": "Asia/Jakarta"}
    cart = {"cart_id": f"cart-{n:07d}-0", "total": 275000, "items": [{"sku": "SKU-123", "qty": 1, "price": 275000}]}
    told = (("customer.identified", {"traits": traits}), ("consent.granted", {"purpose": "marketing"}), ("cart.updated", cart))
    state = None
    for i, (type_, data) in enumerate(told):
        state = decider.transition(catalog, state, inputs.Event(f"{id_}-{i}", type_, at, at, id_, "shop/web", data)).state
    return id_.encode(), codec.snapshot(state, n)
size = len(customer(0)[1])
before = resident()
for n in range(count):
    held.put(*customer(n))
print((resident() - before) / count, size)
"""


def test_a_waiting_customer(table: tables.Table) -> None:
    """A customer who waits in the cart journey, with profile, consent and timer, costs at most 600 bytes beyond her encoded state."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True)
    each, size = map(float, done.stdout.split())
    told = f"{each:,.0f} B in all, {size:,.0f} B of them her encoded state, {each - size:,.0f} B beyond it"
    table.add("memory", tables.Row("a waiting customer, in memory", told, "<= 600 B beyond it", each - size <= 600))
    assert each - size <= 600
