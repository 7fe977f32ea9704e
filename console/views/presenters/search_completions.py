"""The descriptions that the search box shows next to the filter operators with which a person can complete the typed
text."""

from collections.abc import Sequence

from console.domain.lookup.completion import STATES_BY_KIND, Completion
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.queues.filters import NO_OWNER
from console.views.presenters.records import get_provider_name
from console.views.runtime.context import WindowContext
from console.views.theme.design_tokens import tokens

_BADGE_FAMILIES_OF_STATES = ("payment", "refund", "order", "credit_check", "certainty")


def group_completions(
    completions: Sequence[Completion], context: WindowContext
) -> list[tuple[str, list[tuple[Completion, str]]]]:
    """Return the groups in which the search box offers these completions: the heading, and each completion with its
    description. The states that complete `status:` are in one group for each kind of record that can have them, with
    the word of this kind; all other completions are in one group."""
    state_completions = {
        _get_last_filter_value(completion): completion
        for completion in completions
        if completion.operator_name == "status" and completion.value
    }
    state_groups = [
        (
            context.translate("search.conditions_of", kind=kind),
            [
                (state_completions[state], _find_badge_word(state, (kind.replace("-", "_"),), context))
                for state in states
                if state in state_completions
            ],
        )
        for kind, states in STATES_BY_KIND.items()
    ]
    grouped = {completion for _, members in state_groups for completion, _ in members}
    ungrouped = [(one, format_completion(one, context)) for one in completions if one not in grouped]
    all_groups = [(context.translate("search.conditions"), ungrouped), *state_groups]
    return [(title, members) for title, members in all_groups if members]


def _get_last_filter_value(completion: Completion) -> str:
    """Return the value after the last comma of a completion such as `status:failed,pending`; the whole value if it
    contains no comma."""
    return completion.value.rpartition(",")[2]


def list_condition_words(operator_name: str, value: str, context: WindowContext) -> tuple[str, ...]:
    """Return the words in the window's language for a filter operator (if `value` is "") or for one value of the
    operator. A state has one word for each kind of record that can have this state."""
    if operator_name == "status" and value:
        badges = tokens().badges
        keys = (f"{family}.{value}" for family in _BADGE_FAMILIES_OF_STATES)
        return tuple(badges[key].get_word(context.language) for key in keys if key in badges)
    return (format_completion(Completion(operator_name, value, 0, 0), context),)


def format_completion(completion: Completion, context: WindowContext) -> str:
    """Return the description of a completion in the window's language. For the name of an operator (`status:`), it
    describes the records that the operator selects; for an operator with a value, it is the word for the value.
    """
    value = _get_last_filter_value(completion)
    if not value:
        return context.translate(f"search.operator.{completion.operator_name}")
    match completion.operator_name:
        case "provider":
            return get_provider_name(value, context) or CREDIT_CHECK_PROVIDER
        case "status":
            return _find_badge_word(value, _BADGE_FAMILIES_OF_STATES, context)
        case "certainty" | "work":
            return _find_badge_word(value, (completion.operator_name,), context)
        case "amount":
            return context.translate("search.amount")
        case "kind":
            return context.translate(f"kind.{value}")
        case "owner":
            return context.translate(f"queue.filter.owner.{'nobody' if value == NO_OWNER else 'me'}")
    return context.translate(f"search.operator.{completion.operator_name}")


def _find_badge_word(value: str, families: tuple[str, ...], context: WindowContext) -> str:
    """Return the word of the badge with the key `family.value`, for the first of `families` that has such a badge;
    `value` itself if none of the families has one."""
    badges = tokens().badges
    keys = (f"{family}.{value}" for family in families)
    return next((badges[key].get_word(context.language) for key in keys if key in badges), value)
