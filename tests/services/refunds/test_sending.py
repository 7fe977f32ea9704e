"""Tests of sending refunds: a refund has one idempotency key for its whole life, and the call can end in each
possible way.
"""

from contextlib import suppress

import pytest

from console.domain.errors import ConsoleError, ErrorCode, rebuild_error
from console.domain.payments.records import OrderState, Refund
from console.domain.payments.states import RefundState
from console.domain.records import Certainty, WorkState
from console.sandbox import SandboxControl
from console.services.alerts.queue_age import QueueAgeAlerts
from console.services.process.failpoints import Failpoints
from console.store.operations import journal
from console.store.payments import orders
from console.wording.sentences.catalogue import format_error_message
from tests.support.refund_desks import RefundDesk
from tests.support.refusals import call_and_get_code, call_for_refusal
from tests.support.simulated_crash import SimulatedCrash, simulate_crash


def approve_and_expect_error(desk: RefundDesk, refund: Refund, code: str) -> Refund:
    """Approve the refund and check that the error with this code is raised and contains the stored refund. Return the
    refund.
    """
    refusal = call_for_refusal(lambda: desk.approve_refund(refund))
    assert refusal.code == code, refusal.detail
    stored_refund = desk.read_refund(refund)
    assert refusal.detail["record"] == stored_refund
    return stored_refund


def test_the_key_is_stored_before_the_first_request_leaves(desk: RefundDesk, control: SandboxControl) -> None:
    """During the call to the provider, the stored refund already has its key and its sending time, and its operation
    is in the state of being sent.
    """
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment)
    stored_states = []
    adapter = desk.providers.get_adapter("paypay")
    refund_there = adapter.refund

    def read_stored_key(order: object) -> object:
        now = desk.sql("SELECT status, provider_refund_key, sent_count, last_sent_at FROM refunds")[0]
        running = desk.sql("SELECT state, idempotency_key FROM operations WHERE action = 'refund.submit'")[0]
        stored_states.append(
            (now, running, desk.context.spool.list_refunds_holding_amount(desk.context.database_id, payment.id))
        )
        return refund_there(order)  # type: ignore[arg-type]

    adapter.refund = read_stored_key  # type: ignore[method-assign, assignment]
    sent = desk.approve_refund(refund)
    ((row, operation, standing),) = stored_states
    assert (row.status, row.provider_refund_key, row.sent_count) == ("submitting", sent.provider_refund_key, 1)
    assert (operation.state, operation.idempotency_key) == ("calling", f"idempotent:refund:{payment.id}:op-a:1000")
    assert [(one.provider_key, one.amount_minor) for one in standing] == [(sent.provider_refund_key, 1000)]
    key = sent.provider_refund_key or ""
    assert len(key) <= 64
    assert key.replace("-", "").isalnum()


class FailpointsWithDueTasksBeforeSending(Failpoints):
    """Failpoints that run the due tasks once between the approval and the sending, as a worker may do."""

    def __init__(self, desk: RefundDesk) -> None:
        super().__init__(None)
        self._desk, self._is_over = desk, False

    def reach(self, name: str) -> None:
        if name == "before_tx1" and not self._is_over:
            self._is_over = True
            self._desk.move_clock(minutes=1)
            self._desk.run_due_tasks()


@pytest.mark.parametrize("code", [ErrorCode.STORAGE_FULL, ErrorCode.DATABASE_UNREACHABLE, ErrorCode.DATABASE_LOCKED])
def test_an_approval_without_a_sending_is_reported_as_stored(desk: RefundDesk, code: ErrorCode) -> None:
    """If the disk or the database fails between the approval and the sending, the message says that the refund is
    approved and will be sent. Otherwise the approver could refund the money in another way.
    """
    refund = desk.request_refund(desk.make_paid_payment())
    desk.context.failpoints = _FailpointsWithErrorBeforeSending(code)
    refusal = call_for_refusal(lambda: desk.approve_refund(refund))
    desk.context.failpoints = Failpoints(None)
    assert refusal.code == code
    message = format_error_message(refusal, "en")
    assert "The refund is approved but not sent" in message
    assert "is sent automatically later with the same key" in message
    assert desk.read_refund(refund).state is RefundState.APPROVED
    desk.run_due_tasks()
    assert desk.read_refund(refund).state is RefundState.SUBMITTED


