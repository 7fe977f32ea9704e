"""A payment is started once for each order and provider, and its state changes by the provider's answers."""

from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from console.domain.errors import ConsoleError
from console.domain.payments.provider_messages import PaymentRequest, StartedPayment
from console.domain.provider_outcome import Outcome
from console.domain.records import Certainty, WorkState
from console.domain.tasks.retry_schedules import PAYMENT_PROBE_WAITS
from console.providers.paypay.client import PayPay
from console.sandbox.environment import credentials
from console.services.payments.next_work import open_case
from console.services.process.failpoints import Failpoints
from console.services.tasks.due_tasks import MAX_FAILED_DELIVERIES
from console.store.database import boot_clock
from console.store.records import evidence
from tests.support.desks import CORPORATION_NUMBERS, MovedClock
from tests.support.keyrings import LockedKeyring
from tests.support.payment_desks import PaymentDesk
from tests.support.refusals import call_for_refusal
from tests.support.simulated_crash import SimulatedCrash, simulate_crash

pytestmark = pytest.mark.time_scale("1")


def test_a_paid_code_completes_payment_and_order(scene: PaymentDesk) -> None:
    """The payer pays the code, and a read at the provider finds this: the payment is captured and completed, and the
    order is paid. A second read changes nothing.
    """
    order = scene.insert_order("ORD-1", 3300, corporation=CORPORATION_NUMBERS[0])
    started = scene.payments.start(order, "paypay")
    assert (started.payment.state, started.payment.certainty) == ("token_generated", "known")
    assert started.started.url is not None
    waiting = scene.payments.probe(started.payment.id)
    assert (waiting.state, waiting.work.reason) == ("user_payment", "waiting")
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    paid = scene.payments.probe(started.payment.id)
    assert (paid.state, paid.captured_minor, paid.corporation_number) == ("completed", 3300, CORPORATION_NUMBERS[0])
    assert paid.paid_at is not None
    assert paid.provider_state == "COMPLETED"
    assert scene.read_order("ORD-1").state == "paid"
    assert scene.read_payment(paid.id).work.state is WorkState.NONE
    again = scene.payments.probe(paid.id)
    assert (again.captured_minor, again.state) == (3300, "completed")
    assert scene.list_open_alert_rules() == []


def test_a_second_start_of_an_order_returns_the_first_code(scene: PaymentDesk) -> None:
    """A payment is started a second time for an order while the payer can still pay the first code: the start returns
    the first code, and nothing is sent.
    """
    order = scene.insert_order("ORD-1", 3300)
    first = scene.payments.start(order, "paypay")
    second = scene.payments.start(order, "paypay")
    assert (second.payment.id, second.started.url) == (first.payment.id, first.started.url)
    assert len(scene.control.read_requests(call="paypay_create")) == 1


def test_the_operation_key_of_a_start_names_the_merchant(scene: PaymentDesk) -> None:
    """The operation key of a start contains the merchant, because two merchants of one provider can have orders
    with the same number.
    """
    scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay")
    scene.payments.start(scene.insert_order("ORD-2", 3300, "INR"), "atom")
    keys = scene.place.sql("SELECT idempotency_key FROM operations ORDER BY idempotency_key")
    assert [key for (key,) in keys] == [
        f"idempotent:payment:{credentials.PAYPAY_MERCHANT_ID}:ORD-1",
        f"idempotent:payment:{credentials.ATOM_MERCH_ID}:ORD-2",
    ]


