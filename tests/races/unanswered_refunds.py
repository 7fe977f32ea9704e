"""Helpers that send refunds whose calls get no answer or the answer that the refund doesn't exist. They check which
refunds the program sends again.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

from console.domain.payments.records import Refund
from console.domain.payments.states import RefundState
from console.domain.records import Certainty, WorkState
from tests.support import money_truth
from tests.support.money_desks import CAPTURED_MINOR, find_newest_refund, import_paid_payment, request_refund
from tests.support.money_stage import MoneyStage, open_money_stage
from tests.support.places import Place
from tests.support.refusals import call_and_get_code

THREAD_COUNT = 10
_WAITS_BETWEEN_RUNS_SECONDS = (5, 60, 300, 3_600, 6 * 3_600, 86_400, 86_400, 86_400, 86_400, 86_400, 86_400)
"""Waits between the runs of the due tasks, in seconds of the console's own time. Each is longer than the pause of the
schedule at this attempt."""
_FURTHER_RUN_COUNT = 3
"""Number of runs of the due tasks after those waits, each a day after the run before. A run may leave a refund to the
next run, after which the schedule of the refund ends."""


def run_refunds_without_answer(stage: MoneyStage, count: int, provider: str) -> Counter[str]:
    """Send `count` refunds that get no answer; the provider executes every second one. Afterwards reads at PayPay
    fail, and Atom answers that the refunds don't exist. Run the due tasks over several days, and let people try every
    action. Return `time_outs` (refunds), `sent` (refund calls), `again` (repeated refund calls), `unknown` (refunds
    whose outcome stays unknown) and `people` (those of them that wait for a person).
    """
    ids = _approve_in_threads(stage, count, provider, _add_silence_faults(stage, provider, count))
    sent = _count_sendings(stage, provider)
    if provider == "paypay":
        stage.sandbox.control.add_fault("status:500", call="paypay_refund_details", times="always")
    else:
        stage.sandbox.control.add_fault("hidden_refunds", call="atom_refund_status", times="always")
    for seconds in (*_WAITS_BETWEEN_RUNS_SECONDS, *_WAITS_BETWEEN_RUNS_SECONDS[-1:] * _FURTHER_RUN_COUNT):
        _let_time_pass(stage, seconds)
    _check_every_action_is_refused(stage, ids)
    refunds = [find_newest_refund(stage.maker, payment) for payment in ids]
    unknown = [one for one in refunds if one is not None and one.certainty is Certainty.UNKNOWN]
    before_people = [one for one in unknown if one.work.state is WorkState.NEEDS_REVIEW]
    stage.sandbox.control.clear_faults()
    return Counter(
        time_outs=count,
        sent=sent,
        again=_count_sendings(stage, provider) - sent,
        unknown=len(unknown),
        people=len(before_people),
    )


def _add_silence_faults(stage: MoneyStage, provider: str, count: int) -> list[str]:
    """Order from the sandbox that it doesn't answer the refund calls of `count` payments but executes every second
    one. Return the payment numbers.
    """
    for i in range(count):
        fault = "hang_after_charge" if i % 2 else "hang"
        stage.sandbox.control.add_fault(
            fault, call=f"{provider}_refund", payment=_make_payment_number(provider, i), seconds=30
        )
    return [_make_payment_number(provider, i) for i in range(count)]


def _make_payment_number(provider: str, i: int) -> str:
    return f"{provider.upper()}-{i}"


def _approve_in_threads(stage: MoneyStage, count: int, provider: str, numbers: Sequence[str]) -> list[int]:
    """Import the `count` paid payments with the payment numbers `numbers`, and request a refund of each. Approve the
    refunds in several threads. Check that the outcome of each refund is unknown. Return the payment ids.
    """
    ids = [import_paid_payment(stage.maker, stage.sandbox, number, provider=provider).id for number in numbers]
    refund_ids = [request_refund(stage.maker, payment, "10" if provider == "atom" else 1_000).id for payment in ids]
    with ThreadPoolExecutor(THREAD_COUNT) as threads:
        codes = Counter(
            threads.map(lambda refund: call_and_get_code(lambda: stage.checker.refunds.approve(refund)), refund_ids)
        )
    assert codes == Counter(outcome_unknown=count), codes
    stage.sandbox.control.release_calls()
    return ids


def _count_sendings(stage: MoneyStage, provider: str) -> int:
    """Return the number of refund requests that the sandbox has received for this provider."""
    return len(stage.sandbox.control.read_requests(f"{provider}_refund"))


def _check_every_action_is_refused(stage: MoneyStage, ids: Sequence[int]) -> None:
    """Check that the program refuses to send, approve, withdraw or request a refund of these payments, and that a
    probe doesn't settle the refund.
    """
    for payment in ids:
        refund = find_newest_refund(stage.maker, payment)
        assert refund is not None
        attempts = {
            "submit": call_and_get_code(lambda r=refund: stage.checker.refunds.submit(r.id)),
            "approve": call_and_get_code(lambda r=refund: stage.checker.refunds.approve(r.id)),
            "withdraw": call_and_get_code(lambda r=refund: stage.maker.refunds.withdraw(r.id)),
            "ask": call_and_get_code(lambda p=payment: request_refund(stage.maker, p, "10")),
            "probe": call_and_get_code(lambda r=refund: stage.maker.refunds.probe(r.id)),
        }
        assert "done" not in attempts.values(), attempts


@contextmanager
def open_late_refund_stage(place: Place) -> Iterator[MoneyStage]:
    """Yield a MoneyStage for `run_late_refunds`, whose result doesn't depend on the speed of the machine: the time of
    day passes only when the clocks are moved, and calls to the provider have long time limits, because each of them
    gets an answer.
    """
    with open_money_stage(place, TIME_SCALE="4") as stage, stage.clock.stop_time_of_day():
        yield stage


def run_late_refunds(stage: MoneyStage, count: int) -> Counter[str]:
    """Send `count` refunds to PayPay that get no answer. PayPay executes a quarter of them before the program's first
    question, a quarter before its second one, a quarter afterwards, and a quarter never. After two answers that a
    refund doesn't exist, the program sends it again with the same key. Check that each refund is executed once.
    Return the counts: `refunds`; `heard_once` (refunds with one answer "not found" after the first question);
    `undone` (after the second question: refunds that can be sent again or were); `again` (refunds sent more than once
    by the end); `doubles` (refunds not executed exactly once, always 0).
    """
    numbers = [f"LATE-{i}" for i in range(count)]
    for number in numbers:
        stage.sandbox.control.add_fault("late_charge:500", call="paypay_refund", payment=number)
    ids = _approve_each(stage, numbers)
    known = _make_known_refund(stage)
    last = count // 4
    keys = [one.provider_refund_key for one in _read_refunds(stage, ids)]
    _release_delayed_requests(stage, keys[:last])
    _let_time_pass(stage, 61)
    count_by_answer = Counter(one.not_found for one in _read_refunds(stage, ids))
    _let_time_pass(stage, 60)  # the second question isn't due yet
    _release_delayed_requests(stage, keys[last : 2 * last])  # before the answer that would settle it
    _let_time_pass(stage, 600)
    undone = sum(one.state is RefundState.APPROVED or one.sent_count > 1 for one in _read_refunds(stage, ids))
    _release_delayed_requests(stage, keys[2 * last : 3 * last])
    for _ in range(4):
        _let_time_pass(stage, 900)
    refunds = _read_refunds(stage, ids)
    doubles = [number for number in numbers if stage.count_provider_refunds(number) != 1]
    assert not doubles, f"not refunded exactly once: {doubles}"
    odd = [one for one in refunds if one.state is not RefundState.COMPLETED]
    assert not odd, f"not at their end: {odd}"
    assert call_and_get_code(lambda: stage.checker.refunds.probe(known)) == "done", "the positive control"
    again = sum(one.sent_count > 1 for one in refunds)
    return Counter(refunds=count, heard_once=count_by_answer[1], undone=undone, again=again, doubles=len(doubles))


def _release_delayed_requests(stage: MoneyStage, keys: Sequence[str | None]) -> None:
    """Let the simulated provider execute the delayed refund requests with these keys now."""
    for key in keys:
        stage.release_held_call(key)


def _approve_each(stage: MoneyStage, numbers: Sequence[str]) -> list[int]:
    """Request and approve a refund of each payment. Check that the outcome of each refund is unknown. Return the
    payment ids.
    """
    ids = [import_paid_payment(stage.maker, stage.sandbox, number).id for number in numbers]
    for payment in ids:
        refund = request_refund(stage.maker, payment, CAPTURED_MINOR // 3)
        assert call_and_get_code(lambda r=refund: stage.checker.refunds.approve(r.id)) == "outcome_unknown"
    return ids


def _make_known_refund(stage: MoneyStage) -> int:
    """Make a refund that the provider has in its ledger, and return its id. It shows that the program reads the
    provider's answers to the same probe correctly.
    """
    refund = request_refund(stage.maker, import_paid_payment(stage.maker, stage.sandbox, "KNOWN-1").id)
    stage.sandbox.control.add_fault("close_after_charge", call="paypay_refund", payment="KNOWN-1")
    assert call_and_get_code(lambda: stage.checker.refunds.approve(refund.id)) == "outcome_unknown"
    _move_clocks(stage, 60)
    assert stage.checker.refunds.probe(refund.id).certainty is Certainty.KNOWN
    return refund.id


def _let_time_pass(stage: MoneyStage, seconds: float) -> None:
    """Move the clocks by `seconds` of the program's time, and run the due tasks."""
    _move_clocks(stage, seconds)
    stage.checker.recovery.run_all_tasks()


def _move_clocks(stage: MoneyStage, seconds: float) -> None:
    """Move the clocks by `seconds` of the program's time, which the time scale divides."""
    stage.move_clocks(timedelta(seconds=seconds) / stage.checker.settings.time_scale)


def _read_refunds(stage: MoneyStage, ids: Sequence[int]) -> list[Refund]:
    """Return the newest refund of each of these payments."""
    return [one for payment in ids if (one := find_newest_refund(stage.maker, payment)) is not None]


def check_money(stage: MoneyStage) -> None:
    """Check all rules of payments and refunds, which money_truth.py defines."""
    money_truth.check_money(stage.checker, stage.sandbox)
