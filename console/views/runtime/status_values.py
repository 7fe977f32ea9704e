"""Status values of the window: counts, response times, recent visits and toasts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import QObject

from console.domain.desk_requests import LeftoverCredentials
from console.domain.payments.records import Order, Payment, Refund
from console.domain.records import CreditCheck
from console.domain.service_results import QueueCount
from console.domain.views.any_record import UnfinishedWork
from console.views.theme.design_tokens import Tone


@dataclass(frozen=True, slots=True)
class Toast:
    """A short message that is shown for some seconds."""

    words: str
    detail: str = ""
    shape: str = "check"
    tone: Tone = "good"


@dataclass(frozen=True, slots=True)
class WorkCounts:
    """Counts that were read in one call: `counts` per queue, `unfinished` operations, `decision_count` (refunds that
    the acting person may decide), unacknowledged `alert_count`, `unfinished_run_count` (unfinished bulk runs).
    `lost_row_count` is the number of operations that the database is known to lack if it has returned to an earlier
    state, otherwise None.
    """

    counts: tuple[QueueCount, ...] = ()
    unfinished: tuple[UnfinishedWork, ...] = ()
    read_at: datetime | None = None
    decision_count: int = 0
    alert_count: int = 0
    unfinished_run_count: int = 0
    lost_row_count: int | None = None

    def find_count(self, queue: str) -> QueueCount | None:
        """Return the count of one queue; None if it wasn't read."""
        return next((queue_count for queue_count in self.counts if queue_count.queue == queue), None)


@dataclass(frozen=True, slots=True)
class Gateway:
    """The last answer of a payment provider: its duration in seconds and its instant, both None before the first
    call. `is_silent` is True if the provider didn't answer.
    """

    name: str
    seconds: float | None = None
    at: datetime | None = None
    is_silent: bool = False


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """The last answers of the database (`service_seconds`), of AlarmBox (`provider_…`) and of the payment providers
    (`gateways`): durations in seconds, None before the first answer. The database has not answered since
    `lost_since`; None if it answers. `is_provider_missing` is True if AlarmBox is not configured. This desk asks
    workers, and none has been there since `worker_away_since`; None if one is there, or if the desk acts itself.
    `leftovers` are credentials that the desk no longer needs; None before they were looked for.
    """

    service_seconds: float | None = None
    lost_since: datetime | None = None
    worker_away_since: datetime | None = None
    leftovers: LeftoverCredentials | None = None
    provider_seconds: float | None = None
    provider_at: datetime | None = None
    is_provider_silent: bool = False
    is_provider_missing: bool = False
    gateways: tuple[Gateway, ...] = ()


@dataclass(frozen=True, slots=True)
class Visit:
    """An opened record and the instant of the visit."""

    record: CreditCheck | Order | Payment | Refund
    at: datetime


@dataclass(frozen=True, slots=True)
class PasswordRequest:
    """A decision that waits for the person's password: its label, whether the password typed before was wrong, the
    page or dialog in which the person decides, and what to call with the password, or if the person cancels.
    """

    label: str
    is_wrong: bool
    owner: QObject
    submit: Callable[[str], None]
    cancel: Callable[[], None]
