"""A provider's answer that arrives after the lease has expired is stored, also if people have already decided about
the outcome.
"""

import sys

import pytest

from console.domain.records import Certainty, PurchaseRequest
from tests.crash import late, signals
from tests.crash.late import SUBJECT_KIND_BY_ACTION, LateAnswerCase
from tests.support.places import Place
from tests.support.refusals import call_for_refusal

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells whether a process is stopped")
ACTIONS = ("purchase", "refund", "start")
STATES_AFTER_LATE_ANSWER = {
    "purchase": ("success",),
    "refund": ("submitted", "completed"),
    "start": ("token_generated",),
}


def read_provider_id(case: LateAnswerCase) -> str:
    """Return the text by which the provider's answer identifies the result of the action: the id of the credit check,
    the idempotency key of the refund, or the payment number.
    """
    control = case.stage.sandbox.control
    if case.action == "purchase":
        return str(control.read_ledger(str(case.subject))["entries"][0]["id"])
    if case.action == "refund":
        return str(control.payments_control.read_refunds()[0]["key"])  # it has no number of its own
    return "ORD-1"


@pytest.mark.parametrize("action", ACTIONS)
def test_a_late_answer_without_a_decision_is_recorded(place: Place, action: str) -> None:
    """If the provider's answer arrives after the lease has expired and no person has decided about the outcome, the
    process writes the outcome as usual.
    """
    with signals.open_stage(place) as stage:
        one, ending = late.check_late_answer(stage, action, is_decided=False)
        assert ending[0] == "done"
        assert one.read_shown_state()[1] is Certainty.KNOWN
        assert one.read_shown_state()[0] in STATES_AFTER_LATE_ANSWER[action]
        assert stage.maker.recovery.read_queue("review").items == ()


@pytest.mark.parametrize("action", ACTIONS)
def test_a_late_answer_against_a_decision_becomes_evidence(place: Place, action: str) -> None:
    """Two people have decided that the action didn't happen; then its answer arrives. The record keeps their decision
    and the answer becomes evidence. An alert and the timeline name the bought credit check, the refund or the payment
    that the answer states, and the process ends with exit status 3. The number can't be bought again before a person
    has acknowledged the alert.
    """
    with signals.open_stage(place) as stage:
        one, (code, status, record, case) = late.check_late_answer(stage, action, is_decided=True)
        assert (code, status, record) == ("already_decided", 3, one.record_id)
        assert one.read_shown_state() == (late.STATE_AFTER_DECISION[action], Certainty.KNOWN)
        (alert,) = [alert for alert in stage.maker.alerts.list_alerts() if alert.rule_id == "contradicted"]
        number = read_provider_id(one)
        assert alert.id == case
        assert number in alert.observed
        view = stage.maker.recovery.read_record(SUBJECT_KIND_BY_ACTION[action], str(one.record_id))
        assert any(number in str(entry.detail) for entry in view.timeline), view.timeline
        assert any(number in item.body for item in view.evidence), view.evidence
        if action == "purchase":
            request = PurchaseRequest(str(one.subject), signals.CLIENT_ID)
            stopped = call_for_refusal(lambda: stage.maker.credit_checks.purchase(request))
            assert (stopped.code, stopped.detail["reason"]) == ("already_purchased", "denied_but_bought")
            assert stage.sandbox.control.count_charges(request.corporation_number) == 1
            stage.maker.alerts.acknowledge(alert.id, "AlarmBox has cancelled it")
            assert stage.maker.credit_checks.purchase(request).state.value == "success"
        stage.maker.audit.verify_chains()
