"""Names of the actions that the audit trail records."""
