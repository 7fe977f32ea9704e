"""Tests of the search for orders, payments and refunds by a corporation number or by the beginning of a name. The
search returns the same records as separate queries."""

import pytest
from sqlalchemy import Connection, event, insert, text

from console.domain.payments.records import Order
from console.domain.payments.states import RefundState
from console.domain.records import Person
from console.store.access.operators import insert_person
from console.store.credit_checks import joined_reads
from console.store.payments import orders, payments
from console.store.records import corporation_records
from console.store.records import prefix_search as beginnings
from console.store.records.corporation_records import RecordsOfNumber
from console.store.refunds import refunds
from console.store.schema.core import operations
from tests.store.credit_checks.test_joined_reads import make_operation_row
from tests.store.money_rows import (
    NOW,
    insert_begun_payment,
    insert_paid_payment,
    insert_requested_refund,
    move_refund_to_state,
    reread_refund,
)

CORPORATION_NUMBER, OTHER_NUMBER = "7123456789012", "2000000000000"


def insert_order(conn: Connection, number: str, corporation: str | None = None) -> int:
    return orders.insert_order(conn, orders.NewOrder(number, 3_300, corporation_number=corporation), NOW)


def find_order(conn: Connection, order_id: int) -> Order:
    order = orders.find(conn, order_id)
    assert order is not None
    return order


def test_a_number_finds_its_orders_payments_and_refunds_once(connection: Connection) -> None:
    """The search returns the orders of a corporation number, the payments of the number or of these orders, and the
    refunds of these payments. Each record is returned once, and the newest is first."""
    one, empty = (
        insert_order(connection, "ORD-1", CORPORATION_NUMBER),
        insert_order(connection, "ORD-2", "７123-456789012"),
    )
    foreign = insert_order(connection, "ORD-3")
    through_order = insert_paid_payment(connection, "P-1", order_id=one)
    both = insert_paid_payment(connection, "P-2", order_id=one, corporation_number=CORPORATION_NUMBER)
    own = insert_paid_payment(connection, "P-3", corporation_number=CORPORATION_NUMBER)
    of_foreign_order = insert_paid_payment(connection, "P-4", order_id=foreign, corporation_number=CORPORATION_NUMBER)
    insert_paid_payment(connection, "P-5", order_id=foreign)
    insert_paid_payment(connection, "P-6", corporation_number=OTHER_NUMBER)
    given_back = [insert_requested_refund(connection, payment) for payment in (through_order, both, of_foreign_order)]
    for name, role in (("lead-c", "approver"), ("aud-e", "auditor"), ("lead-b", "approver")):
        insert_person(connection, Person(name, frozenset({role}), may_buy=False))
        refunds.insert_vote(connection, given_back[1].id, name, NOW)
    insert_requested_refund(connection, insert_paid_payment(connection, "P-7"))
    records_of_number = corporation_records.list_records_of_number(connection, CORPORATION_NUMBER)
    assert records_of_number.orders == (find_order(connection, empty), find_order(connection, one))
    assert records_of_number.orders[1].payment_ids == (through_order.id, both.id)
    assert records_of_number.payments == (of_foreign_order, own, both, through_order)
    assert records_of_number.refunds == tuple(reread_refund(connection, refund.id) for refund in reversed(given_back))
    assert records_of_number.refunds[1].checkers == ("lead-c", "lead-b")  # aud-e is no approver any more
    assert corporation_records.list_records_of_number(connection, "5000000000000") == RecordsOfNumber()


def test_lapsed_calls_are_shown_as_unknown(connection: Connection) -> None:
    """A lapsed call that moves money makes its own record unknown. Other records, and records whose lapsed call moves
    no money, stay known.
    """
    payment = insert_begun_payment(connection, "P-1", corporation_number=CORPORATION_NUMBER)
    sound = insert_begun_payment(connection, "P-2", corporation_number=CORPORATION_NUMBER)
    refund = move_refund_to_state(
        connection,
        insert_requested_refund(
            connection, insert_paid_payment(connection, "P-3", corporation_number=CORPORATION_NUMBER)
        ),
        RefundState.SUBMITTING,
    )
    calls = [
        make_operation_row(payment.id, "payment.start", "calling")
        | {"subject_kind": "payment", "id": "a", "idempotency_key": "a"},
        make_operation_row(sound.id, "payment.start", "done")
        | {"subject_kind": "payment", "id": "b", "idempotency_key": "b"},
        make_operation_row(refund.id, "refund.submit", "calling")
        | {"subject_kind": "refund", "id": "c", "idempotency_key": "c"},
    ]
    connection.execute(insert(operations), calls)
    records_of_number = corporation_records.list_records_of_number(connection, CORPORATION_NUMBER)
    assert [(one.merchant_payment_id, one.certainty.value) for one in records_of_number.payments] == [
        ("P-3", "known"),
        ("P-2", "known"),
        ("P-1", "unknown"),
    ]
    assert records_of_number.payments[2] == payments.find(connection, payment.id, frozenset({payment.id}))
    assert records_of_number.refunds == (refunds.find(connection, refund.id, frozenset({refund.id})),)


