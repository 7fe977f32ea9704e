"""Links of the window's pages: the link of a route, and the route of a link."""

from console.domain.links.link import Link
from console.domain.registry.watched_facts import QUEUE_NAME
from console.views.runtime.routes import (
    AlertsRoute,
    ApprovalsRoute,
    AuditRoute,
    ChangedCompaniesRoute,
    HomeRoute,
    LookupRoute,
    OperationRoute,
    OrderRoute,
    PaymentRoute,
    PdfRoute,
    QueuesRoute,
    ReconcileRoute,
    RecordRoute,
    RefundRoute,
    ReportsRoute,
    Route,
    SetAsidesRoute,
    ref_of,
    route_to,
)

_SCREENS: dict[str, Route] = {
    "home": HomeRoute(),
    "lookup": LookupRoute(),
    "queues": QueuesRoute(),
    "approvals": ApprovalsRoute(),
    "alerts": AlertsRoute(),
    "reconcile": ReconcileRoute(),
    "audit": AuditRoute(),
    "reports": ReportsRoute(),
    "set-asides": SetAsidesRoute(),
}
_LONGEST_NUMBER = 13


def route_of_link(link: Link) -> Route:
    """Return the route of what the link names. It opens no dialog and does nothing."""
    match link.place:
        case "record":
            return route_to(link.kind, int(link.value))
        case "operation":
            return OperationRoute(link.value)
        case "corporation":
            return LookupRoute(link.value)
        case "queue":
            return ChangedCompaniesRoute() if link.value == QUEUE_NAME else QueuesRoute(link.value)
        case "incident":
            return AlertsRoute(int(link.value))
        case _:
            return _SCREENS[link.value]


def link_of_route(route: Route | None) -> Link | None:
    """Return the link of what a page shows; None for a page without one."""
    match route:
        case RecordRoute() | PaymentRoute() | OrderRoute() | RefundRoute():
            kind, id = ref_of(route)
            return Link("record", str(id), kind)
        case PdfRoute():
            return Link("record", str(route.record), "credit-check")
        case OperationRoute():
            return Link("operation", route.id)
        case LookupRoute() if len(route.text) == _LONGEST_NUMBER and route.text.isascii() and route.text.isdecimal():
            return Link("corporation", route.text)
        case ChangedCompaniesRoute():
            return Link("queue", QUEUE_NAME)
        case QueuesRoute() if route.name:
            return Link("queue", route.name)
        case AlertsRoute() if route.id:
            return Link("incident", str(route.id))
        case ApprovalsRoute() if route.id:
            return Link("record", str(route.id), "refund")
        case None:
            return None
    return next((Link("screen", name) for name, screen in _SCREENS.items() if type(screen) is type(route)), None)
