"""Taking a record: for a while others see who works on it and leave it to them; then it is free again by itself."""

from datetime import timedelta

from console.domain.errors import ConsoleError
from console.domain.worker_records import Take
from console.services import refusals
from console.services.desk import Desk
from console.store import any_record, journal, takes
from console.store.engine import Transaction

ACTION = "record.take"
LASTS = timedelta(minutes=30)


class Taking:
    """Takes of records of every kind. A take hinders nobody but bulk runs; it is a courtesy, never a lock."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def take(self, kind: str, record_id: int) -> Take:
        """Take it for oneself, or keep on with it, for half an hour from now. Raises not_found, not_allowed, and
        in_progress with who has it until when.
        """
        with refusals.audited(self._desk, ACTION, record_id, kind=kind):
            self._desk.require("take")
            return self._desk.write(lambda tx: self.take_in(tx, kind, record_id))

    def take_in(self, tx: Transaction, kind: str, record_id: int) -> Take:
        """The same within the caller's transaction, whoever may do so."""
        desk, now = self._desk, self._desk.now()
        require_record(tx, kind, record_id)
        name, until = desk.holder().operator, now + desk.scale.delta(LASTS)
        before = takes.of(tx.conn, kind, (record_id,), now).get(record_id)
        if not takes.take(tx.conn, kind, record_id, name, now, until):
            raise _taken(kind, record_id, takes.of(tx.conn, kind, (record_id,), now).get(record_id))
        if before is None:
            desk.note(tx, ACTION, record_id, {"until": until}, kind=kind)
        return takes.of(tx.conn, kind, (record_id,))[record_id]

    def give_up(self, kind: str, record_id: int) -> bool:
        """Leave it to others before the time; False when it isn't one's own any more. Raises not_allowed."""
        with refusals.audited(self._desk, ACTION, record_id, kind=kind):
            self._desk.require("take")
            return self._desk.write(lambda tx: self._give_up(tx, kind, record_id))

    def _give_up(self, tx: Transaction, kind: str, record_id: int) -> bool:
        desk = self._desk
        given_up = takes.release(tx.conn, kind, record_id, desk.holder().operator, desk.now())
        if given_up:
            desk.note(tx, "record.given_up", record_id, kind=kind)
        return given_up


def require_record(tx: Transaction, kind: str, record_id: int) -> None:
    """Raise not_found where there is no such record."""
    if any_record.find(tx.conn, kind, record_id, journal.lapsed_by_kind(tx.conn)) is None:
        raise ConsoleError("not_found", {"kind": kind, "id": str(record_id)})


def _taken(kind: str, record_id: int, taken: Take | None) -> ConsoleError:
    facts: dict[str, object] = {"kind": kind, "id": record_id, "reason": "taken"}
    if taken is not None:
        facts |= {"holder": {"operator": taken.person}, "since": taken.taken_at, "until": taken.until}
    return ConsoleError("in_progress", facts)
