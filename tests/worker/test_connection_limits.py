"""Tests of malformed requests, slow clients and too many connections. The receiver continues to run, refuses
them all with the same answer, and still books real notices.
"""

import asyncio
import errno
import os
import re
import socket
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from console.domain.errors import ConsoleError
from console.settings.settings import Settings
from console.worker import abuse_limiter, http_app
from console.worker.connection_limits import (
    ConnectionSlot,
    NoCapacity,
    OpenConnections,
    ReceiverOptions,
    SenderAddressFinder,
    ServiceCallThreads,
)
from console.worker.http_app import make_receiver_app, serve_receiver
from tests.support.desks import make_environment
from tests.support.payment_desks import PaymentDesk
from tests.support.waiting import wait_until
from tests.worker.running_receiver import RunningReceiver, format_request, parse_answer, read_all, run_receiver

pytestmark = pytest.mark.engines("sqlite")
REQUEST_HEAD = b"POST /notices/bank HTTP/1.1\r\nhost: a\r\n"


def wait_until_closed(connection: socket.socket) -> bool:
    """Wait until the receiver closes the connection, with or without an answer. Return True, so that a test can
    assert it.
    """
    read_all(connection)
    return True


def read_connection_count(receiver: RunningReceiver) -> float:
    """Return the number of open connections that the receiver itself counts, including the connection of this
    read.
    """
    (count,) = re.findall(rb"\nreceiver_connections (\S+)", receiver.get("/metrics").body)
    return float(count)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"POST",
        REQUEST_HEAD,
        b"\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\nGET /heal",
    ],
)
def test_a_connection_with_an_unfinished_head_is_closed(scene: PaymentDesk, content: bytes) -> None:
    """The receiver closes a connection if the head of a request isn't complete in time, for the first request and for
    later ones.
    """
    with (
        run_receiver(scene.taker, head_timeout_seconds=0.2, idle_timeout_seconds=1) as receiver,
        receiver.open_connection() as connection,
    ):
        connection.sendall(content)
        assert wait_until_closed(connection)


