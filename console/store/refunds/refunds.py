"""Rows of refunds: reads of refunds with their approvers, and writes by compare-and-swap."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Row, Select, bindparam, column, func, literal, select, table, union_all
from sqlalchemy import insert as into

from console.domain.access.permissions import has_right
from console.domain.payments.limits import MAX_COUNTED_PAYER_REFUNDS
from console.domain.payments.records import Refund
from console.domain.payments.refund_reasons import RefundReason
from console.domain.payments.states import RefundState
from console.domain.records import Work, WorkState
from console.domain.transitions import tables as states
from console.store.access import operators, people_views
from console.store.database import compare_and_swap, unreadable_rows
from console.store.database.compare_and_swap import StaleRow as StaleRow
from console.store.database.compare_and_swap import make_work_values as make_work_values
from console.store.database.compare_and_swap import run_again_if_stale as run_again_if_stale
from console.store.database.instants import SERVER_TIME_EXPRESSION, convert_to_naive_utc
from console.store.database.server import reads_views
from console.store.refunds import approvals
from console.store.refunds.row_mapping import REFUND_COLUMNS, make_record
from console.store.schema.payments import payments, refunds

REFUND_KIND = approvals.REFUND_KIND
STATES_WITHOUT_MOVED_MONEY = states.ENDED_REFUND_STATES - {RefundState.COMPLETED}
"""Final states of refunds that moved no money. Such refunds don't count towards a limit. A new refund of the same
amount isn't treated as a possible repetition of one of them.
"""

_REFUNDS_QUERY = select(*REFUND_COLUMNS)
_REFUND_BY_ID_QUERY = _REFUNDS_QUERY.where(refunds.c.id == bindparam("refund_id"))
_REFUNDS_BY_ID_QUERY = _REFUNDS_QUERY.where(refunds.c.id.in_(bindparam("ids", expanding=True)))
_REFUNDS_OF_PAYMENT_QUERY = _REFUNDS_QUERY.where(refunds.c.payment_id == bindparam("payment_id")).order_by(
    refunds.c.id.desc()
)
_REFUNDS_OF_PAYMENTS_QUERY = _REFUNDS_QUERY.where(
    refunds.c.payment_id.in_(bindparam("payment_ids", expanding=True))
).order_by(refunds.c.id.desc())
_REFUNDS_OF_ORDER_QUERY = _REFUNDS_QUERY.where(refunds.c.order_id == bindparam("order_id")).order_by(
    refunds.c.id.desc()
)
_REFUNDS_OF_ORDERS_QUERY = _REFUNDS_QUERY.where(
    refunds.c.order_id.in_(bindparam("order_ids", expanding=True))
).order_by(refunds.c.id.desc())
_PAYMENT_NUMBERS_OF_REFUNDS_QUERY = (
    select(refunds.c.id, payments.c.merchant_payment_id)
    .join_from(refunds, payments, payments.c.id == refunds.c.payment_id)
    .where(refunds.c.id.in_(bindparam("ids", expanding=True)))
)
_CORPORATION_NUMBERS_OF_REFUNDS_QUERY = (
    select(refunds.c.id, payments.c.corporation_number)
    .join_from(refunds, payments, payments.c.id == refunds.c.payment_id)
    .where(refunds.c.id.in_(bindparam("ids", expanding=True)), payments.c.corporation_number.is_not(None))
)
_OPEN_REFUND_OF_PAYMENT_QUERY = _REFUNDS_QUERY.where(refunds.c.open_payment == bindparam("payment_id"))
_REFUND_BY_KEY_QUERY = _REFUNDS_QUERY.where(refunds.c.provider_refund_key == bindparam("refund_key"))
_REFUNDS_BY_PROVIDER_ID_QUERY = _REFUNDS_QUERY.where(refunds.c.refund_txn_id == bindparam("provider_refund_id"))
_REFUND_REQUEST_FACTS_QUERY = select(refunds.c.id, refunds.c.saw, refunds.c.radar).where(
    refunds.c.id.in_(bindparam("ids", expanding=True))
)
_MAY_MOVE_MONEY_CONDITION = refunds.c.status.not_in(sorted(state.value for state in STATES_WITHOUT_MOVED_MONEY))
_CREATED_SINCE_CONDITION = refunds.c.created_at >= bindparam("since")
_SIMILAR_REFUND_QUERY = _REFUNDS_OF_PAYMENT_QUERY.where(
    refunds.c.refund_amount == bindparam("amount_minor"), _CREATED_SINCE_CONDITION, _MAY_MOVE_MONEY_CONDITION
).limit(1)
_SUMS_OF_MAKERS_QUERY = (
    select(refunds.c.maker, refunds.c.currency, func.sum(refunds.c.refund_amount))
    .where(
        refunds.c.maker.in_(bindparam("makers", expanding=True)), _CREATED_SINCE_CONDITION, _MAY_MOVE_MONEY_CONDITION
    )
    .group_by(refunds.c.maker, refunds.c.currency)
)
_same_payer_view = table(people_views.SAME_PAYER_VIEW, column("payment_id"), column("other_id"))
_REFUNDS_WITH_PAYMENTS = refunds.join(payments, payments.c.id == refunds.c.payment_id)
_DUE_REFUNDS_QUERY = compare_and_swap.make_due_query(
    refunds,
    _REFUNDS_QUERY.select_from(_REFUNDS_WITH_PAYMENTS).where(
        payments.c.provider.in_(bindparam("providers", expanding=True))
    ),
)
_PROVIDERS_OF_DUE_REFUNDS_QUERY = (
    select(payments.c.provider)
    .distinct()
    .select_from(_REFUNDS_WITH_PAYMENTS)
    .where(
        refunds.c.work_state == WorkState.SCHEDULED.value,
        refunds.c.work_at <= bindparam("now"),
        refunds.c.work_reason.in_(bindparam("reasons", expanding=True)),
    )
)
_OVERDUE_REQUESTED_REFUNDS_QUERY = (
    _REFUNDS_QUERY.where(
        refunds.c.status == RefundState.REQUESTED.value,
        refunds.c.certainty == "known",
        refunds.c.decide_by < bindparam("now"),
    )
    .order_by(refunds.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_OVERDUE_APPROVED_REFUNDS_QUERY = (
    _REFUNDS_QUERY.where(
        refunds.c.status == RefundState.APPROVED.value,
        refunds.c.certainty == "known",
        refunds.c.work_state == WorkState.NEEDS_REVIEW.value,
        refunds.c.decide_by < bindparam("now"),
        refunds.c.id > bindparam("after_id"),
    )
    .order_by(refunds.c.id)
    .limit(bindparam("limit", type_=Integer))
)
_INSERT_REFUND_STATEMENT = into(refunds)
_INSERT_REFUND_WITH_SERVER_TIME_STATEMENT = _INSERT_REFUND_STATEMENT.values(created_at=SERVER_TIME_EXPRESSION)
_COLUMNS_NEVER_CHANGED = frozenset(
    {"id", "version", "payment_id", "order_id", "refund_amount", "currency", "maker", "reason", "reason_code",
     "ticket", "saw", "radar", "intended_repeat", "set_aside_id", "checkers_needed", "decide_by", "created_at"}
)  # fmt: skip


def _make_requested_ids_query(work_state: WorkState) -> Select[Any]:
    """Return the query of the ids of requested refunds that can still be approved at the parameter `now`. It selects
    the refunds with the work state `work_state` and an id above the parameter `after`, sorted by id, at most the
    parameter `limit`. Each work state has a query of its own, because no index is sorted by id over all work states.
    """
    requested_ids = (
        refunds.c.status == RefundState.REQUESTED.value,
        refunds.c.certainty == "known",
        refunds.c.work_state == work_state.value,
        refunds.c.decide_by >= bindparam("now"),
    )
    ids = select(refunds.c.id).where(*requested_ids, refunds.c.id > bindparam("after")).order_by(refunds.c.id)
    return select(ids.limit(bindparam("limit", type_=Integer)).subquery())


def _make_ids_by_payer_query(payment_id: int, payer: str | None, limit: int) -> Select[Any]:
    """Return the query of the newest refunds, at most `limit`, to the payer of the payment `payment_id`: the columns
    are `payment_id` and the refund's id. Only refunds that were created at the parameter `since` or later and may
    have moved money are selected. With `payer` None (masked for this account), the view SAME_PAYER_VIEW finds the
    payments of this payer.
    """
    ids = select(literal(payment_id).label("for_payment"), refunds.c.id)
    if payer is not None:
        ids = ids.join_from(payments, refunds, payments.c.id == refunds.c.payment_id).where(
            payments.c.payer_ref == payer
        )
    else:
        ids = ids.join_from(_same_payer_view, refunds, _same_payer_view.c.other_id == refunds.c.payment_id).where(
            _same_payer_view.c.payment_id == payment_id
        )
    newest_ids = (
        ids.where(_CREATED_SINCE_CONDITION, _MAY_MOVE_MONEY_CONDITION).order_by(refunds.c.id.desc()).limit(limit)
    )
    return select(newest_ids.subquery())


_ids_of_requested_refunds = union_all(*map(_make_requested_ids_query, WorkState)).subquery()
_REFUNDS_WAITING_FOR_DECISION_QUERY = (
    _REFUNDS_QUERY.join_from(_ids_of_requested_refunds, refunds, refunds.c.id == _ids_of_requested_refunds.c.id)
    .order_by(refunds.c.id)
    .limit(bindparam("limit", type_=Integer))
)


@dataclass(frozen=True, slots=True)
class NewRefund:
    """A new refund request. Instants are aware; `amount_minor` is in minor units of `currency`.

    `payment_at_request` is the payment as the maker saw it, `risk_signals` the risk signals with the maker's
    comments; both are JSON texts, stored unchanged. `checkers_needed` is the required number of approvals;
    `decide_by` the instant after which nobody can approve; `sends_after` the end of the cooling-off period (None: no
    such period). `intended_repeat`: the maker has confirmed that this refund intentionally repeats a similar one.
    `reason_code` is the code of the reason (None: only words), `reason` the maker's words about it. `ticket` is the
    number of a support ticket, `set_aside_id` the set-aside that the refund gives back; both are None if there is
    none. `restored_id`: the former id of a row that is restored; None: the database assigns an id.
    """

    payment_id: int
    order_id: int | None
    amount_minor: int
    currency: str
    maker: str
    reason: str
    payment_at_request: str
    risk_signals: str
    checkers_needed: int
    decide_by: datetime
    sends_after: datetime | None = None
    ticket: str | None = None
    reason_code: RefundReason | None = None
    intended_repeat: bool = False
    set_aside_id: int | None = None
    work: Work = field(default_factory=Work)
    restored_id: int | None = None


def find(conn: Connection, refund_id: int, lapsed_ids: AbstractSet[int] = frozenset()) -> Refund | None:
    """Return one refund; None if there is none. `lapsed_ids` are the ids of refunds whose call has lapsed (its
    process crashed or froze); these refunds are returned with an unknown outcome.
    """
    return _find_first_refund(conn, _REFUND_BY_ID_QUERY, {"refund_id": refund_id}, lapsed_ids)


def find_by_idempotency_key(conn: Connection, key: str) -> Refund | None:
    """Return the refund with this idempotency key, under which it is sent to its provider; None if there is none."""
    return _find_first_refund(conn, _REFUND_BY_KEY_QUERY, {"refund_key": key})


def list_by_id_at_provider(conn: Connection, provider_refund_id: str) -> tuple[Refund, ...]:
    """Return the refunds to which a provider gave the id `provider_refund_id`. Two providers can give the same id, so
    the refunds can belong to different providers.
    """
    return select_records(conn, _REFUNDS_BY_PROVIDER_ID_QUERY, {"provider_refund_id": provider_refund_id})


def find_open_refund(conn: Connection, payment_id: int) -> Refund | None:
    """Return the open refund of a payment (requested, approved or submitting); None if there is none."""
    return _find_first_refund(conn, _OPEN_REFUND_OF_PAYMENT_QUERY, {"payment_id": payment_id})


def find_by_payment(
    conn: Connection, payment_id: int, lapsed_ids: AbstractSet[int] = frozenset()
) -> tuple[Refund, ...]:
    """Return all refunds of a payment, newest first. `lapsed_ids` are the ids of refunds whose call has lapsed (its
    process crashed or froze); these refunds are returned with an unknown outcome.
    """
    return select_records(conn, _REFUNDS_OF_PAYMENT_QUERY, {"payment_id": payment_id}, lapsed_ids)


def find_by_payments(
    conn: Connection,
    payment_ids: Collection[int],
    lapsed_ids: AbstractSet[int] = frozenset(),
    *,
    skips_unreadable: bool = False,
) -> tuple[Refund, ...]:
    """Return all refunds of these payments, newest first. `lapsed_ids` are the ids of refunds whose call has lapsed
    (its process crashed or froze); these refunds are returned with an unknown outcome. If `skips_unreadable` is True,
    leave out the rows that this program can't read and report them (`unreadable_rows`); otherwise such a row raises
    one of READ_ERRORS.
    """
    if not payment_ids:
        return ()
    values = {"payment_ids": sorted(payment_ids)}
    return select_records(conn, _REFUNDS_OF_PAYMENTS_QUERY, values, lapsed_ids, skips_unreadable=skips_unreadable)


def find_by_ids(
    conn: Connection,
    ids: Collection[int],
    lapsed_ids: AbstractSet[int] = frozenset(),
    *,
    skips_unreadable: bool = False,
) -> tuple[Refund, ...]:
    """Return the refunds with these ids, in any order. `lapsed_ids` are the ids of refunds whose call has lapsed (its
    process crashed or froze); these refunds are returned with an unknown outcome. If `skips_unreadable` is True,
    leave out the rows that this program can't read and report them (`unreadable_rows`); otherwise such a row raises
    one of READ_ERRORS.
    """
    if not ids:
        return ()
    values = {"ids": sorted(ids)}
    return select_records(conn, _REFUNDS_BY_ID_QUERY, values, lapsed_ids, skips_unreadable=skips_unreadable)


def find_by_order(conn: Connection, order_id: int, lapsed_ids: AbstractSet[int] = frozenset()) -> tuple[Refund, ...]:
    """Return all refunds of an order, newest first. `lapsed_ids` are the ids of refunds whose call has lapsed (its
    process crashed or froze); these refunds are returned with an unknown outcome.
    """
    return select_records(conn, _REFUNDS_OF_ORDER_QUERY, {"order_id": order_id}, lapsed_ids)


def find_by_orders(conn: Connection, order_ids: Collection[int]) -> tuple[Refund, ...]:
    """Return all refunds of these orders, newest first. Rows that this program can't read are left out and reported
    (`unreadable_rows`)."""
    if not order_ids:
        return ()
    values = {"order_ids": sorted(order_ids)}
    return select_records(conn, _REFUNDS_OF_ORDERS_QUERY, values, skips_unreadable=True)


def list_refunds_waiting_for_decision(
    conn: Connection, now: datetime, limit: int, after_id: int = 0
) -> tuple[Refund, ...]:
    """Return at most `limit` requested refunds, which wait for a checker's decision, oldest first; `after_id` is the
    last id of the previous page. A request whose time limit `decide_by` is before `now` is left out: nobody can
    approve it now, and a due task sets it to expired. Rows that can't be read are left out, so that one of them
    doesn't stop the work on the others.
    """
    parameters = {"now": convert_to_naive_utc(now), "after": after_id, "limit": limit}
    return select_records(conn, _REFUNDS_WAITING_FOR_DECISION_QUERY, parameters, skips_unreadable=True)


def iterate_refunds_waiting_for_decision(conn: Connection, now: datetime, page_size: int = 1_000) -> Iterator[Refund]:
    """Yield all refunds of `list_refunds_waiting_for_decision`, oldest first. They are read in pages of `page_size`
    refunds."""
    after_id = 0
    while page := list_refunds_waiting_for_decision(conn, now, page_size, after_id):
        yield from page
        if len(page) < page_size:
            return
        after_id = page[-1].id


def list_refunds_overdue_for_decision(conn: Connection, now: datetime, limit: int) -> tuple[Refund, ...]:
    """Return at most `limit` refund requests that still wait for a checker's decision and whose time limit for it
    (`decide_by`) is before `now`, oldest first. Rows that can't be read are left out."""
    parameters = {"now": convert_to_naive_utc(now), "limit": limit}
    return select_records(conn, _OVERDUE_REQUESTED_REFUNDS_QUERY, parameters, skips_unreadable=True)


