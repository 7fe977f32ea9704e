"""Steady work for a worker of the soak: in each turn payers, banks, the shop, people and the monitoring each make a
few calls.
"""

import http.client
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Event, Thread

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.payments.records import ReceivedNotice
from console.sandbox.server import Sandbox
from console.store.payments import payments
from console.store.payments.payments import NewPayment
from tests.support.alert_receiver import AlertReceiver
from tests.support.money_desks import request_refund
from tests.support.payment_desks import PaymentDesk, make_settings, open_payment_desk
from tests.support.places import Place
from tests.support.reconciled_day import ReconciledDay
from tests.support.worker_process import WorkerProcess

PAYMENT_YEN = 3_300
NOTICE_PATHS = {"paypay": "/webhooks/paypay", "atom": "/callbacks/atom"}
_TURNS_PER_REFUND, _TURNS_PER_RECONCILIATION, _TURNS_PER_ALERT, _TURNS_UNTIL_PAID = 15, 30, 30, 90
_NOTICE_TRIES = 5
_LIVE_CLIENT_WAIT_SECONDS = 60.0


class SteadyWork:
    """Executes the work of all callers in one thread. `done` counts the calls and their effects. `provider` is the
    sandbox's URL.
    """

    def __init__(self, scene: PaymentDesk, checker: Console, provider: str) -> None:
        self.provider = provider
        self.done: Counter[str] = Counter()
        self._scene, self._checker = scene, checker
        self._days = ReconciledDay(scene)
        self._worker: WorkerProcess | None = None
        self._alerted: AlertReceiver | None = None
        self._ailing: list[tuple[int, str]] = []

    @staticmethod
    @contextmanager
    def open_for_database(place: Place) -> "Iterator[SteadyWork]":
        """Yield the steady work for this database, with a new sandbox and two people's desks."""
        with (
            Sandbox() as sandbox,
            open_payment_desk(place, sandbox) as scene,
            place.open_desk(sandbox, None, person="lead-b", desk=2, **make_settings(sandbox.url)) as checker,
        ):
            yield SteadyWork(scene, checker, sandbox.url)

    def set_receivers(self, worker: WorkerProcess, alerted: AlertReceiver) -> None:
        """Set the worker that receives notices, and the receiver of alerts."""
        self._worker, self._alerted = worker, alerted

    def execute_turn(self, number: int) -> None:
        """Execute the turn with this number. The turn delivers notices about five payments (some of them twice),
        begins a payment that only a poll can find as paid, sends five requests that the worker refuses, and reads
        three pages of the worker. At intervals the turn also requests a refund, reconciles a day, and violates the
        rule of an alert.
        """
        for part in range(3):
            name = f"B-{number}-{part}"
            self._insert_order(name)
            self._deliver_notice(
                self._scene.make_bank_notice(f"event-{name}", name, str(PAYMENT_YEN)), times=1 + (part == 0)
            )
        for part in range(2):
            name = f"P-{number}-{part}"
            self._insert_begun_payment(name)
            self._scene.money.register_payment("paypay", name, PAYMENT_YEN)
            self._deliver_notice(self._scene.make_provider_notice("paypay", name), times=1 + part)
        if self._start_payment(f"L-{number}"):  # its notice is lost: a poll finds it
            self._scene.money.change_payment_state("paypay", f"L-{number}", "paid")
        for _ in range(4):
            self._send_request("POST", "/notices/bank", b'{"event_id": "x"}', expected_status=400)
        self._send_request("GET", "/no-such-page", b"", expected_status=None)
        for page in ("/metrics", "/healthz", "/readyz"):
            self._send_request("GET", page, b"", expected_status=200)
        if number % _TURNS_PER_REFUND == 0:
            self._refund_payment(f"P-{number}-0")
        if number % _TURNS_PER_RECONCILIATION == 0:
            self._announce_file(number)
        self._raise_alert_at_interval(number)

    def check_and_count(self) -> Counter[str]:
        """Return the counts of the work by its name, such as `notices`, `refunds`, `alerts` or `polled` (payments).

        Raises AssertionError if one kind of work had no effect.
        """
        assert self._alerted is not None
        self.done["alerts"] = len(self._alerted.events)
        for name, query in _COUNT_EFFECTS_SQL.items():
            self.done[name] = int(self._scene.place.sql(query)[0][0])
        missing = [
            name for name in (*_COUNT_EFFECTS_SQL, "notices", "refunds", "alerts", "told") if not self.done[name]
        ]
        assert not missing, f"no {missing}: {self.done}"
        return self.done

    # The acts of each

    def _insert_order(self, name: str) -> int:
        return self._scene.insert_order(name, PAYMENT_YEN)

    def _insert_begun_payment(self, name: str) -> None:
        """Insert an order and a payment, both with the number `name`; its payer has not paid yet."""
        context, order = self._scene.context, self._insert_order(name)
        new = NewPayment("paypay", name, "JPY", PAYMENT_YEN, order_id=order, begun_at=context.now())
        context.database.write(lambda tx: payments.insert_payment(tx.conn, new, context.now()))

    def _start_payment(self, name: str) -> bool:
        """Begin a payment of a new order with the order number `name` at the desk; the worker polls the payment
        later. Return False if the call is refused, because the sandbox was too slow on a busy machine.
        """
        try:
            self._scene.payments.start(self._insert_order(name), "paypay")
        except ConsoleError as refusal:
            self.done[f"start {refusal.code}"] += 1
            return False
        return True

    def _deliver_notice(self, post: ReceivedNotice, times: int) -> None:
        """Deliver the notice `times` times. If the worker doesn't answer a delivery with 200, repeat the delivery, as
        the sender of the notice would do.
        """
        for _ in range(times):
            assert self._worker is not None
            status = deliver_notice(self._worker, post)
            for _ in range(_NOTICE_TRIES):
                if status == 200:
                    break
                self.done["notices again"] += 1
                status = deliver_notice(self._worker, post)
            assert status == 200, f"{post}: {status}"
            self.done.update(requests=1, notices=1)

    def _refund_payment(self, name: str) -> None:
        """Request and approve a refund of the payment with this payment number. Do nothing if the payment doesn't
        exist.
        """
        payment = self._scene.find_payment("paypay", name)
        if payment is None:
            return
        try:
            refund = request_refund(self._scene.console, payment.id)
            self._checker.refunds.approve(refund.id)
        except ConsoleError as refusal:
            self.done[f"refund {refusal.code}"] += 1
        else:
            self.done["refunds"] += 1

    def _announce_file(self, number: int) -> None:
        """Add a payment, whose number ends in the number of the turn, to the provider's daily file of yesterday, and
        deliver the notice that announces the file."""
        self._days.add_payment_on_both_sides(f"Y-{number}")
        self._days.announce_file()

    def _raise_alert_at_interval(self, number: int) -> None:
        """At intervals mark an order as paid before its payment is paid, as a faulty shop would; this raises an
        alert. Some turns later let the payment be paid, which closes the alert.
        """
        if number % _TURNS_PER_ALERT == 0:
            name = f"R-{number}"
            if self._start_payment(name):
                self._scene.place.sql(f"UPDATE orders SET status = 'paid' WHERE merch_txn_id = '{name}'")
                self._ailing.append((number + _TURNS_UNTIL_PAID, name))
        while self._ailing and self._ailing[0][0] <= number:
            self._scene.money.change_payment_state("paypay", self._ailing.pop(0)[1], "paid")

    def _send_request(self, method: str, path: str, body: bytes, expected_status: int | None) -> None:
        """Send a request to the worker, and check that the HTTP status of the answer is `expected_status` (None: any
        status).
        """
        assert self._worker is not None
        status = send_request(self._worker, method, path, body, {})
        assert expected_status in (None, status), f"{path}: {status}"
        self.done["requests"] += 1


