"""A flood of malformed requests and slow clients for a worker process, while real notices come from three sources.
The worker must book each real notice once and answer it in time, and must give each malformed request the answer for
its kind.
"""

import http.client
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import median
from threading import Event, Lock, Thread
from urllib.request import urlopen

from console.domain.payments.records import ReceivedNotice
from console.sandbox.server import Sandbox
from tests.support import notice_deliveries
from tests.support.malformed_message_sender import ANSWERED_KINDS, AttackParameters, format_parameters
from tests.support.malformed_messages import (
    ANSWER_ALIVE,
    ANSWER_CHANNEL_END,
    ANSWER_REFUSED,
    KIND_NAMES,
    make_message,
)
from tests.support.payment_desks import PaymentDesk, make_signed_notice, open_payment_desk
from tests.support.places import Place
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until
from tests.support.worker_process import ROOT, WorkerProcess, start_worker
from tests.worker.running_receiver import post_notice

SENDER_TIMEOUT_SECONDS = {"paypay": 1.5, "atom": 5.0, "bank": 5.0}
"""Time (seconds) after which the sender of a notice ends its first try that has no answer, by source. PayPay has
published its value; the other sources have published none. Each further try waits twice as long as the one before:
on a busy machine, short tries would only add to the flood."""
LONG_TIMEOUT_SECONDS = MAX_WAIT_SECONDS
_REFUSAL_RESPONSE = (
    "HTTP/1.1 400 Bad Request\r\ncontent-length: 8\r\ncontent-type: text/plain; charset=utf-8\r\n"
    "Connection: close\r\n\r\nrefused\n"
)


