"""The decision table of recovery: for a record in its present state, the possible choices, and for each other choice
the reason that excludes it.

Each row of the table is one choice for one kind of record, with its rules. The first rule that excludes the choice
gives the reason. The services check the same rules again before they act; screens only read this table.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from console.domain.access.permissions import ROLES_BY_RIGHT, has_right, is_same_person
from console.domain.access.read_only import READ_ONLY_SWITCH_REASON, is_action_stopped, make_switch_facts
from console.domain.allowed_action import AllowedAction
from console.domain.error_reasons import OutcomeUnknownReason
from console.domain.errors import ErrorCode
from console.domain.payments.consistency import find_reversal_deadline
from console.domain.payments.records import Order, Payment, Refund
from console.domain.payments.states import DONE_OUTSIDE, RECORD_OUTSIDE_ACTION, PaymentState, RefundState
from console.domain.records import Certainty, CheckState, CreditCheck
from console.domain.recovery import effects as choice_effects
from console.domain.recovery.decision_rules import (
    find_done_outside_refusal,
    find_payment_decision_refusal,
    find_refetch_refusal,
    find_set_order_paid_refusal,
    find_undecidable_reason,
    is_decidable_check,
    is_decidable_refund,
    is_undecided_check_of_other_application,
)
from console.domain.recovery.records import (
    ChoiceFacts,
    DecisionChoice,
    DecisionEffect,
    EvidenceKind,
    ProviderQueryPossibility,
    ProviderStatement,
    RecoverableRecord,
)

DOCUMENT_EVIDENCE_KINDS = (EvidenceKind.SETTLEMENT, EvidenceKind.FILE, EvidenceKind.LETTER)
"""Kinds of evidence that a person hands in, instead of the provider's answer to a read."""
_OUTSIDE_REFUND_EVIDENCE_KINDS = (EvidenceKind.FILE, EvidenceKind.LETTER)
_INCONCLUSIVE_STATEMENTS = (ProviderStatement.NOTHING, ProviderStatement.NOT_FOUND, ProviderStatement.OTHER_AMOUNT)
"""Statements of a provider after which a decision needs documents and two people."""
RefusalFinder = Callable[[ChoiceFacts], str | None]
"""Function that returns the reason for which the facts exclude a choice, as a wording key without `reason.`; None if
the facts don't exclude the choice.
"""


@dataclass(frozen=True, slots=True)
class ChoiceRule:
    """One row of the decision table: the choice `choice_name`, and the right that a person needs for it. The first of
    `refusal_finders` that excludes the choice gives the reason. `list_evidence` returns the kinds of evidence for the
    choice; `needs_second_person` returns True if two people are needed; `compute_effect` returns the effect of the
    choice; `find_warning` returns the wording key of a sentence that the person must confirm first, None for no
    sentence. `target_state` is the state into which a decision brings the record.
    """

    choice_name: str
    right: str
    refusal_finders: tuple[RefusalFinder, ...] = ()
    list_evidence: Callable[[ChoiceFacts], tuple[EvidenceKind, ...]] = lambda _facts: ()
    needs_second_person: Callable[[ChoiceFacts], bool] = lambda _facts: False
    compute_effect: Callable[[ChoiceFacts], DecisionEffect | None] = lambda _facts: None
    target_state: str | None = None
    find_warning: Callable[[ChoiceFacts], str | None] = lambda _facts: None


# Rules


def _find_call_running_reason(facts: ChoiceFacts) -> str | None:
    """Return the reason that excludes a choice while a call to the provider about the record runs; None otherwise."""
    return ErrorCode.IN_PROGRESS if facts.is_call_running else None


def _find_call_running_or_leased_reason(facts: ChoiceFacts) -> str | None:
    """Return the reason that excludes a choice while a call to the provider about the record runs, or a process holds
    the record's lease; None otherwise."""
    return ErrorCode.IN_PROGRESS if facts.is_call_running or facts.is_leased else None


