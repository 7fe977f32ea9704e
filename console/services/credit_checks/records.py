"""Read one credit check for other services; no audit entry is written.

A credit check whose operation has lapsed (its process ended during the call to the provider) is returned with the
certainty unknown.
"""

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.process.lease_names import make_purchase_lease_name
from console.domain.records import CheckState, CreditCheck, LeaseHolder, WorkReason
from console.services.guarded.desk_answers import is_claim_ended_elsewhere
from console.services.guarded.leases import lock_until_commit
from console.services.process.context import ServiceContext
from console.store.alerts import alerts
from console.store.credit_checks import credit_checks, joined_reads
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal, leases, lost_operations
from console.store.spool.spool import Intent


def read_stored_credit_check(context: ServiceContext, record_id: int) -> CreditCheck:
    """Return the credit check with this id, read in a separate transaction. Raises not_found if no credit check has
    this id."""
    with context.database.read() as conn:
        return require_record(conn, record_id)


def require_record(conn: Connection, record_id: int) -> CreditCheck:
    """Return the credit check with this id, read in the caller's transaction. Raises not_found if no credit check has
    this id."""
    record = joined_reads.find_record(conn, record_id)
    if record is None:
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": credit_checks.CREDIT_CHECK_KIND, "id": str(record_id)})
    return record


def list_lost_purchases(
    context: ServiceContext, conn: Connection, corporation_number: str, client_id: str | None = None
) -> tuple[Intent, ...]:
    """Return the purchases of this corporation number for this client (None: any client) that were or may have been
    sent and whose credit checks the database has lost, as the entries (intents) of the spools. A purchase is left out
    if this desk's spool or the table of lost operations says that its claim has ended.

    A purchase is also returned if this desk has AlarmBox's answer that the purchase was made, while the database says
    that it was not made and has no case about this contradiction. This happens if the database was restored to a
    moment before the answer.
    """
    intents = (
        *context.spool.list_purchases_holding_claim(context.database_id, client_id, corporation_number),
        *lost_operations.list_purchases_holding_claim(conn, client_id, corporation_number),
    )
    return tuple(intent for intent in intents if _is_purchase_lost(context, conn, corporation_number, intent))


def _is_purchase_lost(context: ServiceContext, conn: Connection, corporation_number: str, intent: Intent) -> bool:
    """True if the database has no credit check of the purchase `intent`, whose claim has not ended at another desk,
    or contradicts AlarmBox's answer in this desk's spool about it."""
    record = credit_checks.find_by_operation(conn, corporation_number, intent.operation_id)
    if record is None:
        return not is_claim_ended_elsewhere(context, conn, intent.operation_id)
    return does_record_contradict_spooled_answer(context, conn, record)


def does_record_contradict_spooled_answer(context: ServiceContext, conn: Connection, record: CreditCheck) -> bool:
    """True if the database and this desk contradict each other about the purchase: the credit check has the state
    error (not bought), this desk's spool has AlarmBox's answer that it was bought, and the database has never had a
    case about this contradiction.
    """
    if record.state is not CheckState.ERROR or record.operation_id is None:
        return False
    entry = context.spool.find(record.operation_id)
    if entry is None or entry.intent.database_id != context.database_id or not entry.proves_effect:
        return False
    record_alerts = alerts.find_by_subject(conn, credit_checks.CREDIT_CHECK_KIND, record.id)
    return all(alert.rule_id != WorkReason.CONTRADICTED for alert in record_alerts)


def find_credit_checks_with_id_at_provider(
    context: ServiceContext, tx: Transaction, id_at_provider: int
) -> tuple[CreditCheck, ...]:
    """Return the credit checks that have AlarmBox's id `id_at_provider`, in a transaction that may write this id into
    another credit check. Transactions that call this function with the same id run one after another. Otherwise two
    transactions could give the id to two credit checks: the database has no unique index over these ids, because the
    credit checks of two clients may have the same id.
    """
    lock_until_commit(context, tx, f"alarmbox_id_{id_at_provider}")
    return credit_checks.list_by_id_at_provider(tx.conn, id_at_provider)


def find_purchase_lease_holder(conn: Connection, record: CreditCheck) -> LeaseHolder | None:
    """Return the holder of the lease under which a process is buying this credit check now; None if no process is
    buying it."""
    if record.state is not CheckState.PENDING:
        return None
    if journal.find_running_operation(conn, credit_checks.CREDIT_CHECK_KIND, record.id) is None:
        return None
    return leases.find_holder(conn, make_purchase_lease_name(record.client_id))
