"""Tests of approved refunds that a due task cannot send: each waits for its next attempt, delays no other refund, and
finally waits for a person.
"""

import pytest

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.explanations.refunds import explain_refund
from console.domain.payments.records import Payment, Refund
from console.domain.payments.states import RefundState
from console.domain.records import WorkState
from console.domain.setting_problems import SettingProblem
from console.sandbox import SandboxControl
from console.services.refunds import due_tasks
from console.store.database import unreadable_rows
from tests.support.refund_desks import RefundDesk
from tests.support.refusals import call_and_get_code

PROBE_CALL_NAME = "paypay_refund_details"


def make_payment_with_refused_refund(desk: RefundDesk, number: str) -> Payment:
    """Return a payment (payment number `number`) of which PayPay has refused one refund. Before the next refund of
    the payment is sent, the program queries PayPay about the refused refund.
    """
    payment = desk.make_paid_payment(number)
    desk.control.add_fault("result:UNACCEPTABLE_OP", call="paypay_refund", times=1)
    assert call_and_get_code(lambda: desk.approve_refund(desk.request_refund(payment, "100"))) == "provider_refused"
    return payment


def approve_without_sending(desk: RefundDesk, number: str, code: str) -> Refund:
    """Return an approved refund that was not sent, because the query about the earlier refund ended with the error
    code `code`. `number` is the number of the payment.
    """
    refund = desk.request_refund(make_payment_with_refused_refund(desk, number), "200")
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == code
    assert (desk.read_refund(refund).state, desk.read_refund(refund).sent_count) == (RefundState.APPROVED, 0)
    return refund


def test_the_question_about_earlier_refunds_is_not_asked_at_each_run(
    desk: RefundDesk, control: SandboxControl
) -> None:
    """Before it sends a refund, the program queries the provider about an earlier, refused refund of the payment.
    It repeats this query after the waits of the schedule, not in each run. After an answer it sends the refund.
    """
    control.add_fault("html", call=PROBE_CALL_NAME, times=3)
    refund = approve_without_sending(desk, "ORD-1", "provider_answer_unusable")
    desk.run_due_tasks()
    query_count = len(control.read_requests(call=PROBE_CALL_NAME))
    assert (desk.read_refund(refund).work.attempt, desk.read_refund(refund).work.reason) == (1, "submission")
    for _ in range(3):
        desk.run_due_tasks()
    assert len(control.read_requests(call=PROBE_CALL_NAME)) == query_count, "asked again without a wait"
    desk.move_clock(seconds=61)
    desk.run_due_tasks()
    waiting = desk.read_refund(refund)
    assert (waiting.work.attempt, waiting.work.state) == (2, WorkState.SCHEDULED)
    assert waiting.error_code, "nobody is told why it could not be sent"
    desk.move_clock(minutes=6)
    desk.run_due_tasks()
    assert desk.read_refund(refund).state is RefundState.SUBMITTED
    assert desk.read_refund(refund).error_code is None


def test_a_gateway_with_unreadable_answers_needs_a_person(desk: RefundDesk, control: SandboxControl) -> None:
    """If the gateway's answers are unreadable, a person sees the reason after some waits, long before the time to
    decide ends, and can send the refund.
    """
    control.add_fault("html", call=PROBE_CALL_NAME, times="always")
    refund = approve_without_sending(desk, "ORD-1", "provider_answer_unusable")
    for hours in (1, 1, 1, 2):
        assert desk.read_refund(refund).work.state is WorkState.SCHEDULED
        desk.run_due_tasks()
        desk.move_clock(hours=hours)
    stored_refund = desk.read_refund(refund)
    assert (stored_refund.state, stored_refund.work.state, stored_refund.work.reason) == (
        RefundState.APPROVED,
        WorkState.NEEDS_REVIEW,
        "not_sent",
    )
    assert stored_refund.error_code
    assert explain_refund(stored_refund, desk.context.now()).why == "why.refund_not_sent"
    control.clear_faults()
    assert desk.approve_refund(refund).state is RefundState.SUBMITTED


