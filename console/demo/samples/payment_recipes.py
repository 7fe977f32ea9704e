"""What there is to see among the invented payments: each recipe makes all of one kind."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from console.domain.order_records import OrderState
from console.domain.payment_records import PaymentState, RefundState
from console.services.samples.maker import SECOND, Answer, Event, needs_review
from console.services.samples.money_maker import ORDER, PAYMENT, MoneyMaker, PaymentSample

_O, _P, _R = OrderState, PaymentState, RefundState
PROVIDERS = ("paypay", "atom")


def scheduled(reason: str, at: object, attempts: int = 0) -> dict[str, object]:
    return {"work_state": "scheduled", "work_reason": reason, "work_at": at, "work_attempts": attempts}


def _waiting(maker: MoneyMaker) -> Iterator[PaymentSample]:
    """The payer has the code or the page; one of them pays by itself while somebody looks on."""
    for turn in range(5):
        made = maker.begun("pays_by_itself" if not turn else "waiting", maker.ago(0.2, 3), PROVIDERS[turn % 2])
        made.values |= scheduled("waiting", maker.now + timedelta(seconds=20 + turn))
        yield made


def _unknown(maker: MoneyMaker) -> Iterator[PaymentSample]:
    """Nobody answered when the code or token was asked for."""
    for turn, provider in enumerate(("paypay", "paypay", "atom", "atom")):
        made = maker.begun("unknown", maker.ago(20, 2_000), provider)
        made.status, made.journal, made.theirs = _P.INITIALIZING, ("unknown", "UNKNOWN", "read_timeout"), None
        made.there = "created" if provider == "paypay" and turn % 2 else None
        made.values = {"certainty": "unknown", "error_code": "read_timeout"}
        made.values |= (
            scheduled("unknown", maker.now + timedelta(minutes=5 + turn), 1)
            if turn % 2
            else needs_review("probes_ended")
        )
        made.tells.clear()
        at = made.at + timedelta(seconds=31)
        made.tell(PAYMENT, at, "worker", "payment.unknown", reason="read_timeout")
        made.answers = [Answer(at, "worker", f"{provider}.start", "UNKNOWN read_timeout")]
        yield made


def _unpaid(maker: MoneyMaker) -> Iterator[PaymentSample]:
    """Failed, or nobody paid in time."""
    for turn in range(12):
        made = maker.begun("failed" if turn % 2 else "expired", maker.workday(1, 90), PROVIDERS[turn // 2 % 2])
        failed = turn % 2 == 1
        made.status, made.there = (_P.PAYMENT_FAILED, "failed") if failed else (_P.EXPIRED, made.there)
        made.theirs = made.theirs or (f"0{4_212_345_500_000_000_000 + turn}" if failed else None)
        word = {"paypay": ("CREATED", "FAILED"), "atom": ("OTS0301", "OTS0600")}[made.provider][failed]
        at = made.at + timedelta(minutes=7)
        made.values |= maker.told(made, word, at)
        if failed:
            made.tell(PAYMENT, at, "worker", "payment.moved", by="payment", state="payment_failed", word=word)
            made.values["error_code"] = "payment_failed"
            maker.answer(made, at, word, "FAILED_DEFINITE payment_failed")
        else:
            made.tell(PAYMENT, at, "worker", "payment.expired", until=str(made.values["payment_expires_at"]))
            maker.answer(made, at, word, "PENDING not_paid_yet")
            made.order_status = _O.CANCELLED
            made.tell(ORDER, at, "worker", "order.cancelled", payment=0)
        yield made


def _disagreeing(maker: MoneyMaker) -> Iterator[PaymentSample]:
    """Paid after the order was cancelled; less than was asked; an order that doesn't follow."""
    for provider in PROVIDERS:
        late = maker.paid("paid_after_cancel", maker.workday(2, 20), provider)
        late.order_status, late.tells = _O.CANCELLED, [one for one in late.tells if one[0] != ORDER]
        late.order_values = needs_review("paid_after_cancel")
        yield _case(late, "paid_after_cancel", f"{late.minor} {late.currency}", f"{late.order_no} is cancelled")
        behind = maker.paid("not_moved", maker.workday(1, 9), provider)
        behind.order_status, behind.tells = _O.PENDING, [one for one in behind.tells if one[0] != ORDER]
        behind.order_values = {"total_amount": behind.minor + 1_100}
        observed, expected = f"{behind.minor} {behind.currency}", f"{behind.minor + 1_100} {behind.currency}"
        yield _case(behind, "not_moved", observed, expected)
        odd = maker.paid("contradicted", maker.workday(3, 30), provider)
        word = "FAILED" if provider == "paypay" else "OTS0600"
        odd.there = "failed"
        odd.values |= {"provider_state": word, "told_at": odd.at + timedelta(days=1)}
        yield _case(odd, "contradicted", f"{word} {odd.minor} {odd.currency}", f"completed {odd.minor}")


