"""Pages and dialogs of reconciliation."""
