"""The database has lost starts of payments: the desk shows them by the entries in its spool, and one probe restores
each of them.
"""

import pytest

from console.domain.payments.records import Payment, PaymentImport
from console.domain.records import OperationState
from console.domain.service_results import OperationDetails
from console.sandbox.server import Sandbox
from console.wording.sentences.catalogue import format_error_message
from tests.support.desks import MovedClock
from tests.support.lost_operations import store_lost_operations
from tests.support.payment_desks import PaymentDesk, open_payment_desk
from tests.support.refusals import call_for_refusal


def start_payment(scene: PaymentDesk) -> Payment:
    """Start a payment of the order ORD-1 and return the payment."""
    return scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay").payment


def delete_payment(scene: PaymentDesk, payment: Payment, *, deletes_journal_row: bool) -> str:
    """Delete the payment's row and, with `deletes_journal_row`, also its operation's row, as a restored backup would.
    Return the operation's id.
    """
    for table in ("payments", "operations"):
        scene.place.drop_table_triggers(table)
    if deletes_journal_row:
        scene.place.sql(f"DELETE FROM operations WHERE id = '{payment.operation_id}'")
    scene.place.sql(f"DELETE FROM payments WHERE id = {payment.id}")
    return payment.operation_id or ""


def read_operation(scene: PaymentDesk, operation: str) -> OperationDetails:
    """Return the details of the operation as its page shows them."""
    view = scene.console.recovery.read_record("operation", operation)
    assert isinstance(view, OperationDetails)
    return view


@pytest.mark.parametrize("deletes_journal_row", [True, False])
@pytest.mark.parametrize("is_paid", [True, False])
def test_a_lost_payment_is_restored_by_a_probe(scene: PaymentDesk, deletes_journal_row: bool, is_paid: bool) -> None:
    """A payment that the database has lost is shown as started, not as failed. Its page advises a probe, which
    restores the payment under its number and order, paid or unpaid.
    """
    payment = start_payment(scene)
    if is_paid:
        scene.money.change_payment_state("paypay", "ORD-1", "paid")
    operation = delete_payment(scene, payment, deletes_journal_row=deletes_journal_row)
    view = read_operation(scene, operation)
    assert (view.record.source, view.record.state) == ("desk", OperationState.DONE)
    assert view.explanation.next_step.command == f"support-console probe operation {operation}"
    back = scene.console.recovery.probe("operation", operation)
    assert isinstance(back, Payment)
    assert (back.id, back.merchant_payment_id, back.asked_minor) == (payment.id, "ORD-1", 3300)
    assert back.order_id == payment.order_id
    assert back.state.value == ("completed" if is_paid else "user_payment")
    assert scene.read_order("ORD-1").state.value == ("paid" if is_paid else "pending")
    assert read_operation(scene, operation).record.source == "database"
    scene.console.audit.verify_chains()


@pytest.mark.parametrize("deletes_journal_row", [True, False])
@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_an_order_with_a_lost_payment_gets_no_second_one(
    scene: PaymentDesk, provider: str, deletes_journal_row: bool
) -> None:
    """The database has lost a payment that the payer may have paid: the payment's order gets no second payment until
    the lost one is restored.
    """
    order = scene.insert_order("ORD1", 3300, "JPY" if provider == "paypay" else "INR")
    payment = scene.payments.start(order, provider).payment
    scene.money.change_payment_state(provider, "ORD1", "paid")
    operation = delete_payment(scene, payment, deletes_journal_row=deletes_journal_row)
    sent = len(scene.control.read_requests())
    for _ in range(2):
        refused = call_for_refusal(lambda: scene.payments.start(order, provider))
        assert (refused.code, refused.detail["reason"], refused.detail["source"]) == (
            "in_progress", "only_desk_knows", "desk",
        )  # fmt: skip
        assert refused.detail["operation_id"] == operation
        message = format_error_message(refused, "en")
        assert "payment of this order" in message
        assert "Probe that operation first, or resolve it with evidence." in message
    assert len(scene.control.read_requests()) == sent
    assert scene.place.sql("SELECT COUNT(*) FROM payments") == [(0,)]
    back = scene.console.recovery.probe("operation", operation)
    assert isinstance(back, Payment)
    assert (back.state, back.captured_minor) == ("completed", 3300)
    assert call_for_refusal(lambda: scene.payments.start(order, provider)).code == "already_decided"


