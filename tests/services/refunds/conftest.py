"""A desk for refunds on SQLite with the simulated providers; one sandbox serves all tests of a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.sandbox import SandboxControl, start_sandbox
from tests.support.quick_desks import make_quick_folder
from tests.support.refund_desks import RefundDesk, open_refund_desk


@pytest.fixture(scope="module")
def _running() -> Iterator[SandboxControl]:
    """The sandbox of all tests of a file."""
    with start_sandbox() as sandbox:
        yield sandbox.control


@pytest.fixture
def control(_running: SandboxControl) -> SandboxControl:
    """The control API of the sandbox, in its initial state."""
    _running.reset()
    return _running


@pytest.fixture
def home() -> Iterator[Path]:
    with make_quick_folder() as folder:
        yield folder / "home"


@pytest.fixture
def desk(home: Path, control: SandboxControl) -> Iterator[RefundDesk]:
    with open_refund_desk(home, control) as opened:
        yield opened
