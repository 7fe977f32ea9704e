"""Tables of alerts, cases and the outbox."""
