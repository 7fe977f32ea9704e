"""Idempotency keys of the journal (not those of a provider): the first caller with a key executes the action; every
later caller gets the stored result or a refusal.

A key names an effect that must not happen twice (`idempotent:payment:{merchant}:{order}`); a fingerprint names the
exact request. A key stays used after its operation has ended, until a caller frees it: after an operation
without effect, together with a deleted result, or for a new start of an order's payment. A Redis cache, if it is
configured, returns final results faster; the result is the same without it.
"""

import hashlib
import string
import uuid
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from console.domain.error_reasons import OutcomeUnknownReason, PossibleRepeatReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import LeaseHolderFacts
from console.domain.records import OperationState
from console.services.process.context import ServiceContext
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection, UniqueViolation
from console.store.operations import idempotency, journal
from console.store.operations.idempotency import IdempotencyKeyUse
from console.store.operations.idempotency_cache import IdempotencyCache
from console.store.operations.journal import NewOperation

ATTEMPT_LEASE_SECONDS = 30.0
"""Duration in seconds of the lease on the journal row of an attempt that holds an idempotency key."""
LONGEST_KEY_CHARACTERS = 200
_MAX_UNIQUE_VIOLATIONS = 5
"""Number of attempts to insert the row of an idempotency key, if other processes insert and remove a row with this
key meanwhile."""

_UNESCAPED_KEY_CHARACTERS = "".join(set(string.punctuation) - {":", "%"})


@dataclass(frozen=True, slots=True)
class AcquiredIdempotencyKey:
    """An idempotency key that this process has acquired, and holds until it stores a result or releases the key.

    `operation_id` is the id of the key's row in the journal, and `fence` the fencing token of this row. `epoch` is
    the epoch of the Redis cache (`idempotency_cache`) when this process acquired the key, None if Redis was not used.
    """

    operation_id: str
    fence: int
    key: str
    fingerprint: str
    epoch: str | None = None


def make_payment_key(merchant_id: str, order_number: str, repetition_number: int | None = None) -> str:
    """Return the idempotency key of an order's payment. `repetition_number` is the number of an intentional
    repetition of the payment, None for the first payment."""
    return _join_key("payment", merchant_id, order_number, repetition_number)


def is_payment_key_of_other_merchant(key: str, *own_names: str) -> bool:
    """True if `make_payment_key` has made the idempotency key `key` with a merchant id that is not in `own_names`.
    These names are the id of our own merchant and, for the keys of an earlier program version, the name of the
    provider.
    """
    is_payment_key = key.startswith(_join_key("payment", ""))
    return is_payment_key and not any(key.startswith(make_payment_key(name, "")) for name in own_names)


def make_refund_key(payment_id: int, operator: str, amount_minor: int, repetition_number: int | None = None) -> str:
    """Return the idempotency key of a refund. `payment_id` is the id of our payment, `operator` the name of the
    maker, `amount_minor` the amount in minor units, `repetition_number` the number of an intentional repetition (None
    for the first refund).
    """
    return _join_key("refund", payment_id, operator, amount_minor, repetition_number)


def make_cached_answer_key(person: str, request_id: str) -> str:
    """Return the key under which the Redis cache stores the answer to a call with this person's request id."""
    return _join_key("request", person, request_id)


def _join_key(*parts: str | int | None) -> str:
    """Return an idempotency key: its parts joined with colons. Colons inside a part are escaped, so that different
    parts never make the same key. If the key is longer than LONGEST_KEY_CHARACTERS, its SHA-256 replaces its end."""
    key = ":".join(
        ["idempotent", *(quote(str(part), safe=_UNESCAPED_KEY_CHARACTERS) for part in parts if part is not None)]
    )
    if len(key) <= LONGEST_KEY_CHARACTERS:
        return key
    return f"{key[: LONGEST_KEY_CHARACTERS - 65]}~{hashlib.sha256(key.encode()).hexdigest()}"


