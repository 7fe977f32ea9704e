"""Tests of unusual starts and ends of payments: other providers, invalid input, and answers about another payment."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from console.domain.errors import ConsoleError
from console.domain.payments.records import Payment
from console.domain.records import Certainty
from console.sandbox.server import Sandbox
from console.services.process.failpoints import Failpoints
from console.store.database import boot_clock
from console.wording.sentences.catalogue import format_error_message
from tests.support.desks import MovedClock
from tests.support.payment_desks import PaymentDesk, open_payment_desk
from tests.support.places import Place
from tests.support.refusals import call_for_refusal
from tests.support.simulated_crash import SimulatedCrash, simulate_crash


def test_an_atom_payment_completes_from_its_token(scene: PaymentDesk, clock: MovedClock) -> None:
    """A payment at Atom runs from its token to its end: the answer `not found` changes nothing, a pending state is
    not a success, and a success can be reversed.
    """
    payment = scene.payments.start(scene.insert_order("ORD-1", 50_000, "INR"), "atom").payment
    assert payment.state == "token_generated"
    assert scene.payments.probe(payment.id).state == "token_generated"
    scene.money.change_payment_state("atom", "ORD-1", "pending")
    assert scene.payments.probe(payment.id).state == "user_payment"
    scene.money.change_payment_state("atom", "ORD-1", "paid")
    paid = scene.payments.probe(payment.id)
    assert (paid.state, paid.captured_minor) == ("completed", 50_000)
    view = scene.payments.read_payment(paid.id)
    assert view.explanation.verdict == "verdict.payment_reversible"
    clock.offset += timedelta(days=4)
    assert scene.payments.read_payment(paid.id).explanation.verdict == "verdict.payment_complete"
    scene.money.change_payment_state("atom", "ORD-1", "reversed")
    assert scene.payments.probe(paid.id).state == "reversed"


@pytest.mark.usefixtures("moved_server_clock")
def test_a_token_that_nobody_uses_expires_after_a_day(scene: PaymentDesk, clock: MovedClock) -> None:
    """A token of Atom has no expiry of its own. After a day and one more query the program expires the payment; if
    the payer pays later, the payment is booked.
    """
    payment = scene.payments.start(scene.insert_order("ORD-1", 50_000, "INR"), "atom").payment
    clock.offset += timedelta(days=1, minutes=1)
    earlier_request_count = len(scene.control.read_requests(call="atom_verification"))
    scene.run_due_tasks()
    assert len(scene.control.read_requests(call="atom_verification")) > earlier_request_count
    assert scene.read_payment(payment.id).state == "expired"
    scene.money.change_payment_state("atom", "ORD-1", "paid")
    assert scene.payments.probe(payment.id).state == "completed"


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("provider", ["bank", "alarmbox", "", "paypay "])
def test_only_payment_providers_start_payments(scene: PaymentDesk, provider: str) -> None:
    """The start of a payment at an unknown provider is refused as invalid input, and nothing is written."""
    assert call_for_refusal(scene.payments.start, scene.insert_order("ORD-1", 3300), provider).exit_status == 2
    assert scene.place.sql("SELECT COUNT(*) FROM payments") == [(0,)]


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(("minor", "currency"), [(0, "JPY"), (3300, "INR"), (3300, "USD"), (10**18, "JPY")])
def test_an_impossible_amount_is_refused_before_the_start(scene: PaymentDesk, minor: int, currency: str) -> None:
    """A payment is refused before its start if its amount is zero or too large, or in a currency that the provider
    does not accept.
    """
    assert (
        call_for_refusal(scene.payments.start, scene.insert_order("ORD-1", minor, currency), "paypay").exit_status
        == 2
    )
    assert scene.control.read_requests(call="paypay_create") == []


@pytest.mark.engines("sqlite")
def test_an_unconfigured_provider_refuses_the_start(place: Place, sandbox: Sandbox, clock: MovedClock) -> None:
    """If a provider has no address and credentials in the settings, the start of a payment is refused with
    `bad_profile` before anything is written.
    """
    names = ("PAYPAY_URL", *(f"SECRET_PAYPAY_{name}" for name in ("API_KEY", "API_SECRET", "MERCHANT_ID")))
    off: dict[str, Any] = dict.fromkeys(names)
    with open_payment_desk(place, sandbox, clock, **off) as scene:
        assert (
            call_for_refusal(scene.payments.start, scene.insert_order("ORD-1", 3300), "paypay").code == "bad_profile"
        )
        assert scene.place.sql("SELECT COUNT(*) FROM payments") == [(0,)]


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("fault", ["other_payment", "other_order", "other_currency", "other_amount"])
def test_an_answer_about_another_payment_settles_nothing(scene: PaymentDesk, fault: str) -> None:
    """If the provider answers about another payment, no known state changes and a case is opened. The case stays open
    for a person, also after the next correct answer.
    """
    payment = scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    scene.payments.probe(payment.id)
    scene.control.add_fault(fault, call="paypay_payment")
    with suppress(ConsoleError):
        scene.payments.probe(payment.id)
    after = scene.read_payment(payment.id)
    assert (after.state, after.captured_minor, after.certainty) == ("completed", 3300, "known")
    assert (after.work.reason, scene.list_open_alert_rules()) == ("contradicted", ["contradicted"])
    right = scene.payments.probe(payment.id)
    assert (right.state, right.captured_minor, right.certainty) == ("completed", 3300, "known")
    assert (right.work.reason, scene.list_open_alert_rules()) == ("contradicted", ["contradicted"])


def test_a_start_of_an_ended_process_is_unknown_and_read(
    scene: PaymentDesk, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a process ends after it has sent the start of a payment and before it has stored the answer, the payment is
    unknown and never failed. A due task reads its state from the provider.
    """
    order, uptime = scene.insert_order("ORD-1", 3300), boot_clock.read_uptime_ms

    with simulate_crash(scene.context) as vanish:
        monkeypatch.setattr(scene.context.failpoints, "reach", lambda name: name == "after_send" and vanish())
        with pytest.raises(SimulatedCrash):
            scene.payments.start(order, "paypay")
    scene.context.failpoints = Failpoints(None)
    scene.place.move_lease_clock(timedelta(minutes=10))
    monkeypatch.setattr(boot_clock, "read_uptime_ms", lambda: uptime() + 600_000)
    payment = scene.find_payment("paypay", "ORD-1")
    assert payment is not None
    assert scene.payments.read_payment(payment.id).record.certainty is Certainty.UNKNOWN
    scene.console.recovery.run_all_tasks()
    lapsed = scene.read_payment(payment.id)
    assert (lapsed.state, lapsed.certainty, lapsed.error_code) == ("initializing", Certainty.UNKNOWN, "lapsed")
    clock.offset += timedelta(seconds=60)  # the provider asks for a clock that is right
    scene.console.recovery.run_all_tasks()
    assert (scene.read_payment(payment.id).state, scene.read_payment(payment.id).certainty) == (
        "user_payment",
        Certainty.KNOWN,
    )


