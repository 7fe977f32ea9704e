"""Add two tables: the steps of incidents, and the mentions in notes. The upgrade also creates the triggers anew. The
new triggers let people undo their acknowledgement of an open alert."""

from console.store.migrations.ddl_helpers import create_table
from console.store.schema.worker import incident_steps, mentions

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    create_table(incident_steps)
    create_table(mentions)
