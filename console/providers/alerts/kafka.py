"""Publisher of alert events to Kafka. The key of a message is the order number, so that Kafka stores the events of
one order in one partition and in sequence. The client library is an optional package (`pip install
support-console[kafka]`).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from console.domain.alerts.events import AlertMessage
from console.domain.network.addresses import is_this_machine

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Producer

DELIVERY_TIMEOUT_SECONDS = 10.0
EXTRA_DELIVERY_WAIT_SECONDS = 5.0
"""Seconds for which `publish` waits longer than the client library's own time limit. So the library can't deliver a
message after `publish` has reported a failure.
"""


class KafkaAlertPublisher:
    """Publishes alert events to Kafka through one idempotent producer, which is created at the first event. `brokers`
    are the addresses of the Kafka brokers, such as `kafka.example.com:9093`; connections use TLS, except if all
    brokers are on this machine. `further_settings` are settings of the client library by name, which replace the
    settings of this class; None: there are no such settings.
    """

    def __init__(
        self, brokers: Sequence[str], further_settings: Mapping[str, str | int | float | bool] | None = None
    ) -> None:
        self._settings = {
            "bootstrap.servers": ",".join(brokers),
            "client.id": "support-console",
            "enable.idempotence": True,
            "acks": "all",
            "delivery.timeout.ms": int(DELIVERY_TIMEOUT_SECONDS * 1000),
            "security.protocol": "PLAINTEXT" if all(map(_is_this_machine, brokers)) else "SSL",
            "log_level": 0,  # publish() returns the errors that matter
            **(further_settings or {}),
        }
        self._producer: Producer | None = None

    def publish(self, message: AlertMessage) -> str | None:
        """Send one alert event. Return None after all in-sync replicas have stored it, otherwise an error code:
        `queue_full` if the producer's queue has no room, `no_answer` if Kafka doesn't answer in time, or the code of
        the client library.
        """
        from confluent_kafka import KafkaException

        producer = self._get_producer()
        delivery_errors: list[KafkaError | None] = []
        try:
            producer.produce(
                message.topic,
                key=message.key.encode(),
                value=message.body.encode(),
                headers={"event_id": message.event_id.encode()},
                on_delivery=lambda error, _: delivery_errors.append(error),
            )
        except BufferError:
            return "queue_full"
        except KafkaException as refusal:  # such as a topic that doesn't exist, or a message that is too large
            return self._get_error_code(refusal.args[0])
        producer.flush(DELIVERY_TIMEOUT_SECONDS + EXTRA_DELIVERY_WAIT_SECONDS)
        if not delivery_errors:
            self._producer = None  # discards the messages that the producer has not delivered
            return "no_answer"
        return None if delivery_errors[0] is None else self._get_error_code(delivery_errors[0])

    def _get_error_code(self, error: "KafkaError") -> str:
        if error.fatal():
            self._producer = None  # an idempotent producer can't continue after a fatal error
        return str(error.name()).lower()[:64]

    def _get_producer(self) -> "Producer":
        if self._producer is None:
            from confluent_kafka import Producer

            self._producer = Producer(self._settings)
        return self._producer

    def close(self) -> None:
        """Discard the producer and the events that it has not delivered."""
        self._producer = None


def _is_this_machine(broker: str) -> bool:
    """True if a Kafka broker, given as `host`, `host:port` or `[address]:port`, is on this machine."""
    try:
        return is_this_machine(urlsplit(f"//{broker}").hostname or "")
    except ValueError:
        return False
