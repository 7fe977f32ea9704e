"""Trigger rules of a server for refunds and the decisions about them. The same person can't be both maker and checker
of one refund.

In one transaction these rules expect the statements in this order:

- request: the payment's reservation, then the refund
- approve: the vote (a row of `approvals`), then the refund
- send: the refund, then the journal
- answer: evidence, the journal, the refund, then the payment
- resolve by two people: evidence, then the refund
"""

from collections.abc import Mapping

from console.domain.access.permissions import APPROVER, MAKER_ROLES, OPERATOR, WORKER
from console.domain.money import LARGEST_AMOUNT_MINOR
from console.domain.payments.limits import (
    PAYER_HISTORY_PERIOD,
    PROVIDER_CONDITION_PREFIX,
    SECOND_CHECKER_ABOVE,
    SECOND_CHECKER_AGE,
    SECOND_CHECKER_PAYER,
    SECOND_CHECKER_TODAY,
)
from console.domain.payments.states import RESERVING_REFUND_STATES, PaymentState, RefundState
from console.domain.provider_outcome import OutcomeClass
from console.domain.records import Certainty
from console.domain.transitions.tables import ENDED_REFUND_STATES, REFUND_TRANSITIONS
from console.store.constraints import disabled_people, limits, state_since
from console.store.constraints.sql_expressions import (
    BINDS_SCHEMA_ACCOUNT,
    CERTAINTY_RULE,
    EXECUTED_REQUEST_SQL,
    IS_EVIDENCE_FROM_PROVIDER_SQL,
    IS_REQUEST_CONFIRMED_SQL,
    NEVER_TRUE_SQL,
    REFUSAL_OUTCOMES,
    UTC_NOW_SQL,
    VERSION_RULE,
    WORK_STATE_RULE,
    TriggerEvent,
    TriggerRule,
    are_unchanged_sql,
    count_people_sql,
    enters_state_sql,
    equals_sql,
    exists_sql,
    has_outcome_sql,
    has_role_sql,
    has_state_sql,
    implies_sql,
    is_allowed_step_sql,
    is_other_person_sql,
    is_request_about_sql,
    is_requested_sql,
    is_second_person_sql,
    make_aggregate_sql,
    make_refusal_rules,
    make_state_list_sql,
    make_sum_sql,
    parse_id_sql,
    person_has_role_sql,
)
from console.store.constraints.words_of_people import (
    has_seen_version_sql,
    has_words_of_person_sql,
    is_request_argument_sql,
)

_VOTE_ACTION = "'refund.approve'"
_RESOLVE_ACTION = "'resolve'"
_REFUND_KIND = "'refund'"
LONGEST_DECISION_HOURS = 73
"""Largest time (hours) from a request to its `decide_by`: three days, and one hour for a difference between clocks.
"""
LARGEST_CLOCK_LAG_SECONDS = 2
"""Largest accepted difference (seconds) between a desk's clock and the server's."""
NAME_OF_REFUND_CALL = "refund"
"""Name of the provider call that sends a refund. The stored answer to this call (a row of `evidence`) has the
provider and this name as its source, for example `paypay.refund`.
"""

