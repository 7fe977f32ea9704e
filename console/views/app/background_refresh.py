"""What goes on by itself while the window is open: the feed each second, counts, due tasks each minute."""

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Slot

from console.domain.results import FeedMark, TaskRun
from console.views.desk_api import Desk
from console.views.seat import Seat, Standing
from console.views.tasks import Failure

FEED_MS = 1_000
COUNTS_MS = 30_000
DUE_MS = 60_000
_WORKER = "worker"

Feed = tuple[FeedMark, tuple[tuple[str, int], ...]]


class Pulse(QObject):
    """Begins when the services have arrived. One reading of a kind at a time: a slow one is waited for."""

    def __init__(self, seat: Seat, parent: QObject) -> None:
        super().__init__(parent)
        self._seat = seat
        self._latest: FeedMark | None = None
        self._busy: set[str] = set()
        self._asked = 0.0
        self.last_due: tuple[TaskRun, ...] = ()
        self._timers = [
            self._every(FEED_MS, self.read_feed),
            self._every(COUNTS_MS, self.read_standing),
            self._every(DUE_MS, self.run_due),
        ]
        seat.arrived.connect(self._begin)
        seat.person_changed.connect(self.read_standing)

    def _every(self, interval: int, act: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(interval)
        timer.timeout.connect(act)
        return timer

    @Slot()
    def _begin(self) -> None:
        for timer in self._timers:
            timer.start()
        self.read_feed()  # from here on nothing is missed
        # The first page's rows come first; each of these has time.
        for wait, act in ((50, self.read_standing), (400, self._read_people), (2_000, self.run_due)):
            QTimer.singleShot(wait, self, act)

    def stop(self) -> None:
        for timer in self._timers:
            timer.stop()

    # -- the feed

    @Slot()
    def read_feed(self) -> None:
        """Ask what has changed since the last time."""
        if not self._may("feed"):
            return
        latest, clock = self._latest, self._seat.monotonic
        self._asked = clock()

        def read(desk: Desk) -> tuple[Feed, float]:
            began = clock()
            return desk.recovery.changes(latest), clock() - began

        self._seat.read(read, self._take_feed, self._lost, owner=self)

    def _take_feed(self, answer: tuple[Feed, float]) -> None:
        self._busy.discard("feed")
        (latest, changes), seconds = answer
        begun, self._latest = self._latest is not None, latest
        self._seat.reached(service_seconds=round(seconds, 1), lost_since=None)
        if begun and changes:
            self._seat.changed.emit(frozenset(changes))
            self.read_standing()

    def _lost(self, failure: Failure) -> None:
        """The database does not answer: what is shown stays, and says since when it is old."""
        self._busy.discard("feed")
        if failure.detail.get("problem") == "access_denied":
            self._seat.entry_refused.emit(failure)
        elif failure.code == "not_allowed":  # it does answer, only not this role
            self._seat.reached(service_seconds=round(self._seat.monotonic() - self._asked, 1), lost_since=None)
        else:
            self._seat.reached(lost_since=self._seat.reach.lost_since or self._seat.now())

    # -- how things stand

    @Slot()
    def read_standing(self) -> None:
        """Counts of the queues, and unfinished work."""
        if not self._may("standing"):
            return
        now, decides = self._seat.now(), not self._seat.lacks("refund_approve")

        def read(desk: Desk) -> Standing:
            mine = len(desk.refunds.inbox().mine_to_decide) if decides else 0
            counts, unfinished = desk.recovery.counts(), desk.recovery.unfinished()
            return Standing(counts, unfinished, now, mine, desk.alerts.waiting(), desk.bulk.waiting())

        self._seat.read(read, self._take_standing, self._no_standing, owner=self)

    def _take_standing(self, standing: Standing) -> None:
        self._busy.discard("standing")
        self._seat.stand(standing)

    def _no_standing(self, failure: Failure) -> None:
        self._busy.discard("standing")
        if failure.code == "not_allowed":
            self._seat.stand(Standing())  # what the last person saw is not for this one

    # -- people and providers, once

    def _read_people(self) -> None:
        self._seat.read(lambda desk: desk.people.all(), self._seat.know, lambda _: None, owner=self)
        self._seat.read(_provider_is_set_up, self._take_set_up, lambda _: None, owner=self)
        self._seat.read(lambda desk: desk.payment_providers, self._seat.know_gateways, lambda _: None, owner=self)

    def _take_set_up(self, ready: bool) -> None:
        self._seat.reached(provider_missing=not ready)

    # -- due tasks

    @Slot()
    def run_due(self) -> None:
        """Probes, re-fetches, lapsed work, answers to deliver: as the desk, not as the person who sits here. A server
        knows only its accounts: there they are for those whose role admits it.
        """
        barred = self._seat.settings.sign_in.is_server and self._seat.lacks("due_tasks")
        if barred or not self._may("due"):
            return
        call = self._seat.bound(lambda desk: desk.recovery.run_scheduled(), _WORKER)
        self._seat.runner.run(call, self._take_due, self._due_failed, owner=self, lane="slow", cancellable=True)

    def _take_due(self, runs: tuple[TaskRun, ...]) -> None:
        self._busy.discard("due")
        self.last_due = runs
        self._seat.due_ran()

    def _due_failed(self, _failure: Failure) -> None:
        self._busy.discard("due")

    def _may(self, what: str) -> bool:
        """Whether to begin: the services are here and the last reading of that kind is over."""
        if what in self._busy or not self._seat.ready:
            return False
        self._busy.add(what)
        return True


def _provider_is_set_up(desk: Desk) -> bool:
    return all(check.ok for check in desk.health.doctor() if check.name == "alarmbox")
