"""Makes up orders with their payments and refunds: sums, times, people, and what was told on the way."""

import json
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

from console.domain.dates import JST
from console.domain.order_records import OrderState
from console.domain.payment_records import PaymentState, RefundState
from console.services.samples.maker import SECOND, Answer, Event, Journal

ORDER, PAYMENT, REFUND = "order", "payment", "refund"
MAKERS = ("op-a", "op-a", "lead-b")
CURRENCY = {"paypay": "JPY", "atom": "INR"}
PAID_WORD = {"paypay": "COMPLETED", "atom": "OTS0000"}
REASONS = (
    "数量の誤りによる一部返金", "解約に伴う返金", "二重に支払われたため", "サービス停止分の返金",
    "Wrong quantity was ordered", "Contract ended before the period",
)  # fmt: skip
_YEN = (3_300, 5_500, 12_800, 19_800, 33_000, 66_000, 98_000)
_PAISE = (50_000, 120_050, 249_900, 1_500_000, 3_250_075)
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_REFUND_SERIAL, _PAYPAY_SERIAL, _ATOM_SERIAL = 40_001, 4_212_345_600_000_000_001, 21_000_000_000_001


@dataclass(slots=True)
class RefundSample:
    """One invented refund; `there` is how it stands in the provider's books (the sandbox's word), None: not there.

    `journal` is (state, outcome class, reason) of its sending, None where it was never sent. `values` are columns
    that differ from those of a plain request.
    """

    minor: int
    maker: str
    at: datetime
    reason: str
    status: RefundState = RefundState.REQUESTED
    checkers: tuple[str, ...] = ()
    key: str | None = None
    number: str | None = None
    there: str | None = None
    journal: Journal | None = None
    values: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    from_set_aside: bool = False
    operation_id: str = ""
    id: int = 0


