"""Tests of the catalogues of sentences: both languages are complete, every used key exists, and facts are formatted
as the sentence requires.
"""

import json
import logging
import re
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

import console
from console.domain.access.permissions import ALL_ROLES, ROLES_BY_RIGHT
from console.domain.errors import EXIT_STATUS, ConsoleError, ErrorCode, rebuild_error
from console.domain.payments.provider_registry import ProviderTraits, list_providers_of_type
from console.domain.provider_outcome import OutcomeClass
from console.domain.records import RESOLVED_BY_PEOPLE_CAUSE, LeaseHolder, TimelineEntry
from console.resource_paths import resources_dir
from console.services.annotations.notes import LONGEST_NOTE_CHARACTERS
from console.services.refunds import approval, request
from console.wording.audit_words import format_record_reference
from console.wording.sentences import catalogue as wording
from console.wording.sentences.catalogue import (
    LANGUAGES,
    format_error_message,
    get_program_sentences,
    list_placeholder_names,
    read_sentences,
    translate,
)
from console.wording.sentences.text_context import FileTextContext
from scripts.words import format_catalogue

JAPANESE_SENTENCES, ENGLISH_SENTENCES = read_sentences("ja"), read_sentences("en")
NOW = datetime(2026, 11, 20, 6, 4, 5, tzinfo=UTC)
ALREADY_PURCHASED_TEXT = "この法人番号は処理中または購入済みです"


# ---- the catalogues


def test_both_languages_have_the_same_keys() -> None:
    """Both languages have the same keys, and no sentence is empty."""
    assert set(JAPANESE_SENTENCES) == set(ENGLISH_SENTENCES)
    assert [key for key in JAPANESE_SENTENCES if not (JAPANESE_SENTENCES[key] and ENGLISH_SENTENCES[key])] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogues_are_sorted_one_sentence_per_line(language: str) -> None:
    """The catalogue files are sorted and have one sentence on each line, so that changes by several people rarely
    conflict.
    """
    file = resources_dir() / "words" / f"{language}.json"
    assert file.read_text(encoding="utf-8") == format_catalogue(get_program_sentences(language))


