"""The end of a purchase that its own process didn't end: by a late answer, by a lapse, by another answer."""

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
from console.domain.recovery.decidable import find_refetch_refusal, find_renewal_refusal
from console.services.credit_checks import outcomes
from console.store.operations import journal
from console.store.records import evidence
from console.store.refunds import approvals
from tests.support.gone import Gone, going_away
from tests.support.invented import numbers
from tests.support.ledger_vendor import LedgerVendor
from tests.support.places import Place
from tests.support.quick_desks import HandClock
from tests.support.refusals import refusal

pytestmark = pytest.mark.engines("sqlite")
(NUMBER,) = numbers(1)
LONG = "x" * 70
DAY = timedelta(days=1)
SUCCESS, ERROR, PENDING = CheckState.SUCCESS, CheckState.ERROR, CheckState.PENDING
REFUSALS = (OutcomeClass.FAILED_DEFINITE, OutcomeClass.AUTH, OutcomeClass.RATE_LIMITED)


class Stage:
    """A desk whose purchases hang, and answers that come later."""

    def __init__(self, place: Place, console: Console, vendor: LedgerVendor, clock: HandClock) -> None:
        self.place, self.console, self.context, self.vendor, self.clock = (
            place,
            console,
            console._context,
            vendor,
            clock,
        )

    def unknown(self) -> CreditCheck:
        """A purchase of which nobody knows."""
        self.vendor.behaviour = "silent_after_charge"
        assert refusal(lambda: self.buy()).code == "outcome_unknown"
        self.vendor.behaviour = "answers"
        return self.now()

    def buy(self, *, renew: bool = False) -> CreditCheck:
        return self.console.credit_checks.purchase(PurchaseRequest(NUMBER, "1", renew=renew))

    def now(self) -> CreditCheck:
        return self.console.lookup.find_records(NUMBER).credit_checks[0]

    def deliver(self, record: CreditCheck, outcome: Outcome[CheckReport]) -> bool:
        assert record.operation_id is not None
        return self.console._service_builder._purchases.deliver(record.operation_id, outcome)

    def decide(self, record: CreditCheck, outcome: Outcome[CheckReport]) -> None:
        can = self.vendor.capabilities
        self.context.write(lambda tx: outcomes.record_outcome(self.context, tx, record.id, outcome, can))

    def operation(self, record: CreditCheck) -> Operation:
        with self.context.database.read() as conn:
            found = journal.find(conn, record.operation_id or "")
        assert found is not None
        return found

    def sources(self, record: CreditCheck) -> list[str]:
        with self.context.database.read() as conn:
            return [item.source for item in evidence.find_by_subject(conn, "credit-check", record.id)]

    def told(self, record: CreditCheck, what: str) -> list[dict[str, object]]:
        """The details of the timeline's entries of that name."""
        view = self.console.credit_checks.read_credit_check(record.id)
        return [dict(entry.detail) for entry in view.timeline if entry.what == what]

    def advice(self, record: CreditCheck) -> str:
        """The code of the next step that the record's page advises."""
        return self.console.credit_checks.read_credit_check(record.id).explanation.next_step.code

    def lapsed(self, what: str) -> int:
        with self.context.database.read() as conn:
            rows = conn.exec_driver_sql("SELECT what, result, reason FROM audit_log").all()
        return sum(tuple(row) == (what, "failed", "lapsed") for row in rows)

    def proposals(self, record: CreditCheck) -> list[str]:
        with self.context.database.read() as conn:
            found = approvals.find_open_proposal(conn, "credit-check", str(record.id))
        return [found.proposed_state] if found else []

    def observed(self) -> list[str]:
        return [alert.observed for alert in self.console.alerts.list_alerts() if alert.rule_id == "contradicted"]


@pytest.fixture
def stage(place: Place, hand_clock: HandClock) -> Iterator[Stage]:
    vendor = LedgerVendor(today=hand_clock.today)
    with place.desk(vendor, hand_clock) as console:
        yield Stage(place, console, vendor, hand_clock)


