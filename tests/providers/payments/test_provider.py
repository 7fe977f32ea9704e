"""Tests that each payment provider fulfils the contract of such providers, over real sockets."""

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
from tests.providers.parts import CountingRateLimiter, HandClock
from tests.providers.payments.parts import (
    ATOM_ORDER,
    ATOM_QUESTION,
    ATOM_REQUEST,
    MERCHANT,
    PAYPAY_ORDER,
    PAYPAY_QUESTION,
    PAYPAY_REQUEST,
    PAYPAY_SECRETS,
    VECTORS,
    make_atom,
    make_paypay,
    make_paypay_json,
    make_sealed_script,
    seal_answer,
)
from tests.providers.paypay.test_responses import PAYMENT, REFUND
from tests.providers.raw_server import (
    Script,
    find_closed_port,
    make_answer_script,
    make_bytes_script,
    make_drip_script,
    make_flood_script,
    make_hang_script,
    make_http_answer,
    make_reset_script,
    serve_scripts,
)


@dataclass(frozen=True)
class Case:
    """A provider under test: how to open it at a URL, its requests, its answers to a refund and to a question, and
    its secrets."""

    open: Callable[..., PaymentProvider]
    request: PaymentRequest
    question: PaymentQuestion
    order: RefundInstruction
    accepts: bytes
    paid: bytes
    secrets: tuple[str, ...]


ATOM_ACCEPTED_REFUND = {
    "payInstrument": {
        "payDetails": {
            "atomTxnId": 11000000615892, "totalRefundAmount": 150.50,
            "prodDetails": [{"prodRefundId": ATOM_ORDER.key, "prodStatusCode": "OTS0000", "refundTxnId": 1519,
                             "prodRefundAmount": 150.50}],
        },
        **make_details("OTS0000"),
    }
}  # fmt: skip
CASES = {
    "paypay": Case(
        make_paypay, PAYPAY_REQUEST, PAYPAY_QUESTION, PAYPAY_ORDER,
        make_http_answer(200, make_paypay_json("SUCCESS", REFUND)), make_http_answer(200, make_paypay_json("SUCCESS",
        PAYMENT)), PAYPAY_SECRETS,
    ),
    "atom": Case(
        make_atom, ATOM_REQUEST, ATOM_QUESTION, ATOM_ORDER,
        make_http_answer(200, seal_answer(ATOM_ACCEPTED_REFUND)), make_http_answer(200,
        seal_answer({"payInstrument": [make_attempt()]})), MERCHANT.secrets,
    ),
}  # fmt: skip


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def make_calls(case: Case, vendor: PaymentProvider) -> Mapping[str, Callable[[], Outcome[Any]]]:
    """Return each call of a provider by name; the first two are reads."""
    return {
        "payment": lambda: vendor.read_payment(case.question),
        "refund status": lambda: vendor.read_refund(case.order),
        "start": lambda: vendor.start(case.request),
        "refund": lambda: vendor.refund(case.order),
        "cancel": lambda: vendor.cancel(case.question),
    }


READ_CALLS = ("payment", "refund status")


def call_every(case: Case, vendor: PaymentProvider) -> dict[str, Outcome[Any]]:
    every = make_calls(case, vendor)
    return {name: ask() for name, ask in every.items() if name != "cancel" or vendor.capabilities.can_cancel}


def test_a_refund_is_one_request(case: Case) -> None:
    """An accepted refund is not made yet and has an id; it is one request after one turn of the rate limiter."""
    rate_limiter = CountingRateLimiter()
    with serve_scripts(make_bytes_script(case.accepts)) as server:
        outcome = case.open(server.url, rate_limiter=rate_limiter).refund(case.order)
        assert (outcome.kind, outcome.sent, outcome.status) == (OutcomeClass.PENDING, SendingCertainty.YES, 200)
        assert outcome.found is not None
        assert outcome.found.key == case.order.key
        assert outcome.found.provider_refund_id
        assert (len(server.requests), rate_limiter.taken) == (1, 1)


