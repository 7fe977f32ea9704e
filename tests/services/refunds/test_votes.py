"""Tests of decisions about refunds by two people, with all roles and with each event that can happen between request
and sending.
"""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Barrier, Thread, current_thread

import pytest

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.states import RefundState
from console.domain.process import interrupts
from console.domain.records import WorkState
from console.sandbox import SandboxControl
from console.services.process.failpoints import Failpoints
from console.wording.sentences.catalogue import LANGUAGES, format_error_message
from tests.support.failing_methods import let_method_fail
from tests.support.refund_desks import RefundDesk
from tests.support.refusals import call_and_get_code, call_for_refusal


def test_a_refund_is_approved_and_sent_by_another_person(desk: RefundDesk) -> None:
    """A refund is approved, sent under a key that was stored before, accepted by the provider, and completed by a
    poll.
    """
    payment = desk.make_paid_payment()
    refund = desk.approve_refund(desk.request_refund(payment))
    assert (refund.state, refund.checkers, refund.sent_count) == (RefundState.SUBMITTED, ("lead-b",), 1)
    assert desk.list_provider_keys(payment) == [refund.provider_refund_key]
    desk.move_clock(seconds=31)
    assert desk.run_due_tasks()["refund_polls"] == 1
    ours = desk.check_payment_agrees(payment)
    assert (desk.read_refund(refund).state, ours.refunded_minor, ours.reserved_minor) == (
        RefundState.COMPLETED,
        1000,
        0,
    )


@pytest.mark.parametrize("name", ["op-a", "OP-A", "Op-a"])
def test_a_requester_cannot_approve_their_own_refund(desk: RefundDesk, name: str) -> None:
    """The requester cannot approve their own refund with any spelling of the name. Nothing is sent, and the refusal
    is audited.
    """
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment)
    assert call_and_get_code(lambda: desk.approve_refund(refund, person=name)) == "same_person"
    assert call_and_get_code(lambda: desk.reject_refund(refund, person=name)) == "same_person"
    assert (desk.read_refund(refund).state, desk.list_provider_keys(payment), desk.list_refusal_reasons()) == (
        RefundState.REQUESTED,
        [],
        ["same_person"] * 2,
    )


def test_only_approvers_decide(desk: RefundDesk) -> None:
    """An operator and an auditor cannot approve or reject a refund."""
    desk.insert_team()
    refund = desk.request_refund(desk.make_paid_payment())
    for name in ("op-e", "aud-f", "nobody"):
        assert call_and_get_code(lambda name=name: desk.approve_refund(refund, person=name)) == "not_allowed"
        assert call_and_get_code(lambda name=name: desk.reject_refund(refund, person=name)) == "not_allowed"
    assert desk.approve_refund(refund).state is RefundState.SUBMITTED


def test_a_large_refund_takes_two_checkers(desk: RefundDesk) -> None:
    """A large refund stays requested after its first approval, and the same approver counts only once. After the
    second approver's vote it is sent at the end of the cooling-off period.
    """
    payment = desk.make_paid_payment(minor=900_000)
    refund = desk.request_refund(payment, "600000")
    half_approved = desk.approve_refund(refund)
    assert (half_approved.state, half_approved.checkers, half_approved.checkers_needed, half_approved.version) == (
        RefundState.REQUESTED,
        ("lead-b",),
        2,
        2,
    )
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "same_person"
    assert call_and_get_code(lambda: desk.approve_refund(refund, person="LEAD-B")) == "same_person"
    assert call_and_get_code(lambda: desk.approve_refund(refund, person="op-a")) == "same_person"
    whole = desk.approve_refund(refund, person="lead-c")
    assert (whole.state, whole.work.state, whole.work.reason) == (
        RefundState.APPROVED,
        WorkState.SCHEDULED,
        "cooling_off",
    )
    assert desk.list_provider_keys(payment) == []
    desk.run_due_tasks()
    assert desk.read_refund(refund).state is RefundState.APPROVED, "not before its time"
    desk.move_clock(minutes=15, seconds=1)
    assert desk.run_due_tasks()["refund_submissions"] == 1
    assert (desk.read_refund(refund).state, desk.list_provider_keys(payment)) == (
        RefundState.SUBMITTED,
        [desk.read_refund(refund).provider_refund_key],
    )


