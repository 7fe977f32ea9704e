"""What a broken call means for money: the exception's chain decides whether anything can have been sent."""

from collections.abc import Iterator
from functools import cache
from typing import TypeAlias

from console.domain.outcomes import OutcomeClass, Sent


class TransportFailure(Exception):
    """A call without a whole answer: its class for a money call, a stable reason, and whether it left.

    `status` is the HTTP status when an answer had begun; it decides nothing.
    """

    def __init__(self, kind: OutcomeClass, reason: str, sent: Sent, status: int | None = None) -> None:
        super().__init__(f"{kind}: {reason} (sent: {sent})")
        self.kind = kind
        self.reason = reason
        self.sent = sent
        self.status = status


class AddressNotAllowed(OSError):
    """The name leads to an address that this provider may not have; raised before connecting."""


class AnswerTooLarge(Exception):
    """The body outgrew its limit while it was read."""


Row: TypeAlias = tuple[str, Sent, tuple[type[BaseException], ...], str]


def classify_exception(error: BaseException) -> tuple[OutcomeClass, str, Sent]:
    """Class, reason and whether it was sent, for a call that costs money. First matching row wins.

    A row matches when any exception of the chain does, so "certainly not sent" outranks what wraps it.
    """
    chain = tuple(_chain(error))
    for reason, sent, types, words in _rows():
        if any(isinstance(link, types) and (not words or words in str(link)) for link in chain):
            kind = OutcomeClass.FAILED_DEFINITE if sent is Sent.NO else OutcomeClass.UNKNOWN
            return kind, reason, sent
    return OutcomeClass.UNKNOWN, "unclassified", Sent.MAYBE


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and what it says it was caused by, outermost first.

    `__context__` is left out on purpose: it holds whatever was being handled at the time, so a reset after
    sending could look like a name that was never resolved, and invite a second purchase.
    """
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        named = (getattr(link, "reason", None), getattr(link, "original_error", None), link.__cause__)
        waiting += [cause for cause in (*link.args, *named) if isinstance(cause, BaseException)]


@cache
def _rows() -> tuple[Row, ...]:
    """The table, in order; the libraries are imported only once something has failed."""
    import http.client
    import json
    import socket
    import ssl

    from requests import exceptions as r
    from urllib3 import exceptions as u
    from urllib3.util.ssl_match_hostname import CertificateError

    unprepared = (r.InvalidURL, r.InvalidSchema, r.MissingSchema, r.InvalidHeader, r.UnrewindableBodyError)
    closed = (http.client.RemoteDisconnected, http.client.BadStatusLine)
    broken = (ConnectionResetError, BrokenPipeError, *closed, u.ProtocolError)
    cut = (r.ChunkedEncodingError, http.client.IncompleteRead, r.ContentDecodingError, u.DecodeError)
    unreadable = (json.JSONDecodeError, r.InvalidJSONError, UnicodeDecodeError)
    return (
        ("bad_request_url", Sent.NO, unprepared, ""),
        ("address_not_allowed", Sent.NO, (AddressNotAllowed,), ""),
        ("name_not_resolved", Sent.NO, (u.NameResolutionError, socket.gaierror), ""),
        ("not_connected", Sent.NO, (u.NewConnectionError,), ""),
        ("connect_timeout", Sent.NO, (r.ConnectTimeout, u.ConnectTimeoutError), ""),
        ("bad_certificate", Sent.NO, (ssl.SSLCertVerificationError, CertificateError), ""),
        ("proxy_refused", Sent.NO, (r.ProxyError, u.ProxyError), "Tunnel connection failed"),
        ("answer_too_large", Sent.YES, (AnswerTooLarge,), ""),
        ("read_timeout", Sent.MAYBE, (r.ReadTimeout, u.ReadTimeoutError), ""),
        ("answer_cut", Sent.YES, cut, ""),
        ("connection_broken", Sent.MAYBE, broken, ""),
        ("tls_broken", Sent.MAYBE, (r.SSLError, u.SSLError, ssl.SSLError, r.ProxyError, u.ProxyError), ""),
        ("unreadable", Sent.YES, unreadable, ""),
        ("redirect", Sent.MAYBE, (r.TooManyRedirects,), ""),
    )