class IdempotencyKeyService:
    """Acquires and releases the idempotency keys of actions that have no claim in the database, and stores the
    results of these actions. Several threads and processes may use these keys at the same time."""

    def __init__(self, context: ServiceContext, cache: IdempotencyCache | None = None) -> None:
        self._context = context
        self._cache = cache or IdempotencyCache()

    def find_result(self, key: str, fingerprint: str) -> str | None:
        """Return the result that is stored under the idempotency key. Return None if the key is unused, or if the
        last attempt with it ended without effect.

        Raises possible_repeat if the attempt had another fingerprint, in_progress (with the holder) while the attempt
        runs, and outcome_unknown if the outcome of the attempt is unknown, until a probe settles it or a person
        resolves it.
        """
        cache_answer = self._cache.find_result(key, fingerprint)
        return (
            cache_answer.result
            if cache_answer.result is not None
            else self._read_result(key, fingerprint, cache_answer.epoch)
        )

    def acquire_key(
        self, key: str, fingerprint: str, *, action: str, subject: tuple[str, int]
    ) -> AcquiredIdempotencyKey | str:
        """Acquire the idempotency key for one attempt and return an AcquiredIdempotencyKey; if a result is stored
        under the key, return this result. `fingerprint` is the digest of the attempt's request, `action` the name of
        the attempted action, `subject` the kind and the id of its record. Raises possible_repeat if an attempt with
        another fingerprint has used the key, in_progress (with the holder) while an earlier attempt with the same
        fingerprint runs, and outcome_unknown if the outcome of such an earlier attempt is unknown."""
        cache_answer = self._cache.announce_use(key, fingerprint)
        stored_result = cache_answer.result
        if (
            stored_result is None and not cache_answer.is_entry_missing
        ):  # A stored result is read without a write transaction.
            stored_result = self._read_result(key, fingerprint, cache_answer.epoch)
        if stored_result is not None:
            return stored_result
        violation_count = 0
        while True:
            try:
                return self._context.write(lambda tx: self._begin_attempt(tx, key, fingerprint, action, subject))
            # Another caller was faster: of several writers, the unique index admits one.
            except UniqueViolation:
                stored_result, violation_count = self._read_result(key, fingerprint, None), violation_count + 1
                if stored_result is not None:
                    return stored_result
                if violation_count == _MAX_UNIQUE_VIOLATIONS:
                    raise

    def store_result(self, acquired_key: AcquiredIdempotencyKey, result: str) -> bool:
        """End the attempt that holds the idempotency key, and store its result for later callers. Return True; return
        False, and store nothing, if another process has ended the attempt meanwhile."""
        is_stored = self._end_attempt(acquired_key, OperationState.DONE, result)
        if is_stored:
            self._cache.store_result(acquired_key.key, acquired_key.fingerprint, result, acquired_key.epoch)
        return is_stored

    def release_key(self, acquired_key: AcquiredIdempotencyKey) -> bool:
        """End an attempt that had no effect, and free its idempotency key for another attempt. Return True, or False
        if another process has ended the attempt meanwhile.
        """
        return self._end_attempt(acquired_key, OperationState.FAILED, None)

    def delete_result(self, key: str) -> bool:
        """Delete the stored result of an idempotency key; its rows in the journal stay. Return True, or False if the
        key has no attempt that is done or failed."""

        def delete_stored_result(tx: Transaction) -> bool:
            attempt = idempotency.find_use(tx.conn, key)
            if attempt is None or attempt.state not in (OperationState.DONE, OperationState.FAILED):
                return False
            idempotency.forget_result(tx, attempt.operation_id, key, self._context.make_holder(), self._context.now())
            return True

        is_deleted = self._context.write(delete_stored_result)
        if is_deleted:
            self._cache.forget_result(key)
        return is_deleted

    @property
    def cache_state(self) -> Literal["on", "off"] | None:
        """The state of the Redis cache: "on" while Redis answers, "off" while it doesn't, None if no Redis is
        configured.
        """
        return self._cache.state

    @property
    def cache_hit_and_query_counts(self) -> tuple[int, int]:
        """Two numbers of queries to the Redis cache: those that the cache answered with a stored result, and all
        queries. The numbers are of all desks; while Redis doesn't answer, they are of this process only.
        """
        return self._cache.hit_and_query_counts

    def _read_result(self, key: str, fingerprint: str, epoch: str | None) -> str | None:
        """Return the result that the database has stored under the idempotency key, and copy it into the Redis cache;
        None if there is no result. `epoch` is the epoch of the cache at the time at which the caller queried the
        cache. Raises possible_repeat for another fingerprint, in_progress while the attempt runs, and outcome_unknown
        if the outcome of the attempt is unknown.
        """
        with self._context.database.read() as conn:
            self._cache.refresh_epoch(lambda: idempotency.read_current_epoch(conn, self._context.now()))
            attempt = idempotency.find_use(conn, key)
        stored_result = None if attempt is None else find_stored_result(attempt, fingerprint)
        if stored_result is not None:
            self._cache.store_result(key, fingerprint, stored_result, epoch)
        return stored_result

    def _begin_attempt(
        self, tx: Transaction, key: str, fingerprint: str, action: str, subject: tuple[str, int]
    ) -> AcquiredIdempotencyKey | str:
        """In the transaction `tx`, return the stored result of the key, or insert the journal row of a new attempt
        and return the acquired key. Raises possible_repeat for another fingerprint, in_progress while an attempt
        runs, and outcome_unknown if the outcome of the attempt is unknown."""
        context, holder, now = self._context, self._context.make_holder(), self._context.now()
        epoch = self._cache.refresh_epoch(lambda: idempotency.read_current_epoch(tx.conn, now))
        attempt = idempotency.find_use(tx.conn, key)
        if attempt is not None:
            stored_result = find_stored_result(attempt, fingerprint)
            if stored_result is not None:
                return stored_result
            idempotency.free_idempotency_key(tx.conn, attempt.operation_id, key)
        operation = NewOperation(str(uuid.uuid4()), action, *subject, None, None, key, fingerprint)
        fence = journal.begin_operation(
            tx, operation, holder, now, context.scale.scale_lease_seconds(ATTEMPT_LEASE_SECONDS)
        )
        if epoch is None and self._cache.state is not None and not idempotency.read_current_epoch(tx.conn, now):
            idempotency.replace_epoch(tx, holder, now)
        return AcquiredIdempotencyKey(operation.id, fence, key, fingerprint, epoch)

    def _end_attempt(self, acquired_key: AcquiredIdempotencyKey, state: OperationState, result: str | None) -> bool:
        """End the attempt that holds the key with this state and result; in the state failed, the key becomes free.
        Return True; return False, and write nothing, if another process has ended the attempt meanwhile."""

        def end_operation(tx: Transaction) -> bool:
            is_owner = idempotency.end_operation_with_result(
                tx.conn, acquired_key.operation_id, acquired_key.fence, state, result, self._context.now()
            )
            if is_owner and state is OperationState.FAILED:
                idempotency.free_idempotency_key(tx.conn, acquired_key.operation_id, acquired_key.key)
            return is_owner

        return self._context.write(end_operation)


