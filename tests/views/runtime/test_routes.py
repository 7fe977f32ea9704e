"""Tests of routes that are stored until the next start of the program."""

from console.views.runtime.routes import PaymentRoute, decode_route, encode_route


def test_a_stored_route_names_the_sidebar_entry_in_its_old_field() -> None:
    """A stored route has the sidebar entry in the field `place`, as in the files that earlier versions of the program
    have written.
    """
    route = PaymentRoute(5, (("payment", 5), 7), "queues")
    stored = encode_route(route)
    assert stored["place"] == "queues"
    assert decode_route(stored) == route