def test_the_requester_withdraws_a_refund_until_it_is_sent(desk: RefundDesk) -> None:
    """The requester can withdraw a refund until it is sent, also during its cooling-off period; another person
    cannot. The refund's amount is then free again.
    """
    payment = desk.make_paid_payment(minor=900_000)
    refund = desk.approve_refund(desk.request_refund(payment, "200000"))
    assert refund.state is RefundState.APPROVED
    assert call_for_refusal(lambda: desk.withdraw_refund(refund, person="op-e")).detail["reason"] == "not_maker"
    assert desk.withdraw_refund(refund).state is RefundState.WITHDRAWN
    assert desk.check_payment_agrees(payment).refundable_minor == 900_000
    sent = desk.approve_refund(desk.request_refund(payment, "1000"))
    assert call_and_get_code(lambda: desk.withdraw_refund(sent)) == "already_decided"
    desk.move_clock(minutes=20)
    desk.run_due_tasks()
    assert desk.list_provider_keys(payment) == [sent.provider_refund_key]


def test_an_approver_sends_an_approved_refund(desk: RefundDesk) -> None:
    """If an approver approves an approved refund again, nothing happens during the cooling-off period; afterwards the
    refund is sent at once.
    """
    payment = desk.make_paid_payment(minor=900_000)
    refund = desk.approve_refund(desk.request_refund(payment, "200000"))
    assert desk.approve_refund(refund).state is RefundState.APPROVED
    assert call_and_get_code(lambda: desk.approve_refund(refund, person="lead-c")) == "already_decided"
    with desk.console.acting_as("lead-b"):
        assert call_for_refusal(lambda: desk.refunds.submit(refund.id)).detail["reason"] == "cooling_off"
    desk.move_clock(minutes=15, seconds=1)
    assert desk.approve_refund(refund).state is RefundState.SUBMITTED


def test_a_rejected_refund_has_the_approvers_words(desk: RefundDesk) -> None:
    """A rejected refund stores the approver's words, its amount is free, and it cannot be decided again."""
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment)
    assert call_and_get_code(lambda: desk.reject_refund(refund, reason=" ")) == "usage"
    ended = desk.reject_refund(refund)
    assert (ended.state, ended.declined_because) == (RefundState.REJECTED, "paid out in cash")
    assert desk.check_payment_agrees(payment).refundable_minor == 3300
    for again in (
        lambda: desk.reject_refund(refund),
        lambda: desk.approve_refund(refund),
        lambda: desk.withdraw_refund(refund),
    ):
        assert call_and_get_code(again) == "already_decided"
    assert desk.request_refund(payment).state is RefundState.REQUESTED, "a rejected one is nobody's look-alike"


def test_an_approval_after_the_withdrawal_is_refused(desk: RefundDesk) -> None:
    """An approval after the withdrawal is refused with `already_decided` and not with `stale_view`."""
    refund = desk.request_refund(desk.make_paid_payment())
    desk.withdraw_refund(refund)
    refusal = call_for_refusal(lambda: desk.approve_refund(refund, expected_version=refund.version))
    assert (refusal.code, refusal.detail["state"]) == ("already_decided", "withdrawn")


def test_an_old_view_decides_nothing(desk: RefundDesk) -> None:
    """A decision that states an earlier version of the refund is refused."""
    payment = desk.make_paid_payment(minor=900_000)
    refund = desk.request_refund(payment, "600000")
    desk.approve_refund(refund, person="lead-c")
    refusal = call_for_refusal(lambda: desk.approve_refund(refund, expected_version=refund.version))
    assert (refusal.code, refusal.detail["changed"]["version"]) == ("stale_view", {"saw": 1, "now": 2})  # type: ignore[index]
    with desk.console.acting_as("lead-b"):
        assert call_and_get_code(lambda: desk.refunds.reject(refund.id, "no", expected_version=1)) == "stale_view"
    assert desk.approve_refund(refund, expected_version=2).state is RefundState.APPROVED


