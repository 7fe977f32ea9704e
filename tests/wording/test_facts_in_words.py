"""Tests that the texts on screens contain no amounts in minor units, no codes in place of words, and no internal ids
of payments and orders.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from console.domain.audit.actions import AuditAction
from console.domain.errors import ErrorCode, rebuild_error
from console.domain.evidence.timeline import TimelineEvent, TimelineEventKind, TimelinePage
from console.domain.records import TimelineEntry, WorkReason
from console.services.payments.providers import PAYMENT_STATE_BY_NOTICE_TYPE
from console.wording import timelines
from console.wording.notices import format_notice_type
from console.wording.sentences import catalogue as wording
from console.wording.sentences.findings import PROVIDER_STATE_WORDS_OF_TWO_RECORD_KINDS

NOW = datetime(2026, 11, 20, 6, 4, 5, tzinfo=UTC)
LANGUAGES = ("ja", "en")
PAYMENT_ID = 91
NUMBER_BY_RECORD = {("payment", "91"): "A-10442", ("order", "92"): "ORD-9"}
_MINOR_AMOUNT_PATTERN = re.compile(r"\d (?:JPY|INR)\b|\b(?:251000|3250075|249900)\b")
_CODE_PATTERN = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)+\b|\b[a-z]+=[a-z]|\bpayment\.[a-z]+")
_ID_PATTERN = re.compile(r"(?:[Pp]ayment|[Oo]rder|決済|注文|bulk-run) ?(?:91|92)\b")


def find_raw_parts(text: str) -> list[str]:
    """Return the parts of a text that people should not see: codes, internal ids and amounts in minor units."""
    return [
        match[0]
        for pattern in (_MINOR_AMOUNT_PATTERN, _CODE_PATTERN, _ID_PATTERN)
        for match in pattern.finditer(text)
    ]


def test_the_search_for_raw_values_finds_each_fault() -> None:
    """`find_raw_parts` finds each kind of fault, and nothing in correct texts."""
    faults = (
        "completed 3250075",
        "249900 INR",
        "order=pending",
        "payment.succeeded",
        "(http_404)",
        "Payment 91",
        "bulk-run 91",
        "注文 92",
    )
    assert all(find_raw_parts(fault) for fault in faults)
    assert find_raw_parts("Payment A-91: ¥2,510 (HTTP 404), R-91, order ORD-92") == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_time_of_a_payment_is_not_called_the_time_of_its_confirmation(language: str) -> None:
    """No sentence calls `paid_at` the time of a confirmation: it is the time at which the customer paid, and the
    program confirms the payment later.
    """
    texts = [text for text in wording.read_sentences(language).values() if "{paid_at" in text]
    assert len(texts) > 3
    assert [text for text in texts if re.search(r"confirmed at \{paid_at|\{paid_at:\w+\} に確認", text)] == []


@pytest.mark.parametrize("key", ["dialog.reconcile.no_day", "close.no_day"])
def test_the_message_about_a_wrong_day_holds_for_a_day_that_does_not_exist(key: str) -> None:
    """The message about a wrong day asks for a day that exists, not only for a day in the form of the example,
    because 2026-13-01 has this form and isn't a day."""
    assert "実在する日付" in wording.translate(key, "ja")
    assert "a day of the calendar" in wording.translate(key, "en")


def test_the_heading_of_risk_signals_holds_for_each_of_them() -> None:
    """The heading of the risk signals is a word that fits each of them. It doesn't speak of duplicate refunds,
    because a signal can also be about, for example, a payment that a bank can reverse.
    """
    for key in ("dialog.refund.radar", "dialog.refund.radar_short"):
        assert wording.translate(key, "ja") == "確認すべき点"
        assert wording.translate(key, "en") == "Warnings"


