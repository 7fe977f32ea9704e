"""The audit trail: its table, its hash chains, and the roots that cover them."""
