"""The audit page of the window, which shows the entries of the audit trail."""
