"""Tests of the outcome class of a call that failed with an exception: the chain of exceptions and their causes
decides it.
"""

import asyncio
import http.client
import importlib
import json
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3
from urllib3.util.ssl_match_hostname import CertificateError

from console.domain.provider_outcome import OutcomeClass, SendingCertainty
from console.providers.http.failure_outcomes import AnswerTooLarge, classify_exception

PROVIDER_TEST_VECTORS = json.loads((Path(__file__).parents[2] / "vectors/provider_vectors.json").read_text("utf-8"))
TRANSPORT_VECTORS = PROVIDER_TEST_VECTORS["classify_transport"]
CONNECTION_POOL: Any = urllib3.HTTPConnectionPool("127.0.0.1", 1)


def make_exception(name: str, cause: BaseException | None, message: str) -> BaseException:
    """Return one exception of a chain, with its cause attached as the HTTP library does it. `name` is its class with
    the module, such as `builtins.OSError`.
    """
    module, _, short = name.rpartition(".")
    kind = getattr(importlib.import_module(module), short)
    error: BaseException
    if kind is urllib3.exceptions.MaxRetryError:
        assert isinstance(cause, Exception)
        return urllib3.exceptions.MaxRetryError(CONNECTION_POOL, "/", cause)
    if kind is urllib3.exceptions.NameResolutionError:
        assert isinstance(cause, socket.gaierror)
        error = urllib3.exceptions.NameResolutionError("host", CONNECTION_POOL, cause)
        error.__cause__ = cause
        return error
    if kind is urllib3.exceptions.NewConnectionError:
        error = urllib3.exceptions.NewConnectionError(CONNECTION_POOL, "no connection")
        error.__cause__ = cause
        return error
    if kind is urllib3.exceptions.ReadTimeoutError:
        error = urllib3.exceptions.ReadTimeoutError(CONNECTION_POOL, "/", "timed out")
        error.__cause__ = cause
        return error
    if kind is urllib3.exceptions.ProxyError:
        assert isinstance(cause, Exception)
        return urllib3.exceptions.ProxyError("Unable to connect to proxy", cause)
    if kind is urllib3.exceptions.IncompleteRead:
        return urllib3.exceptions.IncompleteRead(10, 20)
    if kind in (requests.exceptions.JSONDecodeError, json.JSONDecodeError):
        error = kind("no JSON", "x", 0)
        error.__cause__ = cause
        return error
    error = kind(message, cause) if cause is not None else kind(message)
    return error


def make_exception_chain(names: Sequence[str], message: str, context: Sequence[str] = ()) -> BaseException:
    error: BaseException | None = None
    for name in reversed(names):
        innermost = error is None
        error = make_exception(name, error, message)
        if innermost and context:
            error.__context__ = make_exception_chain(context, message)
    assert error is not None
    return error


@pytest.mark.parametrize("vector", TRANSPORT_VECTORS, ids=[v["id"] for v in TRANSPORT_VECTORS])
def test_exception_chains_of_the_test_vectors_have_their_outcome_class(vector: dict[str, Any]) -> None:
    """Each chain of exceptions in the test vectors has the stated outcome class. Only FAILED_DEFINITE means that
    nothing was sent.
    """
    error = make_exception_chain(
        vector["exception_chain"],
        vector.get("message_contains", "it broke"),
        vector.get("context_of_innermost", ()),
    )
    kind, reason, sent = classify_exception(error)
    assert kind == vector["expected_class_money"]
    assert (sent is SendingCertainty.NO) == (kind is OutcomeClass.FAILED_DEFINITE)
    assert reason


def make_proxy_error(message: str) -> BaseException:
    return urllib3.exceptions.ProxyError("x", OSError(message))


def set_cause(outer: BaseException, cause: BaseException) -> BaseException:
    outer.__cause__ = cause
    return outer


NAME_RESOLUTION_ERROR = make_exception_chain(
    next(v["exception_chain"] for v in TRANSPORT_VECTORS if v["id"] == "t-dns"), "x"
)

