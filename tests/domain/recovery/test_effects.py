"""Tests of the stated effect of an action: the values before and after it, computed on copies of the records."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from console.domain.payments.records import Order, OrderState, Payment, Refund
from console.domain.payments.states import PAID_STATES, WAITING_STATES, PaymentState, RefundState
from console.domain.records import Certainty, CheckState, CreditCheck, Work
from console.domain.recovery import effects as choice_effects
from console.domain.recovery.records import ChoiceFacts, ProviderStatement

NOW = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
UNKNOWN = Certainty.UNKNOWN
KNOWN = Certainty.KNOWN
CHECK = CreditCheck(
    17, "1180301018771", "1", CheckState.PENDING, UNKNOWN, Work(), None, None, None, None, None, None, (), None,
    "op-1", 3,
)  # fmt: skip
WAITING_PAYMENT = Payment(
    id=5, order_id=3, provider="paypay", merchant_payment_id="ORD-1", provider_payment_id=None,
    corporation_number=None, payer=None, state=PaymentState.USER_PAYMENT, certainty=UNKNOWN, work=Work(),
    currency="JPY",
    asked_minor=3300, captured_minor=0, reserved_minor=0, refunded_minor=0, set_aside_minor=0, version=4,
)  # fmt: skip
COMPLETED_PAYMENT = replace(WAITING_PAYMENT, state=PaymentState.COMPLETED, certainty=KNOWN, captured_minor=3300)
ORDER = Order(3, "ORD-1", None, OrderState.PENDING, "JPY", 3300, (5,), 2)
REFUND = Refund(
    9, 5, 3, 1000, "JPY", RefundState.SUBMITTING, UNKNOWN, Work(), "op-a", ("lead-b",), "RFD-1", None, 4,
)  # fmt: skip


def make_facts(record: CreditCheck | Order | Payment | Refund, **more: object) -> ChoiceFacts:
    return ChoiceFacts(record, NOW, **more)  # type: ignore[arg-type]  # of each test


def test_an_effect_is_none_for_records_of_another_kind() -> None:
    """The effect of an action is None for a kind of record that the action doesn't concern, and for a refund whose
    payment isn't known.
    """
    assert choice_effects.compute_check_effect(make_facts(COMPLETED_PAYMENT), CheckState.SUCCESS) is None
    assert choice_effects.compute_payment_effect(make_facts(CHECK), PaymentState.COMPLETED) is None
    assert (
        choice_effects.compute_refund_effect(
            make_facts(COMPLETED_PAYMENT, payment=COMPLETED_PAYMENT), RefundState.COMPLETED
        )
        is None
    )
    assert choice_effects.compute_refund_effect(make_facts(REFUND), RefundState.COMPLETED) is None
    assert (
        choice_effects.compute_set_order_paid_effect(make_facts(COMPLETED_PAYMENT, payment=COMPLETED_PAYMENT)) is None
    )
    assert choice_effects.compute_set_order_paid_effect(make_facts(ORDER, order=ORDER)) is None


@pytest.mark.parametrize("after", CheckState)
def test_a_decision_makes_the_outcome_of_a_check_known(after: CheckState) -> None:
    """A decision makes the outcome of a credit check known."""
    effect = choice_effects.compute_check_effect(make_facts(CHECK), after)
    assert effect is not None
    assert (effect.state_change, effect.certainty_change) == (("pending", after), ("unknown", "known"))
    assert (effect.order_state_change, effect.money_change) == (None, None)


@pytest.mark.parametrize(
    ("statement", "named_minor", "taken_minor"),
    [
        (ProviderStatement.NOTHING, None, 3300),
        (ProviderStatement.NOTHING, 2000, 3300),
        (ProviderStatement.PAID, 2000, 3300),
        (ProviderStatement.OTHER_AMOUNT, 2000, 2000),
        (ProviderStatement.OTHER_AMOUNT, 0, 0),
        (ProviderStatement.OTHER_AMOUNT, None, 3300),
    ],
)
def test_the_captured_amount_is_the_requested_one_by_default(
    statement: ProviderStatement, named_minor: int | None, taken_minor: int
) -> None:
    """The captured amount in the effect is the requested amount, unless the provider states another one."""
    effect = choice_effects.compute_payment_effect(
        make_facts(replace(WAITING_PAYMENT, provider_minor=named_minor), statement=statement), PaymentState.COMPLETED
    )
    assert effect is not None
    assert effect.money_change is not None
    assert [strip.captured for strip in effect.money_change] == [0, taken_minor]
    assert effect.order_state_change is None


@pytest.mark.parametrize("before", PaymentState)
def test_money_is_taken_once_and_only_by_a_success(before: PaymentState) -> None:
    """The effect doesn't count the amount of an already captured payment again, and only a success increases the
    captured amount.
    """
    captured_before = 3300 if before in PAID_STATES else 0
    payment = replace(WAITING_PAYMENT, state=before, captured_minor=captured_before)
    for after, sum_after in (
        (PaymentState.COMPLETED, 3300),
        (PaymentState.PAYMENT_FAILED, captured_before),
        (PaymentState.REVERSED, captured_before),
    ):
        effect = choice_effects.compute_payment_effect(make_facts(payment), after)
        assert effect is not None
        assert effect.money_change is not None
        assert [strip.captured for strip in effect.money_change] == [captured_before, sum_after]
        assert effect.state_change == (before, after)


@pytest.mark.parametrize("before", PaymentState)
def test_a_waiting_payment_that_the_provider_calls_expired_expires(before: PaymentState) -> None:
    """If the provider reports that a payment has expired, the payment expires if it waits for the payer; otherwise
    the state that people decide stays."""
    waiting = make_facts(replace(WAITING_PAYMENT, state=before), statement=ProviderStatement.EXPIRED)
    effect = choice_effects.compute_payment_effect(waiting, PaymentState.PAYMENT_FAILED)
    assert effect is not None
    assert effect.state_change[1] == (
        PaymentState.EXPIRED if before in WAITING_STATES else PaymentState.PAYMENT_FAILED
    )


@pytest.mark.parametrize(
    ("changed", "others", "after"),
    [
        ({}, (), "paid"),
        ({"total_minor": 3301}, (), "pending"),
        ({"total_minor": 3301}, ({"captured_minor": 1},), "paid"),
        ({"total_minor": 3302}, ({"captured_minor": 1},), "pending"),
        ({"total_minor": 3302}, ({"captured_minor": 1}, {"captured_minor": 1}), "paid"),
        ({"total_minor": 3301}, ({"captured_minor": 1, "refunded_minor": 1},), "pending"),
        ({"total_minor": 3301}, ({"captured_minor": 1, "state": PaymentState.CALLBACK_RECEIVED},), "pending"),
        ({"total_minor": 3299}, (), "paid"),
        ({"total_minor": 3299}, ({"currency": "INR"},), "pending"),
        ({"total_minor": 3299}, ({"currency": "INR", "state": PaymentState.EXPIRED},), "paid"),
        ({"currency": "INR"}, (), "pending"),
        ({"currency": "ABC"}, (), "pending"),
        ({"state": OrderState.SHIPPED}, (), "shipped"),
        ({"state": OrderState.CANCELLED}, (), "cancelled"),
        ({"state": OrderState.PAID}, (), "paid"),
        ({"state": OrderState.REFUNDED}, (), "refunded"),
    ],
)
def test_an_order_becomes_paid_only_if_its_payments_cover_it(
    changed: dict[str, object], others: tuple[dict[str, object], ...], after: str
) -> None:
    """The dry run of a completed payment sets the order to paid only if the order is pending and its confirmed
    payments together cover its sum in its currency.
    """
    order = replace(ORDER, **changed)  # type: ignore[arg-type]  # of each case
    paid = tuple(replace(COMPLETED_PAYMENT, id=6 + place, **more) for place, more in enumerate(others))  # type: ignore[arg-type]  # likewise
    facts = make_facts(WAITING_PAYMENT, order=order, other_order_payments=paid)
    effect = choice_effects.compute_payment_effect(facts, PaymentState.COMPLETED)
    assert effect is not None
    assert effect.order_state_change == (order.state, after)
    failed = choice_effects.compute_payment_effect(facts, PaymentState.PAYMENT_FAILED)
    assert failed is not None
    assert failed.order_state_change == (order.state, order.state)


@pytest.mark.parametrize(
    ("statement", "before", "after"),
    [
        (ProviderStatement.PAID, PaymentState.COMPLETED, "pending"),
        (ProviderStatement.NOTHING, PaymentState.COMPLETED, "paid"),
        (ProviderStatement.PAID, PaymentState.PAYMENT_SUCCESS, "paid"),
        (ProviderStatement.PAID, PaymentState.SIGNATURE_VERIFIED, "paid"),
        (ProviderStatement.PAID, PaymentState.CALLBACK_RECEIVED, "paid"),
    ],
)
def test_a_confirmed_payment_moves_its_order_only_by_the_rules(
    statement: ProviderStatement, before: PaymentState, after: str
) -> None:
    """If a read confirms a payment that is already completed, the order stays pending. If it first completes a paid
    payment, or if people decide it, the order is set to paid. Without an order there is no effect on an order.
    """
    effect = choice_effects.compute_payment_effect(
        make_facts(replace(COMPLETED_PAYMENT, state=before), statement=statement, order=ORDER), PaymentState.COMPLETED
    )
    assert effect is not None
    assert effect.order_state_change == ("pending", after)
    alone = choice_effects.compute_payment_effect(
        make_facts(replace(COMPLETED_PAYMENT, state=before), statement=statement), PaymentState.COMPLETED
    )
    assert alone is not None
    assert alone.order_state_change is None


@pytest.mark.parametrize(
    ("after", "other_refunded_minor", "order_state"),
    [
        (RefundState.COMPLETED, 2000, "refunded"),
        (RefundState.COMPLETED, 1999, "paid"),
        (RefundState.FAILED, 2000, "paid"),
    ],
)
def test_the_last_refund_of_an_order_makes_it_refunded(
    after: RefundState, other_refunded_minor: int, order_state: str
) -> None:
    minor = REFUND.amount_minor
    payment = replace(COMPLETED_PAYMENT, captured_minor=minor, reserved_minor=minor, refunded_minor=0)
    other = replace(payment, id=99, captured_minor=2000, reserved_minor=0, refunded_minor=other_refunded_minor)
    paid_order = replace(ORDER, state=OrderState.PAID)
    facts = make_facts(REFUND, payment=payment, order=paid_order, refunds=(REFUND,), other_order_payments=(other,))
    effect = choice_effects.compute_refund_effect(facts, after)
    assert effect is not None
    assert effect.order_state_change == ("paid", order_state)


@pytest.mark.parametrize(
    ("after", "set_aside_id", "parts"),
    [
        (RefundState.COMPLETED, None, (1000, 0, 2000)),
        (RefundState.FAILED, None, (0, 0, 3000)),
        (RefundState.COMPLETED, 8, (1000, 0, 2000)),
        (RefundState.FAILED, 8, (0, 1000, 2000)),
    ],
)
def test_a_refund_that_was_not_made_frees_its_amount(
    after: RefundState, set_aside_id: int | None, parts: tuple[int, int, int]
) -> None:
    """If a refund wasn't made, its amount becomes refundable or set aside again. The other refunds of the payment are
    unchanged."""
    paid = replace(COMPLETED_PAYMENT, captured_minor=4000, reserved_minor=1300, set_aside_minor=700)
    record = replace(REFUND, set_aside_id=set_aside_id)
    for sent, unsure in ((8, 10), (10, 8)):
        others = {
            sent: replace(REFUND, id=sent, amount_minor=200, state=RefundState.SUBMITTED, certainty=KNOWN),
            unsure: replace(REFUND, id=unsure, amount_minor=100),
        }
        effect = choice_effects.compute_refund_effect(
            make_facts(record, payment=paid, refunds=(others[8], record, others[10])), after
        )
        assert effect is not None
        assert (effect.state_change, effect.certainty_change, effect.order_state_change) == (
            ("submitting", after),
            ("unknown", "known"),
            None,
        )
        assert effect.money_change is not None
        before, strip = effect.money_change
        assert (before.unknown, before.on_its_way) == (1100, 200)
        assert (strip.unknown, strip.waiting, strip.on_its_way) == (100, 0, 200)
        assert (strip.refunded, strip.set_aside - 700, strip.refundable) == parts


def test_moving_an_order_changes_only_its_state() -> None:
    """Setting an order to paid changes only the order's state. The order's page states it as the record's state, and
    the payment's page as the order's state with an unchanged payment."""
    from_order = choice_effects.compute_set_order_paid_effect(
        make_facts(ORDER, payment=COMPLETED_PAYMENT, order=ORDER)
    )
    assert from_order is not None
    assert (from_order.state_change, from_order.certainty_change, from_order.order_state_change) == (
        ("pending", "paid"),
        (KNOWN, KNOWN),
        None,
    )
    paid = replace(COMPLETED_PAYMENT, certainty=UNKNOWN)
    effect = choice_effects.compute_set_order_paid_effect(make_facts(paid, payment=paid, order=ORDER))
    assert effect is not None
    assert (effect.state_change, effect.certainty_change) == (("completed", "completed"), ("unknown", "unknown"))
    assert effect.order_state_change == ("pending", "paid")
    assert effect.money_change is not None
    assert effect.money_change[0] == effect.money_change[1]