def test_a_notice_whose_body_is_late_may_be_sent_again(scene: PaymentDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the body of a notice isn't complete in time, the receiver answers 503 with `retry-after`, because the notice
    may be genuine. It counts against the address, so slow clients are blocked like others."""
    monkeypatch.setattr(abuse_limiter, "REFUSALS_PER_FULL_BUCKET", 2.0)
    monkeypatch.setattr(abuse_limiter, "REFILLED_TOKENS_PER_SECOND", 0.0)
    with run_receiver(scene.taker, body_timeout_seconds=0.05) as receiver:
        for _ in range(2):
            with receiver.open_connection() as connection:
                connection.sendall(REQUEST_HEAD + b"content-length: 10\r\n\r\nabc")
                answer = parse_answer(read_all(connection))
            assert (answer.status, answer.headers["retry-after"], answer.headers["connection"]) == (503, "1", "close")
        assert receiver.get("/healthz").status == 0


def test_a_connection_ends_after_its_largest_number_of_requests(scene: PaymentDesk) -> None:
    """The receiver closes a connection after `max_requests_per_connection` requests. Its last answer has the header
    `connection: close`.
    """
    ask = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n"
    with (
        run_receiver(scene.taker, max_requests_per_connection=3) as receiver,
        receiver.open_connection() as connection,
    ):
        connection.sendall(ask * 5)
        answers = read_all(connection)
    assert (answers.count(b"HTTP/1.1 200"), answers.lower().count(b"connection: close")) == (3, 1)


def test_an_address_with_too_many_connections_loses_an_idle_one(scene: PaymentDesk) -> None:
    """If one address has opened too many connections with unfinished requests, the receiver closes the oldest of them
    and answers the newest request.
    """
    scene.insert_order("ORD-1", 3300)
    with (
        run_receiver(
            scene.taker, max_connections_per_address=3, head_timeout_seconds=600.0, body_timeout_seconds=600.0
        ) as receiver,
        ExitStack() as connections,
    ):
        begun = (
            b"",
            REQUEST_HEAD,
            REQUEST_HEAD + b"content-length: 9\r\n\r\n{",
            b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n",
        )
        lines = [connections.enter_context(receiver.open_connection()) for _ in range(40)]
        for n, connection in enumerate(lines):
            with suppress(ConnectionError):
                connection.sendall(begun[n % len(begun)])
        assert receiver.deliver_notice(scene.make_bank_notice("e-1", "ORD-1")).status == 200
        assert all(wait_until_closed(connection) for connection in lines[:37])
        # The server learns a moment later than its client that a connection is closed.
        wait_until(lambda: read_connection_count(receiver) <= 3, "at most three open connections")
    assert scene.read_order("ORD-1").state == "paid"


def test_a_connection_being_served_is_never_closed(scene: PaymentDesk) -> None:
    """Above the limit, a new connection makes the receiver close an idle connection, even if this came later than one
    whose request is being served. A connection whose request is being served is never closed.
    """
    for n in range(2):
        scene.insert_order(f"ORD-{n}", 3300)
    file = scene.console.settings.database_path
    assert file is not None
    with (
        run_receiver(scene.taker, max_connections_per_address=3, head_timeout_seconds=600.0) as receiver,
        ThreadPoolExecutor(2) as senders,
    ):
        with closing(sqlite3.connect(file, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            sent = [
                senders.submit(receiver.deliver_notice, scene.make_bank_notice(f"e-{n}", f"ORD-{n}"))
                for n in range(2)
            ]
            while b"receiver_in_flight 2.0" not in receiver.get("/metrics").body:
                pass
            with receiver.open_connection() as idle:
                assert receiver.get("/healthz").status == 200
                assert wait_until_closed(idle)
            holder.execute("ROLLBACK")
        assert [one.result().status for one in sent] == [200, 200]


def test_a_connection_that_reads_no_answers_is_closed(scene: PaymentDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that send many requests and read no answer can't keep others out. As soon as an answer can't be sent,
    a new connection may take the slot of such a client.
    """
    scene.insert_order("ORD-1", 3300)
    real = http_app._open_socket

    def open_socket_with_small_buffers(options: ReceiverOptions) -> socket.socket:
        listening_socket = real(options)
        listening_socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)  # each connection inherits it
        return listening_socket

    monkeypatch.setattr(http_app, "_open_socket", open_socket_with_small_buffers)
    with run_receiver(scene.taker, max_connections=2) as receiver, ExitStack() as connections:
        for _ in range(2):
            silent_client = connections.enter_context(socket.socket())
            silent_client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_024)
            silent_client.connect((receiver.host, receiver.port))
            silent_client.sendall(b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n" * 40)
        post = scene.make_bank_notice("e-1", "ORD-1")
        wait_until(lambda: receiver.deliver_notice(post).status == 200, "the notice is taken")
    assert scene.read_order("ORD-1").state == "paid"


@pytest.mark.parametrize("is_chunked", [True, False])
def test_a_client_that_sends_too_much_receives_its_refusal(
    scene: PaymentDesk, receiver: RunningReceiver, is_chunked: bool
) -> None:
    """A client that sends 5 MiB gets the refusal instead of a reset connection, because the receiver discards the
    remaining bytes.
    """
    body = b"x" * (5 << 20)
    framed_body = b"content-length: %d\r\n\r\n%b" % (len(body), body)
    if is_chunked:
        framed_body = b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    with receiver.open_connection() as connection:
        connection.sendall(REQUEST_HEAD + framed_body)
        assert parse_answer(read_all(connection)).body == b"refused\n"


def test_a_head_above_the_limit_is_refused(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """A request whose head is above the limit is refused, even if the head arrives in one piece and the notice is
    genuine.
    """
    scene.insert_order("ORD-1", 3300)
    post = scene.make_bank_notice("e-1", "ORD-1")
    assert receiver.deliver_notice(post, **{"x-long": "y" * 21_000}).body == b"refused\n"
    assert receiver.deliver_notice(post, **{"x-long": "y" * 15_000}).status == 200


def test_a_full_pool_answers_with_retry_later(scene: PaymentDesk) -> None:
    """With one thread and one place in the queue, the receiver accepts two notices, and answers the third with 503
    and `retry-after`. The two accepted notices are booked.
    """
    for n in range(3):
        scene.insert_order(f"ORD-{n}", 3300)
    posts = [scene.make_bank_notice(f"e-{n}", f"ORD-{n}") for n in range(3)]
    file = scene.console.settings.database_path
    assert file is not None
    with run_receiver(scene.taker, threads_per_pool=1, queue_length=1) as receiver, ThreadPoolExecutor(3) as senders:
        with closing(sqlite3.connect(file, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            sent = [senders.submit(receiver.deliver_notice, post) for post in posts]
            while not any(one.done() for one in sent):
                pass
            busy = next(one.result() for one in sent if one.done())
            assert (busy.status, busy.headers["retry-after"]) == (503, "1")
            holder.execute("ROLLBACK")
        assert sorted(one.result().status for one in sent) == [200, 200, 503]
    assert scene.count_audit_entries("payment.booked") == 2


def test_a_stopped_receiver_answers_its_accepted_request(scene: PaymentDesk) -> None:
    """A receiver that is being stopped accepts no new connection, and still answers the notice that it is booking."""
    scene.insert_order("ORD-1", 3300)
    post, file = scene.make_bank_notice("e-1", "ORD-1"), scene.console.settings.database_path
    assert file is not None
    with run_receiver(scene.taker) as receiver, ThreadPoolExecutor(1) as sender:
        with closing(sqlite3.connect(file, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            answer = sender.submit(receiver.deliver_notice, post)
            while b"receiver_in_flight 1.0" not in receiver.get("/metrics").body:
                pass
            receiver.stop.set()
            while can_connect(receiver):
                pass
            holder.execute("ROLLBACK")
        assert answer.result().status == 200
        receiver.end()
    assert scene.read_order("ORD-1").state == "paid"


def can_connect(receiver: RunningReceiver) -> bool:
    try:
        with receiver.open_connection():
            return True
    except ConnectionError:
        return False


def test_connections_send_answers_without_nagles_delay(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """The receiver switches Nagle's algorithm off on its side of each connection."""
    option_values: list[int] = []
    real = socket.socket.setsockopt
    with pytest.MonkeyPatch.context() as patch:

        def record_option(connection: socket.socket, *arguments: int) -> None:
            if arguments[:2] == (socket.IPPROTO_TCP, socket.TCP_NODELAY):
                option_values.append(arguments[2])
            real(connection, *arguments)

        patch.setattr(socket.socket, "setsockopt", record_option)
        receiver.get("/healthz")
    assert set(option_values) == {1}


# The parts


def test_a_pool_of_call_threads_refuses_calls_above_its_limit() -> None:
    """A pool of call threads refuses calls above its limit at once. A cancelled call uses its place until the call's
    function has returned.
    """
    from threading import Event

    async def fill_both_places() -> None:
        gate, threads = Event(), ServiceCallThreads("test", 1, 1)
        first, second = (asyncio.create_task(threads.run(gate.wait)) for _ in range(2))
        await asyncio.sleep(0)
        with pytest.raises(NoCapacity):
            await threads.run(gate.wait)
        second.cancel()
        await asyncio.sleep(0)
        assert threads.unfinished_calls == 2
        gate.set()
        assert await first
        while threads.unfinished_calls:
            await asyncio.sleep(0)
        threads.close()

    asyncio.run(fill_both_places())


def test_a_pool_of_call_threads_works_again_after_a_shortage_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the operating system starts no thread, a pool refuses its calls as if it were full. Afterwards it runs as
    many calls as before.
    """

    def refuse_start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def run_during_and_after_shortage() -> None:
        threads = ServiceCallThreads("test", 1, 1)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse_start)
            for _ in range(5):
                with pytest.raises(NoCapacity):
                    await threads.run(lambda: None)
        assert await threads.run(lambda: "stored") == "stored"
        threads.close()

    asyncio.run(run_during_and_after_shortage())


def test_connections_are_counted_per_network() -> None:
    """All addresses of one IPv6 network count as one address, and a trusted proxy has no limit. Releasing a
    connection slot a second time has no effect.
    """
    connections = OpenConnections(5, 1, SenderAddressFinder(["192.0.2.1/32"]))

    def open_waiting_slot(peer: str) -> ConnectionSlot | None:
        slot = connections.open_slot(peer, lambda: None)
        if slot is not None:
            slot.mark_waiting(False)
        return slot

    first = open_waiting_slot("2001:db8::1")
    assert first is not None
    assert open_waiting_slot("2001:db8::2") is None
    assert open_waiting_slot("2001:db8:0:1::2") is not None
    assert all(open_waiting_slot("192.0.2.1") for _ in range(3))
    assert open_waiting_slot("198.51.100.1") is None
    first.release()
    first.release()
    assert (connections.connection_count, connections.rejected_count) == (4, 2)
    assert open_waiting_slot("::ffff:198.51.100.1") is not None


def test_a_new_connection_closes_one_of_the_largest_network() -> None:
    """When all slots are used, a new connection closes the oldest waiting connection of the network with the most
    connections. Connections whose request is being answered, and connections of other networks, stay open.
    """
    connections, gone = OpenConnections(4, 3, SenderAddressFinder([])), list[str]()

    def open_waiting_slot(name: str, peer: str) -> ConnectionSlot:
        slot = connections.open_slot(peer, lambda: gone.append(name))
        assert slot is not None
        return slot

    open_waiting_slot("few", "192.0.2.9")
    many = [open_waiting_slot(f"many-{n}", "192.0.2.1") for n in range(3)]
    many[0].mark_waiting(False)
    many[1].mark_waiting(True)
    open_waiting_slot("new", "192.0.2.2")
    assert gone == ["many-1"]
    many[0].mark_waiting(True)
    open_waiting_slot("newer", "192.0.2.3")
    assert gone == ["many-1", "many-2"]
    assert (connections.connection_count, connections.rejected_count) == (4, 2)


def test_the_receiver_reads_its_settings_from_the_environment(tmp_path: Path) -> None:
    """The receiver reads each of its settings from the environment."""
    environment = make_environment(
        tmp_path,
        "http://127.0.0.1:9",
        RECEIVER_BIND="::1",
        RECEIVER_PORT="0",
        RECEIVER_TRUSTED_PROXIES="10.0.0.0/8, ::1/128",
        RECEIVER_CERTIFICATE="/a.pem",
        RECEIVER_KEY="/b.pem",
    )
    options = ReceiverOptions.from_settings(Settings.load(environment))
    assert (options.bind_address, options.port, options.trusted_proxies) == ("::1", 0, ("10.0.0.0/8", "::1/128"))
    assert (str(options.certificate_file), str(options.key_file)) == ("/a.pem", "/b.pem")


def test_an_address_of_another_machine_is_not_called_taken(scene: PaymentDesk) -> None:
    """An address that isn't one of this machine is refused with the system's reason, and isn't called taken."""
    import threading

    options = ReceiverOptions(bind_address="203.0.113.1", port=0)
    with pytest.raises(ConsoleError) as refusal:
        serve_receiver(make_receiver_app(scene.console, options), options, threading.Event())
    detail = refusal.value.detail
    assert (detail["problem"], detail["cause"]) == ("address_unusable", os.strerror(errno.EADDRNOTAVAIL))


def test_an_address_that_is_taken_is_a_bad_setting(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """Starting a receiver on a port that is already used raises `bad_profile`."""
    import threading

    options = ReceiverOptions(port=receiver.port)
    with pytest.raises(ConsoleError) as refusal:
        serve_receiver(make_receiver_app(scene.console, options), options, threading.Event())
    assert (refusal.value.code, refusal.value.detail["problem"]) == ("bad_profile", "address_taken")
    assert format_request("GET", "/", b"", {})
