"""Routes: immutable values that name the pages of the window and their arguments; the history stores them."""

from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from console.domain.registry.watched_facts import QUEUE_NAME
from console.domain.views.unmatched_notices import QUEUE_NAME as NOTICE_QUEUE


@dataclass(frozen=True, slots=True)
class HomeRoute:
    """The home page with the counts of all queues."""


@dataclass(frozen=True, slots=True)
class QueuesRoute:
    """The page of the queues with the queue of this name; "" means the queue that was shown last. With `view`, it
    shows the saved view with this id; 0 means none.
    """

    name: str = ""
    view: int = 0


@dataclass(frozen=True, slots=True)
class ChangedCompaniesRoute:
    """The page of the queue of changed companies."""


@dataclass(frozen=True, slots=True)
class UnmatchedNoticesRoute:
    """The page of the queue of unmatched notices."""


@dataclass(frozen=True, slots=True)
class LookupRoute:
    """The lookup page with all records of a number or name. `text` "" shows the empty input field; with `buy`, the
    purchase dialog is opened too.
    """

    text: str = ""
    buy: bool = False


@dataclass(frozen=True, slots=True)
class AuditRoute:
    """The page of the audit trail."""


@dataclass(frozen=True, slots=True)
class ReportsRoute:
    """The page of the reports with the section of this name; "" means the section that was shown last."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class AdminRoute:
    """The page of the administration."""


@dataclass(frozen=True, slots=True)
class TrainingRoute:
    """The page of the training, which only the window of a training shows."""


Ref: TypeAlias = tuple[str, int]
"""The kind ("credit-check", "payment", "order" or "refund") and the id of a record."""


@dataclass(frozen=True, slots=True)
class RecordRoute:
    """The page of one credit check. `trail` has the records of the list from which the page was opened; "previous"
    and "next" step through it. A number without a kind in `trail` is the id of a credit check. `place` is the key of
    the highlighted sidebar entry.
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
    """The page of the refunds that wait for a decision. `id` is the refund to show; 0 means the refund that was shown
    last.
    """

    id: int = 0


@dataclass(frozen=True, slots=True)
class SetAsidesRoute:
    """The page of the money set aside, about which a person must decide."""


@dataclass(frozen=True, slots=True)
class AlertsRoute:
    """The page of incidents, with the incident of this id as the current one; 0 means the first one."""

    id: int = 0


@dataclass(frozen=True, slots=True)
class ReconcileRoute:
    """The page with the differences of one reconciliation run; run 0 means the newest run."""

    run: int = 0


@dataclass(frozen=True, slots=True)
class ReconcileRunsRoute:
    """The page with the list of all reconciliation runs."""


@dataclass(frozen=True, slots=True)
class OperationRoute:
    """The page of one operation of the journal. The operation may exist only in this desk's spool."""

    id: str


@dataclass(frozen=True, slots=True)
class PdfRoute:
    """The page of a stored PDF of the credit check `record`. `sha256` selects an older PDF by its SHA-256; None
    selects the current one.
    """

    record: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class CompareRoute:
    """The page with two versions of the PDF of the credit check `record`, each named by its SHA-256. Without `new`
    the newest version, without `old` the one before the new one.
    """

    record: int
    old: str | None = None
    new: str | None = None


RecordPageRoute: TypeAlias = RecordRoute | PaymentRoute | OrderRoute | RefundRoute
"""The route of the page of one record: a credit check, payment, order or refund."""
Route: TypeAlias = (
    HomeRoute | QueuesRoute | ChangedCompaniesRoute | UnmatchedNoticesRoute | LookupRoute | AuditRoute | AdminRoute
    | OperationRoute | PdfRoute | CompareRoute | ApprovalsRoute | SetAsidesRoute | AlertsRoute | ReconcileRoute
    | ReconcileRunsRoute | ReportsRoute | TrainingRoute | RecordPageRoute
)  # fmt: skip

_ROUTE_CLASSES: dict[str, type[RecordRoute | PaymentRoute | OrderRoute | RefundRoute]] = {
    "credit-check": RecordRoute,
    "payment": PaymentRoute,
    "order": OrderRoute,
    "refund": RefundRoute,
}


def route_to(kind: str, id: int, trail: tuple[int | Ref, ...] = (), place: str = "lookup") -> RecordPageRoute:
    """Return the route to the page of the record with this kind and id.

    Raises KeyError for an unknown kind.
    """
    return _ROUTE_CLASSES[kind](id, trail, place)


