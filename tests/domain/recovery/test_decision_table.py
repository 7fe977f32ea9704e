"""Tests of the decision table: the actions for each kind of record, the reasons that exclude them, and the effects
that a dry run states."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from console.domain.access.permissions import APPROVER, AUDITOR, OPERATOR, WORKER
from console.domain.access.read_only import EVERYTHING_SCOPE, READ_ONLY_SWITCH_REASON, ReadOnlySwitch
from console.domain.explanations.payments import explain_payment
from console.domain.payments.records import Order, OrderState, Payment, PaymentRelations, Refund
from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import Certainty, CheckState, CreditCheck, Person, Work, WorkState
from console.domain.recovery.decision_table import (
    CHOICE_RULES_BY_KIND,
    get_choice,
    list_all_choices,
    make_allowed_action,
)
from console.domain.recovery.records import (
    ChoiceFacts,
    EvidenceKind,
    OpenProposal,
    ProviderQueryPossibility,
    ProviderStatement,
)
from console.domain.tasks.records import Take
from console.wording.sentences.catalogue import translate

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
CHECK = CreditCheck(
    17, "1180301018771", "1", CheckState.PENDING, Certainty.UNKNOWN, Work(), None, None, None, None, None, None, (),
    None, "op-1", 3,
)  # fmt: skip
PAYMENT = Payment(
    id=5, order_id=3, provider="paypay", merchant_payment_id="ORD-1", provider_payment_id="0421",
    corporation_number=None, payer=None, state=PaymentState.COMPLETED, certainty=Certainty.KNOWN, work=Work(),
    currency="JPY",
    asked_minor=3300, captured_minor=3300, reserved_minor=0, refunded_minor=0, set_aside_minor=0, version=4,
)  # fmt: skip
ORDER = Order(3, "ORD-1", None, OrderState.PENDING, "JPY", 3300, (5,), 2)
REFUND = Refund(
    9, 5, 3, 1000, "JPY", RefundState.SUBMITTING, Certainty.UNKNOWN, Work(WorkState.SCHEDULED), "op-a", ("lead-b",),
    "RFD-1",
    None, 4,
)  # fmt: skip
PERSON_WITH_OPERATOR_ROLE = Person("op-a", frozenset({OPERATOR}), may_buy=False)
PERSON_WITH_APPROVER_ROLE = Person("lead-b", frozenset({APPROVER}), may_buy=True)


def test_every_kind_of_record_can_be_taken_noted_and_probed() -> None:
    """Each kind of record has the actions take, note and probe. An auditor may use none of them, a worker only take
    and probe.
    """
    for kind, rows in CHOICE_RULES_BY_KIND.items():
        assert {"take", "note", "probe"} <= {row.choice_name for row in rows}, kind
    auditor = ChoiceFacts(CHECK, NOW, Person("aud-e", frozenset({AUDITOR}), may_buy=False))
    assert not any(one.allowed for one in list_all_choices(auditor))
    worker = ChoiceFacts(CHECK, NOW, Person("worker", frozenset({WORKER}), may_buy=False))
    assert {one.name for one in list_all_choices(worker) if one.allowed} == {"probe", "take"}


def test_the_decision_not_bought_needs_evidence_and_two_people() -> None:
    """Deciding that nothing was bought takes evidence and two people: the first may be an operator, the second must
    be another person who is an approver."""
    facts = ChoiceFacts(CHECK, NOW, PERSON_WITH_OPERATOR_ROLE)
    error, success = get_choice(facts, "resolve.error"), get_choice(facts, "resolve.success")
    assert (error.allowed, error.needs_second_person, error.allowed_roles) == (
        True,
        True,
        ("approver", "operator"),
    )
    assert error.possible_evidence == (EvidenceKind.SETTLEMENT, EvidenceKind.FILE, EvidenceKind.LETTER)
    assert (success.needs_second_person, success.possible_evidence) == (False, (EvidenceKind.READ,))
    with_open_proposal = replace(facts, open_proposal=OpenProposal("error", "Op-A "))
    assert get_choice(with_open_proposal, "resolve.error").reason == "reason.own_first_half"
    other = replace(with_open_proposal, person=Person("op-e", frozenset({OPERATOR}), may_buy=False))
    lacking = get_choice(other, "resolve.error")
    assert (lacking.reason, lacking.allowed_roles) == ("reason.role", ("approver",))
    assert get_choice(replace(with_open_proposal, person=PERSON_WITH_APPROVER_ROLE), "resolve.error").allowed


def test_a_purchase_is_excluded_while_the_outcome_is_unknown() -> None:
    """A new purchase is excluded while the outcome of the credit check is unknown, while another credit check or the
    credit check itself blocks it, and for a person without the permission to buy."""
    assert get_choice(ChoiceFacts(CHECK, NOW, PERSON_WITH_APPROVER_ROLE), "buy").reason == "reason.bought_perhaps"
    error = replace(CHECK, state=CheckState.ERROR, certainty=Certainty.KNOWN)
    assert get_choice(ChoiceFacts(error, NOW, PERSON_WITH_APPROVER_ROLE), "buy").allowed
    assert (
        get_choice(ChoiceFacts(error, NOW, PERSON_WITH_APPROVER_ROLE, purchase_blocker_id=error.id + 1), "buy").reason
        == "reason.claimed_by_other"
    )
    assert (
        get_choice(ChoiceFacts(error, NOW, PERSON_WITH_APPROVER_ROLE, purchase_blocker_id=error.id), "buy").reason
        == "reason.bought_perhaps"
    )
    assert get_choice(ChoiceFacts(error, NOW, PERSON_WITH_OPERATOR_ROLE), "buy").reason == "reason.may_not_buy"


@pytest.mark.parametrize(
    ("statement", "possible"),
    [
        (ProviderStatement.NOTHING, {"completed", "payment_failed"}),
        (ProviderStatement.NOT_FOUND, {"completed", "payment_failed"}),
        (ProviderStatement.OTHER_AMOUNT, {"completed"}),
        (ProviderStatement.PAID, {"completed"}),
        (ProviderStatement.WAITING, set()),
        (ProviderStatement.FAILED, {"payment_failed"}),
        (ProviderStatement.EXPIRED, {"payment_failed"}),
    ],
)
def test_one_person_decides_only_the_outcome_that_the_provider_states(
    statement: ProviderStatement, possible: set[str]
) -> None:
    """If the provider states an outcome, one person can decide only that outcome. If it states none, two people can
    decide with evidence; if it states another amount, two people can decide only that the payment was paid. While the
    provider says that the payment is waiting, nobody can decide.
    """
    unknown = replace(PAYMENT, state=PaymentState.USER_PAYMENT, certainty=Certainty.UNKNOWN, captured_minor=0)
    choice_by_state = {
        one.name.removeprefix("resolve."): one
        for one in list_all_choices(ChoiceFacts(unknown, NOW, PERSON_WITH_OPERATOR_ROLE, statement=statement))
    }
    ends = ("completed", "payment_failed", "reversed")
    assert {end for end in ends if choice_by_state[end].allowed} == possible
    two = statement in (ProviderStatement.NOTHING, ProviderStatement.NOT_FOUND, ProviderStatement.OTHER_AMOUNT)
    assert all(choice_by_state[end].needs_second_person is two for end in possible)


def test_a_dry_run_lists_the_effects_on_state_order_and_money() -> None:
    """The dry run of the decision "completed" states that the order becomes paid and that the whole amount becomes
    refundable.
    """
    unknown = replace(PAYMENT, state=PaymentState.USER_PAYMENT, certainty=Certainty.UNKNOWN, captured_minor=0)
    facts = ChoiceFacts(unknown, NOW, PERSON_WITH_OPERATOR_ROLE, payment=unknown, order=ORDER, is_order_covered=False)
    effect = get_choice(facts, "resolve.completed").effect
    assert effect is not None
    assert (effect.state_change, effect.certainty_change) == (("user_payment", "completed"), ("unknown", "known"))
    assert effect.order_state_change == ("pending", "paid")
    assert effect.money_change is not None
    assert [strip.refundable for strip in effect.money_change] == [0, 3300]


def test_a_dry_run_of_a_refund_shows_its_amount() -> None:
    """The dry run of a decision about a refund states the refund's amount. If the refund was made, the amount is
    refunded; if it wasn't, the amount becomes refundable again."""
    paid = replace(PAYMENT, reserved_minor=1000)
    facts = ChoiceFacts(REFUND, NOW, PERSON_WITH_APPROVER_ROLE, payment=paid, order=ORDER, refunds=(REFUND,))
    made, not_made = (get_choice(facts, f"resolve.{end}").effect for end in ("completed", "failed"))
    assert made is not None
    assert not_made is not None
    assert made.money_change is not None
    assert not_made.money_change is not None
    before, after = made.money_change
    assert (before.unknown, before.refundable, after.unknown, after.refunded, after.refundable) == (
        1000,
        2300,
        0,
        1000,
        2300,
    )
    assert not_made.money_change[1].refundable == 3300


