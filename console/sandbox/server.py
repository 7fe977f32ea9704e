"""The sandbox as a whole: one port, one router, and what happens to a request between them."""

import time
from collections.abc import Callable
from datetime import datetime
from threading import Event

from console.sandbox import faults  # noqa: F401 - fills the table of faults
from console.sandbox.alarmbox import AlarmBox
from console.sandbox.atom import Atom
from console.sandbox.calllog import Entry
from console.sandbox.calls import Call, Router
from console.sandbox.client import SandboxControl
from console.sandbox.clock import machine_time
from console.sandbox.connection import Connection
from console.sandbox.control import PREFIX, Control
from console.sandbox.exchange import Exchange
from console.sandbox.fault_table import ORDINARY
from console.sandbox.ledger import Ledger
from console.sandbox.listener import HOST, LAST_WORDS_SECONDS, Listener
from console.sandbox.payment_book import PaymentBook
from console.sandbox.payment_control import PaymentControl
from console.sandbox.payment_notices import PostOffice
from console.sandbox.paypay import PayPay
from console.sandbox.rules import BadRule, Order, order_from_header
from console.sandbox.wire import Reply, Request, error_reply
from console.sandbox.world import World


class Sandbox:
    """A running sandbox; also a context manager that stops it."""

    def __init__(self, port: int = 0, clock: Callable[[], datetime] = machine_time) -> None:
        self._world = World(clock)
        alarmbox = AlarmBox(self._world)
        paypay = PayPay(self._world)
        self._post = PostOffice(self._world)
        payments = PaymentControl(self._world, paypay, self._post, lambda: self.url)
        self._providers = Router((*alarmbox.routes(), *paypay.routes(), *Atom(self._world).routes()))
        self._control_room = Router(Control(self._world, alarmbox, payments, self._post, self.outage).routes())
        self._listener = Listener(port, self._answer)
        self._stopped = Event()
        self.port: int = self._listener.server_port
        self.url = f"http://{HOST}:{self.port}"

    @property
    def ledger(self) -> Ledger:
        """The truth about charges."""
        return self._world.ledger

    @property
    def payments(self) -> PaymentBook:
        """The truth about payments and refunds."""
        return self._world.payments

    @property
    def control(self) -> SandboxControl:
        """The control room, over HTTP like everybody else."""
        return SandboxControl(self.url)

    def outage(self, seconds: float | None) -> None:
        """Refuse connections for so long; None ends it."""
        if seconds is None:
            self._listener.accept_connections()
        else:
            self._listener.refuse_connections(seconds)

    def stop(self) -> None:
        """End at once, hanging calls included; calling it twice does no harm."""
        if self._stopped.is_set():
            return
        self._world.holds.close()
        self._listener.stop()
        self._post.stop(LAST_WORDS_SECONDS)
        self._stopped.set()

    def wait(self) -> None:
        """Until somebody calls `stop`. In short waits: a long one can't be interrupted on Windows."""
        while not self._stopped.wait(0.5):
            pass

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answer(self, request: Request, wire: Connection) -> None:
        if request.path.startswith(PREFIX):
            self._reply(self._control_room.resolve(request), wire)
            return
        wire.entry = entry = self._world.log.received(request, time.monotonic())
        self._world.holds.pause(self._world.settings.delay_seconds)
        outcome = self._providers.resolve(request)
        if isinstance(outcome, Call):
            self._perform(request, outcome, entry, wire)
        else:
            self._reply(outcome, wire)

    def _perform(self, request: Request, call: Call, entry: Entry, wire: Connection) -> None:
        self._world.log.counted(entry, call.name, call.number)
        self._world.holds.ring()
        if call.name != "token" and self._world.too_fast(call.provider):
            self._reply(call.busy, wire)
            return
        try:
            order = self._order(request, call)
        except (BadRule, ValueError) as reason:
            self._reply(error_reply(400, f"X-Sandbox-Fault: {reason}"), wire)
            return
        entry.fault = order.action if order else None
        order = order or Order(ORDINARY)
        order.kind.perform(Exchange(call, order, wire, self._world))

    def _order(self, request: Request, call: Call) -> Order | None:
        asked = request.headers.get("x-sandbox-fault")
        return order_from_header(asked, call) if asked else self._world.rules.pick(call)

    def _reply(self, outcome: Reply | Call, wire: Connection) -> None:
        reply = outcome.act() if isinstance(outcome, Call) else outcome
        wire.write(reply.head() + reply.body)


def start(port: int = 0, clock: Callable[[], datetime] = machine_time) -> Sandbox:
    """A sandbox on loopback, ready on return; port 0 takes a free one. Raises OSError for a taken one."""
    return Sandbox(port, clock)


def run_forever(port: int = 0, on_ready: Callable[[Sandbox], None] = lambda _: None) -> None:
    """Serve until interrupted (Ctrl+C); `on_ready` is called once, when connections are accepted."""
    with start(port) as sandbox:
        on_ready(sandbox)
        try:
            sandbox.wait()
        except KeyboardInterrupt:
            pass  # the ordinary way to end it
