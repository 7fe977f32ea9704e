"""Tests of refunds on a server, by operators with their own database accounts: the triggers accept all writes of the
services.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import text

from console.domain.money import Money
from console.domain.payments.provider_messages import RefundReport
from console.domain.payments.records import Payment, Refund, RefundRequest, SetAside, SetAsideState
from console.domain.payments.states import RefundState
from console.domain.records import Certainty, WorkReason, WorkState
from console.sandbox import SandboxControl
from console.services.payments import order_status
from console.services.payments.next_work import open_case
from console.services.refunds.late_outcomes import apply_refund_report
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.payments import account_limits as accounts
from console.store.payments import payments, set_asides
from console.store.refunds import refunds
from console.wording.sentences.catalogue import LANGUAGES, format_error_message
from tests.support.overtaking import start_other_process
from tests.support.quick_desks import make_quick_folder
from tests.support.refund_desks import RefundDesk
from tests.support.refusals import call_and_get_code, call_for_refusal
from tests.support.sql_server import SqlServer
from tests.support.teams import Team, open_team

_payment_numbers = count(1)


class PeopleDesks:
    """One desk for each operator on one database. The desk of the schema account writes the shop's rows and earlier
    rows.
    """

    def __init__(self, folder: Path, control: SandboxControl, people: Team) -> None:
        self._folder, self._control, self._people = folder, control, people
        self._open: dict[str, RefundDesk] = {}

    def get_desk(self, person: str) -> RefundDesk:
        """Return the desk of this operator; it is opened at its first use."""
        if person not in self._open:
            url = self._people.owner if person == "owner" else self._people.urls[person]
            made = RefundDesk(self._folder / person, self._control, scale=1, DATABASE_URL=url, OPERATOR="")
            made.clock.offset = next(iter(self._open.values()), made).clock.offset
            self._open[person] = made
        return self._open[person]

    def make_paid_payment(self, minor: int = 3_300) -> Payment:
        """Return a paid payment of `minor` yen."""
        return self.get_desk("owner").make_paid_payment(f"ORD-{next(_payment_numbers)}", minor)

    def request_refund(self, payment: Payment, amount: str = "1000", person: str = "op-a", **more: Any) -> Refund:
        """Request a refund of the amount (yen) as the operator `person`, and return it. `more` are further fields of
        the request.
        """
        return self.get_desk(person).refunds.request(RefundRequest(payment.id, amount, "sent back", **more))

    def approve_refund(self, refund: Refund, person: str = "lead-b") -> Refund:
        """Approve the refund as the operator `person`, and return it as it is then."""
        return self.get_desk(person).refunds.approve(refund.id)

    def make_unknown_refund(self, payment: Payment, *, is_executed: bool = False) -> Refund:
        """Return a refund whose sending got no answer. With `is_executed`, the provider has made it."""
        refund = self.request_refund(payment)
        self._control.add_fault("close_after_charge" if is_executed else "reset", call="paypay_refund", times=1)
        assert call_and_get_code(lambda: self.approve_refund(refund)) == "outcome_unknown"
        return self.read_refund(refund)

    def read_refund(self, refund: Refund) -> Refund:
        """Return the refund as the database has it."""
        return self.get_desk("owner").read_refund(refund)

    def check_payment_agrees(self, payment: Payment) -> Payment:
        """Check that the amounts of the payment agree with the provider's ledger. Return the payment as the
        database has it.
        """
        return self.get_desk("owner").check_payment_agrees(payment)

    def move_clocks(self, **span: float) -> None:
        """Move the clocks of all open desks forward by `span`, the arguments of a timedelta."""
        for desk in self._open.values():
            desk.move_clock(**span)

    def end_cooling_off(self, refund: Refund) -> None:
        """Set the refund's request time and the end of its cooling-off period back by one hour, because a test cannot
        move the server's clock.
        """
        changes_sql = "created_at = created_at - INTERVAL 1 HOUR, sends_after = sends_after - INTERVAL 1 HOUR"
        self.get_desk("owner").sql(f"UPDATE refunds SET {changes_sql} WHERE id = {refund.id}")

    def move_sending_back(self, refund: Refund, seconds: float) -> None:
        """Set the sending time of the refund back by `seconds` of the console's scaled time, because a test cannot
        move the server's clock.
        """
        span = seconds / self.get_desk("owner").context.scale.factor
        earlier = f"last_sent_at = last_sent_at - INTERVAL {span} SECOND"
        self.get_desk("owner").sql(f"UPDATE refunds SET {earlier}, version = version + 1 WHERE id = {refund.id}")

    def run_as_owner(self, work: Callable[[Transaction], Any]) -> Any:
        """Run `work` in a transaction of the schema account, and return its result."""
        return self.get_desk("owner").context.database.write(work)

    def close(self) -> None:
        """Close all desks."""
        for desk in self._open.values():
            desk.close()


@pytest.fixture(scope="module")
def people(sql_server: SqlServer) -> Iterator[Team]:
    """Yield a team of operators with database accounts."""
    with open_team(sql_server) as made:
        yield made


@pytest.fixture
def control(_running_sandbox: SandboxControl) -> SandboxControl:
    """Return the control API of a sandbox that keeps its records between tests, because one provider belongs to one
    database.
    """
    _running_sandbox.clear_faults()
    return _running_sandbox


@pytest.fixture
def desks(people: Team, control: SandboxControl) -> Iterator[PeopleDesks]:
    """Yield the desks of the team's operators."""
    with make_quick_folder() as folder:
        folder.mkdir(exist_ok=True)
        made = PeopleDesks(folder, control, people)
        yield made
        made.close()


