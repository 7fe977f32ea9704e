"""The SQL of a filter and of a sort order: conditions and sort keys for the rows of one table."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, BindParameter, String, and_, bindparam, case, cast, func, literal, or_
from sqlalchemy.sql.elements import ColumnElement

from console.domain.explanations.badges import (
    INCOMPLETE_BADGE_STATE,
    PARTLY_REFUNDED_BADGE_STATE,
    REFUNDED_BADGE_STATE,
    SUPERSEDED_BADGE_STATE,
)
from console.domain.money import MINOR_DIGITS_BY_CURRENCY
from console.domain.payments import provider_registry
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.payments.records import OrderState
from console.domain.payments.states import PaymentState, RefundState
from console.domain.queues.filters import (
    NO_CAUSE,
    NO_FILTER,
    NO_OWNER,
    AmountRange,
    FilterCertainty,
    RecordFilter,
    fulfils_owner_condition,
)
from console.domain.queues.sort_order import DEFAULT_SORT_ORDER, QueueSortOrder, SortColumn
from console.domain.records import Certainty, CheckState, WorkState
from console.store.database.instants import convert_to_naive_utc
from console.store.queues.record_columns import (
    Expression,
    ShownColumns,
    make_hex_text_sql,
    make_is_one_of_condition,
    make_list_index_sql,
)
from console.store.schema.column_types import EPOCH_START, Instant

OwnersByKindAndId = Mapping[str, Mapping[int, str]]
"""For each kind, the person whose take of a record is running, by record id."""
_SHOWN_STATES = tuple(
    dict.fromkeys(
        (
            *CheckState,
            INCOMPLETE_BADGE_STATE,
            SUPERSEDED_BADGE_STATE,
            *OrderState,
            *PaymentState,
            PARTLY_REFUNDED_BADGE_STATE,
            REFUNDED_BADGE_STATE,
            *RefundState,
        )
    )
)
"""The states that the badges of records show, in the sequence in which records are sorted by state. A word that
several kinds of records have occurs once.
"""
_CHARACTER_AFTER_HEX_DIGITS = "G"
"""A text that comes after every hexadecimal digit: the sort key of a record without a value."""
_NUMBER_AFTER_ALL_OTHERS = 2**62
"""A number that comes after every client id and every amount: the sort key of a record without this value."""


@dataclass(frozen=True, slots=True)
class QueueChoice:
    """The choice of a queue's records by the filter `record_filter`, and their sort order `sort_order`. Ages, old
    answers and possible reversals are computed at the instant `now`; None only for a filter without conditions on
    them. `owners` has the person who works on each taken record; None if neither the filter nor the sort order uses
    it.
    """

    record_filter: RecordFilter = NO_FILTER
    sort_order: QueueSortOrder = DEFAULT_SORT_ORDER
    now: datetime | None = None
    owners: OwnersByKindAndId | None = None

    @property
    def is_default(self) -> bool:
        """True if there is no filter and the sort order is the queue's own."""
        return not self.record_filter and self.sort_order == DEFAULT_SORT_ORDER

    @property
    def needs_owners(self) -> bool:
        """True if the filter or the sort order uses the records' owners, so that the caller must set `owners` from
        the running takes."""
        return self.record_filter.owner is not None or self.sort_order.column is SortColumn.OWNER


UNFILTERED_CHOICE = QueueChoice()


def make_filter_conditions(
    kind: str, id_column: Expression, since_column: Expression, shown_columns: ShownColumns, choice: QueueChoice
) -> list[ColumnElement[bool]] | None:
    """Return the SQL conditions of the filter of `choice` on the rows of the table of records of `kind`; None if
    no row of this table fulfils the filter.

    `since_column` is the table's column `state_since`; `shown_columns` has the SQL expressions of the other compared
    values.
    """
    record_filter = choice.record_filter
    if (record_filter.kinds and kind not in record_filter.kinds) or (
        record_filter.client is not None and shown_columns.columns.client_id is None
    ):
        return None
    return list(_iterate_filter_conditions(kind, id_column, since_column, shown_columns, choice))