@pytest.mark.parametrize(
    ("state", "lease", "code"),
    [
        ("calling", 10**15, "in_progress"),
        ("calling", 0, "outcome_unknown"),
        ("unknown", 0, "outcome_unknown"),
    ],
)
def test_a_start_of_an_earlier_version_prevents_a_second_one(
    scene: PaymentDesk, state: str, lease: int, code: str
) -> None:
    """An earlier release of the program built the operation key from the provider instead of the merchant. A start
    with such a key prevents a second start while its outcome is open.
    """
    order = scene.insert_order("ORD-1", 3300)
    operation = scene.payments.start(order, "paypay").payment.operation_id or ""
    scene.context.spool.mark_ended(operation, holds_claim=False)  # that version noted no payment number there
    scene.place.drop_table_triggers("operations")
    scene.place.drop_table_triggers("payments")
    scene.place.sql(
        "UPDATE operations SET idempotency_key = 'idempotent:payment:paypay:ORD-1'",
        f"UPDATE operations SET state = '{state}', lease_expires = {lease}",
        "DELETE FROM payments",
    )
    assert call_for_refusal(scene.payments.start, order, "paypay").code == code
    assert len(scene.control.read_requests(call="paypay_create")) == 1
    scene.place.sql("UPDATE operations SET state = 'done'")
    assert (
        call_for_refusal(scene.payments.start, order, "paypay").detail["reason"] == "code_exists"
    )  # asked once more


def test_a_repeated_start_returns_the_first_code(scene: PaymentDesk) -> None:
    """A start is repeated with the same request id: the repetition returns the first code, also after the payment
    has changed, and nothing is sent.
    """
    order = scene.insert_order("ORD-1", 3300)
    first = scene.payments.start(order, "paypay", request_id="start-1")
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    scene.payments.probe(first.payment.id)
    assert scene.payments.start(order, "paypay", request_id="start-1") == first
    assert call_for_refusal(scene.payments.start, order, "paypay").code == "already_decided"
    assert len(scene.control.read_requests(call="paypay_create")) == 1


@pytest.mark.expects_log("an answer that never came is told")
@pytest.mark.parametrize(("word", "state"), [(None, "user_payment"), ("paid", "completed")])
def test_a_repeated_start_with_a_lost_answer_returns_the_payment(
    scene: PaymentDesk, word: str | None, state: str
) -> None:
    """The answer to a start is lost, and a probe finds the payment, open or paid. A repetition with the same request
    id is refused as already decided and returns the payment. It doesn't report a refusal by the provider, because the
    provider has accepted the start; nothing is sent."""
    order = scene.insert_order("ORD-1", 3300)
    scene.control.add_fault("close_after_charge", call="paypay_create", times=1)
    lost = call_for_refusal(lambda: scene.payments.start(order, "paypay", request_id="start-1"))
    assert lost.code == "outcome_unknown"
    if word is not None:
        scene.money.change_payment_state("paypay", "ORD-1", word)
    stored = scene.find_payment("paypay", "ORD-1")
    assert stored is not None
    payment = scene.payments.probe(stored.id)
    assert (payment.state, payment.certainty) == (state, "known")
    for _ in range(3):
        again = call_for_refusal(lambda: scene.payments.start(order, "paypay", request_id="start-1"))
        assert (again.code, again.detail["record"], again.detail["state"]) == ("already_decided", payment, state)
        assert again.detail["duplicate"]
        # as if the first call was killed before it could store its answer
        scene.place.sql("UPDATE request_ids SET state = 'running', answer = NULL, lease_expires = 0")
    assert len(scene.control.read_requests(call="paypay_create")) == 1


@pytest.mark.parametrize("change", ["status = 'cancelled'", "total_amount = 4400"])
def test_a_start_for_a_changed_order_is_refused(scene: PaymentDesk, change: str) -> None:
    """An order was cancelled, or its total was changed, after the start of its payment: a second start is refused and
    doesn't return the first code.
    """
    order = scene.insert_order("ORD-1", 3300)
    scene.payments.start(order, "paypay")
    scene.place.sql(f"UPDATE orders SET {change}")
    assert call_for_refusal(scene.payments.start, order, "paypay").exit_status == 3