def bought(number: int = 12345) -> Outcome[CheckReport]:
    return Outcome(OutcomeClass.SUCCEEDED, "answered", SendingCertainty.YES, CheckReport(number, NUMBER), 201, "{}")


def said(kind: OutcomeClass, reason: str = "http_422") -> Outcome[CheckReport]:
    return Outcome(kind, reason, SendingCertainty.YES, None, 422, "{}")


def test_a_late_answer_settles_what_nobody_knows(stage: Stage) -> None:
    """Bought after all: record, journal and desk say so with the provider's id; the answer is evidence."""
    record = stage.unknown()
    assert stage.deliver(record, bought())
    after = stage.now()
    assert (after.state, after.certainty, after.credit_check_id) == (SUCCESS, Certainty.KNOWN, 12345)
    assert (after.work.state, after.work.reason) == (WorkState.SCHEDULED, "incomplete")
    assert (stage.operation(record).state, stage.operation(record).reason) == (OperationState.DONE, "answered")
    assert stage.sources(record) == ["alarmbox.purchase"] * 2
    entry = stage.context.spool.find(record.operation_id or "")
    assert entry is not None
    assert (entry.state, entry.holds_claim, entry.provider_id) == ("ended", True, 12345)
    (told,) = stage.told(record, "credit-check.late_answer")
    assert told.items() >= {"operation": record.operation_id, "outcome": "SUCCEEDED"}.items()
    assert stage.observed() == []


@pytest.mark.parametrize("late", [bought(), said(OutcomeClass.FAILED_DEFINITE, "http_422")])
def test_an_answer_that_is_delivered_twice_is_told_once(stage: Stage, late: Outcome[CheckReport]) -> None:
    """The process may end between the commit and the desk's mark; the answer that it delivers again has settled the
    record already. Another answer is news.
    """
    record = stage.unknown()
    assert stage.deliver(record, late)
    before = stage.now()
    assert stage.deliver(record, late)
    assert stage.now() == before
    assert stage.sources(record) == ["alarmbox.purchase"] * 2
    assert len(stage.told(record, "credit-check.late_answer")) == 1
    assert stage.deliver(record, replace(late, evidence="another body"))
    assert stage.sources(record)[2:] == ["alarmbox.purchase.late"]


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_late_refusal_frees_the_number(stage: Stage, kind: OutcomeClass) -> None:
    """Certainly not bought: it can be bought again, and the desk holds no claim any more."""
    record = stage.unknown()
    assert stage.deliver(record, said(kind, LONG))
    after = stage.now()
    assert (after.state, after.certainty, after.error_code) == (ERROR, Certainty.KNOWN, LONG[:64])
    assert after.work == Work()
    assert stage.operation(record).state is OperationState.FAILED
    entry = stage.context.spool.find(record.operation_id or "")
    assert entry is not None
    assert (entry.state, entry.holds_claim, entry.provider_id) == ("ended", False, None)
    assert len(stage.told(record, "credit-check.not_bought")) == 1
    assert stage.buy().state is SUCCESS


@pytest.mark.parametrize("kind", [OutcomeClass.UNKNOWN, OutcomeClass.NOT_FOUND, OutcomeClass.PENDING])
def test_a_late_answer_that_says_nothing_leaves_it_unknown(stage: Stage, kind: OutcomeClass) -> None:
    """And a success that names no record says no more than that."""
    record = stage.unknown()
    for outcome in (said(kind, "http_503"), replace(bought(), found=None)):
        assert stage.deliver(record, outcome)
        assert (stage.now().state, stage.now().certainty) == (PENDING, Certainty.UNKNOWN)
        assert stage.now().error_code == outcome.reason
    assert refusal(stage.buy).code in ("already_purchased", "outcome_unknown")


def test_while_nobody_knows_the_desk_goes_on_holding_the_claim(stage: Stage) -> None:
    record = stage.unknown()
    assert stage.deliver(record, said(OutcomeClass.UNKNOWN, "read_timeout"))
    entry = stage.context.spool.find(record.operation_id or "")
    assert entry is not None
    assert entry.state != "ended"
    assert stage.operation(record).state is OperationState.UNKNOWN


