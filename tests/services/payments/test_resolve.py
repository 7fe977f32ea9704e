"""An unknown payment is settled by the provider's answer and one person, or by two people with evidence. The
payment's page shows this.
"""

from contextlib import suppress
from datetime import timedelta
from functools import partial
from threading import Thread

import pytest

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.records import Payment, PaymentImport
from console.domain.queues.filters import find_cause
from console.domain.records import Certainty, WorkState
from console.domain.recovery.records import ProviderStatement
from console.domain.views.any_record import ResolveResult
from console.services.guarded.request_ids import RequestIdService
from console.services.payments import order_status
from console.services.process.failpoints import Failpoints
from console.services.recovery.provider_statement import find_last_provider_statement
from console.store.database.sqlalchemy_names import Connection
from console.store.payments import payments
from console.wording.sentences import catalogue as wording
from console.wording.sentences.catalogue import format_error_message
from tests.support.desks import CORPORATION_NUMBERS, MovedClock
from tests.support.failing_methods import let_reads_fail_after_commit
from tests.support.overtaking import start_other_process
from tests.support.payment_desks import OpenDeskOf, PaymentDesk, make_paid_payment, make_unknown_payment
from tests.support.refusals import call_for_refusal, expect_refusal


def test_one_person_decides_a_payment_with_the_providers_confirmation(scene: PaymentDesk) -> None:
    """A read at the provider confirms that the payment is completed: the decision of one person is enough, and the
    order is paid. A second decision is refused.
    """
    payment = make_unknown_payment(scene)
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    assert scene.payments.resolve(payment.id, "completed", "the panel says so").awaiting is None
    done = scene.read_payment(payment.id)
    assert (done.state, done.certainty) == ("completed", Certainty.KNOWN)
    assert scene.read_order("ORD-1").state == "paid"
    with expect_refusal("nothing_to_resolve"):
        scene.payments.resolve(payment.id, "completed", "again")


def resolve_and_lose_database(desk: PaymentDesk, payment_id: int, state: str) -> ResolveResult:
    """Resolve the payment as the desk's person, and return what the call returns. The database can't be read from
    the COMMIT of the decision on.
    """
    before = desk.read_payment(payment_id)

    def is_stored() -> bool:
        return desk.read_payment(payment_id).version != before.version

    with let_reads_fail_after_commit(desk.context.database, is_stored):
        return desk.payments.resolve(payment_id, state, "their letter")


def test_a_stored_decision_is_returned_without_a_further_read(scene: PaymentDesk, open_desk_of: OpenDeskOf) -> None:
    """If the database can't be read directly after a person's decision about a payment was stored, the person still
    gets the payment as it is stored, and no message that nothing was changed. This holds for the first person's
    decision, for the second person's, and for a decision that the provider confirms.
    """
    confirmed_payment = make_unknown_payment(scene)
    scene.money.change_payment_state("paypay", "ORD-1", "failed")
    confirmed = resolve_and_lose_database(scene, confirmed_payment.id, "payment_failed")
    assert (confirmed.awaiting, confirmed.record) == (None, scene.read_payment(confirmed_payment.id))
    assert confirmed.record.state == "payment_failed"
    payment = make_unknown_payment(scene, "ORD-2")
    scene.control.add_fault("status:503", call="paypay_payment", times="always")
    first = resolve_and_lose_database(scene, payment.id, "payment_failed")
    assert (first.awaiting, first.record) == ("second_person", scene.read_payment(payment.id))
    with open_desk_of("lead-b") as lead:
        second = resolve_and_lose_database(lead, payment.id, "payment_failed")
        assert (second.awaiting, second.record) == (None, lead.read_payment(payment.id))
    assert second.record.state == "payment_failed"


def test_an_outcome_denied_by_the_provider_is_refused(scene: PaymentDesk) -> None:
    """One person decides that a payment is completed, but the provider answers that it failed: the decision is
    refused, and nothing changes. The person can decide that it failed.
    """
    payment = make_unknown_payment(scene)
    scene.money.change_payment_state("paypay", "ORD-1", "failed")
    with expect_refusal("evidence_mismatch"):
        scene.payments.resolve(payment.id, "completed", "the payer says so")
    assert scene.read_payment(payment.id).certainty is Certainty.UNKNOWN
    assert scene.payments.resolve(payment.id, "payment_failed", "the panel says so").awaiting is None
    assert scene.read_payment(payment.id).state == "payment_failed"


