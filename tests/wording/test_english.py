"""Tests of rules for the English texts: unwanted phrases, singular and plural, quotation marks, and names of
buttons.
"""

import re
import string
from collections.abc import Iterator

import pytest

from console.wording.sentences.catalogue import choose_singular_or_plural, read_sentences, translate
from console.wording.sentences.english import join_after_fact

ENGLISH_SENTENCES = read_sentences("en")
JAPANESE_SENTENCES = read_sentences("ja")

# Phrases that no sentence may contain, with the reason and the word to use instead.
REASON_BY_FORBIDDEN_PHRASE = {
    r"by itself|by themselves": "it reads like a riddle; say automatically",
    r"\b(some|any|every)body\b|\bnobody\b": "say someone, anyone, everyone, no one",
    r"\bwhoever\b|\bwhatever\b": "name the person or the thing",
    r"\bask(s|ed|ing)? for\b(?! (the|it))": "a refund is requested: one word for it in all places",
    r"\bmakers?\b|\bcheckers?\b": "words of the code; say requester and approver",
    r"\bpayers?\b": "say customer",
    r"\bsides? disagrees?\b|\bdisagrees?\b": "say mismatch, or doesn't match",
    r"\b(doesn't|don't|not|facts) fits?\b|\bfit together\b": "say doesn't match",
    r"\border knows\b|\bknown already\b|\bknows already\b": "an order can't know; say already updated",
    r"\bsay no\b|\bsay that\b": "say decline, acknowledge",
    r"\bmatters?\b": "say issues",
    r"\bchoos(e|es|ing)\b|\bchosen?\b": "records and options are selected",
    r"\bg(o|oes|oing|one) on\b|\bwent on\b": "say continue",
    r"\bwent away\b|\bgoes away\b": "say disconnected, ended, deleted",
    r"\bbeg(in|ins|an|un|inning)\b": "say start",
    r"\b(take|takes|taken|took) place\b": "say succeeded, made, refunded",
    r"\btold\b|\bbelieved?\b": "say reported, detected, unreadable",
    r"\bre-read\b|\bread (it )?again\b": "say refresh",
    r"\b(give|gives|giving|gave|given) up\b": "say discard",
    r"\b(not|nothing) here yet\b|\bstill here\b": "say not fetched, not returned",
    r"\bfetch(es|ed|ing)? again\b": "say re-fetch",
    r"(?<!there )\b(is|are) no (?!longer|one|more)": "say is not a",
    r"\banew\b|\blately\b|\bmeanwhile\b": "say again, recently, since then",
    r"\bmoved? the order\b|\border (was )?(not )?moved\b": "say mark the order as paid",
    r"\bleft over\b|\blooked after\b|\blooks after\b": "idioms are hard for second-language readers",
    r"\bperson of the\b|\bhands? out\b|\bput (it )?right\b": "idioms are hard for second-language readers",
    r"\byour take\b": "take is a verb here; say that the person takes the record or gives it back",
    r"\btruths?\b": "it is a metaphor; say outcome",
    r"^which\b.*[^?]$": "name the thing, such as the columns, instead of asking for it",
    r"\bwhat (changed|happens|it means|the caller|you start and)\b": "name the thing: the change, events, effect",
    r"\bnot \w+ from here\b": "say who or which program doesn't do it, and until when",
    r"!": "no sentence shouts",
    r"\b(please|sorry|oops)\b": "a sentence says what happened and what to do; it doesn't beg",
    r"\(s\)": "write the singular and the plural: {n:record/records}",
    r"\"": "quotation marks are “ and ”",
    r"[‘’]": "the apostrophe is '",
    r"\boutcome.{0,12} known already\b": "say already known",
}

# Code-like words that a sentence may show: names that an administrator types, in sentences for administrators.
TYPED_NAMES = frozenset(
    {
        "ssl_ca", "ssl_cert", "ssl_key", "password_env", "wsrep_on", "wsrep_max_ws_size", "max_password_errors",
        "innodb_flush_log_at_trx_commit", "secure_timestamp", "log_bin_trust_function_creators", "sql_select_limit",
        "sync_binlog",
        "payment_failed", "done_outside", "only_ours", "only_theirs",
    }
)  # fmt: skip
FAMILIES_FOR_ADMINISTRATORS = ("doctor.", "error.", "cli.", "adoption.")

# Names of facts that are numbers of things, besides those that a sentence formats as a count.
COUNT_FACT_NAMES = frozenset(
    {"n", "days", "missed", "lost", "waiting", "nodes", "size", "people", "statements", "others", "count"}
)

