"""Tests over real sockets: an answer that a cache had stored before the request proves nothing about the record."""

import itertools
from collections.abc import Mapping
from email.utils import format_datetime

import pytest

from console.domain.clock import SystemClock
from console.domain.provider_outcome import OutcomeClass, SendingCertainty
from console.providers.http.answer_age import was_stored_before_request
from console.providers.http.answer_outcomes import READ_STATUS_CLASSES, make_answer_converter
from console.providers.http.rate_limiter import RateLimiter
from console.providers.http.single_request import SingleRequest, send_once
from console.providers.http.transport import HttpTransport
from tests.providers.parts import CountingRateLimiter
from tests.providers.raw_server import make_answer_script, serve_scripts
from tests.providers.sending import make_transport

HEADERS_OF_OLD_ANSWERS: list[Mapping[str, str]] = [
    {"Age": "3600"},
    {"Age": "1"},
    {"Age": "0, 20"},
    {"Age": "-1"},
    {"Age": "1e3"},
    {"Age": "9" * 400},
    {"X-Cache": "Hit from cloudfront"},
    {"X-Cache": "HIT, MISS"},
    {"X-Cache": "MISS, HIT"},
    {"X-Cache": "TCP_MEM_HIT from a1"},
    {"X-Cache": "TCP_NEGATIVE_HIT from a1"},
    {"X-Cache": "TCP_REFRESH_FAIL_HIT from a1"},
    {"X-Cache-Status": "HIT"},
    {"X-Cache-Status": "STALE"},
    {"X-Cache-Status": "UPDATING"},
    {"CF-Cache-Status": "HIT"},
    {"X-Proxy-Cache": "HIT"},
    {"Cache-Status": "ExampleCache; hit; ttl=376"},
    {"Cache-Status": "OriginCache; hit, EdgeCache; fwd=uri-miss"},
    {"Cache-Status": "EdgeCache;HIT"},
    {"Warning": '110 - "Response is Stale"'},
    {"Warning": '214 x "changed", 111 - "Revalidation Failed"'},
]
HEADERS_OF_FRESH_ANSWERS: list[Mapping[str, str]] = [
    {},
    {"Age": "0"},
    {"Age": ""},
    {"X-Cache": "Miss from cloudfront"},
    {"X-Cache": "Error from cloudfront"},
    {"X-Cache": "RefreshHit from cloudfront"},
    {"X-Cache": "TCP_REFRESH_HIT from a1"},
    {"X-Cache": "TCP_MISS from a1"},
    {"X-Cache-Status": "BYPASS"},
    {"CF-Cache-Status": "DYNAMIC"},
    {"Cache-Status": "ExampleCache; fwd=uri-miss; stored"},
    {"Cache-Status": 'HitCache; fwd=stale; fwd-status=200; detail="hit"'},
    {"Warning": '299 - "deprecated"'},
    {"X-Cache-Hits": "0"},
]
CONVERT_ANSWER = make_answer_converter(READ_STATUS_CLASSES, lambda body: body)


def send_request(line: HttpTransport, *, has_effect: bool = False, accepts: bool = False) -> tuple[OutcomeClass, str]:
    """Send a request, to which an answer must come. Return class and reason of the outcome. `accepts` is True if the
    request accepts a stored answer.
    """
    request = SingleRequest("GET", "/a", 5, 5, has_effect=has_effect, accepts_stored_answer=accepts)
    limiter: RateLimiter = CountingRateLimiter()
    outcome = send_once(line, limiter, request, CONVERT_ANSWER, headers={})
    assert outcome.sent is SendingCertainty.YES
    assert outcome.kind is not OutcomeClass.UNKNOWN or outcome.content is None
    return outcome.kind, outcome.reason


@pytest.mark.parametrize("headers", HEADERS_OF_OLD_ANSWERS, ids=str)
@pytest.mark.parametrize("has_effect", [False, True])
@pytest.mark.parametrize("status", [200, 404, 401])
def test_a_stored_answer_proves_nothing(headers: Mapping[str, str], has_effect: bool, status: int) -> None:
    """An answer from a cache proves neither "not found" nor a success, for a read and for a call that moves money. A
    call that accepts old answers uses it."""
    with serve_scripts(make_answer_script(status, {"a": "b"}, headers)) as server:
        assert send_request(make_transport(server.url), has_effect=has_effect) == (OutcomeClass.UNKNOWN, "old_answer")
        assert send_request(make_transport(server.url), accepts=True)[0] is not OutcomeClass.UNKNOWN