def _find_probe_in_progress_reason(facts: ChoiceFacts) -> str | None:
    """Return the reason that excludes a probe because other work on the record is in progress: a call to the
    provider or, for a record with an unknown outcome, also a held lease. None if there is no such work."""
    return (
        _find_call_running_or_leased_reason(facts)
        if _has_unknown_outcome(facts.record)
        else _find_call_running_reason(facts)
    )


def _find_unanswerable_probe_reason(facts: ChoiceFacts) -> str | None:
    """Return the reason that excludes a probe because this desk has no settings for the provider, or because the
    provider has no call for the unknown outcome. None if a probe can get an answer."""
    if facts.query_possibility is ProviderQueryPossibility.NOT_SET_UP and _can_call_provider(facts.record):
        return "provider_not_set_up"
    if facts.query_possibility is not ProviderQueryPossibility.NO_CALL or not _has_unknown_outcome(facts.record):
        return None
    return (
        OutcomeUnknownReason.NO_LIST_CALL
        if isinstance(facts.record, CreditCheck)
        else OutcomeUnknownReason.NO_READ_CALL
    )


def _find_provider_not_set_up_reason(facts: ChoiceFacts) -> str | None:
    """Return the reason that excludes a choice because this desk has no settings for the provider; None if the desk
    has them."""
    return "provider_not_set_up" if facts.query_possibility is ProviderQueryPossibility.NOT_SET_UP else None


def _find_not_refetchable_reason(facts: ChoiceFacts) -> str | None:
    """Return the reason that excludes a re-fetch of the credit check; None if it can be re-fetched."""
    return find_refetch_refusal(_require_check(facts))


def _find_bought_or_claimed_reason(facts: ChoiceFacts) -> str | None:
    """Return the reason that excludes a purchase: the credit check was bought or perhaps bought, or another credit
    check blocks the purchase. None if a purchase is possible."""
    check = _require_check(facts)
    if check.certainty is Certainty.UNKNOWN:
        return "bought_perhaps"
    if check.is_live:
        return "bought_already"
    if facts.purchase_blocker_id == check.id:  # it was decided as not bought, and AlarmBox says that it was bought
        return "bought_perhaps"
    return None if facts.purchase_blocker_id is None else "claimed_by_other"


def _find_undecidable_check_reason(facts: ChoiceFacts) -> str | None:
    """Return the reason for which people can't decide the outcome of the credit check; None if they can."""
    check = _require_check(facts)
    return None if is_decidable_check(check) else find_undecidable_reason(check)


def _find_success_by_other_application_reason(facts: ChoiceFacts) -> str | None:
    """Return the reason that excludes the decision "not bought" because the application that wrote the credit check
    says that it was bought; None otherwise."""
    return "outcome_known" if _require_check(facts).state is CheckState.SUCCESS else None


def _find_undecidable_refund_reason(facts: ChoiceFacts) -> str | None:
    """Return the reason for which people can't decide the outcome of the refund; None if they can."""
    refund = _require_refund(facts)
    return None if is_decidable_refund(refund) else find_undecidable_reason(refund)


def _make_undecidable_payment_rule(target: PaymentState) -> RefusalFinder:
    """Return a rule that gives the reason for which people can't decide that the payment is in the state `target`."""
    return lambda facts: find_payment_decision_refusal(_require_payment(facts), target)


def _make_already_proposed_rule(target: str) -> RefusalFinder:
    """Return a rule about a decision for the state `target` that needs two people. It refuses the decision of a
    person who has already proposed this state, because another person must confirm it. A decision for another state
    replaces the open proposal.
    """

    def find_own_proposal_reason(facts: ChoiceFacts) -> str | None:
        if facts.open_proposal is None or facts.person is None:
            return None
        if target != DONE_OUTSIDE and not _needs_document(facts):
            return None
        if (
            isinstance(facts.record, CreditCheck)
            and facts.record.certainty is Certainty.UNKNOWN
            and target != "error"
        ):
            return None  # one person's decision, confirmed by a read
        is_own = facts.open_proposal.state == target and is_same_person(facts.person.name, facts.open_proposal.person)
        return "own_first_half" if is_own else None

    return find_own_proposal_reason


