"""The service `console.reports`: reads the figures of the reports. It writes nothing."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import partial
from typing import TypeVar

from console.domain.reports.daily_close import DailyClose
from console.domain.reports.figures import ReportFigures
from console.domain.reports.provider_success import ProviderSuccess
from console.domain.reports.queue_ages import QueueAgeReport
from console.domain.reports.refund_funnel import RefundFunnelReport
from console.domain.reports.settlement import SettlementReport
from console.domain.reports.time_to_truth import TimeToTruthReport
from console.services.process.context import ServiceContext
from console.services.reports import report_queries
from console.services.reports.daily_close import read_daily_close
from console.services.reports.provider_success import read_provider_success
from console.store.database.instants import read_earlier_current_time
from console.store.database.sqlalchemy_names import Connection
from console.store.queues.queues import RECORD_QUEUE_NAMES
from console.store.reports.provider_success import list_providers

ReportT = TypeVar("ReportT")


class ReportService:
    """Reads the figures of the reports. Each method raises not_allowed if the acting person has no right to read. A
    method doesn't become slower when the tables grow, because each query reads a limited number of rows through an
    index."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def read_provider_success(self) -> ProviderSuccess:
        """Return the counts of successful, failed and other payments per provider and day, for the last
        DAY_COUNT_OF_DAILY_REPORTS days, with the outages: the periods in which a provider gave no usable answer.
        """
        return self._read_report(read_provider_success)

    def read_queue_ages(self, queues: Sequence[str] = RECORD_QUEUE_NAMES) -> QueueAgeReport:
        """Return for each of these queues the counts of its records by their present age."""
        return self._read_report(partial(report_queries.read_queue_ages, queues=queues))

    def read_refund_funnel(self) -> RefundFunnelReport:
        """Return the counts of requested, approved, sent and completed refunds, per currency, for the refunds
        requested in the last DAY_COUNT_OF_REFUND_AND_OUTCOME_REPORTS days.
        """
        return self._read_report(report_queries.read_refund_funnel)

    def read_settlement(self) -> SettlementReport:
        """Return the sums of payments and refunds of each provider, per day and currency, for the last
        DAY_COUNT_OF_DAILY_REPORTS days.
        """
        return self._read_report(report_queries.read_settlement)

    def read_time_to_truth(self) -> TimeToTruthReport:
        """Return for each kind of record the figures about the times for which outcomes stayed unknown (median, 90th
        percentile and longest), for the calls of the last DAY_COUNT_OF_REFUND_AND_OUTCOME_REPORTS days.
        """
        return self._read_report(self._read_time_to_truth)

    def read_daily_close(self, provider: str, day: date) -> DailyClose:
        """Return the close of a provider for a Japanese day, computed from the present records, with the differences
        to the first close of that day in the audit trail.

        The captured, refunded and reversed sums cover all records. The search for outcomes that were unknown at the
        start or end of the day examines a limited number of calls. If there are more calls, the list of these
        outcomes and its sums may lack some, and `is_complete` is False. The list of the reconciliation's differences
        has a limit, too. Raises usage (close_day) for a day in the future, and not_found for a provider without
        payments.
        """
        return self._read_report(
            lambda conn, now: read_daily_close(conn, provider, day, read_earlier_current_time(conn, now))
        )

    def list_providers(self) -> tuple[str, ...]:
        """Return the names of the providers that have payments in this database."""
        return self._read_report(lambda conn, _: list_providers(conn))

    def read_figures(self) -> ReportFigures:
        """Return all reports, read in one transaction."""
        return self._read_report(
            lambda conn, now: ReportFigures(
                read_provider_success(conn, now),
                report_queries.read_queue_ages(conn, now),
                report_queries.read_refund_funnel(conn, now),
                report_queries.read_settlement(conn, now),
                self._read_time_to_truth(conn, now),
            )
        )

    def _read_time_to_truth(self, conn: Connection, now: datetime) -> TimeToTruthReport:
        return report_queries.read_time_to_truth(conn, now, self._context.scale)

    def _read_report(self, read_from_database: Callable[[Connection, datetime], ReportT]) -> ReportT:
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return read_from_database(conn, self._context.now())