def test_a_failure_without_our_payment_number_is_no_outcome(scene: PaymentDesk, open_desk_of: OpenDeskOf) -> None:
    """PayPay answers that a payment failed, without our payment number: the answer may belong to another request. The
    order gets no other code, and two people must decide.
    """
    order = scene.insert_order("ORD-1", 3300)
    payment = scene.payments.start(order, "paypay").payment
    scene.money.change_payment_state("paypay", "ORD-1", "failed", notify=False)
    unnamed = {"data.merchantPaymentId": None, "data.paymentId": None}
    scene.control.add_fault("set_fields", call="paypay_payment", times="always", fields=unnamed)
    call_for_refusal(scene.payments.probe, payment.id)
    after = scene.read_payment(payment.id)
    assert (after.state, after.certainty, after.error_code) == (payment.state, Certainty.UNKNOWN, "not_bookable")
    assert after.provider_state != "FAILED", "the page would say that one person can decide"
    assert call_for_refusal(scene.payments.start, order, "paypay").code == "outcome_unknown"
    assert scene.payments.resolve(payment.id, "payment_failed", "the panel says so").awaiting == "second_person"
    with open_desk_of("lead-b") as lead:
        assert lead.payments.resolve(payment.id, "payment_failed", "the panel says so").awaiting is None
    assert scene.read_payment(payment.id).state == "payment_failed"
    assert call_for_refusal(scene.payments.start, order, "paypay").code == "in_progress"


@pytest.mark.parametrize("missing_field", ["merchantPaymentId", "paymentId"])
def test_two_people_decide_a_success_that_lacks_a_payment_number(
    scene: PaymentDesk, open_desk_of: OpenDeskOf, missing_field: str
) -> None:
    """PayPay answers that a payment was paid, but the answer lacks our payment number or PayPay's own. Nothing is
    booked, and the payment's page doesn't show the state in an earlier answer as the provider's. Two people can
    decide that the payment is completed, but not that it failed.
    """
    payment = scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment
    scene.payments.probe(payment.id)
    scene.money.change_payment_state("paypay", "ORD-1", "paid", notify=False)
    scene.control.add_fault(
        "set_fields", call="paypay_payment", times="always", fields={f"data.{missing_field}": None}
    )
    call_for_refusal(scene.payments.probe, payment.id)
    after = scene.read_payment(payment.id)
    assert (after.certainty, after.error_code, after.provider_state) == (Certainty.UNKNOWN, "not_bookable", "CREATED")
    assert find_last_provider_statement(after, scene.context.now()) is ProviderStatement.NOTHING
    assert call_for_refusal(scene.payments.resolve, payment.id, "payment_failed", "x").code == "evidence_mismatch"
    assert scene.payments.resolve(payment.id, "completed", "their letter").awaiting == "second_person"
    with open_desk_of("lead-b") as lead:
        assert lead.payments.resolve(payment.id, "completed", "their letter").awaiting is None
    done = scene.read_payment(payment.id)
    assert (done.state, done.captured_minor, done.provider_payment_id) == ("completed", 3300, None)


@pytest.mark.parametrize("reason", ["refused_but_made", "old_answer"])
def test_an_answer_not_found_that_contains_the_payment_denies_nothing(
    scene: PaymentDesk, open_desk_of: OpenDeskOf, reason: str
) -> None:
    """The payer has paid, but Atom's answer has the code for "no data" and also contains the payment, or a cache
    returns an old answer. While that is the answer, two people can't decide that the payment was not paid. Otherwise
    the order would get another code as soon as Atom doesn't answer, and the payer would pay twice.
    """
    scene.control.add_fault("status_after_charge:500", call="atom_auth")
    order = scene.insert_order("ORD-1", 50_000, "INR")
    call_for_refusal(scene.payments.start, order, "atom")
    payment = scene.find_payment("atom", "ORD-1")
    assert payment is not None
    scene.money.change_payment_state("atom", "ORD-1", "paid", notify=False)
    if reason == "old_answer":
        scene.control.add_fault("stored", call="atom_verification", times="always")
    else:
        no_data = {"payInstrument.0.responseDetails.statusCode": "OTS0401"}
        scene.control.add_fault("set_fields", call="atom_verification", times="always", fields=no_data)
    with open_desk_of("lead-b") as lead:
        for desk in (scene, lead):
            error = call_for_refusal(desk.payments.resolve, payment.id, "payment_failed", "not on their page")
            assert (error.code, error.detail["reason"]) == ("evidence_mismatch", reason)
    assert scene.read_payment(payment.id).certainty is Certainty.UNKNOWN
    scene.control.clear_faults()
    scene.control.add_fault("status:503", call="atom_verification", times="always")
    assert call_for_refusal(scene.payments.start, order, "atom").code == "outcome_unknown"


