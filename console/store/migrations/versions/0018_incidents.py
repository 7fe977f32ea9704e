"""Add the tables of steps of incidents and of mentions in notes, and let people undo their acknowledgement of an open
alert: the upgrade writes the triggers anew.
"""

from console.store.migrations.ddl_helpers import create_table
from console.store.schema.worker import incident_steps, mentions

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    create_table(incident_steps)
    create_table(mentions)
