"""Tests of PayPay's adapter with the simulated PayPay, from a payment code to refunds: each answer and each notice is
read as the state that PayPay's ledger has, or as unknown.
"""

import io
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from console.domain.calendar_days import JST
from console.domain.clock import SystemClock, TimeScale
from console.domain.money import Money
from console.domain.payments.provider_messages import PaymentQuestion, PaymentRequest, RefundInstruction
from console.domain.payments.states import PaymentState, RefundState
from console.domain.provider_outcome import Outcome, OutcomeClass
from console.domain.reconciliation.provider_rows import HistoryRow
from console.providers.http.strict_json import UnreadableJson
from console.providers.payments.notices import OtherHint, ReconciliationFileHint, TransactionHint
from console.providers.paypay.reconciliation_file import DailyFileReader, fetch_daily_file
from console.providers.paypay.webhooks import read_notice
from console.sandbox import SandboxControl
from console.sandbox.environment.credentials import PAYPAY_MERCHANT_ID
from console.store.reconciliation.row_index import HistoryIndex
from tests.providers.parts import CountingRateLimiter, ManualClock
from tests.providers.payments.parts import get_class_and_reason, get_report
from tests.providers.sandbox_adapters import (
    AMOUNT_IN_YEN,
    PAYPAY_ORDER_NUMBER,
    REFUNDED_PART_IN_YEN,
    AdaptersAtSandbox,
    make_paypay,
)

ORDER_NUMBER = "ORD-7"


def test_a_paypay_payment_is_followed_from_code_to_refund(control: SandboxControl) -> None:
    """The program makes a payment code, the payer pays, and the payment is refunded in two parts. After each step
    the adapter reports the new state. In the end the sandbox's ledger has the whole amount as refunded.
    """
    now = SystemClock().now()
    adapter = make_paypay(control.url)
    started = get_report(adapter.start(PaymentRequest(ORDER_NUMBER, AMOUNT_IN_YEN, now, "利用料 2026年11月分")))
    assert started.handle.startswith("04-")
    assert started.url is not None
    assert started.deeplink is not None
    assert started.expires_at is not None
    assert timedelta(0) < started.expires_at - now <= timedelta(seconds=301)

    question = PaymentQuestion(ORDER_NUMBER, amount=AMOUNT_IN_YEN)
    waiting = adapter.read_payment(question)
    assert waiting.kind is OutcomeClass.PENDING
    assert get_report(waiting).state is PaymentState.USER_PAYMENT
    assert get_report(waiting).provider_payment_id is None

    paid_id = control.payments_control.change_payment_state("paypay", ORDER_NUMBER, "paid")["id"]
    paid = adapter.read_payment(question)
    assert paid.kind is OutcomeClass.SUCCEEDED
    report = get_report(paid)
    assert (report.provider_payment_id, report.amount, report.is_bookable) == (paid_id, AMOUNT_IN_YEN, True)
    assert report.paid_at is not None

    order = RefundInstruction("RFD-7", ORDER_NUMBER, paid_id, REFUNDED_PART_IN_YEN, now, "一部返金")
    assert adapter.read_refund(order).kind is OutcomeClass.NOT_FOUND
    accepted = adapter.refund(order)
    assert (accepted.kind, get_report(accepted).state) == (OutcomeClass.PENDING, RefundState.SUBMITTED)
    done = adapter.read_refund(order)
    assert (done.kind, get_report(done).state) == (OutcomeClass.SUCCEEDED, RefundState.COMPLETED)

    rest = replace(order, key="RFD-8", amount=Money(2300, "JPY"))
    assert adapter.refund(rest).kind is OutcomeClass.PENDING
    report = get_report(adapter.read_payment(replace(question, provider_payment_id=paid_id)))
    assert report.provider_state == "REFUNDED"
    assert report.refunds is not None
    assert [(one.key, one.state) for one in report.refunds] == [
        ("RFD-7", RefundState.COMPLETED),
        ("RFD-8", RefundState.COMPLETED),
    ]
    truth = control.payments_control.read_payment("paypay", ORDER_NUMBER)
    assert (truth["refunded_minor"], truth["left_minor"]) == (3300, 0)


