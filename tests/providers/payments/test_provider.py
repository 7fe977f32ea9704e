"""Tests that each payment provider fulfils the contract that all of them share, over real sockets."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from console.domain.calendar_days import JST
from console.domain.clock import TimeScale
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.money import Money
from console.domain.payments.provider_messages import PaymentQuestion, PaymentRequest, RefundInstruction
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.providers.atom.read_retries import NO_RETRIES, RetryLimits, is_temporary_failure, read_with_retries
from console.providers.http.rate_limiter import RateLimiter
from console.providers.payments.provider import PaymentProvider, PaymentReader
from tests.providers.atom.test_responses import make_attempt, make_details
from tests.providers.parts import CountingRateLimiter, ManualClock
from tests.providers.payments.parts import (
    ATOM_QUESTION,
    ATOM_REFUND,
    ATOM_REQUEST,
    MERCHANT,
    PAYPAY_QUESTION,
    PAYPAY_REFUND_INSTRUCTION,
    PAYPAY_REQUEST,
    PAYPAY_SECRETS,
    PROVIDER_TEST_VECTORS,
    make_atom,
    make_paypay,
    make_paypay_json,
    make_sealed_script,
    seal_answer,
)
from tests.providers.paypay.test_responses import PAYMENT_DATA, REFUND_DATA
from tests.providers.raw_server import (
    Script,
    find_closed_port,
    make_answer_script,
    make_bytes_script,
    make_hang_script,
    make_http_answer,
    make_large_answer_script,
    make_reset_script,
    make_slow_script,
    serve_scripts,
)


@dataclass(frozen=True)
class ProviderUnderTest:
    """A provider under test: a function that opens its adapter at a URL, its requests, its answers to a refund and to
    a read of a payment, and its secrets."""

    open_adapter: Callable[..., PaymentProvider]
    request: PaymentRequest
    question: PaymentQuestion
    refund_instruction: RefundInstruction
    refund_answer: bytes
    paid_answer: bytes
    secrets: tuple[str, ...]


ATOM_ACCEPTED_REFUND = {
    "payInstrument": {
        "payDetails": {
            "atomTxnId": 11000000615892, "totalRefundAmount": 150.50,
            "prodDetails": [{"prodRefundId": ATOM_REFUND.key, "prodStatusCode": "OTS0000", "refundTxnId": 1519,
                             "prodRefundAmount": 150.50}],
        },
        **make_details("OTS0000"),
    }
}  # fmt: skip
PROVIDER_EXAMPLES = {
    "paypay": ProviderUnderTest(
        make_paypay, PAYPAY_REQUEST, PAYPAY_QUESTION, PAYPAY_REFUND_INSTRUCTION,
        make_http_answer(200, make_paypay_json("SUCCESS", REFUND_DATA)), make_http_answer(200,
        make_paypay_json("SUCCESS",
        PAYMENT_DATA)), PAYPAY_SECRETS,
    ),
    "atom": ProviderUnderTest(
        make_atom, ATOM_REQUEST, ATOM_QUESTION, ATOM_REFUND,
        make_http_answer(200, seal_answer(ATOM_ACCEPTED_REFUND)), make_http_answer(200,
        seal_answer({"payInstrument": [make_attempt()]})), MERCHANT.secrets,
    ),
}  # fmt: skip


@pytest.fixture(params=list(PROVIDER_EXAMPLES))
def provider_example(request: pytest.FixtureRequest) -> ProviderUnderTest:
    return PROVIDER_EXAMPLES[request.param]


def make_calls(case: ProviderUnderTest, adapter: PaymentProvider) -> Mapping[str, Callable[[], Outcome[Any]]]:
    """Return the calls of a provider's adapter by name; the first two calls only read."""
    return {
        "payment": lambda: adapter.read_payment(case.question),
        "refund status": lambda: adapter.read_refund(case.refund_instruction),
        "start": lambda: adapter.start(case.request),
        "refund": lambda: adapter.refund(case.refund_instruction),
        "cancel": lambda: adapter.cancel(case.question),
    }


