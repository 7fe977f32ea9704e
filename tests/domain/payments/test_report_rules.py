"""News of a payment means the same whenever it comes: along the table, booked once, and never undoing newer facts."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain.money import Money
from console.domain.order_records import Payment
from console.domain.payment_news import News, Way, judge
from console.domain.payment_records import PaymentReport, PaymentState
from console.domain.records import Certainty, Work
from console.domain.states import PAYMENT, require
from console.domain.truth import PAID

START = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
P = PaymentState
Fact = tuple[PaymentReport, datetime, Way]

BEGUN = Payment(
    id=5, order_id=3, provider="bank", merchant_payment_id="ORD-1", provider_payment_id=None,
    corporation_number=None, payer=None, state=P.USER_PAYMENT, certainty=Certainty.KNOWN, work=Work(), currency="JPY",
    asked_minor=3300, captured_minor=0, reserved_minor=0, refunded_minor=0, set_aside_minor=0, version=1,
)  # fmt: skip


def fact(state: PaymentState, minute: float, way: Way = Way.READ, minor: int | None = 3300) -> Fact:
    paid = state in PAID
    report = PaymentReport(
        merchant_payment_id="ORD-1",
        provider_payment_id="0421" if paid or way is Way.READ else None,
        provider_state=f"{state}@{minute}",
        state=state,
        final=state is not P.USER_PAYMENT,
        amount=None if minor is None else Money(minor, "JPY"),
    )
    return report, START + timedelta(minutes=minute), way


def after(payment: Payment, told: Fact) -> Payment:
    """The payment as what was judged would be written; each step has to be in the table."""
    report, at, way = told
    news = judge(payment, report, at, way)
    state = payment.state
    for step in news.path:
        require(PAYMENT, state, step)
        assert step is not state
        state = step
    return written(payment, news, state, report, at)


def written(payment: Payment, news: News, state: PaymentState, report: PaymentReport, at: datetime) -> Payment:
    if news.booked is not None:
        assert payment.captured_minor == 0, "booked twice"
        assert state in PAID or state is P.REVERSED
        payment = replace(payment, captured_minor=news.booked.minor, provider_payment_id=report.provider_payment_id)
    if news.told:
        payment = replace(payment, told_at=at, provider_state=report.provider_state)
    certainty = Certainty.UNKNOWN if news.unknown else payment.certainty
    return replace(payment, state=state, certainty=certainty)


def told(payment: Payment, facts: tuple[Fact, ...]) -> Payment:
    for one in facts:
        payment = after(payment, one)
    return payment


STORIES = {
    "paid": (fact(P.USER_PAYMENT, 0), fact(P.PAYMENT_SUCCESS, 1)),
    "failed": (fact(P.USER_PAYMENT, 0), fact(P.PAYMENT_FAILED, 1)),
    "failed, then paid late": (fact(P.USER_PAYMENT, 0), fact(P.PAYMENT_FAILED, 1), fact(P.PAYMENT_SUCCESS, 2)),
    "paid, then taken back": (fact(P.USER_PAYMENT, 0), fact(P.PAYMENT_SUCCESS, 1), fact(P.PAYMENT_FAILED, 2)),
    "failed, paid late, taken back": (
        fact(P.PAYMENT_FAILED, 0), fact(P.PAYMENT_SUCCESS, 1), fact(P.PAYMENT_FAILED, 2),
    ),
    "expired, then paid late": (fact(P.EXPIRED, 0), fact(P.PAYMENT_SUCCESS, 1)),
    "a callback, then its read": (fact(P.PAYMENT_SUCCESS, 0, Way.CALLBACK), fact(P.PAYMENT_SUCCESS, 1)),
    "notices alone": (
        fact(P.USER_PAYMENT, 0, Way.NOTICE), fact(P.PAYMENT_SUCCESS, 1, Way.NOTICE),
        fact(P.PAYMENT_FAILED, 2, Way.NOTICE),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("begun", [P.INITIALIZING, P.TOKEN_GENERATED, P.USER_PAYMENT])
def test_a_story_ends_alike_in_every_order(name: str, begun: PaymentState) -> None:
    """Every order of its facts, each of them once or twice: the same state, the same money, the same last word."""
    payment, story = replace(BEGUN, state=begun), STORIES[name]
    straight = told(payment, story)
    for order in itertools.permutations((*story, *story)):
        end = told(payment, order)
        assert (end.state, end.captured_minor) == (straight.state, straight.captured_minor), order
        assert end.provider_state == straight.provider_state


ANY_FACT = st.builds(
    fact,
    st.sampled_from([P.USER_PAYMENT, P.PAYMENT_SUCCESS, P.PAYMENT_FAILED, P.EXPIRED]),
    st.integers(0, 6),
    st.sampled_from([Way.READ, Way.CALLBACK, Way.NOTICE]),
    st.sampled_from([3300, 3300, 3300, 3301, None]),
)


RESTS_IN = [state for state in P if state is not P.CALLBACK_RECEIVED]  # its two followers are written with it


@given(st.lists(ANY_FACT, max_size=12), st.sampled_from(RESTS_IN))
def test_no_news_leaves_the_table_or_books_twice(facts: list[Fact], begun: PaymentState) -> None:
    """Whatever comes, from whatever state: each step is in the table, at most one capture, of the asked sum alone;
    what is reversed stays so; the provider's word never becomes an older one.
    """
    captured = 3300 if begun in PAID or begun is P.REVERSED else 0
    payment = replace(BEGUN, state=begun, captured_minor=captured, provider_payment_id="0421" if captured else None)
    for one in facts:
        before, payment = payment, after(payment, one)
        assert payment.captured_minor in (0, 3300)
        assert before.state is not P.REVERSED or payment.state is P.REVERSED
        assert before.told_at is None or (payment.told_at or START) >= before.told_at
        if before.state in PAID:
            assert payment.state in PAID or payment.state is P.REVERSED


@given(st.lists(ANY_FACT, max_size=12))
def test_only_a_read_completes_and_no_callback_reverses(facts: list[Fact]) -> None:
    """A signature is believed as far as it goes, and what takes money back is the provider's answer or its notice."""
    payment = BEGUN
    for one in facts:
        before, payment = payment, after(payment, one)
        if payment.state is P.COMPLETED and before.state is not P.COMPLETED:
            assert one[2] is Way.READ
        if payment.state is P.REVERSED and before.state in PAID:
            assert one[2] is not Way.CALLBACK


@pytest.mark.parametrize(
    ("amount", "unknown", "case"),
    [(Money(3301, "JPY"), "other_amount", "amount_differs"), (Money(3300, "INR"), "other_amount", "amount_differs"),
     (None, "not_bookable", None)],
)  # fmt: skip
def test_what_cant_be_booked_is_unknown(amount: Money | None, unknown: str, case: str | None) -> None:
    """Another sum, another currency, no sum: nothing is booked and nothing moves."""
    report = replace(fact(P.PAYMENT_SUCCESS, 1)[0], amount=amount)
    news = judge(BEGUN, report, START, Way.READ)
    assert (news.unknown, news.case, news.path, news.booked) == (unknown, case, (), None)


def test_more_captures_on_one_order_are_a_case() -> None:
    """Each took money: the first is booked, the others are for a person."""
    report = replace(fact(P.PAYMENT_SUCCESS, 1)[0], further_captures=("0422", "0423"))
    news = judge(BEGUN, report, START, Way.READ)
    assert (news.case, news.observed, news.booked) == ("paid_twice", "0422, 0423", Money(3300, "JPY"))
