"""Money that was booked beyond an account's limit, and the refund that each is waiting for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Select, bindparam, select
from sqlalchemy import insert as into

from console.domain import states
from console.domain.order_records import Payment, SetAside, SetAsideState
from console.store import swaps
from console.store.leases import aware, naive
from console.store.payment_schema import set_asides
from console.store.swaps import Stale as Stale

KIND = "set-aside"
_t = set_asides.c
_ALL = select(
    _t.id, _t.payment_id, _t.account_id, _t.amount_minor, _t.currency, _t.status, _t.refund_id, _t.version,
    _t.created_at,
)  # fmt: skip
_GET = _ALL.where(_t.id == bindparam("of"))
_OF_PAYMENT = _ALL.where(_t.payment_id == bindparam("of")).order_by(_t.id)
_OPEN = (
    _ALL.where(_t.status == SetAsideState.OPEN.value, _t.id > bindparam("after"))
    .order_by(_t.id)
    .limit(bindparam("most", type_=Integer))
)
_INSERT = into(set_asides)


def insert(conn: Connection, payment: Payment, account_id: int, minor: int, now: datetime) -> int:
    """Keep what exceeded the account's limit; its sum is moved by `payments.set_aside`."""
    row = {
        "payment_id": payment.id,
        "account_id": account_id,
        "amount_minor": minor,
        "currency": payment.currency,
        "status": SetAsideState.OPEN.value,
        "created_at": naive(now),
        "changed_at": naive(now),
    }
    return swaps.added(conn, KIND, _INSERT, row, now)


def find(conn: Connection, set_aside_id: int) -> SetAside | None:
    return next(iter(_select(conn, _GET, {"of": set_aside_id})), None)


def of_payment(conn: Connection, payment_id: int) -> tuple[SetAside, ...]:
    """What was set aside of a payment, oldest first."""
    return _select(conn, _OF_PAYMENT, {"of": payment_id})


def open_ones(conn: Connection, limit: int, after: int = 0) -> tuple[SetAside, ...]:
    """What waits for its refund to be asked for, oldest first; `after`: the last id seen."""
    return _select(conn, _OPEN, {"after": after, "most": limit})


def change(conn: Connection, item: SetAside, now: datetime, state: SetAsideState, refund_id: int | None) -> None:
    """Write what becomes of it if the row is still as it was read. Raises Stale, or ForbiddenTransition for a bug."""
    states.require(states.SET_ASIDE, item.state, state)
    values = {"status": state, "refund_id": refund_id, "changed_at": now}
    swaps.swap(conn, set_asides, (item.id, item.version), values)
    swaps.announce(conn, KIND, item.id, now)


def _select(conn: Connection, query: Select[Any], values: Mapping[str, object]) -> tuple[SetAside, ...]:
    return tuple(_item(*row) for row in conn.execute(query, values))


def _item(
    item_id: int, payment_id: int, account_id: int, minor: int, currency: str, status: str, refund_id: int | None,
    version: int, created: datetime,
) -> SetAside:  # fmt: skip
    state = SetAsideState(status)
    return SetAside(item_id, payment_id, account_id, minor, currency, state, refund_id, version, aware(created))
