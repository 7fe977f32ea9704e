"""One function takes all news of a payment: the end is the same in every order, its money is booked once."""

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError
from console.domain.money import Money
from console.domain.payments.consistency import PAID_STATES
from console.domain.payments.provider_messages import PaymentReport, RefundReport
from console.domain.payments.records import Payment
from console.domain.payments.report_rules import ReportSource
from console.domain.payments.states import PaymentState, RefundState
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import WorkReason
from console.domain.tasks.records import Alert
from console.services.payments.apply_report import ReportWithSource, apply_report, make_report_values
from console.store.alerts import alerts
from console.store.payments import payments
from console.store.payments.payments import NewPayment
from tests.support.desks import NUMBERS
from tests.support.money_desks import ask
from tests.support.payment_desks import Scene

P = PaymentState
START = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
_KINDS = {P.PAYMENT_SUCCESS: OutcomeClass.SUCCEEDED, P.USER_PAYMENT: OutcomeClass.PENDING}


def fact(state: PaymentState, minute: int, way: ReportSource = ReportSource.READ, **more: Any) -> ReportWithSource:
    """The report of a provider at a minute of the story."""
    told: dict[str, Any] = {
        "merchant_payment_id": "-",
        "provider_payment_id": None,
        "provider_state": f"{state}@{minute}",
        "state": state,
        "is_final": state is not P.USER_PAYMENT,
        "amount": Money(3300, "JPY"),
    } | more
    report = PaymentReport(**told)
    answer = Outcome(
        _KINDS.get(state, OutcomeClass.FAILED_DEFINITE), "told", SendingCertainty.YES, report, 200, "{}", "0" * 64
    )
    return ReportWithSource(report, START + timedelta(minutes=minute), way, way.value, answer)


def begun(scene: Scene, number: str, order_id: int | None = None, **more: Any) -> Payment:
    new = NewPayment("bank", number, "JPY", 3300, order_id=order_id, begun_at=START, **more)
    return scene.payment(scene.context.database.write(lambda tx: payments.insert_payment(tx.conn, new, START)))


def tell(scene: Scene, payment: Payment, *facts: ReportWithSource) -> Payment:
    for one in facts:
        scene.context.database.write(lambda tx, one=one: apply_report(scene.context, tx, payment, one))  # type: ignore[misc]
    return scene.payment(payment.id)


def paid(scene: Scene, payment: Payment, minute: int = 1, **more: Any) -> Payment:
    return tell(scene, payment, fact(P.PAYMENT_SUCCESS, minute, provider_payment_id=f"id-{payment.id}", **more))


@pytest.mark.parametrize(
    ("states", "end", "order"),
    [
        ((P.USER_PAYMENT, P.PAYMENT_SUCCESS), "completed", "paid"),
        ((P.PAYMENT_FAILED, P.PAYMENT_SUCCESS), "completed", "paid"),
        ((P.PAYMENT_FAILED, P.PAYMENT_SUCCESS, P.PAYMENT_FAILED), "reversed", None),
        ((P.USER_PAYMENT, P.PAYMENT_SUCCESS, P.PAYMENT_FAILED), "reversed", None),
    ],
)
def test_every_order_of_a_story_ends_alike(
    scene: Scene, states: tuple[PaymentState, ...], end: str, order: str | None
) -> None:
    """Each permutation, each fact twice: the same state, booked once, one case at most; the order follows the money
    unless all of it was told to be gone at once.
    """
    for turn, story in enumerate(itertools.permutations(enumerate(states))):
        number = f"ORD-{turn}"
        payment = begun(scene, number, scene.order(number, 3300))
        facts = [fact(state, minute, provider_payment_id=f"id-{turn}") for minute, state in (*story, *story)]
        after = tell(scene, payment, *facts)
        assert (after.state, after.captured_minor, after.certainty) == (end, 3300, "known"), story
        assert after.provider_state == f"{states[-1]}@{len(states) - 1}"
        assert order is None or scene.order_now(number).state == order
    stories = turn + 1
    assert scene.audited("payment.booked") + scene.audited("payment.reversed") >= stories
    assert len(scene.cases()) == (stories if end == "reversed" else 0)