def test_a_paid_order_gets_no_second_payment(scene: PaymentDesk) -> None:
    """The start of another payment of a paid order is refused, at the same provider and at another one. Nothing is
    sent.
    """
    order = scene.insert_order("ORD-1", 3300)
    payment = scene.payments.start(order, "paypay").payment
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    scene.payments.probe(payment.id)
    of_bank = scene.insert_order("ORD-2", 3300)
    scene.payments.receive_notice(scene.make_bank_notice("ev-1", "ORD-2"))
    for paid_order in (order, of_bank):
        assert call_for_refusal(scene.payments.start, paid_order, "paypay").code == "already_decided"
    assert len(scene.control.read_requests(call="paypay_create")) == 1


@pytest.mark.parametrize("is_sent", [True, False])
def test_an_unsent_or_refused_start_can_be_repeated(scene: PaymentDesk, *, is_sent: bool) -> None:
    """A start that the provider has refused, or that couldn't be sent, leaves no reservation in the account and no
    used operation key: the start can be repeated.
    """
    scene.insert_account(CORPORATION_NUMBERS[0], 3300)
    order = scene.insert_order("ORD-1", 3300, corporation=CORPORATION_NUMBERS[0])
    if is_sent:
        scene.control.add_fault("result:INVALID_PARAMS", call="paypay_create")
    with nullcontext() if is_sent else scene.control.cause_outage():
        assert call_for_refusal(scene.payments.start, order, "paypay").exit_status == (5 if is_sent else 6)
    gone = scene.find_payment("paypay", "ORD-1")
    assert gone is not None
    assert (gone.state, gone.certainty, gone.account_minor) == ("expired", "known", 0)
    assert scene.place.sql("SELECT reserved_minor FROM accounts") == [(0,)]
    again = scene.payments.start(order, "paypay").payment
    assert (again.merchant_payment_id, again.state) == ("ORD-1-2", "token_generated")


@pytest.mark.time_scale("20")  # waits for an end
@pytest.mark.parametrize("fault", ["hang_after_charge", "reset_after_charge", "status_after_charge:500", "malformed"])
def test_a_start_without_an_answer_is_unknown_until_it_is_read(scene: PaymentDesk, fault: str) -> None:
    """The answer to a start got lost: the payment is unknown and holds its claim, until a read at the provider finds
    its state.
    """
    order = scene.insert_order("ORD-1", 3300)
    scene.control.add_fault(fault, call="paypay_create")
    assert call_for_refusal(scene.payments.start, order, "paypay").exit_status == 4
    payment = scene.find_payment("paypay", "ORD-1")
    assert payment is not None
    assert (payment.state, payment.certainty) == ("initializing", "unknown")
    assert payment.work.state is WorkState.SCHEDULED
    assert call_for_refusal(scene.payments.start, order, "paypay").code == "outcome_unknown"
    known = scene.payments.probe(payment.id)
    assert (known.state, known.certainty) == ("user_payment", "known")
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    assert scene.payments.probe(payment.id).state == "completed"


def test_an_existing_code_is_read_again(scene: PaymentDesk) -> None:
    """PayPay answers a start with DUPLICATE_DYNAMIC_QR_REQUEST: the program reads the state of the existing payment
    at once.
    """
    order = scene.insert_order("ORD-1", 3300)
    scene.money.register_payment("paypay", "ORD-1", 3300)
    error = call_for_refusal(scene.payments.start, order, "paypay")
    payment = scene.find_payment("paypay", "ORD-1")
    assert payment is not None
    assert (error.code, payment.state, payment.captured_minor) == ("already_decided", "completed", 3300)
    assert scene.read_order("ORD-1").state == "paid"


def test_a_start_above_the_limit_of_its_account_sends_nothing(scene: PaymentDesk) -> None:
    """The limit of an account leaves no room beside the reservation of a first order: the start of the second order's
    payment is refused before anything is sent.
    """
    scene.insert_account(CORPORATION_NUMBERS[0], 5000)
    scene.payments.start(scene.insert_order("ORD-1", 3300, corporation=CORPORATION_NUMBERS[0]), "paypay")
    error = call_for_refusal(
        scene.payments.start, scene.insert_order("ORD-2", 3300, corporation=CORPORATION_NUMBERS[0]), "paypay"
    )
    assert error.code == "over_limit"
    assert len(scene.control.read_requests(call="paypay_create")) == 1
    assert scene.find_payment("paypay", "ORD-2") is None


