"""Orders, payments and refunds by the beginning of a name that people know them by: the first few of each index."""

import unicodedata
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, Column, Connection, Integer, Select, bindparam, literal, select, union_all

from console.domain.order_records import Order, Payment, Refund
from console.domain.records import CreditCheck
from console.store import orders, payments, refunds
from console.store.payment_schema import orders as order_table
from console.store.payment_schema import payments as payment_table
from console.store.payment_schema import refunds as refund_table
from console.store.queue_parts import Queued

_o, _p, _r = order_table.c, payment_table.c, refund_table.c
_MOST: BindParameter[int] = bindparam("most", type_=Integer)
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Found:
    """What was found, each kind newest first."""

    orders: tuple[Order, ...]
    payments: tuple[Payment, ...]
    refunds: tuple[Refund, ...]


def _beginning(kind: str, name: Column[Any], typed: str = "id") -> Select[Any]:
    """Ids of rows whose `name` begins as was typed, as its index has them."""
    found = select(literal(kind).label("kind"), name.table.c.id.label("id"))
    begins = found.where(name >= bindparam(f"{typed}_first"), name < bindparam(f"{typed}_beyond"))
    return select(begins.order_by(name).limit(_MOST).subquery())


_BEGINNINGS = union_all(
    _beginning(orders.KIND, _o.merch_txn_id),
    _beginning(orders.KIND, _o.atom_txn_id),
    _beginning(payments.KIND, _p.merchant_payment_id),
    _beginning(payments.KIND, _p.provider_payment_id),
    _beginning(payments.KIND, _p.payer_ref, "payer"),
    _beginning(refunds.KIND, _r.provider_refund_key),
)
_IDS: BindParameter[int] = bindparam("ids", expanding=True)
_ORDERS = orders.all_records().where(_o.id.in_(_IDS)).order_by(_o.id.desc())
_PAYMENTS = payments.all_records().where(_p.id.in_(_IDS)).order_by(_p.id.desc())
_REFUNDS = refunds.all_records().where(_r.id.in_(_IDS)).order_by(_r.id.desc())


def of(conn: Connection, text: str, limit: int, lapsed: Mapping[str, AbstractSet[int]]) -> Found:
    """At most `limit` by each name; `lapsed`: by kind, the ids whose process went away. Ids are looked for in ASCII
    however wide they were typed, payers as they were.
    """
    ids: dict[str, set[int]] = {orders.KIND: set(), payments.KIND: set(), refunds.KIND: set()}
    typed = _range("id", plain(text)) | _range("payer", text)
    for kind, record_id in conn.execute(_BEGINNINGS, {**typed, "most": limit}):
        ids[kind].add(record_id)
    ordered, paid, refunded = ({"ids": sorted(ids[kind])} for kind in (orders.KIND, payments.KIND, refunds.KIND))
    gone = {kind: lapsed.get(kind, frozenset()) for kind in ids}
    return Found(
        orders.select_records(conn, _ORDERS, ordered) if ordered["ids"] else (),
        payments.select_records(conn, _PAYMENTS, paid, gone[payments.KIND]) if paid["ids"] else (),
        refunds.select_records(conn, _REFUNDS, refunded, gone[refunds.KIND]) if refunded["ids"] else (),
    )


def _range(name: str, text: str) -> dict[str, object]:
    return {f"{name}_first": text, f"{name}_beyond": text + _LAST}


def plain(text: str) -> str:
    """Letters and digits as ids have them."""
    return unicodedata.normalize("NFKC", text)


def is_called(record: Queued, text: str) -> bool:
    """Whether it is no credit check and one of its names is just this."""
    if isinstance(record, CreditCheck):
        return False
    if isinstance(record, Order):
        return record.merch_txn_id == plain(text)
    if isinstance(record, Payment):
        return plain(text) in (record.merchant_payment_id, record.provider_payment_id) or record.payer == text
    return record.provider_refund_key == plain(text)