def test_every_answer_is_evidence_before_anything_is_moved(scene: Scene) -> None:
    """The rows' order tells: what was said is kept first, whatever it changed."""
    payment = paid(scene, begun(scene, "ORD-1"))
    kept = scene.place.sql("SELECT source, summary FROM evidence WHERE subject_kind = 'payment' ORDER BY id")
    assert kept == [("bank.read", "HTTP 200 SUCCEEDED told")]
    tell(scene, payment, fact(P.USER_PAYMENT, 0))
    assert scene.place.sql("SELECT COUNT(*) FROM evidence WHERE subject_kind = 'payment'") == [(2,)]


def test_money_that_was_taken_back_leaves_the_account(scene: Scene) -> None:
    """Booked, then reversed: the account has its room again."""
    scene.account(NUMBERS[0], 5000)
    payment = paid(scene, begun(scene, "ORD-1", corporation_number=NUMBERS[0]))
    assert scene.place.sql("SELECT balance_minor, reserved_minor FROM accounts") == [(3300, 0)]
    gone = tell(scene, payment, fact(P.PAYMENT_FAILED, 2))
    assert (gone.state, gone.captured_minor) == ("reversed", 3300)
    assert scene.place.sql("SELECT balance_minor, reserved_minor FROM accounts") == [(0, 0)]


