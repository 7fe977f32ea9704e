"""Limits of refunds per currency, from the table `limits`."""

from sqlalchemy import Connection, bindparam, select

from console.domain.payments.records import Limits
from console.store.schema.payments import limits

_t = limits.c
_BY_CURRENCY_QUERY = select(_t.name, _t.value).where(_t.currency == bindparam("of"))
_STRICTEST_LIMITS = {
    "per_refund": 0,
    "per_person_day": 0,
    "second_checker_above": 0,
    "cooling_off_above": 0,
    "cooling_off_seconds": 900,
}
"""Value of each limit that has no row, in minor units or seconds. With these values no refund is allowed, and each
one would need a second checker and a cooling-off time.
"""


def limits_of(conn: Connection, currency: str) -> Limits:
    """Return the limits of a currency in its minor units. A limit without a row has its strictest value."""
    stored = {
        name: int(value)
        for name, value in conn.execute(_BY_CURRENCY_QUERY, {"of": currency})
        if name in _STRICTEST_LIMITS
    }
    return Limits(currency, **{**_STRICTEST_LIMITS, **stored})
