"""The fixtures of a test with one desk: an empty database on each engine, and a new sandbox."""

from collections.abc import Iterator

import pytest

from console.app import Console
from console.sandbox.server import Sandbox
from tests.support import server_clock
from tests.support.desks import MovedClock
from tests.support.payment_desks import PaymentDesk, open_payment_desk
from tests.support.places import Place


@pytest.fixture
def clock() -> MovedClock:
    """A clock that the test can move."""
    return MovedClock()


@pytest.fixture
def console(place: Place, sandbox: Sandbox, clock: MovedClock) -> Iterator[Console]:
    """An open desk of op-a on the test's database and sandbox."""
    with place.open_desk(sandbox, clock) as desk:
        yield desk


@pytest.fixture
def scene(request: pytest.FixtureRequest, place: Place, sandbox: Sandbox, clock: MovedClock) -> Iterator[PaymentDesk]:
    """A desk that takes payments. Its waits are shortened by 20, also the wait for a provider's answer. In a test
    that is marked `time_scale("1")` a provider may take as long as a busy machine lets it.
    """
    marker = request.node.get_closest_marker("time_scale")
    with open_payment_desk(place, sandbox, clock, TIME_SCALE=marker.args[0] if marker else "20") as made:
        yield made


@pytest.fixture
def moved_server_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's clock goes on with the desk's, which a test moves."""
    server_clock.use_desk_time(monkeypatch)
