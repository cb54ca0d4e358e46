"""The environment in which CEL expressions are compiled: the variables with their types, and Dalang's own functions.

Called by `expressions.py`, which also passes the environment to `constants.py`. No other module imports CEL's runtime.
"""

import datetime
import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cel_expr_python import cel

from engine.authoring.cel import field_reads
from engine.authoring.language import declared_names
from engine.core.context import expression_scope

_DAY: Final = datetime.timedelta(days=1)
_EARTH_KM: Final = 6371.0088
"""The mean radius of the earth in kilometres, as published by the IUGG."""

CLOCKED: Final = frozenset({"days_since", "local_hour"})
"""The functions that read `Clock`: the current time or the customer's time zone."""

ERROR: Final = cel.Type.ERROR
"""The type of an evaluation result that is an error."""

_KINDS: Final[Mapping[declared_names.Kind, Any]] = {
    "bool": cel.Type.BOOL,
    "text": cel.Type.STRING,
    "list": cel.Type.List(cel.Type.DYN),
    "time": cel.Type.TIMESTAMP,
}


class Clock:
    """The current time and the customer's time zone, for the functions `days_since` and `local_hour`.

    `CelExpressions` sets both before it evaluates an expression that calls one of these functions.
    """

    __slots__ = ("now", "zone")

    def __init__(self) -> None:
        self.now = datetime.datetime.min.replace(tzinfo=datetime.UTC)
        self.zone: datetime.tzinfo = datetime.UTC

    def days_since(self, at: datetime.datetime) -> float:
        """Return the number of days from `at` to the current time, with a fraction: 1.5 is 36 hours."""
        return (self.now - at) / _DAY

    def local_hour(self, at: datetime.datetime) -> int:
        """Return the hour of the time `at`, from 0 to 23, in the customer's time zone."""
        return at.astimezone(self.zone).hour


def make(clock: Clock, declared: Iterable[tuple[str, declared_names.Kind]] = ()) -> Any:
    """Return a CEL environment with the scope names (`profile`, `traits`, …) as variables, and with Dalang's own functions.

    The functions read the time and the time zone from `clock`. `declared` are pairs of a path and the kind of its value, such as
    `("policy.timezone", "text")`. Each such path becomes a separate CEL variable with the type of this kind.
    """
    types: dict[str, Any] = dict.fromkeys(expression_scope.NAMES, cel.Type.DYN)
    for of in ("event", "entry"):
        types |= {f"{of}.{name}": cel.Type.STRING for name in field_reads.FIELDS}
        types |= {f"{of}.time": cel.Type.TIMESTAMP, f"{of}.data": cel.Type.DYN}
    types["now"] = cel.Type.TIMESTAMP
    types |= {path: _KINDS[kind] for path, kind in declared}
    return cel.NewEnv(variables=types, functions=_functions(clock))


def _functions(clock: Clock) -> list[Any]:
    # A JSON number is an int in CEL if it was written without a fraction (`6`), and a double otherwise (`6.2`). A parameter of an
    # overload accepts only one of these types, so there is one overload for each combination.
    numbers = itertools.product((cel.Type.INT, cel.Type.DOUBLE), repeat=4)
    distance = [
        cel.Overload(f"distance_km_{index}", cel.Type.DOUBLE, list(parameters), impl=distance_km)
        for index, parameters in enumerate(numbers)
    ]
    # `days_since` returns a double. Its type is declared as dyn, so that its result may be compared with a whole number:
    # days_since(traits.last_order) >= 60.
    since = cel.Overload("days_since_timestamp", cel.Type.DYN, [cel.Type.TIMESTAMP], impl=clock.days_since)
    hour = cel.Overload("local_hour_timestamp", cel.Type.INT, [cel.Type.TIMESTAMP], impl=clock.local_hour)
    return [
        cel.FunctionDecl("days_since", [since]),
        cel.FunctionDecl("local_hour", [hour]),
        cel.FunctionDecl("distance_km", distance),
    ]


def distance_km(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Return the great-circle distance between two points in kilometres (haversine formula).

    Latitudes and longitudes are in degrees. The result is rounded to a millimetre, because the sine functions of different
    machines differ slightly.
    """
    a, b = math.radians(lat), math.radians(other_lat)
    half = math.sin((b - a) / 2) ** 2
    half += math.cos(a) * math.cos(b) * math.sin(math.radians(other_lon - lon) / 2) ** 2
    return round(2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(half))), 6)
