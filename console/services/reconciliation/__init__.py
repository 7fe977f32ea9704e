"""Reconcile a provider's history with the payments and refunds in our database, day by day."""
