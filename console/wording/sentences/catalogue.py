"""All texts of the program in Japanese and English, for the window, the terminal and exports. A text is found by
its wording key, such as `error.not_found`.

The text of a key is a whole sentence, in which `translate` replaces the `{placeholders}` by facts (named values).
The key `key.full` has a version of the sentence with more facts, which is used if the caller passes all of them.
In a placeholder, `{at:short}` and `{number:number}` name a format, and `{cause:@cause}` inserts the text of the
key `cause.<value>`. The items of a list are joined by the separator of the language. A long fact is cut, except in a
placeholder such as `{command:whole}`.

A slash in a placeholder selects a form by number: `{n:record/records}` is "record" if the fact `n` is 1, otherwise
"records". This placeholder doesn't show the number itself: write `{n:count} {n:record/records}`.
"""

import contextlib
import json
import logging
import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.money import LARGEST_AMOUNT_MINOR, MINOR_DIGITS_BY_CURRENCY, Money
from console.domain.payments.provider_registry import ProviderTraits, list_providers_of_type
from console.resource_paths import resources_dir
from console.wording.sentences.english import join_after_fact
from console.wording.sentences.formats import (
    NO_VALUE,
    TimeStyle,
    capitalize_first_letter,
    format_amount,
    format_amount_digits,
    format_bytes,
    format_clock_instant,
    format_corporation_number,
    format_count,
    format_day,
    format_instant,
    format_instant_in_zones,
    format_minute_instant,
    format_short_instant,
    get_currency_symbol,
    join_facts,
    join_sentences,
    shorten_id,
    split_age_into_number_and_unit,
)
from console.wording.sentences.japanese import join_around_fact

__all__ = [
    "LANGUAGES", "translate", "has_sentence", "has_shortcut_in_sentence", "format_error_message",
    "convert_amount_facts",
    "get_state_word", "get_badge_word", "get_provider_name", "format_audit_entry", "format_age", "format_finding",
    "list_placeholder_names", "NO_VALUE", "TimeStyle", "capitalize_first_letter", "split_age_into_number_and_unit",
    "format_amount", "format_amount_digits", "format_bytes", "format_count", "format_duration", "format_day",
    "format_instant", "format_instant_in_zones", "format_clock_instant", "format_minute_instant",
    "format_short_instant", "format_corporation_number", "get_currency_symbol", "join_facts", "join_sentences",
    "shorten_id",
]  # fmt: skip

if TYPE_CHECKING:
    from console.domain.records import TimelineEntry

LANGUAGES = ("ja", "en")

_MAX_FACT_CHARACTERS = 300
_WHOLE_TEXT_FORM = "whole"
"""Form of a placeholder whose fact is never cut, such as a command, which a cut would change into another one."""
_UNLISTED_HTTP_STATUS_PATTERN = re.compile(r"http_([1-5])\d\d")
_TIME_STYLE_BY_STORED_DAY: dict[str, TimeStyle] = {"purchased_at": "day", "expired_at": "until"}
"""The columns of a credit check that contain a day as an instant (UTC): the start of the day of purchase in Japan,
and the end of the last valid day."""
_STORED_INSTANT_PATTERN = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?(\+00:00)?", re.ASCII)
_AMOUNT_FACT_NAMES = frozenset({"minor", "left", "limit", "today"})
_PERSON_FACT_NAMES = frozenset({"checkers", "holder", "maker", "owner", "person", "switch_by", "who"})
_WORKER_NAME = "worker"  # the name under which the program acts by itself
_MESSAGE_VARIANT_FACT_NAMES = ("source", "reason", "problem", "state")
_PLACEHOLDER_TIME_STYLES: tuple[TimeStyle, ...] = ("full", "short", "clock", "day", "until")
_log = logging.getLogger("console.wording")


@cache
def read_sentences(language: str) -> Mapping[str, str]:
    """Return all texts of one language ("ja" or "en") by wording key: the texts of the program and the texts of the
    payment providers.
    """
    plugin_words = (plugin.sentences_by_key for plugin in list_providers_of_type(ProviderTraits))
    return {
        **get_program_sentences(language),
        **{key: texts[language] for words in plugin_words for key, texts in words.items()},
    }