_IS_REFUND_SENDING_STEP_SQL = "(OLD.status = 'approved' AND NEW.status = 'submitting')"
_IS_REFUND_APPROVAL_STEP_SQL = "(OLD.status = 'requested' AND NEW.status = 'approved')"
_IS_RETURNED_TO_APPROVED_SQL = "(OLD.status = 'submitting' AND NEW.status = 'approved')"
_OTHER_REFUNDS_SUM_SQL = make_sum_sql(
    "r.refund_amount",
    f"refunds r WHERE r.payment_id = NEW.payment_id AND r.status IN {make_state_list_sql(RESERVING_REFUND_STATES)}",
)
"""SQL expression: the sum (minor units) that the payment's other refunds reserve on the payment."""
_IS_VOTE_FOR_REFUND_SQL = (
    f"a.subject_kind = 'refund' AND a.subject_id = CAST(OLD.id AS CHAR) AND a.action = {_VOTE_ACTION}"
    " AND a.proposed = 'approved'"
)
_EXCEEDS_LIMIT_OF_ONE_CHECKER_SQL = exists_sql(
    "limits l JOIN payments q ON q.id = OLD.payment_id WHERE l.currency = OLD.currency"
    " AND l.value < OLD.refund_amount"
    f" AND (l.name = '{SECOND_CHECKER_ABOVE}' OR l.name = CONCAT('{PROVIDER_CONDITION_PREFIX}', q.provider))"
)
"""SQL condition: by the present limits, which may have been lowered since the request, the refund's amount needs a
second approver."""
_HAS_ENOUGH_VOTES_SQL = make_aggregate_sql(
    f"{count_people_sql('a.person')} >= GREATEST(OLD.checkers_needed, 1 + {_EXCEEDS_LIMIT_OF_ONE_CHECKER_SQL})"
    " AND SUM(CAST(a.person AS BINARY) = me) = 1",
    f"approvals a JOIN operators p ON p.name = a.person WHERE {_IS_VOTE_FOR_REFUND_SQL}"
    f" AND {is_other_person_sql('a.person', 'OLD.maker')}"
    f" AND p.disabled_at IS NULL AND ({person_has_role_sql(APPROVER)})",
)
"""SQL condition: enough people have approved the refund. The acting person is one of them. Only votes of people who
are approvers now count, and never the maker's.
"""


def _add_clock_lag_sql(instant_sql: str) -> str:
    """Return SQL of an instant: `instant_sql` (SQL) plus LARGEST_CLOCK_LAG_SECONDS."""
    return f"{instant_sql} + INTERVAL {LARGEST_CLOCK_LAG_SECONDS} SECOND"


def _make_is_present_time_sql(column: str) -> str:
    """Return an SQL condition: the instant in `column` differs from the present time of the server's clock by at most
    LARGEST_CLOCK_LAG_SECONDS.
    """
    return f"ABS(TIMESTAMPDIFF(MICROSECOND, {UTC_NOW_SQL}, {column})) <= {LARGEST_CLOCK_LAG_SECONDS} * 1000000"


_IS_ACTIVE_MAKER_SQL = f"p.disabled_at IS NULL AND ({person_has_role_sql(*sorted(MAKER_ROLES))})"
"""SQL condition: the person in the row `p` of `operators` isn't disabled and may request refunds."""


def _make_is_maker_active_sql(maker: str) -> str:
    """Return an SQL condition: the person of the name `maker` (SQL) isn't disabled and may request refunds."""
    return exists_sql(f"operators p WHERE p.name = {maker} AND {_IS_ACTIVE_MAKER_SQL}")


def _has_answer_sql(*outcomes: OutcomeClass, condition_sql: str = "TRUE") -> str:
    """Return an SQL condition: an answer of the payment's provider about this refund is stored as evidence, the
    answer has one of these outcomes, and the SQL condition `condition_sql` (about the evidence `e`) is true."""
    return exists_sql(
        "evidence e JOIN payments p ON p.id = OLD.payment_id WHERE e.subject_kind = 'refund'"
        f" AND e.subject_id = OLD.id AND LEFT(e.source, CHAR_LENGTH(p.provider) + 1) = CONCAT(p.provider, '.')"
        f" AND {has_outcome_sql(*outcomes)} AND {condition_sql}"
    )


def _make_is_second_person_sql(proposed_state: RefundState) -> str:
    """Return an SQL condition: the acting person is the second of two people who decide that the changed refund gets
    the state `proposed_state` (see `is_second_person_sql`)."""
    return is_second_person_sql("OLD.id", "refund", proposed_state.value)


def _is_request_about_refund_sql(action: str, refund_id: str = "OLD.id") -> str:
    """Return an SQL condition: the desk request `r` requests this action on the refund. `refund_id` is SQL of the
    refund's id."""
    return (
        f"r.action = '{action}' AND r.subject_kind = {_REFUND_KIND}"
        f" AND CAST(r.subject_id AS BINARY) = CAST({refund_id} AS CHAR)"
    )


_IS_EVIDENCE_OF_LAST_SENDING_SQL = "e.operation_id = OLD.operation_id"
"""SQL condition: the evidence `e` belongs to the operation that sent the refund last."""
_NOT_FOUND_COUNT_SQL = make_aggregate_sql(
    "COUNT(*)",
    f"evidence e WHERE e.subject_kind = 'refund' AND e.subject_id = OLD.id AND {IS_EVIDENCE_FROM_PROVIDER_SQL}"
    f" AND {has_outcome_sql(OutcomeClass.NOT_FOUND)} AND {_IS_EVIDENCE_OF_LAST_SENDING_SQL}",
)
"""SQL expression: the number of answers after the last sending by which the provider said that it has no such
refund."""