def list_refunds_overdue_for_sending(
    conn: Connection, now: datetime, limit: int, after_id: int
) -> tuple[Refund, ...]:
    """Return at most `limit` approved refunds that wait for a person because they couldn't be sent, and whose time
    limit `decide_by` is before `now`. They are sorted by id, and their ids are above `after_id`. The caller must
    check each of these refunds, because some of them may still be sent. Rows that can't be read are left out."""
    parameters = {"now": convert_to_naive_utc(now), "limit": limit, "after_id": after_id}
    return select_records(conn, _OVERDUE_APPROVED_REFUNDS_QUERY, parameters, skips_unreadable=True)


def list_providers_of_due_refunds(conn: Connection, reasons: Collection[str], now: datetime) -> frozenset[str]:
    """Return the providers of the refunds whose scheduled work has one of these reasons and whose due time has
    come."""
    parameters = {"reasons": sorted(reasons), "now": convert_to_naive_utc(now)}
    return frozenset(conn.scalars(_PROVIDERS_OF_DUE_REFUNDS_QUERY, parameters))


def list_due_refunds(
    conn: Connection, reasons: Collection[str], now: datetime, limit: int, providers: Collection[str]
) -> tuple[Refund, ...]:
    """Return at most `limit` refunds of payments at these providers whose scheduled work has one of these reasons and
    whose due time has come, sorted by due time. Rows that can't be read are left out."""
    parameters = {"reasons": sorted(reasons), "now": convert_to_naive_utc(now), "limit": limit}
    values = {**parameters, "providers": sorted(providers)}
    return select_records(conn, _DUE_REFUNDS_QUERY, values, skips_unreadable=True)


