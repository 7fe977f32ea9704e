"""Two people record that the payer of a payment got an amount back other than through its provider."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from console.domain.audit.actions import AuditAction
from console.domain.calendar_days import JST
from console.domain.explained_state import WorkBadge
from console.domain.explanations.badges import find_state_badge
from console.domain.payments.consistency import compute_money_parts
from console.domain.payments.records import Payment, RefundRequest
from console.domain.payments.states import DONE_OUTSIDE
from console.domain.records import Certainty, WorkReason
from console.domain.recovery.decision_reasons import PersonEvidence
from console.services.payments import next_work, order_status
from console.store.database.engine import Transaction
from console.store.payments import payments
from console.store.records import company, evidence
from console.wording.sentences.catalogue import format_error_message, translate
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.outside_days import read_today, read_today_and_yesterday
from tests.support.payment_desks import OpenDeskOf, PaymentDesk, make_paid_payment, make_unknown_payment
from tests.support.refusals import call_for_refusal, expect_refusal

LETTER = "letter 2026-114: transferred to the payer's bank"


def test_two_people_record_a_refund_done_outside(scene: PaymentDesk, open_desk_of: OpenDeskOf) -> None:
    """The first person's statement changes no amount. The second person's equal statement subtracts the amount from
    the refundable amount; state, certainty and work stay. The provider, which doesn't answer, isn't needed."""
    today = read_today()
    payment = make_paid_payment(scene)
    scene.control.add_fault("status:503", call="paypay_payment", times="always")
    assert scene.payments.resolve(payment.id, DONE_OUTSIDE, LETTER, f"1000 {today}").awaiting == "second_person"
    assert scene.read_payment(payment.id).refundable_minor == 3300
    (proposal,) = scene.console.recovery.list_proposals()
    assert (proposal.kind, proposal.state, proposal.amount_minor) == ("payment", DONE_OUTSIDE, 1000)
    with open_desk_of("lead-b") as lead:
        assert lead.payments.resolve(payment.id, DONE_OUTSIDE, "seen", f"1000 {today}").awaiting is None
        assert lead.console.recovery.list_proposals() == ()
    after = scene.read_payment(payment.id)
    assert (after.outside_minor, after.refundable_minor, after.requestable_minor) == (1000, 2300, 2300)
    assert (after.state, after.certainty, after.work) == (payment.state, Certainty.KNOWN, payment.work)
    parts = compute_money_parts(after, ())
    assert (parts.outside, parts.refundable, parts.refunded) == (1000, 2300, 0)


def test_a_proposal_states_its_amount_day_person_and_time(scene: PaymentDesk) -> None:
    """While the record of a refund done outside waits for a second person, its payment states the amount, the day,
    the first person and the time, in sentences of both languages. A corrected statement replaces the former one."""
    today = read_today()
    payment = make_paid_payment(scene)
    assert payment.relations is None or payment.relations.outside_proposal is None
    scene.payments.resolve(payment.id, DONE_OUTSIDE, LETTER, f"1000 {today}")
    scene.payments.resolve(payment.id, DONE_OUTSIDE, LETTER, f"1200 {today}")
    details = scene.payments.read_payment(payment.id)
    assert details.record.relations is not None
    proposal = details.record.relations.outside_proposal
    assert proposal is not None
    assert (proposal.amount_minor, proposal.day.isoformat()) == (1200, today)
    assert (proposal.person, details.money.refundable) == (scene.context.operator, 3300)
    for language in ("en", "ja"):
        facts = details.explanation.facts
        assert "¥1,200" in translate(details.explanation.verdict, language, **facts)
        sentence = translate(details.explanation.why, language, **facts)
        assert all(part in sentence for part in ("¥1,200", today, proposal.person)), sentence


def test_a_recorded_amount_cannot_be_requested_as_refund(scene: PaymentDesk, open_desk_of: OpenDeskOf) -> None:
    """Of 3,300 yen 3,000 were given back by bank transfer. A refund of 301 is refused, one of 300 is requested."""
    today = read_today()
    payment = record_outside_refund(scene, open_desk_of, f"3000 {today}")
    with expect_refusal("exceeds_captured"):
        scene.console.refunds.request(RefundRequest(payment.id, "301", "returned goods"))
    assert scene.console.refunds.make_plan(payment.id).money.outside == 3000
    refund = scene.console.refunds.request(RefundRequest(payment.id, "300", "returned goods"))
    assert scene.read_payment(payment.id).refundable_minor == 0
    with expect_refusal("exceeds_captured"):
        scene.payments.resolve(payment.id, DONE_OUTSIDE, LETTER, f"1 {today}")
    scene.console.refunds.withdraw(refund.id)
    assert scene.read_payment(payment.id).refundable_minor == 300


def test_no_amount_given_back_outside_is_reserved_or_recorded_again(
    scene: PaymentDesk, open_desk_of: OpenDeskOf
) -> None:
    """The SQL statements that reserve an amount for a refund, or write an amount given back outside, change nothing
    if the amount is larger than the refundable amount, also without the checks of the services."""
    today = read_today()
    payment = record_outside_refund(scene, open_desk_of, f"3000 {today}")
    for move_amount in (payments.reserve_amount, payments.record_amount_done_outside):

        def move_too_large_amount(tx: Transaction, move: Callable[..., bool] = move_amount) -> bool:
            return move(tx.conn, payment.id, 301, scene.context.now())

        assert not scene.context.write(move_too_large_amount)
    assert scene.read_payment(payment.id).refundable_minor == 300


def test_both_people_state_the_same_amount_and_day(scene: PaymentDesk, open_desk_of: OpenDeskOf) -> None:
    """Another amount or day of the second person is refused. The proposer corrects the statement, and then the
    former statement no longer counts."""
    payment = make_paid_payment(scene)
    today, yesterday = read_today_and_yesterday()
    scene.payments.resolve(payment.id, DONE_OUTSIDE, LETTER, f"1000 {today}")
    with expect_refusal("same_person"):
        scene.payments.resolve(payment.id, DONE_OUTSIDE, LETTER, f"1000 {today}")
    with open_desk_of("lead-b") as lead:
        for statement in (f"1001 {today}", f"1000 {yesterday}"):
            with expect_refusal("evidence_mismatch"):
                lead.payments.resolve(payment.id, DONE_OUTSIDE, "seen", statement)
        scene.payments.resolve(payment.id, DONE_OUTSIDE, LETTER, f"1200 {today}")
        with expect_refusal("evidence_mismatch"):
            lead.payments.resolve(payment.id, DONE_OUTSIDE, "seen", f"1000 {today}")
        assert scene.read_payment(payment.id).outside_minor == 0
        lead.payments.resolve(payment.id, DONE_OUTSIDE, "seen", f"1200 {today}")
    assert scene.read_payment(payment.id).outside_minor == 1200


def test_a_second_refund_outside_needs_two_people_again(scene: PaymentDesk, open_desk_of: OpenDeskOf) -> None:
    """The decision of two people about a first amount doesn't count for a second amount: it waits for a second person
    again."""
    today, yesterday = read_today_and_yesterday()
    payment = record_outside_refund(scene, open_desk_of, f"1000 {today}")
    with open_desk_of("lead-b") as lead:
        assert (
            lead.payments.resolve(payment.id, DONE_OUTSIDE, "again", f"1000 {yesterday}").awaiting == "second_person"
        )
    assert scene.read_payment(payment.id).outside_minor == 1000
    scene.control.add_fault("status:503", call="paypay_payment", times="always")
    scene.payments.resolve(payment.id, "reversed", "the bank's letter")  # replaces the proposal
    (proposal,) = scene.console.recovery.list_proposals()
    assert proposal.state == "reversed"


@pytest.mark.engines("sqlite")
@pytest.mark.parametrize(
    "statement",
    [
        None,
        "",
        "1000",
        "1000 2036-12-31",
        "1000 2025-11-01",
        "0 TODAY",
        "-5 TODAY",
        "１０ TODAY",
        "1000 11/01",
    ],
)
def test_a_statement_without_amount_or_possible_day_is_refused(scene: PaymentDesk, statement: str | None) -> None:
    """`TODAY` in a statement stands for the day of the test."""
    payment = make_paid_payment(scene)
    today_statement = statement and statement.replace("TODAY", read_today())
    with expect_refusal("usage"):
        scene.payments.resolve(payment.id, DONE_OUTSIDE, LETTER, today_statement)
    assert scene.console.recovery.list_proposals() == ()


@pytest.mark.engines("sqlite")
def test_only_money_that_could_be_refunded_is_recorded(scene: PaymentDesk) -> None:
    """A statement about more money than was paid, or about a payment with an unknown outcome, is refused, and no
    proposal is stored."""
    today = read_today()
    payment = make_paid_payment(scene)
    unknown_payment = make_unknown_payment(scene, "ORD-2")
    for id, statement in ((payment.id, f"3301 {today}"), (unknown_payment.id, f"1000 {today}")):
        with expect_refusal("exceeds_captured"):
            scene.payments.resolve(id, DONE_OUTSIDE, LETTER, statement)
    assert scene.console.recovery.list_proposals() == ()


def test_an_account_no_longer_contains_the_amount(scene: PaymentDesk, open_desk_of: OpenDeskOf) -> None:
    """The balance of the corporation's account falls by the recorded amount, and by the rest when the bank takes the
    whole payment back."""
    today = read_today()
    scene.insert_account(CORPORATION_NUMBERS[0], 10_000)
    payment = record_outside_refund(scene, open_desk_of, f"1000 {today}")
    assert list(scene.place.sql("SELECT balance_minor FROM accounts")) == [(2300,)]
    scene.money.change_payment_state("paypay", "ORD-1", "reversed")
    scene.payments.probe(payment.id)
    scene.payments.resolve(payment.id, "reversed", "told the shop")
    assert list(scene.place.sql("SELECT balance_minor FROM accounts")) == [(0,)]


@pytest.mark.engines("sqlite")
def test_money_set_aside_is_not_recorded_as_given_back_outside(scene: PaymentDesk) -> None:
    """A bank that only sends notices reports a payment above the account's limit of 0 yen, so that all of it is set
    aside. The page and the refusal say that this money can't be recorded as given back outside, and what to do."""
    scene.insert_account(CORPORATION_NUMBERS[0], 0)
    scene.insert_order("ORD-1", 3300, corporation=CORPORATION_NUMBERS[0])
    scene.payments.receive_notice(scene.make_bank_notice("ev-1", "ORD-1"))
    payment = scene.find_payment("bank", "ORD-1")
    assert payment is not None
    assert payment.set_aside_minor == 3300
    reason_by_action = {action.action: action.reason for action in scene.payments.read_payment(payment.id).actions}
    assert reason_by_action["record_outside"] == "reason.outside_set_aside"
    statement = f"1000 {read_today()}"
    refusal = call_for_refusal(lambda: scene.payments.resolve(payment.id, DONE_OUTSIDE, LETTER, statement))
    assert (refusal.code, refusal.detail["reason"]) == ("exceeds_captured", "only_set_aside")
    assert "leave a note" in format_error_message(refusal, "en")


