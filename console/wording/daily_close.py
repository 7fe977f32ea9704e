"""Texts of a daily close, for the window, the terminal and exports: its title, its state, its sums and changes."""

from collections.abc import Iterator, Sequence

from console.domain.reports.daily_close import (
    SHOWN_SUM_NAMES,
    CloseReconciliation,
    DailyClose,
    DailyCloseChange,
    NotFinalReason,
    UnknownRecord,
)
from console.domain.reports.refund_funnel import CountAndSum
from console.wording import reports as report_words
from console.wording.sentences.catalogue import get_provider_name, translate
from console.wording.sentences.formats import NO_VALUE, format_amount, format_instant

NET_SUM_NAME = "net"
"""Name of the net amount, which is no member of SHOWN_SUM_NAMES."""


def format_daily_close_title(close: DailyClose, language: str) -> str:
    """Return the title of a daily close, with its provider and its day."""
    return translate(
        "close.title", language, provider=get_provider_name(close.provider, language), day=close.day.isoformat()
    )


def format_daily_close_state(close: DailyClose, language: str) -> str:
    """Return a sentence which says that the daily close is final, or that it isn't final and for which reasons."""
    if close.is_final:
        return translate("close.final", language)
    reasons = [text for point in close.open_points for text in _list_texts_of_reason(close, point, language)]
    return translate("close.not_final", language, reasons=translate("close.point_separator", language).join(reasons))


def _list_texts_of_reason(close: DailyClose, reason: NotFinalReason, language: str) -> Sequence[str]:
    """Return the texts about one reason for which the daily close is not final."""
    texts: Iterator[str] = iter(())
    if reason is NotFinalReason.STILL_UNKNOWN:
        texts = _list_still_unknown_texts(close.unknown_records, language)
    elif reason is NotFinalReason.NOT_RECONCILED and close.reconciliation is not None:
        texts = _list_reconciliation_gap_texts(close.reconciliation, language)
    return list(texts) or [translate(f"close.point.{reason}", language)]


def _list_still_unknown_texts(records: Sequence[UnknownRecord], language: str) -> Iterator[str]:
    """Yield a text about the payments whose outcome is still unknown, and one about the refunds, with their number
    and their sum in each currency."""
    for kind in ("payment", "refund"):
        still_unknown = [record for record in records if record.kind == kind and record.settled_at is None]
        if still_unknown:
            sums: dict[str, int] = {}
            for record in still_unknown:
                sums[record.currency] = sums.get(record.currency, 0) + record.minor
            amounts = translate("close.id_separator", language).join(
                format_amount(minor, currency) for currency, minor in sums.items()
            )
            yield translate(f"close.point.{kind}_unknown", language, n=len(still_unknown), amounts=amounts)


def _list_reconciliation_gap_texts(reconciliation: CloseReconciliation, language: str) -> Iterator[str]:
    """Yield a sentence about the provider's days that no complete run compared, and one about a run that began too
    early."""
    if reconciliation.days_without_run:
        days = translate("close.id_separator", language).join(map(str, reconciliation.days_without_run))
        yield translate("close.point.gateway_days_not_reconciled", language, days=days)
    if reconciliation.early_run_id is not None:
        yield translate("close.point.reconciled_early", language, id=reconciliation.early_run_id)


def format_daily_close_notes(close: DailyClose, language: str) -> Iterator[str]:
    """Yield sentences about a daily close: the meaning of its figures, the reversals on another day than the payment,
    the reconciliation of the day, the time of the day's first close and, if the daily close isn't complete, the
    outcomes that may be missing.
    """
    yield translate("close.about", language)
    yield translate("close.fees", language)
    for reversal in close.moved_reversals:
        yield translate(
            "close.moved_reversal",
            language,
            n=reversal.count,
            amount=format_amount(reversal.minor, reversal.currency),
            paid_on=reversal.paid_on.isoformat(),
            reversed_on=reversal.reversed_on.isoformat(),
        )
    run = close.reconciliation
    if run is None:
        yield translate("close.reconciliation.none", language)
    else:
        key = "close.reconciliation.own_days" if run.has_differences_of_day else "close.reconciliation"
        ids = translate("close.id_separator", language).join(map(str, run.run_ids))
        days = run.from_day.isoformat()
        if run.to_day != run.from_day:
            days = translate("close.days", language, first=days, last=run.to_day.isoformat())
        counts = {"matched": run.matched_count, "n": run.difference_count}
        yield translate(key, language, ids=ids, days=days, **counts)
        if run.is_missing_unknown:
            yield translate("close.missing_unknown", language, n=run.refused_row_count)
    yield _format_first_close(close, language)
    if not close.is_complete:
        yield translate("close.capped", language)


