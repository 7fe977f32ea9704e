"""Tests of publishing alerts to Kafka, with the mock cluster of the Kafka client. All brokers acknowledge an event,
the order's id is the key, and events of one order stay in their order."""

import os
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from console.domain.alerts.events import AlertMessage
from console.providers.alerts.kafka import KafkaAlertPublisher
from tests.support.waiting import MAX_WAIT_SECONDS

TOPIC = "alerts.order_payment_inconsistency.v1"
IS_KAFKA_REQUIRED = "CI" in os.environ or os.environ.get("CONSOLE_TEST_REQUIRE_SERVERS") == "1"

pytestmark = pytest.mark.skipif(
    find_spec("confluent_kafka") is None and not IS_KAFKA_REQUIRED,
    reason="confluent-kafka (extra `kafka`) is not installed",
)


@pytest.fixture(scope="module")
def brokers() -> Iterator[tuple[str, ...]]:
    """Return the addresses of three simulated Kafka brokers, which run until the end of the tests."""
    from confluent_kafka import Producer

    owner = Producer({"test.mock.num.brokers": 3, "log_level": 0})
    yield tuple(f"{one.host}:{one.port}" for one in owner.list_topics(timeout=MAX_WAIT_SECONDS).brokers.values())
    owner.flush(1)


def make_message(number: int, key: str = "ORD-1") -> AlertMessage:
    return AlertMessage(TOPIC, f"{key}-{number}", key, f'{{"n": {number}}}')


def receive_events(brokers: tuple[str, ...], count: int) -> list[tuple[int, str, str, str]]:
    """Wait for `count` events, and return the partition, key, event id and body of each, in the order of arrival."""
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": ",".join(brokers), "group.id": "tests", "log_level": 0})
    partitions = consumer.list_topics(TOPIC, timeout=MAX_WAIT_SECONDS).topics[TOPIC].partitions
    consumer.assign([TopicPartition(TOPIC, number, OFFSET_BEGINNING) for number in partitions])
    events: list[tuple[int, str, str, str]] = []
    while len(events) < count:
        got = consumer.poll(20)
        assert got is not None, f"{len(events)} of {count} events came"
        assert got.error() is None
        headers = dict(got.headers() or [])
        body, key = got.value(), got.key()
        assert body is not None
        assert key is not None
        event = headers["event_id"]
        assert isinstance(event, bytes)
        events.append((got.partition() or 0, key.decode(), event.decode(), body.decode()))
    consumer.close()
    return events


def test_events_arrive_in_the_order_of_their_key(brokers: tuple[str, ...]) -> None:
    """The events with one key (an order number) arrive in one partition, in the sequence in which they were
    published, each with its event id and body.
    """
    kafka = KafkaAlertPublisher(brokers)
    sent = [make_message(number, key) for number in range(4) for key in ("ORD-1", "ORD-2")]
    assert [kafka.publish(one) for one in sent] == [None] * len(sent)
    kafka.close()
    received = receive_events(brokers, len(sent))
    for key in ("ORD-1", "ORD-2"):
        own = [row for row in received if row[1] == key]
        assert len({partition for partition, *_ in own}) == 1
        assert [(event, body) for _, _, event, body in own] == [
            (f"{key}-{number}", f'{{"n": {number}}}') for number in range(4)
        ]


def test_unreachable_brokers_accept_no_event() -> None:
    """If no broker can be reached, publishing ends within its time limit with the Kafka client's own error code. The
    client doesn't send the event later in the background."""
    settings = {
        "delivery.timeout.ms": 300,
        "socket.connection.setup.timeout.ms": 1000,
        "request.timeout.ms": 200,
        "linger.ms": 5,
    }
    kafka = KafkaAlertPublisher(("127.0.0.1:9",), settings)
    assert kafka.publish(make_message(1)) == "_msg_timed_out"


def test_a_message_that_the_client_refuses_has_an_error_code(brokers: tuple[str, ...]) -> None:
    """The Kafka client refuses a message before it sends it, here because the message is too large: publishing
    returns the client's error code, and the next message is sent."""
    kafka = KafkaAlertPublisher(brokers, {"message.max.bytes": 1_000})
    large = AlertMessage("alerts.large", "large", "ORD-9", "x" * 2_000)
    assert kafka.publish(large) == "msg_size_too_large"
    assert kafka.publish(AlertMessage("alerts.large", "small", "ORD-9", "{}")) is None
    kafka.close()


def test_brokers_on_other_machines_need_tls() -> None:
    """The publisher uses TLS if one of its brokers is on another machine. It uses an unencrypted connection only if
    all brokers are on this machine."""
    assert KafkaAlertPublisher(("127.0.0.1:9092", "localhost:9093"))._settings["security.protocol"] == "PLAINTEXT"
    assert KafkaAlertPublisher(("127.0.0.1:9092", "kafka.example.jp:9093"))._settings["security.protocol"] == "SSL"


@pytest.mark.parametrize(
    ("brokers", "protocol"),
    [
        (("localhost:9092", "127.0.0.1", "127.9.9.9:9092", "[::1]:9092", "[::1]"), "PLAINTEXT"),
        (("localhost:9092", "kafka.example.com:9092"), "SSL"),
        (("localhost.evil.example:9092",), "SSL"),
        (("127.0.0.1.evil.example:9092",), "SSL"),
        (("127.evil.example",), "SSL"),
        (("localhostile:9092",), "SSL"),
        (("[::1.2.3.4]:9092",), "SSL"),
        (("[::10]:9092",), "SSL"),
        (("localhost.:9092",), "SSL"),
    ],
)
def test_only_brokers_on_this_machine_are_reached_without_tls(brokers: tuple[str, ...], protocol: str) -> None:
    """A host name that only begins with the name or address of this machine counts as another machine, so its
    connection needs TLS.
    """
    assert KafkaAlertPublisher(brokers)._settings["security.protocol"] == protocol