def make_overdue_order(scene: PaymentDesk, clock: MovedClock) -> int:
    """Return the id of an order whose payment has expired by our clock; the provider has not been queried about the
    payment since.
    """
    order = scene.insert_order("ORD-1", 3300)
    scene.payments.start(order, "paypay")
    scene.control.change_settings(advance_seconds=600)
    clock.offset += timedelta(seconds=600)
    return order


@pytest.mark.usefixtures("moved_server_clock")
def test_a_code_paid_in_its_last_second_prevents_a_second_code(scene: PaymentDesk, clock: MovedClock) -> None:
    """If a payment code has expired in our database but was paid in its last second, the program queries the provider
    before it creates another code, and creates none.
    """
    order = make_overdue_order(scene, clock)
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    assert call_for_refusal(lambda: scene.payments.start(order, "paypay")).code == "already_decided"
    assert scene.read_order("ORD-1").state == "paid"
    assert len(scene.control.read_requests(call="paypay_create")) == 1


def test_on_a_server_a_desk_clock_that_is_ahead_creates_no_second_payment_code(
    scene: PaymentDesk, clock: MovedClock
) -> None:
    """If the desk's clock is ahead on a server, the payment code expires by the server's clock, so no second code is
    created while the payer can pay the first. On SQLite only the desk's clock exists: the first code is deleted at
    the provider, and a second one is created.
    """
    scene.control.change_settings(paypay_code_seconds=60)
    order = scene.insert_order("ORD-1", 3300)
    first = scene.payments.start(order, "paypay").payment
    clock.offset += timedelta(seconds=100)  # of a clock that is wrong by more, PayPay takes no signature
    second = scene.payments.start(order, "paypay").payment
    assert (second.id == first.id) is scene.place.is_server
    assert len(scene.control.read_requests(call="paypay_create")) == (1 if scene.place.is_server else 2)
    provider_payment = scene.control.payments_control.read_payment("paypay", "ORD-1")
    assert provider_payment["state"] == ("CREATED" if scene.place.is_server else "GONE"), (
        "the payer can pay both codes"
    )


