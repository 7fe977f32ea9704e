"""Table `watched_corporations`: for each corporation that has or had a live record in this database, the facts of the
corporation registry of which people have been informed. Rows are never deleted. If a corporation no longer has a live
record, its facts are replaced without an alert.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Integer, Select, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from console.domain.registry.watched_facts import (
    CompanyChange,
    WatchedFacts,
    format_watched_facts,
    get_corporation_number_of_subject,
    parse_watched_facts,
)
from console.domain.tasks.records import Alert
from console.store.database import unreadable_rows
from console.store.database.error_codes import RunAgain
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.schema.worker import watched_corporations

_WATCHED_CORPORATIONS_QUERY = select(
    watched_corporations.c.corporation_number,
    watched_corporations.c.facts,
    watched_corporations.c.facts_before,
    watched_corporations.c.registry_date,
    watched_corporations.c.version,
    watched_corporations.c.changed_at,
)
_WATCHED_CORPORATIONS_PAGE_QUERY = (
    _WATCHED_CORPORATIONS_QUERY.where(watched_corporations.c.corporation_number > bindparam("after"))
    .order_by(watched_corporations.c.corporation_number)
    .limit(bindparam("limit", type_=Integer))
)
_WATCHED_CORPORATIONS_BY_NUMBER_QUERY = _WATCHED_CORPORATIONS_QUERY.where(
    watched_corporations.c.corporation_number.in_(bindparam("numbers", expanding=True))
)
_INSERT_WATCHED_CORPORATION_STATEMENT = insert(watched_corporations)
_UPDATE_UNCHANGED_CORPORATION_STATEMENT = (
    update(watched_corporations)
    .where(
        watched_corporations.c.corporation_number == bindparam("row_number"),
        watched_corporations.c.version == bindparam("version_as_read"),
    )
    .values(
        facts=bindparam("new_facts"),
        facts_before=bindparam("new_facts_before"),
        registry_date=bindparam("new_registry_date"),
        changed_at=bindparam("written_at"),
        version=watched_corporations.c.version + 1,
    )
)


@dataclass(frozen=True, slots=True)
class WatchedCorporation:
    """A row of the table `watched_corporations`, about the corporation with the number `number`. `facts` are the
    facts at the last comparison with the corporation registry. `facts_before` are the facts before the changes that
    the newest alert reports (None without an alert). Facts that can't be read are None. `registry_date` is the date
    of the registry from which `facts` were stored; a later comparison that finds no difference leaves this date
    unchanged. It is `date.max` if the stored date can't be read. `version` is the number of the row's present state,
    from 1. `changed_at` is the time of the last write (UTC); None for a row that isn't stored yet.
    """

    number: str
    facts: WatchedFacts | None
    registry_date: date
    facts_before: WatchedFacts | None = None
    version: int = 1
    changed_at: datetime | None = None


def read_page(conn: Connection, after_number: str, limit: int) -> tuple[WatchedCorporation, ...]:
    """Return at most `limit` rows whose corporation number is above `after_number`, sorted by number."""
    return _read_watched_corporations(conn, _WATCHED_CORPORATIONS_PAGE_QUERY, after=after_number, limit=limit)


def find_by_numbers(conn: Connection, corporation_numbers: Collection[str]) -> dict[str, WatchedCorporation]:
    """Return the rows of these corporation numbers, by number."""
    rows = (
        _read_watched_corporations(conn, _WATCHED_CORPORATIONS_BY_NUMBER_QUERY, numbers=sorted(corporation_numbers))
        if corporation_numbers
        else ()
    )
    return {row.number: row for row in rows}


def insert_rows(conn: Connection, rows: Iterable[WatchedCorporation], now: datetime) -> None:
    """Insert the rows of corporations that are watched for the first time; rows without facts are left out. Raises
    RunAgain if another process inserted one of them at the same time."""
    values = [
        {
            "corporation_number": row.number,
            "facts": format_watched_facts(row.facts),
            "registry_date": row.registry_date.isoformat(),
            "changed_at": convert_to_naive_utc(now),
        }
        for row in rows
        if row.facts is not None
    ]
    if not values:
        return
    try:
        conn.execute(_INSERT_WATCHED_CORPORATION_STATEMENT, values)
    except IntegrityError:
        raise RunAgain from None


def store_facts(
    conn: Connection,
    row: WatchedCorporation,
    facts: WatchedFacts,
    registry_date: date,
    now: datetime,
    facts_before: WatchedFacts | None = None,
) -> None:
    """Replace the facts of a row by the facts of the registry of `registry_date`. If a new alert reports changes,
    `facts_before` are the facts before these changes. Without a new alert, `facts_before` is None: the stored
    `facts_before` stay unchanged, but are deleted if they are unreadable. Raises RunAgain if another process has
    changed the row since it was read.
    """
    earlier_facts = facts_before or row.facts_before
    values = {
        "row_number": row.number,
        "version_as_read": row.version,
        "new_facts": format_watched_facts(facts),
        "new_facts_before": None if earlier_facts is None else format_watched_facts(earlier_facts),
        "new_registry_date": registry_date.isoformat(),
        "written_at": convert_to_naive_utc(now),
    }
    if conn.execute(_UPDATE_UNCHANGED_CORPORATION_STATEMENT, values).rowcount != 1:
        raise RunAgain


def find_company_changes(conn: Connection, open_alerts: Collection[Alert]) -> tuple[tuple[Alert, CompanyChange], ...]:
    """Return each of these open alerts about changed companies with the corporation's facts before the change and
    now. An alert is left out if the corporation has no row, or no readable facts. If only the facts before the change
    are missing or unreadable, the result has the present facts in their place.
    """
    rows = find_by_numbers(conn, {get_corporation_number_of_subject(alert.subject_id) for alert in open_alerts})
    alerts_and_rows = (
        (alert, rows.get(get_corporation_number_of_subject(alert.subject_id))) for alert in open_alerts
    )
    return tuple(
        (alert, _make_company_change(alert, row, row.facts)) for alert, row in alerts_and_rows if row and row.facts
    )


def _make_company_change(alert: Alert, row: WatchedCorporation, facts: WatchedFacts) -> CompanyChange:
    return CompanyChange(row.number, alert.id, row.facts_before or facts, facts, row.registry_date)


def _read_watched_corporations(
    conn: Connection, query: Select[Any], **values: object
) -> tuple[WatchedCorporation, ...]:
    return tuple(_make_watched_corporation(*row) for row in conn.execute(query, values))


def _make_watched_corporation(
    corporation_number: str, facts: str, facts_before: str | None, day: str, version: int, changed_at: datetime
) -> WatchedCorporation:
    try:
        registry_date = date.fromisoformat(day)
    except ValueError:  # another program wrote it: treat it as newer than every registry, so that it isn't replaced
        registry_date = date.max
    written_at = convert_to_aware_utc(changed_at)
    return WatchedCorporation(
        corporation_number, _parse_facts(facts), registry_date, _parse_facts(facts_before or ""), version, written_at
    )


def _parse_facts(text: str) -> WatchedFacts | None:
    try:
        return parse_watched_facts(text) if text else None
    except unreadable_rows.READ_ERRORS:
        return None