def _iterate_filter_conditions(
    kind: str, id_column: Expression, since_column: Expression, shown_columns: ShownColumns, choice: QueueChoice
) -> Iterator[ColumnElement[bool]]:
    """Yield the SQL conditions of the filter of `choice`, one for each field of the filter that is set. The arguments
    are those of `make_filter_conditions`."""
    record_filter, columns = choice.record_filter, shown_columns.columns
    if record_filter.states:
        certainties, work_states = record_filter.states & set(Certainty), record_filter.states & set(WorkState)
        yield or_(
            make_is_one_of_condition(columns.status, record_filter.states),
            *([make_is_one_of_condition(shown_columns.certainty, certainties)] if certainties else ()),
            *([make_is_one_of_condition(shown_columns.work_state, work_states)] if work_states else ()),
        )
    if record_filter.certainties:
        yield _make_certainty_condition(shown_columns, choice)
    if record_filter.work_states:
        yield make_is_one_of_condition(shown_columns.work_state, record_filter.work_states)
    if record_filter.causes:
        has_cause = make_is_one_of_condition(shown_columns.cause, record_filter.causes - {NO_CAUSE})
        yield (
            or_(has_cause, make_hex_text_sql(shown_columns.cause) == "")
            if NO_CAUSE in record_filter.causes
            else has_cause
        )
    if record_filter.providers:
        yield columns.make_has_provider_sql(record_filter.providers)
    if record_filter.client is not None:
        yield func.coalesce(columns.client_id, 0) == int(record_filter.client)
    if record_filter.amount is not None:
        yield _make_amount_condition(shown_columns, record_filter.amount)
    if record_filter.owner is not None:
        yield _make_owner_condition(kind, id_column, record_filter.owner, choice.owners or {})
    yield from make_age_conditions(since_column, choice)


def _make_certainty_condition(shown_columns: ShownColumns, choice: QueueChoice) -> ColumnElement[bool]:
    """Return the SQL condition that a record has one of the certainties of the filter of `choice`. It is false if the
    filter has only OLD or MAY_BE_REVERSED, and records of this table can't have them.
    """
    certainties, columns = choice.record_filter.certainties, shown_columns.columns
    stored_certainties = certainties & {FilterCertainty.KNOWN, FilterCertainty.UNKNOWN}
    conditions = [make_is_one_of_condition(shown_columns.certainty, stored_certainties)] if stored_certainties else []
    for certainty, make_sql in (
        (FilterCertainty.OLD, columns.make_has_old_answer_sql),
        (FilterCertainty.MAY_BE_REVERSED, columns.make_is_reversible_sql),
    ):
        if certainty in certainties and make_sql is not None and choice.now is not None:
            conditions.append(make_sql(choice.now))
    return or_(*conditions) if conditions else literal(1) == literal(0)


def make_age_conditions(since: Expression, choice: QueueChoice) -> Iterator[ColumnElement[bool]]:
    """Yield the SQL conditions of a filter on the age, or on the day of the last change. They are a lower and an
    upper bound of the column `state_since`, and the indexes of the queues can answer them. Yield nothing if the
    filter has no such condition, or if `choice` has no instant `now`. Rows without a stored instant (EPOCH_START) are
    always left out.
    """
    if not choice.record_filter.restricts_last_change or choice.now is None:
        return
    earliest, latest = choice.record_filter.find_last_change_bounds(choice.now)
    lower_bound = EPOCH_START if earliest is None else convert_to_naive_utc(earliest)
    if lower_bound > EPOCH_START:
        yield since >= literal(lower_bound, Instant)
    else:
        yield since > literal(EPOCH_START, Instant)
    if latest is not None:
        yield since <= literal(convert_to_naive_utc(latest), Instant)