class _FailpointsWithErrorBeforeSending(Failpoints):
    """Failpoints that raise an error of this desk before the first transaction of a sending."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(None)
        self._code = code

    def reach(self, name: str) -> None:
        if name == "before_tx1":
            raise rebuild_error(self._code, {})


def test_a_due_task_sends_a_just_approved_refund(desk: RefundDesk, control: SandboxControl) -> None:
    """If a due task sends the refund just after its approval, the approver gets the sent refund and no error, and the
    refund is sent once.
    """
    refund = desk.request_refund(desk.make_paid_payment())
    desk.context.failpoints = FailpointsWithDueTasksBeforeSending(desk)
    approved = desk.approve_refund(refund)
    assert (approved.state, approved.checkers) == (RefundState.SUBMITTED, ("lead-b",))
    assert len(control.read_requests(call="paypay_refund")) == 1


@pytest.mark.parametrize("provider", ["paypay", "atom"])
@pytest.mark.parametrize(
    "fault", ["refuse", "reset", "hang", "status:503", "html", "status:418", "redirect", "garbage"]
)
def test_an_unusable_answer_is_unknown_and_nothing_is_sent_again(
    desk: RefundDesk, control: SandboxControl, provider: str, fault: str
) -> None:
    """An unusable answer makes the refund unknown, and its amount stays reserved. The program probes it
    automatically; neither due tasks nor an approval send it again.
    """
    payment = desk.make_paid_payment("ORD1", 50_000, provider)
    refund = desk.request_refund(payment, "100")
    control.add_fault(fault, call=f"{provider}_refund", times=1)
    unknown = approve_and_expect_error(desk, refund, "outcome_unknown")
    assert (unknown.state, unknown.certainty) == (RefundState.SUBMITTING, Certainty.UNKNOWN)
    assert (unknown.work.state, unknown.work.reason) == (WorkState.SCHEDULED, "unknown")
    call_count = len(control.read_requests(call=f"{provider}_refund"))
    assert call_and_get_code(lambda: desk.approve_refund(refund)) in ("in_progress", "already_decided")
    assert call_and_get_code(lambda: desk.withdraw_refund(refund)) == "already_decided"
    desk.run_due_tasks()
    assert len(control.read_requests(call=f"{provider}_refund")) == call_count == 1
    assert desk.check_payment_agrees(payment).reserved_minor == refund.amount_minor


@pytest.mark.parametrize(
    ("fault", "code"),
    [("result:UNAUTHORIZED", "provider_auth"), ("result:RATE_LIMIT", "rate_limited")],
)
def test_a_refusal_before_execution_keeps_approval_and_key(
    desk: RefundDesk, control: SandboxControl, fault: str, code: str
) -> None:
    """If the provider refuses the call before executing it, the refund stays approved and is sent again later under
    the same key.
    """
    payment = desk.make_paid_payment()
    control.add_fault(fault, call="paypay_refund", times=1)
    unsent_refund = approve_and_expect_error(desk, desk.request_refund(payment), code)
    assert (unsent_refund.state, unsent_refund.certainty, unsent_refund.work.state) == (
        RefundState.APPROVED,
        Certainty.KNOWN,
        WorkState.SCHEDULED,
    )
    assert unsent_refund.provider_refund_key
    desk.run_due_tasks()
    assert desk.read_refund(unsent_refund).sent_count == 1, "not before its time"
    desk.move_clock(seconds=61)
    assert desk.run_due_tasks()["refund_submissions"] == 1
    sent = desk.read_refund(unsent_refund)
    assert (sent.state, sent.sent_count) == (RefundState.SUBMITTED, 2)
    assert desk.list_provider_keys(payment) == [unsent_refund.provider_refund_key] == [sent.provider_refund_key]


@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_an_unreachable_provider_keeps_approval_and_key(
    desk: RefundDesk, control: SandboxControl, provider: str
) -> None:
    """If the provider cannot be reached, nothing is sent, and the approver can send the refund again under the same
    key.
    """
    payment = desk.make_paid_payment("ORD1", 50_000, provider)
    refund = desk.request_refund(payment, "100")
    with control.cause_outage():
        unsent_refund = approve_and_expect_error(desk, refund, "provider_unreachable")
    assert (unsent_refund.state, unsent_refund.certainty, unsent_refund.work.reason) == (
        RefundState.APPROVED,
        Certainty.KNOWN,
        "submission",
    )
    assert desk.context.spool.list_refunds_holding_amount(desk.context.database_id, payment.id) == ()
    sent = desk.approve_refund(refund)
    assert (sent.state, sent.provider_refund_key) == (RefundState.SUBMITTED, unsent_refund.provider_refund_key)
    assert desk.list_provider_keys(payment) == [unsent_refund.provider_refund_key]


def test_a_refund_with_refused_credentials_needs_a_person(desk: RefundDesk, control: SandboxControl) -> None:
    """If the provider always refuses the credentials, a person must look after eight automatic attempts; the refund
    never becomes failed.
    """
    refund = desk.request_refund(desk.make_paid_payment())
    control.add_fault("result:UNAUTHORIZED", call="paypay_refund", times="always")
    approve_and_expect_error(desk, refund, "provider_auth")
    for _ in range(12):
        desk.move_clock(hours=25)
        desk.run_due_tasks()
    stored_refund = desk.read_refund(refund)
    assert (stored_refund.state, stored_refund.work.state, stored_refund.work.reason) == (
        RefundState.APPROVED,
        WorkState.NEEDS_REVIEW,
        "not_sent",
    )
    assert stored_refund.sent_count == 9
    control.clear_faults()
    assert desk.approve_refund(refund).state is RefundState.SUBMITTED


@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_the_age_of_an_unsent_refund_counts_from_its_approval(
    desk: RefundDesk, control: SandboxControl, provider: str
) -> None:
    """The age of a refund that cannot be sent counts from its approval, however many attempts were made. The alert
    about an old queue is therefore raised in time.
    """
    refund = desk.request_refund(desk.make_paid_payment("ORD1", 50_000, provider), "100")
    approved_at = desk.context.now()
    with control.cause_outage():
        approve_and_expect_error(desk, refund, "provider_unreachable")
        for hours in (1, 20, 51, 1):
            desk.move_clock(hours=hours)
            desk.run_due_tasks()
            with desk.console.acting_as("lead-b"), suppress(ConsoleError):
                desk.refunds.approve(refund.id)
    stored_refund = desk.read_refund(refund)
    assert (stored_refund.state, stored_refund.state_since) == (RefundState.APPROVED, approved_at)
    assert stored_refund.sent_count > 4
    QueueAgeAlerts(desk.context).update_alerts()
    observed = [alert.observed for alert in desk.console.alerts.list_alerts() if alert.rule_id == "queue_age"]
    assert [words for words in observed if words.startswith("queue refunds since")], observed


def test_an_unsendable_refund_of_a_former_requester_expires(desk: RefundDesk, control: SandboxControl) -> None:
    """If a refund could not be sent and its requester has left, nobody can send or withdraw it. It expires, and its
    amount becomes free.
    """
    desk.insert_team()
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment)
    with control.cause_outage():
        approve_and_expect_error(desk, refund, "provider_unreachable")
    desk.disable_person("op-a")
    for _ in range(5):
        desk.move_clock(hours=20)
        desk.run_due_tasks()
    expired = desk.read_refund(refund)
    assert (expired.sent_count, expired.state, expired.work.state) == (1, RefundState.EXPIRED, WorkState.NONE)
    assert desk.check_payment_agrees(payment).refundable_minor == payment.captured_minor
    assert desk.approve_refund(desk.request_refund(payment, person="op-e")).state is RefundState.SUBMITTED
    assert len(control.read_requests(call="paypay_refund")) == 1


def test_the_age_of_a_resent_refund_counts_from_its_approval(desk: RefundDesk, control: SandboxControl) -> None:
    """If PayPay does not have a refund and it is sent again, its age counts from the approver's vote, not from
    PayPay's second answer.
    """
    refund = desk.request_refund(desk.make_paid_payment())
    approved_at = desk.context.now()
    control.add_fault("reset", call="paypay_refund", times=1)
    approve_and_expect_error(desk, refund, "outcome_unknown")
    for _ in range(2):
        desk.move_clock(minutes=4)
        assert call_and_get_code(lambda: desk.probe_refund(refund)) in ("done", "outcome_unknown")
    returned = desk.read_refund(refund)
    assert (returned.state, returned.certainty, returned.state_since) == (
        RefundState.APPROVED,
        Certainty.KNOWN,
        approved_at,
    )


@pytest.mark.parametrize(
    ("code", "is_final"),
    [("UNACCEPTABLE_OP", True), ("CANCELED_USER", True), ("REFUND_WINDOW_EXCEED", True),
     ("USER_STATE_IS_NOT_ACTIVE", False), ("TRANSACTION_FAILED", False), ("MERCHANT_MULTIPLE_REFUND_REJECTED", True),
     ("ORDER_NO_LONGER_AVAILABLE", True), ("REFUND_LIMIT_EXCEEDED", True)],
)  # fmt: skip
def test_a_refused_refund_is_failed_and_frees_its_amount(
    desk: RefundDesk, control: SandboxControl, code: str, *, is_final: bool
) -> None:
    """If the provider refuses the refund, it is failed with the reason, its amount is free, and another refund with
    another key can be requested. If the provider will probably refuse that one too, its requester and its approver
    see the refusal as a risk signal.
    """
    payment = desk.make_paid_payment()
    control.add_fault(f"result:{code}", call="paypay_refund", times=1)
    failed = approve_and_expect_error(desk, desk.request_refund(payment), "provider_refused")
    assert (failed.state, failed.certainty, failed.work.state) == (
        RefundState.FAILED,
        Certainty.KNOWN,
        WorkState.NONE,
    )
    assert failed.error_code
    assert desk.check_payment_agrees(payment).refundable_minor == 3300
    signals = {signal.rule: signal.id for signal in desk.refunds.make_plan(payment.id).risk_signals}
    assert signals.get("refused_for_good") == (failed.id if is_final else None), failed.error_code
    requested = desk.request_refund(payment)
    shown = {signal.rule: signal.id for signal in desk.refunds.read_refund(requested.id).risk_signals}
    assert shown.get("refused_for_good") == (failed.id if is_final else None)
    again = desk.approve_refund(requested)
    assert again.state is RefundState.SUBMITTED
    assert again.provider_refund_key != failed.provider_refund_key
    keys = [row[0] for row in desk.sql("SELECT idempotency_key FROM operations WHERE action = 'refund.submit'")]
    assert f"idempotent:refund:{payment.id}:op-a:1000" in keys


def test_our_own_running_refund_is_probed_and_not_sent_again(desk: RefundDesk, control: SandboxControl) -> None:
    """If PayPay refuses the call because our own earlier attempt is still running, the program first probes the key
    and sends nothing again.
    """
    payment = desk.make_paid_payment()
    control.add_fault("result_after:THROTTLED_MULTIPLE_REFUND_REJECTED", call="paypay_refund", times=1)
    unsent_refund = approve_and_expect_error(desk, desk.request_refund(payment), "rate_limited")
    assert (unsent_refund.state, unsent_refund.error_code) == (RefundState.APPROVED, "similar_refund_running")
    assert call_and_get_code(lambda: desk.withdraw_refund(unsent_refund)) == "in_progress", "it may have gone out"
    desk.move_clock(seconds=61)
    desk.run_due_tasks()
    assert desk.read_refund(unsent_refund).state in (RefundState.SUBMITTED, RefundState.COMPLETED)
    assert len(control.read_requests(call="paypay_refund")) == 1
    desk.check_payment_agrees(payment)


def test_a_foreign_similar_refund_stops_the_sending(desk: RefundDesk, control: SandboxControl) -> None:
    """If PayPay refuses the call because of another similar refund and does not have our key, the refund is sent
    again later under the same key.
    """
    payment = desk.make_paid_payment()
    control.add_fault("result:THROTTLED_MULTIPLE_REFUND_REJECTED", call="paypay_refund", times=1)
    unsent_refund = approve_and_expect_error(desk, desk.request_refund(payment), "rate_limited")
    control.add_fault("status:503", call="paypay_refund_details", times=1)
    desk.move_clock(seconds=61)
    desk.run_due_tasks()
    assert desk.read_refund(unsent_refund).state is RefundState.APPROVED, "a question without an answer sends nothing"
    assert len(control.read_requests(call="paypay_refund")) == 1
    desk.move_clock(minutes=6)
    desk.run_due_tasks()
    assert desk.read_refund(unsent_refund).state is RefundState.SUBMITTED
    assert desk.list_provider_keys(payment) == [unsent_refund.provider_refund_key]


@pytest.mark.parametrize("provider", ["paypay", "atom"])
@pytest.mark.parametrize("fault", ["other_refund", "other_payment", "other_amount"])
def test_an_answer_about_another_refund_opens_a_case(
    desk: RefundDesk, control: SandboxControl, provider: str, fault: str
) -> None:
    """If the answer is about another refund, our refund is unknown. A case is opened, except if Atom's answer only
    lacks our key: then the program asks Atom later. The next answer about our refund settles it.
    """
    payment = desk.make_paid_payment("ORD1", 50_000, provider)
    control.add_fault(fault, call=f"{provider}_refund", times=1)
    refund = approve_and_expect_error(desk, desk.request_refund(payment, "100"), "outcome_unknown")
    assert refund.certainty is Certainty.UNKNOWN
    cases = desk.sql("SELECT rule_id FROM alerts WHERE subject_kind = 'refund'")
    if (provider, fault) == ("atom", "other_refund"):
        assert (refund.work.state, refund.work.reason, cases) == (WorkState.SCHEDULED, "unknown", [])
    else:
        assert (refund.work.state, refund.work.reason) == (WorkState.NEEDS_REVIEW, "answer_does_not_fit")
        assert [row[0] for row in cases] == ["answer_does_not_fit"]
    desk.probe_refund(refund)
    assert desk.read_refund(refund).state in (RefundState.SUBMITTED, RefundState.COMPLETED)


def test_several_partial_refunds_use_the_whole_amount(desk: RefundDesk) -> None:
    """Several partial refunds, each with its own key, can refund the whole payment. After the last one the order is
    refunded, too.
    """
    payment = desk.make_paid_payment()
    for amount in ("1000", "1300", "1000"):
        desk.approve_refund(desk.request_refund(payment, amount, intended_repeat=True))
        desk.move_clock(seconds=31)
        desk.run_due_tasks()
    ours = desk.check_payment_agrees(payment)
    assert (ours.refunded_minor, ours.refundable_minor, len(set(desk.list_provider_keys(payment)))) == (3300, 0, 3)
    keys = {row[0] for row in desk.sql("SELECT idempotency_key FROM operations WHERE action = 'refund.submit'")}
    assert f"idempotent:refund:{payment.id}:op-a:1000:2" in keys
    assert call_and_get_code(lambda: desk.request_refund(payment, "1")) == "exceeds_captured"
    with desk.context.database.read() as conn:
        order = orders.find(conn, payment.order_id or 0)
    assert order is not None
    assert order.state is OrderState.REFUNDED


def test_an_answer_that_the_database_cannot_store_is_stored_in_the_spool(
    desk: RefundDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the database fails after the answer, the spool keeps the answer and the refund is unknown. The next due task
    delivers the answer, once.
    """
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment)
    with monkeypatch.context() as patch:
        _break_database_after_refund_call(desk, patch)
        refusal = call_for_refusal(lambda: desk.approve_refund(refund))
    assert (refusal.code, refusal.detail["reason"]) == ("outcome_unknown", "not_recorded")
    assert isinstance(refusal.detail["record"], Refund)
    assert refusal.detail["record"].certainty is Certainty.UNKNOWN
    assert desk.run_due_tasks()["delivered"] == 1
    assert desk.read_refund(refund).state is RefundState.SUBMITTED
    assert desk.run_due_tasks()["delivered"] == 0
    assert len(desk.list_provider_keys(payment)) == 1
    desk.check_payment_agrees(payment)


