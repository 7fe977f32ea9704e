"""Tests of decisions about unknown refunds: the program first queries the provider, and without a provider's answer
two people decide with evidence.
"""

from functools import partial

import pytest

from console.domain.explanations.payments import explain_payment
from console.domain.explanations.refunds import explain_refund
from console.domain.money import Money
from console.domain.payments.provider_messages import RefundInstruction, RefundReport
from console.domain.payments.records import Payment, Refund
from console.domain.payments.states import RefundState
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import Certainty
from console.sandbox import SandboxControl
from console.services.refunds.late_outcomes import apply_refund_report
from console.store.refunds import refunds
from tests.support.refund_desks import RefundDesk
from tests.support.refusals import call_and_get_code, call_for_refusal

READ_CALL_BY_PROVIDER = {"paypay": "paypay_refund_details", "atom": "atom_refund_status"}


def make_unknown_refund(
    desk: RefundDesk, provider: str = "atom", *, is_executed: bool = False
) -> tuple[Payment, Refund]:
    """Return a payment and its refund of 100 yen (at Atom 100 rupees), whose sending got no answer. With
    `is_executed`, the provider has made it.
    """
    payment = desk.make_paid_payment("ORD1", 50_000, provider)
    refund = desk.request_refund(payment, "100")
    desk.control.add_fault("close_after_charge" if is_executed else "reset", call=f"{provider}_refund", times=1)
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "outcome_unknown"
    return payment, desk.read_refund(refund)


def silence_provider(desk: RefundDesk, provider: str = "atom") -> None:
    """Let the provider give no usable answers from now on."""
    desk.control.add_fault("status:503", call=READ_CALL_BY_PROVIDER[provider], times="always")


def test_two_people_decide_that_a_refund_failed(desk: RefundDesk) -> None:
    """The first person's decision waits, and the same person's second decision does not count. The decision of a
    second person, an approver, settles the refund as failed.
    """
    desk.insert_team()
    payment, refund = make_unknown_refund(desk)
    first = desk.resolve_refund(refund, "failed", "op-e", proof="not on their list")
    assert (first.awaiting, first.record.certainty, first.record.version) == (
        "second_person",
        "unknown",
        refund.version + 1,
    )
    assert desk.refunds.read_refund(refund.id).awaiting == "second_person"
    assert call_and_get_code(lambda: desk.resolve_refund(refund, "failed", "op-e")) == "same_person"
    assert call_and_get_code(lambda: desk.resolve_refund(refund, "failed", "op-a")) == "not_allowed", (
        "the second is an approver"
    )
    second = desk.resolve_refund(refund, "failed", "lead-b", proof="their letter of the 20th")
    assert (second.awaiting, second.record.state, second.record.certainty) == (None, RefundState.FAILED, "known")
    assert desk.check_payment_agrees(payment).refundable_minor == 50_000
    assert desk.sql("SELECT state FROM operations WHERE id = :id", id=refund.operation_id)[0].state == "failed"
    assert desk.context.spool.list_refunds_holding_amount(desk.context.database_id, payment.id) == ()
    assert call_and_get_code(lambda: desk.resolve_refund(refund, "failed", "lead-c")) == "nothing_to_resolve"


def find_deciding_roles(desk: RefundDesk, refund: Refund) -> tuple[str, ...]:
    """Return the roles that may now decide that the refund failed."""
    choices = {one.name: one for one in desk.console.recovery.find_choices("refund", refund.id)}
    return choices["resolve.failed"].allowed_roles


def read_step_and_proposal_count(desk: RefundDesk, refund: Refund) -> tuple[str | None, str, int]:
    """Return the step for which the refund waits, the text of its work badge, and the number of listed proposals."""
    details = desk.console.refunds.read_refund(refund.id)
    return details.awaiting, str(details.explanation.work), len(desk.console.recovery.list_proposals())


