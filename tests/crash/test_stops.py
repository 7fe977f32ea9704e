"""A process continues after its lease has expired: it overwrites no decision, and its answer is stored."""

import os

import pytest

from tests.crash import stops
from tests.support.places import Place


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGSTOP")
@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_a_buyer_stopped_after_the_answer_settles_it_late(place: Place) -> None:
    """Buyers are stopped after the provider's answer. The late answer settles an unknown record. If two people have
    decided meanwhile, their decision stays, and an alert reports the contradiction."""
    tally = stops.run(place, 4)
    told = f"{tally['stopped']} stopped past the lease, 0 overwrites, {tally['evidence']} answers kept"
    print(f"demand 16: {place.engine}: {told}")
    assert tally["stopped"] == tally["evidence"] == 4


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGSTOP")
@pytest.mark.parametrize("meanwhile", ["nothing", "lapse", "decision"])
def test_a_buyer_stopped_before_its_call_sends_only_with_its_claim(place: Place, meanwhile: stops.Meanwhile) -> None:
    """A buyer is stopped between its claim and its request until its lease has expired. It sends only if nobody has
    noted the lapse; otherwise it must not, because people may have decided that it was not bought and bought it
    again."""
    stops.wake_before_sending(place, meanwhile)
