"""Tests of Atom's adapter with the simulated Atom, from the token of a payment to its refund: each answer and each
callback is read as the state that Atom's ledger has, or as unknown.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from console.domain.clock import SystemClock
from console.domain.money import Money
from console.domain.payments.provider_messages import (
    PaymentQuestion,
    PaymentReport,
    PaymentRequest,
    RefundInstruction,
)
from console.domain.payments.states import PaymentState, RefundState
from console.domain.provider_outcome import OutcomeClass
from console.providers.atom.request_bodies import VerificationVersion
from console.providers.atom.signing import AmountFormat
from console.providers.payments.notices import SignedCallback
from console.sandbox import SandboxControl
from tests.providers.payments.parts import get_class_and_reason, get_report
from tests.providers.sandbox_adapters import (
    AMOUNT_IN_RUPEES,
    ATOM_ORDER_NUMBER,
    AdaptersAtSandbox,
    convert_to_india_time,
    make_atom,
)

ATOM_NUMBER = "ORD7"


def test_atom_completes_a_payment_and_a_refund(control: SandboxControl) -> None:
    """A payment at the simulated Atom gets a token, is paid by the payer, reported by callback and verification, and
    then partly refunded.
    """
    now = SystemClock().now()
    adapter = make_atom(control.url)
    request = PaymentRequest(ATOM_NUMBER, AMOUNT_IN_RUPEES, now, corporation_number="1180301018771")
    started = get_report(adapter.start(request))
    assert started.handle.isdigit()
    question = PaymentQuestion(ATOM_NUMBER, amount=AMOUNT_IN_RUPEES, begun_at=now)
    assert adapter.read_payment(question).kind is OutcomeClass.NOT_FOUND

    paid_id = control.payments_control.change_payment_state("atom", ATOM_NUMBER, "paid", surcharge_minor=1767)["id"]
    callback = adapter.parse_callback(control.payments_control.compose_notice("atom", ATOM_NUMBER)[1])
    assert callback.has_valid_signature
    assert (callback.kind, callback.merchant_payment_id) == (OutcomeClass.SUCCEEDED, ATOM_NUMBER)
    verified = adapter.read_payment(question)
    assert verified.kind is OutcomeClass.SUCCEEDED
    for report in (callback.report, verified.content):
        assert report is not None
        _check_is_paid_payment(report, paid_id)

    order = RefundInstruction("RFD7", ATOM_NUMBER, paid_id, Money(15_050, "INR"), now, "part")
    assert adapter.read_refund(order).kind is OutcomeClass.NOT_FOUND
    accepted = adapter.refund(order)
    assert (accepted.kind, get_report(accepted).state) == (OutcomeClass.PENDING, RefundState.SUBMITTED)
    number = get_report(accepted).provider_refund_id
    assert number is not None
    done = adapter.read_refund(order)
    assert (done.kind, get_report(done).state) == (OutcomeClass.SUCCEEDED, RefundState.COMPLETED)
    assert get_report(done).provider_refund_id == number
    truth = control.payments_control.read_payment("atom", ATOM_NUMBER)
    assert (truth["refunded_minor"], truth["left_minor"]) == (15_050, 34_950)


def _check_is_paid_payment(report: PaymentReport, paid_id: str) -> None:
    """Check that the report is about the paid payment of 500 rupees; Atom's surcharge of 17.67 rupees isn't part of
    the price.
    """
    assert (report.provider_payment_id, report.state) == (paid_id, PaymentState.PAYMENT_SUCCESS)
    assert (report.amount, report.total) == (AMOUNT_IN_RUPEES, Money(51_767, "INR"))
    assert report.is_bookable
    assert report.paid_at is not None


@pytest.mark.parametrize("amount_format", list(AmountFormat))
@pytest.mark.parametrize("verification", list(VerificationVersion))
def test_atom_answers_in_each_form(
    control: SandboxControl, verification: VerificationVersion, amount_format: AmountFormat
) -> None:
    """A payment and a refund succeed with both versions of the verification, both amount formats and both forms of
    each answer.
    """
    adapters = AdaptersAtSandbox(control)
    adapter = make_atom(control.url, verification=verification, amount_format=amount_format)
    assert adapter.refund(adapters.atom_order).kind is OutcomeClass.PENDING
    for switched in (True, False):
        control.change_settings(
            atom_sends_instrument_list=switched, atom_sends_status_list=switched, atom_sends_refund_in_paise=switched
        )
        assert adapter.read_payment(adapters.atom_question).kind is OutcomeClass.SUCCEEDED
        assert adapter.read_refund(adapters.atom_order).kind is OutcomeClass.SUCCEEDED


ATOM_STATES = {
    "opened": OutcomeClass.PENDING,
    "started": OutcomeClass.PENDING,
    "pending": OutcomeClass.PENDING,
    "timeout": OutcomeClass.PENDING,
    "paid": OutcomeClass.SUCCEEDED,
    "forced": OutcomeClass.SUCCEEDED,
    "failed": OutcomeClass.FAILED_DEFINITE,
    "cancelled": OutcomeClass.FAILED_DEFINITE,
    "reversed": OutcomeClass.FAILED_DEFINITE,
}


@pytest.mark.parametrize("state", ATOM_STATES)
def test_atom_reports_one_state_by_verification_and_callback(control: SandboxControl, state: str) -> None:
    """For each simulated state of a payment, the verification and the callback report the same state."""
    adapters = AdaptersAtSandbox(control)
    control.payments_control.change_payment_state("atom", ATOM_ORDER_NUMBER, state)
    callback = adapters.atom.parse_callback(control.payments_control.compose_notice("atom", ATOM_ORDER_NUMBER)[1])
    outcome = adapters.atom.read_payment(adapters.atom_question)
    assert callback.has_valid_signature
    assert outcome.kind is callback.kind is ATOM_STATES[state]
    assert callback.report is not None
    assert get_report(outcome).state is callback.report.state


def test_atom_lists_every_attempt_of_a_payment(control: SandboxControl) -> None:
    """A failed attempt after a successful one doesn't hide the success. If two attempts are successful, the report
    names the second one.
    """
    adapters = AdaptersAtSandbox(control)
    first = adapters.atom_question.provider_payment_id
    fresh = replace(adapters.atom_question, provider_payment_id=None)
    control.payments_control.change_payment_state("atom", ATOM_ORDER_NUMBER, "failed", another_attempt=True)
    assert get_report(adapters.atom.read_payment(fresh)).provider_payment_id == first
    control.payments_control.change_payment_state("atom", ATOM_ORDER_NUMBER, "paid", another_attempt=True)
    report = get_report(adapters.atom.read_payment(adapters.atom_question))
    assert report.provider_payment_id == first
    assert report.further_captures == (control.payments_control.read_payment("atom", ATOM_ORDER_NUMBER)["id"],)


def test_a_verification_with_another_sum_or_day_proves_nothing(control: SandboxControl) -> None:
    """A verification with another amount or day finds no payment, which doesn't prove that the payment doesn't exist.
    The day is the day in India."""
    adapters = AdaptersAtSandbox(control)
    question = adapters.atom_question
    assert adapters.atom.read_payment(replace(question, amount=Money(50_001, "INR"))).kind is OutcomeClass.NOT_FOUND
    day = convert_to_india_time(adapters.now).date()
    assert adapters.atom.read_payment(replace(question, day=day - timedelta(days=2))).kind is OutcomeClass.NOT_FOUND
    assert adapters.atom.read_payment(replace(question, day=day)).kind is OutcomeClass.SUCCEEDED
    at = "2026-11-20T19:00:00Z"  # the 21st in India
    control.payments_control.register_payment("atom", "LATE", 100, at=at)
    late = PaymentQuestion("LATE", amount=Money(100, "INR"), begun_at=datetime.fromisoformat(at))
    assert adapters.atom.read_payment(late).kind is OutcomeClass.SUCCEEDED


def test_atom_does_not_find_refunds_by_their_key(control: SandboxControl) -> None:
    """Two refund requests with the same idempotency key make two refunds at Atom. The list then can't show which one
    is ours, so the outcome is unknown."""
    adapters = AdaptersAtSandbox(control)
    for _ in range(2):
        assert adapters.atom.refund(adapters.atom_order).kind is OutcomeClass.PENDING
    assert len(control.payments_control.read_refunds(adapters.atom_order.key)) == 2
    assert get_class_and_reason(adapters.atom.read_refund(adapters.atom_order)) == (
        OutcomeClass.UNKNOWN,
        "listed_twice",
    )


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("accepted", OutcomeClass.PENDING),
        ("pending", OutcomeClass.PENDING),
        ("completed", OutcomeClass.SUCCEEDED),
        ("failed", OutcomeClass.FAILED_DEFINITE),
        ("rejected", OutcomeClass.FAILED_DEFINITE),
    ],
)
def test_atom_lists_refunds_with_their_remarks(control: SandboxControl, word: str, expected: OutcomeClass) -> None:
    """The remark of a listed refund alone decides the refund's outcome class."""
    adapters = AdaptersAtSandbox(control)
    control.change_settings(waits_for_manual_settling=True)
    adapters.make_refunds()
    control.payments_control.change_refund_state(adapters.atom_order.key, word)
    assert adapters.atom.read_refund(adapters.atom_order).kind is expected


