"""Outcome of a failed call. The exception that ended the call, and its causes, show if a byte of the request can have
been sent."""

import errno
from collections.abc import Iterator
from functools import cache
from typing import TypeAlias

from console.domain.provider_outcome import OutcomeClass, SendingCertainty

TOO_LARGE_REASON = "answer_too_large"
"""Reason of calls whose answer exceeds its size limit."""
CUT_REASON = "answer_cut"
"""Reason of calls whose answer broke off."""
BROKEN_ANSWER_REASONS = frozenset(
    {
        CUT_REASON,
        TOO_LARGE_REASON,
        "budget_spent",
        "connection_broken",
        "read_timeout",
        "tls_broken",
        "unclassified",
    }
)
"""Reasons of calls that may have been sent, and whose answer didn't arrive or broke off."""

OUT_OF_RESOURCES_REASON = "out_of_resources"
"""Reason of calls that weren't sent because the operating system gave this process no further file descriptor, thread
or memory: the cause is this machine, not the provider."""
_RESOURCE_ERROR_NUMBERS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
_NO_THREAD_TEXT = "can't start new thread"


class TransportFailure(Exception):
    """Raised if a call ended without a complete answer. `outcome_class` is the outcome class for a call that costs
    money, `reason` a stable code. `sending_certainty`, stored as `sent`, states if the request can have reached the
    provider.

    `status` is the HTTP status if the headers of an answer were received, otherwise None. `received_body` is the part
    of the answer's body that was received. Both have no influence on `outcome_class`.
    """

    def __init__(
        self,
        outcome_class: OutcomeClass,
        reason: str,
        sending_certainty: SendingCertainty,
        status: int | None = None,
        received_body: bytes = b"",
    ) -> None:
        super().__init__(f"{outcome_class}: {reason} (sent: {sending_certainty})")
        self.outcome_class = outcome_class
        self.reason = reason
        self.sent = sending_certainty
        self.status = status
        self.received_body = received_body


class AddressNotAllowed(OSError):
    """Raised if the host name resolves to an IP address that isn't allowed for this provider. The program has not
    connected yet.
    """


class AnswerTooLarge(Exception):
    """Raised if the body of an HTTP answer exceeds its size limit while the program reads it."""


class UnknownAnswerCoding(Exception):
    """Raised if the body of an HTTP answer is compressed or transferred in a form that this program can't decode."""


FailureRow: TypeAlias = tuple[str, SendingCertainty, tuple[type[BaseException], ...], str]
"""One row of the table of failures: the reason, the certainty of sending, the types of the exceptions, and a text
that the exception must contain ("": any text).
"""


def classify_exception(error: BaseException) -> tuple[OutcomeClass, str, SendingCertainty]:
    """Return the outcome class, the reason, and the certainty of sending for an exception that ended a call that
    costs money. The first row of the table of failures that matches the exception or one of its causes decides.
    Without a match the class is UNKNOWN and the reason `unclassified`.

    The table begins with the exceptions by which a request certainly wasn't sent. The library wraps such an exception
    in a general one, which a later row matches too; the first match must be the row of the wrapped exception.
    """
    causes = tuple(_list_causes(error))
    for reason, sending_certainty, types, text_part in _make_failure_rows():
        if any(
            isinstance(exception, types) and (not text_part or text_part in str(exception)) for exception in causes
        ):
            outcome_class = (
                OutcomeClass.FAILED_DEFINITE if sending_certainty is SendingCertainty.NO else OutcomeClass.UNKNOWN
            )
            return outcome_class, reason, sending_certainty
    return OutcomeClass.UNKNOWN, "unclassified", SendingCertainty.MAYBE


def is_out_of_resources(error: BaseException) -> bool:
    """True if the exception or one of its causes says that this process gets no further file descriptor, thread or
    memory."""
    return any(
        isinstance(cause, MemoryError)
        or (isinstance(cause, OSError) and cause.errno in _RESOURCE_ERROR_NUMBERS)
        or (isinstance(cause, RuntimeError) and _NO_THREAD_TEXT in str(cause))
        for cause in _list_causes(error)
    )


