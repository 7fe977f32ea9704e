"""The kinds of records."""

RECORD_KINDS = ("credit-check", "payment", "order", "refund")
"""The kinds of records that have an id of their own, a page and a place in the queues."""
