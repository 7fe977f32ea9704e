"""Make the daily close of a provider (its money on one Japanese day), and compare it with the first close of the
same day that the audit trail contains."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime

from console.domain.audit.actions import AuditAction
from console.domain.calendar_days import JST, get_utc_span, list_days_of_span
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.provider_registry import get_time_zone, lacks_history
from console.domain.reconciliation.service_results import PART_ALL, VERDICTS_OF_PART
from console.domain.record_kinds import DAILY_CLOSE_KIND
from console.domain.records import AuditEntry
from console.domain.reports.daily_close import (
    CloseReconciliation,
    DailyClose,
    DailyCloseChange,
    DailyCloseMoney,
    FirstClose,
    NotFinalReason,
    UnknownRecord,
    compare_close_facts,
    make_close_facts,
    make_close_subject,
)
from console.domain.reports.periods import Period
from console.domain.reports.refund_funnel import CountAndSum
from console.domain.usage_problems import UsageProblem
from console.services.reconciliation.run_reader import find_unsearched_run_ids, read_difference_items
from console.store.audit import trail
from console.store.database.sqlalchemy_names import Connection
from console.store.reconciliation import our_records
from console.store.reconciliation import runs as reconciliations
from console.store.reconciliation.runs import ReconciliationRun
from console.store.reports import daily_close as store
from console.store.reports.daily_close import ProviderDay
from console.store.reports.provider_success import list_providers

MAX_LISTED_DIFFERENCES = 1_000
"""Largest number of differences that a close lists, in the order in which the run found them."""


def read_daily_close(conn: Connection, provider: str, day: date, now: datetime) -> DailyClose:
    """Return the close of the provider for a Japanese day, computed from the present records, with the differences
    to the first close of that day in the audit trail. Raises usage (close_day) for a day in the future, and
    not_found for a provider without payments.
    """
    if day > now.astimezone(JST).date():
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.CLOSE_DAY_IN_FUTURE})
    if provider not in list_providers(conn):
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": "provider", "id": provider[:40]})
    period = Period(day, day)
    unknown_at_start, has_all_at_start = store.list_records_with_unknown_outcome(conn, provider, period.start)
    unknown_at_end, has_all_at_end = store.list_records_with_unknown_outcome(conn, provider, min(period.end, now))
    provider_days = _read_provider_days(conn, provider, period)
    close = DailyClose(
        provider,
        day,
        _read_money_per_currency(conn, provider, period, unknown_at_start, unknown_at_end),
        unknown_at_end,
        _read_reconciliation(conn, provider, provider_days, period),
        _list_reasons_why_not_final(period, unknown_at_end, provider_days, now),
        now,
        moved_reversals=store.list_reversals_across_periods(conn, provider, period),
        is_complete=has_all_at_start and has_all_at_end,
    )
    first_entry = _find_first_close_entry(conn, provider, day)
    if first_entry is None:
        return close
    changes = compare_close_facts(first_entry.detail, make_close_facts(close))
    return replace(
        close,
        first_close=FirstClose(first_entry.at, first_entry.who, is_comparable=changes is not None),
        changes=_add_payment_numbers(conn, provider, changes or ()),
    )


def _add_payment_numbers(
    conn: Connection, provider: str, changes: tuple[DailyCloseChange, ...]
) -> tuple[DailyCloseChange, ...]:
    """Return the changes, each with the number of the payment to which its record belongs. People know a payment by
    its number, and no screen shows the record's id."""
    record_names = {change.unknown_record for change in changes if change.unknown_record is not None}
    numbers = store.read_payment_numbers(conn, provider, record_names)
    return tuple(
        change if change.unknown_record is None else replace(change, number=numbers.get(change.unknown_record))
        for change in changes
    )


def _read_money_per_currency(
    conn: Connection,
    provider: str,
    period: Period,
    unknown_at_start: tuple[UnknownRecord, ...],
    unknown_at_end: tuple[UnknownRecord, ...],
) -> tuple[DailyCloseMoney, ...]:
    """Return the day's money for each currency, JPY first. It consists of the captured, refunded and reversed sums
    within `period`, and of the sums of the records whose outcome was unknown at the start and at the end of the day:
    of all of them, and of the refunds among them.
    """
    sums_in_order = (
        store.sum_captured_payments(conn, provider, period),
        store.sum_completed_refunds(conn, provider, period),
        store.sum_reversed_payments(conn, provider, period),
        _sum_unknown_records(unknown_at_start),
        _sum_unknown_records(unknown_at_end),
        _sum_unknown_records(record for record in unknown_at_start if record.kind == "refund"),
        _sum_unknown_records(record for record in unknown_at_end if record.kind == "refund"),
    )
    return tuple(
        DailyCloseMoney(currency, *(sums.get(currency, CountAndSum()) for sums in sums_in_order))
        for currency in sorted({currency for sums in sums_in_order for currency in sums}, reverse=True)
    )


