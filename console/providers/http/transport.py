"""Sends one HTTP request once, over a new connection, within a time budget and a size limit."""

import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from console import __version__
from console.domain.clock import Clock, TimeScale
from console.domain.network.url_policy import Network, parse_base_url
from console.domain.process import interrupts, sending_permission
from console.domain.provider_outcome import OutcomeClass, SendingCertainty
from console.providers.http.answer_age import NO_CACHE_HEADERS, AnswerDates, was_stored_before_request
from console.providers.http.call_socket import CallSocket, Resolver
from console.providers.http.failure_outcomes import (
    OUT_OF_RESOURCES_REASON,
    AnswerTooLarge,
    TransportFailure,
    UnknownAnswerCoding,
    classify_exception,
    is_out_of_resources,
)

if TYPE_CHECKING:
    import ssl

    from requests import PreparedRequest, Response

    from console.providers.http.requests_session import SingleCallAdapter

__all__ = ["HttpAnswer", "HttpTransport", "TransportFailure", "classify_exception"]

MEBIBYTE = 1 << 20
_CHUNK_BYTES = 64 << 10
_PIECE_BYTES_OF_STORED_CUT_BODY = 16
"""Size of the pieces in which a body is read whose received part is kept if the answer breaks off. The library
`urllib3` drops an incomplete piece."""
_ANY_ZLIB_HEADER = zlib.MAX_WBITS | 32  # gzip or zlib ("deflate"), whichever the data begin with
_COMPRESSED_CODINGS = frozenset({"gzip", "x-gzip", "deflate"})
"""Values of the header `content-encoding` of a compressed body that this module decodes."""
_PATH_PATTERN = re.compile(r"/(?!/)[A-Za-z0-9._~/?&=%:-]*")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One HTTP answer of a provider. `sha256` (hex) is the hash of `body`; the names of `headers` are in lower case.

    - `was_stored_before`: a header of a cache states that the cache had stored the answer before the request was sent
    - `has_old_date`: the `Date` header is older than expected from the date of an earlier answer of the same origin
      and the time that has passed since then
    - `is_end_declared`: the headers declare the end of the body, by its length or by chunks. If False, the end of the
      connection was the end of the body, so the body may be only the beginning of the answer.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    sha256: str
    was_stored_before: bool = False
    has_old_date: bool = False
    is_end_declared: bool = True


