"""Tests that the receiver rejects connections from an address after too many refused requests, except from an address
that has recently sent a genuine notice.
"""

import socket

import pytest

from console.worker import abuse_limiter as offences
from console.worker.abuse_limiter import (
    GENUINE_SENDER_ACCEPTED_SECONDS,
    MAX_REMEMBERED_ADDRESSES,
    REFILLED_TOKENS_PER_SECOND,
    REFUSALS_PER_FULL_BUCKET,
    RefusalTokenBuckets,
)
from console.worker.connection_limits import OpenConnections, SenderAddressFinder
from tests.support.payment_desks import PaymentDesk
from tests.worker.running_receiver import WAIT_LIMIT_SECONDS, RunningReceiver, format_request, parse_answer, read_all

MALFORMED_REQUESTS = (
    format_request("POST", "/notices/bank", b"{}", {}),
    format_request("GET", "/nowhere", b"", {}),
    b"\x16\x03\x01 no HTTP\r\n\r\n",
    format_request("GET", "/live", b"", {
        "upgrade": "websocket", "connection": "upgrade", "sec-websocket-version": "13", "sec-websocket-key": "A" * 22,
    }) + b"and more",
)  # fmt: skip
"""Malformed requests that different parts of the receiver refuse: the services, the routes, the HTTP reader, the
handshake.
"""


class ManualClock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_the_allowance_of_refusals_fills_again() -> None:
    """Each address has a separate allowance of refused requests, which fills again with time."""
    clock = ManualClock()
    buckets = RefusalTokenBuckets(clock)
    for n in range(int(REFUSALS_PER_FULL_BUCKET)):
        assert not buckets.is_blocked("a"), n
        buckets.count_refusal("a")
    assert (buckets.is_blocked("a"), buckets.is_blocked("b")) == (True, False)
    clock.now += 1.5 / REFILLED_TOKENS_PER_SECOND
    assert not buckets.is_blocked("a")
    buckets.count_refusal("a")
    assert not buckets.is_blocked("a")
    buckets.count_refusal("a")
    assert buckets.is_blocked("a")


def test_an_address_with_a_genuine_notice_is_not_blocked() -> None:
    """For some time after a genuine notice, the notice's address isn't blocked, however many of its requests are
    refused, because many senders can have one address.
    """
    clock = ManualClock()
    buckets = RefusalTokenBuckets(clock)
    buckets.mark_genuine_sender("a")
    for _ in range(100_000):
        buckets.count_refusal("a")
    assert not buckets.is_blocked("a")
    clock.now += GENUINE_SENDER_ACCEPTED_SECONDS + 1
    assert buckets.is_blocked("a")


def test_the_number_of_remembered_addresses_is_limited() -> None:
    """The limiter remembers at most MAX_REMEMBERED_ADDRESSES addresses, from however many addresses requests come."""
    buckets = RefusalTokenBuckets(ManualClock())
    for n in range(3 * MAX_REMEMBERED_ADDRESSES):
        buckets.count_refusal(str(n))
        buckets.mark_genuine_sender(str(n))
    assert (len(buckets._used_tokens), len(buckets._accepted_until)) == (
        MAX_REMEMBERED_ADDRESSES,
        MAX_REMEMBERED_ADDRESSES,
    )


def test_a_trusted_proxy_is_never_refused() -> None:
    """Refused requests never block the address of a trusted proxy, because the proxy forwards the requests of many
    senders.
    """
    connections = OpenConnections(5, 5, SenderAddressFinder(["192.0.2.1/32"]), ManualClock())
    for peer in ("192.0.2.1", "192.0.2.2"):
        for _ in range(int(REFUSALS_PER_FULL_BUCKET)):
            connections.refusal_buckets.count_refusal(peer)
    assert connections.open_slot("192.0.2.1", lambda: None) is not None
    assert connections.open_slot("192.0.2.2", lambda: None) is None
    assert connections.rejected_count == 1


def _send_from_address(receiver: RunningReceiver, source: str, content: bytes) -> int:
    """Send these bytes from the address `source`, and return the status of the answer, or 0 if there is none."""
    with socket.create_connection((receiver.host, receiver.port), WAIT_LIMIT_SECONDS, (source, 0)) as connection:
        try:
            connection.sendall(content)
        except (ConnectionResetError, BrokenPipeError):
            return 0
        return parse_answer(read_all(connection)).status


@pytest.mark.engines("sqlite")
def test_an_address_with_many_invalid_requests_is_refused(
    scene: PaymentDesk, receiver: RunningReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind of refusal counts for the address that sent the request, and for no other address. An address that
    has sent a genuine notice isn't blocked by its refused requests.
    """
    monkeypatch.setattr(offences, "REFUSALS_PER_FULL_BUCKET", float(len(MALFORMED_REQUESTS)))
    monkeypatch.setattr(offences, "REFILLED_TOKENS_PER_SECOND", 0.0)
    post = scene.make_bank_notice("e-1", "ORD-1")
    genuine = format_request("POST", "/notices/bank", post.body, {"connection": "close"} | dict(post.headers))
    assert [_send_from_address(receiver, "127.0.7.1", piece) for piece in MALFORMED_REQUESTS] == [400] * len(
        MALFORMED_REQUESTS
    )
    assert [_send_from_address(receiver, "127.0.7.1", piece) for piece in (*MALFORMED_REQUESTS, genuine)] == [0] * (
        len(MALFORMED_REQUESTS) + 1
    )
    assert _send_from_address(receiver, "127.0.7.2", genuine) == 200
    for _ in range(3):
        assert [_send_from_address(receiver, "127.0.7.2", piece) for piece in MALFORMED_REQUESTS] == [400] * len(
            MALFORMED_REQUESTS
        )
