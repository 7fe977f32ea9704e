"""The sending of a refund continues after its lease has expired: it doesn't overwrite the result of a newer
sending.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

import pytest

from console.domain.payments.records import Refund
from console.domain.payments.states import RefundState
from console.domain.records import Certainty
from tests.support.money_desks import find_newest_refund
from tests.support.money_stage import ActionTarget, MoneyStage, open_money_stage
from tests.support.places import Place
from tests.support.refusals import call_and_get_code
from tests.support.waiting import MAX_WAIT_SECONDS


class PausedSending:
    """The sending of a refund in a thread, which pauses at the step `step` until the end of the block of
    `pause_sending`. `code` is then "done", or the error code of the sending.
    """

    def __init__(self, stage: MoneyStage, target: ActionTarget, step: str) -> None:
        self._stage, self._target, self._step = stage, target, step
        self._asleep, self._go = Event(), Event()
        self.code = ""
        self._thread = Thread(target=self._approve_at_desk)

    def _approve_at_desk(self) -> None:
        with self._stage.open_desk(
            "approve", TIME_SCALE="1"
        ) as console:  # whose heart beats too slowly to matter here
            send = console.refunds.submit if self._step == "asking" else console.refunds.approve
            self.code = call_and_get_code(lambda: send(self._target.refund_id, progress=self._pause_at_step))

    def _pause_at_step(self, step: str) -> None:
        if step == self._step:
            self._asleep.set()
            assert self._go.wait(MAX_WAIT_SECONDS)

    @contextmanager
    def pause_sending(self) -> Iterator[None]:
        """Start the sending, and wait until it pauses. At the end of the block, let the sending continue and wait for
        its end.
        """
        self._thread.start()
        try:
            assert self._asleep.wait(MAX_WAIT_SECONDS)
            yield
        finally:
            self._go.set()
            self._thread.join(MAX_WAIT_SECONDS)


def let_sending_lapse(stage: MoneyStage, target: ActionTarget) -> Refund:
    """Let the lease of the sending expire, run the due tasks, and probe the refund twice. The provider doesn't have
    the refund, so the program sets it back to the state approved, in which it may be sent again. Return the refund.
    """
    stage.move_clocks(timedelta(minutes=2))
    stage.checker.recovery.run_all_tasks()
    for _ in range(2):
        stage.move_clocks(timedelta(seconds=30))
        call_and_get_code(lambda: stage.maker.refunds.probe(target.refund_id))
    refund = find_newest_refund(stage.maker, target.payment_id)
    assert refund is not None
    return refund


@pytest.mark.expects_log("an answer that came too late")
def test_an_old_refusal_fails_no_newer_sending(place: Place) -> None:
    """The provider refuses the first sending of a refund, which pauses with that answer. The first sending continues
    while a second one is at the provider. The amount stays reserved, and the second sending executes the refund once.
    """
    with open_money_stage(place) as stage:
        target = stage.prepare_target("approve")
        stage.sandbox.control.add_fault("result:REFUND_LIMIT_EXCEEDED", call="paypay_refund", payment=target.number)
        first, second = PausedSending(stage, target, "answered"), PausedSending(stage, target, "asking")
        with first.pause_sending():
            undone = let_sending_lapse(stage, target)
            assert (undone.state, undone.certainty) == (RefundState.APPROVED, Certainty.KNOWN), undone
            with second.pause_sending():
                first._go.set()
                first._thread.join(MAX_WAIT_SECONDS)
                now = find_newest_refund(stage.maker, target.payment_id)
                assert now is not None
                assert (now.state, now.certainty) == (RefundState.SUBMITTING, Certainty.KNOWN), f"overwritten: {now}"
        assert second.code == "done", second.code
        stage.move_clocks()
        stage.checker.recovery.run_all_tasks()
        done = find_newest_refund(stage.maker, target.payment_id)
        assert done is not None
        assert (done.state, stage.count_provider_refunds(target.number)) == (RefundState.COMPLETED, 1), done
        stage.check_all_rules()
    print(f"demand 16: {place.engine}: refunds: an old refusal came during a newer sending: 0 overwritten")
