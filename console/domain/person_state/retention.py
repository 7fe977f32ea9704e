"""Names and retention times of the values that a person's window stores encrypted at its desk."""

from datetime import timedelta

DRAFT_PREFIX = "draft."
"""Prefix of the names of stored drafts."""
ATTEMPT_PREFIX = "attempt."
"""Prefix of the names under which the request ids of calls are stored while their answers are missing."""
DRAFT_RETENTION = timedelta(hours=24)
"""Age at which the drafts of dialogs and the request ids of unanswered calls are deleted. The services repeat the
answer to a request id for 24 hours, so an older id is useless.
"""
PERSON_STATE_RETENTION = timedelta(days=30)
"""Age at which the stored values of a person's window that DRAFT_RETENTION does not concern are deleted, such as the
last screen.
"""
