"""Trigger rules of a server for payments, notices about payments, accounts and set-asides. The captured amount rises
only with evidence of a provider's answer, or if two people have decided so.

In one transaction these rules expect the statements in this order: evidence, state of the payment, captured
amount, amount set aside above the account's limit, set-aside row, order. For refunds see `constraints.refunds`.
"""

from collections.abc import Iterable, Mapping

from console.domain.access.permissions import WORKER
from console.domain.money import LARGEST_AMOUNT_MINOR, MINOR_DIGITS_BY_CURRENCY
from console.domain.payments.provider_registry import NoticeKind, ProviderTraits, list_providers_of_type
from console.domain.payments.states import (
    DONE_OUTSIDE,
    ENDED_UNPAID_STATES,
    PAYMENT_TRANSITIONS,
    RESERVING_REFUND_STATES,
    PaymentState,
    RefundState,
)
from console.domain.provider_outcome import OutcomeClass
from console.domain.records import Certainty
from console.domain.transitions.tables import SET_ASIDE_TRANSITIONS
from console.store.constraints import limits as limit_rules
from console.store.constraints import state_since
from console.store.constraints.sql_expressions import (
    CERTAINTY_RULE,
    NEVER_TRUE_SQL,
    REFUSAL_OUTCOMES,
    SCHEMA_ACCOUNT_ONLY_RULE,
    VERSION_RULE,
    WORK_STATE_RULE,
    TriggerEvent,
    TriggerRule,
    are_unchanged_sql,
    equals_sql,
    exists_sql,
    has_outcome_sql,
    has_role_sql,
    has_state_sql,
    implies_sql,
    is_allowed_step_sql,
    is_second_person_sql,
    make_aggregate_sql,
    make_state_list_sql,
    make_sum_sql,
)

MONEY_MOVED_STATES = (
    PaymentState.PAYMENT_SUCCESS,
    PaymentState.CALLBACK_RECEIVED,
    PaymentState.SIGNATURE_VERIFIED,
    PaymentState.COMPLETED,
    PaymentState.REVERSED,
)
"""Payment states which mean that the payer's money was collected."""
INITIAL_PAYMENT_STATES = (PaymentState.INITIALIZING, PaymentState.TOKEN_GENERATED, PaymentState.USER_PAYMENT)
_QUERY_CALL_NAME = "payment"
"""Name of the provider call that queries a payment's state, as in the source of evidence (`provider.call`)."""
_START_CALL_NAME = "start"
"""Name of the provider call that starts a payment, as in the source of evidence (`provider.call`)."""
_PAYMENT_SUM_COLUMNS = ("captured_minor", "reserved_minor", "refunded_minor", "set_aside_minor", "outside_minor")
_HAS_SUM_CHANGED_SQL = f"(NOT ({are_unchanged_sql(*_PAYMENT_SUM_COLUMNS)}))"


def _make_amount_change_sql(column: str) -> str:
    """Return SQL for the change of the amount in `column` (minor units) by the UPDATE: the new amount less the old
    one. It is negative if the amount decreases.
    """
    return f"(NEW.{column} - OLD.{column})"


def _make_refund_sum_sql(states: Iterable[RefundState]) -> str:
    """Return SQL for the sum (minor units) of the refunds of the changed payment (OLD) that are in these states."""
    return make_sum_sql(
        "r.refund_amount", f"refunds r WHERE r.payment_id = OLD.id AND r.status IN {make_state_list_sql(states)}"
    )


_CALL_NAME_SQL = "SUBSTRING_INDEX(e.source, '.', -1)"
_EVIDENCE_OF_PAYMENT_SQL = "evidence e WHERE e.subject_kind = 'payment' AND e.subject_id = OLD.id"


