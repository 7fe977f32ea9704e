"""Tests of hostile requests. The receiver answers each one or closes its connection, and none of them causes an error
in the log or a success."""

import itertools
import json

import pytest

from console.providers.http.strict_json import MAX_JSON_DEPTH
from console.worker import abuse_limiter as offences
from console.worker.connection_limits import SenderAddressFinder
from tests.support.payment_desks import PaymentDesk, make_signed_notice
from tests.worker.running_receiver import LIVE_FEED_TOKEN, RunningReceiver, format_request

pytestmark = pytest.mark.engines("sqlite")
REFUSED_BODY = b"refused\n"
UPGRADE_HEADERS = {"upgrade": "websocket", "connection": "upgrade", "sec-websocket-version": "13"}
WEBSOCKET_KEY_HEADER = {"sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA=="}
AUTHORIZATION_HEADER = {"authorization": f"Bearer {LIVE_FEED_TOKEN}"}


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/notices/bank", UPGRADE_HEADERS | WEBSOCKET_KEY_HEADER), ("POST", "/live",
        UPGRADE_HEADERS | WEBSOCKET_KEY_HEADER | AUTHORIZATION_HEADER),
        ("GET", "/notices/bank", UPGRADE_HEADERS | WEBSOCKET_KEY_HEADER), ("GET", "/live", AUTHORIZATION_HEADER),
        ("GET", "/live?a", AUTHORIZATION_HEADER),
        ("GET", "/healthz/", {}), ("DELETE", "/healthz", {}), ("POST", "/metrics", {}),
        ("GET", "/%2e%2e/metrics", {}),
        ("OPTIONS", "*", {}), ("CONNECT", "127.0.0.1:80", {}),
        ("GET", "/live", UPGRADE_HEADERS | AUTHORIZATION_HEADER | {"x": "\x80\xff"}),
        ("POST", "/notices/bank", {"connection": "upgrade", "upgrade": "h2c", "http2-settings": "AAMAAABk"}),
        ("GET", "/live",
        UPGRADE_HEADERS | WEBSOCKET_KEY_HEADER | AUTHORIZATION_HEADER | {f"x-{n}": "y" for n in range(300)}),
        ("GET", "/live", UPGRADE_HEADERS | WEBSOCKET_KEY_HEADER | {"authorization": "Bearer \x80"}),
        ("GET", "/live", UPGRADE_HEADERS | {"sec-websocket-key": "short"}),
        ("GET", "/live", UPGRADE_HEADERS | WEBSOCKET_KEY_HEADER | {"sec-websocket-version": "99"}),
        ("POST", "/webhooks/paypay", {"content-type": "multipart/form-data; boundary=" + "x" * 9_000}),
    ],
)  # fmt: skip
def test_unsupported_methods_paths_and_headers_are_refused(
    scene: PaymentDesk, receiver: RunningReceiver, method: str, path: str, headers: dict[str, str]
) -> None:
    """A request with a method, path or header that the receiver doesn't offer gets a status from 400 to 499 and opens
    no WebSocket. The receiver continues to answer other requests.
    """
    answer = receiver.send_bytes(format_request(method, path, b"", {"connection": "close"} | headers))
    assert 400 <= answer.status < 500
    assert receiver.get("/healthz").status == 200


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_notices_of_http_1_0_clients_are_accepted(
    scene: PaymentDesk, receiver: RunningReceiver, version: str
) -> None:
    """The receiver accepts notices of clients with HTTP/1.0 and HTTP/1.1."""
    scene.insert_order("ORD-1", 3300)
    post = scene.make_bank_notice("e-1", "ORD-1")
    request = format_request("POST", "/notices/bank", post.body, dict(post.headers) | {"connection": "close"})
    assert receiver.send_bytes(request.replace(b"HTTP/1.1", f"HTTP/{version}".encode(), 1)).status == 200


def test_a_continue_reply_is_sent_only_if_the_body_will_be_read(
    scene: PaymentDesk, receiver: RunningReceiver
) -> None:
    """The receiver answers `expect: 100-continue` with 100, but refuses the request at once if its body would be too
    large.
    """
    head = b"POST /notices/bank HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: %d\r\n\r\n"
    with receiver.open_connection() as connection:
        connection.sendall(head % 2)
        assert connection.recv(12) == b"HTTP/1.1 100"
    assert receiver.send_bytes(head % (1 << 30)).body == REFUSED_BODY