def test_providers_bring_their_words_in_both_languages() -> None:
    """Each sentence that a payment provider's plugin adds exists in both languages, and its key isn't in the
    program's own catalogue.
    """
    for provider in list_providers_of_type(ProviderTraits):
        assert f"provider.{provider.name}" in provider.sentences_by_key
        assert [key for key, said in provider.sentences_by_key.items() if set(said) != set(LANGUAGES)] == []
        assert not set(provider.sentences_by_key) & set(get_program_sentences("ja"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_role_has_a_word(language: str) -> None:
    """Each role has a word. The refusal because of a missing right uses these words for the roles that have the
    right.
    """
    sentences = read_sentences(language)
    assert [role for role in sorted(ALL_ROLES) if f"role.{role}" not in sentences] == []
    for right, roles in ROLES_BY_RIGHT.items():
        sentence = translate("screen.state.no_right", language, needs=sorted(roles))
        assert [role for role in roles if sentences[f"role.{role}"] not in sentence] == [], right
        assert language == "en" or not any(role in sentence for role in ALL_ROLES), right


def test_both_languages_ask_for_the_same_facts() -> None:
    """A sentence has the same placeholders for facts in both languages."""
    assert [
        key
        for key in JAPANESE_SENTENCES
        if list_placeholder_names(JAPANESE_SENTENCES[key]) != list_placeholder_names(ENGLISH_SENTENCES[key])
    ] == []


def test_a_full_sentence_has_a_shorter_variant() -> None:
    """For each key that ends in `.full`, whose sentence has one more fact, the key without `.full` exists too."""
    fuller = [key for key in JAPANESE_SENTENCES if key.endswith(".full")]
    assert [key for key in fuller if key.removesuffix(".full") not in JAPANESE_SENTENCES] == []
    assert [
        key
        for key in fuller
        if list_placeholder_names(JAPANESE_SENTENCES[key])
        <= list_placeholder_names(JAPANESE_SENTENCES[key.removesuffix(".full")])
    ] == []


def test_every_word_family_that_a_sentence_names_exists() -> None:
    """Every family of words that a placeholder names, such as `cause` in `{cause:@cause}`, exists in the
    catalogue.
    """
    families = {
        family
        for text in (*JAPANESE_SENTENCES.values(), *ENGLISH_SENTENCES.values())
        for family in re.findall(r"[@|]([\w.*-]+)(?=[|}])", text)
    }
    assert families
    for family in families:
        pattern = re.escape(family).replace(r"\*", r"[\w-]+") + ("" if "*" in family else r"\.[\w.-]+")
        assert any(re.fullmatch(pattern, key) for key in JAPANESE_SENTENCES), family


def test_badge_words_equal_the_style_tokens() -> None:
    """The words of badges in the style tokens equal the words that lists and exports use."""
    tokens = json.loads((resources_dir() / "style" / "tokens.json").read_text(encoding="utf-8"))
    badges = tokens["badges"]
    assert {name: (badge["ja"], badge["en"]) for name, badge in badges.items()} == {
        name: (wording.get_badge_word(name, "ja"), wording.get_badge_word(name, "en")) for name in badges
    }


# ---- style


def test_japanese_sentences_are_polite_and_whole() -> None:
    """Every Japanese sentence that ends in 。 ends in a form of です or ます, or in ください."""
    polite = re.compile(r"(です|ます|ません|でした|ました|ください)[）」]?$")
    faulty = [
        (key, part)
        for key, text in JAPANESE_SENTENCES.items()
        for part in re.sub(r"（[^）]*）", "", text).split("。")[:-1]
        if not polite.search(part)
    ]
    assert faulty == []


def test_each_language_has_its_own_ellipsis() -> None:
    """Japanese texts use "…" and English texts use three full stops. No text has an exclamation mark, and no English
    text has the word "please".
    """
    assert [key for key, text in JAPANESE_SENTENCES.items() if "..." in text or "!" in text or "！" in text] == []
    assert [
        key for key, text in ENGLISH_SENTENCES.items() if "…" in text or "!" in text or "please" in text.lower()
    ] == []


def test_english_contains_no_japanese() -> None:
    """No English text has Japanese characters, except the name of the language Japanese."""
    kana = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff。、]")
    assert [key for key, text in ENGLISH_SENTENCES.items() if kana.search(text)] == ["language.ja"]


# ---- errors


def test_every_error_message_states_the_consequence() -> None:
    """Each error code has a message. Each message about an error has at least two sentences, because one sentence
    can't state what happened, what it means for the money or the record, and the next step.
    """
    assert [code for code in EXIT_STATUS if f"error.{code}" not in JAPANESE_SENTENCES] == []
    short = [
        key
        for key in JAPANESE_SENTENCES
        if key.startswith("error.") and not key.endswith(".next")
        if JAPANESE_SENTENCES[key].count("。") < 2 or len(re.findall(r"[.;](?: |$)", ENGLISH_SENTENCES[key])) < 2
    ]
    assert short == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", ["", ".window", ".repeated", ".count"])
def test_a_refund_that_the_gateway_no_longer_makes_names_how_to_record_another(reason: str, language: str) -> None:
    """If the gateway makes no refund of the payment any more, the money goes back in another way, which people must
    record. The message names the action for that in the words of its button."""
    button_label = wording.translate("action.record_outside", language).rstrip(".…")
    assert button_label in wording.translate(f"error.outside_window{reason}", language)


def test_a_claimed_number_is_refused_in_the_agreed_words() -> None:
    """Each message about a claimed corporation number begins with the same fixed sentence, because scripts compare
    it.
    """
    for key, text in JAPANESE_SENTENCES.items():
        if key.startswith("error.already_purchased"):
            assert text.startswith(ALREADY_PURCHASED_TEXT), key
    assert format_error_message(ConsoleError(ErrorCode.ALREADY_PURCHASED), "ja").startswith(ALREADY_PURCHASED_TEXT)
    assert JAPANESE_SENTENCES["dialog.purchase.live_one"] == ALREADY_PURCHASED_TEXT


@pytest.mark.parametrize("reason", ["EMPTY", "CHARACTER", "LENGTH", "CHECK_DIGIT"])
def test_a_wrong_number_says_which_rule_failed(reason: str) -> None:
    """Each reason for an invalid corporation number has its own message in both languages."""
    error = rebuild_error(ErrorCode.INVALID_CORPORATION_NUMBER, {"reason": reason, "normalized": None})
    for language in LANGUAGES:
        assert (
            format_error_message(error, language)
            == read_sentences(language)[f"error.invalid_corporation_number.{reason}"]
        )


def test_a_wrong_digit_offers_numbers_that_we_have() -> None:
    """The message about a wrong check digit names the known candidates for the number, grouped in digits. Without
    candidates it is still a complete sentence.
    """
    detail = {"reason": "CHECK_DIGIT", "candidates": ["7123456789012", "1180301018771"]}
    text = format_error_message(rebuild_error(ErrorCode.INVALID_CORPORATION_NUMBER, detail), "ja")
    assert "7 1234 5678 9012、1 1803 0101 8771" in text
    none = format_error_message(
        rebuild_error(ErrorCode.INVALID_CORPORATION_NUMBER, {**detail, "candidates": []}), "ja"
    )
    assert none == JAPANESE_SENTENCES["error.invalid_corporation_number.CHECK_DIGIT"]


def test_the_most_specific_error_message_is_used() -> None:
    """An error has the message for the most specific part of its detail: the hint comes before the reason, and the
    reason before the code. If there is no message for a part, the next part is used.
    """
    for detail, key in [
        ({"reason": "LENGTH", "hint": "check_digit_missing"}, "LENGTH.check_digit_missing"),
        ({"reason": "LENGTH", "hint": "nothing known"}, "LENGTH"),
    ]:
        message = format_error_message(rebuild_error(ErrorCode.INVALID_CORPORATION_NUMBER, detail), "en")
        assert message == ENGLISH_SENTENCES[f"error.invalid_corporation_number.{key}"]
    assert "newer" in format_error_message(ConsoleError(ErrorCode.SCHEMA_MISMATCH, {"newer": True}), "en")
    assert (
        format_error_message(rebuild_error(ErrorCode.NOT_ALLOWED, {"reason": "never heard of"}), "en")
        == ENGLISH_SENTENCES["error.not_allowed"]
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("about", ["credit-check", "payment", "refund"])
def test_a_decision_of_two_people_is_not_a_refusal_of_the_provider(language: str, about: str) -> None:
    """If two people have decided that a call took no effect, the message names their decision and doesn't say that
    the provider refused.
    """
    detail = {"reason": RESOLVED_BY_PEOPLE_CAUSE, "about": about}
    message = format_error_message(rebuild_error(ErrorCode.PROVIDER_REFUSED, detail), language)
    assert message.startswith({"ja": "2 人の確認により", "en": "Two people decided that the "}[language])
    assert re.search("refused|拒否", message) is None


def test_a_lease_holder_is_named_with_the_time() -> None:
    """The message about a held lease names its holder and the time since when it is held, for each kind of holder."""
    holder = LeaseHolder("credit_check_1", "op-a", "d", "h", 1, NOW, NOW)
    for given in (holder, {"operator": "op-a", "desk": "d"}, "op-a"):
        text = format_error_message(rebuild_error(ErrorCode.LEASE_TIMEOUT, {"holder": given, "since": NOW}), "ja")
        assert "op-a の処理が 2026-11-20 15:04:05 JST から" in text
    assert "{" not in format_error_message(
        ConsoleError(ErrorCode.LEASE_TIMEOUT, {"holder": None, "since": None}), "ja"
    )


# ---- facts


@pytest.mark.expects_log("a missing key is an error in the log")
def test_a_missing_key_shows_itself_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """If a wording key is missing, the key itself is shown as the text, and the log gets an entry."""
    with caplog.at_level(logging.ERROR):
        assert translate("no.such.key", "ja", fact=1) == "no.such.key"
    assert "no.such.key" in caplog.text


def test_facts_are_filled_in_the_form_that_the_sentence_asks_for() -> None:
    """Facts are formatted as the sentence requires: times in Japanese time, numbers in groups, words for codes, and
    lists joined as usual in the language.
    """
    facts = {"at": NOW, "of": 5, "attempt": 2}
    assert translate("next.refetch_scheduled", "ja", **facts).startswith(
        "11-20 15:04 に自動的に再取得します（5 回中 2 回目）"
    )
    assert "at 11-20 15:04 (automatic re-fetch 2 of 5)" in translate("next.refetch_scheduled", "en", **facts)
    assert (
        translate("verdict.incomplete", "ja", missing=("name", "pdf"))
        == "購入済みです。会社名、PDF が不足しています。"
    )
    assert translate("verdict.incomplete", "en", missing=("name", "pdf")).endswith("Missing: company name, PDF.")
    assert "7 1234 5678 9012" in translate("next.resolve", "ja", number="7123456789012")
    assert translate("search.open_queue", "en", queue="unknown") == "Open the queue Unknown"
    assert translate("record.side.result", "ja", result=None) == "結果 –"


def test_roles_of_which_one_suffices_are_joined_by_or() -> None:
    """A list of roles of which one is enough is joined by "or". A comma would mean that one person needs all of
    them.
    """
    facts = {"needs": ["admin", "approver"], "people": ["lead-b", "lead-c"]}
    assert (
        translate("reason.role_people", "en", **facts) == "Needs the role administrator or approver: lead-b, lead-c."
    )
    assert translate("reason.role_people", "ja", **facts) == "管理者または承認者の権限が必要です（lead-b、lead-c）。"
    needs = ("approver", "auditor", "operator")
    assert translate("reason.role.full", "ja", needs=needs) == "承認者、監査者またはオペレーターの権限が必要です。"


def test_a_provider_code_without_a_word_is_shown_unchanged() -> None:
    """An unknown code of a provider is shown unchanged; an HTTP status is shown as the word of its class."""
    assert translate("why.no_answer", "en", sent_at=NOW, cause="http_599").endswith("(server error).")
    assert translate("why.no_answer", "en", sent_at=NOW, cause="odd_word").endswith("(odd_word).")


def test_line_ends_and_direction_marks_in_facts_are_removed() -> None:
    """A fact with line ends, direction marks or a very long text is cleaned and cut, so that it can't change the
    meaning of the sentence around it.
    """
    text = translate("error.not_found", "en", kind="credit-check", id="1\n2\u202e3" + "x" * 10_000)
    assert "\n" not in text
    assert "\u202e" not in text
    assert len(text) < 500


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize(
    ("key", "fact_name", "longest"),
    [
        ("why.refund_rejected.full", "words", approval.LONGEST_REASON_CHARACTERS),
        ("approvals.makers_answer", "words", request.LONGEST_ANSWER_CHARACTERS),
        ("case.answered", "answer", request.LONGEST_ANSWER_CHARACTERS),
        ("cli.refund.answer", "answer", request.LONGEST_ANSWER_CHARACTERS),
        ("alerts_screen.seen_note", "note", LONGEST_NOTE_CHARACTERS),
        ("incident.step.hand_over", "note", LONGEST_NOTE_CHARACTERS),
        ("incident.step.reopen", "note", LONGEST_NOTE_CHARACTERS),
        ("incident.step.resolve", "note", LONGEST_NOTE_CHARACTERS),
        ("incident.step.snooze.full", "note", LONGEST_NOTE_CHARACTERS),
    ],
)
def test_the_words_of_a_person_are_complete(key: str, fact_name: str, longest: int, language: str) -> None:
    """The words that a person may write for another person to read are in the sentence without being cut."""
    words = "理由" * (longest // 2)
    assert words in wording.translate(key, language, **{fact_name: words})


def test_braces_in_a_fact_are_not_replaced() -> None:
    """Braces in a fact are shown as text, and not replaced by other facts."""
    assert "{problem.__class__}" in translate("error.usage", "en", problem="{problem.__class__}")


def test_a_timeline_line_lists_changed_fields() -> None:
    """A line of a timeline lists each changed field with its old and new value. A refused action has a sentence of
    its own, and an unknown action is shown as it is stored.
    """
    changes = {"company_name": [None, "架空商事"], "result": ["hold", "ok"]}
    entry = TimelineEntry(NOW, "op-a", "credit-check.detail_stored", {"changes": changes})
    line = wording.format_audit_entry(entry, "ja")
    assert line == "詳細を保存しました。会社名: – → 架空商事、結果: 中リスク → 低リスク"
    refused = TimelineEntry(NOW, "op-a", "credit-check.purchase", {"reason": "not_expired"}, "refused")
    assert "期限内" in wording.format_audit_entry(refused, "ja")
    assert wording.format_audit_entry(TimelineEntry(NOW, "op-a", "something.new"), "ja") == "something.new"


@pytest.mark.parametrize(
    ("field", "stored", "ja"),
    [
        ("purchased_at", "2026-11-28 15:00:00", "購入日: – → 2026-11-29"),
        ("purchased_at", "2026-11-28 15:00:00+00:00", "購入日: – → 2026-11-29"),
        ("expired_at", "2027-11-29 15:00:00", "有効期限: – → 2027-11-29"),
        ("expired_at", "2027-11-29", "有効期限: – → 2027-11-29"),
        ("expired_at", "2027-13-29 15:00:00", "有効期限: – → 2027-13-29 15:00:00"),
        ("result", "ok", "結果: – → 低リスク"),
        ("result", "maybe", "結果: – → maybe"),
    ],
)
def test_a_timeline_line_shows_stored_days_as_days_in_japan(field: str, stored: str, ja: str) -> None:
    """The audit log has days as UTC instants. A timeline shows the day in Japan, and the word of a result."""
    sentence = wording.translate("timeline.credit-check.detail_stored", "ja", changes={field: [None, stored]})
    assert sentence == f"詳細を保存しました。{ja}"


def test_every_outcome_class_has_words() -> None:
    """The catalogue has a text for each outcome class of a call to a provider."""
    assert [kind for kind in OutcomeClass if f"outcome.{kind.value}" not in JAPANESE_SENTENCES] == []


# ---- forms


@pytest.mark.parametrize(
    ("age", "ja", "en"),
    [
        (timedelta(seconds=-3), "0 秒", "0 s"),
        (timedelta(seconds=59.9), "59 秒", "59 s"),
        (timedelta(minutes=44), "44 分", "44 min"),
        (timedelta(hours=26, minutes=59), "26 時間", "26 h"),
        (timedelta(hours=48), "2 日", "2 d"),
        (timedelta(days=69), "69 日", "69 d"),
    ],
)
def test_ages_are_formatted(age: timedelta, ja: str, en: str) -> None:
    """An age has a number and a unit, and is given in hours up to two days."""
    assert (wording.format_age(age, "ja"), wording.format_age(age, "en")) == (ja, en)


def test_instants_are_formatted() -> None:
    """Instants are written in Japanese time with the time zone, and in a short form in lists, which has the year only
    if it isn't the present year in Japan. An end at midnight is written as the last valid day.
    """
    assert wording.format_instant(NOW) == "2026-11-20 15:04:05 JST"
    assert wording.format_instant(NOW, "short") == "11-20 15:04"
    sentence = partial(wording.translate, "why.payment_waiting", "en", expires_at=NOW)
    assert "until 11-20 15:04." in sentence()
    assert "until 11-20 15:04." in sentence(now=datetime(2026, 12, 31, 14, 59, tzinfo=UTC))
    in_japans_new_year = datetime(2026, 12, 31, 15, tzinfo=UTC)
    assert "until 2026-11-20 15:04." in sentence(now=in_japans_new_year)
    assert "until 2026-11-20 15:04." in FileTextContext("en", lambda: in_japans_new_year).translate(
        "why.payment_waiting", expires_at=NOW
    )
    assert wording.format_instant(NOW, "clock") == "15:04:05"
    midnight_in_japan = datetime(2027, 11, 20, 15, tzinfo=UTC)
    assert wording.format_instant(midnight_in_japan, "until") == "2027-11-20"
    assert wording.format_instant(midnight_in_japan, "day") == "2027-11-21"
    assert (wording.format_instant(None), wording.format_day(date(2026, 1, 2))) == ("–", "2026-01-02")


CLOCK_TIME_SENTENCE_KEYS = sorted(key for key, text in wording.read_sentences("en").items() if ":clock}" in text)


@pytest.mark.parametrize("language", wording.LANGUAGES)
@pytest.mark.parametrize("key", CLOCK_TIME_SENTENCE_KEYS)
def test_a_time_of_another_day_is_shown_with_its_day(language: str, key: str) -> None:
    """A sentence about a time on another day contains the day. Without it, "since 15:04:05" on Monday would be read
    as today, although the read-only switch was set on Friday.
    """
    names = wording.list_placeholder_names(wording.read_sentences(language)[key])
    context = FileTextContext(language, lambda: NOW + timedelta(days=3))
    sentence = context.translate(key.removesuffix(".full"), **dict.fromkeys(names, NOW))
    assert "11-20 15:04" in sentence
    assert "15:04:05" not in sentence.replace("2026-11-20 15:04:05 JST", "")
    same_day = FileTextContext(language, lambda: NOW + timedelta(hours=8, minutes=55))
    assert "15:04:05" in same_day.translate(key.removesuffix(".full"), **dict.fromkeys(names, NOW))


def test_a_short_time_of_another_day_has_its_date() -> None:
    """In the status bar and in the list of recent records, a time has no seconds, and a time of another day has its
    date.
    """
    for later, expected in ((timedelta(hours=1), "15:04"), (timedelta(days=1), "11-20 15:04")):
        assert wording.format_minute_instant(NOW, NOW + later) == expected


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (12_000, "JPY", "¥12,000"),
        (0, "JPY", "¥0"),
        (-500, "JPY", "−¥500"),
        (12_345_600, "INR", "₹1,23,456.00"),
        (99_999, "INR", "₹999.99"),
        (100_005, "INR", "₹1,000.05"),
        (1_234_567_890_12, "INR", "₹1,23,45,67,890.12"),
        (-5, "INR", "−₹0.05"),
        (1050, "USD", "USD 10.50"),
    ],
)
def test_amounts_are_formatted(minor: int, currency: str, text: str) -> None:
    """An amount is formatted from whole minor units without a float, with Indian grouping for rupees and a true minus
    sign.
    """
    assert wording.format_amount(minor, currency) == text


def test_numbers_counts_and_sizes_are_formatted() -> None:
    """Corporation numbers are grouped, counts at their limit end in "+", file sizes have a unit, and long ids are
    shortened.
    """
    assert wording.format_corporation_number("7123456789012") == "7 1234 5678 9012"
    assert wording.format_corporation_number("odd") == "odd"
    assert (wording.format_count(1204), wording.format_count(1000, is_capped=True)) == ("1,204", "1,000+")
    assert list(map(wording.format_bytes, (12, 4_300, 186_368, 3_145_728))) == ["12 B", "4.2 KB", "182 KB", "3.0 MB"]
    assert wording.shorten_id("7f3c0b9e-2222-4333-8444-55555555d2a1") == "7f3c…d2a1"


def test_catalogues_are_found_from_any_working_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The word catalogues are found in every working directory."""
    monkeypatch.chdir(tmp_path)
    read_sentences.cache_clear()
    assert translate("app.name", "ja") == "サポートコンソール"


@pytest.mark.parametrize("language", wording.LANGUAGES)
def test_texts_predict_nothing_about_running_and_unknown_calls(language: str) -> None:
    """The hint of the queue of running calls doesn't predict when they end. The explanation of an unknown outcome
    says neither that it isn't a failure nor that nothing was charged."""
    words = wording.get_program_sentences(language)
    assert not re.search("seconds|soon|秒|まもなく", words["queue.pending.hint"])
    explanation = words["glossary.unknown"]
    assert not re.search("not a failure|失敗ではありません", explanation)
    assert not re.search("nothing was charged|料金は発生していません", explanation, re.IGNORECASE)


def test_a_list_of_different_records_names_the_kind_of_each() -> None:
    """In a list of records of different kinds, each number has the kind of its record in front of it, including
    refunds.
    """
    assert format_record_reference("refund", 4, "ja") == "返金 R-4"
    assert format_record_reference("payment", 4, "en", "ORD-1") == "Payment ORD-1"
    assert format_record_reference("credit-check", 4, "en") == "Credit check 4"


@pytest.mark.parametrize(
    ("kind", "name", "english", "japanese"),
    [
        ("operator", "op-c", "Person: op-c", "利用者: op-c"),
        ("provider", "paypay", "Provider: PayPay", "提供元: PayPay"),
        ("provider", "4711", "Provider", "提供元"),
        ("read-only", "everything", "Read-only switch: Everything", "閲覧専用の設定: 全体"),
        ("read-only", "atom", "Read-only switch: Atom", "閲覧専用の設定: Atom"),
        ("limit", "per_refund JPY", "Limit: Per refund JPY", "上限額: 1 件の返金 JPY"),
        ("limit", "second_above_atom INR", "Limit: Two approvers above, Atom INR", None),
        ("limit", "second_above_nobody INR", "Limit", "上限額"),
        ("limit", "no such limit", "Limit", "上限額"),
    ],
)
def test_an_audit_entry_names_its_person_provider_switch_or_limit(
    kind: str, name: str, english: str, japanese: str | None
) -> None:
    """The audit trail says which person was registered, which limit was changed and what was set read-only. A name
    that this version doesn't know, as in a refused attempt, is left out.
    """
    assert format_record_reference(kind, name, "en") == english
    assert japanese is None or format_record_reference(kind, name, "ja") == japanese


@pytest.mark.parametrize(
    ("language", "sentences", "text"),
    [
        ("ja", ("決済は完了です。", "返金できます。"), "決済は完了です。返金できます。"),
        ("en", ("Probe it.", "", "Then open it."), "Probe it. Then open it."),
        (
            "en",
            ("Resolved because: 店舗と合意済み", "Open the record."),
            "Resolved because: 店舗と合意済み · Open the record.",
        ),
        ("ja", ("対象 2 件", "", "¥500"), "対象 2 件・¥500"),
    ],
)
def test_joined_sentences_keep_their_punctuation(language: str, sentences: tuple[str, ...], text: str) -> None:
    """When texts are joined, a person's words and titles get no full stop, and Japanese sentences get no space
    between them. Without a full stop, the separator of the language stands between two texts.
    """

    def translate(key: str, **facts: object) -> str:
        return wording.translate(key, language, **facts)

    assert wording.join_sentences(sentences, translate) == text


def test_each_language_has_one_separator_of_facts() -> None:
    """No Japanese text has the separator of the English ones."""
    texts = json.loads((resources_dir() / "words" / "ja.json").read_text(encoding="utf-8"))
    assert [key for key, text in texts.items() if " · " in str(text)] == []


@pytest.mark.parametrize(
    ("language", "advice"), [("en", r"Open the record (to see|and check)"), ("ja", r"(^|[、。])記録を開(いて|き、)")]
)
def test_an_error_on_the_page_of_its_record_does_not_advise_to_open_it(language: str, advice: str) -> None:
    """Each message about an error that advises to open the record has a second text, without this advice, for the
    page of the record."""
    sentences = read_sentences(language)
    advising_keys = {key for key, text in sentences.items() if key.startswith("error.") and re.search(advice, text)}
    assert len(advising_keys) > 8
    for key in advising_keys - {"error.outcome_unknown.interrupted"}:  # about a command of the terminal
        stem, full, _ = key.partition(".full")
        assert not re.search(advice, sentences[f"{stem}.here{full}"]), key


def test_only_one_module_formats_the_time_of_an_instant() -> None:
    """Lists, pages and commands show an event with the same time, because only `formats.py` turns an instant into a
    clock time. Other modules may format a day.
    """
    root = Path(console.__file__).parent
    packages = ("cli", "views", "wording", "services/evidence", "services/exports", "services/reports")
    formatting = {
        str(path.relative_to(root))
        for package in packages
        for path in (root / package).rglob("*.py")
        if re.search(r"%H:?%M|%X|%c\b", path.read_text())
    }
    assert formatting == {"wording/sentences/formats.py"}