def _has_answer_sql(*outcomes: OutcomeClass, condition_sql: str) -> str:
    """Return an SQL condition: the acting person has stored an answer of the payment's provider as evidence, the
    answer has one of `outcomes`, and the SQL condition `condition_sql` about the evidence `e` is true."""
    return exists_sql(
        f"{_EVIDENCE_OF_PAYMENT_SQL} AND LEFT(e.source, CHAR_LENGTH(OLD.provider) + 1) = CONCAT(OLD.provider, '.')"
        f" AND {has_outcome_sql(*outcomes)}"
        f" AND NOT e.summary LIKE '%resolved_by_people' AND CAST(e.who AS BINARY) = me AND {condition_sql}"
    )


_IS_START_CALL_SQL = f"{_CALL_NAME_SQL} = '{_START_CALL_NAME}'"
"""SQL condition: the evidence `e` is the answer to the call that starts a payment."""
_IS_NO_START_CALL_SQL = f"{_CALL_NAME_SQL} <> '{_START_CALL_NAME}'"
"""SQL condition: the evidence `e` is the answer to another call than the one that starts a payment."""
_WAS_PAYMENT_PAID_SQL = _has_answer_sql(OutcomeClass.SUCCEEDED, condition_sql=_IS_NO_START_CALL_SQL)
_WAS_PAYMENT_TAKEN_BACK_SQL = _has_answer_sql(OutcomeClass.FAILED_DEFINITE, condition_sql=_IS_NO_START_CALL_SQL)
_WAS_DECIDED_AS_PAID_SQL = is_second_person_sql(
    "OLD.id", "payment", PaymentState.COMPLETED.value, PaymentState.REVERSED.value
)
"""SQL condition: two people have decided that the payment was paid (completed), or paid and taken back (reversed)."""
_WAS_PAYMENT_REFUSED_SQL = (
    f"(OLD.status = '{PaymentState.INITIALIZING.value}'"
    f" AND {_has_answer_sql(*REFUSAL_OUTCOMES, condition_sql=_IS_START_CALL_SQL)})"
)
"""SQL condition: the payment's state is initializing, and the stored answer to the call that starts it is a refusal:
the provider refused the call, or the call was never sent.
"""
_HAS_PAYMENT_EXPIRED_SQL = (
    f"(NEW.status = '{PaymentState.EXPIRED.value}' AND OLD.certainty = '{Certainty.KNOWN.value}' AND "
    + _has_answer_sql(
        OutcomeClass.PENDING,
        OutcomeClass.NOT_FOUND,
        condition_sql=f"{_CALL_NAME_SQL} = '{_QUERY_CALL_NAME}' AND e.at > OLD.payment_expires_at",
    )
    + ")"
)
"""SQL condition: the payment becomes expired, its certainty was known, and the provider, queried after
`payment_expires_at`, answered that it has no payment or that the payment is still pending.
"""
_WAS_FAILED_BY_PEOPLE_SQL = is_second_person_sql("OLD.id", "payment", PaymentState.PAYMENT_FAILED.value)
_OUTCOMES_THAT_END_UNCERTAINTY = (OutcomeClass.SUCCEEDED, OutcomeClass.PENDING, OutcomeClass.FAILED_DEFINITE)
_LAST_UNKNOWN_EVIDENCE_ID_SQL = make_aggregate_sql(
    "COALESCE(MAX(v.id), 0)",
    "evidence v WHERE v.subject_kind = 'payment' AND v.subject_id = OLD.id AND v.source LIKE '%_.%'"
    f" AND {has_outcome_sql(OutcomeClass.UNKNOWN).replace('e.summary', 'v.summary')}",
)
"""SQL expression: the id of the payment's newest evidence with an unknown outcome; 0 if there is none."""
_HAS_CLEAR_ANSWER_SQL = _has_answer_sql(
    *_OUTCOMES_THAT_END_UNCERTAINTY, condition_sql=f"e.id > {_LAST_UNKNOWN_EVIDENCE_ID_SQL}"
)
"""SQL condition: after the last answer with an unknown outcome the provider has answered with the state of the
payment.
"""
_WAS_RESOLVED_BY_PEOPLE_SQL = is_second_person_sql(
    "OLD.id", "payment", PaymentState.COMPLETED.value, PaymentState.REVERSED.value, PaymentState.PAYMENT_FAILED.value
)
"""SQL condition: two people have decided the payment's state: completed, reversed or failed."""
_WAS_DONE_OUTSIDE_SQL = is_second_person_sql(
    "OLD.id",
    "payment",
    DONE_OUTSIDE,
    condition_sql="e.body LIKE CONCAT('number ', NEW.outside_minor - OLD.outside_minor, ' %') AND "
    + exists_sql(
        "evidence f WHERE f.id = a.evidence_id"
        " AND f.body LIKE CONCAT('number ', NEW.outside_minor - OLD.outside_minor, ' %')"
    ),
)
"""SQL condition: two people have decided that the payer got this amount back other than through the provider. The
evidence of both people begins with the amount (minor units) and the day.
"""
_PAYMENT_LINK_RULE = TriggerRule(
    "NEW.url IS NULL OR (NEW.url LIKE 'https://_%' AND NOT NEW.url REGEXP '[[:cntrl:]]')", "a link begins with https"
)
_LATE_AFTER_COLUMN_RULE = TriggerRule(
    f"NEW.late_after IS NULL OR {has_state_sql('NEW.late_after', ENDED_UNPAID_STATES)}",
    "a payment has late money only after it ended unpaid",
)
_PAYMENT_INSERT_RULES = (
    TriggerRule(
        f"{has_state_sql('NEW.status', INITIAL_PAYMENT_STATES)}"
        f" AND {has_state_sql('NEW.certainty', (Certainty.KNOWN,))}"
        " AND NEW.version = 1 AND NEW.provider_payment_id IS NULL"
        " AND NEW.captured_minor = 0 AND NEW.reserved_minor = 0 AND NEW.refunded_minor = 0"
        " AND NEW.set_aside_minor = 0 AND NEW.outside_minor = 0",
        "a payment begins without money",
    ),
    TriggerRule(
        f"NEW.asked_minor BETWEEN 0 AND {LARGEST_AMOUNT_MINOR} AND NEW.account_minor BETWEEN 0 AND NEW.asked_minor"
        f" AND CAST(NEW.currency AS BINARY) IN ({', '.join(sorted(map(repr, MINOR_DIGITS_BY_CURRENCY)))})",
        "a price is 0 to 10^15 minor units of a known currency",
    ),
    _PAYMENT_LINK_RULE,
    TriggerRule("NOT NEW.provider REGEXP '[^a-z0-9_-]' AND CHAR_LENGTH(NEW.provider) > 0", "no such provider's name"),
    WORK_STATE_RULE,
    _LATE_AFTER_COLUMN_RULE,
)
_PAYMENT_UPDATE_RULES = (
    VERSION_RULE,
    TriggerRule(
        are_unchanged_sql("id", "provider", "merchant_payment_id", "currency", "asked_minor", "created_at"),
        "the numbers and the price of a payment never change",
    ),
    TriggerRule(
        f"{are_unchanged_sql('provider_payment_id')} OR OLD.provider_payment_id IS NULL",
        "the provider's number is set once",
    ),
    TriggerRule(are_unchanged_sql("order_id"), "a payment stays with its order"),
    TriggerRule(
        f"{are_unchanged_sql('paid_at')} OR OLD.paid_at IS NULL", "the time at which a payment was paid is set once"
    ),
    TriggerRule(
        f"{are_unchanged_sql('payment_expires_at')} OR OLD.payment_expires_at IS NULL"
        " OR NEW.payment_expires_at >= OLD.payment_expires_at"
        f" OR (OLD.certainty = '{Certainty.UNKNOWN.value}'"
        f" AND {_has_answer_sql(OutcomeClass.SUCCEEDED, condition_sql=_IS_START_CALL_SQL)})",
        "a payer's time is never made shorter",
    ),
    TriggerRule(is_allowed_step_sql(PAYMENT_TRANSITIONS, "status"), "no such step of a payment"),
    state_since.make_server_rule("status", "certainty"),
    CERTAINTY_RULE,
    WORK_STATE_RULE,
    _LATE_AFTER_COLUMN_RULE,
    _PAYMENT_LINK_RULE,
    TriggerRule(
        f"NEW.captured_minor <= {LARGEST_AMOUNT_MINOR}"
        f" AND LEAST({', '.join(f'NEW.{name}' for name in _PAYMENT_SUM_COLUMNS)},"
        " NEW.account_minor) >= 0"
        " AND NEW.reserved_minor + NEW.refunded_minor + NEW.set_aside_minor + NEW.outside_minor"
        " <= NEW.captured_minor",
        "no amount of a payment is negative, and its parts are at most the captured amount",
    ),
    TriggerRule("NEW.captured_minor >= OLD.captured_minor", "the captured amount never falls"),
    TriggerRule("NEW.refunded_minor >= OLD.refunded_minor", "the refunded amount never falls"),
    TriggerRule(
        implies_sql(
            f"({_make_amount_change_sql('refunded_minor')} > 0)",
            f"{_make_amount_change_sql('refunded_minor')} = -{_make_amount_change_sql('reserved_minor')}",
        ),
        "only a reserved amount is refunded",
    ),
    TriggerRule(
        "NEW.outside_minor = OLD.outside_minor"
        f" OR (NEW.outside_minor > OLD.outside_minor AND {_WAS_DONE_OUTSIDE_SQL})",
        "only two people state that an amount was given back outside",
    ),
    TriggerRule(
        implies_sql(f"({_make_amount_change_sql('reserved_minor')} > 0)", "OLD.status <> 'reversed'"),
        "no amount of a reversed payment is reserved",
    ),
    TriggerRule(
        implies_sql(
            f"({_make_amount_change_sql('set_aside_minor')} < 0)",
            f"-{_make_amount_change_sql('set_aside_minor')} = {_make_amount_change_sql('reserved_minor')}",
        ),
        "an amount set aside is given back only by a refund",
    ),
    TriggerRule(
        implies_sql(
            f"({_make_amount_change_sql('captured_minor')} > 0"
            f" OR NOT ({are_unchanged_sql('provider_payment_id', 'paid_at')})"
            f" OR (NEW.status <> OLD.status AND NEW.status IN {make_state_list_sql(MONEY_MOVED_STATES)}))",
            f"{_WAS_PAYMENT_PAID_SQL}"
            f" OR (NEW.status = '{PaymentState.REVERSED.value}' AND {_WAS_PAYMENT_TAKEN_BACK_SQL})"
            f" OR {_WAS_DECIDED_AS_PAID_SQL}",
        ),
        "only a provider's answer or two people state that money has moved",
    ),
    TriggerRule(
        implies_sql(
            f"({_make_amount_change_sql('captured_minor')} > 0)",
            f"OLD.captured_minor = 0 AND (NEW.captured_minor = OLD.asked_minor OR {_WAS_DECIDED_AS_PAID_SQL})",
        ),
        "the requested amount is captured once and in full",
    ),
    TriggerRule(
        implies_sql(
            f"(NEW.status <> OLD.status AND NEW.status IN {make_state_list_sql(ENDED_UNPAID_STATES)})",
            f"{_WAS_PAYMENT_TAKEN_BACK_SQL} OR {_WAS_PAYMENT_REFUSED_SQL}"
            f" OR {_HAS_PAYMENT_EXPIRED_SQL} OR {_WAS_FAILED_BY_PEOPLE_SQL}",
        ),
        "only a provider's answer or two people state that nobody has paid",
    ),
    TriggerRule(
        implies_sql(
            f"(OLD.certainty = '{Certainty.UNKNOWN.value}' AND NEW.certainty <> OLD.certainty)",
            f"{_HAS_CLEAR_ANSWER_SQL} OR {_WAS_PAYMENT_REFUSED_SQL} OR {_WAS_RESOLVED_BY_PEOPLE_SQL}",
        ),
        "an unknown outcome becomes known only by a provider's answer or two people",
    ),
    TriggerRule(
        implies_sql(
            f"({_make_amount_change_sql('reserved_minor')} < 0)",
            f"NEW.reserved_minor >= {_make_refund_sum_sql(RESERVING_REFUND_STATES)}",
        ),
        "the amounts of open refunds stay reserved",
    ),
    TriggerRule(
        implies_sql(_HAS_SUM_CHANGED_SQL, f"NEW.refunded_minor >= {_make_refund_sum_sql((RefundState.COMPLETED,))}"),
        "the amounts of completed refunds count as refunded",
    ),
)
FINAL_EVENT_STATES = ("booked", "kept", "unchanged")
"""Results (column `done`) with which the processing of a notice has ended."""
FIRST_EVENT_STATES = (*FINAL_EVENT_STATES, "announced", "queued", "refused", "refused_to_ask", "unmatched")
"""Results (column `done`) that a notice may have when it is inserted."""
_QUEUED_EVENT_STATE_SQL = "'queued'"
_HINT_PROVIDERS = tuple(
    provider.name for provider in list_providers_of_type(ProviderTraits) if provider.notice_source is NoticeKind.HINTS
)
"""Providers whose notices may be queued again. Such a notice only makes the console query the payment, whose state
may have changed since the last query.
"""
_EVENT_STATE_STEPS = (
    *(f"{before}>{end}" for before in ("queued", "unmatched") for end in FINAL_EVENT_STATES),
    "refused_to_ask>refused_asked",
)
"""The allowed changes of a notice's result (column `done`), as "old>new"."""