def record_outside_refund(scene: PaymentDesk, open_desk_of: OpenDeskOf, statement: str) -> Payment:
    """Return a paid payment of 3,300 yen of which two people have recorded an amount as given back outside."""
    payment = make_paid_payment(scene)
    scene.payments.resolve(payment.id, DONE_OUTSIDE, LETTER, statement)
    with open_desk_of("lead-b") as lead:
        lead.payments.resolve(payment.id, DONE_OUTSIDE, "seen", statement)
    return scene.read_payment(payment.id)


def test_an_order_whose_money_was_given_back_outside_is_refunded(
    scene: PaymentDesk, open_desk_of: OpenDeskOf
) -> None:
    """The payment of 3,300 yen was given back outside in full: its badge says so in the record and in the list, its
    order is refunded, and only a reversal can still be recorded, because the gateway still has the money."""
    today = read_today()
    payment = record_outside_refund(scene, open_desk_of, f"3300 {today}")
    assert scene.read_order("ORD-1").state == "refunded"
    details = scene.payments.read_payment(payment.id)
    assert find_state_badge(details.record) == "business.refunded"
    assert details.explanation.why == "why.payment_outside"
    reason_by_action = {action.action: action.reason for action in details.actions}
    assert reason_by_action["record_outside"] == "reason.refund_nothing_left"
    assert {action.action for action in details.actions if action.allowed} == {"probe"}
    scene.control.add_fault("status:503", call="paypay_payment", times="always")
    assert scene.payments.resolve(payment.id, "reversed", "the bank's letter").awaiting == "second_person"


