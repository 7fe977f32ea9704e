"""The context that all pages of one window share: services, acting person, language and navigation signals."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import shiboken6
from PySide6.QtCore import QObject, Signal, Slot

from console.domain.access.disabled_people import Disabling
from console.domain.access.permissions import (
    READING_RIGHTS,
    ROLES_BY_RIGHT,
    WORKER,
    has_right,
    is_same_person,
)
from console.domain.access.read_only import RIGHTS_STOPPED_BY_SWITCH, find_stopping_switch
from console.domain.calendar_days import JST
from console.domain.clock import Clock, compute_age
from console.domain.error_reasons import NotAllowedReason, OutcomeUnknownReason
from console.domain.errors import ErrorCode, rebuild_error
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.payments.records import Order, Payment, Refund
from console.domain.process import correlation as tracing
from console.domain.queues.saved_views import ViewCount
from console.domain.records import CreditCheck, Person
from console.domain.recovery.records import WaitingProposal
from console.services.desk_requests.request_wait import RequestWait, report_request_state_to
from console.services.process.passwords import use_password_reader
from console.views.runtime.call_timer import CallTimer
from console.views.runtime.first_tasks import FirstTask, FirstTaskList
from console.views.runtime.page_fetch import FetchedPage, PageFetcher
from console.views.runtime.person_state import VISITS_VALUE_NAME, PersonValues
from console.views.runtime.preferences import Preferences
from console.views.runtime.request_id import AttemptRequestIds
from console.views.runtime.routes import Route
from console.views.runtime.status_values import (
    ConnectionState,
    GatewayStatus,
    PasswordRequest,
    RecordVisit,
    Toast,
    WorkCounts,
)
from console.views.runtime.tasks import Failure, PoolName, ProgressReporter, Runner, TaskHandle
from console.views.theme.design_tokens import Language, ThemeName, Tone
from console.views.theme.key_names import format_keys
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console
    from console.settings.settings import Settings

__all__ = ["Toast", "ConnectionState", "WindowContext", "WorkCounts", "RecordVisit"]

T = TypeVar("T")
ServiceCall = Callable[["Console"], T]
"""Type of a function that calls a service and returns its result."""
ActingCall = Callable[["Console", str], T]
"""An acting call: a function that writes or sends a request to a provider. Its arguments are the services and the
request id that it must pass to the service.
"""
LongActingCall = Callable[["Console", str, ProgressReporter], T]
"""An acting call that takes long. In addition to the arguments of an ActingCall, it gets the function to which it
reports its progress.
"""
_MAX_RECORD_VISITS = 20
_MIN_SHOWN_AGE = timedelta(minutes=1)
"""Age from which a sentence that contains a time of day also gives the age."""
_MAX_REQUEST_ID_STORING_SECONDS = 2.0
"""Seconds that an acting call waits at most until its request id is on the disk."""
_FIRST_SERVER_ERROR_STATUS = 500
_UNKNOWN_OUTCOME_REASONS_WITHOUT_CALL = (
    OutcomeUnknownReason.NO_LIST_CALL,
    OutcomeUnknownReason.NO_READ_CALL,
    OutcomeUnknownReason.ONLY_DESK_KNOWS,
    OutcomeUnknownReason.EARLIER_ATTEMPT,
    OutcomeUnknownReason.WORKER_ANSWER_MISSING,
)
_PASSWORD_NEEDED_REASONS = (NotAllowedReason.PASSWORD_NEEDED, NotAllowedReason.PASSWORD_WRONG)
ALARMBOX_PROVIDER_NAME = CREDIT_CHECK_PROVIDER


class WindowContext(QObject):
    """The services, settings and state that all pages of one window share. Use this object from the GUI thread only;
    its service calls run in background threads as the acting person. In the list below, "the frame" is the object
    that shows the pages of the window.

    Signals:
    - services_opened: the services are open.
    - navigation_requested(object): the frame must open this Route.
    - route_replacement_requested(object): the frame must open this Route in place of the current one in the history.
    - back_requested: the frame must open the previous route.
    - toast_requested(object): the frame must show this Toast.
    - refusal_shown: a page shows in a bar that an action was refused, so the frame must remove earlier toasts about
      files.
    - records_changed(object): these records have changed: a frozenset of (kind, id).
    - work_counts_changed, connection_state_changed, visits_changed: `work_counts`, `connection_state` or `visits` has
      a new value. connection_state_changed also signals a new value of `last_due_tasks_at`, the instant at which due
      tasks last ran.
    - work_counts_outdated: the window must read the counts again, because the person has ended a mention, or because
      a page has read other rows than the counts contain.
    - minute_passed: the clock of the window shows another minute, so the widgets must show ages again.
    - saved_views_changed: `saved_views` has a new value.
    - saved_views_outdated: the person has changed a saved view, so the window must read the saved views again.
    - person_changed: another person is the acting person from now on.
    - people_changed: the window has read the list of operators with their roles, and the list differs from the
      earlier one.
    - people_outdated: the window must read the operators again, because the person refreshes the page, or because a
      service has refused an action for lack of a right.
    - language_changed: `language` has a new value, so every widget must set its texts again.
    - sign_in_refused(object): the database has refused the account in use; the argument is the Failure.
    - command_requested(str): the window must run its command of this name, such as "search".
    - acting_call_began(object, object): an acting call has begun; the arguments are the calling object and its
      RequestWait.
    - acting_call_ended: an acting call has ended, so the window must read which records have changed.
    """

    services_opened = Signal()
    navigation_requested = Signal(object)
    route_replacement_requested = Signal(object)
    back_requested = Signal()
    toast_requested = Signal(object)
    refusal_shown = Signal()
    records_changed = Signal(object)
    work_counts_changed = Signal()
    work_counts_outdated = Signal()
    minute_passed = Signal()
    connection_state_changed = Signal()
    visits_changed = Signal()
    saved_views_changed = Signal()
    saved_views_outdated = Signal()
    person_changed = Signal()
    people_changed = Signal()
    people_outdated = Signal()
    language_changed = Signal()
    sign_in_refused = Signal(object)
    command_requested = Signal(str)
    acting_call_began = Signal(object, object)
    acting_call_ended = Signal()

    def __init__(self, settings: "Settings", runner: Runner, clock: Clock, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.settings = settings
        self.runner = runner
        self.preferences = Preferences(settings.home, runner, self)
        self._clock = clock
        self._opened_at = clock.now()
        self._services: Console | None = None
        self.language: Language = settings.language
        self.theme: ThemeName | None = None
        self.operator = settings.operator
        self.people: tuple[Person, ...] = ()
        self.own_disabling: Disabling | None = None
        self.are_people_read = False
        self.last_due_tasks_at: datetime | None = None
        self.work_counts = WorkCounts()
        self.connection_state = ConnectionState()
        self.saved_views: tuple[ViewCount, ...] = ()
        self.visits: list[RecordVisit] = []
        self._unread_visits: list[tuple[tuple[str, int], datetime]] = []
        self.ask_password: Callable[[PasswordRequest], None] | None = None
        """A function that asks the person for the password of a decision; the WindowController sets it."""
        self.own_bulk_runs: set[int] = set()
        """Ids of the bulk runs that this window has executed; a toast has shown, or will show, the result of each of
        these runs.
        """
        self._running_acting_calls: list[TaskHandle] = []
        self._running_attempts: set[tuple[QObject, Hashable]] = set()
        self.person_values = PersonValues(self.bind_services, self.now, runner, self)
        self.person_values.loaded.connect(self._read_visited_records)
        self.records_changed.connect(self._read_changed_visits)
        self.first_tasks = FirstTaskList(
            self.preferences, self.now, lambda: self.is_ready and not self.has_training, self
        )
        for signal in (self.preferences.loaded, self.services_opened, self.work_counts_changed):
            signal.connect(self.first_tasks.begin_or_end_tasks)
        self._attempt_request_ids = AttemptRequestIds(self.person_values)
        self._requested_action: tuple[str, int, str] | None = None

    # -- services

    @property
    def is_ready(self) -> bool:
        """True once the services are open."""
        return self._services is not None

    def store_services(self, services: "Console") -> None:
        """Store the opened services and emit `services_opened`."""
        self._services = services
        self.services_opened.emit()

    @property
    def has_training(self) -> bool:
        """True if the opened services are the services of a training, which has invented records."""
        return self._services is not None and self._services.training is not None

    @property
    def asks_worker(self) -> bool:
        """True if this desk is in team mode: the desk calls no providers itself, but requests that a worker acts for
        the person."""
        return self._services is not None and self._services.desk_status.asks_worker

    def bind_services(self, call: ServiceCall[T], operator: str | None = None) -> Callable[[], T]:
        """Return a function without arguments that runs `call` with the services, so that a background thread can run
        this function. The call runs as the person `operator`; by default, as the person who is the acting person at
        the time of `bind_services`.

        Raises RuntimeError if the services aren't open yet.
        """
        services, acting_person = self._services, operator or self.operator
        if services is None:
            raise RuntimeError("the services are not here yet")

        def run_bound_call() -> T:
            with services.acting_as(acting_person), tracing.continue_or_start_correlation():
                return call(services)

        return run_bound_call

    def run_read(
        self,
        call: ServiceCall[T],
        on_done: Callable[[T], None],
        on_failed: Callable[[Failure], None],
        *,
        caller: QObject,
        key: Hashable | None = None,
        pool_name: PoolName = "quick",
    ) -> TaskHandle:
        """Run a call that only reads, in the thread pool `pool_name` of the TaskRunner, and return its handle. If
        `caller` is destroyed before the call begins, the call never runs. If `caller` is destroyed before the call
        ends, neither `on_done` nor `on_failed` is called. Calls with the same `key` run one after another; a call
        whose `key` is None waits for no other call."""
        return self.runner.run(
            self.bind_services(call),
            on_done,
            on_failed,
            caller=caller,
            key=key,
            pool_name=pool_name,
            is_cancellable=True,
        )

    def run_acting_call(
        self,
        call: ActingCall[T],
        on_done: Callable[[T], None],
        on_failed: Callable[[Failure], None],
        *,
        caller: QObject,
        label: str,
        make_toast: Callable[[T], Toast],
        attempt: Hashable,
        key: Hashable | None = None,
        provider: str = ALARMBOX_PROVIDER_NAME,
        request_wait: RequestWait | None = None,
    ) -> None:
        """Run an acting call (a call that writes, or sends a request to a provider) in the thread pool `slow` of the
        TaskRunner. Do nothing while a call of the same `caller` and `attempt` runs, because the person has then
        pressed the same button or key twice. If `caller` is destroyed before the call ends, the call continues. When
        it ends, the window shows a toast instead of calling `on_done` or `on_failed`: the toast `make_toast(value)`,
        or one with the message of the failure.

        `label` names the call and its record in messages: a message about a failure may be shown over another page.
        Calls with the same `key` run one after another; a call whose `key` is None waits for no other call.
        `provider` is the name of the provider that the call waits for; "" for none. `attempt` is the command with its
        arguments. The call gets the request id of the attempt, which stays the same until the attempt is answered
        (see AttemptRequestIds). If the service refuses the call because it needs the person's password, the context
        asks the person for the password and runs the call again with the password.

        While the call waits for a desk request, it writes the id and the state of that request to `request_wait`. A
        caller that shows the request itself passes its own RequestWait, but only if its call never needs the
        password: when the call runs again with the password, it writes to another RequestWait.
        """
        caller_and_attempt = caller, attempt
        if caller_and_attempt in self._running_attempts:
            return
        self._running_attempts.add(caller_and_attempt)
        request_id = self._attempt_request_ids.get_request_id(attempt)
        acting_person = self.operator
        call_timer = CallTimer(self.monotonic)
        end_attempt = partial(self._end_attempt, caller_and_attempt, request_id, provider, call_timer)

        def start_attempt(attempted_call: ActingCall[T], desk_request_wait: RequestWait) -> None:
            bound_call = self.bind_services(
                self._bind_request_id(attempted_call, request_id, desk_request_wait, call_timer), acting_person
            )
            self.acting_call_began.emit(caller, desk_request_wait)
            self._track_acting_call(
                self.runner.run(
                    bound_call,
                    ending.end_with_value,
                    ending.ask_password_or_report_failure,
                    caller=self,
                    label=label,
                    key=key,
                    pool_name="slow",
                )
            )

        def run_again(password: str) -> None:
            start_attempt(bind_password_to_call(call, password), RequestWait())

        ending = _AttemptEnding(self, caller, label, on_done, on_failed, make_toast, end_attempt, run_again)
        start_attempt(call, request_wait or RequestWait())

    def _end_attempt(
        self,
        caller_and_attempt: tuple[QObject, Hashable],
        request_id: str,
        provider: str,
        call_timer: CallTimer,
        failure: Failure | None,
    ) -> None:
        """Remove the attempt from the running ones, so that the same caller may begin it again. Store the duration of
        its last call, which `call_timer` has measured, as the time that the provider `provider` took to answer.
        `caller_and_attempt` and `request_id` identify the attempt; `failure` is None if it has succeeded. If the
        service refused the call for lack of a right, also request that the window reads the operators again. Emit
        `acting_call_ended`.
        """
        self._running_attempts.discard(caller_and_attempt)
        self._attempt_request_ids.end_attempt(caller_and_attempt[1], request_id, failure)
        self._store_answer_time(provider, call_timer.seconds, failure)
        if failure is not None and failure.code == ErrorCode.NOT_ALLOWED:
            self.people_outdated.emit()  # the role may have changed since the buttons were enabled
        self.acting_call_ended.emit()

    def _bind_request_id(
        self, call: ActingCall[T], request_id: str, request_wait: RequestWait, call_timer: CallTimer
    ) -> "Callable[[Console], T]":
        """Return a function that runs the acting call with its request id. The function first waits until the id is
        stored on the disk, so that after a crash a new window finds the id; it waits at most
        _MAX_REQUEST_ID_STORING_SECONDS. While the call waits for a desk request, the function writes the id and the
        state of that request to `request_wait`. `call_timer` measures the call alone, without the first wait. A
        decision that needs the person's password is refused with `password_needed` until the window has asked for
        it."""
        stored_event = self.person_values.write_changes()

        def run_with_request_id(services: "Console") -> T:
            if stored_event is not None:
                stored_event.wait(_MAX_REQUEST_ID_STORING_SECONDS)
            with (
                report_request_state_to(request_wait),
                use_password_reader(_return_no_password),
                call_timer.measure(),
            ):
                return call(services, request_id)

        return run_with_request_id

    def _track_acting_call(self, handle: TaskHandle) -> None:
        """Add the handle to the running acting calls, unless its call has already ended."""
        self._running_acting_calls = [
            running_handle
            for running_handle in self._running_acting_calls
            if running_handle.state in ("waiting", "running")
        ]
        if handle.state in ("waiting", "running"):
            self._running_acting_calls.append(handle)

    def run_long_acting_call(
        self,
        call: LongActingCall[T],
        on_done: Callable[[T], None],
        on_failed: Callable[[Failure], None],
        *,
        label: str,
        attempt: Hashable,
        key: Hashable,
    ) -> TaskHandle:
        """Run an acting call that takes minutes, in the thread pool `long` of the TaskRunner, and return its handle.
        `call` gets the services, the request id of the attempt and a ProgressReporter, which is cancelled when the
        window closes. The call runs as the present acting person, also if it waits for a thread and another person
        acts meanwhile. It continues if its page or dialog is destroyed; `on_done` or `on_failed` is called in that
        case, too. `label`, `attempt` and `key` mean the same as in `run_acting_call`.
        """
        request_id, acting_person = self._attempt_request_ids.get_request_id(attempt), self.operator

        def end_with_value(value: T) -> None:
            self._attempt_request_ids.end_attempt(attempt, request_id)
            on_done(value)

        def end_with_failure(failure: Failure) -> None:
            self._attempt_request_ids.end_attempt(attempt, request_id, failure)
            on_failed(failure)

        stored_event = self.person_values.write_changes()

        def run_after_id_is_stored(report_progress: ProgressReporter) -> T:
            if stored_event is not None:
                stored_event.wait(_MAX_REQUEST_ID_STORING_SECONDS)
            return self.bind_services(lambda services: call(services, request_id, report_progress), acting_person)()

        return self.runner.run_with_progress(
            run_after_id_is_stored,
            end_with_value,
            end_with_failure,
            lambda _: None,
            caller=self,
            label=label,
            key=key,
            pool_name="long",
        )

    @property
    def running_acting_calls(self) -> tuple[TaskHandle, ...]:
        """The handles of the acting calls of `run_acting_call` that are waiting or running. A call of
        `run_long_acting_call` isn't included."""
        return tuple(handle for handle in self._running_acting_calls if handle.state in ("waiting", "running"))

    def make_page_reader(self, call: Callable[["Console", Any, int], FetchedPage]) -> PageFetcher:
        """Return a function that reads one page of a list, for a PagedModel. The returned function runs
        `call(services, cursor, limit)` in the thread that calls the function. The call runs as the person who is the
        acting person at that time."""

        def read_page(cursor: object | None, limit: int) -> FetchedPage:
            return self.bind_services(lambda services: call(services, cursor, limit))()

        return read_page

    def store_saved_views(self, views: tuple[ViewCount, ...]) -> None:
        """Store the saved views that the acting person may see, with their counts. Emit `saved_views_changed` if they
        differ from the stored ones."""
        if views != self.saved_views:
            self.saved_views = views
            self.saved_views_changed.emit()

    # -- texts

    def translate(self, key: str, /, **placeholder_values: object) -> str:
        """Return the text of the wording key `key` in the window's language. `placeholder_values` are the values of
        the placeholders in the text. An instant in the format `short` is written with its year if it isn't in the
        current year, and an instant in the format `clock` with its day if it isn't of today in Japan. If the text of
        the wording key itself names a shortcut such as "Ctrl+K", the returned text names the keys of the person's
        keyboard, such as "⌘K" on macOS.
        """
        text = wording.translate(key, self.language, **{"now": self.now(), **placeholder_values})
        return format_keys(text) if wording.has_shortcut_in_sentence(key, self.language) else text

    def format_failure(self, failure: Failure, *, is_record_shown: bool = False) -> str:
        """Return the message of a failure in the window's language: the event, its effect on the money, and the next
        step. `is_record_shown` is True if the page that shows the message is that of the failure's record.
        """
        if failure.code == "cancelled":
            return self.translate("screen.reading_cancelled_text")
        detail = {**failure.detail, "support_code": failure.support_code}
        error = rebuild_error(failure.code, detail, exit_status=0)
        return wording.format_error_message(error, self.language, is_record_shown=is_record_shown)

    def format_failure_title(self, failure: Failure) -> str:
        """Return the title above the message of a failed action. It says that the action was not done or, if it may
        have been executed, that this isn't known."""
        return self.translate("act.unknown" if failure.may_have_acted else "act.refused")

    def now(self) -> datetime:
        """Return the present instant, in UTC."""
        return self._clock.now()

    def get_day_in_japan(self) -> date:
        """Return the present calendar day in Japan, which the fields and file names of the window use."""
        return self.now().astimezone(JST).date()

    def monotonic(self) -> float:
        """Return the time of the monotonic clock in seconds, from which durations are computed. Any thread may
        call this."""
        return self._clock.monotonic()

    def format_age(self, at: datetime) -> str:
        """Return the time since the instant `at`, as text in the window's language."""
        return wording.format_age(compute_age(at, self.now()), self.language)

    def format_age_beside_time(self, at: datetime) -> str | None:
        """Return the time since the instant `at` for a sentence that also gives this instant to the second. Return
        None while less than _MIN_SHOWN_AGE has passed."""
        age = compute_age(at, self.now())
        return None if age is None or age < _MIN_SHOWN_AGE else wording.format_age(age, self.language)

    def change_language(self, language: Language) -> None:
        """Store the language as a preference of the person. If the window has another language, switch it to this
        language and emit `language_changed`."""
        self.preferences.store("language", language)
        if language != self.language:
            self.language = language
            self.language_changed.emit()

    # -- rights: the services decide; these texts only explain a disabled control in advance

    @property
    def current_person(self) -> Person | None:
        """The acting person, with the roles that the database stores for this person. None until the operators are
        read, or if the database has no operator of this name."""
        return next((person for person in self.people if is_same_person(person.name, self.operator or "")), None)

    def find_disabled_reason(self, right_name: str) -> str:
        """Return the reason why the acting person can't use this right at present: the database is unreachable, the
        person lacks the right, a read-only switch is on, or no worker is present. Return "" if the person can use the
        right.
        """
        return (
            self.find_lost_connection_reason()
            or self.find_missing_right_reason(right_name)
            or self.find_read_only_reason(right_name)
            or self.find_worker_away_reason(right_name)
        )

    def find_read_only_reason(self, right_name: str, provider: str | None = None) -> str:
        """Return the text which says that a read-only switch stops the actions of this right, with the person who has
        set the switch and the reason; "" if no switch stops these actions. `provider` is the payment provider at
        which the action moves money. If `provider` is None, the method ignores the switches of single payment
        providers, because the right isn't bound to one provider.
        """
        if right_name not in RIGHTS_STOPPED_BY_SWITCH:
            return ""
        if right_name == "purchase":
            provider = CREDIT_CHECK_PROVIDER
        switch = find_stopping_switch(self.connection_state.read_only_switches, provider)
        if switch is None:
            return ""
        return self.translate("reason.read_only_switch", who=switch.person, since=switch.at, note=switch.reason)

    def find_lost_connection_reason(self) -> str:
        """Return the text which says that the database is unreachable; "" if it is reachable."""
        lost_since = self.connection_state.lost_since
        return "" if lost_since is None else self.translate("reason.not_connected", since=lost_since)

    def find_worker_away_reason(self, right_name: str = "") -> str:
        """Return the text which says that no worker is present, although this desk needs a worker to execute the
        person's actions (team mode). Return "" if a worker is present or if the desk needs none. Also return "" if
        the right `right_name` only allows reading, because reading needs no worker. If `right_name` is "", the method
        assumes an action that needs a worker."""
        away_since = self.connection_state.worker_away_since
        if away_since is None or right_name in READING_RIGHTS:
            return ""
        return self.translate("reason.worker_away", since=away_since)

    def find_missing_right_reason(self, right: str, excluded_person: str = "") -> str:
        """Return the text with the reason why the acting person doesn't have this right. The possible reasons are:
        the database has no operator of the person's name; the person has no role with this right; or, for the right
        to buy, the person has such a role but isn't allowed to buy. Return "" if the person has the right, if every
        person has all roles, if the operators aren't read yet, or if `right` is "". The text doesn't name the person
        `excluded_person`, who has the right but can't use it in this case.
        """
        person = self.current_person
        if (
            not right
            or not self.are_people_read
            or self.does_everyone_have_all_roles
            or (person is not None and has_right(person, right))
        ):
            return ""
        if person is None and self.own_disabling is not None and self.own_disabling.by is not None:
            disabling = self.own_disabling
            return self.translate(
                "reason.person_disabled", who=disabling.by, since=disabling.since, note=disabling.reason
            )
        if person is None:
            return self.translate("reason.unknown_person", name=self.operator or self.translate("person.nobody"))
        authorised_people = [
            name for name in self.list_other_people_with_right(right) if not is_same_person(name, excluded_person)
        ]
        if person.roles & ROLES_BY_RIGHT[right]:
            return self.translate(
                "reason.may_not_buy_people" if authorised_people else "reason.may_not_buy", people=authorised_people
            )
        return self.format_needed_role(ROLES_BY_RIGHT[right], authorised_people)

    @property
    def is_acting_person_only_reader(self) -> bool:
        """True if the acting person may read records but do nothing with them, as an auditor. False until the
        operators are read."""
        return bool(self.find_missing_right_reason("probe")) and not self.find_missing_right_reason("audit_any")

    @property
    def does_everyone_have_all_roles(self) -> bool:
        """True if every person has every role, because the database has no accounts and no registered operators. On a
        database without accounts, this is also True until the operators are read (`are_people_read`)."""
        return not self.people and not self.settings.sign_in.is_server

    def format_needed_role(self, roles: Collection[str], people: Sequence[str]) -> str:
        """Return the text that names the roles which an action needs, and the people who have these roles. If
        `people` is empty, the text names only the roles."""
        role_names = [role for role in sorted(roles) if role != WORKER]
        if people:
            return self.translate("reason.role_people", needs=role_names, people=people)
        return self.translate("reason.role", needs=role_names)

    def list_other_people_with_right(self, right_name: str) -> list[str]:
        """Return the names of the people who have this right, without the acting person and without the accounts of
        workers."""
        return [
            person.name
            for person in self.people
            if not is_same_person(person.name, self.operator or "")
            and WORKER not in person.roles
            and has_right(person, right_name)
        ]

    def is_only_person_with_right(self, right_name: str) -> bool:
        """True if no other enabled person has this right. False until the operators are read, and if every person has
        all roles."""
        is_known = self.are_people_read and not self.does_everyone_have_all_roles
        return is_known and not self.list_other_people_with_right(right_name)

    # -- navigation

    def navigate(self, route: Route) -> None:
        """Request that the window opens the page of this route, by emitting `navigation_requested`."""
        self.navigation_requested.emit(route)

    def show_toast(
        self, message: str, detail: str = "", icon_name: str = "check", tone: Tone = "good", *, subject_title: str
    ) -> None:
        """Show a toast for some seconds: the text `message`, the secondary text `detail`, and the icon `icon_name` in
        the colour `tone`. `subject_title` names the record, file or list that the message is about (see Toast)."""
        self.toast_requested.emit(Toast(message, detail, icon_name, tone, subject_title=subject_title))

    def show_failure_toast(self, failure: Failure, title: str = "", *, subject_title: str) -> None:
        """Show a toast about an action that has failed: `title`, and the message of the failure. If the action may
        have been executed, or if `title` is "", the title is that of `format_failure_title`. `subject_title`
        names the record in the toast."""
        if not title or failure.may_have_acted:
            title = self.format_failure_title(failure)
        self.show_toast(title, self.format_failure(failure), *failure.icon_and_tone, subject_title=subject_title)

    def add_visit(self, record: CreditCheck | Order | Payment | Refund) -> None:
        """Store in `visits` that the person has just opened this record. Of each record only the newest visit is
        stored, and at most _MAX_RECORD_VISITS visits in all."""
        record_ref = type(record), record.id
        earlier_visits = [visit for visit in self.visits if (type(visit.record), visit.record.id) != record_ref]
        self.visits = [RecordVisit(record, self.now()), *earlier_visits][:_MAX_RECORD_VISITS]
        self.visits_changed.emit()
        self._store_visits()
        self.first_tasks.mark_task_done(FirstTask.RECORD)

    def _store_visits(self) -> None:
        """Store the visits, at most _MAX_RECORD_VISITS. The visits from before the window was opened whose records
        haven't been read yet are the last ones in the stored list.
        """
        visits = [(_get_visit_ref(visit), visit.at) for visit in self.visits]
        visited_refs = {ref for ref, _ in visits}
        visits += [(ref, at) for ref, at in self._unread_visits if ref not in visited_refs]
        self.person_values.store(
            VISITS_VALUE_NAME,
            [[*ref, at.isoformat(timespec="seconds")] for ref, at in visits[:_MAX_RECORD_VISITS]],
        )

    @Slot()
    def _read_visited_records(self) -> None:
        """Read the records of the visits that were stored before the window was last closed, and add them to
        `visits`."""
        stored_visits = read_visit_refs(self.person_values.get_value(VISITS_VALUE_NAME))
        if not stored_visits or not self.is_ready:
            return
        acting_person, self._unread_visits = self.operator, stored_visits

        def show_records(records: Mapping[tuple[str, int], CreditCheck | Order | Payment | Refund]) -> None:
            if self.operator != acting_person:
                return
            self._unread_visits = []
            visited_refs = {_get_visit_ref(visit) for visit in self.visits}
            older_visits = [
                RecordVisit(records[ref], at)
                for ref, at in stored_visits
                if ref in records and ref not in visited_refs
            ]
            self.visits = [*self.visits, *older_visits][:_MAX_RECORD_VISITS]
            self.visits_changed.emit()

        record_refs = tuple(ref for ref, _ in stored_visits)
        self.run_read(
            lambda services: services.lookup.read_records(record_refs), show_records, lambda _: None, caller=self
        )

    @Slot(object)
    def _read_changed_visits(self, changed_refs: Collection[tuple[str, int]]) -> None:
        """Read the visited records that have changed, so that the lists of visits show their present states."""
        visited_refs = tuple(ref for visit in self.visits if (ref := _get_visit_ref(visit)) in changed_refs)
        if visited_refs and self.is_ready:
            self.run_read(
                lambda services: services.lookup.read_records(visited_refs),
                self._refresh_visited_records,
                lambda _: None,
                caller=self,
                key="visits",
            )

    def _refresh_visited_records(
        self, records: Mapping[tuple[str, int], CreditCheck | Order | Payment | Refund]
    ) -> None:
        self.visits = [
            replace(visit, record=records.get(_get_visit_ref(visit), visit.record)) for visit in self.visits
        ]
        self.visits_changed.emit()

    # -- an action that is to be opened on a record's page

    def request_action(self, kind: str, id: int, name: str) -> None:
        """Request that the page of this record opens the dialog of the action `name` when the page shows the
        record."""
        self._requested_action = (kind, id, name)

    def pop_requested_action(self, kind: str, id: int) -> str:
        """Return the name of the action that was requested for this record by `request_action`, and remove the
        request; "" if no action was requested for it."""
        requested_action = self._requested_action
        if requested_action is None or requested_action[:2] != (kind, id):
            return ""
        self._requested_action = None
        return requested_action[2]

    def change_operator(self, operator: str) -> None:
        """Make `operator` the acting person, and remove the visits of the previous acting person."""
        if operator != self.operator:
            self.operator = operator
            self.visits, self._unread_visits = [], []
            self.person_changed.emit()

    # -- status

    def replace_people(self, people: tuple[Person, ...], own_disabling: Disabling | None = None) -> None:
        """Replace `people` of this context by the operators that the window has just read from the database. Emit
        `people_changed` if they differ from the former ones or are the first. `people` is empty if the database has
        no registered operators. `own_disabling` is the disabling of the acting person; None if this person is
        enabled."""
        is_same = self.are_people_read and (people, own_disabling) == (self.people, self.own_disabling)
        self.people, self.own_disabling, self.are_people_read = people, own_disabling, True
        if not is_same:
            self.people_changed.emit()

    def store_last_due_tasks_time(self) -> None:
        """Store the present time in `last_due_tasks_at`, because the due tasks have just run."""
        self.last_due_tasks_at = self.now()
        self.connection_state_changed.emit()

    def store_work_counts(self, work_counts: WorkCounts) -> None:
        """Store the new counts (of queues, alerts and unfinished work), and emit `work_counts_changed`."""
        self.work_counts = work_counts
        self.work_counts_changed.emit()

    def correct_queue_count(self, queue: str, row_count: int) -> None:
        """Set the count of a queue to `row_count`, the number of rows that a page has just read, which are all rows
        of the queue. Emit `work_counts_outdated`, because other counts may be outdated, too. Do nothing if the count
        is already `row_count`, or if the queue wasn't counted yet. Also do nothing if the database stopped counting
        at a limit and `row_count` is not below this limit.
        """
        queue_count = self.work_counts.find_queue_count(queue)
        if queue_count is None or (queue_count.is_capped and row_count >= queue_count.count):
            return
        corrected_count = replace(queue_count, count=row_count, is_capped=False)
        if corrected_count != queue_count:
            queue_counts = tuple(
                corrected_count if count.queue == queue else count for count in self.work_counts.queue_counts
            )
            self._correct_work_counts(queue_counts=queue_counts)

    def correct_waiting_incident_count(self, count: int) -> None:
        """Set the number of open incidents with an unacknowledged alert to `count`, which a page has just counted.
        Emit `work_counts_outdated`, because other counts may be outdated, too. Do nothing if the number is already
        `count`, or if the incidents weren't counted yet.
        """
        if self.work_counts.read_at is not None and self.work_counts.waiting_incident_count != count:
            self._correct_work_counts(waiting_incident_count=count)

    def replace_decisions_to_make(self, decisions_to_make: tuple[Refund | WaitingProposal, ...]) -> None:
        """Store `decisions_to_make` as the refunds and proposals about which the person may decide; a page has just
        read them. Emit `work_counts_outdated`, because other counts may be outdated, too. Do nothing if
        `decisions_to_make` has the same records as the stored value, or if the counts weren't read yet.
        """
        counted_refs = [(type(decision), decision.id) for decision in self.work_counts.decisions_to_make]
        if self.work_counts.read_at is not None and counted_refs != [
            (type(decision), decision.id) for decision in decisions_to_make
        ]:
            self._correct_work_counts(decisions_to_make=decisions_to_make)

    def _correct_work_counts(self, **new_values: Any) -> None:
        """Set the fields of `work_counts` that are passed by keyword to the new values, and emit
        `work_counts_outdated`."""
        self.store_work_counts(replace(self.work_counts, **new_values))
        self.work_counts_outdated.emit()

    def update_connection_state(self, **new_values: Any) -> None:
        """Store new values of the fields of `connection_state` that are passed by keyword, and emit
        `connection_state_changed` if one of them differs."""
        earlier_state, self.connection_state = self.connection_state, replace(self.connection_state, **new_values)
        if earlier_state != self.connection_state:
            self.connection_state_changed.emit()

    def store_gateways(self, names: Iterable[str]) -> None:
        """Store the names of the configured payment providers in `connection_state`, and keep the stored last answer
        of each provider."""
        gateway_by_name = {gateway.name: gateway for gateway in self.connection_state.gateways}
        self.update_connection_state(
            gateways=tuple(
                gateway_by_name.get(name, GatewayStatus(name)) for name in sorted({*names, *gateway_by_name})
            )
        )

    def store_answer_times(self, answer_times: Iterable[tuple[str, datetime]]) -> None:
        """Store in `connection_state` the times of the providers' newest answers. `answer_times` are pairs: the name
        of a provider, and the time of its answer to a call of any desk or worker. Store the present time in place of
        a time in the future, which another desk's wrong clock has caused. These answers are ignored: an answer from
        before this window was opened; an answer that isn't newer than the stored one; an answer of a provider that
        this desk doesn't show.
        """
        now, state = self.now(), self.connection_state
        gateway_by_name = {gateway.name: gateway for gateway in state.gateways}
        for provider, answered_at in answer_times:
            at = min(answered_at, now)
            if at < self._opened_at:
                continue
            if provider == ALARMBOX_PROVIDER_NAME:
                if state.alarmbox_answered_at is None or at > state.alarmbox_answered_at:
                    self.update_connection_state(
                        alarmbox_answer_seconds=None, alarmbox_answered_at=at, is_alarmbox_silent=False
                    )
            elif provider in gateway_by_name:
                stored_at = gateway_by_name[provider].answered_at
                if stored_at is None or at > stored_at:
                    gateway_by_name[provider] = GatewayStatus(provider, None, at)
        self.update_connection_state(gateways=tuple(gateway_by_name.values()))

    def _store_answer_time(self, provider: str, answer_seconds: float, failure: Failure | None = None) -> None:
        """Store in `connection_state` the duration of an acting call in seconds, and whether the provider was
        silent. The provider has answered, and so was not silent, if the call has succeeded (`failure` is None), the
        provider has refused it, or its answer doesn't settle the record, such as *not found*. Do nothing if
        `provider` is "", or if the failure doesn't show whether the provider has answered; a missing right is such a
        failure.
        """
        if not provider:
            return
        has_answered = failure is None or _has_provider_answered(failure)
        is_silent = failure is not None and not has_answered and _is_provider_silent(failure)
        if not has_answered and not is_silent:
            return
        if provider == ALARMBOX_PROVIDER_NAME:
            self.update_connection_state(
                alarmbox_answer_seconds=answer_seconds, alarmbox_answered_at=self.now(), is_alarmbox_silent=is_silent
            )
        else:
            gateway_by_name = {gateway.name: gateway for gateway in self.connection_state.gateways}
            gateway_by_name[provider] = GatewayStatus(provider, answer_seconds, self.now(), is_silent)
            self.update_connection_state(gateways=tuple(gateway_by_name[name] for name in sorted(gateway_by_name)))


