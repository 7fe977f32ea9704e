"""Access to the database: the accounts of a database server, the operators (people with roles), sign-in, the
read-only switches, and the lock watch, which ends sessions that block others."""