def test_a_refund_sent_again_with_its_key_is_one_refund(control: SandboxControl) -> None:
    """If a refund is sent again with the same idempotency key, PayPay returns its present state, and the ledger has
    only one refund.
    """
    adapters = AdaptersAtSandbox(control)
    assert adapters.paypay.refund(adapters.order).kind is OutcomeClass.PENDING
    again = adapters.paypay.refund(adapters.order)
    assert (again.kind, get_report(again).key) == (OutcomeClass.SUCCEEDED, adapters.order.key)
    assert len(control.payments_control.read_refunds(adapters.order.key)) == 1


def test_paypay_cancels_a_payment(control: SandboxControl) -> None:
    """PayPay accepts the cancellation of a paid payment, which is then reported as failed and can't be refunded. If
    a payment is cancelled before the payer pays, it is reported as failed too, even if the payer pays afterwards.
    """
    adapters = AdaptersAtSandbox(control)
    assert get_class_and_reason(adapters.paypay.cancel(adapters.question)) == (OutcomeClass.PENDING, "accepted")
    after = adapters.paypay.read_payment(adapters.question)
    assert (after.kind, get_report(after).state) == (OutcomeClass.FAILED_DEFINITE, PaymentState.PAYMENT_FAILED)
    assert adapters.paypay.refund(adapters.order).kind is OutcomeClass.FAILED_DEFINITE
    control.payments_control.register_payment("paypay", ORDER_NUMBER, 3300, "created")
    assert adapters.paypay.cancel(PaymentQuestion(ORDER_NUMBER)).kind is OutcomeClass.PENDING
    control.payments_control.change_payment_state("paypay", ORDER_NUMBER, "paid")
    assert adapters.paypay.read_payment(PaymentQuestion(ORDER_NUMBER)).kind is OutcomeClass.FAILED_DEFINITE


def test_paypay_refuses_one_second_after_the_computed_windows(control: SandboxControl) -> None:
    """One second after the deadline that the program has computed, PayPay refuses a refund or a cancellation. Shortly
    before its deadline a cancellation is accepted."""
    adapters = AdaptersAtSandbox(control)
    paid_at = get_report(adapters.paypay.read_payment(adapters.question)).paid_at
    assert paid_at is not None
    adapter = make_paypay(control.url, clock=(hand := ManualClock()))
    cancel_until, refund_until = adapter.find_cancel_deadline(paid_at), adapter.find_refund_deadline(paid_at)
    assert cancel_until is not None
    assert refund_until is not None

    def set_clock(moment: datetime) -> None:
        hand.at = moment
        control.change_settings(now=moment.isoformat())

    set_clock(refund_until + timedelta(seconds=1))
    assert get_class_and_reason(adapter.refund(adapters.order)) == (
        OutcomeClass.FAILED_DEFINITE,
        "refund_window_over",
    )
    set_clock(cancel_until + timedelta(seconds=1))
    assert get_class_and_reason(adapter.cancel(adapters.question)) == (OutcomeClass.FAILED_DEFINITE, "not_reversible")
    set_clock(cancel_until - timedelta(seconds=20))
    assert adapter.cancel(adapters.question).kind is OutcomeClass.PENDING


def test_paypay_refunds_until_the_end_of_the_window(control: SandboxControl) -> None:
    """PayPay still accepts a refund 20 seconds before the computed deadline for refunds."""
    adapters = AdaptersAtSandbox(control)
    until = adapters.paypay.find_refund_deadline(adapters.now)
    assert until is not None
    hand = ManualClock(until - timedelta(seconds=20))
    control.change_settings(now=hand.at.isoformat())
    assert make_paypay(control.url, clock=hand).refund(adapters.order).kind is OutcomeClass.PENDING