@pytest.mark.usefixtures("moved_server_clock")
def test_an_unpaid_code_expires_and_late_money_is_booked(scene: PaymentDesk, clock: MovedClock) -> None:
    """The time limit of an unpaid code is over by our clock: the program asks the provider once more, and then the
    payment expires and its reservation ends. If the payer still pays later, the payment is booked with evidence, and
    its cancelled order stays cancelled.
    """
    scene.insert_account(CORPORATION_NUMBERS[0], 3300)
    order = scene.insert_order("ORD-1", 3300, corporation=CORPORATION_NUMBERS[0])
    payment = scene.payments.start(order, "paypay").payment
    assert scene.read_payment(payment.id).account_minor == 3300
    scene.control.change_settings(advance_seconds=600)
    clock.offset += timedelta(seconds=600)
    runs = {run.task: run.count for run in scene.run_due_tasks()}
    assert runs["payment_polls"] == 1
    expired = scene.read_payment(payment.id)
    assert (expired.state, expired.account_minor, expired.work.state) == ("expired", 0, WorkState.NONE)
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    late = scene.payments.probe(payment.id)
    assert (late.state, late.captured_minor) == ("completed", 3300)
    answers = [
        item.summary for item in scene.payments.read_payment(payment.id).evidence if item.source == "paypay.payment"
    ]
    assert any(summary.startswith("HTTP 200 SUCCEEDED") for summary in answers), answers
    assert (scene.read_order("ORD-1").state, scene.list_open_alert_rules()) == (
        "cancelled",
        ["paid_after_cancel"],
    )


def test_a_failure_after_a_success_reverses_the_payment(scene: PaymentDesk) -> None:
    """The provider first reports a success and then FAILED: the payment is reversed and a case is opened, and the
    order doesn't change.
    """
    payment = scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    scene.payments.probe(payment.id)
    scene.money.change_payment_state("paypay", "ORD-1", "reversed")
    gone = scene.payments.probe(payment.id)
    assert (gone.state, gone.certainty, gone.work.reason) == ("reversed", "known", "reversed")
    assert scene.list_open_alert_rules() == ["reversed"]
    assert scene.read_order("ORD-1").state == "paid"


def test_a_success_with_another_amount_makes_the_payment_unknown(scene: PaymentDesk) -> None:
    """The provider reports a success with another amount than requested: the payment becomes unknown and nothing is
    booked. If the provider then reports the requested amount, that amount is booked.
    """
    payment = scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    scene.control.add_fault("other_amount", call="paypay_payment")
    assert call_for_refusal(scene.payments.probe, payment.id).exit_status == 4
    odd = scene.read_payment(payment.id)
    assert (odd.certainty, odd.captured_minor, odd.work.reason) == (Certainty.UNKNOWN, 0, "amount_differs")
    assert (odd.provider_minor, odd.error_code) == (3301, "other_amount")
    right = scene.payments.probe(payment.id)
    assert (right.certainty, right.captured_minor, right.state) == (Certainty.KNOWN, 3300, "completed")
    assert scene.list_open_alert_rules() == []


def test_a_cancelled_order_with_a_late_payment_stays_cancelled(scene: PaymentDesk) -> None:
    """The payment of a cancelled order is paid late: the payment is booked, the order stays cancelled, and a person
    must look at both records.
    """
    payment = scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment
    scene.cancel_order("ORD-1")
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    scene.payments.probe(payment.id)
    booked, order = scene.read_payment(payment.id), scene.read_order("ORD-1")
    assert (booked.captured_minor, booked.work.reason) == (3300, "paid_after_cancel")
    assert (order.state, order.work.reason) == ("cancelled", "paid_after_cancel")


