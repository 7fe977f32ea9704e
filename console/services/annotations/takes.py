"""Take a record and give it up. A take is a person's mark that this person works on the record; it ends after
TAKE_DURATION."""

from datetime import timedelta

from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import InProgressReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import InProgressDetail
from console.domain.tasks.records import Take
from console.services.audit import refusals
from console.services.process.context import ServiceContext
from console.store.database.engine import Transaction
from console.store.operations import journal
from console.store.records import any_record, takes

TAKE_ACTION = AuditAction.RECORD_TAKE
TAKE_DURATION = timedelta(minutes=30)


class TakeService:
    """Stores and ends takes of records of every kind. A take locks nothing; only bulk runs skip a record that another
    person has taken.
    """

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def take_record(self, kind: str, record_id: int) -> Take:
        """Mark that the acting person works on the record for TAKE_DURATION, or extend the person's own take; return
        the take. Raises not_found if the database has no such record, not_allowed if the acting person has no right
        to take records, read_only while the read-only switch for everything is on, and in_progress if another person
        has the take (the error's detail names the person and the end of the take)."""
        with refusals.audit_refusals(self._context, TAKE_ACTION, record_id, kind=kind):
            self._context.require_right("take")
            return self._context.write(lambda tx: self.take_record_in_transaction(tx, kind, record_id))

    def take_record_in_transaction(self, tx: Transaction, kind: str, record_id: int) -> Take:
        """Mark that the acting person works on the record for TAKE_DURATION, or extend the person's own take, in the
        caller's transaction; return the take. The caller has checked the right. Raises not_found if the database has
        no such record, and in_progress if another person has the take."""
        context, now = self._context, self._context.now()
        require_record(tx, kind, record_id)
        name, until = context.make_holder().operator, now + context.scale.scale_duration(TAKE_DURATION)
        earlier_take = takes.read_takes(tx.conn, kind, (record_id,), now).get(record_id)
        if not takes.take_record(tx.conn, kind, record_id, name, now, until):
            raise _make_record_taken_error(
                kind, record_id, takes.read_takes(tx.conn, kind, (record_id,), now).get(record_id)
            )
        if earlier_take is None:
            context.record_audit(tx, TAKE_ACTION, record_id, {"until": until}, kind=kind)
        return takes.read_takes(tx.conn, kind, (record_id,))[record_id]

    def give_up_take(self, kind: str, record_id: int) -> bool:
        """End the acting person's own take of the record. Return True, or False if the person has no take of the
        record. Raises not_allowed if the acting person has no right to take records, and read_only while the
        read-only switch for everything is on."""
        with refusals.audit_refusals(self._context, TAKE_ACTION, record_id, kind=kind):
            self._context.require_right("take")
            return self._context.write(lambda tx: self.give_up_take_in_transaction(tx, kind, record_id))

    def give_up_take_in_transaction(self, tx: Transaction, kind: str, record_id: int) -> bool:
        """End the acting person's own take of the record, in the caller's transaction. The caller has checked the
        right. Return True, or False if the person has no take of the record."""
        context = self._context
        is_released = takes.release_take(tx.conn, kind, record_id, context.make_holder().operator, context.now())
        if is_released:
            context.record_audit(tx, AuditAction.RECORD_GIVEN_UP, record_id, kind=kind)
        return is_released


def require_record(tx: Transaction, kind: str, record_id: int) -> None:
    """Raise not_found if the database has no record of this kind and id."""
    if any_record.find(tx.conn, kind, record_id, journal.list_lapsed_record_ids_by_kind(tx.conn)) is None:
        raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": kind, "id": str(record_id)})


def _make_record_taken_error(kind: str, record_id: int, take: Take | None) -> ConsoleError:
    facts: InProgressDetail = {"kind": kind, "id": record_id, "reason": InProgressReason.TAKEN_BY_OTHER_PERSON}
    if take is not None:
        facts |= {"holder": {"operator": take.person}, "since": take.taken_at, "until": take.until}
    return ConsoleError(ErrorCode.IN_PROGRESS, facts)
