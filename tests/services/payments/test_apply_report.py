"""One function applies all provider reports about a payment: the payment has the same final state in whichever
sequence the reports arrive, and the money is booked once.
"""

import itertools
import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError
from console.domain.money import Money
from console.domain.payments.provider_messages import PaymentReport, RefundReport
from console.domain.payments.records import Payment
from console.domain.payments.report_rules import ReportSource
from console.domain.payments.states import PAID_STATES, PaymentState, RefundState
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import WorkReason
from console.domain.tasks.records import Alert
from console.services.payments.apply_report import ReportWithSource, apply_report, make_report_values
from console.store.alerts import alerts
from console.store.payments import payments
from console.store.payments.payments import NewPayment
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.money_desks import request_refund
from tests.support.payment_desks import PaymentDesk

START_TIME = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
_OUTCOME_CLASS_BY_STATE = {
    PaymentState.PAYMENT_SUCCESS: OutcomeClass.SUCCEEDED,
    PaymentState.USER_PAYMENT: OutcomeClass.PENDING,
}


def make_report(
    state: PaymentState, minute: int, source: ReportSource = ReportSource.READ, **more: Any
) -> ReportWithSource:
    """Return a provider's report of 3,300 yen in this state. Its time is `minute` minutes after START_TIME. `more`
    replaces fields of the report.
    """
    report_fields: dict[str, Any] = {
        "merchant_payment_id": "-",
        "provider_payment_id": None,
        "provider_state": f"{state}@{minute}",
        "state": state,
        "is_final": state is not PaymentState.USER_PAYMENT,
        "amount": Money(3300, "JPY"),
    } | more
    report = PaymentReport(**report_fields)
    answer = Outcome(
        _OUTCOME_CLASS_BY_STATE.get(state, OutcomeClass.FAILED_DEFINITE),
        "told",
        SendingCertainty.YES,
        report,
        200,
        "{}",
        "0" * 64,
    )
    return ReportWithSource(report, START_TIME + timedelta(minutes=minute), source, source.value, answer)


def make_payment(scene: PaymentDesk, number: str, order_id: int | None = None, **more: Any) -> Payment:
    """Insert a waiting payment of 3,300 yen with the payment number `number` and return it. `more` are further
    fields of the payment.
    """
    new = NewPayment("bank", number, "JPY", 3300, order_id=order_id, begun_at=START_TIME, **more)
    return scene.read_payment(
        scene.context.database.write(lambda tx: payments.insert_payment(tx.conn, new, START_TIME))
    )


def apply_reports(scene: PaymentDesk, payment: Payment, *facts: ReportWithSource) -> Payment:
    """Apply the reports to the payment in the given sequence, and return the payment as it is stored afterwards."""
    for one in facts:
        scene.context.database.write(lambda tx, one=one: apply_report(scene.context, tx, payment, one))  # type: ignore[misc]
    return scene.read_payment(payment.id)


def report_payment_as_paid(scene: PaymentDesk, payment: Payment, minute: int = 1, **more: Any) -> Payment:
    """Apply a report of a success to the payment and return the payment. The report's time is `minute` minutes
    after START_TIME; `more` replaces fields of the report.
    """
    return apply_reports(
        scene,
        payment,
        make_report(PaymentState.PAYMENT_SUCCESS, minute, provider_payment_id=f"id-{payment.id}", **more),
    )


