"""Tests of the effect of a provider's report on a payment. A report changes the state only along the transition
table, books an amount once, and never overwrites newer facts, in whatever order reports arrive."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain.money import Money
from console.domain.payments.provider_messages import PaymentReport
from console.domain.payments.records import Payment
from console.domain.payments.report_rules import (
    CROSSED_ANSWERS_REASON,
    REVERSAL_NOTICE_TYPE,
    ReportEffect,
    ReportSource,
    compute_report_effect,
    ends_unknown_outcome,
)
from console.domain.payments.states import (
    ENDED_UNPAID_STATES,
    PAID_STATES,
    PAYMENT_TRANSITIONS,
    WAITING_STATES,
    PaymentState,
)
from console.domain.records import Certainty, Work
from console.domain.transitions.tables import require_transition

START_TIME = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
ReportFact = tuple[PaymentReport, datetime, ReportSource]
"""A report, the instant at which it was true, and its source."""

STARTED_PAYMENT = Payment(
    id=5, order_id=3, provider="bank", merchant_payment_id="ORD-1", provider_payment_id=None,
    corporation_number=None, payer=None, state=PaymentState.USER_PAYMENT, certainty=Certainty.KNOWN, work=Work(),
    currency="JPY",
    asked_minor=3300, captured_minor=0, reserved_minor=0, refunded_minor=0, set_aside_minor=0, version=1,
)  # fmt: skip


def make_fact(
    state: PaymentState, minute: float, source: ReportSource = ReportSource.READ, minor: int | None = 3300
) -> ReportFact:
    """Return a report about the payment, with the time at which it was true (`minute` minutes after START_TIME) and
    its source. `minor` is the amount in the smallest unit of the currency (None: the report has no amount).
    """
    paid = state in PAID_STATES
    report = PaymentReport(
        merchant_payment_id="ORD-1",
        provider_payment_id="0421" if paid or source is ReportSource.READ else None,
        provider_state=f"{state}@{minute}",
        state=state,
        is_final=state is not PaymentState.USER_PAYMENT,
        amount=None if minor is None else Money(minor, "JPY"),
    )
    return report, START_TIME + timedelta(minutes=minute), source


def make_history_fact(state: PaymentState, minute: float) -> ReportFact:
    """Return a row of the provider's history: it is true at its time of payment, not at the time of a question."""
    report, at, source = make_fact(state, minute)
    return replace(report, paid_at=at), at, source


def apply_report(payment: Payment, fact: ReportFact) -> Payment:
    """Return the payment as it is stored after this report. The test fails if a step isn't in the transition
    table.
    """
    report, at, source = fact
    effect = compute_report_effect(payment, report, at, source)
    state = payment.state
    for step in effect.new_states:
        require_transition(PAYMENT_TRANSITIONS, state, step)
        assert step is not state
        state = step
    return apply_changes(payment, effect, state, report, at)


def apply_changes(
    payment: Payment, effect: ReportEffect, state: PaymentState, report: PaymentReport, at: datetime
) -> Payment:
    """Return the payment after the effect of the report, with this state. `at` is the time at which the report was
    true.
    """
    if effect.booked_amount is not None:
        assert payment.captured_minor == 0, "booked twice"
        assert state in PAID_STATES or state is PaymentState.REVERSED
        payment = replace(
            payment, captured_minor=effect.booked_amount.minor, provider_payment_id=report.provider_payment_id
        )
    if effect.is_newest_report:
        payment = replace(payment, told_at=at, provider_state=report.provider_state)
    certainty = Certainty.UNKNOWN if effect.unknown_reason else payment.certainty
    return replace(payment, state=state, certainty=certainty)


def apply_facts(payment: Payment, facts: tuple[ReportFact, ...]) -> Payment:
    for one in facts:
        payment = apply_report(payment, one)
    return payment


