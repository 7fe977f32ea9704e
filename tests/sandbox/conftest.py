"""A sandbox of its own for every test, and somebody who calls it."""

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
    """Authorised, with an access token in hand."""
    return Caller(sandbox).authorized()