_WAS_REFUND_REFUSED_SQL = _has_answer_sql(
    *REFUSAL_OUTCOMES,
    condition_sql=f"{_IS_EVIDENCE_OF_LAST_SENDING_SQL}"
    f" AND SUBSTRING_INDEX(e.source, '.', -1) = '{NAME_OF_REFUND_CALL}'",
)

_IS_WORKER_PROPOSAL_SQL = (
    f"{has_role_sql(WORKER)} AND NEW.checkers_needed = 2 AND "
    + exists_sql(
        "set_asides s WHERE s.id = NEW.set_aside_id AND s.payment_id = NEW.payment_id AND s.status = 'open'"
        " AND s.refund_id IS NULL AND s.amount_minor = NEW.refund_amount"
    )
    + " AND NOT "
    + exists_sql("refunds r WHERE r.payment_id = NEW.payment_id AND r.set_aside_id = NEW.set_aside_id")
)
"""SQL condition: a worker requests the refund of a whole set-aside, for which no refund was requested before, and two
people must approve it.
"""
_REFUND_HAS_EFFECT_SQL = f"r.status NOT IN {make_state_list_sql(ENDED_REFUND_STATES - {RefundState.COMPLETED})}"
_NOW_WITH_LAG_SQL = _add_clock_lag_sql(UTC_NOW_SQL)
_MIDNIGHT_IN_JAPAN_SQL = f"(DATE({_NOW_WITH_LAG_SQL} + INTERVAL 9 HOUR) - INTERVAL 9 HOUR)"
_MAKER_SUM_TODAY_SQL = make_aggregate_sql(
    "COALESCE(SUM(r.refund_amount), 0)",
    "refunds r WHERE r.maker = NEW.maker AND r.currency = NEW.currency"
    f" AND r.created_at >= {_MIDNIGHT_IN_JAPAN_SQL} AND {_REFUND_HAS_EFFECT_SQL}",
)
_PAYER_REFUND_COUNT_SQL = make_aggregate_sql(
    "COUNT(*)",
    "payments p JOIN payments q ON q.payer_ref = p.payer_ref JOIN refunds r ON r.payment_id = q.id"
    f" WHERE p.id = NEW.payment_id AND r.created_at >= {_NOW_WITH_LAG_SQL} - INTERVAL {PAYER_HISTORY_PERIOD.days} DAY"
    f" AND {_REFUND_HAS_EFFECT_SQL}",
)
_NEEDS_SECOND_CHECKER_SQL = exists_sql(
    "limits l JOIN payments p ON p.id = NEW.payment_id WHERE l.currency = NEW.currency AND ("
    f"(l.name = '{SECOND_CHECKER_TODAY}' AND l.value < NEW.refund_amount + {_MAKER_SUM_TODAY_SQL})"
    f" OR (l.name = '{SECOND_CHECKER_AGE}' AND NOT COALESCE(p.paid_at >="
    f" {UTC_NOW_SQL} - INTERVAL {LARGEST_CLOCK_LAG_SECONDS} SECOND - INTERVAL l.value DAY, FALSE))"
    f" OR (l.name = '{SECOND_CHECKER_PAYER}' AND l.value < {_PAYER_REFUND_COUNT_SQL})"
    f" OR (l.name = CONCAT('{PROVIDER_CONDITION_PREFIX}', p.provider) AND l.value < NEW.refund_amount))"
)
"""SQL condition: the new refund needs a second approver, because of the sum that its maker has refunded today, the
age of the payment, the number of refunds to the payer, or the limit of the provider."""
_HAS_REQUEST_MADE_REFUND_SQL = exists_sql(
    "refunds x WHERE x.payment_id = NEW.payment_id AND CAST(x.maker AS BINARY) = me AND x.created_at >= r.at"
)
"""SQL condition: the person of the desk request `r` has made a refund of the payment since this request. So one
request makes one refund, also if a worker keeps the request open.
"""
REFUND_TRIGGER_ASSIGNMENTS: Mapping[tuple[str, TriggerEvent], str] = {
    ("refunds", "INSERT"): (
        "SET NEW.created_at = GREATEST(NEW.created_at, COALESCE("
        f"{make_aggregate_sql('MAX(r.at)', f'requests r WHERE r.id = {EXECUTED_REQUEST_SQL} AND me <> account')},"
        " NEW.created_at));"
    )
}
"""For a table and event, the statements that the trigger runs before it checks its rules. A refund is never older
than the desk request that asks for it, although the clocks of two nodes of a cluster may differ.
"""
_REQUEST_ARGUMENT_PATH = "$[0].of"
"""JSON path of the fields of a `RefundRequest` in the arguments of a desk request for a refund."""
_HAS_WORDS_OF_MAKER_SQL = (
    f"{has_words_of_person_sql('NEW.reason', f'{_REQUEST_ARGUMENT_PATH}.reason')}"
    f" AND (NEW.ticket IS NULL OR {has_words_of_person_sql('NEW.ticket', f'{_REQUEST_ARGUMENT_PATH}.ticket')})"
    " AND (NEW.reason_code IS NULL"
    f" OR {is_request_argument_sql('NEW.reason_code', f'{_REQUEST_ARGUMENT_PATH}.reason_code.is')})"
    " AND COALESCE(JSON_CONTAINS(JSON_ARRAY_APPEND("
    f"COALESCE(JSON_EXTRACT(r.args, '{_REQUEST_ARGUMENT_PATH}.answers.tuple[*].tuple[1]'), '[]'), '$', NULL),"
    " COALESCE(JSON_EXTRACT(NEW.radar, '$[*].answer'), '[]')), FALSE)"
)
"""SQL condition: reason, reason code, ticket and comments on risk signals (null: none) of the new refund are
contained in the desk request `r`.
"""
REFUND_INSERT_RULES = (
    TriggerRule(f"{has_role_sql(OPERATOR, APPROVER)} OR ({_IS_WORKER_PROPOSAL_SQL})", "this role asks for no refund"),
    TriggerRule(equals_sql("NEW.maker", "me"), "nobody asks for a refund in the name of somebody else"),
    TriggerRule(
        is_requested_sql(
            "r.action = 'refund request' AND r.subject_kind = 'payment'"
            " AND CAST(r.subject_id AS BINARY) = CAST(NEW.payment_id AS CHAR)"
            f" AND r.amount_minor = NEW.refund_amount AND NOT {_HAS_REQUEST_MADE_REFUND_SQL}"
        ),
        "the person has not asked for this refund",
    ),
    TriggerRule(is_requested_sql(_HAS_WORDS_OF_MAKER_SQL), "the maker has not said this about the refund"),
    TriggerRule(
        f"{has_state_sql('NEW.status', (RefundState.REQUESTED,))}"
        f" AND {has_state_sql('NEW.certainty', (Certainty.KNOWN,))}"
        " AND NEW.version = 1 AND NEW.sent_count = 0 AND NEW.not_found = 0 AND COALESCE(NEW.provider_refund_key,"
        " NEW.refund_txn_id, NEW.declined_because, NEW.provider_state, NEW.told_at, NEW.first_sent_at,"
        " NEW.last_sent_at, NEW.first_not_found_at, NEW.error_code, NEW.operation_id) IS NULL",
        "a refund begins as a request, undecided and unsent",
    ),
    WORK_STATE_RULE,
    TriggerRule(f"NEW.refund_amount BETWEEN 1 AND {LARGEST_AMOUNT_MINOR}", "a refund is of one minor unit to 10^15"),
    TriggerRule("NEW.checkers_needed BETWEEN 1 AND 2", "a refund needs one or two checkers"),
    TriggerRule(
        _make_is_present_time_sql("NEW.created_at"),
        "a request carries the time of the server",
    ),
    TriggerRule(
        f"NEW.sends_after IS NULL OR NEW.sends_after >= {UTC_NOW_SQL} - INTERVAL 1 MINUTE",
        "a cooling-off lies ahead",
    ),
    TriggerRule(
        f"NEW.decide_by <= {UTC_NOW_SQL} + INTERVAL {LONGEST_DECISION_HOURS} HOUR",
        "a request waits three days at most for its decision",
    ),
    TriggerRule(
        make_aggregate_sql(
            "COUNT(*)",
            "limits l WHERE l.currency = NEW.currency AND ("
            "(l.name = 'per_refund' AND l.value >= NEW.refund_amount) OR (l.name = 'second_checker_above'"
            " AND (l.value >= NEW.refund_amount OR NEW.checkers_needed > 1)) OR (l.name = 'cooling_off_above'"
            " AND (l.value >= NEW.refund_amount OR NEW.sends_after IS NOT NULL)))",
        )
        + " = 3",
        "beyond the limits: the sum, a second checker, or the cooling-off",
    ),
    TriggerRule(
        f"NEW.checkers_needed > 1 OR NOT {_NEEDS_SECOND_CHECKER_SQL}",
        "the day's sum, the payment's age, its payer or provider needs a second checker",
    ),
    TriggerRule(
        exists_sql(
            f"payments p WHERE p.id = NEW.payment_id AND {equals_sql('p.currency', 'CAST(NEW.currency AS BINARY)')}"
            f" AND p.order_id <=> NEW.order_id AND p.reserved_minor = NEW.refund_amount + {_OTHER_REFUNDS_SUM_SQL}"
        ),
        "a refund has its own sum reserved of its own payment before",
    ),
    TriggerRule(
        "NEW.set_aside_id IS NULL OR "
        + exists_sql(
            "set_asides s WHERE s.id = NEW.set_aside_id AND s.payment_id = NEW.payment_id"
            " AND s.amount_minor >= NEW.refund_amount"
            " AND (s.status = 'open' OR (s.status = 'refunding' AND s.refund_id IS NULL))"
        ),
        "the amount set aside is of the same payment and still open",
    ),
)

