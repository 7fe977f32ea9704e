"""Shapes that no honest client sends: each gets an answer or is cut off, none leaves a line of alarm or a way in."""

import pytest

from tests.support.payment_desks import Scene
from tests.worker.calling import TOKEN, Running, written

pytestmark = pytest.mark.engines("sqlite")
REFUSED = b"refused\n"
UPGRADE = {"upgrade": "websocket", "connection": "upgrade", "sec-websocket-version": "13"}
KEY = {"sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA=="}
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/notices/bank", UPGRADE | KEY), ("POST", "/live", UPGRADE | KEY | BEARER),
        ("GET", "/notices/bank", UPGRADE | KEY), ("GET", "/live", BEARER), ("GET", "/live?a", BEARER),
        ("GET", "/healthz/", {}), ("DELETE", "/healthz", {}), ("POST", "/metrics", {}),
        ("GET", "/%2e%2e/metrics", {}),
        ("OPTIONS", "*", {}), ("CONNECT", "127.0.0.1:80", {}), ("GET", "/live", UPGRADE | BEARER | {"x": "\x80\xff"}),
        ("POST", "/notices/bank", {"connection": "upgrade", "upgrade": "h2c", "http2-settings": "AAMAAABk"}),
        ("GET", "/live", UPGRADE | KEY | BEARER | {f"x-{n}": "y" for n in range(300)}),
        ("GET", "/live", UPGRADE | KEY | {"authorization": "Bearer \x80"}),
        ("GET", "/live", UPGRADE | {"sec-websocket-key": "short"}),
        ("GET", "/live", UPGRADE | KEY | {"sec-websocket-version": "99"}),
        ("POST", "/webhooks/paypay", {"content-type": "multipart/form-data; boundary=" + "x" * 9_000}),
    ],
)  # fmt: skip
def test_what_nobody_asks_is_refused(
    scene: Scene, receiver: Running, method: str, path: str, headers: dict[str, str]
) -> None:
    """Never a success, never the way to a channel; and the receiver goes on."""
    answer = receiver.say(written(method, path, b"", {"connection": "close"} | headers))
    assert 400 <= answer.status < 500
    assert receiver.get("/healthz").status == 200


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_old_client_is_served(scene: Scene, receiver: Running, version: str) -> None:
    """HTTP/1.0 too, and one that waits for leave to send its body."""
    scene.order("ORD-1", 3300)
    post = scene.bank("e-1", "ORD-1")
    said = written("POST", "/notices/bank", post.body, dict(post.headers) | {"connection": "close"})
    assert receiver.say(said.replace(b"HTTP/1.1", f"HTTP/{version}".encode(), 1)).status == 200


def test_leave_to_send_a_body_is_given_where_it_will_be_read(scene: Scene, receiver: Running) -> None:
    """Not for one that is too large: that is refused before it is sent."""
    head = b"POST /notices/bank HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: %d\r\n\r\n"
    with receiver.line() as line:
        line.sendall(head % 2)
        assert line.recv(12) == b"HTTP/1.1 100"
    assert receiver.say(head % (1 << 30)).body == REFUSED


def test_a_chain_of_requests_is_judged_one_by_one(scene: Scene, receiver: Running) -> None:
    """What follows a refused one on its connection is not read at all."""
    scene.order("ORD-1", 3300)
    post = scene.bank("e-1", "ORD-1")
    good = written("POST", "/notices/bank", post.body, dict(post.headers))
    assert receiver.say(written("POST", "/notices/bank", b"{}", {}) + good).body == REFUSED
    assert scene.order_now("ORD-1").state == "pending"


def test_a_tail_of_chunks_is_no_header(scene: Scene, receiver: Running) -> None:
    """A signature after the body counts as none."""
    scene.order("ORD-1", 3300)
    post = scene.bank("e-1", "ORD-1")
    name, value = post.headers[0]
    said = b"POST /notices/bank HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    said += b"%x\r\n%b\r\n0\r\n%b: %b\r\n\r\n" % (len(post.body), post.body, name.encode(), value.encode())
    assert receiver.say(said).body == REFUSED
    assert scene.order_now("ORD-1").state == "pending"


def test_a_chunked_notice_is_taken(scene: Scene, receiver: Running) -> None:
    """Byte by byte, as a proxy may pass it on."""
    scene.order("ORD-1", 3300)
    post = scene.bank("e-1", "ORD-1")
    name, value = post.headers[0]
    said = b"POST /notices/bank HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n"
    said += f"{name}: {value}\r\n\r\n".encode() + b"".join(b"1\r\n%c\r\n" % byte for byte in post.body) + b"0\r\n\r\n"
    assert receiver.say(said).status == 200
    assert scene.order_now("ORD-1").state == "paid"
