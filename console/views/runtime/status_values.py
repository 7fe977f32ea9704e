"""What a window knows of how things stand, as values: counts, who answers, what was opened, short messages."""

from dataclasses import dataclass
from datetime import datetime

from console.domain.order_records import Order, Payment, Refund
from console.domain.records import CreditCheck
from console.domain.results import QueueCount, UnfinishedWork
from console.views.look.tokens import Tone


@dataclass(frozen=True, slots=True)
class Note:
    """A short message for some seconds."""

    words: str
    detail: str = ""
    shape: str = "check"
    tone: Tone = "good"


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand, read together: counts per queue, everything begun and not ended, how many refunds the reader
    may decide, how many open alerts nobody has seen, and how many bulk runs go on or wait.
    """

    counts: tuple[QueueCount, ...] = ()
    unfinished: tuple[UnfinishedWork, ...] = ()
    read_at: datetime | None = None
    decisions: int = 0
    alerts: int = 0
    runs: int = 0

    def count(self, queue: str) -> QueueCount | None:
        return next((one for one in self.counts if one.queue == queue), None)


@dataclass(frozen=True, slots=True)
class Gateway:
    """How a payment provider answered last: seconds and when (None before it was asked), or that it kept silent."""

    name: str
    seconds: float | None = None
    at: datetime | None = None
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Reach:
    """How the services and the provider answer: seconds of the last answer, None before one; since when silent."""

    service_seconds: float | None = None
    lost_since: datetime | None = None
    provider_seconds: float | None = None
    provider_at: datetime | None = None
    provider_silent: bool = False
    provider_missing: bool = False
    gateways: tuple[Gateway, ...] = ()


@dataclass(frozen=True, slots=True)
class Visit:
    """A record that was opened, and when."""

    record: CreditCheck | Order | Payment | Refund
    at: datetime
