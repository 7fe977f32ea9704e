"""Create the triggers for payments, refunds and orders on SQLite. On a server the upgrade creates these triggers
after the migrations.
"""

from tests.store.migrations.old_chain.ddl_helpers import renew_file_constraints

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    renew_file_constraints()
