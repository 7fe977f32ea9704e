"""Tests of notices over real sockets. A genuine notice is booked once and answered with 200; every other request gets
the same refusal."""

import json
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from console.sandbox.server import Sandbox
from console.services.monitoring.metrics import MetricFigureReader
from console.worker import http_app
from tests.support.payment_desks import PaymentDesk, open_payment_desk
from tests.support.places import Place
from tests.support.waiting import wait_until
from tests.worker.running_receiver import (
    LIVE_FEED_TOKEN,
    WAIT_LIMIT_SECONDS,
    Answer,
    RunningReceiver,
    format_request,
    run_receiver,
)

pytestmark = pytest.mark.engines("sqlite")


def make_begun_payment(scene: PaymentDesk, provider: str, number: str = "ORD-1") -> int:
    minor, currency = (3300, "JPY") if provider == "paypay" else (50_000, "INR")
    payment = scene.payments.start(scene.insert_order(number, minor, currency), provider).payment
    scene.money.change_payment_state(provider, number, "paid")
    return payment.id


def is_refusal(answer: Answer) -> bool:
    """Return True if the answer has the status, body and header that all refused requests get."""
    return (answer.status, answer.body, answer.headers.get("connection")) == (400, b"refused\n", "close")


@pytest.mark.engines("sqlite", "mariadb")
@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_a_providers_notice_is_booked(scene: PaymentDesk, receiver: RunningReceiver, provider: str) -> None:
    """A notice of the sandbox is booked. A repetition of the notice is answered with success and changes nothing."""
    payment_id = make_begun_payment(scene, provider)
    post = scene.make_provider_notice(provider, "ORD-1")
    for _ in range(2):
        answer = receiver.deliver_notice(post)
        assert (answer.status, answer.body) == (200, b"OK")
    wait_until(lambda: scene.read_payment(payment_id).state == "completed", "it is booked", WAIT_LIMIT_SECONDS)
    assert scene.count_audit_entries("payment.booked") == 1


