"""The ledger of payments that both simulated payment providers share."""
