"""The actions by which a person handles a change of a corporation of which this database has records. No I/O."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from console.domain.records import CreditCheck
from console.domain.recovery.decision_rules import find_renewal_refusal
from console.domain.registry.watched_facts import CompanyChange

ACKNOWLEDGE_ACTION = "acknowledge"
RENEW_ACTION = "renew"
OPEN_SUCCESSOR_ACTION = "open_successor"


@dataclass(frozen=True, slots=True)
class CompanyAction:
    """An action on a changed corporation. `command` is the terminal command that does it; "" if there is none. If the
    action isn't possible now, `reason` is the wording key of the reason, with `facts`. `client_id` is the client for
    whom a credit check is renewed; None for the other actions, and if there is no live credit check.
    """

    action: str
    command: str = ""
    reason: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
    client_id: str | None = None

    @property
    def allowed(self) -> bool:
        """True if the state of the record permits the action. The right of the acting person isn't checked."""
        return self.reason is None


def list_company_actions(
    change: CompanyChange, live_checks: Sequence[CreditCheck], now: datetime
) -> tuple[CompanyAction, ...]:
    """Return the actions on a changed corporation: the acknowledgement, the renewals, and the look-up of the
    successor. There is one renewal for each client whose live credit check can be renewed at the instant `now`; if
    there is no such client, one renewal that isn't possible, with the reason. `live_checks` are the live credit
    checks of the corporation.
    """
    acknowledge_action = CompanyAction(
        ACKNOWLEDGE_ACTION, f"support-console alerts ack {change.alert_id} --note TEXT"
    )
    return (acknowledge_action, *_list_renewal_actions(live_checks, now), _make_open_successor_action(change))


def _list_renewal_actions(live_checks: Sequence[CreditCheck], now: datetime) -> Iterator[CompanyAction]:
    """Yield a renewal for each of the live credit checks that can be renewed. If none can be renewed, yield one
    renewal that is not possible, with the reason."""
    excluded_renewal = CompanyAction(RENEW_ACTION, reason="reason.no_live_check")
    is_possible = False
    for check in live_checks:
        reason = find_renewal_refusal(check, now)
        if reason is None:
            is_possible = True
            command = f"support-console purchase {check.corporation_number} --client {check.client_id} --renew"
            yield CompanyAction(RENEW_ACTION, command, client_id=check.client_id)
        else:
            facts = {"until": check.expired_at, "holder": None}
            excluded_renewal = CompanyAction(
                RENEW_ACTION, reason=f"reason.{reason}", facts=facts, client_id=check.client_id
            )
    if not is_possible:
        yield excluded_renewal


def _make_open_successor_action(change: CompanyChange) -> CompanyAction:
    if change.after.successor is None:
        return CompanyAction(OPEN_SUCCESSOR_ACTION, reason="queue.companies.no_successor")
    return CompanyAction(OPEN_SUCCESSOR_ACTION, f"support-console lookup {change.after.successor}")
