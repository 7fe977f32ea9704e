"""Tests of routes that are stored until the next start of the program."""

import pytest

from console.views.runtime.routes import PaymentRoute, decode_route, encode_route


def test_a_stored_route_names_the_sidebar_entry_in_its_old_field() -> None:
    """A stored route has the sidebar entry in the field `place`, as in the files that earlier versions of the program
    have written.
    """
    route = PaymentRoute(5, (("payment", 5), 7), "queues")
    stored = encode_route(route)
    assert stored["place"] == "queues"
    assert decode_route(stored) == route


@pytest.mark.parametrize("value", [None, 7, "payment", ["payment"], {"a": 1}, [["payment", 5]]])
def test_a_stored_value_of_another_kind_is_no_route(value: object) -> None:
    """Values that this program can't use, such as those of a newer version, are left out and raise nothing."""
    assert decode_route(value) is None
    if value != "payment":
        assert decode_route({"screen": value}) is None
    route = decode_route({"screen": "payment", "id": 5, "trail": [value, [value, 1], 7]})
    assert route == PaymentRoute(5, (7, 7) if value == 7 else (("payment", 1), 7) if value == "payment" else (7,))
