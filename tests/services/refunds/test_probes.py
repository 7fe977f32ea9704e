"""Tests of probes of refunds: the answers that settle a refund, the answers that never settle one, and the next step
after each answer.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from console.domain.payments.provider_messages import RefundReport
from console.domain.payments.records import Payment, Refund
from console.domain.payments.states import RefundState
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import Certainty, WorkState
from console.domain.tasks.records import Alert
from console.sandbox import SandboxControl
from console.services.refunds.late_outcomes import apply_refund_report
from console.services.refunds.records import read_refund_with_payment
from console.wording.sentences.catalogue import format_error_message
from tests.support.refund_desks import RefundDesk
from tests.support.refusals import call_and_get_code, call_for_refusal


def make_unknown_refund(
    desk: RefundDesk, provider: str = "paypay", *, is_executed: bool = False
) -> tuple[Payment, Refund]:
    """Return a payment and its refund of 100 yen (at Atom 100 rupees), whose sending got no answer. With
    `is_executed`, the provider has made it.
    """
    payment = desk.make_paid_payment("ORD1", 50_000, provider)
    refund = desk.request_refund(payment, "100")
    desk.control.add_fault("close_after_charge" if is_executed else "reset", call=f"{provider}_refund", times=1)
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "outcome_unknown"
    return payment, desk.read_refund(refund)


def make_accepted_refund(desk: RefundDesk, provider: str = "paypay") -> tuple[Payment, Refund]:
    """Return a payment and its refund, which the provider accepted."""
    payment = desk.make_paid_payment("ORD1", 50_000, provider)
    return payment, desk.approve_refund(desk.request_refund(payment, "100"))


@pytest.mark.parametrize("provider", ["paypay", "atom"])
@pytest.mark.parametrize("is_unknown", [False, True])
def test_a_probe_without_an_answer_never_says_that_nothing_was_sent(
    desk: RefundDesk, provider: str, is_unknown: bool
) -> None:
    """If the gateway can't be reached while a sent refund is probed, the message warns of a second refund. It doesn't
    say that the refund was not sent, because a person could then refund the money in another way.
    """
    make = make_unknown_refund if is_unknown else make_accepted_refund
    _, refund = make(desk, provider)
    assert refund.state is (RefundState.SUBMITTING if is_unknown else RefundState.SUBMITTED)
    with desk.control.cause_outage():
        refusal = call_for_refusal(lambda: desk.probe_refund(refund))
    assert refusal.code == "provider_unreachable"
    message = format_error_message(refusal, "en")
    assert "The money may have been refunded. Don't refund again." in message
    assert "not sent" not in message


def test_the_page_of_an_order_names_its_unknown_refund(desk: RefundDesk) -> None:
    """The page of an order names its unknown refund until the outcome is known, because the sentence "nothing to do"
    would be wrong.
    """
    payment, refund = make_unknown_refund(desk, is_executed=True)
    assert payment.order_id is not None
    explanation = desk.console.payments.read_order(payment.order_id).explanation
    assert (explanation.verdict, explanation.facts["refund"], explanation.work) == (
        "verdict.payment_refund_unknown",
        refund.id,
        "possible",
    )
    accepted = desk.probe_refund(refund)
    assert (accepted.state, accepted.certainty) == (RefundState.COMPLETED, Certainty.KNOWN)
    explanation = desk.console.payments.read_order(payment.order_id).explanation
    assert (explanation.verdict, explanation.why) == ("verdict.order_paid", "why.order_paid")


@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_one_answer_settles_a_refund_that_was_made(desk: RefundDesk, control: SandboxControl, provider: str) -> None:
    """One answer that the refund was made settles the refund, also directly after the sending; nothing is sent
    again.
    """
    payment, refund = make_unknown_refund(desk, provider, is_executed=True)
    probed_refund = desk.probe_refund(refund)
    assert probed_refund.certainty is Certainty.KNOWN
    assert probed_refund.state in (RefundState.SUBMITTED, RefundState.COMPLETED)
    desk.run_due_tasks()
    assert len(control.read_requests(call=f"{provider}_refund")) == 1
    assert desk.list_provider_keys(payment) == [refund.provider_refund_key]
    operation = desk.sql("SELECT state FROM operations WHERE id = :id", id=refund.operation_id)[0]
    assert operation.state == "done"
    desk.check_payment_agrees(payment)


def test_two_not_found_answers_lead_to_a_repeat_with_the_same_key(desk: RefundDesk) -> None:
    """If PayPay answers `not found` at least 60 s after the sending, and again at least 180 s after it, the refund
    becomes approved again and is sent under the same key.
    """
    payment, refund = make_unknown_refund(desk)
    assert call_and_get_code(lambda: desk.probe_refund(refund)) == "outcome_unknown"
    assert desk.read_refund(refund).not_found == 0, "too early to count"
    desk.move_clock(seconds=61)
    assert call_for_refusal(lambda: desk.probe_refund(refund)).detail["reason"] == "not_found"
    assert desk.read_refund(refund).not_found == 1
    desk.move_clock(seconds=100)
    assert call_and_get_code(lambda: desk.probe_refund(refund)) == "outcome_unknown"
    counted = desk.read_refund(refund)
    assert (counted.not_found, counted.state, counted.certainty) == (2, RefundState.SUBMITTING, Certainty.UNKNOWN)
    desk.move_clock(seconds=20)
    back = desk.probe_refund(refund)
    assert (back.state, back.certainty, back.work.reason) == (RefundState.APPROVED, Certainty.KNOWN, "submission")
    assert desk.run_due_tasks()["refund_submissions"] == 1
    again = desk.read_refund(refund)
    assert (again.state, again.sent_count, again.not_found) == (RefundState.SUBMITTED, 2, 0)
    assert desk.list_provider_keys(payment) == [refund.provider_refund_key]
    desk.check_payment_agrees(payment)


def test_an_answer_not_found_from_a_cache_proves_nothing(desk: RefundDesk, control: SandboxControl) -> None:
    """A stored answer `not found` from a cache between us and PayPay counts neither as the first nor as the second
    answer, and nothing is sent again.
    """
    _, refund = make_unknown_refund(desk)
    control.add_fault("stored", call="paypay_refund_details", times=3)
    for seconds in (61, 140, 3600):
        desk.move_clock(seconds=seconds)
        refusal = call_for_refusal(lambda: desk.probe_refund(refund))
        assert (refusal.code, refusal.detail["reason"]) == ("provider_unreachable", "old_answer")
        assert (desk.read_refund(refund).not_found, desk.read_refund(refund).certainty) == (0, Certainty.UNKNOWN)
    assert call_for_refusal(lambda: desk.probe_refund(refund)).detail["reason"] == "not_found"
    assert desk.probe_refund(refund).state is RefundState.APPROVED


@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_a_refund_with_a_cached_answer_cannot_be_denied(
    desk: RefundDesk, control: SandboxControl, provider: str
) -> None:
    """If the provider has made the refund and a cache gives an old answer about it, two people cannot decide that the
    refund failed. As soon as the provider's own answer arrives, it settles the refund.
    """
    _, refund = make_unknown_refund(desk, provider, is_executed=True)
    call = {"paypay": "paypay_refund_details", "atom": "atom_refund_status"}[provider]
    control.add_fault("stored", call=call, times=2)
    for person in ("op-e", "lead-b"):
        refusal = call_for_refusal(lambda person=person: desk.resolve_refund(refund, "failed", person))
        assert (refusal.code, refusal.detail["reason"]) == ("evidence_mismatch", "old_answer")
    assert desk.read_refund(refund).certainty is Certainty.UNKNOWN
    assert desk.probe_refund(refund).certainty is Certainty.KNOWN


@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_a_refund_that_is_reported_with_another_amount_is_not_denied(
    desk: RefundDesk, control: SandboxControl, provider: str
) -> None:
    """If the provider reports a refund under our key with another amount, two people cannot decide that the refund
    failed.
    """
    _, refund = make_unknown_refund(desk, provider, is_executed=True)
    call = {"paypay": "paypay_refund_details", "atom": "atom_refund_status"}[provider]
    control.add_fault("other_amount", call=call, times=2)
    for person in ("op-e", "lead-b"):
        refusal = call_for_refusal(lambda person=person: desk.resolve_refund(refund, "failed", person))
        assert refusal.code == "evidence_mismatch"
        assert refusal.detail["reason"] in ("CREATED", "REFUNDED", "REFUND INITIATED", "REFUND PROCESSED")
    assert desk.read_refund(refund).certainty is Certainty.UNKNOWN
    assert desk.probe_refund(refund).certainty is Certainty.KNOWN


@pytest.mark.parametrize(
    ("provider", "fault"), [("paypay", "odd_status"), ("paypay", "html"), ("atom", "odd_status")]
)
def test_an_answer_that_may_mean_refunded_permits_no_denial(
    desk: RefundDesk, control: SandboxControl, provider: str, fault: str
) -> None:
    """If the provider has made the refund, but its answer can't be used, two people cannot decide that the refund
    failed. If the provider doesn't answer at all, they can.
    """
    _, refund = make_unknown_refund(desk, provider, is_executed=True)
    call = {"paypay": "paypay_refund_details", "atom": "atom_refund_status"}[provider]
    control.add_fault(fault, call=call, times="always")
    for person in ("op-e", "lead-b"):
        refusal = call_for_refusal(lambda person=person: desk.resolve_refund(refund, "failed", person))
        assert (refusal.code, refusal.detail["reason"]) == ("evidence_mismatch", "unusable_answer")
    assert desk.read_refund(refund).certainty is Certainty.UNKNOWN
    control.clear_faults()
    control.add_fault("status:503", call=call, times="always")
    assert desk.resolve_refund(refund, "failed", "op-e").awaiting == "second_person"


def test_a_refund_listed_with_its_key_in_another_notation_is_not_denied(
    desk: RefundDesk, control: SandboxControl
) -> None:
    """If Atom lists a refund whose key differs from ours only in small and capital letters, it may be our refund: two
    people cannot decide that our refund failed.
    """
    _, refund = make_unknown_refund(desk, "atom", is_executed=True)
    entry = "payInstrument.refundStatusDetails.refundDetails.0.refundStatus.0"
    fields = {f"{entry}.prodRefundId": (refund.provider_refund_key or "").swapcase()}
    control.add_fault("set_fields", call="atom_refund_status", times="always", fields=fields)
    for person in ("op-e", "lead-b"):
        refusal = call_for_refusal(lambda person=person: desk.resolve_refund(refund, "failed", person))
        assert (refusal.code, refusal.detail["reason"]) == ("evidence_mismatch", "unusable_answer")
    assert desk.read_refund(refund).certainty is Certainty.UNKNOWN


def test_a_single_not_found_does_not_settle_a_refund(desk: RefundDesk) -> None:
    """One answer `not found` does not settle a refund, however late it comes. The automatic probes follow at the
    times of the schedule.
    """
    payment, refund = make_unknown_refund(desk)
    desk.move_clock(hours=1)
    desk.run_due_tasks()
    assert (desk.read_refund(refund).certainty, desk.read_refund(refund).not_found) == (Certainty.UNKNOWN, 1)
    desk.run_due_tasks()
    assert desk.read_refund(refund).not_found == 1, "not before its time"
    desk.move_clock(minutes=6)
    assert desk.run_due_tasks()["refund_submissions"] == 1, "settled, and sent in the same run"
    assert desk.list_provider_keys(payment) == [refund.provider_refund_key]


def test_a_refund_that_arrives_late_is_found_and_not_sent_twice(desk: RefundDesk, control: SandboxControl) -> None:
    """A probe finds a refund that reached the provider late, and the refund is not sent twice."""
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment)
    control.add_fault("late_charge", call="paypay_refund", times=1)
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "outcome_unknown"
    desk.move_clock(seconds=61)
    assert call_and_get_code(lambda: desk.probe_refund(refund)) == "outcome_unknown"
    control.release_calls()
    assert control.wait_until_counts_reached(refunds=1)
    desk.move_clock(seconds=200)
    assert desk.probe_refund(refund).state in (RefundState.SUBMITTED, RefundState.COMPLETED)
    assert len(desk.list_provider_keys(payment)) == 1
    assert len(control.read_requests(call="paypay_refund")) == 1


def test_an_answer_not_found_of_atom_proves_nothing(desk: RefundDesk, control: SandboxControl) -> None:
    """Atom's answer `not found` never settles a refund. After the schedule of probes a person must look, and nothing
    is sent again.
    """
    payment, refund = make_unknown_refund(desk, "atom")
    for _ in range(12):
        desk.move_clock(hours=25)
        desk.run_due_tasks()
    stored_refund = desk.read_refund(refund)
    assert (stored_refund.state, stored_refund.certainty) == (RefundState.SUBMITTING, Certainty.UNKNOWN)
    assert (stored_refund.work.state, stored_refund.work.reason, stored_refund.work.attempt) == (
        WorkState.NEEDS_REVIEW,
        "probes_ended",
        10,
    )
    assert len(control.read_requests(call="atom_refund")) == 1
    assert desk.check_payment_agrees(payment).reserved_minor == refund.amount_minor


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("status:503", "outcome_unknown"),
        ("html", "outcome_unknown"),
        ("hang", "provider_unreachable"),
        ("result:RATE_LIMIT", "rate_limited"),
        ("result:UNAUTHORIZED", "provider_auth"),
        ("reset", "provider_unreachable"),
    ],
)
def test_a_probe_without_a_usable_answer_changes_nothing(
    desk: RefundDesk, control: SandboxControl, fault: str, expected: str
) -> None:
    """A probe without a usable answer leaves the refund unknown and reports the reason; the schedule continues."""
    _, refund = make_unknown_refund(desk)
    desk.move_clock(minutes=10)
    control.add_fault(fault, call="paypay_refund_details", times=2)
    assert call_and_get_code(lambda: desk.probe_refund(refund)) == expected
    after = desk.read_refund(refund)
    assert (after.state, after.certainty, after.not_found, after.work) == (
        refund.state,
        refund.certainty,
        0,
        refund.work,
    )
    assert desk.run_due_tasks()["refund_probes"] == 1
    assert (desk.read_refund(refund).work.attempt, desk.read_refund(refund).not_found) == (1, 0)


def test_the_first_probe_waits_for_the_time_out_of_the_call(desk: RefundDesk, control: SandboxControl) -> None:
    """The first automatic probe comes no sooner than the time-out of the call that sent the refund."""
    _, refund = make_unknown_refund(desk)
    desk.sql("UPDATE refunds SET work_at = created_at, version = version + 1")
    desk.run_due_tasks()
    assert control.read_requests(call="paypay_refund_details") == []
    stored_refund = desk.read_refund(refund)
    assert stored_refund.work.at is not None
    assert stored_refund.last_sent_at is not None
    assert stored_refund.work.at - stored_refund.last_sent_at == timedelta(seconds=30) / 20
    desk.move_clock(seconds=31)
    desk.run_due_tasks()
    assert len(control.read_requests(call="paypay_refund_details")) == 1


@pytest.mark.parametrize(
    ("provider", "fault"),
    [
        ("paypay", "other_refund"),
        ("paypay", "other_payment"),
        ("paypay", "other_amount"),
        ("paypay", "other_currency"),
        ("atom", "other_payment"),
        ("atom", "other_amount"),
    ],
)
def test_an_answer_about_another_refund_or_amount_settles_nothing(
    desk: RefundDesk, control: SandboxControl, provider: str, fault: str
) -> None:
    """An answer with another id, payment, amount or currency opens a case. The refund stays unknown until an answer
    agrees with it.
    """
    payment, refund = make_unknown_refund(desk, provider, is_executed=True)
    control.add_fault(fault, call={"paypay": "paypay_refund_details", "atom": "atom_refund_status"}[provider])
    assert call_and_get_code(lambda: desk.probe_refund(refund)) == "outcome_unknown"
    stored_refund = desk.read_refund(refund)
    assert (stored_refund.certainty, stored_refund.work.state) == (Certainty.UNKNOWN, WorkState.NEEDS_REVIEW)
    assert stored_refund.work.reason == "answer_does_not_fit"
    cases = "SELECT rule_id FROM alerts WHERE subject_kind = 'refund' AND resolved_at IS NULL"
    assert [row[0] for row in desk.sql(cases)] == ["answer_does_not_fit"]
    assert desk.check_payment_agrees(payment).reserved_minor == refund.amount_minor
    assert desk.probe_refund(refund).certainty is Certainty.KNOWN
    assert desk.sql(cases) == []


def test_a_refund_deleted_at_the_provider_needs_a_person(desk: RefundDesk, control: SandboxControl) -> None:
    """If PayPay answers ORDER_NO_LONGER_AVAILABLE, the refund stays unknown, a person must look, and no further probe
    is made.
    """
    _, refund = make_unknown_refund(desk, is_executed=True)
    control.add_fault("result:ORDER_NO_LONGER_AVAILABLE", call="paypay_refund_details")
    assert call_and_get_code(lambda: desk.probe_refund(refund)) == "outcome_unknown"
    stored_refund = desk.read_refund(refund)
    assert (stored_refund.certainty, stored_refund.work.state) == (Certainty.UNKNOWN, WorkState.NEEDS_REVIEW)
    assert stored_refund.work.reason == "order_no_longer_kept"
    query_count = len(control.read_requests(call="paypay_refund_details"))
    for _ in range(3):
        desk.move_clock(hours=25)
        desk.run_due_tasks()
    assert len(control.read_requests(call="paypay_refund_details")) == query_count


def test_accepted_refunds_are_followed_to_their_end(desk: RefundDesk, control: SandboxControl) -> None:
    """An accepted refund is polled after 30 s, 2 min and 10 min, then hourly and later daily, until it ends. After a
    day one alert is raised.
    """
    control.change_settings(waits_for_manual_settling=True)
    payment, refund = make_accepted_refund(desk)
    for span in (31, 121, 601, *[3601] * 24, 86_401, 86_401):
        desk.move_clock(seconds=span)
        assert desk.run_due_tasks()["refund_polls"] == 1
    stored_refund = desk.read_refund(refund)
    assert (stored_refund.state, stored_refund.work.state, stored_refund.work.reason) == (
        RefundState.SUBMITTED,
        WorkState.SCHEDULED,
        "poll",
    )
    assert [row[0] for row in desk.sql("SELECT rule_id FROM alerts")] == ["refund_slow"]
    control.payments_control.change_refund_state(refund.provider_refund_key or "", "completed")
    assert desk.probe_refund(refund).state is RefundState.COMPLETED
    assert desk.sql("SELECT 1 FROM alerts WHERE resolved_at IS NULL") == []
    assert desk.check_payment_agrees(payment).refunded_minor == 100


def test_refunds_at_atom_are_polled_hourly(desk: RefundDesk, control: SandboxControl) -> None:
    """Refunds at Atom, which take hours, are polled at most once an hour."""
    control.change_settings(waits_for_manual_settling=True)
    _, refund = make_accepted_refund(desk, "atom")
    desk.move_clock(minutes=50)
    assert desk.run_due_tasks()["refund_polls"] == 0
    desk.move_clock(minutes=11)
    assert desk.run_due_tasks()["refund_polls"] == 1
    assert desk.read_refund(refund).state is RefundState.SUBMITTED


def test_a_refund_stays_accepted_after_a_temporary_failure_at_paypay(
    desk: RefundDesk, control: SandboxControl
) -> None:
    """After the state REFUND_FAILED, PayPay itself repeats the refund. The refund therefore stays accepted and is not
    sent again.
    """
    control.change_settings(waits_for_manual_settling=True)
    _, refund = make_accepted_refund(desk)
    control.payments_control.change_refund_state(refund.provider_refund_key or "", "failed")
    probed_refund = desk.probe_refund(refund)
    assert (probed_refund.state, probed_refund.provider_state) == (RefundState.SUBMITTED, "REFUND_FAILED")
    desk.move_clock(hours=2)
    desk.run_due_tasks()
    assert desk.read_refund(refund).state is RefundState.SUBMITTED
    assert len(control.read_requests(call="paypay_refund")) == 1


@pytest.mark.parametrize("word", ["failed", "rejected"])
def test_a_refund_refused_by_atom_later_is_failed(desk: RefundDesk, control: SandboxControl, word: str) -> None:
    """A refund that Atom first accepted and later refused is failed, and its amount is free."""
    control.change_settings(waits_for_manual_settling=True)
    payment, refund = make_accepted_refund(desk, "atom")
    control.payments_control.change_refund_state(refund.provider_refund_key or "", word)
    assert desk.probe_refund(refund).state is RefundState.FAILED
    assert desk.check_payment_agrees(payment).refundable_minor == 50_000


def test_acceptance_is_not_undone_by_not_found(desk: RefundDesk, control: SandboxControl) -> None:
    """A later answer `not found` leaves an accepted refund accepted and raises an alert; later reports still change
    the refund.
    """
    payment, refund = make_accepted_refund(desk)
    control.add_fault("result:NO_SUCH_REFUND_ORDER", call="paypay_refund_details")
    probed_refund = desk.probe_refund(refund)
    assert (probed_refund.state, probed_refund.certainty, probed_refund.work.reason) == (
        RefundState.SUBMITTED,
        Certainty.KNOWN,
        "contradicted",
    )
    assert [row[0] for row in desk.sql("SELECT rule_id FROM alerts")] == ["contradicted"]
    assert desk.check_payment_agrees(payment).reserved_minor == 100
    assert call_and_get_code(lambda: desk.request_refund(payment, "50")) == "in_progress"
    assert desk.probe_refund(refund).state is RefundState.COMPLETED


@pytest.mark.parametrize("kind", [OutcomeClass.NOT_FOUND, OutcomeClass.FAILED_DEFINITE])
def test_an_answer_from_before_the_sending_changes_no_accepted_refund(
    desk: RefundDesk, control: SandboxControl, kind: OutcomeClass
) -> None:
    """A refund whose first sending was refused because of too many calls is probed. Before the answer arrives, a due
    task sends the refund and PayPay accepts it: the answer changes nothing, also after the refund is completed.
    """
    payment = desk.make_paid_payment("ORD1", 50_000)
    refund = desk.request_refund(payment, "100")
    control.add_fault("status:429", call="paypay_refund", times=1)
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "rate_limited"
    context, prober = desk.context, desk.refunds._refund_prober
    queried = read_refund_with_payment(context, refund.id)
    desk.move_clock(hours=1)
    desk.run_due_tasks()
    assert desk.read_refund(refund).state is RefundState.SUBMITTED
    capabilities = desk.providers.get_reader("paypay").capabilities
    key = queried.refund.provider_refund_key or ""
    report = RefundReport(key, key, "FAILED", RefundState.FAILED, None)
    content = report if kind is OutcomeClass.FAILED_DEFINITE else None
    answer = Outcome(kind, "old", SendingCertainty.YES, content)

    def apply_old_answer() -> Refund:
        asked_at = context.now() - timedelta(hours=2)
        context.write(
            lambda tx: prober._compare_known_refund(tx, queried, answer, capabilities, asked_at, is_automatic=False)
        )
        assert desk.sql("SELECT rule_id FROM alerts") == []
        return desk.read_refund(refund)

    accepted_refund = desk.read_refund(refund)
    assert apply_old_answer() == accepted_refund
    assert desk.check_payment_agrees(payment).reserved_minor == 100
    completed_refund = desk.probe_refund(refund)
    assert completed_refund.state is RefundState.COMPLETED
    assert apply_old_answer() == completed_refund


def test_the_older_of_two_answers_shows_no_older_state(desk: RefundDesk, control: SandboxControl) -> None:
    """Two desks ask about an accepted refund. The second question is answered first: PayPay is repeating the refund,
    and then it has completed it. The answer to the first question, which comes after each of these, leaves the newer
    state and its time on the refund's page."""
    control.change_settings(waits_for_manual_settling=True)
    _, accepted_refund = make_accepted_refund(desk)
    context, prober = desk.context, desk.refunds._refund_prober
    queried, asked_at = read_refund_with_payment(context, accepted_refund.id), context.now()
    key = accepted_refund.provider_refund_key or ""
    report = RefundReport(key, key, "CREATED", RefundState.SUBMITTED, None)
    old_answer = Outcome(OutcomeClass.PENDING, "created", SendingCertainty.YES, report)
    capabilities = desk.providers.get_reader("paypay").capabilities
    desk.move_clock(minutes=10)
    for state, word in (("failed", "REFUND_FAILED"), ("completed", "REFUNDED")):
        control.payments_control.change_refund_state(key, state)
        probed_refund = desk.probe_refund(accepted_refund)
        assert probed_refund.provider_state == word
        context.write(
            lambda tx: prober._compare_known_refund(
                tx, queried, old_answer, capabilities, asked_at, is_automatic=False
            )
        )
        assert desk.read_refund(accepted_refund) == probed_refund


