"""Detect a database that has gone back to an earlier state, for example because a backup or an old copy of the file
was restored, or because a volume is not mounted.

The spool of a desk stores anchors: the audit entries that the desk itself committed, and the newest entry of another
process that the desk has read. The program compares the anchors with the database when it opens the database, before
each guarded operation with effect, and in each round of the due tasks. If anchors are missing in the database, the
program raises an alert of the rule `database_went_back` in it. While this alert is open, every desk refuses
operations that cost or move money. After a person has acknowledged the alert, the desks permit such operations again;
but every desk still refuses to repeat an operation that the database has lost
(`store/operations/lost_operations.py`).
"""

import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import DatabaseUnreachableProblem, InProgressReason
from console.domain.errors import ConsoleError, ErrorCode, rebuild_error
from console.services.process.context import ServiceContext
from console.store.audit import anchors
from console.store.database.engine import Database, Transaction
from console.store.database.server import reads_views
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal
from console.store.spool.spool import ChainHead, Intent, Spool, SpoolEntry

if TYPE_CHECKING:
    from console.domain.errors.details import DatabaseWentBackDetail, InProgressDetail
    from console.domain.tasks.records import Alert

ALERT_RULE = anchors.DATABASE_WENT_BACK_RULE
"""Rule of the alert that the database has gone back to an earlier state."""
DATABASE_KIND = "database"
"""Subject kind of the alert of the rule `database_went_back`."""
DATABASE_SUBJECT_ID = 1
"""Subject id of the alert of the rule `database_went_back`; the same in every database."""
MAX_COMPARED_ANCHORS = 50
"""Number of the newest anchors that are looked for when the database is opened. More than one is needed, because rows
are not always committed in the order of their ids.
"""
MAX_COMPARED_ANCHORS_PER_OPERATION = 10
"""Number of the newest anchors that are looked for before each operation. It is smaller than MAX_COMPARED_ANCHORS,
because looking for 50 anchors took a fifth of the working time of a purchase.
"""
_NO_COMPARISON = anchors.AnchorComparison(lacks_anchor_rows=False, newest_head=None, has_resolved_alert=False)
"""The comparison of a database account that reads through SQL views: it counts as one without missing anchors."""
_ANCHORS_PER_PAGE = 500
_MAX_LISTED_OPERATIONS = 100
_log = logging.getLogger("console.guard")


@dataclass(frozen=True, slots=True)
class DatabaseRollback:
    """The finding that the database has gone back to an earlier state. While it is valid, operations with effect
    are refused.

    `alert` is the open alert, None if this database account may not raise alerts or the database file is missing.
    `lost_operations` are the intents (the spool's rows about operations to be sent) of the operations that the
    database has lost.
    """

    alert: "Alert | None"
    lost_operations: tuple[Intent, ...]

    def make_refusal(self) -> ConsoleError:
        """Return the error database_went_back, with which an operation is refused; its detail contains the number of
        lost operations, the first _MAX_LISTED_OPERATIONS of them, and the alert if one is open."""
        facts: DatabaseWentBackDetail = {
            "missing": [_make_intent_facts(intent) for intent in self.lost_operations[:_MAX_LISTED_OPERATIONS]]
        }
        facts |= {
            "count": len(self.lost_operations),
            "operations": ", ".join(intent.operation_id for intent in self.lost_operations[:5]),
        }
        if self.alert is not None:
            facts |= {"alert": self.alert.id, "since": self.alert.detected_at, "observed": self.alert.observed}
        return ConsoleError(ErrorCode.DATABASE_WENT_BACK, facts)


def find_database_rollback(context: ServiceContext) -> DatabaseRollback | None:
    """Compare this desk's anchors with the database. If anchors are missing in the database, raise the alert of the
    rule `database_went_back`; otherwise store the newest audit entry in the spool as an anchor.

    Return the finding; None if no anchor is missing or the comparison failed. Never raises an Exception, so that
    people can still read the database.
    """
    try:
        return _find_rollback_by_anchors(context)
    except ConsoleError as error:
        _log.info("the database could not be compared with the anchors of this desk: %s", error.code)
    except Exception:
        _log.warning("the database could not be compared with the anchors of this desk", exc_info=True)
    return None


def require_no_database_rollback(context: ServiceContext) -> None:
    """Refuse an operation that costs or moves money: raise database_went_back (detail.missing: the lost operations)
    if the database has gone back to an earlier state. If the database is unavailable, raises its error."""
    finding = _find_rollback_by_anchors(context, MAX_COMPARED_ANCHORS_PER_OPERATION)
    if finding is not None:
        raise finding.make_refusal()


