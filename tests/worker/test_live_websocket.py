"""Tests of the live feed `/live` over real WebSockets. A client gets a snapshot first, and then each change; a client
without the token gets nothing.
"""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Event
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from console.domain.errors import ConsoleError, ErrorCode, rebuild_error
from console.domain.service_results import FeedMark
from console.sandbox.server import Sandbox
from console.services.monitoring.live_feed import LiveFeedReader
from console.worker import abuse_limiter as offences
from console.worker import live_websocket as live
from console.worker.connection_limits import ReceiverOptions
from console.worker.http_app import make_receiver_app
from tests.support.payment_desks import PaymentDesk, open_payment_desk
from tests.support.places import Place
from tests.support.waiting import wait_until
from tests.worker.running_receiver import LIVE_FEED_TOKEN, WAIT_LIMIT_SECONDS, RunningReceiver, run_receiver

AUTHORIZATION_HEADER = {"Authorization": f"Bearer {LIVE_FEED_TOKEN}"}
pytestmark = pytest.mark.engines("sqlite")


@pytest.fixture
def receiver(scene: PaymentDesk) -> Iterator[RunningReceiver]:
    with run_receiver(scene.taker, live_interval_seconds=0.02) as running:
        yield running


@contextmanager
def connect_listener(
    receiver: RunningReceiver, path: str = "/live", headers: dict[str, str] | None = None, first: str | None = None
) -> Iterator[ClientConnection]:
    """Yield a client of `/live`. If `headers` is not given, the client sends the token in a header. `first` is its
    first message.
    """
    url = f"ws://127.0.0.1:{receiver.port}{path}"
    sent_headers = AUTHORIZATION_HEADER if headers is None else headers
    with connect(
        url, additional_headers=sent_headers, open_timeout=WAIT_LIMIT_SECONDS, proxy=None, max_size=1 << 24
    ) as connection:
        if first is not None:
            connection.send(first)
        yield connection


def receive_message(connection: ClientConnection) -> Any:
    return json.loads(connection.recv(WAIT_LIMIT_SECONDS))


def read_close_code(connection: ClientConnection) -> int | None:
    """Read until the receiver closes the connection, and return the close code, or None if there was none."""
    try:
        while connection.recv(WAIT_LIMIT_SECONDS):
            pass
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None
    raise AssertionError("an empty message")


def find_queue(snapshot: Any, name: str) -> Any:
    return next(one for one in snapshot["queues"] if one["queue"] == name)