def find_equal_recent_refund(conn: Connection, payment_id: int, amount_minor: int, since: datetime) -> Refund | None:
    """Return the newest refund of the payment with the same amount (`amount_minor`, minor units) that was
    requested at `since` or later and isn't in a state of `STATES_WITHOUT_MOVED_MONEY`; None if there is none."""
    return _find_first_refund(
        conn,
        _SIMILAR_REFUND_QUERY,
        {"payment_id": payment_id, "amount_minor": amount_minor, "since": convert_to_naive_utc(since)},
    )


def read_sums_of_makers_since(
    conn: Connection, makers: Collection[str], since: datetime
) -> Mapping[tuple[str, str], int]:
    """Return, by (maker, currency), the sum (minor units) of the refunds that these makers requested at `since` or
    later. A maker without such refunds is left out. Refunds in a state of `STATES_WITHOUT_MOVED_MONEY` aren't
    counted.
    """
    if not makers:
        return {}
    rows = conn.execute(_SUMS_OF_MAKERS_QUERY, {"makers": sorted(makers), "since": convert_to_naive_utc(since)})
    return {(maker, currency): int(total) for maker, currency, total in rows}


def list_ids_by_payers_since(
    conn: Connection,
    payer_of_payment: Mapping[int, str],
    since: datetime,
    limit: int = MAX_COUNTED_PAYER_REFUNDS,
) -> Mapping[int, tuple[int, ...]]:
    """Return, for each of these payments, the ids of at most `limit` refunds to its payer that were requested at
    `since` or later, newest first. Refunds in a state of `STATES_WITHOUT_MOVED_MONEY` are left out.

    `payer_of_payment`: the payer of each payment by the payment's id.
    """
    if not payer_of_payment:
        return {}
    # Through views a person sees payers only masked, so a view compares the payers.
    is_masked = reads_views(conn)
    queries = (
        _make_ids_by_payer_query(payment_id, None if is_masked else payer, limit)
        for payment_id, payer in payer_of_payment.items()
    )
    rows = conn.execute(union_all(*queries), {"since": convert_to_naive_utc(since)}).all()
    return {
        payment_id: tuple(sorted((row.id for row in rows if row.for_payment == payment_id), reverse=True))
        for payment_id in payer_of_payment
    }


