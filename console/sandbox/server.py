"""The whole sandbox: one port, the routes of all simulated providers and of the control API, and the handling of each
request.
"""

import time
from collections.abc import Callable
from datetime import datetime
from threading import Event

from console.sandbox import faults  # noqa: F401 - fills the table of faults
from console.sandbox.alarmbox.api import SimulatedAlarmBox
from console.sandbox.alarmbox.ledger import ChargeLedger
from console.sandbox.atom.api import SimulatedAtom
from console.sandbox.control.api import CONTROL_PATH_PREFIX, ControlApi
from console.sandbox.control.client import SandboxControl
from console.sandbox.control.notice_sender import NoticeSender
from console.sandbox.control.payments import PaymentControl
from console.sandbox.environment.clock import get_machine_time
from console.sandbox.faults.call_in_progress import CallInProgress
from console.sandbox.faults.sandbox_state import SandboxState
from console.sandbox.http.call_log import LoggedCall
from console.sandbox.http.calls import ProviderCall, Router
from console.sandbox.http.connection import SandboxConnection
from console.sandbox.http.listener import LISTENER_HOST, STOP_WAIT_SECONDS, SandboxListener
from console.sandbox.http.messages import HttpReply, HttpRequest, make_error_reply
from console.sandbox.payments.ledger import PaymentLedger
from console.sandbox.paypay.api import SimulatedPayPay
from console.sandbox.registry.published_registry import PublishedRegistry
from console.sandbox.registry.web_api import SimulatedRegistry
from console.sandbox.rules.fault_rules import FaultInstruction, InvalidFaultRule, parse_instruction_from_header
from console.sandbox.rules.fault_table import NO_FAULT


class Sandbox:
    """A running sandbox (see `start_sandbox`). Used as a context manager, it stops at the end of the block."""

    def __init__(self, port: int = 0, get_time: Callable[[], datetime] = get_machine_time) -> None:
        self._state = SandboxState(get_time)
        alarmbox = SimulatedAlarmBox(self._state)
        paypay = SimulatedPayPay(self._state)
        self._notice_sender = NoticeSender(self._state)
        payments = PaymentControl(self._state, paypay, self._notice_sender, lambda: self.url)
        self._provider_router = Router(
            (
                *alarmbox.list_routes(),
                *paypay.list_routes(),
                *SimulatedAtom(self._state).list_routes(),
                *SimulatedRegistry(self._state.registry).list_routes(),
            )
        )
        self._control_router = Router(
            ControlApi(self._state, alarmbox, payments, self._notice_sender, self.begin_outage).list_routes()
        )
        self._listener = SandboxListener(port, self._answer_request)
        self._stopped = Event()
        self.port: int = self._listener.server_port
        self.url = f"http://{LISTENER_HOST}:{self.port}"

    @property
    def ledger(self) -> ChargeLedger:
        """The ledger of charges for credit checks."""
        return self._state.ledger

    @property
    def payment_ledger(self) -> PaymentLedger:
        """The ledger of payments and refunds at the simulated providers."""
        return self._state.payment_ledger

    @property
    def registry(self) -> PublishedRegistry:
        """The publications of the corporation registry's simulated publisher."""
        return self._state.registry

    @property
    def control(self) -> SandboxControl:
        """A client of the control API, over HTTP."""
        return SandboxControl(self.url)

    def begin_outage(self, duration_seconds: float | None) -> None:
        """Refuse connections to the sandbox for the given number of seconds; None ends the outage."""
        if duration_seconds is None:
            self._listener.end_outage()
        else:
            self._listener.begin_outage(duration_seconds)

    def stop(self) -> None:
        """Stop the sandbox now; held calls end without an effect. A repeated call of this method does nothing."""
        if self._stopped.is_set():
            return
        self._state.held_calls.close()
        self._listener.stop()
        self._notice_sender.wait_until_sent(STOP_WAIT_SECONDS)
        self._stopped.set()

    def wait(self) -> None:
        """Wait until `stop` is called. The wait is made of short waits, because a long wait can't be interrupted on
        Windows.
        """
        while not self._stopped.wait(0.5):
            pass

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answer_request(self, request: HttpRequest, connection: SandboxConnection) -> None:
        if request.path.startswith(CONTROL_PATH_PREFIX):
            self._send_reply(self._control_router.find_call(request), connection)
            return
        connection.log_entry = entry = self._state.call_log.record_request(request, time.monotonic())
        self._state.held_calls.pause(self._state.settings.delay_seconds)
        call_or_reply = self._provider_router.find_call(request)
        if isinstance(call_or_reply, ProviderCall):
            self._execute_call(request, call_or_reply, entry, connection)
        else:
            self._send_reply(call_or_reply, connection)

    def _execute_call(
        self, request: HttpRequest, call: ProviderCall, entry: LoggedCall, connection: SandboxConnection
    ) -> None:
        self._state.call_log.record_call(entry, call.name, call.subject_number)
        self._state.held_calls.notify_waiters()
        if call.name != "token" and self._state.must_refuse_too_fast_call(call.provider):
            self._send_reply(call.rate_limit_reply, connection)
            return
        try:
            instruction = self._find_fault_instruction(request, call)
        except (InvalidFaultRule, ValueError) as reason:
            self._send_reply(make_error_reply(400, f"X-Sandbox-Fault: {reason}"), connection)
            return
        entry.fault = instruction.action if instruction else None
        instruction = instruction or FaultInstruction(NO_FAULT)
        instruction.kind.apply(CallInProgress(call, instruction, connection, self._state))

    def _find_fault_instruction(self, request: HttpRequest, call: ProviderCall) -> FaultInstruction | None:
        """Return the fault that the request's header names, otherwise the fault of the first matching rule; None for
        no fault."""
        header = request.headers.get("x-sandbox-fault")
        return parse_instruction_from_header(header, call) if header else self._state.fault_rules.pick_fault(call)

    def _send_reply(self, call_or_reply: HttpReply | ProviderCall, connection: SandboxConnection) -> None:
        reply = call_or_reply.execute() if isinstance(call_or_reply, ProviderCall) else call_or_reply
        connection.write(reply.make_head_bytes() + reply.body)


def start_sandbox(port: int = 0, get_time: Callable[[], datetime] = get_machine_time) -> Sandbox:
    """Start a sandbox on the loopback interface; it accepts connections when this function returns. With port 0 the
    operating system chooses a free port. `get_time` returns the time (aware, UTC) that the sandbox's clock follows.

    Raises OSError if another program uses the port.
    """
    return Sandbox(port, get_time)


def run_sandbox(port: int = 0, on_ready: Callable[[Sandbox], None] = lambda _: None) -> None:
    """Run a sandbox on the loopback interface until Ctrl+C. With port 0 the operating system chooses a free port.
    `on_ready` is called once with the sandbox, when connections are accepted. Raises OSError if another program uses
    the port."""
    with start_sandbox(port) as sandbox:
        on_ready(sandbox)
        try:
            sandbox.wait()
        except KeyboardInterrupt:
            pass  # Ctrl+C is the usual way to stop
