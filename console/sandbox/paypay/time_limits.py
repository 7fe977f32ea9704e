"""Time limits of cancellations and refunds at the simulated PayPay, counted in Japanese calendar days."""

from datetime import datetime, time, timedelta

from console.sandbox.environment.clock import JST

REFUND_PERIOD_DAYS = 365


def get_last_second_to_cancel(paid_at: datetime) -> datetime:
    """Return the last second in which PayPay accepts a cancellation: 00:14:59 in Japan on the day after the
    payment.
    """
    return _compute_instant_after_days(paid_at, 1, time(0, 14, 59))


def get_last_second_to_refund(paid_at: datetime) -> datetime:
    """Return the last second in which PayPay accepts a refund: 23:59:59 in Japan on the 365th day after the
    payment.
    """
    return _compute_instant_after_days(paid_at, REFUND_PERIOD_DAYS, time(23, 59, 59))


def _compute_instant_after_days(paid_at: datetime, days: int, clock_time: time) -> datetime:
    return datetime.combine(paid_at.astimezone(JST).date() + timedelta(days=days), clock_time, JST)