def test_a_refund_of_a_disabled_requester_is_not_approved(desk: RefundDesk) -> None:
    """If the requester was disabled, the refund cannot be approved, and an already approved refund cannot be sent."""
    desk.insert_team()
    payment = desk.make_paid_payment(minor=900_000)
    cooling = desk.approve_refund(desk.request_refund(payment, "200000"))
    other = desk.request_refund(desk.make_paid_payment("ORD-2"), person="op-e")
    desk.disable_person("op-e")
    refusal = call_for_refusal(lambda: desk.approve_refund(other))
    assert (refusal.code, refusal.detail["reason"]) == ("not_allowed", "maker_active")
    desk.disable_person("op-a")
    desk.move_clock(minutes=16)
    desk.run_due_tasks()
    stuck = desk.read_refund(cooling)
    assert (stuck.state, stuck.work.state, stuck.work.reason) == (
        RefundState.APPROVED,
        WorkState.NEEDS_REVIEW,
        "not_sent",
    )
    assert desk.list_provider_keys(payment) == []
    desk.move_clock(hours=72)
    assert desk.run_due_tasks()["refund_expiry"] == 2
    assert (desk.read_refund(cooling).state, desk.check_payment_agrees(payment).refundable_minor) == (
        RefundState.EXPIRED,
        900_000,
    )


def test_a_refund_of_a_disabled_approver_is_not_sent(desk: RefundDesk) -> None:
    """A person approves a refund and is disabled before it is sent, for example because the account was stolen: the
    refund isn't sent until the person is enabled again."""
    desk.insert_team()
    payment = desk.make_paid_payment(minor=900_000)
    refund = desk.approve_refund(desk.request_refund(payment, "200000"))
    (checker,) = refund.checkers
    desk.disable_person(checker)
    desk.move_clock(minutes=16)
    desk.run_due_tasks()
    stuck = desk.read_refund(refund)
    assert (stuck.state, stuck.work.state) == (RefundState.APPROVED, WorkState.NEEDS_REVIEW)
    refusal = call_for_refusal(lambda: desk.refunds.submit(refund.id))
    assert (refusal.code, refusal.detail["reason"]) == ("not_allowed", "approver_disabled")
    assert desk.list_provider_keys(payment) == []
    desk.sql("UPDATE operators SET disabled_at = NULL WHERE name = :name", name=checker)
    assert desk.refunds.submit(refund.id).state is RefundState.SUBMITTED


def test_a_refund_of_a_requester_without_the_role_is_not_approved(desk: RefundDesk) -> None:
    """If the requester lost the operator's role, the refund cannot be approved, and an already approved refund is not
    sent. If the requester is now an approver, the request is still valid.
    """
    desk.insert_team()
    payment = desk.make_paid_payment(minor=900_000)
    cooling = desk.approve_refund(desk.request_refund(payment, "200000"))
    waiting, promoted = (
        desk.request_refund(desk.make_paid_payment("ORD-2")),
        desk.request_refund(desk.make_paid_payment("ORD-3"), person="op-e"),
    )
    desk.sql("UPDATE operators SET roles = 'auditor' WHERE name = 'op-a'")
    desk.sql("UPDATE operators SET roles = 'approver' WHERE name = 'op-e'")
    refusal = call_for_refusal(lambda: desk.approve_refund(waiting))
    assert (refusal.code, refusal.detail["reason"]) == ("not_allowed", "maker_active")
    assert desk.approve_refund(promoted).state is RefundState.SUBMITTED
    desk.move_clock(minutes=16)
    desk.run_due_tasks()
    assert (desk.read_refund(cooling).state, desk.read_refund(cooling).work.reason) == (
        RefundState.APPROVED,
        "not_sent",
    )
    assert desk.list_provider_keys(payment) == []
    assert desk.reject_refund(waiting).state is RefundState.REJECTED


def test_a_refund_expires_without_a_decision(desk: RefundDesk) -> None:
    """After 72 hours a refund cannot be approved or rejected; an attempt to decide, or the next due task, expires
    it.
    """
    payment, second = desk.make_paid_payment(), desk.make_paid_payment("ORD-2")
    refund, other, third = (
        desk.request_refund(payment),
        desk.request_refund(second),
        desk.request_refund(desk.make_paid_payment("ORD-3")),
    )
    desk.move_clock(hours=72, seconds=1)
    refusal = call_for_refusal(lambda: desk.approve_refund(refund))
    assert (refusal.code, refusal.detail["state"]) == ("already_decided", "expired")
    refusal = call_for_refusal(lambda: desk.reject_refund(third))
    assert (refusal.code, refusal.detail["state"]) == ("already_decided", "expired")
    assert desk.run_due_tasks()["refund_expiry"] == 1
    assert (desk.read_refund(refund).state, desk.read_refund(other).state) == (
        RefundState.EXPIRED,
        RefundState.EXPIRED,
    )
    assert (
        desk.check_payment_agrees(payment).refundable_minor,
        desk.check_payment_agrees(second).refundable_minor,
    ) == (3300, 3300)