@pytest.mark.parametrize(
    ("states", "end", "order"),
    [
        ((PaymentState.USER_PAYMENT, PaymentState.PAYMENT_SUCCESS), "completed", "paid"),
        ((PaymentState.PAYMENT_FAILED, PaymentState.PAYMENT_SUCCESS), "completed", "paid"),
        ((PaymentState.PAYMENT_FAILED, PaymentState.PAYMENT_SUCCESS, PaymentState.PAYMENT_FAILED), "reversed", None),
        ((PaymentState.USER_PAYMENT, PaymentState.PAYMENT_SUCCESS, PaymentState.PAYMENT_FAILED), "reversed", None),
    ],
)
def test_reports_in_every_sequence_have_one_result(
    scene: PaymentDesk, states: tuple[PaymentState, ...], end: str, order: str | None
) -> None:
    """The reports are applied in every sequence, each of them twice. A report of a success is a row of the history,
    which is true at its time of payment. The result is always the same state and one booking. If the money was taken
    back, there is also one reversal and one case; otherwise there is neither, and the order is paid.
    """
    for turn, story in enumerate(itertools.permutations(enumerate(states))):
        number = f"ORD-{turn}"
        payment = make_payment(scene, number, scene.insert_order(number, 3300))
        facts = [
            make_report(
                state, minute, provider_payment_id=f"id-{turn}", paid_at=START_TIME + timedelta(minutes=minute)
            )
            for minute, state in (*story, *story)
        ]
        after = apply_reports(scene, payment, *facts)
        assert (after.state, after.captured_minor, after.certainty) == (end, 3300, "known"), story
        assert after.provider_state == f"{states[-1]}@{len(states) - 1}"
        assert order is None or scene.read_order(number).state == order
    stories = turn + 1
    entries = scene.place.sql(
        "SELECT subject_id, what FROM audit_log WHERE what IN ('payment.booked', 'payment.reversed')"
    )
    assert set(Counter(tuple(entry) for entry in entries).values()) == {1}
    assert len({payment_id for payment_id, _ in entries}) == stories
    assert scene.count_audit_entries("payment.reversed") == (stories if end == "reversed" else 0)
    assert len(scene.list_open_alert_rules()) == (stories if end == "reversed" else 0)


def test_each_answer_is_stored_as_evidence(scene: PaymentDesk) -> None:
    """The provider's answer that a report comes from is stored as evidence, also if the report changes nothing."""
    payment = report_payment_as_paid(scene, make_payment(scene, "ORD-1"))
    evidence_rows = scene.place.sql("SELECT source, summary FROM evidence WHERE subject_kind = 'payment' ORDER BY id")
    assert evidence_rows == [("bank.read", "HTTP 200 SUCCEEDED told")]
    assert apply_reports(scene, payment, make_report(PaymentState.USER_PAYMENT, 0)).state == payment.state
    assert scene.place.sql("SELECT COUNT(*) FROM evidence WHERE subject_kind = 'payment'") == [(2,)]


def test_a_reversed_amount_leaves_the_account(scene: PaymentDesk) -> None:
    """A payment is booked and then reversed: the balance of its account no longer contains the amount."""
    scene.insert_account(CORPORATION_NUMBERS[0], 5000)
    payment = report_payment_as_paid(scene, make_payment(scene, "ORD-1", corporation_number=CORPORATION_NUMBERS[0]))
    assert scene.place.sql("SELECT balance_minor, reserved_minor FROM accounts") == [(3300, 0)]
    gone = apply_reports(scene, payment, make_report(PaymentState.PAYMENT_FAILED, 2))
    assert (gone.state, gone.captured_minor) == ("reversed", 3300)
    assert scene.place.sql("SELECT balance_minor, reserved_minor FROM accounts") == [(0, 0)]