def deliver_notice(worker: WorkerProcess, post: ReceivedNotice) -> int:
    """Send a notice to the worker as its sender would. Return the HTTP status."""
    path = NOTICE_PATHS.get(post.source, f"/notices/{post.source}")
    return send_request(worker, "POST", path, post.body, dict(post.headers))


def send_request(worker: WorkerProcess, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Send one request on a connection of its own. Return the HTTP status."""
    connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=60)
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


_COUNT_EFFECTS_SQL = {
    "polled": "SELECT COUNT(*) FROM payments WHERE merchant_payment_id LIKE 'L-%' AND status = 'completed'",
    "reconciliations": "SELECT COUNT(*) FROM reconciliations",
    "roots": "SELECT COUNT(*) FROM tasks WHERE name = 'audit_roots' AND ended_at IS NOT NULL",
}


@contextmanager
def keep_live_client(worker: WorkerProcess, token: str, work: SteadyWork) -> Iterator[None]:
    """Keep a client connected to the worker's live feed (`/live`) until the end of the block. After sixty messages or
    seconds without one, the client closes its connection and opens a new one. `work.done["told"]` counts the changes
    that the client receives.
    """
    over = Event()
    thread = Thread(target=_receive_live_feed, args=(worker, token, work, over), name="live", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_LIVE_CLIENT_WAIT_SECONDS)


def _receive_live_feed(worker: WorkerProcess, token: str, work: SteadyWork, stop_event: Event) -> None:
    """Connect to the live feed (`/live`) again and again until `stop_event` is set."""
    bearer, url = {"Authorization": f"Bearer {token}"}, f"ws://127.0.0.1:{worker.port}/live"
    while not stop_event.wait(0.2):
        heard = 0
        with suppress(ConnectionClosed, OSError), connect(url, additional_headers=bearer, proxy=None) as connection:
            while heard < _LIVE_CLIENT_WAIT_SECONDS and not stop_event.is_set():
                with suppress(TimeoutError):
                    work.done["told"] += len(json.loads(connection.recv(1.0)).get("changes", ()))
                heard += 1
