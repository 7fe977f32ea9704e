"""The typed text of a search, read by the same rules in the search box, on the lookup page and in the terminal.

- Operators such as `provider:paypay` are those of a filter (`domain/queues/filter_text.py`); `day:` belongs to the
  search alone.
- An amount with a sign of its currency (¥50,000, 50000円), with grouped digits (50,000) or after a comparison sign
  (>50000) is a condition on the amount.
- In a text that also has an operator or an amount, a date is a condition on the day. A date alone may be part of a
  number: it is searched as text, and a sentence explains how to search for the day. A date without a year is the
  latest such day that isn't in the future.
- Everything else is words: a corporation number, a name, the number of a record.

A text in the form of a condition with an invalid value is a problem: it is shown to the person and adds no
condition.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from console.domain.calendar_days import get_end_of_japanese_day, get_start_of_japanese_day
from console.domain.money import MINOR_DIGITS_BY_CURRENCY
from console.domain.queues.filter_text import (
    FILTER_OPERATORS,
    InvalidFilterValue,
    add_filter_operator,
    parse_amount_range,
)
from console.domain.queues.filters import NO_FILTER, AmountRange, RecordFilter

LONGEST_SEARCH_CHARACTERS = 1_000
MAX_REPORTED_PROBLEMS = 5
"""Largest number of problems of one search that are shown to the person."""
DAY_OPERATOR = "day"
_DAY_OPERATOR_NAMES = (DAY_OPERATOR, "date")

_INVISIBLE_UNICODE_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Co", "Cn"))
_OPERATOR_PATTERN = re.compile(r"([^\W\d_]{1,32}):(\S*)")
_AMOUNT_LIKE_PATTERN = re.compile(
    r"[-+]?(?:(?:[¥₹]|JPY|INR)[-+]?[0-9][0-9,.]*[千万億]*(?:円|JPY|INR)?|[0-9][0-9,.]*[千万億]*(?:円|JPY|INR))"
    r"|[0-9]{1,3}(?:,[0-9]{2,3})+(?:\.[0-9]+)?",
    re.IGNORECASE,
)
"""A word that is written like an amount, with a sign of its currency or with grouped digits."""
_COMPARISON_PATTERN = re.compile(r"(?:>=|<=|>|<|[≧≥≦≤])(?=[0-9¥₹]).*")
"""A word that begins with a comparison sign and a digit or a sign of a currency."""
_SEPARATED_CURRENCY_SIGN_PATTERN = re.compile(r"([¥₹￥])\s+(?=[0-9０-９])|(?<=[0-9０-９])\s+(?=円)")
"""A sign of a currency with spaces between it and its digits."""
_HYPHEN_FOLDING = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-"))
_DAY_PATTERN_TEXT = (
    r"(?:(?P<year{0}>[0-9]{{4}})(?P<mark{0}>[-/.])(?P<month{0}>[0-9]{{1,2}})(?P=mark{0})(?P<day{0}>[0-9]{{1,2}})"
    r"|(?:(?P<kanji_year{0}>[0-9]{{4}})年)?(?P<kanji_month{0}>[0-9]{{1,2}})月(?P<kanji_day{0}>[0-9]{{1,2}})日"
    r"|(?P<short_month{0}>[0-9]{{1,2}})[-/](?P<short_day{0}>[0-9]{{1,2}}))"
)
_DAY_PATTERN = re.compile(_DAY_PATTERN_TEXT.format(1))
_DAY_VALUE_PATTERN = re.compile(
    rf"(?P<comparison>>=|<=|>|<|=|~)?{_DAY_PATTERN_TEXT.format(1)}(?:\.\.{_DAY_PATTERN_TEXT.format(2)})?"
)
_LONGEST_PERIOD_INTO_NEXT_YEAR = timedelta(days=183)
_YEARS_BETWEEN_LEAP_DAYS = 8
"""Largest number of years between two leap days (29 February 1896 and 1904). A day without a year is searched in this
many years, the present one included.
"""


class SearchProblemKind(StrEnum):
    """Reasons for which a part of a search text isn't used as a condition. UNKNOWN_OPERATOR, UNKNOWN_VALUE: there is
    no such operator, or its value isn't valid. UNCLEAR_AMOUNT, UNCLEAR_DAY: the text may mean several amounts or
    days, or none. SECOND_AMOUNT, SECOND_DAY, SECOND_VALUE: the text already has a condition on the amount, on the
    day, or with the same operator.
    """

    UNKNOWN_OPERATOR = "unknown_operator"
    UNKNOWN_VALUE = "unknown_value"
    UNCLEAR_AMOUNT = "unclear_amount"
    SECOND_AMOUNT = "second_amount"
    UNCLEAR_DAY = "unclear_day"
    SECOND_DAY = "second_day"
    SECOND_VALUE = "second_value"
    DAY_ALONE = "day_alone"
    """The search text has a date but no other condition. The date was searched as text."""
    TOO_LONG = "too_long"
    """The text was cut after LONGEST_SEARCH_CHARACTERS."""


@dataclass(frozen=True, slots=True)
class SearchProblem:
    """A part of a search text that is not used as a condition: the typed word (`word`), and the reason (`kind`)."""

    kind: SearchProblemKind
    word: str


@dataclass(frozen=True, slots=True)
class DayRange:
    """A condition on the Japanese day of a record: from `first` to `last`, both included."""

    first: date
    last: date

    def compute_instant_bounds(self) -> tuple[datetime, datetime]:
        """Return the first instant of the range and the first instant after it (UTC). The days before 1970 and after
        2999 are left out.
        """
        return get_start_of_japanese_day(max(self.first, _EARLIEST_SEARCHED_DAY)), get_end_of_japanese_day(
            min(self.last, _LATEST_SEARCHED_DAY)
        )


_EARLIEST_SEARCHED_DAY = date(1970, 1, 1)
_LATEST_SEARCHED_DAY = date(2999, 12, 31)


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A typed search. `text` is the whole text without invisible characters; `words` is the text without the
    conditions. `record_filter` is the filter made from the typed operators and amounts, `days` the condition on the
    day (None: any day); `problems` are the parts that are not used as a condition, with the reason.
    """

    text: str = ""
    words: str = ""
    record_filter: RecordFilter = NO_FILTER
    days: DayRange | None = None
    problems: tuple[SearchProblem, ...] = ()

    @property
    def has_conditions(self) -> bool:
        """True if the search text has a condition on the records: an operator, an amount or a day."""
        return bool(self.record_filter) or self.days is not None