def read_request_facts(conn: Connection, ids: Collection[int]) -> Mapping[int, tuple[str, str]]:
    """Return two JSON texts of each of these refunds, by the refund's id: the payment as the maker saw it at the
    request, and the risk signals with the maker's comments."""
    rows = conn.execute(_REFUND_REQUEST_FACTS_QUERY, {"ids": sorted(ids)}) if ids else ()
    return {row.id: (row.saw, row.radar) for row in rows}


def get_all_rows_query() -> Select[Any]:
    """Return the query of all refunds with the columns that `read_refunds` needs. The caller adds conditions."""
    return _REFUNDS_QUERY


def select_records(
    conn: Connection,
    query: Select[Any],
    values: Mapping[str, object],
    lapsed_ids: AbstractSet[int] = frozenset(),
    *,
    skips_unreadable: bool = False,
) -> tuple[Refund, ...]:
    """Run a query that the caller has made from `get_all_rows_query()`, with the parameters `values`, and return its
    refunds. `lapsed_ids` are the ids of records whose call has lapsed (its process crashed or froze); these records
    are returned with an unknown outcome. If `skips_unreadable` is True, leave out the rows that this program can't
    read and report them (`unreadable_rows`). If it is False, such a row raises one of READ_ERRORS. A caller that
    computes a sum, or checks a rule about all refunds of a payment, passes False, because its result would be wrong
    without the row.
    """
    if not skips_unreadable:
        return read_refunds(conn, conn.execute(query, values).all(), lapsed_ids)
    return unreadable_rows.select_readable_records(
        conn, query, values, lambda rows: read_refunds(conn, rows, lapsed_ids, skips_unreadable=True)
    )


