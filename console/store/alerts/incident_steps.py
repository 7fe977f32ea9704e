"""Table `incident_steps`: the actions of people on incidents. Rows are only added. A step's position within its
incident is unique. So if two people change an incident at the same time, the transaction of the second person is run
again, and it then reads the step of the first person.
"""

import json
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy import insert as into
from sqlalchemy.exc import IntegrityError

from console.domain.alerts.incidents import IncidentAction, IncidentExtent, IncidentStep
from console.store.alerts import alerts
from console.store.database import compare_and_swap, unreadable_rows
from console.store.database.error_codes import RunAgain
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.payments.row_mapping import read_as_utc
from console.store.schema.worker import incident_steps

_STEPS_OF_INCIDENTS_QUERY = (
    select(
        incident_steps.c.incident_id, incident_steps.c.position, incident_steps.c.action, incident_steps.c.person,
        incident_steps.c.at, incident_steps.c.new_owner, incident_steps.c.until, incident_steps.c.words,
        incident_steps.c.extent
    )
    .where(incident_steps.c.incident_id.in_(bindparam("ids", expanding=True)))
    .order_by(incident_steps.c.id)
)  # fmt: skip
_LAST_STEP_POSITION_QUERY = select(func.max(incident_steps.c.position)).where(
    incident_steps.c.incident_id == bindparam("incident_id")
)
_INSERT_INCIDENT_STEP_STATEMENT = into(incident_steps)


def add_step(conn: Connection, step: IncidentStep) -> IncidentStep:
    """Insert a step as the last one of its incident, and announce in the change feed that the incident's alert has
    changed. Return the step with its position. Raises RunAgain if another person added a step to this incident at the
    same time.
    """
    position = int(conn.scalar(_LAST_STEP_POSITION_QUERY, {"incident_id": step.incident_id}) or 0) + 1
    row = {
        "incident_id": step.incident_id,
        "position": position,
        "action": step.action.value,
        "person": step.person,
        "at": convert_to_naive_utc(step.at),
        "new_owner": step.new_owner,
        "until": None if step.until is None else convert_to_naive_utc(step.until),
        "words": step.words,
        "extent": None if step.extent is None else _format_extent(step.extent),
    }
    try:
        conn.execute(_INSERT_INCIDENT_STEP_STATEMENT, row)
    except IntegrityError:
        raise RunAgain from None
    compare_and_swap.announce_change(conn, alerts.ALERT_KIND, step.incident_id, step.at)
    return IncidentStep(
        step.incident_id, position, step.action, step.person, step.at, step.new_owner, step.until, step.words,
        step.extent,
    )  # fmt: skip


def find_by_incidents(conn: Connection, ids: Collection[int]) -> Mapping[int, tuple[IncidentStep, ...]]:
    """Return the steps of these incidents, by incident id (the id of its alert), in the order in which they were
    added. An incident without a step has no key. Steps that can't be read are left out."""
    rows = conn.execute(_STEPS_OF_INCIDENTS_QUERY, {"ids": sorted(ids)}) if ids else ()
    by_incident: dict[int, tuple[IncidentStep, ...]] = {}
    steps = unreadable_rows.read_readable_rows(
        "incident_steps", rows, lambda row: _make_step(*row), get_key=lambda row: f"{row.incident_id}/{row.position}"
    )
    for step in steps:
        by_incident[step.incident_id] = (*by_incident.get(step.incident_id, ()), step)
    return by_incident


def _make_step(
    incident_id: int, position: int, action: str, person: str, at: datetime, new_owner: str | None,
    until: datetime | None, note_text: str | None, extent: str | None,
) -> IncidentStep:  # fmt: skip
    return IncidentStep(
        incident_id,
        position,
        IncidentAction(action),
        person,
        convert_to_aware_utc(at),
        new_owner,
        read_as_utc(until),
        note_text,
        None if extent is None else _parse_extent(extent),
    )


def _format_extent(extent: IncidentExtent) -> str:
    """Return the extent of an incident (its newest alert, the number of affected records, the sums of their
    amounts) as the JSON text that is stored with a step. The member `complete` is left out if it is true."""
    facts = {
        "newest_alert": extent.newest_alert_id,
        "records": extent.record_count,
        "sums": dict(extent.sums or {}),
        **({} if extent.is_complete else {"complete": False}),
    }
    return json.dumps(facts, sort_keys=True)


def _parse_extent(text: str) -> IncidentExtent:
    """Return the extent of an incident from its stored JSON text. Raises ValueError, KeyError, TypeError or
    AttributeError for a text that `_format_extent` doesn't write."""
    stored_extent = json.loads(text)
    sums = {str(currency): int(minor) for currency, minor in stored_extent["sums"].items()}
    return IncidentExtent(
        int(stored_extent["newest_alert"]),
        int(stored_extent["records"]),
        sums,
        stored_extent.get("complete", True) is not False,
    )
