"""What the page of a company shows beside its records: totals, documents, and its history."""

from dataclasses import dataclass
from datetime import timedelta

from console.domain.evidence.timeline import Event
from console.domain.records import Document

TOTALS_PERIOD = timedelta(days=365)
MOST_COMPANY_ROWS = 500
"""Largest number of notes, documents or entries of the history that are read, the newest ones."""
Ref = tuple[str, int]


@dataclass(frozen=True, slots=True)
class CompanyTotals:
    """The money of a company in one currency, in minor units. `paid_minor` and `refunded_minor` are those of the
    TOTALS_PERIOD before now; `sending_minor` (refunds that the provider has accepted) and `unknown_minor` (refunds
    whose outcome nobody knows) are the present ones.
    """

    currency: str
    paid_minor: int = 0
    refunded_minor: int = 0
    sending_minor: int = 0
    unknown_minor: int = 0


@dataclass(frozen=True, slots=True)
class CompanyDocument:
    """A stored document and the record to which it belongs."""

    record: Ref
    document: Document


@dataclass(frozen=True, slots=True)
class CompanyEvent:
    """An event of one of the company's records: an audit entry, or a notice of a provider."""

    record: Ref
    event: Event
