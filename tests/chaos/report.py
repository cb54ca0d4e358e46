"""What is left when the log stands still: counts, and what was committed held against a replay."""

import hashlib
import pathlib
from collections import Counter
from collections.abc import Iterator, Mapping

from tests.chaos import pauses
from tests.integration import running
from tests.integration.running import Cluster


class Report:
    """Reads everything once. `proven`: what is committed is what a replay of the topic decides, in the same order."""

    def __init__(self, cluster: Cluster, journeys: pathlib.Path) -> None:
        assert cluster.kept is not None
        self._ends, self._wrong = cluster.kept.ends, cluster.kept.wrong
        self._last, self._handled = cluster.ends(), cluster.handled_now()
        live = cluster.recorded()
        decided, acted = cluster.replayed(journeys)
        self._pairs = {"decisions": (live.decisions, decided), "actions": (live.actions, acted)}
        self._letters = cluster.dead_letters()
        self._lag = sum(max(0, end - self._handled[number]) for number, end in self._last.items())
        same = all(live == replayed for live, replayed in self._pairs.values())
        self._checked = cluster.dalang("state", "check", "--minutes", "600")
        log = cluster.log.read_text()
        self._repaired, self._unrepaired = log.count("batch repaired"), log.count("batch not repaired")
        whole = self._checked.returncode == 0 and not self._unrepaired
        self.proven = same and whole and not self._wrong and not self._letters and self._lag == 0

    def lines(self, did: Mapping[str, int], tail: pauses.Tail) -> Iterator[str]:
        yield ""
        for what in sorted(did):
            yield f"{what:<18} {did[what]:>7}"
        for code, count in sorted(self._ends.items()):
            yield f"{f'ended with {code}':<18} {count:>7}"
        yield f"{'ended wrongly':<18} {len(self._wrong):>7}  {self._wrong or ''}"
        yield f"{'log':<18} {sum(self._last.values()):>7}  offsets in all partitions (events, timers, markers)"
        yield ""
        for kind, (live, replayed) in self._pairs.items():
            counted, expected = Counter(live), Counter(replayed)
            twice = sum(count - 1 for count in counted.values())
            lost, extra = (expected - counted).total(), (counted - expected).total()
            yield f"{kind:<10} {len(live):>8} committed, {len(replayed):>8} replayed: lost {lost}, twice {twice}, other {extra}"
            yield f"{'':<10} sha256 committed {_hash(live)}"
            yield f"{'':<10} sha256 replayed  {_hash(replayed)}"
            if live != replayed:
                yield from running.difference(live, replayed)
        yield f"lag {self._lag}, dead letters {len(self._letters)}"
        yield f"batches committed by half: {self._repaired} repaired, {self._unrepaired} not"
        yield f"dalang state check --minutes 600 (exit {self._checked.returncode}):"
        yield from (f"  {line}" for line in self._checked.stdout.splitlines())
        yield ""
        yield "the longest pause of any partition after it (session timeout 2 s; take-over: one of two workers is killed, nothing"
        yield "else happens; one that began before, or lasts into what happens next, counts there too):"
        for what, seconds in sorted(tail.pauses().items()):
            yield f"  {what:<18} {pauses.told(seconds)}"
        yield ""
        yield "PROVEN: nothing lost, nothing twice, nothing different" if self.proven else "NOT PROVEN"


def _hash(lines: list[bytes]) -> str:
    return hashlib.sha256(b"".join(line + b"\n" for line in lines)).hexdigest()
