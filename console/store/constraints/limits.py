"""Trigger rules of a server for the limits of refunds. A limit changes only if two administrators have requested
the same new value, starting from the same old value."""

from console.domain.access.permissions import ADMIN
from console.domain.payments.limits import LARGEST_LIMIT, LIMIT_KIND, PROPOSAL_TIME_LIMIT
from console.store.constraints.sql_expressions import (
    IS_REQUEST_CONFIRMED_SQL,
    UTC_NOW_SQL,
    TriggerRule,
    are_unchanged_sql,
    exists_sql,
    has_role_sql,
    is_other_person_sql,
    is_requested_sql,
    person_has_role_sql,
)

_IS_LIMIT_CHANGE_REQUEST_SQL = (
    f"r.action = 'limits set' AND r.subject_kind = '{LIMIT_KIND}' AND {IS_REQUEST_CONFIRMED_SQL}"
)
IS_LIMIT_PROPOSAL_SQL = (
    f"(CAST(NEW.action AS BINARY) = 'limit' AND CAST(NEW.subject_kind AS BINARY) = '{LIMIT_KIND}')"
)
"""SQL condition: the new row of `approvals` proposes a limit."""
IS_LIMIT_PROPOSAL_REQUEST_SQL = (
    f"{IS_LIMIT_PROPOSAL_SQL} AND {_IS_LIMIT_CHANGE_REQUEST_SQL}"
    " AND CAST(r.subject_id AS BINARY) = CAST(NEW.subject_id AS BINARY)"
    " AND CAST(r.proposed AS BINARY) = CAST(NEW.proposed AS BINARY)"
)
"""SQL condition: the desk request `r` asks for the proposal in the new row of `approvals`."""
MAY_PROPOSE_LIMIT_SQL = f"({IS_LIMIT_PROPOSAL_SQL} AND {has_role_sql(ADMIN)} AND NEW.evidence_id IS NULL)"
"""SQL condition: the new row proposes a limit, names no evidence, and the acting person is an administrator."""


def _make_limit_change_rule(old_value: str) -> TriggerRule:
    """Return the rule that a limit changes only if two administrators have requested the same change. `old_value` is
    SQL of the limit's value before the change."""
    subject = f"CAST(CONCAT(NEW.name, ' ', NEW.currency, ' ', {old_value}) AS BINARY)"
    value = "CAST(CAST(NEW.value AS CHAR) AS BINARY)"
    has_first_proposal_sql = exists_sql(
        "approvals a JOIN operators p ON p.name = a.person WHERE a.action = 'limit'"
        f" AND a.subject_kind = '{LIMIT_KIND}' AND CAST(a.subject_id AS BINARY) = {subject}"
        f" AND CAST(a.proposed AS BINARY) = {value} AND a.closed_at IS NULL"
        f" AND a.at > {UTC_NOW_SQL} - INTERVAL {int(PROPOSAL_TIME_LIMIT.total_seconds())} SECOND"
        f" AND {is_other_person_sql('me', 'a.person')} AND p.disabled_at IS NULL AND ({person_has_role_sql(ADMIN)})"
    )
    has_second_request_sql = is_requested_sql(
        f"{_IS_LIMIT_CHANGE_REQUEST_SQL} AND CAST(r.subject_id AS BINARY) = {subject}"
        f" AND CAST(r.proposed AS BINARY) = {value}"
    )
    return TriggerRule(
        f"{has_role_sql(ADMIN)} AND {has_second_request_sql} AND {has_first_proposal_sql}",
        "two administrators change a limit",
    )


_LIMIT_VALUE_RULE = TriggerRule(f"NEW.value BETWEEN 0 AND {LARGEST_LIMIT}", "no such limit")
LIMIT_INSERT_RULES = (_LIMIT_VALUE_RULE, _make_limit_change_rule("'none'"))
LIMIT_UPDATE_RULES = (
    TriggerRule(are_unchanged_sql("name", "currency"), "the name and the currency of a limit never change"),
    _LIMIT_VALUE_RULE,
    _make_limit_change_rule("OLD.value"),
)
