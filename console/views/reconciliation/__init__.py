"""The pages and dialogs of reconciliation, which compares a provider's history with the payments and refunds here."""