def test_an_excluded_action_has_no_effect() -> None:
    """An excluded action has no stated effect."""
    for one in list_all_choices(ChoiceFacts(PAYMENT, NOW, PERSON_WITH_OPERATOR_ROLE, payment=PAYMENT, order=ORDER)):
        assert one.allowed or (one.reason is not None and one.effect is None)


def test_a_refund_during_the_reversal_period_has_a_warning() -> None:
    """While the bank may still reverse the payment, a refund has a warning."""
    atom = replace(PAYMENT, provider="atom", paid_at=NOW, currency="INR")
    early = ChoiceFacts(atom, NOW, PERSON_WITH_OPERATOR_ROLE, payment=atom)
    assert get_choice(early, "refund").warning == "warning.may_be_reversed"
    assert get_choice(replace(early, now=NOW + timedelta(days=4)), "refund").warning is None


def test_the_reason_names_the_person_with_the_take() -> None:
    """If another person has taken the record, the reason names that person and the end of the take. A person can
    extend their own take."""
    taken = Take("payment", 5, "lead-b", NOW, NOW + timedelta(minutes=30))
    ruled = get_choice(ChoiceFacts(PAYMENT, NOW, PERSON_WITH_OPERATOR_ROLE, take=taken), "take")
    assert (ruled.reason, ruled.facts["holder"], ruled.facts["until"]) == ("reason.taken", "lead-b", taken.until)
    assert get_choice(ChoiceFacts(PAYMENT, NOW, PERSON_WITH_APPROVER_ROLE, take=taken), "take").allowed


