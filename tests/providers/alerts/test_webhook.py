"""Tests of the webhook that receives alerts: the signature of a message, the answers that count as accepted, and the
allowed addresses."""

import socket
from collections.abc import Iterator

import pytest

from console.domain.alerts.events import AlertMessage
from console.domain.clock import SystemClock, TimeScale
from console.domain.errors import ConsoleError
from console.providers.alerts.webhook import LARGEST_ANSWER_BYTES, WebhookAlertPublisher, compute_signature
from tests.support.alert_receiver import SIGNATURE_KEY, AlertReceiver, receive_alerts

MESSAGE_BODY = '{"event_id": "e-1", "observed": "未入金"}'
MESSAGE = AlertMessage("alerts.order_payment_inconsistency.v1", "e-1", "ORD-1", MESSAGE_BODY)


@pytest.fixture
def receiver() -> Iterator[AlertReceiver]:
    with receive_alerts() as made:
        yield made


def make_publisher(url: str) -> WebhookAlertPublisher:
    return WebhookAlertPublisher(url, SIGNATURE_KEY, clock=SystemClock(), scale=TimeScale(100))


def test_the_signature_equals_that_of_openssl() -> None:
    """The signature of a webhook request equals the output of openssl: printf '1764000000.{"a":1}' | openssl dgst
    -sha256 -hmac key.
    """
    made = compute_signature("key", 1_764_000_000, b'{"a":1}')
    assert made == "t=1764000000,v1=66ff00156971bc93c586dacc7bf22d6f5f4d9fcaede23c166be2b3ec3215f68a"


@pytest.mark.parametrize(
    ("status", "error_code"),
    [(200, None), (202, None), (204, None), (302, "status_302"), (400, "status_400"), (500, "status_500")],
)
def test_only_statuses_of_the_2xx_class_are_accepted(
    receiver: AlertReceiver, status: int, error_code: str | None
) -> None:
    """Only an answer with a 2xx status counts as accepted; for any other status the publisher returns a reason."""
    receiver.answers = lambda _event, _nth: status
    assert make_publisher(receiver.url).publish(MESSAGE) == error_code
    assert (receiver.events, receiver.signed, receiver.paths) == (
        [{"event_id": "e-1", "observed": "未入金"}],
        [True],
        ["/alerts"],
    )


@pytest.mark.parametrize(("status", "is_accepted"), [(200, True), (500, False)])
def test_a_long_answer_is_judged_by_its_status(receiver: AlertReceiver, status: int, is_accepted: bool) -> None:
    """If the body of the answer is longer than the part that is read, the HTTP status alone decides whether the alert
    counts as accepted.
    """
    receiver.answers, receiver.answer_bytes = lambda _event, _nth: status, LARGEST_ANSWER_BYTES + 1
    assert (make_publisher(receiver.url).publish(MESSAGE) is None) == is_accepted


def test_a_silent_or_absent_receiver_is_reported_by_a_reason() -> None:
    """If the webhook's receiver isn't running or doesn't answer, the publisher returns a reason in one word and
    raises no exception.
    """
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert make_publisher(f"http://127.0.0.1:{port}/x").publish(MESSAGE) in (
            "budget_spent",
            "read_timeout",
            "timeout",
        )
    assert make_publisher(f"http://127.0.0.1:{port}/x").publish(MESSAGE) == "not_connected"


@pytest.mark.parametrize("url", ["http://example.com/x", "https://10.0.0.1/x", "https://u:p@example.com/x"])
def test_an_alert_address_that_is_not_allowed_is_refused(url: str) -> None:
    """The publisher refuses a webhook address that the rules for addresses don't allow."""
    with pytest.raises(ConsoleError):
        make_publisher(url)


@pytest.mark.parametrize(
    ("leads_to", "private", "error_code"),
    [
        (("10.20.0.5",), (), "address_not_allowed"),
        (("10.20.0.5",), ("10.30.0.0/16",), "address_not_allowed"),
        (("10.20.0.5", "169.254.169.254"), ("10.20.0.0/16",), "address_not_allowed"),
        (("127.0.0.1",), ("10.20.0.0/16",), "address_not_allowed"),
        (("::ffff:10.20.0.5",), (), "address_not_allowed"),
    ],
)
def test_the_addresses_of_a_host_are_checked_before_a_publication(
    leads_to: tuple[str, ...], private: tuple[str, ...], error_code: str
) -> None:
    """Before it publishes, the publisher checks the IP addresses to which the webhook's host name leads, because
    they can change. If one of them is an address of this machine, or in a private network that the settings don't
    name, the result is `address_not_allowed`.
    """

    def resolve_host(_host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in leads_to]

    url = "https://alerts.example.com/a"
    hook = WebhookAlertPublisher(
        url,
        SIGNATURE_KEY,
        clock=SystemClock(),
        scale=TimeScale(1),
        private_networks=private,
        resolve_host=resolve_host,
    )
    assert hook.publish(MESSAGE) == error_code


def test_the_key_is_not_shown() -> None:
    """The text form of the webhook publisher does not contain its signing key."""
    assert SIGNATURE_KEY not in repr(make_publisher("https://example.com/alerts"))
