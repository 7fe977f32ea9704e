"""Numbers of the requested, approved, sent and completed refunds."""

from dataclasses import dataclass
from datetime import datetime

from console.domain.reports.periods import Period

FUNNEL_STEPS = ("requested", "approved", "sent", "refunded")
"""Steps of a refund that the report counts, in order. A refund counts in each step that it has reached."""
OTHER_REFUND_ENDINGS = ("rejected", "withdrawn", "expired", "failed")
"""Endings of a refund other than its completion."""


@dataclass(frozen=True, slots=True)
class CountAndSum:
    """A number of payments or refunds, and the sum of their amounts in minor units of one currency."""

    count: int = 0
    minor: int = 0

    def subtract(self, part: "CountAndSum") -> "CountAndSum":
        """Return the number and sum without those of `part`, which are contained in them."""
        return CountAndSum(self.count - part.count, self.minor - part.minor)


@dataclass(frozen=True, slots=True)
class RefundFunnel:
    """The refunds of one currency that were requested in the period: the number and sum of those that reached each of
    the FUNNEL_STEPS, of those that ended in each of the OTHER_REFUND_ENDINGS, and of those with an unknown outcome.
    """

    currency: str
    requested: CountAndSum
    approved: CountAndSum
    sent: CountAndSum
    refunded: CountAndSum
    rejected: CountAndSum
    withdrawn: CountAndSum
    expired: CountAndSum
    failed: CountAndSum
    unknown: CountAndSum

    def get_step(self, name: str) -> CountAndSum:
        """Return the number and sum of the refunds that reached the step or ending `name`, one of FUNNEL_STEPS or
        OTHER_REFUND_ENDINGS."""
        value: CountAndSum = getattr(self, name)
        return value


@dataclass(frozen=True, slots=True)
class RefundFunnelReport:
    """The report about the steps of refunds that were requested in the period, with one RefundFunnel per currency,
    read at `read_at`. `is_complete` is False if there are more refunds than the report counts; the oldest refunds are
    then not counted.
    """

    period: Period
    funnels: tuple[RefundFunnel, ...]
    is_complete: bool
    read_at: datetime
