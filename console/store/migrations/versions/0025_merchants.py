"""Let the accounts that call providers store the merchant of each provider in `console_meta`, once. No table changes:
the upgrade creates the triggers anew."""

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Change nothing: only the version of the schema rises."""