@pytest.mark.usefixtures("moved_server_clock")
@pytest.mark.parametrize("fault", ["status:503", "result:DYNAMIC_QR_ALREADY_PAID", "result:UNAUTHORIZED"])
def test_no_second_code_while_the_first_one_can_be_paid(scene: PaymentDesk, clock: MovedClock, fault: str) -> None:
    """If the first payment code has expired by our clock, which may be ahead, the program deletes it at the provider
    before it creates another code. While the deletion fails, the start is refused.
    """
    order = make_overdue_order(scene, clock)
    scene.control.add_fault(fault, call="paypay_delete_code", times=1)
    refused = call_for_refusal(lambda: scene.payments.start(order, "paypay"))
    assert (refused.code, refused.detail["reason"]) == ("in_progress", "overdue_payment_unclear")
    assert len(scene.control.read_requests(call="paypay_create")) == 1
    assert scene.payments.start(order, "paypay").payment.merchant_payment_id == "ORD-1-2"
    assert scene.control.payments_control.read_payment("paypay", "ORD-1")["state"] == "GONE"


def test_an_open_code_of_another_amount_prevents_a_second_code(scene: PaymentDesk) -> None:
    """If the shop has changed the order's total while the payer can still pay the first payment code, no second code
    is created.
    """
    order = scene.insert_order("ORD-1", 3300)
    payment = scene.payments.start(order, "paypay").payment
    scene.place.sql(f"UPDATE orders SET total_amount = 9900 WHERE id = {order}")
    refused = call_for_refusal(lambda: scene.payments.start(order, "paypay"))
    assert (refused.code, refused.detail["reason"], refused.exit_status) == ("in_progress", "payment_open", 3)
    assert (refused.detail["record"], len(scene.control.read_requests(call="paypay_create"))) == (payment, 1)
    assert "running" not in format_error_message(refused, "en")


@pytest.mark.usefixtures("moved_server_clock")
def test_a_code_that_expires_before_the_claim_prevents_a_second_code(scene: PaymentDesk, clock: MovedClock) -> None:
    """If the first payment code expires between the queries about earlier payments and the claim of the second
    payment, the start is refused. The first code may have been paid in its last second, so no second code is created.
    """
    order = scene.insert_order("ORD-1", 3300)
    scene.payments.start(order, "paypay")
    scene.place.sql(f"UPDATE orders SET total_amount = 9900 WHERE id = {order}")

    class ClockMovingFailpoints(Failpoints):
        def reach(self, name: str) -> None:
            if name == "before_tx1":
                scene.context.failpoints = Failpoints(None)
                clock.offset += timedelta(seconds=600)

    scene.context.failpoints = ClockMovingFailpoints(None)
    refused = call_for_refusal(lambda: scene.payments.start(order, "paypay"))
    assert (refused.code, refused.detail["reason"]) == ("in_progress", "overdue_payment_unclear")
    assert len(scene.control.read_requests(call="paypay_create")) == 1


