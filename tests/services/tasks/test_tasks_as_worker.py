"""Tests that each due task runs with the worker's own database account on a server: the account's rights are enough,
and each task has records to process.
"""

from collections import Counter
from contextlib import ExitStack
from datetime import timedelta

import pytest

from console.domain.bulk.records import ChosenRecord
from console.domain.payments.records import RefundRequest
from console.domain.records import PurchaseRequest
from console.domain.tasks.intervals import INTERVAL_OF_TASK
from console.sandbox.server import Sandbox
from tests.support.alert_receiver import SIGNATURE_KEY, receive_alerts
from tests.support.desks import MovedClock
from tests.support.invented import invent_numbers
from tests.support.payment_desks import make_settings, open_payment_desk
from tests.support.places import Place
from tests.support.reconciled_day import ReconciledDay
from tests.support.refusals import call_and_get_code

TIME_STEP = timedelta(minutes=6)
"""Duration by which the test moves its clock. It is longer than five minutes, which is the time in which a code of
the sandbox's PayPay can be paid, and the grace period of an alert.
"""
TASKS_WITH_WORK = {
    "rows_by_others", "refetches", "payment_polls", "payment_timeouts", "refund_submissions", "alert_rules", "outbox",
    "reconciliation", "bulk_runs",
}  # fmt: skip
"""Due tasks that process at least one of the records that the operators and the other application have left."""


@pytest.mark.engines("mariadb", "galera")
@pytest.mark.usefixtures("moved_server_clock")
def test_every_task_runs_as_the_worker(place: Place, sandbox: Sandbox, clock: MovedClock) -> None:
    """Operators leave a paid and an unpaid payment, an order with another amount, an approved refund, a credit check
    without its PDF, half a bulk run and a day to reconcile. The other application leaves a credit check. The worker's
    account processes all of these without a failed task or a message about a failure.
    """
    with ExitStack() as stack:
        receiver = stack.enter_context(receive_alerts())
        extra = {"ALERTS_WEBHOOK_URL": receiver.url, "SECRET_ALERTS_WEBHOOK_KEY": SIGNATURE_KEY}
        extra |= {"REFUND_COOLING_OFF_SECONDS": "0"}
        scene = stack.enter_context(open_payment_desk(place, sandbox, clock, **extra))
        facts = make_settings(sandbox.url) | extra
        worker, lead = (
            stack.enter_context(place.open_desk(sandbox, clock, person=person, desk=desk, **facts))
            for desk, person in enumerate(("worker", "lead-b"), 1)
        )
        handled: Counter[str] = Counter()

        def move_all_clocks(step: timedelta) -> None:
            clock.offset += step
            scene.control.change_settings(advance_seconds=step.total_seconds())
            place.move_lease_clock(step)
            handled.update({run.task: run.count for run in worker.recovery.run_all_tasks()})

        days = ReconciledDay(scene)
        days.add_payment_on_both_sides("ORD-9")
        days.announce_file()
        for number in ("ORD-1", "ORD-2", "ORD-3"):
            scene.payments.start(scene.insert_order(number, 3300), "paypay")
        scene.money.change_payment_state("paypay", "ORD-1", "paid")
        place.sql(
            "INSERT INTO stock_reservations (order_id, item, quantity, status, created_at)"
            " SELECT id, 'SKU', 1, 'held', created_at FROM orders WHERE merch_txn_id = 'ORD-2'",
            "UPDATE orders SET status = 'paid' WHERE merch_txn_id = 'ORD-3'",
        )
        bought, foreign = invent_numbers(2, seed=11)
        scene.control.add_fault("status:500", call="pdf", times=1)
        scene.console.credit_checks.purchase(PurchaseRequest(bought, "1"))
        columns = "(client_id, corporation_number)"
        place.execute_as_shop(f"INSERT INTO hansha_alarmbox_credit_checks {columns} VALUES (1, '{foreign}')")
        move_all_clocks(timedelta(minutes=2))
        paid = scene.find_payment("paypay", "ORD-1")
        assert paid is not None
        requested_refund = scene.console.refunds.request(RefundRequest(paid.id, "1000", "too much"))
        scene.control.add_fault("result:RATE_LIMIT", call="paypay_refund", payment="ORD-1", times=1)
        assert (
            call_and_get_code(lambda: lead.refunds.approve(requested_refund.id)) == "rate_limited"
        )  # it is sent later, by itself
        half = scene.console.bulk_runs.create_run(
            "probe", [ChosenRecord("payment", paid.id, scene.read_payment(paid.id).version)]
        )
        place.sql(f"UPDATE bulk_runs SET state = 'running', version = version + 1 WHERE id = {half.id}")
        for step in (TIME_STEP, TIME_STEP, TIME_STEP):
            move_all_clocks(step)
        assert {task.name: task.error_code for task in worker.scheduler.read_task_states()} == dict.fromkeys(
            INTERVAL_OF_TASK
        )
        assert {name for name, count in handled.items() if count} >= TASKS_WITH_WORK
        assert scene.read_order("ORD-2").state == "cancelled"
        assert place.sql("SELECT status FROM stock_reservations") == [("released",)]
        assert {(event["event"], event["rule_id"]) for event in receiver.events} >= {("AlertRaised", "B")}
        assert place.sql("SELECT status FROM refunds") == [("completed",)]
