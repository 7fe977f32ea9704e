"""Notices of three kinds, thousands of them, several times over, from eight senders: each is booked once."""

import pytest

from console.sandbox.server import Sandbox
from tests.support.desks import MovedClock
from tests.support.notice_storm import check, prepare, rage, settle
from tests.support.payment_desks import paying
from tests.support.places import Place


@pytest.mark.timeout(300)
def test_each_of_many_notices_is_booked_once(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """2,000 over both engines here, 100,000 in the soak: delivered one to five times, shuffled."""
    banks, paypays, atoms = (1_500, 110, 40) if not place.is_server else (300, 35, 15)
    with Sandbox() as sandbox, paying(place, sandbox, MovedClock()) as scene:
        posts = prepare(scene, banks, paypays, atoms)
        storm = rage(scene, posts, seed=14)
        settle(scene)
        check(scene, posts)
    with capsys.disabled():
        print(f"\n{place.engine}: {storm.told()}; {dict(storm.done)}")
