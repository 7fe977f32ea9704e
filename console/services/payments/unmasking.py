"""Show a person the unmasked name of a payer and the unmasked answers of the provider for UNMASKED_SECONDS. The
person must state a reason, which is stored in the audit trail."""

from dataclasses import replace

from console.domain.access.permissions import has_right
from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.evidence.timeline import mask_text
from console.domain.payments.unmasking import UNMASKED_SECONDS, UnmaskedTexts
from console.domain.records import EvidenceItem
from console.services.annotations.notes import require_valid_note
from console.services.audit import refusals
from console.services.process.context import ServiceContext
from console.store.database.engine import Transaction
from console.store.database.instants import read_current_time
from console.store.database.sqlalchemy_names import Connection
from console.store.payments import payments, unmasking
from console.store.records import evidence

UNMASK_ACTION = AuditAction.PAYMENT_UNMASK


class PayerUnmasking:
    """Unmasks payers in two steps. `unmask` writes the audit entry and returns no payer, because the answer of an
    acting call is stored. `read_unmasked` then returns the unmasked texts until that entry is older than
    UNMASKED_SECONDS.
    """

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def unmask(self, kind: str, record_id: int, reason_text: str) -> bool:
        """Write an audit entry that allows the acting person to read the unmasked texts of a payment or refund for
        UNMASKED_SECONDS. `reason_text` is the person's reason. Return True; this is the answer that is stored for the
        call. Raises usage if the reason is empty or too long, not_found if there is no such payment or refund,
        not_allowed if the acting person has no right to unmask.
        """
        words = require_valid_note(reason_text)

        def write_entry(tx: Transaction) -> bool:
            payment_id = _require_payment_id(tx.conn, kind, record_id)
            facts = {"kind": kind, "id": record_id, "note": words}
            self._context.record_audit(tx, UNMASK_ACTION, payment_id, facts, kind=payments.PAYMENT_KIND)
            return True

        with refusals.audit_refusals(self._context, UNMASK_ACTION, record_id, kind=kind):
            self._context.require_right("unmask")
            return self._context.write(write_entry)

    def read_unmasked(self, kind: str, record_id: int) -> UnmaskedTexts | None:
        """Return the unmasked texts of a payment or refund. Return None if the acting person has not unmasked the
        payment, or the refund's payment, within the last UNMASKED_SECONDS. Raises not_found if there is no such
        record, not_allowed if the acting person has no right to read."""
        context = self._context
        with context.database.read() as conn:
            person = context.find_reading_person(conn)
            payment_id = _require_payment_id(conn, kind, record_id)
            if person is None or not has_right(person, "unmask"):
                return None
            unmasked_at = unmasking.find_unmasking_time(conn, payment_id, person.name)
            if unmasked_at is None:
                return None
            age_seconds = (read_current_time(conn, context.now()) - unmasked_at).total_seconds()
            if not 0 <= age_seconds < UNMASKED_SECONDS:
                return None
            payer = unmasking.read_unmasked_payer(conn, payment_id)
            answers = unmasking.read_unmasked_answers(conn, kind, record_id)
            return UnmaskedTexts(payer, answers, UNMASKED_SECONDS - age_seconds)


def read_masked_evidence(conn: Connection, kind: str, record_id: int) -> tuple[EvidenceItem, ...]:
    """Return the evidence of a payment, order or refund for its screen, oldest first. Payers are masked in it."""
    payers = payments.list_payers_of_record(conn, kind, record_id)
    return tuple(
        replace(item, summary=mask_text(item.summary, payers), body=mask_text(item.body, payers))
        for item in evidence.find_by_subject(conn, kind, record_id)
    )


def _require_payment_id(conn: Connection, kind: str, record_id: int) -> int:
    """Return the id of the payment, or of the refund's payment. Raises not_found if there is no such record."""
    payment_id = unmasking.find_payment_id(conn, kind, record_id)
    if payment_id is None:
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": kind, "id": str(record_id)})
    return payment_id
