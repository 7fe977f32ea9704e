"""The operators that the drop-down lists of a queue's filter offer, and the texts that the window shows for them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal

from console.domain.money import MINOR_DIGITS_BY_CURRENCY
from console.domain.payments import provider_registry
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.payments.records import OrderState
from console.domain.payments.states import PaymentState, RefundState
from console.domain.queues.causes import CauseGroup
from console.domain.queues.filter_text import parse_filter
from console.domain.queues.filters import NO_CAUSE, NO_OWNER, FilterCertainty
from console.domain.record_kinds import RECORD_KINDS
from console.domain.records import Certainty, CheckState, WorkState
from console.views.presenters.records import get_provider_name
from console.views.runtime.context import WindowContext
from console.wording.sentences import catalogue as wording
from console.wording.sentences.formats import format_amount, join_facts

PERMANENT_FILTER_LIST_NAMES = ("provider", "age", "amount", "owner")
"""Names of the filter lists that the filter sentence above a queue always contains."""
OPTIONAL_FILTER_LIST_NAMES = ("kind", "status", "certainty", "work", "cause", "since", "client")
"""Names of the filter lists that the filter sentence contains only while they have a condition, or after a person
has added them.
"""
ALL_FILTER_LIST_NAMES = (*PERMANENT_FILTER_LIST_NAMES, *OPTIONAL_FILTER_LIST_NAMES)

_OFFERED_AMOUNT_BOUNDS_MAJOR = {"JPY": (10_000, 50_000, 100_000), "INR": (5_000, 50_000)}
"""The bounds that the list of amounts offers, in major units by currency."""
_OFFERED_AGE_OPERATORS = ("age:>5m", "age:>1h", "age:>1d", "age:>3d", "age:<1d")
_STATE_CLASS_BY_RECORD_KIND = {
    "payment": PaymentState, "refund": RefundState, "order": OrderState, "credit-check": CheckState,
}  # fmt: skip
_MAX_NAMED_FILTER_VALUES = 2
"""Largest number of values that the text of one condition names. If a condition has more values, its text has only
their number, so that the sentence stays short.
"""

OfferedFilterOperator = tuple[str, str]
"""A filter operator such as `amount:>10000`, and the text that a filter list shows for it."""


def list_offered_filter_operators(list_name: str, context: WindowContext) -> Iterator[OfferedFilterOperator]:
    """Yield the conditions (such as "amount:>=50000JPY") that the drop-down list `list_name` of the filter offers,
    each with its text. For the list "cause" nothing is yielded: its conditions depend on the queue (see
    `list_cause_operators`)."""
    match list_name:
        case "provider":
            for provider in (CREDIT_CHECK_PROVIDER, *provider_registry.list_provider_names()):
                yield f"provider:{provider}", get_provider_name(provider, context)
        case "age":
            yield from ((operator, format_filter_operator(operator, context)) for operator in _OFFERED_AGE_OPERATORS)
        case "amount":
            for currency in MINOR_DIGITS_BY_CURRENCY:
                for bound in _OFFERED_AMOUNT_BOUNDS_MAJOR.get(currency, ()):
                    operator = f"amount:>={bound}{currency}"
                    yield operator, format_filter_operator(operator, context)
        case "since":
            today = context.get_day_in_japan()
            for name_of_days, first, last in (
                ("today", today, today),
                ("yesterday", today - timedelta(days=1), today - timedelta(days=1)),
                ("week", today - timedelta(days=6), today),
            ):
                text = context.translate(f"queue.filter.since.{name_of_days}")
                yield f"since:{first}" if first == last else f"since:{first}..{last}", text
        case "owner":
            yield "owner:me", context.translate("queue.filter.owner.me")
            yield f"owner:{NO_OWNER}", context.translate("queue.filter.owner.nobody")
        case "client":
            yield from ((f"client:{client}", client) for client in sorted(context.settings.clients or (), key=int))
        case _:
            values: Sequence[str] = {
                "kind": RECORD_KINDS,
                "status": tuple(
                    dict.fromkeys(str(state) for states in _STATE_CLASS_BY_RECORD_KIND.values() for state in states)
                ),
                "certainty": tuple(FilterCertainty),
                "work": tuple(WorkState),
            }.get(list_name, ())
            text_by_value = {
                str(value): format_filter_operator_value(list_name, str(value), context) for value in values
            }
            counts = Counter(text_by_value.values())
            for value, text in text_by_value.items():
                # "Paid" is a word of payments and of orders, with different values
                kinds = _list_kinds_with_state(value) if counts[text] > 1 else []
                kind_words = (context.translate(f"kind.{kind}") for kind in kinds)
                yield f"{list_name}:{value}", join_facts((text, *kind_words), context.translate)


def list_cause_operators(groups: Sequence[CauseGroup], context: WindowContext) -> list[OfferedFilterOperator]:
    """Return the operator `cause:…` of each group, with its text: the cause and the number of records."""
    return [
        (
            f"cause:{group.cause or NO_CAUSE}",
            context.translate(
                "queue.filter.cause.counted", cause=_format_cause(group.cause or NO_CAUSE, context), n=group.count
            ),
        )
        for group in groups
    ]


def format_filter_operator(operator: str, context: WindowContext) -> str:
    """Return the text that the window shows for a filter operator. For `client:` and for an unknown operator, return
    the operator itself. If the operator has more than _MAX_NAMED_FILTER_VALUES values, the text contains the number
    of the values instead of their names."""
    name, _, text = operator.partition(":")
    if name in ("age", "amount"):
        return _format_range_operator(operator, context)
    if name == "since":
        return text
    if name == "owner":
        return context.translate("queue.filter.owner.nobody") if text == NO_OWNER else text
    if name not in ("kind", "status", "certainty", "work", "cause", "provider"):
        return operator
    values = text.split(",")
    if len(values) > _MAX_NAMED_FILTER_VALUES:
        return context.translate(f"queue.filter.{name}.several", n=len(values))
    return context.translate("list.separator").join(
        format_filter_operator_value(name, value, context) for value in values
    )


def format_filter_operator_value(operator_name: str, value: str, context: WindowContext) -> str:
    """Return the text of `value`, one value of the operator `operator_name`; the value itself if the program doesn't
    know it."""
    match operator_name:
        case "provider":
            return get_provider_name(value, context)
        case "kind":
            return context.translate(f"kind.{value}") if value in RECORD_KINDS else value
        case "status":
            kinds = _list_kinds_with_state(value)
            state_words = dict.fromkeys(wording.get_state_word(kind, value, context.language) for kind in kinds)
            axis = "certainty" if value in set(map(str, Certainty)) else "work"
            return " / ".join(state_words) or format_filter_operator_value(axis, value, context)
        case "certainty" | "work":
            is_known = value in set(map(str, FilterCertainty if operator_name == "certainty" else WorkState))
            # one stored value can have several badges: then the filter has a word of its own
            own_word = f"queue.filter.{operator_name}.{value}"
            if is_known and wording.has_sentence(own_word):
                return context.translate(own_word)
            return wording.get_badge_word(f"{operator_name}.{value}", context.language) if is_known else value
        case "cause":
            return _format_cause(value, context)
    return value


def _list_kinds_with_state(state: str) -> list[str]:
    """Return the kinds of records that have this state; none if it is no business state."""
    return [kind for kind, states in _STATE_CLASS_BY_RECORD_KIND.items() if state in set(map(str, states))]


def _format_cause(cause: str, context: WindowContext) -> str:
    if cause == NO_CAUSE:
        return context.translate("queue.filter.cause.none")
    return wording.format_cause(cause, context.translate)


def _format_range_operator(operator: str, context: WindowContext) -> str:
    """Return the text of a condition on the age or the amount; the operator itself if it isn't a valid condition."""
    record_filter = parse_filter(operator).record_filter
    lower_limit_word, upper_limit_word = "at_least", "at_most"
    if (age := record_filter.age) is not None:
        key = "queue.filter.age"
        facts = {"low": _format_duration(age.at_least, context), "high": _format_duration(age.at_most, context)}
    elif (amount := record_filter.amount) is not None:
        key = "queue.filter.amount"
        lower_limit_word = "above" if amount.excludes_lowest else lower_limit_word
        upper_limit_word = "below" if amount.excludes_highest else upper_limit_word
        facts = {
            "low": _format_amount_limit(amount.lowest, amount.currency),
            "high": _format_amount_limit(amount.highest, amount.currency),
        }
    else:
        return operator
    if facts["low"] and facts["high"]:
        return facts["low"] if facts["low"] == facts["high"] else context.translate(f"{key}.between", **facts)
    return context.translate(f"{key}.{lower_limit_word if facts['low'] else upper_limit_word}", **facts)


def _format_duration(length: timedelta | None, context: WindowContext) -> str:
    """Return a duration as a whole number of days, hours or minutes: the largest of these units in which the number
    needs no rounding. Return "" for None."""
    if length is None:
        return ""
    for unit, unit_length in (("days", timedelta(days=1)), ("hours", timedelta(hours=1))):
        if length >= unit_length and not length % unit_length:
            return f"{length // unit_length} {context.translate(f'unit.{unit}')}"
    return f"{length // timedelta(minutes=1)} {context.translate('unit.minutes')}"


def _format_amount_limit(limit: Decimal | None, currency: str | None) -> str:
    """Return the text of a lowest or highest amount in major units. The text contains the currency, unless the
    currency is unknown or the amount has more decimals than the currency: then it is a plain number. Return "" for
    None.
    """
    if limit is None:
        return ""
    minor = limit * 10 ** MINOR_DIGITS_BY_CURRENCY[currency] if currency else None
    if currency and minor is not None and minor == minor.to_integral_value():
        return format_amount(int(minor), currency)
    return " ".join(part for part in (f"{limit.normalize():,f}", currency) if part)
