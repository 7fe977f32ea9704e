"""Add the tables of desk requests, by which desks ask a worker to execute an action, and of the files of these
requests."""

import sqlalchemy as sa

from console.store.migrations.ddl_helpers import add_column, create_table
from console.store.schema.core import request_files, requests

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    create_table(requests)
    create_table(request_files)
    add_column("operators", sa.Column("asks", sa.Boolean(), nullable=False, server_default=sa.text("0")))
