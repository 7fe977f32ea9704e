"""Tests of purchase outcomes that another process records than the one that bought: a late answer, a lapse, or a
second answer.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest

from console.app import Console
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.explanations.records import explain_record
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import (
    Certainty,
    CheckReport,
    CheckState,
    CreditCheck,
    Operation,
    OperationState,
    PurchaseRequest,
    Work,
    WorkState,
)
from console.domain.recovery.decision_rules import find_refetch_refusal, find_renewal_refusal
from console.domain.views.any_record import find_evidence_of_last_call
from console.services.credit_checks import outcomes
from console.store.audit import trail
from console.store.operations import journal
from console.store.records import evidence
from console.store.refunds import approvals
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.refusals import call_for_refusal
from tests.support.simulated_crash import SimulatedCrash, simulate_crash

pytestmark = pytest.mark.engines("sqlite")
(CORPORATION_NUMBER,) = invent_numbers(1)
LONG_TEXT = "x" * 70
ONE_DAY = timedelta(days=1)
SUCCESS = CheckState.SUCCESS
ERROR = CheckState.ERROR
PENDING = CheckState.PENDING
REFUSAL_CLASSES = (OutcomeClass.FAILED_DEFINITE, OutcomeClass.AUTH, OutcomeClass.RATE_LIMITED)


class PurchaseDesk:
    """A desk whose purchases get no answer, with helpers that deliver answers later and read the stored rows."""

    def __init__(self, place: Place, console: Console, alarmbox: InMemoryAlarmBox, clock: ManualClock) -> None:
        self.place, self.console, self.context, self.alarmbox, self.clock = (
            place,
            console,
            console._context,
            alarmbox,
            clock,
        )

    def make_unknown_purchase(self) -> CreditCheck:
        """Make a purchase that AlarmBox charges but doesn't answer; return its record, whose outcome is unknown."""
        self.alarmbox.behaviour = "silent_after_charge"
        assert call_for_refusal(lambda: self.buy()).code == "outcome_unknown"
        self.alarmbox.behaviour = "answers"
        return self.read_record()

    def buy(self, *, renew: bool = False) -> CreditCheck:
        """Buy or renew CORPORATION_NUMBER for client 1, and return the record."""
        return self.console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1", renew=renew))

    def read_record(self) -> CreditCheck:
        """Return the newest record of CORPORATION_NUMBER."""
        return self.console.lookup.find_records(CORPORATION_NUMBER).credit_checks[0]

    def deliver_late_answer(self, record: CreditCheck, outcome: Outcome[CheckReport]) -> bool:
        """Deliver a late answer to the record's purchase; return True if the program accepted it."""
        assert record.operation_id is not None
        return self.console._action_builders.credit_checks.purchases.deliver_outcome(record.operation_id, outcome)

    def record_outcome(self, record: CreditCheck, outcome: Outcome[CheckReport]) -> None:
        """Record this outcome for the record's purchase, as the pipeline does."""
        can = self.alarmbox.capabilities
        self.context.write(lambda tx: outcomes.record_outcome(self.context, tx, record.id, outcome, can))

    def read_operation(self, record: CreditCheck) -> Operation:
        """Return the journal row of the record's purchase."""
        with self.context.database.read() as conn:
            operation = journal.find(conn, record.operation_id or "")
        assert operation is not None
        return operation

    def read_evidence_sources(self, record: CreditCheck) -> list[str]:
        """Return the sources of the record's evidence, oldest first."""
        with self.context.database.read() as conn:
            return [item.source for item in evidence.find_by_subject(conn, "credit-check", record.id)]

    def read_timeline_details(self, record: CreditCheck, action: str) -> list[dict[str, object]]:
        """Return the details of those entries of the record's timeline that have this action, in the order of the
        timeline.
        """
        view = self.console.credit_checks.read_credit_check(record.id)
        return [dict(entry.detail) for entry in view.timeline if entry.what == action]

    def read_next_step(self, record: CreditCheck) -> str:
        """Return the code of the next step that the record's page shows."""
        return self.console.credit_checks.read_credit_check(record.id).explanation.next_step.code

    def count_lapse_entries(self, action: str) -> int:
        """Return the number of audit entries of the action `action` with the result failed and the reason lapsed."""
        with self.context.database.read() as conn:
            rows = conn.exec_driver_sql("SELECT what, result, reason FROM audit_log").all()
        return sum(tuple(row) == (action, "failed", "lapsed") for row in rows)

    def read_proposed_states(self, record: CreditCheck) -> list[str]:
        """Return a list with the state that the record's open proposal proposes; the list is empty if there is no
        proposal.
        """
        with self.context.database.read() as conn:
            proposal = approvals.find_open_proposal(conn, "credit-check", str(record.id))
        return [proposal.proposed_state] if proposal else []

    def list_contradictions(self) -> list[str]:
        """Return the observed facts of each case about a contradiction."""
        return [alert.observed for alert in self.console.alerts.list_alerts() if alert.rule_id == "contradicted"]


