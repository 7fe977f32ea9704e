"""Notices that providers send: the program uses each notice only as far as it is proved, books it once, and refuses
all bad notices in the same way.
"""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from console.domain.errors import ConsoleError
from console.domain.payments.provider_messages import PaymentReport
from console.domain.payments.records import Payment, PaymentImport, ReceivedNotice
from console.domain.payments.service_results import NoticeResult
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import Certainty
from console.services.payment_intake.notices import LATE_ANSWER_PERIOD
from console.services.payment_intake.receive import MAX_CONSECUTIVE_UNANSWERED_QUESTIONS
from console.services.payments.probe import PaymentProber
from tests.providers.payments.parts import PROVIDER_TEST_VECTORS
from tests.support.desks import MovedClock
from tests.support.payment_desks import PaymentDesk
from tests.support.refusals import call_for_refusal

PUBLISHED_HINTS = [
    vector for vector in PROVIDER_TEST_VECTORS["paypay_webhook"] if vector["payload"].get("state") == "COMPLETED"
]
REFUSED_NOTICE_RESULT = NoticeResult(is_refused=True)


def begin_and_pay(scene: PaymentDesk, provider: str, number: str = "ORD-1", **paid: object) -> int:
    """Start a payment of a new order (order number `number`) that the payer then makes at the provider, and return
    its id. The program hasn't learnt of the success yet. `paid` are further fields of the sandbox's request, such
    as `at`.
    """
    minor, currency = (3300, "JPY") if provider == "paypay" else (50_000, "INR")
    payment = scene.payments.start(scene.insert_order(number, minor, currency), provider).payment
    scene.money.change_payment_state(provider, number, "paid", **paid)
    return payment.id


# PayPay: a hint


def test_a_hint_makes_the_program_read_the_payment(scene: PaymentDesk) -> None:
    """A hint books nothing by itself: the program reads the payment at PayPay, and PayPay's answer books the payment.
    The same hint again changes nothing.
    """
    payment_id = begin_and_pay(scene, "paypay")
    assert scene.deliver_notice("paypay", "ORD-1") == NoticeResult(False, "booked", payment_id)
    payment = scene.read_payment(payment_id)
    assert (payment.state, payment.captured_minor) == ("completed", 3300)
    assert scene.read_order("ORD-1").state == "paid"
    call_count = len(scene.control.read_requests(call="paypay_payment"))
    assert scene.deliver_notice("paypay", "ORD-1") == NoticeResult(False, "repeated", payment_id)
    assert len(scene.control.read_requests(call="paypay_payment")) == call_count


OLD_PAYPAY_ANSWER = {"data": {"status": "CREATED", "acceptedAt": 0, "requestedAt": 0}}


def make_expired_paid_payment(scene: PaymentDesk) -> int:
    """Return the id of a payment that the payer has paid at the provider, but that has expired in our database and
    isn't polled any more.
    """
    payment_id = begin_and_pay(scene, "paypay")
    scene.place.drop_table_triggers("payments")
    scene.place.sql("UPDATE payments SET status = 'expired', work_state = 'none', work_reason = NULL, work_at = NULL")
    return payment_id


def test_an_answer_older_than_the_webhook_is_read_again(scene: PaymentDesk) -> None:
    """The hint reports COMPLETED, but PayPay's answer still has an older state: the program reads the payment again
    until PayPay's answer has the new state.
    """
    payment_id = make_expired_paid_payment(scene)
    scene.control.add_fault("set_fields", call="paypay_payment", fields=OLD_PAYPAY_ANSWER, times=2)
    assert scene.deliver_notice("paypay", "ORD-1") == NoticeResult(False, "queued", payment_id)
    scene.run_due_tasks()
    assert scene.read_payment(payment_id).state == "expired"
    scene.run_due_tasks()
    assert scene.read_payment(payment_id).state == "completed"
    assert scene.read_order("ORD-1").state == "paid"
    assert scene.place.sql("SELECT done FROM payment_events") == [("booked",)]


@pytest.mark.engines("sqlite")
def test_a_worker_whose_clock_is_behind_reads_the_payment_again(scene: PaymentDesk, clock: MovedClock) -> None:
    """A worker whose clock is a few seconds behind that of the receiver gets an answer that is older than the hint:
    the hint still counts as new, and the program reads the payment again.
    """
    payment_id = make_expired_paid_payment(scene)
    scene.control.add_fault("set_fields", call="paypay_payment", fields=OLD_PAYPAY_ANSWER, times=2)
    assert scene.deliver_notice("paypay", "ORD-1").done == "queued"
    clock.offset -= timedelta(seconds=5)
    scene.run_due_tasks()
    assert scene.place.sql("SELECT done FROM payment_events") == [("queued",)]
    scene.run_due_tasks()
    assert scene.read_payment(payment_id).state == "completed"


