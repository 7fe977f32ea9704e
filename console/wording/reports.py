"""The reports in words: the sentences that the window, screen readers and the terminal use."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from console.domain.calendar_days import end_of_day, start_of_day
from console.domain.money import Money
from console.domain.reports.provider_success import Outage, ProviderSeries, ProviderSuccess
from console.domain.reports.queue_ages import AGE_CLASSES, QueueAgeReport, QueueAges
from console.domain.reports.refund_funnel import OTHER_ENDINGS, STEPS, CountAndSum, RefundFunnelReport
from console.domain.reports.settlement import SettlementReport, SettlementSeries
from console.domain.reports.time_to_truth import TimeToTruth, TimeToTruthReport
from console.wording.catalogue import format_age, provider_name, translate
from console.wording.formats import NO_VALUE, format_amount, format_count, format_instant


def percent_text(percent: float | None) -> str:
    """Return a share as text such as `98 %`, rounded down, so that 100 % means all; – for none."""
    return NO_VALUE if percent is None else f"{int(percent)} %"


def outages_on(day: date, outages: Sequence[Outage]) -> tuple[Outage, ...]:
    """Return the outages that touch a Japanese day."""
    start, end = start_of_day(day), end_of_day(day)
    return tuple(
        outage for outage in outages if outage.since < end and (outage.until is None or outage.until > start)
    )


def outage_text(outage: Outage, language: str) -> str:
    """Return begin and end of an outage."""
    since = format_instant(outage.since, "short")
    if outage.until is None:
        return translate("reports.success.outage_open", language, since=since)
    until = format_instant(outage.until, "short")
    return translate("reports.success.outage_ended", language, since=since, until=until)


def success_note(report: ProviderSuccess, language: str) -> str:
    """Return the sentence that names the counted records, and those that are missing because only a limited number of
    rows is read.
    """
    sentences = [translate("reports.success.note", language)]
    sentences += [
        translate("reports.success.capped", language, provider=provider_name(series.provider, language))
        for series in report.providers
        if not series.is_complete
    ]
    return "\n".join(sentences)


def success_summary(series: ProviderSeries, language: str) -> str:
    """Return the sum of a provider's days: the paid share, and the number of payments."""
    paid, unpaid = sum(day.paid for day in series.days), sum(day.unpaid for day in series.days)
    share = percent_text(100 * paid / (paid + unpaid) if paid + unpaid else None)
    total = sum(day.total for day in series.days)
    return translate("reports.success.summary", language, percent=share, n=format_count(total))


def success_lines(report: ProviderSuccess, language: str) -> Iterator[str]:
    """Yield the report in words, one line per provider, and one per day that has payments or an outage."""
    for series in report.providers:
        name = provider_name(series.provider, language)
        yield f"{name}: {success_summary(series, language)}"
        outages = [outage for outage in report.outages if outage.provider == series.provider]
        for day in series.days:
            if day.total or outages_on(day.day, outages):
                facts = {"day": day.day, "percent": percent_text(day.percent), "paid": format_count(day.paid)}
                counts = {name: format_count(getattr(day, name)) for name in ("unpaid", "unknown", "other")}
                yield translate("reports.success.day", language, **facts, **counts)
        yield from (outage_text(outage, language) for outage in outages)


# -- ages of queues


def queue_age_note(report: QueueAgeReport, language: str) -> str:
    """Return the sentence that names the counted records, and the queues with more records than are counted."""
    sentences = [translate("reports.queue_ages.note", language)]
    sentences += [
        translate("reports.queue_ages.capped", language, queue=queue_name(queue.queue, language))
        for queue in report.queues
        if not queue.is_complete
    ]
    return "\n".join(sentences)


def queue_name(queue: str, language: str) -> str:
    """Return the name of a queue."""
    return translate(f"queue.{queue}.title", language)


def queue_total(queue: QueueAges, language: str) -> str:
    """Return the number of records of a queue, with `+` if not all are counted, and those without a known age."""
    total = format_count(queue.total, is_capped=not queue.is_complete)
    key = "reports.queue_ages.undated" if queue.undated else "reports.queue_ages.total"
    return translate(key, language, n=total, undated=queue.undated)


def queue_age_lines(report: QueueAgeReport, language: str) -> Iterator[str]:
    """Yield one line per queue: its total, and the number of its records in each class of age."""
    for queue in report.queues:
        parts = [
            f"{translate(f'reports.age.{name}', language)} {format_count(count)}"
            for name, count in zip(AGE_CLASSES, queue.counts, strict=True)
        ]
        listed = translate("list.separator", language).join(parts)
        yield f"{queue_name(queue.queue, language)}: {queue_total(queue, language)}: {listed}"


