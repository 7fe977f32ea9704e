"""A desk process of its own for the spool's tests: `MODE HOME …`; says `ready`, waits for a line, works."""

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from console.domain.errors import ConsoleError
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import CheckReport
from console.store.spool.cipher import Cipher
from console.store.spool.spool import ChainHead, Intent, Spool

DATABASE = "db-1"
KEY = "a key of enough characters"
ANSWER = Outcome(
    OutcomeClass.SUCCEEDED,
    "ok",
    SendingCertainty.YES,
    CheckReport(4711, "7123456789012"),
    200,
    '{"id": 4711}',
    "a" * 64,
)


def intent(operation_id: str, number: str = "7123456789012") -> Intent:
    at = datetime(2026, 11, 20, 3, 20, 1, 5, tzinfo=UTC)
    return Intent(operation_id, DATABASE, "credit-check.purchase", "1", number, 17, "op-a", "desk", at, "f" * 64)


def begin(spool: Spool, about: Intent) -> None:
    """Store the intent and mark it as calling, in the order of a purchase: prepared within tx1, calling before the
    first byte.
    """
    spool.store_intent(about)
    assert spool.mark_calling(about.operation_id)


def say(text: str) -> None:
    """Straight to the pipe: what was said counts, even if the next thing is kill -9."""
    os.write(1, text.encode() + b"\n")


def who_am_i(home: Path) -> None:
    spool = Spool(home, None)
    start()
    say(spool.desk_id)


def write_many(home: Path, count: str) -> None:
    """Intents, ends and anchors as purchases make them; says the longest single wait in seconds."""
    spool = Spool(home, None)
    start()
    longest = 0.0
    for index in range(int(count)):
        operation = f"{os.getpid()}-{index}"
        for step in _steps(spool, operation, index):
            began = time.monotonic()
            step()
            longest = max(longest, time.monotonic() - began)
    say(json.dumps({"longest": longest}))


def _steps(spool: Spool, operation: str, index: int) -> Iterator[Callable[[], None]]:
    head = ChainHead(f"chain-{os.getpid()}", index + 1, index, "0" * 64)
    yield lambda: begin(spool, intent(operation))
    yield lambda: spool.store_anchors(DATABASE, (head,))
    yield lambda: spool.mark_ended(operation, holds_claim=True, id_at_provider=index)


def write_endlessly(home: Path) -> None:
    """Says each promise the moment it is made, until killed."""
    spool = Spool(home, Cipher(KEY))
    start()
    index = 0
    while True:
        operation = f"{os.getpid()}-{index}"
        begin(spool, intent(operation))
        say(f"intent {operation}")
        spool.store_answer(operation, ANSWER)
        say(f"answered {operation}")
        index += 1


def write_until_full(home: Path) -> None:
    """On a disk that has no more room: says what was promised and how it ended."""
    spool = Spool(home, None)
    begin(spool, intent("first"))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    start()
    promised = ["first"]
    try:
        for index in range(10_000):
            begin(spool, intent(f"op-{index}"))
            promised.append(f"op-{index}")
    except ConsoleError as full:
        say(json.dumps({"promised": promised, "code": full.code}))


def start() -> None:
    say("ready")
    sys.stdin.readline()


MODES: dict[str, Callable[..., None]] = {
    "who": who_am_i,
    "many": write_many,
    "endless": write_endlessly,
    "full": write_until_full,
}

if __name__ == "__main__":
    MODES[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