@dataclass(slots=True)
class _SearchBuilder:
    """The contents of a search text, collected while the text is read: its conditions, its words, its problems, and
    its dates without an operator. `person` replaces `me` in `owner:me`."""

    today: date
    person: str
    record_filter: RecordFilter = NO_FILTER
    days: DayRange | None = None
    words: list[str] = field(default_factory=list)
    problems: list[SearchProblem] = field(default_factory=list)
    days_without_operator: list[tuple[int, str]] = field(default_factory=list)
    """The dates without an operator: their places among `words`, and the dates in NFKC form."""

    def add_problem(self, kind: SearchProblemKind, word: str) -> None:
        """Add a problem of this kind with the typed word, cut to 60 characters. Ignore a repeated problem, and
        problems after the first MAX_REPORTED_PROBLEMS."""
        problem = SearchProblem(kind, word[:60])
        if problem not in self.problems and len(self.problems) < MAX_REPORTED_PROBLEMS:
            self.problems.append(problem)


def parse_search(text: str, today: date, person: str = "") -> SearchQuery:
    """Return the search that a typed text means. `today` is the present day in Japan; `person` is the acting person,
    whose name replaces `me` in `owner:me`. Any text is accepted; characters after the first LONGEST_SEARCH_CHARACTERS
    are cut off.
    """
    clean_text = clean_search_text(text[:LONGEST_SEARCH_CHARACTERS])
    builder = _SearchBuilder(today, person)
    if len(text) > LONGEST_SEARCH_CHARACTERS:
        builder.add_problem(SearchProblemKind.TOO_LONG, "")
    typed_words = _SEPARATED_CURRENCY_SIGN_PATTERN.sub(r"\1", clean_text).split()
    for word in typed_words:
        _add_word(builder, word, is_alone=len(typed_words) == 1)
    _add_days_without_operator(builder)
    return SearchQuery(
        clean_text, " ".join(builder.words), builder.record_filter, builder.days, tuple(builder.problems)
    )


