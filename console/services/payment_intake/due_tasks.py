"""Due tasks of payments: what keeps them moving when nobody presses anything."""

from collections.abc import Callable, Collection

from console.domain.order_records import Payment
from console.services import order_moving, payment_work
from console.services.desk import Desk
from console.services.due import BATCH, Task, skipping
from console.services.going_on import going_on
from console.services.notices import Notices
from console.services.payment_probing import PaymentProbing
from console.store import payments


class DuePayments:
    """Each task takes what is due, each payment by itself, and goes on when one fails."""

    def __init__(self, desk: Desk, probing: PaymentProbing, notices: Notices) -> None:
        self._desk = desk
        self._probing = probing
        self._notices = notices

    def tasks(self) -> tuple[Task, ...]:
        """By name, in an order in which each finds what the one before it left."""
        return (
            ("unconfirmed_notices", self._notices.confirm_due),
            ("payment_probes", lambda: self._each_due((payment_work.UNKNOWN,), self._probe)),
            ("payment_polls", lambda: self._each_due((payment_work.POLL, payment_work.CONFIRM), self._probe)),
            ("order_moves", lambda: self._each_due((payment_work.MOVE_ORDER,), self._move)),
        )

    def _each_due(self, reasons: Collection[str], act: Callable[[Payment], object]) -> int:
        with self._desk.database.read() as conn:
            found = payments.due(conn, reasons, self._desk.now(), BATCH)
        return sum(self._take(payment, act) for payment in going_on(found))

    def _take(self, payment: Payment, act: Callable[[Payment], object]) -> int:
        """What another process has dealt with meanwhile is left alone."""
        with self._desk.database.read() as conn:
            fresh = payments.find(conn, payment.id)
        if fresh is None or fresh.version != payment.version:
            return 0
        with skipping(f"{payment.work.reason} of payment {payment.id}"):
            act(payment)
        return 1

    def _probe(self, payment: Payment) -> Payment:
        return self._probing.probe(payment.id, automatic=True)

    def _move(self, payment: Payment) -> bool:
        return order_moving.try_again(self._desk, payment)