_REFUND_REQUEST_UNCHANGED_RULE = TriggerRule(
    are_unchanged_sql(
        "id", "order_id", "payment_id", "refund_amount", "currency", "maker", "reason", "reason_code", "ticket",
        "intended_repeat", "set_aside_id", "saw", "radar", "checkers_needed", "sends_after", "decide_by",
        "created_at",
    ),
    "the contents of a refund request never change: make a new request",
)  # fmt: skip
_ENDED_REFUND_UNCHANGED_RULE = TriggerRule(
    f"OLD.status NOT IN {make_state_list_sql(ENDED_REFUND_STATES)} OR "
    + are_unchanged_sql(
        "status", "certainty", "refund_txn_id", "declined_because", "first_sent_at", "not_found",
        "first_not_found_at", "error_code", "operation_id",
    ),
    "a refund that has ended is never changed",
)  # fmt: skip
_REFUND_DECISION_RULES = (
    TriggerRule(
        implies_sql(_IS_REFUND_APPROVAL_STEP_SQL, is_other_person_sql("me", "OLD.maker")),
        "nobody approves a refund of their own",
    ),
    TriggerRule(
        implies_sql(_IS_REFUND_APPROVAL_STEP_SQL, _HAS_ENOUGH_VOTES_SQL),
        "a refund needs enough approvers: this person, but not its maker, is one of them",
    ),
    TriggerRule(
        implies_sql(_IS_REFUND_APPROVAL_STEP_SQL, _make_is_maker_active_sql("OLD.maker")),
        "the maker of the refund may not act any more",
    ),
    TriggerRule(
        implies_sql(_IS_REFUND_APPROVAL_STEP_SQL, f"{UTC_NOW_SQL} <= {_add_clock_lag_sql('OLD.decide_by')}"),
        "the time to decide is over",
    ),
    TriggerRule(
        implies_sql(
            enters_state_sql(RefundState.REJECTED),
            f"{has_role_sql(APPROVER)} AND {is_other_person_sql('me', 'OLD.maker')}"
            " AND CHAR_LENGTH(TRIM(NEW.declined_because)) > 0",
        ),
        "only an approver declines a refund of somebody else, with a reason",
    ),
    TriggerRule(
        f"{are_unchanged_sql('declined_because')} OR {enters_state_sql(RefundState.REJECTED)}",
        "only an approver declines a refund of somebody else, with a reason",
    ),
    TriggerRule(
        implies_sql(enters_state_sql(RefundState.WITHDRAWN), equals_sql("OLD.maker", "me")),
        "only its maker withdraws a refund",
    ),
    TriggerRule(
        implies_sql(
            enters_state_sql(RefundState.WITHDRAWN), is_requested_sql(_is_request_about_refund_sql("refund withdraw"))
        ),
        "the person has not asked for this decision",
    ),
    TriggerRule(
        implies_sql(
            enters_state_sql(RefundState.REJECTED),
            is_requested_sql(
                f"{_is_request_about_refund_sql('refund reject')} AND {IS_REQUEST_CONFIRMED_SQL}"
                f" AND {has_words_of_person_sql('NEW.declined_because', '$[1]')}"
                f" AND {has_seen_version_sql('OLD.version', '$[2]')}"
            ),
        ),
        "the person has not asked for this decision",
    ),
    TriggerRule(
        implies_sql(enters_state_sql(RefundState.EXPIRED), f"OLD.decide_by < {_add_clock_lag_sql(UTC_NOW_SQL)}"),
        "it has not expired by the server's clock",
    ),
)
_HAS_DISABLED_VOTER_SQL = exists_sql(
    f"approvals a JOIN operators p ON p.name = a.person WHERE {_IS_VOTE_FOR_REFUND_SQL} AND p.disabled_at IS NOT NULL"
)
"""SQL condition: a person who has approved the refund is disabled now."""
_HAVE_ENOUGH_ENABLED_VOTERS_SQL = make_aggregate_sql(
    count_people_sql("a.person") + " >= OLD.checkers_needed",
    f"approvals a JOIN operators p ON p.name = a.person WHERE {_IS_VOTE_FOR_REFUND_SQL}"
    f" AND {is_other_person_sql('a.person', 'OLD.maker')} AND p.disabled_at IS NULL",
)
"""SQL condition: enough of the people who have approved the refund, without its maker, aren't disabled now."""
_REFUND_SENDING_RULES = (
    TriggerRule(
        implies_sql(
            _IS_REFUND_SENDING_STEP_SQL, f"NOT {_HAS_DISABLED_VOTER_SQL} OR {_HAVE_ENOUGH_ENABLED_VOTERS_SQL}"
        ),
        "a person who has approved the refund is disabled",
    ),
    TriggerRule(
        implies_sql(
            _IS_REFUND_SENDING_STEP_SQL,
            f"OLD.sends_after IS NULL OR OLD.sends_after <= {_add_clock_lag_sql(UTC_NOW_SQL)}",
        ),
        "not before the cooling-off is over by the server's clock",
    ),
    TriggerRule(
        implies_sql(
            _IS_REFUND_SENDING_STEP_SQL,
            "NEW.provider_refund_key IS NOT NULL AND NOT NEW.provider_refund_key REGEXP '[^A-Za-z0-9-]'"
            " AND NEW.sent_count = OLD.sent_count + 1 AND NEW.first_sent_at IS NOT NULL"
            " AND NEW.last_sent_at IS NOT NULL AND NEW.operation_id IS NOT NULL"
            f" AND NOT ({are_unchanged_sql('operation_id')})",
        ),
        "a refund that is being sent has its key, the time, one more sending and its operation",
    ),
    TriggerRule(
        f"{are_unchanged_sql('sent_count', 'last_sent_at', 'operation_id')} OR {_IS_REFUND_SENDING_STEP_SQL}",
        "a sending is counted when it begins",
    ),
    TriggerRule(
        f"{are_unchanged_sql('provider_refund_key')}"
        f" OR (OLD.provider_refund_key IS NULL AND {_IS_REFUND_SENDING_STEP_SQL})",
        "the idempotency key of a refund is set once",
    ),
    TriggerRule(
        f"{are_unchanged_sql('first_sent_at')} OR (OLD.first_sent_at IS NULL AND {_IS_REFUND_SENDING_STEP_SQL})",
        "the time of the first sending is set once",
    ),
)
_REFUND_ANSWER_RULES = (
    TriggerRule(
        f"{are_unchanged_sql('refund_txn_id')} OR (OLD.refund_txn_id IS NULL"
        f" AND ({enters_state_sql(RefundState.SUBMITTED)} OR {enters_state_sql(RefundState.COMPLETED)}))",
        "the provider's number is set once, by its answer",
    ),
    TriggerRule(
        implies_sql(enters_state_sql(RefundState.COMPLETED), "CHAR_LENGTH(TRIM(NEW.refund_txn_id)) > 0"),
        "a completed refund has the provider's number",
    ),
    TriggerRule(
        implies_sql(
            enters_state_sql(RefundState.COMPLETED),
            f"{_has_answer_sql(OutcomeClass.SUCCEEDED)} OR {_make_is_second_person_sql(RefundState.COMPLETED)}",
        ),
        "a refund is completed only by the provider's answer or a decision of two people",
    ),
    TriggerRule(
        implies_sql(
            enters_state_sql(RefundState.FAILED),
            f"{_has_answer_sql(OutcomeClass.FAILED_DEFINITE)} OR {_make_is_second_person_sql(RefundState.FAILED)}",
        ),
        "a refund fails only by the provider's answer or a decision of two people",
    ),
    TriggerRule(
        implies_sql(
            enters_state_sql(RefundState.SUBMITTED), _has_answer_sql(OutcomeClass.PENDING, OutcomeClass.SUCCEEDED)
        ),
        "a refund is accepted only by the provider's answer",
    ),
    TriggerRule(
        implies_sql(_IS_RETURNED_TO_APPROVED_SQL, f"{_WAS_REFUND_REFUSED_SQL} OR {_NOT_FOUND_COUNT_SQL} > 1"),
        "a refund becomes approved again only by an answer about its last sending",
    ),
    CERTAINTY_RULE,
    TriggerRule(
        "NEW.certainty = 'known' OR NEW.status = 'submitting'",
        "only a refund that is being sent can have an unknown outcome",
    ),
    TriggerRule(
        "OLD.certainty = 'known' OR NEW.certainty = 'unknown' OR NEW.status <> 'submitting'",
        "an unknown outcome becomes known only when the state changes",
    ),
)
_REFUND_STATE_RULE = TriggerRule(is_allowed_step_sql(REFUND_TRANSITIONS, "status"), "no such step of a refund")
REFUND_UPDATE_RULES = (
    VERSION_RULE,
    _REFUND_REQUEST_UNCHANGED_RULE,
    _REFUND_STATE_RULE,
    state_since.make_server_rule("status", "certainty"),
    _ENDED_REFUND_UNCHANGED_RULE,
    WORK_STATE_RULE,
    *_REFUND_DECISION_RULES,
    *_REFUND_SENDING_RULES,
    *_REFUND_ANSWER_RULES,
)

