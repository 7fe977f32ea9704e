"""What an embedded database refuses about payments, refunds and orders; servers get theirs after each upgrade."""

from alembic import op

from console.store import sqlite_guards
from console.store.migrations.making import on_server

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    if not on_server():
        sqlite_guards.renew(op.get_bind())
