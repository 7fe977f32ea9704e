"""A payment that only the provider has is booked as the provider's answer proves, once for any number of calls."""

from datetime import date, timedelta
from typing import Any

import pytest

from console.domain.calendar_days import IST
from console.domain.errors import ConsoleError
from console.domain.payments.records import Payment, PaymentImport
from tests.support.desks import NUMBERS
from tests.support.payment_desks import Scene


def imported(scene: Scene, provider: str = "paypay", number: str = "ORD-1", **more: object) -> Payment:
    return scene.payments.import_payment(PaymentImport(provider, number, **more))  # type: ignore[arg-type]  # any field


def refused(scene: Scene, provider: str = "paypay", number: str = "ORD-1", **more: Any) -> ConsoleError:
    with pytest.raises(ConsoleError) as caught:
        imported(scene, provider, number, **more)
    return caught.value


def today(scene: Scene) -> date:
    return scene.context.now().astimezone(IST).date()


def test_a_paid_payment_is_booked_once(scene: Scene) -> None:
    """Captured, completed, under its corporation; the same again is the same."""
    scene.money.register_payment("paypay", "ORD-1", 3300)
    first = imported(scene, corporation_number=NUMBERS[0])
    assert (first.state, first.captured_minor, first.corporation_number) == ("completed", 3300, NUMBERS[0])
    assert (first.order_id, first.work.state) == (None, "none")
    again = imported(scene)
    assert (again.id, again.captured_minor) == (first.id, 3300)
    assert scene.place.sql("SELECT COUNT(*) FROM payments") == [(1,)]


def test_its_order_follows(scene: Scene) -> None:
    """An order of the same number is paid by it."""
    scene.order("ORD-1", 3300, corporation=NUMBERS[1])
    scene.money.register_payment("paypay", "ORD-1", 3300)
    payment = imported(scene)
    assert payment.corporation_number == NUMBERS[1]
    assert scene.order_now("ORD-1").state == "paid"


def test_one_without_a_code_is_found_too(scene: Scene) -> None:
    """Payments that came by another way than a code of ours have an address of their own."""
    scene.money.register_payment("paypay", "ORD-1", 3300, code=False)
    payment = imported(scene)
    assert (payment.captured_minor, payment.by_code) == (3300, False)
    assert scene.payments.probe(payment.id).state == "completed"


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    ("state", "ours"),
    [
        ("created", "user_payment"),
        ("authorized", "user_payment"),
        ("failed", "payment_failed"),
        ("expired", "expired"),
        ("cancelled", "payment_failed"),
    ],
)
def test_the_entry_is_what_the_answer_proves(scene: Scene, state: str, ours: str) -> None:
    """Nothing is booked of what was not taken."""
    scene.money.register_payment("paypay", "ORD-1", 3300, state=state)
    if state in ("created",):
        assert refused(scene).exit_status == 4  # an unpaid code names no sum
        return
    payment = imported(scene)
    assert (payment.state, payment.captured_minor) == (ours, 0)


def test_atom_is_asked_by_sum_and_day(scene: Scene) -> None:
    """Without them it can't be asked; with the right ones it is booked, and can be asked again."""
    scene.money.register_payment("atom", "ORD-1", 50_000)
    assert refused(scene, "atom").code == "usage"
    assert refused(scene, "atom", amount="500.00").code == "usage"
    payment = imported(scene, "atom", amount="500.00", day=today(scene))
    assert (payment.state, payment.captured_minor, payment.currency) == ("completed", 50_000, "INR")
    assert scene.payments.probe(payment.id).certainty == "known"
    other = refused(scene, "atom", "ORD-2", amount="500.00", day=today(scene) - timedelta(days=1))
    assert other.exit_status == 5


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    "more",
    [{"amount": "0x10"}, {"amount": "３３００"}, {"amount": "3300.5"}, {"amount": "-1"}, {"amount": "1" + "0" * 18},
     {"corporation_number": "1180301018772"}, {"corporation_number": "abc"}],
)  # fmt: skip
def test_bad_input_asks_nobody(scene: Scene, more: dict[str, Any]) -> None:
    """Two, and nothing is sent."""
    assert refused(scene, **more).exit_status == 2
    assert scene.control.read_requests(call="paypay_payment") == []


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("number", ["", "a b", "x" * 65, "注文", "ORD/1", "ORD?x=1"])
def test_a_bad_number_asks_nobody(scene: Scene, number: str) -> None:
    """Two as well: it never becomes part of an address."""
    assert refused(scene, number=number).exit_status == 2
    assert scene.control.read_requests(call="paypay_payment") == []


@pytest.mark.engines("sqlite")
def test_a_provider_that_is_none(scene: Scene) -> None:
    """A name that no provider has is bad input."""
    assert refused(scene, "bank").exit_status == 2


def test_no_such_payment_is_five_and_no_usable_answer_is_four(scene: Scene) -> None:
    """And neither leaves a row."""
    assert refused(scene).exit_status == 5
    scene.money.register_payment("paypay", "ORD-1", 3300)
    for fault in ("status:500", "malformed", "other_order", "amount_as_text", "hang"):
        scene.control.add_fault(fault, call="paypay_payment", seconds=3)
        assert refused(scene).exit_status == 4, fault
    scene.control.add_fault("result:UNAUTHORIZED", call="paypay_payment")
    assert refused(scene).code == "provider_auth"
    assert scene.place.sql("SELECT COUNT(*) FROM payments") == [(0,)]
    assert imported(scene).captured_minor == 3300