_IS_REFUND_VOTE_SQL = f"(NEW.action = {_VOTE_ACTION})"
_IS_ADMINISTRATOR_PROPOSAL_SQL = f"{limits.IS_LIMIT_PROPOSAL_SQL} OR {disabled_people.IS_ENABLING_PROPOSAL_SQL}"
_MAY_VOTE_ON_REFUND_SQL = exists_sql(
    f"refunds r JOIN operators p ON p.name = r.maker WHERE r.id = {parse_id_sql('NEW.subject_id')}"
    f" AND CAST(r.id AS CHAR) = NEW.subject_id AND r.status = 'requested' AND {_IS_ACTIVE_MAKER_SQL}"
    f" AND {is_other_person_sql('me', 'r.maker')} AND {UTC_NOW_SQL} <= {_add_clock_lag_sql('r.decide_by')}"
)
_VERSION_OF_REFUND_SQL = f"(SELECT q.version FROM refunds q WHERE q.id = {parse_id_sql('NEW.subject_id')})"  # noqa: S608  # constants
"""SQL of the version of the refund about which the new row of `approvals` decides."""
_IS_STATE_REQUESTED_SQL = (
    "(r.proposed = NEW.proposed OR NEW.subject_kind = 'operation' AND NEW.proposed = 'error'"
    f" AND r.proposed IN ('{RefundState.FAILED.value}', '{PaymentState.PAYMENT_FAILED.value}'))"
)
"""SQL condition: the desk request `r` asks for the proposed state. The proposal about an operation that the database
has lost is always `error` (it had no effect), whatever record the operation belonged to.
"""
_APPROVAL_INSERT_RULES = (
    TriggerRule(
        f"{_IS_REFUND_VOTE_SQL} OR {limits.MAY_PROPOSE_LIMIT_SQL} OR {disabled_people.MAY_PROPOSE_ENABLING_SQL}"
        f" OR {has_role_sql(OPERATOR, APPROVER)}",
        "this role decides nothing",
    ),
    TriggerRule(
        implies_sql(limits.IS_LIMIT_PROPOSAL_SQL, limits.MAY_PROPOSE_LIMIT_SQL),
        "only an administrator proposes a limit",
    ),
    TriggerRule(
        implies_sql(disabled_people.IS_ENABLING_PROPOSAL_SQL, disabled_people.MAY_PROPOSE_ENABLING_SQL),
        "only an administrator proposes to enable a person",
    ),
    TriggerRule(equals_sql("NEW.person", "me"), "nobody decides in the name of somebody else"),
    TriggerRule(_make_is_present_time_sql("NEW.at"), "a decision carries the time of the server"),
    TriggerRule(
        is_requested_sql(
            f"({_IS_REFUND_VOTE_SQL} AND {IS_REQUEST_CONFIRMED_SQL}"
            f" AND {_is_request_about_refund_sql('refund approve', 'NEW.subject_id')}"
            f" AND {has_seen_version_sql(_VERSION_OF_REFUND_SQL, '$[1]')})"
            f" OR (NEW.action = 'resolve' AND r.action = 'resolve' AND {_IS_STATE_REQUESTED_SQL}"
            f" AND {is_request_about_sql('NEW.subject_kind', 'NEW.subject_id')})"
            f" OR ({limits.IS_LIMIT_PROPOSAL_REQUEST_SQL})"
            f" OR ({disabled_people.IS_ENABLING_PROPOSAL_REQUEST_SQL})"
        ),
        "the person has not asked for this decision",
    ),
    TriggerRule("NEW.closed_at IS NULL", "a decision begins open"),
    TriggerRule(
        f"{_IS_ADMINISTRATOR_PROPOSAL_SQL} OR {equals_sql('NEW.action', _RESOLVE_ACTION)}"
        f" OR ({equals_sql('NEW.action', _VOTE_ACTION)}"
        " AND NEW.evidence_id IS NULL"
        f" AND {has_state_sql('NEW.proposed', (RefundState.APPROVED,))}"
        f" AND {equals_sql('NEW.subject_kind', _REFUND_KIND)})",
        "no such decision",
    ),
    TriggerRule(implies_sql(_IS_REFUND_VOTE_SQL, has_role_sql(APPROVER)), "only an approver approves"),
    TriggerRule(
        implies_sql(_IS_REFUND_VOTE_SQL, _MAY_VOTE_ON_REFUND_SQL),
        "an approval is for a request that waits, of somebody else who still may act",
    ),
    TriggerRule(
        f"{_IS_REFUND_VOTE_SQL} OR {_IS_ADMINISTRATOR_PROPOSAL_SQL} OR "
        + exists_sql(
            "evidence e WHERE e.id = NEW.evidence_id AND e.source = 'person'"
            " AND CAST(e.who AS BINARY) = me AND e.subject_kind = NEW.subject_kind"
            " AND NEW.subject_id IN (CAST(e.subject_id AS CHAR), e.operation_id)"
        ),
        "a decision needs evidence of the same person",
    ),
)
_APPROVAL_UPDATE_RULES = (
    TriggerRule(
        are_unchanged_sql("id", "subject_kind", "subject_id", "action", "proposed", "person", "evidence_id", "at"),
        "the contents of a decision are never changed",
        BINDS_SCHEMA_ACCOUNT,
    ),
    TriggerRule(
        "OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL", "a closed decision stays closed", BINDS_SCHEMA_ACCOUNT
    ),
    TriggerRule(f"OLD.action <> {_VOTE_ACTION}", "an approval of a refund is never changed"),
)

REFUND_RULES: Mapping[tuple[str, TriggerEvent], tuple[TriggerRule, ...]] = {
    ("refunds", "INSERT"): REFUND_INSERT_RULES,
    ("refunds", "UPDATE"): REFUND_UPDATE_RULES,
    ("refunds", "DELETE"): (TriggerRule(NEVER_TRUE_SQL, "refunds are never deleted"),),
    ("approvals", "INSERT"): _APPROVAL_INSERT_RULES,
    ("approvals", "UPDATE"): _APPROVAL_UPDATE_RULES,
    ("approvals", "DELETE"): make_refusal_rules("decisions are never deleted"),
}
