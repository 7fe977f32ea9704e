"""Demand 5: however many ask at once, never more than was captured is given away."""

import pytest

from tests.races import requesters
from tests.support.places import Engine, Place

pytestmark = [pytest.mark.xdist_group("races"), pytest.mark.engines("sqlite", "mariadb", "galera")]
PAYMENTS = 8
PROCESSES: dict[Engine, int] = {"sqlite": 6, "mariadb": 6, "mysql": 6, "galera": 6}


@pytest.mark.parametrize("sums_alone", [False, True], ids=["requests", "sums-alone"])
def test_never_above_captured(place: Place, sums_alone: bool) -> None:
    """Six processes at each payment: one request is taken, and two by its sum alone; every other one is refused."""
    crowd = PROCESSES[place.engine]
    endings = requesters.run(place, crowd, PAYMENTS, sums_alone=sums_alone)
    what = "reservations" if sums_alone else "requests"
    print(f"demand 5: {place.engine}: {crowd} processes × {PAYMENTS} payments, {what}: {dict(endings)}, 0 over")


def test_one_person_at_many_windows(place: Place) -> None:
    """A maker's sum of the day holds although each request is for another payment, and they come all at once."""
    endings = requesters.run_of_one_maker(place, 6, fit=2)
    print(f"demand 5: {place.engine}: one maker at 6 desks, 2 fit: {dict(endings)}")
    assert endings["done"] == 2, endings
