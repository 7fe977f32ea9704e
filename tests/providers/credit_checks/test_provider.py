"""Tests over real sockets that each provider of credit checks fulfils the contract of `CreditCheckProvider`."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from console.domain.clock import SystemClock
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.provider_outcome import OutcomeClass, SendingCertainty
from console.domain.records import PurchaseRequest
from console.providers.credit_checks.provider import CreditCheckProvider, CreditCheckReader
from console.providers.http.rate_limiter import RateLimiter
from console.providers.http.transport import HttpTransport
from tests.providers.minimal_provider import ArticleCountProvider
from tests.providers.parts import PURCHASE_REQUEST, PURCHASED_ANSWER, CountingRateLimiter, make_alarmbox
from tests.providers.raw_server import (
    Script,
    find_closed_port,
    make_answer_script,
    make_bytes_script,
    make_hang_script,
    make_http_answer,
    make_reset_script,
    make_slow_script,
    serve_scripts,
)


@dataclass(frozen=True)
class CreditCheckProviderExample:
    """A provider under test: a function that opens its adapter at a URL, its server's answer to a successful
    purchase, the id of the credit check in this answer, and its secrets."""

    open_adapter: Callable[[str, RateLimiter], CreditCheckProvider]
    purchase_answer: object
    id: int
    secrets: tuple[str, ...]


def _make_article_count_provider(url: str, rate_limiter: RateLimiter) -> CreditCheckProvider:
    names = {PURCHASE_REQUEST.corporation_number: "架空商事株式会社"}
    return ArticleCountProvider(HttpTransport(url, clock=SystemClock()), rate_limiter, "key-1", names.get)


def _make_alarmbox(url: str, rate_limiter: RateLimiter) -> CreditCheckProvider:
    return make_alarmbox(url, rate_limiter=rate_limiter)


PROVIDER_EXAMPLES = {
    "alarmbox": CreditCheckProviderExample(
        _make_alarmbox, PURCHASED_ANSWER, 12345, ("at-1", "rt-1", "s3cret-of-client")
    ),
    "article-count": CreditCheckProviderExample(
        _make_article_count_provider, {"search_id": 77, "count": 3}, 77, ("key-1",)
    ),
}


@pytest.fixture(params=list(PROVIDER_EXAMPLES))
def provider_example(request: pytest.FixtureRequest) -> CreditCheckProviderExample:
    return PROVIDER_EXAMPLES[request.param]


def test_a_purchase_is_one_request(provider_example: CreditCheckProviderExample) -> None:
    """A purchase waits once for the rate limiter and sends one request; its outcome contains the id of the credit
    check.
    """
    rate_limiter = CountingRateLimiter()
    with serve_scripts(make_answer_script(200, provider_example.purchase_answer)) as server:
        outcome = provider_example.open_adapter(server.url, rate_limiter).buy_check(PURCHASE_REQUEST)
        assert (outcome.kind, outcome.sent, outcome.status) == (OutcomeClass.SUCCEEDED, SendingCertainty.YES, 200)
        assert outcome.content is not None
        assert outcome.content.credit_check_id == provider_example.id
        assert (len(server.requests), rate_limiter.taken) == (1, 1)


@pytest.mark.parametrize("status", [*range(200, 210), *range(300, 309), *range(400, 432), *range(500, 512)])
def test_only_listed_statuses_are_definite_refusals(
    provider_example: CreditCheckProviderExample, status: int
) -> None:
    """If the body isn't readable, only the listed HTTP statuses are definite refusals; every other status is UNKNOWN.
    The request is sent once."""
    refused = {400, 403, 404, 422}
    with serve_scripts(make_answer_script(status, b"")) as server:
        outcome = provider_example.open_adapter(server.url, CountingRateLimiter()).buy_check(PURCHASE_REQUEST)
        purchases = [path for path in server.list_paths() if not path.endswith("/oauth/token")]
    if status == 401:
        assert outcome.kind is OutcomeClass.AUTH
    elif status == 429:
        assert outcome.kind is OutcomeClass.RATE_LIMITED
    else:
        expected = OutcomeClass.FAILED_DEFINITE if status in refused else OutcomeClass.UNKNOWN
        assert (outcome.kind, outcome.status) == (expected, status)
    assert outcome.sent is SendingCertainty.YES
    assert len(purchases) == 1


FAULT_SCRIPTS: dict[str, Script] = {
    "closed": make_bytes_script(b""),
    "reset": make_reset_script(),
    "reset in the headers": make_reset_script(make_http_answer(200, PURCHASED_ANSWER)[:20]),
    "reset in the body": make_reset_script(make_http_answer(200, PURCHASED_ANSWER)[:-3]),
    "cut": make_bytes_script(make_http_answer(200, PURCHASED_ANSWER)[:-3]),
    "no HTTP": make_bytes_script(b"\0\1\2\3\r\n\r\n"),
    "HTML": make_answer_script(200, "<html>"),
    "cut JSON": make_answer_script(200, b'{"credit_check": {"credit_check_id": 12345'),
    "cut JSON in an open-ended body": make_bytes_script(b'HTTP/1.1 200 OK\r\n\r\n{"search_id": 7'),
}


@pytest.mark.parametrize("script", FAULT_SCRIPTS.values(), ids=FAULT_SCRIPTS)
def test_no_fault_is_taken_for_an_answer(provider_example: CreditCheckProviderExample, script: Script) -> None:
    """For each connection fault after sending, the outcome of the purchase is UNKNOWN, no exception is raised, and
    the request is sent only once.
    """
    with serve_scripts(script) as server:
        outcome = provider_example.open_adapter(server.url, CountingRateLimiter()).buy_check(PURCHASE_REQUEST)
        assert outcome.kind is OutcomeClass.UNKNOWN
        assert outcome.sent is not SendingCertainty.NO
        assert server.connections == 1


def test_an_unsent_call_is_a_definite_failure_and_an_unsent_read_unknown(
    provider_example: CreditCheckProviderExample,
) -> None:
    """If no server listens at the address, the outcome of a purchase is a definite failure and the outcome of a read
    is unknown.
    """
    adapter = provider_example.open_adapter(f"http://127.0.0.1:{find_closed_port()}", CountingRateLimiter())
    bought, read = adapter.buy_check(PURCHASE_REQUEST), adapter.read_detail(provider_example.id)
    assert (bought.kind, bought.reason, bought.sent) == (
        OutcomeClass.FAILED_DEFINITE,
        "not_connected",
        SendingCertainty.NO,
    )
    assert (read.kind, read.reason, read.sent) == (OutcomeClass.UNKNOWN, "not_connected", SendingCertainty.NO)


class FailingRateLimiter:
    """A rate limiter that raises a given error, as if its database can't be reached or it has a bug."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def wait_for_start(self) -> None:
        raise self._error


