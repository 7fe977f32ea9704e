"""The text form of a filter, as people type it: `provider:paypay status:pending,completed amount:>50000JPY age:>2d`.

Each operator is a name, a colon and a value without spaces. Full-width characters are accepted, and upper case is
equal to lower case, except in the value of `cause:`. The caller searches all other words as text.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from decimal import Decimal

from console.domain.money import MINOR_DIGITS_BY_CURRENCY
from console.domain.payments import provider_registry
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.payments.records import OrderState
from console.domain.payments.states import PaymentState, RefundState
from console.domain.queues.filters import (
    NO_CAUSE,
    AgeRange,
    AmountRange,
    FilterCertainty,
    LastChangeDays,
    RecordFilter,
)
from console.domain.record_kinds import RECORD_KINDS
from console.domain.records import Certainty, CheckState, WorkState

FILTER_STATES = frozenset(
    str(state) for states in (CheckState, OrderState, PaymentState, RefundState) for state in states
)
"""The stored business states of all kinds of records."""
LONGEST_FILTER_CHARACTERS = 1_000
_LONGEST_UNREAD_CHARACTERS = 64
"""Largest number of characters that are reported of a word which wasn't read."""

_OPERATOR_PATTERN = re.compile(r"([a-z]+):(\S+)", re.IGNORECASE)
_OPERATOR_LIKE_PATTERN = re.compile(r"[^\W\d_]{1,32}:(?!//)\S*")
_CODE_IN_FILTER_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""A code as the value of an operator, such as a state or a cause."""
_CLIENT_PATTERN = re.compile(r"[1-9][0-9]{0,17}")
_PERSON_PATTERN = re.compile(r"-|[A-Za-z0-9._-]{1,64}")
_DECIMAL_PATTERN_TEXT = r"[0-9]{1,13}(?:\.[0-9]{1,4})?"
_AMOUNT_PATTERN = re.compile(
    rf"(>=|<=|>|<|=)?([¥₹]|[A-Z]{{3}})?(?:({_DECIMAL_PATTERN_TEXT})|({_DECIMAL_PATTERN_TEXT})\.\.({_DECIMAL_PATTERN_TEXT}))([A-Z]{{3}})?"
)
_GROUPED_NUMBER_PATTERN = re.compile(
    r"(?<![0-9,])(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3})(?![0-9,])"
)
_COMPARISON_SIGN_FOLDING = str.maketrans({"≧": ">=", "≥": ">=", "≦": "<=", "≤": "<=", "円": "JPY"})
_AGE_PATTERN = re.compile(r"(?:(>=|<=|>|<)?([0-9]{1,4})([mhdw])|([0-9]{1,4})([mhdw])\.\.([0-9]{1,4})([mhdw]))")
_DAY_PATTERN_TEXT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_LAST_CHANGE_DAYS_PATTERN = re.compile(rf"(>=|<=|=)?({_DAY_PATTERN_TEXT})(?:\.\.({_DAY_PATTERN_TEXT}))?")
_CURRENCY_BY_SIGN: Mapping[str, str] = {"¥": "JPY", "₹": "INR"}
_FIRST_SINCE_YEAR = 1970
"""First year of a day that the operator `since:` accepts."""
_LAST_SINCE_YEAR = 2999
"""Last year of a day that the operator `since:` accepts."""
_DURATION_BY_UNIT: Mapping[str, timedelta] = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
}
_UNIT_BY_JAPANESE: Mapping[str, str] = {"週間": "w", "週": "w", "日": "d", "時間": "h", "分": "m"}
_JAPANESE_UNIT_PATTERN = re.compile("|".join(_UNIT_BY_JAPANESE))


class InvalidFilterValue(ValueError):
    """Raised if the value of an operator in a typed filter, such as `amount:abc`, isn't valid."""


@dataclass(frozen=True, slots=True)
class ParsedFilter:
    """A typed filter. `record_filter` has the conditions of the typed operators, `words` is the text without the
    operators. `unusable_words` are the typed operators with a known name and an invalid value; they add no condition.
    If the text is too long, the first word that wasn't read is also one of them, perhaps cut. `replaced_words` are
    the typed operators whose condition a later one has replaced by another value.
    """

    record_filter: RecordFilter
    words: str = ""
    unusable_words: tuple[str, ...] = ()
    replaced_words: tuple[str, ...] = ()