def _make_amount_condition(shown_columns: ShownColumns, amount: AmountRange) -> ColumnElement[bool]:
    """Return the SQL condition that the amount of a record is in this range, for each currency in its minor units. It
    is false if no currency can have such an amount."""
    ranges = []
    for currency in MINOR_DIGITS_BY_CURRENCY:
        bounds = amount.compute_minor_bounds(currency)
        if bounds is not None:
            amount_minor = shown_columns.columns.amount_minor
            ranges.append(
                and_(
                    make_is_one_of_condition(shown_columns.columns.currency, {currency}),
                    amount_minor >= bounds[0],
                    amount_minor <= bounds[1],
                )
            )
    return or_(*ranges) if ranges else literal(1) == literal(0)


def _make_owner_condition(
    kind: str, id_column: Expression, owner_condition: str, owners: OwnersByKindAndId
) -> ColumnElement[bool]:
    """Return the SQL condition that the record's owner fulfils `owner_condition`: a person's name, or NO_OWNER for
    records that nobody has taken. `owners` has the people of the running takes, by kind and record id."""
    owner_by_id = owners.get(kind, {})
    if owner_condition == NO_OWNER:
        return id_column.not_in(_make_id_list(owner_by_id))
    return id_column.in_(
        _make_id_list(
            record for record, owner in owner_by_id.items() if fulfils_owner_condition(owner_condition, owner)
        )
    )


def _make_id_list(ids: Iterable[int]) -> BindParameter[Any]:
    """Return the right side of IN for these ids. The ids become a part of the SQL text, because SQLite accepts at
    most 32,766 parameters and a bulk run may take 20,000 records."""
    return bindparam(None, sorted(ids), expanding=True, literal_execute=True)


# -- order


@dataclass(frozen=True, eq=False, slots=True)
class _SortedTable:
    """The values from which the sort keys of one table of records are made: SQL expressions of the record's id, of
    `state_since` (`since_column`) and of the other sorted values (`shown_columns`). `owners` are the people of the
    running takes, by kind and record id. `is_descending`: the sort order is descending."""

    kind: str
    id_column: Expression
    since_column: Expression
    shown_columns: ShownColumns
    owners: OwnersByKindAndId
    is_descending: bool


def make_sort_keys(
    kind: str, id_column: Expression, since_column: Expression, shown_columns: ShownColumns, choice: QueueChoice
) -> Sequence[Expression]:
    """Return the one or two SQL expressions by which the rows of one table are sorted in the order of `choice`.

    The expressions are never NULL, and every database sorts their values in the same way. `since_column` is the
    table's column `state_since`; `shown_columns` has the SQL expressions of the other sorted values.
    """
    table = _SortedTable(
        kind, id_column, since_column, shown_columns, choice.owners or {}, choice.sort_order.is_descending
    )
    return _SORT_KEY_MAKER_BY_COLUMN[choice.sort_order.column](table)


def _make_text_key(value: Expression) -> Sequence[Expression]:
    """Return one sort key: the hexadecimal digits of the text. In ascending order a record without a text comes
    last."""
    text = make_hex_text_sql(value)
    return [case((text == "", _CHARACTER_AFTER_HEX_DIGITS), else_=text)]


def _make_client_key(table: _SortedTable) -> Sequence[Expression]:
    """Return one sort key: the client id. In ascending order a record without a client comes last."""
    return [_make_number_key(table.shown_columns.columns.client_id)]


def _make_number_key(number: Expression | None) -> Expression:
    """Return a sort key that is always an integer: the number, or _NUMBER_AFTER_ALL_OTHERS for a record without it.
    SQLite can have a text or a fraction in a column of integers; such a value is sorted by the integer with which it
    begins.
    """
    if number is None:
        return literal(_NUMBER_AFTER_ALL_OTHERS, BigInteger)
    return cast(func.coalesce(number, _NUMBER_AFTER_ALL_OTHERS), BigInteger)