@pytest.mark.usefixtures("moved_server_clock")
def test_an_unconfirmed_unpaid_code_prevents_another_code(scene: PaymentDesk, clock: MovedClock) -> None:
    """Without the provider's answer about an expired payment code, no other code is created. After the answer that it
    was not paid, another code is created.
    """
    order = make_overdue_order(scene, clock)
    scene.control.add_fault("status:503", call="paypay_payment", times=1)
    refused = call_for_refusal(lambda: scene.payments.start(order, "paypay", request_id="second"))
    assert (refused.code, refused.detail["record"]) == ("in_progress", scene.find_payment("paypay", "ORD-1"))
    assert (refused.exit_status, refused.detail["reason"]) == (3, "overdue_payment_unclear")
    assert "running" not in format_error_message(refused, "en")
    assert len(scene.control.read_requests(call="paypay_create")) == 1
    again = scene.payments.start(order, "paypay", request_id="second")
    assert again.payment.merchant_payment_id == "ORD-1-2"


@pytest.mark.usefixtures("moved_server_clock")
@pytest.mark.parametrize("has_ended", [False, True])
def test_a_no_data_answer_that_contains_the_payment_prevents_a_second_code(
    scene: PaymentDesk, clock: MovedClock, has_ended: bool
) -> None:
    """Atom's answer has the code for `no data` but contains Atom's id of the paid payment: no second payment code
    is created. This holds for a payment that has expired in our database, and for one that Atom has reported as
    cancelled before.
    """
    order = scene.insert_order("ORD-1", 50_000, "INR")
    first = scene.payments.start(order, "atom").payment
    if has_ended:
        scene.money.change_payment_state("atom", "ORD-1", "cancelled", notify=False)
        assert scene.payments.probe(first.id).state == "payment_failed"
    else:
        clock.offset += timedelta(days=1, minutes=1)
    scene.money.change_payment_state("atom", "ORD-1", "paid", notify=False)
    places = ("payInstrument", "payInstrument.0", "payInstrument.1")
    no_data = {f"{place}.responseDetails.statusCode": "OTS0401" for place in places}
    rule = scene.control.add_fault("set_fields", call="atom_verification", times="always", fields=no_data)
    refused = call_for_refusal(lambda: scene.payments.start(order, "atom"))
    assert (refused.code, refused.detail["reason"]) == ("in_progress", "overdue_payment_unclear")
    assert len(scene.control.read_requests(call="atom_auth")) == 1
    scene.control.clear_faults(rule)
    assert call_for_refusal(lambda: scene.payments.start(order, "atom")).code == "already_decided"
    assert scene.read_order("ORD-1").state == "paid"


@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_a_failed_payment_is_read_before_the_next_start(scene: PaymentDesk, provider: str) -> None:
    """If a payment has failed in our database and was paid later, the program queries the provider about it once more
    before it starts a new payment.
    """
    order = scene.insert_order("ORD-1", 50_000, "JPY" if provider == "paypay" else "INR")
    first = scene.payments.start(order, provider).payment
    scene.money.change_payment_state(provider, "ORD-1", "cancelled", notify=False)
    assert scene.payments.probe(first.id).state == "payment_failed"
    scene.money.change_payment_state(provider, "ORD-1", "paid", notify=False)
    assert call_for_refusal(lambda: scene.payments.start(order, provider)).code == "already_decided"
    assert (scene.read_payment(first.id).state, scene.read_order("ORD-1").state) == ("completed", "paid")


