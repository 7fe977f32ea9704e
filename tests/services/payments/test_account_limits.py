"""An account limits the sum of the payments that may be booked for a corporation: the tests change payments and check
the sums of the account.
"""

from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.cli.text_output.record_details import format_details_lines
from console.cli.text_output.translator import Translator
from console.domain.money import Money
from console.domain.payments.consistency import compute_money_parts, compute_reversed_minor
from console.domain.payments.records import Payment, SetAsideState
from console.domain.payments.states import PaymentState, RefundState
from console.domain.records import Work, WorkReason, WorkState
from console.services.payments import account_limits as account_money
from console.services.refunds import outcomes
from console.store.database import unreadable_rows
from console.store.database.engine import Transaction
from console.store.payments import payments, set_asides
from console.store.refunds import refunds
from console.store.refunds.refunds import NewRefund
from tests.services.payments.test_apply_report import apply_reports, make_payment, make_report, report_payment_as_paid
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.payment_desks import OpenDeskOf, PaymentDesk

pytestmark = pytest.mark.engines("sqlite")
CORPORATION_NUMBER, OTHER_NUMBER = CORPORATION_NUMBERS[0], CORPORATION_NUMBERS[1]


def read_account_sums(scene: PaymentDesk) -> list[tuple[object, ...]]:
    """Return the booked and the reserved sum (minor units) of each account, ordered by the id of the account."""
    return [tuple(row) for row in scene.place.sql("SELECT balance_minor, reserved_minor FROM accounts ORDER BY id")]


def make_reserved_payment(scene: PaymentDesk, number: str, minor: int) -> Payment:
    """Insert a payment (payment number `number`) of the corporation CORPORATION_NUMBER for which its account has
    reserved `minor` yen; return the payment.
    """
    condition = f"corporation_number = '{CORPORATION_NUMBER}' AND currency = 'JPY'"
    scene.place.sql(f"UPDATE accounts SET reserved_minor = reserved_minor + {minor} WHERE {condition}")
    return make_payment(scene, number, corporation_number=CORPORATION_NUMBER, account_minor=minor)


def test_an_account_counts_paid_instead_of_reserved_amounts(scene: PaymentDesk) -> None:
    """A payment is paid: its amount is booked in the account of its own corporation and currency, and its reservation
    there ends. The reservations of other payments stay.
    """
    scene.insert_account(CORPORATION_NUMBER, 10_000)
    scene.insert_account(OTHER_NUMBER, 10_000)
    scene.insert_account(CORPORATION_NUMBER, 10_000, "INR")
    make_reserved_payment(scene, "ORD-1", 1000)
    report_payment_as_paid(scene, make_reserved_payment(scene, "ORD-2", 3300))
    assert read_account_sums(scene) == [(3300, 1000), (0, 0), (0, 0)]
    assert scene.list_open_alert_rules() == []


def test_a_payment_without_an_account_changes_no_account(scene: PaymentDesk) -> None:
    """A payment without a corporation, and one of a corporation without an account, change no account."""
    scene.insert_account(CORPORATION_NUMBER, 10_000)
    assert report_payment_as_paid(scene, make_payment(scene, "ORD-1")).captured_minor == 3300
    assert (
        report_payment_as_paid(scene, make_payment(scene, "ORD-2", corporation_number=OTHER_NUMBER)).captured_minor
        == 3300
    )
    apply_reports(
        scene,
        make_payment(scene, "ORD-3", corporation_number=OTHER_NUMBER),
        make_report(PaymentState.PAYMENT_FAILED, 1),
    )
    assert read_account_sums(scene) == [(0, 0)]


@pytest.mark.parametrize(
    ("limit", "booked", "excess"),
    [(3300, 3300, 0), (3301, 3300, 0), (3299, 3299, 1), (3000, 3000, 300), (0, 0, 3300)],
)
def test_an_amount_above_the_limit_is_set_aside(scene: PaymentDesk, limit: int, booked: int, excess: int) -> None:
    """A payment exceeds the limit of its account: exactly the part above the limit is set aside, and one case
    contains the sums.
    """
    scene.insert_account(CORPORATION_NUMBER, limit)
    payment = report_payment_as_paid(scene, make_payment(scene, "ORD-1", corporation_number=CORPORATION_NUMBER))
    assert read_account_sums(scene) == [(booked, 0)]
    assert (payment.captured_minor, payment.set_aside_minor) == (3300, excess)
    asides = scene.payments.list_set_asides()
    assert [one.record.amount_minor for one in asides] == ([excess] if excess else [])
    translator = Translator()
    lines = tuple(format_details_lines(scene.payments.read_payment(payment.id), translator))
    assert (translator("screen.set_asides") in lines) == bool(excess)
    alert_rows = scene.place.sql("SELECT rule_id, observed, expected FROM alerts")
    expected = [("set_aside", f"{excess} of 3300 JPY", f"at most {limit} JPY")] if excess else []
    assert [tuple(row) for row in alert_rows] == expected


