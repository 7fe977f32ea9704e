"""Tests of refunds whose call got no answer. PayPay's answer that a refund doesn't exist counts only when PayPay
repeats it; Atom's answer never counts. Until then the program doesn't send the refund again.
"""

import pytest

from tests.races import unanswered_refunds
from tests.support.money_stage import open_money_stage
from tests.support.places import Place

UNANSWERED_REFUND_COUNT = 2
"""One refund that Atom executes, and one that it does not."""
LATE_REFUND_COUNT = 4
"""One refund for each time at which PayPay executes it, and one that it never executes."""


@pytest.mark.engines("mariadb")
def test_a_refund_without_an_answer_is_never_sent_again(place: Place) -> None:
    """Refunds to Atom get no answer. The program never sends them again, neither by its scheduled probes nor by any
    action of a person. At the end each refund waits for a person.
    """
    with open_money_stage(place) as stage:
        tally = unanswered_refunds.run_refunds_without_answer(stage, UNANSWERED_REFUND_COUNT, "atom")
        unanswered_refunds.check_money(stage)
    print(
        f"demand 13: {place.engine}: Atom: {tally['again']} re-sends after"
        f" {UNANSWERED_REFUND_COUNT} refunds timed out"
    )
    assert (tally["sent"], tally["again"]) == (UNANSWERED_REFUND_COUNT, 0), tally
    assert tally["unknown"] == tally["people"] == UNANSWERED_REFUND_COUNT, tally


def test_a_late_refund_after_a_time_out_is_made_once(place: Place) -> None:
    """PayPay executes refunds before, between and after its answers that they don't exist. The program sends a refund
    again, with the same key, only after two such answers. PayPay executes each refund once.
    """
    with unanswered_refunds.open_late_refund_stage(place) as stage:
        tally = unanswered_refunds.run_late_refunds(stage, LATE_REFUND_COUNT)
        unanswered_refunds.check_money(stage)
    print(f"demand 14: {place.engine}: {dict(tally)}")
    assert tally["heard_once"] == LATE_REFUND_COUNT - LATE_REFUND_COUNT // 4, (
        "the first answer counts where nothing had arrived"
    )
    assert tally["undone"] == tally["again"] == LATE_REFUND_COUNT // 2, "and the second alone settles"