FACTS_BY_STORY = {
    "paid": (make_fact(PaymentState.USER_PAYMENT, 0), make_fact(PaymentState.PAYMENT_SUCCESS, 1)),
    "failed": (make_fact(PaymentState.USER_PAYMENT, 0), make_fact(PaymentState.PAYMENT_FAILED, 1)),
    "failed, then paid late": (
        make_fact(PaymentState.USER_PAYMENT, 0),
        make_fact(PaymentState.PAYMENT_FAILED, 1),
        make_fact(PaymentState.PAYMENT_SUCCESS, 2),
    ),
    "paid, then taken back": (
        make_fact(PaymentState.USER_PAYMENT, 0),
        make_history_fact(PaymentState.PAYMENT_SUCCESS, 1),
        make_fact(PaymentState.PAYMENT_FAILED, 2),
    ),
    "failed, paid late, taken back": (
        make_fact(PaymentState.PAYMENT_FAILED, 0),
        make_history_fact(PaymentState.PAYMENT_SUCCESS, 1),
        make_fact(PaymentState.PAYMENT_FAILED, 2),
    ),
    "expired, then paid late": (make_fact(PaymentState.EXPIRED, 0), make_fact(PaymentState.PAYMENT_SUCCESS, 1)),
    "a callback, then its read": (
        make_fact(PaymentState.PAYMENT_SUCCESS, 0, ReportSource.CALLBACK),
        make_fact(PaymentState.PAYMENT_SUCCESS, 1),
    ),
    "notices alone": (
        make_fact(PaymentState.USER_PAYMENT, 0, ReportSource.NOTICE),
        make_fact(PaymentState.PAYMENT_SUCCESS, 1, ReportSource.NOTICE),
        make_fact(PaymentState.PAYMENT_FAILED, 2, ReportSource.NOTICE),
    ),
}


@pytest.mark.parametrize("name", FACTS_BY_STORY)
@pytest.mark.parametrize(
    "start_state", [PaymentState.INITIALIZING, PaymentState.TOKEN_GENERATED, PaymentState.USER_PAYMENT]
)
def test_reports_in_every_sequence_lead_to_the_same_state(name: str, start_state: PaymentState) -> None:
    """The reports of a payment lead to the same state, money and provider state in every order, whether each arrives
    once or twice. Of a success before a failure the time of payment is known: without it, the order would be open.
    """
    payment, story = replace(STARTED_PAYMENT, state=start_state), FACTS_BY_STORY[name]
    straight = apply_facts(payment, story)
    # As a set: most permutations of a story told twice are equal (630 of 720 with three reports).
    for order in set(itertools.permutations((*range(len(story)), *range(len(story))))):
        end = apply_facts(payment, tuple(story[index] for index in order))
        assert (end.state, end.captured_minor) == (straight.state, straight.captured_minor), order
        assert end.provider_state == straight.provider_state


ANY_FACT = st.builds(
    make_fact,
    st.sampled_from(
        [PaymentState.USER_PAYMENT, PaymentState.PAYMENT_SUCCESS, PaymentState.PAYMENT_FAILED, PaymentState.EXPIRED]
    ),
    st.integers(0, 6),
    st.sampled_from([ReportSource.READ, ReportSource.CALLBACK, ReportSource.NOTICE]),
    st.sampled_from([3300, 3300, 3300, 3301, None]),
)


@given(st.lists(ANY_FACT, max_size=12), st.sampled_from(list(PaymentState)))
def test_no_report_leaves_the_transition_table_or_books_twice(
    facts: list[ReportFact], start_state: PaymentState
) -> None:
    """For every sequence of reports from every state, each step is in the transition table, and the requested amount
    is captured at most once. A reversed payment stays reversed, and an older report never replaces a newer one.
    """
    captured = 3300 if start_state in PAID_STATES or start_state is PaymentState.REVERSED else 0
    payment = replace(
        STARTED_PAYMENT, state=start_state, captured_minor=captured, provider_payment_id="0421" if captured else None
    )
    for one in facts:
        before, payment = payment, apply_report(payment, one)
        assert payment.captured_minor in (0, 3300)
        assert before.state is not PaymentState.REVERSED or payment.state is PaymentState.REVERSED
        assert before.told_at is None or (payment.told_at or START_TIME) >= before.told_at
        if before.state in PAID_STATES:
            assert payment.state in PAID_STATES or payment.state is PaymentState.REVERSED


@given(st.lists(ANY_FACT, max_size=12))
def test_only_a_read_completes_a_payment_and_no_callback_reverses_it(facts: list[ReportFact]) -> None:
    """Only a read at the provider sets a payment to completed, and no callback sets one to reversed."""
    payment = STARTED_PAYMENT
    for one in facts:
        before, payment = payment, apply_report(payment, one)
        if payment.state is PaymentState.COMPLETED and before.state is not PaymentState.COMPLETED:
            assert one[2] is ReportSource.READ
        if payment.state is PaymentState.REVERSED and before.state is not PaymentState.REVERSED:
            assert one[2] is not ReportSource.CALLBACK


