"""Explain a change of a corporation of which this database has records: the changed facts, and the action that a
person can do."""

from console.domain.access.permissions import APPROVER, OPERATOR
from console.domain.explained_state import Explanation, NextStep
from console.domain.registry.watched_facts import FACTS_ABOUT_CLOSURE, CompanyChange


def explain_company_change(change: CompanyChange, observed: str) -> Explanation:
    """Return verdict, reason and next step of a change of a corporation. `observed` is the stored text of the alert
    about the change; it names the changed facts, as `format_observed_change` writes them."""
    present_facts = change.after
    facts: dict[str, object] = {
        "number": change.corporation_number,
        "name": present_facts.name,
        "observed": observed,
        "successor": present_facts.successor,
        "alert": change.alert_id,
        "registry_date": change.registry_date,
    }
    command = f"support-console alerts ack {change.alert_id} --note TEXT"
    step = NextStep(f"next.company_changed{_get_code_suffix(change)}", facts, command, "note")
    return Explanation("verdict.company_changed", "why.company_changed", step, facts, (APPROVER, OPERATOR))


def _get_code_suffix(change: CompanyChange) -> str:
    """Return the end of the next step's wording key. It depends on the kind of change of the corporation, such as a
    closure or a merger."""
    present_facts = change.after
    if present_facts.is_deleted:
        return "_deleted"
    if present_facts.successor is not None:
        return "_merged"
    is_closed = present_facts.closure is not None and change.changed_facts & FACTS_ABOUT_CLOSURE
    return "_closed" if is_closed else ""
