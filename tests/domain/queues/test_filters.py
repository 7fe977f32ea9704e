"""Tests of the filter of a list: each typed condition is either used or reported, and a listed record fulfils all
conditions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain.explained_state import CertaintyBadge
from console.domain.explanations.records import explain_record
from console.domain.payments.consistency import (
    compare_payment_sides,
    find_first_reversible_instant,
    find_reversal_deadline,
)
from console.domain.payments.records import (
    Order,
    OrderRelations,
    OrderState,
    Payment,
    PaymentRelations,
    Refund,
    RefundRelations,
)
from console.domain.payments.states import PaymentState, RefundState
from console.domain.queues.filter_text import (
    FILTER_OPERATORS,
    format_filter,
    list_operator_like_words,
    parse_filter,
)
from console.domain.queues.filters import (
    NO_FILTER,
    NO_OWNER,
    AgeRange,
    AmountRange,
    FilteredRecord,
    RecordFilter,
    find_cause,
)
from console.domain.records import Certainty, CheckState, CreditCheck, Work, WorkState
from tests.support.filter_check import matches_filter

NOW = datetime(2026, 11, 20, 6, 4, 5, tzinfo=UTC)
TWO_DAYS_AGO = NOW - timedelta(days=2)
PAYMENT = Payment(
    5, 3, "paypay", "A-10442", "0473", None, None, PaymentState.COMPLETED, Certainty.UNKNOWN,
    Work(WorkState.SCHEDULED, NOW, "unknown"), "JPY", 12_000, 0, 0, 0, 0, 7, error_code="timeout",
    state_since=TWO_DAYS_AGO,
)  # fmt: skip
REFUND = Refund(
    9, 5, 3, 50_001, "INR", RefundState.REQUESTED, Certainty.KNOWN, Work(), "op-a", (), None, None, 1,
    relations=RefundRelations(PAYMENT), state_since=TWO_DAYS_AGO,
)  # fmt: skip
ORDER = Order(3, "A-1", None, OrderState.PENDING, "JPY", 12_000, (5,), 2, relations=OrderRelations((PAYMENT,)))
CHECK = CreditCheck(
    17, "2010401907731", "42", CheckState.PENDING, Certainty.KNOWN, Work(WorkState.NEEDS_REVIEW, None, "lapsed"),
    None, None, None, None, None, None, (), None, None, 1, state_since=TWO_DAYS_AGO,
)  # fmt: skip
RECORD_BY_KIND: dict[str, FilteredRecord] = {"payment": PAYMENT, "refund": REFUND, "order": ORDER, "check": CHECK}


def test_certainty_unknown_finds_records_with_the_unknown_badge() -> None:
    """`certainty:unknown` finds a payment or order whose refund is unknown, and an order whose payment is unknown,
    because their badges also say "unknown".
    """
    known = replace(PAYMENT, certainty=Certainty.KNOWN, error_code=None, work=Work())
    refund = replace(REFUND, state=RefundState.SUBMITTING, certainty=Certainty.UNKNOWN, relations=None)
    records: dict[str, FilteredRecord] = {
        "refunded": replace(known, relations=PaymentRelations(refunds=(refund,))),
        "paid": replace(known, relations=PaymentRelations()),
        "order of a refund": replace(ORDER, relations=OrderRelations(pending_refund=refund)),
        "order of a payment": replace(ORDER, relations=OrderRelations(unknown_payment=PAYMENT)),
        "order": replace(ORDER, relations=OrderRelations()),
    }
    unknown = parse_filter("certainty:unknown").record_filter
    names_with_badge = {name for name, record in records.items() if matches_filter(record, unknown, NOW, None)}
    assert names_with_badge == {"refunded", "order of a refund", "order of a payment"}
    for name, record in records.items():
        is_called_unknown = explain_record(record, NOW).certainty is CertaintyBadge.UNKNOWN
        assert is_called_unknown == (name in names_with_badge), name


def test_a_decision_of_people_is_a_cause_only_if_the_record_failed() -> None:
    """Without a reason of its work, a payment or refund about which people have decided has the cause
    `resolved_by_people` if it has failed, and no cause if it is completed. If its work has a reason, this reason is
    the cause.
    """
    known = {"error_code": "resolved_by_people", "certainty": Certainty.KNOWN, "work": Work()}
    paid = replace(PAYMENT, state=PaymentState.COMPLETED, **known)  # type: ignore[arg-type]  # its own fields
    refunded = replace(REFUND, state=RefundState.COMPLETED, **known)  # type: ignore[arg-type]  # likewise
    assert (find_cause(paid), find_cause(refunded)) == (None, None)
    work = Work(WorkState.NEEDS_REVIEW, None, "contradicted")
    assert find_cause(replace(paid, work=work)) == "contradicted"
    assert find_cause(replace(paid, state=PaymentState.PAYMENT_FAILED)) == "resolved_by_people"
    assert find_cause(replace(refunded, state=RefundState.FAILED)) == "resolved_by_people"


@pytest.mark.parametrize(
    ("text", "found_names"),
    [
        ("provider:paypay", "payment refund order"),
        ("gw:alarmbox,atom", "check"),
        ("status:pending", "order check"),
        ("status:unknown", "payment"),
        ("status:unknown,needs_review", "payment check"),
        ("status:pending,unknown", "payment order check"),
        ("status:pending certainty:unknown", ""),
        ("status:known,unknown", "payment refund order check"),
        ("certainty:known", "refund order check"),
        ("work:scheduled", "payment"),
        ("cause:timeout", "payment"),
        ("cause:unknown", ""),  # the failed call is the cause, not the reason of the work
        ("cause:lapsed", "check"),
        ("client:42", "check"),
        ("since:2026-11-18", "payment refund check"),  # 15:04 in Japan
        ("since:2026-11-17", ""),
        ("since:>=2026-11-19", ""),
        ("since:<=2026-11-18", "payment refund check"),
        ("since:2026-11-01..2026-11-18 age:>1d", "payment refund check"),
        ("since:2026-11-01..2026-11-18 age:<1d", ""),
        ("kind:order,refund", "refund order"),
        ("amount:>500", "payment refund order"),
        ("amount:>500.01", "payment order"),  # a refund of ₹500.01 isn't above
        ("amount:>=500.01INR", "refund"),
        ("amount:<=¥１２,０００", "payment order"),
        ("amount:<12000JPY", ""),
        ("amount:=12000", "payment order"),
        ("amount:¥11999.5..12000", "payment order"),
        ("age:>2d", "payment refund check"),
        ("age:>49h", ""),
        ("age:<2d", "payment refund check"),
        ("age:1d..47h", ""),
        ("AGE:>1D kind:Payment", "payment"),
        ("owner:-", "payment refund order"),
        ("owner:Op-A", "check"),
        ("owner:op-b", ""),
    ],
)
def test_a_record_fulfils_every_condition(text: str, found_names: str) -> None:
    """Each filter text finds the expected records. In the examples, op-a has taken the credit check, nobody has taken
    the other records, and the age of the order is unknown."""
    parsed = parse_filter(text)
    assert (parsed.words, parsed.unusable_words) == ("", ())
    owner = {"check": "op-a"}
    assert [
        name
        for name, record in RECORD_BY_KIND.items()
        if matches_filter(record, parsed.record_filter, NOW, owner.get(name))
    ] == found_names.split()


@pytest.mark.parametrize(
    ("state", "certainty", "age", "is_old"),
    [
        (PaymentState.COMPLETED, Certainty.KNOWN, timedelta(hours=24), False),
        (PaymentState.COMPLETED, Certainty.KNOWN, timedelta(hours=24, seconds=1), True),
        (PaymentState.USER_PAYMENT, Certainty.KNOWN, timedelta(minutes=15), False),
        (PaymentState.USER_PAYMENT, Certainty.KNOWN, timedelta(minutes=15, seconds=1), True),
        (PaymentState.COMPLETED, Certainty.UNKNOWN, timedelta(minutes=15, seconds=1), True),
        (PaymentState.COMPLETED, Certainty.KNOWN, None, False),
    ],
)
def test_an_answer_is_old_above_the_age_limit_of_its_state(
    state: PaymentState, certainty: Certainty, age: timedelta | None, is_old: bool
) -> None:
    """The filter finds a payment's answer as old exactly if the page of the payment marks the provider's side as old.
    A payment without an answer isn't found."""
    told_at = None if age is None else NOW - age
    payment = replace(PAYMENT, state=state, certainty=certainty, told_at=told_at, relations=None)
    (_, side, _) = compare_payment_sides(payment, None, None, NOW)
    old = parse_filter("certainty:old").record_filter
    assert (matches_filter(payment, old, NOW, None), side.old) == (is_old, is_old)