@pytest.mark.parametrize("end", [PaymentState.PAYMENT_FAILED, PaymentState.EXPIRED])
def test_a_payment_that_ends_unpaid_releases_its_reservation(scene: PaymentDesk, end: PaymentState) -> None:
    """A payment that ends unpaid releases its own reservation in the account, and only once; the reservations of
    other payments stay.
    """
    scene.insert_account(CORPORATION_NUMBER, 10_000)
    make_reserved_payment(scene, "ORD-1", 1000)
    ended = apply_reports(
        scene, make_reserved_payment(scene, "ORD-2", 3300), make_report(end, 1), make_report(end, 2)
    )
    assert (read_account_sums(scene), ended.account_minor) == ([(0, 1000)], 0)


def test_a_reversed_payment_leaves_its_account(scene: PaymentDesk) -> None:
    """A booked payment is reversed: the account's balance no longer contains the amount of this payment. Other
    payments stay booked.
    """
    scene.insert_account(CORPORATION_NUMBER, 4000)
    report_payment_as_paid(scene, make_payment(scene, "ORD-1", corporation_number=CORPORATION_NUMBER))
    payment = report_payment_as_paid(scene, make_payment(scene, "ORD-2", corporation_number=CORPORATION_NUMBER))
    assert (read_account_sums(scene), payment.set_aside_minor) == ([(4000, 0)], 2600)
    apply_reports(scene, payment, make_report(PaymentState.PAYMENT_FAILED, 2))
    assert read_account_sums(scene) == [(3300, 0)]


def test_a_payment_without_a_corporation_changes_no_account(scene: PaymentDesk) -> None:
    """A payment without a corporation ends unpaid, is booked or is reversed: no account changes, and there is no
    error and no case.
    """
    alone = make_payment(scene, "ORD-1")
    scene.context.write(lambda tx: account_money.release_amount(tx, alone))
    scene.context.write(lambda tx: account_money.subtract_reversed_amount(scene.context, tx, alone.id))
    scene.context.write(lambda tx: account_money.book_amount(scene.context, tx, alone, Money(3300, "JPY")))
    assert scene.list_open_alert_rules() == []


class _PaymentHistory:
    """Three payments of one corporation whose account has a limit of 5,000 yen. The object records how much of each
    payment the account must contain as long as the payment isn't reversed.
    """

    def __init__(self, scene: PaymentDesk, number: str) -> None:
        self._scene = scene
        scene.insert_account(number, 5000)
        self.payment_ids = [make_payment(scene, f"{number}-{n}", corporation_number=number).id for n in range(3)]
        self._booked = [0, 0, 0]
        self._accepted_refunds: dict[int, int] = {}

    def apply_action(self, act: str, payment_index: int, minor: int) -> None:
        """Apply the action `act` (pay, reverse, accept, complete and so on) to the payment at the index
        `payment_index`, if the payment's state allows that. `minor` is the amount (yen) of a refund that is
        accepted; this refund stays open until it is completed or failed.
        """
        payment = self._scene.read_payment(self.payment_ids[payment_index])
        if act == "pay" and payment.captured_minor == 0:
            room = 5000 - self.compute_expected_sum()
            report_payment_as_paid(self._scene, payment)
            self._booked[payment_index] = min(3300, room)
        elif act == "reverse" and payment.state is PaymentState.COMPLETED:
            apply_reports(self._scene, payment, make_report(PaymentState.PAYMENT_FAILED, 9))
        elif act in ("accept", "accept_set_aside") and payment_index not in self._accepted_refunds:
            is_set_aside = act == "accept_set_aside"
            self._scene.context.write(
                lambda tx: self._accept_refund(tx, payment_index, minor, is_set_aside=is_set_aside)
            )
        elif act in ("complete", "fail") and payment_index in self._accepted_refunds:
            refund_id = self._accepted_refunds.pop(payment_index)
            self._scene.context.write(
                lambda tx: self._end_refund(tx, payment_index, refund_id, is_completed=act == "complete")
            )

    def _accept_refund(self, tx: Transaction, payment_index: int, minor: int, *, is_set_aside: bool) -> None:
        """Insert a refund in the state `submitting`, from which it can be completed or failed. The refund is of
        `minor` yen of the payment, or of all of the payment's set-aside money if `is_set_aside` is True. Insert
        nothing if the payment has no such money.
        """
        payment_id, now, aside = self.payment_ids[payment_index], self._scene.context.now(), None
        if is_set_aside:
            aside = next(iter(set_asides.find_by_payment(tx.conn, payment_id)), None)
            if aside is None:
                return
            minor = aside.amount_minor
        if not payments.reserve_amount(tx.conn, payment_id, minor, now, is_from_set_aside=is_set_aside):
            return
        new = NewRefund(
            payment_id, None, minor, "JPY", "op-a", "sent back", "{}", "[]", 1, now + timedelta(hours=72),
            set_aside_id=aside.id if aside else None,
        )  # fmt: skip
        refund_id = self._accepted_refunds[payment_index] = refunds.insert_refund(tx.conn, new, now)
        if aside is not None:
            set_asides.change_set_aside(tx.conn, aside, now, SetAsideState.REFUNDING, refund_id)
        refunds.insert_vote(tx.conn, refund_id, "lead-b", now)
        for values in (
            {"status": RefundState.APPROVED},
            {"status": RefundState.SUBMITTING, "provider_refund_key": f"RFD-{refund_id}"},
        ):
            refunds.change_refund(tx.conn, outcomes.require_refund(tx, refund_id), now, **values)

    def _end_refund(self, tx: Transaction, payment_index: int, refund_id: int, *, is_completed: bool) -> None:
        """Complete the accepted refund, or mark the refund as failed."""
        refund = outcomes.require_refund(tx, refund_id)
        if not is_completed:
            outcomes.mark_refund_failed(self._scene.context, tx, refund, "refused")
            return
        outcomes.mark_refund_completed(self._scene.context, tx, refund, None)
        if refund.set_aside_id is None:
            self._booked[payment_index] -= refund.amount_minor

    def compute_expected_sum(self) -> int:
        """Return the sum (yen) that the account must contain now."""
        states = [self._scene.read_payment(payment_id).state for payment_id in self.payment_ids]
        return sum(
            minor for minor, state in zip(self._booked, states, strict=True) if state is not PaymentState.REVERSED
        )