def _make_provider_key(table: _SortedTable) -> Sequence[Expression]:
    """Return one sort key: the position of the record's provider in a list that begins with the provider of credit
    checks, followed by the payment providers in the order of `list_provider_names`. In ascending order a record
    without a provider comes last.
    """
    return [
        make_list_index_sql(
            table.shown_columns.columns.provider, (CREDIT_CHECK_PROVIDER, *provider_registry.list_provider_names())
        )
    ]


def _make_amount_key(table: _SortedTable) -> Sequence[Expression]:
    """Return two sort keys: the position of the currency in MINOR_DIGITS_BY_CURRENCY, then the amount. The sequence
    of the currencies is the same in ascending and in descending order, and records without an amount come last.
    """
    columns = table.shown_columns.columns
    currencies = tuple(MINOR_DIGITS_BY_CURRENCY)
    currency_position = make_list_index_sql(columns.currency, currencies)
    amount_key = _make_number_key(columns.amount_minor)
    return len(currencies) - currency_position if table.is_descending else currency_position, amount_key


def _make_next_attempt_key(table: _SortedTable) -> Sequence[Expression]:
    """Return two sort keys: 0 for a scheduled record and 1 for any other, and an instant. The instant is the column
    `work_at` (for a scheduled record the time of its next attempt), and `state_since` where that is NULL. It is
    always a column, because a database server returns an instant that was passed as a parameter as text.
    """
    is_scheduled = make_is_one_of_condition(table.shown_columns.work_state, {WorkState.SCHEDULED})
    due_at = func.coalesce(table.shown_columns.columns.work_at, table.since_column, type_=Instant)
    return case((is_scheduled, 0), else_=1), due_at


def _make_owner_key(table: _SortedTable) -> Sequence[Expression]:
    """Return one sort key: the hexadecimal digits of the owner's name. In ascending order a record without an owner
    comes last. (An index in the list of all owners would be another one on the next page if a take has ended
    meanwhile, and that page would leave out records of the other owners.)
    """
    ids_by_name: dict[str, list[int]] = {}
    for record_id, name in table.owners.get(table.kind, {}).items():
        ids_by_name.setdefault(name, []).append(record_id)
    owner_names = [
        (table.id_column.in_(_make_id_list(ids)), literal(name.encode().hex().upper(), String))
        for name, ids in ids_by_name.items()
    ]
    no_owner = literal(_CHARACTER_AFTER_HEX_DIGITS, String)
    return [case(*owner_names, else_=no_owner) if owner_names else no_owner]


_SORT_KEY_MAKER_BY_COLUMN: Mapping[SortColumn, Callable[[_SortedTable], Sequence[Expression]]] = {
    SortColumn.WORK: lambda table: (
        make_list_index_sql(table.shown_columns.work_state, sorted(WorkState)),
        table.since_column,
    ),
    SortColumn.AGE: lambda table: [table.since_column],
    SortColumn.NUMBER: lambda table: _make_text_key(table.shown_columns.columns.corporation_number),
    SortColumn.RECORD: lambda table: _make_text_key(table.shown_columns.columns.order_or_payment_number),
    SortColumn.KIND: lambda _: [literal(0, BigInteger)],  # the kinds follow each other among equal keys
    SortColumn.CLIENT: _make_client_key,
    SortColumn.PROVIDER: _make_provider_key,
    SortColumn.AMOUNT: _make_amount_key,
    SortColumn.STATE: lambda table: [make_list_index_sql(table.shown_columns.columns.badge_state, _SHOWN_STATES)],
    SortColumn.CERTAINTY: lambda table: [
        make_list_index_sql(table.shown_columns.certainty, (Certainty.UNKNOWN, Certainty.KNOWN))
    ],
    SortColumn.CAUSE: lambda table: _make_text_key(table.shown_columns.cause),
    SortColumn.NEXT: _make_next_attempt_key,
    SortColumn.OWNER: _make_owner_key,
    SortColumn.MAKER: lambda table: _make_text_key(table.shown_columns.columns.maker),
}
"""The function that returns the sort keys of a table, by the column of the sort order."""
