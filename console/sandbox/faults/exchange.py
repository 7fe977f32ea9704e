"""One provider call on its way: what the provider would do, and the wire that it is answered on."""

from collections.abc import Iterable

from console.sandbox.calls import Call
from console.sandbox.fault_table import ORDINARY
from console.sandbox.holds import Ending
from console.sandbox.rules import Order
from console.sandbox.wire import Refused, Reply, Wire
from console.sandbox.world import World


class Exchange:
    """Handed to a fault, which decides whether and when to `act`, and what to put on the wire."""

    def __init__(self, call: Call, order: Order, wire: Wire, world: World) -> None:
        self.call = call
        self.order = order
        self.wire = wire
        self.world = world

    def act(self) -> Reply:
        """Let the effect happen, and return the true answer."""
        try:
            reply = self.call.act()
        except Refused as refused:
            return refused.reply
        if reply.charge is not None and self.order.kind is not ORDINARY:
            self.world.happened_under(reply.charge, self.order.action)
        return reply

    def send(self, reply: Reply) -> None:
        """A whole, well-formed answer; the true one counts as delivered."""
        there = not self.wire.caller_gone()
        if self.wire.write(reply.head() + reply.body) and there and reply.charge is not None:
            self.world.delivered(reply.charge)

    def send_and_close(self, *pieces: bytes) -> None:
        """Bytes as they are, then the end of the connection."""
        for piece in pieces:
            self.wire.write(piece)
        self.wire.close()

    def stream(self, reply: Reply, length: int, pieces: Iterable[bytes]) -> None:
        """An answer that nobody holds in memory; ends early when the caller goes."""
        if self.wire.write(reply.head(length)):
            for piece in pieces:
                if not self.wire.write(piece):
                    break
        self.wire.close()

    def hold(self, seconds: float | None) -> Ending:
        """Wait; None waits for a release."""
        return self.world.holds.hold(self.call.name, self.call.number, self.order.action, seconds)

    def pause(self, seconds: float) -> bool:
        """Pass the time without counting as held; False when the sandbox stops meanwhile."""
        return self.world.holds.pause(seconds)