class HttpTransport:
    """Sends requests to one provider's origin. It doesn't repeat requests, follow redirects, reuse connections, or
    use settings from environment variables.

    - `proxy` is the URL of a proxy; None: requests are sent without a proxy.
    - Callers give all durations in real seconds; the transport divides each of them by `scale` (None: by 1), which
      makes tests faster.
    - `tls_context` replaces the default TLS context, which trusts the system's root certificates. `resolve_host`
      replaces the system's resolver of host names.
    - `private_networks`: private networks whose addresses are allowed in addition to public addresses.

    Raises ConsoleError `bad_profile` for an invalid `base_url`.
    """

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock,
        scale: TimeScale | None = None,
        connect_timeout_seconds: float = 10.0,
        proxy: str | None = None,
        tls_context: "ssl.SSLContext | None" = None,
        resolve_host: Resolver | None = None,
        private_networks: Sequence[Network] = (),
    ) -> None:
        self._base_url = parse_base_url(base_url, private_networks=private_networks)
        self._clock = clock
        self._scale = scale or TimeScale()
        self._connect_timeout = connect_timeout_seconds
        self._proxy = proxy
        self._proxies = None if proxy is None else {"http": proxy, "https": proxy}
        self._tls_context = tls_context
        self._resolve_host = resolve_host
        self._answer_dates = AnswerDates()

    def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        read_timeout_seconds: float,
        budget_seconds: float,
        max_body_bytes: int = MEBIBYTE,
        may_be_interrupted: bool = True,
        keeps_cut_body: bool = False,
    ) -> HttpAnswer:
        """Send one request and return the answer, with any HTTP status. `path` may have an encoded query. The call
        takes at most `budget_seconds` seconds or slightly more; `read_timeout_seconds` is the longest wait for the
        next bytes of the answer, in seconds. `max_body_bytes` is the largest body in bytes, also after decompression.
        A complete answer is returned even if it arrives late. Raises TransportFailure if no complete answer arrives.

        If a signal has asked the process to end, no new request is sent, and the wait for an answer ends unless
        `may_be_interrupted` is False. With `keeps_cut_body` the body is read in small pieces: if the answer breaks
        off, the TransportFailure has nearly all bytes that arrived. Without `keeps_cut_body`, most of these bytes are
        lost.
        """
        try:
            request = self._prepare_request(method, path, headers, body)
            adapter, call_socket = self._make_adapter(self._scale.scale_seconds(budget_seconds))
        except Exception as error:
            reason = OUT_OF_RESOURCES_REASON if is_out_of_resources(error) else "not_prepared"
            raise TransportFailure(OutcomeClass.FAILED_DEFINITE, reason, SendingCertainty.NO) from error
        status: int | None = None
        pieces: list[bytes] = []
        began_at = self._clock.monotonic()
        interruption_block = (
            interrupts.register_call_ending(call_socket.interrupt) if may_be_interrupted else nullcontext()
        )
        with call_socket, closing(adapter), interruption_block:
            try:
                if interrupts.is_interrupt_pending():
                    call_socket.interrupt()
                timeouts = self._make_timeouts(read_timeout_seconds)
                response = adapter.send(request, stream=True, timeout=timeouts, proxies=self._proxies)
                status = response.status_code
                received_at = self._clock.monotonic()
                with closing(response):
                    piece_bytes = _PIECE_BYTES_OF_STORED_CUT_BODY if keeps_cut_body else _CHUNK_BYTES
                    answer = _read_answer(response, call_socket, max_body_bytes, piece_bytes, pieces)
                return self._add_age_facts(answer, received_at - began_at, received_at)
            except Exception as error:
                received_body = b"".join(pieces) if keeps_cut_body else b""
                raise _make_failure(error, call_socket, status, received_body) from error

    def _add_age_facts(self, answer: HttpAnswer, seconds_taken: float, received_at: float) -> HttpAnswer:
        """Return the answer with the facts about its age. The headers of the answer arrived `seconds_taken` after the
        beginning of the call, at `received_at` (monotonic seconds)."""
        return replace(
            answer,
            was_stored_before=was_stored_before_request(answer.headers, seconds_taken),
            has_old_date=self._answer_dates.is_before_earlier_answer(answer.headers, received_at),
        )

    def _prepare_request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> "PreparedRequest":
        """Return the request in the form in which it is sent. Raises ValueError if `path` has characters that
        aren't allowed, or if the library `requests` would change the URL."""
        from requests import Request

        url = f"{self._base_url}{path}"
        default_headers = {
            "User-Agent": f"support-console/{__version__}",
            "Accept-Encoding": "identity",
            "Connection": "close",
            **NO_CACHE_HEADERS,
        }
        request = Request(method, url, headers={**default_headers, **headers}, data=body).prepare()
        if not _PATH_PATTERN.fullmatch(path) or request.url != url:
            raise ValueError("a path of ours never needs rewriting")
        return request

    def _make_adapter(self, budget_seconds: float) -> "tuple[SingleCallAdapter, CallSocket]":
        """Return the `requests` adapter for one request, and the CallSocket, which limits the call to
        `budget_seconds` seconds."""
        from console.providers.http.requests_session import SingleCallAdapter, load_system_tls_context

        if self._tls_context is None and self._base_url.scheme == "https":
            self._tls_context = load_system_tls_context()
        call_socket = CallSocket(self._clock, budget_seconds, self._is_address_allowed, self._resolve_host)
        return SingleCallAdapter(call_socket, self._tls_context), call_socket

    def _is_address_allowed(self, address: str) -> bool:
        """True if the program may connect to this IP address. With a configured proxy every address is allowed,
        because the proxy is trusted; otherwise only the addresses that `BaseUrl.allows_address` allows."""
        return self._proxy is not None or self._base_url.allows_address(address)

    def _make_timeouts(self, read_seconds: float) -> tuple[float, float]:
        """Return the connect timeout and the read timeout (`read_seconds`) of a request in seconds, divided by the
        time scale."""
        return self._scale.scale_seconds(self._connect_timeout), self._scale.scale_seconds(read_seconds)