def _case(made: PaymentSample, rule: str, observed: str, expected: str) -> PaymentSample:
    """A person has to look at it."""
    made.case = (rule, observed, expected)
    made.values |= needs_review(rule)
    made.tell(PAYMENT, made.latest + timedelta(minutes=1), "worker", f"payment.{rule}", rule, observed=observed)
    return made


def _reversed(maker: MoneyMaker) -> Iterator[PaymentSample]:
    """The bank took it back days later."""
    made = maker.paid("reversed", maker.workday(8, 30), "atom")
    at = made.at + timedelta(days=2)
    made.status, made.there = _P.REVERSED, "reversed"
    made.values |= maker.told(made, "OTS0001", at)
    made.tell(PAYMENT, at, "worker", "payment.reversed", by="payment", state="reversed", word="OTS0001")
    maker.answer(made, at, "OTS0001", "FAILED_DEFINITE payment_reversed")
    yield made


def _set_aside(maker: MoneyMaker) -> Iterator[PaymentSample]:
    """More was paid than the company's account may hold; the rest waits for its refund."""
    for turn in range(2):
        made = maker.paid("set_aside", maker.workday(1, 5), "paypay", 66_000)
        made.corporation, made.limit, made.aside = maker.corporations[turn], 60_000, 6_000
        observed = f"{made.aside} of {made.minor} {made.currency}"
        _case(made, "set_aside", observed, f"at most {made.limit}")
        if turn:
            maker.asked(made, made.aside, made.at + timedelta(hours=3), "op-a").from_set_aside = True
        yield made


