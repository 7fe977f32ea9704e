"""Values that the page of a company shows in addition to its records: totals, documents and history."""

from dataclasses import dataclass
from datetime import timedelta

from console.domain.evidence.timeline import TimelineEvent
from console.domain.records import Document

TOTALS_PERIOD = timedelta(days=365)
"""Period before now in which the paid and refunded amounts of a company are summed."""
MAX_ROWS_ON_COMPANY_PAGE = 500
"""Largest number of notes, of documents, or of entries of the history that are read; the newest ones are read."""
RecordRef = tuple[str, int]
"""Kind and id of a record."""


@dataclass(frozen=True, slots=True)
class CompanyTotals:
    """The money of a company in one currency, in minor units. `paid_minor` and `refunded_minor` are the sums of the
    last TOTALS_PERIOD; amounts given back outside are in the refunded sum. `sending_minor` (refunds that the provider
    has accepted) and `unknown_minor` (refunds with an unknown outcome) are the present sums.
    """

    currency: str
    paid_minor: int = 0
    refunded_minor: int = 0
    sending_minor: int = 0
    unknown_minor: int = 0


@dataclass(frozen=True, slots=True)
class CompanyDocument:
    """A stored document about a corporation, and the record to which it belongs, for the page of the company."""

    record: RecordRef
    document: Document


@dataclass(frozen=True, slots=True)
class CompanyEvent:
    """An event of one of the company's records: an audit entry, or a notice of a provider."""

    record: RecordRef
    event: TimelineEvent