def test_a_failed_payment_open_at_its_bank_prevents_another_payment(scene: PaymentDesk) -> None:
    """While the payer's second attempt at the bank is still open, no new payment of the order is started."""
    order = scene.insert_order("ORD-1", 50_000, "INR")
    first = scene.payments.start(order, "atom").payment
    scene.money.change_payment_state("atom", "ORD-1", "cancelled", notify=False)
    assert scene.payments.probe(first.id).state == "payment_failed"
    scene.money.change_payment_state("atom", "ORD-1", "pending", notify=False)
    refused = call_for_refusal(lambda: scene.payments.start(order, "atom"))
    assert (refused.code, refused.detail["reason"]) == ("in_progress", "overdue_payment_unclear")
    scene.money.change_payment_state("atom", "ORD-1", "cancelled", notify=False)
    assert scene.payments.start(order, "atom").payment.merchant_payment_id == "ORD-1-2"


@pytest.mark.parametrize(
    "fields",
    [{"data.status": "COMPLETED "}, {"data.status": "SETTLED"}, {"data.amount.amount": "3300"}, {}],
    ids=["blank", "unlisted", "text", "stored"],
)
def test_an_answer_that_may_mean_paid_prevents_another_code(scene: PaymentDesk, fields: dict[str, str]) -> None:
    """No other payment code is created if PayPay answers about a failed payment with an unknown state, which may mean
    paid, or if a cache gives an old answer.
    """
    order = scene.insert_order("ORD-1", 3300)
    first = scene.payments.start(order, "paypay").payment
    scene.money.change_payment_state("paypay", "ORD-1", "cancelled", notify=False)
    assert scene.payments.probe(first.id).state == "payment_failed"
    scene.money.change_payment_state("paypay", "ORD-1", "paid", notify=False)
    if fields:
        scene.control.add_fault("set_fields", call="paypay_payment", times=1, fields=fields)
    else:
        scene.control.add_fault("stored", call="paypay_payment", times=1)
    refused = call_for_refusal(lambda: scene.payments.start(order, "paypay"))
    assert (refused.code, refused.detail["reason"]) == (
        ("in_progress", "overdue_payment_unclear") if fields else ("provider_unreachable", "old_answer")
    )
    assert call_for_refusal(lambda: scene.payments.start(order, "paypay")).code == "already_decided"


@pytest.mark.usefixtures("moved_server_clock")
@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_a_payment_denied_by_people_is_read_before_the_next_start(
    scene: PaymentDesk, place: Place, sandbox: Sandbox, clock: MovedClock, provider: str
) -> None:
    """Two people have denied a payment while the provider didn't answer. Also days later, no other payment of the
    order is started before the provider has said whether it was paid.
    """
    order = scene.insert_order("ORD-1", 50_000, "JPY" if provider == "paypay" else "INR")
    first = deny_payment(scene, place, sandbox, clock, provider, order, timedelta(days=4))
    refused = call_for_refusal(lambda: scene.payments.start(order, provider))
    assert (refused.code, refused.detail["reason"]) == ("in_progress", "overdue_payment_unclear")
    scene.control.clear_faults()
    scene.money.change_payment_state(provider, "ORD-1", "paid", notify=False)
    assert call_for_refusal(lambda: scene.payments.start(order, provider)).code == "already_decided"
    assert (scene.read_payment(first.id).state, scene.read_order("ORD-1").state) == ("completed", "paid")


@pytest.mark.usefixtures("moved_server_clock")
@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_a_code_that_people_have_denied_can_no_longer_be_paid(
    scene: PaymentDesk, place: Place, sandbox: Sandbox, clock: MovedClock, provider: str
) -> None:
    """Two people have denied a payment whose code the payer can still pay. PayPay's code is deleted before another
    one is created; Atom can't delete its token, so none is created before its end.
    """
    order = scene.insert_order("ORD-1", 50_000, "JPY" if provider == "paypay" else "INR")
    deny_payment(scene, place, sandbox, clock, provider, order, timedelta(hours=1))
    scene.control.clear_faults()
    if provider == "atom":
        refused = call_for_refusal(lambda: scene.payments.start(order, provider))
        assert (refused.code, refused.detail["reason"]) == ("in_progress", "overdue_payment_unclear")
        clock.offset += timedelta(days=1)
    assert scene.payments.start(order, provider).payment.merchant_payment_id == "ORD-1-2"
    assert scene.money.read_payment(provider, "ORD-1")["state"] == ("GONE" if provider == "paypay" else "NONE")


