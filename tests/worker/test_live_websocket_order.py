"""Tests of the live feed `/live` while records change: a client gets the snapshot first, and then each later state of
a record once and in order. Also tests clients that send messages or never read.
"""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from console.services.monitoring.live_feed import LIVE_FEED_CHANNELS, RecordSummary
from console.worker import uvicorn_protocols as door
from console.worker.live_websocket import LiveFeedChanges
from tests.support.payment_desks import PaymentDesk
from tests.support.waiting import wait_until
from tests.worker.running_receiver import LIVE_FEED_TOKEN, WAIT_LIMIT_SECONDS, RunningReceiver, read_all, run_receiver
from tests.worker.test_live_websocket import AUTHORIZATION_HEADER, connect_listener, read_close_code, receive_message

pytestmark = pytest.mark.engines("sqlite")
ALL_CHANNELS = frozenset(LIVE_FEED_CHANNELS)
HANDSHAKE = (
    b"GET /live HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"
    b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nauthorization: Bearer " + LIVE_FEED_TOKEN.encode() + b"\r\n\r\n"
)
EMPTY_MASK = b"\0\0\0\0"


class ReceivedStates:
    """The messages that one client has received: the last state of each record, and the states that should not have
    been sent.
    """

    def __init__(self, line: ClientConnection) -> None:
        self.line = line
        snapshot = receive_message(line)
        assert snapshot["type"] == "snapshot"
        self.last: dict[tuple[str, int], Any] = {}
        self.wrong: list[Any] = []
        for one in (one for queue in snapshot["queues"] for one in queue["items"]):
            self.last[one["kind"], one["id"]] = one

    def receive_changes(self) -> None:
        message = receive_message(self.line)
        assert message["type"] == "changes"
        for one in message["changes"]:
            before = self.last.get((one["kind"], one["id"]))
            if before and before["version"] >= one["version"]:
                self.wrong.append((before, one))
            self.last[one["kind"], one["id"]] = one


@pytest.mark.engines("sqlite", "mariadb")
def test_each_listener_receives_each_event_once(scene: PaymentDesk) -> None:
    """Clients connect one after another while payments are started and paid. No client receives a state that it
    already has, or an older one, and at the end each has the final state of each payment that it knows.
    """
    numbers = [f"ORD-{n}" for n in range(8)]
    orders = {number: scene.insert_order(number, 3300) for number in numbers}
    ids: list[int] = []

    def pay_orders() -> None:
        for number, order in orders.items():
            ids.append(pay_order(scene, number, order))

    with (
        run_receiver(scene.taker, live_interval_seconds=0.01) as receiver,
        ExitStack() as open_,
        ThreadPoolExecutor(1) as shop,
    ):
        trading, stories = shop.submit(pay_orders), []
        for n in range(1, len(numbers), 2):
            wait_until(lambda n=n: trading.done() or len(ids) >= n, "another one is paid", WAIT_LIMIT_SECONDS)  # type: ignore[misc]
            stories.append(ReceivedStates(open_.enter_context(connect_listener(receiver, "/live?channels=payment"))))
        trading.result()
        last = pay_order(scene, "ORD-LAST", scene.insert_order("ORD-LAST", 3300))
        for story in stories:
            while story.last.get(("payment", last), {}).get("state") != "completed":
                story.receive_changes()
            assert story.wrong == []
            assert {one["state"] for one in story.last.values()} == {"completed"}
    assert len(stories[0].last) > len(numbers) // 2


def pay_order(scene: PaymentDesk, number: str, order: int) -> int:
    """Start a payment of the order, let the payer pay it, book it by a probe, and return its id."""
    payment = scene.payments.start(order, "paypay").payment
    scene.money.change_payment_state("paypay", number, "paid")
    scene.payments.probe(payment.id)
    return payment.id