def test_a_late_success_of_a_failed_refund_opens_a_case(desk: RefundDesk, control: SandboxControl) -> None:
    """If a failed refund is later reported as made, it stays failed and a person must look. Until then no other
    refund of the payment is sent.
    """
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment)
    control.add_fault("result_after:CANCELED_USER", call="paypay_refund", times=1)
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "provider_refused"
    probed_refund = desk.probe_refund(refund)
    assert (probed_refund.state, probed_refund.work.reason) == (RefundState.FAILED, "contradicted")
    assert [row[0] for row in desk.sql("SELECT rule_id FROM alerts")] == ["contradicted"]
    refusal = call_for_refusal(lambda: desk.request_refund(payment, "500"))
    assert (refusal.code, refusal.detail["reason"]) == ("in_progress", "nothing_contradicted")
    assert desk.refunds.make_plan(payment.id).refusal_code == "refund_contradicted"
    assert len(desk.list_provider_keys(payment)) == 1


@pytest.mark.parametrize("is_reported_by_payment", [False, True], ids=["by a probe", "by the payment"])
def test_an_acknowledged_contradiction_hides_no_other_one(
    desk: RefundDesk, control: SandboxControl, *, is_reported_by_payment: bool
) -> None:
    """A person has acknowledged that PayPay accepted a failed refund. If PayPay then reports it as completed, which
    means that the payer has the money, one new case is opened.
    """

    def list_open_cases(state: RefundState) -> list[Alert]:
        if is_reported_by_payment:
            apply_report(desk, payment, make_report(desk.read_refund(refund), payment, state))
        else:
            desk.probe_refund(refund)
        return [case for case in desk.console.alerts.list_alerts() if case.resolved_at is None]

    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment)
    control.add_fault("result_after:CANCELED_USER", call="paypay_refund", times=1)
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "provider_refused"
    accepted = {"call": "paypay_refund_details", "action": "set_fields", "fields": {"data.status": "CREATED"}}
    control.add_faults({**accepted, "times": 1})
    (first,) = list_open_cases(RefundState.SUBMITTED)
    with desk.console.acting_as("lead-b"):
        desk.console.alerts.acknowledge(first.id, "we look into it")
    control.payments_control.change_refund_state(desk.read_refund(refund).provider_refund_key or "", "completed")
    (second,) = list_open_cases(RefundState.COMPLETED)
    assert (second.rule_id, second.acknowledged_by, second.observed != first.observed) == ("contradicted", None, True)
    assert list_open_cases(RefundState.COMPLETED) == [second]
    with desk.console.acting_as("lead-b"):
        known = desk.console.alerts.acknowledge(second.id, "the payer has it")
    assert list_open_cases(RefundState.COMPLETED) == [known]


