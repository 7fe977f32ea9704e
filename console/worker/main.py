"""The worker process: due tasks and the receiver, until it is told to end."""

import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from types import FrameType

from console.app import Console
from console.worker.runner import Runner

STOP_SECONDS = 40.0
"""So long a stop waits for the runs that are under way; what is cut off then is taken over as after a kill."""
_log = logging.getLogger("console.worker")


@dataclass(frozen=True, slots=True)
class Ready:
    """Where the receiver answers, and what the worker looks after."""

    url: str
    port: int
    tasks: Sequence[str]


def run(console: Console, ready: Callable[[Ready], None]) -> None:
    """Work until SIGTERM or Ctrl+C, telling once when everything has begun. Call it from the main thread.

    Told to end: no new task is begun and no new request taken; what is under way ends, within STOP_SECONDS; leases
    are given up. Told so twice: what is under way is cut off. Raises not_allowed for an account that may not run due
    tasks, bad_profile where nobody can listen.
    """
    scheduler, stop, hurry = console.scheduler, Event(), Event()
    scheduler.require()
    runner = Runner(scheduler, stop)

    def begun(url: str, port: int) -> None:
        runner.start()
        _log.info("ready: %d tasks, receiver on port %d", len(scheduler.names), port)
        ready(Ready(url, port, scheduler.names))

    with _told_to_end(stop, hurry):
        try:
            _receive(console, stop, begun)
        finally:
            stop.set()
            _end(runner, scheduler.scale.seconds(STOP_SECONDS), hurry)


def _receive(console: Console, stop: Event, begun: Callable[[str, int], None]) -> None:
    """Take what providers send, until `stop`: on this thread."""
    from console.worker import receiver
    from console.worker.limits import Options

    options = Options.of(console.settings)
    scheme = "https" if options.certificate else "http"

    def listening(address: str, port: int) -> None:
        host = f"[{address}]" if ":" in address else address
        begun(f"{scheme}://{host}:{port}", port)

    receiver.serve(receiver.make_app(console, options), options, stop, listening)


def _end(runner: Runner, seconds: float, hurry: Event) -> None:
    if runner.ended(seconds, hurry):
        _log.info("ended")
    else:
        _log.warning("ended; a task that was under way is cut off")


@contextmanager
def _told_to_end(stop: Event, hurry: Event) -> Iterator[None]:
    """The first request to end sets `stop`, a second one `hurry`: nothing is raised in the middle of anything."""

    def told(_: int, __: FrameType | None) -> None:
        (hurry if stop.is_set() else stop).set()

    before = {number: signal.signal(number, told) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
