"""Tests of operations that send a refund, when a person opens such an operation by its own id: of stored operations,
and of operations that the database has lost and that only the desk's spool still has.
"""

import pytest

from console.domain.payments.provider_messages import RefundReport
from console.domain.payments.records import Payment, Refund
from console.domain.payments.states import RefundState
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import Certainty, LostOperationState, Operation, OperationState
from console.sandbox import SandboxControl
from console.services.guarded.request_ids import RequestIdService
from console.services.payments.providers import PaymentProviders
from console.wording.sentences.catalogue import format_error_message
from tests.support.lost_operations import store_lost_operations
from tests.support.refund_desks import RefundDesk
from tests.support.refusals import call_and_get_code, call_for_refusal


@pytest.fixture(autouse=True)
def _use_adapters_in_whole_console(desk: RefundDesk) -> None:
    """Let the whole console use the provider adapters of the refund desk."""
    desk.console._record_readers.payment_providers = PaymentProviders(lambda name: desk.providers.get_adapter(name))


def lose_refund(desk: RefundDesk, payment: Payment) -> None:
    """Delete all refunds, votes and operations and the payment's reservation, as if a cluster had lost its last
    commits.
    """
    for trigger_name in ("refunds_delete", "approvals_delete", "payments_update"):
        desk.sql(f"DROP TRIGGER guard_{trigger_name}")
    for table in ("refunds", "approvals", "operations"):
        desk.sql(f"DELETE FROM {table}")
    desk.sql("UPDATE payments SET reserved_minor = 0, version = version + 1 WHERE id = :id", id=payment.id)


def approve_refund(desk: RefundDesk, fault: str | None = None) -> tuple[Payment, Refund]:
    """Approve a refund with this fault in the call to the provider; return the payment and the refund."""
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment)
    if fault:
        desk.control.add_fault(fault, call="paypay_refund", times=1)
    call_and_get_code(lambda: desk.approve_refund(refund))
    return payment, desk.read_refund(refund)


def test_the_id_of_an_operation_leads_to_its_refund(desk: RefundDesk) -> None:
    """A refund's operation is shown, probed and resolved by its id, and never leads to a credit check with the same
    id.
    """
    _, refund = approve_refund(desk, "close_after_charge")
    recovery, operation = desk.console.recovery, refund.operation_id or ""
    view = recovery.read_record("operation", operation)
    assert (view.record.subject_kind, view.record.subject_id) == ("refund", refund.id)  # type: ignore[union-attr]
    assert view.explanation.next_step.command == f"support-console show refund {refund.id}"
    probed_record = recovery.probe("operation", operation)
    assert isinstance(probed_record, Refund)
    assert probed_record.certainty is Certainty.KNOWN
    assert (
        call_and_get_code(lambda: recovery.resolve("operation", operation, "failed", "seen")) == "nothing_to_resolve"
    )


def test_a_lost_refund_known_to_the_provider_stops_other_refunds(desk: RefundDesk) -> None:
    """If the provider has the key of a refund that the database lost, a case about the payment is opened, and this
    desk sends no other refund of the payment. One person can decide that the lost refund is completed.
    """
    payment, refund = approve_refund(desk)
    operation = refund.operation_id or ""
    lose_refund(desk, payment)
    step = desk.console.recovery.read_record("operation", operation).explanation.next_step
    assert step.command == f"support-console probe operation {operation}"
    probed_record = desk.console.recovery.probe("operation", operation)
    assert isinstance(probed_record, Operation)
    assert (probed_record.source, probed_record.state, probed_record.subject_kind) == (
        "desk",
        OperationState.DONE,
        "refund",
    )
    assert [row[0] for row in desk.sql("SELECT rule_id FROM alerts WHERE subject_kind = 'payment'")] == [
        "unknown_refund"
    ]
    assert call_for_refusal(lambda: desk.request_refund(payment, "500")).detail["operation_id"] == operation
    assert desk.console.recovery.resolve("operation", operation, "completed", "seen").awaiting is None


def acknowledge_lost_refund(desk: RefundDesk) -> tuple[Payment, Refund]:
    """Lose a refund of 1000 yen that the provider has made, probe it, and acknowledge the case about its payment.
    Return the payment and the lost refund."""
    payment, refund = approve_refund(desk)
    lose_refund(desk, payment)
    desk.console.recovery.probe("operation", refund.operation_id or "")
    (case,) = [alert for alert in desk.console.alerts.list_alerts() if alert.rule_id == "unknown_refund"]
    with desk.console.acting_as("lead-b"):
        desk.console.alerts.acknowledge(case.id, "the gateway has made it")
    return payment, refund


