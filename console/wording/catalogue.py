"""Every sentence and label, in Japanese and English, by code: for the window, the terminal and exports.

A key names a whole sentence; facts fill its `{placeholders}`. `key.full` is the same sentence with more facts
and is taken when all of them are there. In a placeholder, `{at:short}`, `{number:number}` choose a form, and
`{cause:@cause}` puts the word of the key `cause.<value>`; lists are joined as the language does.
"""

import json
import logging
import string
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from functools import cache

from console.domain.errors import ConsoleError
from console.domain.money import LARGEST_MINOR, MINOR_DIGITS, Money
from console.domain.order_records import Order, Payment, Refund
from console.domain.records import Certainty, CreditCheck, LeaseHolder, Operation, TimelineEntry
from console.paths import resources_dir
from console.word_formats import (
    NOTHING,
    Style,
    age_parts,
    age_since,
    format_amount,
    format_bytes,
    format_count,
    format_day,
    format_instant,
    format_number,
    short_id,
)

__all__ = [
    "LANGUAGES", "say", "has", "message", "with_amounts", "state_word", "badge", "timeline_line", "format_age",
    "names",
    "NOTHING", "Style", "age_parts", "age_since", "format_amount", "format_bytes", "format_count",
    "format_day", "format_instant", "format_number", "short_id",
]  # fmt: skip

LANGUAGES = ("ja", "en")

_LONGEST_FACT = 300
_SUMS = frozenset({"minor", "left", "limit", "today"})
_VARIANTS = ("source", "reason", "problem", "state")
_STYLES: tuple[Style, ...] = ("full", "short", "clock", "day", "until")
_log = logging.getLogger("console.wording")


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """All sentences of one language by key."""
    text = (resources_dir() / "words" / f"{language}.json").read_text(encoding="utf-8")
    words: dict[str, str] = json.loads(text)
    return words


def has(key: str) -> bool:
    return key in catalogue(LANGUAGES[0])


def say(key: str, language: str, /, **facts: object) -> str:
    """The sentence for `key`. A missing key is an error in the log and shown itself, a missing fact is –."""
    words = catalogue(language)
    if key not in words:
        _log.error("no words for %r", key)
        return key
    full = words.get(f"{key}.full")
    chosen = full if full is not None and _all_there(full, facts) else words[key]
    return _Filled(language).vformat(chosen, (), facts)


def message(error: ConsoleError, language: str) -> str:
    """What happened, what it means for the money, what to do next: the most particular sentence we have."""
    key = next(filter(has, _message_keys(error)), f"error.{error.code}")
    return say(key, language, **with_amounts(error.detail))


def _message_keys(error: ConsoleError) -> Iterator[str]:
    """Keys from the most particular on: what we know of the record, reason (and hint), problem, code alone."""
    key, detail = f"error.{error.code}", error.detail
    if detail.get("newer") is True:
        yield f"{key}.newer"
    record = detail.get("record")
    if isinstance(record, CreditCheck) and record.certainty is Certainty.UNKNOWN:
        yield f"{key}.unknown"
    for fact in _VARIANTS:
        if isinstance(variant := detail.get(fact), str):
            yield f"{key}.{variant}.{detail.get('hint')}"
            yield f"{key}.{variant}"
    if isinstance(record, Payment | Refund):  # money that goes in or back is not a purchase
        yield f"{key}.{'payment' if isinstance(record, Payment) else 'refund'}"
    yield key


def with_amounts(facts: Mapping[str, object]) -> Mapping[str, object]:
    """The same facts with sums in minor units as money, where they name their currency; `minor` is the `amount`."""
    currency = facts.get("currency")
    if currency not in MINOR_DIGITS:
        return facts
    sums = {
        "amount" if name == "minor" else name: Money(value, str(currency))
        for name, value in facts.items()
        if name in _SUMS and type(value) is int and 0 <= value <= LARGEST_MINOR
    }
    return {**facts, **sums}


def state_word(kind: str, state: str, language: str) -> str:
    """The word for a stored state or a badge derived from it, as in `("credit-check", "success", "ja")`."""
    return say(f"state.{kind.replace('-', '_')}.{state}", language)


def badge(name: str, language: str) -> str:
    """The word of a badge by its name in the look's tokens, such as `certainty.unknown`."""
    return say(f"state.{name}", language)