def get_program_sentences(language: str) -> Mapping[str, str]:
    """Return the program's own texts of one language ("ja" or "en") by wording key. The texts of the payment
    providers are not included. Raises OSError or ValueError, with the path of the file, if the installation is
    damaged.
    """
    file = resources_dir() / "words" / f"{language}.json"
    try:
        words: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as damage:
        raise ValueError(f"{file} is damaged") from damage
    return words


@cache
def find_readable_language(language: str) -> str:
    """Return `language` if the files of its texts can be read. Otherwise return another language whose texts can be
    read; if there is no such language, return `language`. Files of texts may be missing in a damaged installation.
    """
    for candidate in (language, *LANGUAGES):
        try:
            read_sentences(candidate)
        except (OSError, ValueError):
            continue
        return candidate
    return language


def has_sentence(key: str) -> bool:
    """Return True if the catalogue has a text for this wording key."""
    return key in read_sentences(find_readable_language(LANGUAGES[0]))


def translate(key: str, language: str, /, **facts: object) -> str:
    """Return the text of a wording key in a language ("ja" or "en"), with its placeholders replaced by `facts`. A
    missing fact becomes –. If the fact `now` (the present instant) is given, an instant in the format `short` is
    written with its year if its year differs from the year of `now`. An instant in the format `clock` is then written
    with its day if its Japanese day differs from the day of `now`.

    If there is no text, log an error and return the key itself.
    """
    sentences = read_sentences(language)
    if key not in sentences:
        _log.error("no text for the wording key %r", key)
        return key
    full_sentence = sentences.get(f"{key}.full")
    sentence = (
        full_sentence
        if full_sentence is not None and has_facts_of_all_placeholders(full_sentence, facts)
        else sentences[key]
    )
    now = facts.get("now")
    return _SentenceFormatter(language, now if isinstance(now, datetime) else None).vformat(sentence, (), facts)


def has_shortcut_in_sentence(key: str, language: str) -> bool:
    """Return True if the text of this wording key itself, without its facts, names a shortcut such as `Ctrl+K`."""
    return re.search(r"(?:Ctrl|Alt|Shift)\+", read_sentences(language).get(key, "")) is not None


def format_error_message(error: ConsoleError, language: str, *, is_record_shown: bool = False) -> str:
    """Return the message about an error for the screens and the terminal: the event, its effect on the money, and the
    next step. If several texts fit the error, the most specific text is used. If `is_record_shown` is True, the
    message is shown on the page of the error's record: the key with `.here` at its end has the message that doesn't
    advise to open the record.
    """
    key = next(filter(has_sentence, _list_message_keys(error)), f"error.{error.code}")
    if is_record_shown and has_sentence(f"{key}.here"):
        key = f"{key}.here"
    return translate(
        key, language, unwritable_path=_find_unwritable_path(error.detail), **convert_amount_facts(error.detail)
    )


def _find_unwritable_path(detail: Mapping[str, object]) -> str | None:
    """Return the path that the program could not write, from the detail of an error `storage_full`; None if the
    detail names no path."""
    return next((place for fact in ("file", "path", "folder") if isinstance(place := detail.get(fact), str)), None)


def format_error_event(code: str, language: str) -> str:
    """Return a sentence about the event that an error code reports: the first sentence of the error's message. The
    rest of the message (effect on the money, next step) is only useful for a person who has given a command. A code
    without a message is treated as an internal error.
    """
    key = f"error.{code}" if has_sentence(f"error.{code}") else f"error.{ErrorCode.INTERNAL_ERROR.value}"
    message = translate(key, language)
    end = "。" if language == "ja" else ". "
    return message.partition(end)[0].rstrip(".") + end.rstrip()