@pytest.mark.expects_log("what was tolerated is told")
def test_an_order_that_could_not_be_set_to_paid_is_set_later(scene: PaymentDesk, clock: MovedClock) -> None:
    """A payment is booked, but its order couldn't be set to paid at that moment: a due task sets it to paid later."""
    payment = scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    scene.context.failpoints = AlwaysRaisingFailpoints("before_order_move")
    scene.payments.probe(payment.id)
    behind = scene.read_payment(payment.id)
    assert (behind.state, behind.work.reason) == ("completed", "move_order")
    assert scene.read_order("ORD-1").state == "pending"
    scene.context.failpoints = AlwaysRaisingFailpoints("")
    clock.offset += timedelta(minutes=5)
    assert {run.task: run.count for run in scene.run_due_tasks()}["order_moves"] == 1
    assert scene.read_order("ORD-1").state == "paid"
    assert scene.read_payment(payment.id).work.state is WorkState.NONE


class AlwaysRaisingFailpoints(Failpoints):
    """Failpoints that raise an error each time the code reaches the failpoint `name`, and not only the first time."""

    def __init__(self, name: str) -> None:
        super().__init__(None)
        self._name = name

    def reach(self, name: str) -> None:
        if name == self._name:
            raise RuntimeError(name)


def test_an_unknown_payment_is_probed_until_a_person_is_needed(scene: PaymentDesk, clock: MovedClock) -> None:
    """The program probes an unknown payment once for each wait of the schedule, and not again; then a person must
    look. The payment never becomes failed only because time has passed.
    """
    scene.control.add_fault("status_after_charge:500", call="paypay_create")
    call_for_refusal(scene.payments.start, scene.insert_order("ORD-1", 3300), "paypay")
    scene.control.add_fault("status:503", call="paypay_payment", times="always")
    for _ in range(len(PAYMENT_PROBE_WAITS) + 2):
        clock.offset += timedelta(days=2)
        scene.control.change_settings(advance_seconds=timedelta(days=2).total_seconds())
        scene.run_due_tasks()
    payment = scene.find_payment("paypay", "ORD-1")
    assert payment is not None
    assert len(scene.control.read_requests(call="paypay_payment")) == len(PAYMENT_PROBE_WAITS)
    assert (payment.certainty, payment.state) == (Certainty.UNKNOWN, "initializing")
    assert (payment.work.state, payment.work.reason) == (WorkState.NEEDS_REVIEW, "probes_ended")


@pytest.mark.expects_log("an outcome that could not be recorded is told")
def test_a_start_that_the_database_could_not_record_is_delivered(scene: PaymentDesk) -> None:
    """The database couldn't store the provider's answer to a start: the spool delivers the answer later, and the
    payer can pay the code.
    """
    order = scene.insert_order("ORD-1", 3300)
    scene.context.failpoints = AlwaysRaisingFailpoints("before_tx2")
    assert call_for_refusal(scene.payments.start, order, "paypay").code == "outcome_unknown"
    entry = scene.context.spool.list_undelivered_entries(scene.context.database_id)[0]
    assert entry.answer is not None
    assert scene.machinery.start_action.deliver_outcome(entry.intent.operation_id, entry.answer)
    payment = scene.find_payment("paypay", "ORD-1")
    assert payment is not None
    assert (payment.state, payment.handle is not None) == ("token_generated", True)