def _find_order_not_movable_reason(facts: ChoiceFacts) -> str | None:
    """Return the reason for which the payment's order can't be set to paid; None if it can be."""
    if facts.payment is None:
        return "no_payment"
    return find_set_order_paid_refusal(facts.payment, facts.order, is_order_covered=facts.is_order_covered)


def _find_no_payment_reason(facts: ChoiceFacts) -> str | None:
    """Return the reason that excludes a choice because the order has no payment; None if it has one."""
    return "no_payment" if facts.payment is None else None


def _find_refund_not_possible_reason(facts: ChoiceFacts) -> str | None:
    """Return the reason for which no refund of the payment can be requested now; None if a refund can be
    requested."""
    return facts.refund_refusal


def _find_taken_by_other_reason(facts: ChoiceFacts) -> str | None:
    """Return the reason that excludes a take because another person has taken the record; None otherwise."""
    if facts.take is None or facts.person is None:
        return None
    return None if is_same_person(facts.take.person, facts.person.name) else "taken"


def _get_reason_against_order_decision(_facts: ChoiceFacts) -> str:
    """Return the reason that excludes every decision about an order: people decide about its payments instead."""
    return "order_follows"


# Facts for the rules


def _has_unknown_outcome(record: RecoverableRecord) -> bool:
    return not isinstance(record, Order) and record.certainty is Certainty.UNKNOWN


def _can_call_provider(record: RecoverableRecord) -> bool:
    """True if a probe of the record would call the provider. A refund that was never sent, or a credit check that was
    not bought, needs no call.
    """
    if isinstance(record, CreditCheck):
        is_bought = record.state is CheckState.SUCCESS and record.credit_check_id is not None
        return _has_unknown_outcome(record) or is_bought
    return not isinstance(record, Refund) or _has_unknown_outcome(record) or record.provider_refund_key is not None


def _needs_document(facts: ChoiceFacts) -> bool:
    """True if the provider's last report doesn't decide the record's outcome, so that a decision needs documents and
    two people."""
    return facts.statement in _INCONCLUSIVE_STATEMENTS


def _require_check(facts: ChoiceFacts) -> CreditCheck:
    """Return the record of `facts` as a credit check. Raises AssertionError for another kind of record, which would
    be a bug of the program."""
    assert isinstance(facts.record, CreditCheck)  # noqa: S101  (the table's rows are by kind)
    return facts.record


def _require_payment(facts: ChoiceFacts) -> Payment:
    """Return the record of `facts` as a payment. Raises AssertionError for another kind of record, which would be a
    bug of the program."""
    assert isinstance(facts.record, Payment)  # noqa: S101  (the table's rows are by kind)
    return facts.record


def _require_refund(facts: ChoiceFacts) -> Refund:
    """Return the record of `facts` as a refund. Raises AssertionError for another kind of record, which would be a
    bug of the program."""
    assert isinstance(facts.record, Refund)  # noqa: S101  (the table's rows are by kind)
    return facts.record


def _find_warning_of_reversible_payment(facts: ChoiceFacts) -> str | None:
    """Return the wording key of the warning that the payer's bank can still reverse the payment; None if the bank
    can't."""
    until = find_reversal_deadline(facts.payment) if facts.payment is not None else None
    return "warning.may_be_reversed" if until is not None and facts.now < until else None


def _list_decision_evidence(facts: ChoiceFacts) -> tuple[EvidenceKind, ...]:
    """Return the kinds of evidence that a decision accepts: the provider's answer if it states the outcome, otherwise
    documents.
    """
    return DOCUMENT_EVIDENCE_KINDS if _needs_document(facts) else (EvidenceKind.READ,)


