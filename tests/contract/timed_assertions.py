"""Assertions on seconds: `python -m tests.contract.timed_assertions` finds them, and `make check` runs it.

A test that has to be done within so many seconds fails on a slower machine, or on a busy one. What it means is that the work is
bounded: count the work (`tests/work.py`), or compare it with that of half the input. Figures in seconds belong to
tests/benchmarks. What is promised in seconds may be asserted with its reason: `# timed: a worker is gone within ten seconds`.

A time is what a clock says, what is reckoned from it, a list of such, and what a function of the module returns that returns
one. An assertion that a time is below something is found; one that it is above holds on any machine. The deadline of a loop
that waits is no assertion.
"""

import ast
import operator
import pathlib
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

ROOT: Final = pathlib.Path(__file__).parents[2]
FIGURES: Final = pathlib.PurePath("tests", "benchmarks")

_READ: Final = ("monotonic", "perf_counter", "process_time", "thread_time", "time")
_CLOCKS: Final = frozenset((*_READ, *(f"{name}_ns" for name in _READ)))
_METHODS: Final = re.compile(
    rf"time\.({'|'.join(_CLOCKS)})|resource\.getrusage|os\.times|(.*\.)?datetime\.(utc)?now|(.*loop\w*(\(\))?)\.time",
    re.IGNORECASE,
)
_PASSING: Final = frozenset(
    [
        "abs",
        "enumerate",
        "float",
        "fmean",
        "int",
        "list",
        "max",
        "mean",
        "median",
        "min",
        "pairwise",
        "pop",
        "round",
        "sorted",
        "sum",
        "total_seconds",
        "tuple",
        "zip",
    ]
)
"""Functions and methods that give a time if they get one."""

_GATHERING: Final = frozenset(("append", "appendleft", "extend", "insert"))
_REASON: Final = re.compile(r"#\s*timed:\s*\S")


class Found(NamedTuple):
    """One assertion on seconds."""

    file: str
    line: int

    def __str__(self) -> str:
        told = "seconds are asserted. Count the work instead (tests/work.py), or move the figure to tests/benchmarks."
        return f"{self.file}:{self.line} {told} A promise that is in seconds says so: # timed: <reason>"


def found(file: str, text: str) -> Iterator[Found]:
    """The assertions on seconds in the text of one module."""
    tree, lines = ast.parse(text), text.splitlines()
    times = _Times(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and any(map(times.bounds, ast.walk(node.test))):
            reasons = map(_REASON.search, lines[node.lineno - 1 : node.end_lineno])
            yield from () if any(reasons) else (Found(file, node.lineno),)


class _Times:
    """Which expressions of a module are times."""

    def __init__(self, tree: ast.Module) -> None:
        self._within: dict[ast.AST, ast.AST] = {}
        self._names: set[tuple[ast.AST, str]] = set()
        self._tree = tree
        self._enter(tree, tree)
        nodes, before = list(self._within), -1
        while len(self._names) > before:  # a name may be reckoned from one that stands further down
            before = len(self._names)
            for node in nodes:
                self._learn(node)

    def bounds(self, node: ast.AST) -> bool:
        """True if the node compares a time with what it must be below, or be near to."""
        if not isinstance(node, ast.Compare):
            return False
        values = (node.left, *node.comparators)
        for left, comparison, right in zip(values, node.ops, values[1:], strict=False):
            match comparison:
                case ast.Lt() | ast.LtE() if self._is(left):
                    return True
                case ast.Gt() | ast.GtE() if self._is(right):
                    return True
                case ast.Eq() if any(map(self._is, (left, right))) and any(map(_near, (left, right))):
                    return True
        return False

    def _enter(self, node: ast.AST, function: ast.AST) -> None:
        self._within[node] = function
        below = node if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else function
        for child in ast.iter_child_nodes(node):
            self._enter(child, below)

    def _is(self, node: ast.AST) -> bool:
        """True if the expression is a time, or holds one."""
        match node:
            case ast.Name(id=name):
                return self._known(node, name)
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                return (self._tree, name) in self._names
            case ast.Call(func=called, args=args):
                return self._is_call(node, called, args)
            case ast.BinOp(left=left, right=right):
                return self._is(left) or self._is(right)
            case ast.UnaryOp(operand=of) | ast.Subscript(value=of) | ast.Attribute(value=of) | ast.Starred(value=of):
                return self._is(of)
            case ast.Await(value=of) | ast.NamedExpr(value=of) | ast.ListComp(elt=of) | ast.GeneratorExp(elt=of):
                return self._is(of)
            case ast.Tuple(elts=several) | ast.List(elts=several):
                return any(map(self._is, several))
            case ast.IfExp(body=one, orelse=other):
                return self._is(one) or self._is(other)
        return False

    def _is_call(self, node: ast.AST, called: ast.expr, args: Sequence[ast.expr]) -> bool:
        match called:
            case ast.Name(id=name):
                return self._known(node, f"{name}()") or (name in _PASSING and any(map(self._is, args)))
            case ast.Attribute(value=of, attr=name):
                passed = name in _PASSING and any(map(self._is, (of, *args)))
                return passed or _METHODS.fullmatch(ast.unparse(called)) is not None or (self._tree, f"{name}()") in self._names
        return False

    def _known(self, node: ast.AST, name: str) -> bool:
        """True if the name is a time in the function of the node, or in one around it."""
        while (self._within[node], name) not in self._names:
            node = self._within[node]
            if node is self._tree or any(each.arg == name for each in ast.walk(node) if isinstance(each, ast.arg)):
                return False
        return True

    def _learn(self, node: ast.AST) -> None:
        """What becomes a time by this node."""
        match node:
            case ast.ImportFrom(module="time", names=names):
                self._names |= {(self._tree, f"{each.asname or each.name}()") for each in names if each.name in _CLOCKS}
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._give(target, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.AugAssign(target=target, value=value):
                self._give(target, value)
            case ast.NamedExpr(target=target, value=value) | ast.For(target=target, iter=value):
                self._give(target, value)
            case ast.comprehension(target=target, iter=value):
                self._give(target, value)
            case ast.Call(func=ast.Attribute(value=target, attr=name), args=args) if name in _GATHERING:
                self._give(target, ast.List(elts=args))
            case ast.Return(value=ast.expr() as value) if self._is(value):
                self._names.add((self._tree, f"{getattr(self._within[node], 'name', '')}()"))

    def _give(self, target: ast.expr, value: ast.expr) -> None:
        match target, value:
            case ast.Tuple(elts=targets), ast.Tuple(elts=values) if len(targets) == len(values):
                for one, given in zip(targets, values, strict=True):
                    self._give(one, given)
            case ast.Tuple(elts=targets), _:
                for one in targets:
                    self._give(one, value)
            case ((ast.Subscript(value=of) | ast.Starred(value=of)), _):
                self._give(of, value)
            case ast.Name(id=name), _ if self._is(value):
                self._names.add((self._within[target], name))
            case ast.Attribute(value=ast.Name(id="self"), attr=name), _ if self._is(value):
                self._names.add((self._tree, name))


def _near(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).endswith("approx")


def main() -> int:
    """Print what is found in all tests but the benchmarks; 1 if there is any."""
    paths = sorted((ROOT / "tests").rglob("*.py"), key=operator.methodcaller("as_posix"))
    every = [path.relative_to(ROOT) for path in paths]
    wrong = [
        each
        for path in every
        if not path.is_relative_to(FIGURES)
        for each in found(path.as_posix(), (ROOT / path).read_text(encoding="utf-8"))
    ]
    for each in wrong:
        print(each)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