READ_CALLS = ("payment", "refund status")


def make_all_calls(case: ProviderUnderTest, adapter: PaymentProvider) -> dict[str, Outcome[Any]]:
    """Make each call that the provider has, and return the outcomes by the name of the call."""
    every = make_calls(case, adapter)
    return {name: ask() for name, ask in every.items() if name != "cancel" or adapter.capabilities.can_cancel}


def test_a_refund_is_one_request(provider_example: ProviderUnderTest) -> None:
    """A refund waits once for the rate limiter and sends one request. If the provider accepts it, the outcome is
    PENDING and contains the provider's refund id.
    """
    rate_limiter = CountingRateLimiter()
    with serve_scripts(make_bytes_script(provider_example.refund_answer)) as server:
        outcome = provider_example.open_adapter(server.url, rate_limiter=rate_limiter).refund(
            provider_example.refund_instruction
        )
        assert (outcome.kind, outcome.sent, outcome.status) == (OutcomeClass.PENDING, SendingCertainty.YES, 200)
        assert outcome.content is not None
        assert outcome.content.key == provider_example.refund_instruction.key
        assert outcome.content.provider_refund_id
        assert (len(server.requests), rate_limiter.taken) == (1, 1)


FAULT_SCRIPT_BY_NAME: dict[str, Callable[[bytes], Script]] = {
    "closed": lambda _: make_bytes_script(b""),
    "reset": lambda _: make_reset_script(),
    "reset in the headers": lambda good: make_reset_script(good[:20]),
    "reset in the body": lambda good: make_reset_script(good[:-3]),
    "cut": lambda good: make_bytes_script(good[:-3]),
    "no HTTP": lambda _: make_bytes_script(b"\0\1\2\3\r\n\r\n"),
    "HTML": lambda _: make_answer_script(200, "<html>OK</html>"),
    "redirect": lambda _: make_answer_script(302, b"", {"Location": "http://127.0.0.1:1/"}),
    "cut in an open-ended body": lambda good: make_bytes_script(
        b"HTTP/1.1 200 OK\r\n\r\n" + good.partition(b"\r\n\r\n")[2][:-9]
    ),
    "giant": lambda _: make_large_answer_script(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n", 50_000_000),
    "empty": lambda _: make_answer_script(200, b""),
    "500": lambda _: make_answer_script(500, b""),
    "408": lambda _: make_answer_script(408, b""),
    "425": lambda _: make_answer_script(425, b""),
    "404 in HTML": lambda _: make_answer_script(404, "<html>"),
}


@pytest.mark.parametrize("fault", FAULT_SCRIPT_BY_NAME.values(), ids=FAULT_SCRIPT_BY_NAME)
def test_no_fault_is_taken_for_an_answer(
    provider_example: ProviderUnderTest, fault: Callable[[bytes], Script]
) -> None:
    """For every call and each fault after sending, from a lost connection to an unusable answer, the outcome is
    UNKNOWN, no exception is raised, and the request is sent only once.
    """
    with serve_scripts(fault(provider_example.refund_answer)) as server:
        outcomes = make_all_calls(provider_example, provider_example.open_adapter(server.url))
        assert {outcome.kind for outcome in outcomes.values()} == {OutcomeClass.UNKNOWN}
        assert SendingCertainty.NO not in {outcome.sent for outcome in outcomes.values()}
        assert server.connections == len(outcomes)


def test_an_unsent_call_is_a_definite_failure_and_an_unsent_read_unknown(
    provider_example: ProviderUnderTest,
) -> None:
    """If no server listens at the address, a call with an effect is a definite failure, and a read has an unknown
    outcome."""
    for name, outcome in make_all_calls(
        provider_example, provider_example.open_adapter(f"http://127.0.0.1:{find_closed_port()}")
    ).items():
        expected = OutcomeClass.UNKNOWN if name in READ_CALLS else OutcomeClass.FAILED_DEFINITE
        assert (name, outcome.kind, outcome.reason, outcome.sent) == (
            name,
            expected,
            "not_connected",
            SendingCertainty.NO,
        )


class UnreachableRateLimiter:
    """A rate limiter that always raises the error of an unreachable database."""

    def wait_for_start(self) -> None:
        raise ConsoleError(ErrorCode.DATABASE_LOCKED)


def test_a_failing_rate_limiter_means_never_sent(provider_example: ProviderUnderTest) -> None:
    """If the rate limiter fails before the request, the outcome is a definite failure with the limiter's reason, and
    the adapter sends nothing."""
    rate_limiter: RateLimiter = UnreachableRateLimiter()
    with serve_scripts(make_bytes_script(provider_example.refund_answer)) as server:
        outcome = provider_example.open_adapter(server.url, rate_limiter=rate_limiter).refund(
            provider_example.refund_instruction
        )
        assert (outcome.kind, outcome.reason) == (OutcomeClass.FAILED_DEFINITE, "database_locked")
        assert outcome.sent is SendingCertainty.NO
        assert server.connections == 0


def test_a_reader_of_a_provider_moves_no_money(provider_example: ProviderUnderTest) -> None:
    """The reading part of an adapter has no method that moves money, and it reads a payment."""
    with serve_scripts(make_bytes_script(provider_example.paid_answer)) as server:
        reader: PaymentReader = provider_example.open_adapter(server.url).make_reader()
        assert not [name for name in ("start", "refund", "cancel", "delete_code") if hasattr(reader, name)]
        outcome = reader.read_payment(provider_example.question)
    assert outcome.kind is OutcomeClass.SUCCEEDED
    assert outcome.content is not None
    assert outcome.content.is_bookable


def test_an_answer_that_never_ends_is_unknown(provider_example: ProviderUnderTest) -> None:
    """If a provider's answer never ends, the call ends at its time budget, divided by the time scale, and its outcome
    is UNKNOWN."""
    for script in (make_hang_script(), make_slow_script(provider_example.refund_answer, 0.02)):
        with serve_scripts(script) as server:
            outcome = provider_example.open_adapter(server.url, scale=200).refund(provider_example.refund_instruction)
        assert outcome.kind is OutcomeClass.UNKNOWN
        assert outcome.reason in ("read_timeout", "budget_spent")


def test_secrets_stay_out_of_reprs_and_evidence(provider_example: ProviderUnderTest) -> None:
    """The text forms of the provider and of an outcome, and the evidence, contain no credential."""
    with serve_scripts(make_answer_script(500, "echo: " + " ".join(provider_example.secrets))) as server:
        adapter = provider_example.open_adapter(server.url)
        texts = repr(adapter) + repr(make_all_calls(provider_example, adapter))
    assert "echo: " in texts
    assert not [secret for secret in provider_example.secrets if secret in texts]


IMPOSSIBLE_IDS = ["", " ", "a b", "a/b", "a?b=c", "../x", "a\n", "ＯＲＤ", "a" * 65, "a%2Fb", "a#b"]


@pytest.mark.parametrize("bad_id", IMPOSSIBLE_IDS)
def test_impossible_ids_are_not_sent(provider_example: ProviderUnderTest, bad_id: str) -> None:
    """If a text can't be an id of the provider, the adapter sends no request with it."""
    order = replace(provider_example.refund_instruction, key=bad_id)
    with serve_scripts(make_bytes_script(provider_example.refund_answer)) as server:
        adapter = provider_example.open_adapter(server.url)
        outcomes = {
            "refund status": adapter.read_refund(order),
            "payment": adapter.read_payment(replace(provider_example.question, merchant_payment_id=bad_id)),
            "refund": adapter.refund(order),
            "refund 2": adapter.refund(replace(provider_example.refund_instruction, provider_payment_id=bad_id)),
            "start": adapter.start(replace(provider_example.request, merchant_payment_id=bad_id)),
        }
        assert server.connections == 0
    for name, outcome in outcomes.items():
        expected = OutcomeClass.UNKNOWN if name in READ_CALLS else OutcomeClass.FAILED_DEFINITE
        assert (outcome.kind, outcome.reason, outcome.sent) == (expected, "bad_id", SendingCertainty.NO)


def test_impossible_amounts_are_not_sent(provider_example: ProviderUnderTest) -> None:
    """The adapter sends no payment request and no refund for an amount of 0 or in a wrong currency."""
    currency = provider_example.refund_instruction.amount.currency
    foreign = {"JPY": "INR", "INR": "JPY"}[currency]
    with serve_scripts(make_bytes_script(provider_example.refund_answer)) as server:
        adapter = provider_example.open_adapter(server.url)
        for amount in (Money(0, currency), Money(100, foreign)):
            for outcome in (
                adapter.refund(replace(provider_example.refund_instruction, amount=amount)),
                adapter.start(replace(provider_example.request, amount=amount)),
            ):
                assert (outcome.kind, outcome.reason) == (OutcomeClass.FAILED_DEFINITE, "bad_amount")
        assert server.connections == 0


def test_paypay_amounts_have_eleven_digits_at_most() -> None:
    """The PayPay adapter sends no request with an amount of more than eleven digits, because PayPay can't read it."""
    with serve_scripts(make_answer_script(200)) as server:
        outcome = make_paypay(server.url).refund(replace(PAYPAY_REFUND_INSTRUCTION, amount=Money(10**11, "JPY")))
        assert (outcome.reason, server.connections) == ("bad_amount", 0)


def test_atom_finds_payments_by_sum_and_day() -> None:
    """Atom's verification call needs the payment's amount and its day in India; without these values the adapter
    sends nothing. The day can also be computed from the time at which the payment began.
    """
    with serve_scripts(make_answer_script(500)) as server:
        adapter = make_atom(server.url)
        for lacking in (replace(ATOM_QUESTION, amount=None), replace(ATOM_QUESTION, day=None)):
            outcome = adapter.read_payment(lacking)
            assert (outcome.kind, outcome.reason) == (OutcomeClass.UNKNOWN, "amount_and_day_needed")
        assert server.connections == 0
        begun = datetime(2026, 11, 21, 1, 0, tzinfo=JST)
        adapter.read_payment(replace(ATOM_QUESTION, day=None, begun_at=begun))
        adapter.read_payment(ATOM_QUESTION)
        assert server.list_bodies()[0] == server.list_bodies()[1]


def test_adapters_state_their_capabilities() -> None:
    """The adapters of PayPay and Atom state their capabilities, so that services decide by capabilities and not by
    the provider's name."""
    first, second = make_paypay("http://127.0.0.1:1").capabilities, make_atom("http://127.0.0.1:1").capabilities
    assert (first.keeps_idempotency_keys, second.keeps_idempotency_keys) == (True, False)
    assert (first.not_found_rule is not None, second.not_found_rule is not None) == (True, False)
    assert (first.refund_window_days, second.refund_window_days) == (365, None)
    assert (first.can_cancel, second.can_cancel) == (True, False)
    outcome = make_atom("http://127.0.0.1:1").cancel(ATOM_QUESTION)
    assert (outcome.kind, outcome.reason, outcome.sent) == (
        OutcomeClass.FAILED_DEFINITE,
        "not_supported",
        SendingCertainty.NO,
    )


PAYPAY_WINDOW_VECTORS = PROVIDER_TEST_VECTORS["paypay_windows"]


@pytest.mark.parametrize("vector", PAYPAY_WINDOW_VECTORS, ids=[v["id"] for v in PAYPAY_WINDOW_VECTORS])
def test_deadlines_of_cancellation_and_refund_end_with_a_japanese_day(vector: dict[str, Any]) -> None:
    """PayPay's deadlines of a cancellation and of a refund are the last seconds of Japanese days. Atom has no such
    deadlines.
    """
    adapter = make_paypay("http://127.0.0.1:1")
    paid_at = datetime.fromisoformat(vector["paid_at"])
    assert paid_at == datetime.fromtimestamp(vector["paid_at_epoch"], UTC)
    assert adapter.find_cancel_deadline(paid_at) == datetime.fromisoformat(vector["cancel_last_second"])
    assert adapter.find_refund_deadline(paid_at) == datetime.fromisoformat(vector["refund_last_second"])
    other = make_atom("http://127.0.0.1:1")
    assert (other.find_cancel_deadline(paid_at), other.find_refund_deadline(paid_at)) == (None, None)


# ---- asking again


class InstantClock(ManualClock):
    """A clock whose waits end at once; it records the requested durations."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def test_a_read_is_repeated_after_a_temporary_failure() -> None:
    """After a temporary failure the program repeats a read a few times, but never repeats a refund or the start of
    a payment.
    """
    patient = RetryLimits(first_pause_seconds=0.01)
    error = make_sealed_script({"payInstrument": make_details("OTS0951")})
    with serve_scripts(
        error, make_answer_script(503), make_bytes_script(PROVIDER_EXAMPLES["atom"].paid_answer)
    ) as server:
        assert make_atom(server.url, retry_limits=patient).read_payment(ATOM_QUESTION).kind is OutcomeClass.SUCCEEDED
        assert server.connections == 3
    with serve_scripts(error) as server:
        adapter = make_atom(server.url, retry_limits=patient)
        assert adapter.read_refund(ATOM_REFUND).kind is OutcomeClass.UNKNOWN
        assert server.connections == 3
        assert adapter.refund(ATOM_REFUND).kind is OutcomeClass.UNKNOWN
        assert adapter.start(ATOM_REQUEST).kind is OutcomeClass.UNKNOWN
        assert server.connections == 5


@pytest.mark.parametrize("code", ["OTS0506", "OTS0401", "OTS0510", "OTS9999", "OTS0551", "OTS0600"])
def test_a_read_with_an_answer_is_not_repeated(code: str) -> None:
    """The program doesn't repeat a read whose answer has a result code of a refusal, of a state or of a wrong
    request, or an unlisted code, because the next answer would be the same.
    """
    with serve_scripts(make_sealed_script({"payInstrument": make_details(code)})) as server:
        make_atom(server.url, retry_limits=RetryLimits(first_pause_seconds=0.01)).read_payment(ATOM_QUESTION)
        assert server.connections == 1


def test_pauses_between_reads_double_up_to_a_minute() -> None:
    """Before they are shortened, the pauses between repeated reads are 2, 4, 8 … up to 60 seconds. Each is
    shortened at random by up to a quarter and divided by the time scale. Their sum stays within the time limit.
    """
    assert [RetryLimits().compute_pause_seconds(count, 1.0) for count in range(1, 8)] == [2, 4, 8, 16, 32, 60, 60]
    assert RetryLimits().compute_pause_seconds(2, 0.0) == 3.0
    failed_outcome: Outcome[None] = Outcome(OutcomeClass.UNKNOWN, "provider_error", SendingCertainty.YES)
    assert is_temporary_failure(failed_outcome)
    calls: list[int] = []

    def record_time_and_return_error() -> Outcome[None]:
        calls.append(1)
        return failed_outcome

    clock = InstantClock()
    read_with_retries(record_time_and_return_error, RetryLimits(max_request_count=50), clock, TimeScale(10))
    assert sum(clock.slept) <= 2.0
    assert len(calls) == len(clock.slept) + 1
    assert statistics.mean(clock.slept) < 2.0
    calls.clear()
    read_with_retries(record_time_and_return_error, NO_RETRIES, clock, TimeScale())
    assert len(calls) == 1