def _list_message_keys(error: ConsoleError) -> Iterator[str]:
    """Yield the wording keys under which the message of an error is searched, the most specific first, such as
    `error.not_allowed.binary_log` and then `error.not_allowed`. Each key is `error.{code}`, followed by one of these
    parts:

    - `newer`: the detail says that the database's schema is newer than this program, and names no `problem`
    - `unknown`: the error is about a credit check with an unknown outcome
    - the value of the fact `source`, `reason`, `problem` or `state` in the detail, alone or together with the
      detail's `hint`, the kind of record, or `numbered` if the detail has the id that the provider gave to the record
    - the kind of record, or the fact `kind`: an id may be a name, which the next step must say
    - `place`, for an error `storage_full` whose detail names a path; with `because` if it also names a problem
    - no further part
    """
    key, detail = f"error.{error.code}", error.detail
    if detail.get("newer") is True and "problem" not in detail:
        yield f"{key}.newer"
    if _is_credit_check_with_unknown_outcome(detail.get("record")):
        yield f"{key}.unknown"
    kinds = _list_record_kinds_of_error(detail)
    for fact in _MESSAGE_VARIANT_FACT_NAMES:
        if isinstance(variant := detail.get(fact), str):
            yield f"{key}.{variant}.{detail.get('hint')}"
            yield from (f"{key}.{variant}.{kind}" for kind in kinds)
            if detail.get("provider_id") is not None:
                yield f"{key}.{variant}.numbered"
            yield f"{key}.{variant}"
    yield from (f"{key}.{kind}" for kind in (*kinds, detail.get("kind")) if kind is not None)
    if error.code == ErrorCode.STORAGE_FULL and _find_unwritable_path(detail):
        yield f"{key}.place.because" if detail.get("problem") else f"{key}.place"
    yield key


def _is_credit_check_with_unknown_outcome(record: object) -> bool:
    """Return True if the object is a credit check with an unknown outcome."""
    if record is None:
        return False
    # Records are imported here and below, not at the top, because most texts have no record among their facts.
    from console.domain.records import Certainty, CreditCheck

    return isinstance(record, CreditCheck) and record.certainty is Certainty.UNKNOWN


def _list_record_kinds_of_error(detail: Mapping[str, object]) -> tuple[str, ...]:
    """Return the kinds of record that an error is about, such as payment or refund, the most specific first; an empty
    list if the error names no record. An approved refund, which a due task sends later, is also of the kind
    approved_refund. `detail` is the error's detail: its `about` names the kind, or its `record` is the record.
    """
    record, about = detail.get("record"), detail.get("about")
    if isinstance(about, str):
        return (about, "payment") if about in ("import", "order") else (about,)
    if record is None:
        return ()
    from console.domain.payments.records import Payment, Refund
    from console.domain.payments.states import RefundState

    if isinstance(record, Refund) and record.state is RefundState.APPROVED:
        return ("approved_refund", "refund")
    record_kind = {Payment: "payment", Refund: "refund"}.get(type(record))
    return (record_kind,) if record_kind else ()


def convert_amount_facts(facts: Mapping[str, object]) -> Mapping[str, object]:
    """Return the facts with the amounts among them converted to Money. The amounts are the facts `minor`, `left`,
    `limit` and `today`, if they are integers in minor units. `minor` stays an integer, and the result has its Money
    under the name `amount`. If the facts contain no known currency, return them unchanged."""
    currency = facts.get("currency")
    if currency not in MINOR_DIGITS_BY_CURRENCY:
        return facts
    sums = {
        "amount" if name == "minor" else name: Money(value, str(currency))
        for name, value in facts.items()
        if name in _AMOUNT_FACT_NAMES and type(value) is int and 0 <= value <= LARGEST_AMOUNT_MINOR
    }
    return {**facts, **sums}


def get_state_word(kind: str, state: str, language: str) -> str:
    """Return the word for the state of a record; `kind` is the kind of the record, such as "credit-check", and
    `state` the state, such as "success"."""
    return translate(f"state.{kind.replace('-', '_')}.{state}", language)


def get_provider_name(name: str, language: str) -> str:
    """Return the name of a provider in words. If there is no text for the code `name`, as for a sender of signed
    notices, return `name` itself.
    """
    key = f"provider.{name}"
    return translate(key, language) if has_sentence(key) else name