def test_a_contradicted_refund_stays_contradicted_after_a_second_sending(
    desk: RefundDesk, control: SandboxControl
) -> None:
    """PayPay reports that it made an approved refund, and a second sending is refused. The refund waits for people,
    and cannot be withdrawn as if nothing had been sent.
    """
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment)
    control.add_fault("result_after:RATE_LIMIT", call="paypay_refund", times=1)
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "rate_limited"
    assert desk.probe_refund(refund).work.reason == "contradicted"
    assert call_for_refusal(lambda: desk.withdraw_refund(refund)).detail["reason"] == "nothing_contradicted"
    control.add_fault("result:RATE_LIMIT", call="paypay_refund", times=1)
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "rate_limited"
    stored_refund = desk.read_refund(refund)
    assert (stored_refund.state, stored_refund.work.state, stored_refund.work.reason) == (
        RefundState.APPROVED,
        WorkState.NEEDS_REVIEW,
        "contradicted",
    )
    assert call_for_refusal(lambda: desk.withdraw_refund(refund)).detail["reason"] == "nothing_contradicted"
    assert len(desk.list_provider_keys(payment)) == 1


def test_a_contradiction_that_is_found_again_stops_the_next_refund(desk: RefundDesk, control: SandboxControl) -> None:
    """The case of a refund is open, but the refund's work does not wait for it, as in earlier releases. The query
    before the next refund finds the contradiction again, and the next refund is not sent.
    """
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment)
    control.add_fault("result_after:RATE_LIMIT", call="paypay_refund", times=1)
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "rate_limited"
    assert desk.probe_refund(refund).work.reason == "contradicted"
    desk.sql("DROP TRIGGER guard_refunds_update")
    desk.sql("UPDATE refunds SET work_state = 'scheduled', work_reason = 'submission'")
    assert desk.withdraw_refund(refund).state is RefundState.WITHDRAWN
    refusal = call_for_refusal(lambda: desk.approve_refund(desk.request_refund(payment, "500")))
    assert (refusal.code, refusal.detail["reason"]) == ("in_progress", "nothing_contradicted")
    assert desk.list_provider_keys(payment) == [desk.read_refund(refund).provider_refund_key]