def refuse_after_database_rollback(conn: Connection) -> None:
    """Refuse an operation within its first transaction (tx1): raise database_went_back if an alert of the rule
    `database_went_back`, raised by any desk, is open."""
    finding = find_open_database_rollback(conn)
    if finding is not None:
        raise finding.make_refusal()


def make_lost_operation_error(intent: Intent, facts: "InProgressDetail") -> ConsoleError:
    """Return the error in_progress for an action that would repeat a sent operation (`intent`) that the database has
    lost. People must settle that operation first. `facts` are more facts for the detail, such as the record.
    """
    detail: InProgressDetail = {
        "reason": InProgressReason.ONLY_DESK_KNOWS,
        "source": "desk",
        "operation_id": intent.operation_id,
        "operator": intent.operator,
        "since": intent.at,
    }
    return ConsoleError(ErrorCode.IN_PROGRESS, {**facts, **detail})


def raise_alert_of_restored_server(
    tx: Transaction, database_id: str, desk_id: str, taken_at: str, now: datetime
) -> None:
    """Raise the alert of the rule `database_went_back` in a server's database that this process has loaded from a
    backup; do nothing if such an alert is open. `taken_at` is the time of the backup (RFC 3339).

    The earlier database no longer exists, so only the spools of desks and workers have the operations that were sent
    after the backup. A desk or worker whose anchors are all older than the backup can't detect the loss. So all desks
    and workers refuse operations that cost or move money until a person has acknowledged the alert. `database_id` is
    the id of the restored database, `desk_id` that of the desk that restores it.
    """
    observed = f"restored from a backup of {taken_at}"
    _insert_alert(tx, database_id, observed, f"what desks saw committed; restored by desk {desk_id}", now)


def store_operations_lost_by_restore(
    tx: Transaction,
    spool: Spool,
    database_id: str,
    replaced_entries: Sequence[SpoolEntry],
    replaced_head: ChainHead | None,
    now: datetime,
) -> bool:
    """Store in `tx`, a restored SQLite file, the operations that the file lacks, and raise the alert of the rule
    `database_went_back` in the file. The restore has copied the file from a backup, and has not yet replaced the
    database by it. Return True if an alert was raised; do nothing, and return False, if the file lacks nothing.

    `replaced_entries` are the operations in the database files that restores have replaced, `replaced_head` the
    newest audit entry of the file that this restore replaces (None: that file has no audit entry). `spool` is the
    spool of the restoring desk. The transaction `tx` must not have read anything before. With these rows in the file,
    no other desk can repeat such an operation, even if the restoring process is killed as soon as it has replaced the
    database.
    """
    from console.store.operations import lost_operations

    known_anchors = _read_known_anchors(spool, database_id) if spool.file_exists else ()
    missing_heads = anchors.list_missing_heads(tx.conn, (*known_anchors, *([replaced_head] if replaced_head else [])))
    # Without a loss, an entry of the spool that isn't in the journal was never sent.
    entries = (*replaced_entries, *(spool.read_entries(database_id) if missing_heads and spool.file_exists else ()))
    entry_by_id = {entry.intent.operation_id: entry for entry in reversed(entries)}
    lost_entries = lost_operations.find_unstored_entries(
        tx.conn, lost_operations.find_entries_not_in_journal(tx.conn, tuple(entry_by_id.values()))
    )
    if not (missing_heads or lost_entries):
        return False
    lost_operations.insert_lost_operations(tx.conn, lost_entries, database_id, now)
    first_row_id = min((head.row_id for head in missing_heads), default=0)
    observed = f"no row {first_row_id} of the trail; operations that only a desk remembers: {len(lost_entries)}"
    return _insert_alert(tx, database_id, observed, "what the database file before the restore has", now)


def audit_operations_lost_by_restore(tx: Transaction, context: ServiceContext, operation_count: int) -> None:
    """Write the audit entry about the loss that `store_operations_lost_by_restore` has stored;
    `operation_count` is the number of lost operations."""
    _audit_database_loss(tx, context, (), None, operation_count)


def require_alert_of_restored_server(context: ServiceContext, taken_at: str) -> None:
    """Raise the alert of `raise_alert_of_restored_server` if the restored database has no such open alert; `taken_at`
    is the time of the backup (RFC 3339). Normally the restore has already raised this alert; the call makes sure that
    all desks refuse operations until a person has acknowledged the loss."""

    def raise_missing_alert(tx: Transaction) -> None:
        if anchors.find_open_rollback_alert_id(tx.conn) is None:
            _audit_database_loss(tx, context, (), None, 0)
            raise_alert_of_restored_server(tx, context.database_id, context.spool.desk_id, taken_at, context.now())

    context.write(raise_missing_alert)