@dataclass(frozen=True, slots=True)
class _AttemptEnding(Generic[T]):
    """Ends one attempt of an acting call (`run_acting_call`) after its value or failure has arrived in the GUI
    thread. `end_attempt` is called with the failure, or with None after a success. `run_again` runs the call again
    with the person's password. The other fields are the arguments of `run_acting_call`."""

    context: "WindowContext"
    caller: QObject
    label: str
    on_done: Callable[[T], None]
    on_failed: Callable[[Failure], None]
    make_toast: Callable[[T], Toast]
    end_attempt: Callable[[Failure | None], None]
    run_again: Callable[[str], None]

    def end_with_value(self, value: T) -> None:
        """End the attempt, and pass the value to `on_done`; if the caller is destroyed, show a toast about the value
        instead."""
        self.end_attempt(None)
        if shiboken6.isValid(self.caller):
            self.on_done(value)
        else:
            self.context.toast_requested.emit(self.make_toast(value))

    def ask_password_or_report_failure(self, failure: Failure) -> None:
        """Ask for the password if the failure says that it is needed or was wrong, and the caller still exists;
        otherwise end the attempt and report the failure."""
        reason, ask_password = failure.detail.get("reason"), self.context.ask_password
        if reason in _PASSWORD_NEEDED_REASONS and ask_password is not None and shiboken6.isValid(self.caller):
            was_password_wrong = reason == NotAllowedReason.PASSWORD_WRONG
            report = partial(self._report_failure, failure)
            ask_password(PasswordRequest(self.label, was_password_wrong, self.caller, self.run_again, report))
        else:
            self._report_failure(failure)

    def _report_failure(self, failure: Failure) -> None:
        """End the attempt, and pass the failure to `on_failed`; if the caller is destroyed, show a toast with its
        message instead."""
        self.end_attempt(failure)
        if shiboken6.isValid(self.caller):
            self.on_failed(failure)
        else:
            message = self.context.format_failure(failure)
            self.context.show_toast(self.label, message, *failure.icon_and_tone, subject_title="")