@pytest.mark.parametrize(
    ("provider", "fault", "reason"),
    [
        ("paypay", "other_amount", "COMPLETED"),
        ("paypay", "other_currency", "unusable_answer"),
        ("paypay", "amount_as_text", "unusable_answer"),
        ("paypay", "odd_status", "unusable_answer"),
        ("paypay", "html", "unusable_answer"),
        ("atom", "other_amount", "OTS0000"),
        ("atom", "odd_status", "unusable_answer"),
        ("atom", "other_seal", "unusable_answer"),
    ],
)
def test_an_answer_that_may_mean_paid_permits_no_denial(
    scene: PaymentDesk, open_desk_of: OpenDeskOf, provider: str, fault: str, reason: str
) -> None:
    """The payer has paid, and the gateway reports the payment with an unexpected amount, or in words that this
    program can't interpret. Two people can't decide that the payment was not paid: the order would get another code
    as soon as the gateway doesn't answer, and the payer would pay twice. If the gateway doesn't answer at all, two
    people can decide.
    """
    calls = {"paypay": ("paypay_create", "paypay_payment"), "atom": ("atom_auth", "atom_verification")}[provider]
    scene.control.add_fault("status_after_charge:500", call=calls[0])
    order = scene.insert_order("ORD-1", 50_000, "INR" if provider == "atom" else "JPY")
    call_for_refusal(scene.payments.start, order, provider)
    payment = scene.find_payment(provider, "ORD-1")
    assert payment is not None
    scene.money.change_payment_state(provider, "ORD-1", "paid", notify=False)
    scene.control.add_fault(fault, call=calls[1], times="always")
    with open_desk_of("lead-b") as lead:
        for desk in (scene, lead):
            error = call_for_refusal(desk.payments.resolve, payment.id, "payment_failed", "not on their page")
            assert (error.code, error.detail["reason"]) == ("evidence_mismatch", reason)
            assert "unusable_answer" not in format_error_message(error, "en")
    assert scene.read_payment(payment.id).certainty is Certainty.UNKNOWN
    scene.control.clear_faults()
    scene.control.add_fault("status:503", call=calls[1], times="always")
    assert call_for_refusal(scene.payments.start, order, provider).code == "outcome_unknown"
    assert scene.payments.resolve(payment.id, "payment_failed", "not on their page").awaiting == "second_person"


def test_an_answer_with_our_number_in_small_letters_permits_no_denial(
    scene: PaymentDesk, open_desk_of: OpenDeskOf
) -> None:
    """Atom reports a payment as paid, but with our payment number in small letters: it may be this payment. Two
    people can't decide that the payment was not paid, and an alert reports the answer.
    """
    scene.control.add_fault("status_after_charge:500", call="atom_auth")
    order = scene.insert_order("ORD-1", 50_000, "INR")
    call_for_refusal(scene.payments.start, order, "atom")
    payment = scene.find_payment("atom", "ORD-1")
    assert payment is not None
    scene.money.change_payment_state("atom", "ORD-1", "paid", notify=False)
    fields = {"payInstrument.0.merchDetails.merchTxnId": "ord-1"}
    scene.control.add_fault("set_fields", call="atom_verification", times="always", fields=fields)
    assert call_for_refusal(scene.payments.probe, payment.id).code == "outcome_unknown"
    assert scene.read_payment(payment.id).work.reason == "contradicted"
    with open_desk_of("lead-b") as lead:
        for desk in (scene, lead):
            error = call_for_refusal(desk.payments.resolve, payment.id, "payment_failed", "not on their page")
            assert (error.code, error.detail["reason"]) == ("evidence_mismatch", "unusable_answer")
    assert scene.read_payment(payment.id).certainty is Certainty.UNKNOWN


@pytest.mark.parametrize(("end_state", "captured"), [("completed", 3300), ("payment_failed", 0)])
def test_an_unconfirmed_outcome_needs_two_people(
    scene: PaymentDesk, open_desk_of: OpenDeskOf, end_state: str, captured: int
) -> None:
    """No read confirms the outcome that a first person proposes: the proposer, and a person with only the role
    operator, can't confirm the proposal; an approver can.
    """
    scene.insert_account(CORPORATION_NUMBERS[0], 5000)
    payment = make_unknown_payment(scene)
    scene.control.add_fault("status:503", call="paypay_payment", times="always")
    first = scene.payments.resolve(payment.id, end_state, "settlement of the 20th, row 14", "0421-from-paper")
    assert (first.awaiting, scene.read_payment(payment.id).certainty) == ("second_person", Certainty.UNKNOWN)
    assert scene.payments.read_payment(payment.id).awaiting == "second_person"
    with expect_refusal("same_person"):
        scene.payments.resolve(payment.id, end_state, "I say so again")
    with open_desk_of("op-b") as colleague, expect_refusal("not_allowed"):
        if not scene.place.is_server:
            raise ConsoleError(ErrorCode.NOT_ALLOWED)  # without accounts everybody holds every role
        colleague.payments.resolve(payment.id, end_state, "me too")
    with open_desk_of("lead-b") as lead:
        done = lead.payments.resolve(payment.id, end_state, "seen on the bank's own statement", "0421-from-paper")
    assert done.awaiting is None
    after = scene.read_payment(payment.id)
    assert (after.state, after.certainty, after.captured_minor) == (end_state, Certainty.KNOWN, captured)
    assert after.account_minor == 0
    assert scene.read_order("ORD-1").state == ("paid" if captured else "pending")
    if captured:
        assert after.provider_payment_id == "0421-from-paper"