def test_a_state_in_the_snapshot_is_not_sent_again() -> None:
    """For a record in the snapshot only later states are sent; for other records every state is sent. After the first
    later state, the record is no longer compared with the snapshot.
    """
    shown = RecordSummary("payment", 1, "user_payment", "known", "none", None, 4)
    known = {("payment", 1): shown}

    def make_sent_states(*changed: RecordSummary) -> list[Any]:
        text = LiveFeedChanges(changed).make_message_text(ALL_CHANNELS, known)
        return [] if text is None else [(one["id"], one["version"]) for one in json.loads(text)["changes"]]

    other = replace(shown, id=2)
    assert make_sent_states(replace(shown, version=3), other) == [(2, 4)]
    assert make_sent_states(shown) == []
    assert make_sent_states(replace(shown, certainty="unknown")) == [(1, 4)]  # it lapsed, which writes no row
    assert make_sent_states(shown, replace(shown, version=5)) == [(1, 4), (1, 5)]
    assert known == {}
    assert make_sent_states(RecordSummary("payment", 1)) == [(1, None)]


def test_many_changes_are_compared_with_the_snapshot_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each change is compared with the snapshot once, and not with each record of the snapshot, because the thread
    that makes the message also answers notices.
    """
    states = [RecordSummary("payment", id, "user_payment", "known", "none", None, 4) for id in range(1_000)]
    known = {("payment", state.id): replace(state) for state in states[:180]}
    compare, compared = RecordSummary.__eq__, list[object]()

    def count_and_compare(state: RecordSummary, other: object) -> bool:
        compared.append(other)
        return compare(state, other)

    monkeypatch.setattr(RecordSummary, "__eq__", count_and_compare)
    text = LiveFeedChanges(states).make_message_text(ALL_CHANNELS, known)
    assert text is not None
    assert len(json.loads(text)["changes"]) == 820
    assert len(compared) <= len(states)


def test_a_state_with_two_feed_rows_is_sent_once(scene: PaymentDesk) -> None:
    """If two rows of the table `changes` name the same record and its state was sent for the first row, it isn't sent
    again for the second row.
    """
    payment = scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment
    with (
        run_receiver(scene.taker, live_interval_seconds=0.01) as receiver,
        connect_listener(receiver, "/live?channels=payment") as line,
    ):
        story = ReceivedStates(line)
        row = f"INSERT INTO changes (kind, subject_id, at) VALUES ('payment', {payment.id}, '2026-11-20 03:00:00')"
        scene.place.sql(row)
        another = scene.payments.start(scene.insert_order("ORD-2", 3300), "paypay").payment
        while ("payment", another.id) not in story.last:
            story.receive_changes()
        scene.place.sql(row, row.replace(f" {payment.id},", f" {another.id},"))
        third = scene.payments.start(scene.insert_order("ORD-3", 3300), "paypay").payment
        while ("payment", third.id) not in story.last:
            story.receive_changes()
        assert story.wrong == []


@pytest.mark.expects_log("a record with a value of a newer version can't be read")
def test_a_record_that_cannot_be_read_stops_no_other_change(scene: PaymentDesk) -> None:
    """A changed record with a value that this program doesn't know is sent with its kind and id only. The changes of
    other records follow."""
    payment = scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment
    with (
        run_receiver(scene.taker, live_interval_seconds=0.01) as receiver,
        connect_listener(receiver, "/live?channels=payment") as line,
    ):
        assert receive_message(line)["type"] == "snapshot"
        scene.place.sql(
            f"UPDATE payments SET work_state = 'of_a_newer_version', version = version + 1 WHERE id = {payment.id}",
            f"INSERT INTO changes (kind, subject_id, at) VALUES ('payment', {payment.id}, '2026-11-20 03:00:00')",
        )
        (unread,) = receive_message(line)["changes"]
        assert (unread["id"], unread["state"], unread["version"]) == (payment.id, None, None)
        another = scene.payments.start(scene.insert_order("ORD-2", 3300), "paypay").payment
        assert receive_message(line)["changes"][0]["id"] == another.id


@pytest.mark.expects_log("a queue with a value of a newer version can't be read")
def test_a_record_that_cannot_be_read_stops_no_snapshot(scene: PaymentDesk) -> None:
    """A queue with a record that this program can't read has its count in the snapshot and only the other items. The
    listener gets the changes of other records.
    """
    payment = scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment
    scene.place.sql(
        f"UPDATE payments SET work_state = 'of_a_newer_version', version = version + 1 WHERE id = {payment.id}"
    )
    with (
        run_receiver(scene.taker, live_interval_seconds=0.01) as receiver,
        connect_listener(receiver, "/live?channels=payment") as line,
    ):
        pending = next(one for one in receive_message(line)["queues"] if one["queue"] == "pending")
        assert (pending["count"] > 0, pending["items"]) == (True, [])
        another = scene.payments.start(scene.insert_order("ORD-2", 3300), "paypay").payment
        assert receive_message(line)["changes"][0]["id"] == another.id


# Clients that are no listeners


@pytest.fixture
def receiver(scene: PaymentDesk) -> Iterator[RunningReceiver]:
    with run_receiver(scene.taker, live_interval_seconds=0.02) as running:
        yield running


@contextmanager
def open_raw_channel(receiver: RunningReceiver) -> Iterator[socket.socket]:
    """Yield the socket of an open WebSocket, without a client library, so that a test can break the protocol."""
    with closing(receiver.open_connection()) as connection:
        connection.sendall(HANDSHAKE)
        assert connection.recv(12) == b"HTTP/1.1 101"
        yield connection


def test_a_first_message_that_is_no_text_opens_nothing(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    url = f"ws://127.0.0.1:{receiver.port}/live"
    with connect(url, open_timeout=WAIT_LIMIT_SECONDS, proxy=None) as connection:
        connection.send(LIVE_FEED_TOKEN.encode())
        assert read_close_code(connection) == 1008


@pytest.mark.parametrize("headers", [AUTHORIZATION_HEADER, {}])
def test_a_too_large_message_closes_the_websocket(
    scene: PaymentDesk, receiver: RunningReceiver, headers: dict[str, str]
) -> None:
    """A message that is too large ends the connection, both of a client without a token and of an accepted client."""
    with connect_listener(receiver, headers=headers) as connection:
        connection.send("x" * (door.MAX_LISTENER_MESSAGE_BYTES + 1))
        assert read_close_code(connection) == 1009


def test_messages_of_a_listener_are_ignored(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """The receiver ignores texts, bytes and pings of a client, and continues to send changes."""
    with connect_listener(receiver) as connection:
        assert receive_message(connection)["type"] == "snapshot"
        connection.send("anything")
        connection.send(b"\0" * 100)
        assert connection.ping().wait(WAIT_LIMIT_SECONDS)
        scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay")
        assert receive_message(connection)["type"] == "changes"


@pytest.mark.parametrize("flood", [b"\x89\xfd" + EMPTY_MASK + b"x" * 125, b"\x00\x80" + EMPTY_MASK])
def test_a_flood_of_frames_is_cut_off(
    scene: PaymentDesk, receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch, flood: bytes
) -> None:
    """A client that sends pings without reading the answers, or a message of endless fragments, is disconnected
    before the receiver has stored much data.
    """
    monkeypatch.setattr(door, "MAX_UNREAD_BYTES_PER_LISTENER", 64 * 1024)
    with open_raw_channel(receiver) as connection:
        connection.sendall(b"\x01\x80" + EMPTY_MASK if flood[0] == 0 else b"")
        assert wait_until_cut_off(connection, flood * 500)
    assert receiver.get("/healthz").status == 200


def wait_until_cut_off(connection: socket.socket, content: bytes) -> bool:
    """Send `content` again and again until the receiver closes the connection. Return True, so that a test can assert
    it.
    """
    with suppress(ConnectionError):
        while True:
            connection.sendall(content)
    return True


def test_bytes_before_the_handshake_answer_are_refused(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """A WebSocket handshake is refused if the client sends further bytes before the answer to it."""
    with receiver.open_connection() as connection:
        connection.sendall(HANDSHAKE + b"\x81\x80" + EMPTY_MASK)
        assert b"400 Bad Request" in read_all(connection)
