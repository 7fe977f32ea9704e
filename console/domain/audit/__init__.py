"""Names of what the audit trail records."""
