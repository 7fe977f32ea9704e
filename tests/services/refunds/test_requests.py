"""Tests of requests for refunds: which requests are refused, which amounts are reserved, and which facts the
requester sees before.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest

from console.domain.payments.consistency import compute_overpaid_minor, find_reversal_deadline
from console.domain.payments.records import Payment, RefundRequest
from console.domain.payments.states import RefundState
from console.sandbox import SandboxControl
from console.store.payments import payments, set_asides
from console.store.refunds import refunds
from console.store.spool.spool import Intent
from tests.support.refund_desks import RefundDesk, open_refund_desk
from tests.support.refusals import call_and_get_code, call_for_refusal

_INCREMENT_VERSION_SQL = ", version = version + 1"


def test_a_request_reserves_its_amount_and_sends_nothing(desk: RefundDesk, control: SandboxControl) -> None:
    """A refund request reserves its amount and waits for approval. Nothing is sent, and the facts that the requester
    saw are stored.
    """
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment, "1000", ticket="T-1")
    ours = desk.check_payment_agrees(payment)
    assert (refund.state, refund.maker, refund.amount_minor) == (RefundState.REQUESTED, "op-a", 1000)
    assert (ours.reserved_minor, ours.refundable_minor) == (1000, 2300)
    assert control.read_requests(call="paypay_refund") == []
    with desk.context.database.read() as conn:
        request_facts = refunds.read_request_facts(conn, [refund.id])[refund.id]
    assert request_facts is not None
    assert '"captured_minor": 3300' in request_facts[0]


@pytest.mark.parametrize(
    "amount",
    [
        "0",
        "-1",
        "+1",
        "1.5",
        "1.0",
        "1e3",
        "１０００",
        " 1000",
        "",
        "1,000",
        "0x10",
        "1000000000000001",
        "9" * 400,
        "NaN",
    ],
)
def test_an_invalid_amount_is_refused(desk: RefundDesk, amount: str) -> None:
    """An amount that is zero, negative, too precise, above 10^15, or no plain decimal number in ASCII digits is
    refused as `invalid_amount`, and nothing is written.
    """
    payment = desk.make_paid_payment()
    assert call_and_get_code(lambda: desk.request_refund(payment, amount)) == "invalid_amount"
    assert desk.read_payment(payment.id) == payment


@pytest.mark.parametrize(
    ("amount", "code"), [("150.505", "invalid_amount"), ("0.00", "invalid_amount"), ("150.50", "done")]
)
def test_rupees_have_paise(desk: RefundDesk, amount: str, code: str) -> None:
    """An amount in rupees may have at most two decimal places."""
    payment = desk.make_paid_payment("ORD1", 50_000, "atom")
    assert call_and_get_code(lambda: desk.request_refund(payment, amount)) == code


@pytest.mark.parametrize(
    ("amount", "code"), [("3301", "exceeds_captured"), ("1000000000000000", "exceeds_captured"), ("3300", "done")]
)
def test_a_request_above_the_remaining_amount_is_refused(desk: RefundDesk, amount: str, code: str) -> None:
    """A refund of up to the whole remaining amount is accepted. A refund of one yen more is refused, and the refusal
    is audited.
    """
    payment = desk.make_paid_payment()
    assert call_and_get_code(lambda: desk.request_refund(payment, amount)) == code
    assert desk.list_refusal_reasons() == ([] if code == "done" else [code])


def test_a_refund_above_its_limit_is_refused(desk: RefundDesk) -> None:
    """A refund above the limit per refund is refused, and so is one that exceeds the person's daily sum. Another
    person's daily sum is counted separately.
    """
    big = desk.make_paid_payment("BIG", 2_000_000)
    assert call_for_refusal(lambda: desk.request_refund(big, "1000001")).detail["reason"] == "per_refund"
    for n in range(3):
        desk.request_refund(desk.make_paid_payment(f"ORD-{n}", 1_000_000), "1000000")
    refusal = call_for_refusal(lambda: desk.request_refund(big, "1"))
    assert (refusal.code, refusal.detail["reason"], refusal.detail["today"]) == (
        "over_limit",
        "per_person_day",
        3_000_000,
    )
    assert desk.request_refund(big, "1", person="op-e").maker == "op-e"
    desk.move_clock(hours=24 * 20)
    assert desk.request_refund(desk.make_paid_payment("NEXT", 1_000), "1").maker == "op-a", "another day in Japan"


def test_a_repeated_amount_is_refused_unless_it_is_intended(desk: RefundDesk) -> None:
    """A second refund of the same amount and payment within 24 hours is refused for every requester, unless the
    request marks it as intended. An earlier refund that ended without effect does not count.
    """
    payment = desk.make_paid_payment()
    first = desk.request_refund(payment, "1000")
    refusal = call_for_refusal(lambda: desk.request_refund(payment, "1000", person="op-e"))
    assert (refusal.code, refusal.detail["record"]) == ("possible_repeat", first)
    assert call_and_get_code(lambda: desk.request_refund(payment, "1000", intended_repeat=True)) == "in_progress"
    desk.withdraw_refund(first)
    again = desk.request_refund(payment, "1000")
    desk.approve_refund(again)
    assert call_and_get_code(lambda: desk.request_refund(payment, "1000")) == "possible_repeat"
    assert desk.request_refund(payment, "1000", intended_repeat=True).intended_repeat


def test_the_same_amount_after_a_day_is_no_repeat(desk: RefundDesk) -> None:
    """After 24 hours of real time, which are not scaled like the desk's waits, a refund of the same amount does not
    count as a repetition.
    """
    payment = desk.make_paid_payment()
    desk.approve_refund(desk.request_refund(payment, "1000"))
    desk.clock.offset += timedelta(hours=25)
    assert desk.request_refund(payment, "1000").state is RefundState.REQUESTED


def test_a_second_open_refund_of_a_payment_is_refused(desk: RefundDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a refund of a payment is requested, approved, being sent or unknown, another request is refused. After
    the provider has confirmed it, another refund can be requested.
    """
    payment = desk.make_paid_payment()
    first = desk.request_refund(payment, "1000")
    refusal = call_for_refusal(lambda: desk.request_refund(payment, "500"))
    assert (refusal.code, refusal.detail["record"]) == ("in_progress", first)
    codes: list[tuple[RefundState, str]] = []

    def request_second_refund(failpoint_name: str) -> None:
        if failpoint_name in ("before_tx1", "before_send"):
            code = call_and_get_code(lambda: desk.request_refund(payment, "500"))
            codes.append((desk.read_refund(first).state, code))

    desk.control.add_fault("close_after_charge", call="paypay_refund", times=1)
    with monkeypatch.context() as patch:
        patch.setattr(desk.context.failpoints, "reach", request_second_refund)
        assert call_and_get_code(lambda: desk.approve_refund(first)) == "outcome_unknown"
    assert codes == [(RefundState.APPROVED, "in_progress"), (RefundState.SUBMITTING, "in_progress")]
    assert call_and_get_code(lambda: desk.request_refund(payment, "500")) == "in_progress"
    desk.probe_refund(first)
    assert desk.request_refund(payment, "500").state is RefundState.REQUESTED