@pytest.mark.parametrize("headers", HEADERS_OF_FRESH_ANSWERS, ids=str)
def test_an_answer_that_passed_a_cache_is_accepted(headers: Mapping[str, str]) -> None:
    """An answer with a cache's headers is accepted if the cache got it from the provider for this request."""
    with serve_scripts(make_answer_script(404, {"a": "b"}, headers)) as server:
        assert send_request(make_transport(server.url))[0] is OutcomeClass.NOT_FOUND


def test_an_answer_that_is_younger_than_the_call_is_accepted() -> None:
    """An answer is accepted if a cache got it from the provider after the request was sent."""
    assert not was_stored_before_request({"age": "3"}, 3.5)
    assert was_stored_before_request({"age": "4"}, 3.5)


def test_every_request_forbids_stored_answers_of_caches() -> None:
    """Each request has the header that orders caches to get the answer from the provider."""
    with serve_scripts(make_answer_script(200, {})) as server:
        send_request(make_transport(server.url))
        assert (server.get_header(0, "cache-control"), server.get_header(0, "pragma")) == (
            "no-cache, no-store",
            "no-cache",
        )


class _ManualClock(SystemClock):
    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def _make_date_header(text: str) -> Mapping[str, str]:
    return {"Date": text}


@pytest.mark.parametrize(
    ("second", "is_old"),
    [
        ("Fri, 20 Nov 2026 03:00:00 GMT", True),
        ("Fri, 20 Nov 2026 02:00:00 GMT", True),
        ("Thu, 01 Jan 1970 00:00:00 -0000", True),
        ("Fri, 20 Nov 2026 03:01:30 GMT", False),
        ("Fri, 20 Nov 2026 03:02:00 GMT", False),
        ("Fri, 20 Nov 2030 03:02:00 GMT", False),
        ("yesterday", False),
        ("", False),
    ],
)
def test_an_answer_older_than_an_earlier_one_is_refused(second: str, is_old: bool) -> None:
    """A read gets a second answer two minutes after the first. If the second one's Date header shows that it is older
    than the first answer, it comes from a cache and the outcome is unknown. For a call with an effect the Date header
    isn't used."""
    clock = _ManualClock()
    first = make_answer_script(404, {}, _make_date_header("Fri, 20 Nov 2026 03:00:00 GMT"))
    with serve_scripts(first, make_answer_script(404, {}, _make_date_header(second))) as server:
        line = HttpTransport(server.url, clock=clock)
        assert send_request(line)[0] is OutcomeClass.NOT_FOUND
        clock.seconds = 120.0
        expected = (OutcomeClass.UNKNOWN, "old_answer") if is_old else (OutcomeClass.NOT_FOUND, "http_404")
        assert send_request(line) == expected
        assert send_request(line, has_effect=True)[0] is OutcomeClass.NOT_FOUND


def test_the_last_date_of_the_calendar_makes_no_later_answer_unreadable() -> None:
    """A server sends the last date of the calendar: the next answer to a call with an effect still counts."""
    clock, dates = _ManualClock(), ("Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 20 Nov 2026 03:00:00 GMT")
    with serve_scripts(*(make_answer_script(404, {}, _make_date_header(date)) for date in dates)) as server:
        line = HttpTransport(server.url, clock=clock)
        send_request(line)
        clock.seconds = 1.0
        assert send_request(line, has_effect=True) == (OutcomeClass.NOT_FOUND, "http_404")


def test_answers_count_again_after_a_providers_clock_is_put_back() -> None:
    """The provider's clock was ten minutes ahead and is then corrected. For up to one hour after the last answer with
    the wrong clock, answers look old and are refused; later answers are accepted again.
    """
    clock = _ManualClock()
    dates = ("03:10:00", "03:05:00", "03:58:00", "04:05:00", "04:07:00")
    scripts = (make_answer_script(404, {}, _make_date_header(f"Fri, 20 Nov 2026 {date} GMT")) for date in dates)
    with serve_scripts(*scripts) as server:
        line = HttpTransport(server.url, clock=clock)
        reasons = []
        for seconds in (0.0, 300.0, 3_480.0, 3_900.0, 4_020.0):
            clock.seconds = seconds
            reasons.append(send_request(line)[1])
    assert reasons == ["http_404", "old_answer", "old_answer", "http_404", "http_404"]


def test_the_clock_of_this_machine_makes_no_answer_old() -> None:
    """The dates of answers are compared only with each other, so a wrong clock of the provider or of the desk makes
    no answer old."""
    start = SystemClock().now()
    dates = [format_datetime(start.replace(year=year), usegmt=False) for year in (1999, 1999, 2100)]
    with serve_scripts(
        *itertools.starmap(make_answer_script, ((404, {}, _make_date_header(date)) for date in dates))
    ) as server:
        line = make_transport(server.url)
        assert {send_request(line)[0] for _ in dates} == {OutcomeClass.NOT_FOUND}
