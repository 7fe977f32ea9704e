"""Dialogs in which people request, approve, reject and withdraw refunds."""
