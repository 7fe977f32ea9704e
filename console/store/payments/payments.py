"""Rows of the payments: found by every id that people know, written by compare-and-swap, money by its own sums."""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select
from sqlalchemy import insert as into

from console.domain import states
from console.domain.order_records import Payment
from console.domain.payment_records import PaymentState
from console.domain.records import Certainty, Work
from console.domain.truth import ENDED_UNPAID, PAID
from console.store import swaps
from console.store.leases import naive
from console.store.payment_money import KIND as KIND
from console.store.payment_money import MONEY
from console.store.payment_money import capture as capture
from console.store.payment_money import release as release
from console.store.payment_money import reserve as reserve
from console.store.payment_money import set_aside as set_aside
from console.store.payment_money import settle_refund as settle_refund
from console.store.payment_rows import COLUMNS, to_record
from console.store.payment_schema import payments
from console.store.swaps import Stale as Stale
from console.store.swaps import runs_again as runs_again
from console.store.swaps import work_values as work_values

_t = payments.c
_ALL = select(*COLUMNS)
_GET = _ALL.where(_t.id == bindparam("of"))
_SOME = _ALL.where(_t.id.in_(bindparam("some", expanding=True)))
_OF_PROVIDER = _ALL.where(_t.provider == bindparam("whose"))
_BY_OURS = _OF_PROVIDER.where(_t.merchant_payment_id == bindparam("of"))
_BY_THEIRS = _OF_PROVIDER.where(_t.provider_payment_id == bindparam("of"))
_OF_ORDER = _ALL.where(_t.order_id == bindparam("of")).order_by(_t.id.desc())
_OF_CORPORATION = _ALL.where(_t.corporation_number == bindparam("of")).order_by(_t.id.desc())
_DUE = swaps.due(payments, _ALL)
_INSERT = into(payments)
_FIXED = MONEY | {"id", "version", "provider", "merchant_payment_id", "currency", "asked_minor", "created_at"}


@dataclass(frozen=True, slots=True)
class NewPayment:
    """What a payment begins with. Instants are aware; amounts in minor units of `currency`. `account_minor`: what it
    holds of its account's reservations. `given_id`: for a row that vanished and gets its old id back.
    """

    provider: str
    merchant_payment_id: str
    currency: str
    asked_minor: int
    order_id: int | None = None
    corporation_number: str | None = None
    provider_payment_id: str | None = None
    payer: str | None = field(default=None, repr=False)
    state: PaymentState = PaymentState.INITIALIZING
    certainty: Certainty = Certainty.KNOWN
    work: Work = field(default_factory=Work)
    account_minor: int = 0
    by_code: bool = True
    begun_at: datetime | None = None
    expires_at: datetime | None = None
    operation_id: str | None = None
    given_id: int | None = None


def find(conn: Connection, payment_id: int, lapsed: AbstractSet[int] = frozenset()) -> Payment | None:
    """One payment; `lapsed` holds the ids whose process went away, which are read as unknown."""
    return _first(conn, _GET, {"of": payment_id}, lapsed)


def by_merchant_id(conn: Connection, provider: str, merchant_payment_id: str) -> Payment | None:
    """The payment that we call so at this provider."""
    return _first(conn, _BY_OURS, {"whose": provider, "of": merchant_payment_id})


def by_provider_id(conn: Connection, provider: str, provider_payment_id: str) -> Payment | None:
    """The payment that the provider calls so."""
    return _first(conn, _BY_THEIRS, {"whose": provider, "of": provider_payment_id})


def of_order(conn: Connection, order_id: int, lapsed: AbstractSet[int] = frozenset()) -> tuple[Payment, ...]:
    """All payments of an order, newest first."""
    return select_records(conn, _OF_ORDER, {"of": order_id}, lapsed)


def of_corporation(conn: Connection, number: str, lapsed: AbstractSet[int] = frozenset()) -> tuple[Payment, ...]:
    """Payments that carry a corporation number themselves, newest first."""
    return select_records(conn, _OF_CORPORATION, {"of": number}, lapsed)


