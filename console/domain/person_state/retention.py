"""Names and retention times of the values that a person's window stores encrypted at its desk."""

from datetime import timedelta

DRAFT_PREFIX, ATTEMPT_PREFIX = "draft.", "attempt."
"""The beginnings of the names of drafts, and of request ids of calls without an answer."""
DRAFT_RETENTION = timedelta(hours=24)
"""Age at which drafts and such request ids are deleted: a request id repeats its answer for 24 hours."""
STATE_RETENTION = timedelta(days=30)
"""Age at which everything else is deleted, such as the last screen."""