@pytest.mark.parametrize(
    ("amount", "unknown_reason", "case"),
    [
        (Money(3301, "JPY"), "other_amount", "amount_differs"),
        (Money(3300, "INR"), "other_amount", "amount_differs"),
        (None, "not_bookable", None),
    ],
)
def test_a_report_with_another_amount_or_currency_books_nothing(
    amount: Money | None, unknown_reason: str, case: str | None
) -> None:
    """A report with another amount, another currency or no amount books nothing and doesn't change the state. The
    outcome becomes unknown."""
    report = replace(make_fact(PaymentState.PAYMENT_SUCCESS, 1)[0], amount=amount)
    effect = compute_report_effect(STARTED_PAYMENT, report, START_TIME, ReportSource.READ)
    assert (effect.unknown_reason, effect.case_rule, effect.new_states, effect.booked_amount) == (
        unknown_reason,
        case,
        (),
        None,
    )


def test_further_captures_of_one_payment_open_a_case() -> None:
    """If the provider reports further captures of one payment, the first capture is booked, and a case names the
    others.
    """
    report = replace(make_fact(PaymentState.PAYMENT_SUCCESS, 1)[0], further_captures=("0422", "0423"))
    effect = compute_report_effect(STARTED_PAYMENT, report, START_TIME, ReportSource.READ)
    assert (effect.case_rule, effect.case_observed, effect.booked_amount) == (
        "paid_twice",
        "0422, 0423",
        Money(3300, "JPY"),
    )


def test_a_report_of_the_same_instant_is_applied() -> None:
    """A report with the same time as the last one isn't ignored as old, because providers state whole seconds."""
    waiting = apply_report(
        replace(STARTED_PAYMENT, state=PaymentState.TOKEN_GENERATED), make_fact(PaymentState.USER_PAYMENT, 1)
    )
    assert waiting.told_at == START_TIME + timedelta(minutes=1)
    assert apply_report(waiting, make_fact(PaymentState.PAYMENT_FAILED, 1)).state is PaymentState.PAYMENT_FAILED
    assert apply_report(waiting, make_fact(PaymentState.PAYMENT_FAILED, 0.99)).state is PaymentState.USER_PAYMENT


@pytest.mark.parametrize(
    ("source", "case"),
    [(ReportSource.READ, "contradicted"), (ReportSource.NOTICE, None), (ReportSource.CALLBACK, None)],
)
def test_a_completed_payment_read_as_waiting_opens_a_case(source: ReportSource, case: str | None) -> None:
    """If a read reports that a completed payment is waiting, a case is opened. A notice with this content may have
    been delayed, so it has no effect."""
    done = apply_facts(STARTED_PAYMENT, (make_fact(PaymentState.PAYMENT_SUCCESS, 0),))
    assert done.state is PaymentState.COMPLETED
    effect = compute_report_effect(done, *make_fact(PaymentState.USER_PAYMENT, 1, source))
    assert (effect.case_rule, effect.is_newest_report, effect.new_states) == (case, case is not None, ())


def read_report_effect(
    state: PaymentState, source: ReportSource, reported_state: PaymentState, **more: object
) -> ReportEffect:
    """Return the effect of one report, from this source and with this state, on a payment in the state `state`."""
    captured_minor = 3300 if state in PAID_STATES else 0
    payment_id = "0421" if captured_minor else None
    before = replace(
        STARTED_PAYMENT,
        state=state,
        captured_minor=captured_minor,
        provider_payment_id=payment_id,
        **more,  # type: ignore[arg-type]  # of each test
    )
    return compute_report_effect(before, *make_fact(reported_state, 1, source))


@pytest.mark.parametrize("source", ReportSource)
@pytest.mark.parametrize("state", sorted(WAITING_STATES | ENDED_UNPAID_STATES))
def test_the_evidence_of_a_success_decides_the_state(state: PaymentState, source: ReportSource) -> None:
    """The source of a report of success decides the new state. A read or a decision of two people leads to
    `completed`, a callback to `signature_verified`, and a notice to `payment_success`.
    """
    path = read_report_effect(state, source, PaymentState.PAYMENT_SUCCESS).new_states
    end = {
        ReportSource.READ: (PaymentState.COMPLETED,),
        ReportSource.PEOPLE: (PaymentState.COMPLETED,),
        ReportSource.NOTICE: (),
        ReportSource.CALLBACK: (PaymentState.CALLBACK_RECEIVED, PaymentState.SIGNATURE_VERIFIED),
    }
    assert path[path.index(PaymentState.PAYMENT_SUCCESS) + 1 :] == end[source]


