"""Delivers many notices of three kinds. Each notice is delivered one to five times, in a random order, by several
threads at the same time."""

import random
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock

from console.domain.errors import ConsoleError
from console.domain.payments.records import ReceivedNotice
from console.store.payments import payments
from console.store.payments.payments import NewPayment
from tests.support.payment_desks import PaymentDesk

SENDER_COUNT = 8
AMOUNT_YEN, AMOUNT_PAISE = 3300, 50_000


@dataclass
class DeliveryResult:
    """The result of the deliveries: their number by result (`count_by_result`), the duration of each delivery and of
    all together in seconds (`delivery_seconds`, `seconds`), and the number of attempts that were repeated because the
    database couldn't be reached (`repeated_count`)."""

    count_by_result: Counter[str] = field(default_factory=Counter)
    delivery_seconds: list[float] = field(default_factory=list)
    seconds: float = 0.0
    repeated_count: int = 0

    def format_figures(self) -> str:
        """Return the figures as one line of text."""
        took = sorted(self.delivery_seconds)
        p50, p99 = took[len(took) // 2] * 1000, took[len(took) * 99 // 100] * 1000
        rate = len(took) / self.seconds
        return f"{len(took)} deliveries in {self.seconds:.1f} s: {rate:.0f}/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms"


def prepare_notices(
    scene: PaymentDesk, bank_notice_count: int, paypay_notice_count: int, atom_notice_count: int
) -> list[ReceivedNotice]:
    """Insert an order for each notice, and return the notices. For PayPay and Atom, also insert a payment that was
    begun and then paid at the simulated provider; the bank's payments are inserted when their notices arrive.
    `bank_notice_count`, `paypay_notice_count` and `atom_notice_count` are the numbers of notices of each kind."""
    names = (
        [f"B-{n}" for n in range(bank_notice_count)]
        + [f"P-{n}" for n in range(paypay_notice_count)]
        + [f"A-{n}" for n in range(atom_notice_count)]
    )
    for start in range(0, len(names), 500):
        rows = ", ".join(_make_order_values(name) for name in names[start : start + 500])
        scene.place.sql(f"INSERT INTO orders (merch_txn_id, total_amount, currency) VALUES {rows}")
    ids = {str(name): int(i) for i, name in scene.place.sql("SELECT id, merch_txn_id FROM orders")}
    posts = [scene.make_bank_notice(f"event-{n}", f"B-{n}", str(AMOUNT_YEN)) for n in range(bank_notice_count)]
    for provider, letter, count in (("paypay", "P", paypay_notice_count), ("atom", "A", atom_notice_count)):
        for n in range(count):
            posts.append(_begin_payment(scene, provider, f"{letter}-{n}", ids[f"{letter}-{n}"]))
    return posts


def _make_order_values(name: str) -> str:
    minor, currency = (AMOUNT_PAISE, "INR") if name.startswith("A") else (AMOUNT_YEN, "JPY")
    return f"('{name}', {minor}, '{currency}')"


def _begin_payment(scene: PaymentDesk, provider: str, name: str, order_id: int) -> ReceivedNotice:
    """Insert a payment of the order in the database and at the provider. Return the provider's notice about it."""
    minor, currency = (AMOUNT_PAISE, "INR") if provider == "atom" else (AMOUNT_YEN, "JPY")
    now = scene.context.now()
    new = NewPayment(provider, name, currency, minor, order_id=order_id, begun_at=now)
    scene.context.database.write(lambda tx: payments.insert_payment(tx.conn, new, now))
    scene.money.register_payment(provider, name, minor)
    return scene.make_provider_notice(provider, name)


def deliver_notices(scene: PaymentDesk, posts: Sequence[ReceivedNotice], seed: int) -> DeliveryResult:
    """Deliver each notice one to five times, in a random order, in SENDER_COUNT threads. If a delivery fails because
    the database can't be reached, repeat it, as a provider would do.
    """
    chance = random.Random(seed)
    deliveries = [post for post in posts for _ in range(chance.randint(1, 5))]
    chance.shuffle(deliveries)
    storm, lock = DeliveryResult(), Lock()

    def deliver_until_accepted(post: ReceivedNotice) -> None:
        began, again = time.perf_counter(), 0
        while True:
            try:
                result = scene.payments.receive_notice(post)
                break
            except ConsoleError as error:
                if error.exit_status != 6:
                    raise
                again += 1
        with lock:
            storm.count_by_result[result.done or "refused"] += 1
            storm.delivery_seconds.append(time.perf_counter() - began)
            storm.repeated_count += again

    began = time.perf_counter()
    with ThreadPoolExecutor(SENDER_COUNT) as pool:
        list(pool.map(deliver_until_accepted, deliveries))
    storm.seconds = time.perf_counter() - began
    return storm


def run_tasks_while_work_is_scheduled(scene: PaymentDesk) -> None:
    """Run the due tasks, at most 20 times, until no payment has a scheduled task and no notice is queued. If the
    desk's clock can be moved, move it forward by two minutes before each run. The function doesn't check the
    payments."""
    clock = scene.context.clock
    for _ in range(20):
        waiting = scene.place.sql(
            "SELECT COUNT(*) FROM payments WHERE work_state = 'scheduled' UNION ALL"
            " SELECT COUNT(*) FROM payment_events WHERE done = 'queued'"
        )
        if not any(count for (count,) in waiting):
            return
        if hasattr(clock, "offset"):
            clock.offset += timedelta(minutes=2)
        scene.run_due_tasks()


def check_all_notices_booked(scene: PaymentDesk, posts: Sequence[ReceivedNotice]) -> None:
    """Check that each notice is stored and booked exactly once, that its order is paid, that no alert about a payment
    is open, and that no notice was refused."""
    check_payments_booked(scene, posts)
    assert scene.place.sql("SELECT COUNT(*) FROM payment_events") == [(len(posts),)]
    assert scene.payments.count_refused_notices() == 0


def check_payments_booked(scene: PaymentDesk, posts: Sequence[ReceivedNotice]) -> None:
    """Check that each notice is booked exactly once, that all orders are paid, and that no alert about a payment is
    open. Other notices may have been refused."""
    rows = scene.place.sql("SELECT provider, status, captured_minor, certainty, work_state FROM payments ORDER BY id")
    wrong = [row for row in rows if tuple(row[1:]) not in _EXPECTED_STATES[str(row[0])]]
    assert wrong[:3] == []
    assert len(rows) == len(posts)
    assert scene.place.sql("SELECT COUNT(*) FROM orders WHERE status <> 'paid'") == [(0,)]
    booked = "SELECT COUNT(*), COUNT(DISTINCT subject_id) FROM audit_log WHERE what = 'payment.booked'"
    assert scene.place.sql(booked) == [(len(posts), len(posts))]
    assert scene.list_open_alert_rules() == []


_EXPECTED_STATES = {
    "bank": [("payment_success", AMOUNT_YEN, "known", "none")],
    "paypay": [("completed", AMOUNT_YEN, "known", "none")],
    "atom": [("completed", AMOUNT_PAISE, "known", "none")],
}
