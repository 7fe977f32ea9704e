"""Records for the demo: sample records, payments at the simulated providers, and two days to reconcile."""
