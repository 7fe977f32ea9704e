"""Read the unmasked payer of a payment and the unmasked answers about a payment or refund.

A database account that may not read the unmasked tables reads these texts in two views. The views show a text only
while the account's own audit entry about the unmasking is younger than UNMASKED_SECONDS
(`store/access/people_views.py`).
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, column, select, table

from console.domain.audit.actions import AuditAction
from console.store.access.people_views import UNMASKED_EVIDENCE_VIEW, UNMASKED_PAYERS_VIEW
from console.store.database.instants import convert_to_aware_utc
from console.store.database.server import reads_views
from console.store.payments.balances import PAYMENT_KIND
from console.store.schema.core import UNCOUNTED_EVIDENCE_KIND_SUFFIX, audit_log, evidence
from console.store.schema.payments import payments, refunds

_payers_view = table(UNMASKED_PAYERS_VIEW, column("id"), column("payer_ref"))
_evidence_view = table(
    UNMASKED_EVIDENCE_VIEW, column("id"), column("subject_kind"), column("subject_id"), column("body")
)


def find_payment_id(conn: Connection, kind: str, record_id: int) -> int | None:
    """Return the id of the payment `record_id`, or of the payment of the refund `record_id`; None if there is no
    such record, or for a record of another kind."""
    query = {
        PAYMENT_KIND: select(payments.c.id).where(payments.c.id == record_id),
        "refund": select(refunds.c.payment_id).where(refunds.c.id == record_id),
    }.get(kind)
    return None if query is None else conn.scalar(query)


def find_unmasking_time(conn: Connection, payment_id: int, person: str) -> datetime | None:
    """Return the time of the newest audit entry by which this person unmasked the payer of the payment; None if this
    person has never unmasked it."""
    newest = conn.scalar(
        select(audit_log.c.at)
        .where(
            audit_log.c.subject_kind == PAYMENT_KIND,
            audit_log.c.subject_id == str(payment_id),
            audit_log.c.what == AuditAction.PAYMENT_UNMASK,
            audit_log.c.result == "done",
            audit_log.c.who == person,
        )
        .order_by(audit_log.c.id.desc())
        .limit(1)
    )
    return None if newest is None else convert_to_aware_utc(newest)


def read_unmasked_payer(conn: Connection, payment_id: int) -> str | None:
    """Return the unmasked payer of the payment; None if the payment has no payer. If the connected account must read
    the payer in the view, also return None if it has no audit entry about the unmasking that is younger than
    UNMASKED_SECONDS."""
    source = _payers_view if reads_views(conn) else payments
    payer: str | None = conn.scalar(select(source.c.payer_ref).where(source.c.id == payment_id))
    return payer


def read_unmasked_answers(conn: Connection, kind: str, record_id: int) -> Mapping[int, str]:
    """Return the unmasked texts of the evidence of a payment or refund, by the id of the evidence. Return {} if
    the connected account reads them in the view and has no audit entry about the unmasking that is younger than
    UNMASKED_SECONDS."""
    source = _evidence_view if reads_views(conn) else evidence
    rows = conn.execute(
        select(source.c.id, source.c.body).where(
            source.c.subject_kind.in_((kind, kind + UNCOUNTED_EVIDENCE_KIND_SUFFIX)), source.c.subject_id == record_id
        )
    )
    return {int(row.id): str(row.body) for row in rows if row.body is not None}