@pytest.fixture
def purchase_desk(place: Place, hand_clock: ManualClock) -> Iterator[PurchaseDesk]:
    alarmbox = InMemoryAlarmBox(today=hand_clock.today)
    with place.desk(alarmbox, hand_clock) as console:
        yield PurchaseDesk(place, console, alarmbox, hand_clock)


def make_success(id_at_provider: int = 12345) -> Outcome[CheckReport]:
    """Return AlarmBox's answer that the purchase was made and has the AlarmBox id `id_at_provider`."""
    return Outcome(
        OutcomeClass.SUCCEEDED,
        "answered",
        SendingCertainty.YES,
        CheckReport(id_at_provider, CORPORATION_NUMBER),
        201,
        "{}",
    )


def make_answer(kind: OutcomeClass, reason: str = "http_422") -> Outcome[CheckReport]:
    """Return an answer with this outcome class and reason and without a report."""
    return Outcome(kind, reason, SendingCertainty.YES, None, 422, "{}")


def test_a_late_answer_settles_an_unknown_purchase(purchase_desk: PurchaseDesk) -> None:
    """If a late answer says that an unknown purchase was made, the record, the journal and the spool get the outcome
    and the id. The answer is stored as evidence.
    """
    record = purchase_desk.make_unknown_purchase()
    assert purchase_desk.deliver_late_answer(record, make_success())
    after = purchase_desk.read_record()
    assert (after.state, after.certainty, after.credit_check_id) == (SUCCESS, Certainty.KNOWN, 12345)
    assert (after.work.state, after.work.reason) == (WorkState.SCHEDULED, "incomplete")
    assert (purchase_desk.read_operation(record).state, purchase_desk.read_operation(record).reason) == (
        OperationState.DONE,
        "answered",
    )
    assert purchase_desk.read_evidence_sources(record) == ["alarmbox.purchase"] * 2
    entry = purchase_desk.context.spool.find(record.operation_id or "")
    assert entry is not None
    assert (entry.state, entry.holds_claim, entry.id_at_provider) == ("ended", True, 12345)
    (details,) = purchase_desk.read_timeline_details(record, "credit-check.late_answer")
    assert details.items() >= {"operation": record.operation_id, "outcome": "SUCCEEDED"}.items()
    assert purchase_desk.list_contradictions() == []


@pytest.mark.parametrize("late", [make_success(), make_answer(OutcomeClass.FAILED_DEFINITE, "http_422")])
def test_an_answer_delivered_twice_is_recorded_once(purchase_desk: PurchaseDesk, late: Outcome[CheckReport]) -> None:
    """A desk delivers the same answer again because its process ended before it marked the spool entry: nothing
    changes and no second entry is written. An answer with another body is stored as further evidence.
    """
    record = purchase_desk.make_unknown_purchase()
    assert purchase_desk.deliver_late_answer(record, late)
    before = purchase_desk.read_record()
    assert purchase_desk.deliver_late_answer(record, late)
    assert purchase_desk.read_record() == before
    assert purchase_desk.read_evidence_sources(record) == ["alarmbox.purchase"] * 2
    assert len(purchase_desk.read_timeline_details(record, "credit-check.late_answer")) == 1
    assert purchase_desk.deliver_late_answer(record, replace(late, evidence="another body"))
    assert purchase_desk.read_evidence_sources(record)[2:] == ["alarmbox.purchase.late"]