def lock_rollback_alerts(context: ServiceContext, tx: Transaction) -> None:
    """Make two kinds of transactions run one after another until the COMMIT of `tx`: those in which a desk reports
    missing anchors, and those in which a person acknowledges an alert of the rule `database_went_back`. Without this,
    a transaction that has read the acknowledged alerts just before an acknowledgement could raise another alert about
    the same loss after the acknowledgement."""
    from console.services.guarded import leases

    leases.lock_until_commit(context, tx, ALERT_RULE)


def find_open_database_rollback(conn: Connection) -> DatabaseRollback | None:
    """Return the open alert of the rule `database_went_back`, with the lost operations that desks have reported;
    None if no such alert is open."""
    alert_id = anchors.find_open_rollback_alert_id(conn)
    if alert_id is None:
        return None
    # Here and below, the modules that only a loss needs are imported late: every start looks for a loss.
    from console.store.alerts import alerts
    from console.store.operations import lost_operations

    return DatabaseRollback(alerts.find(conn, alert_id), lost_operations.list_unrestored_operations(conn))


def count_missing_anchors(spool: Spool, database: Database, database_id: str) -> int:
    """Return the number of this desk's newest anchors (audit entries in its spool) that are missing from the
    database, for the command `doctor`. `database_id` is the id of the database. Writes nothing.

    Always 0 at a desk whose database account may only read, and write desk requests, because such an account can't
    read the whole audit trail.
    """
    if not spool.file_exists:
        return 0
    own_anchors = _read_known_anchors(spool, database_id)
    with database.read() as conn:
        return 0 if reads_views(conn) else len(anchors.list_missing_heads(conn, own_anchors))


def make_database_address_key(database: Database) -> str:
    """Return the spool key under which a desk stores the id of the database at this address. The key contains no
    account and no password.
    """
    if database.file is not None:
        return f"address:{database.file.absolute()}"
    nodes = sorted(f"{host}:{port}" for host, port in database.server.nodes) if database.server else []
    return f"address:{','.join(nodes)}/{database.url.database}"


def refuse_unexpected_new_database(database: Database, spool: Spool) -> None:
    """Refuse to create an SQLite database in two cases: if its folder is missing (database_unreachable,
    detail.problem no_folder), and at an address where this desk has used a database before (database_went_back,
    detail.problem file_missing). A missing home folder of the desk is not refused, because the program creates it
    later."""
    file = database.file
    if file is None:
        return
    if not file.parent.is_dir() and file.parent != spool.home:
        raise ConsoleError(
            ErrorCode.DATABASE_UNREACHABLE,
            {"problem": DatabaseUnreachableProblem.NO_FOLDER, "folder": str(file.parent)},
        )
    file_exists = file.exists() and (not file.is_file() or file.stat().st_size > 0)
    old_database_id = (
        None if file_exists or not spool.file_exists else spool.read_value(make_database_address_key(database))
    )
    if old_database_id is not None:
        missing_intents = tuple(entry.intent for entry in reversed(spool.read_entries(old_database_id)))
        refusal = DatabaseRollback(None, missing_intents).make_refusal()
        raise rebuild_error(
            ErrorCode.DATABASE_WENT_BACK, {**refusal.detail, "problem": "file_missing", "file": str(file)}
        )


def accept_new_database(database: Database, spool: Spool, database_id: str) -> None:
    """Store `database_id` in the spool as the id of the database at this address. The caller does this after an
    operator has confirmed that the new database replaces the earlier one."""
    spool.store_value(make_database_address_key(database), database_id, is_durable=True)


def store_alerts_of_backup(database: Database, spool: Spool, database_id: str) -> None:
    """Store in the spool the keys of the resolved alerts of the rule `database_went_back` that a database contains
    directly after its restore. People acknowledged these alerts before the backup was made, so the acknowledgements
    don't count for the operations that this restore loses: the comparison with the anchors ignores the stored alerts.
    The caller calls this function before that comparison."""
    with database.read() as conn:
        resolved_alerts = anchors.list_resolved_rollback_alert_keys(conn)
    _store_resolved_alerts(spool, database_id, resolved_alerts)


# Compare