def test_limits_are_checked_again_at_the_approval(desk: RefundDesk) -> None:
    """A limit that was lowered after the request counts for the approval, and for the sending of a refund that was
    approved before.
    """
    large = desk.make_paid_payment("ORD-2", 900_000)
    cooling = desk.approve_refund(desk.request_refund(large, "200000"))
    refund = desk.request_refund(desk.make_paid_payment(), "3000")
    desk.sql("UPDATE limits SET value = 2000 WHERE name = 'per_refund' AND currency = 'JPY'")
    assert call_for_refusal(lambda: desk.approve_refund(refund)).detail["reason"] == "per_refund"
    assert desk.read_refund(refund).state is RefundState.REQUESTED
    desk.move_clock(minutes=16)
    desk.run_due_tasks()
    assert (desk.read_refund(cooling).state, desk.list_provider_keys(large)) == (RefundState.APPROVED, [])


def test_a_longer_cooling_off_period_postpones_the_sending(desk: RefundDesk) -> None:
    """A limit that was changed after the approval makes the cooling-off period longer. The worker's attempt at the
    earlier end is refused; the refund is then scheduled for the later end.
    """
    refund = desk.approve_refund(desk.request_refund(desk.make_paid_payment(minor=900_000), "200000"))
    desk.sql("UPDATE limits SET value = 7200 WHERE name = 'cooling_off_seconds'")
    until = call_for_refusal(lambda: desk.refunds.submit(refund.id)).detail["until"]
    desk.move_clock(minutes=16)
    desk.run_due_tasks()
    waiting = desk.read_refund(refund)
    assert (waiting.state, waiting.work.at, waiting.work.reason) == (RefundState.APPROVED, until, "cooling_off")


@pytest.mark.parametrize(("state", "refusal_code"), [("reversed", "not_allowed"), ("failed", "not_allowed")])
def test_a_refund_of_a_payment_reversed_at_the_provider_is_not_approved(
    desk: RefundDesk, control: SandboxControl, state: str, refusal_code: str
) -> None:
    """If PayPay has reversed the payment meanwhile, the refund cannot be approved, and the answer is stored as
    evidence of the payment.
    """
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment)
    control.payments_control.change_payment_state(
        "paypay", "ORD-1", "FAILED" if state == "failed" else state, notify=False
    )
    refusal = call_for_refusal(lambda: desk.approve_refund(refund))
    assert (refusal.code, refusal.detail["reason"]) == (refusal_code, "provider_state")
    assert desk.read_refund(refund).state is RefundState.REQUESTED
    evidence_rows = desk.sql("SELECT source, summary FROM evidence WHERE subject_kind = 'payment'")
    assert [row.source for row in evidence_rows] == ["paypay.payment"]


def test_a_refund_made_on_the_providers_page_prevents_an_excess(desk: RefundDesk) -> None:
    """If a person has refunded on the provider's own page and this refund would therefore exceed the captured amount,
    it cannot be approved.
    """
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment, "3000")
    from console.domain.money import Money
    from console.domain.payments.provider_messages import RefundInstruction
    from tests.providers.sandbox_adapters import AMOUNT_IN_YEN, make_paypay

    assert AMOUNT_IN_YEN.minor == payment.captured_minor
    provider_refund = RefundInstruction(
        "BY-HAND", "ORD-1", payment.provider_payment_id or "", Money(1000, "JPY"), desk.context.now()
    )
    make_paypay(desk.control.url).refund(provider_refund)
    refusal = call_for_refusal(lambda: desk.approve_refund(refund))
    assert (refusal.code, refusal.detail["reason"]) == ("exceeds_captured", "provider")