def _return_no_password() -> None:
    """Return None: the call has no password yet."""
    return


def bind_password_to_call(call: ActingCall[T], password: str) -> ActingCall[T]:
    """Return a function that runs `call` with the password that the person has typed. The function removes the
    password from memory when the call reads it, at the latest when the call ends."""
    passwords = [password]

    def call_with_password(services: "Console", request_id: str) -> T:
        if not passwords:  # the password is used: the caller of a second run must provide one
            return call(services, request_id)
        try:
            with use_password_reader(lambda: passwords.pop() if passwords else None, is_typed=True):
                return call(services, request_id)
        finally:
            passwords.clear()

    return call_with_password


def _has_provider_answered(failure: Failure) -> bool:
    """True if the provider has refused the call, or if the outcome is unknown although the failure contains the HTTP
    status of an answer that isn't an error of the provider's server."""
    if failure.code == ErrorCode.OUTCOME_UNKNOWN:
        status = failure.detail.get("status")
        return isinstance(status, int) and status < _FIRST_SERVER_ERROR_STATUS
    return failure.code in (ErrorCode.PROVIDER_REFUSED, ErrorCode.PROVIDER_AUTH, ErrorCode.RATE_LIMITED)


def _is_provider_silent(failure: Failure) -> bool:
    """True if a request was sent to the provider, and no usable answer to it came. False if no request was sent, or
    if only the worker knows the answer."""
    return (
        failure.code in (ErrorCode.PROVIDER_UNREACHABLE, ErrorCode.OUTCOME_UNKNOWN)
        and failure.detail.get("reason") not in _UNKNOWN_OUTCOME_REASONS_WITHOUT_CALL
    )


_KIND_BY_RECORD_CLASS = {CreditCheck: "credit-check", Order: "order", Payment: "payment", Refund: "refund"}


def _get_visit_ref(visit: RecordVisit) -> tuple[str, int]:
    return _KIND_BY_RECORD_CLASS[type(visit.record)], visit.record.id


def read_visit_refs(value: object) -> list[tuple[tuple[str, int], datetime]]:
    """Return the visits in the stored JSON value `value`, each as a pair: (kind, id) of the record, and the instant
    of the visit. Entries that are no visits are left out. If `value` is no list, such as None, return no visits."""
    visits = []
    for item in value if isinstance(value, list) else ():
        try:
            kind, id, at = item
            if kind in _KIND_BY_RECORD_CLASS.values() and isinstance(id, int):
                visits.append(((kind, id), datetime.fromisoformat(at)))
        except (TypeError, ValueError):
            continue
    return visits[:_MAX_RECORD_VISITS]
