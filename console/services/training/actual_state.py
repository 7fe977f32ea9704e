"""Read the actual state by which a training exercise is judged: the ledgers of the simulated providers, and our
records."""

from collections.abc import Sequence

from console.domain.payments.records import Payment, Refund
from console.domain.records import CreditCheck
from console.services.payment_intake.notices import NOTICE_KIND
from console.services.training.protocols import ProviderLedger
from console.store.alerts import alerts
from console.store.credit_checks import credit_checks
from console.store.database.sqlalchemy_names import Connection
from console.store.payments import events as payment_events
from console.store.payments import payments
from console.store.refunds import refunds

TRAINING_PROVIDER = "paypay"
_MAX_READ_NOTICE_ALERTS = 200


class ActualRecordReader:
    """Reads the records of an exercise as they are now, after the person's actions. The actions themselves are not
    read. This class writes nothing.
    """

    def __init__(self, conn: Connection, ledger: ProviderLedger) -> None:
        self._conn = conn
        self.ledger = ledger

    def require_credit_check(self, record_id: int) -> CreditCheck:
        """Return the credit check with this id. Raises LookupError if it is missing."""
        record = credit_checks.find(self._conn, record_id)
        if record is None:
            raise LookupError(record_id)
        return record

    def find_payment(self, order_number: str) -> Payment | None:
        """Return our record of the payment for the order number `order_number`; None if we have none."""
        return payments.find_by_payment_number(self._conn, TRAINING_PROVIDER, order_number)

    def list_refunds(self, order_number: str) -> Sequence[Refund]:
        """Return our refunds of the payment for the order number `order_number`; empty if we have no record of the
        payment."""
        payment = self.find_payment(order_number)
        return refunds.find_by_payment(self._conn, payment.id) if payment else ()

    def require_refund(self, refund_id: int) -> Refund:
        """Return the refund with this id. Raises LookupError if it is missing."""
        refund = refunds.find(self._conn, refund_id)
        if refund is None:
            raise LookupError(refund_id)
        return refund

    def is_notice_acknowledged(self, order_number: str) -> bool:
        """True if a person has acknowledged the alert about the unmatched notice for the order number `order_number`.
        The _MAX_READ_NOTICE_ALERTS newest alerts about notices are searched."""
        newest = alerts.list_newest_of_kind(self._conn, NOTICE_KIND, _MAX_READ_NOTICE_ALERTS)
        acknowledged_ids = {alert.subject_id for alert in newest if alert.acknowledged_by is not None}
        events = payment_events.find_by_ids(self._conn, acknowledged_ids)
        return any(event.order_no == order_number for event in events)
