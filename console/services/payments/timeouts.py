"""A payment whose time has passed: asked about once more, expired, its order cancelled, its stock given free.

Declared below as a saga, in this order. Nothing is guessed: without a usable word that nobody has paid, it waits.
The pivot is the cancelled order, which nobody un-cancels: until then a payment that turns out to be paid lets its
order go on; money that comes later is booked, and a case for people.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from console.domain.order_records import Order, OrderState, Payment
from console.domain.outcomes import Outcome, OutcomeClass
from console.domain.payment_records import PaymentReport, PaymentState
from console.domain.records import Certainty
from console.domain.schedules import PAYMENT_TIMEOUTS
from console.domain.truth import ENDED_UNPAID, PAID, WAITING
from console.domain.worker_records import Saga, SagaState
from console.services import account_money, order_moving, payment_work, timed_out
from console.services.desk import Desk
from console.services.due import BATCH, Task, skipping
from console.services.parts import part_code
from console.services.payment_probing import CALL, PaymentProbing, told
from console.services.saga_running import (
    Back,
    Do,
    Effect,
    Onward,
    Over,
    Plan,
    Question,
    SagaRunner,
    Undo,
    Verdict,
    Wait,
)
from console.services.timed_out import ASK, CANCEL, EXPIRE, KIND, RELEASE
from console.store import alerts, journal, orders, payment_times, payments, sagas, stock
from console.store.engine import Transaction

TASK = "payment_timeouts"
ASKED_AT = "asked_at"
MOST = 10 * BATCH
"""So many are taken in one run; those left have their turn in the next."""
FRESH = timedelta(minutes=2)
"""A provider's word is acted on for so long; afterwards it is asked again."""
PASSED_OVER = timedelta(minutes=5)
"""So long waits who was not asked, because others had asked in vain: nobody waits longer for the others' attempts."""
_UNREACHABLE = "provider_unreachable"
_SILENT = (_UNREACHABLE, "provider_auth", "rate_limited")
"""Answers that say something about the provider, and so about whatever else it would be asked now."""
UNHEARD = 3
"""So many questions in a row without an answer: the provider is away. A single one may be lost by itself."""