def test_what_no_operation_is_of_cannot_be_delivered(stage: Stage) -> None:
    """Neither an operation that isn't there, nor one whose record is gone."""
    record = stage.unknown()
    assert not stage.deliver(replace(record, operation_id="never"), bought())
    stage.place.sql("DELETE FROM hansha_alarmbox_credit_checks")
    assert not stage.deliver(record, bought())
    entry = stage.context.spool.find(record.operation_id or "")
    assert entry is not None
    assert entry.state != "ended"


DECIDED = {
    "bought, and bought": (bought(), bought(), None),
    "bought, and bought under another id": (bought(), bought(12346), "bought 12346"),
    "bought, and bought under a lower id": (bought(), bought(12344), "bought 12344"),
    "bought, and bought without an id": (bought(), replace(bought(), found=None), "bought"),
    "not bought, and bought": (said(OutcomeClass.FAILED_DEFINITE), bought(), "bought 12345"),
    "not bought, and not bought": (said(OutcomeClass.FAILED_DEFINITE), said(OutcomeClass.AUTH), None),
    "not bought, and nobody knows": (said(OutcomeClass.FAILED_DEFINITE), said(OutcomeClass.UNKNOWN), None),
    "bought, and nobody knows": (bought(), said(OutcomeClass.UNKNOWN), None),
    "bought, and not found": (bought(), said(OutcomeClass.NOT_FOUND), None),
    **{f"bought, and {kind}": (bought(), said(kind, "http_4"), "not bought: http_4") for kind in REFUSALS},
}


@pytest.mark.parametrize("name", DECIDED)
def test_what_was_decided_stays_and_a_contradiction_is_a_case(stage: Stage, name: str) -> None:
    """The late answer is evidence in any case; a person looks where it says otherwise, once."""
    decision, late, observed = DECIDED[name]
    record = stage.unknown()
    stage.decide(record, decision)
    before = stage.now()
    assert stage.deliver(record, late)
    assert stage.deliver(record, late)
    after = stage.now()
    assert (after.state, after.certainty, after.credit_check_id) == (
        before.state,
        Certainty.KNOWN,
        before.credit_check_id,
    )
    assert stage.sources(record)[-2:] == ["alarmbox.purchase.late"] * 2
    assert stage.observed() == ([] if observed is None else [observed])
    contradicted = stage.told(record, "credit-check.contradicted")
    if observed is None:
        assert (contradicted, after.work) == ([], before.work)
    else:
        assert [one["observed"] for one in contradicted] == [observed]
        assert (after.work.state, after.work.reason) == (WorkState.NEEDS_REVIEW, "contradicted")
    told = stage.told(record, "credit-check.late_answer")[-1]
    expected = {"outcome": late.kind.value, "kept_state": before.state.value}
    assert told.items() >= (expected | ({"provider_id": late.found.credit_check_id} if late.found else {})).items()
    assert ("provider_id" in told) is (late.found is not None)


