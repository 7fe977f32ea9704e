"""Fixtures of the simulated providers; all tests of one file share one sandbox."""

from collections.abc import Iterator

import pytest

from console.sandbox import Sandbox, SandboxControl, start_sandbox


@pytest.fixture(scope="module")
def running_sandbox() -> Iterator[Sandbox]:
    with start_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def control(running_sandbox: Sandbox) -> SandboxControl:
    """Return the control API of the sandbox after a reset of its state."""
    running_sandbox.control.reset()
    return running_sandbox.control
