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

MINUTE_AFTER = NOW + timedelta(minutes=1)
CORPORATION_NUMBER = "1180301018771"


def test_a_payment_is_found_by_every_id(rows: Connection) -> None:
    """A payment that was begun is found with all its values by our ids, by the provider's ids, by its order and by
    its corporation.
    """
    work = Work(WorkState.SCHEDULED, MINUTE_AFTER, "unconfirmed", 2)
    payment = insert_begun_payment(
        rows, order_id=71, corporation_number=CORPORATION_NUMBER, provider_payment_id="0421", payer="payer-7",
        work=work,
        account_minor=300, begun_at=NOW, expires_at=MINUTE_AFTER, operation_id="op-1", by_code=False,
    )  # fmt: skip
    assert (payment.asked_minor, payment.refundable_minor, payment.state) == (3_300, 0, PaymentState.INITIALIZING)
    assert (payment.payer, payment.work, payment.account_minor) == ("payer-7", work, 300)
    assert (payment.begun_at, payment.expires_at, payment.by_code) == (NOW, MINUTE_AFTER, False)
    assert payments.find_by_payment_number(rows, "paypay", "ORD-1") == payment
    assert payments.find_by_id_at_provider(rows, "paypay", "0421") == payment
    assert payments.find_by_order(rows, 71) == payments.find_by_corporation(rows, CORPORATION_NUMBER) == (payment,)
    assert payments.find_by_payment_number(rows, "atom", "ORD-1") is None
    assert payments.find_by_id_at_provider(rows, "atom", "0421") is None
    assert payments.find(rows, payment.id + 1) is None


def test_payments_are_listed_newest_first(rows: Connection) -> None:
    """The payments of an order and of a corporation are listed from the newest to the oldest."""
    made = [
        insert_begun_payment(rows, f"ORD-{i}", order_id=71, corporation_number=CORPORATION_NUMBER) for i in range(3)
    ]
    assert (
        payments.find_by_order(rows, 71)
        == payments.find_by_corporation(rows, CORPORATION_NUMBER)
        == tuple(reversed(made))
    )


@pytest.mark.parametrize("facts", [{}, {"number": "ORD-2", "provider_payment_id": "0421"}])
def test_payment_numbers_and_provider_ids_are_unique(rows: Connection, facts: dict[str, str]) -> None:
    """The database refuses a second payment with the same payment number, or with the same id of the provider."""
    insert_begun_payment(rows, provider_payment_id="0421")
    with pytest.raises(IntegrityError):
        insert_begun_payment(rows, **facts)


def test_a_write_on_an_old_version_is_refused(rows: Connection) -> None:
    """A write by a caller that has read an older version is refused and writes nothing. A change of a payment's sums
    also raises the version.
    """
    old = insert_paid_payment(rows)
    payments.change_payment(rows, old, MINUTE_AFTER, payer_ref="payer-7", certainty=Certainty.UNKNOWN)
    now = reread_payment(rows, old.id)
    assert (now.payer, now.certainty, now.version, now.changed_at) == (
        "payer-7",
        Certainty.UNKNOWN,
        old.version + 1,
        MINUTE_AFTER,
    )
    with pytest.raises(payments.StaleRow):
        payments.change_payment(rows, old, MINUTE_AFTER, payer_ref="payer-8")
    assert payments.reserve_amount(rows, old.id, 1, NOW)
    with pytest.raises(payments.StaleRow):
        payments.change_payment(rows, now, MINUTE_AFTER, payer_ref="payer-8")
    assert reread_payment(rows, old.id).payer == "payer-7"


def test_a_payment_changes_only_along_the_transitions(rows: Connection) -> None:
    """Each change of a payment's state must be in the transition table, and raises the version. A path that contains
    another change is refused before anything is written."""
    payment = insert_begun_payment(rows)
    for path in ((PaymentState.COMPLETED,), (PaymentState.TOKEN_GENERATED, PaymentState.PAYMENT_SUCCESS)):
        with pytest.raises(ForbiddenTransition):
            payments.move_payment_along_path(rows, payment, path, NOW)
    assert reread_payment(rows, payment.id) == payment
    payments.move_payment_along_path(
        rows, payment, STATES_TO_PAID, MINUTE_AFTER, provider_payment_id="0421", paid_at=MINUTE_AFTER
    )
    now = reread_payment(rows, payment.id)
    assert (now.state, now.version, now.paid_at) == (PaymentState.COMPLETED, payment.version + 4, MINUTE_AFTER)
    assert now.provider_payment_id == "0421"
    payments.move_payment_along_path(rows, now, (), NOW, told_at=NOW)
    assert reread_payment(rows, payment.id).told_at == NOW


@pytest.mark.parametrize("column", ["captured_minor", "reserved_minor", "asked_minor", "currency", "version", "id"])
def test_amount_currency_and_ids_of_a_payment_never_change(rows: Connection, column: str) -> None:
    """The general update of a payment refuses to change its sums, which have functions of their own. The amount, the
    currency and the ids can't be changed at all.
    """
    payment = insert_begun_payment(rows)
    with pytest.raises(ForbiddenTransition):
        payments.change_payment(rows, payment, NOW, **{column: 1})


def test_a_payment_with_a_lapsed_start_is_unknown(rows: Connection) -> None:
    """A payment whose start has lapsed is read as unknown until a due task stores that. A payment that has reached a
    later state is read as stored."""
    payment = insert_begun_payment(rows)
    lapsed = frozenset({payment.id})
    seen = payments.find(rows, payment.id, lapsed)
    unknown = Work(WorkState.NEEDS_REVIEW, reason="lapsed")
    assert seen == replace(payment, certainty=Certainty.UNKNOWN, work=unknown)
    payments.change_payment(rows, payment, NOW, status=PaymentState.TOKEN_GENERATED)
    assert payments.find(rows, payment.id, lapsed) == reread_payment(rows, payment.id)


def test_due_payments_are_found_by_reason_and_time(rows: Connection) -> None:
    """A payment is due if its work has one of the given reasons and its scheduled time has passed. The payment that
    has waited longest comes first."""
    times = {"late": NOW - timedelta(hours=2), "later": NOW - timedelta(hours=3), "not yet": MINUTE_AFTER}
    for name, at in times.items():
        insert_begun_payment(rows, name, work=Work(WorkState.SCHEDULED, at, "unknown"))
    insert_begun_payment(rows, "other", work=Work(WorkState.SCHEDULED, NOW, "expiry"))
    insert_begun_payment(rows, "a person's", work=Work(WorkState.NEEDS_REVIEW, NOW, "unknown"))
    assert [one.merchant_payment_id for one in payments.list_due_payments(rows, ["unknown"], NOW, 10)] == [
        "later",
        "late",
    ]
    assert [one.merchant_payment_id for one in payments.list_due_payments(rows, ["unknown", "expiry"], NOW, 10)][
        2:
    ] == ["other"]
    assert len(payments.list_due_payments(rows, ["unknown"], NOW, 1)) == 1