@pytest.mark.parametrize("change", ["roles = 'auditor'", "disabled_at = '2026-11-20 00:00:00'"])
def test_a_proposal_of_a_former_person_does_not_count(desk: RefundDesk, change: str) -> None:
    """If the proposer lost the role or was disabled, that proposal does not count, and the next decision is the first
    one.
    """
    desk.insert_team()
    _, refund = make_unknown_refund(desk)
    desk.resolve_refund(refund, "failed", "op-e", proof="not on their list")
    assert find_deciding_roles(desk, refund) == ("approver",), "the second one is an approver"
    assert read_step_and_proposal_count(desk, refund) == ("second_person", "waiting_for_approval", 1)
    desk.sql(f"UPDATE operators SET {change} WHERE name = 'op-e'")
    assert find_deciding_roles(desk, refund) == ("approver", "operator")
    assert read_step_and_proposal_count(desk, refund) == (None, "scheduled", 0)
    first = desk.resolve_refund(refund, "failed", "lead-b", proof="their letter of the 20th")
    assert (first.awaiting, first.record.certainty) == ("second_person", "unknown")
    assert call_and_get_code(lambda: desk.resolve_refund(refund, "failed", "lead-b")) == "same_person"
    settled = desk.resolve_refund(refund, "failed", "lead-c", proof="their list of the 21st").record
    assert (settled.state, settled.certainty) == (RefundState.FAILED, "known")


def test_a_completed_outcome_needs_two_people_if_no_read_confirms_it(desk: RefundDesk) -> None:
    """If no read at the provider confirms the refund, two people must give the same provider's id."""
    payment, refund = make_unknown_refund(desk, is_executed=True)
    silence_provider(desk)
    assert call_and_get_code(lambda: desk.resolve_refund(refund, "completed", "op-a")) == "usage", (
        "the number is missing"
    )
    assert desk.resolve_refund(refund, "completed", "op-a", "1519").awaiting == "second_person"
    shown = desk.readers.payment_details.read_payment(payment.id).record
    assert explain_payment(shown, desk.context.now()).next_step.code == "next.payment_refund_second_person"
    command = desk.refunds.read_refund(refund.id).explanation.next_step.command
    assert command == f"support-console resolve refund {refund.id} --as completed --provider-id ID --evidence FILE"
    assert (
        call_for_refusal(lambda: desk.resolve_refund(refund, "completed", "lead-b", "1520")).detail["reason"]
        == "other_id"
    )
    settled = desk.resolve_refund(refund, "completed", "lead-b", "1519")
    assert (settled.record.state, settled.record.provider_refund_id) == (RefundState.COMPLETED, "1519")
    explanation = explain_refund(settled.record, desk.context.now())
    assert explanation.why == "why.refund_decided_by_people", "the gateway confirmed nothing"
    assert desk.check_payment_agrees(payment).refunded_minor == refund.amount_minor


def test_the_answer_is_evidence_of_a_decision_that_is_refused(desk: RefundDesk) -> None:
    """The program queries the provider before it checks the person's right. The answer is therefore stored as
    evidence also if the decision is refused.
    """
    desk.insert_team()
    payment, refund = make_unknown_refund(desk, is_executed=True)
    silence_provider(desk)

    def count_answers() -> int:
        source = f"{payment.provider}.refund_status"
        return len(desk.sql("SELECT 1 FROM evidence WHERE source = :source", source=source))

    desk.resolve_refund(refund, "completed", "op-e", "1519")
    for person, number, code in (("op-e", "1519", "same_person"), ("lead-b", "1520", "evidence_mismatch")):
        before = count_answers()
        assert (
            call_and_get_code(lambda person=person, of=number: desk.resolve_refund(refund, "completed", person, of))
            == code
        )
        assert count_answers() == before + 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "console.services.refunds.resolve._refuse_id_of_other_refund", lambda *_: refuse_as_stale(refund)
        )
        before = count_answers()
        assert call_and_get_code(lambda: desk.resolve_refund(refund, "completed", "lead-b", "1519")) == "stale_view"
        assert count_answers() == before + 1