def _format_first_close(close: DailyClose, language: str) -> str:
    """Return the sentence with the time at which the day was closed for the first time."""
    first_close = close.first_close
    if first_close is None:
        return translate("close.first", language)
    facts = {"at": format_instant(first_close.at), "person": first_close.person}
    if not first_close.is_comparable:
        return translate("close.incomparable", language, **facts)
    return translate("close.changed" if close.changes else "close.unchanged", language, **facts)


def format_daily_close_lines(close: DailyClose, language: str) -> Iterator[str]:
    """Yield the whole daily close as lines of text, for the terminal and for screen readers."""
    yield format_daily_close_title(close, language)
    yield format_daily_close_state(close, language)
    yield from format_daily_close_notes(close, language)
    for money in close.money:
        for name in SHOWN_SUM_NAMES:
            value = report_words.format_count_and_sum(money.get_sum(name), money.currency, language)
            yield f"{money.currency} {get_daily_sum_name(name, language)}: {value}"
        net = format_amount(money.net_minor, money.currency)
        yield f"{money.currency} {get_daily_sum_name(NET_SUM_NAME, language)}: {net}"
    for record in close.unknown_records:
        yield translate(
            "close.unknown.line",
            language,
            record=format_unknown_record(record, language),
            number=record.number,
            amount=format_amount(record.minor, record.currency),
            since=format_instant(record.since),
            settled=format_settled_outcome(record, language),
        )
    yield from format_daily_close_change_lines(close, language)


def format_daily_close_change_lines(close: DailyClose, language: str) -> Iterator[str]:
    """Yield one line for each change of a daily close since the day was closed for the first time."""
    for change in close.changes:
        old_value, new_value = format_old_and_new_value(change, language)
        yield translate(
            "close.change.line",
            language,
            what=get_daily_close_change_name(change, language),
            before=old_value,
            after=new_value,
        )


def get_daily_sum_name(name: str, language: str) -> str:
    """Return the name of a sum of the daily close; `name` is one of SHOWN_SUM_NAMES, or `net` for the net amount."""
    return translate(f"close.sum.{name}", language)


def format_unknown_record(record: UnknownRecord, language: str) -> str:
    """Return the text for a record whose outcome was unknown at the end of the day of a daily close. The text
    contains the kind of the record and, for a refund, the refund's number. For a payment, the caller shows the
    payment number next to this text, because no screen shows the payment's id.
    """
    kind = translate(f"kind.{record.kind}", language)
    return f"{kind} R-{record.id}" if record.kind == "refund" else kind


def format_settled_outcome(record: UnknownRecord, language: str) -> str:
    """Return a text about a record whose outcome was unknown at the end of the day: the time at which the outcome
    became known, or the statement that it is still unknown.
    """
    if record.settled_at is None:
        return translate("close.unknown.still", language)
    return translate("close.unknown.settled", language, at=format_instant(record.settled_at))


def get_daily_close_change_name(change: DailyCloseChange, language: str) -> str:
    """Return the name of the value that has changed since the day was closed for the first time: a sum with its
    currency, or another field of the daily close."""
    if change.currency:
        return f"{change.currency} {get_daily_sum_name(change.what, language)}"
    return translate(f"close.change.{change.what}", language)


def _format_unknown_record_of_change(change: DailyCloseChange, language: str) -> str:
    """Return the text that names the record with an unknown outcome that a change is about: its kind with the number
    of its payment, and for a refund also the refund's number."""
    kind, id = change.unknown_record or ("payment", 0)
    name = (
        f"{translate(f'kind.{kind}', language)} R-{id}" if kind == "refund" else translate(f"kind.{kind}", language)
    )
    return f"{name} {change.number or NO_VALUE}"


def format_old_and_new_value(change: DailyCloseChange, language: str) -> tuple[str, str]:
    """Return the old and the new value of a daily close's change, as texts."""

    def format_text(value: CountAndSum | str | None) -> str:
        if isinstance(value, CountAndSum):
            return report_words.format_count_and_sum(value, change.currency, language)
        if value is not None and change.what == "unknown":
            return _format_unknown_record_of_change(change, language)
        return value or NO_VALUE

    return format_text(change.before), format_text(change.after)
