"""The records of the demo: sample records, their payments at the simulated providers, and two days of payments for a
reconciliation."""