@pytest.mark.engines("mariadb", "galera")
def test_a_server_binds_the_amount_to_both_statements(scene: PaymentDesk, open_desk_of: OpenDeskOf) -> None:
    """op-a has stated 1,000 yen. The server refuses the amount without the second person's evidence, with evidence of
    another amount, for another amount, and by an operator; so no program can record more than both people have
    stated. It accepts the stated amount."""
    today = read_today()
    payment = make_paid_payment(scene)
    scene.payments.resolve(payment.id, DONE_OUTSIDE, LETTER, f"1000 {today}")
    with open_desk_of("lead-b") as lead:
        for statement, amount_minor in (
            (None, 1000),
            (f"999 {today}", 1000),
            (f"999 {today}", 999),
            (f"1000 {today}", 999),
            (f"10000 {today}", 1000),
        ):
            with expect_refusal("not_allowed"):
                write_outside_amount(lead, payment, statement, amount_minor)
        with expect_refusal("not_allowed"):
            write_outside_amount(scene, payment, f"1000 {today}", 1000)
        assert scene.read_payment(payment.id).outside_minor == 0
        write_outside_amount(lead, payment, f"1000 {today}", 1000)
    assert scene.read_payment(payment.id).outside_minor == 1000


def write_outside_amount(scene: PaymentDesk, payment: Payment, statement: str | None, amount_minor: int) -> None:
    """Write the amount given back outside as the person of this desk, without the checks of the service. If
    `statement` isn't None, store it before as the person's evidence."""
    context = scene.context

    def write(tx: Transaction) -> bool:
        if statement is not None:
            proof = PersonEvidence(f"number {statement}\nseen".encode())
            evidence.add_person_evidence(
                tx.conn, ("payment", payment.id), None, str(context.operator), proof, context.now()
            )
        return payments.record_amount_done_outside(tx.conn, payment.id, amount_minor, context.now())

    assert context.write(write)


