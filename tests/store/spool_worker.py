"""A desk process for the tests of the spool. Arguments: `MODE HOME …`. The process prints `ready`, waits for a line
on stdin and then works."""

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

DATABASE_ID = "db-1"
STORE_KEY = "a key of enough characters"
PURCHASE_ANSWER = Outcome(
    OutcomeClass.SUCCEEDED,
    "ok",
    SendingCertainty.YES,
    CheckReport(4711, "7123456789012"),
    200,
    '{"id": 4711}',
    "a" * 64,
)


def make_intent(operation_id: str, number: str = "7123456789012") -> Intent:
    at = datetime(2026, 11, 20, 3, 20, 1, 5, tzinfo=UTC)
    return Intent(operation_id, DATABASE_ID, "credit-check.purchase", "1", number, 17, "op-a", "desk", at, "f" * 64)


def begin_operation(spool: Spool, intent: Intent) -> None:
    """Store the intent as prepared and then mark it as calling, as a purchase does before it sends its first byte."""
    spool.store_intent(intent)
    assert spool.mark_calling(intent.operation_id)


def write_unbuffered(text: str) -> None:
    """Write the text directly to stdout without a buffer, so that the reader gets it even if the process is killed
    immediately afterwards.
    """
    os.write(1, text.encode() + b"\n")


def print_desk_id(home: Path) -> None:
    spool = Spool(home, None)
    wait_for_start()
    write_unbuffered(spool.desk_id)


def write_purchase_intents(home: Path, count: str) -> None:
    """Store intents, ends and anchors as `count` purchases do (a number as text, from the command line), and print
    the longest duration (seconds) of one write."""
    spool = Spool(home, None)
    wait_for_start()
    longest = 0.0
    for index in range(int(count)):
        operation = f"{os.getpid()}-{index}"
        for step in _write_purchase_steps(spool, operation, index):
            began = time.monotonic()
            step()
            longest = max(longest, time.monotonic() - began)
    write_unbuffered(json.dumps({"longest": longest}))


def _write_purchase_steps(spool: Spool, operation: str, index: int) -> Iterator[Callable[[], None]]:
    head = ChainHead(f"chain-{os.getpid()}", index + 1, index, "0" * 64)
    yield lambda: begin_operation(spool, make_intent(operation))
    yield lambda: spool.store_anchors(DATABASE_ID, (head,))
    yield lambda: spool.mark_ended(operation, holds_claim=True, id_at_provider=index)


def write_purchases_endlessly(home: Path) -> None:
    """Store entries until the process is killed, and print each entry after its write."""
    spool = Spool(home, Cipher(STORE_KEY))
    wait_for_start()
    index = 0
    while True:
        operation = f"{os.getpid()}-{index}"
        begin_operation(spool, make_intent(operation))
        write_unbuffered(f"intent {operation}")
        spool.store_answer(operation, PURCHASE_ANSWER)
        write_unbuffered(f"answered {operation}")
        index += 1


def write_until_disk_is_full(home: Path) -> None:
    """Store entries with a file size limit until a write fails, and print the stored entries and the error code as
    JSON.
    """
    spool = Spool(home, None)
    begin_operation(spool, make_intent("first"))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    wait_for_start()
    operation_ids = ["first"]
    try:
        for index in range(10_000):
            begin_operation(spool, make_intent(f"op-{index}"))
            operation_ids.append(f"op-{index}")
    except ConsoleError as full:
        write_unbuffered(json.dumps({"promised": operation_ids, "code": full.code}))


def wait_for_start() -> None:
    write_unbuffered("ready")
    sys.stdin.readline()


FUNCTION_BY_MODE: dict[str, Callable[..., None]] = {
    "who": print_desk_id,
    "many": write_purchase_intents,
    "endless": write_purchases_endlessly,
    "full": write_until_disk_is_full,
}

if __name__ == "__main__":
    FUNCTION_BY_MODE[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