def test_a_probe_of_an_unsent_refund_sends_nothing(desk: RefundDesk, control: SandboxControl) -> None:
    """A probe of a refund that was never sent sends nothing to the provider."""
    refund = desk.request_refund(desk.make_paid_payment())
    assert desk.probe_refund(refund) == refund
    assert control.read_requests(call="paypay_refund_details") == []


def test_a_refund_being_sent_cannot_be_probed(desk: RefundDesk) -> None:
    """While the operation that sends a refund is running and holds its lease, a probe is refused with the operation's
    person.
    """
    _, refund = make_unknown_refund(desk)
    desk.sql(
        "UPDATE operations SET state = 'calling', lease_expires = 9000000000000000 WHERE action = 'refund.submit'"
    )
    refusal = call_for_refusal(lambda: desk.probe_refund(refund))
    assert (refusal.code, refusal.detail["holder"]["operator"]) == ("in_progress", "lead-b")  # type: ignore[index]


# Refunds as a payment's details tell them


def apply_report(desk: RefundDesk, payment: Payment, report: RefundReport) -> bool:
    """Apply the report; return True if the report is about a refund of ours."""
    return desk.context.database.write(lambda tx: apply_refund_report(desk.context, tx, payment.id, report))


def make_report(refund: Refund, payment: Payment, state: RefundState, **other: object) -> RefundReport:
    """Return a report of the refund in this state; the keyword arguments replace other fields."""
    from console.domain.money import Money

    key = refund.provider_refund_key or ""
    amount = Money(refund.amount_minor, refund.currency)
    return replace(RefundReport(key, key, "REFUNDED", state, amount, payment.provider_payment_id), **other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "ends"),
    [(RefundState.COMPLETED, RefundState.COMPLETED), (RefundState.SUBMITTED, RefundState.SUBMITTED)],
)
def test_a_report_about_the_payment_settles_an_unknown_refund(
    desk: RefundDesk, state: RefundState, ends: RefundState
) -> None:
    """A report about the payment that contains our refund key settles the refund as a probe does. The same report
    again changes nothing but the time at which the provider stated the refund.
    """
    payment, refund = make_unknown_refund(desk, is_executed=True)
    assert apply_report(desk, payment, make_report(refund, payment, state))
    stored_refund = desk.read_refund(refund)
    assert (stored_refund.state, stored_refund.certainty) == (ends, Certainty.KNOWN)
    assert apply_report(desk, payment, make_report(refund, payment, state))
    again = desk.read_refund(refund)
    assert again.told_at is not None
    assert stored_refund.told_at is not None
    assert again.told_at >= stored_refund.told_at
    assert replace(again, version=stored_refund.version, told_at=stored_refund.told_at) == stored_refund
    desk.check_payment_agrees(payment)


