"""Alerts: rules about orders and payments, the list of open alerts, the outbox, provider outages."""
