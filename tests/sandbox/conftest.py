"""Fixtures: a sandbox for each test, and a client of this sandbox."""

from collections.abc import Iterator

import pytest

from console.sandbox import Sandbox, SandboxControl, start_sandbox
from tests.sandbox.caller import Caller


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with start_sandbox() as running:
        yield running


@pytest.fixture
def control(sandbox: Sandbox) -> SandboxControl:
    return sandbox.control


@pytest.fixture
def caller(sandbox: Sandbox) -> Caller:
    """Return a client of the sandbox that has an access token."""
    return Caller(sandbox).authorize()