@pytest.mark.parametrize(
    ("amount", "is_reported_first"),  # an amount in another currency isn't stored, so it can't be compared later
    [
        (Money(100, "JPY"), False), (Money(3301, "JPY"), False), (Money(3300, "INR"), False),
        (Money(100, "JPY"), True), (Money(3301, "JPY"), True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("source", [ReportSource.NOTICE, ReportSource.READ])
def test_a_reversal_of_another_amount_needs_a_person(
    scene: PaymentDesk, amount: Money, source: ReportSource, *, is_reported_first: bool
) -> None:
    """A bank reports that only a part of a payment was taken back, or an amount in another currency. The payment
    stays paid, its account keeps the sum, and a person must look, even if this notice arrives before the notice of
    the success.
    """
    scene.insert_account(CORPORATION_NUMBERS[0], 5000)
    payment = make_payment(scene, "ORD-1", corporation_number=CORPORATION_NUMBERS[0])
    success = make_report(PaymentState.PAYMENT_SUCCESS, 1, source, provider_payment_id="id-1")
    taken_back = make_report(PaymentState.PAYMENT_FAILED, 2, source, amount=amount)
    after = apply_reports(scene, payment, *((taken_back, success) if is_reported_first else (success, taken_back)))
    assert (after.state in PAID_STATES, after.captured_minor, after.work.reason) == (True, 3300, "contradicted")
    assert scene.place.sql("SELECT balance_minor FROM accounts") == [(3300,)]
    assert scene.place.sql("SELECT rule_id, observed FROM alerts") == [
        ("contradicted", f"payment_failed@2 {amount.minor} {amount.currency}")
    ]


def test_one_provider_payment_belongs_to_one_record(scene: PaymentDesk) -> None:
    """A provider reports for a second payment the provider's id of a first one: the second payment becomes unknown
    and waits for a person, and nothing is booked twice.
    """
    first = report_payment_as_paid(scene, make_payment(scene, "ORD-1"))
    second = apply_reports(
        scene,
        make_payment(scene, "ORD-2"),
        make_report(PaymentState.PAYMENT_SUCCESS, 2, provider_payment_id=first.provider_payment_id),
    )
    assert (second.certainty, second.captured_minor, second.work.reason) == ("unknown", 0, "other_payment")


def test_several_captured_payments_of_an_order_need_a_person(scene: PaymentDesk) -> None:
    """Several payments of one order were captured: the order is paid by one of them, and a person must look at the
    others.
    """
    payment = report_payment_as_paid(
        scene, make_payment(scene, "ORD-1", scene.insert_order("ORD-1", 3300)), further_captures=("0422",)
    )
    assert (payment.state, payment.captured_minor, payment.work.reason) == ("completed", 3300, "paid_twice")
    assert scene.read_order("ORD-1").state == "paid"


@pytest.mark.parametrize("is_acknowledged", [False, True], ids=["open", "acknowledged"])
@pytest.mark.parametrize("is_same_attempt", [True, False], ids=["listed", "another number"])
def test_a_third_capture_opens_another_case(scene: PaymentDesk, is_acknowledged: bool, is_same_attempt: bool) -> None:
    """An order has two captured payments, and the case about the second one is open or acknowledged. A third captured
    payment, reported twice, opens one new case. It names the third one alone if a person has acknowledged the first
    case. Otherwise it names both, and the first case is closed.
    """

    def find_cases() -> list[Alert]:
        with scene.context.database.read() as conn:
            return [
                case for case in alerts.find_by_subject(conn, "payment", payment.id) if case.rule_id == "paid_twice"
            ]

    payment = report_payment_as_paid(
        scene, make_payment(scene, "ORD-1", scene.insert_order("ORD-1", 3300)), further_captures=("0422",)
    )
    (second,) = find_cases()
    if is_acknowledged:
        scene.console.alerts.acknowledge(second.id, "given back by hand")
    report_fields: dict[str, Any] = (
        {"provider_payment_id": payment.provider_payment_id, "further_captures": ("0422", "0423")}
        if is_same_attempt
        else {"provider_payment_id": "0423"}
    )
    for minute in (2, 3):
        assert (
            apply_reports(
                scene, payment, make_report(PaymentState.PAYMENT_SUCCESS, minute, **report_fields)
            ).work.reason
            == "paid_twice"
        )
        (third,) = [case for case in find_cases() if case.resolved_at is None]
        assert (third.observed, third.acknowledged_by) == ("0423" if is_acknowledged else "0422, 0423", None)
        assert len(find_cases()) == 2


def test_an_acknowledged_contradiction_hides_no_other_one(scene: PaymentDesk) -> None:
    """A person has acknowledged the case that the provider reports 3,301 yen. A later report of 3,302 yen opens one
    new case. After this case is acknowledged too, further reports of these two amounts open none.
    """
    payment = report_payment_as_paid(scene, make_payment(scene, "ORD-1"))

    def report_amount_and_list_alerts(minute: int, minor: int) -> list[Alert]:
        """Apply a report of a success with the amount `minor` (yen) and the time START_TIME plus `minute` minutes,
        and return the open cases.
        """
        known: dict[str, Any] = {"provider_payment_id": payment.provider_payment_id, "provider_state": "COMPLETED"}
        apply_reports(
            scene, payment, make_report(PaymentState.PAYMENT_SUCCESS, minute, amount=Money(minor, "JPY"), **known)
        )
        return [case for case in scene.console.alerts.list_alerts() if case.resolved_at is None]

    for turn, minor in enumerate((3301, 3302)):
        (case,) = report_amount_and_list_alerts(2 + turn, minor)
        assert (f"{minor} JPY" in case.observed, case.acknowledged_by) == (True, None)
        assert report_amount_and_list_alerts(4 + turn, minor) == [case]
        acknowledged = scene.console.alerts.acknowledge(case.id, "they look into it")
    for minute, minor in ((7, 3301), (8, 3302)):
        assert report_amount_and_list_alerts(minute, minor) == [acknowledged]


def test_a_contradicted_final_state_stays_and_opens_a_case(scene: PaymentDesk) -> None:
    """If a completed payment is later reported as waiting or with another amount, its state does not change and a
    case is opened.
    """
    payment = report_payment_as_paid(scene, make_payment(scene, "ORD-1"))
    after = apply_reports(scene, payment, make_report(PaymentState.USER_PAYMENT, 5))
    assert (after.state, after.captured_minor, after.work.reason) == ("completed", 3300, "contradicted")
    other = report_payment_as_paid(scene, make_payment(scene, "ORD-2"))
    odd = make_report(
        PaymentState.PAYMENT_SUCCESS, 5, provider_payment_id=other.provider_payment_id, amount=Money(3301, "JPY")
    )
    assert apply_reports(scene, other, odd).captured_minor == 3300
    assert scene.list_open_alert_rules() == ["contradicted", "contradicted"]


@pytest.mark.parametrize("more", [{}, {"provider_payment_id": "id-9", "amount": None}], ids=["no id", "no amount"])
def test_a_success_without_id_or_amount_stays_unknown(scene: PaymentDesk, more: dict[str, Any]) -> None:
    """A reported success without the provider's id or without an amount can't be booked: the payment is unknown and
    is polled again.
    """
    after = apply_reports(scene, make_payment(scene, "ORD-1"), make_report(PaymentState.PAYMENT_SUCCESS, 1, **more))
    assert (after.certainty, after.captured_minor, after.work.state) == ("unknown", 0, "scheduled")
    assert report_payment_as_paid(scene, after, 2).state == "completed"


def test_a_refund_made_elsewhere_opens_a_case(scene: PaymentDesk) -> None:
    """A report about a payment contains a refund that this program didn't make: a case is opened for a person."""
    money = Money(1000, "JPY")
    strange = RefundReport("RFD-STRANGE", "RFD-STRANGE", "REFUNDED", RefundState.COMPLETED, money, "id-1")
    payment = report_payment_as_paid(scene, make_payment(scene, "ORD-1"), refunds=(strange,))
    assert (payment.provider_refunded_minor, payment.refunded_minor) == (1000, 0)
    assert (scene.read_payment(payment.id).work.reason, scene.list_open_alert_rules()) == (
        "unknown_refund",
        ["unknown_refund"],
    )
    assert scene.payments.read_payment(payment.id).sides[1].differs == ("refunded",)


def apply_and_read_effect(scene: PaymentDesk, payment: Payment, report: ReportWithSource) -> str:
    """Apply the report to the payment and return the effect of the report."""
    return scene.context.database.write(lambda tx: apply_report(scene.context, tx, payment, report)).effect


def read_trail(scene: PaymentDesk, payment: Payment) -> list[tuple[str, dict[str, Any], str | None]]:
    """Return the payment's entries in the audit trail, each as action, facts and reason."""
    rows = scene.place.sql(
        "SELECT what, detail, reason FROM audit_log WHERE subject_kind = 'payment'"
        f" AND subject_id = '{payment.id}' ORDER BY id"
    )
    return [(str(what), json.loads(detail or "{}"), reason) for what, detail, reason in rows]


def test_each_change_by_a_report_has_one_audit_entry(scene: PaymentDesk) -> None:
    """Each report that changes a payment writes one audit entry with the report's source. A report that changes
    nothing is only stored as evidence.
    """
    payment = make_payment(scene, "ORD-1")
    story = [
        (make_report(PaymentState.USER_PAYMENT, 0), "changed", "moved"),
        (make_report(PaymentState.USER_PAYMENT, 1), "unchanged", None),
        (make_report(PaymentState.PAYMENT_SUCCESS, 2), "unknown", "unknown"),
        (make_report(PaymentState.PAYMENT_SUCCESS, 3), "unknown", None),
        (make_report(PaymentState.PAYMENT_SUCCESS, 4, provider_payment_id="id-1"), "booked", "booked"),
        (make_report(PaymentState.PAYMENT_SUCCESS, 5, provider_payment_id="id-1"), "unchanged", None),
        (make_report(PaymentState.PAYMENT_SUCCESS, 6, provider_payment_id="id-2"), "changed", "paid_twice"),
        (make_report(PaymentState.PAYMENT_FAILED, 7), "changed", "reversed"),
    ]
    checked_count = 0
    for one, expected, word in story:
        assert apply_and_read_effect(scene, payment, one) == expected
        lines = read_trail(scene, payment)[checked_count:]
        checked_count += len(lines)
        assert [what for what, *_ in lines if what != "payment.case"] == ([f"payment.{word}"] if word else [])
        for what, facts, reason in lines:
            assert (facts["by"], facts["word"]) == ("read", one.report.provider_state), what
            assert "late" not in facts
            assert facts.get("minor") == (3300 if word == "booked" else None)
            assert reason == {"unknown": "not_bookable", "paid_twice": "paid_twice", "reversed": "reversed"}.get(
                str(word)
            )


@pytest.mark.parametrize("end", [PaymentState.EXPIRED, PaymentState.PAYMENT_FAILED])
def test_a_late_payment_is_marked_in_the_audit_entry(scene: PaymentDesk, end: PaymentState) -> None:
    """A payment that had ended unpaid is paid late: the audit entry of the booking says that it is late, and the
    stored cause of that end is deleted.
    """
    payment = apply_reports(scene, make_payment(scene, "ORD-1"), make_report(end, 0))
    assert payment.error_code == "told"
    after = report_payment_as_paid(scene, payment)
    assert (after.error_code, after.certainty) == (None, "known")
    (booked,) = [facts for what, facts, _ in read_trail(scene, payment) if what == "payment.booked"]
    assert (booked["late"], booked["minor"], booked["currency"]) == (True, 3300, "JPY")


def make_refund_report(state: RefundState, minor: int | None) -> RefundReport:
    """Return a report of a refund in this state. If `minor` is None, the report has no amount."""
    return RefundReport("RFD-1", None, "x", state, None if minor is None else Money(minor, "JPY"))


@pytest.mark.parametrize(
    ("more", "reported_sums"),
    [
        ({}, {"provider_minor": 3300, "provider_refunded_minor": 0}),
        ({"amount": Money(3300, "INR")}, {"provider_minor": None, "provider_refunded_minor": 0}),
        ({"amount": None, "refunds": None}, {}),
        ({"amount": Money(0, "JPY"), "refunds": None}, {"provider_minor": 0}),
        (
            {
                "amount": None,
                "refunds": (
                    make_refund_report(RefundState.COMPLETED, 100),
                    make_refund_report(RefundState.SUBMITTED, 50),
                    make_refund_report(RefundState.COMPLETED, None),
                    make_refund_report(RefundState.FAILED, 7),
                    make_refund_report(RefundState.COMPLETED, 30),
                ),
            },
            {"provider_refunded_minor": 130},
        ),
    ],
)
@pytest.mark.parametrize("currency", ["JPY", "INR"])
def test_the_stored_statement_has_only_sums_in_the_payments_currency(
    scene: PaymentDesk, more: dict[str, Any], reported_sums: dict[str, int | None], currency: str
) -> None:
    """The stored statement of the provider contains only sums in the payment's currency, and cuts the provider's
    state to 40 characters. The refunded sum in the statement counts only completed refunds.
    """
    payment = replace(make_payment(scene, "ORD-1"), currency=currency)
    if currency == "INR":  # the sums of the report change sides
        other = {"JPY": "INR", "INR": "JPY"}
        amount = more.get("amount", Money(3300, "JPY"))
        more = more | {"amount": amount and Money(amount.minor, other[amount.currency])}
    report = make_report(PaymentState.PAYMENT_SUCCESS, 1, **more | {"provider_state": "w" * 50})
    assert make_report_values(report.report, payment, report.effective_at) == reported_sums | {
        "provider_state": "w" * 40,
        "told_at": report.effective_at,
    }


def test_the_payer_is_stored_by_the_first_report(scene: PaymentDesk) -> None:
    """The payer in the first report is stored, cut to the length of the column, and a later report doesn't replace
    the payer. The stored payment time is the provider's time; without one it is the time of the report.
    """
    payment = apply_reports(
        scene, make_payment(scene, "ORD-1"), make_report(PaymentState.USER_PAYMENT, 0, payer="p" * 300)
    )
    after = report_payment_as_paid(scene, payment, payer="somebody else", paid_at=START_TIME)
    assert (after.payer, after.paid_at) == ("p" * 255, START_TIME)
    other = report_payment_as_paid(scene, make_payment(scene, "ORD-2"), minute=5)
    assert other.paid_at == START_TIME + timedelta(minutes=5)


def test_the_trail_names_no_payer(scene: PaymentDesk) -> None:
    """Audit entries about payments, orders and refunds mask the payer before the entries are hashed, so the audit
    trail without payers can be verified.
    """
    payer = "yamada@example.jp"
    report_payment_as_paid(scene, make_payment(scene, "ORD-1"), payer=payer, provider_state=f"paid by {payer}")
    payment = scene.payments.start(scene.insert_order("ORD-2", 3300), "paypay").payment
    scene.money.change_payment_state("paypay", "ORD-2", "paid")
    scene.payments.probe(payment.id)
    scene.place.sql(f"UPDATE payments SET payer_ref = '{payer}', version = version + 1 WHERE id = {payment.id}")
    scene.context.write(
        lambda tx: alerts.raise_alert(
            tx.conn, WorkReason.CONTRADICTED, "payment", payment.id, None, "paid", "open", scene.context.now()
        )
    )
    (alert,) = scene.place.sql("SELECT id FROM alerts WHERE subject_kind = 'payment'")
    facts = {"observed": f"{payer} {payer}", "deep": [{"text": payer}], "n": 7}
    for kind, subject in (
        ("refund", request_refund(scene.console, payment.id).id), ("order", payment.order_id), ("alert", alert[0]),
    ):  # fmt: skip
        scene.context.write(
            lambda tx, kind=kind, subject=subject: scene.context.record_audit(  # type: ignore[misc]  # of this turn
                tx, AuditAction.REFUND_CONTRADICTED, subject, facts, kind=kind
            )
        )
    entries = [(what, str(detail)) for what, detail in scene.place.sql("SELECT what, detail FROM audit_log")]
    assert not [what for what, detail in entries if payer in detail]
    assert sum("paid by ****e.jp" in detail for _, detail in entries) == 1
    masked = [json.loads(detail) for what, detail in entries if what == "refund.contradicted"]
    assert [(facts["observed"], facts["deep"], facts["n"]) for facts in masked] == [
        ("****e.jp ****e.jp", [{"text": "****e.jp"}], 7)
    ] * 3
    assert scene.console.audit.verify_chains() >= len(entries)


def test_the_last_event_of_a_source_is_kept(scene: PaymentDesk) -> None:
    """A payment stores the id of the event that has arrived last from a source, cut to 128 characters, also if the
    event is older than an earlier one.
    """
    event = replace(make_report(PaymentState.USER_PAYMENT, 0, ReportSource.NOTICE), event_id="e" * 200)
    payment = apply_reports(scene, make_payment(scene, "ORD-1"), event)
    assert payment.last_event_id == "e" * 128
    newer = replace(make_report(PaymentState.USER_PAYMENT, 2, ReportSource.NOTICE), event_id="e-3")
    older = replace(make_report(PaymentState.USER_PAYMENT, 1, ReportSource.NOTICE), event_id="e-2")
    assert apply_reports(scene, payment, newer, older).last_event_id == "e-2"


def test_an_order_becomes_paid_only_by_a_confirmed_report(scene: PaymentDesk) -> None:
    """An order is set to paid after a read at the provider, or after a signed notice of a source that can't be read.
    After a callback the order is set to paid only when a read has confirmed the payment.
    """
    for way, state in (
        (ReportSource.READ, "paid"),
        (ReportSource.NOTICE, "paid"),
        (ReportSource.CALLBACK, "pending"),
    ):
        order = scene.insert_order(f"ORD-{way}", 3300)
        report = make_report(PaymentState.PAYMENT_SUCCESS, 1, way, provider_payment_id=f"id-{way}")
        payment = apply_reports(scene, make_payment(scene, f"ORD-{way}", order), report)
        assert scene.read_order(f"ORD-{way}").state == state
        read = make_report(PaymentState.PAYMENT_SUCCESS, 2, provider_payment_id=f"id-{way}")
        apply_reports(scene, payment, read)
        assert scene.read_order(f"ORD-{way}").state == "paid"
        apply_reports(
            scene,
            make_payment(scene, f"LONE-{way}"),
            make_report(PaymentState.PAYMENT_SUCCESS, 1, way, provider_payment_id=f"lone-{way}"),
        )


def test_a_report_that_settles_a_payment_closes_its_proposal(scene: PaymentDesk) -> None:
    """A person has proposed the outcome of an unknown payment, and then a report settles the payment: the proposal is
    closed, and the journal row of the payment's start changes from `unknown` to `done`.
    """
    order = scene.insert_order("ORD-1", 3300)
    scene.control.add_fault("status_after_charge:500", call="paypay_create")
    with pytest.raises(ConsoleError):
        scene.payments.start(order, "paypay")
    payment = scene.find_payment("paypay", "ORD-1")
    assert payment is not None
    scene.control.add_fault("status:503", call="paypay_payment", times="always")
    proposed = scene.payments.resolve(payment.id, "completed", "settlement of the 20th, row 14", "0421-from-paper")
    assert proposed.awaiting == "second_person"
    started = f"SELECT state FROM operations WHERE id = '{payment.operation_id}'"
    assert [row[0] for row in scene.place.sql(started)] == ["unknown"]
    after = apply_reports(scene, payment, make_report(PaymentState.PAYMENT_FAILED, 2))
    assert (after.state, after.certainty) == ("payment_failed", "known")
    assert scene.payments.read_payment(payment.id).awaiting is None
    assert [row[0] for row in scene.place.sql(started)] == ["done"]


def read_refused_time_reasons(scene: PaymentDesk, payment: Payment) -> list[Any]:
    """Return the reasons, as audited, for which the program did not store the reported time of payment."""
    what = f"what = 'payment.time_not_taken' AND subject_id = '{payment.id}'"
    return scene.place.sql(f"SELECT reason FROM audit_log WHERE {what}")


@pytest.mark.parametrize(
    ("paid_at", "reason"),
    [
        (datetime(2099, 1, 1, tzinfo=UTC), "paid_in_future"),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), "paid_in_future"),
        (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), "paid_too_long_ago"),
        (datetime(1, 1, 1, tzinfo=UTC), "paid_too_long_ago"),
    ],
)
def test_an_impossible_time_of_payment_is_not_stored(scene: PaymentDesk, paid_at: datetime, reason: str) -> None:
    """A report has an impossible time of payment, which would move the period in which a refund is allowed. The time
    of the answer is stored instead, with an audit entry, and the money is booked.
    """
    payment = make_payment(scene, "A")
    paid_payment = report_payment_as_paid(scene, payment, minute=2, paid_at=paid_at)
    assert (paid_payment.state, paid_payment.captured_minor) == (PaymentState.COMPLETED, 3300)
    assert paid_payment.paid_at == START_TIME + timedelta(minutes=2)
    assert [row[0] for row in read_refused_time_reasons(scene, payment)] == [reason]