def test_a_refund_that_could_not_be_sent_expires(desk: RefundDesk, control: SandboxControl) -> None:
    """If the gateway gives no answer for days, the refund expires with the reason why it was not sent, and its amount
    is free again.
    """
    payment = make_payment_with_refused_refund(desk, "ORD-1")
    refund = desk.request_refund(payment, "200")
    control.add_fault("result:RATE_LIMIT", call=PROBE_CALL_NAME, times="always")
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "rate_limited"
    for _ in range(9):
        desk.run_due_tasks()
        desk.move_clock(hours=25)
    desk.run_due_tasks()
    stored_refund = desk.read_refund(refund)
    assert (stored_refund.state, stored_refund.sent_count, stored_refund.work.attempt) == (RefundState.EXPIRED, 0, 0)
    assert desk.check_payment_agrees(payment).refundable_minor == payment.captured_minor


def test_an_earlier_refund_deleted_at_the_gateway_needs_a_person(desk: RefundDesk, control: SandboxControl) -> None:
    """If the gateway no longer has the earlier refund, no later query can be answered, so a person must look at
    once.
    """
    control.add_fault("result:ORDER_NO_LONGER_AVAILABLE", call=PROBE_CALL_NAME, times="always")
    refund = desk.request_refund(make_payment_with_refused_refund(desk, "ORD-1"), "200")
    assert call_and_get_code(lambda: desk.approve_refund(refund)) != "done"
    desk.run_due_tasks()
    assert (desk.read_refund(refund).work.state, desk.read_refund(refund).work.reason) == (
        WorkState.NEEDS_REVIEW,
        "not_sent",
    )


def test_failing_refunds_delay_no_later_refund(
    desk: RefundDesk, control: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a full batch of refunds fails before sending, the next run of the due task sends the refund that follows
    them.
    """
    monkeypatch.setattr(due_tasks, "BATCH_SIZE", 2)
    control.add_fault("html", call=PROBE_CALL_NAME, times="always")
    for number in ("ORD-1", "ORD-2"):
        approve_without_sending(desk, number, "provider_answer_unusable")
    later_refund = desk.request_refund(desk.make_paid_payment("ORD-3"), "300")
    with control.cause_outage():
        assert call_and_get_code(lambda: desk.approve_refund(later_refund)) == "provider_unreachable"
    desk.move_clock(seconds=61)
    desk.run_due_tasks()
    desk.run_due_tasks()
    assert desk.read_refund(later_refund).state is RefundState.SUBMITTED


@pytest.mark.expects_log("a fault of the program")
def test_a_bug_of_the_program_delays_no_later_refund(
    desk: RefundDesk, control: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a bug makes refunds fail before sending, they also wait for their next attempt, and later refunds are
    sent.
    """
    monkeypatch.setattr(due_tasks, "BATCH_SIZE", 1)
    control.add_fault("html", call=PROBE_CALL_NAME, times=1)
    refund = approve_without_sending(desk, "ORD-1", "provider_answer_unusable")
    later_refund = desk.request_refund(desk.make_paid_payment("ORD-3"), "300")
    with control.cause_outage():
        assert call_and_get_code(lambda: desk.approve_refund(later_refund)) == "provider_unreachable"
    prober = desk.machinery._due_refunds._refund_submitter._refund_prober
    check = prober.ask_about_earlier_refunds

    def raise_for_refund(pair: object) -> None:
        if pair.refund.id == refund.id:  # type: ignore[attr-defined]
            raise ValueError("a fault of the program")
        check(pair)  # type: ignore[arg-type]

    monkeypatch.setattr(prober, "ask_about_earlier_refunds", raise_for_refund)
    desk.move_clock(seconds=61)
    desk.run_due_tasks()
    desk.run_due_tasks()
    assert desk.read_refund(refund).state is RefundState.APPROVED
    assert desk.read_refund(later_refund).state is RefundState.SUBMITTED


@pytest.mark.expects_log("a row that can't be read is told")
def test_an_unreadable_refund_stops_no_other_refund(desk: RefundDesk, control: SandboxControl) -> None:
    """A due refund with a reason code of a newer program is left out. Another due refund is sent, and another request
    expires.
    """
    unreadable_approved, approved = (desk.request_refund(desk.make_paid_payment(f"ORD-{n}"), "300") for n in (1, 2))
    unreadable_requested, requested = (desk.request_refund(desk.make_paid_payment(f"ORD-{n}")) for n in (3, 4))
    with control.cause_outage():
        for refund in (unreadable_approved, approved):
            assert call_and_get_code(lambda refund=refund: desk.approve_refund(refund)) == "provider_unreachable"
    desk.sql("DROP TRIGGER guard_refunds_update")
    for refund in (unreadable_approved, unreadable_requested):
        desk.sql("UPDATE refunds SET reason_code = 'of_a_newer_one' WHERE id = :id", id=refund.id)
    desk.move_clock(seconds=61)
    desk.run_due_tasks()
    desk.move_clock(days=4)
    desk.run_due_tasks()
    assert desk.read_refund(approved).state is RefundState.COMPLETED
    assert desk.read_refund(requested).state is RefundState.EXPIRED


@pytest.mark.expects_log("a row that can't be read is told")
@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE payments SET late_after = 'of_a_newer_one', version = version + 1 WHERE id = 2",
        "UPDATE refunds SET work_state = 'of_a_newer_one', version = version + 1 WHERE id = 3",
        "UPDATE orders SET work_state = 'of_a_newer_one' WHERE merch_txn_id = 'ORD-1'",
    ],
    ids=["payment of the corporation", "refund of the payer", "order of the payment"],
)
def test_an_unreadable_related_row_stops_no_refund_of_a_payment(desk: RefundDesk, damage: str) -> None:
    """A payment of the same corporation and amount, a refund to the same payer, or the payment's order can't be read.
    A refund of the payment can still be planned, requested and sent, and the unreadable refund still counts among
    those of the payer.
    """
    unreadable_rows._logged_rows.clear()
    number_of_company = "1180301018771"
    payment = desk.make_paid_payment("ORD-1", payer="payer-12345678", corporation_number=number_of_company)
    desk.make_paid_payment("ORD-2", corporation_number=number_of_company)
    for number in (3, 4, 5):
        desk.request_refund(desk.make_paid_payment(f"ORD-{number}", 9_000, payer="payer-12345678"), f"{number}000")
    desk.sql(damage)
    assert "payer_often" in {signal.rule for signal in desk.refunds.make_plan(payment.id, "1000").risk_signals}
    refund = desk.request_refund(payment, "1000")
    assert desk.approve_refund(refund).state is RefundState.SUBMITTED


