"""Tests that an unknown refund is not sent again and that an early `not found` leads to no second refund
(requirements 13 and 14).
"""

import pytest

from tests.services.refunds import unknowns

REFUND_COUNT_WITH_TIME_OUT, REFUND_COUNT_WITH_LATE_EFFECT = 3, 6


@pytest.mark.expects_log("sendings that nobody answers")
def test_a_refund_without_an_answer_is_never_sent_again(seed: int) -> None:
    """An unknown refund is never sent again and stays unknown, whatever actions people try and however much time
    passes.
    """
    tally = unknowns.run_refunds_with_timeouts(REFUND_COUNT_WITH_TIME_OUT, seed)
    print(f"demand 13: refunds: {tally['again']} re-sends after {tally['time_outs']} time-outs")
    assert tally["again"] == 0


@pytest.mark.expects_log("sendings that nobody answers")
def test_a_refund_around_the_second_not_found_is_made_once(seed: int) -> None:
    """If a refund reaches the provider around the time of the second `not found`, the provider makes it once, whether
    it is found or sent again under its key.
    """
    tally = unknowns.run_refunds_with_late_effects(REFUND_COUNT_WITH_LATE_EFFECT, seed)
    print(f"demand 14: {tally['doubles']} doubles in {tally['effects']} effects, {tally['before']} before the answer")
    assert (tally["doubles"], tally["found"]) == (0, REFUND_COUNT_WITH_LATE_EFFECT)