def clean_search_text(text: str) -> str:
    """Return the typed text of a search as the program reads it: without control characters, marks of the writing
    direction and surrogates, and without spaces at both ends. A tab, a line break and every other white space becomes
    a space.
    """
    visible_characters = (
        " " if character.isspace() else character
        for character in text
        if character.isspace() or unicodedata.category(character) not in _INVISIBLE_UNICODE_CATEGORIES
    )
    return "".join(visible_characters).strip()


def list_typed_operators(text: str) -> tuple[str, ...]:
    """Return the words of a search text that are operators of the search, such as `status:unknown`, as they were
    typed, also those with an invalid value. Only records can meet such a condition; companies can't."""
    known_names = {*FILTER_OPERATORS, *_DAY_OPERATOR_NAMES}
    matches = (
        (word, _OPERATOR_PATTERN.fullmatch(unicodedata.normalize("NFKC", word)))
        for word in clean_search_text(text).split()
    )
    return tuple(word for word, match in matches if match is not None and match[1].lower() in known_names)


def _add_word(builder: _SearchBuilder, typed_word: str, *, is_alone: bool) -> None:
    """Add the typed word to `builder` as a condition, as a problem or as a word to search. If an unknown operator is
    the whole text (`is_alone`) or is written in capitals, it may be a name or a number (RE:BORN): then it is added
    both as a problem and as a word.
    """
    word = unicodedata.normalize("NFKC", typed_word).translate(_HYPHEN_FOLDING)
    operator = _OPERATOR_PATTERN.fullmatch(word)
    if operator is not None:
        is_known = _add_operator_condition(builder, operator[1].lower(), operator[2], typed_word)
        if not is_known and (is_alone or operator[1].isupper()):
            builder.words.append(typed_word)
    elif _AMOUNT_LIKE_PATTERN.fullmatch(word):
        _add_amount_condition(builder, word, typed_word)
    elif _COMPARISON_PATTERN.fullmatch(word):
        if _parse_days(word, builder.today) is not None:
            _add_operator_condition(builder, DAY_OPERATOR, word, typed_word)
        else:
            _add_amount_condition(builder, word, typed_word)
    else:
        if _DAY_PATTERN.fullmatch(word):
            builder.days_without_operator.append((len(builder.words), word))
        builder.words.append(typed_word)


def _add_operator_condition(builder: _SearchBuilder, name: str, value: str, typed_word: str) -> bool:
    """Add the condition of the operator `name` with `value` to `builder`, and return True. If the value is invalid,
    or would replace the value of an earlier condition, add a problem and return True. If there is no operator with
    this name, add a problem and return False. `typed_word` is the word as typed.
    """
    if name in _DAY_OPERATOR_NAMES:
        days = _parse_days(value, builder.today)
        if days is None:
            builder.add_problem(SearchProblemKind.UNCLEAR_DAY, typed_word)
        elif builder.days not in (None, days):
            builder.add_problem(SearchProblemKind.SECOND_DAY, typed_word)
        else:
            builder.days = days
        return True
    if (name, value.lower()) in (("owner", "me"), ("taken", "me")) and builder.person:
        value = builder.person
    try:
        record_filter = add_filter_operator(builder.record_filter, f"{name}:{value or ':'}")
    except InvalidFilterValue:
        builder.add_problem(SearchProblemKind.UNKNOWN_VALUE, typed_word)
        return True
    if record_filter is None:
        builder.add_problem(SearchProblemKind.UNKNOWN_OPERATOR, typed_word)
        return False
    if builder.record_filter.amount not in (None, record_filter.amount):
        builder.add_problem(SearchProblemKind.SECOND_AMOUNT, typed_word)
    elif _replaces_condition(builder.record_filter, record_filter):
        builder.add_problem(SearchProblemKind.SECOND_VALUE, typed_word)
    else:
        builder.record_filter = record_filter
    return True


