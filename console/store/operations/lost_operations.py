"""Reads and writes of lost operations: operations that this database lost when it was restored to an earlier
state. Each desk copies its own lost operations from its spool to this table. Then every desk, and not only the
sender, refuses to repeat them.

A row never changes. A lost operation stops holding its claim when one of three other rows is stored: the restored
record, the provider's answer that the operation certainly failed, or the decision of two people.
"""

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, and_, bindparam, exists, func, insert, or_, select
from sqlalchemy.exc import IntegrityError

from console.domain.audit.actions import AuditAction
from console.domain.batches import split_into_batches
from console.domain.provider_outcome import OutcomeClass
from console.domain.records import LostOperationState
from console.store.database.error_codes import RunAgain
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.schema.core import approvals, evidence, operations
from console.store.schema.payments import payments
from console.store.schema.worker import lost_operations
from console.store.spool.spool import Intent, SpoolEntry, SpoolState, StartKeys

MAX_LISTED_LOST_OPERATIONS = 200
"""Largest number of lost operations that one list returns."""
OPERATION_KIND = "operation"
_IDS_PER_QUERY = 500
_INTENT_COLUMNS = (
    lost_operations.c.id, lost_operations.c.database_id, lost_operations.c.action, lost_operations.c.client_id,
    lost_operations.c.corporation_number, lost_operations.c.record_id, lost_operations.c.operator,
    lost_operations.c.desk, lost_operations.c.at, lost_operations.c.fingerprint, lost_operations.c.payment_id,
    lost_operations.c.provider_key, lost_operations.c.amount_minor,
)  # fmt: skip
# A person with a plain client may close their own proposal, so a closed one alone is no decision of two people: a
# second person's evidence, which isn't that of another proposal, must have come after it.
_any_proposal = approvals.alias("any_proposal")