# The table

_TAKE_CHOICE_RULE = ChoiceRule("take", "take", (_find_taken_by_other_reason,))
_NOTE_CHOICE_RULE = ChoiceRule("note", "note")


_PROVIDER_STATEMENTS_FOR_DECISION: Mapping[PaymentState, tuple[ProviderStatement, ...]] = {
    PaymentState.COMPLETED: (ProviderStatement.PAID,),
    PaymentState.PAYMENT_FAILED: (ProviderStatement.FAILED, ProviderStatement.EXPIRED),
    PaymentState.REVERSED: (ProviderStatement.FAILED,),
}
"""For each state that people can decide for a payment, the statements of a provider that agree with the decision."""


def is_decision_denied(target: PaymentState, statement: ProviderStatement) -> bool:
    """Return True if the provider's recent report contradicts the decision that a payment has the state `target`
    (completed, payment_failed or reversed). The decision table then refuses the decision, because the service would
    query the provider again and follow its answer. For a payment that is paid with another amount, people can only
    decide that it is completed.
    """
    if statement is ProviderStatement.OTHER_AMOUNT:
        return target is not PaymentState.COMPLETED
    return statement not in (*_PROVIDER_STATEMENTS_FOR_DECISION[target], *_INCONCLUSIVE_STATEMENTS)


def _make_decision_rule(
    target: PaymentState | RefundState,
    rules: tuple[RefusalFinder, ...],
    compute_effect: Callable[[ChoiceFacts], DecisionEffect | None],
) -> ChoiceRule:
    """Return the row of the decision table for the decision that a payment or refund has the state `target`. `rules`
    are the rules that can exclude the decision, `compute_effect` computes its effect."""
    return ChoiceRule(
        f"resolve.{target}", "resolve", rules, _list_decision_evidence, _needs_document, compute_effect, target.value
    )


def _make_payment_decision_rule(target: PaymentState) -> ChoiceRule:
    rules = (
        _find_call_running_or_leased_reason,
        _make_undecidable_payment_rule(target),
        lambda facts: "provider_says_otherwise" if is_decision_denied(target, facts.statement) else None,
        _make_already_proposed_rule(target.value),
    )
    return _make_decision_rule(target, rules, lambda facts: choice_effects.compute_payment_effect(facts, target))


_DONE_OUTSIDE_CHOICE_RULE = ChoiceRule(
    RECORD_OUTSIDE_ACTION,
    "resolve",
    (
        _find_call_running_or_leased_reason,
        lambda facts: find_done_outside_refusal(_require_payment(facts)),
        _make_already_proposed_rule(DONE_OUTSIDE),
    ),
    lambda _facts: _OUTSIDE_REFUND_EVIDENCE_KINDS,
    lambda _facts: True,
    choice_effects.compute_done_outside_effect,
    DONE_OUTSIDE,
)


def _make_refund_decision_rule(target: RefundState) -> ChoiceRule:
    rules = (
        _find_undecidable_refund_reason,
        _find_provider_not_set_up_reason,
        _find_call_running_or_leased_reason,
        _make_already_proposed_rule(target.value),
    )
    return _make_decision_rule(target, rules, lambda facts: choice_effects.compute_refund_effect(facts, target))


_MOVE_ORDER_CHOICE_RULE = ChoiceRule(
    "move_order",
    "resolve",
    (_find_order_not_movable_reason,),
    compute_effect=choice_effects.compute_set_order_paid_effect,
)
_REFUND_CHOICE_RULE = ChoiceRule(
    "refund",
    "refund_request",
    (_find_refund_not_possible_reason,),
    needs_second_person=lambda _facts: True,
    find_warning=_find_warning_of_reversible_payment,
)


def _list_evidence_of_provider_read(_facts: ChoiceFacts) -> tuple[EvidenceKind, ...]:
    return (EvidenceKind.READ,)


