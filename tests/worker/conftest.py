"""A receiver for each test, on its own port, with a real desk and the sandbox behind it."""

from collections.abc import Iterator

import pytest

from console.sandbox.server import Sandbox
from tests.support.payment_desks import Scene, paying
from tests.support.places import Place
from tests.worker.calling import TOKEN, Running, serving


@pytest.fixture
def scene(place: Place, sandbox: Sandbox) -> Iterator[Scene]:
    """Yield a desk that takes payments and has a channel token.

    It waits for a provider as long as in production: after the answer to a notice the desk asks the provider only
    once, and no due task of these tests asks again.
    """
    with paying(place, sandbox, SECRET_LIVE_TOKEN=TOKEN, TIME_SCALE="1") as made:
        yield made


@pytest.fixture
def receiver(scene: Scene) -> Iterator[Running]:
    with serving(scene.taker) as running:
        yield running
