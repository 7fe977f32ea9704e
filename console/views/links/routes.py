"""Converts a link to the route of its page in the window, and a route to its link."""

from console.domain.links.link import LINKED_SCREENS, Link
from console.domain.lookup.number_input import find_corporation_number
from console.domain.queue_names import COMPANIES_QUEUE_NAME, NOTICES_QUEUE_NAME
from console.views.runtime.routes import (
    AlertsRoute,
    ApprovalsRoute,
    ChangedCompaniesRoute,
    CreditCheckRoute,
    LookupRoute,
    OperationRoute,
    OrderRoute,
    PaymentRoute,
    PdfComparisonRoute,
    PdfRoute,
    QueuesRoute,
    RefundRoute,
    Route,
    UnmatchedNoticesRoute,
    get_record_ref,
    get_screen_name,
    make_queue_route,
    make_route_to_record,
    make_screen_route,
)


def convert_link_to_route(link: Link) -> Route:
    """Return the route to the page that the link names: a record, operation, corporation, queue, saved view, incident
    or screen. The route opens no dialog, so a link never starts an action."""
    match link.target_kind:
        case "record":
            return make_route_to_record(link.record_kind, int(link.value))
        case "operation":
            return OperationRoute(link.value)
        case "corporation":
            return LookupRoute(link.value)
        case "queue":
            return make_queue_route(link.value)
        case "view":
            return QueuesRoute(view_id=int(link.value))
        case "incident":
            return AlertsRoute(int(link.value))
        case _:
            return make_screen_route(link.value)


def find_link_to_route(route: Route | None) -> Link | None:
    """Return the link to the page that `route` opens; None if no link can name this page. For a PDF, this is the link
    to its credit check; for a request on the approvals page, the link to the refund's own page. For a lookup by a
    corporation number in any form that the lookup accepts, such as in groups of digits, it is the link to the
    corporation; for a lookup by another text, the link to the lookup screen."""
    corporation_number = _find_corporation_number(route)
    if corporation_number is not None:
        return Link("corporation", corporation_number)
    match route:
        case CreditCheckRoute() | PaymentRoute() | OrderRoute() | RefundRoute():
            kind, id = get_record_ref(route)
            return Link("record", str(id), kind)
        case PdfRoute() | PdfComparisonRoute():
            return Link("record", str(route.record_id), "credit-check")
        case OperationRoute():
            return Link("operation", route.id)
        case ChangedCompaniesRoute():
            return Link("queue", COMPANIES_QUEUE_NAME)
        case QueuesRoute() if route.view_id:
            return Link("view", str(route.view_id))
        case UnmatchedNoticesRoute():
            return Link("queue", NOTICES_QUEUE_NAME)
        case QueuesRoute() if route.queue_name:
            return Link("queue", route.queue_name)
        case AlertsRoute() if route.id:
            return Link("incident", str(route.id))
        case ApprovalsRoute() if route.id:
            return Link("record", str(route.id), "refund")
        case None:
            return None
    name = get_screen_name(route)
    return Link("screen", name) if name in LINKED_SCREENS else None


def _find_corporation_number(route: Route | None) -> str | None:
    """Return the corporation number that the lookup of `route` is about, as 13 digits; None for any other route."""
    return find_corporation_number(route.text, allows_test_numbers=True) if isinstance(route, LookupRoute) else None
