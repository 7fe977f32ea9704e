"""A desk per test: fresh database on each engine, fresh sandbox."""

from collections.abc import Iterator

import pytest

from console.app import Console
from console.sandbox.server import Sandbox
from console.services.payments import start
from console.services.refunds import probe, submit
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
    """The server's clock, by which starts judge earlier codes and probes the time since a refund was sent, goes on
    with the desk's, which a test moves."""
    for module in (start, submit, probe):
        monkeypatch.setattr(module, "read_current_time", lambda _conn, now: now)