@pytest.mark.parametrize("kind", REFUSAL_CLASSES)
def test_a_late_refusal_frees_the_number(purchase_desk: PurchaseDesk, kind: OutcomeClass) -> None:
    """After a late refusal by AlarmBox the record is an error, the spool holds no claim, and the number can be bought
    again.
    """
    record = purchase_desk.make_unknown_purchase()
    assert purchase_desk.deliver_late_answer(record, make_answer(kind, LONG_TEXT))
    after = purchase_desk.read_record()
    assert (after.state, after.certainty, after.error_code) == (ERROR, Certainty.KNOWN, LONG_TEXT[:64])
    assert after.work == Work()
    assert purchase_desk.read_operation(record).state is OperationState.FAILED
    entry = purchase_desk.context.spool.find(record.operation_id or "")
    assert entry is not None
    assert (entry.state, entry.holds_claim, entry.id_at_provider) == ("ended", False, None)
    assert len(purchase_desk.read_timeline_details(record, "credit-check.not_bought")) == 1
    assert purchase_desk.buy().state is SUCCESS


@pytest.mark.parametrize("kind", [OutcomeClass.UNKNOWN, OutcomeClass.NOT_FOUND, OutcomeClass.PENDING])
def test_a_late_answer_without_an_outcome_leaves_it_unknown(purchase_desk: PurchaseDesk, kind: OutcomeClass) -> None:
    """After a late answer without an outcome, or a late success without a report, the purchase is still unknown."""
    record = purchase_desk.make_unknown_purchase()
    for outcome in (make_answer(kind, "http_503"), replace(make_success(), content=None)):
        assert purchase_desk.deliver_late_answer(record, outcome)
        assert (purchase_desk.read_record().state, purchase_desk.read_record().certainty) == (
            PENDING,
            Certainty.UNKNOWN,
        )
        assert purchase_desk.read_record().error_code == outcome.reason
    assert call_for_refusal(purchase_desk.buy).code in ("already_purchased", "outcome_unknown")


def test_a_desk_keeps_the_claim_of_an_unknown_purchase(purchase_desk: PurchaseDesk) -> None:
    """The outcome of a purchase is unknown, and AlarmBox's later answer states no outcome either. The purchase's
    entry in the desk's spool isn't ended, so the desk still holds the claim.
    """
    record = purchase_desk.make_unknown_purchase()
    assert purchase_desk.deliver_late_answer(record, make_answer(OutcomeClass.UNKNOWN, "read_timeout"))
    entry = purchase_desk.context.spool.find(record.operation_id or "")
    assert entry is not None
    assert entry.state != "ended"
    assert purchase_desk.read_operation(record).state is OperationState.UNKNOWN


def test_an_answer_without_an_operation_is_not_delivered(purchase_desk: PurchaseDesk) -> None:
    """A late answer isn't accepted if its operation or its record doesn't exist. The answer's entry in the spool
    stays open.
    """
    record = purchase_desk.make_unknown_purchase()
    assert not purchase_desk.deliver_late_answer(replace(record, operation_id="never"), make_success())
    purchase_desk.place.sql("DELETE FROM hansha_alarmbox_credit_checks")
    assert not purchase_desk.deliver_late_answer(record, make_success())
    entry = purchase_desk.context.spool.find(record.operation_id or "")
    assert entry is not None
    assert entry.state != "ended"


LATE_ANSWERS_TO_KNOWN_OUTCOMES = {
    "bought, and bought": (make_success(), make_success(), None),
    "bought, and bought under another id": (make_success(), make_success(12346), "bought 12346"),
    "bought, and bought under a lower id": (make_success(), make_success(12344), "bought 12344"),
    "bought, and bought without an id": (make_success(), replace(make_success(), content=None), "bought"),
    "not bought, and bought": (make_answer(OutcomeClass.FAILED_DEFINITE), make_success(), "bought 12345"),
    "not bought, and not bought": (make_answer(OutcomeClass.FAILED_DEFINITE), make_answer(OutcomeClass.AUTH), None),
    "not bought, and nobody knows": (
        make_answer(OutcomeClass.FAILED_DEFINITE),
        make_answer(OutcomeClass.UNKNOWN),
        None,
    ),
    "bought, and nobody knows": (make_success(), make_answer(OutcomeClass.UNKNOWN), None),
    "bought, and not found": (make_success(), make_answer(OutcomeClass.NOT_FOUND), None),
    **{
        f"bought, and {kind}": (make_success(), make_answer(kind, "http_4"), "not bought: http_4")
        for kind in REFUSAL_CLASSES
    },
}
"""Dictionary from a name to the recorded outcome of a purchase, the late answer, and the text `observed` of the
case that the late answer opens (None: no case).
"""