def _list_causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception and its causes, outermost first. The attribute `__context__` is not followed, because it is
    not a cause: it is the exception that was being handled at the time. Otherwise a connection that was reset after
    sending could be classified as a host name that wasn't resolved (`sent` NO), and a person would buy a second time.
    """
    visited_ids: set[int] = set()
    open_exceptions = [error]
    while open_exceptions:
        exception = open_exceptions.pop(0)
        if id(exception) in visited_ids:
            continue
        visited_ids.add(id(exception))
        yield exception
        causes = (getattr(exception, "reason", None), getattr(exception, "original_error", None), exception.__cause__)
        open_exceptions += [cause for cause in (*exception.args, *causes) if isinstance(cause, BaseException)]


@cache
def _make_failure_rows() -> tuple[FailureRow, ...]:
    """Return the table of exceptions. Each row has the reason, the certainty of sending, the types of exceptions,
    and a text that the exception must contain ("": any). The first row that fits decides. The libraries of the
    exceptions are imported only after a failure, so that the program starts faster.
    """
    return (*_make_rows_of_unsent_requests(), *_make_rows_of_broken_exchanges())


def _make_rows_of_unsent_requests() -> tuple[FailureRow, ...]:
    """Return the rows of exceptions that are raised before a byte of the request is sent."""
    import socket
    import ssl

    from requests import exceptions as requests_errors
    from urllib3 import exceptions as urllib3_errors
    from urllib3.util.ssl_match_hostname import CertificateError

    request_errors = (
        requests_errors.InvalidURL,
        requests_errors.InvalidSchema,
        requests_errors.MissingSchema,
        requests_errors.UnrewindableBodyError,
    )
    return (
        ("bad_request_url", SendingCertainty.NO, request_errors, ""),
        ("address_not_allowed", SendingCertainty.NO, (AddressNotAllowed,), ""),
        ("name_not_resolved", SendingCertainty.NO, (urllib3_errors.NameResolutionError, socket.gaierror), ""),
        ("not_connected", SendingCertainty.NO, (urllib3_errors.NewConnectionError,), ""),
        (
            "connect_timeout",
            SendingCertainty.NO,
            (requests_errors.ConnectTimeout, urllib3_errors.ConnectTimeoutError),
            "",
        ),
        ("bad_certificate", SendingCertainty.NO, (ssl.SSLCertVerificationError, CertificateError), ""),
        (
            "proxy_refused",
            SendingCertainty.NO,
            (requests_errors.ProxyError, urllib3_errors.ProxyError),
            "Tunnel connection failed",
        ),
    )


def _make_rows_of_broken_exchanges() -> tuple[FailureRow, ...]:
    """Return the rows of the table of failures for exceptions that are raised while the request is sent or the answer
    is read."""
    import http.client
    import json
    import ssl

    from requests import exceptions as requests_errors
    from urllib3 import exceptions as urllib3_errors

    closed_errors = (http.client.RemoteDisconnected, http.client.BadStatusLine)
    connection_errors = (ConnectionResetError, BrokenPipeError, *closed_errors, urllib3_errors.ProtocolError)
    incomplete_errors = (
        requests_errors.ChunkedEncodingError,
        http.client.IncompleteRead,
        requests_errors.ContentDecodingError,
        urllib3_errors.DecodeError,
    )
    # InvalidHeader is about the answer, such as one with two lengths: our own headers are checked before the call.
    answer_errors = (requests_errors.InvalidHeader, requests_errors.InvalidJSONError, UnknownAnswerCoding)
    parse_errors = (json.JSONDecodeError, UnicodeDecodeError, *answer_errors)
    return (
        (TOO_LARGE_REASON, SendingCertainty.YES, (AnswerTooLarge,), ""),
        ("read_timeout", SendingCertainty.MAYBE, (requests_errors.ReadTimeout, urllib3_errors.ReadTimeoutError), ""),
        (CUT_REASON, SendingCertainty.YES, incomplete_errors, ""),
        ("connection_broken", SendingCertainty.MAYBE, connection_errors, ""),
        (
            "tls_broken",
            SendingCertainty.MAYBE,
            (
                requests_errors.SSLError,
                urllib3_errors.SSLError,
                ssl.SSLError,
                requests_errors.ProxyError,
                urllib3_errors.ProxyError,
            ),
            "",
        ),
        ("unreadable", SendingCertainty.YES, parse_errors, ""),
        ("redirect", SendingCertainty.MAYBE, (requests_errors.TooManyRedirects,), ""),
    )
