"""Tests of the text of a search: each typed condition is either used or reported as unreadable."""

import sys
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.domain.lookup.completion import list_completions
from console.domain.lookup.search_query import (
    LONGEST_SEARCH_CHARACTERS,
    MAX_REPORTED_PROBLEMS,
    DayRange,
    parse_search,
)
from console.domain.queues.filter_text import format_filter

TODAY = date(2026, 11, 22)
RANGE_OF_ONE_DAY = DayRange(date(2026, 11, 20), date(2026, 11, 20))


@pytest.mark.parametrize(
    ("text", "conditions", "days", "words"),
    [
        ("¥50,000 2026-11-20", "amount:=50000JPY", RANGE_OF_ONE_DAY, ""),
        ("50000円 11/20", "amount:=50000JPY", RANGE_OF_ONE_DAY, ""),
        ("５０，０００円　１１／２０", "amount:=50000JPY", RANGE_OF_ONE_DAY, ""),  # full width
        ("￥ 50,000 2026年11月20日", "amount:=50000JPY", RANGE_OF_ONE_DAY, ""),
        ("50,000 11月20日", "amount:=50000", RANGE_OF_ONE_DAY, ""),
        ("₹1,23,456.50", "amount:=123456.5INR", None, ""),
        (">50000", "amount:>50000", None, ""),
        ("amount:≧50,000円", "amount:>=50000JPY", None, ""),
        ("day:11/01..11/20", "", DayRange(date(2026, 11, 1), RANGE_OF_ONE_DAY.last), ""),
        ("day:11/01..11/30", "", DayRange(date(2026, 11, 1), date(2026, 11, 30)), ""),  # the running month
        ("day:2024-12-20..1/10", "", DayRange(date(2024, 12, 20), date(2025, 1, 10)), ""),
        ("day:11/10..1/10", "", DayRange(date(2026, 11, 10), date(2027, 1, 10)), ""),
        ("day:12/20..1/10", "", DayRange(date(2025, 12, 20), date(2026, 1, 10)), ""),
        ("day:>=2026-11-20", "", DayRange(RANGE_OF_ONE_DAY.first, date.max), ""),
        ("<11/20", "", DayRange(date.min, date(2026, 11, 19)), ""),
        ("day:~11/20", "", DayRange(date(2026, 11, 19), date(2026, 11, 21)), ""),  # one day off by another zone
        ("ｄａｙ：～2026-11-20", "", DayRange(date(2026, 11, 19), date(2026, 11, 21)), ""),
        ("day:±11/20", "", DayRange(date(2026, 11, 19), date(2026, 11, 21)), ""),
        ("day:11/23", "", DayRange(date(2025, 11, 23), date(2025, 11, 23)), ""),  # the latest one, never the future
        ("day:2/29", "", DayRange(date(2024, 2, 29), date(2024, 2, 29)), ""),
        ("provider:atom 2026.11.20", "provider:atom", RANGE_OF_ONE_DAY, ""),
        ("やまだ provider:paypay status:unknown", "provider:paypay certainty:unknown", None, "やまだ"),
        ("ＳＴＡＴＵＳ：ｐｅｎｄｉｎｇ A-1", "status:pending", None, "A-1"),
        ("owner:me", "owner:op-a", None, ""),
        ("2010401907731", "", None, "2010401907731"),
        ("11/20", "", None, "11/20"),  # alone it may be a part of a number
        ("100円ショップ", "", None, "100円ショップ"),
        ("RE:BORN", "", None, "RE:BORN"),
    ],
)
def test_the_notation_of_a_typed_search_makes_no_difference(
    text: str, conditions: str, days: DayRange | None, words: str
) -> None:
    """The same condition is read whether it is typed with full-width characters, commas, currency signs or different
    separators in dates.
    """
    query = parse_search(text, TODAY, "op-a")
    assert (format_filter(query.record_filter), query.days, query.words) == (conditions, days, words)