def test_a_report_with_a_foreign_key_changes_nothing(desk: RefundDesk) -> None:
    """If the key in a provider's report belongs to no refund of ours, applying the report returns False and
    changes nothing.
    """
    payment, refund = make_unknown_refund(desk)
    assert not apply_report(desk, payment, make_report(refund, payment, RefundState.COMPLETED, key="BY-HAND"))
    assert desk.read_refund(refund) == refund


def test_our_key_at_another_payment_opens_a_case(desk: RefundDesk) -> None:
    """If a report has our refund key with another payment, a case is opened and the refund stays unknown."""
    payment, refund = make_unknown_refund(desk)
    assert apply_report(
        desk, payment, make_report(refund, payment, RefundState.COMPLETED, provider_payment_id="0499")
    )
    stored_refund = desk.read_refund(refund)
    assert (stored_refund.certainty, stored_refund.work.reason) == (Certainty.UNKNOWN, "answer_does_not_fit")
    assert [row[0] for row in desk.sql("SELECT rule_id FROM alerts")] == ["answer_does_not_fit"]


def test_repeated_reports_of_a_failed_refund_open_one_case(desk: RefundDesk, control: SandboxControl) -> None:
    """Repeated reports that a failed refund was made open only one case."""
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment)
    control.add_fault("result:CANCELED_USER", call="paypay_refund", times=1)
    assert call_and_get_code(lambda: desk.approve_refund(refund)) == "provider_refused"
    failed = desk.read_refund(refund)
    for _ in range(3):
        assert apply_report(desk, payment, make_report(failed, payment, RefundState.COMPLETED))
    assert (desk.read_refund(refund).state, desk.read_refund(refund).work.reason) == (
        RefundState.FAILED,
        "contradicted",
    )
    assert len(desk.sql("SELECT 1 FROM alerts")) == 1
    assert len(desk.sql("SELECT 1 FROM evidence WHERE source = 'paypay.payment' AND subject_kind = 'refund'")) == 1