def refuse_as_stale(refund: Refund) -> None:
    """Raise StaleRow for the refund."""
    raise refunds.StaleRow(refund.id)


def test_an_answer_about_an_earlier_sending_settles_nothing(
    desk: RefundDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the program queries the provider, the first sending is settled and the refund is sent again. The answer
    about the earlier sending settles nothing.
    """
    payment, refund = make_unknown_refund(desk)

    class OvertakenReader:
        """A reader for the provider that sends the refund again while it is queried, so that its answer is about the
        earlier sending.
        """

        capabilities = desk.providers.get_reader("atom").capabilities

        def read_refund(self, _order: RefundInstruction) -> Outcome[RefundReport]:
            desk.sql(
                "UPDATE refunds SET operation_id = 'a later sending', sent_count = sent_count + 1,"
                " version = version + 1 WHERE id = :i",
                i=refund.id,
            )
            return Outcome(OutcomeClass.FAILED_DEFINITE, "refund_failed", SendingCertainty.YES)

    monkeypatch.setattr(desk.providers, "get_reader", lambda _name: OvertakenReader())
    desk.probe_refund(refund)
    now = desk.read_refund(refund)
    assert (now.state, now.certainty) == (RefundState.SUBMITTING, Certainty.UNKNOWN)
    assert desk.read_payment(payment.id).reserved_minor == refund.amount_minor


@pytest.mark.parametrize(
    ("reported_code", "rule"), [("refund_accepted", "contradicted"), ("other_amount", "answer_does_not_fit")]
)
def test_an_answer_overtaken_by_a_refusal_is_compared_with_it(
    desk: RefundDesk, monkeypatch: pytest.MonkeyPatch, reported_code: str, rule: str
) -> None:
    """While the program queries the provider, the late answer to the sending ends the refund as refused, and the
    provider then answers that it has the refund. A person must look, and until then no other refund of the payment
    can be requested.
    """
    payment, refund = make_unknown_refund(desk)
    late: Outcome[RefundReport] = Outcome(OutcomeClass.FAILED_DEFINITE, "refused", SendingCertainty.YES, status=400)
    kind = OutcomeClass.UNKNOWN if reported_code == "other_amount" else OutcomeClass.PENDING

    class OvertakenReader:
        """A reader for the provider that, while it is queried, lets the desk deliver the late answer to the refund's
        sending.
        """

        capabilities = desk.providers.get_reader("atom").capabilities

        def read_refund(self, order: RefundInstruction) -> Outcome[RefundReport]:
            assert desk.machinery.submit_action.deliver_outcome(refund.operation_id or "", late)
            report = RefundReport(
                order.key, "1519", "REFUND INITIATED", RefundState.SUBMITTED, order.amount, order.provider_payment_id
            )
            return Outcome(kind, reported_code, SendingCertainty.YES, report)

    monkeypatch.setattr(desk.providers, "get_reader", lambda _name: OvertakenReader())
    desk.probe_refund(refund)
    monkeypatch.undo()
    now = desk.read_refund(refund)
    assert (now.state, now.certainty, now.work.reason) == (RefundState.FAILED, Certainty.KNOWN, rule)
    assert call_for_refusal(lambda: desk.request_refund(payment, "100")).code == "in_progress"


@pytest.mark.parametrize("kind", [OutcomeClass.FAILED_DEFINITE, OutcomeClass.AUTH])
def test_a_late_refusal_of_an_earlier_sending_settles_nothing(desk: RefundDesk, kind: OutcomeClass) -> None:
    """If a desk delivers the refusal of its own earlier sending after the refund was sent again, the state of the
    second sending does not change.
    """
    payment, refund = make_unknown_refund(desk)
    desk.sql(
        "UPDATE refunds SET operation_id = 'a later sending', sent_count = sent_count + 1, version = version + 1"
        " WHERE id = :i",
        i=refund.id,
    )
    outcome: Outcome[RefundReport] = Outcome(kind, "refused", SendingCertainty.YES, status=400)
    assert desk.machinery.submit_action.deliver_outcome(refund.operation_id or "", outcome)
    now = desk.read_refund(refund)
    assert (now.state, now.certainty, now.operation_id) == (
        RefundState.SUBMITTING,
        Certainty.UNKNOWN,
        "a later sending",
    )
    assert desk.read_payment(payment.id).reserved_minor == refund.amount_minor


@pytest.mark.parametrize("order_of_first", ["ORD-9", "ORD-8"])
@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_the_provider_id_of_another_refund_completes_nothing(
    desk: RefundDesk, provider: str, order_of_first: str
) -> None:
    """If the given id belongs to another refund at the provider, it does not complete this refund."""
    payment = desk.make_paid_payment("ORD-9", 50_000, provider)
    paid_first = payment if order_of_first == "ORD-9" else desk.make_paid_payment(order_of_first, 50_000, provider)
    first = desk.approve_refund(desk.request_refund(paid_first, "100"))
    number = first.provider_refund_id
    assert number is not None
    desk.control.add_fault("reset", call=f"{provider}_refund", times=1)
    second = desk.request_refund(payment, "50")
    assert call_and_get_code(lambda: desk.approve_refund(second)) == "outcome_unknown"
    silence_provider(desk, provider)
    version = desk.read_refund(second).version
    for person in ("op-a", "lead-b"):
        refusal = call_for_refusal(
            lambda person_name=person: desk.resolve_refund(second, "completed", person_name, number)
        )
        assert (refusal.code, refusal.detail["reason"]) == ("evidence_mismatch", "used_by_other_record")
    assert (desk.read_refund(second).certainty, desk.read_refund(second).version) == (Certainty.UNKNOWN, version)
    own_key = desk.read_refund(second).provider_refund_key
    assert desk.resolve_refund(second, "completed", "op-a", own_key).awaiting == "second_person"


@pytest.mark.parametrize("is_first_denied", [False, True])
def test_an_answer_contradicts_the_refund_with_its_provider_id(desk: RefundDesk, *, is_first_denied: bool) -> None:
    """Two people complete the second refund with the id that the provider gave to the first refund. The late answer
    settles the first refund, whatever people decided about it, and opens a case about the second.
    """
    _, first = make_unknown_refund(desk, is_executed=True)
    number = str(desk.control.payments_control.read_refunds(key=first.provider_refund_key)[0]["id"])
    desk.control.add_fault("reset", call="atom_refund", times=1)
    second = desk.request_refund(desk.make_paid_payment("ORD2", 50_000, "atom"), "100")
    assert call_and_get_code(lambda: desk.approve_refund(second)) == "outcome_unknown"
    silence_provider(desk)
    if is_first_denied:
        for person in ("op-a", "lead-b"):
            desk.resolve_refund(first, "failed", person)
    for person in ("op-a", "lead-b"):
        desk.resolve_refund(second, "completed", person, number)
    desk.control.clear_faults()
    desk.probe_refund(first)
    assert desk.read_refund(first).state is (RefundState.FAILED if is_first_denied else RefundState.COMPLETED)
    decided = desk.read_refund(second)
    assert (decided.state, decided.provider_refund_id) == (RefundState.COMPLETED, number)
    assert (decided.work.reason, desk.read_refund(first).work.reason == "contradicted") == (
        "contradicted",
        is_first_denied,
    )
    cases = desk.sql("SELECT observed FROM alerts WHERE subject_id = :id AND subject_kind = 'refund'", id=second.id)
    assert [case.observed for case in cases] == [f"{number} is the number of refund {first.id}"]


def test_an_id_from_an_earlier_proposal_does_not_confirm(desk: RefundDesk) -> None:
    """Only the provider's id in the open proposal counts, not an id that the same person gave in an earlier
    proposal.
    """
    _, refund = make_unknown_refund(desk, is_executed=True)
    silence_provider(desk)
    desk.resolve_refund(refund, "completed", "op-a", "1519")
    assert desk.resolve_refund(refund, "completed", "op-a", "1520").awaiting == "second_person"
    assert call_and_get_code(lambda: desk.resolve_refund(refund, "completed", "op-a", "1520")) == "same_person"
    assert (
        call_for_refusal(lambda: desk.resolve_refund(refund, "completed", "lead-b", "1519")).detail["reason"]
        == "other_id"
    )
    settled = desk.resolve_refund(refund, "completed", "lead-b", "1520")
    assert settled.record.provider_refund_id == "1520"


@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_one_person_decides_a_refund_with_the_providers_confirmation(
    desk: RefundDesk, control: SandboxControl, provider: str
) -> None:
    """If the provider confirms the refund under the given id, the decision of one person is enough, and the evidence
    is stored.
    """
    payment, refund = make_unknown_refund(desk, provider, is_executed=True)
    provider_refund = control.payments_control.read_refunds(key=refund.provider_refund_key)[0]
    number = provider_refund["id"] if provider == "atom" else refund.provider_refund_key
    assert (
        call_for_refusal(lambda: desk.resolve_refund(refund, "completed", "op-a", "99")).detail["reason"]
        == "other_id"
    )
    settled = desk.resolve_refund(refund, "completed", "op-a", str(number))
    assert (settled.awaiting, settled.record.state) == (None, RefundState.COMPLETED)
    assert desk.check_payment_agrees(payment).refunded_minor == refund.amount_minor
    assert "person" in [item.source for item in desk.refunds.read_refund(refund.id).evidence]


def test_one_person_fails_no_refund_by_an_answer_about_another_refund(desk: RefundDesk) -> None:
    """Atom has accepted our refund, and now lists our idempotency key as failed under another number of its own. A
    probe doesn't trust this answer, so one person can't decide by it either: two people must decide.
    """
    payment = desk.make_paid_payment("ORD1", 50_000, "atom")
    refund = desk.request_refund(payment, "100")
    accepted = desk.approve_refund(refund)
    assert (accepted.state, accepted.provider_refund_id is None) == (RefundState.SUBMITTED, False)
    entry = "payInstrument.refundStatusDetails.refundDetails.0.refundStatus.0"
    fields = {f"{entry}.refundTxnId": 1, f"{entry}.remarks": "REFUND FAILED"}
    desk.control.add_fault("set_fields", call="atom_refund_status", times="always", fields=fields)
    desk.probe_refund(refund)
    assert desk.read_refund(refund).work.reason == "answer_does_not_fit"
    assert desk.resolve_refund(refund, "failed", "op-a").awaiting == "second_person"
    assert desk.read_refund(refund).state is RefundState.SUBMITTED
    assert desk.check_payment_agrees(payment).reserved_minor == refund.amount_minor


def test_the_providers_statement_outranks_two_people(desk: RefundDesk) -> None:
    """The provider has made a refund, and a person resolves it as failed: the service refuses the decision and stores
    the provider's state.
    """
    payment, refund = make_unknown_refund(desk, is_executed=True)
    refusal = call_for_refusal(lambda: desk.resolve_refund(refund, "failed", "op-a"))
    assert (refusal.code, refusal.detail["reason"]) == ("evidence_mismatch", "provider_says_otherwise")
    assert desk.read_refund(refund).state in (RefundState.COMPLETED, RefundState.SUBMITTED)
    desk.check_payment_agrees(payment)


def test_a_different_second_decision_is_a_new_proposal(desk: RefundDesk) -> None:
    """If a second person decides another outcome, this is a new first proposal and not a confirmation."""
    _, refund = make_unknown_refund(desk)
    silence_provider(desk)
    desk.resolve_refund(refund, "failed", "op-a")
    assert desk.resolve_refund(refund, "completed", "lead-b", "1519").awaiting == "second_person"
    assert desk.resolve_refund(refund, "failed", "lead-c").awaiting == "second_person"
    assert desk.read_refund(refund).certainty is Certainty.UNKNOWN
    assert desk.resolve_refund(refund, "failed", "lead-b").record.state is RefundState.FAILED


def test_a_probe_closes_the_proposal_about_a_refund(desk: RefundDesk, control: SandboxControl) -> None:
    """If a probe settles the refund, its open proposal is closed."""
    _, refund = make_unknown_refund(desk, "paypay", is_executed=True)
    silence_provider(desk, "paypay")
    desk.resolve_refund(refund, "failed", "op-a")
    control.clear_faults()
    desk.probe_refund(refund)
    assert desk.refunds.read_refund(refund.id).awaiting is None
    assert call_and_get_code(lambda: desk.resolve_refund(refund, "failed", "lead-b")) == "nothing_to_resolve"


@pytest.mark.parametrize(
    ("as_state", "proof", "code"), [("success", "seen", "usage"), ("failed", "  ", "no_evidence")]
)
def test_an_invalid_decision_is_refused(desk: RefundDesk, as_state: str, proof: str, code: str) -> None:
    """A decision with a state other than completed or failed, or with empty evidence, is refused."""
    _, refund = make_unknown_refund(desk)
    assert call_and_get_code(lambda: desk.resolve_refund(refund, as_state, "op-a", proof=proof)) == code


def test_known_refunds_cannot_be_resolved(desk: RefundDesk) -> None:
    """A requested or an accepted refund can't be resolved by people."""
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment)
    assert call_and_get_code(lambda: desk.resolve_refund(refund, "failed", "op-a")) == "nothing_to_resolve"
    desk.approve_refund(refund)
    assert call_and_get_code(lambda: desk.resolve_refund(refund, "failed", "op-a")) == "nothing_to_resolve"


