"""A process is killed at any step of an action on a refund. The next process shows the right state and next step of
the refund.
"""

import pytest

from tests.crash import refund_kills
from tests.support.places import Place


@pytest.mark.parametrize(
    "actions",
    [
        ("approve", "ask", "reject", "withdraw"),
        ("send again", "approve at Atom", "probe", "poll", "resolve", "delivery"),
    ],
)
@pytest.mark.expects_log("what the database could not take is told")
def test_a_kill_at_any_step_executes_a_refund_at_most_once(place: Place, actions: tuple[str, ...]) -> None:
    """Each action on a refund is killed at each of its steps. The provider executes an approved refund at most once,
    each completed refund exists at the provider, and each refund there has a row in the database. Due tasks and at
    most one action of a person end each refund.
    """
    tally = refund_kills.kill_refund_at_each_step(place, actions)
    summary = f"{tally['kills']} kills at the steps of {', '.join(actions)}: 0 twice, 0 lost"
    print(f"demand 3: {place.engine}: refunds: {summary}, recovery ≤ {tally['slowest_ms']} ms")
    assert tally["kills"] == sum(len(refund_kills.STEPS_BY_ACTION[action]) for action in actions)
