"""What was asked of the sandbox, in order: who called when and how it ended, and no secrets."""

from collections import Counter, deque
from dataclasses import asdict, dataclass
from itertools import count
from threading import Lock

from console.sandbox.clock import SandboxClock, instant_text
from console.sandbox.wire import JsonObject, Request

KEPT = 50_000
BODY_SHOWN = 300
SECRET_PATHS = ("/oauth/", "/ots/", "/paypay/recon/")


@dataclass(slots=True)
class Entry:
    """One request. `monotonic`: seconds, for spacing; `status`: null unless an answer was begun."""

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
    """Keeps the last requests and counts all of them; safe to use from any thread."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._lock = Lock()
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self._seq = count(1)
            self._entries: deque[Entry] = deque(maxlen=KEPT)
            self._counts: Counter[str] = Counter()

    def received(self, request: Request, monotonic: float) -> Entry:
        secret = request.path.startswith(SECRET_PATHS)
        shown = "" if secret else request.body[:BODY_SHOWN].decode("utf-8", "replace")
        query = {} if secret else dict(request.query)
        at = instant_text(self._clock.now())
        with self._lock:
            entry = Entry(next(self._seq), at, monotonic, request.method, request.path, query, shown,
                          request.connection, request.turn)  # fmt: skip
            self._entries.append(entry)
        return entry

    def counted(self, entry: Entry, call: str, number: str | None) -> None:
        """The request turned out to be this call."""
        with self._lock:
            entry.call, entry.number = call, number
            self._counts[call] += 1

    def count(self, call: str | None = None) -> int:
        with self._lock:
            return self._counts[call] if call else self._counts.total()

    def counts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)

    def as_json(self, call: str | None = None, number: str | None = None, after: int = 0) -> list[JsonObject]:
        with self._lock:
            wanted = [
                entry
                for entry in self._entries
                if call in (None, entry.call) and number in (None, entry.number) and entry.seq > after
            ]
        return [asdict(entry) for entry in wanted]