@pytest.mark.parametrize("name", LATE_ANSWERS_TO_KNOWN_OUTCOMES)
def test_a_late_contradicting_answer_opens_a_case(purchase_desk: PurchaseDesk, name: str) -> None:
    """A late answer to a purchase with a known outcome is stored as evidence and leaves the outcome unchanged. If it
    contradicts the outcome, one case is opened.
    """
    outcome, late, observed = LATE_ANSWERS_TO_KNOWN_OUTCOMES[name]
    record = purchase_desk.make_unknown_purchase()
    purchase_desk.record_outcome(record, outcome)
    before = purchase_desk.read_record()
    assert purchase_desk.deliver_late_answer(record, late)
    assert purchase_desk.deliver_late_answer(record, late)
    after = purchase_desk.read_record()
    assert (after.state, after.certainty, after.credit_check_id) == (
        before.state,
        Certainty.KNOWN,
        before.credit_check_id,
    )
    assert purchase_desk.read_evidence_sources(record)[-2:] == ["alarmbox.purchase.late"] * 2
    assert purchase_desk.list_contradictions() == ([] if observed is None else [observed])
    contradicted = purchase_desk.read_timeline_details(record, "credit-check.contradicted")
    if observed is None:
        assert (contradicted, after.work) == ([], before.work)
    else:
        assert [one["observed"] for one in contradicted] == [observed]
        assert (after.work.state, after.work.reason) == (WorkState.NEEDS_REVIEW, "contradicted")
    details = purchase_desk.read_timeline_details(record, "credit-check.late_answer")[-1]
    expected = {"outcome": late.kind.value, "kept_state": before.state.value}
    assert (
        details.items()
        >= (expected | ({"provider_id": late.content.credit_check_id} if late.content else {})).items()
    )
    assert ("provider_id" in details) is (late.content is not None)


@pytest.mark.engines("sqlite", "mariadb")
def test_a_denied_but_bought_purchase_stops_the_next_one(purchase_desk: PurchaseDesk) -> None:
    """AlarmBox refused a purchase and later answers that the purchase was made. The next purchase is refused with
    `denied_but_bought` until a person has acknowledged the case. Another client can buy.
    """
    purchase_desk.alarmbox.behaviour = "refuses"
    assert call_for_refusal(purchase_desk.buy).code == "provider_refused"
    purchase_desk.alarmbox.behaviour, record = "answers", purchase_desk.read_record()
    assert explain_record(record, purchase_desk.context.now()).next_step.action == "purchase"
    assert purchase_desk.console.credit_checks.make_plan(CORPORATION_NUMBER).denied_checks == ()
    assert purchase_desk.deliver_late_answer(record, make_success())
    charges = len(purchase_desk.alarmbox.charges)
    explanation = explain_record(purchase_desk.read_record(), purchase_desk.context.now())
    assert (explanation.verdict, explanation.why) == ("verdict.contradicted", "why.denied_but_bought")
    assert explanation.next_step.action != "purchase"
    assert (
        find_refetch_refusal(purchase_desk.read_record()),
        find_renewal_refusal(purchase_desk.read_record(), purchase_desk.context.now()),
    ) == (
        "bought_perhaps",
        "bought_perhaps",
    )
    for is_renewal in (False, True):
        refused = call_for_refusal(partial(purchase_desk.buy, renew=is_renewal))
        assert (refused.code, refused.detail["reason"]) == ("already_purchased", "denied_but_bought")
        blocker = refused.detail["record"]
        assert isinstance(blocker, CreditCheck)
        assert blocker.id == record.id
    assert [
        denied.id for denied in purchase_desk.console.credit_checks.make_plan(CORPORATION_NUMBER).denied_checks
    ] == [record.id]
    assert len(purchase_desk.alarmbox.charges) == charges
    assert purchase_desk.console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "2")).state is SUCCESS
    (case,) = [alert for alert in purchase_desk.console.alerts.list_alerts() if alert.rule_id == "contradicted"]
    assert purchase_desk.read_next_step(record) == "next.check_purchase_history"
    purchase_desk.console.alerts.acknowledge(case.id, "their screen has nothing")
    assert purchase_desk.read_next_step(record) == "next.may_buy_again"
    assert purchase_desk.console.credit_checks.make_plan(CORPORATION_NUMBER).denied_checks == ()
    purchase_desk.console.alerts.undo_acknowledgement(case.id)
    assert call_for_refusal(purchase_desk.buy).code == "already_purchased"
    purchase_desk.console.alerts.acknowledge(case.id, "their screen has nothing")
    assert purchase_desk.buy().state is SUCCESS
    assert purchase_desk.read_next_step(record) == "next.bought_since"


