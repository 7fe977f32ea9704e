"""The result of a search: companies, records of each kind, operations and alerts."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from console.domain.lookup.search_query import SearchQuery
from console.domain.queues.filters import FilteredRecord
from console.domain.records import Operation
from console.domain.registry.corporations import RegistryMatches
from console.domain.tasks.records import Alert

SearchSubject: TypeAlias = tuple[str, int | str]
"""The kind and id of a record or of an operation."""


@dataclass(frozen=True, slots=True)
class FoundRecords:
    """The found records of one kind. `records` are in the sequence in which the list of results shows them.
    `has_more`: more records match than `records` has. `is_partial`: the search hasn't examined all records,
    so that further ones may match.
    """

    records: tuple[FilteredRecord, ...] = ()
    has_more: bool = False
    is_partial: bool = False


NOTHING_FOUND = FoundRecords()


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The result of a search. `exact_match` is the record or operation whose identifier is the whole text; None if no
    record or several records have this identifier. `alerts` are the open alerts about the found records.
    """

    query: SearchQuery
    companies: RegistryMatches = field(default_factory=lambda: RegistryMatches((), None))
    payments: FoundRecords = NOTHING_FOUND
    refunds: FoundRecords = NOTHING_FOUND
    credit_checks: FoundRecords = NOTHING_FOUND
    orders: FoundRecords = NOTHING_FOUND
    operations: tuple[Operation, ...] = ()
    alerts: tuple[Alert, ...] = ()
    exact_match: SearchSubject | None = None

    @property
    def records_by_kind(self) -> dict[str, FoundRecords]:
        """The found records by kind, in the order in which lists show the kinds."""
        return {
            "payment": self.payments,
            "refund": self.refunds,
            "credit-check": self.credit_checks,
            "order": self.orders,
        }

    @property
    def is_partial(self) -> bool:
        """True if the records of at least one kind were not all examined, so that there may be further matches."""
        return any(group.is_partial for group in self.records_by_kind.values())

    @property
    def records(self) -> Iterator[FilteredRecord]:
        """Yield the found records of all kinds."""
        return (record for group in self.records_by_kind.values() for record in group.records)