@pytest.mark.parametrize("language", ["en", "ja"])
def test_resolve_and_refund_of_a_payment_lead_to_its_unknown_refund(language: str) -> None:
    """If the outcome of a payment is known and that of its refund is unknown, the reasons that exclude *Resolve* and
    *Refund* name the refund and say that a person must open it, like the next step of the payment. Without such a
    refund, the outcome is only called known.
    """
    relations = PaymentRelations(refunds=(replace(REFUND, work=Work()),))
    step = explain_payment(replace(PAYMENT, relations=relations), NOW).next_step
    assert step.code == "next.payment_refund_unknown"
    word_for_opening = {"en": "open ", "ja": "を開いて"}[language]
    facts = ChoiceFacts(
        PAYMENT,
        NOW,
        PERSON_WITH_OPERATOR_ROLE,
        statement=ProviderStatement.PAID,
        refunds=(REFUND,),
        refund_refusal="refund_unknown",
        refund_refusal_facts={"refund": REFUND.id},
    )
    actions = [make_allowed_action(facts, name) for name in ("resolve", "refund")]
    assert [action.reason for action in actions] == ["reason.outcome_known", "reason.refund_unknown"]
    sentences = [translate(action.reason or "", language, **action.facts) for action in actions]
    for sentence in (*sentences, translate(step.code, language, **step.facts)):
        assert "R-9" in sentence
        assert word_for_opening in sentence.lower()
    settled = replace(facts, refunds=(replace(REFUND, certainty=Certainty.KNOWN),))
    known = make_allowed_action(settled, "resolve")
    assert (known.reason, known.facts) == ("reason.outcome_known", {})


