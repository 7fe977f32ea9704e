"""Once per key: the first asker acts, everybody after them gets the stored result or a refusal.

Keys name what must not happen twice (`idempotent:payment:{merchant}:{order}`), fingerprints what exactly was asked.
The journal decides, for good. Where there is a Redis it answers for results that are final; without it, or with one
that lies, everything is the same but for the speed.
"""

import hashlib
import string
import uuid
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from console.domain.errors import ConsoleError
from console.domain.records import OperationState
from console.services.desk import Desk
from console.store import idempotency, journal
from console.store.cache import NoCache
from console.store.engine import Transaction
from console.store.idempotency import Seen
from console.store.journal import NewOperation

RUNNING_SECONDS = 30.0
LONGEST_KEY = 200
_TRIES = 5
_PLAIN = "".join(set(string.punctuation) - {":", "%"})


@dataclass(frozen=True, slots=True)
class Begun:
    """A key that this process holds until it stores a result or releases it. `epoch`: the cache's, at the time."""

    operation_id: str
    fence: int
    key: str
    fingerprint: str
    epoch: str | None = None


def payment_key(merchant_id: str, order_no: str, repeat: int | None = None) -> str:
    """The key of one order's payment; `repeat`: the n of an intended repeat."""
    return _key("payment", merchant_id, order_no, repeat)


def refund_key(payment_no: int, operator_id: str, amount: int, repeat: int | None = None) -> str:
    """The key of a refund. `payment_no`: the payment's id here; `amount` in minor units."""
    return _key("refund", payment_no, operator_id, amount, repeat)


def _key(*parts: str | int | None) -> str:
    """Parts with their colons escaped, so that no two orders share a key; what is too long ends in its hash."""
    key = ":".join(["idempotent", *(quote(str(part), safe=_PLAIN) for part in parts if part is not None)])
    if len(key) <= LONGEST_KEY:
        return key
    return f"{key[: LONGEST_KEY - 65]}~{hashlib.sha256(key.encode()).hexdigest()}"