def test_an_ended_payment_that_was_perhaps_paid_stops_the_next_one(scene: PaymentDesk) -> None:
    """A payment has ended unpaid in our database, and then its gateway reports another amount as paid: the order gets
    no other code at any gateway until people have decided.
    """
    order = scene.insert_order("ORD-1", 3300)
    payment = scene.payments.start(order, "paypay").payment
    scene.place.drop_table_triggers("payments")
    scene.place.sql("UPDATE payments SET status = 'expired', work_state = 'none', work_reason = NULL")
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    scene.control.add_fault("other_amount", call="paypay_payment")
    assert call_for_refusal(scene.payments.probe, payment.id).code == "outcome_unknown"
    odd = scene.read_payment(payment.id)
    assert (odd.state, odd.certainty, odd.work.reason) == ("expired", "unknown", "amount_differs")
    refused = call_for_refusal(scene.payments.start, order, "paypay")
    assert (refused.code, refused.detail["reason"]) == ("outcome_unknown", "earlier_attempt")
    assert len(scene.control.read_requests(call="paypay_create")) == 1
    scene.context.write(
        lambda tx: open_case(scene.context, tx, payment.id, "contradicted", "begun ORD-1", "expired 3300 JPY")
    )  # and a newer case is the reason of its work
    scene.place.sql("UPDATE payments SET certainty = 'known', work_reason = 'timeout_stuck'")
    refused = call_for_refusal(scene.payments.start, order, "paypay")
    assert (refused.code, refused.detail["reason"]) == ("in_progress", "payment_contradicted")
    scene.place.sql("UPDATE payments SET provider = 'bank', certainty = 'unknown'")  # now it was another gateway's
    assert call_for_refusal(scene.payments.start, order, "paypay").code == "outcome_unknown"
    assert len(scene.control.read_requests(call="paypay_create")) == 1


@pytest.mark.parametrize("number", ["ORD-1", "ORD-1-2"])
@pytest.mark.parametrize("source", ["atom", "paypay", "bank"])
def test_a_notice_about_a_payment_that_is_missing_here_stops_a_second_code(
    scene: PaymentDesk, source: str, number: str
) -> None:
    """The database has lost a payment, and a notice reports that this payment was paid. The order gets no other code
    at any gateway until a person has acknowledged the notice's case.
    """
    provider, minor, currency = ("atom", 50_000, "INR") if source == "atom" else ("paypay", 3300, "JPY")
    if source != "bank":
        scene.money.register_payment(source, number, minor)
    notice = (
        scene.make_bank_notice("ev-1", number) if source == "bank" else scene.make_provider_notice(source, number)
    )
    assert scene.payments.receive_notice(notice).done == "unmatched"
    others = [scene.insert_order("ORD-2", minor, currency), scene.insert_order("ORD-11", minor, currency)]
    order = scene.insert_order("ORD-1", minor, currency)
    refused = call_for_refusal(scene.payments.start, order, provider)
    assert (refused.code, refused.detail["reason"]) == ("in_progress", "unmatched_notice")
    for other in others:
        assert scene.payments.start(other, provider).payment.order_id == other
    (case,) = [one for one in scene.console.alerts.list_alerts() if one.rule_id == "unmatched_notice"]
    scene.console.alerts.acknowledge(case.id, "of another shop")
    call = "atom_auth" if provider == "atom" else "paypay_create"
    earlier_request_count = len(scene.control.read_requests(call=call))
    with suppress(ConsoleError):
        scene.payments.start(order, provider)
    assert len(scene.control.read_requests(call=call)) > earlier_request_count


@pytest.mark.parametrize("provider", ["atom", "paypay"])
def test_a_refused_number_is_probed_before_the_next_start(scene: PaymentDesk, provider: str) -> None:
    """The database has lost a paid payment, and no notice about it came. The provider refuses a new start with the
    same payment number (Atom without a reason): the program asks about that number before it starts with another one,
    and books the payment.
    """
    minor, currency = (50_000, "INR") if provider == "atom" else (3300, "JPY")
    scene.money.register_payment(provider, "ORD-1", minor)
    order = scene.insert_order("ORD-1", minor, currency)
    assert call_for_refusal(scene.payments.start, order, provider).code in ("provider_refused", "already_decided")
    assert call_for_refusal(scene.payments.start, order, provider).code == "already_decided"
    assert scene.find_payment(provider, "ORD-1-2") is None
    payment = scene.find_payment(provider, "ORD-1")
    assert payment is not None
    assert (payment.state, payment.captured_minor, scene.read_order("ORD-1").state) == ("completed", minor, "paid")