def test_an_accepted_refund_without_a_new_answer_is_old() -> None:
    """The filter `certainty:old` finds a refund that the provider has accepted if the provider's last answer is
    more than a day old. A completed refund isn't found.
    """
    old = parse_filter("certainty:old").record_filter
    refund = replace(REFUND, state=RefundState.SUBMITTED, told_at=NOW - timedelta(hours=25))
    assert matches_filter(refund, old, NOW, None)
    assert not matches_filter(replace(refund, told_at=NOW - timedelta(hours=23)), old, NOW, None)
    assert not matches_filter(replace(refund, state=RefundState.COMPLETED), old, NOW, None)


def test_a_payment_is_reversible_until_its_providers_deadline() -> None:
    """The filter finds a payment at Atom as reversible until the end of the second day in India after the payment.
    The page of the payment shows the same deadline."""
    reversible = parse_filter("certainty:may_be_reversed").record_filter
    paid = replace(PAYMENT, provider="atom", state=PaymentState.COMPLETED, certainty=Certainty.KNOWN)
    for minutes in range(0, 4 * 24 * 60, 30):
        payment = replace(paid, paid_at=NOW - timedelta(minutes=minutes))
        deadline = find_reversal_deadline(payment)
        assert deadline is not None
        assert matches_filter(payment, reversible, NOW, None) is (deadline > NOW)
        assert (payment.paid_at >= find_first_reversible_instant("atom", NOW)) is (deadline > NOW)  # type: ignore[operator]
    for other in (
        {"paid_at": None}, {"provider": "paypay", "paid_at": NOW}, {"state": PaymentState.REVERSED, "paid_at": NOW},
    ):  # fmt: skip
        assert not matches_filter(replace(paid, **other), reversible, NOW, None)
    assert find_first_reversible_instant("paypay", NOW) is None


