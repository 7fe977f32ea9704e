"""Tests of a purchase at AlarmBox: the sent request, that the adapter sends it only once, and that no exception
leaves the adapter.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

import console
from console.domain.provider_outcome import OutcomeClass, SendingCertainty
from console.domain.records import PurchaseRequest
from console.providers.alarmbox import authorized_requests
from console.providers.alarmbox import client as module
from console.providers.alarmbox.client import AlarmBox
from console.providers.credit_checks.provider import CreditCheckCapabilities, CreditCheckProvider, CreditCheckReader
from console.providers.http.transport import HttpTransport
from tests.providers.parts import (
    CORPORATION_NUMBER,
    PURCHASE_REQUEST,
    PURCHASED_ANSWER,
    CountingRateLimiter,
    make_alarmbox,
)
from tests.providers.raw_server import (
    Script,
    make_answer_script,
    make_bytes_script,
    make_http_answer,
    make_reset_script,
    serve_scripts,
)


def test_a_purchase_request_has_the_documented_fields() -> None:
    """The adapter sends a purchase to the documented address, as documented JSON in UTF-8 with exactly the given
    fields.
    """
    with serve_scripts(make_answer_script(200, PURCHASED_ANSWER)) as server:
        make_alarmbox(server.url).buy_check(PURCHASE_REQUEST)
        assert server.list_paths() == ["POST /ps/v1/credit_checks"]
        assert json.loads(server.list_bodies()[0]) == {
            "corporation_number": CORPORATION_NUMBER,
            "deal": 2,
            "purchase_reasons": [4],
            "purchase_reason_comment": "新規取引開始前の調査",
        }
        assert server.get_header(0, "content-type") == "application/json"
        assert server.get_header(0, "authorization") == "Bearer at-1"
        assert server.get_header(0, "accept-encoding") == "identity"
        assert server.get_header(0, "user-agent") == f"support-console/{console.__version__}"


def test_an_empty_comment_is_not_sent() -> None:
    """A purchase request needs only the corporation number; an empty comment isn't sent."""
    with serve_scripts(make_answer_script(200, PURCHASED_ANSWER)) as server:
        make_alarmbox(server.url).buy_check(PurchaseRequest(CORPORATION_NUMBER, "1", comment=""))
        assert json.loads(server.list_bodies()[0]) == {"corporation_number": CORPORATION_NUMBER}


def test_reads_use_the_documented_addresses() -> None:
    """The adapter sends the calls for detail, PDF and list to the addresses that AlarmBox has documented."""
    with serve_scripts(make_answer_script(500)) as server:
        reader = make_alarmbox(server.url, finds_purchases=True).make_reader()
        reader.read_detail(12345)
        reader.read_pdf(12345)
        reader.find_purchases(CORPORATION_NUMBER)
        assert server.list_paths() == [
            "GET /ps/v1/credit_checks/12345",
            "GET /ps/v1/credit_checks/12345?with_pdf=true",
            f"GET /ps/v1/credit_checks?corporation_number={CORPORATION_NUMBER}",
        ]
        assert server.list_bodies() == [b"", b"", b""]


def test_the_adapter_fulfils_its_protocols() -> None:
    """AlarmBox's adapter fulfils the Python protocol for purchases and the one for reads, and states the same
    capabilities in each.
    """
    adapter: CreditCheckProvider = make_alarmbox("https://api.alarmbox.jp")
    reader: CreditCheckReader = adapter.make_reader()
    assert reader.name == adapter.name == "alarmbox"
    assert reader.capabilities == adapter.capabilities
    assert adapter.capabilities == CreditCheckCapabilities(True, True, True, finds_purchases=False)
    assert make_alarmbox("https://api.alarmbox.jp", finds_purchases=True).capabilities.finds_purchases


@pytest.mark.parametrize(
    "request_",
    [
        PurchaseRequest("\ud800", "1"),
        PurchaseRequest(CORPORATION_NUMBER, "1", comment="\udfff"),
        PurchaseRequest(CORPORATION_NUMBER, "1", deal=object()),  # type: ignore[arg-type]  # what no type checker saw
        PurchaseRequest(CORPORATION_NUMBER, "1", reasons=None),  # type: ignore[arg-type]  # likewise
    ],
)
def test_a_request_that_can_not_be_written_is_never_sent(request_: PurchaseRequest) -> None:
    """If the request can't be encoded, the purchase is a definite failure: the adapter sends no byte and raises no
    exception.
    """
    with serve_scripts(make_answer_script(200, PURCHASED_ANSWER)) as server:
        outcome = make_alarmbox(server.url).buy_check(request_)
        assert (outcome.kind, outcome.reason, outcome.sent) == (
            OutcomeClass.FAILED_DEFINITE,
            "bad_request",
            SendingCertainty.NO,
        )
        assert server.connections == 0


ERROR_CLASSES: list[type[Exception]] = [
    RuntimeError, ValueError, KeyError, AssertionError, MemoryError, RecursionError, OSError, StopIteration,
    UnicodeError, ConnectionRefusedError, NotImplementedError,
]  # fmt: skip


