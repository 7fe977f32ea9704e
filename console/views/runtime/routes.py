"""Routes: immutable values that name a page of the window and its arguments. The window's history and links
consist of routes."""

from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from console.domain.queue_names import COMPANIES_QUEUE_NAME, NOTICES_QUEUE_NAME, QUEUES_WITHOUT_RECORDS

RECORD_QUEUE_NAMES = ("review", "unknown", "disagree", "refunds", "incomplete", "pending", "error")
QUEUE_TAB_NAMES = (*RECORD_QUEUE_NAMES, *QUEUES_WITHOUT_RECORDS)
"""Names of all queues in the order of their tabs. The entries of the last two queues aren't records, so these queues
have pages of their own.
"""


@dataclass(frozen=True, slots=True)
class HomeRoute:
    """The route to the home page, which has the counts of all queues."""


@dataclass(frozen=True, slots=True)
class QueuesRoute:
    """The route to the page of the queues, with the queue `queue_name`; "" means the queue that was shown last. If
    `view_id` isn't 0, the page shows the saved view with the id `view_id`."""

    queue_name: str = ""
    view_id: int = 0


@dataclass(frozen=True, slots=True)
class ChangedCompaniesRoute:
    """The route to the page of the queue of changed companies."""


@dataclass(frozen=True, slots=True)
class UnmatchedNoticesRoute:
    """The route to the page of the queue of unmatched notices."""


@dataclass(frozen=True, slots=True)
class LookupRoute:
    """The route to the lookup page, which shows all records that belong to the number or name `text`; "" shows the
    empty search field. If `opens_purchase` is True, the page also opens the purchase dialog."""

    text: str = ""
    opens_purchase: bool = False


@dataclass(frozen=True, slots=True)
class AuditRoute:
    """The route to the page of the audit trail."""


@dataclass(frozen=True, slots=True)
class ReportsRoute:
    """The route to the page of the reports, with the section `section_name`; "" means the section that was shown
    last."""

    section_name: str = ""


@dataclass(frozen=True, slots=True)
class AdminRoute:
    """The route to the page of the administration."""


@dataclass(frozen=True, slots=True)
class TrainingRoute:
    """The route to the page of the training, which only the window of a training has."""


RecordRef: TypeAlias = tuple[str, int]
"""The kind ("credit-check", "payment", "order" or "refund") and the id of a record."""


@dataclass(frozen=True, slots=True)
class _RecordRoute:
    """The route to the page of one record. `trail` are the records of the list from which the page is opened; the
    actions "previous" and "next" visit them in this order. A number in `trail` is the id of a credit check.
    `sidebar_key` is the key of the sidebar entry to highlight."""

    id: int
    trail: tuple[int | RecordRef, ...] = ()
    sidebar_key: str = "lookup"


class CreditCheckRoute(_RecordRoute):
    """The route to the page of one credit check."""

    __slots__ = ()


class PaymentRoute(_RecordRoute):
    """The route to the page of one payment."""

    __slots__ = ()


class OrderRoute(_RecordRoute):
    """The route to the page of one order."""

    __slots__ = ()


class RefundRoute(_RecordRoute):
    """The route to the page of one refund."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ApprovalsRoute:
    """The route to the page of the refunds that wait for a decision, with the refund `id`; 0 means the refund that
    was shown last."""

    id: int = 0


@dataclass(frozen=True, slots=True)
class SetAsidesRoute:
    """The route to the page of the money set aside, about which a person must decide."""


@dataclass(frozen=True, slots=True)
class AlertsRoute:
    """The route to the page of the incidents, with the incident `id` as the current one; 0 means the first incident.
    The id of an incident is the id of one of its alerts.
    """

    id: int = 0


@dataclass(frozen=True, slots=True)
class ReconcileRoute:
    """The route to the page with the differences of one reconciliation run; run 0 means the newest run."""

    run_id: int = 0


@dataclass(frozen=True, slots=True)
class ReconcileRunsRoute:
    """The route to the page with the list of all reconciliation runs."""


@dataclass(frozen=True, slots=True)
class OperationRoute:
    """The route to the page of one operation of the journal. The operation may exist only in this desk's spool."""

    id: str


