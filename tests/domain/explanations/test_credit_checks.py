"""Tests of the verdict, the reason and the next step of credit checks, without their wording."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from console.domain.access.read_only import IS_STOPPED_BY_PROVIDER_SWITCH_BY_ACTION
from console.domain.explanations.credit_checks import explain_credit_check
from console.domain.records import Certainty, CheckRelations, CheckState, CreditCheck, Work, WorkState
from console.domain.recovery.decision_rules import find_undecidable_reason, has_expired
from console.wording.sentences.catalogue import translate

NOW = datetime(2026, 11, 20, 6, 4, 5, tzinfo=UTC)
FIVE_MINUTES_LATER = NOW + timedelta(minutes=5)
PURCHASED_CHECK = CreditCheck(
    id=17, corporation_number="1180301018771", client_id="42", state=CheckState.SUCCESS, certainty=Certainty.KNOWN,
    work=Work(), credit_check_id=12345, company_name="A", result="ok", purchased_at=NOW,
    expired_at=NOW + timedelta(days=365), pdf_file_path="ab/abcdef.pdf", incomplete=(), superseded_by=None,
    operation_id="7f3c", version=3, created_at=NOW - timedelta(days=1), state_since=NOW,
)  # fmt: skip
PENDING_CHECK = replace(PURCHASED_CHECK, state=CheckState.PENDING, credit_check_id=None)
UNKNOWN_CHECK = replace(PENDING_CHECK, certainty=Certainty.UNKNOWN)
FAILED_CHECK = replace(PENDING_CHECK, state=CheckState.ERROR)
INCOMPLETE_CHECK = replace(PURCHASED_CHECK, incomplete=("pdf",))
NO_ROLE_MAY_ACT = ()
BUYER_ROLES = ("approver", "operator")
DECIDER_ROLES = ("approver", "operator")
READER_ROLES = ("approver", "operator", "worker")
SHOW_COMMAND = "support-console show credit-check 17"
PROBE_COMMAND = "support-console probe credit-check 17"
RESOLVE_COMMAND = "support-console resolve credit-check 17 --as"
BUY_COMMAND, RENEW_COMMAND = (
    f"support-console purchase 1180301018771 --client 42{more}" for more in ("", " --renew")
)


def make_review_work(reason: str | None = None, attempt: int = 0) -> Work:
    return Work(WorkState.NEEDS_REVIEW, None, reason, attempt)


def make_due_work(reason: str | None = None, attempt: int = 0) -> Work:
    return Work(WorkState.SCHEDULED, FIVE_MINUTES_LATER, reason, attempt)


SITUATIONS = {
    "superseded": (
        replace(PURCHASED_CHECK, superseded_by=18), "superseded", "superseded", "open_successor",
        "support-console show credit-check 18", NO_ROLE_MAY_ACT,
    ),
    "superseded before anything else": (
        replace(UNKNOWN_CHECK, superseded_by=18, duplicate_of=9), "superseded", "superseded", "open_successor",
        "support-console show credit-check 18", NO_ROLE_MAY_ACT,
    ),
    "duplicate": (
        replace(UNKNOWN_CHECK, duplicate_of=9), "duplicate", "duplicate", "compare_duplicate",
        "support-console show credit-check 9", DECIDER_ROLES,
    ),
    "running": (PENDING_CHECK, "pending", "running", "wait_for_answer", SHOW_COMMAND, NO_ROLE_MAY_ACT),
    "running, to be looked at": (
        replace(PENDING_CHECK, work=make_due_work()), "pending", "running", "wait_for_answer", SHOW_COMMAND,
        NO_ROLE_MAY_ACT,
    ),
    "written by another": (
        replace(PENDING_CHECK, work=make_review_work("written_by_other")), "pending_by_other", "written_by_other",
        "ask_the_writer", SHOW_COMMAND, DECIDER_ROLES,
    ),
    "unreadable": (
        replace(PENDING_CHECK, work=make_review_work("number_unreadable")), "pending_by_other", "number_unreadable",
        "have_it_corrected", SHOW_COMMAND, DECIDER_ROLES,
    ),
    "not bought": (FAILED_CHECK, "error", "not_bought", "may_buy_again", BUY_COMMAND, BUYER_ROLES),
    "not bought, because the contract doesn't permit it": (
        replace(FAILED_CHECK, error_code="http_403"), "error", "not_bought", "may_buy_after_administrator",
        BUY_COMMAND, BUYER_ROLES,
    ),
    "not bought, as two people have decided": (
        replace(FAILED_CHECK, error_code="resolved_by_people"), "error", "not_bought", "may_buy_again_decided",
        BUY_COMMAND,
        BUYER_ROLES,
    ),
    "not bought, and bought as AlarmBox says": (
        replace(FAILED_CHECK, work=make_review_work("contradicted")), "contradicted", "denied_but_bought",
        "check_purchase_history", SHOW_COMMAND, DECIDER_ROLES,
    ),
    "unknown, nobody asks": (
        replace(UNKNOWN_CHECK, work=make_review_work("no_list_call")), "unknown", "no_answer", "resolve",
        f"{RESOLVE_COMMAND} success --provider-id ID --evidence FILE", DECIDER_ROLES,
    ),
    "unknown, asked again": (
        replace(UNKNOWN_CHECK, work=make_due_work("unknown", 2)), "unknown", "no_answer", "probe_scheduled",
        PROBE_COMMAND,
        DECIDER_ROLES,
    ),
    "unknown, of a process that is gone": (
        replace(UNKNOWN_CHECK, work=make_review_work("lapsed"), error_code="bad_id"), "unknown", "lapsed", "resolve",
        f"{RESOLVE_COMMAND} success --provider-id ID --evidence FILE", DECIDER_ROLES,
    ),
    "unknown, another number": (
        replace(UNKNOWN_CHECK, work=make_review_work(), error_code="other_number"), "unknown", "answer_does_not_fit",
        "resolve", f"{RESOLVE_COMMAND} success --provider-id ID --evidence FILE", DECIDER_ROLES,
    ),
    "unknown, unreadable id": (
        replace(UNKNOWN_CHECK, work=make_due_work(), error_code="bad_id"), "unknown", "answer_does_not_fit",
        "probe_scheduled", PROBE_COMMAND,
        DECIDER_ROLES,
    ),
    "complete": (PURCHASED_CHECK, "complete", "complete", "nothing", None, NO_ROLE_MAY_ACT),
    "complete, a reading is due": (
        replace(PURCHASED_CHECK, work=make_due_work()), "complete", "complete", "nothing", None, NO_ROLE_MAY_ACT,
    ),
    "complete, looked at for something else": (
        replace(PURCHASED_CHECK, work=make_review_work("refetches_ended")), "complete", "complete", "nothing", None,
        NO_ROLE_MAY_ACT,
    ),
    "complete, contradicted once": (
        replace(PURCHASED_CHECK, work=make_due_work("contradicted")), "complete", "complete", "nothing", None,
        NO_ROLE_MAY_ACT,
    ),
    "contradicted": (
        replace(PURCHASED_CHECK, work=make_review_work("contradicted")), "contradicted", "contradicted",
        "compare_with_provider", SHOW_COMMAND,
        DECIDER_ROLES,
    ),
    "no id": (
        replace(INCOMPLETE_CHECK, credit_check_id=None), "success_without_id", "success_without_id", "ask_the_writer",
        SHOW_COMMAND,
        DECIDER_ROLES,
    ),
    "its last instant": (
        replace(PURCHASED_CHECK, expired_at=NOW + timedelta(microseconds=1)), "complete", "complete", "nothing",
        None, NO_ROLE_MAY_ACT,
    ),
    "just over": (
        replace(PURCHASED_CHECK, expired_at=NOW), "complete", "complete_expired", "may_renew", RENEW_COMMAND,
        NO_ROLE_MAY_ACT,
    ),
    "long over": (
        replace(PURCHASED_CHECK, expired_at=NOW - timedelta(days=1)), "complete", "complete_expired", "may_renew",
        RENEW_COMMAND, NO_ROLE_MAY_ACT,
    ),
    "without an end": (replace(PURCHASED_CHECK, expired_at=None), "complete", "complete", "nothing", None,
        NO_ROLE_MAY_ACT),
    "complete, company changed": (
        replace(PURCHASED_CHECK, relations=CheckRelations(change_alert_id=5)), "complete_company_changed",
        "complete_company_changed", "company_changed", None, NO_ROLE_MAY_ACT,
    ),
    "just over, company changed": (
        replace(PURCHASED_CHECK, expired_at=NOW, relations=CheckRelations(change_alert_id=5)), "complete",
        "complete_expired", "may_renew", RENEW_COMMAND, NO_ROLE_MAY_ACT,
    ),
    "incomplete": (
        replace(INCOMPLETE_CHECK, work=make_due_work("incomplete", 1)), "incomplete", "incomplete",
        "refetch_scheduled",
        "support-console refetch 17", READER_ROLES,
    ),
    "incomplete, no more by itself": (
        replace(INCOMPLETE_CHECK, work=make_review_work("refetches_ended", 5)), "incomplete", "incomplete",
        "refetch_by_hand", "support-console refetch 17", READER_ROLES,
    ),
    "incomplete, nothing planned": (
        INCOMPLETE_CHECK, "incomplete", "incomplete", "refetch_by_hand", "support-console refetch 17", READER_ROLES,
    ),
    "incomplete, too late": (
        replace(INCOMPLETE_CHECK, viewing_over=True, work=make_due_work(), expired_at=NOW), "incomplete",
        "incomplete",
        "viewing_over_expired", RENEW_COMMAND, READER_ROLES,
    ),
    "incomplete, too late to read and too early to renew": (
        replace(INCOMPLETE_CHECK, viewing_over=True, work=make_due_work()), "incomplete", "incomplete",
        "viewing_over",
        SHOW_COMMAND, READER_ROLES,
    ),
    "incomplete, too late to read, and nobody knows when it can be renewed": (
        replace(INCOMPLETE_CHECK, viewing_over=True, work=make_due_work(), expired_at=None), "incomplete",
        "incomplete",
        "viewing_over_no_date", SHOW_COMMAND, READER_ROLES,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SITUATIONS)
def test_each_situation_has_verdict_reason_and_next_step(name: str) -> None:
    """Each example of a credit check has the expected verdict, reason and next step, with the command for the step
    and the roles that may execute it."""
    record, verdict, why, following, command, roles = SITUATIONS[name]
    explanation = explain_credit_check(record, NOW)
    assert (explanation.verdict, explanation.why, explanation.next_step.code) == (
        f"verdict.{verdict}",
        f"why.{why}",
        f"next.{following}",
    )
    assert (explanation.next_step.command, explanation.roles_that_may_act) == (command, roles)


def test_a_switch_stops_only_renewals_of_settled_checks() -> None:
    """Of the checks that need no related rows for their explanation, only a live one that has expired has a next step
    that a read-only switch stops. A lookup reads the switches for no others (`services.lookup.record_search`).
    """
    stopped = set[str]()
    for name, (record, *_) in SITUATIONS.items():
        has_outcome = record.certainty is Certainty.KNOWN and record.state is not CheckState.ERROR
        if not has_outcome or record.work.state is WorkState.NEEDS_REVIEW:
            continue
        if explain_credit_check(record, NOW).next_step.action in IS_STOPPED_BY_PROVIDER_SWITCH_BY_ACTION:
            stopped.add(name)
            assert (record.is_live, has_expired(record, NOW)) == (True, True), name
    assert stopped


@pytest.mark.parametrize(
    ("work", "relations", "next_step", "roles"),
    [
        (Work(), {}, "may_buy_again", BUYER_ROLES),
        (Work(), {"claim_holder_id": 18}, "bought_since", NO_ROLE_MAY_ACT),
        (Work(), {"open_denial_ids": (9,)}, "other_denied_but_bought", NO_ROLE_MAY_ACT),
        (Work(), {"claim_holder_id": 18, "open_denial_ids": (9,)}, "bought_since", NO_ROLE_MAY_ACT),
        (Work(), {"lost_renewal_id": 16}, "other_renewal_lost", NO_ROLE_MAY_ACT),
        (Work(), {"claim_holder_id": 18, "lost_renewal_id": 16}, "bought_since", NO_ROLE_MAY_ACT),
        (make_review_work("contradicted"), {"open_denial_ids": (9, 17)}, "check_purchase_history", DECIDER_ROLES),
        (make_review_work("contradicted"), {"open_denial_ids": (9,)}, "other_denied_but_bought", NO_ROLE_MAY_ACT),
        (make_review_work("contradicted"), {}, "may_buy_again", BUYER_ROLES),
        (make_review_work("contradicted"), {"claim_holder_id": 18}, "bought_since", NO_ROLE_MAY_ACT),
    ],
)
def test_a_purchase_is_advised_only_if_the_number_is_free(
    work: Work, relations: dict[str, object], next_step: str, roles: tuple[str, ...]
) -> None:
    """No purchase is advised while the corporation number has a live credit check. None is advised either while
    AlarmBox reports another purchase and its case has not been acknowledged."""
    record = replace(FAILED_CHECK, work=work, relations=CheckRelations(**relations))  # type: ignore[arg-type]  # as above
    explanation = explain_credit_check(record, NOW)
    assert (explanation.next_step.code, explanation.roles_that_may_act) == (f"next.{next_step}", roles)
    assert explanation.verdict == ("verdict.contradicted" if work.reason else "verdict.error")


@pytest.mark.parametrize("work", [Work(), make_review_work("no_list_call"), make_due_work("unknown")])
def test_the_next_step_of_a_proposal_is_the_second_decision(work: Work) -> None:
    """If a proposal waits for a second person, the next step is the decision of the second person."""
    step = explain_credit_check(
        replace(UNKNOWN_CHECK, work=work, relations=CheckRelations(proposed_state="error")), NOW
    ).next_step
    assert (step.code, step.command) == ("next.second_person", f"{RESOLVE_COMMAND} error --evidence FILE")


def test_facts_of_sentences_have_attempts_and_age() -> None:
    """The facts of a sentence count the attempts from one, with their total. The time since which the record has been
    in its state is None if it isn't known."""
    explanation = explain_credit_check(
        replace(UNKNOWN_CHECK, work=make_due_work("unknown", 2), error_code="read_timeout"), NOW
    )
    assert dict(explanation.facts) == {
        "id": 17, "client": "42", "number": "1180301018771", "since": NOW, "sent_at": None, "at": FIVE_MINUTES_LATER,
        "attempt": 3,
        "cause": "read_timeout", "missing": (), "successor": None, "original": None,
        "until": PURCHASED_CHECK.expired_at,
    }  # fmt: skip
    assert explanation.next_step.facts["of"] == 8
    assert explain_credit_check(replace(INCOMPLETE_CHECK, work=make_due_work()), NOW).next_step.facts["of"] == 5
    assert explain_credit_check(replace(PURCHASED_CHECK, state_since=None), NOW).facts["since"] is None


