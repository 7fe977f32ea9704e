"""The training: twelve incidents, planted at simulated providers and judged by their ledgers and by our records."""
