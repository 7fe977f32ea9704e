"""Rows of the refunds: read with those who approved them, written by compare-and-swap."""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Row, Select, bindparam, func, select, union_all
from sqlalchemy import insert as into

from console.domain import states
from console.domain.order_records import Refund
from console.domain.payment_records import RefundState
from console.domain.records import Work, WorkState
from console.store import approvals, swaps
from console.store.leases import naive
from console.store.payment_schema import payments, refunds
from console.store.refund_rows import COLUMNS, to_record
from console.store.swaps import Stale as Stale
from console.store.swaps import runs_again as runs_again
from console.store.swaps import work_values as work_values

KIND = approvals.REFUND
WITHOUT_MONEY = states.ENDED_REFUND - {RefundState.COMPLETED}
"""Refunds that moved nothing and never will: they count towards no limit and are nobody's look-alike."""

_t = refunds.c
_ALL = select(*COLUMNS)
_GET = _ALL.where(_t.id == bindparam("of"))
_OF_PAYMENT = _ALL.where(_t.payment_id == bindparam("of")).order_by(_t.id.desc())
_OF_ORDER = _ALL.where(_t.order_id == bindparam("of")).order_by(_t.id.desc())
_OPEN_OF = _ALL.where(_t.open_payment == bindparam("of"))
_BY_KEY = _ALL.where(_t.provider_refund_key == bindparam("of"))
_ASKED_WITH = select(_t.saw, _t.radar).where(_t.id == bindparam("of"))
_COUNTS = _t.status.not_in(sorted(state.value for state in WITHOUT_MONEY))
_SINCE = _t.created_at >= bindparam("since")
_LOOKALIKE = _OF_PAYMENT.where(_t.refund_amount == bindparam("minor"), _SINCE, _COUNTS).limit(1)
_MADE_BY = select(func.sum(_t.refund_amount)).where(
    _t.maker == bindparam("of"), _SINCE, _t.currency == bindparam("in_currency"), _COUNTS
)
_BY_PAYER = (
    _ALL.join_from(payments, refunds, payments.c.id == _t.payment_id)
    .where(payments.c.payer_ref == bindparam("of"), _SINCE, _COUNTS)
    .order_by(_t.id.desc())
)
_DUE = swaps.due(refunds, _ALL)
_STUCK = (
    _ALL.where(
        _t.status == RefundState.APPROVED.value,
        _t.certainty == "known",
        _t.work_state == WorkState.NEEDS_REVIEW.value,
        _t.decide_by < bindparam("now"),
    )
    .order_by(_t.id)
    .limit(bindparam("most", type_=Integer))
)
_INSERT = into(refunds)
_FIXED = frozenset(
    {"id", "version", "payment_id", "order_id", "refund_amount", "currency", "maker", "reason", "ticket", "saw",
     "radar", "intended_repeat", "set_aside_id", "checkers_needed", "decide_by", "created_at"}
)  # fmt: skip


def _first_requested(work: WorkState) -> Select[Any]:
    """Ids of one work state in their order: over all three, an index has no order by age."""
    requested = (_t.status == RefundState.REQUESTED.value, _t.certainty == "known", _t.work_state == work.value)
    ids = select(_t.id).where(*requested, _t.id > bindparam("after")).order_by(_t.id)
    return select(ids.limit(bindparam("most", type_=Integer)).subquery())


_requested = union_all(*map(_first_requested, WorkState)).subquery()
_WAITING = _ALL.join_from(_requested, refunds, _t.id == _requested.c.id).order_by(_t.id)


@dataclass(frozen=True, slots=True)
class NewRefund:
    """What is asked for. `saw` and `radar` are JSON texts, kept as they are; instants are aware. `given_id`: for a
    row that vanished and gets its old id back.
    """

    payment_id: int
    order_id: int | None
    amount_minor: int
    currency: str
    maker: str
    reason: str
    saw: str
    radar: str
    checkers_needed: int
    decide_by: datetime
    sends_after: datetime | None = None
    ticket: str | None = None
    intended_repeat: bool = False
    set_aside_id: int | None = None
    work: Work = field(default_factory=Work)
    given_id: int | None = None


def find(conn: Connection, refund_id: int, lapsed: AbstractSet[int] = frozenset()) -> Refund | None:
    """One refund; `lapsed` holds the ids whose process went away, which are read as unknown."""
    return _first(conn, _GET, {"of": refund_id}, lapsed)


def by_key(conn: Connection, key: str) -> Refund | None:
    """The refund that has this key of ours towards its provider."""
    return _first(conn, _BY_KEY, {"of": key})


def open_of(conn: Connection, payment_id: int, lapsed: AbstractSet[int] = frozenset()) -> Refund | None:
    """The one refund of a payment that is requested, approved or being sent."""
    return _first(conn, _OPEN_OF, {"of": payment_id}, lapsed)


def of_payment(conn: Connection, payment_id: int, lapsed: AbstractSet[int] = frozenset()) -> tuple[Refund, ...]:
    """All refunds of a payment, newest first."""
    return select_records(conn, _OF_PAYMENT, {"of": payment_id}, lapsed)


def of_order(conn: Connection, order_id: int, lapsed: AbstractSet[int] = frozenset()) -> tuple[Refund, ...]:
    """All refunds of an order, newest first."""
    return select_records(conn, _OF_ORDER, {"of": order_id}, lapsed)