@pytest.mark.engines("sqlite", "mariadb")
def test_what_was_denied_and_bought_is_not_bought_again(stage: Stage) -> None:
    """AlarmBox says later that it was bought: a second purchase is refused, in the words of that fact, until a person
    has looked at the case. Another client's purchase goes on."""
    stage.vendor.behaviour = "refuses"
    assert refusal(stage.buy).code == "provider_refused"
    stage.vendor.behaviour, record = "answers", stage.now()
    assert explain_record(record, stage.context.now()).next_step.action == "purchase"
    assert stage.console.credit_checks.make_plan(NUMBER).denied == ()
    assert stage.deliver(record, bought())
    charges = len(stage.vendor.charges)
    explanation = explain_record(stage.now(), stage.context.now())
    assert (explanation.verdict, explanation.why) == ("verdict.contradicted", "why.denied_but_bought")
    assert explanation.next_step.action != "purchase"
    assert (find_refetch_refusal(stage.now()), find_renewal_refusal(stage.now(), stage.context.now())) == (
        "bought_perhaps",
        "bought_perhaps",
    )
    for is_renewal in (False, True):
        refused = refusal(partial(stage.buy, renew=is_renewal))
        assert (refused.code, refused.detail["reason"]) == ("already_purchased", "denied_but_bought")
        blocker = refused.detail["record"]
        assert isinstance(blocker, CreditCheck)
        assert blocker.id == record.id
    assert [denied.id for denied in stage.console.credit_checks.make_plan(NUMBER).denied] == [record.id]
    assert len(stage.vendor.charges) == charges
    assert stage.console.credit_checks.purchase(PurchaseRequest(NUMBER, "2")).state is SUCCESS
    (case,) = [alert for alert in stage.console.alerts.list_alerts() if alert.rule_id == "contradicted"]
    assert stage.advice(record) == "next.check_purchase_history"
    stage.console.alerts.acknowledge(case.id, "their screen has nothing")
    assert stage.advice(record) == "next.may_buy_again"
    assert stage.console.credit_checks.make_plan(NUMBER).denied == ()
    stage.console.alerts.undo_acknowledgement(case.id)
    assert refusal(stage.buy).code == "already_purchased"
    stage.console.alerts.acknowledge(case.id, "their screen has nothing")
    assert stage.buy().state is SUCCESS
    assert stage.advice(record) == "next.bought_since"


def test_an_earlier_refused_purchase_does_not_advise_what_a_denied_one_blocks(stage: Stage) -> None:
    """Two purchases were refused; AlarmBox says later that the second one was made. Only another client may buy."""
    stage.vendor.behaviour = "refuses"
    assert refusal(partial(stage.buy)).code == "provider_refused"
    first = stage.now()
    assert refusal(partial(stage.buy)).code == "provider_refused"
    records = stage.console.lookup.find_records(NUMBER).credit_checks
    second = next(record for record in records if record.id != first.id)
    first, second = sorted((first, second), key=lambda record: record.id)
    stage.vendor.behaviour = "answers"
    assert stage.deliver(second, bought())
    assert refusal(stage.buy).detail["reason"] == "denied_but_bought"
    assert stage.advice(first) == "next.other_denied_but_bought"
    assert stage.advice(second) == "next.check_purchase_history"


@pytest.mark.engines("sqlite", "mariadb")
def test_a_renewal_that_was_denied_and_bought_is_not_bought_again(stage: Stage) -> None:
    """The old check got its place back when the renewal was refused, so it holds the claim again. It can't be renewed
    while AlarmBox says that the refused renewal was bought, until a person has looked at the case."""
    old = stage.buy()
    stage.clock.at += 400 * DAY
    stage.vendor.behaviour = "refuses"
    assert refusal(partial(stage.buy, renew=True)).code == "provider_refused"
    stage.vendor.behaviour, denied = "answers", stage.now()
    assert denied.id != old.id
    assert stage.deliver(denied, bought())
    charges = len(stage.vendor.charges)
    refused = refusal(partial(stage.buy, renew=True))
    assert (refused.code, refused.detail["reason"]) == ("already_purchased", "denied_but_bought")
    blocker = refused.detail["record"]
    assert isinstance(blocker, CreditCheck)
    assert (blocker.id, len(stage.vendor.charges)) == (denied.id, charges)
    (case,) = [alert for alert in stage.console.alerts.list_alerts() if alert.rule_id == "contradicted"]
    stage.console.alerts.acknowledge(case.id, "their screen has nothing")
    assert stage.buy(renew=True).state is SUCCESS