def test_atom_refuses_impossible_refunds_and_payments(control: SandboxControl) -> None:
    """A refund above the captured amount, a refund of another order and a used payment number are definite failures,
    and Atom's ledger doesn't change."""
    adapters = AdaptersAtSandbox(control)
    adapter, order = adapters.atom, adapters.atom_order
    failed = OutcomeClass.FAILED_DEFINITE
    assert get_class_and_reason(adapter.refund(replace(order, amount=Money(50_001, "INR")))) == (
        failed,
        "bad_request",
    )
    assert get_class_and_reason(adapter.refund(replace(order, merchant_payment_id="OTHER"))) == (
        failed,
        "no_such_payment",
    )
    assert adapter.start(PaymentRequest(ATOM_ORDER_NUMBER, AMOUNT_IN_RUPEES, adapters.now)).kind is failed
    assert control.payments_control.read_refunds() == []


ATOM_SECRETS = {
    "merch_id": ("merchant_refused", "900002"),
    "password": ("credentials_refused", "another"),
    "request_key": ("credentials_refused", "00"),
    "request_salt": ("credentials_refused", "00"),
    "request_hash_key": ("signature_refused", "00"),
}


@pytest.mark.parametrize("wrong_setting", ATOM_SECRETS)
def test_atom_refuses_wrong_credentials_as_auth(control: SandboxControl, wrong_setting: str) -> None:
    """Each wrong credential gives the outcome AUTH with its own reason, and the ledger doesn't change."""
    reason, value = ATOM_SECRETS[wrong_setting]
    adapters = AdaptersAtSandbox(control)
    given: dict[str, Any] = {wrong_setting: value}
    adapter = make_atom(control.url, **given)
    assert get_class_and_reason(adapter.refund(adapters.atom_order)) == (OutcomeClass.AUTH, reason)
    assert get_class_and_reason(adapter.read_payment(adapters.atom_question)) == (OutcomeClass.AUTH, reason)
    if wrong_setting != "request_hash_key":  # neither token nor listing is signed
        assert adapter.start(PaymentRequest(ATOM_NUMBER, AMOUNT_IN_RUPEES, adapters.now)).kind is OutcomeClass.AUTH
        assert adapter.read_refund(adapters.atom_order).kind is OutcomeClass.AUTH
    assert control.payments_control.read_refunds() == []


