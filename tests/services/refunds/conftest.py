"""Fixtures for refund tests: a desk on SQLite with the simulated providers. One sandbox serves all tests of a
file.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.sandbox import SandboxControl, start_sandbox
from tests.support.quick_desks import make_quick_folder
from tests.support.refund_desks import RefundDesk, open_refund_desk


@pytest.fixture(scope="module")
def _running_sandbox() -> Iterator[SandboxControl]:
    """Start the sandbox that serves all tests of a file."""
    with start_sandbox() as sandbox:
        yield sandbox.control


@pytest.fixture
def control(_running_sandbox: SandboxControl) -> SandboxControl:
    """Return the control API of the sandbox, after a reset to its initial state."""
    _running_sandbox.reset()
    return _running_sandbox


@pytest.fixture
def home() -> Iterator[Path]:
    with make_quick_folder() as folder:
        yield folder / "home"


@pytest.fixture
def desk(home: Path, control: SandboxControl) -> Iterator[RefundDesk]:
    with open_refund_desk(home, control) as opened:
        yield opened