def test_a_payment_after_a_partial_refund_outside_is_a_second_payment(
    scene: PaymentDesk, open_desk_of: OpenDeskOf
) -> None:
    """A payment paid the order, and a part of it was given back outside. Another payment of the whole total then
    opens the case about an order that was paid twice."""
    today = read_today()
    payment = record_outside_refund(scene, open_desk_of, f"1000 {today}")
    scene.place.drop_table_triggers("payments")
    scene.place.sql(
        "INSERT INTO payments (order_id, provider, merchant_payment_id, status, certainty, currency, asked_minor,"
        " captured_minor, begun_at, changed_at, created_at) SELECT order_id, provider, 'ORD-1-2', 'completed',"
        f" 'known', currency, 3300, 3300, begun_at, changed_at, created_at FROM payments WHERE id = {payment.id}",
    )
    second_payment = scene.find_payment("paypay", "ORD-1-2")
    assert second_payment is not None
    order_status.set_order_paid(scene.context, second_payment.id)
    assert scene.list_open_alert_rules() == [WorkReason.PAID_TWICE]


def test_the_approver_of_a_refund_sees_an_amount_that_was_given_back_outside_meanwhile(
    scene: PaymentDesk, open_desk_of: OpenDeskOf
) -> None:
    """A refund waits for approval while two people record another amount as given back outside: the request lists
    it among the changes since then."""
    today = read_today()
    payment = make_paid_payment(scene)
    refund = scene.console.refunds.request(RefundRequest(payment.id, "300", "returned goods"))
    assert scene.console.refunds.read_refund(refund.id).changed == {}
    scene.payments.resolve(payment.id, DONE_OUTSIDE, LETTER, f"1000 {today}")
    with open_desk_of("lead-b") as lead:
        lead.payments.resolve(payment.id, DONE_OUTSIDE, "seen", f"1000 {today}")
    assert scene.console.refunds.read_refund(refund.id).changed == {"outside_minor": (0, 1000)}