def rule_key(rule: str) -> str | None:
    """The key of an alert's or a case's name; None for one that has no words."""
    return next((key for key in (f"alert_rule.{rule}", f"work.reason.{rule}") if has(key)), None)


def timeline_line(entry: TimelineEntry, language: str) -> str:
    """One line of a record's history."""
    keys = (f"timeline.{entry.what}.{entry.result}", f"timeline.{entry.what}")
    known = next(filter(has, keys), None)
    if known is None:
        return say("timeline.other", language, what=entry.what)
    return say(known, language, **with_amounts(entry.detail))


def format_age(age: timedelta, language: str) -> str:
    """`26 h`, `26 時間`."""
    number, unit = age_parts(age)
    return f"{number} {say(unit, language)}"


def names(template: str) -> frozenset[str]:
    """The facts that a sentence asks for."""
    fields = (field for _, field, _, _ in string.Formatter().parse(template) if field)
    return frozenset(field.partition(".")[0] for field in fields)


@cache
def _names(template: str) -> frozenset[str]:
    return names(template)


def _all_there(template: str, facts: Mapping[str, object]) -> bool:
    return all(facts.get(name) not in (None, "", (), [], {}) for name in _names(template))


class _Filled(string.Formatter):
    """Fills a sentence; a fact of any kind becomes text here and nowhere else."""

    def __init__(self, language: str) -> None:
        self._language = language

    def get_value(self, key: int | str, args: object, kwargs: Mapping[str, object]) -> object:
        return kwargs.get(str(key))

    def format_field(self, value: object, format_spec: str) -> str:
        if value is None or value in ("", (), []):
            return NOTHING
        if isinstance(value, list | tuple | set | frozenset):
            return self._say("list.separator").join(self.format_field(one, format_spec) for one in value)
        if format_spec.startswith("@"):
            return self._word(format_spec[1:], value)
        if format_spec == "changes" and isinstance(value, Mapping):
            return self._changes(value)
        return self._fact(value, format_spec)

    def _say(self, key: str, **facts: object) -> str:
        return say(key, self._language, **facts)

    def _word(self, families: str, value: object) -> str:
        """The word for a code: `family.code`, or the code in the place of a `*`; of several families the first
        that has one. Without a word, the code itself.
        """
        code = _plain(value)
        for family in families.split("|"):
            key = family.replace("*", str(code)) if "*" in family else f"{family}.{code}"
            if has(key):
                return self._say(key)
        return _text(code)

    def _changes(self, changes: Mapping[str, object]) -> str:
        """Field by field, before → after."""
        lines = []
        for name, pair in changes.items():
            before, after = pair if isinstance(pair, list | tuple) and len(pair) == 2 else (None, pair)
            field = self._word("field", name)
            lines.append(self._say("list.change", field=field, before=before, after=after))
        return self._say("list.separator").join(lines)

    def _fact(self, value: object, form: str) -> str:
        match value:
            case datetime():
                return format_instant(value, next((style for style in _STYLES if style == form), "full"))
            case date():
                return format_day(value)
            case Money():
                return format_amount(value.minor, value.currency)
            case timedelta():
                return format_age(value, self._language)
            case bool():
                return self._say("word.yes" if value else "word.no")
            case int() if form in _INTEGERS:
                return _INTEGERS[form](value)
        text = _text(_plain(value))
        return _TEXTS[form](text) if form in _TEXTS else text


_INTEGERS: Mapping[str, Callable[[int], str]] = {"count": format_count, "bytes": format_bytes}
_TEXTS: Mapping[str, Callable[[str], str]] = {"number": format_number, "id": short_id}


def _plain(value: object) -> object:
    """What people call a value: a holder by name, a record by its id."""
    match value:
        case LeaseHolder():
            return value.operator
        case CreditCheck() | Operation() | Order() | Payment() | Refund():
            return value.id
        case Mapping():
            return value.get("operator", NOTHING)
        case Enum():
            return value.value
    return value


def _text(value: object) -> str:
    """Foreign text in one line: no control or direction characters, and not longer than a sentence bears."""
    text = str(value)
    clean = "".join(one if one.isprintable() else " " for one in text[: _LONGEST_FACT + 1])
    return clean if len(text) <= _LONGEST_FACT else f"{clean[:_LONGEST_FACT]}…"
