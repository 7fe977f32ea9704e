"""Delivers the providers' notices to the workers as an unreliable network does. Some notices are lost, some arrive
several times at different workers at the same time, and some arrive late and in another order.
"""

import hashlib
import http.client
import random
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Condition, Lock, Thread

DELIVERY_THREADS = 6
LOST_NOTICES_PART = 0.12
"""Part (0 to 1) of the notices that are lost."""
REPEATED_NOTICES_PART = 0.25
"""Part (0 to 1) of the notices that are delivered two to four times."""
LATE_NOTICES_PART = 0.25
"""Part (0 to 1) of the notices that are delivered up to MAX_DELAY_SECONDS late."""
MAX_DELAY_SECONDS = 2.5
_REPETITION_INTERVAL_SECONDS = 0.4
_REPETITION_PERIOD_SECONDS = 60.0
_ANSWER_TIMEOUT_SECONDS = 10.0
ACCEPTED_STATUS = 200
REFUSED_STATUS = 400


@dataclass(order=True)
class _Delivery:
    """One planned delivery of a notice: `due_at` is its time, `repeated_until` the end of its repetitions (monotonic
    seconds), `content_type` the content type of the notice. `delivery_number` decides which worker receives it.
    """

    due_at: float
    delivery_number: int
    path: str = field(compare=False)
    body: bytes = field(compare=False)
    content_type: str = field(compare=False)
    repeated_until: float = field(compare=False)


class NoticeDeliverer(ThreadingHTTPServer):
    """An HTTP server that answers each notice of a provider immediately and delivers it to a worker later. A delivery
    that a worker neither accepts nor refuses (HTTP status 200 or 400) is repeated to the next worker, for up to a
    minute. `event_counts` counts the notices by event: lost, late and so on, and the answers by HTTP status.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, seed: int, ports: Sequence[int]) -> None:
        super().__init__(("127.0.0.1", 0), _NoticeHandler)
        self._seed, self._ports = seed, ports
        self._deliveries: list[_Delivery] = []
        self._turns, self._changed, self._closed = count(), Condition(), False
        self._handed_in: Counter[str] = Counter()
        self._lock, self._busy = Lock(), 0
        self.event_counts: Counter[str] = Counter()
        self._own_threads = [
            Thread(target=self._deliver_until_closed, name=f"carrier-{n}") for n in range(DELIVERY_THREADS)
        ]
        self._own_threads.append(Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="postman"))

    def __enter__(self) -> "NoticeDeliverer":
        for thread in self._own_threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self.shutdown()
        for thread in self._own_threads:
            thread.join()
        self.server_close()

    def make_address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    @property
    def is_idle(self) -> bool:
        """True if no delivery is waiting or running."""
        with self._changed:
            return not self._deliveries and not self._busy

    def accept_notice(self, path: str, body: bytes, kind: str, *, never_lost: bool = False) -> None:
        """Accept a notice with this body and the content type `kind` for the path `path` of a worker, and decide at
        random how it is delivered: lost, once, several times, or late. With `never_lost` it isn't lost.
        """
        chance = self._make_random(body)
        self._count("notices")
        if not never_lost and chance.random() < LOST_NOTICES_PART:
            self._count("lost")
            return
        copies = chance.randint(2, 4) if chance.random() < REPEATED_NOTICES_PART else 1
        late = chance.uniform(0.2, MAX_DELAY_SECONDS) if chance.random() < LATE_NOTICES_PART else 0.0
        self._count("doubled", copies > 1)
        self._count("late", late > 0)
        now = time.monotonic()
        with self._changed:
            for _ in range(copies):
                delivery = _Delivery(
                    now + late, next(self._turns), path, body, kind, now + late + _REPETITION_PERIOD_SECONDS
                )
                heappush(self._deliveries, delivery)
            self._changed.notify_all()

    def _make_random(self, body: bytes) -> random.Random:
        """Return a random generator that depends only on the text of the notice and on how often it was accepted, not
        on the order in which the threads run.
        """
        digest = hashlib.sha256(body).hexdigest()
        with self._lock:
            self._handed_in[digest] += 1
            return random.Random(f"{self._seed}:{digest}:{self._handed_in[digest]}")

    def _count(self, event: str, count: int = 1) -> None:
        with self._lock:
            self.event_counts[event] += count

    def _deliver_until_closed(self) -> None:
        """Deliver waiting notices until the server is closed."""
        while (delivery := self._wait_for_delivery()) is not None:
            try:
                self._deliver(delivery)
            finally:
                with self._changed:
                    self._busy -= 1

    def _wait_for_delivery(self) -> _Delivery | None:
        """Wait until a delivery is due, and return it; None if the server is closed."""
        with self._changed:
            while not self._closed:
                wait = self._deliveries[0].due_at - time.monotonic() if self._deliveries else 1.0
                if self._deliveries and wait <= 0:
                    self._busy += 1
                    return heappop(self._deliveries)
                self._changed.wait(wait)
        return None

    def _deliver(self, delivery: _Delivery) -> None:
        """Deliver a notice once to a worker. Plan a repetition if the worker has neither accepted nor refused the
        notice.
        """
        status = _send_notice(self._ports[delivery.delivery_number % len(self._ports)], delivery)
        self._count(f"answered {status}")
        if status in (ACCEPTED_STATUS, REFUSED_STATUS):
            return
        now = time.monotonic()
        if now > delivery.repeated_until:
            self._count("given up")
            return
        with self._changed:
            heappush(
                self._deliveries,
                replace(delivery, due_at=now + _REPETITION_INTERVAL_SECONDS, delivery_number=next(self._turns)),
            )


def _send_notice(port: int, delivery: _Delivery) -> int:
    """Send the notice to this port. Return the HTTP status; 0 if there was no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_TIMEOUT_SECONDS)
    try:
        connection.request(
            "POST", delivery.path, delivery.body, {"Content-Type": delivery.content_type, "Connection": "close"}
        )
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
    return answer.status


class _NoticeHandler(BaseHTTPRequestHandler):
    """The HTTP handler that receives the providers' notices and passes them to the NoticeDeliverer."""

    server: NoticeDeliverer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.accept_notice(self.path, body, self.headers["Content-Type"])
        with suppress(OSError):
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing, because the NoticeDeliverer counts the outcome of each notice."""