def read_refunds(
    conn: Connection,
    rows: Sequence[Row[Any]],
    lapsed_ids: AbstractSet[int] = frozenset(),
    *,
    skips_unreadable: bool = False,
) -> tuple[Refund, ...]:
    """Convert rows of `get_all_rows_query()` into refunds with their approvers. `lapsed_ids` are the ids of refunds
    whose call has lapsed (its process crashed or froze); these refunds are returned with an unknown outcome. If
    `skips_unreadable` is True, leave out the rows that this program can't read and report them (`unreadable_rows`);
    otherwise such a row raises one of READ_ERRORS.

    If a refund is still in the state requested, `checkers` contains only people who are approvers now, because the
    approval of a former approver doesn't count. In any later state, `checkers` contains all people who approved the
    refund.
    """
    voters = approvals.read_voters_of_refunds(conn, [row.id for row in rows])

    def make_refund(row: Row[Any]) -> Refund:
        return make_record(row, voters.get(row.id, ()), lapsed_ids)

    records = (
        unreadable_rows.read_readable_rows(refunds.name, rows, make_refund, lambda row: (REFUND_KIND, row.id))
        if skips_unreadable
        else map(make_refund, rows)
    )
    return exclude_former_approvers_from_checkers(conn, records)


def exclude_former_approvers_from_checkers(conn: Connection, records: Iterable[Refund]) -> tuple[Refund, ...]:
    """Return the refunds `records`, in their order. If a refund is in the state requested, people who approved it but
    are no longer approvers are left out of its `checkers`.
    """
    remaining_records = tuple(records)
    names = {
        name for refund in remaining_records if refund.state is RefundState.REQUESTED for name in refund.checkers
    }
    lost_names = {name for name in names if not _is_approver(conn, name)}
    return tuple(
        replace(refund, checkers=tuple(name for name in refund.checkers if name not in lost_names))
        if lost_names and refund.state is RefundState.REQUESTED
        else refund
        for refund in remaining_records
    )