BUTTON_KEY_PATTERN = re.compile(
    r"(action\.(?!copied)[a-z_]+|key\.[a-z_]+|command\.[a-z_]+|alerts_screen\.acknowledge|alerts_screen\.action\.[a-z_]+"
    r"|dialog\.[a-z_]+\.(act|stay|show)(_[a-z]+)?|(lock|password|sign_in)\.act|screen\.[a-z_]+\.act"
    r"|bulk\.(stop|discard|go_on|next|export)|bulk\.action\.[a-z]+|reconcile\.(begin|go_on|open)|set_asides\.ask)"
)
FIRST_VERBS_OF_BUTTONS = frozenset(
    {
        "Acknowledge", "Add", "Approve", "Back", "Buy", "Cancel", "Change", "Clear", "Close", "Compare", "Confirm",
        "Continue", "Copy", "Decline", "Delete", "Discard", "End", "Enter", "Export", "Extend", "Filter", "Find",
        "Freeze", "Give", "Go", "Hand", "Lock", "Look", "Mark", "Move", "Open", "Print", "Probe", "Propose",
        "Re-fetch", "Reconcile", "Record",
        "Refresh", "Refund", "Renew", "Request", "Resolve", "Save", "Scroll", "Search",
        "Select", "Rename", "Reopen", "Set", "Show", "Sign", "Snooze", "Start", "Stay", "Stop", "Switch", "Take",
        "Try", "Turn", "Unlock", "Verify", "Withdraw", "Zoom", "Check",
    }
)  # fmt: skip
FIRST_NOUNS_OF_BUTTONS = frozenset(
    {
        "About",
        "All",
        "CSV",
        "Columns",
        "Help",
        "Keyboard",
        "Messages",
        "More",
        "Newer",
        "Next",
        "Older",
        "Pages",
        "Previous",
        "Text",
    }
)


def remove_facts(sentence: str) -> str:
    """Return the sentence without its placeholders, except for the two forms of a word such as
    `{n:record/records}`.
    """
    parts = string.Formatter().parse(sentence)
    return "".join(
        text + (f" {form.replace('/', ' ')} " if form and "/" in form else "") for text, _, form, _ in parts
    )


def iterate_counted_facts(sentence: str) -> Iterator[str]:
    """Yield the names of the facts in the sentence that are counts."""
    for _, name, form, _ in string.Formatter().parse(sentence):
        if name and (name in COUNT_FACT_NAMES or form == "count" or "/" in (form or "")):
            yield name


def render_with_count(key: str, number: int) -> str:
    """Return the sentence with the given number as each of its counts, and with words as its other facts."""
    facts = {name: "x" for _, name, _, _ in string.Formatter().parse(ENGLISH_SENTENCES[key]) if name}
    return translate(key, "en", **{**facts, **dict.fromkeys(iterate_counted_facts(ENGLISH_SENTENCES[key]), number)})


@pytest.mark.parametrize(
    ("phrase", "reason"), REASON_BY_FORBIDDEN_PHRASE.items(), ids=list(REASON_BY_FORBIDDEN_PHRASE)
)
def test_no_sentence_contains_a_forbidden_phrase(phrase: str, reason: str) -> None:
    """No English text contains the given phrase, because a plainer phrase is used instead."""
    pattern = re.compile(phrase, re.IGNORECASE)
    assert {key: text for key, text in ENGLISH_SENTENCES.items() if pattern.search(remove_facts(text))} == {}, reason


def test_no_sentence_shows_a_code() -> None:
    """No English sentence contains a word with an underscore, because such words are names of the program. Only words
    that an administrator types are allowed.
    """
    shown = {
        (key, word)
        for key, text in ENGLISH_SENTENCES.items()
        for word in re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", remove_facts(text))
    }
    assert {(key, word) for key, word in shown if word not in TYPED_NAMES} == set()
    assert {(key, word) for key, word in shown if not key.startswith(FAMILIES_FOR_ADMINISTRATORS)} == set()


KEYS_WITH_COUNTS = sorted(key for key, text in ENGLISH_SENTENCES.items() if any(iterate_counted_facts(text)))


def test_more_than_sixty_sentences_have_counts() -> None:
    """The check of singular and plural isn't empty: it knows more than 60 sentences with a count."""
    assert len(KEYS_WITH_COUNTS) > 60