def _make_sql_list(values: Iterable[str]) -> str:
    """Return the texts as an SQL list in brackets, for use after IN."""
    return "(" + ", ".join(f"'{word}'" for word in values) + ")"


_OPEN_SET_ASIDES_SUM_SQL = make_sum_sql(
    "s.amount_minor", "set_asides s WHERE s.payment_id = NEW.payment_id AND s.status = 'open'"
)
_SET_ASIDE_INSERT_RULES = (
    TriggerRule(
        f"NEW.status = 'open' AND NEW.refund_id IS NULL AND NEW.version = 1 AND NEW.amount_minor BETWEEN 1 AND"
        f" {LARGEST_AMOUNT_MINOR}",
        "an amount set aside begins as open",
    ),
    TriggerRule(
        exists_sql(
            "payments p WHERE p.id = NEW.payment_id AND p.currency = NEW.currency AND p.set_aside_minor >="
            f" NEW.amount_minor + {_OPEN_SET_ASIDES_SUM_SQL}"
        ),
        "an amount is subtracted from its payment before it is set aside",
    ),
    TriggerRule(
        exists_sql("accounts a WHERE a.id = NEW.account_id AND a.currency = NEW.currency"),
        "an amount set aside belongs to an account of its currency",
    ),
)
_SET_ASIDE_UPDATE_RULES = (
    VERSION_RULE,
    TriggerRule(
        are_unchanged_sql("id", "payment_id", "account_id", "amount_minor", "currency", "created_at"),
        "the payment and the size of an amount set aside never change",
    ),
    TriggerRule(is_allowed_step_sql(SET_ASIDE_TRANSITIONS, "status"), "no such step of an amount set aside"),
    TriggerRule(
        f"NEW.refund_id IS NULL OR {are_unchanged_sql('refund_id')} OR "
        + exists_sql("refunds r WHERE r.id = NEW.refund_id AND r.set_aside_id = OLD.id"),
        "the refund gives back this amount set aside",
    ),
    TriggerRule(
        "NEW.status <> 'refunded' OR OLD.status = 'refunded' OR "
        + exists_sql(
            "refunds r WHERE r.id = COALESCE(NEW.refund_id, OLD.refund_id) AND r.set_aside_id = OLD.id"
            " AND r.status = 'completed'"
        ),
        "an amount set aside is refunded only when its refund is completed",
    ),
)
_ACCOUNT_UPDATE_RULES = (
    VERSION_RULE,
    TriggerRule(
        are_unchanged_sql("id", "corporation_number", "currency", "limit_minor"),
        "only the schema account changes this",
    ),
    TriggerRule(
        "NEW.balance_minor >= 0 AND NEW.reserved_minor >= 0 AND NEW.balance_minor + NEW.reserved_minor <="
        " GREATEST(NEW.limit_minor, OLD.balance_minor + OLD.reserved_minor)",
        "the balance of an account is never negative and never above its limit",
    ),
)