CHOICE_RULES_BY_KIND: Mapping[str, Sequence[ChoiceRule]] = {
    "credit-check": (
        ChoiceRule(
            "probe",
            "probe",
            (_find_probe_in_progress_reason, _find_unanswerable_probe_reason),
            _list_evidence_of_provider_read,
        ),
        ChoiceRule(
            "refetch",
            "refetch",
            (_find_not_refetchable_reason, _find_provider_not_set_up_reason, _find_call_running_or_leased_reason),
            _list_evidence_of_provider_read,
        ),
        ChoiceRule(
            "resolve.success",
            "resolve",
            (
                _find_undecidable_check_reason,
                _find_provider_not_set_up_reason,
                _find_call_running_or_leased_reason,
                _make_already_proposed_rule("success"),
            ),
            _list_evidence_of_provider_read,
            lambda facts: is_undecided_check_of_other_application(_require_check(facts)),
            compute_effect=lambda facts: choice_effects.compute_check_effect(facts, CheckState.SUCCESS),
            target_state="success",
        ),
        ChoiceRule(
            "resolve.error",
            "resolve",
            (
                _find_undecidable_check_reason,
                _find_success_by_other_application_reason,
                _find_call_running_or_leased_reason,
                _make_already_proposed_rule("error"),
            ),
            lambda _facts: DOCUMENT_EVIDENCE_KINDS,
            lambda _facts: True,
            lambda facts: choice_effects.compute_check_effect(facts, CheckState.ERROR),
            "error",
        ),
        ChoiceRule("buy", "purchase", (_find_bought_or_claimed_reason, _find_provider_not_set_up_reason)),
        _TAKE_CHOICE_RULE,
        _NOTE_CHOICE_RULE,
    ),
    "payment": (
        ChoiceRule(
            "probe",
            "probe",
            (_find_call_running_or_leased_reason, _find_unanswerable_probe_reason),
            _list_evidence_of_provider_read,
        ),
        _MOVE_ORDER_CHOICE_RULE,
        _make_payment_decision_rule(PaymentState.COMPLETED),
        _make_payment_decision_rule(PaymentState.PAYMENT_FAILED),
        _make_payment_decision_rule(PaymentState.REVERSED),
        _DONE_OUTSIDE_CHOICE_RULE,
        _REFUND_CHOICE_RULE,
        _TAKE_CHOICE_RULE,
        _NOTE_CHOICE_RULE,
    ),
    "order": (
        ChoiceRule(
            "probe",
            "probe",
            (_find_no_payment_reason, _find_call_running_or_leased_reason, _find_unanswerable_probe_reason),
            _list_evidence_of_provider_read,
        ),
        _MOVE_ORDER_CHOICE_RULE,
        ChoiceRule("resolve", "resolve", (_get_reason_against_order_decision,)),
        _TAKE_CHOICE_RULE,
        _NOTE_CHOICE_RULE,
    ),
    "refund": (
        ChoiceRule(
            "probe",
            "probe",
            (_find_probe_in_progress_reason, _find_unanswerable_probe_reason),
            _list_evidence_of_provider_read,
        ),
        _make_refund_decision_rule(RefundState.COMPLETED),
        _make_refund_decision_rule(RefundState.FAILED),
        _REFUND_CHOICE_RULE,
        _TAKE_CHOICE_RULE,
        _NOTE_CHOICE_RULE,
    ),
}
"""The decision table: the rows (choices with their rules) for each kind of record."""


def get_record_kind(record: RecoverableRecord) -> str:
    """Return the kind of the record, such as `payment`. It is the key of the record's choices in
    CHOICE_RULES_BY_KIND."""
    if isinstance(record, CreditCheck):
        return "credit-check"
    if isinstance(record, Order):
        return "order"
    return "payment" if isinstance(record, Payment) else "refund"


