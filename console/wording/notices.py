"""Texts of unmatched notices, for the window and the terminal: the type, the amount and the similar records."""

from console.domain.payments.records import Payment
from console.domain.views.unmatched_notices import NoticeCandidate, UnmatchedNotice
from console.wording.sentences import catalogue as wording


def format_notice_amount(notice: UnmatchedNotice) -> str:
    """Return the amount of a notice as text; "" if the notice contains no amount."""
    if notice.amount_minor is None or notice.currency is None:
        return ""
    return wording.format_amount(notice.amount_minor, notice.currency)


def format_notice_type(notice_source: str, type: str, language: str) -> str:
    """Return the words for the type of a notice. The type is a code of its sender (`notice_source`), such as
    `payment.succeeded`. If there is no sentence for this type itself, the text is words about the state, followed by
    the code in brackets, such as `Paid (COMPLETED)`.
    """
    if wording.has_sentence(f"notice.type.{type}"):
        return wording.translate(f"notice.type.{type}", language)
    key = f"provider_state.{notice_source}-payment.{type}"
    type_words = wording.translate(key if wording.has_sentence(key) else "notice.type_other", language)
    is_closed_by_bracket = type_words.endswith((")", "）"))
    sentence_key = "finding.provider_words" if is_closed_by_bracket else "finding.provider_word"
    return wording.translate(sentence_key, language, words=type_words, code=type)


def format_notice_candidate(candidate: NoticeCandidate, language: str) -> str:
    """Return the text for a record that may belong to a notice, with the facts that are equal in the record and the
    notice, such as `Payment ORD-1 ¥3,300: same number`."""
    record = candidate.record
    if isinstance(record, Payment):
        title = wording.translate("case.title.payment", language, number=record.merchant_payment_id)
        amount = wording.format_amount(record.captured_minor or record.asked_minor, record.currency)
    else:
        title = wording.translate("case.title.order", language, number=record.merch_txn_id)
        amount = wording.format_amount(record.total_minor, record.currency)
    shared_words = [wording.translate(f"notice.shared.{fact}", language) for fact in candidate.shared_facts]
    separator = wording.translate("list.separator", language)
    return wording.translate(
        "notice.candidate", language, record=f"{title} {amount}", shared=separator.join(shared_words)
    )


def format_missing_candidates(notice: UnmatchedNotice, language: str) -> str:
    """Return the sentences about the search for similar records that has found none: the searched number, amount and
    day, as far as the notice states them, and the kinds of records in which they were searched."""

    def translate(key: str, **facts: object) -> str:
        return wording.translate(key, language, **facts)

    provider = wording.get_provider_name(notice.source, language)
    has_amount = notice.amount_minor is not None and notice.currency is not None
    sentences = [
        translate("notice.no_same_number" if notice.order_no else "notice.no_order_number"),
        translate("notice.no_same_amount", provider=provider) if has_amount else translate("notice.no_amount"),
    ]
    return wording.join_sentences(sentences, translate)