@pytest.mark.parametrize(
    ("state", "source", "path"),
    [
        (PaymentState.PAYMENT_SUCCESS, ReportSource.READ, (PaymentState.COMPLETED,)),
        (PaymentState.PAYMENT_SUCCESS, ReportSource.NOTICE, ()),
        (
            PaymentState.PAYMENT_SUCCESS,
            ReportSource.CALLBACK,
            (PaymentState.CALLBACK_RECEIVED, PaymentState.SIGNATURE_VERIFIED),
        ),
        (
            PaymentState.CALLBACK_RECEIVED,
            ReportSource.READ,
            (PaymentState.SIGNATURE_VERIFIED, PaymentState.COMPLETED),
        ),
        (PaymentState.CALLBACK_RECEIVED, ReportSource.CALLBACK, (PaymentState.SIGNATURE_VERIFIED,)),
        (PaymentState.CALLBACK_RECEIVED, ReportSource.NOTICE, ()),
        (PaymentState.SIGNATURE_VERIFIED, ReportSource.READ, (PaymentState.COMPLETED,)),
        (PaymentState.SIGNATURE_VERIFIED, ReportSource.CALLBACK, ()),
        (PaymentState.COMPLETED, ReportSource.READ, ()),
        (PaymentState.COMPLETED, ReportSource.CALLBACK, ()),
        (PaymentState.COMPLETED, ReportSource.PEOPLE, ()),
        (PaymentState.SIGNATURE_VERIFIED, ReportSource.PEOPLE, (PaymentState.COMPLETED,)),
    ],
)
def test_a_repeated_success_books_no_second_amount(
    state: PaymentState, source: ReportSource, path: tuple[PaymentState, ...]
) -> None:
    """A second report of success changes the state as far as its source allows, and books no amount."""
    effect = read_report_effect(state, source, PaymentState.PAYMENT_SUCCESS)
    assert (effect.new_states, effect.booked_amount, effect.case_rule, effect.is_newest_report) == (
        path,
        None,
        None,
        True,
    )


@pytest.mark.parametrize("source", ReportSource)
@pytest.mark.parametrize("state", PaymentState)
def test_a_failure_report_reverses_a_paid_payment(state: PaymentState, source: ReportSource) -> None:
    """A report of failure sets a waiting payment to failed and a paid one to reversed; a callback doesn't reverse a
    paid payment, and a notice only if it says that the money went back. An ended payment keeps its state."""
    effect = read_report_effect(state, source, PaymentState.PAYMENT_FAILED)
    if state in WAITING_STATES:
        assert effect.new_states[-1] is PaymentState.PAYMENT_FAILED
        assert (effect.case_rule, effect.is_newest_report) == (None, True)
    elif state in PAID_STATES and source is ReportSource.NOTICE:
        assert (effect.new_states, effect.case_rule, effect.is_newest_report) == ((), "contradicted", True)
    elif state in PAID_STATES and source is not ReportSource.CALLBACK:
        first = {
            PaymentState.CALLBACK_RECEIVED: (PaymentState.SIGNATURE_VERIFIED, PaymentState.COMPLETED),
            PaymentState.SIGNATURE_VERIFIED: (PaymentState.COMPLETED,),
        }.get(state, ())
        assert (effect.new_states, effect.case_rule, effect.is_newest_report) == (
            (*first, PaymentState.REVERSED),
            "reversed",
            True,
        )
        assert effect.case_observed == "payment_failed@1"
    else:
        assert (effect.new_states, effect.case_rule, effect.is_newest_report) == ((), None, state not in PAID_STATES)


@pytest.mark.parametrize(("word", "path"), [(REVERSAL_NOTICE_TYPE, (PaymentState.REVERSED,)), ("payment.failed", ()),
                                            ("payment.cancelled", ())])  # fmt: skip
