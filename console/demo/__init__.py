"""The demo: a temporary home, simulated providers and sample records."""
