"""Simulates a shop's working day in a few minutes, with real workers, a real MariaDB server and simulated providers
with faults. At the end an oracle checks the state of all records."""