def list_all_choices(facts: ChoiceFacts) -> tuple[DecisionChoice, ...]:
    """Return all choices that the table has for the kind of the record in `facts`. An excluded choice has
    `allowed` False and a reason."""
    return tuple(_make_choice(row, facts) for row in CHOICE_RULES_BY_KIND[get_record_kind(facts.record)])


def get_choice(facts: ChoiceFacts, choice_name: str) -> DecisionChoice:
    """Return the choice `choice_name`, such as `resolve.success`, for the record in `facts`, allowed or excluded.
    Raises KeyError if the table has no such choice for the record's kind."""
    rows = {row.choice_name: row for row in CHOICE_RULES_BY_KIND[get_record_kind(facts.record)]}
    return _make_choice(rows[choice_name], facts)


def _make_choice(choice_rule: ChoiceRule, facts: ChoiceFacts) -> DecisionChoice:
    """Return the choice of one row of the decision table: allowed, or excluded by a rule of the row, by a missing
    right of the person, or by the read-only switch."""
    is_second_decision = _is_second_decision(choice_rule, facts)
    right = "resolve_second" if is_second_decision else choice_rule.right
    allowed_choice = DecisionChoice(
        choice_rule.choice_name,
        True,
        tuple(sorted(ROLES_BY_RIGHT[right])),
        needs_second_person=choice_rule.needs_second_person(facts),
        proposer=facts.open_proposal.person if facts.open_proposal is not None and is_second_decision else None,
        possible_evidence=choice_rule.list_evidence(facts),
        effect=choice_rule.compute_effect(facts),
        warning=choice_rule.find_warning(facts),
    )
    reason = next((code for rule in choice_rule.refusal_finders if (code := rule(facts)) is not None), None)
    if reason is not None:
        return replace(
            allowed_choice,
            allowed=False,
            reason=f"reason.{reason}",
            facts=_make_reason_facts(reason, facts),
            effect=None,
        )
    if facts.person is None or has_right(facts.person, right):
        return _exclude_stopped_choice(allowed_choice, facts)
    missing_right = "may_not_buy" if right == "purchase" and facts.person.roles & ROLES_BY_RIGHT[right] else "role"
    return replace(
        allowed_choice,
        allowed=False,
        reason=f"reason.{missing_right}",
        facts={"needs": allowed_choice.allowed_roles},
    )


def _exclude_stopped_choice(choice: DecisionChoice, facts: ChoiceFacts) -> DecisionChoice:
    """If the read-only switch of `facts` stops the choice, return the choice as excluded; otherwise return it
    unchanged."""
    if facts.read_only_switch is None or not is_action_stopped(choice.name, facts.read_only_switch):
        return choice
    return replace(
        choice,
        allowed=False,
        reason=READ_ONLY_SWITCH_REASON,
        facts=make_switch_facts(facts.read_only_switch),
        effect=None,
    )


def _make_reason_facts(reason: str, facts: ChoiceFacts) -> Mapping[str, object]:
    """Return the facts that the sentence about an excluded choice contains. `reason` is the wording key without
    `reason.`. For `taken` and `in_progress` these are the `holder` of the take or lease and its end (`until`) or
    beginning (`since`); for `outcome_known` the id of a refund with an unknown outcome (`refund`); for the reason
    against a refund its own facts. Any other reason has no facts."""
    if reason == "taken" and facts.take is not None:
        return {"holder": facts.take.person, "until": facts.take.until}
    if reason == ErrorCode.IN_PROGRESS and facts.holder is not None:
        return {"holder": facts.holder, "since": facts.holder_since}
    if reason == "outcome_known":
        return _make_unknown_refund_facts(facts)
    return facts.refund_refusal_facts if reason == facts.refund_refusal else {}


