"""A receiver per test, on a port of its own, before a real desk and the sandbox."""

from collections.abc import Iterator

import pytest

from console.sandbox.server import Sandbox
from tests.support.payment_desks import Scene, paying
from tests.support.places import Place
from tests.worker.calling import TOKEN, Running, serving


@pytest.fixture
def scene(place: Place, sandbox: Sandbox) -> Iterator[Scene]:
    """A desk that takes payments and has a channel token. It waits for a provider as long as it does in earnest: what
    is asked after a notice's answer is asked once here, and no due task makes up for it.
    """
    with paying(place, sandbox, SECRET_LIVE_TOKEN=TOKEN, TIME_SCALE="1") as made:
        yield made


@pytest.fixture
def receiver(scene: Scene) -> Iterator[Running]:
    with serving(scene.taker) as running:
        yield running
