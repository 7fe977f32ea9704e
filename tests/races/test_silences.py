"""Demands 13 and 14 for refunds: silence is no reason to send again, and "not found" is believed late or never."""

import pytest

from tests.races import silences
from tests.support.money_stage import stage
from tests.support.places import Place

TIME_OUTS, LATE = 5, 12


@pytest.mark.engines("mariadb")
def test_a_time_out_is_never_sent_again(place: Place) -> None:
    """Through all of the schedule, and whatever anybody tries: nothing is sent, and in the end a person is asked."""
    with stage(place) as on:
        tally = silences.time_outs(on, TIME_OUTS, "atom")
        silences.checked(on)
    print(f"demand 13: {place.engine}: Atom: {tally['again']} re-sends after {TIME_OUTS} refunds timed out")
    assert (tally["sent"], tally["again"]) == (TIME_OUTS, 0), tally
    assert tally["unknown"] == tally["people"] == TIME_OUTS, tally


def test_effects_that_come_late(place: Place) -> None:
    """A refund that the provider makes after the first or after the second answer "not found" is sent again with the
    same key, and is made once.
    """
    with stage(place) as on:
        tally = silences.late_effects(on, LATE)
        silences.checked(on)
    print(f"demand 14: {place.engine}: {dict(tally)}")
    assert tally["heard_once"] == LATE - LATE // 4, "the first answer counts where nothing had arrived"
    assert tally["undone"] == tally["again"] == LATE // 2, "and the second alone settles"
