"""The facts by which an incident is judged: the ledgers of the simulated providers, and our records."""

from collections.abc import Sequence

from console.domain.payments.records import Payment, Refund
from console.domain.records import CreditCheck
from console.services.payment_intake.common import NOTICE_KIND
from console.services.training.protocols import ProviderLedger
from console.store.alerts import alerts
from console.store.credit_checks import credit_checks
from console.store.database.sqlalchemy_names import Connection
from console.store.payments import events as payment_events
from console.store.payments import payments
from console.store.refunds import refunds

PROVIDER = "paypay"
_NEWEST_NOTICES = 200


class Truth:
    """Reads the present facts. It writes nothing and looks at no act of a person, only at what has come of it."""

    def __init__(self, conn: Connection, ledger: ProviderLedger) -> None:
        self._conn = conn
        self.ledger = ledger

    def credit_check(self, record_id: int) -> CreditCheck:
        """Return the record of an incident. Raises LookupError if it is missing."""
        record = credit_checks.find(self._conn, record_id)
        if record is None:
            raise LookupError(record_id)
        return record

    def payment(self, number: str) -> Payment | None:
        """Return our payment with this merchant's payment id; None if we have none."""
        return payments.find_by_merchant_id(self._conn, PROVIDER, number)

    def refunds(self, number: str) -> Sequence[Refund]:
        """Return our refunds of the payment with this merchant's payment id."""
        payment = self.payment(number)
        return refunds.find_by_payment(self._conn, payment.id) if payment else ()

    def refund(self, refund_id: int) -> Refund:
        """Return the refund of an incident. Raises LookupError if it is missing."""
        refund = refunds.find(self._conn, refund_id)
        if refund is None:
            raise LookupError(refund_id)
        return refund

    def is_notice_acknowledged(self, number: str) -> bool:
        """True if a person has acknowledged the alert about the unmatched notice with this number."""
        newest = alerts.newest_of_kind(self._conn, NOTICE_KIND, _NEWEST_NOTICES)
        acknowledged = {alert.subject_id for alert in newest if alert.acknowledged_by is not None}
        events = payment_events.find_by_ids(self._conn, acknowledged)
        return any(event.order_no == number for event in events)
