"""Add the table of lost operations: operations that only the spools of desks still have, because the database was
restored to an earlier state."""

from console.store.migrations.ddl_helpers import create_table
from console.store.schema.worker import lost_operations

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    create_table(lost_operations)