def test_the_answer_is_evidence_of_a_decision_that_is_refused(scene: PaymentDesk, open_desk_of: OpenDeskOf) -> None:
    """The program asks the provider before it checks the right of the deciding person: the provider's answer is
    stored as evidence, also if the decision is refused.
    """
    payment = make_unknown_payment(scene)
    make_paid_payment(scene, "ORD-2")
    taken = scene.read_payment(scene.find_payment("paypay", "ORD-2").id).provider_payment_id  # type: ignore[union-attr]
    scene.control.add_fault("status:503", call="paypay_payment", times="always")

    def count_answers() -> int:
        where = f"source = 'paypay.resolve' AND subject_kind = 'payment' AND subject_id = {payment.id}"
        return int(scene.place.sql(f"SELECT COUNT(*) FROM evidence WHERE {where}")[0][0])

    scene.payments.resolve(payment.id, "completed", "row 14", "0421-from-paper")
    for number, code in (("0421-from-paper", "same_person"), (taken, "evidence_mismatch")):
        before = count_answers()
        with expect_refusal(code):
            scene.payments.resolve(payment.id, "completed", "row 14 again", number)
        assert count_answers() == before + 1
    with open_desk_of("lead-b") as lead, expect_refusal("evidence_mismatch"):
        before = count_answers()
        lead.payments.resolve(payment.id, "completed", "row 15", "0421-of-another-row")
    assert count_answers() == before + 1


def test_another_amount_needs_two_people_and_is_booked(scene: PaymentDesk, open_desk_of: OpenDeskOf) -> None:
    """The provider reports another amount than the payment's: two people must decide, and the provider's amount is
    booked.
    """
    payment = scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    scene.control.add_fault("other_amount", call="paypay_payment", times="always")
    with expect_refusal("outcome_unknown"):
        scene.payments.probe(payment.id)
    assert scene.payments.resolve(payment.id, "completed", "settlement").awaiting == "second_person"
    with open_desk_of("lead-b") as lead:
        assert lead.payments.resolve(payment.id, "completed", "settlement, seen").awaiting is None
    after = scene.read_payment(payment.id)
    assert (after.state, after.captured_minor, after.asked_minor) == ("completed", 3301, 3300)
    assert scene.list_open_alert_rules() == []


