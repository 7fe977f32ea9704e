"""A provider call in progress: the effect of the call, and the connection on which the sandbox answers the call."""

from collections.abc import Iterable

from console.sandbox.faults.sandbox_state import SandboxState
from console.sandbox.http.calls import ProviderCall
from console.sandbox.http.messages import CallerConnection, HttpReply, RequestRefused
from console.sandbox.rules.fault_rules import FaultInstruction
from console.sandbox.rules.fault_table import NO_FAULT
from console.sandbox.rules.held_calls import HoldEnding


class CallInProgress:
    """A provider call in progress, with the connection on which the sandbox answers it. The sandbox passes this
    object to the function of the call's fault. That function may call `execute_call` to cause the effect of the call,
    and writes the bytes of the answer."""

    def __init__(
        self,
        call: ProviderCall,
        instruction: FaultInstruction,
        caller_connection: CallerConnection,
        state: SandboxState,
    ) -> None:
        self.call = call
        self.instruction = instruction
        self.caller_connection = caller_connection
        self.state = state

    def execute_call(self) -> HttpReply:
        """Execute the call's effect and return the correct answer. If the simulated provider refuses the call, return
        the refusal. If the call has a fault and makes a ledger entry, record the fault in the entry.
        """
        try:
            reply = self.call.execute()
        except RequestRefused as refused:
            return refused.reply
        if reply.ledger_entry_id is not None and self.instruction.kind is not NO_FAULT:
            self.state.record_fault(reply.ledger_entry_id, self.instruction.action)
        return reply

    def send_reply(self, reply: HttpReply) -> None:
        """Write a complete, well-formed answer. If it is the correct answer about a charge or refund and the caller
        is still connected, record in the ledger that it was delivered.
        """
        is_connected = not self.caller_connection.is_caller_disconnected()
        if (
            self.caller_connection.write(reply.make_head_bytes() + reply.body)
            and is_connected
            and reply.ledger_entry_id is not None
        ):
            self.state.mark_delivered(reply.ledger_entry_id)

    def send_and_close(self, *chunks: bytes) -> None:
        """Write these bytes unchanged, then close the connection."""
        for piece in chunks:
            self.caller_connection.write(piece)
        self.caller_connection.close()

    def stream_reply(self, reply: HttpReply, content_length: int, chunks: Iterable[bytes]) -> None:
        """Write an answer piece by piece, so that the answer is never completely in memory; stop if the caller
        disconnects. `reply` has the status and the headers, `chunks` are the pieces of the body. `content_length` is
        the stated Content-Length in bytes.
        """
        if self.caller_connection.write(reply.make_head_bytes(content_length)):
            for piece in chunks:
                if not self.caller_connection.write(piece):
                    break
        self.caller_connection.close()

    def hold_call(self, longest_hold_seconds: float | None) -> HoldEnding:
        """Hold the call back until it is released, but at most `longest_hold_seconds` seconds (None: no limit).
        Return the event that ended the wait.
        """
        return self.state.held_calls.hold_call(
            self.call.name, self.call.subject_number, self.instruction.action, longest_hold_seconds
        )

    def pause(self, seconds: float) -> bool:
        """Wait `seconds` without being listed as a held call. Return False if the sandbox stops during the wait."""
        return self.state.held_calls.pause(seconds)
