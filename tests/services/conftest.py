"""A desk per test: fresh database on each engine, fresh sandbox."""

from collections.abc import Iterator

import pytest

from console.app import Console
from console.sandbox.server import Sandbox
from tests.support.desks import MovedClock
from tests.support.places import Place


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def console(place: Place, sandbox: Sandbox, clock: MovedClock) -> Iterator[Console]:
    with place.opened(sandbox, clock) as desk:
        yield desk