def test_unusual_payment_codes_have_their_outcomes(control: SandboxControl) -> None:
    """Each unusual case has its expected outcome: a payment code that is paid, deleted or made twice, a payment
    without a code, an unknown payment, and a payment in each unusual state.
    """
    now = SystemClock().now()
    adapters = AdaptersAtSandbox(control)
    adapter = adapters.paypay
    started = get_report(adapter.start(PaymentRequest(ORDER_NUMBER, AMOUNT_IN_YEN, now)))
    assert get_class_and_reason(adapter.start(PaymentRequest(ORDER_NUMBER, AMOUNT_IN_YEN, now))) == (
        OutcomeClass.UNKNOWN,
        "code_exists",
    )
    assert adapter.delete_code(started.handle).kind is OutcomeClass.SUCCEEDED
    assert get_class_and_reason(adapter.delete_code(started.handle)) == (OutcomeClass.FAILED_DEFINITE, "no_such_code")
    assert adapter.read_payment(PaymentQuestion(ORDER_NUMBER)).kind is OutcomeClass.NOT_FOUND
    assert get_class_and_reason(adapter.delete_code(f"04-known-{PAYPAY_ORDER_NUMBER}")) == (
        OutcomeClass.FAILED_DEFINITE,
        "already_paid",
    )
    control.payments_control.register_payment("paypay", "SHOP-1", 500, code=False)
    bare = PaymentQuestion("SHOP-1", by_code=False)
    assert adapter.read_payment(bare).kind is OutcomeClass.SUCCEEDED
    assert adapter.read_payment(replace(bare, merchant_payment_id="SHOP-2")).kind is OutcomeClass.NOT_FOUND
    for state, expected in (
        ("authorized", OutcomeClass.PENDING),
        ("reauthorizing", OutcomeClass.PENDING),
        ("failed", OutcomeClass.FAILED_DEFINITE),
        ("cancelled", OutcomeClass.FAILED_DEFINITE),
        ("expired", OutcomeClass.FAILED_DEFINITE),
        ("gone", OutcomeClass.NOT_FOUND),
    ):
        control.payments_control.register_payment("paypay", f"P-{state}", 500, state)
        assert adapter.read_payment(PaymentQuestion(f"P-{state}")).kind is expected, state


def test_paypay_refuses_impossible_refunds(control: SandboxControl) -> None:
    """The simulated PayPay refuses refunds that are too large, too similar, too many or not in the contract, and
    refunds of an unpaid or unknown payment. A refund with our payment number in place of PayPay's id has an unknown
    outcome.
    """
    adapters = AdaptersAtSandbox(control)
    adapter, order = adapters.paypay, adapters.order
    failed = OutcomeClass.FAILED_DEFINITE
    assert get_class_and_reason(adapter.refund(replace(order, amount=Money(3301, "JPY")))) == (failed, "bad_request")
    control.change_settings(waits_for_manual_settling=True)
    assert adapter.refund(order).kind is OutcomeClass.PENDING
    similar = adapter.refund(replace(order, key="RFD-2"))
    assert get_class_and_reason(similar) == (OutcomeClass.RATE_LIMITED, "similar_refund_running")
    control.change_settings(paypay_refund_limit=1)
    assert get_class_and_reason(adapter.refund(replace(order, key="RFD-3", amount=Money(7, "JPY")))) == (
        failed,
        "refund_count_exceeded",
    )
    control.change_settings(paypay_allows_several_refunds=False)
    assert get_class_and_reason(adapter.refund(replace(order, key="RFD-3", amount=Money(7, "JPY")))) == (
        failed,
        "repeated_refunds_not_contracted",
    )
    assert get_class_and_reason(adapter.refund(replace(order, provider_payment_id="0000"))) == (
        failed,
        "no_such_payment",
    )
    by_our_number = adapter.refund(replace(order, key="RFD-4", provider_payment_id=PAYPAY_ORDER_NUMBER))
    assert by_our_number.kind is OutcomeClass.UNKNOWN
    control.payments_control.register_payment("paypay", "P-2", 500, "authorized")
    unpaid = control.payments_control.read_payment("paypay", "P-2")["id"]
    assert get_class_and_reason(
        adapter.refund(replace(order, provider_payment_id=unpaid, amount=Money(1, "JPY")))
    ) == (
        failed,
        "not_refundable",
    )
    assert len(control.payments_control.read_refunds()) == 1


