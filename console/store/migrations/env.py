"""Alembic's entry: runs on the connection that the upgrade already holds, inside its transaction."""

from alembic import context

from console.store.schema import metadata

connection = context.config.attributes["connection"]
versions = context.config.attributes["versions"]
context.configure(
    connection=connection, target_metadata=metadata, transactional_ddl=False, version_table=versions
)
with context.begin_transaction():
    context.run_migrations()
