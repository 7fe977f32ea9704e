"""Routes: immutable values that name the pages of the window and their arguments; the history stores them."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class HomeRoute:
    """The home page: open work of all queues."""


@dataclass(frozen=True, slots=True)
class QueuesRoute:
    """One queue by name; "" keeps the queue that was open."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class LookupRoute:
    """All records of a number or name. `text` "" shows the empty search field; `buy` also opens the purchase
    dialog.
    """

    text: str = ""
    buy: bool = False


@dataclass(frozen=True, slots=True)
class AuditRoute:
    """The audit trail."""


Ref: TypeAlias = tuple[str, int]
"""A record's kind ("credit-check", "payment", "order" or "refund") and id."""


@dataclass(frozen=True, slots=True)
class RecordRoute:
    """The page of one credit check. `trail` is the list of records from which the page was opened; "previous" and
    "next" move in it. A number without a kind in it is the id of a credit check. `place` is the sidebar entry that
    is highlighted.
    """

    id: int
    trail: tuple[int | Ref, ...] = ()
    place: str = "lookup"


@dataclass(frozen=True, slots=True)
class PaymentRoute:
    """The page of one payment."""

    id: int
    trail: tuple[int | Ref, ...] = ()
    place: str = "lookup"


@dataclass(frozen=True, slots=True)
class OrderRoute:
    """The page of one order."""

    id: int
    trail: tuple[int | Ref, ...] = ()
    place: str = "lookup"


@dataclass(frozen=True, slots=True)
class RefundRoute:
    """The page of one refund."""

    id: int
    trail: tuple[int | Ref, ...] = ()
    place: str = "lookup"


@dataclass(frozen=True, slots=True)
class ApprovalsRoute:
    """Refunds that wait for a decision. `id` selects one; 0 keeps the selected one."""

    id: int = 0


@dataclass(frozen=True, slots=True)
class SetAsidesRoute:
    """The set-aside money of payments, which a person must decide about."""


@dataclass(frozen=True, slots=True)
class AlertsRoute:
    """The open alerts."""


@dataclass(frozen=True, slots=True)
class ReconcileRoute:
    """The differences found by one reconciliation run; 0 is the newest run."""

    run: int = 0


@dataclass(frozen=True, slots=True)
class ReconcileRunsRoute:
    """All reconciliation runs."""


@dataclass(frozen=True, slots=True)
class OperationRoute:
    """The page of one operation. It may exist in this desk's spool only."""

    id: str


@dataclass(frozen=True, slots=True)
class PdfRoute:
    """A stored PDF of the credit check `record`. `sha256` selects an older PDF; None selects the current one."""

    record: int
    sha256: str | None = None


RecordPageRoute: TypeAlias = RecordRoute | PaymentRoute | OrderRoute | RefundRoute
"""The route of a record's page."""
Route: TypeAlias = (
    HomeRoute | QueuesRoute | LookupRoute | AuditRoute | OperationRoute | PdfRoute | ApprovalsRoute | SetAsidesRoute
    | AlertsRoute | ReconcileRoute | ReconcileRunsRoute
    | RecordPageRoute
)  # fmt: skip

_ROUTE_CLASSES: dict[str, type[RecordRoute | PaymentRoute | OrderRoute | RefundRoute]] = {
    "credit-check": RecordRoute,
    "payment": PaymentRoute,
    "order": OrderRoute,
    "refund": RefundRoute,
}


def route_to(kind: str, id: int, trail: tuple[int | Ref, ...] = (), place: str = "lookup") -> RecordPageRoute:
    """Return the route to the page of a record.

    Raises KeyError for an unknown kind.
    """
    return _ROUTE_CLASSES[kind](id, trail, place)


def position_in_trail(route: RecordPageRoute) -> tuple[int, int] | None:
    """Return the index of the route's record in its trail, from 0, and the trail's length. Return None if the trail
    doesn't contain the record or contains only it.
    """
    own_ref, trail = _ref_of(route), _refs(route)
    return (trail.index(own_ref), len(trail)) if own_ref in trail and len(trail) > 1 else None


def neighbour_route(route: RecordPageRoute, step: int) -> RecordPageRoute | None:
    """Return the route of the previous (`step` -1) or next (1) record of the trail; None if there is none."""
    position = position_in_trail(route)
    if position is None or not 0 <= position[0] + step < position[1]:
        return None
    kind, id = _refs(route)[position[0] + step]
    return route_to(kind, id, route.trail, route.place)


def _ref_of(route: RecordPageRoute) -> Ref:
    kind = next(kind for kind, route_class in _ROUTE_CLASSES.items() if route_class is type(route))
    return kind, route.id


def _refs(route: RecordPageRoute) -> list[Ref]:
    return [("credit-check", item) if isinstance(item, int) else item for item in route.trail]
