"""The environment in which CEL expressions are compiled: the variables with their types, and Dalang's own functions.

Called by `expressions.py`; `constants.py` evaluates in the same environment. This is the one module that imports CEL's runtime.
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
"""The mean radius of the earth in kilometres (IUGG)."""

CLOCKED: Final = frozenset({"days_since", "local_hour"})
"""The functions that read the clock."""

ERROR: Final = cel.Type.ERROR
"""The type of an evaluation result that is an error."""

_KINDS: Final[Mapping[declared_names.Kind, Any]] = {
    "bool": cel.Type.BOOL,
    "text": cel.Type.STRING,
    "list": cel.Type.List(cel.Type.DYN),
    "time": cel.Type.TIMESTAMP,
}


class Clock:
    """The time and the zone of the present evaluation, for functions that need them."""

    __slots__ = ("now", "zone")

    def __init__(self) -> None:
        self.now = datetime.datetime.min.replace(tzinfo=datetime.UTC)
        self.zone: datetime.tzinfo = datetime.UTC

    def days_since(self, at: datetime.datetime) -> float:
        """Return the days, with their fraction, from `at` to now."""
        return (self.now - at) / _DAY

    def local_hour(self, at: datetime.datetime) -> int:
        """Return the hour, 0 to 23, that the customer's clock shows at `at`."""
        return at.astimezone(self.zone).hour


def make(clock: Clock, declared: Iterable[tuple[str, declared_names.Kind]] = ()) -> Any:
    """Make an environment.

    `declared` are paths whose values always have one type. Each becomes a typed variable in the environment.
    """
    types: dict[str, Any] = dict.fromkeys(expression_scope.NAMES, cel.Type.DYN)
    for of in ("event", "entry"):
        types |= {f"{of}.{name}": cel.Type.STRING for name in field_reads.FIELDS}
        types |= {f"{of}.time": cel.Type.TIMESTAMP, f"{of}.data": cel.Type.DYN}
    types["now"] = cel.Type.TIMESTAMP
    types |= {path: _KINDS[kind] for path, kind in declared}
    return cel.NewEnv(variables=types, functions=_functions(clock))


def _functions(clock: Clock) -> list[Any]:
    # A JSON number is an int or a double, as it was written, and one overload takes only one of the two.
    numbers = itertools.product((cel.Type.INT, cel.Type.DOUBLE), repeat=4)
    distance = [
        cel.Overload(f"distance_km_{index}", cel.Type.DOUBLE, list(parameters), impl=distance_km)
        for index, parameters in enumerate(numbers)
    ]
    # It returns a double. Declared as dyn, it may be compared with whole numbers: days_since(traits.last_order) >= 60.
    since = cel.Overload("days_since_timestamp", cel.Type.DYN, [cel.Type.TIMESTAMP], impl=clock.days_since)
    hour = cel.Overload("local_hour_timestamp", cel.Type.INT, [cel.Type.TIMESTAMP], impl=clock.local_hour)
    return [
        cel.FunctionDecl("days_since", [since]),
        cel.FunctionDecl("local_hour", [hour]),
        cel.FunctionDecl("distance_km", distance),
    ]


def distance_km(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Return the great-circle distance in kilometres (haversine).

    The result is rounded to the millimetre, so that it is the same on machines with different sine functions.
    """
    a, b = math.radians(lat), math.radians(other_lat)
    half = math.sin((b - a) / 2) ** 2
    half += math.cos(a) * math.cos(b) * math.sin(math.radians(other_lon - lon) / 2) ** 2
    return round(2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(half))), 6)