def test_only_a_notice_of_a_reversal_reverses_a_paid_payment(word: str, path: tuple[PaymentState, ...]) -> None:
    """A notice that an attempt failed or was cancelled may be about a further attempt of the payer. So it opens a
    case, and only a notice that the money went back reverses the payment.
    """
    paid = replace(STARTED_PAYMENT, state=PaymentState.PAYMENT_SUCCESS, captured_minor=3300, provider_payment_id="e1")
    report, at, source = make_fact(PaymentState.PAYMENT_FAILED, 1, ReportSource.NOTICE)
    effect = compute_report_effect(paid, replace(report, provider_state=word, provider_payment_id=None), at, source)
    assert (effect.new_states, effect.case_rule) == (path, "reversed" if path else "contradicted")


def test_the_failure_of_another_attempt_leaves_a_paid_payment_unchanged() -> None:
    """A report about a failed attempt with another id of the provider has no effect on a paid payment. A report
    without an id may be about the same attempt, so it has its usual effect."""
    paid = replace(STARTED_PAYMENT, state=PaymentState.COMPLETED, captured_minor=3300, provider_payment_id="0421")
    report, at, source = make_fact(PaymentState.PAYMENT_FAILED, 1)
    for theirs, path in (
        ("0422", ()),
        ("0420", ()),
        ("0421", (PaymentState.REVERSED,)),
        (None, (PaymentState.REVERSED,)),
    ):
        effect = compute_report_effect(paid, replace(report, provider_payment_id=theirs), at, source)
        assert (effect.new_states, effect.is_newest_report) == (path, bool(path))


@pytest.mark.parametrize("reported_state", sorted(ENDED_UNPAID_STATES))
@pytest.mark.parametrize("state", sorted(PaymentState))
def test_an_unpaid_end_without_our_payment_number_changes_no_state(
    state: PaymentState, reported_state: PaymentState
) -> None:
    """An answer that names no payment may belong to another request: it reverses no paid payment and ends no waiting
    one. With the payment's id at the provider, it is about our payment."""
    is_paid = state in PAID_STATES
    payment = replace(
        STARTED_PAYMENT,
        state=state,
        captured_minor=3300 if is_paid else 0,
        provider_payment_id="0421" if is_paid else None,
    )
    report, at, source = make_fact(reported_state, 1)
    unnamed = replace(report, has_payment_number=False, provider_payment_id=None)
    effect = compute_report_effect(payment, unnamed, at, source)
    assert (effect.new_states, effect.case_rule, effect.unknown_reason, effect.is_newest_report) == (
        (),
        "contradicted" if is_paid else None,
        "not_bookable" if state in WAITING_STATES else None,
        False,
    )
    with_id = replace(unnamed, provider_payment_id=payment.provider_payment_id)
    if is_paid:
        assert compute_report_effect(payment, with_id, at, source) == compute_report_effect(
            payment, report, at, source
        )


@pytest.mark.parametrize(
    ("source", "case"),
    [(ReportSource.READ, "contradicted"), (ReportSource.NOTICE, None), (ReportSource.CALLBACK, None)],
)
def test_a_failed_attempt_contradicts_a_payment_without_a_provider_id(source: ReportSource, case: str | None) -> None:
    """People have decided that a payment is paid, and the payment has no id of the provider. A read about a failed
    attempt may be about this payment or another one: a case is opened, and the payment stays paid. A notice or
    callback about it has no effect.
    """
    paid = replace(STARTED_PAYMENT, state=PaymentState.COMPLETED, captured_minor=3300, provider_payment_id=None)
    report, at, _ = make_fact(PaymentState.PAYMENT_FAILED, 1)
    effect = compute_report_effect(paid, replace(report, provider_payment_id="0421"), at, source)
    assert (effect.new_states, effect.case_rule, effect.is_newest_report) == ((), case, case is not None)


@pytest.mark.parametrize("source", ReportSource)
@pytest.mark.parametrize("state", PaymentState)
def test_a_report_of_expiry_expires_a_waiting_payment(state: PaymentState, source: ReportSource) -> None:
    """A report that the payment has expired makes a waiting payment expired; for a paid one it opens a case."""
    effect = read_report_effect(state, source, PaymentState.EXPIRED)
    assert effect.new_states == ((PaymentState.EXPIRED,) if state in WAITING_STATES else ())
    assert effect.case_rule == ("contradicted" if state in PAID_STATES else None)
    assert effect.case_observed == ("expired@1 3300 JPY" if state in PAID_STATES else "")
    assert effect.is_newest_report