@pytest.mark.parametrize(
    ("amount", "is_told_first"),  # an amount in another currency isn't stored, so it can't be compared later
    [
        (Money(100, "JPY"), False), (Money(3301, "JPY"), False), (Money(3300, "INR"), False),
        (Money(100, "JPY"), True), (Money(3301, "JPY"), True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("way", [ReportSource.NOTICE, ReportSource.READ])
def test_another_amount_that_was_taken_back_is_for_a_person(
    scene: Scene, amount: Money, way: ReportSource, *, is_told_first: bool
) -> None:
    """A bank takes a part of the money back, or speaks of another currency: nobody knows what stays, so the payment
    stays paid, its account keeps it, and a person is told. Also if the notices overtake each other.
    """
    scene.account(NUMBERS[0], 5000)
    payment = begun(scene, "ORD-1", corporation_number=NUMBERS[0])
    success = fact(P.PAYMENT_SUCCESS, 1, way, provider_payment_id="id-1")
    taken_back = fact(P.PAYMENT_FAILED, 2, way, amount=amount)
    after = tell(scene, payment, *((taken_back, success) if is_told_first else (success, taken_back)))
    assert (after.state in PAID_STATES, after.captured_minor, after.work.reason) == (True, 3300, "contradicted")
    assert scene.place.sql("SELECT balance_minor FROM accounts") == [(3300,)]
    assert scene.place.sql("SELECT rule_id, observed FROM alerts") == [
        ("contradicted", f"payment_failed@2 {amount.minor} {amount.currency}")
    ]


def test_one_payment_of_the_provider_is_one_of_ours(scene: Scene) -> None:
    """If the provider reports the same number for a second payment, that payment becomes unknown and waits for a
    person, and nothing is booked twice.
    """
    first = paid(scene, begun(scene, "ORD-1"))
    second = tell(
        scene, begun(scene, "ORD-2"), fact(P.PAYMENT_SUCCESS, 2, provider_payment_id=first.provider_payment_id)
    )
    assert (second.certainty, second.captured_minor, second.work.reason) == ("unknown", 0, "other_payment")


def test_more_captures_of_an_order_are_for_a_person(scene: Scene) -> None:
    """Each took money: one is booked, a person is asked about the rest, and the order is paid all the same."""
    payment = paid(scene, begun(scene, "ORD-1", scene.order("ORD-1", 3300)), further_captures=("0422",))
    assert (payment.state, payment.captured_minor, payment.work.reason) == ("completed", 3300, "paid_twice")
    assert scene.order_now("ORD-1").state == "paid"


@pytest.mark.parametrize("is_acknowledged", [False, True], ids=["open", "acknowledged"])
@pytest.mark.parametrize("is_same_attempt", [True, False], ids=["listed", "another number"])
def test_a_third_capture_is_told_although_the_second_one_was(
    scene: Scene, is_acknowledged: bool, is_same_attempt: bool
) -> None:
    """A person knows of the second one, and has perhaps given it back. The third one took money, too: it is not
    hidden by their case. What was told once is not told again.
    """

    def find_cases() -> list[Alert]:
        with scene.context.database.read() as conn:
            return [
                case for case in alerts.find_by_subject(conn, "payment", payment.id) if case.rule_id == "paid_twice"
            ]

    payment = paid(scene, begun(scene, "ORD-1", scene.order("ORD-1", 3300)), further_captures=("0422",))
    (second,) = find_cases()
    if is_acknowledged:
        scene.console.alerts.acknowledge(second.id, "given back by hand")
    told: dict[str, Any] = (
        {"provider_payment_id": payment.provider_payment_id, "further_captures": ("0422", "0423")}
        if is_same_attempt
        else {"provider_payment_id": "0423"}
    )
    for minute in (2, 3):
        assert tell(scene, payment, fact(P.PAYMENT_SUCCESS, minute, **told)).work.reason == "paid_twice"
        (third,) = [case for case in find_cases() if case.resolved_at is None]
        assert (third.observed, third.acknowledged_by) == ("0423" if is_acknowledged else "0422, 0423", None)
        assert len(find_cases()) == 2


def test_an_acknowledged_contradiction_hides_no_other_one(scene: Scene) -> None:
    """A person knows that the provider calls it over 3,301 yen. That it says 3,302 by now is news, once; what was
    acknowledged is none, whichever was said last.
    """
    payment = paid(scene, begun(scene, "ORD-1"))

    def tell_amount(minute: int, minor: int) -> list[Alert]:
        known: dict[str, Any] = {"provider_payment_id": payment.provider_payment_id, "provider_state": "COMPLETED"}
        tell(scene, payment, fact(P.PAYMENT_SUCCESS, minute, amount=Money(minor, "JPY"), **known))
        return [case for case in scene.console.alerts.list_alerts() if case.resolved_at is None]

    for turn, minor in enumerate((3301, 3302)):
        (case,) = tell_amount(2 + turn, minor)
        assert (f"{minor} JPY" in case.observed, case.acknowledged_by) == (True, None)
        assert tell_amount(4 + turn, minor) == [case]
        acknowledged = scene.console.alerts.acknowledge(case.id, "they look into it")
    for minute, minor in ((7, 3301), (8, 3302)):
        assert tell_amount(minute, minor) == [acknowledged]


def test_final_and_contradicted_stays_and_is_a_case(scene: Scene) -> None:
    """Completed, and later told to be waiting or over another sum: the state stays."""
    payment = paid(scene, begun(scene, "ORD-1"))
    after = tell(scene, payment, fact(P.USER_PAYMENT, 5))
    assert (after.state, after.captured_minor, after.work.reason) == ("completed", 3300, "contradicted")
    other = paid(scene, begun(scene, "ORD-2"))
    odd = fact(P.PAYMENT_SUCCESS, 5, provider_payment_id=other.provider_payment_id, amount=Money(3301, "JPY"))
    assert tell(scene, other, odd).captured_minor == 3300
    assert scene.cases() == ["contradicted", "contradicted"]


def test_without_number_or_sum_nothing_is_booked(scene: Scene) -> None:
    """A success that can't be booked is known to nobody, and asked about by itself."""
    after = tell(scene, begun(scene, "ORD-1"), fact(P.PAYMENT_SUCCESS, 1))
    assert (after.certainty, after.captured_minor, after.work.state) == ("unknown", 0, "scheduled")
    assert paid(scene, after, 2).state == "completed"


def test_a_refund_that_nobody_here_made_is_a_case(scene: Scene) -> None:
    """Money went back by another way: told by the payment, seen by a person."""
    money = Money(1000, "JPY")
    strange = RefundReport("RFD-STRANGE", "RFD-STRANGE", "REFUNDED", RefundState.COMPLETED, money, "id-1")
    payment = paid(scene, begun(scene, "ORD-1"), refunds=(strange,))
    assert (payment.provider_refunded_minor, payment.refunded_minor) == (1000, 0)
    assert (scene.payment(payment.id).work.reason, scene.cases()) == ("unknown_refund", ["unknown_refund"])
    assert scene.payments.read_payment(payment.id).sides[1].differs == ("refunded",)


def done(scene: Scene, payment: Payment, told: ReportWithSource) -> str:
    return scene.context.database.write(lambda tx: apply_report(scene.context, tx, payment, told)).effect


def trail(scene: Scene, payment: Payment) -> list[tuple[str, dict[str, Any], str | None]]:
    """The payment's entries in the audit trail: action, facts and reason."""
    rows = scene.place.sql(
        "SELECT what, detail, reason FROM audit_log WHERE subject_kind = 'payment'"
        f" AND subject_id = '{payment.id}' ORDER BY id"
    )
    return [(str(what), json.loads(detail or "{}"), reason) for what, detail, reason in rows]


def test_what_the_news_did_and_what_the_trail_says(scene: Scene) -> None:
    """Each thing that changed, once, by whose word; what changes nothing is evidence alone."""
    payment = begun(scene, "ORD-1")
    story = [
        (fact(P.USER_PAYMENT, 0), "changed", "moved"),
        (fact(P.USER_PAYMENT, 1), "unchanged", None),
        (fact(P.PAYMENT_SUCCESS, 2), "unknown", "unknown"),
        (fact(P.PAYMENT_SUCCESS, 3), "unknown", None),
        (fact(P.PAYMENT_SUCCESS, 4, provider_payment_id="id-1"), "booked", "booked"),
        (fact(P.PAYMENT_SUCCESS, 5, provider_payment_id="id-1"), "unchanged", None),
        (fact(P.PAYMENT_SUCCESS, 6, provider_payment_id="id-2"), "changed", "paid_twice"),
        (fact(P.PAYMENT_FAILED, 7), "changed", "reversed"),
    ]
    told = 0
    for one, expected, word in story:
        assert done(scene, payment, one) == expected
        lines = trail(scene, payment)[told:]
        told += len(lines)
        assert [what for what, *_ in lines if what != "payment.case"] == ([f"payment.{word}"] if word else [])
        for what, facts, reason in lines:
            assert (facts["by"], facts["word"]) == ("read", one.report.provider_state), what
            assert "late" not in facts
            assert facts.get("minor") == (3300 if word == "booked" else None)
            assert reason == {"unknown": "not_bookable", "paid_twice": "paid_twice", "reversed": "reversed"}.get(
                str(word)
            )


@pytest.mark.parametrize("end", [P.EXPIRED, P.PAYMENT_FAILED])
def test_money_that_came_late_is_told_as_late(scene: Scene, end: PaymentState) -> None:
    """After it had ended; the end itself keeps its cause, and paying takes the cause away."""
    payment = tell(scene, begun(scene, "ORD-1"), fact(end, 0))
    assert payment.error_code == "told"
    after = paid(scene, payment)
    assert (after.error_code, after.certainty) == (None, "known")
    (booked,) = [facts for what, facts, _ in trail(scene, payment) if what == "payment.booked"]
    assert (booked["late"], booked["minor"], booked["currency"]) == (True, 3300, "JPY")


def refund(state: RefundState, minor: int | None) -> RefundReport:
    return RefundReport("RFD-1", None, "x", state, None if minor is None else Money(minor, "JPY"))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, {"provider_minor": 3300, "provider_refunded_minor": 0}),
        ({"amount": Money(3300, "INR")}, {"provider_refunded_minor": 0}),
        ({"amount": None, "refunds": None}, {}),
        ({"amount": Money(0, "JPY"), "refunds": None}, {"provider_minor": 0}),
        (
            {
                "amount": None,
                "refunds": (
                    refund(RefundState.COMPLETED, 100),
                    refund(RefundState.SUBMITTED, 50),
                    refund(RefundState.COMPLETED, None),
                    refund(RefundState.FAILED, 7),
                    refund(RefundState.COMPLETED, 30),
                ),
            },
            {"provider_refunded_minor": 130},
        ),
    ],
)
@pytest.mark.parametrize("currency", ["JPY", "INR"])
def test_what_the_provider_says_of_itself(
    scene: Scene, more: dict[str, Any], said: dict[str, int], currency: str
) -> None:
    """A sum in another currency is not told; what went back is what is done."""
    payment = replace(begun(scene, "ORD-1"), currency=currency)
    if currency == "INR":  # the sums of the report change sides
        other = {"JPY": "INR", "INR": "JPY"}
        amount = more.get("amount", Money(3300, "JPY"))
        more = more | {"amount": amount and Money(amount.minor, other[amount.currency])}
    told = fact(P.PAYMENT_SUCCESS, 1, **more | {"provider_state": "w" * 50})
    assert make_report_values(told.report, payment, told.true_at) == said | {
        "provider_state": "w" * 40,
        "told_at": told.true_at,
    }


