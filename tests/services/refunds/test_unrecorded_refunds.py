"""Tests of refunds that the provider has and this database does not have: each one stops the next refund of its
payment until a person has acknowledged it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from console.domain.money import Money
from console.domain.payments.provider_messages import RefundInstruction
from console.domain.payments.records import Payment, Refund
from console.domain.payments.states import RefundState
from console.domain.process.sending_permission import STOPPED_BEFORE_SENDING_REASON
from console.domain.records import WorkReason
from console.domain.tasks.records import Alert
from console.sandbox import SandboxControl
from console.services.guarded.request_ids import RequestIdService
from console.services.payments.unrecorded_refunds import open_case_of_unrecorded_refunds
from console.services.refunds.idempotency_key import find_refund_key
from console.store.database import boot_clock
from console.store.operations.idempotency_cache import IdempotencyCache
from console.wiring.payments import PaymentServiceBuilder
from tests.support.refund_desks import RefundDesk, open_refund_desk
from tests.support.refusals import call_and_get_code, call_for_refusal

REFERENCES_FROM_OTHER_SYSTEMS = tuple(f"BACKOFFICE-{number:02}-{'x' * 40}" for number in range(1, 10))


@pytest.fixture
def desk(home: Path, control: SandboxControl) -> Iterator[RefundDesk]:
    with open_refund_desk(home, control) as opened:
        opened.insert_team()
        yield opened


def refund_elsewhere(desk: RefundDesk, payment: Payment, *keys: str) -> None:
    """Refund 100 minor units under each key directly at the provider, as a person does on the provider's own page."""
    adapter = desk.providers.get_adapter(payment.provider)
    for key in keys:
        order = RefundInstruction(
            key,
            payment.merchant_payment_id,
            payment.provider_payment_id or "",
            Money(100, payment.currency),
            desk.context.now(),
        )
        assert adapter.refund(order).content is not None


def read_open_case(desk: RefundDesk) -> Alert:
    """Return the only open case about refunds that this database does not have."""
    (case,) = [
        one
        for one in desk.console.alerts.list_alerts()
        if one.rule_id == WorkReason.UNRECORDED_REFUND and one.resolved_at is None
    ]
    return case


def acknowledge_case(desk: RefundDesk) -> None:
    """Acknowledge the open case as the approver lead-b."""
    with desk.console.acting_as("lead-b"):
        desk.console.alerts.acknowledge(read_open_case(desk).id, "given back by hand")


def probe_payment(desk: RefundDesk, payment: Payment) -> None:
    """Probe the payment as the operator op-a."""
    request_ids = RequestIdService(desk.context, IdempotencyCache())
    builder = PaymentServiceBuilder(
        desk.context, desk.pipeline, desk.providers, request_ids, desk.readers.payment_details
    )
    with desk.console.acting_as("op-a"):
        builder.payments.probe(payment.id)


def read_refusal(act: Callable[[], Refund]) -> object:
    """Return the code and the reason of the error that this call raises."""
    refusal = call_for_refusal(act)
    return refusal.code, refusal.detail["reason"]


UNRECORDED_REFUND_REFUSAL = ("not_allowed", "unknown_refund")


def test_a_second_unrecorded_refund_has_its_own_case(desk: RefundDesk) -> None:
    """If the provider gets a second refund that this database does not have, a second case is opened, although a
    person has acknowledged the first one. After the second case is acknowledged, the next refund is sent.
    """
    payment = desk.make_paid_payment(minor=50_000)
    refund = desk.request_refund(payment, "500")
    refund_elsewhere(desk, payment, REFERENCES_FROM_OTHER_SYSTEMS[0])
    assert read_refusal(lambda: desk.approve_refund(refund)) == UNRECORDED_REFUND_REFUSAL
    acknowledge_case(desk)
    refund_elsewhere(desk, payment, REFERENCES_FROM_OTHER_SYSTEMS[1])
    assert read_refusal(lambda: desk.approve_refund(refund)) == UNRECORDED_REFUND_REFUSAL
    assert (read_open_case(desk).observed, read_open_case(desk).acknowledged_by) == (
        REFERENCES_FROM_OTHER_SYSTEMS[1],
        None,
    )
    acknowledge_case(desk)
    desk.approve_refund(refund)
    assert len(desk.list_provider_keys(payment)) == 3


