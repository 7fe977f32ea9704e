"""Texts of the reports, for the window, screen readers and the terminal. A text called "note" names the records that
a report has counted, a "summary" has the sums, and "lines" are the whole report."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from console.domain.calendar_days import get_end_of_japanese_day, get_start_of_japanese_day
from console.domain.reports.provider_success import Outage, ProviderSeries, ProviderSuccess
from console.domain.reports.queue_ages import AGE_CLASSES, QueueAgeReport, QueueAges
from console.domain.reports.refund_funnel import FUNNEL_STEPS, OTHER_REFUND_ENDINGS, CountAndSum, RefundFunnelReport
from console.domain.reports.settlement import SettlementReport, SettlementSeries
from console.domain.reports.time_to_truth import TimeToTruth, TimeToTruthReport
from console.wording.sentences.catalogue import format_age, get_provider_name, translate
from console.wording.sentences.formats import NO_VALUE, format_amount, format_count, format_instant


def round_percent(percent: float) -> int:
    """Return the percentage as the nearest whole number, but 100 only for 100, and 0 only for 0."""
    return int(percent) if percent in (0, 100) else min(99, max(1, int(percent + 0.5)))


def format_percent(percent: float | None) -> str:
    """Return a percentage as text such as `98 %`, rounded as `round_percent` does. Return – for None."""
    return NO_VALUE if percent is None else f"{round_percent(percent)} %"


def list_outages_on_day(day: date, outages: Sequence[Outage]) -> tuple[Outage, ...]:
    """Return the outages of a provider that overlap a Japanese day, at least in part."""
    start, end = get_start_of_japanese_day(day), get_end_of_japanese_day(day)
    return tuple(
        outage for outage in outages if outage.since < end and (outage.until is None or outage.until > start)
    )


def format_outage(outage: Outage, language: str) -> str:
    """Return a text with the beginning and the end of a provider's outage. While the outage lasts, the text has no
    end."""
    since = format_instant(outage.since, "short")
    if outage.until is None:
        return translate("reports.success.outage_open", language, since=since)
    until = format_instant(outage.until, "short")
    return translate("reports.success.outage_ended", language, since=since, until=until)


def format_provider_success_note(report: ProviderSuccess, language: str) -> str:
    """Return sentences about the payments that the report has counted, and about the providers of which some payments
    are missing because the report reads only a limited number of payments.
    """
    sentences = [translate("reports.success.note", language)]
    sentences += [
        translate("reports.success.capped", language, provider=get_provider_name(series.provider, language))
        for series in report.providers
        if not series.is_complete
    ]
    return "\n".join(sentences)


def format_provider_success_summary(series: ProviderSeries, language: str) -> str:
    """Return a text about all days of one provider: the percentage of paid payments among the ended payments, and the
    number of ended payments.
    """
    paid_count, unpaid_count = sum(day.paid for day in series.days), sum(day.unpaid for day in series.days)
    share = format_percent(100 * paid_count / (paid_count + unpaid_count) if paid_count + unpaid_count else None)
    return translate("reports.success.summary", language, percent=share, n=paid_count + unpaid_count)


def format_provider_success_lines(report: ProviderSuccess, language: str) -> Iterator[str]:
    """Yield the lines of the report: one per provider, and one per day with payments or an outage."""
    for series in report.providers:
        name = get_provider_name(series.provider, language)
        yield f"{name}: {format_provider_success_summary(series, language)}"
        outages = [outage for outage in report.outages if outage.provider == series.provider]
        for day in series.days:
            if day.total or list_outages_on_day(day.day, outages):
                facts = {"day": day.day, "percent": format_percent(day.paid_percent), "paid": format_count(day.paid)}
                counts = {name: format_count(getattr(day, name)) for name in ("unpaid", "unknown", "other")}
                yield translate("reports.success.day", language, **facts, **counts)
        yield from (format_outage(outage, language) for outage in outages)


# -- ages of queues


def format_queue_age_note(report: QueueAgeReport, language: str) -> str:
    """Return sentences about the records that the report has counted, and about the queues in which records are
    missing because the report reads only a limited number.
    """
    sentences = [translate("reports.queue_ages.note", language)]
    sentences += [
        translate("reports.queue_ages.capped", language, queue=get_queue_name(queue.queue, language))
        for queue in report.queues
        if not queue.is_complete
    ]
    return "\n".join(sentences)


def get_queue_name(queue: str, language: str) -> str:
    """Return the title of a queue by its code `queue`."""
    return translate(f"queue.{queue}.title", language)


def format_queue_total(queue: QueueAges, language: str) -> str:
    """Return a text with the number of records in a queue, and with the number of records whose age is unknown. A `+`
    follows the first number if the queue has more records than were counted."""
    count_text = format_count(queue.total, is_capped=not queue.is_complete)
    key = "reports.queue_ages.undated" if queue.undated_count else "reports.record_count"
    return translate(key, language, n=count_text, undated=queue.undated_count)


def format_queue_age_lines(report: QueueAgeReport, language: str) -> Iterator[str]:
    """Yield one line per queue: the number of its records, and the number in each range of ages."""
    for queue in report.queues:
        count_texts = [
            f"{translate(f'reports.age.{name}', language)} {format_count(count)}"
            for name, count in zip(AGE_CLASSES, queue.counts, strict=True)
        ]
        joined_parts = translate("list.separator", language).join(count_texts)
        yield f"{get_queue_name(queue.queue, language)}: {format_queue_total(queue, language)}: {joined_parts}"


# -- refunds


def format_refund_funnel_note(report: RefundFunnelReport, language: str) -> str:
    """Return the sentence about the refunds that the report has counted: the refunds that were requested since the
    first day of its period. If the report isn't complete, it has counted only the newest of these refunds, and the
    sentence says so.
    """
    key = "reports.refund_funnel.note" if report.is_complete else "reports.refund_funnel.capped"
    return translate(key, language, since=report.period.first)


def format_count_and_sum(value: CountAndSum, currency: str, language: str) -> str:
    """Return a count with a sum of money, such as `3 · ¥9,000`."""
    return translate("list.fact_separator", language).join(list_count_and_sum(value, currency, language))


def list_count_and_sum(value: CountAndSum, currency: str, language: str) -> tuple[str, str]:
    """Return the texts of a count and of a sum of money, such as `3` and `¥9,000`."""
    return translate("reports.record_count", language, n=format_count(value.count)), format_amount(
        value.minor, currency
    )


def format_refund_funnel_lines(report: RefundFunnelReport, language: str) -> Iterator[str]:
    """Yield for each currency one line per step of a refund, one per further ending of refunds (rejected, withdrawn,
    expired, failed), and one about the refunds with an unknown outcome.
    """
    for funnel in report.funnels:
        for name in (*FUNNEL_STEPS, *OTHER_REFUND_ENDINGS, "unknown"):
            value = format_count_and_sum(funnel.get_step(name), funnel.currency, language)
            yield f"{funnel.currency} {translate(f'reports.refund_funnel.{name}', language)}: {value}"


# -- money per day


def format_settlement_note(report: SettlementReport, language: str) -> str:
    """Return sentences about the amounts that the report has added up, and about the providers of which some payments
    are missing because the report reads only a limited number of payments.
    """
    sentences = [translate("reports.settlement.note", language)]
    sentences += [
        translate("reports.settlement.capped", language, name=get_settlement_series_name(series, language))
        for series in report.series
        if not series.is_complete
    ]
    return "\n".join(sentences)


def get_settlement_series_name(series: SettlementSeries, language: str) -> str:
    """Return the name of a series of daily sums: its provider and its currency."""
    return f"{get_provider_name(series.provider, language)} {series.currency}"


def format_settlement_summary(series: SettlementSeries, language: str) -> str:
    """Return a text with the sums of all days of a series: paid, refunded, and net."""
    paid_minor, refunded = sum(day.paid_minor for day in series.days), sum(day.refunded_minor for day in series.days)
    return _format_settlement_sums("reports.settlement.summary", paid_minor, refunded, series.currency, language)


def format_settlement_lines(report: SettlementReport, language: str) -> Iterator[str]:
    """Yield the lines of the report: one per provider and currency, and one per day with payments or refunds."""
    for series in report.series:
        yield f"{get_settlement_series_name(series, language)}: {format_settlement_summary(series, language)}"
        for day in series.days:
            if day.payments or day.refunds:
                facts = (day.paid_minor, day.refunded_minor, series.currency, language)
                yield f"{day.day.isoformat()}: {_format_settlement_sums('reports.settlement.summary', *facts)}"


def _format_settlement_sums(key: str, paid_minor: int, refunded_minor: int, currency: str, language: str) -> str:
    sums = {"paid": paid_minor, "refunded": refunded_minor, "net": paid_minor - refunded_minor}
    return translate(key, language, **{name: format_amount(minor, currency) for name, minor in sums.items()})


# -- time to truth


def format_time_to_truth_note(report: TimeToTruthReport, language: str) -> str:
    """Return one sentence with the day from which the report counts the calls that had an unknown outcome. If the
    report has counted only the newest calls of a kind of record, because it reads a limited number, a further
    sentence about this kind follows.
    """
    sentences = [translate("reports.time_to_truth.note", language, since=report.period.first)]
    sentences += [
        translate("reports.time_to_truth.capped", language, kind=get_record_kind_name(kind.kind, language))
        for kind in report.kinds
        if not kind.is_complete
    ]
    return "\n".join(sentences)


def get_record_kind_name(kind: str, language: str) -> str:
    """Return the name of a kind of record in words; `kind` is the code of the kind, such as `credit-check`."""
    return translate(f"kind.{kind}", language)


def format_report_duration(duration: timedelta | None, language: str) -> str:
    """Return a duration with its unit as text; – for None."""
    return format_age(duration, language)


def format_time_to_truth_summary(kind: TimeToTruth, language: str) -> str:
    """Return a text about one kind of record, with three numbers of its unknown outcomes: the outcomes that are known
    by now, those of the known outcomes that took longer than planned, and the outcomes that are still unknown.
    """
    key = "reports.time_to_truth.summary_open" if kind.open_count else "reports.time_to_truth.summary"
    facts = {
        "settled": kind.settled_count,
        "late": kind.late_count,
        "open": kind.open_count,
        "oldest": kind.oldest_open,
    }
    return translate(key, language, **facts)


def format_time_to_truth_lines(report: TimeToTruthReport, language: str) -> Iterator[str]:
    """Yield one line per kind of record: its summary, and the times for which outcomes were unknown."""
    for kind in report.kinds:
        facts = {name: format_report_duration(getattr(kind, name), language) for name in ("median", "p90", "longest")}
        schedule = format_report_duration(kind.schedule, language)
        times = translate("reports.time_to_truth.times", language, schedule=schedule, **facts)
        yield f"{get_record_kind_name(kind.kind, language)}: {format_time_to_truth_summary(kind, language)}: {times}"