def _find_rollback_by_anchors(context: ServiceContext, limit: int = MAX_COMPARED_ANCHORS) -> DatabaseRollback | None:
    """Compare this desk's newest anchors (at most `limit`) and the database id in its spool with the database. Return
    the finding; None if the database has not gone back, or if a person has acknowledged the alert about this loss.

    If the desk's account reads through SQL views, only the id is compared: the account may read only a part of the
    audit trail, and the server would have to read the whole view to find the newest entry.
    """
    spool, database_id = context.spool, context.database_id
    # The resolved alerts are read before the anchors: anchors that another process of this desk gives up meanwhile
    # must not count as a new loss.
    values = spool.read_values(
        (make_database_address_key(context.database), f"behind:{database_id}", f"seen:{database_id}")
    )
    address_value, behind_value, seen_value = values
    old_database_id = _find_old_database_id(context, address_value)
    earlier_resolved_alerts = _parse_resolved_alerts(behind_value)
    # The anchors are read before the database: an audit entry that is committed later can't be missing.
    own_anchors = _list_known_anchors(spool, database_id, _parse_anchor(seen_value), limit)
    with context.database.read() as conn:
        # An account that reads through views sees a part of the trail.
        comparison = _NO_COMPARISON if reads_views(conn) else anchors.compare_with_anchors(conn, own_anchors)
        resolved_alerts = earlier_resolved_alerts if comparison is _NO_COMPARISON else frozenset()
        if comparison.has_resolved_alert:
            resolved_alerts = anchors.list_resolved_rollback_alert_keys(conn)
    if comparison.lacks_anchor_rows or old_database_id is not None:
        return _report_rollback(context, own_anchors, old_database_id, earlier_resolved_alerts)
    if limit < MAX_COMPARED_ANCHORS and resolved_alerts != earlier_resolved_alerts:
        # A person has acknowledged a loss. Its missing anchors may be older than the few that were compared. They are
        # given up before the acknowledged alert is stored: otherwise they would count as a new loss later.
        return _find_rollback_by_anchors(context)
    newest_head = comparison.newest_head
    if newest_head is not None:
        spool.store_value(
            f"seen:{database_id}",
            json.dumps([newest_head.chain, newest_head.seq, newest_head.row_id, newest_head.hash]),
        )
    if resolved_alerts != earlier_resolved_alerts:
        _store_resolved_alerts(spool, database_id, resolved_alerts)
    return None


def _read_known_anchors(spool: Spool, database_id: str) -> tuple[ChainHead, ...]:
    newest_read = _parse_anchor(spool.read_value(f"seen:{database_id}"))
    return _list_known_anchors(spool, database_id, newest_read, MAX_COMPARED_ANCHORS)


def _list_known_anchors(
    spool: Spool, database_id: str, newest_read_head: ChainHead | None, limit: int
) -> tuple[ChainHead, ...]:
    """Return this desk's anchors for the database with this id: the newest audit entries that the desk committed (at
    most `limit`), and `newest_read_head`, the newest audit entry of another process that the desk has read (None: the
    spool has none)."""
    return (*spool.list_newest_anchors(database_id, limit), *([newest_read_head] if newest_read_head else []))


def _parse_anchor(stored_anchor: str | None) -> ChainHead | None:
    """Return the anchor in the JSON text of the spool; None if the spool has no anchor."""
    return ChainHead(*json.loads(stored_anchor)) if stored_anchor and stored_anchor != "null" else None


def _find_old_database_id(context: ServiceContext, old_database_id: str | None) -> str | None:
    """Return `old_database_id`, the id that the spool has stored for this database address, if it differs from the
    present id, else None. If the spool has no id for this address, store the present id."""
    if old_database_id is None:
        context.spool.store_value(make_database_address_key(context.database), context.database_id)
    return old_database_id if old_database_id not in (None, context.database_id) else None


def _store_resolved_alerts(spool: Spool, database_id: str, resolved_alerts: frozenset[str]) -> None:
    """Store in the spool the resolved alerts of the rule `database_went_back`, each as "alert id:time of
    detection". If the database loses rows again, that loss counts as new until an alert which is not in this list is
    resolved: then a person has acknowledged the new loss.
    """
    if resolved_alerts != _read_resolved_alert_keys(spool, database_id):
        spool.store_value(f"behind:{database_id}", json.dumps(sorted(resolved_alerts)), is_durable=True)


def _read_resolved_alert_keys(spool: Spool, database_id: str) -> frozenset[str]:
    return _parse_resolved_alerts(spool.read_value(f"behind:{database_id}"))