@dataclass
class DeliveryTries:
    """The durations of all tries to deliver a notice, by source (seconds), and the errors of failed tries."""

    seconds_by_source: dict[str, list[float]] = field(
        default_factory=lambda: {name: [] for name in SENDER_TIMEOUT_SECONDS}
    )
    count_by_error: Counter[str] = field(default_factory=Counter)
    lock: Lock = field(default_factory=Lock)

    def add_try(self, source: str, seconds: float, error: str | None) -> None:
        with self.lock:
            self.seconds_by_source[source].append(seconds)
            if error:
                self.count_by_error[f"{source}: {error}"] += 1

    def format_figures(self) -> str:
        parts = []
        for source, durations in self.seconds_by_source.items():
            ms = sorted(1000 * seconds for seconds in durations)
            middle, late = ms[len(ms) // 2], ms[len(ms) * 99 // 100]
            parts.append(f"{source} p50 {middle:.0f}, p99 {late:.0f}, max {ms[-1]:.0f} ms")
        return "; ".join(parts) + f"; tried again {dict(self.count_by_error)}"


@dataclass
class WorkerSamples:
    """Samples of the worker process over time: its memory (kB), its number of open files, and the duration of each
    answer of `/healthz` (seconds).
    """

    memory_kilobytes: list[int] = field(default_factory=list)
    open_file_counts: list[int] = field(default_factory=list)
    healthz_seconds: list[float] = field(default_factory=list)

    def take_sample(self, worker: WorkerProcess) -> None:
        status = Path(f"/proc/{worker.pid}/status").read_text()
        self.memory_kilobytes.append(int(status.split("VmRSS:")[1].split()[0]))
        self.open_file_counts.append(len(list(Path(f"/proc/{worker.pid}/fd").iterdir())))
        began = time.perf_counter()
        with urlopen(f"{worker.url}/healthz", timeout=LONG_TIMEOUT_SECONDS) as answer:
            assert answer.status == 200
        self.healthz_seconds.append(time.perf_counter() - began)

    def compute_memory_growth_factor(self) -> float:
        """Return the median memory of the last quarter of the samples, divided by the median of the second quarter.
        The result is 1 if the memory is constant. The maximum isn't used, because it depends on the number of
        connections that were open at one moment.
        """
        quarter = max(1, len(self.memory_kilobytes) // 4)
        return median(self.memory_kilobytes[-quarter:]) / median(self.memory_kilobytes[quarter : 2 * quarter])

    def format_figures(self) -> str:
        return (
            f"memory {self.memory_kilobytes[0] // 1024} to {self.memory_kilobytes[-1] // 1024} MB,"
            f" grown {self.compute_memory_growth_factor():.3f}, files"
            f" up to {max(self.open_file_counts)}, /healthz up to {1000 * max(self.healthz_seconds):.0f} ms"
        )


@dataclass(frozen=True, slots=True)
class FloodResult:
    """The results of a flood. `count_by_answer_and_kind` counts the answers by kind of malformed request, and
    `slow_connection_count` is the number of slow connections.
    """

    count_by_answer_and_kind: dict[str, Counter[str]]
    deliveries: DeliveryTries
    worker_samples: WorkerSamples
    slow_connection_count: int

    @property
    def sent_count(self) -> int:
        return sum(self.count_by_answer_and_kind["all"].values())

    @property
    def cut_message_count(self) -> int:
        """Return the number of malformed requests whose connection was closed without an answer."""
        return sum(self.count_by_answer_and_kind[name][""] for name in KIND_NAMES)

    def format_figures(self) -> str:
        (rate,) = self.count_by_answer_and_kind["all"]
        return (
            f"{self.sent_count} malformed messages, {rate}, {self.cut_message_count} of them cut off,"
            f" {self.slow_connection_count} slow connections;"
            f" {self.deliveries.format_figures()}; {self.worker_samples.format_figures()}"
        )


def run_flood(
    place: Place, seconds: float, rate: float, slow_connection_count: int, each_second: int, seed: int = 0
) -> FloodResult:
    """Run a flood of `seconds` seconds. Each second it has `rate` malformed requests and `each_second` real notices;
    `slow_connection_count` slow connections are open all the time.

    Raises AssertionError if a notice wasn't booked exactly once, or if a request got a wrong answer.
    """
    count = max(3, int(seconds * each_second))
    with Sandbox() as sandbox, open_payment_desk(place, sandbox) as scene:
        posts = notice_deliveries.prepare_notices(scene, count - 2 * (count // 3), count // 3, count // 3)
        posts = posts[0::3] + posts[1::3] + posts[2::3]
        with start_worker(place, sandbox.url, desk=1, SECRET_LIVE_TOKEN="a-token-for-the-flood") as worker:
            worker_samples, deliveries = WorkerSamples(), DeliveryTries()
            attack = AttackParameters(worker.port, seconds, rate, seed=seed)
            slow_attack = AttackParameters(
                worker.port, seconds, slow_connection_count=slow_connection_count, seed=seed
            )
            with (
                _run_attack(attack) as message_sender,
                _run_attack(slow_attack) as slow_sender,
                _watch_worker(worker, worker_samples),
            ):
                _deliver_notices(worker, posts, seconds, deliveries)
                answer_counts, slow_counts = _read_counts(message_sender), _read_counts(slow_sender)
            wait_until(lambda: _is_every_notice_booked(scene), "every notice is booked", 4 * LONG_TIMEOUT_SECONDS)
            assert worker.is_alive
        _check_notices(scene, posts)
        flood = FloodResult(answer_counts, deliveries, worker_samples, slow_counts["slow"]["begun"])
        check_answers(flood)
        return flood


@contextmanager
def _run_attack(parameters: AttackParameters) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.support.malformed_message_sender"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        process.stdin.write(format_parameters(parameters))
        process.stdin.flush()
        try:
            yield process
        finally:
            process.kill()


def _read_counts(process: "subprocess.Popen[str]") -> dict[str, Counter[str]]:
    """Return the counts that the process prints as its next line, by kind."""
    assert process.stdout is not None
    return {kind: Counter(counts) for kind, counts in json.loads(process.stdout.readline()).items()}


@contextmanager
def _watch_worker(worker: WorkerProcess, samples: WorkerSamples) -> Iterator[None]:
    stop, failed = Event(), []

    def take_samples() -> None:
        try:
            while not stop.wait(0.5):
                samples.take_sample(worker)
        except Exception as error:
            failed.append(error)

    samples.take_sample(worker)
    thread = Thread(target=take_samples)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert not failed, repr(failed[0])


# Real notices


def _deliver_notices(
    worker: WorkerProcess, posts: Sequence[ReceivedNotice], seconds: float, deliveries: DeliveryTries
) -> None:
    """Send each notice at its planned time, evenly distributed over `seconds`, and add each try to `deliveries`. The
    sender first waits for the answer as long as the notice's source does, and tries again after a failure.
    """
    begun, pause = time.monotonic(), Event()
    with ThreadPoolExecutor(32) as senders:
        sent = []
        for n, post in enumerate(posts):
            pause.wait(max(0.0, begun + n * seconds / len(posts) - time.monotonic()))
            sent.append(senders.submit(_send_notice, worker.port, post, deliveries))
        for one in sent:
            one.result()


def _send_notice(port: int, post: ReceivedNotice, deliveries: DeliveryTries) -> None:
    """Send the notice until the receiver takes it, and add each try with its duration and error to `deliveries`."""
    deadline = time.monotonic() + 4 * LONG_TIMEOUT_SECONDS
    timeout_seconds = SENDER_TIMEOUT_SECONDS[post.source]
    while True:
        began, error = time.perf_counter(), None
        try:
            # Signed anew for each try, as by a bank: on a busy machine an earlier signature may be too old.
            is_signed = post.source == "bank"
            sent = make_signed_notice(post.source, post.body, datetime.now(UTC)) if is_signed else post
            status = post_notice(port, sent, timeout_seconds)
            assert status in (200, 503), f"{status} for a real notice of {post.source}"
            error = None if status == 200 else "come again"
        except (OSError, http.client.HTTPException) as broken:
            error = type(broken).__name__
        deliveries.add_try(post.source, time.perf_counter() - began, error)
        if error is None:
            return
        assert time.monotonic() < deadline, f"nobody takes a notice of {post.source}: {deliveries.count_by_error}"
        timeout_seconds = min(2 * timeout_seconds, LONG_TIMEOUT_SECONDS)
        Event().wait(0.1)


# Results


def _is_every_notice_booked(scene: PaymentDesk) -> bool:
    waiting = scene.place.sql(
        "SELECT (SELECT COUNT(*) FROM payment_events WHERE done = 'queued')"
        " + (SELECT COUNT(*) FROM orders WHERE status <> 'paid')"
    )
    return int(waiting[0][0]) == 0


def _check_notices(scene: PaymentDesk, posts: Sequence[ReceivedNotice]) -> None:
    """Check that each notice has exactly one event, that its money is booked and its order is paid, and that it
    raised no alert.
    """
    notice_deliveries.check_payments_booked(scene, posts)
    events = scene.place.sql("SELECT COUNT(*) FROM payment_events WHERE done NOT LIKE 'refused%'")
    assert events == [(len(posts),)]


def check_answers(flood: FloodResult) -> None:
    """Check that each malformed request got the answer for its kind, or that its connection was closed because no
    place was free.
    """
    for name in KIND_NAMES:
        kind = make_message(name, Random(0)).answer
        answers = set(flood.count_by_answer_and_kind[name]) - {""}
        assert answers or name not in ANSWERED_KINDS, f"{name}: never answered"
        wrong = [one for one in answers if not _is_expected_answer(kind, one)]
        assert wrong == [], f"{name}: {wrong[:3]}"


def _is_expected_answer(kind: str, answer: str) -> bool:
    if kind == ANSWER_REFUSED:
        return answer == _REFUSAL_RESPONSE
    if kind == ANSWER_CHANNEL_END:
        return answer.startswith(("HTTP/1.1 403 Forbidden\r\n", "HTTP/1.1 101 Switching Protocols\r\n"))
    assert kind == ANSWER_ALIVE
    return answer.count("HTTP/1.1 200 OK\r\n") == answer.count("ok\n") == 4