def test_a_lost_start_known_to_another_desk_stops_every_desk(scene: PaymentDesk) -> None:
    """The desk that started a payment has written into the database that its row is lost. Another desk, whose spool
    has no entry of this start, starts no second payment of the same order. It can start a payment of another order.
    """
    context, order = scene.context, scene.insert_order("ORD1", 3300, "INR")
    operation = delete_payment(scene, scene.payments.start(order, "atom").payment, deletes_journal_row=True)
    entries = context.spool.read_entries(context.database_id)
    store_lost_operations(context, entries)
    context.spool.mark_ended(operation, holds_claim=False)
    refused = call_for_refusal(lambda: scene.payments.start(order, "atom"))
    assert (refused.code, refused.detail["operation_id"]) == ("in_progress", operation)
    other = scene.insert_order("ORD2", 3300, "INR")
    assert scene.payments.start(other, "atom").payment.merchant_payment_id == "ORD2"


def deny_lost_payment_at_another_desk(
    scene: PaymentDesk, sandbox: Sandbox, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, str]:
    """Start a payment without an answer, and delete it as a restored backup would. Two people decide that it was not
    started, the second of them at another desk, so the entry in this desk's spool still holds its claim. After the
    first decision alone, this desk refuses a new start. Return the order's id and the id of the operation."""
    context, order = scene.context, scene.insert_order("ORD-1", 3300)
    scene.control.add_fault("reset", call="paypay_create", times=1)
    payment = call_for_refusal(lambda: scene.payments.start(order, "paypay")).detail["record"]
    assert isinstance(payment, Payment)
    operation = delete_payment(scene, payment, deletes_journal_row=True)
    entries = context.spool.read_entries(context.database_id)
    store_lost_operations(context, entries)
    assert scene.console.recovery.resolve("operation", operation, "payment_failed", "not on their screen").awaiting
    refused = call_for_refusal(lambda: scene.payments.start(order, "paypay"))
    assert (refused.code, refused.detail["operation_id"]) == ("in_progress", operation)
    with (
        monkeypatch.context() as other_spool,
        open_payment_desk(scene.place, sandbox, clock, person="lead-b") as other,
    ):
        other_spool.setattr(type(context.spool), "give_up_claim", lambda *_: None)
        other.console.recovery.resolve("operation", operation, "payment_failed", "nor in the settlement")
    (entry,) = context.spool.read_entries(context.database_id)
    assert entry.holds_claim
    return order, operation