@dataclass(slots=True)
class PaymentSample:
    """One invented payment with its order and its refunds; `kind` says what it shows.

    `there` is how it stands at the provider (the sandbox's word), None where the provider has no such payment, and
    `there_minor` the sum that it tells where that is not the price. `minor` is the price, `captured` what was taken
    of it, `aside` what of that exceeded the account's `limit`. `case` is (rule, observed, expected) of what waits for
    a person. `tells` are (kind, event) of order and payment.
    """

    kind: str
    provider: str
    corporation: str
    at: datetime
    order_no: str
    reference: str
    minor: int
    status: PaymentState
    order_status: OrderState | None
    there: str | None
    theirs: str | None = None
    payer: str | None = None
    captured: int = 0
    aside: int = 0
    limit: int = 0
    values: dict[str, Any] = field(default_factory=dict)
    order_values: dict[str, Any] = field(default_factory=dict)
    refunds: list[RefundSample] = field(default_factory=list)
    tells: list[tuple[str, Event]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    case: tuple[str, str, str] | None = None
    journal: Journal = ("done", "SUCCEEDED", "answered")
    operation_id: str = ""
    id: int = 0
    order_id: int | None = None
    set_aside_id: int | None = None
    there_minor: int | None = None

    @property
    def currency(self) -> str:
        return CURRENCY[self.provider]

    @property
    def latest(self) -> datetime:
        """When something happened last."""
        return max([self.at, *(event.at for _, event in self.tells)])

    @property
    def known_there(self) -> dict[str, Any] | None:
        """What the provider has of it, as a sandbox takes it; None where it has nothing."""
        if self.there is None:
            return None
        refunds = [
            {"key": one.key, "amount_minor": one.minor, "state": one.there, "at": _text(one.at), "id": one.number}
            for one in self.refunds
            if one.there
        ]
        return {
            "provider": self.provider, "number": self.reference, "amount_minor": self.there_minor or self.minor,
            "state": self.there, "at": _text(self.at), "id": self.theirs, "refunds": refunds,
        }  # fmt: skip

    def tell(self, kind: str, at: datetime, who: str, what: str, reason: str | None = None, **detail: Any) -> None:
        self.tells.append((kind, Event(at, who, what, detail, reason=reason)))


def _text(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


class MoneyMaker:
    """Draws sums, times, people and names; every draw comes from the seed."""

    def __init__(self, seed: int, now: datetime, corporations: Sequence[str]) -> None:
        self.random = random.Random(f"money {seed}")  # noqa: S311 - repeatable on purpose, nothing secret
        self.now = now
        self.corporations = corporations
        self._serial = 0

    def ago(self, least_minutes: float, most_minutes: float) -> datetime:
        return self.now - timedelta(minutes=self.random.uniform(least_minutes, most_minutes))

    def workday(self, least_days: float, most_days: float) -> datetime:
        """A second of Japanese office hours, so many days ago."""
        day = (self.now - timedelta(days=self.random.uniform(least_days + 1, most_days + 1))).astimezone(JST).date()
        second = self.random.randrange(9 * 3600, 18 * 3600)
        return (datetime.combine(day, time(), JST) + timedelta(seconds=second)).astimezone(UTC)

    def of_day(self, days: int, hour: int) -> datetime:
        """A second of that hour in Japan, so many days ago."""
        day = (self.now.astimezone(JST) - timedelta(days=days)).date()
        second = hour * 3600 + self.random.randrange(3600)
        return (datetime.combine(day, time(), JST) + timedelta(seconds=second)).astimezone(UTC)

    def begun(self, kind: str, at: datetime, provider: str | None = None, minor: int | None = None) -> PaymentSample:
        """A payment that was asked for: its code or token is there, nobody has paid."""
        self._serial += 1
        provider = provider or self.random.choice(("paypay", "paypay", "atom"))
        day = at.astimezone(JST).strftime("%Y%m%d")
        reference = f"ORD-{day}-{self._serial:06d}" if provider == "paypay" else f"ORD{day}{self._serial:06d}"
        made = PaymentSample(
            kind, provider, self.random.choice(self.corporations), at, f"S-{100_000 + self._serial}", reference,
            minor or self.random.choice(_YEN if provider == "paypay" else _PAISE), PaymentState.USER_PAYMENT,
            OrderState.PENDING, "created" if provider == "paypay" else "opened", operation_id=self._uuid(),
        )  # fmt: skip
        made.values = {"handle": f"{'04-' if provider == 'paypay' else ''}{self.random.getrandbits(60)}"}
        made.values["payment_expires_at"] = at + timedelta(minutes=5 if provider == "paypay" else 24 * 60)
        made.tell(PAYMENT, at + SECOND, "worker", "payment.begun", provider=provider)
        made.answers.append(Answer(at + SECOND, "worker", f"{provider}.start", "HTTP 201 SUCCEEDED answered"))
        if provider == "atom":
            made.theirs = self._theirs(provider)
        return made

    def paid(self, kind: str, at: datetime, provider: str | None = None, minor: int | None = None) -> PaymentSample:
        """A payment that went well, with its order."""
        made = self.begun(kind, at, provider, minor)
        self.pay(made, at + timedelta(seconds=self.random.randrange(30, 240)))
        return made

    def pay(self, made: PaymentSample, at: datetime) -> None:
        """The payer pays, the provider tells, the order follows."""
        made.theirs = made.theirs or self._theirs(made.provider)
        made.payer = f"PAYER-{self.random.randrange(10**8):08d}"
        made.there, made.captured = "paid", made.minor
        made.status, made.order_status = PaymentState.COMPLETED, OrderState.PAID
        word = PAID_WORD[made.provider]
        made.values |= self.told(made, word, at + 5 * SECOND) | {"paid_at": at, "provider_minor": made.minor}
        facts: dict[str, Any] = {"by": "payment", "state": "completed", "word": word}
        facts |= {"minor": made.minor, "currency": made.currency}
        made.tell(PAYMENT, at + 5 * SECOND, "worker", "payment.booked", **facts)
        made.tell(ORDER, at + 6 * SECOND, "worker", "order.paid", payment=None)
        self.answer(made, at + 5 * SECOND, word, "SUCCEEDED answered")

    def told(self, made: PaymentSample, word: str, at: datetime) -> dict[str, Any]:
        """The provider's word on a payment, and when it was heard."""
        return {"provider_state": word, "told_at": at, "provider_refunded_minor": 0, "provider_minor": made.minor}

    def answer(self, made: PaymentSample, at: datetime, word: str, outcome: str) -> None:
        body = json.dumps({"status": word, "merchantPaymentId": made.reference, "paymentId": made.theirs})
        made.answers.append(Answer(at, "worker", f"{made.provider}.payment", f"HTTP 200 {outcome}", body))

    def asked(self, made: PaymentSample, minor: int, at: datetime, maker: str = "") -> RefundSample:
        """A refund that a person asked for; nobody has decided."""
        one = RefundSample(minor, maker or self.random.choice(MAKERS), at, self.random.choice(REASONS))
        facts: dict[str, Any] = {"payment": None, "minor": minor, "currency": made.currency, "radar": []}
        one.events.append(Event(at, one.maker, "refund.requested", facts))
        made.refunds.append(one)
        return one

    def approved(self, made: PaymentSample, minor: int, at: datetime) -> RefundSample:
        """Asked for by the operator, approved by the approver, not sent yet."""
        one = self.asked(made, minor, at, "op-a")
        one.status, one.checkers = RefundState.APPROVED, ("lead-b",)
        one.events.append(Event(at + timedelta(minutes=9), "lead-b", "refund.approved", {"given": 1, "needed": 1}))
        return one

    def sent(
        self, made: PaymentSample, minor: int, at: datetime, status: RefundState, journal: Journal
    ) -> RefundSample:  # fmt: skip
        """Approved and sent once under its key; what came of it is the caller's."""
        one = self.approved(made, minor, at)
        sent_at = at + timedelta(minutes=9, seconds=1)
        one.status, one.journal, one.operation_id = status, journal, self._uuid()
        one.key = "RFD-" + "".join(self.random.choice(_ALPHABET) for _ in range(26))
        one.values = {"first_sent_at": sent_at, "last_sent_at": sent_at, "sent_count": 1}
        return one

    def accepted(self, made: PaymentSample, minor: int, at: datetime) -> RefundSample:
        """On its way: the provider took it on."""
        one = self.sent(made, minor, at, RefundState.SUBMITTED, ("done", "PENDING", "accepted"))
        one.number, one.there = self._number(made, one), "accepted"
        word = "CREATED" if made.provider == "paypay" else "REFUND INITIATED"
        one.values |= {"provider_state": word, "told_at": one.values["last_sent_at"] + SECOND}
        self.refund_told(made, one, one.values["told_at"], "refund.accepted", "HTTP 200 PENDING accepted", word)
        return one

    def completed(self, made: PaymentSample, minor: int, at: datetime) -> RefundSample:
        """The money is back with the payer."""
        one = self.accepted(made, minor, at)
        word = "REFUNDED" if made.provider == "paypay" else "REFUND PROCESSED"
        done = at + timedelta(minutes=12)
        one.status, one.there = RefundState.COMPLETED, "completed"
        one.values |= {"provider_state": word, "told_at": done}
        self.refund_told(made, one, done, "refund.completed", "HTTP 200 SUCCEEDED answered", word)
        made.values |= {"provider_refunded_minor": sum(r.minor for r in made.refunds if r.there == "completed")}
        return one

    def refund_told(
        self, made: PaymentSample, one: RefundSample, at: datetime, what: str, summary: str, word: str = "",
        reason: str | None = None,
    ) -> None:  # fmt: skip
        """What came of a refund, as the trail and the evidence have it."""
        facts = {"payment": None, "minor": one.minor, "currency": made.currency}
        one.events.append(Event(at, "lead-b", what, facts, reason=reason))
        body = json.dumps({"status": word, "merchantRefundId": one.key}) if word else ""
        one.answers.append(Answer(at, "lead-b", f"{made.provider}.refund", summary, body))

    def _number(self, made: PaymentSample, one: RefundSample) -> str | None:
        """PayPay's number of a refund is our key; Atom has its own."""
        return one.key if made.provider == "paypay" else str(_REFUND_SERIAL + self.random.randrange(10**6))

    def _theirs(self, provider: str) -> str:
        first = _PAYPAY_SERIAL if provider == "paypay" else _ATOM_SERIAL
        text = str(first + self._serial)
        return f"0{text}" if provider == "paypay" else text

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))
