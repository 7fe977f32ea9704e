"""A buying process continues after its lease has expired: it overwrites no decision, and its answer is stored."""

import os

import pytest

from tests.crash import stops
from tests.support.places import Place


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGSTOP")
@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_a_buyer_stopped_after_the_answer_settles_it_late(place: Place) -> None:
    """Buying processes are stopped after the provider's answer and continue after their leases have expired. The late
    answer settles an unknown record. If two people have decided meanwhile, their decision stays, and an alert reports
    the contradiction."""
    tally = stops.stop_buyers(place, 4)
    summary = f"{tally['stopped']} stopped past the lease, 0 overwrites, {tally['evidence']} answers kept"
    print(f"demand 16: {place.engine}: {summary}")
    assert tally["stopped"] == tally["evidence"] == 4


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGSTOP")
@pytest.mark.parametrize("event_during_stop", ["nothing", "lapse", "decision"])
def test_a_buyer_stopped_before_its_call_sends_only_with_its_claim(
    place: Place, event_during_stop: stops.EventDuringStop
) -> None:
    """A buying process is stopped between its claim and its request until its lease has expired. It sends the request
    only if no due task has recorded the lapse. Otherwise it must not send, because people may have decided that the
    credit check was not bought, and may have bought it again."""
    stops.run_stop_before_sending(place, event_during_stop)
