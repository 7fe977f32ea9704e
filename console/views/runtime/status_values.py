"""Values about the state of the window: toasts, counts of work, the state of its connections, recent visits, and a
request for the person's password."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from PySide6.QtCore import QObject

from console.domain.access.read_only import EVERYTHING_SCOPE, ReadOnlySwitch
from console.domain.annotations.mentions import Mention
from console.domain.desk_requests.records import LeftoverCredentials
from console.domain.notifications.events import PersonalEvent
from console.domain.payments.records import Order, Payment, Refund
from console.domain.records import CreditCheck
from console.domain.recovery.records import WaitingProposal
from console.domain.service_results import QueueCount
from console.domain.views.any_record import UnfinishedOperation
from console.views.runtime.routes import RecordPageRoute
from console.views.theme.design_tokens import Tone


@dataclass(frozen=True, slots=True)
class Toast:
    """A short message that the window shows for some seconds or, about a failure, until the person closes it: text
    (`message`), secondary text (`detail`), icon and colour tone. `subject_title` is the text that names the record,
    file or list that the message is about, because the person may have moved on to another page. It is "" if the
    message or the secondary text names the record itself, or if the message is about no record. `route` is the route
    to the record; None means the record of the visible page.

    `path` is the file that the program has written: if it is given, the message offers to copy the path and to open
    the folder. `topic` names a state that can change again, such as the connection: a newer message with the same
    topic replaces this one. If `topic` is "", no other message replaces this one.
    """

    message: str
    detail: str = ""
    icon_name: str = "check"
    tone: Tone = "good"
    route: RecordPageRoute | None = None
    path: str = ""
    topic: str = ""
    subject_title: str = field(kw_only=True)


WAITING_QUEUE_NAMES = ("review", "notices", "companies")
"""Names of the queues whose entries wait for a person. The sidebar shows the number of all these entries."""


@dataclass(frozen=True, slots=True)
class WorkCounts:
    """The counts that the sidebar and the home page show, read in one call. `queue_counts` are the queues with their
    numbers of records. `unfinished_operations` are the unfinished operations. `decisions_to_make` are the refunds and
    proposals about which `person` may decide. `waiting_incident_count` is the number of open incidents with an alert
    that no person has acknowledged. `unfinished_run_count` is the number of unfinished bulk runs.
    `lost_operation_count` is the number of operations that the database has lost because it was set back to an
    earlier state; None if it was never set back.

    `person` is the person who was the acting person when the counts were read. `mentions` are the open mentions of
    this person, newest first. `events` are the events that concern this person, including events that were already
    shown. `answer_times` are the names of the providers that have answered lately, to a call of any desk or worker,
    each with the time of its newest answer.
    """

    queue_counts: tuple[QueueCount, ...] = ()
    unfinished_operations: tuple[UnfinishedOperation, ...] = ()
    read_at: datetime | None = None
    decisions_to_make: tuple[Refund | WaitingProposal, ...] = ()
    waiting_incident_count: int = 0
    unfinished_run_count: int = 0
    lost_operation_count: int | None = None
    person: str | None = None
    mentions: tuple[Mention, ...] = ()
    events: tuple[PersonalEvent, ...] = ()
    answer_times: tuple[tuple[str, datetime], ...] = ()

    @property
    def waiting_decision_count(self) -> int:
        """The number of refunds and proposals that wait for a decision and about which the person may decide."""
        return len(self.decisions_to_make)

    @property
    def waiting_queue_counts(self) -> tuple[QueueCount, ...]:
        """The counts of those queues whose entries wait for a person (WAITING_QUEUE_NAMES) that have entries."""
        counts = (self.find_queue_count(name) for name in WAITING_QUEUE_NAMES)
        return tuple(count for count in counts if count is not None and count.count)

    @property
    def total_waiting_queue_count(self) -> QueueCount:
        """The number of entries of all queues whose entries wait for a person."""
        counts = self.waiting_queue_counts
        is_capped = any(queue_count.is_capped for queue_count in counts)
        return QueueCount("", sum(queue_count.count for queue_count in counts), is_capped, None)

    def find_queue_count(self, queue: str) -> QueueCount | None:
        """Return the count of the queue with this name; None if this queue wasn't counted."""
        return next((queue_count for queue_count in self.queue_counts if queue_count.queue == queue), None)


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """The last answer of a payment provider since this window was opened: the duration of the call in seconds and the
    instant of the answer. Before the first answer, both values are None. The duration is also None if the last answer
    came to another call than an action of a person in this window: of a bulk run, a due task, a worker or another
    desk. `is_silent` is True if the provider didn't answer the last call; the two values are then the duration and
    the end of this call.
    """

    name: str
    answer_seconds: float | None = None
    answered_at: datetime | None = None
    is_silent: bool = False


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """The state of this window's connections. Durations are in seconds, None before the first answer.

    - Database: `database_answer_seconds` is the duration of its last answer; `lost_since` is the instant since which
      the database has not answered, None while it answers.
    - Worker: `worker_away_since` is the instant since which no worker is present; None while a worker is present, or
      if this desk needs no worker because it isn't in team mode.
    - AlarmBox: `alarmbox_answer_seconds` is the duration of its last answer (None as in GatewayStatus) and
      `alarmbox_answered_at` the instant of this answer; `is_alarmbox_silent` is True if AlarmBox didn't answer the
      last call; `is_alarmbox_missing` is True if AlarmBox isn't configured.
    - Payment providers: `gateways` has the last answer of each provider.
    - Read-only switches: `read_only_switches` has the newest setting of each switch.
    - Credentials: `leftover_credentials` are credentials that this desk no longer needs; None before the program has
      searched for them.
    """

    database_answer_seconds: float | None = None
    lost_since: datetime | None = None
    worker_away_since: datetime | None = None
    leftover_credentials: LeftoverCredentials | None = None
    alarmbox_answer_seconds: float | None = None
    alarmbox_answered_at: datetime | None = None
    is_alarmbox_silent: bool = False
    is_alarmbox_missing: bool = False
    gateways: tuple[GatewayStatus, ...] = ()
    read_only_switches: tuple[ReadOnlySwitch, ...] = ()

    @property
    def active_switches(self) -> tuple[ReadOnlySwitch, ...]:
        """The read-only switches that are on."""
        return tuple(switch for switch in self.read_only_switches if switch.is_on)

    @property
    def shown_switch(self) -> ReadOnlySwitch | None:
        """The read-only switch that bars show. This is the switch for everything if it is on, otherwise the first
        switch of a provider that is on. None if all switches are off."""
        return min(self.active_switches, key=lambda switch: switch.scope != EVERYTHING_SCOPE, default=None)


@dataclass(frozen=True, slots=True)
class RecordVisit:
    """A record that the acting person has opened, and the instant at which the person opened it."""

    record: CreditCheck | Order | Payment | Refund
    at: datetime


@dataclass(frozen=True, slots=True)
class PasswordRequest:
    """A decision that waits for the person's password. `label` is the name of the decision; `was_password_wrong` is
    True if the person has just typed a wrong password; `caller` is the page or dialog in which the person decides.
    The password dialog calls `submit` with the typed password, or `cancel` if the person closes the dialog.
    """

    label: str
    was_password_wrong: bool
    caller: QObject
    submit: Callable[[str], None]
    cancel: Callable[[], None]