def test_an_acknowledged_lost_refund_stops_no_other_refund(desk: RefundDesk) -> None:
    """The provider has made a lost refund, and a person has acknowledged the case about it. Other refunds of the
    payment are sent, but not more than the provider can still refund.
    """
    payment, refund = acknowledge_lost_refund(desk)
    too_much = desk.request_refund(payment, "3000")
    assert call_and_get_code(lambda: desk.approve_refund(too_much)) == "exceeds_captured"
    desk.reject_refund(too_much)
    rest = desk.approve_refund(desk.request_refund(payment, "2300"))
    assert rest.state is RefundState.SUBMITTED
    assert desk.list_provider_keys(payment) == [refund.provider_refund_key, rest.provider_refund_key]


def test_an_acknowledged_lost_refund_is_listed_as_acknowledged(desk: RefundDesk) -> None:
    """The list of lost operations doesn't show a lost refund as open if a person has acknowledged its case."""
    acknowledge_lost_refund(desk)
    context = desk.console._context
    store_lost_operations(context, context.spool.read_entries(context.database_id))
    (lost,) = desk.console.alerts.list_lost_operations().operations
    assert lost.state is LostOperationState.ACKNOWLEDGED


def test_an_unreadable_payment_hides_no_lost_operation(desk: RefundDesk) -> None:
    """The list of lost operations shows a lost refund as open if this program can't read the refund's payment."""
    payment, _ = acknowledge_lost_refund(desk)
    context = desk.console._context
    store_lost_operations(context, context.spool.read_entries(context.database_id))
    desk.sql("UPDATE payments SET late_after = 'future', version = version + 1 WHERE id = :id", id=payment.id)
    assert [lost.state for lost in desk.console.alerts.list_lost_operations().operations] == [LostOperationState.OPEN]


def test_an_acknowledged_lost_refund_needs_nothing(desk: RefundDesk) -> None:
    """The explanation of a lost refund advises no step if a person has acknowledged its case."""
    _, refund = acknowledge_lost_refund(desk)
    explanation = desk.console.recovery.read_record("operation", refund.operation_id or "").explanation
    assert (explanation.why, explanation.next_step.code) == ("why.lost_refund_made", "next.nothing")


def test_a_refund_of_the_same_amount_books_the_acknowledged_one(desk: RefundDesk) -> None:
    """After a person has acknowledged that the provider has made a lost refund, a refund of the same amount gets its
    key. The provider answers with the refund that it has, so that the amount is booked here and not sent again.
    """
    payment, refund = acknowledge_lost_refund(desk)
    again = desk.approve_refund(desk.request_refund(payment, "1000"))
    assert again.provider_refund_key == refund.provider_refund_key
    assert desk.list_provider_keys(payment) == [refund.provider_refund_key]


def test_a_lost_refund_unknown_to_the_provider_needs_two_people(desk: RefundDesk, control: SandboxControl) -> None:
    """If the provider does not have the key of a lost refund, this proves nothing: two people must decide, and then
    the payment can be refunded again.
    """
    payment, refund = approve_refund(desk, "reset")
    operation = refund.operation_id or ""
    lose_refund(desk, payment)
    assert (
        call_for_refusal(lambda: desk.console.recovery.probe("operation", operation)).detail["reason"] == "not_found"
    )
    step = desk.console.recovery.read_record("operation", operation).explanation.next_step
    assert step.command == f"support-console resolve operation {operation} --as failed --evidence FILE"
    for person, awaiting in (("op-a", "second_person"), ("lead-b", None)):
        with desk.console.acting_as(person):
            assert desk.console.recovery.resolve("operation", operation, "failed", "not there").awaiting == awaiting
    assert desk.request_refund(payment).state is RefundState.REQUESTED
    assert control.read_requests(call="paypay_refund", after_seq=0)