class Idempotency:
    """Guards what isn't guarded by a claim of its own. Safe from any thread and any process."""

    def __init__(self, desk: Desk, cache: NoCache | None = None) -> None:
        self._desk = desk
        self._cache = cache or NoCache()

    def check(self, key: str, fingerprint: str) -> str | None:
        """The stored result, None while nobody has used the key, or whoever did came to nothing.

        Raises possible_repeat for another fingerprint, in_progress with the owner while it runs, and
        outcome_unknown when nobody knows how it ended: a probe or people settle that, never another try.
        """
        glance = self._cache.recall(key, fingerprint)
        return glance.result if glance.result is not None else self._look(key, fingerprint, glance.epoch)

    def try_(self, key: str, fingerprint: str, *, action: str, subject: tuple[str, int]) -> Begun | str:
        """Take the key, or the result that is stored under it. Raises as `check` does."""
        glance = self._cache.announce(key, fingerprint)
        stored = glance.result
        if stored is None and not glance.fresh:  # what is there needs no write transaction to be seen
            stored = self._look(key, fingerprint, glance.epoch)
        if stored is not None:
            return stored
        lost = 0
        while True:
            try:
                return self._desk.write(lambda tx: self._begin(tx, key, fingerprint, action, subject))
            except IntegrityError:  # somebody else was faster; where several write at once only the index can tell
                stored, lost = self._look(key, fingerprint, None), lost + 1
                if stored is not None:
                    return stored
                if lost == _TRIES:
                    raise

    def store(self, begun: Begun, result: str) -> bool:
        """Keep the result for all who ask again; False when this process lost the key meanwhile."""
        mine = self._end(begun, OperationState.DONE, result)
        if mine:
            self._cache.keep(begun.key, begun.fingerprint, result, begun.epoch)
        return mine

    def release(self, begun: Begun) -> bool:
        """It came to nothing: the key is free again. False when this process lost it meanwhile."""
        return self._end(begun, OperationState.FAILED, None)

    def delete(self, key: str) -> bool:
        """Forget the result of a key; its history stays. False unless it has ended."""

        def forget(tx: Transaction) -> bool:
            found = idempotency.seen(tx.conn, key)
            if found is None or found.state not in (OperationState.DONE, OperationState.FAILED):
                return False
            idempotency.forget(tx, found.operation_id, key, self._desk.holder(), self._desk.now())
            return True

        forgotten = self._desk.write(forget)
        if forgotten:
            self._cache.forget(key)
        return forgotten

    @property
    def cache_state(self) -> Literal["on", "off"] | None:
        """Whether a Redis helps; None where none is configured. Nothing is less safe without."""
        return self._cache.state

    @property
    def cache_counts(self) -> tuple[int, int]:
        """How many answers the cache of this process gave, and how often it was asked."""
        return self._cache.answered, self._cache.asked

    def close(self) -> None:
        """The cache's connections, if it has any."""
        self._cache.close()

    def _look(self, key: str, fingerprint: str, epoch: str | None) -> str | None:
        """The database's answer. `epoch`: the cache was asked in it and has none."""
        with self._desk.database.read() as conn:
            self._cache.refresh(lambda: idempotency.epoch(conn, self._desk.now()))
            found = idempotency.seen(conn, key)
        stored = None if found is None else answer(found, fingerprint)
        if stored is not None:
            self._cache.keep(key, fingerprint, stored, epoch)
        return stored

    def _begin(
        self, tx: Transaction, key: str, fingerprint: str, action: str, subject: tuple[str, int]
    ) -> Begun | str:
        desk, holder, now = self._desk, self._desk.holder(), self._desk.now()
        epoch = self._cache.refresh(lambda: idempotency.epoch(tx.conn, now))
        found = idempotency.seen(tx.conn, key)
        if found is not None:
            stored = answer(found, fingerprint)
            if stored is not None:
                return stored
            idempotency.set_aside(tx.conn, found.operation_id, key)
        new = NewOperation(str(uuid.uuid4()), action, *subject, None, None, key, fingerprint)
        fence = journal.begin(tx, new, holder, now, desk.scale.lease_seconds(RUNNING_SECONDS))
        if epoch is None and self._cache.state is not None and not idempotency.epoch(tx.conn, now):
            idempotency.new_epoch(tx, holder, now)
        return Begun(new.id, fence, key, fingerprint, epoch)

    def _end(self, begun: Begun, state: OperationState, result: str | None) -> bool:
        def end(tx: Transaction) -> bool:
            mine = idempotency.end(tx.conn, begun.operation_id, begun.fence, state, result, self._desk.now())
            if mine and state is OperationState.FAILED:
                idempotency.set_aside(tx.conn, begun.operation_id, begun.key)
            return mine

        return self._desk.write(end)


def answer(found: Seen, fingerprint: str) -> str | None:
    """What a key that was used before means for whoever asks with this fingerprint."""
    facts = {"operation_id": found.operation_id, "since": found.since}
    holder = {"operator": found.operator, "desk": found.desk}
    if found.fingerprint != fingerprint:
        raise ConsoleError("possible_repeat", {**facts, "reason": "other_fingerprint"})
    if found.state is OperationState.CALLING and found.live:
        raise ConsoleError("in_progress", {**facts, "holder": holder})
    if found.state in (OperationState.CALLING, OperationState.UNKNOWN):
        raise ConsoleError("outcome_unknown", {**facts, "holder": holder, "reason": "earlier_attempt"})
    return (found.result or "") if found.state is OperationState.DONE else None


def refuse_repeat(conn: Connection, key: str, fingerprint: str) -> None:
    """After a clash of keys: say who has it and how far it is; nothing when that is not what clashed."""
    found = idempotency.seen(conn, key)
    if found is not None and answer(found, fingerprint) is not None:
        raise ConsoleError("already_decided", {"operation_id": found.operation_id, "since": found.since})