@pytest.mark.parametrize("is_our_key", [True, False])
def test_two_refunds_with_one_key_are_both_counted(desk: RefundDesk, *, is_our_key: bool) -> None:
    """Atom has made two refunds with the same key, because it executes a repeated request again. Both amounts reduce
    the refundable amount.
    """
    desk.control.change_settings(accepts_refunds_above_captured=True)
    payment, key = desk.make_paid_payment(minor=50_000, provider="atom"), "BACKOFFICE-01"
    if is_our_key:
        first = desk.approve_refund(desk.request_refund(payment, "1"))
        key = first.provider_refund_key or ""
        desk.control.payments_control.change_refund_state(key, "completed")
        desk.probe_refund(first)
        refund_elsewhere(desk, payment, key)
    else:
        refund_elsewhere(desk, payment, key, key)
    refund = desk.request_refund(payment, "499")
    if not is_our_key:
        assert read_refusal(lambda: desk.approve_refund(refund)) == UNRECORDED_REFUND_REFUSAL
        acknowledge_case(desk)
    assert read_refusal(lambda: desk.approve_refund(refund)) == ("exceeds_captured", "provider")
    assert desk.list_provider_keys(payment) == [key, key]


def test_a_refund_made_on_atoms_page_stops_the_next_one(desk: RefundDesk) -> None:
    """Atom's list of refunds is a separate answer. If it has a refund that a person made on Atom's page, the next
    refund is stopped until that refund is acknowledged. Without the list nothing is sent.
    """
    payment = desk.make_paid_payment(minor=50_000, provider="atom")
    refund = desk.request_refund(payment, "450")
    refund_elsewhere(desk, payment, "BACKOFFICE-01")
    assert read_refusal(lambda: desk.approve_refund(refund)) == UNRECORDED_REFUND_REFUSAL
    assert read_open_case(desk).observed == "BACKOFFICE-01"
    assert desk.list_provider_keys(payment) == ["BACKOFFICE-01"]
    acknowledge_case(desk)
    refund_elsewhere(desk, payment, "BACKOFFICE-02")
    desk.control.add_fault("html", call="atom_refund_status", times=2)  # at the approval, and before the sending
    assert call_for_refusal(lambda: desk.approve_refund(refund)).detail["reason"] == "not_opened"
    assert desk.list_provider_keys(payment) == ["BACKOFFICE-01", "BACKOFFICE-02"], "sent without a list"
    desk.move_clock(minutes=10)
    desk.run_due_tasks()
    assert desk.list_provider_keys(payment) == ["BACKOFFICE-01", "BACKOFFICE-02"]
    assert read_open_case(desk).observed == "BACKOFFICE-02"
    acknowledge_case(desk)
    with desk.console.acting_as("lead-b"):
        desk.refunds.submit(refund.id)
    assert len(desk.list_provider_keys(payment)) == 3


