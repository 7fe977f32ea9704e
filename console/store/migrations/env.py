"""Entry point of Alembic. It runs the migrations on the connection, and in the transaction, that the function
`upgrade` has opened. `after_each`, if given, is called after each migration."""

from alembic import context

from console.store.schema.core import metadata

connection = context.config.attributes["connection"]
versions = context.config.attributes["versions"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    transactional_ddl=False,
    version_table=versions,
    on_version_apply=context.config.attributes.get("after_each"),
)
with context.begin_transaction():
    context.run_migrations()