@pytest.mark.parametrize(
    ("text", "problem", "words"),
    [
        ("やまだ foo:bar", "unknown_operator", "やまだ"),
        ("foo:bar", "unknown_operator", "foo:bar"),  # alone it may be a number: it is searched, too
        ("状態:不明", "unknown_operator", "状態:不明"),
        ("provider:foo", "unknown_value", ""),
        ("status:", "unknown_value", ""),
        ("age:>2y", "unknown_value", ""),
        ("amount:50,00", "unknown_value", ""),
        ("¥50,00", "unclear_amount", ""),
        ("5万円", "unclear_amount", ""),
        ("¥100.5", "unclear_amount", ""),
        ("-¥500", "unclear_amount", ""),
        ("¥5 ¥6", "second_amount", ""),
        ("amount:=5JPY amount:6", "second_amount", ""),
        ("¥5 amount:>6", "second_amount", ""),
        ("¥5 2/30", "unclear_day", ""),
        ("day:11/31", "unclear_day", ""),
        ("day:11/20..11/01", "unclear_day", ""),
        ("day:~11/01..11/20", "unclear_day", ""),
        ("¥5 11/20 11/21", "second_day", ""),
        ("day:11/20 day:11/21", "second_day", ""),
        ("day:11/20 >=11/21", "second_day", ""),
        ("2026-11-20", "day_alone", "2026-11-20"),
    ],
)
def test_an_unreadable_condition_is_reported(text: str, problem: str, words: str) -> None:
    """An unreadable condition is reported with its problem and isn't used."""
    query = parse_search(text, TODAY)
    assert ([one.kind.value for one in query.problems], query.words) == ([problem], words)
    assert format_filter(query.record_filter) in ("", "amount:=5JPY")


@pytest.mark.parametrize(
    ("text", "conditions", "not_used"),
    [
        ("age:>1d age:<2d", "age:>1d", ["age:<2d"]),
        ("since:2026-11-01 since:2026-11-02", "since:2026-11-01", ["since:2026-11-02"]),
        ("owner:me taken:op-b", "owner:op-a", ["taken:op-b"]),
        ("client:1 client:2", "client:1", ["client:2"]),
        ("provider:paypay gw:atom kind:refund", "kind:refund provider:paypay", ["gw:atom"]),
        ("age:>1d age:>24h owner:me owner:op-a", "age:>1d owner:op-a", []),
        ("status:pending status:unknown", "status:pending certainty:unknown", []),
    ],
)
def test_a_second_value_of_a_condition_is_reported(text: str, conditions: str, not_used: list[str]) -> None:
    """If a condition is typed twice with different values, the second value is reported and not used."""
    query = parse_search(text, TODAY, "op-a")
    assert [(one.kind.value, one.word) for one in query.problems] == [("second_value", word) for word in not_used]
    assert format_filter(query.record_filter) == conditions


def test_a_date_needs_no_operator() -> None:
    """A date is read as a condition without an operator, also together with another condition."""
    assert parse_search("2026-11-20 kind:refund", TODAY).days == RANGE_OF_ONE_DAY
    assert parse_search("day:2026-11-20", TODAY).days == RANGE_OF_ONE_DAY


def test_a_long_search_text_is_cut_with_a_report() -> None:
    """A search text of 10 million characters or of 200 operators is shortened to its first thousand characters, and
    the result reports this as a problem.
    """
    for text in ("あ" * 10_000_000, " ".join(f"x{one}:y" for one in range(200)), "status:pending " * 200):
        query = parse_search(text, TODAY)
        assert len(query.words) <= LONGEST_SEARCH_CHARACTERS
        assert 0 < len(query.problems) <= MAX_REPORTED_PROBLEMS
    assert parse_search("あ" * 10_000_000, TODAY).problems[0].kind == "too_long"


@given(st.text(alphabet=st.characters(max_codepoint=sys.maxunicode), max_size=60))
def test_any_search_text_is_accepted(text: str) -> None:
    """No search text raises an error, and the conditions that are read from it contain no invisible characters."""
    query = parse_search(text, TODAY, "op-a")
    query.text.encode("utf-8")
    assert query.words == " ".join(query.words.split())
    assert not {"\x00", "\u202e", "\u200f"} & set(query.text + query.words)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("33000", "amount:=33000"),
        ("３３０００", "amount:=33000"),
        ("みなも 500", "amount:=500"),
        ("7", None),
        ("0421", None),
        ("1234567890", None),
    ],
)
def test_a_plain_number_may_be_completed_to_an_amount(text: str, amount: str | None) -> None:
    """A number alone is searched as the number of a record. The search offers it as an amount only if it has two to
    nine digits and no leading zero."""
    completions = list_completions(text, len(text))
    texts = [completion.apply(text)[0] for completion in completions]
    filters = [format_filter(parse_search(completed, TODAY).record_filter) for completed in texts]
    assert filters == ([] if amount is None else [amount])
    assert not parse_search(text, TODAY).has_conditions
