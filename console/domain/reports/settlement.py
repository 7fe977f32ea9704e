"""The money that each provider collected and refunded, per Japanese day and currency."""

from dataclasses import dataclass
from datetime import date, datetime

from console.domain.reports.periods import Period


@dataclass(frozen=True, slots=True)
class SettlementDay:
    """Payments and refunds of one Japanese day, as numbers (`payments`, `refunds`) and as sums in minor units of one
    currency.
    """

    day: date
    payments: int = 0
    paid_minor: int = 0
    refunds: int = 0
    refunded_minor: int = 0

    @property
    def net_minor(self) -> int:
        """The amount in minor units that the provider owes us for the day: payments less refunds; negative if the
        refunds are larger."""
        return self.paid_minor - self.refunded_minor


@dataclass(frozen=True, slots=True)
class SettlementSeries:
    """The days of one provider and currency, oldest first. `is_complete` is False if there are more payments or
    refunds than are counted.
    """

    provider: str
    currency: str
    days: tuple[SettlementDay, ...]
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class SettlementReport:
    """The report about the money of each day, with one series for each provider and currency. Amounts of different
    currencies are never added."""

    period: Period
    series: tuple[SettlementSeries, ...]
    read_at: datetime
