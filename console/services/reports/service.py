"""The service `console.reports`. It reads the figures of the reports and writes nothing."""

from collections.abc import Callable
from datetime import date, datetime
from typing import TypeVar

from console.domain.reports.daily_close import DailyClose
from console.domain.reports.figures import Figures
from console.domain.reports.provider_success import ProviderSuccess
from console.domain.reports.queue_ages import QueueAgeReport
from console.domain.reports.refund_funnel import RefundFunnelReport
from console.domain.reports.settlement import SettlementReport
from console.domain.reports.time_to_truth import TimeToTruthReport
from console.services.process.context import ServiceContext
from console.services.reports import pictures
from console.services.reports.daily_close import read_daily_close
from console.services.reports.provider_success import read_provider_success
from console.store.database.sqlalchemy_names import Connection
from console.store.reports.provider_success import list_providers

T = TypeVar("T")


class ReportService:
    """Reads the figures of the reports. Each method raises not_allowed if the acting person may not read. The cost of
    a method doesn't grow with the tables, because each of its queries reads a limited number of rows through an
    index.
    """

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def read_provider_success(self) -> ProviderSuccess:
        """Return the success of payments per provider and day, with the outages of the providers."""
        return self._read_report(read_provider_success)

    def read_queue_ages(self) -> QueueAgeReport:
        """Return the ages of the records of all queues."""
        return self._read_report(pictures.read_queue_ages)

    def read_refund_funnel(self) -> RefundFunnelReport:
        """Return the numbers of requested, approved, sent and completed refunds, per currency."""
        return self._read_report(pictures.read_refund_funnel)

    def read_settlement(self) -> SettlementReport:
        """Return the sums of payments and refunds of each provider, per day and currency."""
        return self._read_report(pictures.read_settlement)

    def read_time_to_truth(self) -> TimeToTruthReport:
        """Return the times for which outcomes stayed unknown, per kind of record."""
        return self._read_report(self._time_to_truth)

    def read_daily_close(self, provider: str, day: date) -> DailyClose:
        """Return the close of a provider's Japanese day, as its records are now, with what has changed since it was
        closed first. Its sums are those of all records; only the search for outcomes that are known by now is
        limited. Raises usage (close_day) and not_found (no such provider).
        """
        return self._read_report(lambda conn, now: read_daily_close(conn, provider, day, now))

    def list_providers(self) -> tuple[str, ...]:
        """Return the names of the providers that have payments here."""
        return self._read_report(lambda conn, _: list_providers(conn))

    def read_figures(self) -> Figures:
        """Return all reports, read in one transaction."""
        return self._read_report(
            lambda conn, now: Figures(
                read_provider_success(conn, now),
                pictures.read_queue_ages(conn, now),
                pictures.read_refund_funnel(conn, now),
                pictures.read_settlement(conn, now),
                self._time_to_truth(conn, now),
            )
        )

    def _time_to_truth(self, conn: Connection, now: datetime) -> TimeToTruthReport:
        return pictures.read_time_to_truth(conn, now, self._context.scale)

    def _read_report(self, read: Callable[[Connection, datetime], T]) -> T:
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return read(conn, self._context.now())
