"""Explain the state and next step of a credit check, as wording keys with facts. The explanation depends only on the
record, its relations and the present instant.

The keys begin with `verdict.`, `why.` and `next.`; texts for `WorkReason` begin with `work.`. The fact `cause` is
the reason of the last outcome: an event at the provider or in the network. Its texts begin with `cause.`.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from console.domain.access.permissions import ROLES_BY_RIGHT
from console.domain.explained_state import OPEN_ALERT_ACTION, CertaintyBadge, Explanation, NextStep, WorkBadge
from console.domain.explanations.badges import VERDICTS_OF_MISMATCH, find_work_badge
from console.domain.explanations.read_only import replace_stopped_next_step
from console.domain.records import (
    RESOLVED_BY_PEOPLE_CAUSE,
    Certainty,
    CheckRelations,
    CheckState,
    CreditCheck,
    WorkReason,
    WorkState,
    find_next_attempt_time,
)
from console.domain.recovery.decision_rules import (
    has_expired,
    is_decidable_check,
    is_denied_but_bought,
    is_undecided_check_of_other_application,
)
from console.domain.tasks.retry_schedules import INCOMPLETE_REFETCH_WAITS, PURCHASE_PROBE_WAITS

DECIDING_ROLES = ("approver", "operator")
_CAUSES_FOR_ADMINISTRATORS = frozenset(
    {"http_401", "http_403", "authorise_again", "authorisation_declined", "client_refused", "invalid_grant"}
)
"""Causes of a purchase that was not made which only an administrator can remove: AlarmBox refuses the credentials of
this console, or its contract doesn't permit the purchase."""


def explain_credit_check(record: CreditCheck, now: datetime) -> Explanation:
    """Return verdict, reason, next step and badges of a credit check at the instant `now`. The explanation also
    uses the related facts in `record.relations`; if these are None, it uses the record's own fields alone."""
    relations = record.relations or CheckRelations()
    explanation = _explain_without_badges(record, relations, now)
    certainty = CertaintyBadge(record.certainty.value)
    if certainty is CertaintyBadge.KNOWN and explanation.verdict in VERDICTS_OF_MISMATCH:
        certainty = CertaintyBadge.SIDES_DISAGREE
    elif certainty is CertaintyBadge.KNOWN and _is_unconfirmed(record):
        certainty = CertaintyBadge.UNCONFIRMED
    awaits_second_person = relations.awaits_second_person and is_decidable_check(record)
    work = WorkBadge.WAITING_FOR_APPROVAL if awaits_second_person else find_work_badge(record.work, explanation)
    return replace_stopped_next_step(replace(explanation, certainty=certainty, work=work), relations.read_only_switch)


def _is_unconfirmed(record: CreditCheck) -> bool:
    """True if AlarmBox has not confirmed the record's state: the purchase has not ended, or another application
    has recorded a purchase without the id that AlarmBox gives to it."""
    return record.state is CheckState.PENDING or (
        record.state is CheckState.SUCCESS and record.credit_check_id is None
    )


def _explain_without_badges(record: CreditCheck, relations: CheckRelations, now: datetime) -> Explanation:
    """Return the explanation of a credit check, without badges. The first of these facts that is true determines it:
    the check was renewed, it duplicates another one, its outcome is unknown, its purchase is pending, it was not
    bought, it was bought."""
    facts = _make_explanation_facts(record, now)
    if record.is_superseded and relations.lost_renewal_id == record.id:
        step = NextStep("next.find_lost_renewal", facts, f"support-console show credit-check {record.id}")
        return Explanation("verdict.renewal_lost", "why.superseded", step, facts, DECIDING_ROLES)
    if record.is_superseded:
        step = NextStep(
            "next.open_successor", facts, f"support-console show credit-check {record.superseded_by}", "successor"
        )
        return Explanation("verdict.superseded", "why.superseded", step, facts)
    if record.duplicate_of is not None:
        step = NextStep(
            "next.compare_duplicate", facts, f"support-console show credit-check {record.duplicate_of}", "successor"
        )
        return Explanation("verdict.duplicate", "why.duplicate", step, facts, DECIDING_ROLES)
    if record.certainty is Certainty.UNKNOWN:
        return _explain_unknown_check(record, relations, facts)
    if record.state is CheckState.PENDING:
        return _explain_pending_check(record, relations, facts)
    if record.state is CheckState.ERROR:
        return _explain_unbought_check(record, relations, facts)
    return _explain_purchased_check(record, relations, facts, now)


