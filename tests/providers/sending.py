"""Helpers for tests of the HTTP transport: they send one request in the form of a purchase through a transport."""

from typing import Any

import pytest

from console.domain.clock import SystemClock
from console.domain.provider_outcome import OutcomeClass, SendingCertainty
from console.providers.http.transport import HttpAnswer, HttpTransport, TransportFailure
from tests.providers.raw_server import make_http_answer

CHECK_ANSWER = {"credit_check": {"credit_check_id": 12345}}
WHOLE_ANSWER = make_http_answer(200, CHECK_ANSWER)
LONG_HEAD = b"HTTP/1.1 200 OK\r\nX-Padding: " + b"a" * 20_000
"""The beginning of an answer whose headers don't end. A server drips it for longer than a test may take."""


def make_transport(url: str, **options: Any) -> HttpTransport:
    return HttpTransport(url, clock=SystemClock(), **options)


def send_purchase(
    line: HttpTransport, *, read_timeout: float = 5, budget: float = 5, limit: int = 1 << 20
) -> HttpAnswer:
    """Send a purchase and return the answer. `read_timeout` and `budget` are in seconds, `limit` is the largest size
    of the answer in bytes.
    """
    headers = {"Content-Type": "application/json", "Authorization": "Bearer at-1"}
    return line.send(
        "POST",
        "/ps/v1/credit_checks",
        headers=headers,
        body=b"{}",
        read_timeout_seconds=read_timeout,
        budget_seconds=budget,
        max_body_bytes=limit,
    )


def read_failure(line: HttpTransport, **options: Any) -> tuple[OutcomeClass, str, SendingCertainty]:
    """Send a purchase, which must fail. Return class and reason of the failure, and whether the request was sent."""
    with pytest.raises(TransportFailure) as caught:
        send_purchase(line, **options)
    return caught.value.outcome_class, caught.value.reason, caught.value.sent


def make_unsent_failure(reason: str) -> tuple[OutcomeClass, str, SendingCertainty]:
    """Return what `read_failure` returns for a request that failed with `reason` and was certainly not sent."""
    return OutcomeClass.FAILED_DEFINITE, reason, SendingCertainty.NO