def parse_filter(text: str, person: str | None = None) -> ParsedFilter:
    """Return the filter that a typed text means, and those words of the text that are no operator. If an operator is
    typed twice, its last value counts. Only the words within the first LONGEST_FILTER_CHARACTERS are read. `person`
    is the acting person, whose name replaces `me` in `owner:me`; None leaves `me` as it is.
    """
    record_filter, words, unusable_words = RecordFilter(), list[str](), list[str]()
    word_by_field: dict[str, str] = {}
    replaced_words = dict[str, None]()
    readable_text, unread_word = _split_at_longest_length(text)
    for word in unicodedata.normalize("NFKC", readable_text).split():
        operator = f"owner:{person}" if person is not None and is_own_records_operator(word) else word
        try:
            with_condition = add_filter_operator(record_filter, operator)
        except InvalidFilterValue:
            unusable_words.append(word)
            continue
        if with_condition is None:
            words.append(word)
            continue
        for name in _list_changed_fields(record_filter, with_condition):
            if name in word_by_field:
                replaced_words[word_by_field[name]] = None
            word_by_field[name] = word
        record_filter = with_condition
    unusable_words += [unread_word] if unread_word else []
    return ParsedFilter(record_filter, " ".join(words), tuple(unusable_words), tuple(replaced_words))


def is_own_records_operator(word: str) -> bool:
    """True if the word is the operator `owner:me` in any spelling: the acting person has taken the record."""
    return unicodedata.normalize("NFKC", word).lower() in ("owner:me", "taken:me")


def _split_at_longest_length(text: str) -> tuple[str, str]:
    """Return the words of the text within its first LONGEST_FILTER_CHARACTERS, and the first characters of the next
    word; "" if there is none. A word is never cut: the rest of `amount:>50000` could be another condition.
    """
    if len(text) <= LONGEST_FILTER_CHARACTERS:
        return text, ""
    end = LONGEST_FILTER_CHARACTERS
    while end and not text[end - 1].isspace() and not text[end].isspace():
        end -= 1
    return text[:end], " ".join(text[end:].split(maxsplit=1)[:1])[:_LONGEST_UNREAD_CHARACTERS]


def _list_changed_fields(former_filter: RecordFilter, new_filter: RecordFilter) -> Iterator[str]:
    """Yield the names of the fields that have another value in `new_filter` than in `former_filter`."""
    return (
        item.name
        for item in fields(RecordFilter)
        if getattr(former_filter, item.name) != getattr(new_filter, item.name)
    )


def list_operator_like_words(words: str) -> tuple[str, ...]:
    """Return those of the typed words that have the form of an operator but are none, such as `statu:unknown`.
    `words` are the words of a ParsedFilter. The caller searches these words as text, and must say so to the person,
    who may have meant a condition."""
    return tuple(word for word in words.split() if _OPERATOR_LIKE_PATTERN.fullmatch(word))


def add_filter_operator(record_filter: RecordFilter, word: str) -> RecordFilter | None:
    """Return the filter with the condition that the operator `word` (such as `amount:>50000`, in NFKC form)
    states; None if the word is no operator. Raises InvalidFilterValue if the operator's value is invalid."""
    match = _OPERATOR_PATTERN.fullmatch(word)
    parse = _PARSER_BY_OPERATOR.get(match[1].lower()) if match else None
    return parse(record_filter, match[2]) if match and parse else None


def format_filter(record_filter: RecordFilter) -> str:
    """Return the text form of a filter, from which `parse_filter` makes the same filter; "" for no condition."""
    return " ".join(_format_operators(record_filter))


def _format_operators(record_filter: RecordFilter) -> Iterator[str]:
    """Yield the text of each condition of the filter, in the sequence of the text form."""
    for name, field_name in _FIELD_BY_SET_OPERATOR.items():
        values = getattr(record_filter, field_name)
        if values:
            yield f"{name}:{','.join(sorted(str(value) for value in values))}"
    if record_filter.amount is not None:
        yield f"amount:{_format_amount(record_filter.amount)}"
    if record_filter.age is not None:
        yield f"age:{_format_age(record_filter.age)}"
    if record_filter.since is not None:
        yield f"since:{_format_last_change_days(record_filter.since)}"
    if record_filter.owner is not None:
        yield f"owner:{record_filter.owner}"
    if record_filter.client is not None:
        yield f"client:{record_filter.client}"


def _parse_codes(text: str, allowed_codes: frozenset[str] | None = None) -> frozenset[str]:
    """Return the codes in the value of an operator, which are separated by commas. Raises InvalidFilterValue for a
    code that isn't one of `allowed_codes` (None: any code is accepted)."""
    codes = frozenset(text.lower().split(","))
    if any(
        _CODE_IN_FILTER_PATTERN.fullmatch(code) is None or (allowed_codes is not None and code not in allowed_codes)
        for code in codes
    ):
        raise InvalidFilterValue
    return codes