def _explain_unbought_check(
    record: CreditCheck, relations: CheckRelations, facts: Mapping[str, object]
) -> Explanation:
    """Return the explanation of a purchase that was not made, or that people decided as not made while AlarmBox says
    that it was made. The explanation advises a purchase only if no other record and no open case blocks it."""
    is_denied = is_denied_but_bought(record)
    verdict, reason = (
        ("verdict.contradicted", "why.denied_but_bought") if is_denied else ("verdict.error", "why.not_bought")
    )
    if is_denied and record.credit_check_id is not None:
        reason = "why.error_with_id"
    if is_denied and (record.relations is None or record.id in relations.open_denial_ids):
        step = NextStep(
            "next.check_purchase_history", facts, f"support-console show credit-check {record.id}", OPEN_ALERT_ACTION
        )
        if record.work.reason != WorkReason.CONTRADICTED:  # a probe opens the case that a person acknowledges
            step = NextStep("next.probe_denied", facts, f"support-console probe credit-check {record.id}", "probe")
        return Explanation(verdict, reason, step, facts, DECIDING_ROLES)
    denial_id = next(iter(relations.open_denial_ids), None)
    blocking_id = relations.claim_holder_id or relations.lost_renewal_id or denial_id
    if blocking_id is not None:
        if relations.claim_holder_id is not None:
            next_step_code = "next.bought_since"
        elif relations.lost_renewal_id is not None:
            next_step_code = "next.other_renewal_lost"
        else:
            next_step_code = "next.other_denied_but_bought"
        facts = {**facts, "successor": blocking_id}
        step = NextStep(next_step_code, facts, f"support-console show credit-check {blocking_id}", "successor")
        return Explanation(verdict, reason, step, facts)
    needs_administrator = record.error_code in _CAUSES_FOR_ADMINISTRATORS
    if needs_administrator:
        next_step_code = "next.may_buy_after_administrator"
    elif record.error_code == RESOLVED_BY_PEOPLE_CAUSE:  # there is no cause that somebody could remove
        next_step_code = "next.may_buy_again_decided"
    else:
        next_step_code = "next.may_buy_again"
    command = _format_purchase_command(record)
    step = NextStep(next_step_code, facts, command, "purchase", asks_others_first=needs_administrator)
    return Explanation(verdict, reason, step, facts, tuple(sorted(ROLES_BY_RIGHT["purchase"])))


def _make_explanation_facts(record: CreditCheck, now: datetime) -> Mapping[str, object]:
    """Return the facts for the sentences that explain a credit check: values of `record`, such as its number
    (`number`), the names of its missing parts (`missing`), the time (`at`) and the number (`attempt`, from 1) of the
    next scheduled attempt, and the code of the last outcome's reason (`cause`)."""
    return {
        "id": record.id,
        "client": record.client_id,
        "number": record.corporation_number,
        "since": record.state_since,
        "sent_at": record.sent_at,
        "at": find_next_attempt_time(record.work, now),
        "attempt": record.work.attempt + 1,
        "cause": record.error_code,
        "missing": record.incomplete,
        "successor": record.superseded_by,
        "original": record.duplicate_of,
        "until": record.expired_at,
    }


def _explain_unknown_check(
    record: CreditCheck, relations: CheckRelations, facts: Mapping[str, object]
) -> Explanation:
    """Return the explanation of a credit check whose outcome is unknown."""
    roles = tuple(sorted(ROLES_BY_RIGHT["resolve"]))
    if record.work.reason == WorkReason.LAPSED:
        reason = "why.lapsed"
    elif record.error_code in ("other_number", "bad_id", "earlier_id"):
        reason = "why.answer_does_not_fit"
    elif record.error_code == "made_without_id":
        reason = "why.bought_without_number"
    else:
        reason = "why.no_answer"
    return Explanation(
        "verdict.unknown", reason, _choose_step_of_unknown_check(record, relations, facts), facts, roles
    )


def _choose_step_of_unknown_check(
    record: CreditCheck, relations: CheckRelations, facts: Mapping[str, object]
) -> NextStep:
    """Return the next step of a credit check whose outcome is unknown: a probe, a decision by people or, for a
    proposed decision, its confirmation by a second person."""
    if relations.awaits_second_person:
        return _make_second_person_step(record, relations, facts)
    if record.work.state is WorkState.SCHEDULED and relations.finds_purchases:
        step_facts = {**facts, "of": len(PURCHASE_PROBE_WAITS)}
        return NextStep(
            "next.probe_scheduled", step_facts, f"support-console probe credit-check {record.id}", "probe"
        )
    code = "next.resolve_probes_ended" if record.work.reason == WorkReason.PROBES_ENDED else "next.resolve"
    return NextStep(code, facts, _format_resolve_command(record, "success --provider-id ID"), "resolve")


