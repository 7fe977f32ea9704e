"""Names and values of the limits of refunds, and of the conditions for a second approver, in both languages."""

from datetime import timedelta

from console.domain.payments.limits import PROVIDER_CONDITION_PREFIX, LimitUnit, get_limit_unit, get_usable_limit
from console.wording.sentences import catalogue as wording


def format_limit_name(name: str, language: str) -> str:
    """Return the name on the screens for a limit of refunds or a condition for a second approver. `name` is the code
    of the limit or condition."""
    if name.startswith(PROVIDER_CONDITION_PREFIX):
        provider = name.removeprefix(PROVIDER_CONDITION_PREFIX)
        provider_name = wording.translate(f"provider.{provider}", language)
        return wording.translate("limit.second_above", language, provider=provider_name)
    return wording.translate(f"limit.{name}", language)


def format_limit_value(name: str, value: int, currency: str, language: str) -> str:
    """Return a limit's value with its unit. The limit's code `name` determines whether the value is an amount of the
    currency in minor units, a number of seconds, a number of days, or a number of refunds. A larger value than the
    limit may have is shown as the largest one, which counts in its place."""
    value = get_usable_limit(name, value)
    match get_limit_unit(name):
        case LimitUnit.SECONDS:
            return wording.format_duration(timedelta(seconds=value), language)
        case LimitUnit.DAYS:
            return wording.translate("limit.days", language, n=value)
        case LimitUnit.REFUNDS:
            return wording.translate("limit.refunds", language, n=value)
        case LimitUnit.AMOUNT:
            return wording.format_amount(value, currency)
