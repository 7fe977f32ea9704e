"""Names, time limits and sizes of desk requests. They are in a module of their own, because the database schema uses
them without the classes of `records`."""

from console.domain.access.people_commands import DISABLE_COMMAND, ENABLE_COMMAND

LONGEST_WAIT_FOR_WORKER_SECONDS = 60
"""Seconds for which a desk request waits for a worker. If no worker has taken the request in this time, none executes
it any more. A request with the action AUDIT_REQUEST_ACTION waits longer.
"""
TAKEOVER_MARGIN_SECONDS = 60
"""Length (seconds) of the period after the end of a request's wait in which a worker still executes the command of a
request that it takes over from an earlier worker. After this period, a worker that takes the request over answers it
without executing its command: the desk has ended its wait, or ends it soon.
"""
PRESENCE_LEASE_NAME = "desk_requests"
"""Name of the lease that a worker holds while it executes desk requests. By this lease the desks see that a worker is
running."""
PRESENCE_LEASE_SECONDS = 30.0
"""Length (seconds) of the lease `PRESENCE_LEASE_NAME`. If no worker has renewed its lease for this time, the desks
report that no worker is running.
"""
PRESENCE_RENEWAL_SECONDS = 1.0
"""Time (seconds) between two renewals of a worker's presence lease."""
SILENT_WORKER_SECONDS = 2.0
"""Seconds after which a worker that hasn't renewed its presence lease counts as silent. Another worker that finds it
silent at two consecutive checks takes over its desk requests.
"""
AUDIT_REQUEST_ACTION = "audit"
"""Action of a desk request that only adds an audit entry. The request waits for a worker much longer than other
requests, and no desk waits for its answer.
"""
WITHDRAW_ACTION = "withdraw"
"""Action of a desk request that withdraws another request of the same person. No worker executes it: as soon as its
row is stored, the database lets no worker take the withdrawn request."""
WITHDRAWN_REQUEST_KIND = "request"
"""Value of `subject_kind` in a request with the action WITHDRAW_ACTION: its subject is the request to be withdrawn.
"""
ACTIONS_WITH_PASSWORD = frozenset({"limits set", "refund approve", "refund reject", DISABLE_COMMAND, ENABLE_COMMAND})
"""Actions of desk requests that always need the person's password. The action `resolve` of a second person needs the
password too, but only the worker can find out if a request comes from the second person.
"""
ACTIONS_WITHOUT_REQUEST_ID = frozenset({"audit verify", "run due"})
"""Actions of desk requests that a worker executes without storing a request id, so that the database can't know if a
worker has begun them.
"""
LONGEST_ARGUMENTS_BYTES = 16 * 1024
"""Largest size (bytes) of a desk request's arguments as JSON."""
LONGEST_FILE_PART_BYTES = 1024 * 1024
"""Largest size (bytes) of one part in which a desk request's file is stored."""
LARGEST_FILE_BYTES = 10 * 1024 * 1024
"""Largest size (bytes) of a desk request's file, which is also the largest evidence that a decision may have."""
