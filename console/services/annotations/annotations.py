"""Read the annotations of one record for its screen: the take (the mark of the person who works on the record now),
the notes, and the open alert about the record."""

from typing import TypedDict

from console.domain.tasks.records import Note, Take
from console.services.process.context import ServiceContext
from console.store.alerts import alerts
from console.store.database.sqlalchemy_names import Connection
from console.store.records import notes, takes


class RecordAnnotations(TypedDict):
    """The annotations of one record, as keyword arguments for the object with the data of the record's screen.
    `taken` is the running take of the record, None if no person has taken it; `notes` are its notes; `open_alert_id`
    is the id of the oldest open alert about the record, None if no alert about the record is open."""

    taken: Take | None
    notes: tuple[Note, ...]
    open_alert_id: int | None


def read_annotations(context: ServiceContext, conn: Connection, kind: str, record_id: int) -> RecordAnnotations:
    """Return the take, the notes and the open alert of a record, read in the caller's transaction. `kind` is the kind
    of the record, such as `payment`."""
    assignments = takes.read_takes(conn, kind, (record_id,), context.now())
    open_alerts = alerts.read_open_alerts_of_subjects(conn, kind, (record_id,)).get(record_id, [])
    return {
        "taken": assignments.get(record_id),
        "notes": notes.list_notes(conn, kind, record_id),
        "open_alert_id": min((alert.id for alert in open_alerts), default=None),
    }
