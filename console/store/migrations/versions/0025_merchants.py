"""Let the database accounts of the desks and workers that call providers store our merchant at each provider in
`console_meta`. A stored merchant can't be changed. No table changes: the upgrade creates the triggers anew."""

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Change nothing: only the version of the schema rises."""
