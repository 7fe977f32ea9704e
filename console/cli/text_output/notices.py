"""Build the text of the queue of unmatched notices: each notice with the records that it may belong to."""

from collections.abc import Iterable, Iterator

from console.cli.text_output.records import format_aligned_lines
from console.cli.text_output.translator import Lines, Translator
from console.domain.views.unmatched_notices import UnmatchedNotice, UnmatchedNoticeItem
from console.wording import notices as notice_words
from console.wording.sentences import catalogue as wording


def format_notice_lines(items: Iterable[UnmatchedNoticeItem], translator: Translator) -> Lines:
    """Return one line for each notice: its sender, payment number, type, amount and time, and the proof of the
    sender: the signature, the network address, or none.
    """
    return format_aligned_lines(_make_notice_cells(item.notice, translator) for item in items)


def _make_notice_cells(notice: UnmatchedNotice, translator: Translator) -> tuple[str, ...]:
    return (
        wording.get_provider_name(notice.source, translator.language),
        notice.order_no or wording.NO_VALUE,
        notice_words.format_notice_type(notice.source, notice.type, translator.language),
        notice_words.format_notice_amount(notice) or wording.NO_VALUE,
        translator.format_short_instant(notice.occurred_at or notice.received_at),
        translator(f"notice.proof.{notice.proof}"),
    )


def format_candidate_lines(item: UnmatchedNoticeItem, translator: Translator) -> Iterator[str]:
    """Yield one line for each of our orders and payments that has the same number as the notice, or the same
    amount and day.
    """
    for candidate in item.candidates or ():
        yield notice_words.format_notice_candidate(candidate, translator.language)