def _add_provider_condition(record_filter: RecordFilter, text: str) -> RecordFilter:
    return replace(record_filter, providers=_parse_codes(text, frozenset(list_all_provider_names())))


def list_all_provider_names() -> tuple[str, ...]:
    """Return the names of all providers: first the provider of credit checks, then the payment providers."""
    return (CREDIT_CHECK_PROVIDER, *provider_registry.list_provider_names())


def _add_state_condition(record_filter: RecordFilter, text: str) -> RecordFilter:
    """Return the filter with the states in `text`, the value of the operator `status:`.

    Certainties and work states are also accepted, because people type `status:unknown`. If all values are
    certainties, or all are work states, they become the condition on the certainty or on the work state. Otherwise
    all values become those of `states`.
    """
    codes = _parse_codes(text, FILTER_STATES | set(Certainty) | set(WorkState))
    if codes <= set(Certainty):
        return _add_certainty_condition(record_filter, text)
    if codes <= set(WorkState):
        return _add_work_state_condition(record_filter, text)
    return replace(record_filter, states=codes)


def _add_certainty_condition(record_filter: RecordFilter, text: str) -> RecordFilter:
    codes = _parse_codes(text, frozenset(FilterCertainty))
    return replace(record_filter, certainties=frozenset(map(FilterCertainty, codes)))


def _add_work_state_condition(record_filter: RecordFilter, text: str) -> RecordFilter:
    return replace(record_filter, work_states=frozenset(map(WorkState, _parse_codes(text, frozenset(WorkState)))))


def _add_cause_condition(record_filter: RecordFilter, text: str) -> RecordFilter:
    codes = frozenset(text.split(","))  # a provider's code keeps its upper case
    if any(_CODE_IN_FILTER_PATTERN.fullmatch(code) is None for code in codes - {NO_CAUSE}):
        raise InvalidFilterValue
    return replace(record_filter, causes=codes)


def _add_kind_condition(record_filter: RecordFilter, text: str) -> RecordFilter:
    return replace(record_filter, kinds=_parse_codes(text, frozenset(RECORD_KINDS)))


def _add_owner_condition(record_filter: RecordFilter, text: str) -> RecordFilter:
    """Return the filter with the condition on the owner: a person's name, or `-` for records that no person has
    taken."""
    if _PERSON_PATTERN.fullmatch(text) is None:
        raise InvalidFilterValue
    return replace(record_filter, owner=text)


def _add_client_condition(record_filter: RecordFilter, text: str) -> RecordFilter:
    if _CLIENT_PATTERN.fullmatch(text) is None:
        raise InvalidFilterValue
    return replace(record_filter, client=text)


def _add_amount_condition(record_filter: RecordFilter, text: str) -> RecordFilter:
    return replace(record_filter, amount=parse_amount_range(text))


def parse_amount_range(text: str) -> AmountRange:
    """Return the range of amounts that a text in NFKC form means: `50000`, `>50,000`, `¥50,000`, `50000円`,
    `10000..50000JPY`. Commas must group digits as in Japan or in India. Raises InvalidFilterValue for any other
    text.
    """
    ungrouped_text = _GROUPED_NUMBER_PATTERN.sub(
        lambda grouped: grouped[0].replace(",", ""), text.translate(_COMPARISON_SIGN_FOLDING)
    ).upper()
    match = _AMOUNT_PATTERN.fullmatch(ungrouped_text)
    if match is None:
        raise InvalidFilterValue
    comparison, sign, bound_text, lowest, highest, suffix = match.groups()
    currency = _CURRENCY_BY_SIGN.get(sign, sign) or suffix
    if (sign and suffix) or (currency is not None and currency not in MINOR_DIGITS_BY_CURRENCY):
        raise InvalidFilterValue
    if bound_text is None:
        low_bound, high_bound = Decimal(lowest), Decimal(highest)
        if low_bound > high_bound or comparison:
            raise InvalidFilterValue
        return AmountRange(low_bound, high_bound, currency)
    bound = Decimal(bound_text)
    return AmountRange(
        bound if comparison in (">", ">=", "=", None) else None,
        bound if comparison in ("<", "<=", "=", None) else None,
        currency,
        excludes_lowest=comparison == ">",
        excludes_highest=comparison == "<",
    )