def _parse_resolved_alerts(stored_alerts: str | None) -> frozenset[str]:
    return frozenset(json.loads(stored_alerts or "[]"))


# Report missing anchors


def _report_rollback(
    context: ServiceContext,
    own_anchors: tuple[ChainHead, ...],
    old_database_id: str | None,
    earlier_resolved_alerts: frozenset[str],
) -> DatabaseRollback | None:
    """Write the operations that the database has lost, and an alert about the loss, to the database, and return the
    finding. Return None if the write transaction finds all anchors, or if a person has already acknowledged this
    loss. `earlier_resolved_alerts` are the resolved alerts that the spool had stored before the comparison;
    `own_anchors` are the anchors of this desk; `old_database_id` is the id of the database that was at this address
    before, None if it was this database. A replica with a replication delay refuses write transactions, so its delay
    is not reported as a loss.
    """
    spooled_operations = _list_operations_not_in_journal(context, old_database_id)

    def write_rollback(*, may_alert: bool) -> tuple[DatabaseRollback | None, frozenset[str] | None]:
        return context.write(
            lambda tx: _write_rollback(
                tx,
                context,
                own_anchors,
                old_database_id,
                earlier_resolved_alerts,
                spooled_operations,
                may_alert=may_alert,
            )
        )

    try:
        finding, resolved_alerts = write_rollback(may_alert=True)
    except ConsoleError as refusal:
        if refusal.code != ErrorCode.NOT_ALLOWED:
            raise
        # This account may only read, or it has raised too many of these alerts today. In the second case the database
        # still accepts the lost operations, which no other desk can repeat then.
        with suppress(ConsoleError):
            write_rollback(may_alert=False)
        return DatabaseRollback(None, tuple(entry.intent for entry in spooled_operations))
    if finding is None and resolved_alerts is not None:
        _mark_anchors_given_up(context, old_database_id)
        _store_resolved_alerts(context.spool, context.database_id, resolved_alerts)
    return finding


def _list_operations_not_in_journal(context: ServiceContext, old_database_id: str | None) -> tuple[SpoolEntry, ...]:
    """Return the operations in the spool of this desk that the journal lacks: first those of the database that was
    at this address before (`old_database_id`), then those of this database, each newest first."""
    from console.store.operations import lost_operations

    entries = (
        *context.spool.read_entries(context.database_id),
        *(context.spool.read_entries(old_database_id) if old_database_id else ()),
    )
    with context.database.read() as conn:
        return tuple(reversed(lost_operations.find_entries_not_in_journal(conn, entries)))


def _write_rollback(
    tx: Transaction,
    context: ServiceContext,
    own_anchors: tuple[ChainHead, ...],
    old_database_id: str | None,
    earlier_resolved_alerts: frozenset[str],
    spool_entries: Sequence[SpoolEntry],
    *,
    may_alert: bool,
) -> tuple[DatabaseRollback | None, frozenset[str] | None]:
    """Store the operations that the database has lost. If `may_alert` is True, also raise the alert
    `database_went_back` if the loss is new or if a lost operation that was not yet stored holds a claim. The loss is
    new unless an alert of this rule has been resolved since this desk read `earlier_resolved_alerts`: then a person
    has already checked the loss.

    `own_anchors` are the anchors of this desk, `spool_entries` the operations in its spool that the journal lacks.
    `old_database_id` is the id of the database that was at this address before, None if it was this database.

    Return (None, None) if nothing is lost: no anchor is missing and the database id is unchanged. Otherwise return
    the open finding (None if its alert is resolved) and the ids of all resolved alerts of this rule.
    """
    from console.store.operations import lost_operations

    missing_heads = anchors.list_missing_heads(tx.conn, own_anchors)
    if not missing_heads and old_database_id is None:
        return None, None
    lock_rollback_alerts(context, tx)
    resolved_alerts = anchors.list_resolved_rollback_alert_keys(tx.conn)
    unreported_entries = lost_operations.find_unstored_entries(
        tx.conn, lost_operations.find_entries_not_in_journal(tx.conn, spool_entries)
    )
    is_new = not resolved_alerts - earlier_resolved_alerts
    must_alert = may_alert and (is_new or any(entry.holds_claim for entry in unreported_entries))
    if unreported_entries or (must_alert and anchors.find_open_rollback_alert_id(tx.conn) is None):
        # A server accepts lost operations, and the alert that stops everything, only after this entry.
        _audit_database_loss(tx, context, missing_heads, old_database_id, len(unreported_entries))
    lost_operations.insert_lost_operations(tx.conn, unreported_entries, context.database_id, context.now())
    if must_alert:
        _raise_alert(tx, context, missing_heads, old_database_id, len(unreported_entries))
    return find_open_database_rollback(tx.conn), resolved_alerts


