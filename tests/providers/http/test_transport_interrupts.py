"""Tests of a process that gets SIGINT during a call, or is stopped for longer than the call's time budget. The
outcome states whether the request was sent, and a complete answer is accepted."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.domain.process import interrupts
from console.domain.provider_outcome import OutcomeClass, SendingCertainty
from console.providers.http.transport import TransportFailure
from tests.providers.raw_server import RawServer, Script, make_bytes_script, make_hang_script, serve_scripts
from tests.providers.sending import WHOLE_ANSWER, make_transport, send_purchase
from tests.support.children import Child, Pipe, start_children
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until

BUDGET_SECONDS = 1.0
UNSENT_OUTCOME = (OutcomeClass.FAILED_DEFINITE, interrupts.INTERRUPT_REASON, SendingCertainty.NO)
ANSWER_WITHOUT_LENGTH = b'HTTP/1.1 200 OK\r\n\r\n{"credit_check": {"credit_check_id": 12345}}'


def send_uninterruptibly(pipe: Pipe, url: str, budget: float) -> None:
    """In a child process: send one request while signals are deferred, and report its outcome: the body of the
    answer, or the class, the reason and the sending certainty of the failure. Then report "interrupted" if SIGINT was
    deferred. `budget` is the time budget of the call (seconds).
    """
    line = make_transport(url, connect_timeout_seconds=30.0)
    try:
        with interrupts.defer_signals():
            pipe.send("begun")
            try:
                pipe.send(send_purchase(line, read_timeout=60, budget=budget).body)
            except TransportFailure as failure:
                pipe.send((failure.outcome_class, failure.reason, failure.sent))
    except KeyboardInterrupt:
        pipe.send("interrupted")


def read_interrupted_outcome(child: Child) -> object:
    """Send SIGINT to the child process, return the outcome of its call, and check that it then reports the
    interruption."""
    os.kill(child.pid, signal.SIGINT)
    outcome = child.wait_for_report()
    assert child.wait_for_report() == "interrupted"
    return outcome


def test_an_interrupt_during_the_connection_sends_nothing() -> None:
    """If SIGINT comes while the host doesn't accept the connection, the outcome states that nothing was sent."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        several = [socket.socket() for _ in range(3)]
        for one in several:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        with start_children(send_uninterruptibly, [(f"http://127.0.0.1:{port}", 60.0)]) as (child,):
            assert child.wait_for_report() == "begun"
            assert read_interrupted_outcome(child) == UNSENT_OUTCOME
        for one in several:
            one.close()


def test_an_interrupt_during_the_handshake_sends_nothing() -> None:
    """If SIGINT comes during the TLS handshake, the outcome states that the request wasn't sent."""
    silent = socket.create_server(("127.0.0.1", 0))
    with (
        silent,
        start_children(send_uninterruptibly, [(f"https://127.0.0.1:{silent.getsockname()[1]}", 60.0)]) as (child,),
    ):
        assert child.wait_for_report() == "begun"
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(1)  # of the greeting
            assert read_interrupted_outcome(child) == UNSENT_OUTCOME


@pytest.mark.parametrize(
    ("script", "certainty"),
    [(make_hang_script(), SendingCertainty.MAYBE), (make_hang_script(WHOLE_ANSWER[:-5]), SendingCertainty.YES)],
    ids=["unanswered", "half an answer"],
)
def test_an_interrupt_during_the_wait_for_an_answer_is_unknown(script: Script, certainty: SendingCertainty) -> None:
    """If SIGINT comes while the transport waits for the answer, the call ends at once and its outcome is unknown."""
    with serve_scripts(script) as server, start_children(send_uninterruptibly, [(server.url, 60.0)]) as (child,):
        assert child.wait_for_report() == "begun"
        wait_until(lambda: bool(server.requests), "the request")
        unknown = [
            (OutcomeClass.UNKNOWN, interrupts.INTERRUPT_REASON, one) for one in (certainty, SendingCertainty.MAYBE)
        ]
        assert read_interrupted_outcome(child) in unknown  # the half may be on its way


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells whether a process is stopped")
@pytest.mark.parametrize(
    "answer", [WHOLE_ANSWER, ANSWER_WITHOUT_LENGTH], ids=["with a length", "to the end of the connection"]
)
@pytest.mark.parametrize("is_interrupted", [False, True], ids=["late", "late and asked to end"])
def test_a_whole_answer_counts_however_late(answer: bytes, is_interrupted: bool) -> None:
    """A complete answer that arrived while the process was stopped for longer than the time budget is accepted."""
    with (
        _serve_answer_later(answer) as (server, go_on),
        start_children(send_uninterruptibly, [(server.url, BUDGET_SECONDS)]) as (child,),
    ):
        assert child.wait_for_report() == "begun"
        wait_until(lambda: bool(server.requests), "the request")
        _stop_process(child)
        go_on.set()
        stopped_at = time.monotonic()
        wait_until(lambda: time.monotonic() > stopped_at + 2 * BUDGET_SECONDS, "the budget to be spent")
        if is_interrupted:
            os.kill(child.pid, signal.SIGINT)
        os.kill(child.pid, signal.SIGCONT)
        assert child.wait_for_report() == answer.partition(b"\r\n\r\n")[2]
        assert not is_interrupted or child.wait_for_report() == "interrupted"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells whether a process is stopped")
@pytest.mark.parametrize(
    "partial_answer",
    [WHOLE_ANSWER[:-5], ANSWER_WITHOUT_LENGTH[:-5]],
    ids=["with a length", "to the end of the connection"],
)
def test_a_partial_answer_at_the_end_of_the_budget_is_unknown(partial_answer: bytes) -> None:
    """If the answer is incomplete and the connection still open at the end of the time budget, the outcome is
    unknown.
    """
    with (
        serve_scripts(make_hang_script(partial_answer)) as server,
        start_children(send_uninterruptibly, [(server.url, BUDGET_SECONDS)]) as (child,),
    ):
        assert child.wait_for_report() == "begun"
        assert child.wait_for_report() == (OutcomeClass.UNKNOWN, "budget_spent", SendingCertainty.YES)


@contextmanager
def _serve_answer_later(answer: bytes) -> Iterator[tuple[RawServer, threading.Event]]:
    """Yield a server and an event: when the test sets the event, the server sends the answer and closes the
    connection.
    """
    go_on = threading.Event()

    def wait_and_answer(connection: socket.socket, test_ended: threading.Event) -> None:
        go_on.wait(MAX_WAIT_SECONDS)
        make_bytes_script(answer)(connection, test_ended)

    with serve_scripts(wait_and_answer) as server:
        yield server, go_on


def _stop_process(child: Child) -> None:
    os.kill(child.pid, signal.SIGSTOP)
    state = Path(f"/proc/{child.pid}/stat")
    wait_until(lambda: state.read_text().rpartition(")")[2].split()[0] == "T", "the process to stand still")