def test_the_operator_status_refuses_old_and_reversible() -> None:
    """The operator `status:` accepts only the stored certainties, not "old" or "reversible", so that saved views keep
    their meaning.
    """
    assert parse_filter("certainty:old,may_be_reversed").unusable_words == ()
    assert (
        format_filter(parse_filter("certainty:old,may_be_reversed").record_filter) == "certainty:may_be_reversed,old"
    )
    assert parse_filter("status:old").unusable_words == ("status:old",)


@pytest.mark.parametrize(
    "text",
    [
        "amount:x", "amount:>", "amount:1..", "amount:9..1", "amount:>1USD", "amount:>¥1JPY", "amount:-1",
        "age:2y", "age:", "age:3d..1d", "client:01", "client:x", "owner:a/b", "status:sleeping", "certainty:maybe",
        "work:later", "kind:alert", "provider:,", "amount:>1..2",
    ],
)  # fmt: skip
def test_an_unreadable_condition_is_reported_and_hides_no_record(text: str) -> None:
    """An unreadable condition is reported and excludes no record. An operator without a value is searched as a
    word.
    """
    parsed = parse_filter(f"さくら {text} kind:order")
    assert parsed.record_filter == RecordFilter(kinds=frozenset({"order"}))
    assert (parsed.unusable_words, parsed.words) in (((text,), "さくら"), ((), f"さくら {text}"))
    assert bool(parsed.unusable_words) is not text.endswith(":")


@pytest.mark.parametrize(
    ("before", "word_count"), [("cause:" + "x," * 492 + "y", 0), (" " * 990, 0), ("x " * 500, 499), ("a" * 1_001, 0)]
)
def test_a_filter_that_is_too_long_is_cut_between_words_and_reported(before: str, word_count: int) -> None:
    """If a filter text is too long, the word at the limit is left out and reported. A part of it is never read as
    another condition, such as `amount:>50` for `amount:>50000`."""
    parsed = parse_filter(f"{before} amount:>50000 kind:order")
    unread = "a" * 64 if before.startswith("a") else "amount:>50000"
    assert (parsed.record_filter.amount, parsed.record_filter.kinds) == (None, frozenset())
    assert parsed.unusable_words[-1:] == (unread,)
    assert len(parsed.words.split()) >= word_count


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("amount:>100 amount:<500", ("amount:>100",)),
        ("status:unknown certainty:known", ("status:unknown",)),
        ("owner:a taken:b owner:b", ("owner:a",)),
        ("status:pending STATE:pending kind:order", ()),
    ],
)
def test_an_operator_that_a_later_one_replaces_is_named(text: str, replaced: tuple[str, ...]) -> None:
    """The result names each operator that a later operator of the same condition with another value replaces."""
    assert parse_filter(text).replaced_words == replaced


