"""Persistence: database, journal, audit trail, the desk's spool, documents."""