def test_a_time_of_payment_before_the_start_is_not_stored(scene: PaymentDesk) -> None:
    """A report has a time of payment before the payment's start. For a payment that this program started, the time
    isn't stored, except if it is only some minutes too early, as from a slow clock. For an imported payment the time
    is stored, because the payment can be older than its row in our database.
    """
    early = START_TIME - timedelta(minutes=6)
    for number, operation_id, paid_at, expected in (
        ("A", "op-1", early, START_TIME + timedelta(minutes=1)),
        ("B", "op-2", early + timedelta(minutes=2), early + timedelta(minutes=2)),
        ("C", None, early, early),
    ):
        payment = make_payment(scene, number, operation_id=operation_id)
        assert report_payment_as_paid(scene, payment, paid_at=paid_at).paid_at == expected
        assert [row[0] for row in read_refused_time_reasons(scene, payment)] == ["paid_before_begin"] * (
            expected != paid_at
        )


def test_a_provider_clock_may_be_some_minutes_ahead(scene: PaymentDesk) -> None:
    """If a reported time of payment is some minutes ahead of the desk's clock, it is stored as reported."""
    ahead = scene.context.now().replace(microsecond=0) + timedelta(minutes=4)
    payment = make_payment(scene, "A")
    assert report_payment_as_paid(scene, payment, paid_at=ahead).paid_at == ahead
    assert read_refused_time_reasons(scene, payment) == []


