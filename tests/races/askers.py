"""Crowds that ask for the same thing at once: ten askers for each key, in several processes, at a steady pace."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from redis import Redis

from console.app import open_console
from console.domain.errors import ConsoleError
from console.services.guarded.idempotency import HeldIdempotencyKey, IdempotencyKeyService, make_payment_key
from console.settings.settings import Settings
from tests.bench.figures import centile
from tests.support.children import Child, Pipe, crowd
from tests.support.servers import RedisServer

ASKERS = 10
PRINT = "3300 JPY"
_SECONDS_TO_START = 0.3


@dataclass(frozen=True, slots=True)
class Crowd:
    """`keys` are asked for one after the other, `rate` requests a second in all; `name` keeps runs apart."""

    keys: int
    rate: int
    processes: int = 4
    name: str = "run"

    @property
    def requests(self) -> int:
        return self.keys * ASKERS

    @property
    def seconds(self) -> float:
        return self.requests / self.rate

    def key(self, number: int) -> str:
        return make_payment_key("M-1", f"{self.name}-{number}")


@dataclass(frozen=True, slots=True)
class Heard:
    """The answers to all askers of a run, and the time that each waited, in seconds, sorted."""

    told: Counter[str]
    waits: tuple[float, ...]
    seconds: float

    @property
    def rate(self) -> float:
        return len(self.waits) / self.seconds

    @property
    def p95_ms(self) -> float:
        return 1000 * centile(self.waits, 0.95)

    def __str__(self) -> str:
        p50, p95, p99, longest = (1000 * centile(self.waits, part) for part in (0.5, 0.95, 0.99, 1.0))
        counted = f"{self.told['created']} created, {self.told['repeated'] + self.told['in_progress']} duplicates"
        return (
            f"{len(self.waits)} requests, {self.rate:.0f} a second: {counted}; "
            f"p50 {p50:.2f}, p95 {p95:.2f}, p99 {p99:.2f}, longest {longest:.0f} ms"
        )


class Run:
    """A crowd at work."""

    def __init__(self, wanted: Crowd, children: Sequence[Child]) -> None:
        self._wanted, self._children = wanted, children
        for child in children:
            child.report()
        self._began = time.monotonic() + _SECONDS_TO_START
        for child in children:
            child.pipe.send(self._began)

    def wait_until(self, part: float) -> None:
        """Until this part of the run is over."""
        left = self._began + part * self._wanted.seconds - time.monotonic()
        time.sleep(max(0.0, left))  # house: the run's length is what is asked for

    def heard(self) -> Heard:
        """The answers to all askers. Fails unless each key was made once and every other asker was told so."""
        reports: list[Report] = [child.report(3 * self._wanted.seconds + 60) for child in self._children]
        made = Counter(key for report in reports for key in report.made)
        assert made == Counter(range(self._wanted.keys)), "made twice or never"
        told = sum((report.told for report in reports), Counter[str]())
        assert set(told) <= {"created", "repeated", "in_progress"}, told
        assert (told["created"], told.total()) == (self._wanted.keys, self._wanted.requests), told
        waits = sorted(wait for report in reports for wait in report.waits)
        return Heard(told, tuple(waits), max(report.ended for report in reports) - self._began)


def trouble(run: Run, server: RedisServer) -> None:
    """The troubles of Redis in mid-run: emptied, hung for a third of it, back, and killed at last."""
    run.wait_until(0.2)
    with Redis.from_url(server.url) as client:
        client.flushall()
    run.wait_until(0.3)
    server.pause()
    run.wait_until(0.6)
    server.resume()
    run.wait_until(0.8)
    server.kill()


@dataclass(slots=True)
class Report:
    """The report of one asker at its end; `made`: numbers of the keys that it was the first to use."""

    told: Counter[str] = field(default_factory=Counter)
    made: list[int] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    ended: float = 0.0


@contextmanager
def asking(wanted: Crowd, environments: Sequence[Mapping[str, str]]) -> Iterator[Run]:
    """The crowd at desks that are told these environments in turn; no process is left behind."""
    each = [(dict(environments[number % len(environments)]), wanted, number) for number in range(wanted.processes)]
    with crowd(ask_all, each) as children:
        yield Run(wanted, children)


def ask_all(pipe: Pipe, environment: Mapping[str, str], wanted: Crowd, number: int) -> None:
    """One process: of the ten requests for each key it makes its share, all ten being due at the same instant."""
    report = Report()
    with open_console(Settings.load(environment)) as console:
        once = console.idempotency
        once.find_result(wanted.key(-1), PRINT)  # connections are made before the first request is due
        pipe.send("ready")
        began: float = pipe.recv()
        for key in range(wanted.keys):
            due = began + key * ASKERS / wanted.rate
            for _ in range(number, ASKERS, wanted.processes):
                time.sleep(max(0.0, due - time.monotonic()))  # house: requests at a given rate
                asked = time.perf_counter()
                told = ask(once, wanted.key(key), f'{{"payment": {key}}}')
                report.waits.append(time.perf_counter() - asked)
                report.told[told] += 1
                report.made += [key] if told == "created" else []
        report.ended = time.monotonic()
    pipe.send(report)


def ask(once: IdempotencyKeyService, key: str, result: str) -> str:
    """One request: who is the first makes it, the others are told."""
    try:
        taken = once.acquire_key(key, PRINT, action="payment.start", subject=("payment", 1))
    except ConsoleError as refused:
        holder = refused.detail.get("holder")
        return refused.code if refused.code != "in_progress" or holder else "in_progress, by nobody"
    if isinstance(taken, HeldIdempotencyKey):
        return "created" if once.store_result(taken, result) else "lost"
    return "repeated" if taken == result else f"told {taken}"
