"""Tables of the audit trail, its hash chain and roots."""
