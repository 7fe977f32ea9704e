"""Demand 16: whoever wakes up after its lease overwrites nothing, and loses no evidence."""

import os

import pytest

from tests.crash import stops
from tests.support.places import Place


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGSTOP")
@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_stopped_past_the_lease(place: Place) -> None:
    """The late answer settles what is still unknown; what people decided meanwhile stays, with a case."""
    tally = stops.run(place, 4)
    told = f"{tally['stopped']} stopped past the lease, 0 overwrites, {tally['evidence']} answers kept"
    print(f"demand 16: {place.engine}: {told}")
    assert tally["stopped"] == tally["evidence"] == 4


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGSTOP")
@pytest.mark.parametrize("meanwhile", ["nothing", "lapse", "decision"])
def test_who_was_stopped_before_sending_sends_no_more(place: Place, meanwhile: stops.Meanwhile) -> None:
    """A process that stands still between its claim and its request until its lease has run out. It goes on if
    nobody has noted that; otherwise people may have called it not bought, rightly, and somebody has bought anew."""
    stops.wake_before_sending(place, meanwhile)
