"""Log events for other programs: one log line for each event, with facts and the correlation id of the current work.

The events are written to the logger `console.events` at level INFO, at desks and in the worker. The facts are codes,
the console's own ids and names of providers; they contain no data of a payer and no secret.
"""

import json
import logging
from datetime import UTC, datetime
from enum import StrEnum

from console.domain.process import correlation as tracing

LOGGER_NAME = "console.events"
_log = logging.getLogger(LOGGER_NAME)


class LogEvent(StrEnum):
    """The closed list of log events, such as a failed call to a provider or a wait for a lease. `docs/worker.md`
    describes each event and its facts."""

    PAYMENT_INITIATED = "payment_initiated"
    TOKEN_RECEIVED = "token_received"  # noqa: S105  # an event, no secret
    CALLBACK_RECEIVED = "callback_received"
    SIGNATURE_VERIFICATION_FAILED = "signature_verification_failed"
    API_CALL_FAILED = "api_call_failed"
    DUPLICATE_REFUSED = "duplicate_refused"
    LEASE_WAITED = "lease_waited"


def write_event(event: LogEvent, **facts: object) -> None:
    """Write one log event with its facts to the logger `console.events`."""
    _log.info("%s", event.value, extra={"event": event.value, "event_facts": facts})


def get_event_facts(record: logging.LogRecord) -> dict[str, object]:
    """Return the name of the event and its facts from a log record that `write_event` made; empty for any other log
    record.
    """
    event = getattr(record, "event", None)
    return {"event": event, **getattr(record, "event_facts", {})} if event else {}


class EventLineFormatter(logging.Formatter):
    """Formats a log record as one line of JSON: `at`, `level`, `logger`, `event`, the event's facts, and the facts of
    the current work such as `correlation`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the log record as one line of JSON."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        header = {"at": at, "level": record.levelname.lower(), "logger": record.name}
        return json.dumps({**header, **get_event_facts(record), **tracing.get_current_log_facts()}, default=str)
