"""Operations of refunds as records of their own, those included that only the desk's spool still knows."""

import pytest

from console.domain.payments.provider_messages import RefundReport
from console.domain.payments.records import Payment, Refund
from console.domain.payments.states import RefundState
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import Certainty, OperationState
from console.sandbox import SandboxControl
from console.services.payments.providers import PaymentProviders
from tests.support.refund_desks import RefundDesk, code_of, refusal_of


@pytest.fixture(autouse=True)
def _one_provider(desk: RefundDesk) -> None:
    """The whole console asks the same providers as the desk."""
    desk.console._service_builder.payment_providers = PaymentProviders(lambda name: desk.vendors.get_adapter(name))


def forget(desk: RefundDesk, payment: Payment) -> None:
    """Delete refund, votes, journal row and reservation, as if a cluster had lost its last writes."""
    for guard in ("refunds_delete", "approvals_delete", "payments_update"):
        desk.sql(f"DROP TRIGGER guard_{guard}")
    for table in ("refunds", "approvals", "operations"):
        desk.sql(f"DELETE FROM {table}")
    desk.sql("UPDATE payments SET reserved_minor = 0, version = version + 1 WHERE id = :id", id=payment.id)


def sent(desk: RefundDesk, fault: str | None = None) -> tuple[Payment, Refund]:
    payment = desk.paid()
    refund = desk.ask(payment)
    if fault:
        desk.control.add_fault(fault, call="paypay_refund", times=1)
    code_of(lambda: desk.approve(refund))
    return payment, desk.now(refund)


def test_an_operation_leads_to_its_refund(desk: RefundDesk) -> None:
    """The operation of a refund is shown, probed and resolved by its id, and never leads to a credit check with the
    same id.
    """
    _, refund = sent(desk, "close_after_charge")
    recovery, operation = desk.console.recovery, refund.operation_id or ""
    view = recovery.read_record("operation", operation)
    assert (view.record.subject_kind, view.record.subject_id) == ("refund", refund.id)  # type: ignore[union-attr]
    assert view.explanation.next_step.command == f"support-console show refund {refund.id}"
    found = recovery.probe("operation", operation)
    assert isinstance(found, Refund)
    assert found.certainty is Certainty.KNOWN
    assert code_of(lambda: recovery.resolve("operation", operation, "failed", "seen")) == "nothing_to_resolve"


def test_what_did_happen_goes_on_holding_the_payment(desk: RefundDesk) -> None:
    """The provider knows the key: a case of the payment, and nothing else of it goes out from this desk."""
    payment, refund = sent(desk)
    operation = refund.operation_id or ""
    forget(desk, payment)
    found = desk.console.recovery.probe("operation", operation)
    assert (found.source, found.state, found.subject_kind) == ("desk", OperationState.DONE, "refund")  # type: ignore[union-attr]
    assert [row[0] for row in desk.sql("SELECT rule_id FROM alerts WHERE subject_kind = 'payment'")] == [
        "unknown_refund"
    ]
    assert refusal_of(lambda: desk.ask(payment, "500")).detail["operation_id"] == operation
    assert desk.console.recovery.resolve("operation", operation, "completed", "seen").awaiting is None


def test_what_never_came_about_takes_two_people(desk: RefundDesk, control: SandboxControl) -> None:
    """Not found proves nothing by itself; on two people's word the payment is free again."""
    payment, refund = sent(desk, "reset")
    operation = refund.operation_id or ""
    forget(desk, payment)
    assert refusal_of(lambda: desk.console.recovery.probe("operation", operation)).detail["reason"] == "not_found"
    step = desk.console.recovery.read_record("operation", operation).explanation.next_step
    assert step.command == f"support-console resolve operation {operation} --as failed --evidence FILE"
    for person, awaiting in (("op-a", "second_person"), ("lead-b", None)):
        with desk.console.acting_as(person):
            assert desk.console.recovery.resolve("operation", operation, "failed", "not there").awaiting == awaiting
    assert desk.ask(payment).state is RefundState.REQUESTED
    assert control.read_requests(call="paypay_refund", after_seq=0)


def test_nobody_denies_a_lost_refund_that_the_gateway_made(desk: RefundDesk) -> None:
    """The gateway knows the key: neither of two people can say that it was not made, and no other one goes out."""
    payment, refund = sent(desk, "close_after_charge")
    operation = refund.operation_id or ""
    forget(desk, payment)
    for person in ("op-a", "lead-b"):
        with desk.console.acting_as(person):
            refused = refusal_of(lambda: desk.console.recovery.resolve("operation", operation, "failed", "not there"))
        assert (refused.code, refused.detail["reason"]) == ("evidence_mismatch", "provider_says_otherwise")
    assert refusal_of(lambda: desk.ask(payment, "500")).detail["operation_id"] == operation
    assert desk.sql("SELECT COUNT(*) FROM approvals") == [(0,)]


def test_nobody_denies_a_lost_refund_whose_answer_the_desk_has(desk: RefundDesk, control: SandboxControl) -> None:
    """The gateway says nothing now, but said before, to this desk, that it was made."""
    payment, refund = sent(desk)
    operation = refund.operation_id or ""
    forget(desk, payment)
    control.add_fault("status:503", call="paypay_refund_details", times=2)
    for person in ("op-a", "lead-b"):
        with desk.console.acting_as(person):
            refused = refusal_of(lambda: desk.console.recovery.resolve("operation", operation, "failed", "not there"))
        assert (refused.code, refused.detail["reason"]) == ("evidence_mismatch", "answer_on_desk")
    assert refusal_of(lambda: desk.ask(payment, "500")).detail["operation_id"] == operation


def test_nobody_denies_an_unknown_refund_whose_answer_waits_on_the_desk(
    desk: RefundDesk, control: SandboxControl
) -> None:
    """The database has the refund as unknown; the desk has the answer that the database did not take."""
    _, refund = sent(desk, "close_after_charge")
    report = RefundReport(refund.provider_refund_key or "", "0421", "COMPLETED", RefundState.COMPLETED, None)
    spool = desk.console._context.spool
    spool.set_cipher(desk.console._context.cipher)
    answer = Outcome(OutcomeClass.SUCCEEDED, "answered", SendingCertainty.YES, report)
    spool.store_answer(refund.operation_id or "", answer)
    control.add_fault("status:503", call="paypay_refund_details", times=2)
    for person in ("op-a", "lead-b"):
        with desk.console.acting_as(person):
            refused = refusal_of(lambda: desk.console.refunds.resolve(refund.id, "failed", "not on their screen"))
        assert (refused.code, refused.detail["reason"]) == ("evidence_mismatch", "answer_on_desk")
    assert desk.now(refund).certainty is Certainty.UNKNOWN
