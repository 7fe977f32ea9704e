"""Reads the limits of refunds per currency, and the conditions for a second approver, from the table `limits`."""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, bindparam, select

from console.domain.payments.limits import CONDITION_NAMES, PROVIDER_CONDITION_PREFIX, get_usable_limit
from console.domain.payments.records import Limits
from console.store.schema.payments import limits

_LIMITS_OF_CURRENCIES_QUERY = select(limits.c.currency, limits.c.name, limits.c.value).where(
    limits.c.currency.in_(bindparam("currencies", expanding=True))
)
_STRICTEST_LIMITS = {
    "per_refund": 0,
    "per_person_day": 0,
    "second_checker_above": 0,
    "cooling_off_above": 0,
    "cooling_off_seconds": 900,
}
"""Value of each limit that has no row, in minor units or seconds. With these values no refund is allowed, and each
one would need a second checker and a cooling-off period.
"""


def read_limits(conn: Connection, currency: str) -> Limits:
    """Return the limits of refunds in a currency, in its minor units (the cooling-off period in seconds), and the
    conditions for a second approver. A limit without a row in the table `limits` gets the value of _STRICTEST_LIMITS,
    so that no refund is allowed; a condition without a row doesn't apply."""
    return read_limits_by_currency(conn, [currency])[currency]


def read_limits_by_currency(conn: Connection, currencies: Collection[str]) -> Mapping[str, Limits]:
    """Return the limits and conditions of each of these currencies, by currency. Missing rows are treated as by
    `read_limits`."""
    values = {currency: dict(_STRICTEST_LIMITS) for currency in currencies}
    conditions: dict[str, dict[str, int]] = {currency: {} for currency in currencies}
    for currency, name, value in (
        conn.execute(_LIMITS_OF_CURRENCIES_QUERY, {"currencies": sorted(values)}) if values else ()
    ):
        if currency not in values:
            continue
        usable_value = get_usable_limit(name, int(value))
        if name in _STRICTEST_LIMITS:
            values[currency][name] = usable_value
        elif name in CONDITION_NAMES or name.startswith(PROVIDER_CONDITION_PREFIX):
            conditions[currency][name] = usable_value
    return {
        currency: Limits(currency, **of_currency, conditions=conditions[currency])
        for currency, of_currency in values.items()
    }
