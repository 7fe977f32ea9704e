"""Money of another amount than requested, and second payments for one order. An amount that a provider has reported
as paid isn't forgotten when a later report says something about another attempt: the payment stays unknown, or a case
stays open. A decision of people books the reported amount.
"""

from datetime import timedelta

import pytest

from console.domain.payments.records import Payment
from console.sandbox.payments.ledger import PaymentLedger
from console.sandbox.server import Sandbox
from console.store.payments.events import PaymentEvent
from tests.support.desks import MovedClock
from tests.support.payment_desks import PaymentDesk, open_payment_desk
from tests.support.places import Place
from tests.support.reconciled_day import ReconciledDay
from tests.support.refusals import call_for_refusal


def receive_bank_notice(scene: PaymentDesk, event_id: str, amount: str, seconds: int, **fields: object) -> None:
    """Receive a bank's notice about the order ORD-1 and `amount` yen. Its event occurred `seconds` after the
    present time (before it, if negative). By default the notice says that the amount was paid; `fields` replaces
    fields of the notice.
    """
    at = (scene.context.now() + timedelta(seconds=seconds)).isoformat()
    scene.payments.receive_notice(scene.make_bank_notice(event_id, "ORD-1", amount, occurred_at=at, **fields))


def read_bank_payment(scene: PaymentDesk) -> Payment:
    """Return the bank's payment with the payment number ORD-1, which must be stored."""
    payment = scene.find_payment("bank", "ORD-1")
    assert payment is not None
    return payment


@pytest.mark.parametrize("kind", ["payment.failed", "payment.expired", "payment.pending"])
@pytest.mark.parametrize("currency", ["JPY", "INR"])
def test_a_notice_of_an_unpaid_attempt_leaves_another_paid_amount_unknown(
    scene: PaymentDesk, kind: str, currency: str
) -> None:
    """The bank reports 5,000 yen or rupees as paid for an order of 3,300 yen. A later notice about an unpaid attempt
    of 3,300 yen leaves the outcome unknown, because it does not say that the paid money was given back.
    """
    scene.insert_order("ORD-1", 3300)
    receive_bank_notice(scene, "e1", "5000", -60, currency=currency)
    receive_bank_notice(scene, "e2", "3300", -30, type=kind)
    scene.run_due_tasks()
    payment = read_bank_payment(scene)
    paid_minor = 5000 if currency == "JPY" else None
    assert (payment.certainty, payment.error_code, payment.provider_minor) == ("unknown", "other_amount", paid_minor)
    assert scene.list_open_alert_rules() == ["amount_differs"]


@pytest.mark.engines("sqlite")
def test_another_paid_amount_that_is_reported_late_stays_known(
    scene: PaymentDesk, place: Place, sandbox: Sandbox, clock: MovedClock
) -> None:
    """The bank's notice about a failed attempt of 3,300 yen arrives before its older notice that 300 yen were paid.
    A further failed attempt leaves the outcome unknown, and two people book the 300 yen that were paid.
    """
    scene.insert_order("ORD-1", 3300)
    receive_bank_notice(scene, "e1", "3300", -30, type="payment.failed")
    receive_bank_notice(scene, "e2", "300", -60)
    receive_bank_notice(scene, "e3", "3300", -10, type="payment.failed")
    payment = read_bank_payment(scene)
    assert (payment.certainty, payment.error_code, payment.provider_minor) == ("unknown", "other_amount", 300)
    assert scene.list_open_alert_rules() == ["amount_differs"]
    payment = settle_as_completed(scene, place, sandbox, clock, payment, None)
    assert (payment.captured_minor, scene.read_order("ORD-1").state) == (300, "pending")


@pytest.mark.engines("sqlite")
def test_an_amount_in_another_currency_is_no_amount_of_an_earlier_report(scene: PaymentDesk) -> None:
    """The bank reports a pending payment of 3,300 yen, and then 3,300 rupees as paid: the yen of the first notice
    aren't shown as the amount of the second one.
    """
    scene.insert_order("ORD-1", 3300)
    receive_bank_notice(scene, "e1", "3300", -60, type="payment.pending")
    receive_bank_notice(scene, "e2", "3300", -30, currency="INR")
    payment = read_bank_payment(scene)
    assert (payment.certainty, payment.provider_state, payment.provider_minor) == (
        "unknown",
        "payment.succeeded",
        None,
    )