def _sum_unknown_records(records: Iterable[UnknownRecord]) -> dict[str, CountAndSum]:
    """Return, by currency, the number and the sum of these records."""
    sums: dict[str, CountAndSum] = {}
    for record in records:
        known_sum = sums.get(record.currency, CountAndSum())
        sums[record.currency] = CountAndSum(known_sum.count + 1, known_sum.minor + record.minor)
    return sums


def _read_provider_days(conn: Connection, provider: str, period: Period) -> tuple[ProviderDay, ...]:
    """Return the days of the provider's time zone that overlap with the period, the earliest first, each with its
    reconciliation run. A Japanese day overlaps with two Indian days."""
    zone = get_time_zone(provider)
    return tuple(
        ProviderDay(day, *get_utc_span(day, day, zone), store.find_complete_run_of_day(conn, provider, day))
        for day in list_days_of_span(period.start, period.end, zone)
    )


def _read_reconciliation(
    conn: Connection, provider: str, provider_days: Sequence[ProviderDay], period: Period
) -> CloseReconciliation | None:
    """Return the results of the runs of these days of the provider, added together; None if no day has a run."""
    runs = sorted({day.run.id: day.run for day in provider_days if day.run is not None}.values(), key=_get_run_id)
    if not runs:
        return None
    has_differences_of_day = lacks_history(provider)
    if has_differences_of_day:
        counts = store.count_differences_by_verdict(conn, provider_days, period)
        differences = store.list_differences_in_period(conn, provider_days, period, MAX_LISTED_DIFFERENCES)
    else:
        counts = {name: sum(getattr(run, name) for run in runs) for name in reconciliations.COUNT_COLUMNS}
        counts["refused"] = sum(our_records.count_refused_rows(conn, run.id) for run in runs)
        differences = tuple(
            difference
            for run in runs
            for difference in reconciliations.list_differences(
                conn, run.id, 0, MAX_LISTED_DIFFERENCES, VERDICTS_OF_PART[PART_ALL]
            )
        )[:MAX_LISTED_DIFFERENCES]
    return CloseReconciliation(
        tuple(run.id for run in runs),
        min(run.from_day for run in runs),
        max(run.to_day for run in runs),
        sum(run.matched for run in runs),
        counts.get("imported", 0),
        counts.get("missing_there", 0),
        counts.get("different_state", 0),
        counts.get("different_amount", 0),
        counts.get("refused", 0),
        read_difference_items(conn, differences),
        has_differences_of_day=has_differences_of_day,
        early_run_id=_find_early_run_id(provider_days, period),
        days_without_run=tuple(day.day for day in provider_days if day.run is None),
        is_missing_unknown=bool(find_unsearched_run_ids(conn, runs)),
    )


def _get_run_id(run: ReconciliationRun) -> int:
    return run.id


def _find_early_run_id(provider_days: Sequence[ProviderDay], period: Period) -> int | None:
    """Return the id of the first run that began too early; None if there is no such run. A run compares a day of the
    provider's time zone, which overlaps with the period. A run began too early if this overlap had not ended, so that
    the run hasn't compared the rest of the overlap."""
    early_runs = (
        day.run for day in provider_days if day.run is not None and day.run.begun_at < min(day.end, period.end)
    )
    return next((run.id for run in early_runs), None)


def _list_reasons_why_not_final(
    period: Period, unknown_at_end: tuple[UnknownRecord, ...], provider_days: Sequence[ProviderDay], now: datetime
) -> tuple[NotFinalReason, ...]:
    """Return the reasons why the close isn't final; empty if it is final. `period` is the Japanese day,
    `unknown_at_end` are the records whose outcome was unknown at its end, and `provider_days` are the provider's days
    that overlap with it. Each of these days needs a complete run.
    """
    is_open_by_reason = {
        NotFinalReason.DAY_RUNNING: now < period.end,
        NotFinalReason.STILL_UNKNOWN: any(record.settled_at is None for record in unknown_at_end),
        NotFinalReason.NOT_RECONCILED: any(day.run is None for day in provider_days)
        or _find_early_run_id(provider_days, period) is not None,
    }
    return tuple(reason for reason, is_open in is_open_by_reason.items() if is_open)


def _find_first_close_entry(conn: Connection, provider: str, day: date) -> AuditEntry | None:
    """Return the first audit entry about a written daily close of this provider and day; None if there is none.

    The entry is written before the file gets its name. If the file then couldn't get its name, a later entry of the
    same person with the same SHA-256 says so. The earlier entry is then left out, because its close was not written.
    """
    written_entries: list[AuditEntry] = []
    for entry in trail.list_entries_of_subject(conn, DAILY_CLOSE_KIND, make_close_subject(provider, day)):
        if entry.what != AuditAction.DAILY_CLOSE_WRITTEN:
            continue
        if entry.result == "done":
            written_entries.append(entry)
        elif "sha256" in entry.detail:
            same_file_entries = [
                earlier
                for earlier in written_entries
                if (earlier.who, earlier.detail.get("sha256")) == (entry.who, entry.detail["sha256"])
            ]
            if same_file_entries:
                written_entries.remove(same_file_entries[-1])
    return next(iter(written_entries), None)
