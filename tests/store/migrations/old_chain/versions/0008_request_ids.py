"""Add the table of the request ids that each person has used, with the stored answers."""

import sqlalchemy as sa

from tests.store.migrations.old_chain.ddl_helpers import create_table, renew_file_constraints

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    create_table(
        "request_ids",
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("command", sa.String(length=40), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("begun_ms", sa.BigInteger(), nullable=False),
        sa.Column("subject_kind", sa.String(length=32), nullable=True),
        sa.Column("subject_id", sa.String(length=40), nullable=True),
        sa.Column("operation_id", sa.String(length=36), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("desk", sa.String(length=36), nullable=False),
        sa.Column("host", sa.String(length=64), nullable=False),
        sa.Column("process", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("token", sa.String(length=36), nullable=False),
        sa.Column("lease_clock", sa.String(length=40), nullable=False),
        sa.Column("lease_expires", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("person", "request_id"),
    )
    renew_file_constraints()
