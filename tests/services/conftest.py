"""A desk per test: fresh home, fresh sandbox."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.app import Console
from console.sandbox.server import Sandbox
from tests.support.desks import MovedClock, opened


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def console(tmp_path: Path, sandbox: Sandbox, clock: MovedClock) -> Iterator[Console]:
    with opened(tmp_path, sandbox, clock) as desk:
        yield desk