def format_cause(cause: str | None, translate: Callable[[str], str]) -> str:
    """Return the text for the code of a cause: the cause of a failed call, or of the work that a record needs. Return
    the code itself if it has no text, and "" for None.
    """
    if not cause:
        return ""
    keys = (f"cause.{cause}", f"work.reason.{cause}")
    return next((translate(key) for key in keys if has_sentence(key)), cause)


def get_badge_word(name: str, language: str) -> str:
    """Return the word on a badge. `name` is the key of the badge in the design tokens, such as
    `certainty.unknown`."""
    return translate(f"state.{name}", language)


def find_alert_rule_sentence_key(rule: str) -> str | None:
    """Return the wording key of the text for an alert rule or a kind of case; None if there is no text."""
    return next((key for key in (f"alert_rule.{rule}", f"work.reason.{rule}") if has_sentence(key)), None)


def format_audit_entry(entry: "TimelineEntry", language: str) -> str:
    """Return the sentence that describes an audit entry in a timeline. The entry of a refusal has an error code as
    its fact `reason` and may have a more precise code as its fact `refusal`; if there is a text for the two together,
    the sentence contains this text as the reason."""
    keys = (f"timeline.{entry.what}.{entry.result}", f"timeline.{entry.what}")
    key = next(filter(has_sentence, keys), None)
    if key is None:
        return translate("timeline.other", language, what=entry.what)
    facts = dict(convert_amount_facts(entry.detail))
    precise_reason = f"{facts.get('reason')}.{facts.get('refusal')}"
    if has_sentence(f"refusal.{precise_reason}"):
        facts["reason"] = precise_reason
    return translate(key, language, **facts)


def format_finding(text: str, language: str, other_text: str | None = None, *, shows_codes: bool = False) -> str:
    """Return the stored value `text` of an alert (`observed` or `expected`) as words and formatted amounts.
    `other_text` is the alert's other value, which may contain the currency if `text` doesn't. If `shows_codes` is
    True, the HTTP status of an answer and a provider's own word for a state are added to the words.
    """
    # Imported here and below, not at the top, because most texts have no finding among their facts, and the module
    # compiles twenty regular expressions.
    from console.wording.sentences import findings

    def translate_fact(key: str, **facts: object) -> str:
        return translate(key, language, **facts)

    currency = findings.find_currency(text, other_text)
    return findings.format_finding(text, translate_fact, currency, shows_codes=shows_codes)


def format_evidence_summary(summary: str, language: str) -> str:
    """Return the stored summary of evidence as words: the reason that a person stated for a decision, or the outcome
    of a provider's answer with its codes."""
    return format_stated_reason(summary, language) or format_finding(summary, language, shows_codes=True)


def format_stated_reason(summary: str, language: str) -> str:
    """Return the reason in the summary of a person's evidence: the word for the code of the reason, and the person's
    own words. Return "" if the summary contains no reason."""
    from console.domain.recovery.decision_reasons import parse_stated_reason  # most texts state no person's reason

    reason = parse_stated_reason(summary)
    if reason is None:
        return ""
    word = translate(f"decision_reason.{reason.code}", language)
    return translate("refund_reason.line", language, reason=word, words=reason.words)


def format_age(age: timedelta | None, language: str) -> str:
    """Return an age with its unit in a language, such as `26 h` or `26 時間`; – for an unknown age."""
    if age is None:
        return NO_VALUE
    number, unit = split_age_into_number_and_unit(age)
    return f"{number} {translate(unit, language)}"


def format_duration(duration: timedelta, language: str) -> str:
    """Return a duration exactly, in whole seconds and in words, such as `1 hour 30 minutes` or `1 時間 30 分`."""
    seconds = int(duration.total_seconds())
    unit_texts: list[str] = []
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1)):
        number, seconds = divmod(seconds, size)
        if number or (unit == "seconds" and not unit_texts):
            unit_texts.append(translate(f"unit.spoken.{unit}", language, n=number))
    return " ".join(unit_texts)


def list_placeholder_names(template: str) -> frozenset[str]:
    """Return the names of the facts in the placeholders of a sentence."""
    fields = (field for _, field, _, _ in string.Formatter().parse(template) if field)
    return frozenset(field.partition(".")[0] for field in fields)


@cache
def _list_cached_placeholder_names(template: str) -> frozenset[str]:
    return list_placeholder_names(template)