@pytest.mark.parametrize("source", ReportSource)
@pytest.mark.parametrize(
    "reported_state", [PaymentState.INITIALIZING, PaymentState.TOKEN_GENERATED, PaymentState.USER_PAYMENT]
)
@pytest.mark.parametrize("state", PaymentState)
def test_a_report_of_waiting_moves_an_earlier_state(
    state: PaymentState, reported_state: PaymentState, source: ReportSource
) -> None:
    """A report that the payment waits for the payer changes an earlier state to the waiting state. If a read reports
    this about a completed payment, a case is opened."""
    effect = read_report_effect(state, source, reported_state)
    if state in WAITING_STATES:
        assert (
            effect.new_states
            == {
                PaymentState.INITIALIZING: (PaymentState.TOKEN_GENERATED, PaymentState.USER_PAYMENT),
                PaymentState.TOKEN_GENERATED: (PaymentState.USER_PAYMENT,),
                PaymentState.USER_PAYMENT: (),
            }[state]
        )
        assert effect.is_newest_report
    else:
        contradicted = state is PaymentState.COMPLETED and source is ReportSource.READ
        assert (effect.new_states, effect.case_rule) == ((), "contradicted" if contradicted else None)
        assert effect.is_newest_report is (contradicted or state not in PAID_STATES)


@pytest.mark.parametrize("source", ReportSource)
@pytest.mark.parametrize(
    "reported_state", [PaymentState.USER_PAYMENT, PaymentState.PAYMENT_FAILED, PaymentState.EXPIRED]
)
@pytest.mark.parametrize("state", PaymentState)
def test_a_report_older_than_the_last_one_has_no_effect(
    state: PaymentState, reported_state: PaymentState, source: ReportSource
) -> None:
    """A report that the payment waits, has failed or has expired has no effect if its time is earlier than that of
    the last report.
    """
    effect = read_report_effect(
        state, source, reported_state, told_at=START_TIME + timedelta(minutes=1, microseconds=1)
    )
    assert (effect.new_states, effect.case_rule, effect.is_newest_report) == ((), None, False)


@pytest.mark.parametrize("source", ReportSource)
@pytest.mark.parametrize("state", PaymentState)
def test_an_old_success_is_booked_without_undoing_a_later_report(state: PaymentState, source: ReportSource) -> None:
    """An old report of success is booked if no amount was booked yet. If a later failure of the payment is known, the
    payment becomes reversed. After a notice of a failure that may be about another attempt, a case is opened instead.
    A callback has the time of another clock than a read, so it only books the amount: the next read decides. The
    answer to a question that was sent before the failure books nothing, because it may describe a later moment.
    """
    old = {"told_at": START_TIME + timedelta(minutes=2), "provider_state": "FAILED"}
    effect = read_report_effect(state, source, PaymentState.PAYMENT_SUCCESS, **old)
    assert not effect.is_newest_report
    if state is PaymentState.PAYMENT_FAILED and source is ReportSource.NOTICE:
        assert (effect.new_states[-1], effect.case_rule) == (PaymentState.PAYMENT_SUCCESS, "contradicted")
        assert (effect.case_observed, effect.booked_amount) == ("FAILED", Money(3300, "JPY"))
        reversed_before = read_report_effect(
            state, source, PaymentState.PAYMENT_SUCCESS, **old | {"provider_state": REVERSAL_NOTICE_TYPE}
        )
        assert (reversed_before.new_states[-1], reversed_before.case_rule) == (PaymentState.REVERSED, "reversed")
    elif state is PaymentState.PAYMENT_FAILED and source is ReportSource.CALLBACK:
        assert (effect.new_states[-1], effect.case_rule) == (PaymentState.SIGNATURE_VERIFIED, None)
        assert effect.booked_amount == Money(3300, "JPY")
    elif state is PaymentState.PAYMENT_FAILED and source is ReportSource.READ:
        assert (effect.new_states, effect.booked_amount, effect.case_rule) == ((), None, None)
        assert effect.unknown_reason == CROSSED_ANSWERS_REASON
    elif state is PaymentState.PAYMENT_FAILED:
        assert (effect.new_states[-1], effect.case_rule, effect.case_observed) == (
            PaymentState.REVERSED,
            "reversed",
            "FAILED",
        )
        assert effect.booked_amount == Money(3300, "JPY")
        assert PaymentState.SIGNATURE_VERIFIED not in effect.new_states or PaymentState.COMPLETED in effect.new_states
    elif state in WAITING_STATES or state is PaymentState.EXPIRED:
        assert (effect.case_rule, effect.booked_amount) == (None, Money(3300, "JPY"))
        assert PaymentState.REVERSED not in effect.new_states
    else:
        assert (effect.case_rule, effect.booked_amount) == (None, None)
    nameless = read_report_effect(state, source, PaymentState.PAYMENT_SUCCESS, **old | {"provider_state": None})
    assert nameless.case_observed == ""