def _replaces_condition(former_filter: RecordFilter, new_filter: RecordFilter) -> bool:
    """True if a condition of the filter `former_filter` has another value in the filter `new_filter`."""
    condition_names = [filter_field.name for filter_field in fields(RecordFilter)]
    return any(
        getattr(NO_FILTER, name) != getattr(former_filter, name) != getattr(new_filter, name)
        for name in condition_names
    )


def _add_amount_condition(builder: _SearchBuilder, word: str, typed_word: str) -> None:
    """Add the condition on the amount that `word` (in NFKC form) states to `builder`, or a problem with `typed_word`
    if the amount is unclear or the text has another amount."""
    try:
        amount = parse_amount_range(word)
    except InvalidFilterValue:
        builder.add_problem(SearchProblemKind.UNCLEAR_AMOUNT, typed_word)
        return
    if builder.record_filter.amount not in (None, amount):
        builder.add_problem(SearchProblemKind.SECOND_AMOUNT, typed_word)
    elif _has_too_many_decimals(amount):
        builder.add_problem(SearchProblemKind.UNCLEAR_AMOUNT, typed_word)
    else:
        builder.record_filter = replace(builder.record_filter, amount=amount)


def _has_too_many_decimals(amount: AmountRange) -> bool:
    """True if the condition is one exact amount with more decimal places than its currency has, such as ¥100.50. No
    stored amount can be equal to such an amount.
    """
    return amount.lowest == amount.highest and all(
        amount.compute_minor_bounds(currency) is None for currency in MINOR_DIGITS_BY_CURRENCY
    )


# -- days


def _add_days_without_operator(builder: _SearchBuilder) -> None:
    """Decide about each word in `builder` that looks like a date and has no operator (`date:`), such as `2026-11-20`.
    If the text has no other condition, these words stay words to search; in addition, a date that exists and has more
    than five characters (so `2026-11-20`, but not `11/20`) is reported as the problem DAY_ALONE, with which the
    screen explains how to search for a day.

    If the text has another condition, such a word is no word to search: it is the condition that records are of this
    day. It is a problem instead if the date doesn't exist (UNCLEAR_DAY), or if the text already has a condition on
    another day (SECOND_DAY).
    """
    has_condition = bool(builder.record_filter) or builder.days is not None
    for place, word in builder.days_without_operator:
        day, day_text = _parse_day(word, builder.today), builder.words[place]
        if not has_condition:
            if day is not None and len(word) > len("11/20"):
                builder.add_problem(SearchProblemKind.DAY_ALONE, day_text)
        elif day is None:
            builder.add_problem(SearchProblemKind.UNCLEAR_DAY, day_text)
        elif builder.days not in (None, DayRange(day, day)):
            builder.add_problem(SearchProblemKind.SECOND_DAY, day_text)
        else:
            builder.days = DayRange(day, day)
    if has_condition:
        days = {place for place, _ in builder.days_without_operator}
        builder.words = [word for place, word in enumerate(builder.words) if place not in days]