def test_an_accepted_refund_deleted_at_the_provider_needs_two_people(
    desk: RefundDesk, control: SandboxControl
) -> None:
    """An accepted refund that the provider no longer has can be resolved by two people."""
    payment = desk.make_paid_payment()
    refund = desk.approve_refund(desk.request_refund(payment))
    control.add_fault("result:ORDER_NO_LONGER_AVAILABLE", call="paypay_refund_details", times="always")
    assert desk.probe_refund(refund).work.reason == "order_no_longer_kept"
    key = refund.provider_refund_key
    assert desk.resolve_refund(refund, "completed", "op-a", key).awaiting == "second_person"
    assert desk.resolve_refund(refund, "completed", "lead-b", key).record.state is RefundState.COMPLETED
    assert desk.check_payment_agrees(payment).refunded_minor == 1000


def test_an_old_view_resolves_nothing(desk: RefundDesk) -> None:
    """A decision that states an earlier version of the refund is refused."""
    _, refund = make_unknown_refund(desk)
    with desk.console.acting_as("op-a"):
        assert (
            call_and_get_code(lambda: desk.refunds.resolve(refund.id, "failed", "seen", expected_version=1))
            == "stale_view"
        )


def settle_by_report(desk: RefundDesk, refund: Refund, state: RefundState) -> None:
    """Apply a report about the payment that gives the refund this state, as another process would, without a
    lease.
    """
    provider_refund = desk.control.payments_control.read_refunds(key=refund.provider_refund_key)[0]
    amount = Money(refund.amount_minor, refund.currency)
    report = RefundReport(refund.provider_refund_key or "", str(provider_refund["id"]), state.value, state, amount)
    assert desk.context.write(lambda tx: apply_refund_report(desk.context, tx, refund.payment_id, report))


