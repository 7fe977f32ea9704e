"""The service `console.reports`. It reads the figures of the reports and writes nothing."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from console.domain.reports.provider_success import ProviderSuccess
from console.services.process.context import ServiceContext
from console.services.reports.provider_success import read_provider_success
from console.store.database.sqlalchemy_names import Connection

T = TypeVar("T")


class ReportService:
    """Reads the figures of the reports. Each method raises not_allowed if the acting person may not read. What a
    method costs doesn't grow with the tables: each of its queries reads a limited number of rows through an index.
    """

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def read_provider_success(self) -> ProviderSuccess:
        """Return the success of payments per provider and day, with the outages of the providers."""
        return self._read(read_provider_success)

    def _read(self, read: Callable[[Connection, datetime], T]) -> T:
        with self._context.database.read() as conn:
            self._context.find_reading_person(conn)
            return read(conn, self._context.now())
