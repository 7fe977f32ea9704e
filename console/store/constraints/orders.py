"""Trigger rules of a server for the table of orders. The shop writes the rows. The console changes only three kinds
of columns: the state, the console's own columns of work, and those empty columns whose value comes from a payment."""

from collections.abc import Iterator

from console.domain.payments.provider_registry import ProviderTraits, list_providers_of_type
from console.domain.payments.records import OrderState
from console.domain.payments.states import ENDED_UNPAID_STATES, PAID_STATES, WAITING_STATES
from console.domain.records import WorkState
from console.domain.transitions.tables import ORDER_TRANSITIONS
from console.store.constraints import state_since
from console.store.constraints.sql_expressions import (
    VERSION_RULE,
    WORK_STATE_RULE,
    TriggerRule,
    are_unchanged_sql,
    enters_state_sql,
    equals_sql,
    exists_sql,
    has_state_sql,
    implies_sql,
    is_allowed_step_sql,
    make_state_list_sql,
    make_sum_sql,
    not_exists_sql,
)
from console.store.schema.payments import orders

ORDER_TABLE = orders.name
_COLUMNS_SET_BY_CONSOLE = ("work_state", "work_at", "work_reason", "work_attempts", "state_since", "version")
_ORDER_PAYMENTS_SQL = "payments p WHERE p.order_id = OLD.id"
_ORDER_CANNOT_BE_PAID_SQL = not_exists_sql(
    f"{_ORDER_PAYMENTS_SQL} AND (p.status IN {make_state_list_sql(WAITING_STATES | PAID_STATES)}"
    " OR p.certainty = 'unknown')"
)
_HAS_ENDED_UNPAID_SQL = exists_sql(
    f"{_ORDER_PAYMENTS_SQL} AND p.status IN {make_state_list_sql(ENDED_UNPAID_STATES)}"
)
_IS_REFUNDED_WHOLLY_SQL = (
    f"{make_sum_sql('p.captured_minor', _ORDER_PAYMENTS_SQL)}"
    f" BETWEEN 1 AND {make_sum_sql('p.refunded_minor + p.outside_minor', _ORDER_PAYMENTS_SQL)}"
)
_ORDER_STATES_SET_BY_CONSOLE = (OrderState.PAID, OrderState.CANCELLED, OrderState.REFUNDED)
"""States of an order that the console sets, because of the order's payments."""
_ORDER_STATE_RULE = TriggerRule(is_allowed_step_sql(ORDER_TRANSITIONS, "status"), "no such step of an order")


def _make_fill_from_payment_rule(column: str, *proof: str) -> TriggerRule:
    """Return a rule for one of the shop's columns. The console may write the column only while it is empty, and only
    with a value from a payment of this order. `proof`: SQL conditions (joined by AND) on the payment `p`; one of them
    compares the new value with a column of `p`."""
    is_proven_sql = exists_sql(f"{_ORDER_PAYMENTS_SQL} AND {' AND '.join(proof)}")
    may_fill_sql = f"COALESCE(OLD.{column}, '') = '' AND {is_proven_sql}"
    return TriggerRule(
        f"{are_unchanged_sql(column)} OR ({may_fill_sql})",
        "the shop's columns are filled once, by a payment of the order",
    )


_IS_PAYMENT_PAID_SQL = f"p.captured_minor > 0 AND p.status IN {make_state_list_sql(PAID_STATES)}"
_PAID_SUM_OF_ORDER_SQL = make_sum_sql(
    "p.captured_minor - p.refunded_minor - p.outside_minor - p.reserved_minor",
    f"{_ORDER_PAYMENTS_SQL} AND {_IS_PAYMENT_PAID_SQL} AND p.currency = OLD.currency",
)