@pytest.mark.parametrize("wrong_setting", ["api_key", "api_secret", "merchant_id"])
def test_paypay_refuses_wrong_credentials_as_auth(control: SandboxControl, wrong_setting: str) -> None:
    """With a wrong key, secret or merchant, a refund, a start, a cancellation, the deletion of a code and each read
    have the outcome AUTH. No refund is made, the payment stays paid, and the code can still be paid.
    """
    adapters = AdaptersAtSandbox(control)
    given: dict[str, Any] = {wrong_setting: "another"}
    adapter = make_paypay(control.url, **given)
    assert get_class_and_reason(adapter.refund(adapters.order)) == (OutcomeClass.AUTH, "credentials_refused")
    assert adapter.read_payment(adapters.question).kind is OutcomeClass.AUTH
    assert adapter.read_refund(adapters.order).kind is OutcomeClass.AUTH
    assert adapter.start(PaymentRequest(ORDER_NUMBER, AMOUNT_IN_YEN, adapters.now)).kind is OutcomeClass.AUTH
    code = get_report(adapters.paypay.start(PaymentRequest("ORD-8", AMOUNT_IN_YEN, adapters.now))).handle
    assert adapter.cancel(adapters.question).kind is OutcomeClass.AUTH
    assert adapter.delete_code(code).kind is OutcomeClass.AUTH
    assert control.payments_control.read_refunds() == []
    assert adapters.paypay.read_payment(adapters.question).kind is OutcomeClass.SUCCEEDED
    control.payments_control.change_payment_state("paypay", "ORD-8", "paid")
    assert adapters.paypay.read_payment(PaymentQuestion("ORD-8")).kind is OutcomeClass.SUCCEEDED


def test_paypay_refuses_calls_signed_with_a_wrong_clock(control: SandboxControl) -> None:
    """If the desk's clock is wrong by more than two minutes, PayPay refuses a refund; with a smaller difference it
    accepts one.
    """
    adapters = AdaptersAtSandbox(control)
    control.change_settings(advance_seconds=121)
    assert adapters.paypay.refund(adapters.order).kind is OutcomeClass.AUTH
    control.change_settings(advance_seconds=-10)
    assert adapters.paypay.refund(adapters.order).kind is OutcomeClass.PENDING


def make_notice(control: SandboxControl, number: str, **more: object) -> bytes:
    """Return the notice that the sandbox would send about the payment with the payment number `number`. `more` can
    have `fields`, which replaces contents of the notice.
    """
    return control.payments_control.compose_notice("paypay", number, **more)[1]


def test_paypay_sends_notices_with_stable_event_ids(control: SandboxControl) -> None:
    """PayPay's notice names the payment, its state and its amount. A repeated notice has the same event id; a
    different notice has a different event id.
    """
    adapters = AdaptersAtSandbox(control)
    hint = read_notice(make_notice(control, PAYPAY_ORDER_NUMBER))
    assert isinstance(hint, TransactionHint)
    assert (hint.payment_id, hint.merchant_payment_id) == (adapters.order.provider_payment_id, PAYPAY_ORDER_NUMBER)
    assert (hint.provider_state, hint.amount) == ("COMPLETED", AMOUNT_IN_YEN)
    assert hint.newest_time is not None
    assert read_notice(make_notice(control, PAYPAY_ORDER_NUMBER)) == hint
    control.payments_control.change_payment_state("paypay", PAYPAY_ORDER_NUMBER, "failed", notify=False)
    later = read_notice(make_notice(control, PAYPAY_ORDER_NUMBER))
    assert isinstance(later, TransactionHint)
    assert (later.provider_state, later.event_id != hint.event_id) == ("FAILED", True)


@pytest.mark.parametrize("state", ["authorized", "paid", "cancelled", "expired", "failed"])
def test_a_notice_of_each_state_is_read(control: SandboxControl, state: str) -> None:
    """The program reads the notice of each payment state that PayPay reports."""
    control.payments_control.register_payment("paypay", ORDER_NUMBER, 500, state)
    assert isinstance(read_notice(make_notice(control, ORDER_NUMBER)), TransactionHint)


