"""The worker process: runs due tasks and the receiver of notices until a signal asks it to stop."""

import logging
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from types import FrameType

from console import __version__
from console.app import Console
from console.domain.process import interrupts
from console.worker.blocking_sessions_thread import BlockingSessionsThread
from console.worker.request_threads import DeskRequestThreads
from console.worker.task_threads import DueTaskThreads

STOP_WAIT_FOR_TASKS_SECONDS = 40.0
"""Seconds for which a stop waits for running tasks. After that, their calls to providers are aborted."""
STOP_WAIT_FOR_RECORDING_SECONDS = 10.0
"""Seconds for which a stop waits until the results of aborted calls are recorded. A result that is not recorded by
then is recovered later, as after a killed process.
"""
_log = logging.getLogger("console.worker")


@dataclass(frozen=True, slots=True)
class ReadyWorker:
    """Facts about a worker that has started: the URL and port of its receiver, and the names of its due tasks."""

    url: str
    port: int
    task_names: Sequence[str]


def run_worker(console: Console, on_ready: Callable[[ReadyWorker], None]) -> None:
    """Run due tasks and the receiver until SIGTERM, SIGHUP or Ctrl+C; on a database server, also execute desk
    requests and end blocking sessions. `on_ready` is called once, when all threads and the receiver run. Must be
    called on the main thread.

    After the first signal no task begins, and no request is accepted; running tasks and requests may end within
    STOP_WAIT_FOR_TASKS_SECONDS, and their leases are released. The second signal aborts the tasks and requests that
    are still running.

    Raises ConsoleError `not_allowed` if the database account may not run due tasks; `bad_profile` if the receiver
    can't listen on its address, if its certificate or a token of `/live` is invalid, or if the settings of a provider
    name another merchant than the database.
    """
    scheduler, stop_event, abort_event = console.scheduler, Event(), Event()
    scheduler.require_right_to_run_tasks()
    console.require_own_merchants()
    threads: list[DueTaskThreads | DeskRequestThreads | BlockingSessionsThread] = [
        DueTaskThreads(scheduler, stop_event)
    ]
    if console.database.is_server:
        executor = console.desk_request_executor
        threads.append(DeskRequestThreads(executor, stop_event))
        threads.append(
            BlockingSessionsThread(console.blocking_session_ender, stop_event, lambda: executor.is_standby)
        )

    def start_tasks(url: str, port: int) -> None:
        for group in threads:
            group.start()
        _log.info("ready: version %s, %d tasks, receiver on port %d", __version__, len(scheduler.task_names), port)
        on_ready(ReadyWorker(url, port, scheduler.task_names))

    with _handle_signals(stop_event, abort_event):
        try:
            _run_receiver(console, stop_event, start_tasks)
        finally:
            stop_event.set()
            _await_or_abort_threads(threads, scheduler.scale.scale_seconds(STOP_WAIT_FOR_TASKS_SECONDS), abort_event)


def _run_receiver(console: Console, stop_event: Event, on_listening: Callable[[str, int], None]) -> None:
    """Run the receiver on this thread until `stop_event` is set. `on_listening` is called with the receiver's URL
    and port."""
    from console.worker import http_app
    from console.worker.connection_limits import ReceiverOptions

    options = ReceiverOptions.from_settings(console.settings)
    scheme = "https" if options.certificate_file else "http"

    def report_listening(address: str, port: int) -> None:
        host = f"[{address}]" if ":" in address else address
        on_listening(f"{scheme}://{host}:{port}", port)

    http_app.serve_receiver(http_app.make_receiver_app(console, options), options, stop_event, report_listening)


def _await_or_abort_threads(
    threads: Sequence[DueTaskThreads | DeskRequestThreads | BlockingSessionsThread],
    timeout_seconds: float,
    abort_event: Event,
) -> None:
    """Wait until all threads have ended, but at most `timeout_seconds`, or until `abort_event` is set. Then abort the
    calls to providers that still run in them, and wait at most STOP_WAIT_FOR_RECORDING_SECONDS until their answers
    are stored. A thread that still runs after that is only logged."""
    deadline = time.monotonic() + timeout_seconds
    if not all(group.wait_until_ended(deadline - time.monotonic(), abort_event) for group in threads):
        interrupts.end_network_waits(STOP_WAIT_FOR_RECORDING_SECONDS)
    if all(group.wait_until_ended(0, abort_event) for group in threads):
        _log.info("ended")
    else:
        _log.warning("ended; a task that was running is broken off")


@contextmanager
def _handle_signals(stop_event: Event, abort_event: Event) -> Iterator[None]:
    """Context manager: within the block, set `stop_event` when the first SIGINT, SIGTERM or SIGHUP arrives, and
    `abort_event` when the second one arrives. The signal handlers raise no exception, so that no operation is
    interrupted."""

    def set_event(_: int, __: FrameType | None) -> None:
        (abort_event if stop_event.is_set() else stop_event).set()

    earlier_handlers = {number: signal.signal(number, set_event) for number in interrupts.list_stop_signals()}
    try:
        yield
    finally:
        for number, handler in earlier_handlers.items():
            signal.signal(number, handler)
