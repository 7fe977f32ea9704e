"""The calls that an open window repeats in the background, each at its own interval.

- the change feed: every 1.5 s, and after each acting call, so that the page behind a dialog shows the effect of the
  call at once
- the presence of workers and the read-only switches: every 6 s
- the due tasks: every minute
- the counts and the saved views: after each change in the feed, and every two minutes
- the people with their roles: every two minutes
- the team's corporation registry: every ten minutes

While no person uses the desk, the window reads the feed, and with it the presence and the switches, the counts, the
views and the people less often.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Slot

from console.domain.access.disabled_people import Disabling
from console.domain.access.read_only import ReadOnlySwitch
from console.domain.desk_requests.records import LeftoverCredentials
from console.domain.errors import ErrorCode
from console.domain.payments.records import Refund
from console.domain.queues.saved_views import VIEW_KIND, ViewCount
from console.domain.records import Person
from console.domain.recovery.records import WaitingProposal
from console.domain.service_results import DeskUpdate, FeedMark, TaskRun
from console.domain.setting_problems import LOGIN_REFUSED_PROBLEMS
from console.views.runtime.call_timer import CallTimer
from console.views.runtime.context import WindowContext, WorkCounts
from console.views.runtime.tasks import Failure

if TYPE_CHECKING:
    from console.app import Console

CHANGE_FEED_INTERVAL_MS = 1_500
"""Time between two readings of the change feed while a person is at the desk."""
UNATTENDED_CHANGE_FEED_INTERVAL_MS = 10_000
"""Time between two readings of the change feed while nobody is at the desk. Without this longer time, desks that
nobody uses would cause half of the database load of a team in which nothing happens."""
FEED_READINGS_PER_WORKER_PRESENCE_READING = 4
"""Number of readings of the change feed for one reading of the presence of workers and of the read-only switches.
While no worker is present, each reading of the feed also reads the presence and the switches. A reading of the
presence can return the version of the switches; the desk then reads the switches only if the version has changed.
"""
WORK_COUNTS_INTERVAL_MS = 120_000
"""Time between two readings of the counts, of the saved views and of the people while a person is at the desk. The
counts and the views are also read after each change in the feed, and when the person returns to the desk. They must
be read at this interval only because time alone or another program can also change them. One reading of the counts
costs a server as much as thirty readings of the feed.
"""
UNATTENDED_WORK_COUNTS_INTERVAL_MS = 300_000
"""Time between two readings of the counts, of the saved views and of the people while nobody is at the desk."""
DUE_TASKS_INTERVAL_MS = 60_000
REGISTRY_FETCH_INTERVAL_MS = 600_000
"""Time between two checks for a newer corporation registry of the team."""
REGISTRY_FIRST_FETCH_DELAY_MS = 15_000
"""Time from the start of the window until the first check for a newer corporation registry of the team."""
_WORKER_ACTOR_NAME = "worker"

_FeedReading = tuple[DeskUpdate, tuple[ReadOnlySwitch, ...] | None]
"""Result of one reading: the changes and the presence of workers, and the read-only switches (None if this reading
has not read the switches).
"""


class BackgroundRefresh(QObject):
    """The timers of the calls that an open window repeats: for the change feed, the counts, the saved views, the
    people, the due tasks, and the team's corporation registry. The timers start when the services are open. A timer
    skips its call while its previous call is still running. Each method that reads returns at once; the values that
    it has read are stored in the context later.
    """

    def __init__(self, context: WindowContext, parent: QObject) -> None:
        super().__init__(parent)
        self._context = context
        self._latest_mark: FeedMark | None = None
        self._running_call_kinds: set[str] = set()
        self._are_counts_outdated = False
        """True if the counts must be read again, because something changed while they were being read."""
        self._readings_until_presence_reading = 0
        self._known_switches_version: int | None = None
        self._feed_call_timer = CallTimer(context.monotonic)
        self._feed_timer = self._make_timer(CHANGE_FEED_INTERVAL_MS, self.read_change_feed)
        self._counts_timer = self._make_timer(WORK_COUNTS_INTERVAL_MS, self._read_counts_unless_running)
        self._saved_views_timer = self._make_timer(WORK_COUNTS_INTERVAL_MS, self.read_saved_views)
        self._people_timer = self._make_timer(WORK_COUNTS_INTERVAL_MS, self.read_people)
        self._timers = [
            self._feed_timer,
            self._counts_timer,
            self._saved_views_timer,
            self._people_timer,
            self._make_timer(DUE_TASKS_INTERVAL_MS, self.run_due_tasks),
            self._make_timer(REGISTRY_FETCH_INTERVAL_MS, self.fetch_registry),
        ]
        context.services_opened.connect(self._start_timers)
        context.person_changed.connect(self.read_work_counts)
        context.person_changed.connect(self._replace_saved_views)
        context.work_counts_outdated.connect(self.read_work_counts)
        context.saved_views_outdated.connect(self.read_saved_views)
        context.people_outdated.connect(self.read_people)
        context.acting_call_ended.connect(self.read_change_feed)

    def _make_timer(self, interval_ms: int, call: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(interval_ms)
        timer.timeout.connect(call)
        return timer

    @Slot()
    def _start_timers(self) -> None:
        for timer in self._timers:
            timer.start()
        self.read_change_feed()  # sets the mark: each later reading returns the changes since the mark
        # These calls wait some milliseconds, so that the first page reads its rows before them.
        for delay_ms, call in (
            (50, self.read_work_counts),
            (400, self._read_people_and_providers),
            (700, self.read_saved_views),
            (2_000, self.run_due_tasks),
            (REGISTRY_FIRST_FETCH_DELAY_MS, self.fetch_registry),
        ):
            timer = self._make_timer(delay_ms, call)
            timer.setSingleShot(True)
            timer.timeout.connect(timer.deleteLater)
            timer.start()

    def stop_timers(self) -> None:
        """Stop all timers, including those that delay the first calls after the start. No further call begins."""
        for timer in self.findChildren(QTimer):
            timer.stop()

    @Slot(bool)
    def set_intervals_by_attendance(self, is_attended: bool) -> None:
        """Set the intervals at which the window reads the change feed, the counts, the saved views and the people:
        the usual intervals if a person uses the desk (`is_attended`), otherwise longer intervals. If a person uses
        the desk, also read the feed and the counts now.
        """
        self._feed_timer.setInterval(CHANGE_FEED_INTERVAL_MS if is_attended else UNATTENDED_CHANGE_FEED_INTERVAL_MS)
        for timer in (self._counts_timer, self._saved_views_timer, self._people_timer):
            timer.setInterval(WORK_COUNTS_INTERVAL_MS if is_attended else UNATTENDED_WORK_COUNTS_INTERVAL_MS)
        if is_attended:
            self._readings_until_presence_reading = 0
            self.read_change_feed()
            self.read_work_counts()

    # -- change feed

    @Slot()
    def read_change_feed(self) -> None:
        """Read from the change feed which records have changed since the previous call, and emit the context's signal
        `records_changed` with their kinds and ids. The first call emits nothing. Every fourth call, and while no
        worker is present every call, also reads the presence of a worker and, if they may have changed, the read-only
        switches. Nothing is read while the services aren't open or a previous read of the feed is running.
        """
        if not self._mark_call_running_if_allowed("feed"):
            return
        latest_mark, known_switches = self._latest_mark, self._known_switches_version
        was_worker_away = self._context.connection_state.worker_away_since is not None
        reads_presence = was_worker_away or self._readings_until_presence_reading <= 0
        self._readings_until_presence_reading = (
            FEED_READINGS_PER_WORKER_PRESENCE_READING - 1
            if reads_presence
            else self._readings_until_presence_reading - 1
        )

        def read_feed(services: "Console") -> _FeedReading:
            with self._feed_call_timer.measure():
                update = services.desk_status.read_desk_update(latest_mark, with_presence=reads_presence)
            has_same_switches = update.switches_version is not None and update.switches_version == known_switches
            reads_switches = reads_presence and not has_same_switches
            return update, services.read_only_switches.list_switches() if reads_switches else None

        self._context.run_read(read_feed, self._store_feed_reading, self._show_lost_connection, caller=self)

    def _store_feed_reading(self, reading: _FeedReading) -> None:
        """Store in the context the presence of workers, the response time of the database and the read-only switches.
        If records have changed since an earlier call, emit the context's signal `records_changed` and read the counts
        again.
        """
        self._running_call_kinds.discard("feed")
        update, switches = reading
        had_mark, self._latest_mark = self._latest_mark is not None, update.feed_mark
        away_since = (
            (self._context.connection_state.worker_away_since or self._context.now())
            if update.is_worker_away
            else None
        )
        self._context.update_connection_state(
            database_answer_seconds=round(self._feed_call_timer.seconds, 1),
            lost_since=None,
            worker_away_since=away_since,
        )
        if switches is not None:
            self._known_switches_version = update.switches_version
            self._context.update_connection_state(read_only_switches=switches)
        if had_mark and update.changes:
            self._context.records_changed.emit(frozenset(update.changes))
            self.read_work_counts()
            if self._context.saved_views or any(kind == VIEW_KIND for kind, _ in update.changes):
                self.read_saved_views()  # with the counts, so that the window shows no two sums of the same records

    def _show_lost_connection(self, failure: Failure) -> None:
        """Handle a failed read of the change feed: store in the context the instant since which the database doesn't
        answer, so that the window shows a bar. The rows on screen stay. If the database refuses the account in use,
        emit the context's signal `sign_in_refused` instead, so that the person signs in again."""
        self._running_call_kinds.discard("feed")
        self._known_switches_version = None  # a database that is restored may use an id again
        if failure.detail.get("problem") in LOGIN_REFUSED_PROBLEMS:
            self._context.sign_in_refused.emit(failure)
        elif failure.code == ErrorCode.NOT_ALLOWED:  # the database answers, but this role may not read the feed
            self._context.update_connection_state(
                database_answer_seconds=round(self._feed_call_timer.seconds, 1), lost_since=None
            )
        else:
            self._context.update_connection_state(
                lost_since=self._context.connection_state.lost_since or self._context.now()
            )

    # -- counts

    @Slot()
    def _read_counts_unless_running(self) -> None:
        """Read the counts; do nothing if they are already being read. The timer of the counts calls this."""
        if "standing" not in self._running_call_kinds:
            self.read_work_counts()

    @Slot()
    def read_work_counts(self) -> None:
        """Read the counts that the window shows: records in the queues, unfinished operations and bulk runs, refunds
        and proposals that the acting person may decide, incidents with an unacknowledged alert, and mentions. Also
        read the events that concern the person, and the times of the providers' newest answers. Store all of them in
        the context as WorkCounts, later, when they have been read. Nothing is read while the services aren't open. If
        the read fails, the earlier counts stay; if the person has no right to read them, they are removed.

        If an earlier call of this method is still running, read everything again after it has ended, because the
        earlier call may have read some of the numbers too early.
        """
        if not self._mark_call_running_if_allowed("standing"):
            self._are_counts_outdated = self._context.is_ready
            return
        self._are_counts_outdated = False
        now, person = self._context.now(), self._context.operator
        may_decide = not self._context.find_missing_right_reason("refund_approve")
        may_confirm = not self._context.find_missing_right_reason("resolve_second")

        def read_counts(services: "Console") -> WorkCounts:
            with services.desk_status.cache_acting_person():
                return _read_work_counts(services, now, person, may_decide=may_decide, may_confirm=may_confirm)

        self._context.run_read(
            read_counts, self._end_work_counts_reading, self._end_failed_work_counts_reading, caller=self
        )

    def _end_work_counts_reading(self, work_counts: WorkCounts) -> None:
        """Store the counts in the context, unless the acting person has changed since they were requested. If a
        change was reported while the counts were being read, read them again afterwards."""
        self._running_call_kinds.discard("standing")
        self._context.store_answer_times(work_counts.answer_times)
        if work_counts.person == self._context.operator:
            self._context.store_work_counts(work_counts)
        self._read_counts_again_if_outdated()

    def _end_failed_work_counts_reading(self, failure: Failure) -> None:
        """Leave the earlier counts in the context, because the new ones could not be read. If the person has no right
        to read them, remove the counts. If a change was reported while the counts were being read, read them again
        afterwards."""
        self._running_call_kinds.discard("standing")
        if failure.code == ErrorCode.NOT_ALLOWED:
            self._context.store_work_counts(WorkCounts())  # hides the counts that the previous person could see
        self._read_counts_again_if_outdated()

    def _read_counts_again_if_outdated(self) -> None:
        """Read the counts again if this was requested while they were being read."""
        if self._are_counts_outdated:
            self.read_work_counts()

    # -- saved views

    @Slot()
    def read_saved_views(self) -> None:
        """Read the saved views with the counts of their records, and store them in the context when they have been
        read. Nothing is read while the services aren't open or a previous read is running. If another person has
        become the acting person during the read, read the views of this person after it. If the read fails, the
        earlier views stay; if the person has no right to read them, they are removed."""
        if not self._mark_call_running_if_allowed("views"):
            return
        person = self._context.operator

        def store_views_in_context(views: tuple[ViewCount, ...]) -> None:
            self._running_call_kinds.discard("views")
            if person == self._context.operator:
                self._context.store_saved_views(views)
            else:
                self.read_saved_views()

        def end_failed_reading(failure: Failure) -> None:
            self._running_call_kinds.discard("views")
            if person != self._context.operator:
                self.read_saved_views()
            elif failure.code == ErrorCode.NOT_ALLOWED:
                self._context.store_saved_views(())

        self._context.run_read(
            lambda services: services.saved_views.count_records_of_views(),
            store_views_in_context,
            end_failed_reading,
            caller=self,
        )

    @Slot()
    def _replace_saved_views(self) -> None:
        """Remove the previous person's saved views from the context, and read those of the new acting person."""
        self._context.store_saved_views(())
        self.read_saved_views()

    # -- people

    @Slot()
    def read_people(self) -> None:
        """Read the operators with their roles, because an administrator may have changed a role while the window is
        open. They are stored in the context when they have been read. Nothing is read while the services aren't open
        or a previous read is running. If the read fails, the earlier operators stay."""
        if not self._mark_call_running_if_allowed("people"):
            return

        person_name = self._context.operator

        def read_people(services: "Console") -> tuple[tuple[Person, ...], Disabling | None]:
            people = services.people.list_enabled_people()
            is_listed = not people or any(person.name == person_name for person in people)
            return people, None if is_listed else services.people.find_own_disabling()

        def store_people_in_context(answer: tuple[tuple[Person, ...], Disabling | None]) -> None:
            self._running_call_kinds.discard("people")
            self._context.replace_people(*answer)

        self._context.run_read(
            read_people,
            store_people_in_context,
            lambda _: self._running_call_kinds.discard("people"),
            caller=self,
        )

    # -- credentials and providers, read once

    def _read_people_and_providers(self) -> None:
        """Read the operators, the credentials that this desk no longer needs, whether AlarmBox is configured, and the
        names of the payment providers; store them in the context."""
        self.read_people()
        self._context.run_read(
            lambda services: services.desk_status.list_unneeded_credentials(),
            self._store_leftover_credentials,
            lambda _: None,
            caller=self,
        )
        self._context.run_read(
            _is_alarmbox_set_up, self._store_whether_alarmbox_is_set_up, lambda _: None, caller=self
        )
        self._context.run_read(
            lambda services: services.payment_providers, self._context.store_gateways, lambda _: None, caller=self
        )

    def _store_leftover_credentials(self, leftovers: LeftoverCredentials) -> None:
        self._context.update_connection_state(leftover_credentials=leftovers)

    def _store_whether_alarmbox_is_set_up(self, is_set_up: bool) -> None:
        self._context.update_connection_state(is_alarmbox_missing=not is_set_up)

    # -- due tasks

    @Slot()
    def run_due_tasks(self) -> None:
        """Run the due tasks, such as probes and re-fetches, in a background thread. They run with the identity of a
        worker, not of the signed-in person. With a database server, they run only if the signed-in person has the
        right `due_tasks`. A desk that asks a worker to act runs no task itself.
        """
        lacks_right = self._context.settings.sign_in.is_server and self._context.find_missing_right_reason(
            "due_tasks"
        )
        if lacks_right or not self._mark_call_running_if_allowed("due"):
            return

        def run_scheduled_tasks(services: "Console") -> tuple[TaskRun, ...] | None:
            return None if services.desk_status.asks_worker else services.recovery.run_due_tasks()

        call = self._context.bind_services(run_scheduled_tasks, _WORKER_ACTOR_NAME)
        self._context.runner.run(
            call,
            self._end_due_tasks_call,
            self._end_failed_due_tasks_call,
            caller=self,
            pool_name="slow",
            is_cancellable=True,
        )

    def _end_due_tasks_call(self, runs: tuple[TaskRun, ...] | None) -> None:
        """Store in the context that this desk has just run the due tasks. Store nothing if `runs` is None, which
        means that a worker runs them for this desk."""
        self._running_call_kinds.discard("due")
        if runs is not None:
            self._context.store_last_due_tasks_time()

    def _end_failed_due_tasks_call(self, _failure: Failure) -> None:
        """Allow the next call of the due tasks after a failed one. The failure isn't shown."""
        self._running_call_kinds.discard("due")

    @Slot()
    def fetch_registry(self) -> None:
        """In a team, replace this desk's copy of the corporation registry with the team's newer one, in a background
        thread. After a failure the desk keeps its present copy, and the next call tries again."""
        if not self._context.settings.sign_in.is_server or not self._mark_call_running_if_allowed("registry"):
            return
        call = self._context.bind_services(lambda services: services.registry.fetch_published_registry())
        self._context.runner.run(
            call,
            self._end_registry_fetch,
            self._end_registry_fetch,
            caller=self,
            pool_name="long",
            is_cancellable=True,
        )

    def _end_registry_fetch(self, _outcome: object) -> None:
        """Allow the next check for a newer registry, after this one has succeeded or failed."""
        self._running_call_kinds.discard("registry")

    def _mark_call_running_if_allowed(self, kind: str) -> bool:
        """Mark the repeated call `kind`, such as "feed", as running and return True. Return False if the services
        aren't open, or if the previous call of this kind is still running."""
        if kind in self._running_call_kinds or not self._context.is_ready:
            return False
        self._running_call_kinds.add(kind)
        return True


