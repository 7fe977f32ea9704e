"""Translation of findings: short texts that the program has stored about states and amounts. Findings are `observed`
and `expected` of alerts and cases, the texts of our side and the provider's side in a reconciliation, and the summary
of a provider's answer.

Findings are stored with codes, amounts in minor units and internal ids, because hash chains and evidence packs
contain them. This module returns them as words and formatted amounts.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeAlias

from console.domain.money import MINOR_DIGITS_BY_CURRENCY
from console.domain.provider_outcome import OutcomeClass
from console.wording.sentences.formats import format_amount, join_facts, split_age_into_number_and_unit

TranslateFunction: TypeAlias = Callable[..., str]
"""A function that returns the sentence of a wording key in one language, like `catalogue.translate`."""

_CURRENCY_PATTERN = re.compile(r"\b\d{1,15} (?P<currency>JPY|INR)\b")
_AMOUNT_PATTERN = re.compile(r"\b(?P<minor>\d{1,15})(?: (?P<currency>JPY|INR)\b)?")
_RECORD_STATE_AND_AMOUNT_PATTERN = re.compile(r"(?P<kind>order|payment)(?: \d+)?=(?P<state>[a-z_]+)(?P<rest>.*)")
_PROVIDER_ANSWER_PATTERN = re.compile(
    r"(?:HTTP (?P<status>\d{3}) )?(?P<outcome>[A-Z_]+) (?P<reason>[a-z0-9_]+)(?P<number> \S+)?"
)
_REFUND_FINDING_PATTERN = re.compile(r"refund (?P<id>\d+) (?:of )?(?P<rest>.*)")
_TIMED_FINDING_PATTERN = re.compile(r"(?P<text>.+) (?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)")
_CODE_PATTERN = re.compile(r"\b[a-z][a-z0-9]*(?:[-_][a-z0-9]+)+\b")
_REASON_WITHOUT_INFORMATION = "answered"
"""Reason which only states that the provider has answered."""
_FIXED_FINDING_PHRASES = (
    "refund|compensation", "a payment of ours", "no refund of ours", "a signature that fits", "answers", "readable",
    "published", "done", "provider does not know the check", "acknowledgement|renewal", "13 digits",
)  # fmt: skip
_COMPANY_CHANGE_PATTERN = re.compile(
    r"company (?P<change>[a-z_]+)(?: (?P<day>\d{4}-\d\d-\d\d))?(?: (?P<number>\d{13}))?(?: (?P<rest>.*))?"
)
_PROVIDER_STATE_WORD_PATTERN = re.compile(r"[A-Z][A-Z0-9_]{3,}")
PROVIDER_STATE_WORDS_OF_TWO_RECORD_KINDS = frozenset({"CREATED", "REFUNDED", "REFUND_FAILED"})
"""Words that a provider uses for payments and for refunds in different senses. A finding doesn't contain the kind
of the record, so these words are not translated.
"""
_NOTICE_TYPE_PATTERN = re.compile(r"[a-z]+(?:\.[a-z_]+)+")
_PATTERN_BY_PHRASE_NAME: Mapping[str, re.Pattern[str]] = {
    "at_most": re.compile(r"at most (?P<amount>\d{1,15}(?: (?:JPY|INR))?)"),
    "part_of": re.compile(r"(?P<part>\d{1,15}) of (?P<amount>\d{1,15} (?:JPY|INR))"),
    "order_is": re.compile(r"(?P<name>\S+) is (?P<state>[a-z]+)"),
    "payments": re.compile(r"(?P<n>\d+) payments"),
    "bought": re.compile(r"bought(?: (?P<number>\d+))?"),
    "not_bought": re.compile(r"not bought: (?P<reason>[a-z0-9_]+)"),
    "other_corporation": re.compile(r"provider names corporation (?P<number>\S+)"),
    "id_of_other": re.compile(r"(?P<number>\S+) of \d+"),
    "nothing_there": re.compile(r"(?P<provider>\S+) (?:tells nothing of it|knows no such payment)"),
    "slow": re.compile(r"(?P<provider>\S+) answers in (?P<seconds>\d+\.\d) s \(median of (?P<n>\d+) calls\)"),
    "queue_since": re.compile(r"queue (?P<queue>[a-z]+) since (?P<at>\d{4}-\S+Z)"),
    "not_reconciled": re.compile(r"(?P<provider>\S+) not reconciled: (?P<days>.+)"),
    "within": re.compile(r"within (?P<seconds>\d{1,9}) s"),
    "clock": re.compile(r"clock of (?P<name>.+): (?P<seconds>\d+\.\d) s (?P<way>ahead|behind)"),
    "begun": re.compile(r"begun (?P<number>\S+)(?: \S+)?"),  # earlier versions added the payer's code
}


def format_finding(
    text: str, translate: TranslateFunction, currency: str | None = None, *, shows_codes: bool = False
) -> str:
    """Return a finding (a stored text about the detected or the expected values of a record) as words and formatted
    amounts in the language of `translate`. `currency` is used for amounts that were stored without a currency. If
    `currency` is None and the finding names no currency, these amounts are left out. If `shows_codes` is True, the
    HTTP status of an answer and a provider's own word for a state are added to the words, as in the list of raw
    answers. Otherwise the text has the words alone, except for a provider's word that has no text. A state of a
    provider's history always has the provider's own word beside ours, if the two differ.
    """
    if shows_codes and (match := _PROVIDER_ANSWER_PATTERN.fullmatch(text)) and match["status"]:
        answer = _format_provider_answer(match, translate)
        return join_facts((answer, f"HTTP {match['status']}"), translate)
    match = _CURRENCY_PATTERN.search(text)
    known_currency = match["currency"] if match else currency
    separator = translate("list.separator")
    parts = (
        _format_finding_part(part, translate, known_currency, shows_codes=shows_codes) for part in text.split("; ")
    )
    return separator.join(parts)


def find_currency(*texts: str | None) -> str | None:
    """Return the currency that one of the stored findings names; None if no finding names a currency."""
    matches = (_CURRENCY_PATTERN.search(text) for text in texts if text)
    return next((match["currency"] for match in matches if match), None)


def format_code_in_words(code: str, translate: TranslateFunction) -> str:
    """Return the text for a code of a cause, a reason or a state. An HTTP status that has no text, such as
    `http_599`, gets the text of its class; any other code that has no text is returned unchanged."""
    return translate("finding.code", code=code)


def _get_state_word(kind: str, state: str, translate: TranslateFunction) -> str:
    return translate(f"state.{kind}.{state}")


def _format_finding_part(part: str, translate: TranslateFunction, currency: str | None, *, shows_codes: bool) -> str:
    """Return one part of a finding (the text between two separators) as words. `currency` is the currency of the
    amounts in this part; None if it isn't known. `shows_codes` has the same meaning as in `format_finding`."""
    for phrase_number, phrase in enumerate(_FIXED_FINDING_PHRASES):
        if part == phrase:
            return translate(f"finding.phrase.{phrase_number}")
    if state_match := _RECORD_STATE_AND_AMOUNT_PATTERN.fullmatch(part):
        return _format_state_and_amount(state_match, translate, currency)
    if answer_match := _PROVIDER_ANSWER_PATTERN.fullmatch(part):
        return _format_provider_answer(answer_match, translate)
    if company_match := _COMPANY_CHANGE_PATTERN.fullmatch(part):
        return _format_company_change(company_match, translate)
    if refund_match := _REFUND_FINDING_PATTERN.fullmatch(part):
        further_text = _format_finding_part(refund_match["rest"], translate, currency, shows_codes=shows_codes)
        return translate("finding.refund", id=refund_match["id"], rest=further_text)
    for name, pattern in _PATTERN_BY_PHRASE_NAME.items():
        if match := pattern.fullmatch(part):
            return _format_pattern_phrase(name, match, translate, currency)
    if timed_match := _TIMED_FINDING_PATTERN.fullmatch(part):
        with suppress(ValueError):  # no such day
            at = datetime.fromisoformat(timed_match["at"])
            text = _format_finding_part(timed_match["text"], translate, currency, shows_codes=shows_codes)
            return translate("finding.at", text=text, at=at)
    return _translate_codes_and_amounts(part, translate, currency, shows_codes=shows_codes)


