"""A payment that exists at the provider but not in our database is imported in the state that the provider reports.
Repeated imports create it only once.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest

from console.domain.calendar_days import IST
from console.domain.errors import ConsoleError
from console.domain.payments.records import Payment, PaymentImport
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.payment_desks import PaymentDesk


def import_payment(scene: PaymentDesk, provider: str = "paypay", number: str = "ORD-1", **more: object) -> Payment:
    """Import the payment with the payment number `number` from the provider and return it. `more` are further
    fields of the import, such as the amount.
    """
    return scene.payments.import_payment(PaymentImport(provider, number, **more))  # type: ignore[arg-type]  # any field


def read_import_error(
    scene: PaymentDesk, provider: str = "paypay", number: str = "ORD-1", **more: Any
) -> ConsoleError:
    """Import the payment with the payment number `number`, which must be refused, and return the error. `more` are
    further fields of the import, such as the amount.
    """
    with pytest.raises(ConsoleError) as caught:
        import_payment(scene, provider, number, **more)
    return caught.value


def read_today(scene: PaymentDesk) -> date:
    """Return today's date in Japan."""
    return scene.context.now().astimezone(IST).date()


def test_a_paid_payment_is_booked_once(scene: PaymentDesk) -> None:
    """A paid payment is imported as completed, with its captured amount and its corporation. A second import returns
    the same payment.
    """
    scene.money.register_payment("paypay", "ORD-1", 3300)
    first = import_payment(scene, corporation_number=CORPORATION_NUMBERS[0])
    assert (first.state, first.captured_minor, first.corporation_number) == (
        "completed",
        3300,
        CORPORATION_NUMBERS[0],
    )
    assert (first.order_id, first.work.state) == (None, "none")
    again = import_payment(scene)
    assert (again.id, again.captured_minor) == (first.id, 3300)
    assert scene.place.sql("SELECT COUNT(*) FROM payments") == [(1,)]


@pytest.mark.parametrize("stored", [None, CORPORATION_NUMBERS[1]])
def test_an_import_never_changes_a_stored_corporation_number(scene: PaymentDesk, stored: str | None) -> None:
    """A payment is stored in our database with a corporation number or without one, and it is imported with another
    number: the import is refused, asks no provider and changes nothing. An import with the stored number, in any
    spelling, is accepted.
    """
    scene.money.register_payment("paypay", "ORD-1", 3300)
    first = import_payment(scene, corporation_number=stored)
    call_count = len(scene.control.read_requests(call="paypay_payment"))
    refusal = read_import_error(scene, corporation_number=CORPORATION_NUMBERS[0])
    assert (refusal.exit_status, refusal.code) == (2, "usage")
    detail = refusal.detail
    assert (detail["problem"], detail["corporation_number"]) == ("other_corporation_number", stored)
    assert detail["record"] == scene.payments.read_payment(first.id).record == first
    assert len(scene.control.read_requests(call="paypay_payment")) == call_count
    if stored is not None:
        assert import_payment(scene, corporation_number=f"T{stored}").id == first.id


def test_the_first_of_two_imports_sets_the_number(scene: PaymentDesk) -> None:
    """While an import asks the provider, another import stores the payment with another corporation number: the
    first-mentioned import is refused and changes nothing.
    """
    scene.money.register_payment("paypay", "ORD-1", 3300)
    scene.control.add_fault("hang", call="paypay_payment")
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(read_import_error, scene, corporation_number=CORPORATION_NUMBERS[0])
        assert scene.control.wait_until_counts_reached(held=1)
        first = import_payment(scene, corporation_number=CORPORATION_NUMBERS[1])
        scene.control.release_calls()
        assert slow.result().detail["problem"] == "other_corporation_number"
    assert scene.payments.read_payment(first.id).record == first


def test_an_import_sets_the_order_of_a_paid_payment_to_paid(scene: PaymentDesk) -> None:
    """The import of a paid payment sets the order of the same number to paid."""
    scene.insert_order("ORD-1", 3300, corporation=CORPORATION_NUMBERS[1])
    scene.money.register_payment("paypay", "ORD-1", 3300)
    payment = import_payment(scene)
    assert payment.corporation_number == CORPORATION_NUMBERS[1]
    assert scene.read_order("ORD-1").state == "paid"


