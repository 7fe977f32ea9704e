"""Make the daily close of a provider (its money on one Japanese day), and compare it with the first close of the
same day that the audit trail contains."""

from dataclasses import replace
from datetime import date, datetime

from console.domain.audit.actions import AuditAction
from console.domain.calendar_days import JST, get_end_of_day
from console.domain.error_reasons import UsageProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.reconciliation.service_results import PART_ALL, VERDICTS_OF_PART
from console.domain.records import AuditEntry
from console.domain.reports.daily_close import (
    DAILY_CLOSE_KIND,
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
from console.services.reconciliation.view import read_difference_items
from console.store.audit import trail
from console.store.database.sqlalchemy_names import Connection
from console.store.reconciliation import our_records
from console.store.reconciliation import runs as reconciliations
from console.store.reconciliation.runs import ReconciliationRun
from console.store.reports import daily_close as store
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
    run = store.find_complete_run_of_day(conn, provider, day)
    first_entry = _find_first_close_entry(conn, provider, day)
    close = DailyClose(
        provider,
        day,
        _read_money_per_currency(conn, provider, period, unknown_at_start, unknown_at_end),
        unknown_at_end,
        None if run is None else _read_reconciliation(conn, run),
        _list_reasons_why_not_final(day, unknown_at_end, run, now),
        now,
        None if first_entry is None else FirstClose(first_entry.at, first_entry.who),
        is_complete=has_all_at_start and has_all_at_end,
    )
    if first_entry is None:
        return close
    changes = compare_close_facts(first_entry.detail, make_close_facts(close))
    return close.copy_with_changes(_add_payment_numbers(conn, provider, changes))


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
    within `period`, and of the sums of the records whose outcome was unknown at the start and at the end of the day.
    """
    captured_sums = store.sum_captured_payments(conn, provider, period)
    refunded_sums = store.sum_completed_refunds(conn, provider, period)
    reversed_sums = store.sum_reversed_payments(conn, provider, period)
    unknown_sums_at_start, unknown_sums_at_end = (
        _sum_unknown_records(unknown_at_start),
        _sum_unknown_records(unknown_at_end),
    )
    empty_sum = CountAndSum()
    return tuple(
        DailyCloseMoney(
            currency,
            *(
                sums.get(currency, empty_sum)
                for sums in (captured_sums, refunded_sums, reversed_sums, unknown_sums_at_start, unknown_sums_at_end)
            ),
        )
        for currency in sorted(
            {*captured_sums, *refunded_sums, *reversed_sums, *unknown_sums_at_start, *unknown_sums_at_end},
            reverse=True,
        )
    )


def _sum_unknown_records(records: tuple[UnknownRecord, ...]) -> dict[str, CountAndSum]:
    sums: dict[str, CountAndSum] = {}
    for record in records:
        known_sum = sums.get(record.currency, CountAndSum())
        sums[record.currency] = CountAndSum(known_sum.count + 1, known_sum.minor + record.minor)
    return sums


def _read_reconciliation(conn: Connection, run: ReconciliationRun) -> CloseReconciliation:
    differences = reconciliations.list_differences(
        conn, run.id, 0, MAX_LISTED_DIFFERENCES, VERDICTS_OF_PART[PART_ALL]
    )
    return CloseReconciliation(
        run.id, run.from_day, run.to_day, run.matched, run.imported, run.missing_there, run.different_state,
        run.different_amount, our_records.count_refused_rows(conn, run.id), read_difference_items(conn, differences),
    )  # fmt: skip


def _list_reasons_why_not_final(
    day: date, unknown_at_end: tuple[UnknownRecord, ...], run: ReconciliationRun | None, now: datetime
) -> tuple[NotFinalReason, ...]:
    """Return the reasons why the close isn't final; empty if it is final. `unknown_at_end` are the records whose
    outcome was unknown at the end of the day. `run` is the last reconciliation run of the day, None if there is none.
    A run that began before the end of the day hasn't compared the rest of the day.
    """
    end = get_end_of_day(day)
    is_open_by_reason = {
        NotFinalReason.DAY_RUNNING: now < end,
        NotFinalReason.STILL_UNKNOWN: any(record.settled_at is None for record in unknown_at_end),
        NotFinalReason.NOT_RECONCILED: run is None or run.begun_at < end,
    }
    return tuple(reason for reason, is_open in is_open_by_reason.items() if is_open)


def _find_first_close_entry(conn: Connection, provider: str, day: date) -> AuditEntry | None:
    """Return the first audit entry about a written daily close of this provider and day; None if there is none."""
    entries = trail.list_entries_of_subject(conn, DAILY_CLOSE_KIND, make_close_subject(provider, day))
    return next(
        (entry for entry in entries if entry.what == AuditAction.DAILY_CLOSE_WRITTEN and entry.result == "done"), None
    )