def _make_unknown_refund_facts(facts: ChoiceFacts) -> Mapping[str, object]:
    """Return the fact `refund`: the id of the refund with an unknown outcome of a payment whose own outcome is known.
    Return no facts for another record, or if no refund has an unknown outcome. The badge of such a payment says
    "unknown", so that the sentence must name the refund, which is resolved on its own page."""
    if not isinstance(facts.record, Payment):
        return {}
    unknown_refund = next((refund for refund in facts.refunds if refund.certainty is Certainty.UNKNOWN), None)
    return {} if unknown_refund is None else {"refund": unknown_refund.id}


_UNANSWERABLE_PROBE_REASONS = frozenset(
    f"reason.{reason}" for reason in (OutcomeUnknownReason.NO_LIST_CALL, OutcomeUnknownReason.NO_READ_CALL)
)
"""Reasons that exclude a probe because the provider has no call for the question."""


def make_allowed_action(facts: ChoiceFacts, name: str) -> AllowedAction:
    """Return the action `name` of a screen for the record in `facts`; its field `allowed` is True if the action is
    possible now by the rules of the decision table.

    The action `resolve` is possible if at least one decision is. A probe that the table excludes only because the
    provider has no call for the query is possible if a spool may have the provider's answer, which the probe then
    uses (`ChoiceFacts.may_have_spooled_answer`). If no decision is possible, the action has the first of these
    reasons that exists:

    - the acting person has already proposed the decision, or a call or decision is in progress
    - the read-only switch is on, and without it a decision would be possible
    - the reason that excludes the proposed decision
    - the program still expects to learn the outcome, or the outcome is known
    - the reason that excludes the first decision of the table
    """
    all_rules = CHOICE_RULES_BY_KIND[get_record_kind(facts.record)]
    rows = [row for row in all_rules if row.choice_name == name or row.choice_name.startswith(f"{name}.")]
    choices = [_make_choice(row, facts) for row in rows]
    possible_choice = next((choice for choice in choices if choice.allowed), None)
    if possible_choice is not None:
        return AllowedAction(name, True)
    if name == "probe" and choices[0].reason in _UNANSWERABLE_PROBE_REASONS:
        if facts.person is not None and not has_right(facts.person, "probe"):
            return AllowedAction(name, False, "reason.role", {"needs": choices[0].allowed_roles})
        if facts.may_have_spooled_answer:
            return AllowedAction(name, True)
    choice_by_reason = {choice.reason: choice for choice in reversed(choices)}
    preferred_reasons = ("reason.own_first_half", f"reason.{ErrorCode.IN_PROGRESS}", READ_ONLY_SWITCH_REASON)
    proposed_state = facts.open_proposal.state if facts.open_proposal is not None else None
    proposed_choices = [
        choice
        for row, choice in zip(rows, choices, strict=True)
        if proposed_state and row.target_state == proposed_state
    ]
    excluded_choice = next(
        (choice_by_reason[reason] for reason in preferred_reasons if reason in choice_by_reason),
        proposed_choices[0] if proposed_choices else _find_nothing_to_decide_choice(choice_by_reason) or choices[0],
    )
    return AllowedAction(name, False, excluded_choice.reason, excluded_choice.facts)


def _find_nothing_to_decide_choice(choice_by_reason: Mapping[str | None, DecisionChoice]) -> DecisionChoice | None:
    """Return an excluded choice that shows why there is nothing to decide: one with the reason "outcome still
    expected" or, without such a choice, one with the reason "outcome known". None if no choice has one of these
    reasons. `choice_by_reason` has the excluded choices by their wording key."""
    reasons = ("reason.outcome_expected", "reason.outcome_known")
    return next((choice_by_reason[reason] for reason in reasons if reason in choice_by_reason), None)


def _is_second_decision(choice_rule: ChoiceRule, facts: ChoiceFacts) -> bool:
    """True if a first person has proposed the decision of this row and the decision needs a second person. A person
    who makes the decision now is then the second one."""
    return (
        facts.open_proposal is not None
        and facts.open_proposal.state == choice_rule.target_state
        and choice_rule.needs_second_person(facts)
    )
