"""Publisher of alert events to a webhook: one signed POST for each event. An event that gets no 2xx answer is sent
again later.
"""

import hmac
from collections.abc import Sequence
from urllib.parse import urlsplit

from console.domain.alerts.events import AlertMessage
from console.domain.clock import Clock, TimeScale
from console.domain.network.url_policy import parse_private_network
from console.providers.http.call_socket import Resolver
from console.providers.http.transport import HttpTransport, TransportFailure

READ_TIMEOUT_SECONDS = 10.0
BUDGET_SECONDS = 15.0
LARGEST_ANSWER_BYTES = 65_536  # bytes; the body isn't used


class WebhookAlertPublisher:
    """Sends alert events to a URL with the header `X-Alert-Signature: t=<epoch>,v1=<hex HMAC-SHA256(key, t + "." +
    body)>`. Redirects are not followed.

    `key` is the secret with which each event is signed. `private_networks`: private networks (CIDR) in which the
    URL's host may be; the host name is resolved again for each event. `resolve_host` replaces the system's resolver
    of host names; None: the system's resolver is used. Raises ConsoleError `bad_profile` for an invalid URL.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        clock: Clock,
        scale: TimeScale,
        private_networks: Sequence[str] = (),
        resolve_host: Resolver | None = None,
    ) -> None:
        url_parts, parsed_networks = urlsplit(url), tuple(parse_private_network(text) for text in private_networks)
        origin = f"{url_parts.scheme}://{url_parts.netloc}"
        self._transport = HttpTransport(
            origin, clock=clock, scale=scale, private_networks=parsed_networks, resolve_host=resolve_host
        )
        self._path, self._key, self._clock = url_parts.path or "/", key, clock

    def __repr__(self) -> str:
        return f"<WebhookAlertPublisher {self._path}>"

    def publish(self, message: AlertMessage) -> str | None:
        """Send one alert event. Return None for a 2xx answer, even if its body is too long or was cut off; otherwise
        `status_NNN` with the HTTP status, or the reason for which no answer arrived.
        """
        body = message.body.encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "X-Alert-Topic": message.topic,
            "X-Alert-Event": message.event_id,
            "X-Alert-Signature": compute_signature(self._key, int(self._clock.now().timestamp()), body),
        }
        try:
            answer = self._transport.send(
                "POST",
                self._path,
                headers=headers,
                body=body,
                read_timeout_seconds=READ_TIMEOUT_SECONDS,
                budget_seconds=BUDGET_SECONDS,
                max_body_bytes=LARGEST_ANSWER_BYTES,
            )
        except TransportFailure as failure:
            return None if failure.status is not None and _is_accepted(failure.status) else failure.reason
        return None if _is_accepted(answer.status) else f"status_{answer.status}"

    def close(self) -> None:
        """Do nothing: each connection is closed after its call. The method exists because the interface
        AlertPublisher requires it."""


def _is_accepted(status: int) -> bool:
    """True if this HTTP status of an answer means that the receiver has accepted the event."""
    return 200 <= status < 300


def compute_signature(key: str, epoch_seconds: int, body: bytes) -> str:
    """Return the value of the header `X-Alert-Signature` for a body that is signed with the secret `key`;
    `epoch_seconds` is the time in seconds since 1970 (UTC).
    """
    mac = hmac.new(key.encode(), f"{epoch_seconds}.".encode() + body, "sha256").hexdigest()
    return f"t={epoch_seconds},v1={mac}"