def test_people_approve_without_a_readable_provider_answer(desk: RefundDesk, control: SandboxControl) -> None:
    """If the provider's answer about the payment is unreadable, people can still approve, and the sending waits for a
    readable answer.
    """
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment)
    control.add_fault("status:503", call="paypay_payment", times="always")
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "provider_answer_unusable"
    approved = desk.read_refund(refund)
    assert (approved.state, approved.checkers, approved.work.reason) == (
        RefundState.APPROVED,
        ("lead-b",),
        "submission",
    )
    assert desk.list_provider_keys(payment) == []
    control.clear_faults()
    desk.move_clock(minutes=2)
    desk.run_due_tasks()
    assert desk.read_refund(refund).state is RefundState.SUBMITTED


def test_simultaneous_approvals_send_a_refund_once(desk: RefundDesk) -> None:
    """If six approvers approve at the same moment, the refund is sent once."""
    payment = desk.make_paid_payment()
    refund, start, answers = desk.request_refund(payment), Barrier(6), list[str]()

    def approve_at_start(index: int) -> None:
        start.wait()
        answers.append(call_and_get_code(lambda: desk.approve_refund(refund, person=f"lead-{index}")))

    threads = [Thread(target=approve_at_start, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count("done") >= 1
    assert set(answers) <= {"done", "already_decided", "in_progress"}
    assert (len(desk.list_provider_keys(payment)), desk.read_refund(refund).sent_count) == (1, 1)
    desk.check_payment_agrees(payment)


class _InterruptingFailpoints(Failpoints):
    """Failpoints that send SIGINT to the process, as Ctrl+C does, when the code reaches the failpoint with the name
    `step`.
    """

    def __init__(self, step: str) -> None:
        super().__init__(None)
        self._step = step

    def reach(self, name: str) -> None:
        if name == self._step:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("step", ["after_vote", "before_tx1", "after_intent"])
def test_an_interrupt_between_vote_and_sending_sends_nothing(desk: RefundDesk, step: str) -> None:
    """After Ctrl+C between the vote and the sending, the command reports that nothing was sent and returns the
    approved refund. The next attempt sends the refund once.
    """
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment)
    usual_failpoints, desk.context.failpoints = desk.context.failpoints, _InterruptingFailpoints(step)
    with interrupts.handle_signals(defers_first_signal=True):
        refused = call_for_refusal(lambda: desk.approve_refund(refund))
    desk.context.failpoints = usual_failpoints
    assert (refused.code, refused.exit_status) == ("interrupted", 6)
    assert refused.detail["record"] == desk.read_refund(refund)
    assert (desk.read_refund(refund).state, desk.list_provider_keys(payment)) == (RefundState.APPROVED, [])
    assert desk.approve_refund(refund).state is RefundState.SUBMITTED
    assert desk.list_provider_keys(payment) == [desk.read_refund(refund).provider_refund_key]


def test_an_interrupt_before_the_vote_stores_no_vote(desk: RefundDesk, control: SandboxControl) -> None:
    """After Ctrl+C during the query to the provider that precedes the vote, no vote is stored."""
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment)
    control.add_fault("hang", call="paypay_payment")

    def interrupt_main_thread() -> None:
        assert control.wait_until_counts_reached(held=1)
        signal.pthread_kill(main, signal.SIGINT)

    main = current_thread().ident or 0
    presser = Thread(target=interrupt_main_thread)
    with interrupts.handle_signals(defers_first_signal=True):
        presser.start()
        with pytest.raises(interrupts.InterruptedBeforeAction):
            desk.approve_refund(refund)
        presser.join()
    assert (desk.read_refund(refund).state, desk.read_refund(refund).checkers) == (RefundState.REQUESTED, ())


class _FailpointsBreakingDatabase:
    """Failpoints that make each read of the database fail as soon as the code has reached the failpoint with the name
    `step`.
    """

    def __init__(self, desk: RefundDesk, step: str, stack: ExitStack) -> None:
        self._desk, self._step, self._stack = desk, step, stack

    def reach(self, name: str) -> None:
        if name == self._step:
            error = ConsoleError(ErrorCode.DATABASE_UNREACHABLE)
            self._stack.enter_context(let_method_fail(self._desk.context.database, "read", error))


@contextmanager
def _lose_database_after(desk: RefundDesk, step: str) -> Iterator[None]:
    """Context manager: within the block, each read of the database fails as soon as the code has reached the
    failpoint `step`.
    """
    with ExitStack() as stack:
        usual_failpoints = desk.context.failpoints
        desk.context.failpoints = _FailpointsBreakingDatabase(desk, step, stack)  # type: ignore[assignment]
        yield
    desk.context.failpoints = usual_failpoints


