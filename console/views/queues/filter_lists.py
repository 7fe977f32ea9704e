"""The drop-down lists of a filter: which operators each offers, and in which words they stand."""

from collections.abc import Iterator, Sequence

from console.domain.money import MINOR_DIGITS
from console.domain.payments import provider_registry
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.payments.records import OrderState
from console.domain.payments.states import PaymentState, RefundState
from console.domain.queues.causes import CauseGroup
from console.domain.queues.filters import NO_CAUSE, NOBODY, RECORD_KINDS
from console.domain.records import Certainty, CheckState, WorkState
from console.views.presenters.records import provider_word
from console.views.runtime.context import WindowContext
from console.wording import catalogue as wording

USUAL_LISTS = ("provider", "age", "amount", "owner")
"""Names of the filter lists that the filter sentence above a queue always contains."""
FURTHER_LISTS = ("kind", "status", "certainty", "work", "cause", "client")
"""Names of the filter lists that the filter sentence contains only while they have a condition, or after a person
has added them.
"""
LISTS = (*USUAL_LISTS, *FURTHER_LISTS)

_AMOUNTS = {"JPY": (10_000, 50_000, 100_000), "INR": (5_000, 50_000)}
"""The bounds that the list of amounts offers, in major units by currency."""
_AGES = ("age:>5m", "age:>1h", "age:>1d", "age:>3d", "age:<1d")
_STATES_BY_KIND = {
    "payment": PaymentState, "refund": RefundState, "order": OrderState, "credit-check": CheckState,
}  # fmt: skip
_SIGNS = str.maketrans({">": "over_", "<": "under_", "=": None})
_MOST_NAMED = 2
"""Number of values of one condition that are named; more are counted, so that the sentence stays short."""

Offer = tuple[str, str]
"""A filter operator such as `amount:>10000`, and the text that a filter list shows for it."""


def offer_operators(name: str, context: WindowContext) -> Iterator[Offer]:
    """Yield the operators that a list offers, with their words. The causes are those of the queue, see
    `offer_causes`.
    """
    match name:
        case "provider":
            for provider in (CREDIT_CHECK_PROVIDER, *provider_registry.provider_names()):
                yield f"provider:{provider}", provider_word(provider, context)
        case "age":
            yield from ((operator, _usual_words(operator, context)) for operator in _AGES)
        case "amount":
            for currency in MINOR_DIGITS:
                for bound in _AMOUNTS.get(currency, ()):
                    operator = f"amount:>={bound}{currency}"
                    yield operator, _usual_words(operator, context)
        case "owner":
            yield "owner:me", context.translate("queue.filter.owner.me")
            yield f"owner:{NOBODY}", context.translate("queue.filter.owner.nobody")
        case "client":
            yield from ((f"client:{client}", client) for client in sorted(context.settings.clients or (), key=int))
        case _:
            values: Sequence[str] = {
                "kind": RECORD_KINDS,
                "status": tuple(dict.fromkeys(str(one) for states in _STATES_BY_KIND.values() for one in states)),
                "certainty": tuple(Certainty),
                "work": tuple(WorkState),
            }.get(name, ())
            yield from ((f"{name}:{value}", value_words(name, str(value), context)) for value in values)


def offer_causes(groups: Sequence[CauseGroup], context: WindowContext) -> list[Offer]:
    """Return the causes of a queue's records as operators, with their words and numbers of records."""
    return [
        (
            f"cause:{group.cause or NO_CAUSE}",
            context.translate(
                "queue.filter.cause.counted", cause=_cause_words(group.cause or NO_CAUSE, context), n=group.count
            ),
        )
        for group in groups
    ]


def operator_words(operator: str, context: WindowContext) -> str:
    """Return the words of an operator that no list offers: its values, or their number if there are many."""
    name, _, text = operator.partition(":")
    if name not in ("kind", "status", "certainty", "work", "cause", "provider"):
        return operator
    values = text.split(",")
    if len(values) > _MOST_NAMED:
        return context.translate(f"queue.filter.{name}.several", n=len(values))
    return context.translate("list.separator").join(value_words(name, value, context) for value in values)


def value_words(name: str, value: str, context: WindowContext) -> str:
    """Return the words of one value of an operator."""
    match name:
        case "provider":
            return provider_word(value, context)
        case "kind":
            return context.translate(f"kind.{value}") if value in RECORD_KINDS else value
        case "status":
            kinds = [kind for kind, states in _STATES_BY_KIND.items() if value in set(map(str, states))]
            words = dict.fromkeys(wording.state_word(kind, value, context.language) for kind in kinds)
            return " / ".join(words) or value
        case "certainty" | "work":
            is_known = value in set(map(str, Certainty if name == "certainty" else WorkState))
            return wording.badge_word(f"{name}.{value}", context.language) if is_known else value
        case "cause":
            return _cause_words(value, context)
    return value


def _cause_words(cause: str, context: WindowContext) -> str:
    if cause == NO_CAUSE:
        return context.translate("queue.filter.cause.none")
    return wording.cause_text(cause, context.translate)


def _usual_words(operator: str, context: WindowContext) -> str:
    return context.translate(f"queue.filter.{operator.replace(':', '.').translate(_SIGNS)}")