@pytest.mark.engines("sqlite", "mariadb")
def test_a_returning_client_gets_a_new_snapshot(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """The receiver sends a snapshot first, and then each change. A client that connects again gets a new snapshot, so
    it misses no state.
    """
    started = scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment
    with connect_listener(receiver) as line:
        snapshot = receive_message(line)
        assert snapshot["type"] == "snapshot"
        assert {one["queue"] for one in snapshot["queues"]} >= {"pending", "unknown", "review", "refunds"}
        pending = find_queue(snapshot, "pending")
        assert (pending["count"], pending["capped"]) == (len(pending["items"]), False)
        assert {(one["kind"], one["id"], one["state"]) for one in pending["items"]} >= {
            ("payment", started.id, "token_generated")
        }
        scene.money.change_payment_state("paypay", "ORD-1", "paid")
        assert receiver.deliver_notice(scene.make_provider_notice("paypay", "ORD-1")).status == 200
        state_by_record: dict[tuple[str, int], str] = {}
        while state_by_record.get(("payment", started.id)) != "completed":
            message = receive_message(line)
            assert message["type"] == "changes"
            state_by_record |= {(one["kind"], one["id"]): one["state"] for one in message["changes"]}

    def read_waiting_payments() -> set[int]:
        with connect_listener(receiver) as line:
            items = [one for queue in receive_message(line)["queues"] for one in queue["items"]]
            return {one["id"] for one in items if one["kind"] == "payment"}

    wait_until(lambda: started.id not in read_waiting_payments(), "its order was moved after it")
    with connect_listener(receiver) as line:
        receive_message(line)
        another = scene.payments.start(scene.insert_order("ORD-2", 3300), "paypay").payment
        changes = receive_message(line)["changes"]
        while ("payment", another.id) not in [(one["kind"], one["id"]) for one in changes]:
            changes = receive_message(line)["changes"]


def test_the_live_feed_contains_no_personal_data(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """The live feed contains no number, no sum and no name of a payer, company or order."""
    order = scene.insert_order("ORD-CANARY-1", 4711, corporation="7010001065142")
    with connect_listener(receiver) as connection:
        text = str(connection.recv(WAIT_LIMIT_SECONDS))
        scene.payments.start(order, "paypay")
        text += str(connection.recv(WAIT_LIMIT_SECONDS))
    assert [word for word in ("CANARY", "4711", "7010001065142", "paypay") if word in text] == []


def test_a_listener_gets_the_changes_of_its_channel_alone(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """A client that listens to one channel gets only its changes: one client those of payments, another one those of
    orders.
    """
    with (
        connect_listener(receiver, "/live?channels=order") as orders,
        connect_listener(receiver, "/live?channels=payment") as line,
    ):
        assert receive_message(line)["type"] == receive_message(orders)["type"] == "snapshot"
        payment = scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment
        kinds = {one["kind"] for one in receive_message(line)["changes"]}
        assert kinds == {"payment"}
        scene.money.change_payment_state("paypay", "ORD-1", "paid")
        scene.payments.probe(payment.id)
        assert {one["kind"] for one in receive_message(orders)["changes"]} == {"order"}


@pytest.mark.parametrize("first", [LIVE_FEED_TOKEN, json.dumps({"token": LIVE_FEED_TOKEN}), f"  {LIVE_FEED_TOKEN}\n"])
def test_the_token_may_be_the_first_message(scene: PaymentDesk, receiver: RunningReceiver, first: str) -> None:
    """A client that can't set a header may send the token as its first message."""
    with connect_listener(receiver, headers={}, first=first) as line:
        assert receive_message(line)["type"] == "snapshot"


@pytest.mark.parametrize(
    "first",
    [
        "",
        "x",
        LIVE_FEED_TOKEN[:-1],
        LIVE_FEED_TOKEN + "x",
        "{",
        '{"token": 1}',
        '{"token": null}',
        "[]",
        "{" * 3_000,
        "トークン",
    ],
)
def test_a_wrong_first_message_closes_the_websocket(
    scene: PaymentDesk, receiver: RunningReceiver, first: str
) -> None:
    with connect_listener(receiver, headers={}, first=first) as line:
        assert read_close_code(line) == 1008


@pytest.mark.parametrize(
    "header",
    [
        f"Bearer {LIVE_FEED_TOKEN}x",
        "Bearer",
        "",
        LIVE_FEED_TOKEN,
        f"Basic {LIVE_FEED_TOKEN}",
        "Bearer \xe9",
        f"Bearer {LIVE_FEED_TOKEN} {LIVE_FEED_TOKEN}",
    ],
)
def test_a_wrong_token_in_the_header_is_refused(scene: PaymentDesk, receiver: RunningReceiver, header: str) -> None:
    """A client with a wrong token in the header is refused, and the receiver doesn't read a first message from it."""
    with pytest.raises(InvalidStatus) as refusal, connect_listener(receiver, headers={"Authorization": header}):
        pass
    assert refusal.value.response.status_code == 403


@pytest.mark.parametrize(
    ("path", "status"),
    [("/live/", 400), ("/live?channels=payment,everything", 403), ("/notices/bank", 400), ("/", 400)],
)
def test_a_websocket_at_another_path_is_refused(
    scene: PaymentDesk, receiver: RunningReceiver, path: str, status: int
) -> None:
    with pytest.raises(InvalidStatus) as refusal, connect_listener(receiver, path):
        pass
    assert refusal.value.response.status_code == status


def test_a_websocket_without_a_token_is_closed_after_a_time(scene: PaymentDesk) -> None:
    with (
        run_receiver(scene.taker, head_timeout_seconds=0.1) as receiver,
        connect_listener(receiver, headers={}) as line,
    ):
        assert read_close_code(line) == 1008


@pytest.mark.expects_log("the channel is closed without a token, and says so")
def test_a_websocket_without_a_configured_token_is_closed(
    place: Place, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """If no channel token is configured, every client is refused, and the log names the missing setting once."""
    with open_payment_desk(place, sandbox) as scene, run_receiver(scene.taker) as receiver:
        for headers in (AUTHORIZATION_HEADER, {}):
            with pytest.raises(InvalidStatus), connect_listener(receiver, headers=headers):
                pass
    lines = [record.getMessage() for record in caplog.records if record.name == "console.worker"]
    assert lines == ["/live is closed: there is no channel token (CONSOLE_SECRET_LIVE_TOKEN)"]


def test_a_token_that_can_be_guessed_is_a_bad_setting(place: Place, sandbox: Sandbox) -> None:
    with (
        open_payment_desk(place, sandbox, SECRET_LIVE_TOKEN="short") as scene,
        pytest.raises(ConsoleError) as refusal,
    ):
        make_receiver_app(scene.console, ReceiverOptions())
    assert (refusal.value.code, refusal.value.detail["problem"]) == ("bad_profile", "token_short")


OLD_TOKEN = "the-token-before-this-one"


def test_two_tokens_count_while_one_is_replaced(place: Place, sandbox: Sandbox) -> None:
    """While a token is being replaced, the new and the old token are accepted, in a header or as the first message. A
    header that contains both is refused.
    """
    settings: dict[str, Any] = {"SECRET_LIVE_TOKEN": LIVE_FEED_TOKEN, "SECRET_LIVE_TOKEN_OLD": OLD_TOKEN}
    with open_payment_desk(place, sandbox, **settings) as scene, run_receiver(scene.taker) as receiver:
        for token in (LIVE_FEED_TOKEN, OLD_TOKEN):
            with connect_listener(receiver, headers={"Authorization": f"Bearer {token}"}) as line:
                assert receive_message(line)["type"] == "snapshot"
            with connect_listener(receiver, headers={}, first=token) as line:
                assert receive_message(line)["type"] == "snapshot"
        with (
            pytest.raises(InvalidStatus),
            connect_listener(receiver, headers={"Authorization": f"Bearer {LIVE_FEED_TOKEN}{OLD_TOKEN}"}),
        ):
            pass


def test_a_token_is_replaced_without_a_restart(
    place: Place, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver uses the present token of the keyring, and disconnects the listeners that have connected with the
    former one. If the keyring can't be read, it continues to use the last token.
    """
    keyring: dict[str, str | None] = {"LIVE_TOKEN": LIVE_FEED_TOKEN}
    with open_payment_desk(place, sandbox) as scene:
        own = scene.taker.settings.secrets

        def get_or_refuse(name: str, *, must_ask_keyring: bool = True) -> str | None:
            if name.startswith("LIVE_") and not keyring:
                raise rebuild_error(ErrorCode.BAD_PROFILE, {"variable": name, "problem": "keyring_failed"})
            return (
                keyring.get(name)
                if name.startswith("LIVE_")
                else type(own).read_secret(own, name, must_ask_keyring=must_ask_keyring)
            )

        monkeypatch.setattr(own, "read_secret", get_or_refuse)
        monkeypatch.setattr(live, "LIVE_TOKEN_RELOAD_SECONDS", 0.01)
        with run_receiver(scene.taker) as receiver, connect_listener(receiver) as connected:
            assert _can_listen(receiver, LIVE_FEED_TOKEN)
            keyring["LIVE_TOKEN"] = OLD_TOKEN
            assert read_close_code(connected) == 1008
            assert [_can_listen(receiver, token) for token in (LIVE_FEED_TOKEN, OLD_TOKEN)] == [False, True]
            keyring.clear()
            assert [_can_listen(receiver, token) for token in (LIVE_FEED_TOKEN, OLD_TOKEN)] == [False, True]


def _can_listen(receiver: RunningReceiver, token: str) -> bool:
    try:
        with connect_listener(receiver, headers={"Authorization": f"Bearer {token}"}) as line:
            return bool(receive_message(line)["type"] == "snapshot")
    except InvalidStatus:
        return False


@pytest.mark.parametrize("second", [f"Bearer {LIVE_FEED_TOKEN}", "Bearer x", ""])
@pytest.mark.parametrize("first", [f"Bearer {LIVE_FEED_TOKEN}", "Bearer x"])
def test_two_authorization_headers_are_refused(
    scene: PaymentDesk, receiver: RunningReceiver, first: str, second: str
) -> None:
    """A handshake with two `Authorization` headers is refused, even if they are equal, because another program might
    read the other one.
    """
    answer = receiver.send_bytes(
        b"GET /live HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        b"authorization: " + first.encode() + b"\r\nAuthorization: " + second.encode() + b"\r\n\r\n"
    )
    assert answer.status == 403


@pytest.mark.parametrize("attempt_kind", ["header", "first message", "no message", "two headers", "no such channel"])
def test_an_address_that_sends_wrong_tokens_is_refused(
    scene: PaymentDesk, attempt_kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each wrong token counts as a refusal for the client's address. The audit trail gets at most
    MAX_AUDITED_REFUSALS entries, with the address.
    """
    monkeypatch.setattr(offences, "REFUSALS_PER_FULL_BUCKET", 5.0)
    monkeypatch.setattr(offences, "REFILLED_TOKENS_PER_SECOND", 0.0)
    monkeypatch.setattr(live, "MAX_AUDITED_REFUSALS", 2)
    with run_receiver(
        scene.taker, head_timeout_seconds=0.1 if attempt_kind == "no message" else WAIT_LIMIT_SECONDS
    ) as receiver:
        for _ in range(5):
            _try_wrong_token(receiver, attempt_kind)
        assert receiver.get("/healthz").status == 0
    rows = scene.place.sql("SELECT result, detail FROM audit_log WHERE what = 'live.refused'")
    assert [(result, json.loads(detail)["peer"]) for result, detail in rows] == [("refused", "127.0.0.1")] * 2
    assert LIVE_FEED_TOKEN not in str(rows)


def _try_wrong_token(receiver: RunningReceiver, attempt_kind: str) -> None:
    wrong = {"Authorization": "Bearer " + "x" * 20}
    if attempt_kind in ("first message", "no message"):
        with connect_listener(
            receiver, headers={}, first="x" * 20 if attempt_kind == "first message" else None
        ) as line:
            assert read_close_code(line) == 1008
        return
    headers = [("Authorization", f"Bearer {LIVE_FEED_TOKEN}")] * 2 if attempt_kind == "two headers" else wrong
    path = "/live?channels=x" if attempt_kind == "no such channel" else "/live"
    with (
        pytest.raises(InvalidStatus),
        connect(
            f"ws://127.0.0.1:{receiver.port}{path}",
            additional_headers=AUTHORIZATION_HEADER if path != "/live" else headers,
            open_timeout=WAIT_LIMIT_SECONDS,
            proxy=None,
        ),
    ):
        pass


BAD_HANDSHAKES = {
    "no version": b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==",
    "another version": b"sec-websocket-version: 99\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==",
    "no key": b"sec-websocket-version: 13",
    "a short key": b"sec-websocket-version: 13\r\nsec-websocket-key: AAAA",
    "two keys": b"sec-websocket-version: 13" + 2 * b"\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==",
}


@pytest.mark.parametrize("title", BAD_HANDSHAKES)
def test_an_invalid_handshake_is_refused_like_any_request(
    scene: PaymentDesk, title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A malformed WebSocket handshake gets the same answer as every refused request, and counts against the
    client's address."""
    monkeypatch.setattr(offences, "REFUSALS_PER_FULL_BUCKET", 3.0)
    monkeypatch.setattr(offences, "REFILLED_TOKENS_PER_SECOND", 0.0)
    head = b"GET /live HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    with run_receiver(scene.taker) as receiver:
        for _ in range(3):
            answer = receiver.send_bytes(head + BAD_HANDSHAKES[title] + b"\r\n\r\n")
            assert (answer.status, answer.body) == (400, b"refused\n")
        assert receiver.get("/healthz").status == 0


def test_a_client_with_the_token_keeps_its_address_allowed(
    scene: PaymentDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a client with the token has connected, wrong tokens from the same address don't block this address,
    because many clients can have one address.
    """
    monkeypatch.setattr(offences, "REFUSALS_PER_FULL_BUCKET", 3.0)
    monkeypatch.setattr(offences, "REFILLED_TOKENS_PER_SECOND", 0.0)
    with run_receiver(scene.taker) as receiver:
        with connect_listener(receiver) as line:
            assert receive_message(line)["type"] == "snapshot"
        for _ in range(6):
            _try_wrong_token(receiver, "header")
        with connect_listener(receiver) as line:
            assert receive_message(line)["type"] == "snapshot"


def test_a_listener_that_does_not_read_is_disconnected(scene: PaymentDesk) -> None:
    """A client that doesn't read its messages is disconnected, and the other clients still get every message."""
    with (
        run_receiver(
            scene.taker, live_interval_seconds=0.001, max_live_queue_length=2, head_timeout_seconds=0.5
        ) as receiver,
        connect_listener(receiver) as reader,
        socket.socket() as silent_client,
    ):
        silent_client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        silent_client.connect((receiver.host, receiver.port))
        silent_client.sendall(
            b"GET /live HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            b"authorization: Bearer " + LIVE_FEED_TOKEN.encode() + b"\r\n\r\n"
        )
        assert receive_message(reader)["type"] == "snapshot"
        rows = ", ".join(f"('order', {n}, '2026-11-20 03:00:00')" for n in range(1, 900))
        while b"live_dropped_total 1.0" not in receiver.get("/metrics").body:
            scene.place.sql(f"INSERT INTO changes (kind, subject_id, at) VALUES {rows}")
            assert receive_message(reader)["type"] == "changes"
        assert receiver.get("/healthz").status == 200


def test_a_listener_is_closed_while_the_feed_cannot_be_read(scene: PaymentDesk) -> None:
    """If the feed can't be read for `max_live_outage_seconds`, the receiver closes each listener with 1013, because
    silence would mean that nothing changes. A listener that connects later gets the snapshot."""
    with (
        run_receiver(scene.taker, live_interval_seconds=0.01, max_live_outage_seconds=0.05) as receiver,
        connect_listener(receiver) as line,
    ):
        assert receive_message(line)["type"] == "snapshot"
        scene.place.sql("ALTER TABLE changes RENAME TO away")
        assert read_close_code(line) == 1013
        scene.place.sql("ALTER TABLE away RENAME TO changes")
        with connect_listener(receiver) as again:
            assert receive_message(again)["type"] == "snapshot"


@pytest.mark.engines("mariadb")
def test_a_listener_is_closed_after_a_restore(scene: PaymentDesk) -> None:
    """If the feed has lost rows, because the server's database was restored, the receiver closes each listener, which
    connects again for a snapshot of the restored records."""
    scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay")
    with (
        run_receiver(scene.taker, live_interval_seconds=0.02) as receiver,
        connect_listener(receiver) as line,
    ):
        assert receive_message(line)["type"] == "snapshot"
        scene.place.sql("DELETE FROM changes")
        assert read_close_code(line) == 1013


def test_a_client_above_the_limit_of_listeners_is_closed(scene: PaymentDesk) -> None:
    """A client above the limit `max_live_clients` gets the close code 1013, which means "try again later"."""
    with run_receiver(scene.taker, max_live_clients=2) as receiver, ExitStack() as clients:
        for _ in range(2):
            assert receive_message(clients.enter_context(connect_listener(receiver)))["type"] == "snapshot"
        with connect_listener(receiver) as line:
            assert read_close_code(line) == 1013


def test_clients_that_connect_together_keep_the_limit(scene: PaymentDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit also holds for clients that wait together for the first reading of the feed."""
    may_read, read_changes = Event(), LiveFeedReader.read_changes

    def wait_and_read(reader: LiveFeedReader, mark: FeedMark | None) -> Any:
        may_read.wait(WAIT_LIMIT_SECONDS)
        return read_changes(reader, mark)

    monkeypatch.setattr(LiveFeedReader, "read_changes", wait_and_read)
    with run_receiver(scene.taker, max_live_clients=1) as receiver, ExitStack() as clients:
        first, *others = [clients.enter_context(connect_listener(receiver)) for _ in range(3)]
        may_read.set()
        assert [read_close_code(line) for line in others] == [1013, 1013]
        assert receive_message(first)["type"] == "snapshot"


def test_listeners_get_a_close_frame_when_the_receiver_ends(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    with connect_listener(receiver) as line:
        assert receive_message(line)["type"] == "snapshot"
        receiver.stop.set()
        assert read_close_code(line) in (1001, 1012)
    receiver.end()
