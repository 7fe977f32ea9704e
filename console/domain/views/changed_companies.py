"""Results of services: the queue of changed corporations."""

from dataclasses import dataclass
from datetime import datetime

from console.domain.registry.watched_facts import CompanyChange
from console.domain.service_results import Explanation


@dataclass(frozen=True, slots=True)
class ChangedCompanyItem:
    """A changed corporation in the queue, with its explanation; `since` is the time at which the change was found
    (UTC).
    """

    change: CompanyChange
    explanation: Explanation
    since: datetime


@dataclass(frozen=True, slots=True)
class ChangedCompanyPage:
    """One page of the queue of changed corporations; `next_cursor` is an opaque text with which the next page is
    read, None on the last page.
    """

    queue: str
    items: tuple[ChangedCompanyItem, ...]
    next_cursor: str | None
