"""Log of the requests to the simulated providers: sequence number, time, call, fault and status, without secrets."""

from collections import Counter, deque
from dataclasses import asdict, dataclass
from itertools import count
from threading import Lock

from console.sandbox.environment.clock import SandboxClock, format_instant
from console.sandbox.http.messages import HttpRequest, JsonObject

MAX_LOGGED_CALLS = 50_000
MAX_LOGGED_BODY_LENGTH = 300
SECRET_PATH_PREFIXES = ("/oauth/", "/ots/", "/paypay/recon/")


@dataclass(slots=True)
class LoggedCall:
    """One logged request. `seq` is its sequence number, `at` the time (UTC) of the log entry, such as
    `2026-11-20T03:20:01.123Z`. `monotonic` is the time of its arrival in monotonic seconds, to measure the time
    between calls. `connection` is the number of the connection, `turn` the number of the request within the
    connection, from 1. `call` and `number` are the name and the subject of the provider call that the request makes.
    `status` is None until an answer has begun.
    """

    seq: int
    at: str
    monotonic: float
    method: str
    path: str
    query: dict[str, str]
    body: str
    connection: int
    turn: int
    call: str | None = None
    number: str | None = None
    fault: str | None = None
    status: int | None = None


class CallLog:
    """Log of requests: stores the latest requests and counts the calls of all requests. Several threads may use this
    object at the same time.
    """

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._lock = Lock()
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self._seq = count(1)
            self._entries: deque[LoggedCall] = deque(maxlen=MAX_LOGGED_CALLS)
            self._counts: Counter[str] = Counter()

    def record_request(self, request: HttpRequest, monotonic_seconds: float) -> LoggedCall:
        """Add a request to the log and return its entry. `monotonic_seconds` is the reading of the monotonic clock,
        in seconds, at the arrival of the request. The body and the query are left out if requests with this path
        contain secrets."""
        is_secret = request.path.startswith(SECRET_PATH_PREFIXES)
        body = "" if is_secret else request.body[:MAX_LOGGED_BODY_LENGTH].decode("utf-8", "replace")
        query = {} if is_secret else dict(request.query)
        at = format_instant(self._clock.now())
        with self._lock:
            entry = LoggedCall(next(self._seq), at, monotonic_seconds, request.method, request.path, query, body,
                          request.connection_number, request.request_number)  # fmt: skip
            self._entries.append(entry)
        return entry

    def record_call(self, entry: LoggedCall, call: str, number: str | None) -> None:
        """Write the name of the provider's call and the number of its payment or company (None: the call has no such
        number) into the log entry of a request, and count the call."""
        with self._lock:
            entry.call, entry.number = call, number
            self._counts[call] += 1

    def count_calls(self, call: str | None = None) -> int:
        """Return the number of calls with this name, or of all calls (None). Calls whose entries are no longer in the
        log are counted, too."""
        with self._lock:
            return self._counts[call] if call else self._counts.total()

    def count_calls_by_name(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)

    def export_json(self, call: str | None = None, number: str | None = None, after_seq: int = 0) -> list[JsonObject]:
        """Return log entries as JSON, oldest first: those of the calls with the name `call` and the number `number`
        (`LoggedCall.number`), with a sequence number above `after_seq`. None for `call` or `number` means any."""
        with self._lock:
            matching_entries = [
                entry
                for entry in self._entries
                if call in (None, entry.call) and number in (None, entry.number) and entry.seq > after_seq
            ]
        return [asdict(entry) for entry in matching_entries]