def test_a_read_only_provider_delays_no_other_provider(
    desk: RefundDesk, control: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a full batch of refunds waits because its provider is read-only, the refunds of the other provider are sent.
    The waiting refunds are sent as soon as the switch is off.
    """
    monkeypatch.setattr(due_tasks, "BATCH_SIZE", 1)
    waiting, other = (
        desk.request_refund(desk.make_paid_payment("ORD-1"), "100"),
        desk.request_refund(desk.make_paid_payment("ORD2", 50_000, "atom"), "100"),
    )
    with control.cause_outage():
        for refund in (waiting, other):
            assert call_and_get_code(lambda refund=refund: desk.approve_refund(refund)) == "provider_unreachable"
    desk.console.read_only_switches.set_switch("paypay", True, "障害")
    desk.move_clock(seconds=61)
    desk.run_due_tasks()
    assert desk.read_refund(waiting).state is RefundState.APPROVED
    assert desk.read_refund(other).state in (RefundState.SUBMITTED, RefundState.COMPLETED)
    desk.console.read_only_switches.set_switch("paypay", False, "復旧")
    desk.run_due_tasks()
    assert desk.read_refund(waiting).state is RefundState.SUBMITTED


def test_a_provider_without_settings_delays_no_other_provider(
    desk: RefundDesk, control: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this desk has no settings for a provider, that provider's refunds wait for another desk and use up no
    attempt. The refunds of the other provider are sent.
    """
    monkeypatch.setattr(due_tasks, "BATCH_SIZE", 1)
    waiting, other = (
        desk.request_refund(desk.make_paid_payment("ORD-1"), "100"),
        desk.request_refund(desk.make_paid_payment("ORD2", 50_000, "atom"), "100"),
    )
    with control.cause_outage():
        for refund in (waiting, other):
            assert call_and_get_code(lambda refund=refund: desk.approve_refund(refund)) == "provider_unreachable"
    before = desk.read_refund(waiting)
    make_adapter = desk.providers._make_adapter

    def make_adapter_or_raise(name: str) -> object:
        if name == "paypay":
            raise ConsoleError(ErrorCode.BAD_PROFILE, {"problem": SettingProblem.INVALID_URL})
        return make_adapter(name)

    desk.providers._adapters.clear()
    monkeypatch.setattr(desk.providers, "_make_adapter", make_adapter_or_raise)
    desk.move_clock(seconds=61)
    desk.run_due_tasks()
    assert desk.read_refund(other).state in (RefundState.SUBMITTED, RefundState.COMPLETED)
    assert desk.read_refund(waiting) == before