def queue_route(name: str) -> QueuesRoute | ChangedCompaniesRoute | UnmatchedNoticesRoute:
    """Return the route to the page of the queue with this name."""
    if name == NOTICE_QUEUE:
        return UnmatchedNoticesRoute()
    return ChangedCompaniesRoute() if name == QUEUE_NAME else QueuesRoute(name)


def position_in_trail(route: RecordPageRoute) -> tuple[int, int] | None:
    """Return the index of the route's record in its trail, from 0, and the trail's length. Return None if the trail
    doesn't contain the record or contains only it.
    """
    own_ref, trail = ref_of(route), _refs_of_trail(route)
    return (trail.index(own_ref), len(trail)) if own_ref in trail and len(trail) > 1 else None


def neighbour_route(route: RecordPageRoute, step: int) -> RecordPageRoute | None:
    """Return the route to the previous (`step` -1) or next (1) record of the route's trail; None if there is none."""
    position = position_in_trail(route)
    if position is None or not 0 <= position[0] + step < position[1]:
        return None
    kind, id = _refs_of_trail(route)[position[0] + step]
    return route_to(kind, id, route.trail, route.place)


def ref_of(route: RecordPageRoute) -> Ref:
    """Return the kind and id of the record that the route opens."""
    kind = next(kind for kind, route_class in _ROUTE_CLASSES.items() if route_class is type(route))
    return kind, route.id


def _refs_of_trail(route: RecordPageRoute) -> list[Ref]:
    return [("credit-check", item) if isinstance(item, int) else item for item in route.trail]


_ROUTES_BY_NAME: dict[str, type[Route]] = {
    "home": HomeRoute,
    "queues": QueuesRoute,
    "changed-companies": ChangedCompaniesRoute,
    "unmatched-notices": UnmatchedNoticesRoute,
    "lookup": LookupRoute,
    "audit": AuditRoute,
    "reports": ReportsRoute,
    "admin": AdminRoute,
    "credit-check": RecordRoute,
    "payment": PaymentRoute,
    "order": OrderRoute,
    "refund": RefundRoute,
    "approvals": ApprovalsRoute,
    "set-asides": SetAsidesRoute,
    "alerts": AlertsRoute,
    "reconcile": ReconcileRoute,
    "reconcile-runs": ReconcileRunsRoute,
    "operation": OperationRoute,
    "pdf": PdfRoute,
    "compare": CompareRoute,
    "training": TrainingRoute,
}
_PLAIN_TYPES: dict[object, tuple[type, ...]] = {str: (str,), int: (int,), str | None: (str, type(None))}


def screen_route(name: str) -> Route:
    """Return the route to the screen with this name, such as `set-asides`, without arguments. Raises KeyError for an
    unknown name, and for the page of one record, which needs an id.
    """
    route = decode_route({"screen": name})
    if route is None:
        raise KeyError(name)
    return route


def screen_name(route: Route) -> str:
    """Return the name of the route's screen, such as `set-asides` or `payment`."""
    return next(name for name, route_class in _ROUTES_BY_NAME.items() if route_class is type(route))


def encode_route(route: Route) -> dict[str, Any]:
    """Return the route as a dict that JSON can represent: its screen's name and its arguments without `buy`, so that
    a stored route never opens the purchase dialog.
    """
    values = {field.name: getattr(route, field.name) for field in fields(route) if field.name != "buy"}
    return {"screen": screen_name(route), **values}


def decode_route(value: object) -> Route | None:
    """Return the route that `encode_route` has made into `value`; None for any other value."""
    if not isinstance(value, dict) or value.get("screen") not in _ROUTES_BY_NAME:
        return None
    route_class = _ROUTES_BY_NAME[value["screen"]]
    arguments: dict[str, Any] = {}
    for field in fields(route_class):
        item = value.get(field.name)
        if field.name == "trail":
            arguments["trail"] = _trail_of(item)
        elif field.name in value and type(item) in _PLAIN_TYPES.get(field.type, ()):
            arguments[field.name] = item
    try:
        return route_class(**arguments)
    except TypeError:  # a route without its record
        return None


def _trail_of(value: object) -> tuple[int | Ref, ...]:
    trail: list[int | Ref] = []
    for item in value if isinstance(value, list | tuple) else ():
        if type(item) is int:
            trail.append(item)
        elif isinstance(item, list | tuple) and len(item) == 2 and item[0] in _ROUTE_CLASSES and type(item[1]) is int:
            trail.append((item[0], item[1]))
    return tuple(trail)
