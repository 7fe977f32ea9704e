"""Recipes of sample payments. Each recipe is a function that yields all samples of one kind of situation."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from console.demo.samples.credit_check_factory import (
    ONE_SECOND,
    SampleEvent,
    SampleEvidenceItem,
    make_needs_review_columns,
)
from console.demo.samples.payment_factory import ORDER_KIND, PAYMENT_KIND, PaymentSample, PaymentSampleFactory
from console.domain.audit.actions import AuditAction
from console.domain.payments.records import OrderState
from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import WorkReason

PROVIDER_NAMES = ("paypay", "atom")


def make_scheduled_work_columns(reason: str, at: object, attempt_count: int = 0) -> dict[str, object]:
    """Return the columns of a record whose work state is `scheduled` for the time `at` and the given reason.
    `attempt_count` is the number of attempts that were made before."""
    return {"work_state": "scheduled", "work_reason": reason, "work_at": at, "work_attempts": attempt_count}


def _make_waiting_payments(factory: PaymentSampleFactory) -> Iterator[PaymentSample]:
    """Yield payments that wait for the payer; the simulated payer of the demo pays one of them."""
    for turn in range(5):
        sample = factory.make_begun_payment(
            "pays_by_itself" if not turn else "waiting", factory.pick_instant_ago(0.2, 3), PROVIDER_NAMES[turn % 2]
        )
        sample.column_values |= make_scheduled_work_columns(
            WorkReason.WAITING, factory.now + timedelta(seconds=20 + turn)
        )
        yield sample


def _make_unknown_payments(factory: PaymentSampleFactory) -> Iterator[PaymentSample]:
    """Yield payments with an unknown outcome: the provider did not answer the request for a code or token."""
    for turn, provider in enumerate(("paypay", "paypay", "atom", "atom")):
        sample = factory.make_begun_payment("unknown", factory.pick_instant_ago(20, 2_000), provider)
        sample.status, sample.journal_state, sample.provider_payment_id = (
            PaymentState.INITIALIZING,
            ("unknown", "UNKNOWN", "read_timeout"),
            None,
        )
        sample.sandbox_state = "created" if provider == "paypay" and turn % 2 else None
        sample.column_values = {"certainty": "unknown", "error_code": "read_timeout"}
        sample.column_values |= (
            make_scheduled_work_columns(WorkReason.UNKNOWN, factory.now + timedelta(minutes=5 + turn), 1)
            if turn % 2
            else make_needs_review_columns(WorkReason.PROBES_ENDED)
        )
        sample.events.clear()
        at = sample.begun_at + timedelta(seconds=31)
        sample.add_event(PAYMENT_KIND, at, "worker", AuditAction.PAYMENT_UNKNOWN, reason="read_timeout")
        sample.evidence_items = [SampleEvidenceItem(at, "worker", f"{provider}.start", "UNKNOWN read_timeout")]
        yield sample


def _make_unpaid_payments(factory: PaymentSampleFactory) -> Iterator[PaymentSample]:
    """Yield failed payments, and payments that expired unpaid and whose orders are cancelled."""
    for turn in range(12):
        sample = factory.make_begun_payment(
            "failed" if turn % 2 else "expired",
            factory.pick_office_hour_instant(1, 90),
            PROVIDER_NAMES[turn // 2 % 2],
        )
        is_failed = turn % 2 == 1
        sample.status, sample.sandbox_state = (
            (PaymentState.PAYMENT_FAILED, "failed") if is_failed else (PaymentState.EXPIRED, sample.sandbox_state)
        )
        sample.provider_payment_id = sample.provider_payment_id or (
            f"0{4_212_345_500_000_000_000 + turn}" if is_failed else None
        )
        word = {"paypay": ("CREATED", "FAILED"), "atom": ("OTS0301", "OTS0600")}[sample.provider][is_failed]
        failed_at, expired_at = (
            sample.begun_at + timedelta(minutes=7),
            sample.column_values["payment_expires_at"] + ONE_SECOND,
        )
        at = failed_at if is_failed else expired_at
        sample.column_values |= factory.make_provider_columns(sample, word, at)
        if is_failed:
            sample.add_event(
                PAYMENT_KIND, at, "worker", AuditAction.PAYMENT_MOVED, by="payment", state="payment_failed", word=word
            )
            sample.column_values["error_code"] = "payment_failed"
            factory.add_answer(sample, at, word, "FAILED_DEFINITE payment_failed")
        else:
            sample.add_event(
                PAYMENT_KIND,
                at,
                "worker",
                AuditAction.PAYMENT_EXPIRED,
                until=str(sample.column_values["payment_expires_at"]),
            )
            factory.add_answer(sample, at, word, "PENDING not_paid_yet")
            sample.order_status = OrderState.CANCELLED
            sample.add_event(ORDER_KIND, at, "worker", AuditAction.ORDER_CANCELLED, payment=0)
        yield sample


def _make_disagreeing_payments(factory: PaymentSampleFactory) -> Iterator[PaymentSample]:
    """Yield payments that disagree with their order or their provider. There are three cases: paid after the order
    was cancelled; paid with another amount than the order's total, so that the order is not set to paid; and reported
    as failed by the provider although paid in our database.
    """
    for provider in PROVIDER_NAMES:
        late_payment = factory.make_paid_payment(
            "paid_after_cancel", factory.pick_office_hour_instant(2, 20), provider
        )
        late_payment.order_status, late_payment.events = (
            OrderState.CANCELLED,
            [event for event in late_payment.events if event[0] != ORDER_KIND],
        )
        late_payment.order_column_values = make_needs_review_columns(WorkReason.PAID_AFTER_CANCEL)
        yield _add_open_case(
            late_payment,
            WorkReason.PAID_AFTER_CANCEL,
            f"order=cancelled; payment={late_payment.status} {late_payment.amount_minor} {late_payment.currency}",
            "refund|compensation",
        )
        unmoved_payment = factory.make_paid_payment("not_moved", factory.pick_office_hour_instant(1, 9), provider)
        unmoved_payment.order_status, unmoved_payment.events = (
            OrderState.PENDING,
            [event for event in unmoved_payment.events if event[0] != ORDER_KIND],
        )
        unmoved_payment.order_column_values = {"total_amount": unmoved_payment.amount_minor + 1_100}
        observed, expected = (
            f"{unmoved_payment.amount_minor} {unmoved_payment.currency}",
            f"{unmoved_payment.amount_minor + 1_100} {unmoved_payment.currency}",
        )
        yield _add_open_case(unmoved_payment, WorkReason.NOT_MOVED, observed, expected)
        contradicted_payment = factory.make_paid_payment(
            "contradicted", factory.pick_office_hour_instant(3, 30), provider
        )
        word = "FAILED" if provider == "paypay" else "OTS0600"
        contradicted_payment.sandbox_state = "failed"
        contradicted_payment.column_values |= {
            "provider_state": word,
            "told_at": contradicted_payment.latest_event_at + timedelta(minutes=1),
        }
        yield _add_open_case(
            contradicted_payment,
            WorkReason.CONTRADICTED,
            f"{word} {contradicted_payment.amount_minor} {contradicted_payment.currency}",
            f"completed {contradicted_payment.amount_minor}",
        )


def _add_open_case(sample: PaymentSample, rule: str, observed: str, expected: str) -> PaymentSample:
    """Add an open case to the sample payment, and return the sample. `rule` is the key of the rule that the payment
    breaks; `observed` and `expected` are the values that the case shows."""
    sample.case_texts = (rule, observed, expected)
    sample.column_values |= make_needs_review_columns(rule)
    sample.add_event(
        PAYMENT_KIND,
        sample.latest_event_at + timedelta(minutes=1),
        "worker",
        AuditAction(f"payment.{rule}"),
        rule,
        observed=observed,
    )
    return sample


def _make_reversed_payments(factory: PaymentSampleFactory) -> Iterator[PaymentSample]:
    """Yield a payment that the bank has reversed two days after it was paid."""
    sample = factory.make_paid_payment("reversed", factory.pick_office_hour_instant(8, 30), "atom")
    at = sample.begun_at + timedelta(days=2)
    sample.status, sample.sandbox_state = PaymentState.REVERSED, "reversed"
    sample.column_values |= factory.make_provider_columns(sample, "OTS0001", at)
    sample.add_event(
        PAYMENT_KIND, at, "worker", AuditAction.PAYMENT_REVERSED, by="payment", state="reversed", word="OTS0001"
    )
    factory.add_answer(sample, at, "OTS0001", "FAILED_DEFINITE payment_reversed")
    yield sample


def _make_payments_with_set_aside(factory: PaymentSampleFactory) -> Iterator[PaymentSample]:
    """Yield payments that exceed the limit of their corporation's account; the excess is set aside until it is
    refunded.
    """
    for turn in range(2):
        sample = factory.make_paid_payment("set_aside", factory.pick_office_hour_instant(1, 5), "paypay", 66_000)
        sample.corporation_number, sample.limit_minor, sample.set_aside_minor = (
            factory.corporations[turn],
            60_000,
            6_000,
        )
        observed = f"{sample.set_aside_minor} of {sample.amount_minor} {sample.currency}"
        _add_open_case(sample, WorkReason.SET_ASIDE, observed, f"at most {sample.limit_minor} {sample.currency}")
        if turn:
            factory.add_requested_refund(
                sample, sample.set_aside_minor, sample.begun_at + timedelta(hours=3), "op-a"
            ).is_from_set_aside = True
        yield sample


def _make_payments_with_requested_refund(factory: PaymentSampleFactory) -> Iterator[PaymentSample]:
    """Yield payments with a refund that waits for approval: refunds requested by the operator, one requested by the
    approver, and one that needs two checkers.
    """
    for turn, maker in enumerate(("op-a", "op-a", "op-a", "lead-b", "op-a")):
        two_checkers = turn == 4
        sample = factory.make_paid_payment(
            "refund_asked",
            factory.pick_office_hour_instant(2, 40),
            PROVIDER_NAMES[turn % 2],
            880_000 if two_checkers else None,
        )
        refund = factory.add_requested_refund(
            sample, 660_000 if two_checkers else sample.amount_minor // 2, factory.pick_instant_ago(30, 2_000), maker
        )
        refund.column_values = (
            {"checkers_needed": 2, "sends_after": refund.requested_at + timedelta(minutes=15)} if two_checkers else {}
        )
        yield sample


def _make_payments_with_decided_refund(factory: PaymentSampleFactory) -> Iterator[PaymentSample]:
    """Yield payments with a decided refund: one is approved and in its cooling-off period, one rejected, one
    withdrawn, one expired."""
    sample = factory.make_paid_payment("refund_approved", factory.pick_office_hour_instant(3, 20), "paypay", 330_000)
    refund = factory.add_approved_refund(sample, 220_000, factory.pick_instant_ago(10, 11))
    refund.column_values = {
        "sends_after": refund.requested_at + timedelta(minutes=15),
        **make_scheduled_work_columns(WorkReason.COOLING_OFF, factory.now),
    }
    refund.column_values["work_at"] = refund.column_values["sends_after"]
    yield sample
    for turn, status in enumerate((RefundState.REJECTED, RefundState.WITHDRAWN, RefundState.EXPIRED)):
        sample = factory.make_paid_payment(
            f"refund_{status}", factory.pick_office_hour_instant(8, 60), PROVIDER_NAMES[turn % 2]
        )
        refund = factory.add_requested_refund(
            sample, sample.amount_minor, sample.begun_at + timedelta(hours=20), "op-a"
        )
        decider = {RefundState.REJECTED: "lead-b", RefundState.WITHDRAWN: "op-a", RefundState.EXPIRED: "worker"}[
            status
        ]
        refund.status = status
        if status is RefundState.REJECTED:
            refund.column_values = {"declined_because": "注文どおり納品済みです (delivered as ordered)"}
        decided_at = refund.requested_at + timedelta(hours=72 if status is RefundState.EXPIRED else 2)
        refund.events.append(
            SampleEvent(
                decided_at,
                decider,
                AuditAction(f"refund.{status}"),
                {"minor": refund.amount_minor, "currency": sample.currency},
            )
        )
        yield sample


def _make_payments_with_sent_refund(factory: PaymentSampleFactory) -> Iterator[PaymentSample]:
    """Yield payments with a sent refund: accepted by the provider, failed, or with an unknown outcome. Some of the
    refunds with an unknown outcome were executed by the provider."""
    for provider in PROVIDER_NAMES:
        sample = factory.make_paid_payment("refund_sent", factory.pick_office_hour_instant(2, 30), provider)
        refund = factory.add_accepted_refund(sample, sample.amount_minor // 2, factory.pick_instant_ago(20, 60))
        refund.column_values |= make_scheduled_work_columns(WorkReason.POLL, factory.now + timedelta(minutes=3))
        yield sample
    for turn, provider in enumerate(("paypay", "paypay", "atom", "atom")):
        sample = factory.make_paid_payment("refund_unknown", factory.pick_office_hour_instant(2, 30), provider)
        refund = factory.add_sent_refund(
            sample,
            sample.amount_minor,
            factory.pick_instant_ago(40, 900),
            RefundState.SUBMITTING,
            ("unknown", "UNKNOWN", "read_timeout"),
        )
        refund.sandbox_state = "completed" if turn % 2 else None
        at = refund.column_values["last_sent_at"] + timedelta(seconds=31)
        refund.column_values |= {"certainty": "unknown", "error_code": "read_timeout"}
        refund.column_values |= (
            make_scheduled_work_columns(WorkReason.UNKNOWN, factory.now + timedelta(minutes=4), 2)
            if turn < 3
            else make_needs_review_columns(WorkReason.PROBES_ENDED)
        )
        factory.add_refund_outcome(
            sample, refund, at, AuditAction.REFUND_UNKNOWN, "UNKNOWN read_timeout", reason="read_timeout"
        )
        yield sample
    sample = factory.make_paid_payment("refund_failed", factory.pick_office_hour_instant(5, 50), "paypay")
    refund = factory.add_sent_refund(
        sample,
        sample.amount_minor,
        sample.begun_at + timedelta(days=1),
        RefundState.FAILED,
        ("failed", "FAILED_DEFINITE", "payer_left"),
    )
    refund.column_values |= {"error_code": "payer_left"}
    at = refund.column_values["last_sent_at"] + ONE_SECOND
    factory.add_refund_outcome(
        sample, refund, at, AuditAction.REFUND_FAILED, "HTTP 400 FAILED_DEFINITE payer_left", reason="payer_left"
    )
    yield sample


def _make_refunded_payments(factory: PaymentSampleFactory) -> Iterator[PaymentSample]:
    """Yield payments with completed refunds: either one refund of the whole amount, or two refunds of a part each."""
    for turn in range(10):
        sample = factory.make_paid_payment(
            "refunded", factory.pick_office_hour_instant(6, 120), PROVIDER_NAMES[turn % 2]
        )
        is_full_refund = turn % 2 == 0
        parts = (sample.amount_minor,) if is_full_refund else (sample.amount_minor // 4, sample.amount_minor // 5)
        for n, minor in enumerate(parts):
            factory.add_completed_refund(sample, minor, sample.begun_at + timedelta(days=1 + 2 * n))
        if is_full_refund:
            sample.order_status = OrderState.REFUNDED
            ended_at = sample.refunds[-1].events[-1].at
            sample.add_event(ORDER_KIND, ended_at + ONE_SECOND, "worker", AuditAction.ORDER_REFUNDED, payment=None)
        yield sample


def _make_reversible_payments(factory: PaymentSampleFactory) -> Iterator[PaymentSample]:
    """Yield payments of the last 24 hours, which the bank may still reverse."""
    for _ in range(4):
        yield factory.make_paid_payment("may_be_reversed", factory.pick_instant_ago(60, 1_400), "atom")


def _make_reconciled_payments(factory: PaymentSampleFactory) -> Iterator[PaymentSample]:
    """Yield payments of the two days that the demo prepares for a reconciliation. On each day most of them agree with
    the provider's payments; one is missing at the provider, and one has another amount at the provider.
    """
    for days_back in (2, 1):
        for turn, kind in enumerate(("reconciled", "reconciled", "other_sum", "only_ours", "reconciled")):
            sample = factory.make_paid_payment(kind, factory.pick_instant_of_day(days_back, 10 + turn), "paypay")
            if kind == "only_ours":
                sample.sandbox_state = None
            elif kind == "other_sum":
                sample.sandbox_amount_minor = sample.amount_minor + 1_100
            yield sample


def make_complete_payment(factory: PaymentSampleFactory) -> PaymentSample:
    """Return a paid sample payment whose order is paid, shipped or delivered."""
    sample = factory.make_paid_payment("complete", factory.pick_office_hour_instant(3, 300))
    sample.order_status = factory.random.choice((OrderState.PAID, OrderState.SHIPPED, OrderState.DELIVERED))
    return sample


PAYMENT_SAMPLE_RECIPES: tuple[Callable[[PaymentSampleFactory], Iterator[PaymentSample]], ...] = (
    _make_waiting_payments, _make_unknown_payments, _make_unpaid_payments, _make_disagreeing_payments,
    _make_reversed_payments, _make_payments_with_set_aside, _make_payments_with_requested_refund,
    _make_payments_with_decided_refund, _make_payments_with_sent_refund, _make_refunded_payments,
    _make_reversible_payments, _make_reconciled_payments,
)  # fmt: skip