def _add_age_condition(record_filter: RecordFilter, text: str) -> RecordFilter:
    """Return the filter with the condition on the age of a record, such as `>2d`, `1h..3d`, `>2日` or `≧2日`. The age
    is the time since the record's state or certainty last changed (see AgeRange).
    """
    folded_text = text.lower().translate(_COMPARISON_SIGN_FOLDING)
    match = _AGE_PATTERN.fullmatch(_JAPANESE_UNIT_PATTERN.sub(lambda unit: _UNIT_BY_JAPANESE[unit[0]], folded_text))
    if match is None:
        raise InvalidFilterValue
    comparison, bound_number, unit, low_text, low_unit, high_text, high_unit = match.groups()
    if bound_number is None:
        youngest, oldest = int(low_text) * _DURATION_BY_UNIT[low_unit], int(high_text) * _DURATION_BY_UNIT[high_unit]
        if youngest > oldest:
            raise InvalidFilterValue
        return replace(record_filter, age=AgeRange(youngest, oldest))
    age = int(bound_number) * _DURATION_BY_UNIT[unit]
    is_upper_bound = comparison in ("<", "<=")
    return replace(record_filter, age=AgeRange(None, age) if is_upper_bound else AgeRange(age, None))


def _add_last_change_condition(record_filter: RecordFilter, text: str) -> RecordFilter:
    """Return the filter with the condition on the day of the last change, such as `>=2026-11-01` or
    `2026-11-01..2026-11-07`."""
    match = _LAST_CHANGE_DAYS_PATTERN.fullmatch(text.translate(_COMPARISON_SIGN_FOLDING))
    if match is None:
        raise InvalidFilterValue
    comparison, first_text, last_text = match.groups()
    try:
        first_day = date.fromisoformat(first_text)
        last_day = first_day if last_text is None else date.fromisoformat(last_text)
    except ValueError:
        raise InvalidFilterValue from None
    is_known_year = first_day.year >= _FIRST_SINCE_YEAR and last_day.year <= _LAST_SINCE_YEAR
    if first_day > last_day or (comparison and last_text is not None) or not is_known_year:
        raise InvalidFilterValue
    match comparison:
        case ">=":
            return replace(record_filter, since=LastChangeDays(first_day, None))
        case "<=":
            return replace(record_filter, since=LastChangeDays(None, first_day))
    return replace(record_filter, since=LastChangeDays(first_day, last_day))


_PARSER_BY_OPERATOR: Mapping[str, Callable[[RecordFilter, str], RecordFilter]] = {
    "provider": _add_provider_condition,
    "gw": _add_provider_condition,
    "status": _add_state_condition,
    "state": _add_state_condition,
    "certainty": _add_certainty_condition,
    "work": _add_work_state_condition,
    "cause": _add_cause_condition,
    "amount": _add_amount_condition,
    "age": _add_age_condition,
    "since": _add_last_change_condition,
    "owner": _add_owner_condition,
    "taken": _add_owner_condition,
    "client": _add_client_condition,
    "kind": _add_kind_condition,
}
"""The function that adds the condition of an operator to a filter, by the operator's name."""
FILTER_OPERATORS = tuple(_PARSER_BY_OPERATOR)
"""Names of all operators of a filter, with their short forms."""
_FIELD_BY_SET_OPERATOR: Mapping[str, str] = {
    "kind": "kinds",
    "provider": "providers",
    "status": "states",
    "certainty": "certainties",
    "work": "work_states",
    "cause": "causes",
}
"""The field of RecordFilter with a set of values, by the name of its operator."""


def _format_amount(amount: AmountRange) -> str:
    currency = amount.currency or ""
    low_text, high_text = (
        None if bound is None else f"{bound.normalize():f}" for bound in (amount.lowest, amount.highest)
    )
    if low_text is not None and high_text is not None:
        return f"={low_text}{currency}" if low_text == high_text else f"{low_text}..{high_text}{currency}"
    if low_text is not None:
        return f">{'' if amount.excludes_lowest else '='}{low_text}{currency}"
    return f"<{'' if amount.excludes_highest else '='}{high_text}{currency}"


def _format_age(age: AgeRange) -> str:
    if age.at_least is not None and age.at_most is not None:
        return f"{_format_duration(age.at_least)}..{_format_duration(age.at_most)}"
    if age.at_least is not None:
        return f">{_format_duration(age.at_least)}"
    return f"<{_format_duration(age.at_most or timedelta())}"


def _format_last_change_days(days: LastChangeDays) -> str:
    if days.first is not None and days.last is not None:
        return f"{days.first}" if days.first == days.last else f"{days.first}..{days.last}"
    return f">={days.first}" if days.first is not None else f"<={days.last}"


def _format_duration(length: timedelta) -> str:
    """Return a length of time with the largest unit of which it is a multiple: `2d`, `36h`."""
    unit = next(
        (
            unit
            for unit, unit_length in _DURATION_BY_UNIT.items()
            if length >= unit_length and not length % unit_length
        ),
        "m",
    )
    return f"{length // _DURATION_BY_UNIT[unit]}{unit}"