def _format_state_and_amount(match: re.Match[str], translate: TranslateFunction, currency: str | None) -> str:
    """Return the text for a finding such as `payment 91=completed 3300 JPY after=expired`: kind, state, amount, and
    the state that the record had before. `currency` is used for an amount without a currency; None if it isn't known.
    """
    kind, (amount_text, _, earlier_state) = match["kind"], match["rest"].strip().partition("after=")
    state, amount = _get_state_word(kind, match["state"], translate), ""
    if amount_text.strip():
        amount = _translate_codes_and_amounts(amount_text.strip(), translate, currency)
    key = "order_is_in" if kind == "order" else "payment_of" if amount else "payment_is"
    text = translate(f"finding.{key}", state=state, amount=amount)
    if not earlier_state:
        return text
    return translate("finding.after", text=text, after=_get_state_word(kind, earlier_state, translate))


def _format_provider_answer(match: re.Match[str], translate: TranslateFunction) -> str:
    """Return the text for the summary of a provider's answer, such as `HTTP 500 UNKNOWN http_500`: outcome and cause
    in words."""
    outcome, reason = match["outcome"], match["reason"]
    if outcome not in list(OutcomeClass):
        return _translate_codes_and_amounts(match[0], translate, None)
    text = translate(f"outcome.{outcome}")
    cause = format_code_in_words(reason, translate)
    if not is_reason_without_information(reason) and cause != text:
        text = translate("finding.answer", outcome=text, cause=cause)
    return f"{text}{match['number'] or ''}"


def is_reason_without_information(reason: str) -> bool:
    """Return True if the stored reason of a provider's answer contains no more information than the answer's outcome.
    Such reasons are `answered`, and the HTTP status of a success, such as `http_201`.
    """
    return reason == _REASON_WITHOUT_INFORMATION or reason.startswith("http_2")