def deny_payment(
    scene: PaymentDesk, place: Place, sandbox: Sandbox, clock: MovedClock, provider: str, order: int, age: timedelta
) -> Payment:
    """Start a payment of the order, let two people decide after `age` that it has failed, and return it. All polls of
    the payment have ended, and the provider gives no answers about payments.
    """
    scene.control.change_settings(paypay_code_seconds=864_000)
    payment = scene.payments.start(order, provider).payment
    scene.place.drop_table_triggers("payments")
    work = "work_state = 'needs_review', work_reason = 'probes_ended', work_at = NULL, version = version + 1"
    scene.place.sql(f"UPDATE payments SET {work}")
    call = {"paypay": "paypay_payment", "atom": "atom_verification"}[provider]
    scene.control.add_fault("status:503", call=call, times="always")
    clock.offset += age
    scene.control.change_settings(advance_seconds=age.total_seconds())
    assert scene.payments.resolve(payment.id, "payment_failed", "not on their page").awaiting == "second_person"
    with open_payment_desk(place, sandbox, clock, person="lead-b") as lead:
        assert lead.payments.resolve(payment.id, "payment_failed", "not on their page, seen").awaiting is None
    assert scene.read_payment(payment.id).state == "payment_failed"
    return payment


@pytest.mark.parametrize("code", ["OTS0951", "OTS0510"])
def test_an_error_of_atom_says_nothing_about_the_payment(scene: PaymentDesk, code: str) -> None:
    """An error of Atom with HTTP status 200 is not an answer about the payment: after a payment has failed in our
    database, a new payment of its order can be started.
    """
    order = scene.insert_order("ORD-1", 50_000, "INR")
    first = scene.payments.start(order, "atom").payment
    scene.money.change_payment_state("atom", "ORD-1", "cancelled", notify=False)
    assert scene.payments.probe(first.id).state == "payment_failed"
    scene.control.add_fault(f"result:{code}", call="atom_verification", times="always")
    assert scene.payments.start(order, "atom").payment.merchant_payment_id == "ORD-1-2"


@pytest.mark.parametrize("fault", ["status:503", "other_order"])
def test_a_failed_payment_without_a_usable_answer_permits_a_new_start(scene: PaymentDesk, fault: str) -> None:
    """If the provider has reported a payment as failed and now can't be reached, a new payment can be started. If it
    answers about another payment, a case is opened, and no payment is started.
    """
    order = scene.insert_order("ORD-1", 3300)
    first = scene.payments.start(order, "paypay").payment
    scene.money.change_payment_state("paypay", "ORD-1", "cancelled", notify=False)
    assert scene.payments.probe(first.id).state == "payment_failed"
    scene.control.add_fault(fault, call="paypay_payment", times=1)
    if fault == "other_order":
        refused = call_for_refusal(lambda: scene.payments.start(order, "paypay"))
        assert (refused.code, refused.detail["reason"]) == ("in_progress", "payment_contradicted")
    else:
        assert scene.payments.start(order, "paypay").payment.merchant_payment_id == "ORD-1-2"


def test_a_refunded_payment_does_not_pay_its_order(scene: PaymentDesk) -> None:
    """If the order of a payment could not be set to paid and the payment was refunded meanwhile, the order is not set
    to paid later.
    """
    payment = scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    assert scene.payments.probe(payment.id).captured_minor == 3300
    for table in ("payments", "orders"):
        scene.place.drop_table_triggers(table)
    scene.place.sql("UPDATE orders SET status = 'pending'", "UPDATE payments SET refunded_minor = 3300")
    refused = call_for_refusal(scene.payments.set_order_paid, payment.id)
    assert (refused.code, refused.detail["reason"]) == ("nothing_to_resolve", "order_not_covered")
    assert scene.read_order("ORD-1").state == "pending"
