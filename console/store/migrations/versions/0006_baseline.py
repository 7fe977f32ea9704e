"""Create every table that the schema declares, the initial limits of refunds, and the triggers of SQLite's audit
trail.

There are no older migrations, because no release had an older schema. A new database gets the whole present schema
here, so the later migrations find the schema complete and change nothing.
"""

import sqlalchemy as sa
from alembic import op

from console.store.migrations.ddl_helpers import create_table, is_on_server
from console.store.schema.payments import limits
from console.store.schema.worker import metadata

revision = "0006"
down_revision = None

# The audit trail only grows: the database refuses to change or delete a row.
_AUDIT_TRIGGERS = (
    """CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit rows are never changed'); END""",
    """CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit rows are never deleted'); END""",
    # INSERT OR REPLACE deletes a row without firing the trigger above.
    """CREATE TRIGGER audit_log_no_replace BEFORE INSERT ON audit_log
WHEN EXISTS (SELECT 1 FROM audit_log WHERE id = NEW.id OR (session = NEW.session AND seq = NEW.seq))
BEGIN SELECT RAISE(ABORT, 'audit rows are never replaced'); END""",
)
# Initial values: name, yen, paise; seconds for the last one.
_INITIAL_LIMITS = (
    ("per_refund", 1_000_000, 500_000_00),
    ("per_person_day", 3_000_000, 1_500_000_00),
    ("second_checker_above", 500_000, 250_000_00),
    ("cooling_off_above", 100_000, 50_000_00),
    ("cooling_off_seconds", 900, 900),
)


def upgrade() -> None:
    for table in metadata.sorted_tables:
        create_table(table)
    _insert_initial_limits()
    if not is_on_server():
        for trigger in _AUDIT_TRIGGERS:
            op.execute(trigger)


def _insert_initial_limits() -> None:
    """Insert the initial limits of refunds, unless an interrupted upgrade has inserted them."""
    bind = op.get_bind()
    if bind.scalar(sa.select(sa.func.count()).select_from(limits)) == 0:
        rows = [(name, "JPY", yen) for name, yen, _ in _INITIAL_LIMITS] + [
            (name, "INR", paise) for name, _, paise in _INITIAL_LIMITS
        ]
        op.bulk_insert(
            limits, [{"name": name, "currency": currency, "value": value} for name, currency, value in rows]
        )
