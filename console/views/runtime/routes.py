"""Where in the window somebody can be: each place as a value that can be kept, gone back to and compared."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class HomeRoute:
    """What waits, over everything."""


@dataclass(frozen=True, slots=True)
class QueuesRoute:
    """One queue by name; "" keeps the one that was open."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class LookupRoute:
    """All we have for what was typed; "" is the empty field, `buy` opens the purchase at once."""

    text: str = ""
    buy: bool = False


@dataclass(frozen=True, slots=True)
class AuditRoute:
    """The audit trail."""


Ref: TypeAlias = tuple[str, int]
"""A record by kind and id."""


@dataclass(frozen=True, slots=True)
class RecordRoute:
    """One credit check. `trail` is the list that it was opened from, for previous and next: a number alone is a
    credit check.
    """

    id: int
    trail: tuple[int | Ref, ...] = ()
    place: str = "lookup"


@dataclass(frozen=True, slots=True)
class PaymentRoute:
    """One payment."""

    id: int
    trail: tuple[int | Ref, ...] = ()
    place: str = "lookup"


@dataclass(frozen=True, slots=True)
class OrderRoute:
    """One order."""

    id: int
    trail: tuple[int | Ref, ...] = ()
    place: str = "lookup"


@dataclass(frozen=True, slots=True)
class RefundRoute:
    """One refund."""

    id: int
    trail: tuple[int | Ref, ...] = ()
    place: str = "lookup"


@dataclass(frozen=True, slots=True)
class ApprovalsRoute:
    """Refunds that wait for a decision; `id` is the one to look at, 0 keeps the one that was open."""

    id: int = 0


@dataclass(frozen=True, slots=True)
class SetAsidesRoute:
    """Money that was booked beyond a limit."""


@dataclass(frozen=True, slots=True)
class AlertsRoute:
    """What doesn't fit."""


@dataclass(frozen=True, slots=True)
class ReconcileRoute:
    """What one reconciliation found; 0 is the newest."""

    run: int = 0


@dataclass(frozen=True, slots=True)
class ReconcileRunsRoute:
    """All reconciliations."""


@dataclass(frozen=True, slots=True)
class OperationRoute:
    """One operation of the journal, perhaps known to this desk alone."""

    id: str


@dataclass(frozen=True, slots=True)
class PdfRoute:
    """A stored PDF of a credit check; without a content hash the current one."""

    record: int
    sha256: str | None = None


CaseRoute: TypeAlias = RecordRoute | PaymentRoute | OrderRoute | RefundRoute
"""A record with its page."""
Route: TypeAlias = (
    HomeRoute | QueuesRoute | LookupRoute | AuditRoute | OperationRoute | PdfRoute | ApprovalsRoute | SetAsidesRoute
    | AlertsRoute | ReconcileRoute | ReconcileRunsRoute
    | CaseRoute
)  # fmt: skip

_KINDS: dict[str, type[RecordRoute | PaymentRoute | OrderRoute | RefundRoute]] = {
    "credit-check": RecordRoute, "payment": PaymentRoute, "order": OrderRoute, "refund": RefundRoute,
}  # fmt: skip


def route_to(kind: str, id: int, trail: tuple[int | Ref, ...] = (), place: str = "lookup") -> CaseRoute:
    """The page of a record."""
    return _KINDS[kind](id, trail, place)


def where_in(route: CaseRoute) -> tuple[int, int] | None:
    """Its place in the list that it was opened from, counted from 0, and how many there are; None without one."""
    own, trail = _ref_of(route), _refs(route)
    return (trail.index(own), len(trail)) if own in trail and len(trail) > 1 else None


def stepped(route: CaseRoute, step: int) -> CaseRoute | None:
    """The previous (-1) or next (1) record of that list."""
    where = where_in(route)
    if where is None or not 0 <= where[0] + step < where[1]:
        return None
    kind, id = _refs(route)[where[0] + step]
    return route_to(kind, id, route.trail, route.place)


def _ref_of(route: CaseRoute) -> Ref:
    kind = next(kind for kind, of in _KINDS.items() if of is type(route))
    return kind, route.id


def _refs(route: CaseRoute) -> list[Ref]:
    return [("credit-check", one) if isinstance(one, int) else one for one in route.trail]