@pytest.mark.parametrize("provider", ["paypay", "atom"])
@pytest.mark.parametrize("step", ["before_vote", "after_vote", "before_tx1", "before_send"])
def test_a_refund_made_elsewhere_while_the_machine_slept_stops_the_sending(
    desk: RefundDesk, monkeypatch: pytest.MonkeyPatch, provider: str, step: str
) -> None:
    """The machine of the approver sleeps for eight hours after the provider was asked about the payment. Meanwhile a
    person makes the refund on the provider's page. Then nothing is sent: the provider is asked again.
    """
    payment = desk.make_paid_payment(minor=50_000, provider=provider)
    refund, uptime = desk.request_refund(payment, "500" if provider == "paypay" else "5"), boot_clock.read_uptime_ms

    def sleep_at_step(name: str) -> None:
        if name == step and not desk.list_provider_keys(payment):
            refund_elsewhere(desk, payment, "BACKOFFICE-01")
            monkeypatch.setattr(boot_clock, "read_uptime_ms", lambda: uptime() + 8 * 3_600_000)

    monkeypatch.setattr(desk.context.failpoints, "reach", sleep_at_step)
    refusal = call_for_refusal(lambda: desk.approve_refund(refund))
    assert (refusal.code, refusal.detail["reason"]) == {
        "before_vote": UNRECORDED_REFUND_REFUSAL,
        "after_vote": UNRECORDED_REFUND_REFUSAL,
    }.get(step, ("provider_unreachable", STOPPED_BEFORE_SENDING_REASON))
    desk.move_clock(minutes=10)
    desk.run_due_tasks()
    assert desk.list_provider_keys(payment) == ["BACKOFFICE-01"]
    assert desk.read_refund(refund).state is RefundState.APPROVED
    assert read_open_case(desk).observed == "BACKOFFICE-01"