def has_facts_of_all_placeholders(template: str, facts: Mapping[str, object]) -> bool:
    return all(facts.get(name) not in (None, "", (), [], {}) for name in _list_cached_placeholder_names(template))


class _SentenceFormatter(string.Formatter):
    """Replaces the placeholders of a sentence by facts, and converts each fact to text."""

    def __init__(self, language: str, now: datetime | None) -> None:
        self._language, self._now = language, now

    def vformat(self, format_string: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        is_japanese = self._language == "ja"
        text = ""
        for literal, name, spec, _ in self.parse(format_string):
            text = join_around_fact(text, literal) if is_japanese else join_after_fact(text, literal)
            if name is not None:
                value, _ = self.get_field(name, args, kwargs)
                fact = self.format_field(value, spec or "")
                text = join_around_fact(text, fact) if is_japanese else text + fact
        return text

    def get_value(self, key: int | str, args: object, kwargs: Mapping[str, object]) -> object:
        """Return the fact with the name `key`, None if the fact is missing. In a fact that names a person, the code
        name of the worker is replaced by the word for a worker in the language of the sentence.
        """
        value = kwargs.get(str(key))
        if key not in _PERSON_FACT_NAMES:
            return value
        if isinstance(value, list | tuple):
            return [self._get_person_name(name) for name in value]
        return self._get_person_name(value)

    def format_field(self, value: object, format_spec: str) -> str:
        """Return the text of a fact for the format in its placeholder (`format_spec`); – for a missing fact."""
        if value is None or value in ("", (), []):
            return NO_VALUE
        if isinstance(value, list | tuple | set | frozenset):
            is_choice = format_spec.startswith("any@")
            item_spec = format_spec.removeprefix("any") if is_choice else format_spec
            items = [self.format_field(item, item_spec) for item in value]
            if is_choice and len(items) > 1:
                items[-2:] = [self._translate("list.choice_separator").join(items[-2:])]
            return self._translate("list.separator").join(items)
        if format_spec.startswith("@"):
            return self._format_code(format_spec[1:], value)
        if "/" in format_spec:
            return choose_singular_or_plural(value, format_spec)
        if format_spec == "finding":
            from console.wording.sentences import findings

            return findings.format_finding(_make_printable_line(value), self._translate)
        if format_spec == "changes" and isinstance(value, Mapping):
            return self._format_changes(value)
        if format_spec == "merchant" and isinstance(value, Mapping):
            return self._translate("list.merchant", **value)
        return self._format_fact(value, format_spec)

    def _get_person_name(self, name: object) -> object:
        return self._translate("person.automatic") if name == _WORKER_NAME else name

    def _translate(self, key: str, **facts: object) -> str:
        return translate(key, self._language, **{"now": self._now, **facts})

    def _format_code(self, code_families: str, value: object) -> str:
        """Return the text for a placeholder such as `{cause:@cause}`, whose fact is a code. `code_families` is the
        text after the `@`: beginnings of wording keys, separated by `|`. A wording key is `family.code`, or the
        family with the code in place of `*`. The first key that has a text is used. If no key has a text, return the
        text of the class of an HTTP status, and for any other code the code itself.
        """
        code = _make_readable_fact(value)
        for family in code_families.split("|"):
            key = family.replace("*", str(code)) if "*" in family else f"{family}.{code}"
            if has_sentence(key):
                return self._translate(key)
        status = _UNLISTED_HTTP_STATUS_PATTERN.fullmatch(str(code))
        return self._translate(f"cause.http_{status[1]}xx") if status else _make_printable_line(code)

    def _format_changes(self, changes: Mapping[str, object]) -> str:
        """Return the text of changed fields: the name of each field, with its value before and after the change."""
        lines = []
        for name, pair in changes.items():
            values = pair if isinstance(pair, list | tuple) and len(pair) == 2 else (None, pair)
            before, after = (self._format_changed_value(name, value) for value in values)
            field = self._format_code("field", name)
            lines.append(self._translate("list.change", field=field, before=before, after=after))
        return self._translate("list.separator").join(lines)

    def _format_changed_value(self, field_name: str, value: object) -> object:
        """Return the value of a changed field as the sentence shows it. The audit log has the columns of a credit
        check as texts: the days of purchase and expiry as UTC instants, which can have another date than the day in
        Japan, and the result as the provider's code. Every other value, such as a day without a time, is returned
        unchanged."""
        if not isinstance(value, str):
            return value
        if field_name == "result":
            return self._format_code("result", value)
        style = _TIME_STYLE_BY_STORED_DAY.get(field_name)
        instant = _parse_stored_instant(value) if style is not None else None
        return value if style is None or instant is None else format_instant(instant, style)

    def _format_fact(self, value: object, form: str) -> str:
        """Return the text of one fact according to its type. `form` is the format in its placeholder, such as `short`
        or `count`."""
        match value:
            case datetime() if form == "short" and self._now is not None:
                return format_short_instant(value, self._now)
            case datetime() if form == "clock" and self._now is not None:
                return format_clock_instant(value, self._now)
            case datetime():
                return format_instant(
                    value, next((style for style in _PLACEHOLDER_TIME_STYLES if style == form), "full")
                )
            case date():
                return format_day(value)
            case Money():
                return format_amount(value.minor, value.currency)
            case timedelta():
                return format_age(value, self._language)
            case bool():
                return self._translate("word.yes" if value else "word.no")
            case int() if form in _INTEGER_FORMATTER_BY_PLACEHOLDER_FORM:
                return _INTEGER_FORMATTER_BY_PLACEHOLDER_FORM[form](value)
        text = _make_printable_line(_make_readable_fact(value), is_cut=form != _WHOLE_TEXT_FORM)
        return (
            _TEXT_FORMATTER_BY_PLACEHOLDER_FORM[form](text) if form in _TEXT_FORMATTER_BY_PLACEHOLDER_FORM else text
        )


_INTEGER_FORMATTER_BY_PLACEHOLDER_FORM: Mapping[str, Callable[[int], str]] = {
    "count": format_count,
    "bytes": format_bytes,
}
_TEXT_FORMATTER_BY_PLACEHOLDER_FORM: Mapping[str, Callable[[str], str]] = {
    "number": format_corporation_number,
    "id": shorten_id,
}


def _parse_stored_instant(text: str) -> datetime | None:
    """Return the UTC instant that a text such as `2026-11-28 15:00:00` of the audit log contains; None for any other
    text."""
    if not _STORED_INSTANT_PATTERN.fullmatch(text):
        return None
    with contextlib.suppress(ValueError):  # such as the month 13
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    return None


def choose_singular_or_plural(number: object, singular_and_plural: str) -> str:
    """Return the singular or the plural of a word. `singular_and_plural` contains the two forms, separated by a
    slash, such as "record/records"; `number` is a count or its text, such as 1 or "1,000+"."""
    singular, _, plural = singular_and_plural.partition("/")
    return singular if str(number) == "1" else plural


def _make_readable_fact(value: object) -> object:
    """Return a fact in a readable form: the name of a lease holder, the id of a record, the value of an enum member.
    Return any other fact unchanged."""
    match value:
        case Enum():
            return value.value
        case str() | int():
            return value
        case Mapping():
            return value.get("operator", NO_VALUE)
    from console.domain.payments.records import Order, Payment, Refund
    from console.domain.records import CreditCheck, LeaseHolder, Operation

    match value:
        case LeaseHolder():
            return value.operator
        case CreditCheck() | Operation() | Order() | Payment() | Refund():
            return value.id
    return value


def _make_printable_line(value: object, *, is_cut: bool = True) -> str:
    """Return a value as text on one line; the value may come from a provider or a file. With `is_cut`, the text has
    at most 300 characters. Control characters, and characters that change the reading direction, become spaces."""
    text = str(value)
    clean_text = "".join(
        character if character.isprintable() else " "
        for character in (text[: _MAX_FACT_CHARACTERS + 1] if is_cut else text)
    )
    if not is_cut or len(text) <= _MAX_FACT_CHARACTERS:
        return clean_text
    return f"{clean_text[:_MAX_FACT_CHARACTERS]}…"