_NEW_CORPORATION_NUMBERS = count(7_000_000_000_000)
_HISTORY_STEPS = st.tuples(
    st.sampled_from(
        (
            ("pay",),
            ("reverse",),
            ("accept",),
            ("accept_set_aside",),
            ("complete",),
            ("fail",),
            ("accept", "complete"),
            ("accept_set_aside", "complete"),
        )
    ),
    st.integers(0, 2),
    st.sampled_from((1, 1000, 3300)),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(_HISTORY_STEPS, min_size=2, max_size=9))
def test_an_account_equals_paid_less_returned_amounts(
    scene: PaymentDesk, steps: list[tuple[tuple[str, ...], int, int]]
) -> None:
    """After each step of any sequence of payments, refunds and reversals, the account's balance is the paid sum up to
    the limit, less the sum that was given back. The second payment exceeds the limit.
    """
    number = str(next(_NEW_CORPORATION_NUMBERS))
    history = _PaymentHistory(scene, number)
    for acts, payment_index, minor in ((("pay",), 0, 0), (("pay",), 1, 0), *steps):
        for act in acts:
            history.apply_action(act, payment_index, minor)
        query = f"SELECT balance_minor, reserved_minor FROM accounts WHERE corporation_number = '{number}'"
        assert [tuple(row) for row in scene.place.sql(query)] == [(history.compute_expected_sum(), 0)], steps


@pytest.mark.parametrize(("refund_end", "before"), [("complete", 2300), ("fail", 3300)])
def test_a_refund_that_ends_after_the_reversal_changes_nothing(
    scene: PaymentDesk, refund_end: str, before: int
) -> None:
    """A payment has a refund that ends (completed or failed) before the payment is reversed, and another refund that
    the provider has accepted and that ends after the reversal. After the reversal the account contains nothing of the
    payment, and the end of the second refund changes nothing.
    """
    history = _PaymentHistory(scene, CORPORATION_NUMBER)
    for act in ("pay", "accept", refund_end):
        history.apply_action(act, 0, 1000)
    assert read_account_sums(scene) == [(before, 0)]
    for act in ("accept", "reverse"):
        history.apply_action(act, 0, 1700)
    assert read_account_sums(scene) == [(0, 0)]
    history.apply_action(refund_end, 0, 1700)
    assert read_account_sums(scene) == [(0, 0)]


