"""Results of services: the queue of changed corporations."""

from dataclasses import dataclass
from datetime import datetime

from console.domain.registry.facts import CorporationFacts
from console.domain.registry.watched_facts import CompanyChange
from console.domain.service_results import Explanation
from console.domain.tasks.records import Alert


@dataclass(frozen=True, slots=True)
class ChangedCompanyItem:
    """A changed corporation in the queue, with its explanation and the open alert about it. `related` has the
    corporations into which it was merged and those merged into it, and tells which of them have records here; None if
    this desk has no registry, or if the caller doesn't need it.
    """

    change: CompanyChange
    explanation: Explanation
    alert: Alert
    related: CorporationFacts | None = None

    @property
    def since(self) -> datetime:
        """The time at which the change was found (UTC)."""
        return self.alert.detected_at


@dataclass(frozen=True, slots=True)
class ChangedCompanyPage:
    """One page of the queue of changed corporations; `next_cursor` is an opaque text with which the next page is
    read, None on the last page.
    """

    queue: str
    items: tuple[ChangedCompanyItem, ...]
    next_cursor: str | None