def _read_work_counts(
    services: "Console", now: datetime, person: str | None, *, may_decide: bool, may_confirm: bool
) -> WorkCounts:
    """Read and return the counts of `BackgroundRefresh.read_work_counts` for the acting person `person` at the
    instant `now`. `may_decide`: the person may decide about refunds. `may_confirm`: the person may confirm proposals.
    """
    refunds = services.refunds.read_inbox().refunds_to_decide if may_decide else ()
    proposals = services.recovery.list_proposals() if may_confirm else ()
    counts = (
        *services.recovery.count_queued_records(),
        services.notices.count_open_notices(),
        services.alerts.count_changed_companies(),
    )
    unfinished_operations = services.recovery.list_unfinished_operations()
    lost_count = services.alerts.count_lost_operations()
    decisions_to_make: tuple[Refund | WaitingProposal, ...] = (
        *refunds,
        *(proposal for proposal in proposals if not proposal.refusal),
    )
    mentions = services.mentions.list_open_mentions()
    return WorkCounts(
        counts,
        unfinished_operations,
        now,
        decisions_to_make,
        services.incidents.count_waiting_incidents(),
        services.bulk_runs.count_unfinished_runs(),
        lost_count,
        person,
        mentions,
        services.notifications.list_events(decisions_to_make, mentions),
        services.desk_status.list_answer_times(),
    )


def _is_alarmbox_set_up(services: "Console") -> bool:
    """True if the health check of AlarmBox succeeds: this desk has the settings that AlarmBox needs. Also True if
    there is no such check."""
    return all(check.ok for check in services.health.run_all_checks() if check.name == "alarmbox")