def _read_answer(
    response: "Response", call_socket: CallSocket, max_body_bytes: int, piece_bytes: int, pieces: list[bytes]
) -> HttpAnswer:
    """Read the complete body of an answer, and return the answer with it. The body is read in pieces of `piece_bytes`
    bytes, which are added to `pieces`, so that the caller has them after an error. Raises UnknownAnswerCoding for a
    body in a coding that isn't decoded. Raises AnswerTooLarge for a body of more than `max_body_bytes` bytes. Raises
    TimeoutError if `call_socket` shut the socket down and the answer doesn't state the end of its body (by its length
    or by chunks), because the body may be incomplete."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    content_coding = _read_content_coding(headers)
    has_known_end = response.raw.chunked or response.raw.length_remaining is not None
    digest = hashlib.sha256()
    size = 0
    for piece in _iterate_body(response, piece_bytes, is_compressed=content_coding in _COMPRESSED_CODINGS):
        size += len(piece)
        if size > max_body_bytes:
            raise AnswerTooLarge
        digest.update(piece)
        pieces.append(piece)
    if call_socket.has_shut_down_socket and not has_known_end:
        raise TimeoutError("the call was cut while the body was read")
    body = b"".join(pieces)
    return HttpAnswer(response.status_code, headers, body, digest.hexdigest(), is_end_declared=has_known_end)


def _read_content_coding(headers: Mapping[str, str]) -> str:
    """Return the content coding that the headers of an answer (names in lower case) state, in lower case; `identity`
    if they state none.

    Raises UnknownAnswerCoding if the body is in a coding that this module doesn't decode: a provider's adapter would
    search the undecoded bytes for the contents of the answer, and find none. Raises UnknownAnswerCoding also if the
    headers declare two ends of the body, by chunks and by a length.
    """
    content_coding = headers.get("content-encoding", "identity").strip().lower()
    transfer_coding = headers.get("transfer-encoding", "identity").strip().lower()
    is_known = content_coding in ("", "identity") or content_coding in _COMPRESSED_CODINGS
    has_two_ends = transfer_coding == "chunked" and "content-length" in headers
    if not is_known or has_two_ends or transfer_coding not in ("identity", "chunked"):
        raise UnknownAnswerCoding
    return content_coding


def _iterate_body(response: "Response", piece_bytes: int, *, is_compressed: bool) -> Iterator[bytes]:
    """Yield the body of an answer, read in pieces of `piece_bytes` bytes, decompressed if `is_compressed`. Raises
    ContentDecodingError for a compressed body that is damaged, that isn't complete or that has bytes after its end;
    the library `requests` would return the part before the damage as the complete body."""
    from requests.exceptions import ContentDecodingError

    # Without this header the library returns the bytes as they were sent.
    response.raw.headers.discard("content-encoding")
    pieces = response.iter_content(piece_bytes)
    if not is_compressed:
        yield from pieces
        return
    decompressor = zlib.decompressobj(_ANY_ZLIB_HEADER)
    has_begun = False
    try:
        for piece in pieces:
            has_begun, unread_bytes = True, piece
            while unread_bytes:
                yield decompressor.decompress(unread_bytes, _CHUNK_BYTES)
                unread_bytes = decompressor.unconsumed_tail
                if decompressor.unused_data:
                    raise ContentDecodingError("bytes after the end of a compressed body")
        yield decompressor.flush()
    except zlib.error as error:
        raise ContentDecodingError("a compressed body is damaged") from error
    if has_begun and not decompressor.eof:
        raise ContentDecodingError("a compressed body isn't complete")


def _make_failure(
    error: Exception, call_socket: CallSocket, status: int | None, received_body: bytes
) -> TransportFailure:
    """Return the failure for an exception: the result of `classify_exception`, corrected by the facts of
    `call_socket`. `status` is the HTTP status; None if no answer has begun. `received_body` is the received part of
    the body.

    If no byte of the request was sent, the class is FAILED_DEFINITE and `sent` is NO; an interrupt, a missing
    permission to send, or a lack of file descriptors, threads or memory replaces the reason. Otherwise the class is
    UNKNOWN for every exception, and an interrupt or the end of the time budget replaces the reason. Once an answer
    has begun, `sent` is YES.
    """
    outcome_class, reason, sending_certainty = classify_exception(error)
    cause = (
        interrupts.INTERRUPT_REASON
        if call_socket.is_interrupted
        else "budget_spent"
        if call_socket.is_budget_over
        else None
    )
    if not call_socket.may_have_sent_bytes:
        outcome_class, sending_certainty = OutcomeClass.FAILED_DEFINITE, SendingCertainty.NO
        if call_socket.is_sending_forbidden:
            reason = sending_permission.STOPPED_BEFORE_SENDING_REASON
        elif call_socket.is_interrupted:
            reason = interrupts.INTERRUPT_REASON
        elif is_out_of_resources(error):
            reason = OUT_OF_RESOURCES_REASON
    elif status is not None or cause or sending_certainty is SendingCertainty.NO:
        outcome_class, sending_certainty = (
            OutcomeClass.UNKNOWN,
            SendingCertainty.MAYBE if status is None else SendingCertainty.YES,
        )
        reason = cause or reason
    return TransportFailure(outcome_class, reason, sending_certainty, status, received_body)