def test_a_contradiction_states_the_providers_answer() -> None:
    """If the open alert stores the provider's answer, the explanation states this answer. Without an alert, it states
    only that an answer differs."""
    record = replace(PURCHASED_CHECK, work=make_review_work("contradicted"))
    explanation = explain_credit_check(
        replace(record, relations=CheckRelations(contradicting_answer_text="not bought: x")), NOW
    )
    assert "Not bought" in translate(explanation.why, "en", **explanation.facts)
    untold = explain_credit_check(record, NOW)
    assert (untold.why, untold.facts["observed"]) == (explanation.why, None)
    assert find_undecidable_reason(record) == "outcome_contradicted"


@pytest.mark.parametrize(("language", "change"), [("en", "Removed from"), ("ja", "公表から削除")])
def test_the_reason_of_a_check_names_the_change_of_its_company(language: str, change: str) -> None:
    """The explanation of a complete credit check states the unacknowledged change of its corporation."""
    relations = CheckRelations(change_alert_id=5, observed_change="company deleted")
    explanation = explain_credit_check(replace(PURCHASED_CHECK, relations=relations), NOW)
    assert change in translate(explanation.why, language, **explanation.facts)


@pytest.mark.parametrize(
    ("record", "relations", "certainty", "work"),
    [
        (UNKNOWN_CHECK, {}, "unknown", "possible"),
        (PENDING_CHECK, {}, "unconfirmed", "automatic"),
        (replace(PENDING_CHECK, work=make_review_work("written_by_other")), {}, "unconfirmed", "needs_review"),
        (replace(PURCHASED_CHECK, credit_check_id=None), {}, "unconfirmed", "possible"),
        (INCOMPLETE_CHECK, {}, "known", "possible"),
        (replace(UNKNOWN_CHECK, work=make_due_work("unknown")), {}, "unknown", "scheduled"),
        (
            replace(UNKNOWN_CHECK, work=make_due_work("unknown")),
            {"proposed_state": "error"},
            "unknown",
            "waiting_for_approval",
        ),
        (replace(FAILED_CHECK, work=make_due_work("x")), {"proposed_state": "error"}, "known", "possible"),
        (replace(PURCHASED_CHECK, work=make_review_work("contradicted")), {}, "sides_disagree", "needs_review"),
        (PURCHASED_CHECK, {}, "known", "none"),
    ],
)
def test_badges_of_a_credit_check_match_its_outcome(
    record: CreditCheck, relations: dict[str, bool], certainty: str, work: str
) -> None:
    """The badges of a credit check match its outcome. Only an unknown outcome waits for a second person, sides can
    disagree only if the outcome is known, and a running purchase isn't confirmed."""
    explanation = explain_credit_check(replace(record, relations=CheckRelations(**relations)), NOW)  # type: ignore[arg-type]  # as above
    assert (explanation.certainty, explanation.work) == (certainty, work)