def _is_approver(conn: Connection, person_name: str) -> bool:
    person = operators.find(conn, person_name, includes_unlisted_names=conn.dialect.name == "sqlite")
    return person is not None and has_right(person, "refund_approve")


def _find_first_refund(
    conn: Connection, query: Select[Any], values: Mapping[str, object], lapsed_ids: AbstractSet[int] = frozenset()
) -> Refund | None:
    return next(iter(select_records(conn, query, values, lapsed_ids)), None)


def insert_refund(conn: Connection, refund: NewRefund, now: datetime, *, uses_server_time: bool = False) -> int:
    """Insert a refund request and return its id. The caller has reserved its amount before
    (`balances.reserve_amount`). Raises IntegrityError if the payment has an open refund.

    `uses_server_time`: `created_at` gets the time of the server's clock instead of `now`, because a trigger of the
    server requires it.
    """
    row = {
        "payment_id": refund.payment_id,
        "order_id": refund.order_id,
        "refund_amount": refund.amount_minor,
        "currency": refund.currency,
        "status": RefundState.REQUESTED.value,
        **make_work_values(refund.work),
        "maker": refund.maker,
        "reason": refund.reason,
        "reason_code": refund.reason_code,
        "ticket": refund.ticket,
        "intended_repeat": refund.intended_repeat,
        "set_aside_id": refund.set_aside_id,
        "saw": refund.payment_at_request,
        "radar": refund.risk_signals,
        "checkers_needed": refund.checkers_needed,
        "sends_after": compare_and_swap.make_storable_value(refund.sends_after),
        "decide_by": convert_to_naive_utc(refund.decide_by),
        "changed_at": convert_to_naive_utc(now),
        "state_since": convert_to_naive_utc(now),
    } | compare_and_swap.make_id_values(refund.restored_id)
    if uses_server_time:
        return compare_and_swap.insert_and_announce(
            conn, REFUND_KIND, _INSERT_REFUND_WITH_SERVER_TIME_STATEMENT, row, now
        )
    return compare_and_swap.insert_and_announce(
        conn, REFUND_KIND, _INSERT_REFUND_STATEMENT, row | {"created_at": convert_to_naive_utc(now)}, now
    )


