"""Tests of the comparison of a row in a provider's history with our payment: each pair of states has the verdict that
the table states."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.domain.money import Money
from console.domain.payments.provider_messages import PaymentReport
from console.domain.payments.records import Payment, Refund
from console.domain.payments.report_rules import ReportSource
from console.domain.payments.states import PaymentState, RefundState
from console.domain.reconciliation.provider_rows import HistoryRow
from console.domain.reconciliation.row_comparison import (
    RowAction,
    compare_row,
    match_refunds,
    will_report_change_payment,
)
from console.domain.records import Certainty, Work
from console.domain.tasks.records import ReconciliationVerdict

ROW_INSTANT = datetime(2026, 11, 19, 3, tzinfo=UTC)
HOUR_BEFORE_ROW = ROW_INSTANT - timedelta(hours=1)
HOUR_AFTER_ROW = ROW_INSTANT + timedelta(hours=1)


def make_payment(state: PaymentState, minor: int = 3300, **more: Any) -> Payment:
    paid = state in (
        PaymentState.PAYMENT_SUCCESS,
        PaymentState.CALLBACK_RECEIVED,
        PaymentState.SIGNATURE_VERIFIED,
        PaymentState.COMPLETED,
        PaymentState.REVERSED,
    )
    payment_fields: dict[str, Any] = {
        "id": 1, "order_id": None, "provider": "paypay", "merchant_payment_id": "ORD-1",
        "provider_payment_id": "0421" if paid else None, "corporation_number": None, "payer": None, "state": state,
        "certainty": Certainty.KNOWN, "work": Work(), "currency": "JPY", "asked_minor": minor,
        "captured_minor": minor if paid else 0, "reserved_minor": 0, "refunded_minor": 0, "set_aside_minor": 0,
        "version": 1, "paid_at": ROW_INSTANT if paid else None, "told_at": None,
    } | more  # fmt: skip
    return Payment(**payment_fields)


def make_row(
    state: PaymentState = PaymentState.PAYMENT_SUCCESS, minor: int = 3300, provider_id: str | None = "0421"
) -> HistoryRow:
    return HistoryRow("k", provider_id, "ORD-1", state, state.value, ROW_INSTANT, Money(minor, "JPY"))


@pytest.mark.parametrize(
    ("payment", "row", "verdict", "row_action"),
    [
        (None, make_row(), ReconciliationVerdict.IMPORTED, RowAction.IMPORT),
        (None, make_row(PaymentState.PAYMENT_FAILED), ReconciliationVerdict.MATCHED, RowAction.NOTHING),
        (make_payment(PaymentState.COMPLETED), make_row(), ReconciliationVerdict.MATCHED, RowAction.NOTHING),
        (
            make_payment(PaymentState.COMPLETED, certainty=Certainty.UNKNOWN),
            make_row(),
            ReconciliationVerdict.MATCHED,
            RowAction.APPLY,
        ),
        (make_payment(PaymentState.PAYMENT_SUCCESS), make_row(), ReconciliationVerdict.MATCHED, RowAction.APPLY),
        (
            make_payment(PaymentState.COMPLETED),
            make_row(minor=3301),
            ReconciliationVerdict.DIFFERENT_AMOUNT,
            RowAction.CASE,
        ),
        (
            make_payment(PaymentState.COMPLETED),
            make_row(provider_id="0422"),
            ReconciliationVerdict.DIFFERENT_STATE,
            RowAction.CASE,
        ),
        (
            make_payment(PaymentState.COMPLETED, merchant_payment_id="ORD-2"),
            make_row(),
            ReconciliationVerdict.DIFFERENT_STATE,
            RowAction.CASE,
        ),
        (
            make_payment(PaymentState.REVERSED, merchant_payment_id="ORD-2"),
            make_row(PaymentState.PAYMENT_FAILED),
            ReconciliationVerdict.DIFFERENT_STATE,
            RowAction.CASE,
        ),
        (
            make_payment(PaymentState.COMPLETED, provider_payment_id=None),
            make_row(),
            ReconciliationVerdict.MATCHED,
            RowAction.APPLY,
        ),
        (
            make_payment(PaymentState.COMPLETED, provider_payment_id=None),
            make_row(provider_id=None),
            ReconciliationVerdict.MATCHED,
            RowAction.NOTHING,
        ),
        (
            make_payment(PaymentState.REVERSED, told_at=HOUR_AFTER_ROW),
            make_row(),
            ReconciliationVerdict.MATCHED,
            RowAction.NOTHING,
        ),
        (
            make_payment(PaymentState.REVERSED, told_at=HOUR_BEFORE_ROW),
            make_row(),
            ReconciliationVerdict.DIFFERENT_STATE,
            RowAction.CASE,
        ),
        (
            make_payment(PaymentState.REVERSED),
            make_row(PaymentState.PAYMENT_FAILED),
            ReconciliationVerdict.MATCHED,
            RowAction.NOTHING,
        ),
        (make_payment(PaymentState.USER_PAYMENT), make_row(), ReconciliationVerdict.DIFFERENT_STATE, RowAction.APPLY),
        (make_payment(PaymentState.INITIALIZING), make_row(), ReconciliationVerdict.DIFFERENT_STATE, RowAction.APPLY),
        (
            make_payment(PaymentState.USER_PAYMENT),
            make_row(minor=1),
            ReconciliationVerdict.DIFFERENT_AMOUNT,
            RowAction.APPLY,
        ),
        (make_payment(PaymentState.EXPIRED), make_row(), ReconciliationVerdict.DIFFERENT_STATE, RowAction.APPLY),
        (
            make_payment(PaymentState.PAYMENT_FAILED),
            make_row(),
            ReconciliationVerdict.DIFFERENT_STATE,
            RowAction.APPLY,
        ),
        (
            make_payment(PaymentState.EXPIRED),
            make_row(PaymentState.PAYMENT_FAILED),
            ReconciliationVerdict.MATCHED,
            RowAction.NOTHING,
        ),
        (
            make_payment(PaymentState.USER_PAYMENT),
            make_row(PaymentState.PAYMENT_FAILED),
            ReconciliationVerdict.DIFFERENT_STATE,
            RowAction.APPLY,
        ),
        (
            make_payment(PaymentState.USER_PAYMENT, told_at=HOUR_AFTER_ROW),
            make_row(PaymentState.PAYMENT_FAILED),
            ReconciliationVerdict.MATCHED,
            RowAction.NOTHING,
        ),
        (
            make_payment(PaymentState.COMPLETED),
            make_row(PaymentState.PAYMENT_FAILED),
            ReconciliationVerdict.DIFFERENT_STATE,
            RowAction.CASE,
        ),
        (
            make_payment(PaymentState.COMPLETED, paid_at=HOUR_AFTER_ROW),
            make_row(PaymentState.PAYMENT_FAILED),
            ReconciliationVerdict.MATCHED,
            RowAction.NOTHING,
        ),
        (
            make_payment(PaymentState.USER_PAYMENT),
            make_row(PaymentState.USER_PAYMENT),
            ReconciliationVerdict.MATCHED,
            RowAction.NOTHING,
        ),
        (
            make_payment(PaymentState.COMPLETED),
            make_row(PaymentState.USER_PAYMENT),
            ReconciliationVerdict.DIFFERENT_STATE,
            RowAction.CASE,
        ),
    ],
)
def test_each_pair_of_payment_and_row_has_its_verdict(
    payment: Payment | None, row: HistoryRow, verdict: ReconciliationVerdict, row_action: RowAction
) -> None:
    """Each pair of our payment and a row in the provider's history has its verdict, and the action that follows from
    it.
    """
    comparison = compare_row(payment, row)
    assert (comparison.verdict, comparison.row_action) == (verdict, row_action)


def make_report(minor: int = 3300) -> PaymentReport:
    return PaymentReport(
        "ORD-1", "0421", "COMPLETED", PaymentState.PAYMENT_SUCCESS, True, Money(minor, "JPY"), refunds=None
    )


def test_a_report_of_stored_facts_changes_nothing() -> None:
    """A report that contains only facts that are already stored doesn't change the payment."""
    assert will_report_change_payment(
        make_payment(PaymentState.USER_PAYMENT), make_report(), ROW_INSTANT, ReportSource.READ
    )
    assert not will_report_change_payment(
        make_payment(PaymentState.COMPLETED), make_report(), ROW_INSTANT, ReportSource.READ
    )
    assert will_report_change_payment(
        make_payment(PaymentState.PAYMENT_SUCCESS), make_report(), ROW_INSTANT, ReportSource.READ
    )
    assert not will_report_change_payment(
        make_payment(PaymentState.PAYMENT_SUCCESS), make_report(), ROW_INSTANT, ReportSource.NOTICE
    )
    assert will_report_change_payment(
        make_payment(PaymentState.COMPLETED, certainty=Certainty.UNKNOWN),
        make_report(),
        ROW_INSTANT,
        ReportSource.READ,
    )
    unnumbered = make_payment(PaymentState.COMPLETED, provider_payment_id=None)
    assert will_report_change_payment(unnumbered, make_report(), ROW_INSTANT, ReportSource.READ)
    assert not will_report_change_payment(unnumbered, make_report(), ROW_INSTANT, ReportSource.NOTICE)
    odd = make_payment(PaymentState.USER_PAYMENT)
    assert will_report_change_payment(odd, make_report(1), ROW_INSTANT, ReportSource.READ)
    known = make_payment(PaymentState.USER_PAYMENT, certainty=Certainty.UNKNOWN, error_code="other_amount")
    assert not will_report_change_payment(known, make_report(1), ROW_INSTANT, ReportSource.READ)


