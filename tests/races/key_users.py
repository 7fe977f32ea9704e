"""A load test in which many processes use the same idempotency keys at the same time: ten requests for each key, at a
steady rate.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from redis import Redis

from console.app import open_console
from console.domain.errors import ConsoleError
from console.services.guarded.idempotency import AcquiredIdempotencyKey, IdempotencyKeyService, make_payment_key
from console.settings.settings import Settings
from tests.bench.figures import compute_percentile
from tests.support.children import Child, Pipe, start_children
from tests.support.servers import RedisServer

REQUESTS_PER_KEY = 10
REQUEST_FINGERPRINT = "3300 JPY"
_SECONDS_BEFORE_FIRST_REQUEST = 0.3


@dataclass(frozen=True, slots=True)
class RequestLoad:
    """The parameters of a run: the number of keys, the total rate (requests per second) and the number of processes.
    The processes use the keys one after another. `name` makes the keys of different runs different."""

    key_count: int
    requests_per_second: int
    process_count: int = 4
    name: str = "run"

    @property
    def request_count(self) -> int:
        return self.key_count * REQUESTS_PER_KEY

    @property
    def seconds(self) -> float:
        return self.request_count / self.requests_per_second

    def make_key(self, number: int) -> str:
        return make_payment_key("M-1", f"{self.name}-{number}")


@dataclass(frozen=True, slots=True)
class LoadAnswers:
    """All answers of a run: `count_by_answer` counts the answers by kind (created, repeated, in_progress),
    `request_seconds` has the duration of each request (seconds, sorted), `seconds` is the duration of the run."""

    count_by_answer: Counter[str]
    request_seconds: tuple[float, ...]
    seconds: float

    @property
    def requests_per_second(self) -> float:
        return len(self.request_seconds) / self.seconds

    @property
    def p95_ms(self) -> float:
        return 1000 * compute_percentile(self.request_seconds, 0.95)

    def __str__(self) -> str:
        p50, p95, p99, longest = (
            1000 * compute_percentile(self.request_seconds, part) for part in (0.5, 0.95, 0.99, 1.0)
        )
        counts = self.count_by_answer
        counted = f"{counts['created']} created, {counts['repeated'] + counts['in_progress']} duplicates"
        return (
            f"{len(self.request_seconds)} requests, {self.requests_per_second:.0f} a second: {counted}; "
            f"p50 {p50:.2f}, p95 {p95:.2f}, p99 {p99:.2f}, longest {longest:.0f} ms"
        )


class LoadRun:
    """The running processes of a load test. They begin their requests when this object is made."""

    def __init__(self, load: RequestLoad, children: Sequence[Child]) -> None:
        self._wanted, self._children = load, children
        for child in children:
            child.wait_for_report()
        self._began = time.monotonic() + _SECONDS_BEFORE_FIRST_REQUEST
        for child in children:
            child.pipe.send(self._began)

    def wait_until(self, part: float) -> None:
        """Wait until this fraction (0 to 1) of the run's planned duration has passed."""
        remaining_seconds = self._began + part * self._wanted.seconds - time.monotonic()
        time.sleep(max(0.0, remaining_seconds))  # house: the run's length is what is asked for

    def wait_for_answers(self) -> LoadAnswers:
        """Wait for the end of the run and return all answers. Raises AssertionError if a key was not created exactly
        once, or if another request did not get the answer of a repetition."""
        reports: list[ProcessReport] = [
            child.wait_for_report(3 * self._wanted.seconds + 60) for child in self._children
        ]
        made = Counter(key for report in reports for key in report.created_keys)
        assert made == Counter(range(self._wanted.key_count)), "made twice or never"
        count_by_answer = sum((report.count_by_answer for report in reports), Counter[str]())
        assert set(count_by_answer) <= {"created", "repeated", "in_progress"}, count_by_answer
        assert (count_by_answer["created"], count_by_answer.total()) == (
            self._wanted.key_count,
            self._wanted.request_count,
        ), count_by_answer
        waits = sorted(wait for report in reports for wait in report.request_seconds)
        return LoadAnswers(count_by_answer, tuple(waits), max(report.ended_at for report in reports) - self._began)


def disturb_redis(run: LoadRun, server: RedisServer) -> None:
    """Disturb Redis during the run: delete all its entries, stop its process for a third of the time, let it
    continue, and kill it at the end."""
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
class ProcessReport:
    """The report of one process: its answers by kind, the numbers of the keys that it has created (`created_keys`),
    the duration of each request (seconds), and the moment at which it ended (monotonic seconds)."""

    count_by_answer: Counter[str] = field(default_factory=Counter)
    created_keys: list[int] = field(default_factory=list)
    request_seconds: list[float] = field(default_factory=list)
    ended_at: float = 0.0


@contextmanager
def run_load(load: RequestLoad, environments: Sequence[Mapping[str, str]]) -> Iterator[LoadRun]:
    """Context manager that yields the run. Its processes use the given environments of desks in turn; the processes
    are killed at the end of the block."""
    each = [(dict(environments[number % len(environments)]), load, number) for number in range(load.process_count)]
    with start_children(request_all_keys, each) as children:
        yield LoadRun(load, children)


def request_all_keys(pipe: Pipe, environment: Mapping[str, str], load: RequestLoad, number: int) -> None:
    """Entry point of a child process: make the share of the process `number` (from 0) of the ten requests for each
    key. All ten requests for a key are due at the same time. The process sends "ready", receives the moment of the
    first request (monotonic seconds), and at its end sends a ProcessReport.
    """
    report = ProcessReport()
    with open_console(Settings.load(environment)) as console:
        once = console.idempotency_keys
        once.find_result(
            load.make_key(-1), REQUEST_FINGERPRINT
        )  # connections are made before the first request is due
        pipe.send("ready")
        began: float = pipe.recv()
        for key in range(load.key_count):
            due = began + key * REQUESTS_PER_KEY / load.requests_per_second
            for _ in range(number, REQUESTS_PER_KEY, load.process_count):
                time.sleep(max(0.0, due - time.monotonic()))  # house: requests at a given rate
                begun_at = time.perf_counter()
                answer = make_request(once, load.make_key(key), f'{{"payment": {key}}}')
                report.request_seconds.append(time.perf_counter() - begun_at)
                report.count_by_answer[answer] += 1
                report.created_keys += [key] if answer == "created" else []
        report.ended_at = time.monotonic()
    pipe.send(report)


def make_request(key_service: IdempotencyKeyService, key: str, result: str) -> str:
    """Make one request: acquire the idempotency key and store `result`. Return "created" if this request has stored
    the result, "repeated" if it got the stored result, the code of a refusal, or another text if the answer is wrong.
    """
    try:
        taken = key_service.acquire_key(key, REQUEST_FINGERPRINT, action="payment.start", subject=("payment", 1))
    except ConsoleError as refused:
        holder = refused.detail.get("holder")
        return refused.code if refused.code != "in_progress" or holder else "in_progress, by nobody"
    if isinstance(taken, AcquiredIdempotencyKey):
        return "created" if key_service.store_result(taken, result) else "lost"
    return "repeated" if taken == result else f"told {taken}"