def test_a_row_of_a_history_before_a_known_failure_reverses_the_payment() -> None:
    """A row of a provider's history is true at its time of payment. So a failure that was read later shows that the
    money went back."""
    report, at, source = make_history_fact(PaymentState.PAYMENT_SUCCESS, 1)
    failed = replace(
        STARTED_PAYMENT, state=PaymentState.PAYMENT_FAILED, told_at=at + timedelta(minutes=1), provider_state="FAILED"
    )
    effect = compute_report_effect(failed, report, at, source)
    assert (effect.new_states[-1], effect.case_rule) == (PaymentState.REVERSED, "reversed")


def test_the_next_answer_decides_after_answers_that_crossed() -> None:
    """An answer to an earlier question says paid, a later one failed: the outcome is unknown. Then the next answer
    books the payment, or ends it as failed."""
    report, at, source = make_fact(PaymentState.PAYMENT_SUCCESS, 1)
    failed = replace(STARTED_PAYMENT, state=PaymentState.PAYMENT_FAILED, told_at=at + timedelta(minutes=1))
    unknown = replace(
        apply_report(failed, (report, at, source)), certainty=Certainty.UNKNOWN, error_code=CROSSED_ANSWERS_REASON
    )
    assert (unknown.state, unknown.captured_minor) == (PaymentState.PAYMENT_FAILED, 0)
    paid = compute_report_effect(unknown, report, at + timedelta(minutes=2), source)
    assert (paid.new_states[-1], paid.booked_amount) == (PaymentState.COMPLETED, Money(3300, "JPY"))
    failure, _, _ = make_fact(PaymentState.PAYMENT_FAILED, 2)
    end = compute_report_effect(unknown, failure, at + timedelta(minutes=2), source)
    assert (end.new_states, end.booked_amount, ends_unknown_outcome(end, unknown)) == ((), None, True)


def test_a_payment_paid_after_its_reversal_opens_a_case() -> None:
    """A report of success that is later than the reversal of the payment opens a case `contradicted`."""
    effect = read_report_effect(PaymentState.REVERSED, ReportSource.READ, PaymentState.PAYMENT_SUCCESS)
    assert (effect.case_rule, effect.case_observed, effect.is_newest_report) == (
        "contradicted",
        "payment_success@1 3300 JPY",
        True,
    )


@pytest.mark.parametrize("is_newer", [True, False])
@pytest.mark.parametrize(
    ("provider_id", "stored_id", "case"),
    [("0421", "0421", None), ("0422", "0421", "paid_twice"), ("0420", "0421", "paid_twice"), ("0422", None, None)],
)
def test_a_second_provider_id_of_a_payment_opens_a_case(
    provider_id: str | None, stored_id: str | None, case: str | None, is_newer: bool
) -> None:
    """Two ids of the provider for one payment of ours mean that the payer has paid twice: a case is opened."""
    told_at = START_TIME + timedelta(minutes=0 if is_newer else 2)
    paid = replace(
        STARTED_PAYMENT,
        state=PaymentState.COMPLETED,
        captured_minor=3300,
        provider_payment_id=stored_id,
        told_at=told_at,
    )
    report, at, source = make_fact(PaymentState.PAYMENT_SUCCESS, 1)
    effect = compute_report_effect(paid, replace(report, provider_payment_id=provider_id), at, source)
    assert (effect.case_rule, effect.case_observed) == (case, provider_id if case else "")
    assert effect.is_newest_report is (is_newer and case is None)


