"""A refund whose outcome is unknown, held under its payment's lease while somebody asks or decides about it."""

from collections.abc import Iterator
from contextlib import contextmanager

from console.domain.deciding import is_open_refund
from console.domain.errors import ConsoleError
from console.services import refund_reading, refusals, settling
from console.services.desk import Desk
from console.services.heartbeat import LEASE_SECONDS
from console.services.refund_reading import Matter
from console.services.refund_settling import RefundSettling
from console.store import leases, refunds


def lease_name(payment_id: int) -> str:
    """The payment's own lease: sendings, probes and decisions about its refunds exclude one another."""
    return f"refund_{payment_id}"


class RefundHolding:
    """Keeps others away from one payment's refunds. Never waits: who holds it is told instead."""

    def __init__(self, desk: Desk, settling: RefundSettling) -> None:
        self._desk = desk
        self._settling = settling

    @contextmanager
    def held(self, refund_id: int, saw: int | None) -> Iterator[Matter]:
        """The refund with its payment. A lapsed sending is first written down as unknown.

        Raises nothing_to_resolve for a known outcome, in_progress, and stale_view when it changes meanwhile.
        """
        desk = self._desk
        seconds = desk.scale.lease_seconds(LEASE_SECONDS)
        matter = self._open_matter(refund_id, saw)
        name = lease_name(matter.payment.id)
        lease = desk.write(lambda tx: leases.take(tx, name, desk.holder(), desk.now(), seconds))
        if lease is None:
            with desk.database.read() as conn:
                holder = leases.holder_of(conn, name)
            raise ConsoleError("in_progress", {"record": matter.refund, **refusals.holding(holder)})
        try:
            matter = self._open_matter(refund_id, saw)
            yield matter
        except refunds.Stale:
            raise refund_reading.stale_view(
                refund_reading.current(desk, refund_id), matter.refund.version
            ) from None  # fmt: skip
        finally:
            with settling.tolerated("giving a lease up"):
                desk.write(lambda tx: leases.release(tx.conn, lease))

    def _open_matter(self, refund_id: int, saw: int | None) -> Matter:
        matter = refund_reading.matter(self._desk, refund_id)
        refund = matter.refund
        if saw is not None and saw != refund.version and refund.error_code != "lapsed":
            raise refund_reading.stale_view(refund, saw)
        with self._desk.database.read() as conn:
            refund_reading.refuse_running(conn, refund)
        if refund.operation_id and refund.work.reason == "lapsed":
            self._settling.lapse(refund.operation_id)
            matter = refund_reading.matter(self._desk, refund_id)
        if not is_open_refund(matter.refund):
            raise ConsoleError("nothing_to_resolve", {"record": matter.refund})
        return matter