def test_words_and_foreign_operators_stay_words() -> None:
    """A word with a colon that is no operator of the filter, such as an order number, is searched as text."""
    parsed = parse_filter("  さくら商事　status:pending  ref:0473 https://x ")
    assert parsed.words == "さくら商事 ref:0473 https://x"
    assert parse_filter("").record_filter == NO_FILTER
    assert not NO_FILTER
    assert parsed.record_filter


def test_words_in_the_form_of_an_operator_are_named() -> None:
    """Words in the form of an operator are searched as text and reported, because the person may have meant a
    condition."""
    words = parse_filter("statu:unknown 状態：完了 provider: provider:atom 12:30 https://x RE:BORN").words
    assert list_operator_like_words(words) == ("statu:unknown", "状態:完了", "provider:", "RE:BORN")


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("age:>２日", ">2d"),
        ("age:1時間..3日", "1h..3d"),
        ("age:<1週間", "<1w"),
        ("age:≧2日", ">2d"),
        ("age:≤3d", "<3d"),
    ],
)
def test_an_age_may_have_japanese_units_and_signs(text: str, age: str) -> None:
    """An age may be typed with Japanese units and comparison signs."""
    assert format_filter(parse_filter(text).record_filter) == f"age:{age}"


_PROVIDER_SETS = st.frozensets(st.sampled_from(["paypay", "atom", "alarmbox"]), max_size=2)
_AGES = st.integers(0, 9_999).map(lambda minutes: timedelta(minutes=minutes))
_AMOUNT_BOUNDS = st.decimals(0, 10**9, places=2)
_IS_BOUND_EXCLUDED = st.booleans()
_AMOUNT_RANGES = st.one_of(
    st.builds(
        lambda low, more, currency: AmountRange(low, low + more, currency),
        _AMOUNT_BOUNDS,
        _AMOUNT_BOUNDS,
        st.sampled_from([None, "JPY", "INR"]),
    ),
    st.builds(lambda low, strict: AmountRange(low, excludes_lowest=strict), _AMOUNT_BOUNDS, _IS_BOUND_EXCLUDED),
    st.builds(
        lambda top, strict: AmountRange(highest=top, excludes_highest=strict), _AMOUNT_BOUNDS, _IS_BOUND_EXCLUDED
    ),
)
_FILTERS = st.builds(
    RecordFilter,
    providers=_PROVIDER_SETS,
    states=st.frozensets(st.sampled_from(["pending", "completed"])),
    certainties=st.frozensets(st.sampled_from(Certainty)),
    work_states=st.frozensets(st.sampled_from(WorkState)),
    causes=st.frozensets(st.sampled_from(["timeout", "REFUND_X"])),
    amount=st.none() | _AMOUNT_RANGES,
    age=st.none() | st.builds(AgeRange, _AGES) | st.builds(AgeRange, st.none(), _AGES),
    owner=st.sampled_from([None, NO_OWNER, "op-a"]),
    client=st.sampled_from([None, "42"]),
    kinds=st.frozensets(st.sampled_from(["payment", "order"])),
)


@given(_FILTERS)
def test_a_filter_is_read_back_from_its_text(record_filter: RecordFilter) -> None:
    """The text form of a filter is read back as the same filter. Saved views store this text, and the search box
    shows it.
    """
    parsed = parse_filter(format_filter(record_filter))
    assert parsed.record_filter == record_filter
    assert (parsed.words, parsed.unusable_words) == ("", ())


def test_a_bound_that_is_finer_than_the_currency_is_exact() -> None:
    """A bound with more decimals than the currency is compared exactly: no amount in yen is between 0.5 and 0.9, but
    some amounts in a currency with two decimals are.
    """
    between = parse_filter("amount:0.5..0.9JPY").record_filter.amount
    assert between is not None
    assert between.compute_minor_bounds("JPY") is None
    assert between.compute_minor_bounds("INR") is None
    assert replace(between, currency=None).compute_minor_bounds("INR") == (50, 90)


def test_each_filter_operator_is_parsed() -> None:
    """The list of operator names for the search box contains `status`, `provider`, `amount`, `age` and `owner`."""
    assert {"status", "provider", "amount", "age", "owner"} <= set(FILTER_OPERATORS)
