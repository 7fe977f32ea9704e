"""What the table `limits` allows in a currency."""

from sqlalchemy import Connection, bindparam, select

from console.domain.order_records import Limits
from console.store.payment_schema import limits

_t = limits.c
_OF = select(_t.name, _t.value).where(_t.currency == bindparam("of"))
_STRICTEST = {
    "per_refund": 0,
    "per_person_day": 0,
    "second_checker_above": 0,
    "cooling_off_above": 0,
    "cooling_off_seconds": 900,
}
"""Where a row is missing: nothing may be refunded, nothing without a second checker and a cooling-off."""


def of(conn: Connection, currency: str) -> Limits:
    """The limits of a currency in its minor units; a missing one is the strictest."""
    kept = {name: int(value) for name, value in conn.execute(_OF, {"of": currency}) if name in _STRICTEST}
    return Limits(currency, **{**_STRICTEST, **kept})