@pytest.mark.parametrize(
    ("state", "kind", "theirs", "differs"),
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
def test_which_answers_contradict(state: CheckState, kind: OutcomeClass, theirs: int | None, differs: bool) -> None:
    """An answer contradicts a known outcome that differs from it; no answer contradicts an open record."""
    record = CreditCheck(
        17, NUMBER, "1", state, Certainty.KNOWN, Work(), 1, None, None, None, None, None, (), None, "op", 1,
    )  # fmt: skip
    outcome = Outcome(kind, "x", SendingCertainty.YES, None if theirs is None else CheckReport(theirs))
    assert outcomes.is_contradicting_answer(record, outcome) is differs


@pytest.mark.parametrize(
    ("finds", "reason", "state", "why"),
    [
        (False, "read_timeout", WorkState.NEEDS_REVIEW, "no_list_call"),
        (True, "read_timeout", WorkState.SCHEDULED, "unknown"),
        (True, "other_number", WorkState.NEEDS_REVIEW, "answer_does_not_fit"),
        (False, "bad_id", WorkState.NEEDS_REVIEW, "answer_does_not_fit"),
    ],
)
def test_who_looks_at_an_unknown_next(stage: Stage, finds: bool, reason: str, state: WorkState, why: str) -> None:
    """It is asked about by itself where the provider can tell, unless its answer fits no record."""
    record = stage.unknown()
    stage.vendor.finds = finds
    stage.decide(record, said(OutcomeClass.UNKNOWN, reason))
    work = stage.now().work
    assert (work.state, work.reason, work.attempt) == (state, why, 0)
    due = stage.clock.at + stage.context.scale.scale_delta(timedelta(minutes=1))
    assert work.at == (due if state is WorkState.SCHEDULED else None)
    stage.decide(stage.now(), said(OutcomeClass.UNKNOWN, LONG))
    assert stage.now().error_code == LONG[:64]


def test_a_refused_renewal_gives_the_old_record_its_place_back(stage: Stage) -> None:
    old = stage.buy()
    stage.clock.at += 400 * DAY
    stage.vendor.behaviour = "silent_after_charge"
    assert refusal(lambda: stage.buy(renew=True)).code == "outcome_unknown"
    newest = stage.now()
    assert stage.console.credit_checks.read_credit_check(old.id).record.superseded_by == newest.id
    assert stage.deliver(newest, said(OutcomeClass.FAILED_DEFINITE))
    restored = stage.console.credit_checks.read_credit_check(old.id).record
    assert (restored.is_live, restored.superseded_by) == (True, None)
    (told,) = stage.told(old, "credit-check.restored")
    assert told["instead_of"] == newest.id


@pytest.mark.parametrize("outcome", [bought(), said(OutcomeClass.AUTH)])
def test_what_was_decided_by_halves_is_over_when_it_is_known(stage: Stage, outcome: Outcome[CheckReport]) -> None:
    """A proposal of a first person means nothing any more, whichever way it ended."""
    record = stage.unknown()
    first = stage.console.recovery.resolve("credit-check", record.id, "error", "not on their list")
    assert first.awaiting == "second_person"
    assert stage.proposals(record) == ["error"]
    assert stage.deliver(record, outcome)
    assert stage.proposals(record) == []


def lost(stage: Stage) -> CreditCheck:
    """A purchase whose process went away in the middle of the call."""
    with going_away(stage.context) as vanish:
        stage.vendor.during = vanish
        with pytest.raises(Gone):
            stage.buy()
    stage.vendor.during = lambda: None
    return stage.now()


def test_a_purchase_whose_process_went_away_is_unknown(stage: Stage) -> None:
    """Once its lease is over, and written once."""
    record = lost(stage)

    def lapse(operation_id: str = record.operation_id or "") -> bool:
        return stage.console._service_builder._purchases.record_lapse(operation_id)

    assert not lapse()
    stage.clock.at += timedelta(minutes=5)
    assert not lapse("never")
    assert lapse()
    after = stage.now()
    assert (after.state, after.certainty, after.error_code) == (PENDING, Certainty.UNKNOWN, "lapsed")
    assert stage.operation(record).state is OperationState.UNKNOWN
    assert not lapse()
    assert len(stage.told(record, "credit-check.unknown")) == 1
    assert stage.lapsed("credit-check.purchase.lapsed") == 0


def test_a_purchase_that_was_settled_before_it_lapsed_stays(stage: Stage) -> None:
    """The journal tells that its process went away, the record what is known."""
    record = lost(stage)
    stage.decide(record, bought())
    stage.clock.at += timedelta(minutes=5)
    assert stage.console._service_builder._purchases.record_lapse(record.operation_id or "")
    assert (stage.now().state, stage.now().certainty) == (SUCCESS, Certainty.KNOWN)
    assert stage.lapsed("credit-check.purchase.lapsed") == 1


def test_the_record_of_an_outcome_must_be_there(stage: Stage) -> None:
    error = refusal(lambda: stage.decide(replace(CHECK, id=99), bought()))
    assert (error.code, error.detail["id"]) == ("not_found", "99")


NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
CHECK = CreditCheck(
    17, NUMBER, "1", PENDING, Certainty.KNOWN, Work(), None, None, None, None, None, None, (), None, "op-1", 1,
)  # fmt: skip
REPORT = CheckReport(12345, NUMBER)
BEGINS, ENDS = datetime(2026, 11, 19, 15, tzinfo=UTC), datetime(2027, 11, 19, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("report", "held", "values"),
    [
        (REPORT, None, {}),
        (replace(REPORT, company_name="A" * 600, result="ok"), None, {"company_name": "A" * 255, "result": "ok"}),
        (replace(REPORT, company_name=""), None, {}),
        (replace(REPORT, purchase_date=date(2026, 11, 20)), None, {"purchased_at": BEGINS}),
        (replace(REPORT, expiration_date=date(2027, 11, 19)), None, {"expired_at": ENDS}),
        (replace(REPORT, expired=False), NOW - DAY, {}),
        (replace(REPORT, expired=True), None, {"expired_at": NOW}),
        (replace(REPORT, expired=True), NOW - DAY, {"expired_at": NOW - DAY}),
        (replace(REPORT, expired=True), NOW, {"expired_at": NOW}),
        (replace(REPORT, expired=True), NOW + DAY, {"expired_at": NOW}),
        (
            replace(REPORT, expired=True, expiration_date=date(2027, 11, 19)),
            None,
            {"expired_at": NOW},
        ),
        (
            replace(REPORT, expired=True, expiration_date=date(2026, 11, 1)),
            None,
            {"expired_at": datetime(2026, 11, 1, 15, tzinfo=UTC)},
        ),
        (
            replace(REPORT, purchase_date=date.min, expiration_date=date.max),
            None,
            {"purchased_at": datetime(1, 1, 1, tzinfo=UTC), "expired_at": datetime(9999, 12, 31, 15, tzinfo=UTC)},
        ),
    ],
)
def test_what_a_report_fills(report: CheckReport, held: datetime | None, values: dict[str, object]) -> None:
    """Fields that the report doesn't have stay unchanged; its word that the viewing period is over counts more than
    its dates.
    """
    found = outcomes.make_report_values(report, replace(CHECK, expired_at=held), NOW)
    naive = {name: at.replace(tzinfo=None) if isinstance(at, datetime) else at for name, at in values.items()}
    assert found == naive


def test_the_last_instant_of_a_viewing_period(stage: Stage) -> None:
    """Over at the very instant that is named."""
    report = replace(REPORT, expired=True, expiration_date=date(2026, 11, 19))
    ends = datetime(2026, 11, 19, 15, tzinfo=UTC)
    held = replace(CHECK, expired_at=ends - DAY)
    assert outcomes.make_report_values(report, held, ends)["expired_at"] == ends.replace(tzinfo=None)
    early = outcomes.make_report_values(report, held, ends - timedelta(seconds=1))
    assert early["expired_at"] == (ends - DAY).replace(tzinfo=None)


@pytest.mark.expects_log("what is tolerated is told")
def test_what_must_not_spoil_what_was_achieved(stage: Stage) -> None:
    """A desk that can't note the end of what it delivered has delivered it all the same."""
    record = stage.unknown()

    def broken(*_: object, **__: object) -> None:
        raise ConsoleError(ErrorCode.STORAGE_FULL)

    stage.context.spool.mark_ended = broken  # type: ignore[method-assign]  # the desk's disk is full
    assert stage.deliver(record, bought())
    assert stage.now().state is SUCCESS
