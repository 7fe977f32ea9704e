"""Add the table of read-only switches."""

from console.store.migrations.ddl_helpers import create_table
from console.store.schema.worker import read_only_switches

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    create_table(read_only_switches)
