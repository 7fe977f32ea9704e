"""A desk in a process of its own, for feed_latency.py.

The desk reads the change feed as a window does, and acts on payments at random moments. The first line of stdin has
the desk's parameters as JSON. The second line has two moments in seconds of CLOCK_MONOTONIC: the desk acts until
`act` and reads the feed until `hear`. The process writes the received events to stdout.
"""

import json
import random
import sys
import time
from collections import Counter
from pathlib import Path
from threading import Thread
from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, QTimer, Signal

from console.app import open_console
from console.domain.clock import SystemClock
from console.domain.payments.records import RefundRequest
from console.settings.settings import Settings
from console.views.app.background_refresh import BackgroundRefresh
from console.views.runtime.context import ActingCall, Toast, WindowContext
from console.views.runtime.task_runner import TaskRunner
from console.views.runtime.tasks import Failure
from tests.support import commit_log

_PAYMENT_KIND = "payment"


class DeskSession(QObject):
    """The random actions of a person at the desk, and the events that the desk receives. `received_events` has one
    tuple for each event: its moment (monotonic seconds), the ids of the new rows of the change feed, and the records
    that the pages must read again.

    Signals:
    - begin_and_end_times_received: the times at which the desk begins and ends its actions are known.
    """

    begin_and_end_times_received = Signal()

    def __init__(self, context: WindowContext, pulse: BackgroundRefresh, parameters: dict[str, Any]) -> None:
        super().__init__()
        self._context, self._pulse, self._asked = context, pulse, parameters
        self._chance = random.Random(parameters["seed"])
        self._payments: list[int] = parameters["payments"]
        self._seen: frozenset[int] = frozenset()
        self._times: dict[str, float] = {}
        self.received_events: list[tuple[float, list[int], list[tuple[str, int]]]] = []
        self.done: Counter[str] = Counter()
        context.records_changed.connect(self._record_event)

    def _record_event(self, changed: frozenset[tuple[str, int]]) -> None:
        moment, mark = time.monotonic(), self._pulse._latest_mark
        assert mark is not None
        self.received_events.append((moment, sorted(mark.read_ids - self._seen), sorted(changed)))
        self._seen = mark.read_ids

    def begin_recording(self) -> bool:
        """Begin to record events, except for rows that exist already. Return False if the desk has not read the
        change feed yet.
        """
        mark = self._pulse._latest_mark
        if mark is None:
            return False
        self._seen = mark.read_ids
        self.begin_and_end_times_received.connect(self._start_timers)
        print(json.dumps({"ready": time.monotonic()}), flush=True)
        Thread(target=self._await_begin_and_end_times, daemon=True).start()
        return True

    def _await_begin_and_end_times(self) -> None:
        """Read the times at which the session begins and ends from the second line of stdin, in a thread, and emit
        `begin_and_end_times_received`."""
        self._times = json.loads(sys.stdin.readline())
        self.begin_and_end_times_received.emit()

    def _start_timers(self) -> None:
        app = QCoreApplication.instance()
        assert app is not None
        QTimer.singleShot(round(1_000 * (self._times["hear"] - time.monotonic())), app, app.quit)
        self._schedule_next_action()

    def _schedule_next_action(self) -> None:
        if time.monotonic() < self._times["act"]:
            QTimer.singleShot(self._chance.randint(1, 2 * self._asked["every_ms"]), self, self._execute_random_action)

    def _execute_random_action(self) -> None:
        """Execute a random action on a random payment: add a note, take the payment, probe it, or request a refund.
        Then schedule the next action.
        """
        self._schedule_next_action()
        payment, number = self._chance.choice(self._payments), self._chance.random()
        refund = RefundRequest(payment, "10", "sent back")
        acts: tuple[tuple[float, str, ActingCall[object]], ...] = (
            (0.5, "note", lambda on, id: on.recovery.add_note(_PAYMENT_KIND, payment, "looked at", request_id=id)),
            (0.8, "take", lambda on, id: on.recovery.take(_PAYMENT_KIND, payment, request_id=id)),
            (0.9, "probe", lambda on, id: on.recovery.probe(_PAYMENT_KIND, payment, request_id=id)),
            (1.0, "refund", lambda on, id: on.refunds.request(refund, request_id=id)),
        )
        name, act = next((name, act) for upto, name, act in acts if number < upto)
        self._context.run_acting_call(
            act,
            lambda _: self._count_action(name),
            self._count_refusal,
            caller=self,
            label=name,
            make_toast=lambda _: Toast(name, subject_title=""),
            attempt=(name, payment),
        )

    def _count_action(self, name: str) -> None:
        self.done[name] += 1

    def _count_refusal(self, failure: Failure) -> None:
        self.done[f"refused: {failure.code}"] += 1


def main() -> None:
    parameters = json.loads(sys.stdin.readline())
    commit_log.log_commits(Path(parameters["log"]))
    app, settings = QCoreApplication(sys.argv[:1]), Settings.load()
    runner = TaskRunner()
    with open_console(settings) as console:
        context = WindowContext(settings, runner, SystemClock())
        context.change_operator(parameters["account"])
        pulse = BackgroundRefresh(context, context)
        session = DeskSession(context, pulse, parameters)
        context.store_services(console)
        ready = QTimer()
        ready.setInterval(20)
        ready.timeout.connect(lambda: _begin_after_first_read(ready, session))
        ready.start()
        app.exec()
        pulse.stop_timers()
        runner.close(10)
    print(json.dumps({"told": session.received_events, "done": session.done}))


def _begin_after_first_read(ready: QTimer, session: DeskSession) -> None:
    """Begin the session as soon as the desk has read the change feed, and stop the timer `ready`."""
    if session.begin_recording():
        ready.stop()


if __name__ == "__main__":
    main()