@pytest.mark.parametrize("key", KEYS_WITH_COUNTS)
def test_singular_and_plural_follow_the_number(key: str) -> None:
    """With the count 1 a sentence has no plural noun or verb; with 0 and 2 it has no singular that has a
    plural form.
    """
    one = render_with_count(key, 1)
    plural = r"(?<![\d.,:R-])\b1 (?:[a-z]+ )?(?!(?:s|is|has|was|less|process|this|across|ours)\b)[a-z]+(?<![su])s\b"
    assert not re.search(plural, one), one
    assert not re.search(r"\b1 (?:[a-z]+ ){0,2}(are|have|were|people|entries|matches)\b", one), one
    singulars = {
        form.partition("/")[0]
        for _, _, form, _ in string.Formatter().parse(ENGLISH_SENTENCES[key])
        if form and "/" in form
    } | {"record", "row", "file", "entry", "credit check", "refund", "task", "day", "person"}
    for number in (0, 2):
        many = render_with_count(key, number)
        wrong = [
            word
            for word in singulars
            if re.search(rf"(?<![\d.,:])\b{number} (?:[a-z]+ )?{word}\b(?! [a-z]+s\b)", many)
        ]
        assert wrong == [], many


@pytest.mark.parametrize(
    ("number", "word"),
    [(0, "records"), (1, "record"), (2, "records"), (1000, "records"), ("1", "record"), ("1,000+", "records")],
)
def test_only_the_number_one_gives_the_singular_form(number: object, word: str) -> None:
    """Only the number 1, also as text, gives the singular form of a word."""
    assert choose_singular_or_plural(number, "record/records") == word


def test_the_form_of_a_word_is_part_of_a_sentence() -> None:
    """In English sentences a word has the form that agrees with the count. Japanese sentences have no such forms."""
    assert translate("lookup.found", "en", count=1) == "1 record."
    assert translate("lookup.found", "en", count=1204) == "1,204 records."
    assert [
        key
        for key, text in JAPANESE_SENTENCES.items()
        if any("/" in (form or "") for *_, form, _ in string.Formatter().parse(text))
    ] == []


BUTTON_KEYS = sorted(key for key in ENGLISH_SENTENCES if BUTTON_KEY_PATTERN.fullmatch(key))


def test_english_buttons_begin_with_a_verb_or_noun() -> None:
    """An English button begins with a verb or noun of the lists in this module, and has no full stop. Only its first
    word and names begin with capitals.
    """
    assert len(BUTTON_KEYS) > 100
    labels = {key: ENGLISH_SENTENCES[key] for key in BUTTON_KEYS}
    assert {
        key: text
        for key, text in labels.items()
        if re.split(r"[ .]", text)[0] not in FIRST_VERBS_OF_BUTTONS | FIRST_NOUNS_OF_BUTTONS
    } == {}
    assert {key: text for key, text in labels.items() if text.endswith(".") and not text.endswith("...")} == {}
    capitals = {
        key: text
        for key, text in labels.items()
        if any(word[0].isupper() and word not in ("PDF", "CSV") for word in text.split()[1:])
    }
    assert capitals == {}


LABEL_KEYS_PATTERN = (
    r"(action|column|deal|decision_reason|field|kind|purchase_reason|refund_reason|screen|state)\."
    r"|corporation\.(closed|open|ours)$|word\.unset$|dialog\.\w+\.choose(_\w+)?$"
    r"|search\.digit_fits$|compare\.difference\.|dialog\.purchase\.(last|live|none|running)"
)


def test_a_word_that_stands_alone_begins_with_a_capital() -> None:
    """English labels, options and cells begin with a capital letter."""
    assert {
        key: text
        for key, text in ENGLISH_SENTENCES.items()
        if re.match(LABEL_KEYS_PATTERN, key) and text[:1].islower()
    } == {}


@pytest.mark.parametrize(
    ("note", "sentence"),
    [
        ("復旧をお待ちください。", "Set read-only: “復旧をお待ちください。”"),
        ("Wait for the repair.", "Set read-only: “Wait for the repair.”"),
        ("Wait for the repair", "Set read-only: “Wait for the repair”."),
        ("Is it repaired?", "Set read-only: “Is it repaired?”."),
    ],
)
def test_a_typed_reason_that_ends_with_a_full_stop_gets_no_second_one(note: str, sentence: str) -> None:
    """If a typed text ends with a full stop, the sentence leaves out its own full stop after it, with or without a
    quotation mark, also in the middle of a longer text. The typed text is unchanged. After another mark, such as a
    question mark, the sentence has its full stop; an ellipsis of the sentence stays, too."""
    assert translate("timeline.read_only.on", "en", note=note) == sentence
    assert join_after_fact("Reason: done.", ". Then") == "Reason: done. Then"
    assert join_after_fact("Reason: done.", "...") == "Reason: done...."
    assert join_after_fact("", ". Then") == ". Then"