@dataclass(frozen=True, slots=True)
class PdfRoute:
    """The route to the page of a PDF of the credit check `record_id`. `sha256` names an earlier PDF by its SHA-256;
    None means the current PDF."""

    record_id: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class PdfComparisonRoute:
    """The route to the page that compares two versions of the PDF of the credit check `record_id`. `new_sha256` and
    `old_sha256` are the SHA-256 values of the versions. If `new_sha256` is missing, it is the newest version; if
    `old_sha256` is missing, it is the version before the new one."""

    record_id: int
    old_sha256: str | None = None
    new_sha256: str | None = None


RecordPageRoute: TypeAlias = CreditCheckRoute | PaymentRoute | OrderRoute | RefundRoute
"""The route of the page of one record: a credit check, payment, order or refund."""
Route: TypeAlias = (
    HomeRoute | QueuesRoute | ChangedCompaniesRoute | UnmatchedNoticesRoute | LookupRoute | AuditRoute | AdminRoute
    | OperationRoute | PdfRoute | PdfComparisonRoute | ApprovalsRoute | SetAsidesRoute | AlertsRoute | ReconcileRoute
    | ReconcileRunsRoute | ReportsRoute | TrainingRoute | RecordPageRoute
)  # fmt: skip

_ROUTE_CLASS_BY_KIND: dict[str, type[CreditCheckRoute | PaymentRoute | OrderRoute | RefundRoute]] = {
    "credit-check": CreditCheckRoute,
    "payment": PaymentRoute,
    "order": OrderRoute,
    "refund": RefundRoute,
}


def make_route_to_record(
    kind: str, id: int, trail: tuple[int | RecordRef, ...] = (), sidebar_key: str = "lookup"
) -> RecordPageRoute:
    """Return the route to the page of the record with this kind and id. `trail` are the records of the list from
    which the page is opened; `sidebar_key` is the key of the sidebar entry to highlight.

    Raises KeyError for an unknown kind.
    """
    return _ROUTE_CLASS_BY_KIND[kind](id, trail, sidebar_key)


def make_queue_route(queue_name: str) -> QueuesRoute | ChangedCompaniesRoute | UnmatchedNoticesRoute:
    """Return the route to the page that shows the queue with this name."""
    if queue_name == NOTICES_QUEUE_NAME:
        return UnmatchedNoticesRoute()
    return ChangedCompaniesRoute() if queue_name == COMPANIES_QUEUE_NAME else QueuesRoute(queue_name)


def find_position_in_trail(route: RecordPageRoute) -> tuple[int, int] | None:
    """Return the position of the route's record in its trail (the records of the list from which the page is
    opened): the index, counted from 0, and the length of the trail. Return None if the trail doesn't contain
    the record, or contains only this record.
    """
    own_ref, trail = get_record_ref(route), _list_trail_refs(route)
    return (trail.index(own_ref), len(trail)) if own_ref in trail and len(trail) > 1 else None


def find_neighbour_route(route: RecordPageRoute, offset: int) -> RecordPageRoute | None:
    """Return the route to the previous (`offset` -1) or next (1) record in the route's trail, the records of the
    list from which the page is opened; None if there is no such record."""
    position = find_position_in_trail(route)
    if position is None or not 0 <= position[0] + offset < position[1]:
        return None
    kind, id = _list_trail_refs(route)[position[0] + offset]
    return make_route_to_record(kind, id, route.trail, route.sidebar_key)


def get_record_ref(route: RecordPageRoute) -> RecordRef:
    """Return the kind and id of the record whose page the route opens."""
    kind = next(kind for kind, route_class in _ROUTE_CLASS_BY_KIND.items() if route_class is type(route))
    return kind, route.id


def _list_trail_refs(route: RecordPageRoute) -> list[RecordRef]:
    return [("credit-check", item) if isinstance(item, int) else item for item in route.trail]


