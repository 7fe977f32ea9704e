"""SQL, leases, journal, audit, the desk's spool and documents: everything that remembers."""