def _audit_database_loss(
    tx: Transaction,
    context: ServiceContext,
    missing_heads: Sequence[ChainHead],
    old_database_id: str | None,
    operation_count: int,
) -> None:
    """Write the audit entry that the database has lost rows, with the first lost row of the trail and
    `operation_count`, the number of operations that only this desk's spool has. `missing_heads` are the anchors that
    are missing in the database; `old_database_id` is the id of the database that was at this address before, None if
    it was this database.
    """
    facts = {
        "first": min((head.row_id for head in missing_heads), default=0),
        "operations": operation_count,
        "before": old_database_id,
    }
    context.record_audit(
        tx, AuditAction.DATABASE_WENT_BACK, DATABASE_SUBJECT_ID, facts, kind=DATABASE_KIND, reason=ALERT_RULE
    )


def _raise_alert(
    tx: Transaction,
    context: ServiceContext,
    missing_heads: Sequence[ChainHead],
    old_database_id: str | None,
    operation_count: int,
) -> None:
    """Raise the alert of the rule `database_went_back`, unless such an alert is already open. `missing_heads` are the
    anchors that are missing in the database, `old_database_id` is the id of the database that was at this address
    before (None: this database), and `operation_count` is the number of operations that only this desk's spool has.
    """
    first_row_id = min((head.row_id for head in missing_heads), default=0)
    observation = (
        f"another database than {old_database_id}" if old_database_id else f"no row {first_row_id} of the trail"
    )
    observed = f"{observation}; operations that only a desk remembers: {operation_count}"
    expected = f"what desk {context.spool.desk_id} saw committed"
    if _insert_alert(tx, context.database_id, observed, expected, context.now()):
        _log.error("this database has gone back to an earlier state: %s", observed)


def _insert_alert(tx: Transaction, database_id: str, observed: str, expected: str, now: datetime) -> bool:
    """Insert an alert of the rule `database_went_back`, and its event into the outbox. Return True, or False if such
    an alert is open already. `observed` and `expected` are the texts of the alert, `database_id` is the id of this
    database."""
    # Imported late, as in `find_open_database_rollback`: every start looks for a loss.
    from console.store.alerts import alerts, outbox

    alert = alerts.raise_alert(tx.conn, ALERT_RULE, DATABASE_KIND, DATABASE_SUBJECT_ID, None, observed, expected, now)
    if alert is not None:
        outbox.add_alert_event(tx.conn, "AlertRaised", alert, database_id, now)
    return alert is not None


def _mark_anchors_given_up(context: ServiceContext, old_database_id: str | None) -> None:
    """After a person has acknowledged a loss, mark in the spool as given up the anchors whose audit entries the
    database lacks. The program then no longer searches for these entries; the command `audit verify` still reports
    them. `old_database_id` is the id of a database that was at this address before (None: it was this database). If
    it isn't None, also store the present id for the address.
    """
    spool, database_id = context.spool, context.database_id
    if old_database_id is not None:
        spool.store_value(make_database_address_key(context.database), database_id, is_durable=True)
    before_row_id: int | None = None
    while anchor_heads := spool.list_newest_anchors(database_id, _ANCHORS_PER_PAGE, before_row_id):
        with context.database.read() as conn:
            missing_heads = anchors.list_missing_heads(conn, anchor_heads)
        if not missing_heads:
            break
        spool.give_up_anchors(database_id, missing_heads)
        before_row_id = anchor_heads[-1].row_id
    spool.store_value(f"seen:{database_id}", "null", is_durable=True)


def _make_intent_facts(intent: Intent) -> dict[str, object]:
    """Return the facts about a lost operation (the entry `intent` of a spool) that the detail of the refusal
    database_went_back contains: `operation_id`, `kind` (of the record), `action`, `number` (corporation number),
    `client_id`, `payment_id`, `amount_minor`, `operator`, and `at`, the time of the intent."""
    return {
        "operation_id": intent.operation_id,
        "kind": journal.find_kind_of_money_action(intent.action) or "operation",
        "action": intent.action,
        "number": intent.corporation_number,
        "client_id": intent.client_id,
        "payment_id": intent.payment_id,
        "amount_minor": intent.amount_minor,
        "operator": intent.operator,
        "at": intent.at,
    }
