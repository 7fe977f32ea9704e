"""HTTP for all adapters: the transport, single requests, and the outcomes of answers and failures."""