def find_stored_result(attempt: IdempotencyKeyUse, fingerprint: str) -> str | None:
    """Return the result that `attempt` has stored under its idempotency key, for a caller with this fingerprint.
    Return None if the attempt ended without effect, so that the caller may acquire the key.

    Raises possible_repeat for another fingerprint, in_progress while the attempt runs, and outcome_unknown if the
    outcome of the attempt is unknown.
    """
    id, since = attempt.operation_id, attempt.since
    holder = LeaseHolderFacts(operator=attempt.operator, desk=attempt.desk)
    if attempt.fingerprint != fingerprint:
        raise ConsoleError(
            ErrorCode.POSSIBLE_REPEAT,
            {"operation_id": id, "since": since, "reason": PossibleRepeatReason.OTHER_FINGERPRINT},
        )
    if attempt.state is OperationState.CALLING and attempt.has_live_lease:
        raise ConsoleError(ErrorCode.IN_PROGRESS, {"operation_id": id, "since": since, "holder": holder})
    if attempt.state in (OperationState.CALLING, OperationState.UNKNOWN):
        raise ConsoleError(
            ErrorCode.OUTCOME_UNKNOWN,
            {"operation_id": id, "since": since, "holder": holder, "reason": OutcomeUnknownReason.EARLIER_ATTEMPT},
        )
    return (attempt.result or "") if attempt.state is OperationState.DONE else None


def refuse_repeated_key(conn: Connection, key: str, fingerprint: str) -> None:
    """Raise the refusal for a caller whose insert violated a unique index, because an earlier attempt holds the
    idempotency key `key`. Return normally if no attempt holds the key: then the insert violated another index.

    Raises already_decided if a result is stored; possible_repeat if the earlier attempt has another fingerprint;
    in_progress while the earlier attempt runs; outcome_unknown if its outcome is unknown.
    """
    attempt = idempotency.find_use(conn, key)
    if attempt is not None and find_stored_result(attempt, fingerprint) is not None:
        raise ConsoleError(ErrorCode.ALREADY_DECIDED, {"operation_id": attempt.operation_id, "since": attempt.since})
