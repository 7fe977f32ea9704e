"""Results of services: the queue of changed corporations."""

from dataclasses import dataclass
from datetime import datetime

from console.domain.explained_state import Explanation
from console.domain.registry.facts import CorporationFacts
from console.domain.registry.watched_facts import CompanyChange
from console.domain.tasks.records import Alert
from console.domain.views.company_actions import RENEW_ACTION, CompanyAction


@dataclass(frozen=True, slots=True)
class ChangedCompanyItem:
    """A changed corporation in the queue, with its explanation and the alert about the change. `corporation_facts`
    has the corporations into which it was merged and those merged into it, each with a flag that is True if this
    database has records of it. `corporation_facts` is None if this desk has no registry, or if the caller doesn't
    need it. `actions` are those that `list_company_actions` returns for the change.
    """

    change: CompanyChange
    explanation: Explanation
    alert: Alert
    corporation_facts: CorporationFacts | None = None
    actions: tuple[CompanyAction, ...] = ()

    @property
    def renewal(self) -> CompanyAction:
        """The first action `renew` in `actions`. It renews a credit check; if no credit check can be renewed, it has
        the reason for that. Raises StopIteration if `actions` was not read."""
        return next(action for action in self.actions if action.action == RENEW_ACTION)

    @property
    def is_acknowledged(self) -> bool:
        """True if a person has acknowledged the change, so that it no longer waits in the queue."""
        return self.alert.acknowledged_by is not None

    @property
    def since(self) -> datetime:
        """The time at which the program detected the change (UTC)."""
        return self.alert.detected_at


@dataclass(frozen=True, slots=True)
class ChangedCompanyPage:
    """One page of the queue of changed corporations; `next_cursor` is an opaque text with which the next page is
    read, None on the last page.
    """

    queue: str
    items: tuple[ChangedCompanyItem, ...]
    next_cursor: str | None
