"""The cost of `dalang check` for hostile inputs, against checking the example bundle, in one run; and for half of each."""

import functools
import pathlib
import time
from collections.abc import Callable

import pytest

from engine.authoring.compiling import compile as compiler
from engine.authoring.files import yaml_reader
from tests import hostile
from tests.benchmarks import tables

pytestmark = pytest.mark.benchmark
JOURNEYS = pathlib.Path(__file__).parents[2] / "journeys"
ROUNDS = 2
LEAST = 0.1
"""Seconds below which half of the work is no measure of growth."""


@functools.cache
def reference() -> float:
    """Seconds of CPU for the example bundle."""
    return min(_seconds(lambda: compiler.compile_directory(JOURNEYS)) for _ in range(5))


def _seconds(do: Callable[[], object]) -> float:
    started = time.process_time()
    do()
    return time.process_time() - started


def _row(name: str, table: tables.Table, half: Callable[[], object], whole: Callable[[], object]) -> None:
    """Twice the input is at most three times the work; four times fails on any machine."""
    halves, wholes = zip(*((_seconds(half), _seconds(whole)) for _ in range(ROUNDS)), strict=True)
    growth = min(wholes) / min(halves)
    told = f"{min(wholes):.2f} s, {min(wholes) / reference():.1f} times the example bundle; {growth:.1f} times half of it"
    measured = min(halves) >= LEAST
    reached = growth <= 3.0 if measured else None
    remark = "" if measured else "too little for a ratio"
    table.add("hostile inputs", tables.Row(name, told, "<= 3 times half of it", reached, remark))
    assert growth <= 4.0 or not measured


@pytest.mark.parametrize("name", hostile.DIRECTORIES)
def test_a_hostile_directory(name: str, table: tables.Table, tmp_path: pathlib.Path) -> None:
    """A directory with one file in which a thing is repeated some thousand times."""
    case = hostile.DIRECTORIES[name]
    for part, size in (("half", case.large // 2), ("whole", case.large)):
        (tmp_path / part / case.file).parent.mkdir(parents=True)
        (tmp_path / part / case.file).write_text(case.text(size), encoding="utf-8")
    half, whole = (functools.partial(compiler.compile_directory, tmp_path / part) for part in ("half", "whole"))
    _row(name, table, half, whole)


@pytest.mark.parametrize("name", hostile.FILES)
def test_a_hostile_file(name: str, table: tables.Table) -> None:
    """A file of nearly a megabyte that is made of one thing."""
    half, whole = (hostile.FILES[name].text(size) for size in (hostile.MEGABYTE // 2, hostile.MEGABYTE))
    _row(f"a file of {name}", table, lambda: yaml_reader.parse("a.yaml", half), lambda: yaml_reader.parse("a.yaml", whole))
