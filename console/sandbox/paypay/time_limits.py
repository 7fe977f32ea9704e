"""How long PayPay lets a payment be cancelled or refunded; days are Japan's."""

from datetime import datetime, time, timedelta

from console.sandbox.clock import JST

REFUND_DAYS = 365


def cancel_last_second(paid: datetime) -> datetime:
    """00:14:59 of the day after the payment."""
    return _at(paid, 1, time(0, 14, 59))


def refund_last_second(paid: datetime) -> datetime:
    """23:59:59 of the 365th day after the payment."""
    return _at(paid, REFUND_DAYS, time(23, 59, 59))


def _at(paid: datetime, days: int, clock_time: time) -> datetime:
    return datetime.combine(paid.astimezone(JST).date() + timedelta(days=days), clock_time, JST)
