"""A desk per test: fresh database on each engine, fresh sandbox."""

from collections.abc import Iterator

import pytest

from console.app import Console
from console.sandbox.server import Sandbox
from tests.support import server_clock
from tests.support.desks import MovedClock
from tests.support.payment_desks import Scene, paying
from tests.support.places import Place


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def console(place: Place, sandbox: Sandbox, clock: MovedClock) -> Iterator[Console]:
    with place.opened(sandbox, clock) as desk:
        yield desk


@pytest.fixture
def scene(place: Place, sandbox: Sandbox, clock: MovedClock) -> Iterator[Scene]:
    """A desk that takes payments."""
    with paying(place, sandbox, clock) as made:
        yield made


@pytest.fixture
def moved_server_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's clock goes on with the desk's, which a test moves."""
    server_clock.move_with_desks(monkeypatch)
