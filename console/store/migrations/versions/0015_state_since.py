"""Add the column `state_since`: the instant at which a record's state or certainty last changed.

In the indexes of the queues the column comes before the id, so that a queue is read in the order of age. Existing
rows get the time of the newest audit entry about their present state; without such an entry, the time of their last
change. Rows of credit checks that another application wrote stay at EPOCH_START, which stands for an unknown instant.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from console.domain.transitions.audit_actions import ACTIONS_BY_ENTERED_STATE, UNKNOWN_OUTCOME_KEY
from console.store.migrations.ddl_helpers import (
    LEGACY_TABLE,
    add_hidden_column,
    is_on_server,
    replace_index,
    update_rows,
    waits_for_adoption,
)
from console.store.schema.column_types import EPOCH_START, UNKNOWN_INSTANT_SQL, Instant
from console.store.schema.core import audit_log, credit_checks
from console.store.schema.payments import orders, payments, refunds

revision = "0015"
down_revision = "0014"

_TABLE_BY_KIND = {"credit-check": credit_checks, "order": orders, "payment": payments, "refund": refunds}
_CHANGE_TIME_COLUMN_BY_KIND = {"order": "updated_at"}
"""Column of the last change, where it isn't `changed_at`."""


def upgrade() -> None:
    for kind, table in _TABLE_BY_KIND.items():
        if waits_for_adoption(table.name):
            continue
        if not is_on_server():  # they refuse the update below; the upgrade creates them again
            op.execute(f"DROP TRIGGER IF EXISTS guard_{table.name}_update")
        add_hidden_column(
            table.name, sa.Column("state_since", Instant, nullable=False, server_default=UNKNOWN_INSTANT_SQL)
        )
        for statement in _make_backfill_statements(kind, table):
            update_rows(table, statement)
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            if "state_since" in index.columns and "disagrees" not in index.columns:  # those come later
                replace_index(str(index.name), table.name, index.columns.keys())


def _make_backfill_statements(kind: str, table: sa.Table) -> Iterator[sa.Update]:
    """Yield the UPDATE statements that set `state_since` in the rows of this table where it isn't known: first by
    audit entries, then by the times of the row."""
    columns, entries = table.c, audit_log.c
    is_undated = columns.state_since == EPOCH_START
    if table.name == LEGACY_TABLE:
        is_undated = sa.and_(is_undated, columns.operation_id.is_not(None))
    for state, actions in ACTIONS_BY_ENTERED_STATE[kind].items():
        entered_at = (
            sa.select(sa.func.max(entries.at))
            .where(
                entries.subject_kind == kind,
                entries.subject_id == sa.cast(columns.id, sa.String(40)),
                entries.what.in_(actions),
            )
            .scalar_subquery()
        )
        is_in_state = (
            columns.certainty == UNKNOWN_OUTCOME_KEY if state == UNKNOWN_OUTCOME_KEY else columns.status == state
        )
        if state != UNKNOWN_OUTCOME_KEY and "certainty" in columns:
            is_in_state = sa.and_(is_in_state, columns.certainty != UNKNOWN_OUTCOME_KEY)
        yield (
            sa.update(table)
            .where(is_undated, is_in_state)
            .values(state_since=sa.func.coalesce(entered_at, columns.state_since))
        )
    written_at = columns[_CHANGE_TIME_COLUMN_BY_KIND.get(kind, "changed_at")]
    yield (
        sa.update(table)
        .where(is_undated)
        .values(state_since=sa.func.coalesce(written_at, columns.created_at, columns.state_since))
    )
