"""Once per key: the first asker acts, everybody after them gets the stored result or a refusal.

Keys name what must not happen twice (`idempotent:payment:{merchant}:{order}`), fingerprints what exactly was asked.
The journal decides, for good; a cache in front of it could only answer faster.
"""

import uuid
from dataclasses import dataclass

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from console.domain.errors import ConsoleError
from console.domain.records import OperationState
from console.services.desk import Desk
from console.store import idempotency, journal
from console.store.engine import Transaction
from console.store.idempotency import Seen
from console.store.journal import NewOperation

RUNNING_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Begun:
    """A key that this process holds until it stores a result or releases it."""

    operation_id: str
    fence: int
    key: str


class Idempotency:
    """Guards what isn't guarded by a claim of its own. Safe from any thread and any process."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def check(self, key: str, fingerprint: str) -> str | None:
        """The stored result, None while nobody has used the key, or whoever did came to nothing.

        Raises possible_repeat for another fingerprint, in_progress with the owner while it runs, and
        outcome_unknown when nobody knows how it ended: a probe or people settle that, never another try.
        """
        with self._desk.database.read() as conn:
            found = idempotency.seen(conn, key)
        return None if found is None else answer(found, fingerprint)

    def try_(self, key: str, fingerprint: str, *, action: str, subject: tuple[str, int]) -> Begun | str:
        """Take the key, or the result that is stored under it. Raises as `check` does."""
        desk = self._desk
        new = NewOperation(str(uuid.uuid4()), action, *subject, None, None, key, fingerprint)
        try:
            return desk.database.write(lambda tx: self._begin(tx, new))
        except IntegrityError:  # somebody else was faster; where several write at once only the index can tell
            stored = self.check(key, fingerprint)
            if stored is None:
                raise
            return stored

    def _begin(self, tx: Transaction, new: NewOperation) -> Begun | str:
        desk = self._desk
        found = idempotency.seen(tx.conn, new.key)
        if found is not None:
            stored = answer(found, new.fingerprint)
            if stored is not None:
                return stored
            idempotency.set_aside(tx.conn, found.operation_id, new.key)
        fence = journal.begin(tx, new, desk.holder(), desk.now(), desk.scale.lease_seconds(RUNNING_SECONDS))
        return Begun(new.id, fence, new.key)

    def store(self, begun: Begun, result: str) -> bool:
        """Keep the result for all who ask again; False when this process lost the key meanwhile."""
        return self._end(begun, OperationState.DONE, result)

    def release(self, begun: Begun) -> bool:
        """It came to nothing: the key is free again. False when this process lost it meanwhile."""
        return self._end(begun, OperationState.FAILED, None)

    def delete(self, key: str) -> bool:
        """Forget the result of a key; its history stays. False unless it has ended."""

        def forget(tx: Transaction) -> bool:
            found = idempotency.seen(tx.conn, key)
            if found is None or found.state not in (OperationState.DONE, OperationState.FAILED):
                return False
            idempotency.set_aside(tx.conn, found.operation_id, key)
            return True

        return self._desk.database.write(forget)

    def _end(self, begun: Begun, state: OperationState, result: str | None) -> bool:
        def end(tx: Transaction) -> bool:
            mine = idempotency.end(tx.conn, begun.operation_id, begun.fence, state, result, self._desk.now())
            if mine and state is OperationState.FAILED:
                idempotency.set_aside(tx.conn, begun.operation_id, begun.key)
            return mine

        return self._desk.database.write(end)


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
