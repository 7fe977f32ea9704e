"""Limits of refunds per currency, the conditions for a second approver, and proposals to change these limits and
conditions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from console.domain.payments import provider_registry

LIMIT_KIND = "limit"
LIMIT_NAMES = (
    "per_refund", "per_person_day", "second_checker_above", "cooling_off_above", "cooling_off_seconds",
)  # fmt: skip
"""The limits that every currency has. A limit without a row in the table `limits` has its strictest value."""
SECOND_CHECKER_ABOVE = "second_checker_above"
"""Name of the limit: the amount above which a refund needs a second approver."""
SECOND_CHECKER_TODAY = "second_checker_today"
"""Name of a condition for a second approver: the largest sum of the refunds that the maker requests on one Japanese
day without one.
"""

SECOND_CHECKER_AGE = "second_checker_age"
"""Name of a condition for a second approver: the payment was paid more than this number of days ago."""
SECOND_CHECKER_PAYER = "second_checker_payer"
"""Name of a condition for a second approver: the payer has more than this number of other refunds within
PAYER_HISTORY_PERIOD."""

CONDITION_NAMES = (SECOND_CHECKER_TODAY, SECOND_CHECKER_AGE, SECOND_CHECKER_PAYER)
"""Further conditions, each of which requires a second approver. A condition without a row in the table `limits`
doesn't apply. The values are minor units (the sum that the maker has requested on a Japanese day), days (since the
payment was paid), and a number of refunds (of the payer within PAYER_HISTORY_PERIOD).
"""
PROVIDER_CONDITION_PREFIX = "second_above_"
"""Prefix of the name of a condition on the amount of refunds at one provider; the provider's name follows."""
PAYER_HISTORY_PERIOD = timedelta(days=30)
"""Time before a refund request in which the refunds of the same payer are counted."""
MAX_COUNTED_PAYER_REFUNDS = 100
"""Largest number of refunds of one payer that are counted. A larger number counts as this one."""
LARGEST_LIMIT = 10**15 - 1
"""Largest value of any limit, in the limit's unit; some limits have a smaller one (`get_largest_limit`)."""
PROPOSAL_TIME_LIMIT = timedelta(hours=24)
"""Time for which a proposed change of a refund limit waits for a second administrator."""


class LimitUnit(StrEnum):
    """Unit of a limit's value, as stored and shown: an amount in minor units, seconds, days, or a number of
    refunds."""

    AMOUNT = "amount"
    """Minor units of the limit's currency."""
    SECONDS = "seconds"
    DAYS = "days"
    REFUNDS = "refunds"
    """A number of refunds."""


_UNIT_BY_NAME: Mapping[str, LimitUnit] = {
    "cooling_off_seconds": LimitUnit.SECONDS,
    SECOND_CHECKER_AGE: LimitUnit.DAYS,
    SECOND_CHECKER_PAYER: LimitUnit.REFUNDS,
}


_LARGEST_VALUE_BY_UNIT: Mapping[LimitUnit, int] = {
    LimitUnit.SECONDS: 7 * 86_400,
    LimitUnit.DAYS: 36_500,
    LimitUnit.REFUNDS: MAX_COUNTED_PAYER_REFUNDS - 1,
}
"""Largest value of a limit that isn't an amount. For a cooling-off period, a week, so that a slip of two
administrators doesn't postpone refunds beyond the time limits of the providers. For the age of a payment, a century,
because a much longer period can't be added to an instant. For a number of refunds, one less than
MAX_COUNTED_PAYER_REFUNDS, because the counted number is never larger than that constant and could never exceed a
larger limit."""


def get_limit_unit(name: str) -> LimitUnit:
    """Return the unit in which the values of the limit or condition `name` are stored."""
    return _UNIT_BY_NAME.get(name, LimitUnit.AMOUNT)


def get_largest_limit(name: str) -> int:
    """Return the largest value that the limit or condition `name` may have, in its unit."""
    return _LARGEST_VALUE_BY_UNIT.get(get_limit_unit(name), LARGEST_LIMIT)


def get_usable_limit(name: str, stored_value: int) -> int:
    """Return the value that counts for the limit or condition `name`: the stored value, or the largest one that the
    limit may have, if the stored value is larger. Earlier versions stored larger values."""
    return min(stored_value, get_largest_limit(name))


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of refunds, or a condition for a second approver, in one currency. `value` is in minor units, seconds,
    days or a number of refunds; None if the database has no row. Without a row, a limit has its strictest value, and
    a condition doesn't apply. `proposed` is the value that `proposed_by` has proposed; None without a proposal.
    """

    name: str
    currency: str
    value: int | None
    proposed: int | None = None
    proposed_by: str | None = None


@dataclass(frozen=True, slots=True)
class SecondCheckerFacts:
    """The facts of a refund from which the rules decide if it needs a second approver. `requested_today_minor` is the
    sum (minor units) of the refunds that the maker has requested today, without this refund. `time_since_paid` is the
    time since the payment was paid, None if that isn't known. `payer_refund_count` is the number of other refunds of
    the payer within PAYER_HISTORY_PERIOD.
    """

    provider: str
    amount_minor: int
    requested_today_minor: int
    time_since_paid: timedelta | None
    payer_refund_count: int


def find_second_checker_reasons(
    facts: SecondCheckerFacts, one_checker_limit_minor: int, conditions: Mapping[str, int]
) -> tuple[str, ...]:
    """Return the names of the limits and conditions because of which this refund needs a second approver; () if one
    approver is enough. `one_checker_limit_minor` is the limit `second_checker_above` in minor units.

    `conditions` has, by name, the value of each condition that has a row in the table `limits`, such as 3 for
    `second_checker_payer` (the payer's number of refunds) or 30 for `second_checker_age` (days since the payment). A
    refund that exceeds such a value needs a second approver. If it isn't known when the payment was paid, it exceeds
    each value of `second_checker_age`.
    """
    provider_condition = f"{PROVIDER_CONDITION_PREFIX}{facts.provider}"
    compared_values = {
        provider_condition: facts.amount_minor,
        SECOND_CHECKER_TODAY: facts.requested_today_minor + facts.amount_minor,
        SECOND_CHECKER_PAYER: facts.payer_refund_count,
    }
    exceeded_names = [
        name for name, amount in compared_values.items() if name in conditions and amount > conditions[name]
    ]
    if facts.amount_minor > one_checker_limit_minor:
        exceeded_names.insert(0, SECOND_CHECKER_ABOVE)
    days = conditions.get(SECOND_CHECKER_AGE)
    if days is not None and (facts.time_since_paid is None or facts.time_since_paid > timedelta(days=days)):
        exceeded_names.append(SECOND_CHECKER_AGE)
    return tuple(exceeded_names)


def list_second_checker_condition_names() -> tuple[str, ...]:
    """Return the names of all conditions for a second approver: first the general conditions, then one for each
    provider."""
    providers = provider_registry.list_provider_names()
    return (*CONDITION_NAMES, *(f"{PROVIDER_CONDITION_PREFIX}{provider}" for provider in providers))


def make_limit_subject(name: str, currency: str, value: int | None) -> str:
    """Return the id under which decisions about the limit `name` in this currency are stored, such as `per_refund JPY
    50000`. The id contains the present `value` (None: the database has no row for the limit), so a decision counts
    only while the limit has this value.
    """
    return f"{name} {currency} {'none' if value is None else value}"