# -- refunds


def refund_note(report: RefundFunnelReport, language: str) -> str:
    """Return the sentence that names the counted refunds."""
    key = "reports.refund_funnel.note" if report.is_complete else "reports.refund_funnel.capped"
    return translate(key, language, since=report.period.first)


def count_and_sum_text(value: CountAndSum, currency: str, language: str) -> str:
    """Return a number of refunds with their sum, such as `3 · ¥9,000`."""
    return translate(
        "reports.count_and_sum", language, n=format_count(value.count), amount=Money(value.minor, currency)
    )


def refund_lines(report: RefundFunnelReport, language: str) -> Iterator[str]:
    """Yield one line per currency and step, then one per currency and other ending."""
    for funnel in report.funnels:
        for name in (*STEPS, *OTHER_ENDINGS, "unknown"):
            value = count_and_sum_text(funnel.step(name), funnel.currency, language)
            yield f"{funnel.currency} {translate(f'reports.refund_funnel.{name}', language)}: {value}"


# -- money per day


def settlement_note(report: SettlementReport, language: str) -> str:
    """Return the sentence that names the summed amounts, and the providers of which only a part was read."""
    sentences = [translate("reports.settlement.note", language)]
    sentences += [
        translate("reports.settlement.capped", language, name=series_name(series, language))
        for series in report.series
        if not series.is_complete
    ]
    return "\n".join(sentences)


def series_name(series: SettlementSeries, language: str) -> str:
    """Return provider and currency of a series."""
    return f"{provider_name(series.provider, language)} {series.currency}"


def settlement_summary(series: SettlementSeries, language: str) -> str:
    """Return the sums of all days of a series."""
    paid, refunded = sum(day.paid_minor for day in series.days), sum(day.refunded_minor for day in series.days)
    return _money_words("reports.settlement.summary", paid, refunded, series.currency, language)


def settlement_lines(report: SettlementReport, language: str) -> Iterator[str]:
    """Yield one line per provider and currency, and one per day with money."""
    for series in report.series:
        yield f"{series_name(series, language)}: {settlement_summary(series, language)}"
        for day in series.days:
            if day.payments or day.refunds:
                facts = (day.paid_minor, day.refunded_minor, series.currency, language)
                yield f"{day.day.isoformat()}: {_money_words('reports.settlement.summary', *facts)}"


def _money_words(key: str, paid: int, refunded: int, currency: str, language: str) -> str:
    net = format_amount(paid - refunded, currency)
    return translate(key, language, paid=Money(paid, currency), refunded=Money(refunded, currency), net=net)


# -- time to truth


def truth_note(report: TimeToTruthReport, language: str) -> str:
    """Return the sentence that names the counted calls, and the kinds of which only a part was read."""
    sentences = [translate("reports.time_to_truth.note", language, since=report.period.first)]
    sentences += [
        translate("reports.time_to_truth.capped", language, kind=kind_name(kind.kind, language))
        for kind in report.kinds
        if not kind.is_complete
    ]
    return "\n".join(sentences)


def kind_name(kind: str, language: str) -> str:
    """Return the name of a kind of record, such as `credit-check`."""
    return translate(f"kind.{kind}", language)


def duration_text(duration: timedelta | None, language: str) -> str:
    """Return a duration with its unit; – for none."""
    return format_age(duration, language)


def truth_summary(kind: TimeToTruth, language: str) -> str:
    """Return the text with the numbers of settled, late settled and still unknown outcomes."""
    key = "reports.time_to_truth.summary_open" if kind.open else "reports.time_to_truth.summary"
    facts = {"settled": kind.settled, "late": kind.late, "open": kind.open, "oldest": kind.oldest_open}
    return translate(key, language, **facts)


def truth_lines(report: TimeToTruthReport, language: str) -> Iterator[str]:
    """Yield one line per kind of record."""
    for kind in report.kinds:
        facts = {name: duration_text(getattr(kind, name), language) for name in ("median", "p90", "longest")}
        schedule = duration_text(kind.schedule, language)
        times = translate("reports.time_to_truth.times", language, schedule=schedule, **facts)
        yield f"{kind_name(kind.kind, language)}: {truth_summary(kind, language)}: {times}"