_ROUTE_CLASS_BY_SCREEN_NAME: dict[str, type[Route]] = {
    "home": HomeRoute,
    "queues": QueuesRoute,
    "changed-companies": ChangedCompaniesRoute,
    "unmatched-notices": UnmatchedNoticesRoute,
    "lookup": LookupRoute,
    "audit": AuditRoute,
    "reports": ReportsRoute,
    "admin": AdminRoute,
    **_ROUTE_CLASS_BY_KIND,
    "approvals": ApprovalsRoute,
    "set-asides": SetAsidesRoute,
    "alerts": AlertsRoute,
    "reconcile": ReconcileRoute,
    "reconcile-runs": ReconcileRunsRoute,
    "operation": OperationRoute,
    "pdf": PdfRoute,
    "compare": PdfComparisonRoute,
    "training": TrainingRoute,
}
_PLAIN_ROUTE_ARGUMENT_TYPES: dict[object, tuple[type, ...]] = {
    str: (str,),
    int: (int,),
    str | None: (str, type(None)),
}
_STORED_ARGUMENT_NAMES = {
    "queue_name": "name",
    "section_name": "name",
    "view_id": "view",
    "run_id": "run",
    "record_id": "record",
    "sidebar_key": "place",
    "old_sha256": "old",
    "new_sha256": "new",
}  # the names in stored routes, where they differ from the fields


def make_screen_route(screen_name: str) -> Route:
    """Return the route, without arguments, to the page with this screen name, such as `set-asides`.

    Raises KeyError for an unknown name, and for the name of a page that needs an argument, such as the id of a
    record.
    """
    route = decode_route({"screen": screen_name})
    if route is None:
        raise KeyError(screen_name)
    return route


def get_screen_name(route: Route) -> str:
    """Return the screen name of the route's page, such as `set-asides` or `payment`."""
    return next(name for name, route_class in _ROUTE_CLASS_BY_SCREEN_NAME.items() if route_class is type(route))


def encode_route(route: Route) -> dict[str, Any]:
    """Return the route as a dict that can be stored as JSON: the screen name and the arguments. The argument
    `opens_purchase` is left out, so that a stored route never opens the purchase dialog. `sidebar_key` is stored
    under the name `place`."""
    arguments = {
        _STORED_ARGUMENT_NAMES.get(field.name, field.name): getattr(route, field.name)
        for field in fields(route)
        if field.name != "opens_purchase"
    }
    return {"screen": get_screen_name(route), **arguments}


def decode_route(value: object) -> Route | None:
    """Return the route that `encode_route` has encoded as `value`. An argument that is missing in `value`, or has a
    wrong type, gets its default. Return None if `value` names no page, or lacks an argument without a default, such
    as the id of a record."""
    screen_name = value.get("screen") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(screen_name, str):
        return None
    route_class = _ROUTE_CLASS_BY_SCREEN_NAME.get(screen_name)
    if route_class is None:
        return None
    arguments: dict[str, Any] = {}
    for field in fields(route_class):
        stored_name = _STORED_ARGUMENT_NAMES.get(field.name, field.name)
        argument = value.get(stored_name)
        if field.name == "trail":
            arguments["trail"] = _parse_trail(argument)
        elif stored_name in value and type(argument) in _PLAIN_ROUTE_ARGUMENT_TYPES.get(field.type, ()):
            arguments[field.name] = argument
    try:
        return route_class(**arguments)
    except TypeError:  # a route without its record
        return None


def _parse_trail(value: object) -> tuple[int | RecordRef, ...]:
    """Return the trail in a stored JSON value: a list of ids of credit checks and of pairs of kind and id. Items that
    are neither an id nor a pair are left out. If the value is no list, return an empty trail."""
    trail: list[int | RecordRef] = []
    for item in value if isinstance(value, list | tuple) else ():
        if type(item) is int:
            trail.append(item)
        elif (
            isinstance(item, list | tuple)
            and len(item) == 2
            and isinstance(item[0], str)
            and item[0] in _ROUTE_CLASS_BY_KIND
            and type(item[1]) is int
        ):
            trail.append((item[0], item[1]))
    return tuple(trail)