def _make_second_person_step(record: CreditCheck, relations: CheckRelations, facts: Mapping[str, object]) -> NextStep:
    """Return the next step of a credit check with a proposed outcome: a second person confirms the outcome. If no
    second person has the needed role, the step is that an administrator gives a person this role."""
    if relations.lacks_second_person:
        return NextStep("next.second_person_missing", facts, f"support-console show credit-check {record.id}")
    outcome = "success --provider-id ID" if relations.proposed_state == CheckState.SUCCESS else "error"
    return NextStep("next.second_person", facts, _format_resolve_command(record, outcome), "resolve")


def _choose_next_step_without_id_at_provider(
    record: CreditCheck, relations: CheckRelations, facts: Mapping[str, object]
) -> NextStep:
    """Return the next step of a credit check that another application wrote without AlarmBox's id."""
    if relations.awaits_second_person and is_undecided_check_of_other_application(record):
        return _make_second_person_step(record, relations, facts)
    return NextStep("next.ask_the_writer", facts, f"support-console show credit-check {record.id}")


def _explain_pending_check(
    record: CreditCheck, relations: CheckRelations, facts: Mapping[str, object]
) -> Explanation:
    if record.work.reason == WorkReason.NUMBER_UNREADABLE:
        step = NextStep("next.have_it_corrected", facts, f"support-console show credit-check {record.id}")
        return Explanation("verdict.pending_by_other", "why.number_unreadable", step, facts, DECIDING_ROLES)
    if record.work.state is WorkState.NEEDS_REVIEW:
        step = _choose_next_step_without_id_at_provider(record, relations, facts)
        return Explanation("verdict.pending_by_other", "why.written_by_other", step, facts, DECIDING_ROLES)
    step = NextStep("next.wait_for_answer", facts, f"support-console show credit-check {record.id}")
    return Explanation("verdict.pending", "why.running", step, facts)


def _explain_purchased_check(
    record: CreditCheck, relations: CheckRelations, facts: Mapping[str, object], now: datetime
) -> Explanation:
    """Return the explanation of a purchased credit check. It says that AlarmBox contradicts the record, that the
    record has no id of AlarmBox, that it is complete, that its corporation has changed, or that parts of it are
    missing.
    """
    roles = tuple(sorted(ROLES_BY_RIGHT["refetch"]))
    if record.work.state is WorkState.NEEDS_REVIEW and record.work.reason == WorkReason.CONTRADICTED:
        facts = {**facts, "observed": relations.contradicting_answer_text}
        step = NextStep(
            "next.compare_with_provider", facts, f"support-console show credit-check {record.id}", OPEN_ALERT_ACTION
        )
        return Explanation("verdict.contradicted", "why.contradicted", step, facts, DECIDING_ROLES)
    if record.credit_check_id is None:
        step = _choose_next_step_without_id_at_provider(record, relations, facts)
        return Explanation("verdict.success_without_id", "why.success_without_id", step, facts, DECIDING_ROLES)
    if not record.incomplete:
        is_expired = has_expired(record, now)
        # The renewal of an expired one settles the change.
        if not is_expired and relations.change_alert_id is not None:
            facts = {**facts, "observed": relations.observed_change}
            step = NextStep("next.company_changed", facts, action=OPEN_ALERT_ACTION)
            return Explanation("verdict.complete_company_changed", "why.complete_company_changed", step, facts)
        if not is_expired:
            return Explanation("verdict.complete", "why.complete", NextStep("next.nothing", facts), facts)
        step = NextStep("next.may_renew", facts, _format_purchase_command(record, is_renewal=True), "renew")
        return Explanation("verdict.complete", "why.complete_expired", step, facts)
    return Explanation(
        "verdict.incomplete",
        "why.incomplete",
        _choose_step_of_incomplete_check(record, facts, now),
        facts,
        roles,
    )


def _choose_step_of_incomplete_check(record: CreditCheck, facts: Mapping[str, object], now: datetime) -> NextStep:
    if record.viewing_over:
        if has_expired(record, now):
            return NextStep(
                "next.viewing_over_expired", facts, _format_purchase_command(record, is_renewal=True), "renew"
            )
        next_step_code = "next.viewing_over" if record.expired_at is not None else "next.viewing_over_no_date"
        return NextStep(next_step_code, facts, f"support-console show credit-check {record.id}")
    command = f"support-console refetch {record.id}"
    if record.work.state is WorkState.SCHEDULED:
        return NextStep("next.refetch_scheduled", {**facts, "of": len(INCOMPLETE_REFETCH_WAITS)}, command, "refetch")
    return NextStep("next.refetch_by_hand", facts, command, "refetch")


def _format_purchase_command(record: CreditCheck, *, is_renewal: bool = False) -> str:
    return (
        f"support-console purchase {record.corporation_number} --client {record.client_id}" + " --renew" * is_renewal
    )


def _format_resolve_command(record: CreditCheck, outcome: str) -> str:
    return f"support-console resolve credit-check {record.id} --as {outcome} --evidence FILE"
