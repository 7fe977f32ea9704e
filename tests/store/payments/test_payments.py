"""Tests of the rows of payments. They are found by every id, and change only along the transition table and only by a
caller that has read the latest version."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from console.domain.payments.states import PaymentState
from console.domain.records import Certainty, Work, WorkState
from console.domain.transitions.tables import ForbiddenTransition
from console.store.payments import payments
from tests.store.money_rows import NOW, STATES_TO_PAID, insert_begun_payment, insert_paid_payment, reread_payment

ONE_MINUTE_LATER = NOW + timedelta(minutes=1)
CORPORATION_NUMBER = "1180301018771"


def test_a_payment_is_found_by_every_id(connection: Connection) -> None:
    """A payment that was begun is found with all its values by our ids, by the provider's ids, by its order and by
    its corporation.
    """
    work = Work(WorkState.SCHEDULED, ONE_MINUTE_LATER, "unconfirmed", 2)
    payment = insert_begun_payment(
        connection, order_id=71, corporation_number=CORPORATION_NUMBER, provider_payment_id="0421", payer="payer-7",
        work=work,
        account_minor=300, begun_at=NOW, expires_at=ONE_MINUTE_LATER, operation_id="op-1", by_code=False,
    )  # fmt: skip
    assert (payment.asked_minor, payment.refundable_minor, payment.state) == (3_300, 0, PaymentState.INITIALIZING)
    assert (payment.payer, payment.work, payment.account_minor) == ("payer-7", work, 300)
    assert (payment.begun_at, payment.expires_at, payment.by_code) == (NOW, ONE_MINUTE_LATER, False)
    assert payments.find_by_payment_number(connection, "paypay", "ORD-1") == payment
    assert payments.find_by_id_at_provider(connection, "paypay", "0421") == payment
    assert (
        payments.find_by_order(connection, 71)
        == payments.find_by_corporation(connection, CORPORATION_NUMBER)
        == (payment,)
    )
    assert payments.find_by_payment_number(connection, "atom", "ORD-1") is None
    assert payments.find_by_id_at_provider(connection, "atom", "0421") is None
    assert payments.find(connection, payment.id + 1) is None


def test_payments_are_listed_newest_first(connection: Connection) -> None:
    """The payments of an order and of a corporation are listed from the newest to the oldest."""
    made = [
        insert_begun_payment(connection, f"ORD-{i}", order_id=71, corporation_number=CORPORATION_NUMBER)
        for i in range(3)
    ]
    assert (
        payments.find_by_order(connection, 71)
        == payments.find_by_corporation(connection, CORPORATION_NUMBER)
        == tuple(reversed(made))
    )


@pytest.mark.parametrize("facts", [{}, {"number": "ORD-2", "provider_payment_id": "0421"}])
def test_payment_numbers_and_provider_ids_are_unique(connection: Connection, facts: dict[str, str]) -> None:
    """The database refuses a second payment with the same payment number, or with the same id of the provider."""
    insert_begun_payment(connection, provider_payment_id="0421")
    with pytest.raises(IntegrityError):
        insert_begun_payment(connection, **facts)


def test_a_write_on_an_old_version_is_refused(connection: Connection) -> None:
    """A write by a caller that has read an older version is refused and writes nothing. A change of a payment's sums
    also raises the version.
    """
    old = insert_paid_payment(connection)
    payments.change_payment(connection, old, ONE_MINUTE_LATER, payer_ref="payer-7", certainty=Certainty.UNKNOWN)
    now = reread_payment(connection, old.id)
    assert (now.payer, now.certainty, now.version, now.changed_at) == (
        "payer-7",
        Certainty.UNKNOWN,
        old.version + 1,
        ONE_MINUTE_LATER,
    )
    with pytest.raises(payments.StaleRow):
        payments.change_payment(connection, old, ONE_MINUTE_LATER, payer_ref="payer-8")
    assert payments.reserve_amount(connection, old.id, 1, NOW)
    with pytest.raises(payments.StaleRow):
        payments.change_payment(connection, now, ONE_MINUTE_LATER, payer_ref="payer-8")
    assert reread_payment(connection, old.id).payer == "payer-7"


def test_a_payment_changes_only_along_the_transitions(connection: Connection) -> None:
    """Each change of a payment's state must be in the transition table, and raises the version. A path that contains
    another change is refused before anything is written."""
    payment = insert_begun_payment(connection)
    for path in ((PaymentState.COMPLETED,), (PaymentState.TOKEN_GENERATED, PaymentState.PAYMENT_SUCCESS)):
        with pytest.raises(ForbiddenTransition):
            payments.move_payment_along_path(connection, payment, path, NOW)
    assert reread_payment(connection, payment.id) == payment
    payments.move_payment_along_path(
        connection, payment, STATES_TO_PAID, ONE_MINUTE_LATER, provider_payment_id="0421", paid_at=ONE_MINUTE_LATER
    )
    now = reread_payment(connection, payment.id)
    assert (now.state, now.version, now.paid_at) == (PaymentState.COMPLETED, payment.version + 4, ONE_MINUTE_LATER)
    assert now.provider_payment_id == "0421"
    payments.move_payment_along_path(connection, now, (), NOW, told_at=NOW)
    assert reread_payment(connection, payment.id).told_at == NOW


@pytest.mark.parametrize("column", ["captured_minor", "reserved_minor", "asked_minor", "currency", "version", "id"])
def test_amount_currency_and_ids_of_a_payment_never_change(connection: Connection, column: str) -> None:
    """The general update of a payment refuses to change its sums, which have functions of their own. The amount, the
    currency and the ids can't be changed at all.
    """
    payment = insert_begun_payment(connection)
    with pytest.raises(ForbiddenTransition):
        payments.change_payment(connection, payment, NOW, **{column: 1})


def test_a_payment_with_a_lapsed_start_is_unknown(connection: Connection) -> None:
    """A payment whose start has lapsed is read as unknown until a due task stores that. A payment that has reached a
    later state is read as stored."""
    payment = insert_begun_payment(connection)
    lapsed = frozenset({payment.id})
    read_payment = payments.find(connection, payment.id, lapsed)
    unknown = Work(WorkState.NEEDS_REVIEW, reason="lapsed")
    assert read_payment == replace(payment, certainty=Certainty.UNKNOWN, work=unknown)
    payments.change_payment(connection, payment, NOW, status=PaymentState.TOKEN_GENERATED)
    assert payments.find(connection, payment.id, lapsed) == reread_payment(connection, payment.id)


def test_due_payments_are_found_by_reason_and_time(connection: Connection) -> None:
    """A payment is due if its work has one of the given reasons and its scheduled time has passed. The payment that
    has waited longest comes first."""
    times = {"late": NOW - timedelta(hours=2), "later": NOW - timedelta(hours=3), "not yet": ONE_MINUTE_LATER}
    for name, at in times.items():
        insert_begun_payment(connection, name, work=Work(WorkState.SCHEDULED, at, "unknown"))
    insert_begun_payment(connection, "other", work=Work(WorkState.SCHEDULED, NOW, "expiry"))
    insert_begun_payment(connection, "a person's", work=Work(WorkState.NEEDS_REVIEW, NOW, "unknown"))
    assert [one.merchant_payment_id for one in payments.list_due_payments(connection, ["unknown"], NOW, 10)] == [
        "later",
        "late",
    ]
    assert [
        one.merchant_payment_id for one in payments.list_due_payments(connection, ["unknown", "expiry"], NOW, 10)
    ][2:] == ["other"]
    assert len(payments.list_due_payments(connection, ["unknown"], NOW, 1)) == 1
