"""Kills a forked process at its first line, then another one at its second line, and so on until a process reaches
its end. After each kill it checks that all results which the process has reported as stored exist. Only executed
lines of WATCHED_FILES are counted.

The module runs as a process of its own, because a process that forks must have no threads. Arguments: `SCENARIO
FOLDER`. It prints the number of killed processes.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import console.store.spool.answer_codec  # noqa: F401  # loaded by whoever first keeps an answer: once, not in each fork
from console.store.documents.documents import Documents
from console.store.spool.cipher import Cipher
from console.store.spool.spool import Spool
from tests.store.spool_worker import DATABASE_ID, PURCHASE_ANSWER, STORE_KEY, begin_operation, make_intent

WATCHED_FILES = ("spool.py", "sqlite_file.py", "answer_codec.py", "documents.py", "folder.py")
ReportStored = Callable[[str], None]
"""Type of a function that reports a stored step: a word and the id of the operation or desk, or the path of a
document.
"""


def write_to_spool(home: Path, report_stored: ReportStored) -> None:
    """Store in the spool a purchase whose answer doesn't reach the database, and then a purchase that ends normally.
    Report each stored step by calling `report_stored`.
    """
    spool = Spool(home, Cipher(STORE_KEY))
    report_stored("desk " + spool.desk_id)
    for operation in ("lost", "taken"):
        begin_operation(spool, make_intent(operation))
        report_stored("intent " + operation)
    spool.store_answer("lost", PURCHASE_ANSWER)
    report_stored("answered lost")
    spool.mark_ended("taken", holds_claim=True, id_at_provider=5)
    spool.mark_delivered("lost")
    report_stored("delivered lost")


def check_spool(home: Path, reported: list[str]) -> None:
    """Check that the spool contains everything that the killed process has reported as stored, and that the desk
    still has the same id.
    """
    spool = Spool(home, Cipher(STORE_KEY))
    for kind, what in (line.split() for line in reported):
        entry = spool.find(what)
        if kind == "desk":
            assert spool.desk_id == what
        elif kind == "intent":
            assert entry is not None
            assert entry.holds_claim
        elif kind == "answered":
            assert entry is not None
            assert entry.answer == PURCHASE_ANSWER
        else:
            assert spool.list_undelivered_entries(DATABASE_ID) == ()
    begin_operation(spool, make_intent("after"))
    assert spool.find("after") is not None
    spool.close()


def store_document(home: Path, report_stored: ReportStored) -> None:
    report_stored(Documents(home.as_uri()).store(b"%PDF-1.7 " + b"x" * 10_000).path)


def check_documents(home: Path, reported: list[str]) -> None:
    """Check that each file with a document's name is complete, that each document reported as stored exists, and that
    the document can be stored again.
    """
    documents = Documents(home.as_uri())
    for file in home.glob("*/*.pdf"):
        documents.read(str(file.relative_to(home)))
    for path in reported:
        assert documents.read(path)
    assert documents.read(documents.store(b"%PDF-1.7 " + b"x" * 10_000).path)


WRITE_AND_CHECK_BY_SCENARIO = {"spool": (write_to_spool, check_spool), "documents": (store_document, check_documents)}


def main(scenario: str, folder: Path) -> int:
    """Run the writing code of the scenario again and again, each time until it is killed one line later, and check
    the files after each run. Return the number of kills.
    """
    work, look = WRITE_AND_CHECK_BY_SCENARIO[scenario]
    died = 0
    while True:
        home = folder / str(died)
        home.mkdir()
        finished, reported = _run_until_line(work, home, died + 1)
        look(home, reported)
        if finished:
            return died
        died += 1


def _run_until_line(work: Callable[[Path, ReportStored], None], home: Path, line: int) -> tuple[bool, list[str]]:
    """Fork a process that is killed before it executes the line with this number (from 1). Return True if the process
    reached its end, and the lines with which it has reported stored results."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        sys.settrace(_make_killing_tracer(line))
        work(home, lambda text: _write_line(writing, text))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as report_stream:
        reported = report_stream.read().splitlines()
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), f"the worker failed by itself: {status}"
    return status == 0, reported


def _write_line(pipe: int, text: str) -> None:
    os.write(pipe, text.encode() + b"\n")


def _make_killing_tracer(line: int) -> Callable[[FrameType, str, Any], Any]:
    passed = 0

    def kill_at_line(frame: FrameType, event: str, _: object) -> Any:
        nonlocal passed
        if not frame.f_code.co_filename.endswith(WATCHED_FILES):
            return None
        if event == "line":
            passed += 1
            if passed == line:
                os.kill(os.getpid(), signal.SIGKILL)
        return kill_at_line

    return kill_at_line


if __name__ == "__main__":
    print(main(sys.argv[1], Path(sys.argv[2])))