def _parse_days(value: str, today: date) -> DayRange | None:
    """Return the days that the value of a search operator (the text after `date:`) means: a day, `a..b`, or a
    comparison sign and a day, such as `>2026-01-31`; `~` before a day adds the day before it and the day after it,
    because a day from another time zone or from memory may be wrong by one. None if the value is none of these. A
    first day without a year is the latest such day that isn't after `today`; for the last day of a period, see
    `_find_last_day_without_year`.
    """
    match = _DAY_VALUE_PATTERN.fullmatch(value.translate(_COMPARISON_SIGN_FOLDING))
    if match is None:
        return None
    first_day, comparison = _make_day_of_match(match, 1, today), match["comparison"]
    has_second = any(match[f"{part}2"] for part in ("month", "kanji_month", "short_month"))
    last_day = _make_day_of_match(match, 2, today, first_day) if has_second else first_day
    if first_day is None or last_day is None or first_day > last_day or (has_second and comparison):
        return None
    match comparison:
        case ">" | ">=":
            return DayRange(first_day if comparison == ">=" else _add_days(first_day, 1), date.max)
        case "<" | "<=":
            return DayRange(date.min, first_day if comparison == "<=" else _add_days(first_day, -1))
        case "~":
            return DayRange(_add_days(first_day, -1), _add_days(first_day, 1))
    return DayRange(first_day, last_day)


_COMPARISON_SIGN_FOLDING = str.maketrans({"≧": ">=", "≥": ">=", "≦": "<=", "≤": "<=", "〜": "~", "±": "~"})


def _add_days(day: date, day_count: int) -> date:
    """Return the day `day_count` days after `day` (before it, if negative); at the ends of the calendar its first or
    last day."""
    ordinal = day.toordinal() + day_count
    return date.fromordinal(min(max(ordinal, date.min.toordinal()), date.max.toordinal()))


def _parse_day(word: str, today: date) -> date | None:
    """Return the day that a word such as `2026-11-20` or `11/20` means; None if it is no date. A date without a
    year is the latest such day that isn't after `today`."""
    match = _DAY_PATTERN.fullmatch(word)
    return _make_day_of_match(match, 1, today) if match else None


def _make_day_of_match(
    match: re.Match[str], group_number: int, today: date, first_day: date | None = None
) -> date | None:
    """Return the day that a match of `_DAY_PATTERN` or `_DAY_VALUE_PATTERN` names; None if there is no such day. The
    names of the match groups end with `group_number`. If the text has no year, the day is the latest such day that
    isn't after `today`. `first_day` is given for the last day of a period, which may be after `today`
    (`_find_last_day_without_year`)."""

    def read_number(name: str) -> int | None:
        text = match[f"{name}{group_number}"]
        return int(text) if text else None

    year = read_number("year") or read_number("kanji_year")
    month = read_number("month") or read_number("kanji_month") or read_number("short_month") or 0
    day = read_number("day") or read_number("kanji_day") or read_number("short_day") or 0
    if year is None and first_day is not None:
        return _find_last_day_without_year(first_day, month, day, today)
    years = (year,) if year is not None else range(today.year, today.year - _YEARS_BETWEEN_LEAP_DAYS, -1)
    return next(
        (valid_day for valid_day in _list_valid_days(years, month, day) if year is not None or valid_day <= today),
        None,
    )


def _find_last_day_without_year(first_day: date, month: int, day: int, today: date) -> date | None:
    """Return the last day of a period that begins on `first_day`, if a person typed the last day as `month` and `day`
    without a year: the day in the same year as `first_day` or, if that is before `first_day`, in the next year.
    Return None if there is no such day. Also return None if the last day is in the next year and after `today`, and
    the period is longer than half a year: its two days were probably typed in the wrong order."""
    last_days = _list_valid_days((first_day.year, first_day.year + 1), month, day)
    last_day = next((valid_day for valid_day in last_days if valid_day >= first_day), None)
    if last_day is None or last_day.year == first_day.year or last_day <= today:
        return last_day
    return last_day if last_day - first_day <= _LONGEST_PERIOD_INTO_NEXT_YEAR else None


def _list_valid_days(years: "tuple[int, ...] | range", month: int, day: int) -> Iterator[date]:
    """Yield the date with this month and day in each of the years in which it exists."""
    for year in years:
        try:
            yield date(year, month, day)
        except ValueError:
            continue