def test_the_table_excludes_a_probe_if_no_provider_can_be_asked() -> None:
    """The decision table excludes a probe if the provider has no call that lists its purchases, or if this desk lacks
    the settings of the provider.
    """
    assert (
        get_choice(
            ChoiceFacts(CHECK, NOW, PERSON_WITH_OPERATOR_ROLE, query_possibility=ProviderQueryPossibility.NO_CALL),
            "probe",
        ).reason
        == "reason.no_list_call"
    )
    unset = ChoiceFacts(
        PAYMENT, NOW, PERSON_WITH_OPERATOR_ROLE, query_possibility=ProviderQueryPossibility.NOT_SET_UP
    )
    assert get_choice(unset, "probe").reason == "reason.provider_not_set_up"


@pytest.mark.parametrize("state", CheckState)
@pytest.mark.parametrize("number", [None, 12345])
def test_a_bought_credit_check_can_be_refetched(state: CheckState, number: int | None) -> None:
    """A credit check can be re-fetched if it is a success, has the provider's id, and its viewing period isn't over.
    Otherwise the action is excluded with a reason.
    """
    check = replace(CHECK, state=state, certainty=Certainty.KNOWN, credit_check_id=number)
    bought = state is CheckState.SUCCESS and number is not None
    choice = get_choice(ChoiceFacts(check, NOW, PERSON_WITH_OPERATOR_ROLE), "refetch")
    refusals = {
        CheckState.PENDING: "bought_perhaps",
        CheckState.ERROR: "not_bought" if number is None else "bought_perhaps",
    }
    refusal = f"reason.{refusals.get(state, 'no_provider_id')}"
    assert (choice.allowed, choice.reason) == (bought, None if bought else refusal)
    over = get_choice(ChoiceFacts(replace(check, viewing_over=True), NOW, PERSON_WITH_OPERATOR_ROLE), "refetch")
    assert over.reason == ("reason.viewing_over" if bought else refusal)
    unset = get_choice(
        ChoiceFacts(check, NOW, PERSON_WITH_OPERATOR_ROLE, query_possibility=ProviderQueryPossibility.NOT_SET_UP),
        "probe",
    )
    assert unset.reason == ("reason.provider_not_set_up" if bought else None)
    late = get_choice(
        ChoiceFacts(
            replace(check, viewing_over=True),
            NOW,
            PERSON_WITH_OPERATOR_ROLE,
            query_possibility=ProviderQueryPossibility.NOT_SET_UP,
        ),
        "probe",
    )
    assert late.reason == unset.reason, "AlarmBox may show it again"


@pytest.mark.parametrize("action", ["probe", "refetch", "resolve.error", "take", "note", "buy"])
def test_the_reason_names_the_missing_role(action: str) -> None:
    """If the person lacks a role, the reason names the role. A purchase also needs the person's permission to buy."""
    bought = replace(CHECK, state=CheckState.SUCCESS, certainty=Certainty.KNOWN, credit_check_id=1)
    record = {"refetch": bought, "buy": replace(CHECK, state=CheckState.ERROR, certainty=Certainty.KNOWN)}.get(
        action, CHECK
    )
    auditor = Person("aud-e", frozenset({AUDITOR}), may_buy=True)
    choice = get_choice(ChoiceFacts(record, NOW, auditor), action)
    assert (choice.reason, choice.facts["needs"]) == ("reason.role", choice.allowed_roles)


