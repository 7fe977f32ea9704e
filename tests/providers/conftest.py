"""Fixtures of the simulated providers: one sandbox for all tests of a file."""

from collections.abc import Iterator

import pytest

from console.sandbox import Sandbox, SandboxControl, start_sandbox


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with start_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def control(running: Sandbox) -> SandboxControl:
    """The control API of the sandbox, after a reset."""
    running.control.reset()
    return running.control