@pytest.mark.engines("sqlite")
def test_a_hint_received_by_a_clock_ahead_is_asked_about_again(scene: PaymentDesk, clock: MovedClock) -> None:
    """The desk that received a hint has a clock that is an hour ahead. PayPay's first answer is older than the hint:
    the worker asks again, because it doesn't know how old the hint is."""
    payment_id = make_expired_paid_payment(scene)
    scene.control.add_fault("set_fields", call="paypay_payment", fields=OLD_PAYPAY_ANSWER, times=1)
    clock.offset += timedelta(hours=1)
    assert scene.payments.check_notice(scene.make_provider_notice("paypay", "ORD-1")).store_notice().done == "queued"
    clock.offset -= timedelta(hours=1)
    scene.run_due_tasks()
    assert scene.place.sql("SELECT done FROM payment_events") == [("queued",)]
    scene.run_due_tasks()
    assert scene.read_payment(payment_id).state == "completed"


@pytest.mark.engines("sqlite")
def test_the_provider_is_queried_about_a_false_hint_for_a_limited_time(scene: PaymentDesk, clock: MovedClock) -> None:
    """A hint reports a state that PayPay's answers never confirm: when LATE_ANSWER_PERIOD has passed since the hint,
    the program accepts PayPay's answer and asks no more. If the same hint arrives later, the program reads the
    payment again.
    """
    payment_id = make_expired_paid_payment(scene)
    scene.control.add_fault("set_fields", call="paypay_payment", fields=OLD_PAYPAY_ANSWER, times="always")
    assert scene.deliver_notice("paypay", "ORD-1").done == "queued"
    clock.offset += scene.context.scale.scale_duration(LATE_ANSWER_PERIOD)
    scene.run_due_tasks()
    assert scene.place.sql("SELECT done FROM payment_events") == [("unchanged",)]
    call_count = len(scene.control.read_requests(call="paypay_payment"))
    scene.run_due_tasks()
    assert len(scene.control.read_requests(call="paypay_payment")) == call_count
    scene.control.clear_faults()
    assert scene.deliver_notice("paypay", "ORD-1") == NoticeResult(False, "repeated", payment_id)
    assert scene.read_payment(payment_id).state == "completed"


@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_a_notice_matched_later_makes_the_program_ask_the_provider(scene: PaymentDesk, provider: str) -> None:
    """A notice matches no payment. Then a payment with the notice's number is started by this program and ends
    unpaid: the program asks the provider, and the money is booked. The notice's case stays open until the provider
    has answered.
    """
    minor, currency = (3300, "JPY") if provider == "paypay" else (50_000, "INR")
    scene.money.register_payment(provider, "ORD-1", minor)
    assert scene.deliver_notice(provider, "ORD-1").done == "unmatched"
    order = scene.insert_order("ORD-1", minor, currency)
    scene.place.drop_table_triggers("payments")
    scene.place.sql(
        "INSERT INTO payments (order_id, provider, merchant_payment_id, status, currency, asked_minor, begun_at,"
        f" created_at, changed_at, version) VALUES ({order}, '{provider}', 'ORD-1', 'expired', '{currency}', {minor},"
        " '2026-11-20 03:00:00', '2026-11-20 03:00:00', '2026-11-20 03:00:00', 1)"
    )
    question = "paypay_payment" if provider == "paypay" else "atom_verification"
    scene.control.add_fault("html", call=question, times="always")
    scene.run_due_tasks()
    assert scene.list_open_alert_rules("notice") == ["unmatched_notice"]
    assert scene.place.sql("SELECT done FROM payment_events") == [("unmatched",)]
    scene.control.clear_faults()
    scene.place.sql(f"UPDATE payments SET begun_at = '{scene.context.now():%Y-%m-%d %H:%M:%S}'")
    scene.run_due_tasks()
    payment = scene.find_payment(provider, "ORD-1")
    assert payment is not None
    assert (payment.state, payment.captured_minor) == ("completed", minor)
    assert scene.read_order("ORD-1").state == "paid"
    assert scene.list_open_alert_rules("notice") == []
    assert scene.place.sql("SELECT done FROM payment_events") == [("booked",)]