def test_a_lost_refund_made_by_the_gateway_cannot_be_denied(desk: RefundDesk) -> None:
    """If the gateway has the key of a lost refund, people cannot decide that the refund was not made, and no other
    refund of the payment is sent.
    """
    payment, refund = approve_refund(desk, "close_after_charge")
    operation = refund.operation_id or ""
    lose_refund(desk, payment)
    for person in ("op-a", "lead-b"):
        with desk.console.acting_as(person):
            refused = call_for_refusal(
                lambda: desk.console.recovery.resolve("operation", operation, "failed", "not there")
            )
        assert (refused.code, refused.detail["reason"]) == ("evidence_mismatch", "provider_says_otherwise")
    assert call_for_refusal(lambda: desk.request_refund(payment, "500")).detail["operation_id"] == operation
    assert desk.sql("SELECT COUNT(*) FROM approvals") == [(0,)]


def test_a_lost_refund_reported_with_another_amount_is_not_denied(desk: RefundDesk) -> None:
    """The provider has made a lost refund and reports it with another amount. People can't decide that it was not
    made, as they can't about a refund that the database still has.
    """
    payment, refund = approve_refund(desk, "close_after_charge")
    lose_refund(desk, payment)
    desk.control.add_fault("other_amount", call="paypay_refund_details", times="always")
    for person in ("op-a", "lead-b"):
        with desk.console.acting_as(person):
            refusal = call_for_refusal(
                lambda: desk.console.recovery.resolve("operation", refund.operation_id or "", "failed", "not there")
            )
        assert (refusal.code, refusal.detail["reason"]) == ("evidence_mismatch", "REFUNDED")
    assert call_and_get_code(lambda: desk.request_refund(payment, "500")) == "in_progress"


@pytest.mark.parametrize("reason", ["refused_but_made", "old_answer", "unusable_answer"])
def test_a_lost_refund_with_an_unclear_answer_cannot_be_denied(
    desk: RefundDesk, control: SandboxControl, reason: str
) -> None:
    """If Atom's code says "no data" although the answer contains the lost refund, if a cache answers for Atom, or if
    the program doesn't know the state in the answer, nobody can decide that the refund was not made. No other refund
    of the payment is sent.
    """
    payment = desk.make_paid_payment("ORD1", 50_000, "atom")
    refund = desk.request_refund(payment, "100")
    control.add_fault("close_after_charge", call="atom_refund", times=1)
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "outcome_unknown"
    operation = desk.read_refund(refund).operation_id or ""
    lose_refund(desk, payment)
    if reason == "old_answer":
        control.add_fault("stored", call="atom_refund_status", times="always")
    elif reason == "unusable_answer":
        control.add_fault("odd_status", call="atom_refund_status", times="always")
    else:
        no_data = {"payInstrument.responseDetails.statusCode": "OTS0401"}
        control.add_fault("set_fields", call="atom_refund_status", times="always", fields=no_data)
    for person in ("op-a", "lead-b"):
        with desk.console.acting_as(person):
            refused = call_for_refusal(
                lambda: desk.console.recovery.resolve("operation", operation, "failed", "not there")
            )
        assert (refused.code, refused.detail["reason"]) == ("evidence_mismatch", reason)
        assert reason not in format_error_message(refused, "en") + format_error_message(refused, "ja")
    assert call_for_refusal(lambda: desk.request_refund(payment, "50")).detail["operation_id"] == operation
    assert desk.sql("SELECT COUNT(*) FROM approvals") == [(0,)]
    control.clear_faults()
    with desk.console.acting_as("op-a"):
        refused = call_for_refusal(
            lambda: desk.console.recovery.resolve("operation", operation, "failed", "not there")
        )
    assert refused.detail["reason"] == "provider_says_otherwise"


def test_a_lost_refund_with_a_spooled_answer_cannot_be_denied(desk: RefundDesk, control: SandboxControl) -> None:
    """If the gateway gives no answer now but the spool has its earlier answer that the refund was made, people cannot
    decide that the refund was not made.
    """
    payment, refund = approve_refund(desk)
    operation = refund.operation_id or ""
    lose_refund(desk, payment)
    control.add_fault("status:503", call="paypay_refund_details", times=2)
    for person in ("op-a", "lead-b"):
        with desk.console.acting_as(person):
            refused = call_for_refusal(
                lambda: desk.console.recovery.resolve("operation", operation, "failed", "not there")
            )
        assert (refused.code, refused.detail["reason"]) == ("evidence_mismatch", "answer_on_desk")
    assert call_for_refusal(lambda: desk.request_refund(payment, "500")).detail["operation_id"] == operation


