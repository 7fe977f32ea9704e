"""HTTP for all adapters: transport, single requests, and the outcomes of answers and failures."""