@pytest.mark.parametrize(
    ("actions", "state"),
    [
        (["accept_set_aside", "complete"], SetAsideState.REFUNDED),
        (["reverse"], SetAsideState.REVERSED),
        (["accept_set_aside", "fail", "reverse"], SetAsideState.REVERSED),
        (["accept_set_aside", "reverse", "fail"], SetAsideState.REVERSED),
        (["accept_set_aside", "reverse", "complete"], SetAsideState.REFUNDED),
    ],
)
def test_money_set_aside_ends_with_its_refund_or_the_reversal(
    scene: PaymentDesk, actions: list[str], state: SetAsideState
) -> None:
    """After the refund of money set aside, or the reversal of its payment, nothing waits for a refund: the list and
    the due task are empty, and no case asks for a refund.
    """
    history = _PaymentHistory(scene, CORPORATION_NUMBER)
    for payment_index in (0, 1):
        history.apply_action("pay", payment_index, 0)
    assert "set_aside" in scene.list_open_alert_rules()
    for action in actions:
        history.apply_action(action, 1, 0)
    assert scene.payments.list_set_asides() == ()
    assert "set_aside" not in scene.list_open_alert_rules()
    payment = scene.read_payment(history.payment_ids[1])
    assert payment.work.reason != "set_aside"
    with scene.context.database.read() as conn:
        (item,) = set_asides.find_by_payment(conn, payment.id)
        assert set_asides.list_open_set_asides_without_refund(conn, 10) == ()
        parts = compute_money_parts(payment, refunds.find_by_payment(conn, payment.id))
    assert item.state is state
    assert (parts.set_aside, parts.refundable + parts.refunded + compute_reversed_minor(payment)) == (0, 3300)


def test_money_set_aside_waits_again_after_a_failed_refund(scene: PaymentDesk) -> None:
    """If the refund of money set aside fails, the money is listed again, and its case stays open."""
    history = _PaymentHistory(scene, CORPORATION_NUMBER)
    for action, payment_index in (("pay", 0), ("pay", 1), ("accept_set_aside", 1), ("fail", 1)):
        history.apply_action(action, payment_index, 0)
    assert [item.record.state for item in scene.payments.list_set_asides()] == [SetAsideState.OPEN]
    assert scene.list_open_alert_rules() == ["set_aside"]


@pytest.mark.parametrize("does_provider_answer", [True, False])
def test_a_decision_leaves_the_case_about_money_set_aside_open(
    scene: PaymentDesk, open_desk_of: OpenDeskOf, does_provider_answer: bool
) -> None:
    """People decide that a payment above its account's limit is completed, with the provider's answer or without one.
    The money set aside still waits for its refund, so its case stays open and the payment still waits for a review.
    """
    order_id = scene.insert_order("ORD-1", 3300, corporation=CORPORATION_NUMBER)
    payment = scene.payments.start(order_id, "paypay").payment
    scene.insert_account(CORPORATION_NUMBER, 1000)
    scene.money.change_payment_state("paypay", "ORD-1", "paid")
    scene.payments.probe(payment.id)
    if not does_provider_answer:
        scene.control.add_fault("status:503", call="paypay_payment", times="always")
    with open_desk_of("lead-b") as lead:
        for desk in (scene,) if does_provider_answer else (scene, lead):
            assert desk.payments.resolve(payment.id, "completed", "the bank's letter").record.state == "completed"
    assert [item.record.amount_minor for item in scene.payments.list_set_asides()] == [2300]
    assert scene.list_open_alert_rules() == ["set_aside"]
    assert scene.read_payment(payment.id).work == Work(WorkState.NEEDS_REVIEW, reason=WorkReason.SET_ASIDE)


def test_a_deleted_account_hides_no_set_aside(scene: PaymentDesk) -> None:
    """An administrator deletes the account whose limit a payment exceeded: the money set aside is still listed, but
    without a limit.
    """
    scene.insert_account(CORPORATION_NUMBER, 0)
    payment = report_payment_as_paid(scene, make_payment(scene, "ORD-1", corporation_number=CORPORATION_NUMBER))
    scene.place.drop_table_triggers("accounts")
    scene.place.sql("DELETE FROM accounts")
    (item,) = scene.payments.list_set_asides()
    assert (item.payment.id, item.account, item.limit_minor) == (payment.id, None, None)


@pytest.mark.expects_log("rows that can't be read are told")
def test_an_unreadable_payment_hides_no_other_set_aside(scene: PaymentDesk) -> None:
    """Money of three payments is set aside, and another program has written an unknown state into the first two. The
    third amount is listed, also if a page has room for a single one.
    """
    unreadable_rows._logged_rows.clear()
    unreadable_rows.pop_unreported_rows()
    scene.insert_account(CORPORATION_NUMBER, 0)
    first, second, third = (
        report_payment_as_paid(scene, make_payment(scene, f"ORD-{number}", corporation_number=CORPORATION_NUMBER)).id
        for number in range(3)
    )
    scene.place.drop_table_triggers("payments")
    scene.place.sql(f"UPDATE payments SET status = 'future' WHERE id IN ({first}, {second})")
    for limit in (1, 50):
        assert [item.payment.id for item in scene.payments.list_set_asides(limit)] == [third]
    reported_rows = {(row.kind, row.subject_id) for row in unreadable_rows.pop_unreported_rows()}
    assert reported_rows == {("payment", first), ("payment", second)}
