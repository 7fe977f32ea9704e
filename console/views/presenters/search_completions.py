"""The descriptions that the search box shows beside the filter operators with which a person can complete the
typed text."""

from console.domain.lookup.completion import Completion
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.queues.filters import NO_OWNER
from console.views.presenters.records import get_provider_name
from console.views.runtime.context import WindowContext
from console.views.theme.design_tokens import tokens

_BADGE_FAMILIES_OF_STATES = ("payment", "refund", "order", "credit_check", "certainty")


def format_completion(completion: Completion, context: WindowContext) -> str:
    """Return the description of a completion in the window's language. For the name of an operator (`status:`), it
    says which records the operator selects; for an operator with a value, it is the word for the value."""
    value = completion.value.rpartition(",")[2]
    if not value:
        return context.translate(f"search.operator.{completion.name}")
    match completion.name:
        case "provider":
            return get_provider_name(value, context) or CREDIT_CHECK_PROVIDER
        case "status":
            return _find_badge_word(value, _BADGE_FAMILIES_OF_STATES, context)
        case "certainty" | "work":
            return _find_badge_word(value, (completion.name,), context)
        case "amount":
            return context.translate("search.amount")
        case "kind":
            return context.translate(f"kind.{value}")
        case "owner":
            return context.translate(f"queue.filter.owner.{'nobody' if value == NO_OWNER else 'me'}")
    return context.translate(f"search.operator.{completion.name}")


def _find_badge_word(value: str, families: tuple[str, ...], context: WindowContext) -> str:
    badges = tokens().badges
    keys = (f"{family}.{value}" for family in families)
    return next((badges[key].word(context.language) for key in keys if key in badges), value)