FAILURE_ROWS: list[tuple[str, BaseException, str, SendingCertainty]] = [
    ("1 URL", requests.exceptions.InvalidURL("x"), "bad_request_url", SendingCertainty.NO),
    ("1 schema", requests.exceptions.InvalidSchema("x"), "bad_request_url", SendingCertainty.NO),
    ("1 no schema", requests.exceptions.MissingSchema("x"), "bad_request_url", SendingCertainty.NO),
    ("1 body", requests.exceptions.UnrewindableBodyError("x"), "bad_request_url", SendingCertainty.NO),
    ("2 name", NAME_RESOLUTION_ERROR, "name_not_resolved", SendingCertainty.NO),
    ("2 bare", socket.gaierror(-2, "x"), "name_not_resolved", SendingCertainty.NO),
    ("3 refused", urllib3.exceptions.NewConnectionError(CONNECTION_POOL, "x"), "not_connected", SendingCertainty.NO),
    ("4 requests", requests.exceptions.ConnectTimeout("x"), "connect_timeout", SendingCertainty.NO),
    ("4 urllib3", urllib3.exceptions.ConnectTimeoutError("x"), "connect_timeout", SendingCertainty.NO),
    ("5 chain", ssl.SSLCertVerificationError("x"), "bad_certificate", SendingCertainty.NO),
    ("5 host name", urllib3.exceptions.SSLError(CertificateError("x")), "bad_certificate", SendingCertainty.NO),
    ("6 tunnel", make_proxy_error("Tunnel connection failed: 403"), "proxy_refused", SendingCertainty.NO),
    ("6 other words", make_proxy_error("it went away"), "tls_broken", SendingCertainty.MAYBE),
    ("7 requests", requests.exceptions.ReadTimeout("x"), "read_timeout", SendingCertainty.MAYBE),
    (
        "7 urllib3",
        urllib3.exceptions.ReadTimeoutError(CONNECTION_POOL, "/", "x"),
        "read_timeout",
        SendingCertainty.MAYBE,
    ),
    ("8 reset", ConnectionResetError(), "connection_broken", SendingCertainty.MAYBE),
    ("8 pipe", BrokenPipeError(), "connection_broken", SendingCertainty.MAYBE),
    ("8 closed", http.client.RemoteDisconnected("x"), "connection_broken", SendingCertainty.MAYBE),
    ("8 status line", http.client.BadStatusLine("x"), "connection_broken", SendingCertainty.MAYBE),
    ("8 protocol", urllib3.exceptions.ProtocolError("x"), "connection_broken", SendingCertainty.MAYBE),
    ("9 EOF in TLS", ssl.SSLEOFError("x"), "tls_broken", SendingCertainty.MAYBE),
    ("9 record", requests.exceptions.SSLError("x"), "tls_broken", SendingCertainty.MAYBE),
    ("9 proxy", requests.exceptions.ProxyError("x"), "tls_broken", SendingCertainty.MAYBE),
    ("10 chunk", requests.exceptions.ChunkedEncodingError("x"), "answer_cut", SendingCertainty.YES),
    ("10 short", http.client.IncompleteRead(b""), "answer_cut", SendingCertainty.YES),
    ("10 decoding", requests.exceptions.ContentDecodingError("x"), "answer_cut", SendingCertainty.YES),
    ("10 JSON", json.JSONDecodeError("x", "y", 0), "unreadable", SendingCertainty.YES),
    ("10 header", requests.exceptions.InvalidHeader("x"), "unreadable", SendingCertainty.YES),
    ("10 too large", AnswerTooLarge(), "answer_too_large", SendingCertainty.YES),
    ("11 redirects", requests.exceptions.TooManyRedirects("x"), "redirect", SendingCertainty.MAYBE),
    ("12 cancelled", asyncio.CancelledError(), "unclassified", SendingCertainty.MAYBE),
    ("12 memory", MemoryError(), "unclassified", SendingCertainty.MAYBE),
    ("12 system exit", SystemExit(1), "unclassified", SendingCertainty.MAYBE),
    ("12 any", ValueError("x"), "unclassified", SendingCertainty.MAYBE),
    ("group is not walked", ExceptionGroup("x", [socket.gaierror(-2, "x")]), "unclassified", SendingCertainty.MAYBE),
    (
        "cause is walked",
        set_cause(RuntimeError("x"), socket.gaierror(-2, "x")),
        "name_not_resolved",
        SendingCertainty.NO,
    ),
]


@pytest.mark.parametrize(
    ("error", "reason", "certainty"), [row[1:] for row in FAILURE_ROWS], ids=[row[0] for row in FAILURE_ROWS]
)
def test_every_row_of_failures_has_its_reason(error: BaseException, reason: str, certainty: SendingCertainty) -> None:
    """Each failure in the table has the listed reason and the listed answer to "may the request have been sent?".
    Only if nothing was sent, the outcome is FAILED_DEFINITE; otherwise it is UNKNOWN."""
    expected = OutcomeClass.FAILED_DEFINITE if certainty is SendingCertainty.NO else OutcomeClass.UNKNOWN
    assert classify_exception(error) == (expected, reason, certainty)


def test_the_class_of_a_failure_ignores_its_context() -> None:
    """The outcome class of an exception does not depend on the other exception that was being handled when it was
    raised.
    """
    for error in (ConnectionResetError(), requests.exceptions.ReadTimeout("x"), RuntimeError("x")):
        error.__context__ = NAME_RESOLUTION_ERROR
        assert classify_exception(error)[0] is OutcomeClass.UNKNOWN


def test_a_circular_chain_of_causes_ends() -> None:
    """Exceptions that have each other as cause don't make the classification loop endlessly."""
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    assert classify_exception(first)[0] is OutcomeClass.UNKNOWN