PAYMENT_RULES: Mapping[tuple[str, TriggerEvent], tuple[TriggerRule, ...]] = {
    ("payments", "INSERT"): _PAYMENT_INSERT_RULES,
    ("payments", "UPDATE"): _PAYMENT_UPDATE_RULES,
    ("payments", "DELETE"): (TriggerRule(NEVER_TRUE_SQL, "payments are never deleted"),),
    ("payment_events", "INSERT"): (
        TriggerRule(
            f"{equals_sql('NEW.who', 'me')} AND {has_role_sql(WORKER)}",
            "only a worker stores a notice, in its own name",
        ),
        TriggerRule(
            f"CAST(NEW.done AS BINARY) IN {_make_sql_list(FIRST_EVENT_STATES)}", "no such result of a notice"
        ),
    ),
    ("payment_events", "UPDATE"): (
        TriggerRule(
            are_unchanged_sql(
                "id", "source", "event_id", "kind", "order_no", "amount_minor", "currency", "occurred_at",
                "received_at", "body", "signature", "who",
            )
            + f" AND ({are_unchanged_sql('payment_id')} OR OLD.payment_id IS NULL)",
            "the content of a notice is never changed",
        ),
        TriggerRule(
            f"{are_unchanged_sql('done')} OR CONCAT(CAST(OLD.done AS BINARY), '>', CAST(NEW.done AS BINARY)) IN"
            f" {_make_sql_list(_EVENT_STATE_STEPS)}"
            + "".join(
                f" OR (NEW.source = '{name}' AND {equals_sql('NEW.done', _QUEUED_EVENT_STATE_SQL)}"
                " AND NEW.payment_id IS NOT NULL)"
                for name in _HINT_PROVIDERS
            ),
            "no such step of a notice",
        ),
    ),
    ("payment_events", "DELETE"): (TriggerRule(NEVER_TRUE_SQL, "a notice is never deleted"),),
    ("limits", "INSERT"): limit_rules.LIMIT_INSERT_RULES,
    ("limits", "UPDATE"): limit_rules.LIMIT_UPDATE_RULES,
    ("limits", "DELETE"): (SCHEMA_ACCOUNT_ONLY_RULE,),
    ("accounts", "INSERT"): (SCHEMA_ACCOUNT_ONLY_RULE,),
    ("accounts", "UPDATE"): _ACCOUNT_UPDATE_RULES,
    ("accounts", "DELETE"): (SCHEMA_ACCOUNT_ONLY_RULE,),
    ("set_asides", "INSERT"): _SET_ASIDE_INSERT_RULES,
    ("set_asides", "UPDATE"): _SET_ASIDE_UPDATE_RULES,
    ("set_asides", "DELETE"): (TriggerRule(NEVER_TRUE_SQL, "amounts set aside are never deleted"),),
}  # fmt: skip