def test_a_failure_notice_about_the_paid_amount_ends_the_payment(scene: PaymentDesk) -> None:
    """The bank reports 5,000 yen as paid for an order of 3,300, and later the failure of an attempt to pay 5,000 yen:
    the payment has failed, and no case stays open, because the 5,000 yen were not collected.
    """
    scene.insert_order("ORD-1", 3300)
    receive_bank_notice(scene, "e1", "5000", -60)
    receive_bank_notice(scene, "e2", "5000", -30, type="payment.failed")
    payment = read_bank_payment(scene)
    assert (payment.state, payment.certainty) == ("payment_failed", "known")
    assert scene.list_open_alert_rules() == []


@pytest.mark.engines("sqlite")
def test_a_transfer_in_another_currency_opens_a_case_beside_a_booked_one(scene: PaymentDesk) -> None:
    """The payer transfers 5,000 rupees and then 3,300 yen for an order of 3,300 yen. The yen are booked, and a person
    must look at the rupees.
    """
    scene.insert_order("ORD-1", 3300)
    receive_bank_notice(scene, "e1", "5000", -60, currency="INR")
    receive_bank_notice(scene, "e2", "3300", -30)
    payment = read_bank_payment(scene)
    assert (payment.captured_minor, scene.list_open_alert_rules()) == (3300, ["contradicted"])


@pytest.mark.parametrize("amounts", [("3000", "3300"), ("3300", "3000")])
def test_a_wrong_and_a_right_transfer_leave_a_case(scene: PaymentDesk, amounts: tuple[str, str]) -> None:
    """The payer transfers 3,000 yen and 3,300 yen for an order of 3,300, in either order. The right amount is booked,
    and a person must look at the other one.
    """
    scene.insert_order("ORD-1", 3300)
    for position, amount in enumerate(amounts):
        receive_bank_notice(scene, f"e{position}", amount, 30 * position - 60)
    scene.run_due_tasks()
    payment = read_bank_payment(scene)
    assert (payment.captured_minor, payment.work.state) == (3300, "needs_review")
    assert scene.list_open_alert_rules() == (["contradicted"] if amounts[0] == "3000" else ["paid_twice"])


@pytest.mark.engines("sqlite")
def test_the_case_about_a_right_transfer_names_every_wrong_transfer(scene: PaymentDesk) -> None:
    """The payer transfers 3,000 yen, 5,000 rupees and then 3,300 yen for an order of 3,300 yen. The case lists each
    other amount, also after the right amount was booked: all of them were perhaps collected."""
    scene.insert_order("ORD-1", 3300)
    receive_bank_notice(scene, "e1", "3000", -60)
    receive_bank_notice(scene, "e2", "5000", -40, currency="INR")
    others = "payment.succeeded 3000 JPY, payment.succeeded 500000 INR"
    assert read_open_cases(scene) == [("amount_differs", others)]
    receive_bank_notice(scene, "e3", "3300", -20)
    assert read_bank_payment(scene).captured_minor == 3300
    assert read_open_cases(scene) == [("contradicted", others)]


def read_open_cases(scene: PaymentDesk) -> list[tuple[str, str]]:
    """Return the rule and the text of each open case."""
    rows = scene.place.sql("SELECT rule_id, observed FROM alerts WHERE resolved_at IS NULL ORDER BY id")
    return [(str(rule), str(observed)) for rule, observed in rows]


def test_a_second_payment_counts_after_a_reversal(scene: PaymentDesk) -> None:
    """A payment was paid and reversed. A late notice about an earlier second payment opens a case."""
    scene.insert_order("ORD-1", 3300)
    receive_bank_notice(scene, "A", "3300", -60)
    receive_bank_notice(scene, "R", "3300", -20, type="payment.reversed")
    receive_bank_notice(scene, "B", "3300", -40)
    assert read_bank_payment(scene).state == "reversed"
    assert "paid_twice" in scene.list_open_alert_rules()


@pytest.mark.parametrize("kind", ["payment.reversed", "payment.failed"])
def test_a_reversal_that_may_be_of_the_second_payment_needs_a_person(scene: PaymentDesk, kind: str) -> None:
    """An order was paid by two transfers, and the bank takes one of them back. The bank's notice names the order
    alone, so the booked payment isn't reversed: a person must find out which transfer was taken back.
    """
    scene.insert_order("ORD-1", 3300)
    receive_bank_notice(scene, "A", "3300", -60)
    receive_bank_notice(scene, "B", "3300", -40)
    receive_bank_notice(scene, "R", "3300", -20, type=kind)
    payment = read_bank_payment(scene)
    assert (payment.state, payment.certainty, payment.captured_minor) == ("payment_success", "known", 3300)
    assert (payment.work.state, payment.work.reason) == ("needs_review", "contradicted")
    assert scene.list_open_alert_rules() == ["paid_twice", "contradicted"]


