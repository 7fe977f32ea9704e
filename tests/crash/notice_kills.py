"""Kills the process that receives a notice with SIGKILL at each named step, for each source of notices. Checks that
later processes book the notice once.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from console.app import Console
from console.domain.payments.records import OrderState, Payment, ReceivedNotice
from console.domain.payments.states import PAID_STATES
from console.sandbox.server import Sandbox
from console.store.payments import orders, payments
from tests.crash.money_actors import execute_money_action
from tests.support import money_truth
from tests.support.children import start_children
from tests.support.desks import MovedClock
from tests.support.money_desks import insert_order, make_provider_settings, move_clocks
from tests.support.payment_desks import BANK_KEY, make_signed_notice
from tests.support.places import Place

KILLED_EXIT_STATUS = -9
ORDER_TOTAL_MINOR = 3_000
_CURRENCY_BY_PROVIDER = {"paypay": "JPY", "atom": "INR", "bank": "JPY"}
_STEPS_OF_PROBED_SOURCES = (
    "before_notice_tx",
    "after_notice_tx",
    "before_confirm",
    "after_confirm",
    "before_notice_end",
    "before_order_move",
    "after_order_move",
)
STEPS_BY_SOURCE: dict[str, tuple[str, ...]] = {
    "paypay": _STEPS_OF_PROBED_SOURCES,
    "atom": _STEPS_OF_PROBED_SOURCES,
    "bank": ("before_notice_tx", "after_notice_tx", "before_order_move", "after_order_move"),
}


@dataclass
class NoticeKillCase:
    """The notice of one source about a payment with an order of its own, whose order number is `number`. The receiver
    of the notice is killed at the step `step`.
    """

    source: str
    step: str
    number: str
    notice: ReceivedNotice


def kill_receiver_at_each_step(place: Place, sources: Sequence[str], seed: int = 0) -> Counter[str]:
    """Kill the receiver of a notice at each step of each source. Each sender whose notice was not stored sends it
    again; every second sender also repeats a stored notice. Then only due tasks run. Return the number of kills under
    the key `kills`.
    """
    clock, steps = MovedClock(), [(source, step) for source in sources for step in STEPS_BY_SOURCE[source]]
    with Sandbox() as sandbox:
        extra = make_provider_settings(sandbox.url) | {"SECRET_NOTICE_BANK_KEY": BANK_KEY}
        with (
            place.open_desk(sandbox, clock, **extra) as console,
            place.open_desk(sandbox, clock, person=place.notice_account_name, **extra) as taker,
        ):
            cases = [_make_case(place, console, sandbox, *one, i) for i, one in enumerate(steps)]
            environments = [
                place.make_environment(
                    sandbox.url, place.notice_account_name, FAILPOINT=f"{case.step}:1:kill", **extra
                )
                for case in cases
            ]
            for i in range(0, len(cases), 4):
                _kill_receivers(cases[i : i + 4], environments[i : i + 4])
            for i, case in enumerate(cases, seed):
                _repeat_notice(taker, case, repeats=i % 2 == 0)
            for _ in range(3):
                move_clocks(clock, sandbox, timedelta(minutes=5))
                console.recovery.run_all_tasks()
            for case in cases:
                _check_booked_once(place, console, case)
            money_truth.check_money(console, sandbox)
            console.audit.verify_chains()
    return Counter(kills=len(cases))


def _make_case(place: Place, console: Console, sandbox: Sandbox, source: str, step: str, i: int) -> NoticeKillCase:
    """Create an order whose payer has just paid, and the notice about it. `source` is the provider, or "bank"; `step`
    is the step at which the receiver is killed; `i` is a part of the order number."""
    number = f"ORD-{source}-{i}"
    order_id = insert_order(place, number, ORDER_TOTAL_MINOR, _CURRENCY_BY_PROVIDER[source])
    if source == "bank":
        return NoticeKillCase(source, step, number, _make_bank_notice(number))
    ours = console.payments.start(order_id, source).payment.merchant_payment_id
    sandbox.control.payments_control.change_payment_state(source, ours, "paid", notify=False)
    _, body = sandbox.control.payments_control.compose_notice(source, ours)
    return NoticeKillCase(source, step, number, ReceivedNotice(source, body, (), "127.0.0.1"))


def _make_bank_notice(number: str) -> ReceivedNotice:
    """Return a signed notice of a bank about the order with this order number."""
    now = datetime.now(UTC)
    fields = {
        "event_id": f"EV-{number}",
        "type": "payment.succeeded",
        "order_no": number,
        "amount": str(ORDER_TOTAL_MINOR),
        "currency": "JPY",
        "occurred_at": now.isoformat(),
    }
    return make_signed_notice("bank", json.dumps(fields).encode(), now)


def _kill_receivers(cases: Sequence[NoticeKillCase], environments: Sequence[dict[str, str]]) -> None:
    """Start the receivers of these cases, and check that each is killed."""
    each = [(environment, "notice", case.notice) for case, environment in zip(cases, environments, strict=True)]
    with start_children(execute_money_action, each) as children:
        for case, child in zip(cases, children, strict=True):
            assert child.wait_for_report() == "open"
            assert child.wait_for_end() == KILLED_EXIT_STATUS, f"{case.source} passed {case.step} unharmed"


def _repeat_notice(console: Console, case: NoticeKillCase, *, repeats: bool) -> None:
    """Send the notice again, as a sender without an answer does. The console must treat it as a repetition exactly if
    the notice was stored before the kill. Without `repeats` a stored notice isn't sent again.
    """
    is_stored = case.step != "before_notice_tx"
    if is_stored and not repeats:
        return
    result = console.payments.receive_notice(case.notice)
    assert not result.is_refused, f"{case}: {result}"
    assert (result.done == "repeated") is is_stored, f"{case}: {result}"


def _check_booked_once(place: Place, console: Console, case: NoticeKillCase) -> None:
    """Check that the payment is booked once with its order, and that the event is stored once and needs no further
    step.
    """
    with console.database.read() as conn:
        order = orders.find_by_number(conn, case.number)
        mine: tuple[Payment, ...] = payments.find_by_order(conn, order.id) if order else ()
    assert order is not None
    assert len(mine) == 1, f"{len(mine)} payments: {case}"
    payment = mine[0]
    assert payment.state in PAID_STATES, f"not booked: {case}: {payment}"
    assert payment.captured_minor == ORDER_TOTAL_MINOR, f"{payment.captured_minor} booked: {case}"
    assert order.state is OrderState.PAID, f"its order is {order.state}: {case}: {payment}"
    events = place.sql(f"SELECT done FROM payment_events WHERE payment_id = {payment.id}")
    assert len(events) == 1, f"kept {len(events)} times: {case}"
    assert events[0][0] in ("booked", "unchanged"), f"{events}: {case}"
    booked = place.sql(
        f"SELECT count(*) FROM audit_log WHERE what = 'payment.booked' AND subject_id = '{payment.id}'"
    )
    assert booked[0][0] == 1, f"booked {booked[0][0]} times: {case}"
