"""Reconcile a provider's history with our records."""