def test_two_people_decide_which_of_two_payments_was_reversed(
    scene: PaymentDesk, place: Place, sandbox: Sandbox, clock: MovedClock
) -> None:
    """An order was paid by two transfers, and the bank's notice doesn't say which one it has taken back. Two people
    decide that it is the booked one: the payment is reversed.
    """
    scene.insert_order("ORD-1", 3300)
    for event_id, kind, seconds in (("A", "succeeded", -60), ("B", "succeeded", -40), ("R", "reversed", -20)):
        receive_bank_notice(scene, event_id, "3300", seconds, type=f"payment.{kind}")
    payment = read_bank_payment(scene)
    with open_payment_desk(place, sandbox, clock, person="lead-b") as lead:
        for desk in (scene, lead):
            desk.payments.resolve(payment.id, "reversed", "the account statement")
    assert read_bank_payment(scene).state == "reversed"
    assert scene.list_open_alert_rules() == ["paid_twice"]


def test_a_failed_read_after_a_callback_of_another_amount_permits_no_second_code(
    scene: PaymentDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Atom's signed callback says that 600 rupees were captured for a price of 500. A read asks Atom for the payment
    by the amount 500, and Atom's answer has only a failed attempt over 500: the payment stays unknown, and the order
    gets no second code.
    """
    begin_attempt = PaymentLedger.begin_attempt

    def begin_attempt_without_earlier_ones(ledger: PaymentLedger, payment: object) -> None:
        begin_attempt(ledger, payment)  # type: ignore[arg-type]  # the ledger's own type
        payment.earlier_attempts.clear()  # type: ignore[attr-defined]

    monkeypatch.setattr(PaymentLedger, "begin_attempt", begin_attempt_without_earlier_ones)
    order = scene.insert_order("ORD-1", 50_000, "INR")
    payment = scene.payments.start(order, "atom").payment
    scene.money.change_payment_state("atom", "ORD-1", "paid", notify=False, amount_minor=60_000)
    callback = scene.make_provider_notice("atom", "ORD-1")
    scene.money.change_payment_state(
        "atom", "ORD-1", "failed", notify=False, another_attempt=True, amount_minor=50_000
    )
    scene.payments.receive_notice(callback)
    scene.run_due_tasks()
    assert call_for_refusal(scene.payments.probe, payment.id).code == "outcome_unknown"
    assert scene.read_payment(payment.id).certainty == "unknown"
    assert call_for_refusal(scene.payments.start, order, "atom").code == "outcome_unknown"


@pytest.mark.parametrize("currency", ["JPY", "INR"])
def test_another_amount_at_one_provider_stops_a_code_of_another_provider(scene: PaymentDesk, currency: str) -> None:
    """The bank reports 5,000 yen or rupees as paid for an order of 3,300 yen. Until a person has dealt with that, no
    provider gives the order a code.
    """
    order = scene.insert_order("ORD-1", 3300)
    receive_bank_notice(scene, "e1", "5000", -60, currency=currency)
    assert call_for_refusal(scene.payments.start, order, "paypay").code == "outcome_unknown"


# Decisions of people


def settle_as_completed(
    scene: PaymentDesk, place: Place, sandbox: Sandbox, clock: MovedClock, payment: Payment, number: str | None
) -> Payment:
    """Let two people decide that the payment is completed (`number` is the provider's id of the payment that they
    enter), and return it."""
    with open_payment_desk(place, sandbox, clock, person="lead-b") as lead:
        for desk in (scene, lead):
            desk.payments.resolve(payment.id, "completed", f"the statement of {desk.context.operator}", number)
    return scene.read_payment(payment.id)


def test_people_book_the_amount_of_the_banks_notice(
    scene: PaymentDesk, place: Place, sandbox: Sandbox, clock: MovedClock
) -> None:
    """The bank's notice says that 300 of 3,300 yen came, and nobody can ask the bank: two people book 300 yen, and
    the order isn't paid.
    """
    scene.insert_order("ORD-1", 3300)
    receive_bank_notice(scene, "e1", "300", -60)
    payment = settle_as_completed(scene, place, sandbox, clock, read_bank_payment(scene), None)
    assert (payment.state, payment.captured_minor, scene.read_order("ORD-1").state) == ("completed", 300, "pending")


def test_people_book_the_amount_of_an_earlier_answer(
    scene: PaymentDesk, place: Place, sandbox: Sandbox, clock: MovedClock
) -> None:
    """PayPay has answered that 300 of 3,300 yen were paid, and can't be reached when two people decide: they book 300
    yen.
    """
    payment = scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment
    scene.money.change_payment_state("paypay", "ORD-1", "paid", notify=False)
    scene.control.add_fault("set_fields", call="paypay_payment", times=1, fields={"data.amount.amount": 300})
    call_for_refusal(scene.payments.probe, payment.id)
    scene.control.add_fault("status:503", call="paypay_payment", times="always")
    payment = settle_as_completed(scene, place, sandbox, clock, payment, "04212345")
    assert (payment.captured_minor, scene.read_order("ORD-1").state) == (300, "pending")


def test_people_book_the_amount_of_a_callback_that_no_read_finds(
    scene: PaymentDesk, place: Place, sandbox: Sandbox, clock: MovedClock
) -> None:
    """Atom's signed callback says that 300 of 500 rupees were captured, and a read by the amount 500 finds no data:
    two people book 300 rupees, so no more can be refunded.
    """
    payment = scene.payments.start(scene.insert_order("ORD-1", 50_000, "INR"), "atom").payment
    number = scene.money.change_payment_state("atom", "ORD-1", "paid", notify=False, amount_minor=30_000)["id"]
    scene.payments.receive_notice(scene.make_provider_notice("atom", "ORD-1"))
    assert scene.read_payment(payment.id).error_code == "other_amount"
    payment = settle_as_completed(scene, place, sandbox, clock, payment, str(number))
    assert (payment.captured_minor, scene.read_order("ORD-1").state) == (30_000, "pending")


def test_a_decision_closes_no_case_that_its_own_answer_opens(scene: PaymentDesk) -> None:
    """The start of a payment got no answer, and the payer paid by two attempts. A person decides that the payment is
    completed: Atom's answer confirms that and also reports the second capture. The case about the second capture,
    which no person has seen yet, stays open.
    """
    scene.control.add_fault("status_after_charge:500", call="atom_auth")
    call_for_refusal(scene.payments.start, scene.insert_order("ORD-1", 50_000, "INR"), "atom")
    scene.money.change_payment_state("atom", "ORD-1", "paid", notify=False)
    scene.money.change_payment_state("atom", "ORD-1", "paid", notify=False, another_attempt=True)
    payment = scene.find_payment("atom", "ORD-1")
    assert payment is not None
    scene.payments.resolve(payment.id, "completed", "the panel says so")
    scene.run_due_tasks()
    payment = scene.read_payment(payment.id)
    assert (payment.state, payment.certainty, payment.work.reason) == ("completed", "known", "paid_twice")
    assert scene.list_open_alert_rules() == ["paid_twice"]


@pytest.mark.parametrize("run_count", [1, 2])
def test_the_case_about_a_second_capture_in_the_daily_file_stays_open(
    scene: PaymentDesk, monkeypatch: pytest.MonkeyPatch, run_count: int
) -> None:
    """PayPay's daily file has our payment number twice: captured under an id that we don't have, and under ours. The
    row of our own payment closes the case about the difference, but not the one about the second capture.
    """
    day = ReconciledDay(scene)
    payment = day.add_payment_on_both_sides("ORD-1")
    day.announce_file()
    files = scene.console.reconciliation._daily_file_stores["paypay"]
    download_file = files.download_file
    line = day.make_line("0477", "取引完了", 10, 3300, "ORD-1").encode("cp932")

    def download_file_with_second_capture(event: PaymentEvent) -> bytes:
        head, rows = download_file(event).split(b"\n", 1)
        return b"\n".join((head, line, rows))

    monkeypatch.setattr(files, "download_file", download_file_with_second_capture)
    for _ in range(run_count):
        report = day.reconcile_day()
    assert "paid_twice" in scene.list_open_alert_rules()
    (item,) = scene.console.reconciliation.views.list_differences(report.run_id or 0).items
    assert item.case is not None, "shown as resolved"
    assert scene.read_payment(payment.id).work.state == "needs_review"