@pytest.mark.parametrize("is_newer", [True, False])
@pytest.mark.parametrize(
    ("amount", "case"),
    [
        (Money(3300, "JPY"), None),
        (None, None),
        (Money(3299, "JPY"), "contradicted"),
        (Money(3300, "INR"), "contradicted"),
    ],
)
def test_a_success_with_another_amount_opens_a_case(amount: Money | None, case: str | None, is_newer: bool) -> None:
    """A report with another amount than the booked one opens a case; a report without an amount doesn't."""
    told_at = START_TIME + timedelta(minutes=0 if is_newer else 2)
    paid = replace(
        STARTED_PAYMENT,
        state=PaymentState.COMPLETED,
        captured_minor=3300,
        provider_payment_id="0421",
        told_at=told_at,
    )
    report, at, source = make_fact(PaymentState.PAYMENT_SUCCESS, 1)
    effect = compute_report_effect(paid, replace(report, amount=amount), at, source)
    assert (effect.case_rule, effect.is_newest_report) == (case, is_newer)


def test_people_may_book_another_sum() -> None:
    """A decision of two people can book another amount than the requested one, also without the provider's id. A
    provider's report without an id books nothing, and neither does any report without an amount."""
    report, at, _ = make_fact(PaymentState.PAYMENT_SUCCESS, 1, minor=3000)
    effect = compute_report_effect(STARTED_PAYMENT, report, at, ReportSource.PEOPLE)
    assert (effect.booked_amount, effect.unknown_reason, effect.case_rule) == (Money(3000, "JPY"), None, None)
    unnumbered = replace(report, provider_payment_id=None)
    assert compute_report_effect(STARTED_PAYMENT, unnumbered, at, ReportSource.PEOPLE).booked_amount == Money(
        3000, "JPY"
    )
    for odd, source in ((unnumbered, ReportSource.READ), (replace(report, amount=None), ReportSource.PEOPLE)):
        assert compute_report_effect(STARTED_PAYMENT, odd, at, source).unknown_reason == "not_bookable"
    other = compute_report_effect(STARTED_PAYMENT, report, at, ReportSource.READ)
    assert (other.case_observed, other.is_newest_report) == ("payment_success@1 3000 JPY", True)


@pytest.mark.parametrize(
    ("effect", "ends_unknown"),
    [
        (ReportEffect(), True),
        (ReportEffect(is_newest_report=False), False),
        (ReportEffect((PaymentState.EXPIRED,), is_newest_report=False), True),
        (ReportEffect((PaymentState.EXPIRED,)), True),
        (ReportEffect(unknown_reason="other_amount"), False),
        (ReportEffect((PaymentState.EXPIRED,), unknown_reason="other_amount"), False),
    ],
)
def test_each_usable_report_ends_an_unknown_outcome(effect: ReportEffect, ends_unknown: bool) -> None:
    """A usable report ends an unknown outcome if it isn't older than the last one or changes the state. A known
    outcome stays known.
    """
    assert ends_unknown_outcome(effect, replace(STARTED_PAYMENT, certainty=Certainty.UNKNOWN)) is ends_unknown
    assert not ends_unknown_outcome(effect, STARTED_PAYMENT)


def test_the_case_about_a_report_without_an_amount_states_none() -> None:
    """The case about a report without an amount states no amount."""
    paid = replace(STARTED_PAYMENT, state=PaymentState.COMPLETED, captured_minor=3300, provider_payment_id="0421")
    report, at, source = make_fact(PaymentState.EXPIRED, 1, minor=None)
    assert compute_report_effect(paid, report, at, source).case_observed == "expired@1"


@pytest.mark.parametrize(
    ("source", "reason"), [(ReportSource.PEOPLE, "not_bookable"), (ReportSource.READ, "other_amount")]
)
@pytest.mark.parametrize("currency", ["KRW", "INR"])
def test_no_amount_is_booked_in_another_currency(currency: str, source: ReportSource, reason: str) -> None:
    """A report in another currency, also a decision by people, leaves the outcome unknown. An amount in yen is never
    booked as won or rupees.
    """
    report = PaymentReport("ORD-1", "T-1", "COMPLETED", PaymentState.PAYMENT_SUCCESS, True, Money(3_300, "JPY"))
    record = replace(STARTED_PAYMENT, currency=currency, state=PaymentState.USER_PAYMENT, certainty=Certainty.UNKNOWN)
    effect = compute_report_effect(record, report, START_TIME, source)
    assert (effect.booked_amount, effect.new_states, effect.unknown_reason) == (None, (), reason)