def waiting(conn: Connection, limit: int, after: int = 0) -> tuple[Refund, ...]:
    """Refunds that wait for a decision, oldest first; `after`: the last id seen."""
    return select_records(conn, _WAITING.limit(limit), {"after": after, "most": limit})


def late(conn: Connection, now: datetime, limit: int) -> tuple[Refund, ...]:
    """Requests that nobody decided in time, and approved ones that can't be sent and whose time is over too."""
    waits = (one for one in waiting(conn, limit) if one.decide_by is not None and one.decide_by < now)
    return (*waits, *select_records(conn, _STUCK, {"now": naive(now), "most": limit}))


def due(conn: Connection, reasons: Collection[str], now: datetime, limit: int) -> tuple[Refund, ...]:
    """Refunds scheduled for one of these reasons whose time has come, oldest first."""
    return select_records(conn, _DUE, {"reasons": sorted(reasons), "now": naive(now), "most": limit})


def lookalike(conn: Connection, payment_id: int, minor: int, since: datetime) -> Refund | None:
    """The newest refund of the same payment and sum asked for since then that moved money, or may yet."""
    return _first(conn, _LOOKALIKE, {"of": payment_id, "minor": minor, "since": naive(since)})


def made_by_since(conn: Connection, maker: str, currency: str, since: datetime) -> int:
    """How much of a currency (minor units) a maker has asked for since then, what moved nothing not counted."""
    asked = {"of": maker, "in_currency": currency, "since": naive(since)}
    return int(conn.scalar(_MADE_BY, asked) or 0)


def by_payer_since(conn: Connection, payer: str, since: datetime, limit: int = 100) -> tuple[Refund, ...]:
    """Refunds to a payer asked for since then, newest first, those that moved nothing left out."""
    return select_records(conn, _BY_PAYER.limit(limit), {"of": payer, "since": naive(since)})


def asked_with(conn: Connection, refund_id: int) -> tuple[str, str] | None:
    """What the maker saw and what the radar said, as the JSON texts that were kept."""
    row = conn.execute(_ASKED_WITH, {"of": refund_id}).first()
    return (row.saw, row.radar) if row else None


def all_records() -> Select[Any]:
    """Select of everything `read` needs, to be narrowed by the caller."""
    return _ALL


def select_records(
    conn: Connection, query: Select[Any], values: Mapping[str, object], lapsed: AbstractSet[int] = frozenset()
) -> tuple[Refund, ...]:
    """Refunds of a narrowed `all_records()`."""
    return read(conn, conn.execute(query, values).all(), lapsed)


def read(conn: Connection, rows: Sequence[Row[Any]], lapsed: AbstractSet[int] = frozenset()) -> tuple[Refund, ...]:
    """Rows of `all_records()` with those who approved."""
    checkers = approvals.votes_of(conn, [row.id for row in rows])
    return tuple(to_record(row, checkers.get(row.id, ()), lapsed) for row in rows)


def _first(
    conn: Connection, query: Select[Any], values: Mapping[str, object], lapsed: AbstractSet[int] = frozenset()
) -> Refund | None:
    return next(iter(select_records(conn, query, values, lapsed)), None)


def insert(conn: Connection, new: NewRefund, now: datetime) -> int:
    """A new request's id. A second open one of the payment violates a unique index (IntegrityError).

    Its sum has been reserved before (`payments.reserve`).
    """
    row = {
        "payment_id": new.payment_id,
        "order_id": new.order_id,
        "refund_amount": new.amount_minor,
        "currency": new.currency,
        "status": RefundState.REQUESTED.value,
        **work_values(new.work),
        "maker": new.maker,
        "reason": new.reason,
        "ticket": new.ticket,
        "intended_repeat": new.intended_repeat,
        "set_aside_id": new.set_aside_id,
        "saw": new.saw,
        "radar": new.radar,
        "checkers_needed": new.checkers_needed,
        "sends_after": swaps.stored(new.sends_after),
        "decide_by": naive(new.decide_by),
        "created_at": naive(now),
        "changed_at": naive(now),
    } | swaps.given(new.given_id)
    return swaps.added(conn, KIND, _INSERT, row, now)


def change(conn: Connection, refund: Refund, now: datetime, **values: object) -> None:
    """Write columns if the row is still as `refund` was read; instants may be aware, states their enums.

    Raises Stale, and ForbiddenTransition for a bug: a step that the table of transitions doesn't have, what was asked
    for, another key than the one it has, a completion without the provider's id.
    """
    swaps.refuse_fixed(_FIXED, values)
    if refund.provider_refund_key not in (None, values.get("provider_refund_key", refund.provider_refund_key)):
        raise states.ForbiddenTransition("a refund keeps its key for life")
    if "status" in values:
        values["status"] = target = RefundState(str(values["status"]))
        states.require(states.REFUND, refund.state, target)
        if target is RefundState.COMPLETED and not values.get("refund_txn_id", refund.provider_refund_id):
            raise states.ForbiddenTransition("a completed refund has the provider's id")
    swaps.swap(conn, refunds, (refund.id, refund.version), {**values, "changed_at": now})
    swaps.announce(conn, KIND, refund.id, now)


def votes(conn: Connection, refund_id: int) -> tuple[str, ...]:
    """Who approved, in their order."""
    return approvals.votes(conn, refund_id)


def vote(conn: Connection, refund_id: int, person: str, now: datetime) -> bool:
    """Approve; False when this person has done so before. The row's version is raised by `change`, which follows."""
    return approvals.vote(conn, refund_id, person, now)
