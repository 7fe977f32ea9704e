"""The SQL expressions by which queues are filtered, sorted and grouped. For each table they return the same values
as the record that is read from the row.

Conditions and sort keys use these expressions inside functions such as coalesce(). So a database can't choose an
index of the filtered column; it uses the queue's index, which has the rows in the order of the page.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, String, and_, case, func, literal, null
from sqlalchemy.sql.elements import ColumnElement

from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import RESOLVED_BY_PEOPLE_CAUSE, Certainty, WorkReason, WorkState

Expression = ColumnElement[Any]
NULL_EXPRESSION: Expression = null()


@dataclass(frozen=True, eq=False)
class RecordColumns:
    """The SQL expressions of one table of records. An expression is NULL (`client_id`, `make_has_old_answer_sql`,
    `make_is_reversible_sql`: None) if records of the table have no such value.

    - `shown_state`: the state that the badge of the record shows (`find_state_badge` of the domain); None if it is
      always `status`
    - `work_reason`: the reason of the record's work; it is derived for rows that another application wrote
    - `order_or_payment_number`: the order number or our payment number; NULL for other records
    - `provider`: the provider by which rows are sorted; for an order the first one of its payments by name
    - `make_has_provider_sql`: takes the names of providers and returns the condition that the record has one of them
    - `make_has_old_answer_sql`: takes an instant and returns the condition that the provider's last answer is too old
      then
    - `make_is_reversible_sql`: takes an instant and returns the condition that the payment can still be reversed then
    - `amount_minor`, `currency`: the amount that lists show, in minor units; `maker`: the requester of a refund
    """

    status: Expression
    work_state: Expression
    work_at: Expression
    work_reason: Expression
    order_or_payment_number: Expression
    corporation_number: Expression
    provider: Expression
    make_has_provider_sql: Callable[[Collection[str]], ColumnElement[bool]]
    certainty: Expression = field(default_factory=lambda: literal(Certainty.KNOWN.value))
    error_code: Expression = NULL_EXPRESSION
    amount_minor: Expression = field(default_factory=lambda: literal(None, BigInteger))
    currency: Expression = NULL_EXPRESSION
    shown_state: Expression | None = None
    client_id: Expression | None = None
    make_has_old_answer_sql: Callable[[datetime], ColumnElement[bool]] | None = None
    make_is_reversible_sql: Callable[[datetime], ColumnElement[bool]] | None = None
    maker: Expression = NULL_EXPRESSION

    @property
    def badge_state(self) -> Expression:
        """The state that the badge of the record shows."""
        return self.status if self.shown_state is None else self.shown_state


@dataclass(frozen=True, eq=False)
class ShownColumns:
    """SQL expressions of one table for lists, where some rows may be lapsed: the process of such a record crashed or
    froze during a call. For these rows the expressions return an unknown outcome, the work state NEEDS_REVIEW and the
    reason LAPSED in place of the stored values, which are not changed. `columns` are the expressions of the stored
    values, `is_lapsed` is the condition of the lapsed rows; None if no row is lapsed.
    """

    columns: RecordColumns
    is_lapsed: ColumnElement[bool] | None = None

    def _make_shown_sql(self, stored_column: Expression, lapsed_value: str | None) -> Expression:
        if self.is_lapsed is None:
            return stored_column
        return case((self.is_lapsed, literal(lapsed_value, String)), else_=stored_column)

    @property
    def certainty(self) -> Expression:
        """The stored certainty; UNKNOWN for a lapsed row."""
        return self._make_shown_sql(self.columns.certainty, Certainty.UNKNOWN.value)

    @property
    def work_state(self) -> Expression:
        """The stored work state; NEEDS_REVIEW for a lapsed row."""
        return self._make_shown_sql(self.columns.work_state, WorkState.NEEDS_REVIEW.value)

    @property
    def cause(self) -> Expression:
        """The code of the record's problem, as `find_cause` of the domain returns it. It is the stored error code,
        except for a payment or refund that people have decided as completed. Without an error code it is the reason
        of the record's work (LAPSED for a lapsed row). NULL if the record has neither code."""
        columns, reason = self.columns, self._make_shown_sql(self.columns.work_reason, WorkReason.LAPSED.value)
        was_decided_as_completed = and_(
            make_is_one_of_condition(columns.error_code, (RESOLVED_BY_PEOPLE_CAUSE,)),
            make_is_one_of_condition(columns.status, (PaymentState.COMPLETED, RefundState.COMPLETED)),
        )
        failed_call = case(
            (was_decided_as_completed, literal(None, String)), else_=func.nullif(columns.error_code, "")
        )
        return func.coalesce(failed_call, reason)


def make_is_one_of_condition(value: Expression, codes: Collection[str]) -> ColumnElement[bool]:
    """Return an SQL condition: the text `value` is one of `codes`. Their bytes are compared, so that the collation of
    the column makes no difference.
    """
    return make_hex_text_sql(value).in_([code.encode().hex().upper() for code in sorted(codes)])


def make_hex_text_sql(value: Expression) -> Expression:
    """Return SQL of the hexadecimal digits of a text's bytes ("" for NULL). Every database compares and sorts such
    digits in the same way."""
    return func.hex(func.coalesce(value, ""))


def make_list_index_sql(searched_value: Expression, ordered_values: Sequence[str]) -> Expression:
    """Return SQL of the index of `searched_value` in `ordered_values`; the length of `ordered_values` if it isn't one
    of them."""
    # The value stands once before the list: in `CASE WHEN value = … WHEN value = …` it is computed for each item.
    position_by_digits = {
        known_value.encode().hex().upper(): position for position, known_value in enumerate(ordered_values)
    }
    return case(position_by_digits, value=make_hex_text_sql(searched_value), else_=len(ordered_values))