def test_a_payment_without_a_code_is_imported(scene: PaymentDesk) -> None:
    """PayPay has payments that were not made through a code of ours, and lists them under another address: the import
    finds such a payment, too.
    """
    scene.money.register_payment("paypay", "ORD-1", 3300, code=False)
    payment = import_payment(scene)
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
def test_an_uncaptured_payment_is_imported_without_money(scene: PaymentDesk, state: str, ours: str) -> None:
    """A payment that the provider has not captured is imported in its reported state, and nothing is booked. If it is
    only created, the import is refused (exit status 4), because the provider reports no amount of an unpaid code.
    """
    scene.money.register_payment("paypay", "ORD-1", 3300, state=state)
    if state in ("created",):
        assert read_import_error(scene).exit_status == 4  # an unpaid code names no sum
        return
    payment = import_payment(scene)
    assert (payment.state, payment.captured_minor) == (ours, 0)


def test_an_import_from_atom_needs_sum_and_day(scene: PaymentDesk) -> None:
    """An import from Atom needs the amount and the day of the payment. Without them it is refused; with them the
    payment is booked and can be probed. For a payment that Atom doesn't have on that day, the exit status is 5.
    """
    scene.money.register_payment("atom", "ORD-1", 50_000)
    assert read_import_error(scene, "atom").code == "usage"
    assert read_import_error(scene, "atom", amount="500.00").code == "usage"
    payment = import_payment(scene, "atom", amount="500.00", day=read_today(scene))
    assert (payment.state, payment.captured_minor, payment.currency) == ("completed", 50_000, "INR")
    assert scene.payments.probe(payment.id).certainty == "known"
    other = read_import_error(scene, "atom", "ORD-2", amount="500.00", day=read_today(scene) - timedelta(days=1))
    assert other.exit_status == 5


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    "more",
    [{"amount": "0x10"}, {"amount": "３３００"}, {"amount": "3300.5"}, {"amount": "-1"}, {"amount": "0"},
     {"amount": "1" + "0" * 18},
     {"corporation_number": "1180301018772"}, {"corporation_number": "abc"}],
)  # fmt: skip
def test_invalid_input_asks_no_provider(scene: PaymentDesk, more: dict[str, Any]) -> None:
    """An import with invalid input is refused (exit status 2), and the program sends nothing to the provider."""
    assert read_import_error(scene, **more).exit_status == 2
    assert scene.control.read_requests(call="paypay_payment") == []


@pytest.mark.engines("sqlite")
def test_an_import_from_atom_refuses_an_amount_of_zero(scene: PaymentDesk) -> None:
    """An import from Atom with an amount of zero is refused as invalid input, and isn't reported as an unreachable
    provider.
    """
    for amount in ("0", "0.00"):
        assert read_import_error(scene, "atom", amount=amount, day=read_today(scene)).code == "invalid_amount"


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("number", ["", "a b", "x" * 65, "注文", "ORD/1", "ORD?x=1"])
def test_an_invalid_number_asks_no_provider(scene: PaymentDesk, number: str) -> None:
    """A payment number that is empty, too long or has invalid characters is refused (exit status 2), and is never
    sent as part of a provider's address.
    """
    assert read_import_error(scene, number=number).exit_status == 2
    assert scene.control.read_requests(call="paypay_payment") == []


@pytest.mark.engines("sqlite")
def test_an_import_from_an_unknown_provider_is_refused(scene: PaymentDesk) -> None:
    """An import that names an unknown provider is refused as invalid input."""
    assert read_import_error(scene, "bank").exit_status == 2


def test_a_missing_payment_and_an_unusable_answer_have_their_exit_status(scene: PaymentDesk) -> None:
    """The import of a payment that the provider doesn't have ends with exit status 5, and an unusable answer of the
    provider with 4. If the provider refuses our credentials, the error code is `provider_auth`. None of these imports
    stores a row; a later import, with a usable answer, does.
    """
    assert read_import_error(scene).exit_status == 5
    scene.money.register_payment("paypay", "ORD-1", 3300)
    for fault in ("status:500", "malformed", "other_order", "amount_as_text", "hang"):
        scene.control.add_fault(fault, call="paypay_payment", seconds=3)
        assert read_import_error(scene).exit_status == 4, fault
    scene.control.add_fault("result:UNAUTHORIZED", call="paypay_payment")
    assert read_import_error(scene).code == "provider_auth"
    assert scene.place.sql("SELECT COUNT(*) FROM payments") == [(0,)]
    assert import_payment(scene).captured_minor == 3300