@pytest.mark.expects_log("a broken rate limiter is a bug, which the log must name")
@pytest.mark.parametrize(
    ("error", "reason"),
    [(ConsoleError(ErrorCode.DATABASE_LOCKED), "database_locked"), (ZeroDivisionError(), "internal_error")],
)
def test_a_failing_rate_limiter_means_never_sent(
    provider_example: CreditCheckProviderExample, error: Exception, reason: str
) -> None:
    """If the rate limiter fails before the request, the outcome is a definite failure with the limiter's reason, and
    the adapter sends nothing."""
    with serve_scripts(make_answer_script(200, provider_example.purchase_answer)) as server:
        outcome = provider_example.open_adapter(server.url, FailingRateLimiter(error)).buy_check(PURCHASE_REQUEST)
        assert (outcome.kind, outcome.reason, outcome.sent) == (
            OutcomeClass.FAILED_DEFINITE,
            reason,
            SendingCertainty.NO,
        )
        assert server.connections == 0


def test_the_reading_part_of_an_adapter_cannot_buy(provider_example: CreditCheckProviderExample) -> None:
    """The reading part of a provider's adapter has no method to buy, and sends only GET requests."""
    with serve_scripts(make_answer_script(200, provider_example.purchase_answer)) as server:
        reader: CreditCheckReader = provider_example.open_adapter(server.url, CountingRateLimiter()).make_reader()
        assert not hasattr(reader, "buy_check")
        reader.read_detail(provider_example.id)
        reader.read_pdf(provider_example.id)
        reader.find_purchases(PURCHASE_REQUEST.corporation_number)
        assert {path.split()[0] for path in server.list_paths()} == {"GET"}


def test_a_call_excluded_by_the_capabilities_is_not_sent(provider_example: CreditCheckProviderExample) -> None:
    """If the provider's capabilities exclude a call, the adapter returns "not sent" at once."""
    with serve_scripts(make_answer_script(200, provider_example.purchase_answer)) as server:
        adapter = provider_example.open_adapter(server.url, CountingRateLimiter())
        assert not adapter.capabilities.finds_purchases
        outcome = adapter.find_purchases(PURCHASE_REQUEST.corporation_number)
        assert (outcome.kind, outcome.reason, outcome.sent) == (
            OutcomeClass.UNKNOWN,
            "no_list_call",
            SendingCertainty.NO,
        )
        if not adapter.capabilities.has_pdf:
            file = adapter.read_pdf(provider_example.id)
            assert (file.kind, file.reason, file.sent) == (OutcomeClass.UNKNOWN, "not_supported", SendingCertainty.NO)
        assert server.connections == 0


def test_secrets_stay_out_of_reprs_and_evidence(provider_example: CreditCheckProviderExample) -> None:
    """The text forms of the provider and of an outcome, and the evidence, contain no credential."""
    with serve_scripts(make_answer_script(500, "echo: " + " ".join(provider_example.secrets))) as server:
        adapter = provider_example.open_adapter(server.url, CountingRateLimiter())
        texts = repr(adapter) + repr(adapter.buy_check(PURCHASE_REQUEST))
    assert "echo: " in texts
    assert not [secret for secret in provider_example.secrets if secret in texts]


def test_a_company_without_a_name_is_not_searched() -> None:
    """A provider that searches by company name refuses a request without a name before it sends anything."""
    with serve_scripts(make_answer_script(200)) as server:
        outcome = _make_article_count_provider(server.url, CountingRateLimiter()).buy_check(
            PurchaseRequest("0000000000000", "1")
        )
        assert (outcome.kind, outcome.reason, outcome.sent) == (
            OutcomeClass.FAILED_DEFINITE,
            "no_name",
            SendingCertainty.NO,
        )
        assert server.connections == 0


def test_an_answer_that_never_ends_is_unknown() -> None:
    """If a provider's answer never ends, the call ends at its time budget, divided by the time scale, and its outcome
    is UNKNOWN."""
    for script in (make_hang_script(), make_slow_script(make_http_answer(200, PURCHASED_ANSWER), 0.02)):
        with serve_scripts(script) as server:
            outcome = make_alarmbox(server.url, scale=100).buy_check(PURCHASE_REQUEST)
        assert outcome.kind is OutcomeClass.UNKNOWN
        assert outcome.reason in ("read_timeout", "budget_spent")