FAULTS: dict[str, Callable[[bytes], Script]] = {
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
    "giant": lambda _: make_flood_script(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n", 50_000_000),
    "empty": lambda _: make_answer_script(200, b""),
    "500": lambda _: make_answer_script(500, b""),
    "408": lambda _: make_answer_script(408, b""),
    "425": lambda _: make_answer_script(425, b""),
    "404 in HTML": lambda _: make_answer_script(404, "<html>"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_no_fault_is_taken_for_an_answer(case: Case, fault: Callable[[bytes], Script]) -> None:
    """Each fault after sending gives UNKNOWN for every call, raises no exception, and is sent once."""
    with serve_scripts(fault(case.accepts)) as server:
        outcomes = call_every(case, case.open(server.url))
        assert {outcome.kind for outcome in outcomes.values()} == {OutcomeClass.UNKNOWN}
        assert SendingCertainty.NO not in {outcome.sent for outcome in outcomes.values()}
        assert server.connections == len(outcomes)


def test_an_unsent_call_is_a_definite_failure_and_an_unsent_read_unknown(case: Case) -> None:
    """If nobody listens at the address, a call with an effect has definitely failed; a read has an unknown
    outcome."""
    for name, outcome in call_every(case, case.open(f"http://127.0.0.1:{find_closed_port()}")).items():
        expected = OutcomeClass.UNKNOWN if name in READ_CALLS else OutcomeClass.FAILED_DEFINITE
        assert (name, outcome.kind, outcome.reason, outcome.sent) == (
            name,
            expected,
            "not_connected",
            SendingCertainty.NO,
        )


class UnreachableRateLimiter:
    """A rate limiter whose database can't be reached."""

    def wait_for_start(self) -> None:
        raise ConsoleError(ErrorCode.DATABASE_LOCKED)


def test_a_gate_that_fails_means_never_sent(case: Case) -> None:
    """If the rate limiter fails before the request, the outcome is a definite failure with its reason, and nothing is
    sent."""
    rate_limiter: RateLimiter = UnreachableRateLimiter()
    with serve_scripts(make_bytes_script(case.accepts)) as server:
        outcome = case.open(server.url, rate_limiter=rate_limiter).refund(case.order)
        assert (outcome.kind, outcome.reason) == (OutcomeClass.FAILED_DEFINITE, "database_locked")
        assert outcome.sent is SendingCertainty.NO
        assert server.connections == 0


def test_a_reader_of_a_provider_moves_no_money(case: Case) -> None:
    """The reader of a provider has no method that moves money, and its reads are those of the whole adapter."""
    with serve_scripts(make_bytes_script(case.paid)) as server:
        reader: PaymentReader = case.open(server.url).make_reader()
        assert not [name for name in ("start", "refund", "cancel", "delete_code") if hasattr(reader, name)]
        outcome = reader.read_payment(case.question)
    assert outcome.kind is OutcomeClass.SUCCEEDED
    assert outcome.found is not None
    assert outcome.found.is_bookable


def test_an_answer_that_never_ends_is_unknown(case: Case) -> None:
    """An answer that never ends leaves the outcome UNKNOWN at the end of the time budget, divided by the time
    scale."""
    for script in (make_hang_script(), make_drip_script(case.accepts, 0.02)):
        with serve_scripts(script) as server:
            outcome = case.open(server.url, scale=200).refund(case.order)
        assert outcome.kind is OutcomeClass.UNKNOWN
        assert outcome.reason in ("read_timeout", "budget_spent")


def test_secrets_stay_out_of_reprs_and_evidence(case: Case) -> None:
    """The text forms of the provider and of an outcome, and the evidence, contain no credential."""
    with serve_scripts(make_answer_script(500, "echo: " + " ".join(case.secrets))) as server:
        vendor = case.open(server.url)
        seen = repr(vendor) + repr(call_every(case, vendor))
    assert "echo: " in seen
    assert not [secret for secret in case.secrets if secret in seen]


BAD_IDS = ["", " ", "a b", "a/b", "a?b=c", "../x", "a\n", "ＯＲＤ", "a" * 65, "a%2Fb", "a#b"]


@pytest.mark.parametrize("bad", BAD_IDS)
def test_impossible_ids_are_not_sent(case: Case, bad: str) -> None:
    """For a text that can't be an id, nothing is sent."""
    order = replace(case.order, key=bad)
    with serve_scripts(make_bytes_script(case.accepts)) as server:
        vendor = case.open(server.url)
        outcomes = {
            "refund status": vendor.read_refund(order),
            "payment": vendor.read_payment(replace(case.question, merchant_payment_id=bad)),
            "refund": vendor.refund(order),
            "refund 2": vendor.refund(replace(case.order, provider_payment_id=bad)),
            "start": vendor.start(replace(case.request, merchant_payment_id=bad)),
        }
        assert server.connections == 0
    for name, outcome in outcomes.items():
        expected = OutcomeClass.UNKNOWN if name in READ_CALLS else OutcomeClass.FAILED_DEFINITE
        assert (outcome.kind, outcome.reason, outcome.sent) == (expected, "bad_id", SendingCertainty.NO)


def test_impossible_amounts_are_not_sent(case: Case) -> None:
    """An amount of 0 or in another currency is neither requested nor refunded."""
    currency = case.order.amount.currency
    foreign = {"JPY": "INR", "INR": "JPY"}[currency]
    with serve_scripts(make_bytes_script(case.accepts)) as server:
        vendor = case.open(server.url)
        for amount in (Money(0, currency), Money(100, foreign)):
            for outcome in (
                vendor.refund(replace(case.order, amount=amount)),
                vendor.start(replace(case.request, amount=amount)),
            ):
                assert (outcome.kind, outcome.reason) == (OutcomeClass.FAILED_DEFINITE, "bad_amount")
        assert server.connections == 0


def test_paypay_moves_eleven_digits_at_most() -> None:
    """An amount of more than eleven digits, which PayPay can't read, is not sent."""
    with serve_scripts(make_answer_script(200)) as server:
        outcome = make_paypay(server.url).refund(replace(PAYPAY_ORDER, amount=Money(10**11, "JPY")))
        assert (outcome.reason, server.connections) == ("bad_amount", 0)


def test_atom_finds_payments_by_sum_and_day() -> None:
    """Atom's verification needs the amount and the day in India of the payment; without them nothing is sent."""
    with serve_scripts(make_answer_script(500)) as server:
        vendor = make_atom(server.url)
        for lacking in (replace(ATOM_QUESTION, amount=None), replace(ATOM_QUESTION, day=None)):
            outcome = vendor.read_payment(lacking)
            assert (outcome.kind, outcome.reason) == (OutcomeClass.UNKNOWN, "amount_and_day_needed")
        assert server.connections == 0
        begun = datetime(2026, 11, 21, 1, 0, tzinfo=JST)
        vendor.read_payment(replace(ATOM_QUESTION, day=None, begun_at=begun))
        vendor.read_payment(ATOM_QUESTION)
        assert server.list_bodies()[0] == server.list_bodies()[1]


def test_adapters_state_their_capabilities() -> None:
    """The adapters of PayPay and Atom state their capabilities, which services use in place of the provider's
    name."""
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


PAYPAY_WINDOW_VECTORS = VECTORS["paypay_windows"]


@pytest.mark.parametrize("vector", PAYPAY_WINDOW_VECTORS, ids=[v["id"] for v in PAYPAY_WINDOW_VECTORS])
def test_deadlines_of_cancellation_and_refund_end_with_a_japanese_day(vector: dict[str, Any]) -> None:
    """The deadlines of a cancellation and of a refund are the last seconds of Japanese days, and Atom has none."""
    vendor = make_paypay("http://127.0.0.1:1")
    paid_at = datetime.fromisoformat(vector["paid_at"])
    assert paid_at == datetime.fromtimestamp(vector["paid_at_epoch"], UTC)
    assert vendor.find_cancel_deadline(paid_at) == datetime.fromisoformat(vector["cancel_last_second"])
    assert vendor.find_refund_deadline(paid_at) == datetime.fromisoformat(vector["refund_last_second"])
    other = make_atom("http://127.0.0.1:1")
    assert (other.find_cancel_deadline(paid_at), other.find_refund_deadline(paid_at)) == (None, None)


# ---- asking again


class InstantClock(HandClock):
    """A clock whose waits take no time and are recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def test_a_read_is_repeated_after_a_passing_failure() -> None:
    """A read is repeated a few times after a temporary failure; a refund never is."""
    patient = RetryLimits(first_pause_seconds=0.01)
    trouble = make_sealed_script({"payInstrument": make_details("OTS0951")})
    with serve_scripts(trouble, make_answer_script(503), make_bytes_script(CASES["atom"].paid)) as server:
        assert make_atom(server.url, patience=patient).read_payment(ATOM_QUESTION).kind is OutcomeClass.SUCCEEDED
        assert server.connections == 3
    with serve_scripts(trouble) as server:
        vendor = make_atom(server.url, patience=patient)
        assert vendor.read_refund(ATOM_ORDER).kind is OutcomeClass.UNKNOWN
        assert server.connections == 3
        assert vendor.refund(ATOM_ORDER).kind is OutcomeClass.UNKNOWN
        assert vendor.start(ATOM_REQUEST).kind is OutcomeClass.UNKNOWN
        assert server.connections == 5


@pytest.mark.parametrize("code", ["OTS0506", "OTS0401", "OTS0510", "OTS9999", "OTS0551", "OTS0600"])
def test_a_read_with_an_answer_is_not_repeated(code: str) -> None:
    """A refusal, a state and a wrong request are not repeated, because the answer would be the same."""
    with serve_scripts(make_sealed_script({"payInstrument": make_details(code)})) as server:
        make_atom(server.url, patience=RetryLimits(first_pause_seconds=0.01)).read_payment(ATOM_QUESTION)
        assert server.connections == 1


def test_pauses_between_reads_double_up_to_a_minute() -> None:
    """The pauses between repeated reads are 2, 4, 8 … up to 60 seconds, up to a quarter less at random, and divided
    by the time scale. Together they stay within the limit."""
    assert [RetryLimits().compute_pause_seconds(asked, 1.0) for asked in range(1, 8)] == [2, 4, 8, 16, 32, 60, 60]
    assert RetryLimits().compute_pause_seconds(2, 0.0) == 3.0
    troubled: Outcome[None] = Outcome(OutcomeClass.UNKNOWN, "provider_error", SendingCertainty.YES)
    assert is_temporary_failure(troubled)
    asked: list[int] = []

    def note_and_return_trouble() -> Outcome[None]:
        asked.append(1)
        return troubled

    clock = InstantClock()
    read_with_retries(note_and_return_trouble, RetryLimits(max_requests=50), clock, TimeScale(10))
    assert sum(clock.slept) <= 2.0
    assert len(asked) == len(clock.slept) + 1
    assert statistics.mean(clock.slept) < 2.0
    asked.clear()
    read_with_retries(note_and_return_trouble, NO_RETRIES, clock, TimeScale())
    assert len(asked) == 1