@pytest.mark.parametrize("certainty", Certainty)
@pytest.mark.parametrize("is_running", [True, False])
@pytest.mark.parametrize("is_leased", [True, False])
def test_an_unknown_record_is_probed_by_one_person_at_a_time(
    certainty: Certainty, is_running: bool, is_leased: bool
) -> None:
    """A probe of an unknown record is excluded while another process holds the lease of the record. A known record
    can be probed meanwhile, except while its call is being sent."""
    facts = ChoiceFacts(
        replace(CHECK, certainty=certainty),
        NOW,
        PERSON_WITH_OPERATOR_ROLE,
        is_call_running=is_running,
        is_leased=is_leased,
    )
    busy = is_running or (is_leased and certainty is Certainty.UNKNOWN)
    assert get_choice(facts, "probe").reason == ("reason.in_progress" if busy else None)


def test_the_probe_of_a_refund_that_was_never_sent_needs_no_provider() -> None:
    """The probe of a refund that was certainly never sent asks no provider, so it is possible without the settings of
    the provider. The probe of a refund that was sent, or is unknown, needs them. An unknown refund can't be probed if
    the provider has no call that reads refunds; a known one can.
    """
    for key, certainty, asks in (
        (None, Certainty.KNOWN, False),
        ("RFD-1", Certainty.KNOWN, True),
        (None, Certainty.UNKNOWN, True),
    ):
        refund = replace(REFUND, provider_refund_key=key, certainty=certainty)
        choice = get_choice(
            ChoiceFacts(
                refund, NOW, PERSON_WITH_OPERATOR_ROLE, query_possibility=ProviderQueryPossibility.NOT_SET_UP
            ),
            "probe",
        )
        assert choice.allowed is not asks
    assert (
        get_choice(
            ChoiceFacts(REFUND, NOW, PERSON_WITH_OPERATOR_ROLE, query_possibility=ProviderQueryPossibility.NO_CALL),
            "probe",
        ).reason
        == "reason.no_read_call"
    )
    known = replace(REFUND, certainty=Certainty.KNOWN)
    assert get_choice(
        ChoiceFacts(known, NOW, PERSON_WITH_OPERATOR_ROLE, query_possibility=ProviderQueryPossibility.NO_CALL),
        "probe",
    ).allowed


def test_a_proposal_may_be_replaced_by_one_of_another_outcome() -> None:
    """A proposal about a payment or refund can be replaced by a proposal of another outcome. Otherwise a mistaken
    proposal of a person who has left the team could never be decided."""
    unknown = replace(PAYMENT, state=PaymentState.USER_PAYMENT, certainty=Certainty.UNKNOWN, captured_minor=0)
    facts = ChoiceFacts(unknown, NOW, PERSON_WITH_APPROVER_ROLE, open_proposal=OpenProposal("completed", "op-a"))
    assert get_choice(facts, "resolve.payment_failed").allowed
    assert get_choice(facts, "resolve.completed").allowed
    contradicted = replace(facts, statement=ProviderStatement.FAILED)
    assert get_choice(contradicted, "resolve.payment_failed").allowed
    assert get_choice(replace(facts, person=None), "resolve.payment_failed").allowed
    refund = ChoiceFacts(REFUND, NOW, PERSON_WITH_APPROVER_ROLE, open_proposal=OpenProposal("completed", "op-a"))
    assert get_choice(refund, "resolve.failed").allowed
    own = replace(refund, open_proposal=OpenProposal("completed", "LEAD-B"))
    assert get_choice(own, "resolve.completed").reason == "reason.own_first_half"