@pytest.mark.parametrize(
    ("reported", "answered", "decision", "code", "end"),
    [
        (RefundState.COMPLETED, "completed", "completed", "done", RefundState.COMPLETED),
        (RefundState.COMPLETED, "completed", "failed", "evidence_mismatch", RefundState.COMPLETED),
        (RefundState.COMPLETED, "accepted", "completed", "done", RefundState.COMPLETED),
        (RefundState.COMPLETED, "failed", "completed", "evidence_mismatch", RefundState.COMPLETED),
        (RefundState.FAILED, "failed", "failed", "done", RefundState.FAILED),
        (RefundState.FAILED, "completed", "failed", "evidence_mismatch", RefundState.FAILED),
        (RefundState.SUBMITTED, "completed", "completed", "done", RefundState.COMPLETED),
        (RefundState.SUBMITTED, "accepted", "completed", "evidence_mismatch", RefundState.SUBMITTED),
        (RefundState.SUBMITTED, "failed", "failed", "done", RefundState.FAILED),
        (RefundState.SUBMITTED, "failed", "completed", "evidence_mismatch", RefundState.FAILED),
    ],
)
def test_a_refund_settled_by_a_report_is_not_settled_twice(
    desk: RefundDesk,
    monkeypatch: pytest.MonkeyPatch,
    reported: RefundState,
    answered: str,
    decision: str,
    code: str,
    end: RefundState,
) -> None:
    """While a person's decision queries the provider, a report settles the refund and another refund of the payment
    is requested. The reservation of the other refund does not change, and the answer and the person's evidence are
    stored.
    """
    desk.control.change_settings(waits_for_manual_settling=True)
    payment, refund = make_unknown_refund(desk, is_executed=True)
    provider_refund, others = (
        desk.control.payments_control.read_refunds(key=refund.provider_refund_key)[0],
        list[Refund](),
    )
    reach = desk.context.failpoints.reach

    def settle_before_resolve(name: str) -> None:
        reach(name)
        if name == "before_resolve":
            settle_by_report(desk, refund, reported)
            others.append(desk.request_refund(payment, "250"))

    desk.control.payments_control.change_refund_state(provider_refund["key"], answered)
    monkeypatch.setattr(desk.context.failpoints, "reach", settle_before_resolve)
    number = str(provider_refund["id"]) if decision == "completed" else None
    assert call_and_get_code(partial(desk.resolve_refund, refund, decision, "op-a", number)) == code
    ours, now = desk.read_payment(payment.id), desk.read_refund(refund)
    refunded_minor, reserved_minor = (
        refund.amount_minor * (end is state) for state in (RefundState.COMPLETED, RefundState.SUBMITTED)
    )
    assert (now.state, now.certainty) == (end, Certainty.KNOWN)
    assert (ours.refunded_minor, ours.reserved_minor) == (refunded_minor, others[0].amount_minor + reserved_minor)
    sources = [item.source for item in desk.refunds.read_refund(refund.id).evidence]
    assert (sources.count("person"), sources.count("atom.refund_status")) == (1, 1)


def test_a_page_states_that_nobody_can_confirm_a_proposal(desk: RefundDesk) -> None:
    """While the proposer is the only person who may confirm, the pages of the refund and its payment state that
    nobody can confirm the proposal.
    """
    desk.insert_team()
    payment, refund = make_unknown_refund(desk)
    desk.resolve_refund(refund, "failed", "lead-b", proof="not on their list")

    def read_next_steps() -> tuple[str, str]:
        """Return the codes of the next steps of the refund and of its payment."""
        of_refund = desk.refunds.read_refund(refund.id).explanation.next_step
        return of_refund.code, desk.readers.payment_details.read_payment(payment.id).explanation.next_step.code

    usual = ("next.refund_second_person", "next.payment_refund_second_person")
    assert read_next_steps() == usual
    for name in ("lead-c", "lead-d"):
        desk.disable_person(name)
    assert read_next_steps() == ("next.second_person_missing", "next.payment_refund_second_person_missing")
    desk.sql("UPDATE operators SET disabled_at = NULL WHERE name = 'lead-d'")
    assert read_next_steps() == usual