@pytest.mark.expects_log("an answer that never came is told")
def test_a_lost_payment_denied_at_another_desk_permits_a_new_start(
    scene: PaymentDesk, sandbox: Sandbox, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The spool of this desk has the start of a lost payment. This desk allows a new payment of the order only after
    two people have denied the lost payment at another desk.
    """
    order, _ = deny_lost_payment_at_another_desk(scene, sandbox, clock, monkeypatch)
    assert scene.payments.start(order, "paypay").payment.merchant_payment_id == "ORD-1"


@pytest.mark.expects_log("an answer that never came is told")
def test_a_spool_that_proves_a_start_stops_a_second_payment(
    scene: PaymentDesk, sandbox: Sandbox, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two people decide at another desk that a lost payment was not started. This desk's spool proves that it was
    started, so the order gets no second payment.
    """
    order, operation = deny_lost_payment_at_another_desk(scene, sandbox, clock, monkeypatch)
    scene.context.spool.mark_ended(operation, holds_claim=True)
    refused = call_for_refusal(lambda: scene.payments.start(order, "paypay"))
    assert (refused.code, refused.detail["operation_id"]) == ("in_progress", operation)


def test_a_lost_start_with_a_long_order_number_stops_every_desk(scene: PaymentDesk) -> None:
    """The idempotency key of a long order number is too long for the table of lost operations. The table has the
    fingerprint of the lost start instead, which prevents a second payment until the lost one is restored.
    """
    context, number = scene.context, "ORD-" + "7" * 60
    order = scene.insert_order(number, 3300)
    operation = delete_payment(scene, scene.payments.start(order, "paypay").payment, deletes_journal_row=True)
    entries = context.spool.read_entries(context.database_id)
    store_lost_operations(context, entries)
    assert scene.place.sql("SELECT provider_key FROM lost_operations") == [(None,)]
    context.spool.mark_ended(operation, holds_claim=False)
    refused = call_for_refusal(lambda: scene.payments.start(order, "paypay"))
    assert (refused.code, refused.detail["operation_id"]) == ("in_progress", operation)
    context.spool.mark_ended(operation, holds_claim=True)
    back = scene.console.recovery.probe("operation", operation)
    assert isinstance(back, Payment)
    scene.place.sql(f"UPDATE payments SET status = 'expired' WHERE id = {back.id}")
    assert scene.payments.start(order, "paypay").payment.merchant_payment_id == f"{number[:56]}-2"


def test_a_refused_start_is_failed(scene: PaymentDesk) -> None:
    """The provider has refused the start of a payment that the database has lost: the start is shown as failed, and
    needs no further step.
    """
    scene.control.add_fault("result:INVALID_PARAMS", call="paypay_create", times=1)
    payment = call_for_refusal(lambda: scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay")).detail[
        "record"
    ]
    assert isinstance(payment, Payment)
    operation = delete_payment(scene, payment, deletes_journal_row=True)
    view = read_operation(scene, operation)
    assert view.record.state is OperationState.FAILED
    assert view.explanation.next_step.command is None
    assert scene.console.recovery.probe("operation", operation) == view.record


@pytest.mark.expects_log("an answer that never came is told")
def test_a_payment_with_a_lost_answer_is_unknown(scene: PaymentDesk, sandbox: Sandbox, clock: MovedClock) -> None:
    """The provider's answer to a start got lost, and then the database lost the payment's row: the payment is shown
    as unknown until the provider answers or two people decide.
    """
    scene.control.add_fault("reset", call="paypay_create", times=1)
    payment = call_for_refusal(lambda: scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay")).detail[
        "record"
    ]
    assert isinstance(payment, Payment)
    operation = delete_payment(scene, payment, deletes_journal_row=True)
    assert read_operation(scene, operation).record.state is OperationState.UNKNOWN
    recovery = scene.console.recovery
    assert call_for_refusal(lambda: recovery.probe("operation", operation)).code == "outcome_unknown"
    scene.control.add_fault("result:UNAUTHORIZED", call="paypay_payment", times=1)
    assert call_for_refusal(lambda: recovery.probe("operation", operation)).code == "provider_auth"
    evidence_rows = scene.place.sql(
        f"SELECT source, summary FROM evidence WHERE operation_id = '{operation}' ORDER BY id"
    )
    assert [source for source, _ in evidence_rows] == ["paypay.start", "paypay.payment", "paypay.payment"]
    assert evidence_rows[-1][1].startswith("HTTP 401 AUTH")
    assert recovery.resolve("operation", operation, "payment_failed", "not on their screen").awaiting
    with open_payment_desk(scene.place, sandbox, clock, person="lead-b") as other:
        other.console.recovery.resolve("operation", operation, "payment_failed", "nor in the settlement")
    assert read_operation(scene, operation).record.state is OperationState.FAILED


def test_a_lost_payment_is_restored_only_to_its_own_order(scene: PaymentDesk) -> None:
    """The order of a lost payment doesn't exist any more: the payment is restored without an order, although another
    order may have the same number.
    """
    scene.insert_order("ORD", 3300)
    payment = scene.payments.start(scene.insert_order("ORD-2", 3300), "paypay").payment
    scene.money.change_payment_state("paypay", "ORD-2", "paid")
    operation = delete_payment(scene, payment, deletes_journal_row=True)
    scene.place.drop_table_triggers("orders")
    scene.place.sql("DELETE FROM orders WHERE merch_txn_id = 'ORD-2'")
    back = scene.console.recovery.probe("operation", operation)
    assert isinstance(back, Payment)
    assert (back.state.value, back.order_id) == ("completed", None)
    assert scene.read_order("ORD").state.value == "pending"


def test_a_lost_second_payment_is_restored_to_its_order(scene: PaymentDesk) -> None:
    """The database has lost the second payment of an order. The payment is restored to this order, although the shop
    has meanwhile created an order whose number is the payment's number.
    """
    scene.control.add_fault("result:INVALID_PARAMS", call="paypay_create", times=1)
    order = scene.insert_order("ORD", 3300)
    call_for_refusal(lambda: scene.payments.start(order, "paypay"))
    payment = scene.payments.start(order, "paypay").payment
    assert payment.merchant_payment_id == "ORD-2"
    scene.money.change_payment_state("paypay", "ORD-2", "paid")
    operation = delete_payment(scene, payment, deletes_journal_row=True)
    scene.insert_order("ORD-2", 3300)
    back = scene.console.recovery.probe("operation", operation)
    assert isinstance(back, Payment)
    assert (back.state.value, back.order_id) == ("completed", order)
    assert (scene.read_order("ORD").state.value, scene.read_order("ORD-2").state.value) == ("paid", "pending")


def test_a_second_payment_never_takes_the_number_of_another_order(scene: PaymentDesk) -> None:
    """A second payment of an order does not get the number of another order as its payment number, because notices
    and imports use that number.
    """
    scene.control.add_fault("result:INVALID_PARAMS", call="paypay_create", times=1)
    order = scene.insert_order("ORD", 3300)
    scene.insert_order("ORD-2", 3300)
    call_for_refusal(lambda: scene.payments.start(order, "paypay"))
    assert scene.payments.start(order, "paypay").payment.merchant_payment_id == "ORD-3"


def start_payment_twice(scene: PaymentDesk, order: int) -> list[Payment]:
    """Start two payments of the order, of which the first expires before the second starts; return the two
    payments.
    """
    first = scene.payments.start(order, "paypay").payment
    scene.place.sql(f"UPDATE payments SET status = 'expired', version = version + 1 WHERE id = {first.id}")
    return [first, scene.payments.start(order, "paypay").payment]


@pytest.mark.parametrize("known_part", ["desk", "database"])
def test_a_second_lost_payment_of_an_order_prevents_a_new_one(
    scene: PaymentDesk, sandbox: Sandbox, clock: MovedClock, known_part: str
) -> None:
    """The database has lost both payments of an order, and two people deny the first one. The order still gets no new
    payment, because the payer may have paid the second one.
    """
    context, order = scene.context, scene.insert_order("ORD-1", 3300)
    first, second = start_payment_twice(scene, order)
    scene.money.change_payment_state("paypay", "ORD-1-2", "paid")
    operations = [delete_payment(scene, payment, deletes_journal_row=True) for payment in (second, first)]
    if known_part == "database":
        entries = context.spool.read_entries(context.database_id)
        store_lost_operations(context, entries)
    scene.control.add_fault("status:503", call="paypay_payment", times=2)  # otherwise its word would count
    scene.console.recovery.resolve("operation", operations[1], "payment_failed", "not on their screen")
    with open_payment_desk(scene.place, sandbox, clock, person="lead-b") as other:
        other.console.recovery.resolve("operation", operations[1], "payment_failed", "nor in the settlement")
    if known_part == "database":
        context.spool.mark_ended(operations[0], holds_claim=False)
    refused = call_for_refusal(lambda: scene.payments.start(order, "paypay"))
    assert (refused.code, refused.detail["operation_id"]) == ("in_progress", operations[0])
    context.spool.mark_ended(operations[0], holds_claim=True)
    back = scene.console.recovery.probe("operation", operations[0])
    assert isinstance(back, Payment)
    assert (back.state.value, back.merchant_payment_id, back.order_id) == ("completed", "ORD-1-2", order)
    assert call_for_refusal(lambda: scene.payments.start(order, "paypay")).code == "already_decided"


@pytest.mark.parametrize(
    ("number", "known_part"), [("ORD_1", "desk"), ("ORD_1", "database"), ("ORD" + "7" * 61, "desk")]
)
def test_a_lost_start_before_a_change_of_the_total_is_known(scene: PaymentDesk, number: str, known_part: str) -> None:
    """An order's total was changed after the database lost a start of its payment. The lost start is still found by
    the order's number, whether it was the first or a later payment of the order. An order whose number only begins
    with the same characters can get a payment.
    """
    context, order = scene.context, scene.insert_order(number, 3300)
    first, second = start_payment_twice(scene, order)
    operations = [delete_payment(scene, payment, deletes_journal_row=True) for payment in (second, first)]
    if known_part == "database":
        entries = context.spool.read_entries(context.database_id)
        store_lost_operations(context, entries)
        context.spool.mark_ended(operations[0], holds_claim=False)
    context.spool.mark_ended(operations[1], holds_claim=False)
    scene.place.drop_table_triggers("lost_operations")
    scene.place.sql(f"DELETE FROM lost_operations WHERE id = '{operations[1]}'")
    scene.place.sql(f"UPDATE orders SET total_amount = 4400 WHERE id = {order}")
    refused = call_for_refusal(lambda: scene.payments.start(order, "paypay"))
    assert (refused.code, refused.detail["operation_id"]) == ("in_progress", operations[0])
    for like in ("ORDX1", "ORD_1-2-3", "ORD_1-20"):
        assert scene.payments.start(scene.insert_order(like, 5500), "paypay").payment.merchant_payment_id == like


def test_restored_payments_do_not_prevent_a_later_payment(scene: PaymentDesk) -> None:
    """A payment that was lost and restored, and a payment that was never lost, don't prevent a later payment of their
    order.
    """
    order = scene.insert_order("ORD-1", 3300)
    second = start_payment_twice(scene, order)[1]
    operation = delete_payment(scene, second, deletes_journal_row=True)
    assert call_for_refusal(lambda: scene.payments.start(order, "paypay")).detail["operation_id"] == operation
    scene.console.recovery.probe("operation", operation)
    scene.place.sql("UPDATE payments SET status = 'expired', version = version + 1")
    assert scene.payments.start(order, "paypay").payment.merchant_payment_id == "ORD-1-3"


@pytest.mark.parametrize("is_paid", [True, False])
def test_a_lost_payment_known_to_the_gateway_cannot_be_denied(scene: PaymentDesk, is_paid: bool) -> None:
    """Two people want to deny a lost payment, and the program asks the gateway first: if the gateway has the payment,
    it is restored as paid or waiting, and can't be denied.
    """
    payment, order = start_payment(scene), scene.read_order("ORD-1")
    if is_paid:
        scene.money.change_payment_state("paypay", "ORD-1", "paid")
    operation = delete_payment(scene, payment, deletes_journal_row=True)
    refused = call_for_refusal(
        lambda: scene.console.recovery.resolve("operation", operation, "payment_failed", "not there")
    )
    assert (refused.code, refused.detail["reason"]) == ("evidence_mismatch", "provider_says_otherwise")
    back = scene.find_payment("paypay", "ORD-1")
    assert back is not None
    assert back.state.value == ("completed" if is_paid else "user_payment")
    assert scene.place.sql(f"SELECT COUNT(*) FROM approvals WHERE subject_id = '{operation}'") == [(0,)]
    assert call_for_refusal(lambda: scene.payments.start(order.id, "paypay")).code == (
        "already_decided" if is_paid else "in_progress"
    )


@pytest.mark.parametrize("reason", ["refused_but_made", "old_answer", "unusable_answer"])
def test_a_lost_payment_contained_in_not_found_cannot_be_denied(scene: PaymentDesk, reason: str) -> None:
    """Two people want to deny a lost payment that was paid. Atom's answer has the code for "no data" and also
    contains the payment, or a cache answers in Atom's place, or the answer has a state that the program doesn't have
    in its table. In each case no proposal is stored."""
    payment = scene.payments.start(scene.insert_order("ORD-1", 50_000, "INR"), "atom").payment
    scene.money.change_payment_state("atom", "ORD-1", "paid", notify=False)
    operation = delete_payment(scene, payment, deletes_journal_row=True)
    if reason == "old_answer":
        scene.control.add_fault("stored", call="atom_verification", times="always")
    elif reason == "unusable_answer":
        scene.control.add_fault("odd_status", call="atom_verification", times="always")
    else:
        no_data = {"payInstrument.0.responseDetails.statusCode": "OTS0401"}
        scene.control.add_fault("set_fields", call="atom_verification", times="always", fields=no_data)
    refused = call_for_refusal(
        lambda: scene.console.recovery.resolve("operation", operation, "payment_failed", "not there")
    )
    assert (refused.code, refused.detail["reason"]) == ("evidence_mismatch", reason)
    assert scene.place.sql(f"SELECT COUNT(*) FROM approvals WHERE subject_id = '{operation}'") == [(0,)]


def test_one_person_denies_a_lost_payment_ended_at_the_gateway(scene: PaymentDesk) -> None:
    """If the gateway reports that the payment code has expired, one person can resolve a lost payment as not paid."""
    payment = start_payment(scene)
    scene.money.change_payment_state("paypay", "ORD-1", "expired")
    operation = delete_payment(scene, payment, deletes_journal_row=True)
    assert scene.console.recovery.resolve("operation", operation, "payment_failed", "not paid").awaiting is None
    back = scene.find_payment("paypay", "ORD-1")
    assert back is not None
    assert back.state.value == "expired"


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize("state", ["authorized", "failed"])
def test_a_lost_payment_is_completed_only_if_the_gateway_confirms_it(scene: PaymentDesk, state: str) -> None:
    """A person decides that a lost payment is completed, and the gateway reports another state: the payment is
    restored in this state, and the decision is refused.
    """
    payment = start_payment(scene)
    scene.money.change_payment_state("paypay", "ORD-1", state, notify=False)
    operation = delete_payment(scene, payment, deletes_journal_row=True)
    refused = call_for_refusal(
        lambda: scene.console.recovery.resolve("operation", operation, "completed", "the customer says so")
    )
    back = scene.find_payment("paypay", "ORD-1")
    assert back is not None
    assert (refused.code, refused.detail["reason"]) == ("evidence_mismatch", "provider_says_otherwise")
    assert refused.detail["record"] == back
    assert back.state.value == ("user_payment" if state == "authorized" else "payment_failed")


@pytest.mark.parametrize("known_part", ["desk", "database"])
def test_an_imported_second_payment_gets_the_order_of_its_start(scene: PaymentDesk, known_part: str) -> None:
    """The database has lost the second payment of an order, and somebody imports it. The start in a spool or in the
    table of lost operations proves the payment's order, which is then paid.
    """
    context, order = scene.context, scene.insert_order("ORD-1", 3300)
    second = start_payment_twice(scene, order)[1]
    scene.money.change_payment_state("paypay", "ORD-1-2", "paid", notify=False)
    operation = delete_payment(scene, second, deletes_journal_row=True)
    if known_part == "database":
        entries = context.spool.read_entries(context.database_id)
        store_lost_operations(context, [entry for entry in entries if entry.intent.operation_id == operation])
        context.spool.mark_ended(operation, holds_claim=False)
    imported = scene.payments.import_payment(PaymentImport("paypay", "ORD-1-2"))
    assert (imported.order_id, scene.read_order("ORD-1").state.value) == (order, "paid")
    assert call_for_refusal(lambda: scene.payments.start(order, "paypay")).code == "already_decided"


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    ("state", "code", "reason"),
    [
        ("paid", "already_decided", None),
        ("authorized", "in_progress", "payment_open"),
        ("contradicted", "in_progress", "payment_contradicted"),
        ("unknown", "outcome_unknown", "earlier_attempt"),
        ("failed", None, None),
    ],
)
def test_a_payment_that_was_imported_without_its_order_stops_a_third_one(
    scene: PaymentDesk, state: str, code: str | None, reason: str | None
) -> None:
    """A desk without a trace of the start has imported the lost second payment of an order, so the payment has no
    order. The desk that started it still starts no third payment, unless the second one has certainly ended unpaid.
    Its error says whether the second payment is paid, can still be paid, has ended while its provider says otherwise,
    or has an unknown outcome.
    """
    order = scene.insert_order("ORD-1", 3300)
    second = start_payment_twice(scene, order)[1]
    provider_state = "failed" if state in ("contradicted", "unknown") else state
    scene.money.change_payment_state("paypay", "ORD-1-2", provider_state, notify=False)
    operation, spool = delete_payment(scene, second, deletes_journal_row=True), scene.context.spool
    spool.mark_ended(operation, holds_claim=False)  # as the spool of another desk
    imported = scene.payments.import_payment(PaymentImport("paypay", "ORD-1-2"))
    spool.mark_ended(operation, holds_claim=True)
    assert imported.order_id is None
    scene.place.drop_table_triggers("payments")
    if state == "contradicted":
        scene.place.sql(f"UPDATE payments SET work_reason = 'contradicted' WHERE id = {imported.id}")
    elif state == "unknown":
        scene.place.sql(f"UPDATE payments SET certainty = 'unknown' WHERE id = {imported.id}")
    if code is None:
        assert scene.payments.start(order, "paypay").payment.merchant_payment_id == "ORD-1-3"
        return
    refused = call_for_refusal(lambda: scene.payments.start(order, "paypay"))
    assert (refused.code, refused.detail.get("reason")) == (code, reason)
    assert refused.detail["record"] == scene.read_payment(imported.id)


