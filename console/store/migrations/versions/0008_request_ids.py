"""Add the table of the request ids that each person has used, with the stored answers."""

from console.store.migrations.ddl_helpers import create_table
from console.store.schema.core import request_ids

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    create_table(request_ids)