def _make_id_at_provider_fill_rules(provider: ProviderTraits) -> Iterator[TriggerRule]:
    """Yield the rules for those columns of an order in which the ids that this provider has given to a payment are
    stored: the handle of its payment code, and the provider's id of the payment."""
    is_of_provider_sql = f"p.provider = '{provider.name}'"
    if column := provider.order_handle_column:
        yield _make_fill_from_payment_rule(
            column, is_of_provider_sql, equals_sql("p.handle", f"CAST(NEW.{column} AS BINARY)")
        )
    if column := provider.order_payment_column:
        yield _make_fill_from_payment_rule(
            column,
            is_of_provider_sql,
            _IS_PAYMENT_PAID_SQL,
            equals_sql("p.provider_payment_id", f"CAST(NEW.{column} AS BINARY)"),
        )


_COLUMN_FILL_RULES = (
    *(
        rule
        for provider in list_providers_of_type(ProviderTraits)
        for rule in _make_id_at_provider_fill_rules(provider)
    ),
    _make_fill_from_payment_rule(
        "payment_method", _IS_PAYMENT_PAID_SQL, equals_sql("p.provider", "CAST(NEW.payment_method AS BINARY)")
    ),
)

ORDER_INSERT_RULES_FOR_PEOPLE = (TriggerRule("FALSE", "orders are written by the shop"),)
ORDER_UPDATE_RULES_FOR_PEOPLE = (
    VERSION_RULE,
    TriggerRule(
        are_unchanged_sql(
            "id", "user_id", "corporation_number", "merch_txn_id", "total_amount", "currency", "created_at"
        ),
        "only the shop writes the number, the customer and the amount of an order",
    ),
    *_COLUMN_FILL_RULES,
    _ORDER_STATE_RULE,
    state_since.make_server_rule("status"),
    WORK_STATE_RULE,
    TriggerRule(
        implies_sql(
            enters_state_sql(OrderState.PAID),
            f"{exists_sql(f'{_ORDER_PAYMENTS_SQL} AND {_IS_PAYMENT_PAID_SQL}')}"
            f" AND {_PAID_SUM_OF_ORDER_SQL} >= OLD.total_amount",
        ),
        "an order is paid only by its own payments and in full",
    ),
    TriggerRule(
        implies_sql(
            enters_state_sql(OrderState.CANCELLED), f"{_ORDER_CANNOT_BE_PAID_SQL} AND {_HAS_ENDED_UNPAID_SQL}"
        ),
        "an order that may be paid isn't cancelled",
    ),
    TriggerRule(
        implies_sql(enters_state_sql(OrderState.REFUNDED), _IS_REFUNDED_WHOLLY_SQL),
        "an order is refunded only when its whole amount went back",
    ),
    TriggerRule(
        f"{are_unchanged_sql('status')} OR {has_state_sql('NEW.status', _ORDER_STATES_SET_BY_CONSOLE)}",
        "only the shop sets an order to this state",
    ),
)
ORDER_INSERT_RULES_FOR_OTHER_PROGRAMS = (
    TriggerRule(
        f"{has_state_sql('NEW.work_state', (WorkState.NONE,))} AND NEW.version = 1 AND NEW.work_attempts = 0"
        " AND COALESCE(NEW.work_at, NEW.work_reason) IS NULL",
        "the shop writes only its own columns",
    ),
    TriggerRule(has_state_sql("NEW.status", ORDER_TRANSITIONS), "no such state of an order"),
    TriggerRule("NEW.total_amount >= 0", "the amount of an order is never negative"),
)
ORDER_UPDATE_RULES_FOR_OTHER_PROGRAMS = (
    TriggerRule(are_unchanged_sql("id", *_COLUMNS_SET_BY_CONSOLE), "the shop writes only its own columns"),
    _ORDER_STATE_RULE,
    TriggerRule("NEW.total_amount >= 0", "the amount of an order is never negative"),
)
ORDER_DELETE_RULES_FOR_PEOPLE = (TriggerRule("FALSE", "an order is never deleted"),)
ORDER_DELETE_RULES_FOR_OTHER_PROGRAMS = ORDER_DELETE_RULES_FOR_PEOPLE