def test_whoever_paid_is_written_once(scene: Scene) -> None:
    """The first report's payer is stored, cut to the length of the column, and a later report doesn't replace it. The
    payment time is the provider's, or else the time of the report.
    """
    payment = tell(scene, begun(scene, "ORD-1"), fact(P.USER_PAYMENT, 0, payer="p" * 300))
    after = paid(scene, payment, payer="somebody else", paid_at=START)
    assert (after.payer, after.paid_at) == ("p" * 255, START)
    other = paid(scene, begun(scene, "ORD-2"), minute=5)
    assert other.paid_at == START + timedelta(minutes=5)


def test_the_trail_names_no_payer(scene: Scene) -> None:
    """Masked before it is hashed, in entries about payments, their orders and refunds: the trail still verifies."""
    payer = "yamada@example.jp"
    paid(scene, begun(scene, "ORD-1"), payer=payer, provider_state=f"paid by {payer}")
    payment = scene.payments.start(scene.order("ORD-2", 3300), "paypay").payment
    scene.money.move_payment("paypay", "ORD-2", "paid")
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
        ("refund", ask(scene.console, payment.id).id), ("order", payment.order_id), ("alert", alert[0]),
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


def test_the_last_event_of_a_source_is_kept(scene: Scene) -> None:
    event = replace(fact(P.USER_PAYMENT, 0, ReportSource.NOTICE), event_id="e" * 200)
    assert tell(scene, begun(scene, "ORD-1"), event).last_event_id == "e" * 128