def _asked(maker: MoneyMaker) -> Iterator[PaymentSample]:
    """Refunds that wait for somebody else's approval: the operator's, the approver's own, one that needs two."""
    for turn, who in enumerate(("op-a", "op-a", "op-a", "lead-b", "op-a")):
        two = turn == 4
        made = maker.paid("refund_asked", maker.workday(2, 40), PROVIDERS[turn % 2], 880_000 if two else None)
        one = maker.asked(made, 660_000 if two else made.minor // 2, maker.ago(30, 2_000), who)
        one.values = {"checkers_needed": 2, "sends_after": one.at + timedelta(minutes=15)} if two else {}
        yield made


def _decided(maker: MoneyMaker) -> Iterator[PaymentSample]:
    """Approved and cooling off, declined, withdrawn, expired."""
    made = maker.paid("refund_approved", maker.workday(3, 20), "paypay", 330_000)
    one = maker.approved(made, 220_000, maker.ago(10, 11))
    one.values = {"sends_after": one.at + timedelta(minutes=15), **scheduled("cooling_off", maker.now)}
    one.values["work_at"] = one.values["sends_after"]
    yield made
    for turn, status in enumerate((_R.REJECTED, _R.WITHDRAWN, _R.EXPIRED)):
        made = maker.paid(f"refund_{status}", maker.workday(8, 60), PROVIDERS[turn % 2])
        one = maker.asked(made, made.minor, made.at + timedelta(hours=20), "op-a")
        who = {_R.REJECTED: "lead-b", _R.WITHDRAWN: "op-a", _R.EXPIRED: "worker"}[status]
        one.status = status
        if status is _R.REJECTED:
            one.values = {"declined_because": "注文どおり納品済みです (delivered as ordered)"}
        later = one.at + timedelta(hours=72 if status is _R.EXPIRED else 2)
        one.events.append(Event(later, who, f"refund.{status}", {"minor": one.minor, "currency": made.currency}))
        yield made


def _sent(maker: MoneyMaker) -> Iterator[PaymentSample]:
    """On their way, unknown in both truths, refused."""
    for provider in PROVIDERS:
        made = maker.paid("refund_sent", maker.workday(2, 30), provider)
        one = maker.accepted(made, made.minor // 2, maker.ago(20, 60))
        one.values |= scheduled("poll", maker.now + timedelta(minutes=3))
        yield made
    for turn, provider in enumerate(("paypay", "paypay", "atom", "atom")):
        made = maker.paid("refund_unknown", maker.workday(2, 30), provider)
        one = maker.sent(made, made.minor, maker.ago(40, 900), _R.SUBMITTING, ("unknown", "UNKNOWN", "read_timeout"))
        one.there = "completed" if turn % 2 else None
        at = one.values["last_sent_at"] + timedelta(seconds=31)
        one.values |= {"certainty": "unknown", "error_code": "read_timeout"}
        one.values |= (
            scheduled("unknown", maker.now + timedelta(minutes=4), 2) if turn < 3 else needs_review("probes_ended")
        )
        maker.refund_told(made, one, at, "refund.unknown", "UNKNOWN read_timeout", reason="read_timeout")
        yield made
    made = maker.paid("refund_failed", maker.workday(5, 50), "paypay")
    one = maker.sent(
        made, made.minor, made.at + timedelta(days=1), _R.FAILED, ("failed", "FAILED_DEFINITE", "payer_left")
    )
    one.values |= {"error_code": "payer_left"}
    at = one.values["last_sent_at"] + SECOND
    maker.refund_told(made, one, at, "refund.failed", "HTTP 400 FAILED_DEFINITE payer_left", reason="payer_left")
    yield made


def _refunded(maker: MoneyMaker) -> Iterator[PaymentSample]:
    """Parts and wholes that went back, several of one payment."""
    for turn in range(10):
        made = maker.paid("refunded", maker.workday(6, 120), PROVIDERS[turn % 2])
        whole = turn % 2 == 0
        parts = (made.minor,) if whole else (made.minor // 4, made.minor // 5)
        for n, minor in enumerate(parts):
            maker.completed(made, minor, made.at + timedelta(days=1 + 2 * n))
        if whole:
            made.order_status = _O.REFUNDED
            ended = made.refunds[-1].events[-1].at
            made.tell(ORDER, ended + SECOND, "worker", "order.refunded", payment=None)
        yield made


def _fresh(maker: MoneyMaker) -> Iterator[PaymentSample]:
    """Paid by way of a bank that may still take it back for two days."""
    for _ in range(4):
        yield maker.paid("may_be_reversed", maker.ago(60, 1_400), "atom")


def _reconciled(maker: MoneyMaker) -> Iterator[PaymentSample]:
    """Two days for a reconciliation: most agree, one is ours alone, of one they tell another sum."""
    for back in (2, 1):
        for turn, kind in enumerate(("reconciled", "reconciled", "other_sum", "only_ours", "reconciled")):
            made = maker.paid(kind, maker.of_day(back, 10 + turn), "paypay")
            if kind == "only_ours":
                made.there = None
            elif kind == "other_sum":
                made.there_minor = made.minor + 1_100
            yield made


def complete(maker: MoneyMaker) -> PaymentSample:
    """Nothing to see: paid, and by now delivered."""
    made = maker.paid("complete", maker.workday(3, 300))
    made.order_status = maker.random.choice((_O.PAID, _O.SHIPPED, _O.DELIVERED))
    return made


RECIPES: tuple[Callable[[MoneyMaker], Iterator[PaymentSample]], ...] = (
    _waiting, _unknown, _unpaid, _disagreeing, _reversed, _set_aside, _asked, _decided, _sent, _refunded, _fresh,
    _reconciled,
)  # fmt: skip