@pytest.mark.parametrize("kind", ["order", "payment", "payment of an order"])
def test_one_read_reports_the_existence_of_other_records(connection: Connection, kind: str) -> None:
    """The joined query of a search returns whether a corporation number has orders or payments. If so, the search by
    the corporation finds them."""
    assert (
        joined_reads.search_corporation_number(
            connection, CORPORATION_NUMBER, None, includes_unlisted_names=False
        ).has_orders_or_payments
        is False
    )
    if kind == "payment":
        insert_paid_payment(connection, corporation_number=CORPORATION_NUMBER)
    else:
        order_id = insert_order(connection, "ORD-1", CORPORATION_NUMBER)
        if kind != "order":
            insert_paid_payment(connection, order_id=order_id)
    assert (
        joined_reads.search_corporation_number(
            connection, CORPORATION_NUMBER, None, includes_unlisted_names=False
        ).has_orders_or_payments
        is True
    )
    assert (
        joined_reads.search_corporation_number(
            connection, OTHER_NUMBER, None, includes_unlisted_names=False
        ).has_orders_or_payments
        is False
    )
    assert corporation_records.list_records_of_number(connection, CORPORATION_NUMBER) != RecordsOfNumber()


def test_a_search_by_corporation_is_one_statement(connection: Connection) -> None:
    """The search sends one SQL statement, however many records it finds. If a refund has votes, it sends a second
    statement that reads whether the votes count."""
    payment = insert_paid_payment(connection, order_id=insert_order(connection, "ORD-1", CORPORATION_NUMBER))
    refund = insert_requested_refund(connection, payment)
    statements: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda _conn, _cursor, sql, *_: statements.append(sql))
    records_of_number = corporation_records.list_records_of_number(connection, CORPORATION_NUMBER)
    assert (
        len(records_of_number.orders),
        len(records_of_number.payments),
        len(records_of_number.refunds),
        len(statements),
    ) == (1, 1, 1, 1)
    insert_person(connection, Person("lead-b", frozenset({"approver"}), may_buy=False))
    refunds.insert_vote(connection, refund.id, "lead-b", NOW)
    statements.clear()
    corporation_records.list_records_of_number(connection, CORPORATION_NUMBER)
    assert len(statements) == 2


@pytest.mark.parametrize(
    ("typed", "kinds"),
    [
        ("ORD-1", ["order"]), ("ORD-", ["order", "order", "order"]), ("ＯＲＤ-1", ["order"]), ("110", ["order"]),
        ("P-1", ["payment"]), ("0421", ["payment"]), ("架空", ["payment"]), ("架空太", ["payment"]),
        ("RFD-", ["refund"]), ("ord", ["order", "order", "order"]), ("ｒｆｄー", ["refund"]), ("p−1", ["payment"]),
        ("ORD 1", ["order"]), ("ｏｒｄ　１", ["order"]), ("110 0000 0417303", ["order"]), ("ORD2026", ["order"]),
        ("gr 7", ["refund"]), ("ＧＲ-7", ["refund"]),
        ("RD-1", []), ("ORD-11", []), ("%", []), ("P_1", []), ("架空花", []),
    ],
)  # fmt: skip
def test_records_are_found_by_the_beginning_of_an_identifier(
    connection: Connection, typed: str, kinds: list[str]
) -> None:
    """Records are found by the beginning of an order number, of the order's payment id at Atom, of a payment id of
    the merchant or the provider, of a payer, of a refund key, or of the provider's refund id. The text may be in full
    width, in small letters, with other dashes or blanks, or without them. Wildcard characters count as ordinary
    characters."""
    insert_order(connection, "ORD-1")
    other = insert_order(connection, "ORD-2")
    connection.execute(text("UPDATE orders SET atom_txn_id = '11000000417303' WHERE id = :id"), {"id": other})
    insert_order(connection, "ORD-2026-7")
    payment = insert_paid_payment(connection, "P-1", provider_payment_id="04217", payer="架空太郎")
    refund = move_refund_to_state(connection, insert_requested_refund(connection, payment), RefundState.APPROVED)
    refunds.change_refund(connection, refund, NOW, status=RefundState.SUBMITTING, provider_refund_key="RFD-ABC")
    connection.execute(text("UPDATE refunds SET refund_txn_id = 'GR-77' WHERE id = :id"), {"id": refund.id})
    ids_by_kind = beginnings.find_ids_by_prefix(connection, typed, 10)
    assert [kind for kind in ("order", "payment", "refund") for _ in ids_by_kind[kind]] == kinds


def test_a_search_by_name_returns_at_most_the_requested_number(connection: Connection) -> None:
    """The search by name returns at most the requested number of records for each searched column."""
    ids = [insert_order(connection, f"ORD-{i}") for i in range(5)]
    payments_found = {
        insert_paid_payment(connection, "ORD-0", order_id=ids[0]).id,
        insert_begun_payment(connection, "ORD-1", provider="atom").id,
    }
    ids_by_kind = beginnings.find_ids_by_prefix(connection, "ORD-", 3)
    assert (ids_by_kind["order"], ids_by_kind["payment"]) == (set(ids[:3]), payments_found)


def test_a_record_matches_exactly_only_by_a_whole_name(connection: Connection) -> None:
    """A record is an exact match if the searched text equals one of its whole names. The beginning of a name is no
    exact match.
    """
    payment = insert_paid_payment(connection, "P-1", provider_payment_id="04217", payer="架空太郎")
    order = find_order(connection, insert_order(connection, "ORD-1"))
    assert all(beginnings.is_exact_match(payment, name) for name in ("P-1", "Ｐ-１", "pー1", "04217", "架空太郎"))
    assert not any(beginnings.is_exact_match(payment, name) for name in ("P-", "0421", "架空", ""))
    assert beginnings.is_exact_match(order, "ORD-1")
    refund = insert_requested_refund(connection, payment)
    assert not beginnings.is_exact_match(refund, "P-1")
    assert all(beginnings.is_exact_match(refund, f"{name}{refund.id}") for name in ("R-", "ｒー", "r ", "R"))
    assert not beginnings.is_exact_match(refund, f"R-{refund.id}0")
