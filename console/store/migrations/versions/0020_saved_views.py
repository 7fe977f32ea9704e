"""Add the table of saved views of queues. The upgrade also creates the table's triggers."""

from console.store.migrations.ddl_helpers import create_table
from console.store.schema.worker import saved_views

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    create_table(saved_views)
