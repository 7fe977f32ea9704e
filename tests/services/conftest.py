"""Fixtures for tests with one desk: an empty database on each engine, and a new sandbox."""

from collections.abc import Iterator

import pytest

from console.app import Console
from console.sandbox.server import Sandbox
from tests.support import server_clock
from tests.support.desks import MovedClock
from tests.support.payment_desks import OpenDeskOf, PaymentDesk, open_payment_desk
from tests.support.places import Place


@pytest.fixture
def clock() -> MovedClock:
    """A clock that the test can move."""
    return MovedClock()


@pytest.fixture
def console(place: Place, sandbox: Sandbox, clock: MovedClock) -> Iterator[Console]:
    """An open desk of the person op-a on the test's database and sandbox."""
    with place.open_desk(sandbox, clock) as desk:
        yield desk


@pytest.fixture
def scene(request: pytest.FixtureRequest, place: Place, sandbox: Sandbox, clock: MovedClock) -> Iterator[PaymentDesk]:
    """A desk that takes payments. All its waits, also the wait for a provider's answer, are 20 times shorter. In a
    test with the mark `time_scale("1")` the waits have their full length, so that a busy machine has enough time to
    answer.
    """
    marker = request.node.get_closest_marker("time_scale")
    with open_payment_desk(place, sandbox, clock, TIME_SCALE=marker.args[0] if marker else "20") as made:
        yield made


@pytest.fixture
def open_desk_of(place: Place, sandbox: Sandbox, clock: MovedClock) -> OpenDeskOf:
    """Return a function that opens the payment desk of another person by the person's name."""
    return lambda person: open_payment_desk(place, sandbox, clock, person=person)


@pytest.fixture
def moved_server_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the database server's clock follow the desk's clock, which the test moves."""
    server_clock.use_desk_time(monkeypatch)