def test_an_earlier_refusal_advises_no_purchase_blocked_by_a_denied_one(purchase_desk: PurchaseDesk) -> None:
    """AlarmBox refused two purchases of a number and says later that the second one was made. A new purchase for the
    same client is refused, so the page of the first record doesn't advise one, and the decision table excludes it for
    both records until a person has acknowledged the case.
    """
    purchase_desk.alarmbox.behaviour = "refuses"
    assert call_for_refusal(partial(purchase_desk.buy)).code == "provider_refused"
    first = purchase_desk.read_record()
    assert call_for_refusal(partial(purchase_desk.buy)).code == "provider_refused"
    records = purchase_desk.console.lookup.find_records(CORPORATION_NUMBER).credit_checks
    second = next(record for record in records if record.id != first.id)
    first, second = sorted((first, second), key=lambda record: record.id)
    purchase_desk.alarmbox.behaviour = "answers"
    assert purchase_desk.deliver_late_answer(second, make_success())
    assert call_for_refusal(purchase_desk.buy).detail["reason"] == "denied_but_bought"
    assert purchase_desk.read_next_step(first) == "next.other_denied_but_bought"
    assert purchase_desk.read_next_step(second) == "next.check_purchase_history"
    assert find_reason_against_purchase(purchase_desk, first) == "reason.claimed_by_other"
    assert find_reason_against_purchase(purchase_desk, second) == "reason.bought_perhaps"
    (case,) = [alert for alert in purchase_desk.console.alerts.list_alerts() if alert.rule_id == "contradicted"]
    purchase_desk.console.alerts.acknowledge(case.id, "their screen has nothing")
    assert [find_reason_against_purchase(purchase_desk, record) for record in (first, second)] == [None, None]


def find_reason_against_purchase(purchase_desk: PurchaseDesk, record: CreditCheck) -> str | None:
    """Return the reason for which the decision table excludes a purchase for the credit check; None if a purchase is
    possible.
    """
    choices = purchase_desk.console.recovery.find_choices("credit-check", record.id)
    return next(choice.reason for choice in choices if choice.name == "buy")


@pytest.mark.engines("sqlite", "mariadb")
def test_a_renewal_that_was_denied_and_bought_is_not_bought_again(purchase_desk: PurchaseDesk) -> None:
    """AlarmBox refused a renewal, so the earlier check holds the claim again; then AlarmBox answers that the renewal
    was made. The earlier check can't be renewed until a person has acknowledged the case.
    """
    old = purchase_desk.buy()
    purchase_desk.clock.at += 400 * ONE_DAY
    purchase_desk.alarmbox.behaviour = "refuses"
    assert call_for_refusal(partial(purchase_desk.buy, renew=True)).code == "provider_refused"
    purchase_desk.alarmbox.behaviour, denied = "answers", purchase_desk.read_record()
    assert denied.id != old.id
    assert purchase_desk.deliver_late_answer(denied, make_success())
    charges = len(purchase_desk.alarmbox.charges)
    refused = call_for_refusal(partial(purchase_desk.buy, renew=True))
    assert (refused.code, refused.detail["reason"]) == ("already_purchased", "denied_but_bought")
    blocker = refused.detail["record"]
    assert isinstance(blocker, CreditCheck)
    assert (blocker.id, len(purchase_desk.alarmbox.charges)) == (denied.id, charges)
    (case,) = [alert for alert in purchase_desk.console.alerts.list_alerts() if alert.rule_id == "contradicted"]
    purchase_desk.console.alerts.acknowledge(case.id, "their screen has nothing")
    assert purchase_desk.buy(renew=True).state is SUCCESS