def test_an_unmatched_notice_of_a_failure_stops_no_code(scene: PaymentDesk) -> None:
    """A notice that matches no payment reports a failure: a new payment of its order can still be started."""
    assert (
        scene.payments.receive_notice(scene.make_bank_notice("ev-1", "ORD-1", type="payment.failed")).done
        == "unmatched"
    )
    order = scene.insert_order("ORD-1", 3300)
    assert scene.payments.start(order, "paypay").payment.order_id == order


@pytest.mark.engines("sqlite")
@pytest.mark.expects_log("an outcome that could not be recorded is told")
def test_a_late_code_stops_the_next_payment_and_needs_a_person(scene: PaymentDesk) -> None:
    """The answer with the code arrives after the payment has ended in our database, and the payer may still pay the
    code: a person must look, the page doesn't show the code, and the order gets no other code.
    """
    order = scene.insert_order("ORD-1", 3300)
    scene.context.failpoints = AlwaysRaisingFailpoints("before_tx2")
    assert call_for_refusal(scene.payments.start, order, "paypay").code == "outcome_unknown"
    scene.place.drop_table_triggers("payments")
    scene.place.sql("UPDATE payments SET status = 'expired', certainty = 'known'")
    entry = scene.context.spool.list_undelivered_entries(scene.context.database_id)[0]
    assert entry.answer is not None
    assert scene.machinery.start_action.deliver_outcome(entry.intent.operation_id, entry.answer)
    assert scene.place.sql("SELECT rule_id, observed FROM alerts") == [("contradicted", "begun ORD-1")]
    late = scene.find_payment("paypay", "ORD-1")
    assert late is not None
    assert (late.handle, late.work.state) == (None, WorkState.NEEDS_REVIEW)
    assert scene.count_audit_entries("payment.contradicted") == 1
    scene.context.failpoints = Failpoints(None)
    refused = call_for_refusal(
        scene.payments.start, order, "paypay"
    )  # the payer may pay by the code that the gateway made
    assert (refused.code, refused.detail["reason"]) == ("in_progress", "payment_contradicted")
    assert len(scene.control.read_requests(call="paypay_create")) == 1