@pytest.mark.expects_log("an outcome that could not be recorded is told")
def test_an_answer_delivered_twice_is_recorded_once(desk: RefundDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a process ends between COMMIT and the mark in the spool, the answer is delivered again, and nothing is
    written a second time.
    """
    refund = desk.request_refund(desk.make_paid_payment())
    with monkeypatch.context() as patch:
        _break_database_after_refund_call(desk, patch)
        call_for_refusal(lambda: desk.approve_refund(refund))
    desk.context.spool.set_cipher(desk.context.cipher)
    (entry,) = desk.context.spool.list_undelivered_entries(desk.context.database_id)
    assert entry.answer is not None
    assert desk.machinery.submit_action.deliver_outcome(entry.intent.operation_id, entry.answer)
    before = desk.read_refund(refund)
    assert before.state is RefundState.SUBMITTED
    assert desk.machinery.submit_action.deliver_outcome(entry.intent.operation_id, entry.answer)
    assert desk.read_refund(refund) == before
    assert len(desk.sql("SELECT id FROM audit_log WHERE what = 'refund.late_answer'")) == 1
    assert len(desk.sql("SELECT id FROM evidence WHERE source = 'paypay.refund'")) == 1


test_an_answer_that_the_database_cannot_store_is_stored_in_the_spool = pytest.mark.expects_log(
    "what the database could not take is told"
)(test_an_answer_that_the_database_cannot_store_is_stored_in_the_spool)


def _break_database_after_refund_call(desk: RefundDesk, patch: pytest.MonkeyPatch) -> None:
    """Let every write to the database fail after PayPay has answered."""
    adapter, database = desk.providers.get_adapter("paypay"), desk.context.database
    send = adapter.refund

    def refund_and_break_writes(order: object) -> object:
        outcome = send(order)  # type: ignore[arg-type]

        def raise_database_locked(_work: object) -> None:
            raise ConsoleError(ErrorCode.DATABASE_LOCKED)

        patch.setattr(database, "write", raise_database_locked)
        return outcome

    patch.setattr(adapter, "refund", refund_and_break_writes, raising=False)


def test_a_second_refund_after_a_lost_row_is_refused(desk: RefundDesk) -> None:
    """If the database lost the refund with all its rows, this desk refuses another refund of the payment."""
    payment = desk.make_paid_payment()
    sent = desk.approve_refund(desk.request_refund(payment))
    for table in ("refunds", "approvals"):
        desk.sql(f"DROP TRIGGER guard_{table}_delete")
        desk.sql(f"DELETE FROM {table}")
    desk.sql("DROP TRIGGER guard_payments_update")
    desk.sql("UPDATE payments SET reserved_minor = 0, version = version + 1")
    refusal = call_for_refusal(lambda: desk.request_refund(payment, "500"))
    assert (refusal.code, refusal.detail["source"]) == ("in_progress", "desk")
    assert desk.list_provider_keys(payment) == [sent.provider_refund_key]


def test_a_refund_with_a_lost_sending_is_sent_under_the_same_key(desk: RefundDesk) -> None:
    """If the refund's row is in the state approved again, as after lost commits of a cluster, the refund is sent
    under the same key.
    """
    payment = desk.make_paid_payment()
    sent = desk.approve_refund(desk.request_refund(payment))
    for trigger_name in ("refunds_update", "refunds_delete"):
        desk.sql(f"DROP TRIGGER guard_{trigger_name}")
    desk.sql(
        "UPDATE refunds SET status = 'approved', provider_refund_key = NULL, refund_txn_id = NULL, sent_count = 0,"
        " first_sent_at = NULL, last_sent_at = NULL, operation_id = NULL, work_reason = 'submission', version = 2"
    )
    desk.sql("DELETE FROM operations")
    again = desk.approve_refund(sent)
    assert (again.state, again.provider_refund_key) == (RefundState.COMPLETED, sent.provider_refund_key)
    assert len(desk.list_provider_keys(payment)) == 1


def test_a_process_that_dies_during_the_call_leaves_an_unknown_refund(
    desk: RefundDesk, control: SandboxControl
) -> None:
    """If a process dies during the call, the refund is shown as unknown after the lease has expired. The next due
    task stores that, and the refund never becomes failed.
    """
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment)
    adapter = desk.providers.get_adapter("paypay")

    with simulate_crash(desk.context) as vanish:
        adapter.refund = lambda _order: vanish()  # type: ignore[method-assign, assignment]
        with pytest.raises(SimulatedCrash):
            desk.approve_refund(refund)
    running = desk.read_refund(refund)
    assert (running.state, running.certainty) == (RefundState.SUBMITTING, Certainty.KNOWN)
    assert call_and_get_code(lambda: desk.probe_refund(refund)) == "in_progress"
    desk.sql("UPDATE operations SET lease_expires = 0")
    stored_refund = desk.read_refund(refund)
    assert (stored_refund.certainty, stored_refund.work.reason) == (Certainty.UNKNOWN, "lapsed")
    with desk.context.database.read() as conn:
        assert journal.list_lapsed_record_ids(conn, "refund") == frozenset({refund.id})
        assert journal.list_lapsed_record_ids(conn) == frozenset()
    assert desk.run_due_tasks()["lapsed"] == 1
    with desk.context.database.read() as conn:
        assert journal.list_lapsed_record_ids(conn, "refund") == journal.list_lapsed_record_ids(conn) == frozenset()
    written = desk.read_refund(refund)
    assert (written.certainty, written.error_code, written.work.reason) == (Certainty.UNKNOWN, "lapsed", "unknown")
    assert desk.check_payment_agrees(payment).reserved_minor == 1000
