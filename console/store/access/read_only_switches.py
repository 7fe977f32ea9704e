"""Table `read_only_switches`: each setting of a read-only switch is one row; the newest row of a scope counts. Rows
are never changed or deleted.
"""

from sqlalchemy import BindParameter, Connection, ScalarSelect, func, insert, select

from console.domain.access.read_only import ReadOnlySwitch
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.schema.worker import read_only_switches

_NEWEST_SWITCH_IDS_QUERY = select(func.max(read_only_switches.c.id)).group_by(read_only_switches.c.scope)
_SWITCHES_QUERY = (
    select(
        read_only_switches.c.scope,
        read_only_switches.c.is_on,
        read_only_switches.c.reason,
        read_only_switches.c.person,
        read_only_switches.c.at,
    )
    .where(read_only_switches.c.id.in_(_NEWEST_SWITCH_IDS_QUERY))
    .order_by(read_only_switches.c.scope)
)


def make_newest_setting_expression(scope: str | BindParameter[str]) -> ScalarSelect[bool]:
    """Return SQL for the newest setting of the read-only switch of the scope `scope` (everything or one provider):
    true if it is on, NULL if it was never set."""
    newest_switch = read_only_switches.alias("newest_switch").c
    query = select(newest_switch.is_on).where(newest_switch.scope == scope)
    return query.order_by(newest_switch.id.desc()).limit(1).scalar_subquery()


def read_switches(conn: Connection) -> tuple[ReadOnlySwitch, ...]:
    """Return the newest setting of the read-only switch of each scope, sorted by scope. Scopes whose switch was never
    set are left out."""
    return tuple(
        ReadOnlySwitch(row.scope, bool(row.is_on), row.reason, row.person, convert_to_aware_utc(row.at))
        for row in conn.execute(_SWITCHES_QUERY)
    )


def find_newest_setting_of_person(conn: Connection, scope: str, person: str) -> ReadOnlySwitch | None:
    """Return the newest setting of the scope's read-only switch that this person has made, even if somebody has set
    the switch since; None if the person has made none."""
    row = conn.execute(
        select(read_only_switches.c.is_on, read_only_switches.c.reason, read_only_switches.c.at)
        .where(read_only_switches.c.scope == scope, read_only_switches.c.person == person)
        .order_by(read_only_switches.c.id.desc())
        .limit(1)
    ).first()
    return (
        None
        if row is None
        else ReadOnlySwitch(scope, bool(row.is_on), row.reason, person, convert_to_aware_utc(row.at))
    )


def insert_switch(conn: Connection, switch: ReadOnlySwitch) -> None:
    """Insert one setting of a read-only switch: on or off for one scope (everything or one provider). It is then the
    current setting of this scope."""
    conn.execute(
        insert(read_only_switches).values(
            scope=switch.scope, is_on=switch.is_on, reason=switch.reason, person=switch.person,
            at=convert_to_naive_utc(switch.at),
        )
    )  # fmt: skip