@pytest.mark.engines("sqlite")
def test_a_repeated_decision_about_a_known_payment_still_waits(
    scene: PaymentDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends after it has stored the first person's decision that a paid payment was reversed, and before
    it stores the answer. The repeated call says that a second person must still confirm the decision.
    """
    payment = make_paid_payment(scene)
    scene.control.add_fault("status:503", call="paypay_payment", times="always")
    resolve = partial(scene.payments.resolve, payment.id, "reversed", "the bank's letter", request_id="reversal")
    with monkeypatch.context() as patch:
        patch.setattr(RequestIdService, "_end_call", lambda *_: True)
        assert resolve().awaiting == "second_person"
    scene.place.sql("UPDATE request_ids SET lease_expires = 0")  # a running beat doesn't renew this lease
    assert resolve().awaiting == "second_person"
    assert scene.payments.read_payment(payment.id).awaiting == "second_person"


def test_a_reversal_proved_on_paper_needs_two_people(scene: PaymentDesk, open_desk_of: OpenDeskOf) -> None:
    """A bank statement shows that a completed payment was taken back, and the provider can't be asked: two people
    must decide on the reversal.
    """
    payment = make_paid_payment(scene)
    scene.control.add_fault("status:503", call="paypay_payment", times="always")
    scene.payments.resolve(payment.id, "reversed", "the bank's letter")
    with open_desk_of("lead-b") as lead:
        lead.payments.resolve(payment.id, "reversed", "the bank's letter, seen")
    assert scene.read_payment(payment.id).state == "reversed"


def test_one_person_accepts_a_reported_reversal(scene: PaymentDesk) -> None:
    """The provider has reported a reversal of the payment: one person accepts it without a second person, and the
    case is closed.
    """
    payment = make_paid_payment(scene)
    scene.money.change_payment_state("paypay", "ORD-1", "reversed")
    scene.payments.probe(payment.id)
    assert scene.list_open_alert_rules() == ["reversed"]
    scene.payments.resolve(payment.id, "reversed", "told the shop")
    done = scene.read_payment(payment.id)
    assert (done.state, done.work.state) == ("reversed", WorkState.NONE)
    assert scene.list_open_alert_rules() == []


@pytest.mark.engines("sqlite")
def test_invalid_decisions_are_refused(scene: PaymentDesk) -> None:
    """A decision about a payment is refused and writes nothing if it has no evidence, an unknown state, an invalid
    id, or an earlier version of the record.
    """
    payment = make_unknown_payment(scene)
    with expect_refusal("no_evidence"):
        scene.payments.resolve(payment.id, "completed", "  ")
    with expect_refusal("usage"):
        scene.payments.resolve(payment.id, "success", "x")
    with expect_refusal("usage"):
        scene.payments.resolve(payment.id, "completed", "x", "注文")
    with expect_refusal("stale_view"):
        scene.payments.resolve(payment.id, "completed", "x", expected_version=payment.version - 1)
    with expect_refusal("not_found"):
        scene.payments.resolve(999, "completed", "x")
    assert scene.read_payment(payment.id) == payment


# The view of the screen


def test_the_three_sides_of_a_healthy_payment_agree(scene: PaymentDesk, clock: MovedClock) -> None:
    """Our record, the provider and the order agree about a payment. After a day the provider's answer counts as
    old.
    """
    payment = make_paid_payment(scene)
    view = scene.payments.read_payment(payment.id)
    ours, provider, order = view.sides
    assert (ours.state, ours.minor, ours.currency) == ("completed", 3300, "JPY")
    assert (provider.word, provider.minor, provider.differs, provider.old) == ("COMPLETED", 3300, (), False)
    assert (order.state, order.minor, order.differs) == ("paid", 3300, ())
    assert (view.money.captured, view.money.refundable) == (3300, 3300)
    assert {action.action: action.allowed for action in view.actions} == {
        "probe": True,
        "refund": True,
        "resolve": False,  # the gateway has just said that it is paid
        "move_order": False,
        "record_outside": True,
    }
    assert [entry.what for entry in view.timeline][-2:] == ["payment.booked", "payment.probed"]
    assert {item.source for item in view.evidence} == {"paypay.start", "paypay.payment"}
    clock.offset += timedelta(hours=25)
    assert scene.payments.read_payment(payment.id).sides[1].old


def test_sides_with_contradictory_states_are_marked(scene: PaymentDesk) -> None:
    """The payment's page marks that the order is cancelled although the payment is paid. It shows that the provider
    was never asked, and that a payment has no order.
    """
    payment = scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment
    assert scene.payments.read_payment(payment.id).sides[1].asked is None
    scene.cancel_order("ORD-1")
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    scene.payments.probe(payment.id)
    view = scene.payments.read_payment(payment.id)
    assert view.sides[2].differs == ("state",)
    assert view.explanation.verdict == "verdict.payment_paid_after_cancel"
    scene.money.register_payment("paypay", "ORD-none", 3300)
    imported = scene.payments.import_payment(PaymentImport("paypay", "ORD-none"))
    missing = scene.payments.read_payment(imported.id).sides[2]
    assert (missing.name, missing.there) == ("order", False)
    assert scene.payments.read_order(view.record.order_id or 0).explanation.verdict == "verdict.order_paid_late"


def test_an_order_lists_its_payments_and_timeline(scene: PaymentDesk) -> None:
    """The details of an order contain its payments, newest first, and its own timeline. An unknown order id is
    refused as `not_found`.
    """
    payment = make_paid_payment(scene)
    view = scene.payments.read_order(payment.order_id or 0)
    assert [one.id for one in view.payments] == [payment.id]
    scene.place.drop_table_triggers("payments")
    scene.place.sql(
        "INSERT INTO payments (order_id, provider, merchant_payment_id, status, currency, asked_minor, begun_at,"
        " changed_at, created_at) SELECT order_id, provider, 'ORD-1-2', 'expired', currency, asked_minor, begun_at,"
        " changed_at, created_at FROM payments"
    )
    listed = [one.merchant_payment_id for one in scene.payments.read_order(payment.order_id or 0).payments]
    assert listed == ["ORD-1-2", "ORD-1"]
    assert (view.record.state, [entry.what for entry in view.timeline]) == ("paid", ["order.filled", "order.paid"])
    with expect_refusal("not_found"):
        scene.payments.read_order(999)
    with expect_refusal("not_found"):
        scene.payments.read_payment(999)


@pytest.mark.expects_log("what was tolerated is told")
def test_a_person_sets_the_order_to_paid(scene: PaymentDesk) -> None:
    """A payment is paid, but its order isn't set to paid yet: a person can set it to paid before the due task does. A
    second attempt changes nothing.
    """
    scene.context.failpoints = Failpoints(("before_order_move", 1, "raise"))
    payment = make_paid_payment(scene)
    assert scene.read_order("ORD-1").state == "pending"
    assert scene.payments.set_order_paid(payment.id).state == "paid"
    with expect_refusal("nothing_to_resolve"):
        scene.payments.set_order_paid(payment.id)
    with expect_refusal("not_found"):
        scene.payments.set_order_paid(999)


@pytest.mark.engines("mariadb")
@pytest.mark.expects_log("what was tolerated is told")
def test_people_with_the_right_set_an_order_to_paid(scene: PaymentDesk, open_desk_of: OpenDeskOf) -> None:
    """A person who may resolve outcomes may set an order to paid. A worker does this only in its due tasks: its
    direct call is refused.
    """
    scene.context.failpoints = Failpoints(("before_order_move", 1, "raise"))
    payment = make_paid_payment(scene)
    with open_desk_of("worker") as worker, expect_refusal("not_allowed"):
        worker.payments.set_order_paid(payment.id)
    assert scene.read_order("ORD-1").state == "pending"
    with open_desk_of("lead-b") as lead:
        assert lead.payments.set_order_paid(payment.id).state == "paid"


def test_a_payment_by_callback_alone_covers_no_order(scene: PaymentDesk) -> None:
    """Two payments together cover the order's total, but only an unconfirmed callback says that one of them was paid.
    A callback isn't sufficient proof: the order isn't set to paid.
    """
    order = scene.insert_order("ORD-1", 3300)
    payment = scene.payments.start(order, "paypay").payment
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    scene.payments.probe(payment.id)
    scene.place.drop_table_triggers("orders")
    scene.place.drop_table_triggers("payments")
    scene.place.sql(
        "UPDATE orders SET status = 'pending', total_amount = 4000, version = version + 1",
        "INSERT INTO payments (order_id, provider, merchant_payment_id, status, certainty, currency, asked_minor,"
        " captured_minor, begun_at, changed_at, created_at)"
        f" SELECT {order}, provider, 'ORD-1-2', 'signature_verified', 'known', currency, 700, 700, begun_at,"
        " changed_at, created_at FROM payments",
    )
    with expect_refusal("nothing_to_resolve"):
        scene.payments.set_order_paid(payment.id)
    assert scene.read_order("ORD-1").state == "pending"
    scene.place.sql("UPDATE payments SET status = 'completed', version = version + 1 WHERE captured_minor = 700")
    assert scene.payments.set_order_paid(payment.id).state == "paid"


@pytest.mark.engines("mariadb")
@pytest.mark.expects_log("what was tolerated is told")
def test_two_payments_booked_at_once_leave_no_case(
    scene: PaymentDesk, open_desk_of: OpenDeskOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two payments pay an order only together. While a process compares the first with the order's total, another
    books the second and sets the order to paid. No case about the first payment stays open.
    """
    first, second = make_two_payments(scene, second_state="signature_verified")
    find_payments, turns, others = payments.find_by_order, iter([True]), list[Thread]()
    with open_desk_of("lead-b") as lead:

        def let_other_process_overtake(conn: Connection, order_id: int) -> tuple[Payment, ...]:
            order_payments = find_payments(conn, order_id)
            if next(turns, False):
                scene.place.sql(f"UPDATE payments SET status = 'completed', version = 9 WHERE id = {second.id}")
                book = partial(order_status.set_order_paid, lead.context, second.id)
                others.append(start_other_process(monkeypatch, order_status, f"paid_order_{order_id}", book))
            return order_payments

        monkeypatch.setattr(payments, "find_by_order", let_other_process_overtake)
        order_status.set_order_paid(scene.context, first.id)
        others[0].join()
    assert scene.read_order("ORD-1").state == "paid"
    assert scene.list_open_alert_rules() == []


def make_two_payments(scene: PaymentDesk, second_state: str) -> tuple[Payment, Payment]:
    """Return two payments that pay an order only together. The first is booked, but the step that sets its order to
    paid was interrupted. The second has the state `second_state`.
    """
    order = scene.insert_order("ORD-1", 3300)
    first = scene.payments.start(order, "paypay").payment
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    scene.context.failpoints = Failpoints(("before_order_move", 1, "raise"))
    scene.payments.probe(first.id)
    scene.place.drop_table_triggers("orders")
    scene.place.drop_table_triggers("payments")
    scene.place.sql(
        "UPDATE orders SET total_amount = 4000, payment_method = 'paypay', version = version + 1",
        "INSERT INTO payments (order_id, provider, merchant_payment_id, status, certainty, currency, asked_minor,"
        " captured_minor, begun_at, changed_at, created_at)"
        f" SELECT {order}, provider, 'ORD-1-2', '{second_state}', 'known', currency, 700, 700, begun_at,"
        " changed_at, created_at FROM payments",
    )
    second = scene.find_payment("paypay", "ORD-1-2")
    assert second is not None
    return first, second


@pytest.mark.expects_log("what was tolerated is told")
def test_a_payment_that_its_paid_order_needs_is_no_second_payment(scene: PaymentDesk) -> None:
    """Two payments pay an order only together, and the process dies between the booking of the first and its order.
    The second payment sets the order to paid. The due task that repeats the step of the first opens no case that asks
    people to refund it.
    """
    first, second = make_two_payments(scene, second_state="completed")
    assert order_status.set_order_paid(scene.context, second.id).state == "paid"
    assert order_status.set_order_paid(scene.context, first.id).state == "paid"
    assert scene.list_open_alert_rules() == []
    current = scene.find_payment("paypay", "ORD-1")
    assert current is not None
    assert current.work.state is WorkState.NONE


def test_a_proposal_waits_for_a_second_person(scene: PaymentDesk, open_desk_of: OpenDeskOf) -> None:
    """Every person sees an open proposal. The proposer, and a person with only the role operator, see why they can't
    confirm it. After a second person's decision the proposal is no longer open.
    """
    payment = make_unknown_payment(scene)
    scene.control.add_fault("status:503", call="paypay_payment", times="always")
    assert scene.console.recovery.list_proposals() == ()
    scene.payments.resolve(payment.id, "payment_failed", "settlement of the 20th, row 14")
    (own,) = scene.console.recovery.list_proposals()
    assert (own.kind, own.record_id, own.payment_number) == ("payment", str(payment.id), "ORD-1")
    assert (own.state, own.person, own.refusal) == ("payment_failed", scene.context.operator, "own_first_half")
    with open_desk_of("op-b") as colleague:
        (listed_proposal,) = colleague.console.recovery.list_proposals()
        assert listed_proposal.refusal == (
            "role" if scene.place.is_server else None
        )  # without accounts, everybody has all roles
    with open_desk_of("lead-b") as lead:
        (listed_proposal,) = lead.console.recovery.list_proposals()
        assert (listed_proposal.id, listed_proposal.refusal) == (own.id, None)
        lead.payments.resolve(payment.id, "payment_failed", "seen on the bank's own statement")
        assert lead.console.recovery.list_proposals() == ()


def test_both_people_must_give_the_same_provider_id(scene: PaymentDesk, open_desk_of: OpenDeskOf) -> None:
    """Two people must give the same provider's id of the payment, because one person's mistake would direct later
    refunds to another payment. The proposer can correct the id, and then the former id no longer counts.
    """
    payment = make_unknown_payment(scene)
    scene.control.add_fault("status:503", call="paypay_payment", times="always")
    scene.payments.resolve(payment.id, "completed", "settlement of the 20th, row 14", "0421-typo")
    with open_desk_of("lead-b") as lead:
        for number in ("0421-right", None):
            with expect_refusal("evidence_mismatch"):
                lead.payments.resolve(payment.id, "completed", "row 14", number)
        corrected = scene.payments.resolve(payment.id, "completed", "row 14, read again", "0421-right")
        assert corrected.awaiting == "second_person"
        with expect_refusal("evidence_mismatch"):
            lead.payments.resolve(payment.id, "completed", "row 14", "0421-typo")
        assert scene.read_payment(payment.id).certainty is Certainty.UNKNOWN
        assert lead.payments.resolve(payment.id, "completed", "row 14", "0421-right").awaiting is None
    after = scene.read_payment(payment.id)
    assert (after.state, after.provider_payment_id) == ("completed", "0421-right")


def test_another_proposed_outcome_replaces_the_proposal(scene: PaymentDesk, open_desk_of: OpenDeskOf) -> None:
    """A second person proposes another outcome of the payment: the new proposal replaces the first one, as the
    payment's timeline says, and the second person can't confirm their own proposal. A third person can.
    """
    payment = make_unknown_payment(scene)
    scene.control.add_fault("status:503", call="paypay_payment", times="always")
    scene.payments.resolve(payment.id, "completed", "settlement of the 20th, row 14", "0421-typo")
    with open_desk_of("lead-b") as lead:
        replaced = lead.payments.resolve(payment.id, "payment_failed", "the row is another payment's")
        assert replaced.awaiting == "second_person"
        with expect_refusal("same_person"):
            lead.payments.resolve(payment.id, "payment_failed", "I say so again")
    assert scene.read_payment(payment.id).certainty is Certainty.UNKNOWN
    with open_desk_of("lead-c") as third:
        assert third.payments.resolve(payment.id, "payment_failed", "seen").awaiting is None
    assert (scene.read_payment(payment.id).state, scene.read_payment(payment.id).captured_minor) == (
        "payment_failed",
        0,
    )
    proposed = scene.place.sql("SELECT who FROM audit_log WHERE what = 'payment.resolve_proposed' ORDER BY id")
    assert [str(person).partition(".")[0] for (person,) in proposed] == ["op-a", "lead-b"]
    proposals = [
        wording.format_audit_entry(entry, "en")
        for entry in scene.payments.read_payment(payment.id).timeline
        if entry.what == "payment.resolve_proposed"
    ]
    assert ["replaces the proposal of op-a" in words for words in proposals] == [False, True]


@pytest.mark.engines("sqlite")
def test_the_provider_id_proposed_by_a_former_operator_is_replaced(
    scene: PaymentDesk, open_desk_of: OpenDeskOf
) -> None:
    """A person has proposed an outcome with a provider's id, and is no longer an operator. Two other people replace
    the proposal, and must give the same id as each other.
    """
    for name in (scene.context.operator, "lead-b", "lead-c"):
        scene.place.sql(f"INSERT INTO operators (name, roles, may_buy) VALUES ('{name}', 'operator,approver', 0)")
    payment = make_unknown_payment(scene)
    scene.control.add_fault("status:503", call="paypay_payment", times="always")
    scene.payments.resolve(payment.id, "completed", "settlement of the 20th, row 14", "0421-typo")
    with open_desk_of("lead-b") as lead, open_desk_of("lead-c") as third:
        with expect_refusal("evidence_mismatch"):
            lead.payments.resolve(payment.id, "completed", "row 14", "0421-right")
        leaves = f"disabled_at = '2026-11-20 00:00:00' WHERE name = '{scene.context.operator}'"
        scene.place.sql(f"UPDATE operators SET {leaves}")
        assert lead.payments.resolve(payment.id, "completed", "row 14", "0421-right").awaiting == "second_person"
        with expect_refusal("same_person"):
            lead.payments.resolve(payment.id, "completed", "row 14", "0421-right")
        with expect_refusal("evidence_mismatch"):
            third.payments.resolve(payment.id, "completed", "row 14", "0421-typo")
        assert third.payments.resolve(payment.id, "completed", "row 14", "0421-right").awaiting is None
        after = third.payments.read_payment(payment.id).record
    assert (after.state, after.provider_payment_id) == ("completed", "0421-right")


def test_a_failed_attempt_contradicts_a_decision_without_a_provider_id(
    scene: PaymentDesk, open_desk_of: OpenDeskOf
) -> None:
    """Two people have decided that a payment is completed, without giving the provider's id. The provider later
    answers that it failed: a case is opened.
    """
    payment = make_unknown_payment(scene)
    scene.money.change_payment_state("paypay", "ORD-1", "failed")
    scene.control.add_fault("status:503", call="paypay_payment", times="always")
    scene.payments.resolve(payment.id, "completed", "settlement, row 14")
    with open_desk_of("lead-b") as lead:
        assert lead.payments.resolve(payment.id, "completed", "settlement, row 14, seen").awaiting is None
    scene.control.clear_faults()
    after = scene.payments.probe(payment.id)
    assert (after.state, after.captured_minor, after.provider_payment_id) == ("completed", 3300, None)
    assert scene.list_open_alert_rules() == ["contradicted"]
    with pytest.raises(ConsoleError) as refused:
        scene.payments.resolve(payment.id, "reversed", "their screen")
    assert refused.value.code == "evidence_mismatch"
    assert (scene.payments.probe(payment.id).state, scene.list_open_alert_rules()) == (
        "completed",
        ["contradicted"],
    )


@pytest.mark.engines("sqlite")
def test_a_number_in_the_evidence_text_is_no_provider_id(scene: PaymentDesk, open_desk_of: OpenDeskOf) -> None:
    """The first person's evidence text contains a number, but the person has given no provider's id. The second
    person can't decide with an id, only without one.
    """
    payment = make_unknown_payment(scene)
    scene.control.add_fault("status:503", call="paypay_payment", times="always")
    scene.payments.resolve(payment.id, "completed", "number 77\nis the row of the settlement")
    with open_desk_of("lead-b") as lead:
        with expect_refusal("evidence_mismatch"):
            lead.payments.resolve(payment.id, "completed", "row 77", "77")
        assert lead.payments.resolve(payment.id, "completed", "row 77").awaiting is None
    assert scene.read_payment(payment.id).provider_payment_id is None


def test_the_provider_id_of_another_payment_decides_nothing(scene: PaymentDesk, open_desk_of: OpenDeskOf) -> None:
    """The provider's id of a decided payment already belongs to another payment. The decision is refused, whether a
    person has entered this id or the provider's answer contains it: the payment stays unknown. In the second case an
    alert is opened.
    """
    first, second = make_unknown_payment(scene), make_unknown_payment(scene, "ORD-2")
    scene.money.change_payment_state("paypay", "ORD-2", "paid")
    number = scene.money.read_payment("paypay", "ORD-2")["id"]
    scene.control.add_fault("status:503", call="paypay_payment", times="always")
    scene.payments.resolve(first.id, "completed", "settlement, a row too low", number)
    with open_desk_of("lead-b") as lead:
        assert lead.payments.resolve(first.id, "completed", "seen", number).awaiting is None
    with expect_refusal("evidence_mismatch"):
        scene.payments.resolve(second.id, "completed", "settlement", number)
    assert scene.list_open_alert_rules() == []
    scene.control.clear_faults()
    with pytest.raises(ConsoleError) as caught:
        scene.payments.resolve(second.id, "completed", "the panel says so")
    assert (caught.value.code, caught.value.detail["reason"]) == ("evidence_mismatch", "used_by_other_record")
    after = scene.read_payment(second.id)
    assert (after.certainty, after.work.state) == (Certainty.UNKNOWN, WorkState.NEEDS_REVIEW)
    assert scene.list_open_alert_rules() == ["other_payment"]


def test_a_missing_provider_id_is_set_by_the_next_read(scene: PaymentDesk, open_desk_of: OpenDeskOf) -> None:
    """Two people have decided without the provider's id, and the payment can't be refunded without it: the provider's
    next answer stores the id and opens no case. If the answer has the id of another payment, this id isn't stored.
    """
    payment, other_payment = make_unknown_payment(scene), make_unknown_payment(scene, "ORD-2")
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    scene.control.add_fault("status:503", call="paypay_payment", times="always")
    for one in (payment, other_payment):
        scene.payments.resolve(one.id, "completed", "settlement, row 14")
        with open_desk_of("lead-b") as lead:
            assert lead.payments.resolve(one.id, "completed", "settlement, row 14, seen").awaiting is None
        decided = scene.read_payment(one.id)
        assert (decided.state, decided.captured_minor, decided.provider_payment_id) == ("completed", 3300, None)
        assert scene.console.refunds.make_plan(one.id).refusal_code == "refund_no_number"
        explanation = scene.payments.read_payment(one.id).explanation
        assert explanation.why == "why.payment_decided_by_people", "the gateway confirmed nothing"
        assert find_cause(decided) is None, "a completed payment has no problem"
    scene.control.clear_faults()
    confirmed = scene.payments.probe(payment.id)
    assert confirmed.provider_payment_id == scene.money.read_payment("paypay", "ORD-1")["id"]
    assert (confirmed.certainty, scene.list_open_alert_rules()) == (Certainty.KNOWN, [])
    explanation = scene.payments.read_payment(payment.id).explanation
    assert explanation.why == "why.payment_complete", "now the gateway has confirmed it"
    scene.control.add_fault("other_payment", call="paypay_payment")
    with suppress(ConsoleError):
        scene.payments.probe(other_payment.id)
    assert scene.read_payment(other_payment.id).provider_payment_id is None
    assert scene.list_open_alert_rules() == ["contradicted"]