def test_pipelined_requests_are_checked_one_by_one(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """Of several requests that are sent together on one connection, the receiver reads no further one after it has
    refused one.
    """
    scene.insert_order("ORD-1", 3300)
    post = scene.make_bank_notice("e-1", "ORD-1")
    good = format_request("POST", "/notices/bank", post.body, dict(post.headers))
    assert receiver.send_bytes(format_request("POST", "/notices/bank", b"{}", {}) + good).body == REFUSED_BODY
    assert scene.read_order("ORD-1").state == "pending"


def test_a_signature_in_a_trailer_does_not_count(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """A notice whose signature is sent only as a trailer, after a chunked body, counts as unsigned and is refused."""
    scene.insert_order("ORD-1", 3300)
    post = scene.make_bank_notice("e-1", "ORD-1")
    name, value = post.headers[0]
    request = b"POST /notices/bank HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    request += b"%x\r\n%b\r\n0\r\n%b: %b\r\n\r\n" % (len(post.body), post.body, name.encode(), value.encode())
    assert receiver.send_bytes(request).body == REFUSED_BODY
    assert scene.read_order("ORD-1").state == "pending"


def test_a_chunked_notice_is_accepted(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """The receiver books a genuine notice that arrives in chunks of one byte, as a proxy may forward it."""
    scene.insert_order("ORD-1", 3300)
    post = scene.make_bank_notice("e-1", "ORD-1")
    name, value = post.headers[0]
    request = b"POST /notices/bank HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n"
    request += (
        f"{name}: {value}\r\n\r\n".encode() + b"".join(b"1\r\n%c\r\n" % byte for byte in post.body) + b"0\r\n\r\n"
    )
    assert receiver.send_bytes(request).status == 200
    assert scene.read_order("ORD-1").state == "paid"


_PAYPAY_NOTICE_FIELDS = {
    "notification_type": "Transaction",
    "order_id": "1",
    "merchant_order_id": "ORD-1",
    "order_amount": "3300",
    "state": "COMPLETED",
    "paid_at": "2026-11-20T03:00:00Z",
}
_HALF_SURROGATE_PAIR_JSON, _NUL_JSON = "\\ud800\\u0000", "\\u0000"


def _make_hint(**changes: str) -> bytes:
    """Return a webhook of PayPay as JSON. `changes` are JSON texts that replace or add values."""
    fields = {name: json.dumps(value) for name, value in _PAYPAY_NOTICE_FIELDS.items()} | changes
    return ("{" + ", ".join(f'"{name}": {value}' for name, value in fields.items()) + "}").encode()


HARMFUL_HINTS = {
    "half a pair for an order": _make_hint(merchant_order_id=f'"{_HALF_SURROGATE_PAIR_JSON}"'),
    "half a pair for an order, after a good number": _make_hint(
        order_id='"1"', merchant_order_id=f'"{_HALF_SURROGATE_PAIR_JSON}"'
    ),
    "NUL for an order": _make_hint(merchant_order_id=f'"{_NUL_JSON}"'),
    "half a pair in a time": _make_hint(paid_at=f'"{_HALF_SURROGATE_PAIR_JSON}"'),
    "half a pair as a state": _make_hint(state=f'"{_HALF_SURROGATE_PAIR_JSON}"'),
    "half a pair as the type": _make_hint(notification_type=f'"{_HALF_SURROGATE_PAIR_JSON}"'),
    "half a pair deep inside": _make_hint(other=f'[{{"a": ["{_HALF_SURROGATE_PAIR_JSON}"]}}]'),
    "half a pair as a name": _make_hint(**{_HALF_SURROGATE_PAIR_JSON: "1"}),
    "half a pair as a file": _make_hint(
        notification_type='"file.created"',
        fileType='"transaction_recon"',
        notification_id='"n1"',
        path=f'"{_HALF_SURROGATE_PAIR_JSON}"',
    ),
    "a raw half pair": _make_hint(merchant_order_id='"@"').replace(b"@", b"\xed\xa0\x80"),
    "a raw NUL": _make_hint(merchant_order_id='"@"').replace(b"@", b"\0"),
    "bytes that are no text": _make_hint(merchant_order_id='"@"').replace(b"@", b"\xff"),
    "UTF-16": _make_hint().decode().encode("utf-16"),
    "a key twice": _make_hint(other='1, "state": "FAILED"'),
    "NaN": _make_hint(order_amount="NaN"),
    "Infinity": _make_hint(order_amount="-Infinity"),
    "an endless number": _make_hint(order_amount="9" * 5_000),
    "endless nesting": _make_hint(other="[" * 20_000 + "]" * 20_000),
    "nesting that some Pythons read": _make_hint(other="[" * MAX_JSON_DEPTH + "]" * MAX_JSON_DEPTH),
}


@pytest.mark.parametrize("title", HARMFUL_HINTS)
def test_a_text_that_no_database_stores_is_refused(
    scene: PaymentDesk, receiver: RunningReceiver, title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body with text that no database can store gets the same answer as every refused request, and counts against
    the address. The receiver stores no row, and its answer tells the sender not to try again."""
    monkeypatch.setattr(offences, "REFUSALS_PER_FULL_BUCKET", 3.0)
    monkeypatch.setattr(offences, "REFILLED_TOKENS_PER_SECOND", 0.0)
    scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay")
    for path in ("/webhooks/paypay", "/callbacks/atom"):
        answer = receiver.post(path, HARMFUL_HINTS[title])
        assert (answer.status, answer.body) == (400, REFUSED_BODY)
    post = make_signed_notice("bank", HARMFUL_HINTS[title], scene.context.now())
    assert receiver.deliver_notice(post).body == REFUSED_BODY
    assert scene.place.sql("SELECT COUNT(*) FROM payment_events WHERE done NOT LIKE 'refused%'") == [(0,)]
    assert receiver.get("/healthz").status == 0, "three refusals were not counted"


@pytest.mark.parametrize(
    "amount", ["1e400", "[" * 900 + "]" * 900, '{"a": ' * 900 + "1" + "}" * 900, "9" * 4_000, '"\U0001f600"', "true"]
)
def test_a_hint_with_an_unusual_amount_causes_no_internal_error(
    scene: PaymentDesk, receiver: RunningReceiver, amount: str
) -> None:
    """The receiver accepts or refuses a hint with an unusual amount; it never answers with an internal error."""
    scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay")
    answer = receiver.post("/webhooks/paypay", _make_hint(order_amount=amount))
    assert answer.status in (200, 400)
    assert answer.status == 200 or answer.body == REFUSED_BODY


def test_each_field_of_a_signed_notice_refuses_texts_that_it_does_not_allow(
    scene: PaymentDesk, receiver: RunningReceiver
) -> None:
    """A notice with a valid signature is refused if one of its fields contains text that isn't allowed in this field.
    The same notice with allowed texts is accepted.
    """
    scene.insert_order("ORD-1", 3300)
    good = json.loads(scene.make_bank_notice("e-1", "ORD-1").body)
    fields = ("event_id", "type", "order_no", "amount", "currency", "occurred_at")
    for field, text in itertools.product(fields, ("\ud800", "\0", "\U0001f600", "9" * 5_000, "a\nb", "")):
        body = json.dumps(good | {field: text}).encode()
        answer = receiver.deliver_notice(make_signed_notice("bank", body, scene.context.now()))
        assert (answer.status, answer.body) == (400, REFUSED_BODY), (field, text)
    post = make_signed_notice("bank", json.dumps(good).encode(), scene.context.now())
    assert receiver.deliver_notice(post).status == 200


@pytest.mark.parametrize("origin", ["fe80::1%a b", "fe80::1%\xff\xfe", "fe80::1%" + "x" * 2_000, "::ffff:1.2.3.4%x"])
def test_the_zone_of_a_forwarded_address_is_cut_off(origin: str) -> None:
    """The zone at the end of a forwarded address can be any text. The receiver cuts it off, so that it can get into
    no audit entry.
    """
    address = SenderAddressFinder(["127.0.0.0/8"]).find_sender_address("127.0.0.1", [origin])
    assert address in ("fe80::1", "1.2.3.4")