def test_a_refund_is_requested_approved_sent_and_completed(desks: PeopleDesks, control: SandboxControl) -> None:
    """An operator requests a refund, an approver approves it, and a probe by the worker completes it, each with their
    own database account. Then the rest of the payment is refunded.
    """
    payment = desks.make_paid_payment()
    refund = desks.request_refund(payment)
    sent = desks.approve_refund(refund)
    assert (sent.state, sent.sent_count) == (RefundState.SUBMITTED, 1)
    control.payments_control.change_refund_state(sent.provider_refund_key or "", "completed")
    done = desks.get_desk("worker").refunds.probe(refund.id)
    assert (done.state, done.maker, done.provider_refund_id is not None) == (
        RefundState.COMPLETED,
        refund.maker,
        True,
    )
    assert desks.check_payment_agrees(payment).refunded_minor == 1_000
    rest = desks.request_refund(payment, "2300", person="lead-c")
    assert desks.approve_refund(rest).state is RefundState.SUBMITTED
    assert desks.check_payment_agrees(payment).refundable_minor == 0


def test_an_order_is_refunded_by_two_workers_at_once(
    desks: PeopleDesks, people: Team, control: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes complete the refunds of an order's two payments in overlapping transactions. The later one sees
    the outcome of the other, and sets the order to refunded."""
    first, second = (desks.make_paid_payment(1_000) for _ in range(2))
    owner = desks.get_desk("owner")
    owner.sql("UPDATE payments SET order_id = :order WHERE id = :id", order=first.order_id, id=second.id)
    refunds_there = [desks.approve_refund(desks.request_refund(payment)) for payment in (first, second)]
    find_payments, lock_name = payments.find_by_orders, f"refunded_order_{first.order_id}"
    turns, others = iter([True]), list[Thread]()

    with make_quick_folder() as folder:
        other_desks = PeopleDesks(folder, control, people)
        other_probe = partial(other_desks.get_desk("worker").refunds.probe, refunds_there[1].id)

        def let_other_process_overtake(*args: Any, **more: Any) -> tuple[Payment, ...]:
            stored_payments = find_payments(*args, **more)
            if next(turns, False):
                others.append(start_other_process(monkeypatch, order_status, lock_name, other_probe))
            return stored_payments

        monkeypatch.setattr(payments, "find_by_orders", let_other_process_overtake)
        desks.get_desk("worker").refunds.probe(refunds_there[0].id)
        others[0].join()
        other_desks.close()
    assert [desks.read_refund(refund).state for refund in refunds_there] == [RefundState.COMPLETED] * 2
    assert owner.sql("SELECT status FROM orders WHERE id = :id", id=first.order_id)[0].status == "refunded"


def test_the_list_of_atom_proves_nothing_about_a_missing_refund(desks: PeopleDesks) -> None:
    """The approver's account stores Atom's list of the payment's refunds as evidence, but not as an answer about the
    payment or the refund. Such an answer would allow the account to change their states.
    """
    payment = desks.get_desk("owner").make_paid_payment(f"ORD{next(_payment_numbers)}", 50_000, "atom")
    refund = desks.request_refund(payment, "100")
    assert desks.approve_refund(refund).state is RefundState.SUBMITTED
    subjects = "SELECT DISTINCT subject_kind, subject_id FROM evidence WHERE source = 'atom.refund_list'"
    rows = desks.get_desk("owner").sql(subjects)
    assert [tuple(row) for row in rows] == [("operation", None)]
    desks.check_payment_agrees(payment)


def test_a_vote_of_a_former_approver_does_not_count(desks: PeopleDesks, people: Team) -> None:
    """If the first of two approvers lost the role, that vote does not count, and two other approvals are needed."""
    refund = desks.request_refund(desks.make_paid_payment(900_000), "800000")
    assert refund.checkers_needed == 2
    desks.end_cooling_off(refund)
    desks.approve_refund(refund, "lead-b")
    owner, roles = desks.get_desk("owner"), "UPDATE operators SET roles = :roles WHERE name = :name"
    owner.sql(roles, roles="operator", name=people.names["lead-b"])
    owner.sql(roles, roles="approver", name=people.names["op-b"])
    try:
        half_approved = desks.approve_refund(refund, "lead-c")
        assert (half_approved.state, half_approved.checkers) == (RefundState.REQUESTED, (people.names["lead-c"],))
        assert desks.approve_refund(refund, "op-b").state is RefundState.SUBMITTED
    finally:
        owner.sql(roles, roles="approver", name=people.names["lead-b"])
        owner.sql(roles, roles="operator", name=people.names["op-b"])


def test_a_large_refund_needs_two_approvers(desks: PeopleDesks) -> None:
    """A large refund stays requested after its first approval. After the second approval it is sent at the end of the
    cooling-off period by the server's clock.
    """
    payment = desks.make_paid_payment(900_000)
    refund = desks.request_refund(payment, "600000")
    half_approved = desks.approve_refund(refund)
    assert (half_approved.state, len(half_approved.checkers)) == (RefundState.REQUESTED, 1)
    both = desks.approve_refund(refund, person="lead-c")
    assert (both.state, len(both.checkers)) == (RefundState.APPROVED, 2)
    early = desks.get_desk("lead-c").refunds.submit
    desks.move_clocks(hours=1)
    refusal = call_for_refusal(lambda: early(refund.id))
    assert (refusal.code, refusal.detail["reason"]) == ("not_allowed", "cooling_off")
    desks.end_cooling_off(refund)
    assert desks.get_desk("lead-c").refunds.submit(refund.id).state is RefundState.SUBMITTED


def test_a_desk_with_a_clock_ahead_sends_no_refund_early(desks: PeopleDesks) -> None:
    """If the desk's clock is ahead, the cooling-off period still ends by the server's clock. The worker tries again
    after a minute, and the refund does not wait for a person.
    """
    refund = desks.request_refund(desks.make_paid_payment(900_000), "200000")
    assert desks.approve_refund(refund).state is RefundState.APPROVED
    desks.get_desk("worker")
    desks.move_clocks(hours=1)
    desks.get_desk("worker").run_due_tasks()
    waiting = desks.read_refund(refund)
    assert (waiting.state, waiting.work.state, waiting.sent_count) == (RefundState.APPROVED, WorkState.SCHEDULED, 0)
    assert waiting.work.attempt == 0, "counted as tried"
    desks.end_cooling_off(refund)
    desks.move_clocks(minutes=1, seconds=1)
    assert desks.get_desk("worker").run_due_tasks()["refund_submissions"] == 1
    assert desks.read_refund(refund).state is RefundState.SUBMITTED


def test_answers_about_a_refund_have_the_time_of_the_servers_clock(desks: PeopleDesks) -> None:
    """The clock of the sending machine is two hours behind: the time of PayPay's answer is the server's time, because
    the time of a later question, with which it is compared, is that as well."""
    refund = desks.request_refund(desks.make_paid_payment())
    desks.get_desk("lead-b").clock.offset -= timedelta(hours=2)
    accepted_refund = desks.approve_refund(refund)
    assert accepted_refund.state is RefundState.SUBMITTED
    assert accepted_refund.told_at is not None
    assert datetime.now(UTC) - accepted_refund.told_at < timedelta(minutes=30)


def test_ended_refunds_release_their_amounts(desks: PeopleDesks) -> None:
    """The amounts of a rejected, a withdrawn and an expired refund become free; only the server's clock decides when
    a refund expires.
    """
    payment = desks.make_paid_payment()
    assert (
        desks.get_desk("lead-b").refunds.reject(desks.request_refund(payment).id, "paid in cash").state
        is RefundState.REJECTED
    )
    assert desks.get_desk("op-a").refunds.withdraw(desks.request_refund(payment).id).state is RefundState.WITHDRAWN
    late = desks.request_refund(payment)
    assert call_and_get_code(lambda: desks.get_desk("op-b").refunds.withdraw(late.id)) == "not_allowed"
    desks.get_desk("owner").sql(f"UPDATE refunds SET decide_by = '2026-01-01 00:00:00' WHERE id = {late.id}")
    assert call_and_get_code(lambda: desks.approve_refund(late)) == "already_decided"
    assert desks.read_refund(late).state is RefundState.EXPIRED
    assert desks.check_payment_agrees(payment).refundable_minor == 3_300


def test_a_wrong_clock_of_a_machine_expires_nothing(desks: PeopleDesks) -> None:
    """If the clocks of the desk and the worker are 80 hours ahead, a refund does not expire, because the server set
    `decide_by` and compares it with its own clock.
    """
    refund, other_refund = (
        desks.request_refund(desks.make_paid_payment()),
        desks.request_refund(desks.make_paid_payment()),
    )
    worker = desks.get_desk("worker")
    desks.get_desk("lead-b")
    desks.move_clocks(hours=80)
    assert worker.run_due_tasks()["refund_expiry"] == 0
    assert desks.read_refund(other_refund).state is RefundState.REQUESTED
    assert desks.approve_refund(refund).state is RefundState.SUBMITTED


def test_a_refund_whose_requester_lost_the_role_expires(
    desks: PeopleDesks, control: SandboxControl, people: Team
) -> None:
    """If sending a refund failed once and its requester may no longer request refunds, the worker lets it expire
    after its time. It does not expire a refund that its requester can still withdraw.
    """
    payment, of_others = desks.make_paid_payment(), desks.make_paid_payment()
    refund, waiting = desks.request_refund(payment, person="op-b"), desks.request_refund(of_others)
    with control.cause_outage():
        for one in (refund, waiting):
            assert call_and_get_code(lambda one=one: desks.approve_refund(one)) == "provider_unreachable"
    owner, roles = desks.get_desk("owner"), "UPDATE operators SET roles = :roles WHERE name = :name"
    owner.sql(
        "UPDATE refunds SET decide_by = '2026-01-01 00:00:00', work_state = 'needs_review', work_at = NULL,"
        f" work_reason = 'not_sent' WHERE id IN ({refund.id}, {waiting.id})"
    )
    owner.sql(roles, roles="auditor", name=people.names["op-b"])
    try:
        assert desks.get_desk("worker").run_due_tasks()["refund_expiry"] == 1
    finally:
        owner.sql(roles, roles="operator", name=people.names["op-b"])
    assert (desks.read_refund(refund).state, desks.read_refund(refund).sent_count) == (RefundState.EXPIRED, 1)
    assert desks.check_payment_agrees(payment).refundable_minor == payment.captured_minor
    assert desks.approve_refund(waiting).state is RefundState.SUBMITTED


def test_an_unsent_refund_is_approved_again(desks: PeopleDesks, control: SandboxControl) -> None:
    """A refund becomes approved again after the provider's answer that the refund was not executed, or after two
    answers that the refund does not exist. The refund is then sent under its one key.
    """
    payment = desks.make_paid_payment()
    refund = desks.request_refund(payment)
    with control.cause_outage():
        assert call_and_get_code(lambda: desks.approve_refund(refund)) == "provider_unreachable"
    assert desks.approve_refund(refund).state is RefundState.SUBMITTED
    lost = desks.make_unknown_refund(other := desks.make_paid_payment())
    desks.move_sending_back(lost, 61)
    assert call_and_get_code(lambda: desks.get_desk("op-b").refunds.probe(lost.id)) == "outcome_unknown"
    desks.move_sending_back(lost, 140)
    assert desks.get_desk("worker").refunds.probe(lost.id).state is RefundState.APPROVED
    again = desks.approve_refund(lost)
    assert (again.state, again.provider_refund_key, again.sent_count) == (
        RefundState.SUBMITTED,
        lost.provider_refund_key,
        2,
    )
    desks.check_payment_agrees(other)


def test_a_refund_refused_by_the_provider_is_failed(desks: PeopleDesks, control: SandboxControl) -> None:
    """A refund that the provider refused is failed, the answer is stored as evidence, and its amount is free for
    another refund.
    """
    payment = desks.make_paid_payment()
    control.add_fault("result:UNACCEPTABLE_OP", call="paypay_refund", times=1)
    refund = desks.request_refund(payment)
    assert call_and_get_code(lambda: desks.approve_refund(refund)) == "provider_refused"
    assert desks.read_refund(refund).state is RefundState.FAILED
    answers = f"SELECT summary FROM evidence WHERE subject_kind = 'refund' AND subject_id = {refund.id}"
    assert [str(row[0]).split(" ")[2] for row in desks.get_desk("owner").sql(answers)] == ["FAILED_DEFINITE"]
    assert desks.approve_refund(desks.request_refund(payment)).state is RefundState.SUBMITTED


@pytest.mark.parametrize(("end", "number"), [("failed", None), ("completed", "T-4711")])
def test_two_people_decide_an_unknown_refund(
    desks: PeopleDesks, control: SandboxControl, end: str, number: str | None
) -> None:
    """An operator proposes and an approver confirms the outcome of an unknown refund, each with evidence. Neither can
    decide it alone, and one person cannot decide twice.
    """
    payment = desks.make_paid_payment()
    refund = desks.make_unknown_refund(payment)
    control.add_fault("status:503", call="paypay_refund_details", times="always")

    def resolve_by_letter(person: str) -> Any:
        return desks.get_desk(person).refunds.resolve(refund.id, end, f"a letter to {person}", number)

    assert resolve_by_letter("op-a").awaiting == "second_person"
    assert call_and_get_code(lambda: resolve_by_letter("op-a")) == "same_person"
    assert call_and_get_code(lambda: resolve_by_letter("op-b")) == "not_allowed"
    assert resolve_by_letter("lead-c").awaiting is None
    stored_refund = desks.read_refund(refund)
    assert (stored_refund.state.value, stored_refund.certainty, stored_refund.provider_refund_id) == (
        end,
        Certainty.KNOWN,
        number,
    )
    ours = desks.get_desk("owner").read_payment(payment.id)
    assert (ours.reserved_minor, ours.refunded_minor) == (0, 1_000 if end == "completed" else 0)


@pytest.mark.parametrize(("sender", "asker"), [(0, 10), (-10, 0)])
def test_a_wrong_clock_does_not_prove_that_no_refund_was_made(desks: PeopleDesks, sender: int, asker: int) -> None:
    """If the clocks of the sending desk and the probing desk are wrong by minutes, the rule for `not found` still
    uses the times of the server's clock.
    """
    payment = desks.make_paid_payment()
    for person, minutes in (("lead-b", sender), ("worker", asker)):
        desks.get_desk(person).clock.offset += timedelta(minutes=minutes)
    refund = desks.make_unknown_refund(payment)
    for _ in range(3):
        assert call_and_get_code(lambda: desks.get_desk("worker").refunds.probe(refund.id)) == "outcome_unknown"
    stored_refund = desks.read_refund(refund)
    assert (stored_refund.state, stored_refund.certainty, stored_refund.not_found) == (
        RefundState.SUBMITTING,
        Certainty.UNKNOWN,
        0,
    )
    desks.move_sending_back(refund, 61)
    assert call_and_get_code(lambda: desks.get_desk("worker").refunds.probe(refund.id)) == "outcome_unknown"
    desks.move_sending_back(refund, 140)
    assert desks.get_desk("worker").refunds.probe(refund.id).state is RefundState.APPROVED


def test_a_refund_settled_by_a_report_is_not_settled_twice(
    desks: PeopleDesks, control: SandboxControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker settles the refund by a report about its payment while an operator's decision queries the provider.
    The refund's amount is settled once, so another refund's reservation is not used up.
    """
    payment = desks.make_paid_payment()
    refund = desks.make_unknown_refund(payment, is_executed=True)
    key, others, worker = refund.provider_refund_key or "", list[Refund](), desks.get_desk("worker").context
    failpoints = desks.get_desk("op-b").context.failpoints
    reach = failpoints.reach

    def report_before_resolve(name: str) -> None:
        reach(name)
        if name == "before_resolve":
            report = RefundReport(key, None, "COMPLETED", RefundState.COMPLETED, Money(1_000, "JPY"))
            assert worker.write(lambda tx: apply_refund_report(worker, tx, payment.id, report))
            others.append(desks.request_refund(payment, "1300"))

    control.payments_control.change_refund_state(key, "completed")
    monkeypatch.setattr(failpoints, "reach", report_before_resolve)
    assert desks.get_desk("op-b").refunds.resolve(refund.id, "completed", "seen", key).awaiting is None
    ours = desks.get_desk("owner").read_payment(payment.id)
    assert (desks.read_refund(refund).state, desks.read_refund(others[0]).state) == (
        RefundState.COMPLETED,
        RefundState.REQUESTED,
    )
    assert (ours.refunded_minor, ours.reserved_minor) == (1_000, 1_300)


def test_a_refund_of_set_aside_money_returns_or_completes(desks: PeopleDesks) -> None:
    """If a refund of set-aside money is withdrawn, the money is set aside again. If it is completed, the money counts
    as refunded, and no person must look at the payment any more.
    """
    payment = desks.make_paid_payment()
    now = desks.get_desk("owner").context.now()

    def set_amount_aside(tx: Transaction) -> int:
        account = accounts.open_account(tx.conn, f"118030101{payment.id:04}", "JPY", 2_000)
        assert payments.set_amount_aside(tx.conn, payment.id, 1_300, now)
        open_case(
            desks.get_desk("owner").context, tx, payment.id, WorkReason.SET_ASIDE, "1300 of 3300 JPY", "at most 2000"
        )
        return set_asides.insert_set_aside(tx.conn, payment, account, 1_300, now)

    item = desks.run_as_owner(set_amount_aside)

    def read_set_aside_state() -> str:
        return str(desks.get_desk("owner").sql(f"SELECT status FROM set_asides WHERE id = {item}")[0][0])

    first = desks.request_refund(payment, "1300", set_aside_id=item)
    assert read_set_aside_state() == SetAsideState.REFUNDING
    desks.get_desk("op-a").refunds.withdraw(first.id)
    assert (read_set_aside_state(), desks.get_desk("owner").read_payment(payment.id).set_aside_minor) == (
        SetAsideState.OPEN,
        1_300,
    )
    sent = desks.approve_refund(desks.request_refund(payment, "1300", set_aside_id=item))
    desks._control.payments_control.change_refund_state(sent.provider_refund_key or "", "completed")
    desks.get_desk("op-b").refunds.probe(sent.id)
    assert desks.get_desk("owner").read_payment(payment.id).work.state is WorkState.NONE
    assert (read_set_aside_state(), desks.get_desk("owner").read_payment(payment.id).refunded_minor) == (
        SetAsideState.REFUNDED,
        1_300,
    )


def test_the_worker_requests_a_refund_of_set_aside_money(desks: PeopleDesks) -> None:
    """The worker requests the refund of set-aside money, and the approval of two approvers sends it. After a
    rejection the worker does not request it again, but people can.
    """
    now, items = desks.get_desk("owner").context.now(), list[tuple[Payment, int]]()
    for _ in range(2):
        payment = desks.make_paid_payment()

        def set_amount_aside(tx: Transaction, payment: Payment = payment) -> int:
            account = accounts.open_account(tx.conn, f"118030102{payment.id:04}", "JPY", 2_000)
            assert payments.set_amount_aside(tx.conn, payment.id, 1_300, now)
            return set_asides.insert_set_aside(tx.conn, payment, account, 1_300, now)

        items.append((payment, desks.run_as_owner(set_amount_aside)))
    assert desks.get_desk("worker").run_due_tasks()["set_aside_refunds"] == 2
    assert desks.get_desk("worker").run_due_tasks()["set_aside_refunds"] == 0
    (first, second) = (_read_refund_of_set_aside(desks, item) for _, item in items)
    assert (first.state, first.maker, first.checkers_needed) == (
        RefundState.REQUESTED,
        desks._people.names["worker"],
        2,
    )
    assert call_and_get_code(lambda: desks.approve_refund(first, person="op-a")) == "not_allowed"
    assert call_and_get_code(lambda: desks.approve_refund(first, person="worker")) == "not_allowed"
    half_approved = desks.approve_refund(first)
    assert (half_approved.state, half_approved.sent_count) == (RefundState.REQUESTED, 0)
    assert call_and_get_code(lambda: desks.approve_refund(first)) == "same_person"
    sent = desks.approve_refund(first, person="lead-c")
    assert (sent.state, desks.check_payment_agrees(items[0][0]).reserved_minor) == (RefundState.SUBMITTED, 1_300)
    desks.get_desk("lead-b").refunds.reject(second.id, "we raise the limit")
    assert desks.get_desk("worker").run_due_tasks()["set_aside_refunds"] == 0
    assert desks.request_refund(items[1][0], "1300", set_aside_id=items[1][1]).checkers_needed == 1
    assert (
        call_and_get_code(
            lambda: desks.get_desk("op-a").machinery.refund_requests.request_set_aside_refund(
                _read_set_aside(desks, items[0][1])
            )
        )
        == "not_allowed"
    )


def _read_set_aside(desks: PeopleDesks, item: int) -> SetAside:
    """Return the set-aside with this id."""
    with desks.get_desk("owner").context.database.read() as conn:
        set_aside = set_asides.find(conn, item)
    assert set_aside is not None
    return set_aside


def _read_refund_of_set_aside(desks: PeopleDesks, item: int) -> Refund:
    """Return the refund of this set-aside."""
    return desks.get_desk("op-b").refunds.read_refund(_read_set_aside(desks, item).refund_id or 0).record


def test_the_database_refuses_an_approval_by_the_requester(
    desks: PeopleDesks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database refuses an approval by the refund's own requester, even if the service's check is switched off."""
    payment = desks.make_paid_payment()
    refund = desks.request_refund(payment, person="lead-b")
    assert call_and_get_code(lambda: desks.approve_refund(refund)) == "same_person"
    monkeypatch.setattr("console.domain.recovery.decision_rules.is_same_person", lambda one, other: False)
    refusal = call_for_refusal(lambda: desks.approve_refund(refund))
    assert (refusal.code, refusal.detail["reason"]) == ("not_allowed", "refused_by_the_database")
    for language in LANGUAGES:
        assert "console: " not in format_error_message(refusal, language), "the trigger's message is for the log"
    assert (desks.read_refund(refund).state, desks.read_refund(refund).checkers) == (RefundState.REQUESTED, ())


_CHANGES_BEFORE_THE_VOTE = {
    "disabled approver": ("UPDATE operators SET disabled_at = NOW() WHERE name = '{approver}'", "unknown_operator"),
    "approver without role": ("UPDATE operators SET roles = 'auditor' WHERE name = '{approver}'", "role"),
    "disabled maker": ("UPDATE operators SET disabled_at = NOW() WHERE name = '{maker}'", "maker_active"),
    "maker in capitals": ("UPDATE refunds SET maker = UPPER(maker) WHERE id = {refund}", "maker_active"),
    "maker is the approver": ("UPDATE refunds SET maker = UPPER('{approver}') WHERE id = {refund}", None),
}


@pytest.mark.parametrize("change", _CHANGES_BEFORE_THE_VOTE)
def test_a_change_just_before_the_vote_is_named(
    desks: PeopleDesks, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """If the approver is disabled, or maker or approver change, after the service's checks and before the vote is
    stored, the vote is refused with the cause in the program's own words, and not with the message of a trigger.
    """
    refund = desks.request_refund(desks.make_paid_payment())
    statement, reason = _CHANGES_BEFORE_THE_VOTE[change]
    approver, owner = desks.get_desk("lead-b").context.operator, desks.get_desk("owner")
    statements = [statement.format(approver=approver, maker=refund.maker, refund=refund.id)]
    people = owner.sql("SELECT name, roles FROM operators WHERE disabled_at IS NULL")
    insert_vote = refunds.insert_vote

    def change_and_insert_vote(conn: Connection, refund_id: int, person: str, now: datetime) -> bool:
        if statements:
            owner.sql(statements.pop())
        return insert_vote(conn, refund_id, person, now)

    monkeypatch.setattr(refunds, "insert_vote", change_and_insert_vote)
    refusal = call_for_refusal(lambda: desks.approve_refund(refund))
    for name, roles in people:
        owner.sql(f"UPDATE operators SET disabled_at = NULL, roles = '{roles}' WHERE name = '{name}'")
    expected_code = "not_allowed" if reason else "same_person"
    assert (refusal.code, refusal.detail.get("reason")) == (expected_code, reason)
    assert (desks.read_refund(refund).state, desks.read_refund(refund).checkers) == (RefundState.REQUESTED, ())


def test_a_vote_after_the_last_needed_vote_is_not_stored(desks: PeopleDesks) -> None:
    """If one vote is needed and an approver votes after another one's vote has sent the refund, the later approver is
    refused, and that approver's vote is not stored.
    """
    refund = desks.request_refund(desks.make_paid_payment())
    assert desks.approve_refund(refund, person="lead-c").state is RefundState.SUBMITTED
    assert call_and_get_code(lambda: desks.approve_refund(refund)) == "already_decided"
    votes = desks.run_as_owner(
        lambda tx: tx.conn.scalar(text(f"SELECT COUNT(*) FROM approvals WHERE vote_of = '{refund.id}'"))
    )
    assert votes == 1


def test_the_daily_limit_counts_by_the_servers_clock(desks: PeopleDesks, people: Team) -> None:
    """If a desk's clock is ahead and shows another day in Japan, refunds that were requested today by the server's
    clock still count for the daily limit and for the check of repeated amounts.
    """
    owner, name = desks.get_desk("owner"), "per_person_day"
    set_limit = "UPDATE limits SET value = :value WHERE name = :name AND currency = 'JPY'"
    (before,) = owner.sql("SELECT value FROM limits WHERE name = :name AND currency = 'JPY'", name=name)[0]
    first, second = desks.make_paid_payment(), desks.make_paid_payment()
    maker = desks.get_desk("op-b")
    try:
        # Refunds of earlier tests that have moved no money don't count, so the console says how much does.
        owner.sql(set_limit, value=1, name=name)
        already = call_for_refusal(lambda: desks.request_refund(first, person="op-b")).detail["today"]
        owner.sql(set_limit, value=already + 1_500, name=name)
        earlier = desks.request_refund(first, person="op-b")
        maker.clock.offset += timedelta(days=1)
        refused = call_for_refusal(lambda: desks.request_refund(second, person="op-b"))
        assert (refused.code, refused.detail["reason"]) == ("over_limit", "per_person_day")
        desks.get_desk("lead-b").refunds.reject(earlier.id, "not this one")
        done = desks.approve_refund(desks.request_refund(first, "500", person="op-b"))
        owner.sql(set_limit, value=before, name=name)
        assert done.state is RefundState.SUBMITTED
        assert call_and_get_code(lambda: desks.request_refund(first, "500", person="op-b")) == "possible_repeat"
    finally:
        owner.sql(set_limit, value=before, name=name)