@pytest.mark.parametrize("has_paid_at", [False, True])
def test_a_report_from_the_future_hides_no_later_one(scene: PaymentDesk, *, has_paid_at: bool) -> None:
    """A report has a time on a future day. A report of a reversal that arrives afterwards still counts as newer, and
    a person must look.
    """
    payment = make_payment(scene, "A")
    years = 60 * 24 * 365 * 3
    report_payment_as_paid(
        scene, payment, minute=years, paid_at=START_TIME + timedelta(minutes=years) if has_paid_at else None
    )
    now = scene.context.now()
    stored_payment = scene.read_payment(payment.id)
    assert stored_payment.told_at is not None
    assert stored_payment.told_at <= now + timedelta(seconds=1)
    reversal = replace(
        make_report(PaymentState.PAYMENT_FAILED, 0), effective_at=stored_payment.told_at + timedelta(seconds=1)
    )
    assert apply_reports(scene, payment, reversal).state is PaymentState.REVERSED


def test_a_stored_time_in_the_future_hides_no_later_report(scene: PaymentDesk) -> None:
    """A desk whose clock is ahead has stored the time of a report, which is in the future: a report that arrives
    afterwards still counts as newer.
    """
    payment = report_payment_as_paid(scene, make_payment(scene, "A"))
    scene.place.sql(f"UPDATE payments SET told_at = '2031-01-01', version = version + 1 WHERE id = {payment.id}")
    reversal = replace(make_report(PaymentState.PAYMENT_FAILED, 0), effective_at=scene.context.now())
    assert apply_reports(scene, payment, reversal).state is PaymentState.REVERSED