@pytest.mark.parametrize("vector", PUBLISHED_HINTS, ids=[vector["id"] for vector in PUBLISHED_HINTS])
def test_a_hint_that_the_provider_denies_books_nothing(scene: PaymentDesk, vector: dict[str, Any]) -> None:
    """A published hint reports COMPLETED, but PayPay answers CREATED: the program has asked PayPay, and nothing is
    booked.
    """
    order = scene.insert_order("ORD-1", 3300)
    payment = scene.payments.start(order, "paypay").payment
    lie = {**vector["payload"], "merchant_order_id": "ORD-1"}
    assert (lie["state"], vector["expected"]["trust_state"]) == ("COMPLETED", False)
    call_count = len(scene.control.read_requests(call="paypay_payment"))
    result = scene.payments.receive_notice(ReceivedNotice("paypay", json.dumps(lie).encode(), (), "127.0.0.1"))
    assert result.is_refused is False
    assert len(scene.control.read_requests(call="paypay_payment")) > call_count
    after = scene.read_payment(payment.id)
    assert (after.state, after.captured_minor) == ("user_payment", 0)


def test_a_repeated_failure_notice_may_be_a_new_event(scene: PaymentDesk) -> None:
    """A payment failed, was paid late and was then reversed. The notice of the reversal is equal to the notice of the
    first failure: the program still asks the provider again.
    """
    payment_id = begin_and_pay(scene, "paypay")
    scene.money.change_payment_state("paypay", "ORD-1", "failed")
    failed = scene.make_provider_notice("paypay", "ORD-1")
    assert scene.payments.receive_notice(failed).done == "booked"
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    assert scene.deliver_notice("paypay", "ORD-1").done == "booked"
    assert scene.read_payment(payment_id).state == "completed"
    scene.money.change_payment_state("paypay", "ORD-1", "failed")
    assert scene.payments.receive_notice(failed).done == "repeated"
    assert scene.read_payment(payment_id).state == "reversed"