def test_unknown_notices_are_other_hints_and_incomplete_ones_are_refused(control: SandboxControl) -> None:
    """A notice with an unknown state or kind is read as an `OtherHint`, which has no effect, and an incomplete notice
    is refused. The announcement of a daily file is recognised.
    """
    AdaptersAtSandbox(control)
    odd = read_notice(make_notice(control, PAYPAY_ORDER_NUMBER, fields={"state": "SOMETHING_NEW"}))
    assert isinstance(odd, OtherHint)
    assert isinstance(
        read_notice(make_notice(control, PAYPAY_ORDER_NUMBER, fields={"notification_type": "X"})), OtherHint
    )
    with pytest.raises(UnreadableJson):
        read_notice(make_notice(control, PAYPAY_ORDER_NUMBER)[:-20])
    file = b'{"notification_type":"file.created","notification_id":"8d0f","fileType":"transaction_recon","path":"%s"}'
    url = control.payments_control.publish_reconciliation_file("2026-11-20").encode()
    assert isinstance(read_notice(file % url), ReconciliationFileHint)


def test_the_daily_file_of_paypay_lists_the_payments_and_refunds(control: SandboxControl) -> None:
    """The announced daily file lists the payments and refunds of the day. Its URL is valid for two hours."""
    adapters = AdaptersAtSandbox(control)
    adapters.make_refunds()
    control.payments_control.read_ledger()  # what was accepted is executed when it is looked at
    url = control.payments_control.publish_reconciliation_file(adapters.now.astimezone(JST).date().isoformat())

    def fetch_file() -> Outcome[bytes]:
        return fetch_daily_file(
            url, hosts=[control.url], rate_limiter=CountingRateLimiter(), clock=SystemClock(), scale=TimeScale()
        )

    file = io.BytesIO(get_report(fetch_file()))
    with closing(HistoryIndex()) as index:
        rows = list(DailyFileReader(file, PAYPAY_MERCHANT_ID, adapters.now.astimezone(JST).date(), index))
    accepted_rows = [row for row in rows if isinstance(row, HistoryRow)]
    assert [(row.merchant_payment_id, row.state, row.refund_state, row.amount) for row in accepted_rows] == [
        (PAYPAY_ORDER_NUMBER, "payment_success", None, AMOUNT_IN_YEN),
        (PAYPAY_ORDER_NUMBER, "payment_success", "completed", REFUNDED_PART_IN_YEN),
    ]
    assert len(accepted_rows) == len(rows)
    assert {row.provider_payment_id for row in accepted_rows} == {adapters.order.provider_payment_id}
    control.change_settings(advance_seconds=7201)
    assert fetch_file().kind is OutcomeClass.UNKNOWN


class SlowRateLimiter(CountingRateLimiter):
    """A rate limiter that makes each request wait for three minutes."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    def wait_for_start(self) -> None:
        self._clock.at += timedelta(minutes=3)


def test_a_signature_is_computed_after_the_wait_for_the_turn(control: SandboxControl) -> None:
    """PayPay refuses a signature that is two minutes old, so the adapter signs a request only after its wait for the
    rate limiter.
    """
    adapters = AdaptersAtSandbox(control)
    hand = ManualClock(adapters.now)
    control.change_settings(now=(adapters.now + timedelta(minutes=3)).isoformat())
    assert (
        make_paypay(control.url, clock=hand, rate_limiter=SlowRateLimiter(hand)).refund(adapters.order).kind
        is OutcomeClass.PENDING
    )


def test_at_most_two_calls_of_an_adapter_run_at_once(control: SandboxControl) -> None:
    """An adapter sends at most two calls to PayPay at the same time (MAX_PARALLEL_CALLS): the third call reaches
    the sandbox only after one of them has ended.
    """
    adapters = AdaptersAtSandbox(control)
    control.add_fault("hang", call="paypay_payment", times="always")
    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(adapters.paypay.read_payment, adapters.question) for _ in range(3)]
        assert control.wait_until_counts_reached(held=2)
        assert not control.wait_until_counts_reached(0.2, held=3)
        control.clear_faults()
        control.release_calls()
        assert all(one.result().kind is OutcomeClass.SUCCEEDED for one in calls)