def _format_company_change(match: re.Match[str], translate: TranslateFunction) -> str:
    """Return the text for a change of a corporation, such as `company closed 2026-10-31 liquidation` or `company
    renamed A|B`. A name that the registry has only as an image is stored as ""."""
    change, change_details = match["change"], match["rest"] or ""
    if change == "closed":
        change = f"closed.{change_details}"
    old_text, _, new_text = change_details.partition("|")
    image = translate("finding.company_image")
    return translate(
        f"finding.company.{change}",
        day=match["day"],
        number=match["number"],
        name=change_details or image,
        before=old_text or image,
        after=new_text or image,
    )


def _format_pattern_phrase(
    phrase_name: str, match: re.Match[str], translate: TranslateFunction, currency: str | None
) -> str:
    """Return the text of the phrase `phrase_name`, whose pattern `match` has found; the groups of the match become
    the facts of the phrase. `currency` is the currency of amounts among these facts; None if it isn't known.
    """
    facts: dict[str, object] = dict(match.groupdict())
    for fact in ("amount", "part"):
        if isinstance(facts.get(fact), str):
            facts[fact] = _translate_codes_and_amounts(str(facts[fact]), translate, currency)
    if "state" in facts:
        facts["state"] = _get_state_word("order", str(facts["state"]), translate)
    if "reason" in facts:
        facts["reason"] = format_code_in_words(str(facts["reason"]), translate)
    if "at" in facts:
        facts["at"] = datetime.fromisoformat(str(facts["at"]))
    if phrase_name == "within":
        number, unit = split_age_into_number_and_unit(timedelta(seconds=int(str(facts["seconds"]))))
        facts = {"age": f"{number} {translate(unit)}"}
    if phrase_name == "queue_since":
        facts["queue"] = translate(f"queue.{facts['queue']}.title")
    way_suffix = f".{facts['way']}" if "way" in facts else ""
    return translate(f"finding.{phrase_name}{way_suffix}", **facts)


def _translate_codes_and_amounts(
    part: str, translate: TranslateFunction, currency: str | None, *, shows_codes: bool = False
) -> str:
    """Return a part of a finding with codes replaced by words, and with formatted amounts. A number that no currency
    follows is an amount only if the part contains nothing else, or only one word before the number. If `shows_codes`
    is True, a provider's own word for a state is added to the text for this state.
    """
    word, _, further_text = part.partition(" ")
    if (word.islower() and word.isalpha()) or _NOTICE_TYPE_PATTERN.fullmatch(word):
        word = format_code_in_words(word, translate)
    elif _PROVIDER_STATE_WORD_PATTERN.fullmatch(word) and word not in PROVIDER_STATE_WORDS_OF_TWO_RECORD_KINDS:
        word = _format_provider_state_word(word, translate, shows_code=shows_codes)
    elif not word.isascii():
        word = _format_history_state_word(word, translate)
    follows_word = bool(re.fullmatch(r"\d{1,15}(?: (?:JPY|INR))?", further_text)) and not word.isdigit()
    is_amount = follows_word or bool(re.fullmatch(r"\d{1,15}(?: (?:JPY|INR))?", part))
    text = f"{word} {further_text}".strip()
    text = _AMOUNT_PATTERN.sub(
        _make_amount_replacer(currency, treats_bare_numbers_as_amounts=is_amount), text
    ).strip()
    return _CODE_PATTERN.sub(lambda code: format_code_in_words(code[0], translate), text)


def _format_provider_state_word(code: str, translate: TranslateFunction, *, shows_code: bool) -> str:
    """Return the text for a provider's state; if `shows_code` is True, followed by the provider's code, such as
    `Failed (OTS0600)`. If the state has no text, return the code alone."""
    state_words = translate("finding.provider_state", code=code)
    if state_words == code or not shows_code:
        return state_words
    has_brackets = state_words.endswith((")", "）"))
    return translate(f"finding.provider_{'words' if has_brackets else 'word'}", words=state_words, code=code)


def _format_history_state_word(word: str, translate: TranslateFunction) -> str:
    """Return our word for the state that a provider's history gives a payment or refund, followed by the provider's
    own word, which may be of another language; the provider's word alone if it is ours, too, or if we have none."""
    own_word = translate("finding.history_state", code=word)
    return word if own_word == word else translate("finding.provider_word", words=own_word, code=word)


def _make_amount_replacer(
    currency: str | None, *, treats_bare_numbers_as_amounts: bool
) -> Callable[[re.Match[str]], str]:
    """Return a function that replaces a matched number by a formatted amount. If `treats_bare_numbers_as_amounts` is
    True, a number without a currency is an amount, too: it gets the currency `currency`, or is removed if `currency`
    is None."""

    def replace_amount(match: re.Match[str]) -> str:
        amount_currency = match["currency"] or (currency if treats_bare_numbers_as_amounts else None)
        if amount_currency in MINOR_DIGITS_BY_CURRENCY:
            return format_amount(int(match["minor"]), str(amount_currency))
        return "" if treats_bare_numbers_as_amounts else match[0]

    return replace_amount