@pytest.mark.parametrize(
    ("state", "kind", "reported_id", "is_contradiction"),
    [
        (SUCCESS, OutcomeClass.SUCCEEDED, 1, False),
        (SUCCESS, OutcomeClass.SUCCEEDED, 2, True),
        (SUCCESS, OutcomeClass.SUCCEEDED, None, True),
        (ERROR, OutcomeClass.SUCCEEDED, 1, True),
        (ERROR, OutcomeClass.SUCCEEDED, 2, True),
        (PENDING, OutcomeClass.SUCCEEDED, 2, False),
        (PENDING, OutcomeClass.AUTH, None, False),
        (ERROR, OutcomeClass.AUTH, None, False),
        (SUCCESS, OutcomeClass.AUTH, None, True),
        (SUCCESS, OutcomeClass.UNKNOWN, None, False),
    ],
)
def test_an_answer_contradicts_only_a_different_known_outcome(
    state: CheckState, kind: OutcomeClass, reported_id: int | None, is_contradiction: bool
) -> None:
    """A late answer counts as a contradiction only if the record has a known outcome and the answer states a
    different one. No answer contradicts a record without an outcome.
    """
    record = CreditCheck(
        17, CORPORATION_NUMBER, "1", state, Certainty.KNOWN, Work(), 1, None, None, None, None, None, (), None,
        "op", 1,
    )  # fmt: skip
    outcome = Outcome(kind, "x", SendingCertainty.YES, None if reported_id is None else CheckReport(reported_id))
    assert outcomes.is_contradicting_answer(record, outcome) is is_contradiction


@pytest.mark.parametrize(
    ("has_list", "reason", "state", "work_reason"),
    [
        (False, "read_timeout", WorkState.NEEDS_REVIEW, "no_list_call"),
        (True, "read_timeout", WorkState.SCHEDULED, "unknown"),
        (True, "other_number", WorkState.NEEDS_REVIEW, "answer_does_not_fit"),
        (False, "bad_id", WorkState.NEEDS_REVIEW, "answer_does_not_fit"),
    ],
)
def test_an_unknown_purchase_is_probed_or_waits_for_a_person(
    purchase_desk: PurchaseDesk, has_list: bool, reason: str, state: WorkState, work_reason: str
) -> None:
    """An unknown purchase is probed automatically if AlarmBox has a list of purchases. A person must look if AlarmBox
    has no list, or if its answer doesn't fit the purchase.
    """
    record = purchase_desk.make_unknown_purchase()
    purchase_desk.alarmbox.lists_purchases = has_list
    purchase_desk.record_outcome(record, make_answer(OutcomeClass.UNKNOWN, reason))
    work = purchase_desk.read_record().work
    assert (work.state, work.reason, work.attempt) == (state, work_reason, 0)
    due = purchase_desk.clock.at + purchase_desk.context.scale.scale_duration(timedelta(minutes=1))
    assert work.at == (due if state is WorkState.SCHEDULED else None)
    purchase_desk.record_outcome(purchase_desk.read_record(), make_answer(OutcomeClass.UNKNOWN, LONG_TEXT))
    assert purchase_desk.read_record().error_code == LONG_TEXT[:64]


def test_the_last_call_of_a_credit_check_for_a_preview_is_that_of_its_screen(purchase_desk: PurchaseDesk) -> None:
    """The last call to AlarmBox for the preview next to a list equals that of the screen of the credit check, and
    reading it writes no audit entry."""
    record = purchase_desk.buy()
    shown = purchase_desk.console.credit_checks.read_credit_check(record.id)
    with purchase_desk.context.database.read() as conn:
        audit_count = len(trail.list_newest_entries(conn, limit=1_000))
    last_call = purchase_desk.console.credit_checks.read_last_call(record.id)
    assert last_call is not None
    assert last_call == find_evidence_of_last_call(shown.evidence)
    with purchase_desk.context.database.read() as conn:
        assert len(trail.list_newest_entries(conn, limit=1_000)) == audit_count
    assert call_for_refusal(lambda: purchase_desk.console.credit_checks.read_last_call(99)).code == "not_found"


