"""The read-only switch: while it is on, the services refuse every action that costs or moves money, and the changes
of people to records and limits (RIGHTS_STOPPED_BY_SWITCH).

The switch of EVERYTHING_SCOPE stops these changes of all people. The switch of one provider stops only the actions
that cost or move money at this provider. Reading stays possible in both cases, also at the providers: probes,
re-fetches, lookups, and the due tasks that only read. A call that is running when the switch is set still ends
normally, and the program records its answer.
"""

from collections.abc import Iterable, Mapping

from console.domain.records import ReadOnlySwitch as ReadOnlySwitch

EVERYTHING_SCOPE = "everything"
"""Scope of the switch that stops the changes of all people, at all providers."""
SWITCH_KIND = "read-only"
"""Kind of a read-only switch as the subject of an audit entry."""
READ_ONLY_SWITCH_REASON = "reason.read_only_switch"
"""Wording key of the reason that is shown for an action which a read-only switch stops."""
LONGEST_REASON_CHARACTERS = 200
RIGHTS_STOPPED_BY_SWITCH = frozenset(
    {
        "limits", "note", "payment_start", "purchase", "refund_approve", "refund_propose", "refund_request",
        "refund_submit", "resolve", "resolve_second", "take",
    }
)  # fmt: skip
"""Rights that nobody can use while the switch of EVERYTHING_SCOPE is on. Withdrawing a refund request stays possible:
it only prevents a refund.
"""

IS_STOPPED_BY_PROVIDER_SWITCH_BY_ACTION: Mapping[str, bool] = {
    "approve": True, "buy": True, "move_order": False, "note": False, "purchase": True, "refund": False,
    "record_outside": False, "reject": False, "renew": True, "resolve": False, "submit": True, "take": False,
}  # fmt: skip
"""Actions on a record that the switch of EVERYTHING_SCOPE stops, as `AllowedAction` and `NextStep` name them. True:
the switch of the record's provider stops the action, too, because it costs or moves money.
"""


def find_stopping_switch(switches: Iterable[ReadOnlySwitch], provider: str | None = None) -> ReadOnlySwitch | None:
    """Return the switch that stops a change at `provider`: of those `switches` that are on, the switch of
    EVERYTHING_SCOPE, otherwise the provider's; None if neither is on. Without a provider only the switch of
    EVERYTHING_SCOPE counts.
    """
    by_scope = {switch.scope: switch for switch in switches if switch.is_on}
    return by_scope.get(EVERYTHING_SCOPE) or (None if provider is None else by_scope.get(provider))


def is_action_stopped(action: str | None, switch: ReadOnlySwitch | None) -> bool:
    """True if the switch stops the action. `action` is the name of an action, also with a target state, such as
    `resolve.completed`. If it is None, there is no action, and the result is False. `switch` is a switch that is on,
    either that of EVERYTHING_SCOPE or that of the record's provider; None if no switch is on.
    """
    costs = IS_STOPPED_BY_PROVIDER_SWITCH_BY_ACTION.get(action.partition(".")[0]) if action is not None else None
    return switch is not None and costs is not None and (costs or switch.scope == EVERYTHING_SCOPE)


def make_switch_facts(switch: ReadOnlySwitch) -> Mapping[str, object]:
    """Return the facts for a sentence about the switch: the person who set it (`who`), the instant (UTC) at which it
    was set (`since`), and the person's reason (`note`)."""
    return {"who": switch.person, "since": switch.at, "note": switch.reason}
