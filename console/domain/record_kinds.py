"""The kinds of records, and the kind of a subject of audit entries that is no record."""

RECORD_KINDS = ("credit-check", "payment", "order", "refund")
"""The kinds of records that have an id of their own, a page and a place in the queues."""
DAILY_CLOSE_KIND = "daily-close"
"""Kind of a daily close as the subject of audit entries."""
