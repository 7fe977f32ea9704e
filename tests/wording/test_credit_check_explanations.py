"""Tests that the verdict, the reason and the next step of a credit check are complete sentences in both languages in
every situation.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from console.domain.errors import ConsoleError, ErrorCode, rebuild_error
from console.domain.explanations.credit_checks import explain_credit_check
from console.domain.records import Certainty, CheckRelations, CheckState, CreditCheck, Work, WorkState
from console.wording.sentences.catalogue import LANGUAGES, format_error_message
from tests.support.explanation_sentences import check_sentences_complete, make_sentences

NOW = datetime(2026, 11, 20, 6, 4, 5, tzinfo=UTC)
BOUGHT_CHECK = CreditCheck(
    id=17, corporation_number="1180301018771", client_id="42", state=CheckState.SUCCESS, certainty=Certainty.KNOWN,
    work=Work(), credit_check_id=12345, company_name="架空商事株式会社", result="ok", purchased_at=NOW,
    expired_at=NOW + timedelta(days=365), pdf_file_path="ab/abcdef.pdf", incomplete=(), superseded_by=None,
    operation_id="7f3c", version=3, created_at=NOW, changed_at=NOW, state_since=NOW, sent_at=NOW,
)  # fmt: skip
FIVE_MINUTES_LATER = NOW + timedelta(minutes=5)
PENDING_CHECK = replace(
    BOUGHT_CHECK,
    state=CheckState.PENDING,
    credit_check_id=None,
    company_name=None,
    result=None,
    purchased_at=None,
    expired_at=None,
    pdf_file_path=None,
)
UNKNOWN_CHECK = replace(
    PENDING_CHECK,
    certainty=Certainty.UNKNOWN,
    error_code="read_timeout",
    work=Work(WorkState.NEEDS_REVIEW, None, "no_list_call"),
)
INCOMPLETE_CHECK = replace(
    BOUGHT_CHECK,
    pdf_file_path=None,
    incomplete=("pdf",),
    error_code="answer_cut",
    work=Work(WorkState.SCHEDULED, FIVE_MINUTES_LATER, "incomplete", 1),
)
ENDED_REFETCHES_WORK = Work(WorkState.NEEDS_REVIEW, None, "refetches_ended", 5)

SITUATIONS: dict[str, CreditCheck] = {
    "complete": BOUGHT_CHECK,
    "expired": replace(BOUGHT_CHECK, expired_at=NOW - timedelta(days=1)),
    "running": PENDING_CHECK,
    "written by another application": replace(
        PENDING_CHECK, work=Work(WorkState.NEEDS_REVIEW, None, "written_by_other")
    ),
    "not bought": replace(PENDING_CHECK, state=CheckState.ERROR, error_code="http_422"),
    "not bought, cause lost": replace(PENDING_CHECK, state=CheckState.ERROR),
    "unknown, a person decides": UNKNOWN_CHECK,
    "unknown, asked again": replace(UNKNOWN_CHECK, work=Work(WorkState.SCHEDULED, FIVE_MINUTES_LATER, "unknown", 2)),
    "unknown, schedule ended": replace(UNKNOWN_CHECK, work=Work(WorkState.NEEDS_REVIEW, None, "probes_ended", 8)),
    "unknown, process gone": replace(
        UNKNOWN_CHECK, error_code=None, work=Work(WorkState.NEEDS_REVIEW, None, "lapsed")
    ),
    "unknown, another number": replace(UNKNOWN_CHECK, error_code="other_number"),
    "unknown, unreadable id": replace(UNKNOWN_CHECK, error_code="bad_id"),
    "incomplete, fetched again": INCOMPLETE_CHECK,
    "incomplete, schedule ended": replace(INCOMPLETE_CHECK, work=ENDED_REFETCHES_WORK),
    "incomplete, all of it": replace(
        INCOMPLETE_CHECK, incomplete=("name", "result", "dates", "pdf"), error_code=None
    ),
    "incomplete, viewing over": replace(
        INCOMPLETE_CHECK, viewing_over=True, error_code="viewing_period_over", work=Work()
    ),
    "contradicted": replace(BOUGHT_CHECK, work=Work(WorkState.NEEDS_REVIEW, None, "contradicted")),
    "superseded": replace(BOUGHT_CHECK, superseded_by=18),
    "duplicate": replace(BOUGHT_CHECK, duplicate_of=9),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_situation_has_three_whole_sentences(situation: str, language: str) -> None:
    """Each situation of a credit check has a verdict, a reason and a next step, and every fact that these sentences
    name is present.
    """
    check_sentences_complete(explain_credit_check(SITUATIONS[situation], NOW), language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_proposal_waits_for_the_second_person(language: str) -> None:
    """After the first of two decisions, the next step says that the decision of a second person is missing."""
    step = make_sentences(
        explain_credit_check(replace(UNKNOWN_CHECK, relations=CheckRelations(proposed_state="error")), NOW),
        language,
    )[2]
    assert ("第二確認者" if language == "ja" else "second person") in step


@pytest.mark.parametrize(
    ("situation", "part", "japanese", "english"),
    [
        ("incomplete, fetched again", 2, "5 回中 2 回目", "automatic re-fetch 2 of 5"),
        ("unknown, asked again", 2, "8 回中 3 回目", "automatic check 3 of 8"),
        ("incomplete, all of it", 0, "会社名、結果、期限、PDF", "company name, result, dates, PDF"),
        ("unknown, a person decides", 1, "時間切れ", "no answer in time"),
        ("unknown, a person decides", 2, "1 1803 0101 8771", "1 1803 0101 8771"),
        ("expired", 2, "更新購入", "Renew it"),
        ("superseded", 2, "与信チェック 18", "credit check 18"),
    ],
)
def test_a_sentence_of_a_credit_check_contains_its_facts(
    situation: str, part: int, japanese: str, english: str
) -> None:
    """The sentences about a credit check contain the facts of its situation: the attempts, the missing parts, the
    cause and the number.
    """
    explained = explain_credit_check(SITUATIONS[situation], NOW)
    assert japanese in make_sentences(explained, "ja")[part]
    assert english in make_sentences(explained, "en")[part]


@pytest.mark.parametrize("situation", [name for name in SITUATIONS if name.startswith("unknown")])
def test_an_unknown_purchase_is_never_called_failed(situation: str) -> None:
    """The sentences about an unknown purchase say that it may have been charged, and never that it failed."""
    for language, maybe in (("ja", "料金が発生した可能性があります"), ("en", "may have been charged")):
        verdict, why, _ = make_sentences(explain_credit_check(SITUATIONS[situation], NOW), language)
        assert maybe in verdict
        assert not any(
            word in verdict + why for word in ("失敗", "料金は発生していません", "failed", "Nothing was charged")
        )


def test_an_unknown_record_is_refused_as_unknown() -> None:
    """The refusal of a re-fetch of an unknown purchase says that the outcome is unknown, and not that the purchase is
    still running.
    """
    error = ConsoleError(ErrorCode.NOT_REFETCHABLE, {"record": UNKNOWN_CHECK, "state": "pending"})
    assert "結果が不明" in format_error_message(error, "ja")
    assert "処理中" in format_error_message(
        ConsoleError(ErrorCode.NOT_REFETCHABLE, {"record": PENDING_CHECK, "state": "pending"}), "ja"
    )


@pytest.mark.parametrize(
    "code", ["provider_auth", "rate_limited", "provider_unreachable", "stale_view", "in_progress"]
)
def test_a_refusal_about_an_unknown_purchase_excludes_only_new_charges(code: str) -> None:
    """If the record has an unknown purchase, the message of a refused call says that nothing new was charged. It
    doesn't say that nothing was charged, because the earlier purchase may have been charged.
    """
    error = rebuild_error(ErrorCode(code), {"record": UNKNOWN_CHECK})
    assert "新たな料金は発生していません" in format_error_message(error, "ja")
    assert "othing new was charged" in format_error_message(error, "en")