STORED_FINDINGS: Mapping[str, tuple[str, str]] = {
    "order=pending; payment 91=completed 251000 INR": (
        "注文 未入金、決済 完了 ₹2,510.00", "order Unpaid, payment Completed ₹2,510.00",
    ),
    "payment 91=completed 5500 JPY after=expired": (
        "決済 完了 ¥5,500（期限切れの後）", "payment Completed ¥5,500, after Expired",
    ),
    "completed 251000": ("完了", "Completed"),
    "COMPLETED 251000 INR": ("支払い完了 ₹2,510.00", "Paid ₹2,510.00"),
    "OTS0600 3250075 INR": ("失敗 ₹32,500.75", "Failed ₹32,500.75"),
    "REFUNDED 3300 JPY": ("REFUNDED ¥3,300", "REFUNDED ¥3,300"),
    "13 digits": ("13 桁の法人番号", "13 digits"),
    "251000 INR": ("₹2,510.00", "₹2,510.00"),
    "33000 JPY": ("¥33,000", "¥33,000"),
    "http_404": ("記録なし", "not found"),
    "http_599": ("内部エラー", "server error"),
    "success": ("購入済", "Bought"),
    "at most 500000 JPY": ("上限 ¥500,000", "at most ¥500,000"),
    "1500 of 5500 JPY": ("¥5,500 のうち ¥1,500", "¥1,500 of ¥5,500"),
    "refund 30 of 251000 INR": ("返金 R-30 ₹2,510.00", "refund R-30 ₹2,510.00"),
    "ORD-9 is cancelled": ("注文 ORD-9: 取消", "order ORD-9: Cancelled"),
    "04219 of 91": ("04219 は別の決済の番号", "04219 belongs to another payment"),
    "HTTP 404 NOT_FOUND http_404": ("記録なし", "not found"),
    "HTTP 500 UNKNOWN http_500": ("結果不明（内部エラー）", "unknown (server error)"),
    "HTTP 418 FAILED_DEFINITE http_418": ("不成立（受付不可の依頼）", "failed (request not accepted)"),
    "HTTP 200 SUCCEEDED answered": ("成功", "succeeded"),
    "payment.reversed ORD-9 3300 JPY": ("支払いの取消（組戻） ORD-9 ¥3,300", "Payment reversed ORD-9 ¥3,300"),
    "取引完了 67100 JPY": ("取引完了 ¥67,100", "Paid (取引完了) ¥67,100"),
    "atom knows no such payment": ("Atom に記録なし", "Atom has no record of it"),
    "no refund of ours": ("当社の返金なし", "no refund of ours"),
}  # fmt: skip


@pytest.mark.parametrize("stored", STORED_FINDINGS)
def test_a_stored_finding_is_words_and_money(stored: str) -> None:
    """A stored mismatch of an alert is shown with words and formatted amounts in both languages. An amount without a
    stored currency is left out.
    """
    for language, expected in zip(LANGUAGES, STORED_FINDINGS[stored], strict=True):
        text = wording.format_finding(stored, language)
        assert find_raw_parts(text) == [], text
        if expected:
            assert text.strip() == expected


def test_raw_answers_have_codes_and_words() -> None:
    """The summary of a provider's answer contains its HTTP status and the provider's own word. Sentences contain
    neither of them.
    """
    summaries = {
        "HTTP 599 UNKNOWN http_599": "unknown (server error) · HTTP 599",
        "OTS0600 3250075 INR": "Failed (OTS0600) ₹32,500.75",
    }
    assert {text: wording.format_evidence_summary(text, "en") for text in summaries} == summaries


def test_a_state_is_written_with_a_capital_letter_everywhere() -> None:
    """In English every state, ours or a provider's, begins with a capital letter, as in `Actual: Failed. Expected:
    Completed`.
    """
    prefixes = ("state.", "provider_state.", "history_state.", "finding.bought", "finding.not_bought")
    words = {key: text for key, text in wording.read_sentences("en").items() if key.startswith(prefixes)}
    assert len(words) > 50
    assert {key: text for key, text in words.items() if not text[0].isupper()} == {}


@pytest.mark.parametrize("type", PAYMENT_STATE_BY_NOTICE_TYPE)
def test_each_type_of_a_signed_notice_has_words(type: str) -> None:
    """Each type of a signed notice has a word in both languages. The queue of unmatched notices, its exported file
    and the timelines use this word.
    """
    assert [find_raw_parts(format_notice_type("bank", type, language)) for language in LANGUAGES] == [[], []]


