"""Add the table of watched corporations: the facts of the corporation registry of which people have been informed."""

from console.store.migrations.ddl_helpers import create_table
from console.store.schema.worker import watched_corporations

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    create_table(watched_corporations)