def test_a_refused_renewal_makes_the_old_record_live_again(purchase_desk: PurchaseDesk) -> None:
    """If AlarmBox's late answer refuses a renewal, the earlier credit check becomes live again."""
    old = purchase_desk.buy()
    purchase_desk.clock.at += 400 * ONE_DAY
    purchase_desk.alarmbox.behaviour = "silent_after_charge"
    assert call_for_refusal(lambda: purchase_desk.buy(renew=True)).code == "outcome_unknown"
    newest = purchase_desk.read_record()
    assert purchase_desk.console.credit_checks.read_credit_check(old.id).record.superseded_by == newest.id
    assert purchase_desk.deliver_late_answer(newest, make_answer(OutcomeClass.FAILED_DEFINITE))
    restored = purchase_desk.console.credit_checks.read_credit_check(old.id).record
    assert (restored.is_live, restored.superseded_by) == (True, None)
    (details,) = purchase_desk.read_timeline_details(old, "credit-check.restored")
    assert details["instead_of"] == newest.id


@pytest.mark.parametrize("outcome", [make_success(), make_answer(OutcomeClass.AUTH)])
def test_a_late_answer_closes_a_proposal(purchase_desk: PurchaseDesk, outcome: Outcome[CheckReport]) -> None:
    """If a first person has proposed an outcome of a purchase, a late success or a late refusal by AlarmBox closes
    the proposal.
    """
    record = purchase_desk.make_unknown_purchase()
    first = purchase_desk.console.recovery.resolve("credit-check", record.id, "error", "not on their list")
    assert first.awaiting == "second_person"
    assert purchase_desk.read_proposed_states(record) == ["error"]
    assert purchase_desk.deliver_late_answer(record, outcome)
    assert purchase_desk.read_proposed_states(record) == []


def buy_and_let_process_end(purchase_desk: PurchaseDesk) -> CreditCheck:
    """Make a purchase whose process ends during the call, and return its record."""
    with simulate_crash(purchase_desk.context) as vanish:
        purchase_desk.alarmbox.during_call = vanish
        with pytest.raises(SimulatedCrash):
            purchase_desk.buy()
    purchase_desk.alarmbox.during_call = lambda: None
    return purchase_desk.read_record()


def test_a_purchase_of_an_ended_process_becomes_unknown(purchase_desk: PurchaseDesk) -> None:
    """If the process of a purchase ends during the call, the purchase becomes unknown after its lease has expired.
    The lapse is recorded once.
    """
    record = buy_and_let_process_end(purchase_desk)

    def record_lapse(operation_id: str = record.operation_id or "") -> bool:
        return purchase_desk.console._action_builders.credit_checks.purchases.record_lapse(operation_id)

    assert not record_lapse()
    purchase_desk.clock.at += timedelta(minutes=5)
    assert not record_lapse("never")
    assert record_lapse()
    after = purchase_desk.read_record()
    assert (after.state, after.certainty, after.error_code) == (PENDING, Certainty.UNKNOWN, "lapsed")
    assert purchase_desk.read_operation(record).state is OperationState.UNKNOWN
    assert not record_lapse()
    assert len(purchase_desk.read_timeline_details(record, "credit-check.unknown")) == 1
    assert purchase_desk.count_lapse_entries("credit-check.purchase.lapsed") == 0


def test_a_purchase_settled_before_its_lapse_keeps_its_outcome(purchase_desk: PurchaseDesk) -> None:
    """The outcome of a purchase is recorded before its lapse: the audit trail has an entry of the lapse, and the
    record's outcome stays unchanged.
    """
    record = buy_and_let_process_end(purchase_desk)
    purchase_desk.record_outcome(record, make_success())
    purchase_desk.clock.at += timedelta(minutes=5)
    assert purchase_desk.console._action_builders.credit_checks.purchases.record_lapse(record.operation_id or "")
    assert (purchase_desk.read_record().state, purchase_desk.read_record().certainty) == (SUCCESS, Certainty.KNOWN)
    assert purchase_desk.count_lapse_entries("credit-check.purchase.lapsed") == 1


def test_an_outcome_without_its_record_is_refused(purchase_desk: PurchaseDesk) -> None:
    """Recording an outcome for a record that doesn't exist is refused with `not_found`."""
    error = call_for_refusal(lambda: purchase_desk.record_outcome(replace(PENDING_CHECK, id=99), make_success()))
    assert (error.code, error.detail["id"]) == ("not_found", "99")


NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
PENDING_CHECK = CreditCheck(
    17, CORPORATION_NUMBER, "1", PENDING, Certainty.KNOWN, Work(), None, None, None, None, None, None, (), None,
    "op-1", 1,
)  # fmt: skip
CHECK_REPORT = CheckReport(12345, CORPORATION_NUMBER)
PURCHASE_DAY_START = datetime(2026, 11, 19, 15, tzinfo=UTC)
EXPIRATION_DAY_END = datetime(2027, 11, 19, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("report", "stored_expiry", "values"),
    [
        (CHECK_REPORT, None, {}),
        (
            replace(CHECK_REPORT, company_name="A" * 600, result="ok"),
            None,
            {"company_name": "A" * 255, "result": "ok"},
        ),
        (replace(CHECK_REPORT, company_name=""), None, {}),
        (replace(CHECK_REPORT, purchase_date=date(2026, 11, 20)), None, {"purchased_at": PURCHASE_DAY_START}),
        (replace(CHECK_REPORT, expiration_date=date(2027, 11, 19)), None, {"expired_at": EXPIRATION_DAY_END}),
        (replace(CHECK_REPORT, expired=False), NOW - ONE_DAY, {}),
        (replace(CHECK_REPORT, expired=True), None, {"expired_at": NOW}),
        (replace(CHECK_REPORT, expired=True), NOW - ONE_DAY, {"expired_at": NOW - ONE_DAY}),
        (replace(CHECK_REPORT, expired=True), NOW, {"expired_at": NOW}),
        (replace(CHECK_REPORT, expired=True), NOW + ONE_DAY, {"expired_at": NOW}),
        (
            replace(CHECK_REPORT, expired=True, expiration_date=date(2027, 11, 19)),
            None,
            {"expired_at": NOW},
        ),
        (
            replace(CHECK_REPORT, expired=True, expiration_date=date(2026, 11, 1)),
            None,
            {"expired_at": datetime(2026, 11, 1, 15, tzinfo=UTC)},
        ),
        (
            replace(CHECK_REPORT, purchase_date=date.min, expiration_date=date.max),
            None,
            {"purchased_at": datetime(1, 1, 1, tzinfo=UTC), "expired_at": datetime(9999, 12, 31, 15, tzinfo=UTC)},
        ),
    ],
)
def test_a_report_changes_only_its_own_fields(
    report: CheckReport, stored_expiry: datetime | None, values: dict[str, object]
) -> None:
    """Values for which AlarmBox's report has no field stay unchanged (`stored_expiry` is the stored end of the
    viewing period). If the report says that the period is over, this counts more than the report's dates.
    """
    report_values = outcomes.make_report_values(report, replace(PENDING_CHECK, expired_at=stored_expiry), NOW)
    naive = {name: at.replace(tzinfo=None) if isinstance(at, datetime) else at for name, at in values.items()}
    assert report_values == naive


def test_a_viewing_period_ends_at_its_stated_day(purchase_desk: PurchaseDesk) -> None:
    """AlarmBox's report says that the viewing period is over, and states its last day: the period ends at the end of
    that day. If by the desk's clock that moment hasn't come yet, the earlier stored end stays.
    """
    report = replace(CHECK_REPORT, expired=True, expiration_date=date(2026, 11, 19))
    ends = datetime(2026, 11, 19, 15, tzinfo=UTC)
    stored_check = replace(PENDING_CHECK, expired_at=ends - ONE_DAY)
    assert outcomes.make_report_values(report, stored_check, ends)["expired_at"] == ends.replace(tzinfo=None)
    early = outcomes.make_report_values(report, stored_check, ends - timedelta(seconds=1))
    assert early["expired_at"] == (ends - ONE_DAY).replace(tzinfo=None)


@pytest.mark.expects_log("what is tolerated is told")
def test_a_late_answer_is_delivered_despite_an_unwritable_spool(purchase_desk: PurchaseDesk) -> None:
    """The program delivers a late answer to the record even if the desk cannot mark its spool entry as ended."""
    record = purchase_desk.make_unknown_purchase()

    def raise_storage_full(*_: object, **__: object) -> None:
        raise ConsoleError(ErrorCode.STORAGE_FULL)

    purchase_desk.context.spool.mark_ended = raise_storage_full  # type: ignore[method-assign]  # the desk's disk is full
    assert purchase_desk.deliver_late_answer(record, make_success())
    assert purchase_desk.read_record().state is SUCCESS