def test_an_unknown_notice_code_is_shown_after_its_words() -> None:
    """A provider's unknown code in a notice is shown after the words about it, and so is an unknown type of
    notice.
    """
    types = (("paypay", "COMPLETED"), ("atom", "OTS0600"), ("bank", "account.closed"))
    assert [format_notice_type(*type, "ja") for type in types] == [
        "支払い完了（COMPLETED）",
        "失敗（OTS0600）",
        "その他の通知（account.closed）",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_program_as_actor_has_a_word_in_every_sentence(language: str) -> None:
    """If the program itself has acted, no Japanese sentence that names the acting person contains the English word
    worker, under which the program acts.
    """
    acts = {"maker", "who", "holder", "person", "owner"}
    sentences = {
        key: text
        for key, text in wording.read_sentences(language).items()
        if any(f"{{{act}}}" in text for act in acts)
    }
    assert len(sentences) > 20
    for key in sentences:
        sentence = wording.translate(key, language, **dict.fromkeys(acts, "worker"))
        assert language == "en" or "worker" not in sentence, (key, sentence)
    assert wording.translate("why.refund_approved", "ja", checkers=("worker", "lead-b")).startswith(
        "自動処理、lead-b"
    )


def test_provider_words_with_two_meanings_are_not_translated() -> None:
    """A provider's word that has one meaning for payments and another for refunds is shown unchanged, without a
    translation.
    """
    prefix = "provider_state."
    kinds: dict[str, set[str]] = defaultdict(set)
    for key in wording.read_sentences("en"):
        if key.startswith(prefix):
            family, _, word = key.removeprefix(prefix).partition(".")
            kinds[word].add(family)
    assert {word for word, families in kinds.items() if len(families) > 1} == PROVIDER_STATE_WORDS_OF_TWO_RECORD_KINDS


def test_an_amount_uses_the_currency_of_the_other_value() -> None:
    """If only one of the two values of an alert has a currency, the amount in the other value is formatted with the
    same currency.
    """
    assert wording.format_finding("completed 251000", "en", "COMPLETED 249900 INR") == "Completed ₹2,510.00"


EXAMPLE_FACTS: Mapping[str, object] = {
    "minor": 251_000, "currency": "INR", "payment": PAYMENT_ID, "order": "ORD-9", "word": "COMPLETED", "by": 18,
    "approval": 4711, "case": 4711, "alert": 4711,
    "rule": "amount_differs", "observed": "COMPLETED 249900 INR", "expected": "completed 3250075",
    "note": "seen",
    "provider": "paypay", "provider_id": 12345, "state": "completed", "column": "payment_method", "kept": "card",
    "other": "paypay", "summary": "HTTP 404 NOT_FOUND http_404", "outcome": "UNKNOWN", "action": "payment.start",
    "from": "paypay", "told": "payment.succeeded", "ours": "completed 251000 INR", "theirs": "COMPLETED 249900 INR",
    "verdict": "different_amount", "from_day": "2026-11-19", "to_day": "2026-11-19", "saga": "payment_timeout",
    "changes": {"pdf_file_path": ["",
    "ab/cd.pdf"], "result": [None, "hold"]}, "instead_of": 18, "roles": ["operator"],
    "proposed": "payment_failed", "account": "op-b", "written": "T1180301018771", "rows": 3,
}  # fmt: skip
OUTCOME_REASONS = ("http_404", "http_599", "read_timeout", "not_allowed", None)


def iterate_timeline_entries() -> Iterator[TimelineEntry]:
    for action in AuditAction:
        for result in ("done", "refused", "failed"):
            for reason in OUTCOME_REASONS:
                yield TimelineEntry(NOW, "op-a", action, {**EXAMPLE_FACTS, "reason": reason}, result)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_audit_action_has_a_sentence(language: str) -> None:
    """Timelines, the audit page and evidence packs use the sentence of each audit action. It contains no codes,
    internal ids or minor units.
    """
    sentence_by_action = {
        f"{entry.what} {entry.result}": wording.format_audit_entry(entry, language)
        for entry in iterate_timeline_entries()
    }
    assert {name: text for name, text in sentence_by_action.items() if "4711" in text} == {}
    assert {name: find_raw_parts(text) for name, text in sentence_by_action.items() if find_raw_parts(text)} == {}


SHOWN_ERROR_CODES = [
    code for code in ErrorCode if code not in (ErrorCode.INTERNAL_ERROR, ErrorCode.VIEWING_PERIOD_OVER)
]
TIMELINE_STEPS = {
    "begun": (TimelineEventKind.BEGUN, "operations"),
    "ended": (TimelineEventKind.ENDED, "operations:ended"),
    "answer": (TimelineEventKind.ANSWER, "evidence"),
    "notice": (TimelineEventKind.NOTICE, "payment_events"),
    "alert_raised": (TimelineEventKind.ALERT, "alerts"),
    "alert_resolved": (TimelineEventKind.ALERT, "alerts:resolved"),
    "alert_acknowledged": (TimelineEventKind.ALERT, "alerts:acknowledged"),
    "reconciliation_row": (TimelineEventKind.RECONCILIATION, "reconciliation_rows"),
    "approval": (TimelineEventKind.DECISION, "approvals"),
    "saga_begun": (TimelineEventKind.SAGA, "sagas"),
    "saga_ended": (TimelineEventKind.SAGA, "sagas:ended"),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("action", TIMELINE_STEPS)
@pytest.mark.parametrize("reason", OUTCOME_REASONS)
def test_each_timeline_event_has_a_sentence(action: str, reason: str | None, language: str) -> None:
    """The sentence of each timeline event names a related record by its number, and contains no code."""
    step, source = TIMELINE_STEPS[action]
    page = TimelinePage("refund", "30", (), names=NUMBER_BY_RECORD)
    for kind, id in (("payment", "91"), ("order", "92"), ("payment", "911")):
        event = TimelineEvent(
            NOW, step, "op-a", action, kind, id, source, "1", facts={**EXAMPLE_FACTS, "reason": reason}
        )
        text = timelines.format_event_sentence_with_record(event, page, language)
        assert find_raw_parts(text) == [], text
        assert "4711" not in text, text
        assert NUMBER_BY_RECORD.get((kind, id), "") in text
        assert id not in text.replace("A-10442", "").replace("ORD-9", "").replace("249900", "")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("outcome", "reason"), [("NOT_FOUND", "http_404"), ("RATE_LIMITED", "http_429")])
def test_equal_words_of_outcome_and_reason_are_shown_once(outcome: str, reason: str, language: str) -> None:
    """If the reason of an answer has the same words as its outcome, the sentence has them once."""
    facts = {"from": "paypay", "outcome": outcome, "reason": reason, "summary": f"{outcome} {reason}"}
    event = TimelineEvent(
        NOW, TimelineEventKind.ANSWER, "op-a", "answer", "payment", "1", "evidence", "1", facts=facts
    )
    text = timelines.format_event_sentence(event, language).casefold()
    assert text.count(wording.translate(f"outcome.{outcome}", language).casefold()) == 1, text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_comparison_with_a_history_names_one_day_once_and_no_missing_side(language: str) -> None:
    """The sentence about a payment that a reconciliation has compared names a single day once. If the history doesn't
    have the payment, the sentence says so, and has no "–" instead of a state."""
    facts = {
        "provider": "paypay", "from_day": "2026-11-29", "to_day": "2026-11-29", "verdict": "missing_there",
        "ours": "completed 5500 JPY", "theirs": None,
    }  # fmt: skip
    event = TimelineEvent(
        NOW,
        TimelineEventKind.RECONCILIATION,
        "op-a",
        "reconciliation_row",
        "payment",
        "1",
        "reconciliation_rows",
        "1",
        facts=facts,
    )
    text = timelines.format_event_sentence(event, language)
    assert (text.count("2026-11-29"), "–" in text) == (1, False), text
    two_days = replace(event, facts={**facts, "to_day": "2026-11-30", "theirs": "completed 6600 JPY"})
    text = timelines.format_event_sentence(two_days, language)
    assert all(part in text for part in ("2026-11-29", "2026-11-30", "6,600")), text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", SHOWN_ERROR_CODES)
def test_each_error_has_a_sentence(code: ErrorCode, language: str) -> None:
    """The sentence of each error contains no unformatted fact, and its amounts have the currency of the record."""
    detail = {"minor": 251_000, "left": 249_900, "limit": 249_900, "today": 249_900, "currency": "INR"}
    text = wording.format_error_message(rebuild_error(code, {**detail, "kind": "payment", "id": "A-10442"}), language)
    assert [part for part in find_raw_parts(text) if part != "request_id"] == [], text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "reason",
    [
        *WorkReason,
        *("A", "B", "C", "task_late", "provider_away", "undelivered_answer"),
        *("days_not_reconciled", "reconcile_rows_refused"),
    ],
)
def test_each_alert_rule_and_reason_has_a_word(reason: str, language: str) -> None:
    """Each rule and reason that alerts, queues and cases show has a word in both languages."""
    key = wording.find_alert_rule_sentence_key(reason)
    assert key is not None
    assert find_raw_parts(wording.translate(key, language)) == []


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_timeline_cuts_only_a_corporation_number_into_groups(language: str) -> None:
    """In a timeline only a corporation number is shown in groups of digits. An order number with 13 digits is shown
    unchanged.
    """
    facts = {"name": "1763950000123", "state": "pending", "minor": 500, "currency": "JPY"}
    for kind, shown in (("credit-check", "1 7639 5000 0123"), ("refund", "1763950000123")):
        page = TimelinePage(
            kind, "30", (), facts={**facts, "state": "pending" if kind == "credit-check" else "requested"}
        )
        assert shown in timelines.format_timeline(page, language).splitlines()[0]