def test_a_refund_names_money_that_was_perhaps_given_back_outside(
    scene: PaymentDesk, open_desk_of: OpenDeskOf
) -> None:
    """A person has recorded a transfer, and a second person hasn't confirmed it: the amount can still be requested as
    a refund, so the maker and the approver read who has recorded it. After that they read the confirmed amount."""
    today = read_today()
    payment = make_paid_payment(scene)
    refund = scene.console.refunds.request(RefundRequest(payment.id, "300", "returned goods"))
    scene.payments.resolve(payment.id, DONE_OUTSIDE, LETTER, f"1000 {today}")
    (planned, *_) = scene.console.refunds.make_plan(payment.id).risk_signals
    (shown, *_) = scene.console.refunds.read_refund(refund.id).risk_signals
    assert planned.rule == shown.rule == "outside_proposed"
    assert (shown.kind, shown.id, shown.facts) == ("payment", payment.id, {"maker": scene.context.operator})
    with open_desk_of("lead-b") as lead:
        lead.payments.resolve(payment.id, DONE_OUTSIDE, "seen", f"1000 {today}")
    (shown, *_) = scene.console.refunds.read_refund(refund.id).risk_signals
    assert (shown.rule, shown.facts) == ("outside_recorded", {"minor": 1000, "currency": "JPY"})


def test_a_refund_names_money_of_the_order_that_was_given_back_outside(
    scene: PaymentDesk, open_desk_of: OpenDeskOf
) -> None:
    """An order has two payments, and a person has recorded a transfer for the first one. Who requests and approves a
    refund of the second one reads of the transfer, with a link to the first payment: it may be the same money. While
    the second payment belongs to another order, there is no such signal."""
    today = read_today()
    payment, second_payment = make_paid_payment(scene), make_paid_payment(scene, "ORD-2")
    refund = scene.console.refunds.request(RefundRequest(second_payment.id, "300", "returned goods"))
    scene.payments.resolve(payment.id, DONE_OUTSIDE, LETTER, f"1000 {today}")
    signals = scene.console.refunds.make_plan(second_payment.id).risk_signals
    assert not any("outside" in signal.rule for signal in signals)
    scene.place.drop_table_triggers("payments")
    scene.place.sql(f"UPDATE payments SET order_id = {payment.order_id} WHERE id = {second_payment.id}")
    (planned, *_) = scene.console.refunds.make_plan(second_payment.id).risk_signals
    (shown, *_) = scene.console.refunds.read_refund(refund.id).risk_signals
    assert planned.rule == shown.rule == "order_outside_proposed"
    assert (shown.kind, shown.id, shown.facts) == ("payment", payment.id, {"maker": scene.context.operator})
    with open_desk_of("lead-b") as lead:
        lead.payments.resolve(payment.id, DONE_OUTSIDE, "seen", f"1000 {today}")
    (shown, *_) = scene.console.refunds.read_refund(refund.id).risk_signals
    assert (shown.rule, shown.id) == ("order_outside_recorded", payment.id)
    assert shown.facts == {"minor": 1000, "currency": "JPY"}


def test_a_confirmed_state_leaves_the_proposal_of_a_refund_outside(scene: PaymentDesk) -> None:
    """A person has recorded a transfer that nobody has confirmed. The payment still says that it must be reviewed.
    Another decision, which the gateway's answer confirms, ends the review: the recorded transfer still waits for its
    second person, and now the payment says this."""
    today = read_today()
    payment = make_paid_payment(scene)
    scene.context.write(
        lambda tx: next_work.open_case(scene.context, tx, payment.id, WorkReason.CONTRADICTED, "not_found", "paid")
    )
    scene.payments.resolve(payment.id, DONE_OUTSIDE, LETTER, f"1000 {today}")
    explanation = scene.payments.read_payment(payment.id).explanation
    assert (explanation.verdict, explanation.work) == ("verdict.payment_contradicted", WorkBadge.NEEDS_REVIEW)
    assert explanation.further_reason == "why.payment_outside_waits"
    decided = scene.payments.resolve(payment.id, "completed", "seen at the gateway")
    assert (decided.awaiting, scene.list_open_alert_rules()) == (None, [])
    (proposal,) = scene.console.recovery.list_proposals()
    assert (proposal.state, proposal.amount_minor) == (DONE_OUTSIDE, 1000)
    assert scene.payments.read_payment(payment.id).explanation.verdict == "verdict.payment_outside_asked"