class PaymentTimeouts:
    """Finds payments whose time has passed, and takes each through its steps."""

    def __init__(self, desk: Desk, probing: PaymentProbing) -> None:
        self._desk = desk
        self._probing = probing
        self._silent: dict[str, str] = {}  # providers that can't be asked in this run, and why
        self._unheard: Counter[str] = Counter()  # questions in a row that were not answered
        steps = (
            Question(ASK, self._ask),
            Effect(EXPIRE, self._expire, undo=self._let_go_on),
            Effect(CANCEL, self._cancel),  # never undone: whoever pays a cancelled order is a case for people
            Effect(RELEASE, self._release),
        )
        plan = Plan(KIND, payments.KIND, steps, PAYMENT_TIMEOUTS, self._stopped)
        self._sagas = SagaRunner(desk, plan)

    def tasks(self) -> tuple[Task, ...]:
        return ((TASK, self.sweep),)

    def sweep(self) -> int:
        """Begin what is over, go on with what is due; how many were taken."""
        self._silent, self._unheard = {}, Counter()
        return self._all_of(self._begin_some) + self._all_of(self._resume_some) + self._all_of(self._take_up_some)

    def take(self, payment_id: int) -> Saga | None:
        """Begin or go on with one payment's end, now; what was gone on with, None where its time isn't over."""
        with self._desk.database.read() as conn:
            payment, saga = payments.find(conn, payment_id), sagas.open_of(conn, KIND, payments.KIND, payment_id)
        if payment is not None and saga is None and self._begin(payment):
            with self._desk.database.read() as conn:
                saga = sagas.open_of(conn, KIND, payments.KIND, payment_id)
        if saga is not None:
            self._resume(saga)
        return saga

    def go_on(self, payment_id: int) -> None:
        """A person has looked: an end that was stuck is taken up again at its step, now. Nothing where none is."""
        with self._desk.database.read() as conn:
            saga = sagas.open_of(conn, KIND, payments.KIND, payment_id)
        if saga is None or saga.state is not SagaState.STUCK:
            return
        self._desk.require("probe")
        self._resume(self._sagas.resume(saga, lambda tx: self._settled(tx, saga)))

    def _stopped(self, tx: Transaction, saga: Saga) -> None:
        """Fails again and again by a fault of ours: a case, with the step and the reason."""
        observed = f"{saga.step}: {saga.reason}"
        payment_work.open_case(self._desk, tx, saga.subject_id, timed_out.STUCK, observed, "done")

    def _settled(self, tx: Transaction, saga: Saga) -> None:
        desk = self._desk
        for alert in alerts.of_subject(tx.conn, payments.KIND, saga.subject_id):
            if alert.rule_id == timed_out.STUCK and alert.resolved_at is None:
                alerts.resolve(tx.conn, alert.id, desk.now())
        desk.note(tx, "payment.timeout_resumed", saga.subject_id, {"step": saga.step}, kind=payments.KIND)
        payment = payment_work.required(tx, saga.subject_id)
        if payment.work.reason == timed_out.STUCK:
            work = payment_work.resting(desk, tx, payment, payment.state)
            payments.change(tx.conn, payment, desk.now(), **payments.work_values(work))

    def _all_of(self, some: Callable[[], int]) -> int:
        """Batch after batch until one isn't full; bounded, as a clock may have jumped."""
        done = 0
        while done < MOST:
            taken = some()
            done += taken
            if taken < BATCH:
                break
        return done

    # Beginning

    def _begin_some(self) -> int:
        with self._desk.database.read() as conn:
            found = payment_times.over(conn, KIND, self._desk.now(), BATCH)
        return sum(self._begin(payment) for payment in found)

    def _begin(self, payment: Payment) -> int:
        begun = False
        with skipping(f"the end of payment {payment.id}"):
            self._desk.failpoints.reach("before_saga")
            begun = self._desk.write(lambda tx: self._write_begun(tx, payment.id))
            self._desk.failpoints.reach("after_saga")
        return int(begun)

    def _write_begun(self, tx: Transaction, payment_id: int) -> bool:
        fresh = payments.find(tx.conn, payment_id)
        if fresh is None or not timed_out.is_over(fresh, self._desk.now()):
            return False
        return timed_out.begin(self._desk, tx, fresh) is not None

    # Going on

    def _resume_some(self) -> int:
        with self._desk.database.read() as conn:
            found = [one for one in sagas.due(conn, self._desk.now(), BATCH) if one.kind == KIND]
        return sum(self._resume(saga) for saga in found)

    def _take_up_some(self) -> int:
        """What was stuck, and whose case was closed by a decision about the payment or by facts."""
        with self._desk.database.read() as conn:
            found = sagas.settled(conn, KIND, timed_out.STUCK, BATCH)
        return sum(self._resume(self._sagas.resume(saga, lambda tx: None)) for saga in found)

    def _resume(self, saga: Saga) -> int:
        """Under the payment's own lease, so that neither a probe nor a decision comes between."""
        with skipping(f"the end of payment {saga.subject_id}"), self._probing.held(saga.subject_id) as payment:
            if saga.step == ASK and payment.provider in self._silent:
                self._sagas.pass_over(saga, self._silent[payment.provider], PASSED_OVER)
            else:
                self._sagas.run(saga)
        return 1

    # 1: ask once more

    def _ask(self, saga: Saga) -> Do:
        """A read, with no transaction open. What has ended meanwhile needs no question."""
        payment, asked_at = self._probing.current(saga.subject_id), self._desk.now()
        if payment.state not in WAITING:
            return lambda tx, _saga: _standing(payment_work.required(tx, payment.id)) or Onward()
        if payment.certainty is Certainty.KNOWN and not timed_out.is_over(payment, asked_at):
            return lambda _tx, _saga: Wait("not_over", payment.expires_at)
        outcome = self._probing.ask(payment)
        return lambda tx, _saga: self._heard(tx, payment, outcome, asked_at)

    def _heard(
        self, tx: Transaction, payment: Payment, outcome: Outcome[PaymentReport] | None, asked_at: datetime
    ) -> Verdict:
        """What the answer means for the payment is written as that of any other read; then whether it is unpaid."""
        if outcome is None:
            return Wait("nobody_to_ask")
        self._probing.take(tx, payment, outcome, asked_at, CALL)
        if told(outcome) is not None or outcome.kind is OutcomeClass.NOT_FOUND:
            tx.after_commit(lambda: self._note_answer(payment.provider, None))
        after = payment_work.required(tx, payment.id)
        standing = _standing(after)
        if standing is not None:
            return standing
        if after.state in ENDED_UNPAID or is_unpaid(outcome):
            return Onward({ASKED_AT: asked_at.isoformat()})
        if told(outcome) is not None:
            return Wait("in_between")
        code = part_code(outcome)
        tx.after_commit(lambda: self._note_answer(payment.provider, code))
        return Wait(code)

    def _note_answer(self, provider: str, code: str | None) -> None:
        """Who takes no questions of ours takes none of the others; who was not heard is asked again, a few times."""
        self._unheard[provider] = self._unheard[provider] + 1 if code == _UNREACHABLE else 0
        if code in _SILENT and (code != _UNREACHABLE or self._unheard[provider] >= UNHEARD):
            self._silent[provider] = code

    # 2: expire the payment

    def _expire(self, tx: Transaction, saga: Saga) -> Verdict:
        """By our own clock, on the provider's fresh word. Whoever pays after all is booked late."""
        desk, payment = self._desk, payment_work.required(tx, saga.subject_id)
        standing = _standing(payment)
        if standing is not None:
            return Back(ASK) if isinstance(standing, Wait) else standing
        if payment.state in ENDED_UNPAID:
            return Onward()
        if not timed_out.is_over(payment, desk.now()) or not self._is_fresh(saga, payment):
            return Back(ASK)
        if payment.account_minor:
            account_money.release(tx, payment)
        work = payment_work.resting(desk, tx, payment, PaymentState.EXPIRED)
        values = {"account_minor": 0, "error_code": None, **payments.work_values(work)}
        payments.follow(tx.conn, payment, (PaymentState.EXPIRED,), desk.now(), **values)
        desk.note(tx, "payment.expired", payment.id, {"until": payment.expires_at}, kind=payments.KIND)
        return Onward()

    def _is_fresh(self, saga: Saga, payment: Payment) -> bool:
        """Whether the answer is of just now, and nothing was heard since."""
        asked_at = datetime.fromisoformat(str(saga.facts[ASKED_AT]))
        if payment.told_at is not None and payment.told_at > asked_at:
            return False
        return timedelta(0) <= self._desk.now() - asked_at <= FRESH

    def _let_go_on(self, tx: Transaction, saga: Saga) -> None:
        """It was paid after all, before its order was cancelled: the order follows, as it would have."""
        payment = payment_work.required(tx, saga.subject_id)
        self._desk.note(tx, "payment.expiry_undone", payment.id, kind=payments.KIND)
        if payment.state in PAID and payment.order_id is not None:
            tx.after_commit(lambda: order_moving.follow(self._desk, payment.id))

    # 3: cancel the order

    @orders.runs_again()
    def _cancel(self, tx: Transaction, saga: Saga) -> Verdict:
        """Only what nobody can pay and nobody has paid is cancelled."""
        payment = payment_work.required(tx, saga.subject_id)
        order = orders.find(tx.conn, payment.order_id) if payment.order_id is not None else None
        if payment.state not in ENDED_UNPAID:
            return Undo("paid_late")
        if order is None:
            return Over("no_order")
        verdict = self._why_not(tx, payment, order)
        if verdict is None:
            orders.change(tx.conn, order, self._desk.now(), status=OrderState.CANCELLED)
            self._desk.note(tx, "order.cancelled", order.id, {"payment": payment.id}, kind=orders.KIND)
        return verdict or Onward({timed_out.CANCELLED: order.id})

    def _why_not(self, tx: Transaction, payment: Payment, order: Order) -> Verdict | None:
        """What keeps the order from being cancelled by us; None: nothing."""
        if order.work.reason == orders.UNREADABLE:
            return Wait(orders.UNREADABLE)
        if order.state is OrderState.CANCELLED:
            return Onward()
        if order.state is not OrderState.PENDING:
            return Over(f"order_{order.state.value}")
        now, lapsed = self._desk.now(), journal.lapsed_subjects(tx.conn, payments.KIND)
        others = [one for one in payments.of_order(tx.conn, order.id, lapsed) if one.id != payment.id]
        if any(one.state in PAID for one in others):
            return Over("other_paid")
        ends = [payment.expires_at, *(one.expires_at for one in others if is_alive(one))]
        ahead = [end for end in ends if end is not None and end > now]
        if any(is_alive(one) for one in others):
            return Wait("other_payment", min(ahead, default=None))
        return Wait("may_begin_again", min(ahead)) if ahead else None

    # 4: give its stock free

    def _release(self, tx: Transaction, saga: Saga) -> Verdict:
        """What is held still; what the shop has used or given free stays as it is."""
        payment = payment_work.required(tx, saga.subject_id)
        order = orders.find(tx.conn, payment.order_id) if payment.order_id is not None else None
        if order is None or order.state is not OrderState.CANCELLED:
            return Over("order_not_cancelled")
        released = stock.release(tx.conn, order.id, self._desk.now())
        if released:
            self._desk.note(tx, "order.stock_released", order.id, {"reservations": released}, kind=orders.KIND)
        return Onward()


def is_unpaid(outcome: Outcome[PaymentReport]) -> bool:
    """Whether the provider says that nobody has paid: it knows no payment, or of the code alone."""
    report = told(outcome)
    if report is None:
        return outcome.kind is OutcomeClass.NOT_FOUND
    return report.state in WAITING and not report.final and report.provider_payment_id is None


def is_alive(payment: Payment) -> bool:
    """Whether money may still come by it."""
    return payment.state in WAITING or payment.certainty is Certainty.UNKNOWN


def _standing(payment: Payment) -> Verdict | None:
    """What is settled whatever the provider says of the code: it was paid, or nobody knows."""
    if payment.certainty is Certainty.UNKNOWN:
        return Wait("unknown")
    return None if payment.state in WAITING | ENDED_UNPAID else Over("paid")
