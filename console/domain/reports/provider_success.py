"""Success of payments per provider and day, and the outages of the providers."""

from dataclasses import dataclass
from datetime import date, datetime

from console.domain.payments.states import ENDED_UNPAID_STATES, PAID_STATES
from console.domain.records import Certainty
from console.domain.reports.periods import Period


@dataclass(frozen=True, slots=True)
class ProviderDay:
    """The numbers of payments that began on one Japanese day, by their result: `paid`, `unpaid` (failed or expired),
    `unknown` (the outcome is unknown) and `other` (still open, or reversed).
    """

    day: date
    paid: int = 0
    unpaid: int = 0
    unknown: int = 0
    other: int = 0

    @property
    def total(self) -> int:
        """The number of all payments that began on the day."""
        return self.paid + self.unpaid + self.unknown + self.other

    @property
    def paid_percent(self) -> float | None:
        """The paid share of the payments that have ended, in percent; None if none has ended."""
        ended_count = self.paid + self.unpaid
        return 100 * self.paid / ended_count if ended_count else None


@dataclass(frozen=True, slots=True)
class Outage:
    """A period in which a provider gave no usable answer to any call of this program. It begins with the first call
    without a usable answer (`since`) and ends with the next usable answer (`until`; None: the outage continues). It
    is read from the alert `provider_away`.
    """

    provider: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class ProviderSeries:
    """The numbers of payments of one provider for each day, oldest day first. `is_complete` is False if there may
    be more payments than a report counts; the oldest payments are then not counted.
    """

    provider: str
    days: tuple[ProviderDay, ...]
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class ProviderSuccess:
    """The report about the success of payments: the days of each provider, and the outages."""

    period: Period
    providers: tuple[ProviderSeries, ...]
    outages: tuple[Outage, ...]
    read_at: datetime


def get_provider_day_field(status: str, certainty: str) -> str:
    """Return the name of the field of `ProviderDay` that counts payments with this state and certainty. For example,
    a completed payment with a known outcome is counted in "paid".
    """
    if certainty != Certainty.KNOWN:
        return "unknown"
    if status in PAID_STATES:
        return "paid"
    return "unpaid" if status in ENDED_UNPAID_STATES else "other"
