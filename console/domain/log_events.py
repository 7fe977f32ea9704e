"""Log events for other programs: one line each, with facts and the correlation id of the current work.

They are written to the logger `console.events` at level INFO, at desks and in the worker. Facts are codes, our own
numbers and names of providers: no data of a payer, no secret.
"""

import json
import logging
from datetime import UTC, datetime
from enum import StrEnum

from console.domain import correlation as tracing

LOGGER_NAME = "console.events"
_log = logging.getLogger(LOGGER_NAME)


class LogEvent(StrEnum):
    """The closed list of events. `docs/worker.md` describes each one and its facts."""

    PAYMENT_INITIATED = "payment_initiated"
    TOKEN_RECEIVED = "token_received"  # noqa: S105  # an event, no secret
    CALLBACK_RECEIVED = "callback_received"
    SIGNATURE_VERIFICATION_FAILED = "signature_verification_failed"
    API_CALL_FAILED = "api_call_failed"
    DUPLICATE_REFUSED = "duplicate_refused"
    LEASE_WAITED = "lease_waited"


def write_event(event: LogEvent, **facts: object) -> None:
    """Write one event with its facts."""
    _log.info("%s", event.value, extra={"event": event.value, "event_facts": facts})


def facts_of(record: logging.LogRecord) -> dict[str, object]:
    """Return the event and its facts of a log record; empty for any other record."""
    event = getattr(record, "event", None)
    return {"event": event, **getattr(record, "event_facts", {})} if event else {}


class EventLineFormatter(logging.Formatter):
    """Formats one JSON object a line: `at`, `level`, `logger`, `event`, its facts, and `correlation`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        header = {"at": at, "level": record.levelname.lower(), "logger": record.name}
        return json.dumps({**header, **facts_of(record), **tracing.current_facts()}, default=str)
