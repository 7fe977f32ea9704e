"""Sends one HTTP request, once, over a fresh connection, within a time budget and a size limit."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from console.domain.clock import Clock, TimeScale
from console.domain.outcomes import OutcomeClass, Sent
from console.providers.base_url import Network, check_base_url, parse_base_url
from console.providers.failures import AnswerTooLarge, TransportFailure, classify_exception
from console.providers.watch import Resolver, Watch

if TYPE_CHECKING:
    import ssl

    from requests import PreparedRequest, Response

    from console.providers.wire import OneCall

__all__ = ["HttpAnswer", "HttpTransport", "TransportFailure", "check_base_url", "classify_exception"]

MEBIBYTE = 1 << 20
_CHUNK_BYTES = 64 << 10
_PATH = re.compile(r"/(?!/)[A-Za-z0-9._~/?&=%:-]*")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer as it came; `sha256` (hex) is the hash of `body`, header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    sha256: str


class HttpTransport:
    """One provider's origin. Nothing is repeated, followed, reused or read from the environment.

    Raises ConsoleError `bad_profile` for an unfit `base_url`. `proxy` (a URL) is used only when given.
    All durations are real seconds; `scale` divides them here and nowhere else. `trust` replaces the system's
    roots, `resolve` the system's resolver. `private`: networks that it may lead into beside the public one.
    """

    def __init__(
        self,
        base_url: str,
        *,
        clock: Clock,
        scale: TimeScale | None = None,
        connect_timeout: float = 10.0,
        proxy: str | None = None,
        trust: "ssl.SSLContext | None" = None,
        resolve: Resolver | None = None,
        private: Sequence[Network] = (),
    ) -> None:
        self._base = parse_base_url(base_url, private=private)
        self._clock = clock
        self._scale = scale or TimeScale()
        self._connect_timeout = connect_timeout
        self._proxy = proxy
        self._proxies = None if proxy is None else {"http": proxy, "https": proxy}
        self._trust = trust
        self._resolve = resolve

    def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        read_timeout: float,
        budget: float,
        limit: int = MEBIBYTE,
    ) -> HttpAnswer:
        """The answer, whatever its status, or TransportFailure; both within `budget` seconds (and a moment).

        `path` may carry a query, already encoded. `limit` bounds the body in bytes, also while unpacking it.
        """
        try:
            request = self._prepared(method, path, headers, body)
            adapter, watch = self._adapter(self._scale.seconds(budget))
        except Exception as error:
            raise TransportFailure(OutcomeClass.FAILED_DEFINITE, "not_prepared", Sent.NO) from error
        status: int | None = None
        with watch, closing(adapter):
            try:
                timeouts = self._timeouts(read_timeout)
                response = adapter.send(request, stream=True, timeout=timeouts, proxies=self._proxies)
                status = response.status_code
                with closing(response):
                    return _read(response, watch, limit)
            except Exception as error:
                raise _failure(error, watch, status) from error

    def _prepared(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> "PreparedRequest":
        """The request as it will leave; its URL is the origin and the path, letter for letter."""
        from requests import Request

        url = f"{self._base}{path}"
        always = {"User-Agent": "support-console", "Accept-Encoding": "identity", "Connection": "close"}
        request = Request(method, url, headers={**always, **headers}, data=body).prepare()
        if not _PATH.fullmatch(path) or request.url != url:
            raise ValueError("a path of ours never needs rewriting")
        return request

    def _adapter(self, budget: float) -> "tuple[OneCall, Watch]":
        from console.providers.wire import OneCall, system_trust

        if self._trust is None and self._base.scheme == "https":
            self._trust = system_trust()
        watch = Watch(self._clock, budget, self._admits, self._resolve)
        return OneCall(watch, self._trust), watch

    def _admits(self, address: str) -> bool:
        """A proxy was chosen by whoever configured it; without one the address must suit the URL."""
        return self._proxy is not None or self._base.admits(address)

    def _timeouts(self, read: float) -> tuple[float, float]:
        return self._scale.seconds(self._connect_timeout), self._scale.seconds(read)


def _read(response: "Response", watch: Watch, limit: int) -> HttpAnswer:
    """The whole body; a cut one is never taken for whole, not even if it was to end with the connection."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    chunks: list[bytes] = []
    digest = hashlib.sha256()
    size = 0
    for chunk in response.iter_content(_CHUNK_BYTES):
        size += len(chunk)
        if size > limit:
            raise AnswerTooLarge
        digest.update(chunk)
        chunks.append(chunk)
    if watch.spent:
        raise TimeoutError("the budget was spent while the body was read")
    return HttpAnswer(response.status_code, headers, b"".join(chunks), digest.hexdigest())


def _failure(error: Exception, watch: Watch, status: int | None) -> TransportFailure:
    """The table's verdict; a budget that ran out after connecting is named as the cause."""
    kind, reason, sent = classify_exception(error)
    if status is not None or (watch.spent and sent is not Sent.NO):
        kind, sent = OutcomeClass.UNKNOWN, Sent.MAYBE if status is None else Sent.YES
        reason = "budget_spent" if watch.spent else reason
    return TransportFailure(kind, reason, sent, status)