def test_an_order_follows_what_is_proven(scene: Scene) -> None:
    """A read completes it, and a notice alone is all the evidence that there is; a callback is confirmed first."""
    for way, state in (
        (ReportSource.READ, "paid"),
        (ReportSource.NOTICE, "paid"),
        (ReportSource.CALLBACK, "pending"),
    ):
        order = scene.order(f"ORD-{way}", 3300)
        told = fact(P.PAYMENT_SUCCESS, 1, way, provider_payment_id=f"id-{way}")
        tell(scene, begun(scene, f"ORD-{way}", order), told)
        assert scene.order_now(f"ORD-{way}").state == state
        tell(scene, begun(scene, f"LONE-{way}"), fact(P.PAYMENT_SUCCESS, 1, way, provider_payment_id=f"lone-{way}"))


def test_a_report_that_ends_an_unknown_ends_what_waited_for_it(scene: Scene) -> None:
    """A first person's proposal is closed, and the journal's row of the start says that an answer came."""
    order = scene.order("ORD-1", 3300)
    scene.control.add_fault("status_after_charge:500", call="paypay_create")
    with pytest.raises(ConsoleError):
        scene.payments.start(order, "paypay")
    payment = scene.of_number("paypay", "ORD-1")
    assert payment is not None
    scene.control.add_fault("status:503", call="paypay_payment", times="always")
    proposed = scene.payments.resolve(payment.id, "completed", "settlement of the 20th, row 14", "0421-from-paper")
    assert proposed.awaiting == "second_person"
    started = f"SELECT state FROM operations WHERE id = '{payment.operation_id}'"
    assert [row[0] for row in scene.place.sql(started)] == ["unknown"]
    after = tell(scene, payment, fact(P.PAYMENT_FAILED, 2))
    assert (after.state, after.certainty) == ("payment_failed", "known")
    assert scene.payments.read_payment(payment.id).awaiting is None
    assert [row[0] for row in scene.place.sql(started)] == ["done"]