@pytest.mark.expects_log("a bug after sending must be in the log")
@pytest.mark.parametrize("error", ERROR_CLASSES)
def test_a_bug_after_sending_is_unknown(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in the adapter after the answer has arrived makes the outcome unknown, even if the exception looks
    like "connection refused". The purchase may have cost money."""

    def make_broken_judge(_: str) -> Callable[[object], Any]:
        def judge(_: object) -> Any:
            raise error("at-1")

        return judge

    monkeypatch.setattr(module, "make_purchase_converter", make_broken_judge)
    with serve_scripts(make_answer_script(200, PURCHASED_ANSWER)) as server:
        outcome = make_alarmbox(server.url).buy_check(PURCHASE_REQUEST)
        assert (outcome.kind, outcome.reason) == (OutcomeClass.UNKNOWN, "internal_error")
        assert outcome.sent is not SendingCertainty.NO
        assert '"credit_check_id": 12345' in outcome.evidence
        assert len(server.requests) == 1


@pytest.mark.expects_log("a part that can't be stored must be in the log")
def test_a_failure_to_make_evidence_does_not_change_the_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the received part of an answer can't be made into evidence, the outcome has no evidence but is otherwise the
    same; no exception leaves the adapter.
    """

    def raise_error(_: bytes) -> str:
        raise RuntimeError("x")

    monkeypatch.setattr(authorized_requests, "make_evidence_text", raise_error)
    with serve_scripts(make_bytes_script(CUT_PURCHASE_ANSWER)) as server:
        outcome = make_alarmbox(server.url).buy_check(PURCHASE_REQUEST)
    assert (outcome.kind, outcome.reason, outcome.evidence) == (OutcomeClass.UNKNOWN, "answer_cut", "")


@pytest.mark.expects_log("a bug in the transport must be in the log")
@pytest.mark.parametrize("error", ERROR_CLASSES)
def test_a_bug_in_the_transport_is_unknown(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    """If the transport itself raises an unexpected exception, the request may have been sent already, so the outcome
    is unknown.
    """

    def raise_sending_error(*_: Any, **__: Any) -> Any:
        raise error("x")

    monkeypatch.setattr(HttpTransport, "send", raise_sending_error)
    outcome = make_alarmbox("http://127.0.0.1:1").buy_check(PURCHASE_REQUEST)
    assert (outcome.kind, outcome.sent) == (OutcomeClass.UNKNOWN, SendingCertainty.MAYBE)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_passes_through_the_adapter(
    interrupt: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The adapter doesn't catch an exception that ends the process, such as KeyboardInterrupt. The caller's journal
    already contains the begun call."""

    def raise_interrupt(*_: Any, **__: Any) -> Any:
        raise interrupt

    monkeypatch.setattr(HttpTransport, "send", raise_interrupt)
    with pytest.raises(interrupt):
        make_alarmbox("http://127.0.0.1:1").buy_check(PURCHASE_REQUEST)


CUT_PURCHASE_ANSWER = make_http_answer(201, PURCHASED_ANSWER)[:-40]
CUT_CHUNKED_ANSWER = (
    b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n60\r\n" + json.dumps(PURCHASED_ANSWER).encode()[:80]
)


@pytest.mark.parametrize("script", [make_bytes_script(CUT_PURCHASE_ANSWER), make_reset_script(CUT_PURCHASE_ANSWER),
                                    make_bytes_script(CUT_CHUNKED_ANSWER)])  # fmt: skip
def test_the_received_part_of_an_answer_that_breaks_off_is_evidence(script: Script) -> None:
    """If the answer to a purchase breaks off, the received part of its body is stored as evidence: it may have the id
    of the purchase. The answer to a read isn't stored in part.
    """
    with serve_scripts(script) as server:
        alarmbox = make_alarmbox(server.url)
        outcome = alarmbox.buy_check(PURCHASE_REQUEST)
        assert (outcome.kind, outcome.reason, outcome.status) == (OutcomeClass.UNKNOWN, "answer_cut", 201)
        assert '"credit_check_id": 12345' in outcome.evidence
        assert alarmbox.read_detail(12345).evidence == ""


def test_secrets_in_an_answer_that_breaks_off_are_masked() -> None:
    """A token is also masked in the received part of an answer, even if it is cut off there."""
    answer = make_http_answer(201, b'{"credit_check_id":12345,"for":"Bearer at-1' + b" " * 99)[:-99]
    with serve_scripts(make_bytes_script(answer)) as server:
        evidence = make_alarmbox(server.url).buy_check(PURCHASE_REQUEST).evidence
    assert evidence.startswith('{"credit_check_id":12345')
    assert "at-1" not in evidence


def test_each_request_waits_for_its_turn() -> None:
    """The rate limiter is called once for each request, including a refresh of tokens, immediately before the request
    is sent.
    """
    turns = CountingRateLimiter()
    with serve_scripts(make_answer_script(200, PURCHASED_ANSWER)) as server:
        adapter: AlarmBox = make_alarmbox(server.url, rate_limiter=turns)
        for _ in range(3):
            adapter.read_detail(12345)
        assert turns.taken == len(server.requests) == 3