def test_stored_decisions_are_returned_without_a_further_read(desk: RefundDesk) -> None:
    """A request, a first approval, a rejection, a withdrawal or an approval with a cooling-off period was stored, and
    directly afterwards the database can't be read: the caller still gets the stored refund, and isn't asked to try
    again.
    """
    desk.insert_team()
    payment = desk.make_paid_payment(minor=900_000)
    with _lose_database_after(desk, "after_request"):
        refund = desk.request_refund(payment, "600000")
    assert refund == desk.read_refund(refund)
    with _lose_database_after(desk, "after_vote"):
        half_approved = desk.approve_refund(refund, person="lead-b")
    assert (half_approved, half_approved.checkers) == (desk.read_refund(refund), ("lead-b",))
    with _lose_database_after(desk, "after_vote"):
        cooling = desk.approve_refund(refund, person="lead-c")
    assert (cooling, cooling.state) == (desk.read_refund(refund), RefundState.APPROVED)
    with _lose_database_after(desk, "after_vote"):
        withdrawn = desk.withdraw_refund(refund)
    assert (withdrawn, withdrawn.state) == (desk.read_refund(refund), RefundState.WITHDRAWN)
    other = desk.request_refund(payment, "700")
    with _lose_database_after(desk, "after_vote"):
        rejected = desk.reject_refund(other)
    assert (rejected, rejected.state) == (desk.read_refund(other), RefundState.REJECTED)
    assert desk.list_provider_keys(payment) == []


def test_a_stored_approval_is_named_if_the_refund_cannot_be_sent(desk: RefundDesk) -> None:
    """If the database can't be read directly after the last approval was stored, the error contains the approved
    refund, so that nobody reads that the approval failed. A due task sends the refund.
    """
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment)
    with _lose_database_after(desk, "after_vote"):
        refusal = call_for_refusal(lambda: desk.approve_refund(refund))
    assert (refusal.code, refusal.detail["record"]) == ("database_unreachable", desk.read_refund(refund))
    assert (desk.read_refund(refund).state, desk.list_provider_keys(payment)) == (RefundState.APPROVED, [])
    desk.run_due_tasks()
    assert (desk.read_refund(refund).state, len(desk.list_provider_keys(payment))) == (RefundState.SUBMITTED, 1)


def test_a_stored_outcome_is_returned_without_a_further_read(desk: RefundDesk) -> None:
    """If the database can't be read directly after a proposed outcome, or after the second person's decision, was
    stored, the person still gets the stored refund."""
    desk.insert_team()
    refund = desk.request_refund(desk.make_paid_payment())
    desk.control.add_fault("reset", call="paypay_refund", times=1)
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "outcome_unknown"
    desk.control.add_fault("status:503", call="paypay_refund_details", times="always")
    with _lose_database_after(desk, "after_resolve"):
        first = desk.resolve_refund(refund, "completed", "op-e", "PP-1")
    assert (first.awaiting, first.record) == ("second_person", desk.read_refund(refund))
    with _lose_database_after(desk, "after_resolve"):
        second = desk.resolve_refund(refund, "completed", "lead-c", "PP-1")
    assert (second.awaiting, second.record) == (None, desk.read_refund(refund))
    assert second.record.state is RefundState.COMPLETED


def test_a_refusal_by_a_trigger_is_not_reported_as_a_bug(desk: RefundDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a trigger of SQLite refuses an approval that the service's checks have missed, the refusal is
    `not_allowed` and not `internal_error`. The refusal's text on screen doesn't contain the trigger's message.
    """
    refund = desk.request_refund(desk.make_paid_payment(), person="lead-b")
    monkeypatch.setattr("console.domain.recovery.decision_rules.is_same_person", lambda one, other: False)
    refusal = call_for_refusal(lambda: desk.approve_refund(refund))
    assert (refusal.code, refusal.detail["reason"]) == ("not_allowed", "refused_by_the_database")
    assert all(str(refusal.detail["problem"]) not in format_error_message(refusal, one) for one in LANGUAGES)
    assert (desk.read_refund(refund).state, desk.read_refund(refund).checkers) == (RefundState.REQUESTED, ())