@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_acknowledged_refunds_count_towards_the_paid_amount(desk: RefundDesk, provider: str) -> None:
    """The amount of an acknowledged refund that this database does not have reduces the refundable amount, also at
    Atom, whose documentation states no limit of refunds.
    """
    desk.control.change_settings(accepts_refunds_above_captured=True)
    payment = desk.make_paid_payment(minor=50_000, provider=provider)
    per_unit = 100 if provider == "atom" else 1
    whole = desk.request_refund(payment, str(50_000 // per_unit))
    refund_elsewhere(desk, payment, "BACKOFFICE-01")
    assert call_and_get_code(lambda: desk.approve_refund(whole)) in ("not_allowed", "exceeds_captured")
    acknowledge_case(desk)
    assert read_refusal(lambda: desk.approve_refund(whole)) == ("exceeds_captured", "provider")
    assert desk.list_provider_keys(payment) == ["BACKOFFICE-01"]
    desk.withdraw_refund(whole)
    desk.approve_refund(desk.request_refund(payment, str(49_900 // per_unit)))
    assert desk.control.payments_control.read_payment(provider, "ORD-1")["accepted_minor"] == 50_000


def test_an_amount_refunded_at_paypay_cannot_be_requested(desk: RefundDesk) -> None:
    """If PayPay's answer about the payment has a refund that was made elsewhere, its amount is neither offered nor
    accepted in a refund request.
    """
    payment = desk.make_paid_payment(minor=50_000)
    refund_elsewhere(desk, payment, "BACKOFFICE-01")
    desk.control.payments_control.change_refund_state("BACKOFFICE-01", "completed")
    probe_payment(desk, payment)
    acknowledge_case(desk)
    with desk.console.acting_as("op-a"):
        plan = desk.refunds.make_plan(payment.id)
    assert (plan.payment.requestable_minor, plan.refusal_code) == (49_900, None)
    too_much = call_for_refusal(lambda: desk.request_refund(payment, "49901"))
    assert (too_much.code, too_much.detail.get("left")) == ("exceeds_captured", 49_900)
    desk.approve_refund(desk.request_refund(payment, "49900"))
    provider_payment = desk.control.payments_control.read_payment("paypay", "ORD-1")
    assert provider_payment["accepted_minor"] == 50_000


def test_an_acknowledged_refund_without_an_amount_stops_the_next_refund(desk: RefundDesk) -> None:
    """If an acknowledged refund has no amount, the remaining amount is unknown, so no refund is sent."""
    payment = desk.make_paid_payment(minor=50_000, provider="atom")
    refund = desk.request_refund(payment, "450")
    refund_elsewhere(desk, payment, "BACKOFFICE-01")
    assert read_refusal(lambda: desk.approve_refund(refund)) == UNRECORDED_REFUND_REFUSAL
    acknowledge_case(desk)
    row = "payInstrument.refundStatusDetails.refundDetails.0.refundStatus.0.refundAmt"
    desk.control.add_fault("set_fields", call="atom_refund_status", times=2, fields={row: None})
    assert call_for_refusal(lambda: desk.approve_refund(refund)).detail["reason"] == "bad_amount"
    assert desk.list_provider_keys(payment) == ["BACKOFFICE-01"]


@pytest.mark.parametrize(
    "fault",
    [
        {"action": "reset"},
        {"action": "html"},
        {"action": "odd_status"},
        {"action": "no_data"},
        {"action": "other_amount"},
        {"action": "other_currency"},
        {"action": "result:DYNAMIC_QR_PAYMENT_NOT_FOUND"},
        {"action": "set_fields", "fields": {"data.refunds": "none"}},
        {"action": "set_fields", "fields": {"data.refunds.data": [{"status": "REFUND_WAITING"}]}},
        {"action": "set_fields", "fields": {"data.status": "REFUNDED", "data.refunds": None}},
        {"action": "set_fields", "fields": {"data.status": "REFUNDED", "data.refunds": {"data": []}}},
    ],
    ids=lambda fault: str(fault.get("fields", fault["action"])),
)
def test_a_missing_paypay_list_stops_the_next_refund(desk: RefundDesk, fault: dict[str, Any]) -> None:
    """If PayPay's answer about the payment has no readable list of refunds, it may hide a refund. No refund is sent
    until an answer has the list.
    """
    payment = desk.make_paid_payment(minor=50_000)
    refund_elsewhere(desk, payment, REFERENCES_FROM_OTHER_SYSTEMS[0])
    refund = desk.request_refund(payment, "500")
    desk.control.add_faults({**fault, "call": "paypay_payment", "times": 100})
    assert call_for_refusal(lambda: desk.approve_refund(refund)).code in (
        "provider_answer_unusable",
        "provider_unreachable",
    )
    assert desk.read_refund(refund).state is RefundState.APPROVED
    desk.move_clock(minutes=2)
    desk.run_due_tasks()
    assert desk.list_provider_keys(payment) == [REFERENCES_FROM_OTHER_SYSTEMS[0]], "sent without a list"
    desk.control.clear_faults()
    desk.move_clock(minutes=10)
    desk.run_due_tasks()
    assert desk.list_provider_keys(payment) == [REFERENCES_FROM_OTHER_SYSTEMS[0]]
    assert read_open_case(desk).observed == REFERENCES_FROM_OTHER_SYSTEMS[0]
    acknowledge_case(desk)
    with desk.console.acting_as("lead-b"):
        desk.refunds.submit(refund.id)
    assert len(desk.list_provider_keys(payment)) == 2


def test_unrecorded_refunds_beyond_the_size_of_a_case_stop_the_next_one(desk: RefundDesk) -> None:
    """If the provider has more unrecorded refunds than one case can contain, acknowledging the case
    does not cover those that the case did not show. Those refunds stop the next refund until a person has seen and
    acknowledged them, too.
    """
    payment = desk.make_paid_payment(minor=50_000)
    refund = desk.request_refund(payment, "500")
    refund_elsewhere(desk, payment, *REFERENCES_FROM_OTHER_SYSTEMS[:6])
    for _ in REFERENCES_FROM_OTHER_SYSTEMS:
        if (
            read_refusal(lambda: desk.approve_refund(refund)) == UNRECORDED_REFUND_REFUSAL
            and read_open_case(desk).acknowledged_by is None
        ):
            acknowledge_case(desk)
        shown_keys = {key for case in desk.console.alerts.list_alerts() for key in case.observed.split(", ")}
        if shown_keys >= set(REFERENCES_FROM_OTHER_SYSTEMS[:6]):
            break
    refund_elsewhere(desk, payment, REFERENCES_FROM_OTHER_SYSTEMS[6])
    assert read_refusal(lambda: desk.approve_refund(refund)) == UNRECORDED_REFUND_REFUSAL
    acknowledge_case(desk)
    desk.approve_refund(refund)
    assert len(desk.list_provider_keys(payment)) == 8


def test_repeated_unrecorded_refunds_keep_their_case(desk: RefundDesk) -> None:
    """If the next approval or a probe finds the same refunds again, the case does not change."""
    payment = desk.make_paid_payment(minor=50_000)
    refund = desk.request_refund(payment, "500")
    refund_elsewhere(desk, payment, *REFERENCES_FROM_OTHER_SYSTEMS[:6])
    assert read_refusal(lambda: desk.approve_refund(refund)) == UNRECORDED_REFUND_REFUSAL
    case = read_open_case(desk)
    assert read_refusal(lambda: desk.approve_refund(refund)) == UNRECORDED_REFUND_REFUSAL
    assert read_open_case(desk) == case
    reads = len(desk.control.read_requests(call="paypay_payment"))
    probe_payment(desk, payment)
    assert len(desk.control.read_requests(call="paypay_payment")) > reads
    assert read_open_case(desk) == case


def test_a_known_refund_leaves_the_case_of_unrecorded_refunds(desk: RefundDesk) -> None:
    """A case is full of refunds that the database had lost and now has again. When refunds are found that the
    database still lacks, they replace the former ones in the case, as many as it can contain.
    """
    payment, amounts = desk.make_paid_payment(minor=50_000), range(501, 509)
    request = desk.request_refund(payment, "501")

    def open_case(provider_keys: Sequence[str]) -> bool:
        return desk.context.write(
            lambda tx: open_case_of_unrecorded_refunds(desk.context, tx, payment.id, provider_keys)
        )

    with desk.context.database.read() as conn:
        keys = [
            find_refund_key(desk.context, conn, replace(request, amount_minor=minor), payment) for minor in amounts
        ]
    assert open_case(keys)
    case_keys = [part.split(" ")[0] for part in read_open_case(desk).observed.split(", ")]
    for minor in amounts:
        refund = request if minor == request.amount_minor else desk.request_refund(payment, str(minor))
        assert desk.approve_refund(refund).provider_refund_key in keys
    assert len(case_keys) > 5
    assert open_case(REFERENCES_FROM_OTHER_SYSTEMS[:5])
    assert read_open_case(desk).observed == ", ".join(REFERENCES_FROM_OTHER_SYSTEMS[:4])


@pytest.mark.parametrize("is_known", [False, True])
def test_the_key_of_another_payments_refund_counts_as_unrecorded(desk: RefundDesk, *, is_known: bool) -> None:
    """If a refund at the provider has the key of our refund of another payment, it settles nothing and stops the next
    refund of its own payment.
    """
    first, second = desk.make_paid_payment(minor=50_000), desk.make_paid_payment("ORD-2", 50_000)
    refund = desk.request_refund(first, "500")
    if is_known:
        refund = desk.approve_refund(refund)
    else:
        desk.control.add_fault("status:503", call="paypay_refund", times=1)
        assert call_for_refusal(lambda: desk.approve_refund(refund)).code == "outcome_unknown"
        refund = desk.read_refund(refund)
    key = refund.provider_refund_key or ""
    order = RefundInstruction(
        key, second.merchant_payment_id, second.provider_payment_id or "", Money(500, "JPY"), desk.context.now()
    )
    assert desk.providers.get_adapter("paypay").refund(order).content is not None
    request = desk.request_refund(second, "700")
    assert read_refusal(lambda: desk.approve_refund(request)) == UNRECORDED_REFUND_REFUSAL
    assert (read_open_case(desk).subject_id, read_open_case(desk).observed) == (second.id, key)
    assert desk.read_refund(refund) == refund


def test_a_full_case_keeps_both_answers_until_it_is_acknowledged(desk: RefundDesk) -> None:
    """An answer about a lost refund and an answer about the payment do not replace each other's content in a full
    case.
    """
    payment, last = desk.make_paid_payment(minor=50_000), f"{REFERENCES_FROM_OTHER_SYSTEMS[-1]} 100 JPY"

    def open_case(provider_keys: Sequence[str]) -> bool:
        return desk.context.write(
            lambda tx: open_case_of_unrecorded_refunds(desk.context, tx, payment.id, provider_keys)
        )

    cases = []
    for references in 2 * (REFERENCES_FROM_OTHER_SYSTEMS, [last]):
        open_case(references)
        cases.append(read_open_case(desk).id)
    assert len(set(cases)) == 1
    for _ in REFERENCES_FROM_OTHER_SYSTEMS:
        acknowledge_case(desk)
        if not open_case([last]):
            break
    assert read_open_case(desk).observed.endswith(last)


@pytest.mark.parametrize(
    ("provider", "fault"),
    [
        ("paypay", {"call": "paypay_payment", "action": "set_fields", "fields": {"data.refunds": None}}),
        ("paypay", {"call": "paypay_payment", "action": "set_fields", "fields": {"data.refunds.data": []}}),
        ("atom", {"call": "atom_refund_status", "action": "result:OTS0401"}),
    ],
)
def test_a_list_without_our_completed_refund_stops_the_next_refund(
    desk: RefundDesk, provider: str, fault: dict[str, Any]
) -> None:
    """If the gateway's list lacks a refund of ours that it has completed, the list is incomplete and may lack other
    refunds. No refund is sent until the list is complete.
    """
    payment = desk.make_paid_payment(minor=50_000, provider=provider)
    first = desk.approve_refund(desk.request_refund(payment, "100"))
    desk.control.payments_control.change_refund_state(first.provider_refund_key or "", "completed")
    desk.move_clock(hours=2)
    desk.run_due_tasks()
    assert desk.read_refund(first).state is RefundState.COMPLETED
    refund_elsewhere(desk, payment, "BACKOFFICE-01")
    keys = desk.list_provider_keys(payment)
    second = desk.request_refund(payment, "250")
    desk.control.add_faults({**fault, "times": 100})
    assert call_for_refusal(lambda: desk.approve_refund(second)).code == "provider_answer_unusable"
    assert desk.read_refund(second).state is RefundState.APPROVED
    desk.move_clock(minutes=2)
    desk.run_due_tasks()
    assert desk.list_provider_keys(payment) == keys, "sent without a whole list"
    desk.control.clear_faults()
    desk.move_clock(minutes=10)
    desk.run_due_tasks()
    assert read_open_case(desk).observed == "BACKOFFICE-01"
    acknowledge_case(desk)
    with desk.console.acting_as("lead-b"):
        desk.refunds.submit(second.id)
    assert len(desk.list_provider_keys(payment)) == 3


def test_an_answer_that_names_no_payment_stops_the_refund(desk: RefundDesk) -> None:
    """PayPay's answer has neither our payment number nor PayPay's payment id, so it may belong to another request: it
    doesn't show that the payment has no other refund, and no refund is sent.
    """
    payment = desk.make_paid_payment()
    refund_elsewhere(desk, payment, "BACKOFFICE-01")
    keys = desk.list_provider_keys(payment)
    refund = desk.request_refund(payment, "100")
    unnamed = {
        "data.merchantPaymentId": None,
        "data.paymentId": None,
        "data.refunds": None,
        "data.status": "COMPLETED",
    }
    desk.control.add_fault("set_fields", call="paypay_payment", times="always", fields=unnamed)
    assert call_for_refusal(lambda: desk.approve_refund(refund)).code == "provider_answer_unusable"
    assert desk.list_provider_keys(payment) == keys