def change_refund(conn: Connection, refund: Refund, now: datetime, **values: object) -> None:
    """Write `values`, by column name, into the refund's row. They may be aware instants and enum members. If the
    state or the certainty changes, `state_since` becomes `now`, unless `values` has another time.

    Raises StaleRow if the row has changed since `refund` was read. Raises ForbiddenTransition (a bug of the caller)
    in these cases:

    - a state change that REFUND_TRANSITIONS doesn't allow
    - a column that never changes after the request (`_COLUMNS_NEVER_CHANGED`)
    - a second idempotency key
    - the state completed without the id that the provider gave to the refund
    """
    compare_and_swap.refuse_fixed_columns(_COLUMNS_NEVER_CHANGED, values)
    if refund.provider_refund_key not in (None, values.get("provider_refund_key", refund.provider_refund_key)):
        raise states.ForbiddenTransition("the idempotency key of a refund never changes")
    if "status" in values:
        values["status"] = new_state = RefundState(str(values["status"]))
        states.require_transition(states.REFUND_TRANSITIONS, refund.state, new_state)
        if new_state is RefundState.COMPLETED and not values.get("refund_txn_id", refund.provider_refund_id):
            raise states.ForbiddenTransition("a completed refund has the provider's id")
    state_as_read = {"status": refund.state, "certainty": refund.certainty}
    if any(values.get(column, value) != value for column, value in state_as_read.items()):
        values.setdefault("state_since", now)
    compare_and_swap.update_if_unchanged(conn, refunds, (refund.id, refund.version), {**values, "changed_at": now})
    compare_and_swap.announce_change(conn, REFUND_KIND, refund.id, now)


def read_voters(conn: Connection, refund_id: int) -> tuple[str, ...]:
    """Return the people who approved the refund, in the order of their approvals."""
    return approvals.read_voters(conn, refund_id)


def insert_vote(conn: Connection, refund_id: int, person: str, now: datetime) -> bool:
    """Insert the approval of a refund by `person`. Return False, without a write, if this person has approved the
    refund before. The caller increments the version of the refund's row with `change_refund`."""
    return approvals.insert_vote(conn, refund_id, person, now)


def read_payment_numbers_by_ids(conn: Connection, ids: Collection[int]) -> dict[int, str]:
    """Return our payment number of the payment of each of these refunds, by the refund's id."""
    rows = conn.execute(_PAYMENT_NUMBERS_OF_REFUNDS_QUERY, {"ids": sorted(ids)}) if ids else ()
    return {row.id: row.merchant_payment_id for row in rows}


def read_corporation_numbers_by_ids(conn: Connection, ids: Collection[int]) -> dict[int, str]:
    """Return the corporation number of the payment of each of these refunds, by the refund's id, without refunds
    whose payment has no corporation number."""
    rows = conn.execute(_CORPORATION_NUMBERS_OF_REFUNDS_QUERY, {"ids": sorted(ids)}) if ids else ()
    return {row.id: row.corporation_number for row in rows}
