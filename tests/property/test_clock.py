"""The calendar of timers against a model: whatever is armed, moved, cancelled or lost."""

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.runtime.state import codec, timer_queue

KEYS = [b"a", b"b", b"c", b"d"]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.sampled_from(KEYS), st.integers(1, 40_000)),
        st.tuples(st.just("cancel"), st.sampled_from(KEYS), st.just(0)),
        st.tuples(st.just("pass"), st.just(b""), st.integers(1, 9_000)),
        st.tuples(st.just("lose"), st.just(b""), st.integers(1, 9_000)),
        st.tuples(st.just("restart"), st.just(b""), st.just(0)),
    ),
    max_size=40,
)


class Model:
    """A state of due times and a calendar over it. What was sent and not lost fires once, if it is still in the state."""

    def __init__(self) -> None:
        self.now, self.dues, self.calendar = 0, dict[bytes, int](), timer_queue.TimerQueue()
        self.fired: list[tuple[bytes, int]] = []
        self.wanted: list[tuple[bytes, int]] = []

    def set(self, key: bytes, after: int) -> None:
        self.dues[key] = self.now + after
        self.calendar.done(key)
        self.calendar.arm(self.dues[key], key)

    def cancel(self, key: bytes, _: int) -> None:
        self.dues.pop(key, None)
        self.calendar.done(key)

    def lose(self, _: bytes, ms: int) -> None:
        self.pass_(b"", ms, lost=True)

    def restart(self, _: bytes, __: int) -> None:
        """Another worker rebuilds the calendar from the state."""
        self.calendar = timer_queue.TimerQueue()
        for key, due in self.dues.items():
            self.calendar.arm(due, key)

    def pass_(self, _: bytes, ms: int, *, lost: bool = False) -> None:
        self.now += ms
        due_of = lambda key: self.dues.get(key, codec.NO_TIMER)  # noqa: E731
        sent = [key for _, keys in self.calendar.due(self.now, self.now, due_of, strictly=False) for key in keys]
        assert len(sent) == len({*sent})
        for key in sent:
            assert self.dues[key] <= self.now  # nothing fires before its time
            if not lost:
                self.calendar.done(key)
                self.fired.append((key, self.dues.pop(key)))


@given(STEPS)
@settings(max_examples=300, deadline=None)
def test_every_timer_fires_once_and_never_early(steps: list[tuple[str, bytes, int]]) -> None:
    """Armed, moved, cancelled, sent and lost, taken over by another worker: once time has passed, nothing that was due is left,
    and nothing fired twice or early.
    """
    model = Model()
    for name, key, number in steps:
        getattr(model, "pass_" if name == "pass" else name)(key, number)
    for _ in range(3):
        model.pass_(b"", 50_000)
    assert model.dues == {}
    assert len(model.fired) == len({*model.fired})
