"""Tests that the link of each page opens the same page, and that no link opens a dialog."""

import pytest

from console.domain.links.link import LINKED_SCREENS, Link
from console.domain.queue_names import QUEUE_NAMES
from console.views.frame.main_window import ROUTE_BY_SIDEBAR_KEY
from console.views.links.routes import convert_link_to_route, find_link_to_route
from console.views.runtime.routes import LookupRoute, PdfRoute, Route, make_route_to_record

LINKS = (
    Link("record", "7", "payment"), Link("record", "7", "credit-check"), Link("record", "7", "order"),
    Link("record", "7", "refund"), Link("operation", "0197a0b2-1c3d-7e4f-8a9b-0c1d2e3f4a5b"),
    Link("corporation", "1180301018771"), Link("incident", "7"),
    *(Link("queue", name) for name in QUEUE_NAMES), *(Link("screen", name) for name in LINKED_SCREENS),
)  # fmt: skip


@pytest.mark.parametrize("link", LINKS, ids=str)
def test_a_route_is_written_as_a_link_and_read_back(link: Link) -> None:
    route = convert_link_to_route(link)
    assert find_link_to_route(route) == link
    assert not getattr(route, "opens_purchase", False)


@pytest.mark.parametrize("place", sorted(set(ROUTE_BY_SIDEBAR_KEY) - {"training"}))
def test_each_entry_of_the_sidebar_has_a_link(place: str) -> None:
    """Each entry of the sidebar has a link that opens it, except the training, whose data folder no colleague can
    open.
    """
    route = ROUTE_BY_SIDEBAR_KEY[place]
    link = find_link_to_route(route)
    assert link is not None
    assert convert_link_to_route(link) == route


@pytest.mark.parametrize(
    ("route", "link"),
    [
        (PdfRoute(7), Link("record", "7", "credit-check")),
        (LookupRoute("さくら商事"), Link("screen", "lookup")),
        (LookupRoute("1180301018771", opens_purchase=True), Link("corporation", "1180301018771")),
        (LookupRoute("1 1803 0101 8771"), Link("corporation", "1180301018771")),
        (LookupRoute("T1180301018771"), Link("corporation", "1180301018771")),
        (LookupRoute("１１８０３０１０１８７７１"), Link("corporation", "1180301018771")),
        (LookupRoute("1180301018772"), Link("screen", "lookup")),
        (make_route_to_record("payment", 7, (("payment", 8),), "alerts"), Link("record", "7", "payment")),
    ],
)
def test_a_link_excludes_the_origin_and_typed_names(route: Route, link: Link) -> None:
    """A link leaves out the list from which the record was opened, a typed name, and the request to open the dialog
    of a purchase. A corporation number is recognised in each form in which the window or a person writes it.
    """
    assert find_link_to_route(route) == link