def test_an_unknown_refund_with_a_spooled_answer_cannot_be_denied(desk: RefundDesk, control: SandboxControl) -> None:
    """If a refund is unknown in the database and the spool has an answer that could not be stored, people cannot
    decide that the refund was not made.
    """
    _, refund = approve_refund(desk, "close_after_charge")
    report = RefundReport(refund.provider_refund_key or "", "0421", "COMPLETED", RefundState.COMPLETED, None)
    spool = desk.console._context.spool
    spool.set_cipher(desk.console._context.cipher)
    answer = Outcome(OutcomeClass.SUCCEEDED, "answered", SendingCertainty.YES, report)
    spool.store_answer(refund.operation_id or "", answer)
    control.add_fault("status:503", call="paypay_refund_details", times=2)
    for person in ("op-a", "lead-b"):
        with desk.console.acting_as(person):
            refused = call_for_refusal(
                lambda: desk.console.refunds.resolve(refund.id, "failed", "not on their screen")
            )
        assert (refused.code, refused.detail["reason"]) == ("evidence_mismatch", "answer_on_desk")
    assert desk.read_refund(refund).certainty is Certainty.UNKNOWN


def test_a_repeated_decision_about_a_lost_refund_is_answered(
    desk: RefundDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two people decide that a lost refund was not made. The process of each decision ends before it stores its
    answer. Each repeated call gets the answer of the first one: a proposal, then the ended refund.
    """
    payment, refund = approve_refund(desk, "reset")
    operation, recovery = refund.operation_id or "", desk.console.recovery
    lose_refund(desk, payment)
    for person, awaiting, state in (("op-a", "second_person", "unknown"), ("lead-b", None, "failed")):
        with desk.console.acting_as(person):
            with monkeypatch.context() as broken:
                broken.setattr(RequestIdService, "_end_call", lambda *_: True)
                recovery.resolve("operation", operation, "failed", "not there", request_id="r-1")
            desk.sql("UPDATE request_ids SET lease_expires = 0")
            result = recovery.resolve("operation", operation, "failed", "not there", request_id="r-1")
        assert isinstance(result.record, Operation)
        assert (result.record.id, result.record.state, result.awaiting) == (operation, state, awaiting)


def deny_lost_refund_at_another_desk(desk: RefundDesk, monkeypatch: pytest.MonkeyPatch) -> tuple[Payment, str]:
    """Lose a refund whose outcome is unknown. Two people decide at another desk that it was not made, so that the
    spool of this desk still has the refund's claim. Return the payment and the id of the operation."""
    payment, refund = approve_refund(desk, "reset")
    operation, context = refund.operation_id or "", desk.console._context
    lose_refund(desk, payment)
    store_lost_operations(context, context.spool.read_entries(context.database_id))
    with monkeypatch.context() as other_desk:
        other_desk.setattr(type(context.spool), "give_up_claim", lambda *_: None)
        for person in ("op-a", "lead-b"):
            with desk.console.acting_as(person):
                desk.console.recovery.resolve("operation", operation, "failed", "not there")
    (entry,) = context.spool.read_entries(context.database_id)
    assert entry.holds_claim
    return payment, operation


def test_a_lost_refund_denied_at_another_desk_is_failed_at_its_own(
    desk: RefundDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two people decide at another desk that a lost refund was not made. The desk that has sent it shows it as
    failed, although its spool has no answer, and refuses another decision.
    """
    _, operation = deny_lost_refund_at_another_desk(desk, monkeypatch)
    assert desk.console.recovery.read_record("operation", operation).record.state is OperationState.FAILED
    assert (
        call_and_get_code(lambda: desk.console.recovery.resolve("operation", operation, "failed", "not there"))
        == "nothing_to_resolve"
    )


def test_a_lost_refund_denied_at_another_desk_stops_no_other_refund(
    desk: RefundDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two people decide at another desk that a lost refund was not made. The desk that has sent it sends the next
    refund of the payment, although its own spool still has the claim.
    """
    payment, _ = deny_lost_refund_at_another_desk(desk, monkeypatch)
    assert desk.approve_refund(desk.request_refund(payment, "500")).state is RefundState.SUBMITTED


def test_a_spool_that_proves_a_refund_stops_other_refunds(desk: RefundDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two people decide at another desk that a lost refund was not made. This desk knows that it was made, and sends
    no other refund of the payment.
    """
    payment, operation = deny_lost_refund_at_another_desk(desk, monkeypatch)
    desk.console._context.spool.mark_ended(operation, holds_claim=True)
    assert call_and_get_code(lambda: desk.request_refund(payment, "500")) == "in_progress"