def test_the_totals_of_a_company_contain_amounts_given_back_outside(
    scene: PaymentDesk, open_desk_of: OpenDeskOf
) -> None:
    """The page of the company sums a refund by bank transfer with the refunds of its day."""
    today = read_today()
    payment = record_outside_refund(scene, open_desk_of, f"1000 {today}")
    (totals,) = scene.console.lookup.find_records(CORPORATION_NUMBERS[0]).totals
    assert (totals.paid_minor, totals.refunded_minor) == (3300, 1000)
    with scene.context.database.read() as conn:
        day_after = datetime.fromisoformat(today).replace(tzinfo=JST) + timedelta(days=1)
        (totals,) = company.sum_money_of_corporation(conn, str(payment.corporation_number), day_after)
    assert (totals.paid_minor, totals.refunded_minor) == (0, 0)


def test_an_inserted_audit_entry_changes_no_total_of_a_company(scene: PaymentDesk, open_desk_of: OpenDeskOf) -> None:
    """Every database account may insert an audit entry that looks like the record of a refund done outside. The total
    has at most the amounts of the payments, and the page of the company is readable for every form of the entry."""
    today = read_today()
    payment = record_outside_refund(scene, open_desk_of, f"1000 {today}")
    inserted_entries: tuple[tuple[AuditAction, dict[str, object]], ...] = (
        (AuditAction.PAYMENT_RESOLVE, {}),
        (AuditAction.PAYMENT_RESOLVE, {"minor": "none", "day": today}),
        (AuditAction.PAYMENT_RESOLVE, {"minor": 500, "day": "tomorrow"}),
        (AuditAction.PAYMENT_RESOLVE, {"minor": -500, "day": today}),
        (AuditAction.PAYMENT_RESOLVE, {"minor": 10**30, "day": today}),
        (AuditAction.PAYMENT_PROBED, {"minor": 500, "day": today}),
        (AuditAction.PAYMENT_RESOLVE, {"minor": 500, "day": today}),
    )
    for action, further_facts in inserted_entries:
        facts = {"as": DONE_OUTSIDE, "by": "people", **further_facts}
        _record_audit_entry(scene, action, payment.id, facts)
        (totals,) = scene.console.lookup.find_records(CORPORATION_NUMBERS[0]).totals
        assert totals.refunded_minor == 1000, (action, further_facts)


def _record_audit_entry(scene: PaymentDesk, action: AuditAction, payment_id: int, facts: dict[str, object]) -> None:
    scene.context.write(lambda tx: scene.context.record_audit(tx, action, payment_id, facts, kind="payment"))


def test_the_same_refund_outside_is_not_recorded_twice(scene: PaymentDesk, open_desk_of: OpenDeskOf) -> None:
    """Each of the two people repeats the decision, because its answer was lost: the repetition is refused. Otherwise
    it would wait as a new proposal, which the other person could confirm."""
    today, yesterday = read_today_and_yesterday()
    payment = record_outside_refund(scene, open_desk_of, f"1000 {today}")
    with open_desk_of("lead-b") as lead, expect_refusal("evidence_mismatch"):
        lead.payments.resolve(payment.id, DONE_OUTSIDE, "seen", f"1000 {today}")
    with expect_refusal("evidence_mismatch"):
        scene.payments.resolve(payment.id, DONE_OUTSIDE, LETTER, f"1000 {today}")
    assert scene.console.recovery.list_proposals() == ()
    assert scene.payments.resolve(payment.id, DONE_OUTSIDE, LETTER, f"1000 {yesterday}").awaiting == "second_person"


def test_a_reversal_ends_the_proposal_of_a_refund_outside(scene: PaymentDesk) -> None:
    """The gateway reports that it has taken the payment back. Nobody could confirm the proposal any more: it is
    closed, and the page no longer asks for a second person."""
    today = read_today()
    payment = make_paid_payment(scene)
    scene.payments.resolve(payment.id, DONE_OUTSIDE, LETTER, f"1000 {today}")
    scene.money.change_payment_state("paypay", "ORD-1", "reversed")
    scene.payments.probe(payment.id)
    assert scene.console.recovery.list_proposals() == ()
    assert scene.payments.read_payment(payment.id).explanation.why != "why.payment_outside_asked"