@pytest.mark.parametrize("wrong_setting", ["response_key", "response_salt"])
def test_undecryptable_answers_of_atom_are_unknown(control: SandboxControl, wrong_setting: str) -> None:
    """If Atom makes the refund but its answer can't be decrypted, the outcome is unknown."""
    adapters = AdaptersAtSandbox(control)
    given: dict[str, Any] = {wrong_setting: "00"}
    adapter = make_atom(control.url, **given)
    assert get_class_and_reason(adapter.refund(adapters.atom_order)) == (OutcomeClass.UNKNOWN, "not_opened")
    assert len(control.payments_control.read_refunds()) == 1


def make_notice(control: SandboxControl, **more: object) -> bytes:
    """Return the notice that the sandbox would send about the payment. `more` are the further fields of
    `compose_notice`: `fields` replaces contents, `manner` selects encryption and signature.
    """
    return control.payments_control.compose_notice("atom", ATOM_ORDER_NUMBER, **more)[1]


@pytest.mark.parametrize("manner", ["other_key", "bad_signature", "no_signature", "other_seal"])
def test_forged_callbacks_of_atom_are_refused(control: SandboxControl, manner: str) -> None:
    """A callback with a wrong signature or encryption is refused without a report; at most it names an order about
    which the program asks Atom.
    """
    adapters = AdaptersAtSandbox(control)
    callback = adapters.atom.parse_callback(make_notice(control, manner=manner))
    assert _is_refused_without_report(callback)
    assert callback.merchant_payment_id == (None if manner == "other_seal" else ATOM_ORDER_NUMBER)


def test_changed_callbacks_of_atom_are_refused(control: SandboxControl) -> None:
    """A callback of the simulated Atom is refused, without a report, if it is cut, altered or empty, contains two
    encrypted texts, belongs to another merchant, or is checked with another signature key.
    """
    adapters = AdaptersAtSandbox(control)
    good = make_notice(control)
    callback = adapters.atom.parse_callback(good)
    assert callback.has_valid_signature
    assert adapters.atom.parse_callback(good).event_id == callback.event_id
    another_digit = b"1" if good.endswith(b"0") else b"0"
    for changed in (good[:-32], good[:-1] + another_digit, b"", b"encData=", good + b"&encData=00"):
        assert _is_refused_without_report(adapters.atom.parse_callback(changed))
    assert _is_refused_without_report(make_atom(control.url, merch_id="900002").parse_callback(good))
    assert _is_refused_without_report(make_atom(control.url, response_hash_key="00").parse_callback(good))


def _is_refused_without_report(callback: SignedCallback) -> bool:
    refused = (callback.kind, callback.reason) == (OutcomeClass.UNKNOWN, "callback_refused")
    return refused and not callback.has_valid_signature and callback.report is None and callback.event_id == ""