@pytest.mark.parametrize("record", [CHECK, PAYMENT, REFUND], ids=["check", "payment", "refund"])
def test_an_action_stopped_by_read_only_alone_has_that_reason(record: CreditCheck | Payment | Refund) -> None:
    """If the read-only switch is the only obstacle to a decision about a record, the reason of the excluded action
    names the switch.
    """
    switch = ReadOnlySwitch(EVERYTHING_SCOPE, is_on=True, reason="an incident", person="lead-b", at=NOW)
    facts = ChoiceFacts(record, NOW, PERSON_WITH_OPERATOR_ROLE)
    assert make_allowed_action(facts, "resolve").allowed
    stopped = make_allowed_action(replace(facts, read_only_switch=switch), "resolve")
    assert (stopped.allowed, stopped.reason) == (False, READ_ONLY_SWITCH_REASON)


def test_an_order_is_decided_through_its_payment() -> None:
    """People can't decide about an order itself. An order without a payment can neither be probed nor be set to
    paid.
    """
    alone = ChoiceFacts(ORDER, NOW, PERSON_WITH_APPROVER_ROLE)
    assert get_choice(alone, "probe").reason == get_choice(alone, "move_order").reason == "reason.no_payment"
    assert get_choice(alone, "resolve").reason == "reason.order_follows"
    with_payment = replace(alone, payment=PAYMENT, order=ORDER)
    assert get_choice(with_payment, "probe").allowed
    assert get_choice(with_payment, "move_order").allowed
    assert (
        get_choice(replace(with_payment, is_order_covered=False), "move_order").reason == "reason.order_not_covered"
    )


@pytest.mark.parametrize(("after", "has_warning"), [(timedelta(days=2, hours=12), True), (timedelta(days=3), False)])
def test_a_warning_ends_with_the_banks_days(after: timedelta, has_warning: bool) -> None:
    """The warning that the bank may reverse the payment disappears at the bank's deadline."""
    paid_at = datetime(2026, 11, 19, 18, 30, tzinfo=UTC)  # midnight in India
    atom = replace(PAYMENT, provider="atom", paid_at=paid_at, currency="INR")
    choice = get_choice(ChoiceFacts(atom, paid_at + after, PERSON_WITH_OPERATOR_ROLE, payment=atom), "refund")
    assert (choice.warning is not None) is has_warning
    assert choice.needs_second_person
    off = get_choice(
        ChoiceFacts(atom, NOW, PERSON_WITH_OPERATOR_ROLE, payment=atom, refund_refusal="over_limit"), "refund"
    )
    assert off.reason == "reason.over_limit"


def test_a_screen_offers_a_probe_without_a_provider_call_only_if_a_spool_may_have_the_answer() -> None:
    """The provider has no call for the question. A screen disables the probe, because it could only fail, with the
    reason that a bulk run has, too. If a spool may have the provider's answer, the probe stays possible for a person
    with the right role. For an auditor, the reason names the needed role.
    """
    facts = ChoiceFacts(CHECK, NOW, PERSON_WITH_OPERATOR_ROLE, query_possibility=ProviderQueryPossibility.NO_CALL)
    for person in (PERSON_WITH_OPERATOR_ROLE, None):
        action = make_allowed_action(replace(facts, person=person), "probe")
        assert (action.allowed, action.reason) == (False, "reason.no_list_call")
        assert make_allowed_action(replace(facts, person=person, may_have_spooled_answer=True), "probe").allowed
    payment = replace(facts, record=replace(PAYMENT, certainty=Certainty.UNKNOWN))
    assert make_allowed_action(payment, "probe").reason == "reason.no_read_call"
    for may_have_answer in (False, True):
        auditor = replace(
            facts,
            person=Person("aud-e", frozenset({AUDITOR}), may_buy=False),
            may_have_spooled_answer=may_have_answer,
        )
        refused = make_allowed_action(auditor, "probe")
        assert (refused.allowed, refused.reason) == (False, "reason.role")