def due(conn: Connection, reasons: Collection[str], now: datetime, limit: int) -> tuple[Payment, ...]:
    """Payments scheduled for one of these reasons whose time has come, oldest first."""
    return select_records(conn, _DUE, {"reasons": sorted(reasons), "now": naive(now), "most": limit})


def all_records() -> Select[Any]:
    """Select of everything `to_record` needs, to be narrowed by the caller."""
    return _ALL


def some(conn: Connection, ids: Collection[int]) -> tuple[Payment, ...]:
    """Payments of these ids, in no order."""
    return select_records(conn, _SOME, {"some": sorted(ids)}) if ids else ()


def select_records(
    conn: Connection, query: Select[Any], values: Mapping[str, object], lapsed: AbstractSet[int] = frozenset()
) -> tuple[Payment, ...]:
    """Payments of a narrowed `all_records()`."""
    return tuple(to_record(row, lapsed) for row in conn.execute(query, values))


def _first(
    conn: Connection, query: Select[Any], values: Mapping[str, object], lapsed: AbstractSet[int] = frozenset()
) -> Payment | None:
    row = conn.execute(query, values).first()
    return to_record(row, lapsed) if row else None


def insert(conn: Connection, new: NewPayment, now: datetime) -> int:
    """A new row's id. One that we or the provider call the same violates a unique index (IntegrityError)."""
    row = {
        "order_id": new.order_id,
        "provider": new.provider,
        "merchant_payment_id": new.merchant_payment_id,
        "provider_payment_id": new.provider_payment_id,
        "corporation_number": new.corporation_number,
        "payer_ref": new.payer,
        "status": new.state.value,
        "certainty": new.certainty.value,
        **work_values(new.work),
        "currency": new.currency,
        "asked_minor": new.asked_minor,
        "account_minor": new.account_minor,
        "by_code": new.by_code,
        "begun_at": swaps.stored(new.begun_at),
        "payment_expires_at": swaps.stored(new.expires_at),
        "operation_id": new.operation_id,
        "created_at": naive(now),
        "changed_at": naive(now),
        "booked_at": naive(now) if new.state in PAID else None,
    } | swaps.given(new.given_id)
    return swaps.added(conn, KIND, _INSERT, row, now)


def change(conn: Connection, payment: Payment, now: datetime, **values: object) -> None:
    """Write columns if the row is still as `payment` was read; instants may be aware, states their enums.

    Raises Stale, IntegrityError where a provider's id belongs to another payment, and ForbiddenTransition for a bug:
    a step that the table of transitions doesn't have, a sum of money or what a payment is.
    """
    path = (PaymentState(str(values.pop("status"))),) if "status" in values else ()
    follow(conn, payment, path, now, **values)


def follow(conn: Connection, payment: Payment, path: Sequence[PaymentState], now: datetime, **values: object) -> None:
    """`change` along several steps (see `states.payment_path`), each of them written; `values` with the last."""
    swaps.refuse_fixed(_FIXED, values)
    for before, after in pairwise((payment.state, *path)):
        states.require(states.PAYMENT, before, after)
    version = payment.version
    for step in path[:-1]:
        swaps.swap(conn, payments, (payment.id, version), {"status": step})
        version += 1
    last = {"status": path[-1], **_arrival(payment, path, now)} if path else {}
    swaps.swap(conn, payments, (payment.id, version), {**values, **last, "changed_at": now})
    swaps.announce(conn, KIND, payment.id, now)


def _arrival(payment: Payment, path: Sequence[PaymentState], now: datetime) -> dict[str, object]:
    """When it was found paid, and which end it had come to before."""
    if PaymentState.PAYMENT_SUCCESS not in path:
        return {}
    return {"booked_at": now, "late_after": payment.state if payment.state in ENDED_UNPAID else None}
