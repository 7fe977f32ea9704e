"""Alerts to another program: one signed POST each. What is not plainly taken is sent again later."""

import hmac
from collections.abc import Sequence
from urllib.parse import urlsplit

from console.domain.clock import Clock, TimeScale
from console.domain.publishing import Message
from console.providers.base_url import private_network
from console.providers.transport import HttpTransport, TransportFailure
from console.providers.watch import Resolver

READ_SECONDS, BUDGET_SECONDS = 10.0, 15.0
LONGEST_ANSWER = 65_536  # bytes; nobody reads it


class AlertWebhook:
    """`X-Alert-Signature: t=<epoch>,v1=<hex HMAC-SHA256(key, t + "." + body)>`. No redirect is followed.

    `private`: networks in CIDR form into which the address may lead, as it is resolved when an event is sent. Raises
    bad_profile for an unfit address.
    """

    def __init__(
        self, url: str, key: str, *, clock: Clock, scale: TimeScale, private: Sequence[str] = (),
        resolve: Resolver | None = None,
    ) -> None:  # fmt: skip
        parts, networks = urlsplit(url), tuple(private_network(text) for text in private)
        origin = f"{parts.scheme}://{parts.netloc}"
        self._transport = HttpTransport(origin, clock=clock, scale=scale, private=networks, resolve=resolve)
        self._path, self._key, self._clock = parts.path or "/", key, clock

    def __repr__(self) -> str:
        return f"<AlertWebhook {self._path}>"

    def publish(self, message: Message) -> str | None:
        """None for any 2xx; else `status_NNN` or why there was no answer."""
        body = message.body.encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "X-Alert-Topic": message.topic,
            "X-Alert-Event": message.event_id,
            "X-Alert-Signature": signature(self._key, int(self._clock.now().timestamp()), body),
        }
        try:
            answer = self._transport.send(
                "POST", self._path, headers=headers, body=body, read_timeout=READ_SECONDS, budget=BUDGET_SECONDS,
                limit=LONGEST_ANSWER,
            )  # fmt: skip
        except TransportFailure as failure:
            return failure.reason
        return None if 200 <= answer.status < 300 else f"status_{answer.status}"

    def close(self) -> None:
        """Connections live for one call."""


def signature(key: str, epoch: int, body: bytes) -> str:
    """The header's value; `epoch` in seconds."""
    mac = hmac.new(key.encode(), f"{epoch}.".encode() + body, "sha256").hexdigest()
    return f"t={epoch},v1={mac}"
