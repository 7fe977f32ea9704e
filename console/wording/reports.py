"""The reports in words: the sentences that the window, screen readers and the terminal use."""

from collections.abc import Iterator, Sequence
from datetime import date

from console.domain.calendar_days import end_of_day, start_of_day
from console.domain.reports.provider_success import Outage, ProviderSeries, ProviderSuccess
from console.wording.catalogue import provider_name, translate
from console.wording.formats import NO_VALUE, format_count, format_instant


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
