"""The payment ledger that both simulated gateways share."""
