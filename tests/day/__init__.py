"""The day of a shop in minutes: real workers, a real MariaDB server, providers with faults, and an oracle that checks
the state at the end."""
