"""Fixtures for tests of the receiver: each test has a receiver on a port of its own, with a real desk and the
sandbox.
"""

from collections.abc import Iterator

import pytest

from console.sandbox.server import Sandbox
from tests.support.payment_desks import PaymentDesk, open_payment_desk
from tests.support.places import Place
from tests.worker.running_receiver import LIVE_FEED_TOKEN, RunningReceiver, run_receiver


@pytest.fixture
def scene(place: Place, sandbox: Sandbox) -> Iterator[PaymentDesk]:
    """Yield a desk that receives notices of payments and has a channel token for the live feed.

    The desk waits as long between two questions to a provider as in production. So after a notice it asks the
    provider only once, and no due task of these tests asks again.
    """
    with open_payment_desk(place, sandbox, SECRET_LIVE_TOKEN=LIVE_FEED_TOKEN, TIME_SCALE="1") as made:
        yield made


@pytest.fixture
def receiver(scene: PaymentDesk) -> Iterator[RunningReceiver]:
    with run_receiver(scene.taker) as running:
        yield running