def test_an_expiry_time_in_the_past_keeps_the_code_payable_for_a_day(
    scene: PaymentDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider's answer has an expiry time in the past, which must be wrong. The payer already has the code, so
    the order isn't cancelled for a day.
    """
    make = PayPay.start

    def answer_with_past_expiry(adapter: PayPay, request: PaymentRequest) -> Outcome[StartedPayment]:
        """Return PayPay's answer with an expiry time in the past."""
        outcome = make(adapter, request)
        assert outcome.content is not None
        return replace(
            outcome, content=replace(outcome.content, expires_at=datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
        )

    monkeypatch.setattr(PayPay, "start", answer_with_past_expiry)
    payment = scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment
    assert payment.expires_at is not None
    assert payment.begun_at is not None
    assert payment.expires_at - payment.begun_at >= timedelta(days=1)
    scene.run_due_tasks()
    assert (scene.read_payment(payment.id).state, scene.read_order("ORD-1").state) == ("token_generated", "pending")


@pytest.mark.expects_log("an outcome that could not be recorded is told")
def test_a_late_answer_closes_a_proposal(scene: PaymentDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer to a start arrives after a first person has proposed the outcome of the payment: the answer closes
    the proposal.
    """
    order, uptime = scene.insert_order("ORD-1", 3300), boot_clock.read_uptime_ms
    scene.context.failpoints = AlwaysRaisingFailpoints("before_tx2")
    assert call_for_refusal(scene.payments.start, order, "paypay").code == "outcome_unknown"
    scene.context.failpoints = Failpoints(None)
    scene.place.move_lease_clock(timedelta(minutes=10))
    monkeypatch.setattr(boot_clock, "read_uptime_ms", lambda: uptime() + 600_000)
    payment = scene.find_payment("paypay", "ORD-1")
    assert payment is not None
    scene.control.add_fault("status:503", call="paypay_payment", times="always")
    assert scene.payments.resolve(payment.id, "payment_failed", "not on their screen").awaiting == "second_person"
    entry = scene.context.spool.list_undelivered_entries(scene.context.database_id)[0]
    assert entry.answer is not None
    assert scene.machinery.start_action.deliver_outcome(entry.intent.operation_id, entry.answer)
    assert scene.read_payment(payment.id).certainty is Certainty.KNOWN
    assert scene.console.recovery.list_proposals() == ()


@pytest.mark.engines("sqlite")
@pytest.mark.expects_log("an outcome that could not be recorded is told")
def test_a_locked_keyring_opens_no_case_about_a_stored_answer(
    scene: PaymentDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the keyring with the store key is locked, the delivery of an answer in the spool fails, and no case says
    that the answer can't be recorded. After the keyring is unlocked, the answer is delivered without a person.
    """
    order = scene.insert_order("ORD-1", 3300)
    scene.context.failpoints = AlwaysRaisingFailpoints("before_tx2")
    assert call_for_refusal(scene.payments.start, order, "paypay").code == "outcome_unknown"
    scene.context.failpoints = Failpoints(None)
    deliver = scene.console.scheduler._tasks["spool_delivery"]
    with monkeypatch.context() as locked:
        locked.delitem(scene.context.settings.secrets._environment, "STORE_KEY")
        locked.setattr(scene.context.settings.secrets, "_open_keyring", LockedKeyring)
        locked.setattr(scene.context.spool, "_cipher", None)
        locked.delitem(scene.context.__dict__, "cipher")
        for _ in range(MAX_FAILED_DELIVERIES):
            assert call_for_refusal(deliver).detail["problem"] == "keyring_failed"
    assert scene.list_open_alert_rules() == []
    assert deliver() == 1
    payment = scene.find_payment("paypay", "ORD-1")
    assert payment is not None
    assert (payment.state, payment.certainty) == ("token_generated", Certainty.KNOWN)


@pytest.mark.time_scale("20")  # waits for an end
@pytest.mark.engines("sqlite")
@pytest.mark.expects_log("an outcome that could not be recorded is told")
def test_an_answer_that_is_delivered_twice_is_written_once(
    scene: PaymentDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process ends after COMMIT, but before it marks the answer in the spool as delivered. The answer is therefore
    delivered again, and nothing is written a second time.
    """
    order = scene.insert_order("ORD-1", 3300)
    scene.context.failpoints = AlwaysRaisingFailpoints("before_tx2")
    assert call_for_refusal(scene.payments.start, order, "paypay").code == "outcome_unknown"
    scene.context.failpoints = Failpoints(None)
    with monkeypatch.context() as crash, simulate_crash(scene.context) as vanish:
        crash.setattr(scene.context.failpoints, "reach", lambda name: name == "after_delivery" and vanish())
        with pytest.raises(SimulatedCrash):
            scene.console.recovery.run_all_tasks()
    before = scene.find_payment("paypay", "ORD-1")
    assert before is not None
    assert before.state == "token_generated"
    assert len(scene.context.spool.list_undelivered_entries(scene.context.database_id)) == 1
    scene.console.recovery.run_all_tasks()
    assert scene.context.spool.list_undelivered_entries(scene.context.database_id) == ()
    assert [scene.count_audit_entries(what) for what in ("payment.late_answer", "payment.begun")] == [1, 1]
    with scene.context.database.read() as conn:
        sources = [item.source for item in evidence.find_by_subject(conn, "payment", before.id)]
    assert sources.count("paypay.start") == 1