def make_refund(
    number: int, first_sent_at: datetime | None, told_at: datetime | None = None, state: str = "completed"
) -> Refund:
    return Refund(
        number, 1, None, 500, "JPY", RefundState(state), Certainty.KNOWN, Work(), "op-a", (), f"RFD-{number}", None,
        version=1, first_sent_at=first_sent_at, told_at=told_at,
    )  # fmt: skip


def test_file_lines_are_matched_to_refunds_by_their_times() -> None:
    """Each line of the provider's history about a refund is matched with one refund: the oldest one whose times fit
    and that has no line yet."""
    first, second = make_refund(1, HOUR_BEFORE_ROW, ROW_INSTANT), make_refund(2, HOUR_BEFORE_ROW, HOUR_AFTER_ROW)
    assert match_refunds([second, first], [ROW_INSTANT, HOUR_AFTER_ROW]) == {
        ROW_INSTANT: first,
        HOUR_AFTER_ROW: second,
    }
    assert match_refunds([first], [ROW_INSTANT, HOUR_AFTER_ROW]) == {ROW_INSTANT: first}
    assert match_refunds([first], [HOUR_AFTER_ROW]) == {}
    reread = replace(first, told_at=HOUR_AFTER_ROW, state_since=ROW_INSTANT)
    assert match_refunds([reread], [HOUR_AFTER_ROW]) == {}, "a later report is no later completion"
    assert match_refunds([make_refund(1, HOUR_AFTER_ROW, HOUR_AFTER_ROW)], [ROW_INSTANT]) == {}
    assert (
        match_refunds([make_refund(1, HOUR_BEFORE_ROW, None, "submitted")], [HOUR_AFTER_ROW])[HOUR_AFTER_ROW].id == 1
    )
    assert (
        match_refunds([make_refund(1, HOUR_BEFORE_ROW, ROW_INSTANT, "failed"), make_refund(2, None)], [ROW_INSTANT])
        == {}
    )
