"""Alerts to Kafka: the order's number is the key, so that those of an order stay in one partition and in turn.

The client is an extra (`pip install support-console[kafka]`).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from console.domain.publishing import Message

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Producer

DELIVERY_SECONDS = 10.0
MARGIN_SECONDS = 5.0
"""The client gives a message up before we stop waiting for it, so that none is sent behind our back."""
_LOCAL = ("localhost", "127.", "[::1]")


class AlertKafka:
    """One idempotent producer, made when the first event is sent."""

    def __init__(self, brokers: Sequence[str], more: Mapping[str, str | int | float | bool] | None = None) -> None:
        self._settings = {
            "bootstrap.servers": ",".join(brokers),
            "client.id": "support-console",
            "enable.idempotence": True,
            "acks": "all",
            "delivery.timeout.ms": int(DELIVERY_SECONDS * 1000),
            "security.protocol": "PLAINTEXT" if all(one.startswith(_LOCAL) for one in brokers) else "SSL",
            "log_level": 0,  # what matters comes back as an error
            **(more or {}),
        }
        self._producer: Producer | None = None

    def publish(self, message: Message) -> str | None:
        """None when all replicas have it, else the client's code."""
        producer = self._open()
        told: list[KafkaError | None] = []
        try:
            producer.produce(
                message.topic, key=message.key.encode(), value=message.body.encode(),
                headers={"event_id": message.event_id.encode()},
                on_delivery=lambda error, _: told.append(error),
            )  # fmt: skip
        except BufferError:
            return "queue_full"
        producer.flush(DELIVERY_SECONDS + MARGIN_SECONDS)
        if not told:
            self._producer = None  # whatever it still holds is given up with it
            return "no_answer"
        return None if told[0] is None else self._failed(told[0])

    def _failed(self, error: "KafkaError") -> str:
        if error.fatal():
            self._producer = None  # an idempotent producer ends with its first lost place
        return str(error.name()).lower()[:64]

    def _open(self) -> "Producer":
        if self._producer is None:
            from confluent_kafka import Producer

            self._producer = Producer(self._settings)
        return self._producer

    def close(self) -> None:
        self._producer = None