def test_only_one_of_simultaneous_requests_is_stored(desk: RefundDesk) -> None:
    """If eight people request a refund of one payment at the same moment, one refund and one reservation are stored,
    and seven requests are refused.
    """
    payment, start, results = desk.make_paid_payment(), Barrier(8), list[str]()

    def request_refund(index: int) -> None:
        start.wait()
        results.append(
            call_and_get_code(lambda: desk.request_refund(payment, str(2000 + index), person=f"op-{index}"))
        )

    threads = [Thread(target=request_refund, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["done", *["in_progress"] * 7]
    assert desk.check_payment_agrees(payment).reserved_minor in range(2000, 2008)


def test_a_refund_after_the_refund_period_is_refused(desk: RefundDesk, control: SandboxControl) -> None:
    """After the last second of the 365th Japanese day, PayPay accepts no refund, and the service refuses the
    request.
    """
    payment = desk.make_paid_payment()
    desk.clock.offset += timedelta(days=367)
    assert call_for_refusal(lambda: desk.request_refund(payment)).detail["reason"] == "window"
    assert desk.refunds.make_plan(payment.id).refusal_code == "refund_window_over"
    assert control.read_requests(call="paypay_refund") == []


def test_a_refund_outside_the_contract_is_refused(home: Path, control: SandboxControl) -> None:
    """If the contract does not include repeated refunds, the request for a second refund of a payment is refused."""
    from dataclasses import replace

    with open_refund_desk(home, control) as desk:
        payment = desk.make_paid_payment()
        line = desk.providers.get_adapter("paypay")._whole._sender  # type: ignore[attr-defined]
        line.config = replace(line.config, allows_repeated_refunds=False)
        desk.approve_refund(desk.request_refund(payment, "1000"))
        refusal = call_for_refusal(lambda: desk.request_refund(payment, "500"))
        assert (refusal.code, refusal.detail["reason"]) == ("outside_window", "repeated")
        assert desk.refunds.make_plan(payment.id).refusal_code == "refund_repeated"


def test_a_request_on_an_old_view_is_refused(desk: RefundDesk) -> None:
    """A request that states an earlier version of the payment is refused; the error contains the present facts."""
    payment = desk.make_paid_payment()
    refusal = call_for_refusal(lambda: desk.request_refund(payment, saw=payment.version - 1))
    assert (refusal.code, refusal.detail["changed"]["version"]["now"]) == ("stale_view", payment.version)  # type: ignore[index]
    assert desk.request_refund(payment, saw=payment.version).state is RefundState.REQUESTED


@pytest.mark.parametrize("reason", ["", "   ", "x" * 256])
def test_a_request_without_a_reason_is_refused(desk: RefundDesk, reason: str) -> None:
    """A request is refused if it has no reason, or one that approvers and PayPay can't use."""
    payment = desk.make_paid_payment()
    assert call_and_get_code(lambda: desk.request_refund(payment, reason=reason)) == "usage"


def test_operators_and_approvers_request_refunds(desk: RefundDesk) -> None:
    """Operators and approvers can request refunds; an auditor cannot."""
    desk.insert_team()
    payment = desk.make_paid_payment()
    assert call_and_get_code(lambda: desk.request_refund(payment, person="aud-f")) == "not_allowed"
    assert call_and_get_code(lambda: desk.request_refund(payment, person="nobody")) == "not_allowed"
    assert desk.request_refund(payment, person="lead-b").maker == "lead-b"
    assert desk.request_refund(desk.make_paid_payment("ORD-2"), person="op-e").maker == "op-e"


@pytest.mark.parametrize(
    ("prevent_refund", "refusal_code", "error_code"),
    [
        (
            lambda desk, payment: desk.sql(f"UPDATE payments SET certainty = 'unknown' {_INCREMENT_VERSION_SQL}"),
            "payment_unknown",
            "exceeds_captured",
        ),
        (
            lambda desk, payment: desk.sql(f"UPDATE payments SET status = 'reversed' {_INCREMENT_VERSION_SQL}"),
            "payment_reversed",
            "exceeds_captured",
        ),
        (
            lambda desk, payment: desk.approve_refund(desk.request_refund(payment, "3300")),
            "refund_nothing_left",
            "exceeds_captured",
        ),
        (lambda desk, payment: desk.request_refund(payment), "refund_open", "in_progress"),
    ],
    ids=["unknown", "reversed", "all of it", "open"],
)
def test_a_plan_shows_the_reason_against_a_request(
    desk: RefundDesk, prevent_refund: Callable[[RefundDesk, Payment], object], refusal_code: str, error_code: str
) -> None:
    """The plan of a refund states the reason why no refund can be requested now, and a request is refused, too."""
    payment = desk.make_paid_payment()
    prevent_refund(desk, payment)
    assert desk.refunds.make_plan(payment.id).refusal_code == refusal_code
    assert call_and_get_code(lambda: desk.request_refund(payment, "700")) == error_code


def test_a_plan_has_amounts_limits_and_approvers(desk: RefundDesk) -> None:
    """The plan of a refund has the amounts, the limits, the possible approvers, and whether a second approver and a
    cooling-off period are needed.
    """
    desk.insert_team()
    payment = desk.make_paid_payment(minor=900_000)
    with desk.console.acting_as("lead-d"):
        plan = desk.refunds.make_plan(payment.id, "600000")
    assert (plan.refusal_code, plan.money.refundable, plan.needs_second_checker) == (None, 900_000, True)
    assert plan.approvers == ("lead-b", "lead-c"), "never the one who asks"
    assert plan.cooling_off_until is not None
    assert not [check for check in plan.checks if not check.holds]
    assert call_and_get_code(lambda: desk.refunds.make_plan(payment.id, "many")) == "invalid_amount"


def test_refunds_of_real_money_need_a_server(home: Path, control: SandboxControl) -> None:
    """SQLite cannot enforce that two people decide, so with SQLite refunds are sent only to simulated providers on
    this machine.
    """
    with open_refund_desk(home, control) as desk:
        payment = desk.make_paid_payment()
        urls = {**desk.context.settings.provider_urls, "paypay": "https://apigw.paypay.ne.jp"}
        object.__setattr__(desk.context.settings, "provider_urls", urls)
        refusal = call_for_refusal(lambda: desk.request_refund(payment))
        assert (refusal.code, refusal.detail["reason"]) == ("not_allowed", "sqlite_refund")
        assert desk.refunds.make_plan(payment.id).refusal_code == "refund_sqlite"


def test_a_lost_refund_in_the_spool_prevents_another_request(desk: RefundDesk) -> None:
    """If the spool has a refund that the database lost, no other refund of its payment can be requested."""
    payment = desk.make_paid_payment()
    sent = ("refund.submit", None, None, 77, "lead-b", "desk", desk.context.now(), "f")
    lost = Intent(
        "op-lost", desk.context.database_id, *sent, payment_id=payment.id, provider_key="RFD-LOST", amount_minor=500
    )
    desk.context.spool.store_intent(lost)
    desk.context.spool.mark_calling(lost.operation_id)
    refusal = call_for_refusal(lambda: desk.request_refund(payment))
    assert (refusal.code, refusal.detail["source"], refusal.detail["operation_id"]) == (
        "in_progress",
        "desk",
        "op-lost",
    )
    assert desk.refunds.make_plan(payment.id).refusal_code == "refund_only_desk_knows"
    desk.context.spool.mark_ended("op-lost", holds_claim=False)
    assert desk.request_refund(payment).state is RefundState.REQUESTED


@pytest.mark.parametrize(
    ("limit", "reason"), [("per_refund", "refund_over_limit"), ("per_person_day", "refund_over_day_limit")]
)
def test_a_limit_of_zero_refuses_each_amount(desk: RefundDesk, limit: str, reason: str) -> None:
    payment = desk.make_paid_payment()
    desk.sql("UPDATE limits SET value = 0 WHERE name = :name AND currency = 'JPY'", name=limit)
    assert desk.refunds.make_plan(payment.id).refusal_code == reason
    assert desk.refunds.make_plan(payment.id, "1").refusal_code == reason


def insert_set_aside(desk: RefundDesk, payment: Payment, minor: int) -> int:
    """Set `minor` of the payment aside, and return the id of the set-aside."""
    now = desk.context.now()
    assert desk.context.database.write(lambda tx: payments.set_amount_aside(tx.conn, payment.id, minor, now))
    desk.sql(
        "INSERT INTO accounts(id, corporation_number, currency, limit_minor) VALUES (1, '1180301018771', 'JPY', 3000)"
    )
    return desk.context.database.write(
        lambda tx: set_asides.insert_set_aside(tx.conn, desk.read_payment(payment.id), 1, minor, now)
    )


def test_the_plan_of_a_set_aside_is_about_its_amount(desk: RefundDesk) -> None:
    """The plan for the refund of a set-aside checks the rules for the amount of the set-aside, and needs as many
    checkers as the request.
    """
    payment = desk.make_paid_payment(minor=90_000)
    item = insert_set_aside(desk, payment, 80_000)
    desk.sql("UPDATE limits SET value = 50000 WHERE name = 'second_checker_above'")
    plan = desk.refunds.make_plan(payment.id, set_aside_id=item)
    refund = desk.request_refund(payment, "80000", set_aside_id=item)
    assert (plan.needs_second_checker, refund.checkers_needed) == (True, 2)
    assert [check.rule for check in plan.checks if not check.holds] == []


def test_a_plan_is_about_a_set_aside_if_nothing_else_is_refundable(desk: RefundDesk) -> None:
    """If the whole amount of a payment is set aside, a plan for its refund is about the set-aside, and not
    refused.
    """
    payment = desk.make_paid_payment()
    item = insert_set_aside(desk, payment, payment.captured_minor)
    plan = desk.refunds.make_plan(payment.id)
    assert plan.set_aside is not None
    assert (plan.set_aside.id, plan.refusal_code) == (item, None)


def test_the_plan_of_a_set_aside_names_the_rule_that_refuses_it(desk: RefundDesk) -> None:
    """The plan of a set-aside has the reason why it can't be refunded: the provider's refund period is over. No other
    money of the payment can be refunded."""
    payment = desk.make_paid_payment()
    item = insert_set_aside(desk, payment, payment.captured_minor)
    desk.clock.offset += timedelta(days=367)
    assert desk.refunds.make_plan(payment.id, set_aside_id=item).refusal_code == "refund_window_over"


def test_a_plan_has_all_payments_of_the_order(desk: RefundDesk) -> None:
    """The plan of a refund counts the excess of an order over all its payments."""
    first = desk.make_paid_payment("ORD-1", 7_000)
    second = desk.make_paid_payment("ORD-2", 2_000, has_order=False, order_id=first.order_id)
    plan = desk.refunds.make_plan(first.id)
    assert {payment.id for payment in plan.order_payments} == {first.id, second.id}
    assert compute_overpaid_minor(plan.payment, plan.order, plan.order_payments) == 2_000


def test_a_set_aside_is_refunded_only_as_a_whole(desk: RefundDesk) -> None:
    """Set-aside money can be refunded only as a whole. After a rejected refund the money is set aside again; after a
    completed refund it counts as refunded.
    """
    payment = desk.make_paid_payment()
    item = insert_set_aside(desk, payment, 300)
    assert call_and_get_code(lambda: desk.request_refund(payment, "200", set_aside_id=item)) == "exceeds_captured"
    assert call_and_get_code(lambda: desk.request_refund(payment, "300", set_aside_id=99)) == "not_found"
    first = desk.request_refund(payment, "300", set_aside_id=item)
    assert (desk.read_payment(payment.id).set_aside_minor, desk.read_payment(payment.id).reserved_minor) == (0, 300)
    assert call_and_get_code(
        lambda: desk.request_refund(payment, "300", set_aside_id=item, intended_repeat=True)
    ) in (
        "in_progress",
        "already_decided",
    )
    desk.reject_refund(first)
    assert (desk.read_payment(payment.id).set_aside_minor, desk.read_payment(payment.id).reserved_minor) == (300, 0)
    second = desk.request_refund(payment, "300", set_aside_id=item)
    desk.approve_refund(second)
    desk.move_clock(seconds=31)
    desk.run_due_tasks()
    with desk.context.database.read() as conn:
        gone = set_asides.find(conn, item)
    assert gone is not None
    assert (gone.state, gone.refund_id, desk.check_payment_agrees(payment).refunded_minor) == (
        "refunded",
        second.id,
        300,
    )


def test_risk_signals_are_stored_with_the_requesters_comments(desk: RefundDesk) -> None:
    """The request stores each risk signal (another payment of the same sum, earlier refunds of the order) with the
    requester's comment.
    """
    payment = desk.make_paid_payment(payer="payer-1")
    other_payment = desk.make_paid_payment("ORD-1b", has_order=False)
    desk.sql(
        "UPDATE payments SET order_id = :o, version = version + 1 WHERE id = :i",
        o=payment.order_id,
        i=other_payment.id,
    )
    desk.approve_refund(desk.request_refund(payment, "1000"))
    hits = {hit.rule: hit for hit in desk.refunds.make_plan(payment.id, "1005").risk_signals}
    assert {"double_charge", "similar_amount"} <= set(hits)
    assert (hits["double_charge"].kind, hits["double_charge"].id) == ("payment", other_payment.id)
    request = RefundRequest(payment.id, "1005", "paid twice", answers=(("double_charge", "the shop confirms it"),))
    refund = desk.refunds.request(request)
    shown = {hit.rule: hit.answer for hit in desk.refunds.read_refund(refund.id).risk_signals}
    assert shown["double_charge"] == "the shop confirms it"


def test_a_payment_counts_as_reversible_until_the_end_of_the_last_day(desk: RefundDesk) -> None:
    """The risk signal of a reversible payment names the instant at which the payment's badge changes, and is shown
    until this instant.
    """
    payment = desk.make_paid_payment("ORD1", 50_000, "atom")
    deadline = find_reversal_deadline(payment)
    assert deadline is not None
    desk.clock.offset = deadline - timedelta(seconds=1) - desk.clock.now()
    hits = {hit.rule: hit for hit in desk.refunds.make_plan(payment.id, "100").risk_signals}
    assert hits["may_be_reversed"].facts["until"] == deadline
    desk.clock.offset += timedelta(seconds=1)
    assert "may_be_reversed" not in {hit.rule for hit in desk.refunds.make_plan(payment.id, "100").risk_signals}
