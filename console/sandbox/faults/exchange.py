"""A provider call in progress: its effect, and the connection on which it is answered."""

from collections.abc import Iterable

from console.sandbox.faults.state import SandboxState
from console.sandbox.http.calls import ProviderCall
from console.sandbox.http.messages import HttpReply, ReplyWire, RequestRefused
from console.sandbox.rules.holds import HoldEnding
from console.sandbox.rules.registry import NO_FAULT
from console.sandbox.rules.rules import FaultInstruction


class Exchange:
    """A call with the connection on which it is answered. A fault's function gets it, and decides if and when it
    calls `execute_call`, and which bytes it writes.
    """

    def __init__(
        self, call: ProviderCall, instruction: FaultInstruction, wire: ReplyWire, state: SandboxState
    ) -> None:
        self.call = call
        self.instruction = instruction
        self.wire = wire
        self.state = state

    def execute_call(self) -> HttpReply:
        """Let the call have its effect and return the correct answer. If the provider refuses the call, return the
        refusal.
        """
        try:
            reply = self.call.execute()
        except RequestRefused as refused:
            return refused.reply
        if reply.charge is not None and self.instruction.kind is not NO_FAULT:
            self.state.record_fault(reply.charge, self.instruction.action)
        return reply

    def send_reply(self, reply: HttpReply) -> None:
        """Write a complete, well-formed answer. If it is the correct one, record it as delivered."""
        is_connected = not self.wire.is_caller_disconnected()
        if self.wire.write(reply.head_bytes() + reply.body) and is_connected and reply.charge is not None:
            self.state.mark_delivered(reply.charge)

    def send_and_close(self, *chunks: bytes) -> None:
        """Write these bytes unchanged, then close the connection."""
        for piece in chunks:
            self.wire.write(piece)
        self.wire.close()

    def stream_reply(self, reply: HttpReply, length: int, chunks: Iterable[bytes]) -> None:
        """Write an answer piece by piece, so that it is never all in memory; stop if the caller disconnects."""
        if self.wire.write(reply.head_bytes(length)):
            for piece in chunks:
                if not self.wire.write(piece):
                    break
        self.wire.close()

    def hold_call(self, seconds: float | None) -> HoldEnding:
        """Hold the call for `seconds`; with None until it is released."""
        return self.state.holds.hold_call(self.call.name, self.call.number, self.instruction.action, seconds)

    def pause(self, seconds: float) -> bool:
        """Wait `seconds`; the call isn't listed as held. Return False if the sandbox stops meanwhile."""
        return self.state.holds.pause(seconds)