@pytest.mark.expects_log("a row that can't be read is told")
@pytest.mark.parametrize("damage", ["orders SET work_state", "payments SET late_after"])
def test_an_unreadable_row_of_the_order_hides_no_completed_refund(desk: RefundDesk, damage: str) -> None:
    """The order, or another payment of the order, has a value of a newer program. The refund is completed by the
    provider's answer nevertheless; the order keeps its state, because nobody knows whether all of it is refunded.
    """
    for (name,) in desk.sql(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ('orders', 'payments')"
    ):
        desk.sql(f"DROP TRIGGER {name}")
    payment, other = desk.make_paid_payment(), desk.make_paid_payment("ORD-2", has_order=False)
    desk.sql("UPDATE payments SET order_id = :order_id WHERE id = :id", order_id=payment.order_id, id=other.id)
    refund = desk.approve_refund(desk.request_refund(desk.read_payment(payment.id), "3300"))
    assert refund.state is RefundState.SUBMITTED
    desk.sql(f"UPDATE {damage} = 'future'" + (f" WHERE id = {other.id}" if damage.startswith("payments") else ""))
    assert desk.probe_refund(refund).state is RefundState.COMPLETED
    assert desk.read_payment(payment.id).refunded_minor == 3_300
    assert desk.sql("SELECT status FROM orders") == [("paid",)]
