"""Refunds that the provider has and this database doesn't know: each one stops the next refund until a person has
acknowledged it, however many were acknowledged before."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from console.domain.money import Money
from console.domain.payments.provider_messages import RefundOrder
from console.domain.payments.records import Payment, Refund
from console.domain.records import WorkReason
from console.domain.tasks.records import Alert
from console.sandbox import SandboxControl
from console.services.payments.unknown_refunds import open_case_of_unknown_refunds
from tests.support.refund_desks import RefundDesk, refund_desk, refusal_of

ELSEWHERE = tuple(f"BACKOFFICE-{number:02}-{'x' * 40}" for number in range(1, 10))


@pytest.fixture
def desk(home: Path, control: SandboxControl) -> Iterator[RefundDesk]:
    with refund_desk(home, control) as opened:
        opened.team()
        yield opened


def refund_elsewhere(desk: RefundDesk, payment: Payment, *keys: str) -> None:
    """As a person at the provider's own page would."""
    adapter = desk.vendors.get_adapter(payment.provider)
    for key in keys:
        order = RefundOrder(
            key, payment.merchant_payment_id, payment.provider_payment_id or "", Money(100, "JPY"), desk.context.now()
        )
        assert adapter.refund(order).found is not None


def open_case(desk: RefundDesk) -> Alert:
    (case,) = [
        one
        for one in desk.console.alerts.list_alerts()
        if one.rule_id == WorkReason.UNKNOWN_REFUND and one.resolved_at is None
    ]
    return case


def acknowledge(desk: RefundDesk) -> None:
    with desk.console.acting_as("lead-b"):
        desk.console.alerts.acknowledge(open_case(desk).id, "given back by hand")


def reason_of(act: Callable[[], Refund]) -> object:
    refusal = refusal_of(act)
    return refusal.code, refusal.detail["reason"]


STOPPED = ("not_allowed", "unknown_refund")


def test_one_more_after_an_acknowledged_one_can_be_acknowledged(desk: RefundDesk) -> None:
    """The second unknown refund is told by a case of its own; once a person has acknowledged it, the refund goes."""
    payment = desk.paid(minor=50_000)
    refund = desk.ask(payment, "500")
    refund_elsewhere(desk, payment, ELSEWHERE[0])
    assert reason_of(lambda: desk.approve(refund)) == STOPPED
    acknowledge(desk)
    refund_elsewhere(desk, payment, ELSEWHERE[1])
    assert reason_of(lambda: desk.approve(refund)) == STOPPED
    assert (open_case(desk).observed, open_case(desk).acknowledged_by) == (ELSEWHERE[1], None)
    acknowledge(desk)
    desk.approve(refund)
    assert len(desk.keys_at(payment)) == 3


def test_one_more_after_many_acknowledged_ones_stops(desk: RefundDesk) -> None:
    """More keys than a case has room for: what a person has not seen is not acknowledged."""
    payment = desk.paid(minor=50_000)
    refund = desk.ask(payment, "500")
    refund_elsewhere(desk, payment, *ELSEWHERE[:6])
    for _ in ELSEWHERE:
        if reason_of(lambda: desk.approve(refund)) == STOPPED and open_case(desk).acknowledged_by is None:
            acknowledge(desk)
        seen = {key for case in desk.console.alerts.list_alerts() for key in case.observed.split(", ")}
        if seen >= set(ELSEWHERE[:6]):
            break
    refund_elsewhere(desk, payment, ELSEWHERE[6])
    assert reason_of(lambda: desk.approve(refund)) == STOPPED
    acknowledge(desk)
    desk.approve(refund)
    assert len(desk.keys_at(payment)) == 8


def test_the_same_ones_are_told_once(desk: RefundDesk) -> None:
    """Asked again, and by a probe of the payment, the case stays the same one."""
    payment = desk.paid(minor=50_000)
    refund = desk.ask(payment, "500")
    refund_elsewhere(desk, payment, *ELSEWHERE[:6])
    assert reason_of(lambda: desk.approve(refund)) == STOPPED
    case = open_case(desk)
    assert reason_of(lambda: desk.approve(refund)) == STOPPED
    assert open_case(desk) == case


def test_a_full_case_stays_until_it_is_acknowledged(desk: RefundDesk) -> None:
    """The answer about one lost refund and that about the payment don't replace each other's case in turn."""
    payment, last = desk.paid(minor=50_000), f"{ELSEWHERE[-1]} 100 JPY"

    def tell(refunds: Sequence[str]) -> bool:
        return desk.context.write(lambda tx: open_case_of_unknown_refunds(desk.context, tx, payment.id, refunds))

    cases = []
    for refunds in 2 * (ELSEWHERE, [last]):
        tell(refunds)
        cases.append(open_case(desk).id)
    assert len(set(cases)) == 1
    for _ in ELSEWHERE:
        acknowledge(desk)
        if not tell([last]):
            break
    assert open_case(desk).observed.endswith(last)
