"""The decision table by itself: what is there for each kind, why something is ruled out, and what a dry run says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from console.domain.choice_records import Asks, Evidence, Facts, Proposed, Told
from console.domain.order_records import Order, OrderState, Payment, Refund
from console.domain.payment_records import PaymentState, RefundState
from console.domain.permissions import APPROVER, AUDITOR, OPERATOR, WORKER
from console.domain.records import Certainty, CheckState, CreditCheck, Person, Work, WorkState
from console.domain.recovery_choices import TABLE, choice, choices
from console.domain.worker_records import Take

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
P, R = PaymentState, RefundState
CHECK = CreditCheck(
    17, "1180301018771", "1", CheckState.PENDING, Certainty.UNKNOWN, Work(), None, None, None, None, None, None, (),
    None, "op-1", 3,
)  # fmt: skip
PAYMENT = Payment(
    id=5, order_id=3, provider="paypay", merchant_payment_id="ORD-1", provider_payment_id="0421",
    corporation_number=None, payer=None, state=P.COMPLETED, certainty=Certainty.KNOWN, work=Work(), currency="JPY",
    asked_minor=3300, captured_minor=3300, reserved_minor=0, refunded_minor=0, set_aside_minor=0, version=4,
)  # fmt: skip
ORDER = Order(3, "ORD-1", None, OrderState.PENDING, "JPY", 3300, (5,), 2)
REFUND = Refund(
    9, 5, 3, 1000, "JPY", R.SUBMITTING, Certainty.UNKNOWN, Work(WorkState.SCHEDULED), "op-a", ("lead-b",), "RFD-1",
    None, 4,
)  # fmt: skip
OPERATORS = Person("op-a", frozenset({OPERATOR}), may_buy=False)
APPROVERS = Person("lead-b", frozenset({APPROVER}), may_buy=True)


def test_every_kind_has_taking_and_noting() -> None:
    """They are offered for whatever record, and to nobody who only reads."""
    for kind, rows in TABLE.items():
        assert {"take", "note", "probe"} <= {row.what for row in rows}, kind
    auditor = Facts(CHECK, NOW, Person("aud-e", frozenset({AUDITOR}), may_buy=False))
    assert not any(one.allowed for one in choices(auditor))
    worker = Facts(CHECK, NOW, Person("worker", frozenset({WORKER}), may_buy=False))
    assert {one.what for one in choices(worker) if one.allowed} == {"probe", "take"}


def test_not_bought_takes_two_people_and_paper() -> None:
    """The first may be an operator, the second must be an approver and somebody else."""
    facts = Facts(CHECK, NOW, OPERATORS)
    error, success = choice(facts, "resolve.error"), choice(facts, "resolve.success")
    assert (error.allowed, error.second_person, error.who) == (True, True, ("approver", "operator"))
    assert error.rests_on == (Evidence.SETTLEMENT, Evidence.FILE, Evidence.LETTER)
    assert (success.second_person, success.rests_on) == (False, (Evidence.READ,))
    half = replace(facts, proposed=Proposed("error", "Op-A "))
    assert choice(half, "resolve.error").reason == "reason.own_first_half"
    other = replace(half, person=Person("op-e", frozenset({OPERATOR}), may_buy=False))
    lacking = choice(other, "resolve.error")
    assert (lacking.reason, lacking.who) == ("reason.role", ("approver",))
    assert choice(replace(half, person=APPROVERS), "resolve.error").allowed


def test_buying_again_is_ruled_out_until_it_is_known() -> None:
    """While nobody knows, and while another one holds the number."""
    assert choice(Facts(CHECK, NOW, APPROVERS), "buy").reason == "reason.bought_perhaps"
    error = replace(CHECK, state=CheckState.ERROR, certainty=Certainty.KNOWN)
    assert choice(Facts(error, NOW, APPROVERS), "buy").allowed
    assert choice(Facts(error, NOW, APPROVERS, claimed=True), "buy").reason == "reason.claimed_by_other"
    assert choice(Facts(error, NOW, OPERATORS), "buy").reason == "reason.may_not_buy"


@pytest.mark.parametrize(
    ("told", "possible"),
    [
        (Told.NOTHING, {"completed", "payment_failed"}),
        (Told.NOT_FOUND, {"completed", "payment_failed"}),
        (Told.OTHER_AMOUNT, {"completed", "payment_failed"}),
        (Told.PAID, {"completed"}),
        (Told.WAITING, set()),
        (Told.FAILED, {"payment_failed"}),
        (Told.EXPIRED, {"payment_failed"}),
    ],
)
def test_the_providers_word_counts_more_than_ours(told: Told, possible: set[str]) -> None:
    """What it says is decided so by one person; where it says nothing, by two with paper."""
    unknown = replace(PAYMENT, state=P.USER_PAYMENT, certainty=Certainty.UNKNOWN, captured_minor=0)
    found = {one.what.removeprefix("resolve."): one for one in choices(Facts(unknown, NOW, OPERATORS, told=told))}
    ends = ("completed", "payment_failed", "reversed")
    assert {end for end in ends if found[end].allowed} == possible
    two = told in (Told.NOTHING, Told.NOT_FOUND, Told.OTHER_AMOUNT)
    assert all(found[end].second_person is two for end in possible)


def test_a_dry_run_says_what_becomes_of_state_order_and_money() -> None:
    """Received: the order follows and all of it can be refunded."""
    unknown = replace(PAYMENT, state=P.USER_PAYMENT, certainty=Certainty.UNKNOWN, captured_minor=0)
    facts = Facts(unknown, NOW, OPERATORS, payment=unknown, order=ORDER, covered=False)
    effect = choice(facts, "resolve.completed").effect
    assert effect is not None
    assert (effect.state, effect.certainty) == (("user_payment", "completed"), ("unknown", "known"))
    assert effect.order == ("pending", "paid")
    assert effect.money is not None
    assert [strip.refundable for strip in effect.money] == [0, 3300]


def test_a_dry_run_of_a_refund() -> None:
    """Made: its sum is gone; not made: its sum is free again."""
    paid = replace(PAYMENT, reserved_minor=1000)
    facts = Facts(REFUND, NOW, APPROVERS, payment=paid, order=ORDER, refunds=(REFUND,))
    made, not_made = (choice(facts, f"resolve.{end}").effect for end in ("completed", "failed"))
    assert made is not None
    assert not_made is not None
    assert made.money is not None
    assert not_made.money is not None
    before, after = made.money
    assert (before.unknown, before.refundable, after.unknown, after.refunded, after.refundable) == (
        1000, 2300, 0, 1000, 2300,
    )  # fmt: skip
    assert not_made.money[1].refundable == 3300


def test_what_is_ruled_out_has_no_effect() -> None:
    """Nothing is promised that will be refused."""
    for one in choices(Facts(PAYMENT, NOW, OPERATORS, payment=PAYMENT, order=ORDER)):
        assert one.allowed or (one.reason is not None and one.effect is None)


def test_a_refund_in_the_banks_days_is_asked_about_first() -> None:
    """While the bank may take the payment back."""
    atom = replace(PAYMENT, provider="atom", paid_at=NOW, currency="INR")
    early = Facts(atom, NOW, OPERATORS, payment=atom)
    assert choice(early, "refund").warning == "warning.may_be_reversed"
    assert choice(replace(early, now=NOW + timedelta(days=4)), "refund").warning is None


def test_who_took_it_is_named() -> None:
    """Until when, too; one's own take can be kept on with."""
    taken = Take("payment", 5, "lead-b", NOW, NOW + timedelta(minutes=30))
    ruled = choice(Facts(PAYMENT, NOW, OPERATORS, taken=taken), "take")
    assert (ruled.reason, ruled.facts["holder"], ruled.facts["until"]) == ("reason.taken", "lead-b", taken.until)
    assert choice(Facts(PAYMENT, NOW, APPROVERS, taken=taken), "take").allowed


def test_nobody_to_ask() -> None:
    """No list call, no provider here."""
    assert choice(Facts(CHECK, NOW, OPERATORS, asks=Asks.NO_CALL), "probe").reason == "reason.no_list_call"
    unset = Facts(PAYMENT, NOW, OPERATORS, asks=Asks.NOT_SET_UP)
    assert choice(unset, "probe").reason == "reason.provider_not_set_up"