def test_an_imported_payment_of_another_order_stops_no_start(scene: PaymentDesk) -> None:
    """The order of a lost payment doesn't exist any more, and somebody has imported the payment. Another order, from
    whose number this program could have made the payment's number, gets its payment.
    """
    order = scene.insert_order("ORD", 3300)
    payment = scene.payments.start(scene.insert_order("ORD-2", 3300), "paypay").payment
    scene.money.change_payment_state("paypay", "ORD-2", "paid", notify=False)
    delete_payment(scene, payment, deletes_journal_row=True)
    scene.place.drop_table_triggers("orders")
    scene.place.sql("DELETE FROM orders WHERE merch_txn_id = 'ORD-2'")
    assert scene.payments.import_payment(PaymentImport("paypay", "ORD-2")).order_id is None
    assert scene.payments.start(order, "paypay").payment.merchant_payment_id == "ORD"


@pytest.mark.engines("sqlite")
def test_a_lost_second_payment_of_a_long_order_number_is_restored_to_its_order(scene: PaymentDesk) -> None:
    """The payment number of a second payment contains only the beginning of a long order number: the restored payment
    still gets its order, also if another order's number begins with the same characters.
    """
    number = "ORD_" + "7" * 60
    scene.insert_order(number[:-1] + "8", 3300)
    order = scene.insert_order(number, 3300)
    second = start_payment_twice(scene, order)[1]
    scene.money.change_payment_state("paypay", second.merchant_payment_id, "paid")
    back = scene.console.recovery.probe("operation", delete_payment(scene, second, deletes_journal_row=True))
    assert isinstance(back, Payment)
    assert (back.state.value, back.order_id) == ("completed", order)
    assert call_for_refusal(lambda: scene.payments.start(order, "paypay")).code == "already_decided"
