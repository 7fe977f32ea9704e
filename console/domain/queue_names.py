"""The names of the queues."""

MISMATCH_QUEUE_NAME = "disagree"
"""Name of the queue of records whose sides disagree. The screens call this queue Mismatch."""
NOTICES_QUEUE_NAME = "notices"
COMPANIES_QUEUE_NAME = "companies"
QUEUES_WITHOUT_RECORDS = (NOTICES_QUEUE_NAME, COMPANIES_QUEUE_NAME)
"""Names of the queues whose rows are no records: unmatched notices, and changed companies."""
QUEUE_NAMES = (
    *("pending", "error", "incomplete", "unknown", "review", "refunds", MISMATCH_QUEUE_NAME),
    *QUEUES_WITHOUT_RECORDS,
)
"""All queues, in the order of the terminal's help."""