@pytest.mark.engines("sqlite", "mariadb")
def test_a_signed_notice_is_booked(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """A notice with a valid signature, from a source whose key the desk has, makes its order paid."""
    scene.insert_order("ORD-1", 3300)
    assert receiver.deliver_notice(scene.make_bank_notice("e-1", "ORD-1")).status == 200
    assert scene.read_order("ORD-1").state == "paid"


def test_a_well_formed_unknown_notice_is_answered_with_200(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """A signed notice about an unknown order, or of an unknown type, is answered with 200."""
    assert receiver.deliver_notice(scene.make_bank_notice("e-1", "ORD-9")).status == 200
    assert receiver.deliver_notice(scene.make_bank_notice("e-2", "ORD-9", type="payment.sneezed")).status == 200


def test_all_refusals_have_the_same_bytes(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """For each mistake in a request, such as a wrong source, signature, size or path, the refusal has exactly the
    same bytes. So the sender doesn't learn the cause."""
    make_begun_payment(scene, "paypay")
    good, hint = scene.make_bank_notice("e-1", "ORD-1"), scene.make_provider_notice("paypay", "ORD-1")
    signature = dict(good.headers)
    doubled = format_request("POST", "/notices/bank", good.body, signature).replace(
        b"\r\n\r\n", b"\r\nhost: b\r\n\r\n", 1
    )
    answers = [
        receiver.post("/notices/bank", good.body),
        receiver.post("/notices/bank", good.body + b" ", signature),
        receiver.post("/notices/nobody", good.body, signature),
        receiver.post("/notices/bank", b"{}", signature),
        receiver.post("/notices/paypay", hint.body),
        receiver.post("/notices/atom", scene.make_bank_notice("e-3", "ORD-1").body),
        receiver.post("/notices/Bank", good.body, signature),
        receiver.post("/notices/%E9%8A%80%E8%A1%8C", good.body, signature),
        receiver.post("/notices/\xe9\x8a\x80", good.body, signature),
        receiver.post("/notices/", good.body, signature),
        receiver.post("/notices/bank/", good.body, signature),
        receiver.post("/notices/..", good.body, signature),
        receiver.post("/notices/../notices/bank", good.body, signature),
        receiver.post("/notices/bank%2f..%2fbank", good.body, signature),
        receiver.post("/notices/bank%00", good.body, signature),
        receiver.post("//notices/bank", good.body, signature),
        receiver.post("http://127.0.0.1/notices/bank", good.body, signature),
        receiver.post("/nothing", b""),
        receiver.get("/notices/bank"),
        receiver.send_bytes(format_request("PUT", "/notices/bank", good.body, signature)),
        receiver.post("/notices/bank", good.body, signature | {"content-encoding": "gzip"}),
        receiver.post("/notices/bank", good.body, signature | {"content-length": str((1 << 20) + 1)}),
        receiver.post("/webhooks/paypay", b"[" * 5_000),
        receiver.post("/callbacks/atom", b"encData=00"),
        receiver.send_bytes(doubled),
        receiver.send_bytes(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n"),
        receiver.send_bytes(b"POST /notices/bank HTTP/1.1\r\n" + b"a: b\r\n" * 5_000 + b"\r\n"),
    ]
    assert [n for n, answer in enumerate(answers) if not is_refusal(answer)] == []
    assert [n for n, answer in enumerate(answers) if answer.raw != answers[0].raw] == []
    assert scene.read_order("ORD-1").state == "pending"


def test_shapes_that_two_servers_read_differently_are_refused(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """The receiver refuses requests whose end two servers could find at different places, such as a request with two
    lengths. It never reads the bytes of a body as a further request."""
    scene.insert_order("ORD-1", 3300)
    good = scene.make_bank_notice("e-1", "ORD-1")
    name, value = good.headers[0]
    inner = format_request("POST", "/notices/bank", good.body, {name: value})
    start = b"POST /notices/bank HTTP/1.1\r\nhost: a\r\n"
    shapes = [
        start + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
        start + b"content-length: 0\r\ncontent-length: 5\r\n\r\n" + inner,
        start + b"content-length: 0\r\ncontent-length: 0\r\n\r\n" + inner,
        start + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n" + inner,
        start + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n" + inner,
        start + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n" + inner,
        start + b"content-length: +0\r\n\r\n" + inner,
        start + b"content-length: 0x0\r\n\r\n" + inner,
        start + b"transfer-encoding: chunked\r\n\r\nzz\r\n" + inner,
        start + b"transfer-encoding: chunked\r\n\r\n-1\r\n" + inner,
        b"POST /notices/bank HTTP/1.1\r\n\r\n" + inner,
        b"POST /notices/bank\r\n\r\n" + inner,
    ]
    assert [n for n, shape in enumerate(shapes) if not is_refusal(receiver.send_bytes(shape))] == []
    assert scene.read_order("ORD-1").state == "pending"


def test_a_chunked_notice_with_a_content_length_is_refused(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """A genuine notice in chunks is refused if it also has a content-length, because a proxy may have used that
    length."""
    scene.insert_order("ORD-1", 3300)
    good = scene.make_bank_notice("e-1", "ORD-1")
    name, value = good.headers[0]
    head = f"POST /notices/bank HTTP/1.1\r\nhost: a\r\n{name}: {value}\r\ntransfer-encoding: chunked\r\n".encode()
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(good.body), good.body)
    assert is_refusal(receiver.send_bytes(head + b"content-length: %d\r\n\r\n" % len(good.body) + body))
    assert scene.read_order("ORD-1").state == "pending"
    assert receiver.send_bytes(head + b"connection: close\r\n\r\n" + body).status == 200


def test_a_body_without_end_is_cut_off(scene: PaymentDesk) -> None:
    """A body whose chunks never end is refused as soon as it is too large. The receiver doesn't check it as a notice,
    so it writes no audit entry."""
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    head = b"POST /notices/bank HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
    with run_receiver(scene.taker, body_timeout_seconds=600.0) as receiver:
        assert is_refusal(receiver.send_bytes(head, *[chunk] * 40))
        assert scene.count_audit_entries("payment.callback_refused") == 0
        assert receiver.deliver_notice(scene.make_bank_notice("e-1", "ORD-9")).status == 200


def test_a_body_of_the_largest_length_is_read_completely(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """The receiver reads a body of 1 MiB completely, and refuses it only because of its signature."""
    body = b"x" * (1 << 20)
    assert is_refusal(receiver.post("/notices/bank", body))
    assert scene.count_audit_entries("payment.callback_refused") == 1


# Where it comes from

OTHER_ADDRESS = "203.0.113.7"


def test_the_source_without_a_proxy_is_the_peer_address(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """Without a trusted proxy, the sender's address is the address of the connection, whatever the header
    x-forwarded-for contains."""
    make_begun_payment(scene, "paypay")
    forwarded = {"x-forwarded-for": OTHER_ADDRESS}
    assert (
        receiver.post("/webhooks/paypay", scene.make_provider_notice("paypay", "ORD-1").body, forwarded).status == 200
    )
    wait_until(lambda: scene.read_order("ORD-1").state == "paid", "it is booked", WAIT_LIMIT_SECONDS)


@pytest.mark.parametrize(
    ("forwarded_addresses", "status"),
    [
        (OTHER_ADDRESS, 200), (f"127.0.0.1, {OTHER_ADDRESS}", 200), (f"{OTHER_ADDRESS}, 127.0.0.1", 400), ("", 400),
        ("127.0.0.1", 400), ("unknown", 400), (f"{OTHER_ADDRESS}:80", 400), (f"{OTHER_ADDRESS},", 400),
        (f"::ffff:{OTHER_ADDRESS}", 200), ("203.0.113.7\xa0", 200),
    ],
)  # fmt: skip
def test_behind_a_proxy_the_last_forwarded_address_is_the_senders(
    place: Place, sandbox: Sandbox, forwarded_addresses: str, status: int
) -> None:
    """Behind a trusted proxy, the sender's address is the one that the proxy itself has appended, and never one that
    a client wrote before it.
    """
    proxies, sources = ("127.0.0.0/8",), f"{OTHER_ADDRESS}/32"
    with (
        open_payment_desk(place, sandbox, SECRET_LIVE_TOKEN=LIVE_FEED_TOKEN, PAYPAY_WEBHOOK_SOURCES=sources) as scene,
        run_receiver(scene.taker, trusted_proxies=proxies) as receiver,
    ):
        make_begun_payment(scene, "paypay")
        body = scene.make_provider_notice("paypay", "ORD-1").body
        assert receiver.post("/webhooks/paypay", body, {"x-forwarded-for": forwarded_addresses}).status == status
        expected = "paid" if status == 200 else "pending"
        wait_until(
            lambda: scene.read_order("ORD-1").state == expected, f"its order is {expected}", WAIT_LIMIT_SECONDS
        )
        assert scene.payments.count_refused_notices() == (0 if status == 200 else 1)


# Trouble of our own


def test_a_notice_without_a_database_is_refused_for_a_retry(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """While the table of notices is missing, the receiver answers 503 with Retry-After. The same notice is booked
    when it is sent again later."""
    scene.insert_order("ORD-1", 3300)
    post = scene.make_bank_notice("e-1", "ORD-1")
    scene.place.sql("ALTER TABLE payment_events RENAME TO away")
    answer = receiver.deliver_notice(post)
    scene.place.sql("ALTER TABLE away RENAME TO payment_events")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert receiver.deliver_notice(post).status == 200
    assert scene.read_order("ORD-1").state == "paid"


def test_a_late_task_makes_the_process_unready_but_alive(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """While a due task is late, `/readyz` answers 503 and `/healthz` still answers 200, so that no supervisor
    restarts the process."""
    assert (receiver.get("/healthz").status, receiver.get("/readyz").status) == (200, 200)
    scene.place.sql("INSERT INTO tasks (name, every_seconds, next_at) VALUES ('probes', 60, '2020-01-01 00:00:00')")
    with run_receiver(scene.taker) as another:
        assert (another.get("/healthz").status, another.get("/readyz").status) == (200, 503)


def test_requests_for_readiness_share_one_check(scene: PaymentDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the database doesn't answer, requests to `/readyz` that arrive together share one check, so the last one
    waits no longer than the first."""
    begun, may_end = queue.Queue[None](), threading.Event()

    def find_no_overdue_tasks(_: MetricFigureReader) -> tuple[str, ...]:
        begun.put(None)
        may_end.wait(WAIT_LIMIT_SECONDS)
        return ()

    monkeypatch.setattr(MetricFigureReader, "find_overdue_tasks", find_no_overdue_tasks)
    time_limit_seconds = 1.2
    monkeypatch.setattr(http_app, "_READINESS_TIMEOUT_SECONDS", time_limit_seconds)

    def ask_for_readiness(_index: int) -> tuple[int, float]:
        """Return the status of the answer, and the seconds until it came."""
        begin = time.monotonic()
        return receiver.get("/readyz").status, time.monotonic() - begin

    with run_receiver(scene.taker) as receiver, ThreadPoolExecutor(4) as probes:
        answers = list(probes.map(ask_for_readiness, range(4)))
        may_end.set()
    assert ([status for status, _ in answers], begun.qsize()) == ([503] * 4, 1)
    durations = [seconds for _, seconds in answers]
    assert max(durations) - min(durations) < 2 * time_limit_seconds  # one after the other: 3 of these limits


def test_the_answer_to_one_request_does_not_end_the_connection(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """The receiver checks and answers each of two notices that follow each other on one connection."""
    scene.insert_order("ORD-1", 3300)
    first, second = scene.make_bank_notice("e-1", "ORD-1"), scene.make_bank_notice("e-2", "ORD-9")
    pieces = [format_request("POST", "/notices/bank", one.body, dict(one.headers)) for one in (first, second)]
    with receiver.open_connection() as connection:
        for piece in pieces:
            connection.sendall(piece)
            answer_bytes = b""
            while not answer_bytes.endswith(b"OK"):
                answer_bytes += connection.recv(65536)
            assert answer_bytes.startswith(b"HTTP/1.1 200")
    rows = scene.place.sql("SELECT event_id FROM payment_events ORDER BY id")
    assert [name for (name,) in rows] == ["e-1", "e-2"]
    assert json.loads(first.body)["event_id"] == "e-1"