@pytest.mark.parametrize(("cause", "is_asked"), [("http_403", True), ("http_401", True), ("http_503", False)])
def test_a_purchase_that_an_administrator_must_enable_is_not_recommended(cause: str, *, is_asked: bool) -> None:
    """If AlarmBox refused the credentials or the permission, the person first asks an administrator, so the button
    "Buy" isn't the primary one."""
    step = explain_credit_check(replace(FAILED_CHECK, error_code=cause), NOW).next_step
    assert (step.action, step.asks_others_first) == ("purchase", is_asked)


def test_a_probe_is_announced_only_if_scheduled_and_possible() -> None:
    """The explanation announces a next probe only if one is scheduled and the provider can list its purchases.
    Otherwise the next step is a person's decision."""
    for work, finds, code in (
        (make_due_work("unknown"), True, "next.probe_scheduled"),
        (make_due_work("unknown"), False, "next.resolve"),
        (make_review_work("probes_ended"), True, "next.resolve_probes_ended"),
        (Work(), True, "next.resolve"),
    ):
        explanation = explain_credit_check(
            replace(UNKNOWN_CHECK, work=work, relations=CheckRelations(finds_purchases=finds)), NOW
        )
        assert explanation.next_step.code == code


def test_no_attempt_is_announced_for_a_past_time() -> None:
    """If an attempt is overdue because no worker runs, the next step states no time for it."""
    record = replace(UNKNOWN_CHECK, work=make_due_work("unknown", 2), relations=CheckRelations(finds_purchases=True))
    assert explain_credit_check(record, NOW).next_step.facts["at"] == FIVE_MINUTES_LATER
    step = explain_credit_check(record, FIVE_MINUTES_LATER).next_step
    assert (step.code, step.facts["at"]) == ("next.probe_scheduled", None)