def test_a_webhook_waits_for_the_provider(scene: PaymentDesk) -> None:
    """While PayPay is unreachable, a hint is stored and acknowledged; a due task reads the payment at PayPay
    later.
    """
    payment_id = begin_and_pay(scene, "paypay")
    scene.control.add_fault("status:503", call="paypay_payment", times=1)
    assert scene.deliver_notice("paypay", "ORD-1") == NoticeResult(False, "queued", payment_id)
    assert scene.read_payment(payment_id).captured_minor == 0
    assert {run.task: run.count for run in scene.run_due_tasks()}["unconfirmed_notices"] == 1
    assert scene.read_payment(payment_id).state == "completed"
    assert {run.task: run.count for run in scene.run_due_tasks()}["unconfirmed_notices"] == 0


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("provider", ["paypay", "atom"])
@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(OutcomeClass.NOT_FOUND, "not_found", SendingCertainty.YES, status=400, evidence="{}"),
        Outcome(OutcomeClass.UNKNOWN, "timeout", SendingCertainty.YES),
    ],
)
def test_a_repeated_answer_to_a_notice_is_stored_once(
    scene: PaymentDesk, provider: str, outcome: Outcome[PaymentReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider's answer about a notice never contains the payment's state, so the due task asks again in each
    run. Only the first of several equal answers is stored as evidence. A person's probe is always stored.
    """
    payment_id = begin_and_pay(scene, provider)
    monkeypatch.setattr(PaymentProber, "ask_provider", lambda _prober, _payment: outcome)
    before = count_evidence(scene)
    assert scene.deliver_notice(provider, "ORD-1").done == "queued"
    for _ in range(3):
        scene.machinery.payments._notice_receiver.confirm_due_notices()
    assert scene.place.sql("SELECT done FROM payment_events") == [("queued",)]
    stored_count = count_evidence(scene) - before
    with suppress(ConsoleError):
        scene.payments.probe(payment_id)
    assert (stored_count, count_evidence(scene) - before) == (1, 2)


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    ("provider", "manner", "done"),
    [("paypay", {}, "unchanged"), ("atom", {}, "booked"), ("atom", {"manner": "bad_signature"}, "refused_asked")],
)
def test_the_provider_is_queried_about_a_missing_payment_for_a_limited_time(
    scene: PaymentDesk,
    clock: MovedClock,
    provider: str,
    manner: dict[str, str],
    done: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The provider answers that it has no payment of a notice: when LATE_ANSWER_PERIOD has passed since the notice,
    the program accepts this answer and asks no more.
    """
    begin_and_pay(scene, provider)
    outcome: Outcome[PaymentReport] = Outcome(OutcomeClass.NOT_FOUND, "not_found", SendingCertainty.YES, status=400)
    questions: list[Payment] = []

    def ask_provider(_prober: PaymentProber, payment: Payment) -> Outcome[PaymentReport]:
        questions.append(payment)
        return outcome

    monkeypatch.setattr(PaymentProber, "ask_provider", ask_provider)
    scene.deliver_notice(provider, "ORD-1", **manner)
    receiver = scene.machinery.payments._notice_receiver
    assert receiver.confirm_due_notices() == 0
    asked_count = len(questions)
    clock.offset += scene.context.scale.scale_duration(LATE_ANSWER_PERIOD)
    assert (receiver.confirm_due_notices(), receiver.confirm_due_notices()) == (1, 0)
    assert len(questions) == asked_count + 1
    assert scene.place.sql("SELECT done FROM payment_events") == [(done,)]


def count_evidence(scene: PaymentDesk) -> int:
    """Return the number of provider's answers about payments that are stored as evidence."""
    ((count,),) = scene.place.sql("SELECT COUNT(*) FROM evidence WHERE source LIKE '%.payment'")
    return int(count)


@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_simultaneous_answers_are_booked_once(scene: PaymentDesk, provider: str) -> None:
    """The provider is asked twice about one stored notice, as happens when the receiver of notices and a due task
    handle it at the same time: the first answer is booked, and the second one books nothing and changes no state.
    """
    payment_id = begin_and_pay(scene, provider)
    notice = scene.payments.check_notice(scene.make_provider_notice(provider, "ORD-1"))
    notice.store_notice()
    assert notice.ask_provider().done == "booked"
    before = scene.read_payment(payment_id)
    notice.ask_provider()
    after = scene.read_payment(payment_id)
    assert (after.state, after.captured_minor, after.work) == (before.state, before.captured_minor, before.work)
    assert scene.count_audit_entries("payment.booked") == 1
    assert scene.place.sql("SELECT done, payment_id FROM payment_events") == [("booked", payment_id)]


@pytest.mark.engines("sqlite")
def test_an_unreachable_provider_is_asked_a_limited_number_of_times(scene: PaymentDesk) -> None:
    """A run of the due task stops asking a provider after three unanswered requests, and the next run continues with
    the notices after these three. The same run still asks another provider. When the provider is reachable again, all
    notices are booked.
    """
    whose = [begin_and_pay(scene, "paypay", f"ORD-{n}") for n in range(5)]
    atom = begin_and_pay(scene, "atom", "ORD-9")
    scene.control.add_fault("status:503", call="paypay_payment", times="always")
    for n in range(5):
        assert scene.deliver_notice("paypay", f"ORD-{n}").done == "queued"
    assert scene.payments.check_notice(scene.make_provider_notice("atom", "ORD-9")).store_notice().done == "queued"

    def count_questions() -> int:
        before = len(scene.control.read_requests(call="paypay_payment"))
        scene.machinery.payments._notice_receiver.confirm_due_notices()
        return len(scene.control.read_requests(call="paypay_payment")) - before

    assert count_questions() == MAX_CONSECUTIVE_UNANSWERED_QUESTIONS
    assert scene.read_payment(atom).state == "completed"
    assert (count_questions(), count_questions()) == (2, MAX_CONSECUTIVE_UNANSWERED_QUESTIONS)
    scene.control.clear_faults()
    assert (count_questions(), count_questions()) == (2, 3)
    assert {scene.read_payment(one).state for one in whose} == {"completed"}


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("peer", ["203.0.113.9", "", "none", "::ffff:203.0.113.9", None])
def test_a_webhook_from_another_address_is_refused(scene: PaymentDesk, peer: str | None) -> None:
    """A hint from an IP address that is not PayPay's is refused, audited and counted, and the program does not query
    PayPay.
    """
    payment_id = begin_and_pay(scene, "paypay")
    post = replace(scene.make_provider_notice("paypay", "ORD-1"), peer=peer)
    assert scene.payments.receive_notice(post) == REFUSED_NOTICE_RESULT
    assert scene.read_payment(payment_id).state == "token_generated"
    assert scene.count_audit_entries("payment.callback_refused") == 1
    assert scene.payments.count_refused_notices() == 1
    assert len(scene.control.read_requests(call="paypay_payment")) == 0


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    ("field", "is_refused"),
    [("expires_at", False), ("confirmation_expires_at", False), ("authorized_at", True), ("paid_at", True)],
)
def test_a_hint_about_an_event_in_the_future_is_refused(scene: PaymentDesk, field: str, is_refused: bool) -> None:
    """A hint whose event has a time in the future is refused. A future time at which an authorisation expires is
    accepted."""
    scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay")
    scene.money.change_payment_state("paypay", "ORD-1", "authorized", notify=False)
    tomorrow = f"{scene.context.now() + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    assert scene.deliver_notice("paypay", "ORD-1", fields={field: tomorrow}).is_refused is is_refused


def test_a_notice_about_an_unknown_payment_opens_a_case(scene: PaymentDesk) -> None:
    """A notice about a payment that is not stored in our database is acknowledged, stored as unmatched, and opens one
    case.
    """
    scene.money.register_payment("paypay", "ORD-9", 3300)
    assert scene.deliver_notice("paypay", "ORD-9") == NoticeResult(False, "unmatched")
    assert scene.deliver_notice("paypay", "ORD-9") == NoticeResult(False, "repeated")
    assert scene.list_open_alert_rules("notice") == ["unmatched_notice"]


@pytest.mark.parametrize("fields", [{}, {"merchant_order_id": ""}])
def test_an_import_matches_its_stored_notices(scene: PaymentDesk, fields: dict[str, str]) -> None:
    """A notice matches no payment and has a case. After the payment is imported, the notice belongs to the payment,
    and the case is closed. PayPay's notice needn't contain our payment number: then PayPay's own id is compared.
    """
    scene.money.register_payment("paypay", "ORD-9", 3300)
    assert scene.deliver_notice("paypay", "ORD-9", fields=fields).done == "unmatched"
    payment = scene.payments.import_payment(PaymentImport("paypay", "ORD-9"))
    scene.run_due_tasks()
    assert scene.list_open_alert_rules("notice") == []
    assert scene.place.sql("SELECT done, payment_id FROM payment_events") == [("unchanged", payment.id)]


@pytest.mark.engines("sqlite")
def test_a_download_url_in_a_notice_is_not_stored_readable(scene: PaymentDesk) -> None:
    """PayPay's notice of a daily file contains a URL that permits a download: the notice is accepted, and the URL
    isn't stored in readable form.
    """
    body = {
        "notification_type": "file.created",
        "notification_id": "n-1",
        "fileType": "transaction_recon",
        "path": "https://files.example/x?sig=canary-permission",
        "requestedAt": "1",
    }
    post = ReceivedNotice("paypay", json.dumps(body).encode(), (), "127.0.0.1")
    assert scene.payments.receive_notice(post).done == "kept"
    assert scene.place.sql("SELECT COUNT(*) FROM payment_events WHERE body LIKE '%canary%'") == [(0,)]


# Atom: signed, and confirmed by a read


def test_a_good_callback_is_verified_then_confirmed(scene: PaymentDesk) -> None:
    """A valid callback of Atom is booked, and the program asks Atom once. The payment becomes completed when the
    answer of TXNVERIFICATION agrees with the callback.
    """
    payment_id = begin_and_pay(scene, "atom")
    assert scene.deliver_notice("atom", "ORD-1") == NoticeResult(False, "booked", payment_id)
    payment = scene.read_payment(payment_id)
    assert (payment.state, payment.captured_minor, payment.currency) == ("completed", 50_000, "INR")
    assert len(scene.control.read_requests(call="atom_verification")) == 1
    assert scene.deliver_notice("atom", "ORD-1").done == "repeated"


def test_a_verified_callback_is_incomplete_before_its_confirmation(scene: PaymentDesk, clock: MovedClock) -> None:
    """A valid callback arrives while Atom's call TXNVERIFICATION fails: the payment stays `signature_verified`, the
    order stays pending, and a person can't set the order to paid. When the call works again, the due task completes
    the payment and sets the order to paid.
    """
    payment_id = begin_and_pay(scene, "atom")
    scene.control.add_fault("status:503", call="atom_verification", times="always")
    assert scene.deliver_notice("atom", "ORD-1").done == "queued"
    payment = scene.read_payment(payment_id)
    assert (payment.state, payment.captured_minor) == ("signature_verified", 50_000)
    assert scene.read_order("ORD-1").state == "pending"
    refused = call_for_refusal(lambda: scene.payments.set_order_paid(payment_id))  # nor does a person set it to paid
    assert (refused.code, refused.detail["reason"]) == ("nothing_to_resolve", "callback_only")
    assert scene.read_order("ORD-1").state == "pending"
    view = scene.payments.read_payment(payment_id)
    assert view.explanation.next_step.action == "probe"
    assert {action.action: action.reason for action in view.actions}["move_order"] == "reason.callback_only"
    scene.control.clear_faults()
    scene.run_due_tasks()
    assert scene.read_payment(payment_id).state == "completed"
    assert scene.read_order("ORD-1").state == "paid"


@pytest.mark.parametrize("manner", ["other_key", "bad_signature", "no_signature", "other_seal"])
def test_a_false_callback_changes_nothing(scene: PaymentDesk, clock: MovedClock, manner: str) -> None:
    """Each kind of false callback is refused in the same way, counted and audited. Then the program asks Atom once by
    the call TXNVERIFICATION, unless the callback can't be decrypted and so names no payment.
    """
    clock.stop()  # or else the payment's own poll would ask too
    payment_id = begin_and_pay(scene, "atom")
    before = scene.read_payment(payment_id)
    assert scene.deliver_notice("atom", "ORD-1", manner=manner) == REFUSED_NOTICE_RESULT
    assert scene.read_payment(payment_id) == before
    assert (scene.payments.count_refused_notices(), scene.count_audit_entries("payment.callback_refused")) == (1, 1)
    assert len(scene.control.read_requests(call="atom_verification")) == 0
    scene.run_due_tasks()
    read = manner != "other_seal"  # what can't be opened names nobody
    assert len(scene.control.read_requests(call="atom_verification")) == int(read)
    assert scene.read_payment(payment_id).state == ("completed" if read else "token_generated")
    scene.run_due_tasks()
    assert len(scene.control.read_requests(call="atom_verification")) == int(read)
    assert scene.payments.count_refused_notices() == 1


@pytest.mark.engines("sqlite")
def test_every_altered_encrypted_callback_gets_the_same_refusal(scene: PaymentDesk) -> None:
    """The encrypted text of a callback was cut, altered, doubled or left out: each such callback is refused with the
    same result and counted, and the payment doesn't change.
    """
    payment_id = begin_and_pay(scene, "atom")
    good = scene.make_provider_notice("atom", "ORD-1").body
    turned = good[:-1] + (b"1" if good.endswith(b"0") else b"0")
    bodies = [b"", b"encData=", good[:-2], good[:-32], turned, good[:200], b"encData=00", b"\xff" * 40,
              good + b"&encData=00", b"{}", good.replace(b"encData", b"encdata")]  # fmt: skip
    results = {scene.payments.receive_notice(ReceivedNotice("atom", body)) for body in bodies}
    assert results == {REFUSED_NOTICE_RESULT}
    assert scene.read_payment(payment_id).state == "token_generated"
    assert scene.payments.count_refused_notices() == len(bodies)


def test_a_callback_with_another_amount_makes_the_payment_unknown(scene: PaymentDesk) -> None:
    """A signed callback has another amount than we requested: the payment becomes unknown, a person must look, and
    nothing is booked.
    """
    payment_id = begin_and_pay(scene, "atom", amount_minor=40_000)
    scene.deliver_notice("atom", "ORD-1")
    payment = scene.read_payment(payment_id)
    assert (payment.certainty, payment.captured_minor, payment.work.reason) == (
        Certainty.UNKNOWN,
        0,
        "amount_differs",
    )


@pytest.mark.engines("sqlite")
def test_all_rows_of_a_notice_have_one_correlation_id(scene: PaymentDesk) -> None:
    """All rows of the audit trail about the payment of one notice have the same correlation id; the rows of the next
    notice have another one.
    """
    ids = []
    for number in ("ORD-1", "ORD-2"):
        payment_id = begin_and_pay(scene, "atom", number)
        scene.deliver_notice("atom", number)
        audit_rows = scene.place.sql(
            "SELECT detail FROM audit_log WHERE subject_kind = 'payment'"
            f" AND subject_id = '{payment_id}' AND what IN ('payment.booked', 'payment.noticed')"
        )
        ids.append({str(json.loads(detail)["correlation"]) for (detail,) in audit_rows})
    assert [len(each) for each in ids] == [1, 1]
    assert ids[0] != ids[1]