def spoken(scene: Scene, payment: Payment) -> list[Any]:
    """Why the trail says that a time of payment was not taken."""
    what = f"what = 'payment.time_not_taken' AND subject_id = '{payment.id}'"
    return scene.place.sql(f"SELECT reason FROM audit_log WHERE {what}")


@pytest.mark.parametrize(
    ("paid_at", "why"),
    [
        (datetime(2099, 1, 1, tzinfo=UTC), "paid_in_future"),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), "paid_in_future"),
        (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), "paid_too_long_ago"),
        (datetime(1, 1, 1, tzinfo=UTC), "paid_too_long_ago"),
    ],
)
def test_a_time_of_payment_that_can_not_be_right_is_not_taken(scene: Scene, paid_at: datetime, why: str) -> None:
    """It would move the refund window: the time of the answer counts, and the trail says why; the money is booked."""
    payment = begun(scene, "A")
    found = paid(scene, payment, minute=2, paid_at=paid_at)
    assert (found.state, found.captured_minor) == (P.COMPLETED, 3300)
    assert found.paid_at == START + timedelta(minutes=2)
    assert [row[0] for row in spoken(scene, payment)] == [why]


def test_a_payment_of_ours_is_not_paid_before_it_begins(scene: Scene) -> None:
    """Only for a payment that this program began: others began before we heard of them. A clock may be some minutes
    behind.
    """
    early = START - timedelta(minutes=6)
    for number, operation_id, paid_at, expected in (
        ("A", "op-1", early, START + timedelta(minutes=1)),
        ("B", "op-2", early + timedelta(minutes=2), early + timedelta(minutes=2)),
        ("C", None, early, early),
    ):
        payment = begun(scene, number, operation_id=operation_id)
        assert paid(scene, payment, paid_at=paid_at).paid_at == expected
        assert [row[0] for row in spoken(scene, payment)] == ["paid_before_begin"] * (expected != paid_at)


def test_a_provider_clock_may_be_some_minutes_ahead(scene: Scene) -> None:
    """Minutes are taken as they are told."""
    ahead = scene.context.now().replace(microsecond=0) + timedelta(minutes=4)
    payment = begun(scene, "A")
    assert paid(scene, payment, paid_at=ahead).paid_at == ahead
    assert spoken(scene, payment) == []


@pytest.mark.parametrize("has_paid_at", [False, True])
def test_a_report_from_the_future_hides_no_later_one(scene: Scene, *, has_paid_at: bool) -> None:
    """A row of a history with a wrong day would make each later report an older one: the bank takes the money back,
    and nobody would be told.
    """
    payment = begun(scene, "A")
    years = 60 * 24 * 365 * 3
    paid(scene, payment, minute=years, paid_at=START + timedelta(minutes=years) if has_paid_at else None)
    now = scene.context.now()
    found = scene.payment(payment.id)
    assert found.told_at is not None
    assert found.told_at <= now + timedelta(seconds=1)
    reversal = replace(fact(P.PAYMENT_FAILED, 0), true_at=found.told_at + timedelta(seconds=1))
    assert tell(scene, payment, reversal).state is P.REVERSED


def test_a_stored_time_in_the_future_hides_no_later_report(scene: Scene) -> None:
    """A desk whose clock was ahead has written it."""
    payment = paid(scene, begun(scene, "A"))
    scene.place.sql(f"UPDATE payments SET told_at = '2031-01-01', version = version + 1 WHERE id = {payment.id}")
    reversal = replace(fact(P.PAYMENT_FAILED, 0), true_at=scene.context.now())
    assert tell(scene, payment, reversal).state is P.REVERSED