def _make_decided_condition(operation_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Return an SQL condition: two people have decided that the operation with this id had no effect."""
    return exists().where(
        approvals.c.subject_kind == OPERATION_KIND,
        approvals.c.subject_id == operation_id,
        approvals.c.closed_at.is_not(None),
        evidence.c.operation_id == operation_id,
        evidence.c.source == "person",
        evidence.c.id > approvals.c.evidence_id,
        func.lower(func.trim(evidence.c.who)) != func.lower(func.trim(approvals.c.person)),
        ~exists().where(_any_proposal.c.evidence_id == evidence.c.id),
    )


_DECIDED_LOST_OPERATION_CONDITION = _make_decided_condition(lost_operations.c.id)
_DECIDED_OPERATION_QUERY = select(_make_decided_condition(bindparam("operation_id", type_=String())))
_FAILED_LOST_OPERATION_CONDITION = exists().where(
    lost_operations.c.payment_id.is_not(None),  # refunds only: no provider states that of a lost purchase
    evidence.c.operation_id == lost_operations.c.id,
    evidence.c.summary.like(f"%{OutcomeClass.FAILED_DEFINITE.value}%"),
    evidence.c.source.like("%.refund_status"),
)
_CLAIM_HOLDING_CONDITIONS = (
    lost_operations.c.holds.is_(True),
    ~_DECIDED_LOST_OPERATION_CONDITION,
    ~_FAILED_LOST_OPERATION_CONDITION,
)
_CORPORATION_NUMBER_CONDITIONS = (
    lost_operations.c.corporation_number == bindparam("number"),
    *_CLAIM_HOLDING_CONDITIONS,
)
_CLIENT_CONDITION = lost_operations.c.client_id == bindparam("client_number")
_INTENTS_BY_NUMBER_QUERY = select(*_INTENT_COLUMNS).where(*_CORPORATION_NUMBER_CONDITIONS)
_INTENTS_BY_CLIENT_AND_NUMBER_QUERY = _INTENTS_BY_NUMBER_QUERY.where(_CLIENT_CONDITION)
_IDS_BY_CLIENT_AND_NUMBER_QUERY = select(lost_operations.c.id).where(
    *_CORPORATION_NUMBER_CONDITIONS, _CLIENT_CONDITION
)
_INTENTS_OF_REFUNDS_QUERY = select(*_INTENT_COLUMNS).where(
    lost_operations.c.payment_id.is_not(None), *_CLAIM_HOLDING_CONDITIONS
)
_INTENTS_OF_STARTED_PAYMENT_QUERY = select(*_INTENT_COLUMNS).where(
    lost_operations.c.action == bindparam("action"), lost_operations.c.record_id == bindparam("payment_id_before")
)
_RESTORED_PAYMENT_CONDITION = or_(
    exists().where(payments.c.operation_id == lost_operations.c.id),
    exists().where(operations.c.idempotency_key == "restored:" + lost_operations.c.id),
)
# A long key isn't stored. A start without a key is left out if its payment was restored; the caller finds out by the
# key whether the payment of another start is there.
_PAYMENT_START_INTENTS_QUERY = select(*_INTENT_COLUMNS).where(
    or_(
        lost_operations.c.provider_key == bindparam("first_key"),
        lost_operations.c.provider_key.like(bindparam("later_key_pattern"), escape="/"),
        lost_operations.c.fingerprint == bindparam("fingerprint"),
    ),
    or_(lost_operations.c.provider_key.is_not(None), ~_RESTORED_PAYMENT_CONDITION),
    *_CLAIM_HOLDING_CONDITIONS,
)
_LOST_OPERATION_BY_ID_QUERY = select(
    *_INTENT_COLUMNS, lost_operations.c.provider_id, and_(*_CLAIM_HOLDING_CONDITIONS)
).where(lost_operations.c.id == bindparam("operation_id"))
_NEWEST_LOST_OPERATIONS_QUERY = (
    select(*_INTENT_COLUMNS)
    .order_by(lost_operations.c.told_at.desc(), lost_operations.c.id)
    .limit(MAX_LISTED_LOST_OPERATIONS)
)
_LOST_OPERATION_STATE_COLUMNS = (
    lost_operations.c.told_at, lost_operations.c.holds, exists().where(operations.c.id == lost_operations.c.id),
    _DECIDED_LOST_OPERATION_CONDITION, _FAILED_LOST_OPERATION_CONDITION,
)  # fmt: skip
_ALL_LOST_OPERATIONS_QUERY = (
    select(*_INTENT_COLUMNS, *_LOST_OPERATION_STATE_COLUMNS)
    .order_by(lost_operations.c.told_at.desc(), lost_operations.c.at.desc(), lost_operations.c.id)
    .limit(bindparam("limit"))
)
_LOST_OPERATION_COUNT_QUERY = select(func.count()).select_from(lost_operations)
_OPERATION_IDS_IN_JOURNAL_QUERY = select(operations.c.id).where(operations.c.id.in_(bindparam("ids", expanding=True)))
_LOST_OPERATION_IDS_QUERY = select(lost_operations.c.id).where(
    lost_operations.c.id.in_(bindparam("ids", expanding=True))
)
_OPERATION_IDS_WITHOUT_EFFECT_QUERY = _LOST_OPERATION_IDS_QUERY.where(
    or_(_DECIDED_LOST_OPERATION_CONDITION, _FAILED_LOST_OPERATION_CONDITION)
)
_RESTORED_OPERATION_CONDITION = exists().where(operations.c.id == lost_operations.c.id)
_DENIED_PURCHASES_QUERY = (
    select(*_INTENT_COLUMNS)
    .where(
        lost_operations.c.corporation_number == bindparam("number"),
        _CLIENT_CONDITION,
        _DECIDED_LOST_OPERATION_CONDITION,
        ~_RESTORED_OPERATION_CONDITION,
    )
    .order_by(lost_operations.c.at)
)
_INSERT_LOST_OPERATION_STATEMENT = insert(lost_operations)


LONGEST_KEY_CHARACTERS = 64
"""Length (characters) of the column `provider_key`. A longer key isn't stored here, only in its desk's spool, because
a shortened key could equal the key of another payment.
"""


def find_entries_not_in_journal(conn: Connection, entries: Sequence[SpoolEntry]) -> tuple[SpoolEntry, ...]:
    """Return those entries of a desk's spool whose operation isn't in the journal, in the given order."""
    in_journal = _read_existing_ids(
        conn, _OPERATION_IDS_IN_JOURNAL_QUERY, [entry.intent.operation_id for entry in entries]
    )
    return tuple(entry for entry in entries if entry.intent.operation_id not in in_journal)


def find_unstored_entries(conn: Connection, entries: Sequence[SpoolEntry]) -> tuple[SpoolEntry, ...]:
    """Return those entries of a desk's spool whose operation isn't in the table of lost operations yet, in the
    given order."""
    stored_ids = _read_existing_ids(conn, _LOST_OPERATION_IDS_QUERY, [entry.intent.operation_id for entry in entries])
    return tuple(entry for entry in entries if entry.intent.operation_id not in stored_ids)


def insert_lost_operations(conn: Connection, entries: Sequence[SpoolEntry], database_id: str, now: datetime) -> None:
    """Store the operations of these spool entries as lost operations. The payment id is left out if the entry
    belongs to another database than `database_id`.

    Raises RunAgain if another process stored one of them at the same time.
    """
    for entry in entries:
        intent = entry.intent
        row = {
            "id": intent.operation_id,
            "database_id": intent.database_id,
            "action": intent.action,
            "client_id": None if intent.client_id is None else int(intent.client_id),
            "corporation_number": intent.corporation_number,
            "record_id": intent.record_id,
            "operator": intent.operator,
            "desk": intent.desk_id,
            "at": convert_to_naive_utc(intent.at),
            "fingerprint": intent.fingerprint,
            "payment_id": intent.payment_id if intent.database_id == database_id else None,
            "provider_key": _get_storable_key(intent.provider_key),
            "amount_minor": intent.amount_minor,
            "provider_id": entry.id_at_provider,
            "holds": entry.holds_claim,
            "told_at": convert_to_naive_utc(now),
        }
        try:
            conn.execute(_INSERT_LOST_OPERATION_STATEMENT, row)
        except IntegrityError:  # another process of the same desk, at the same time
            raise RunAgain from None


def list_purchases_holding_claim(
    conn: Connection, client_id: str | None, corporation_number: str
) -> tuple[Intent, ...]:
    """Return the lost purchases that still hold their claim on this client (None: any client) and corporation number.
    Each purchase calls this function for its client, and such a row rarely exists. So the function first reads only
    the ids, which is faster than a query of all columns.
    """
    if client_id is None:
        return tuple(
            _make_intent(row) for row in conn.execute(_INTENTS_BY_NUMBER_QUERY, {"number": corporation_number})
        )
    values = {"number": corporation_number, "client_number": int(client_id)}
    if conn.execute(_IDS_BY_CLIENT_AND_NUMBER_QUERY, values).first() is None:
        return ()
    return tuple(_make_intent(row) for row in conn.execute(_INTENTS_BY_CLIENT_AND_NUMBER_QUERY, values))


def list_denied_purchases(conn: Connection, client_id: str, corporation_number: str) -> tuple[Intent, ...]:
    """Return the lost purchases of this client and corporation number about which two people have decided that they
    were not made, oldest first. Purchases that were restored after the decision are left out."""
    values = {"number": corporation_number, "client_number": int(client_id)}
    return tuple(_make_intent(row) for row in conn.execute(_DENIED_PURCHASES_QUERY, values))


def list_refunds_holding_amount(conn: Connection) -> tuple[Intent, ...]:
    """Return the lost refunds that still hold their claim, of all payments. A lost refund is a refund whose operation
    the database has lost; its amount isn't refundable. The result includes refunds whose records were restored. A
    caller that checks one payment must leave out the restored refunds and the refunds of other payments."""
    return tuple(_make_intent(row) for row in conn.execute(_INTENTS_OF_REFUNDS_QUERY))


def list_lost_starts_of_payment(conn: Connection, payment_id: int) -> tuple[Intent, ...]:
    """Return the lost starts of the payment that had the id `payment_id` before the database lost it. A start of a
    payment is the operation that asks the provider for a payment code or payment page."""
    values = {"action": AuditAction.PAYMENT_START.value, "payment_id_before": payment_id}
    return tuple(_make_intent(row) for row in conn.execute(_INTENTS_OF_STARTED_PAYMENT_QUERY, values))


def list_lost_starts_holding_claim(conn: Connection, keys: StartKeys) -> tuple[Intent, ...]:
    """Return the lost starts of payments that match `keys` and that the provider may have accepted. A start of a
    payment is the operation that asks the provider for a payment code or payment page. A start matches if its
    `provider_key` equals `keys.first_key` or begins with `keys.later_key_prefix`, or if it has the fingerprint of
    `keys`. A start without a stored `provider_key` is left out if its payment was restored. For the other starts the
    caller checks by the `provider_key` whether the payment was restored."""
    later_key_pattern = re.sub("[/%_]", r"/\g<0>", keys.later_key_prefix) + "%"
    values = {"first_key": keys.first_key, "later_key_pattern": later_key_pattern, "fingerprint": keys.fingerprint}
    return tuple(_make_intent(row) for row in conn.execute(_PAYMENT_START_INTENTS_QUERY, values))


def has_no_effect(conn: Connection, operation_id: str) -> bool:
    """True if two people have decided in this database that the lost operation had no effect, or if the provider has
    answered that it certainly failed. The column `holds` isn't read, because the database account of any desk that
    acts may write it.
    """
    return bool(_read_existing_ids(conn, _OPERATION_IDS_WITHOUT_EFFECT_QUERY, [operation_id]))


def is_decided_without_effect(conn: Connection, operation_id: str) -> bool:
    """True if two people have decided that the operation had no effect. The operation need not be in the table of
    lost operations: it may be only in the spool of a desk.
    """
    return bool(conn.scalar(_DECIDED_OPERATION_QUERY, {"operation_id": operation_id}))


def find_lost_operation(conn: Connection, operation_id: str) -> SpoolEntry | None:
    """Return the lost operation with this id, in the form of a spool entry; None if there is none. The entry holds no
    claim if the operation held none when it was stored, if two people have decided since that it had no effect, or
    if the provider has answered since that it certainly failed."""
    row = conn.execute(_LOST_OPERATION_BY_ID_QUERY, {"operation_id": operation_id}).first()
    if row is None:
        return None
    *intent_values, id_at_provider, holds_claim = row
    state = SpoolState.CALLING if holds_claim else SpoolState.ENDED
    return SpoolEntry(
        _make_intent(intent_values),
        state,
        bool(holds_claim),
        id_at_provider,
        None,
        has_answer=False,
        is_delivered=False,
    )


def list_unrestored_operations(conn: Connection) -> tuple[Intent, ...]:
    """Return the lost operations that the journal doesn't have yet: at most MAX_LISTED_LOST_OPERATIONS, the last
    stored one first.
    """
    return tuple(
        _make_intent(row) for row in conn.execute(_NEWEST_LOST_OPERATIONS_QUERY.where(~_RESTORED_OPERATION_CONDITION))
    )


def list_lost_operations(conn: Connection, limit: int) -> tuple[tuple[Intent, datetime, LostOperationState], ...]:
    """Return at most `limit` lost operations, the last stored one first, each with the time at which it was stored in
    this table and its state. The state is derived from the rows about the lost operation itself, so it is never
    ACKNOWLEDGED (that depends on a case about the payment). Lost operations that were restored, decided or ended
    since then are included.
    """
    entries: list[tuple[Intent, datetime, LostOperationState]] = []
    for row in conn.execute(_ALL_LOST_OPERATIONS_QUERY, {"limit": limit}):
        *intent_values, stored_at, holds_claim, is_restored, is_decided, has_failed = row
        state = LostOperationState.OPEN
        if is_restored:
            state = LostOperationState.RESTORED
        elif is_decided:
            state = LostOperationState.DECIDED
        elif has_failed or not holds_claim:
            state = LostOperationState.ENDED
        entries.append((_make_intent(intent_values), convert_to_aware_utc(stored_at), state))
    return tuple(entries)


def count_lost_operations(conn: Connection) -> int:
    """Return the number of all lost operations, including those that were restored, decided or ended later."""
    return int(conn.scalar(_LOST_OPERATION_COUNT_QUERY) or 0)


def _read_existing_ids(conn: Connection, query: Any, ids: Sequence[str]) -> Collection[str]:
    """Return those of `ids` (ids of operations) that the query with the parameter `ids` selects."""
    existing_ids: set[str] = set()
    for part in split_into_batches(ids, _IDS_PER_QUERY):
        existing_ids.update(conn.scalars(query, {"ids": part}))
    return existing_ids


def _make_intent(row: Sequence[Any]) -> Intent:
    values = list(row[:13])
    values[3], values[8] = None if row[3] is None else str(row[3]), convert_to_aware_utc(row[8])
    return Intent(*values)


def _get_storable_key(key: str | None) -> str | None:
    """Return the idempotency key `key`, if it can be stored in the column `provider_key` of a lost operation: if it
    has at most LONGEST_KEY_CHARACTERS characters. Otherwise, or if the operation has no key (None), return None, and
    the column stays NULL.
    """
    return key if key is not None and len(key) <= LONGEST_KEY_CHARACTERS else None
