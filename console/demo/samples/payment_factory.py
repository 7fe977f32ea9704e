"""Makes sample orders with payments and refunds: random amounts, times and people, and their events."""

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

from console.demo.samples.credit_check_factory import ONE_SECOND, JournalState, SampleEvent, SampleEvidenceItem
from console.demo.samples.provider_answers import (
    make_payment_body,
    make_paypay_refusal_body,
    make_refund_body,
    make_start_body,
)
from console.domain.audit.actions import AuditAction
from console.domain.calendar_days import JST
from console.domain.payments.records import OrderState
from console.domain.payments.states import PaymentState, RefundState

ORDER_KIND = "order"
PAYMENT_KIND = "payment"
REFUND_KIND = "refund"
REFUND_MAKER_NAMES = ("op-a", "op-a", "lead-b")
CURRENCY_BY_PROVIDER = {"paypay": "JPY", "atom": "INR"}
PAID_STATE_BY_PROVIDER = {"paypay": "COMPLETED", "atom": "OTS0000"}
REFUND_REASON_TEXTS = (
    "数量の誤りによる一部返金",
    "解約に伴う返金",
    "二重に支払われたため",
    "サービス停止分の返金",
    "Wrong quantity was ordered",
    "Contract ended before the period",
)
_PAYMENT_YEN_AMOUNTS = (3_300, 5_500, 12_800, 19_800, 33_000, 66_000, 98_000)
_PAYMENT_PAISE_AMOUNTS = (50_000, 120_050, 249_900, 1_500_000, 3_250_075)
_REFUND_KEY_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_FIRST_ATOM_REFUND_ID = 40_001
_FIRST_PAYPAY_PAYMENT_ID = 4_212_345_600_000_000_001
_FIRST_ATOM_PAYMENT_ID = 21_000_000_000_001


@dataclass(slots=True)
class RefundSample:
    """One sample refund. `sandbox_state` is its state at the simulated provider, None if the simulated provider
    doesn't have it. `journal_state` is (state, outcome class, reason) of the operation that sent the refund, None if
    it was never sent. `column_values` are columns that differ from those of a plain request.

    `provider_refund_number` is the id that the provider has given to the refund; None if it has given none. `maker`
    has requested the refund at the time `requested_at`, `checkers` have approved it. `operation_id` is "" if it was
    never sent, `id` is 0 until it is written to the database. `is_from_set_aside`: it gives back money that is set
    aside. `events` and `evidence_items` are its audit entries and its evidence.
    """

    amount_minor: int
    maker: str
    requested_at: datetime
    reason: str
    status: RefundState = RefundState.REQUESTED
    checkers: tuple[str, ...] = ()
    idempotency_key: str | None = None
    provider_refund_number: str | None = None
    sandbox_state: str | None = None
    journal_state: JournalState | None = None
    column_values: dict[str, Any] = field(default_factory=dict)
    events: list[SampleEvent] = field(default_factory=list)
    evidence_items: list[SampleEvidenceItem] = field(default_factory=list)
    is_from_set_aside: bool = False
    operation_id: str = ""
    id: int = 0


@dataclass(slots=True)
class PaymentSample:
    """One sample payment with its order and refunds; `sample_kind` names the situation that it shows.
    `corporation_number` is the corporation number, `begun_at` the beginning of the payment, `order_no` the order's
    number, `merchant_payment_id` our payment number, `provider_payment_id` the id that the provider has given to the
    payment (None: none yet).

    `sandbox_state` is its state at the simulated provider, None if the simulated provider doesn't have it;
    `sandbox_amount_minor` is the simulated provider's amount if it differs from the price. `amount_minor` is the
    price, `captured_minor` the paid amount, `set_aside_minor` the part that exceeds the account's `limit_minor`; all
    in minor units. `column_values` and `order_column_values` are columns of the payment and of the order that differ
    from those of a plain record; `order_status` is None if it has no order.

    `case_texts` is (rule, observed, expected) of a case, None without a case. `journal_state` is (state, outcome
    class, reason) of the payment's operation in the journal. `events` are audit events of the order and the payment,
    each with its record kind; `evidence_items` are its evidence. The ids are 0 or None until the sample is written to
    the database.
    """

    sample_kind: str
    provider: str
    corporation_number: str
    begun_at: datetime
    order_no: str
    merchant_payment_id: str
    amount_minor: int
    status: PaymentState
    order_status: OrderState | None
    sandbox_state: str | None
    provider_payment_id: str | None = None
    payer: str | None = None
    captured_minor: int = 0
    set_aside_minor: int = 0
    limit_minor: int = 0
    column_values: dict[str, Any] = field(default_factory=dict)
    order_column_values: dict[str, Any] = field(default_factory=dict)
    refunds: list[RefundSample] = field(default_factory=list)
    events: list[tuple[str, SampleEvent]] = field(default_factory=list)
    evidence_items: list[SampleEvidenceItem] = field(default_factory=list)
    case_texts: tuple[str, str, str] | None = None
    journal_state: JournalState = ("done", "SUCCEEDED", "answered")
    operation_id: str = ""
    id: int = 0
    order_id: int | None = None
    set_aside_id: int | None = None
    sandbox_amount_minor: int | None = None

    @property
    def currency(self) -> str:
        return CURRENCY_BY_PROVIDER[self.provider]

    @property
    def latest_event_at(self) -> datetime:
        """The time of the newest event of the sample, or its start time if it has no events."""
        return max([self.begun_at, *(event.at for _, event in self.events)])

    @property
    def sandbox_payment(self) -> dict[str, Any] | None:
        """The arguments, by name, with which `PaymentClient.register_payment` registers this payment at the sandbox;
        None if the simulated provider doesn't have the payment."""
        if self.sandbox_state is None:
            return None
        refunds = [
            {
                "key": refund.idempotency_key,
                "amount_minor": refund.amount_minor,
                "state": refund.sandbox_state,
                "at": _format_utc(refund.requested_at),
                "id": refund.provider_refund_number,
            }
            for refund in self.refunds
            if refund.sandbox_state
        ]
        return {
            "provider": self.provider,
            "payment_number": self.merchant_payment_id,
            "amount_minor": self.sandbox_amount_minor or self.amount_minor,
            "state": self.sandbox_state,
            "at": _format_utc(self.begun_at),
            "id": self.provider_payment_id,
            "refunds": refunds,
        }

    def add_event(
        self, kind: str, at: datetime, actor: str, audit_action: AuditAction, reason: str | None = None, **detail: Any
    ) -> None:
        """Add an audit event, at the instant `at`, about the order (`kind` is ORDER_KIND) or the payment (`kind` is
        PAYMENT_KIND). `audit_action` is its action, `detail` are its facts, `actor` is the person or program that
        acted; `reason` is the code of the entry's reason, None if it has none."""
        self.events.append((kind, SampleEvent(at, actor, audit_action, detail, reason=reason)))


def _format_utc(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


class PaymentSampleFactory:
    """Makes sample payments from random amounts, times, people and names. All values depend only on the arguments:
    the seed, the present time `now`, and the corporation numbers `corporations` to which the payments belong.
    """

    def __init__(self, seed: int, now: datetime, corporations: Sequence[str]) -> None:
        self.random = random.Random(f"money {seed}")  # noqa: S311 - repeatable on purpose, nothing secret
        self.now = now
        self.corporations = corporations
        self._payment_count = 0

    def pick_instant_ago(self, least_minutes: float, most_minutes: float) -> datetime:
        """Return a random instant from `least_minutes` to `most_minutes` before now."""
        return self.now - timedelta(minutes=self.random.uniform(least_minutes, most_minutes))

    def pick_office_hour_instant(self, least_days: float, most_days: float) -> datetime:
        """Return a random instant between 09:00 and 18:00 in Japan, on a day about `least_days` to `most_days` before
        now."""
        day = (self.now - timedelta(days=self.random.uniform(least_days + 1, most_days + 1))).astimezone(JST).date()
        second = self.random.randrange(9 * 3600, 18 * 3600)
        return (datetime.combine(day, time(), JST) + timedelta(seconds=second)).astimezone(UTC)

    def pick_instant_of_day(self, days_ago: int, hour: int) -> datetime:
        """Return a random instant within the hour `hour` (in Japan) of the day `days_ago` days before today."""
        day = (self.now.astimezone(JST) - timedelta(days=days_ago)).date()
        second = hour * 3600 + self.random.randrange(3600)
        return (datetime.combine(day, time(), JST) + timedelta(seconds=second)).astimezone(UTC)

    def make_begun_payment(
        self, kind: str, at: datetime, provider: str | None = None, amount_minor: int | None = None
    ) -> PaymentSample:
        """Return a sample payment that is not paid yet; the provider has issued its code (PayPay) or token (atom).
        `kind` is the name of the situation that the sample shows, `at` the instant at which the payment began.
        `provider` and `amount_minor` (in minor units) are drawn at random if they are None."""
        self._payment_count += 1
        provider = provider or self.random.choice(("paypay", "paypay", "atom"))
        day = at.astimezone(JST).strftime("%Y%m%d")
        reference = (
            f"ORD-{day}-{self._payment_count:06d}" if provider == "paypay" else f"ORD{day}{self._payment_count:06d}"
        )
        sample = PaymentSample(
            kind, provider, self.random.choice(self.corporations), at,
            f"S-{100_000 + self._payment_count}", reference, amount_minor
            or self.random.choice(_PAYMENT_YEN_AMOUNTS if provider == "paypay" else _PAYMENT_PAISE_AMOUNTS),
            PaymentState.USER_PAYMENT, OrderState.PENDING,
            "created" if provider == "paypay" else "opened", operation_id=self._draw_uuid(),
        )  # fmt: skip
        sample.column_values = {"handle": f"{'04-' if provider == 'paypay' else ''}{self.random.getrandbits(60)}"}
        sample.column_values["payment_expires_at"] = at + timedelta(minutes=5 if provider == "paypay" else 24 * 60)
        sample.add_event(PAYMENT_KIND, at + ONE_SECOND, "worker", AuditAction.PAYMENT_BEGUN, provider=provider)
        body = make_start_body(provider, reference, sample.amount_minor, sample.column_values["handle"], at)
        status = 201 if provider == "paypay" else 200
        sample.evidence_items.append(
            SampleEvidenceItem(
                at + ONE_SECOND, "worker", f"{provider}.start", f"HTTP {status} SUCCEEDED answered", body
            )
        )
        if provider == "atom":
            sample.provider_payment_id = self._make_next_provider_payment_id(provider)
        return sample

    def make_paid_payment(
        self, kind: str, at: datetime, provider: str | None = None, amount_minor: int | None = None
    ) -> PaymentSample:
        """Return a completed sample payment with its paid order. `kind`, `at`, `provider` and `amount_minor` have the
        same meaning as in `make_begun_payment`; the payer pays 30 to 240 seconds after the instant `at`."""
        sample = self.make_begun_payment(kind, at, provider, amount_minor)
        self.mark_paid(sample, at + timedelta(seconds=self.random.randrange(30, 240)))
        return sample

    def mark_paid(self, sample: PaymentSample, at: datetime) -> None:
        """Change the sample to a payment that was paid at the instant `at`: the provider reports it as paid, and its
        order is paid.
        """
        sample.provider_payment_id = sample.provider_payment_id or self._make_next_provider_payment_id(
            sample.provider
        )
        sample.payer = f"PAYER-{self.random.randrange(10**8):08d}"
        sample.sandbox_state, sample.captured_minor = "paid", sample.amount_minor
        sample.status, sample.order_status = PaymentState.COMPLETED, OrderState.PAID
        word = PAID_STATE_BY_PROVIDER[sample.provider]
        sample.column_values |= self.make_provider_columns(sample, word, at + 5 * ONE_SECOND) | {
            "paid_at": at,
            "provider_minor": sample.amount_minor,
        }
        facts: dict[str, Any] = {"by": "payment", "state": "completed", "word": word}
        facts |= {"minor": sample.amount_minor, "currency": sample.currency}
        sample.add_event(PAYMENT_KIND, at + 5 * ONE_SECOND, "worker", AuditAction.PAYMENT_BOOKED, **facts)
        sample.add_event(ORDER_KIND, at + 6 * ONE_SECOND, "worker", AuditAction.ORDER_PAID, payment=None)
        self.add_answer(sample, at + 5 * ONE_SECOND, word, "SUCCEEDED answered")

    def make_provider_columns(self, sample: PaymentSample, provider_state: str, at: datetime) -> dict[str, Any]:
        """Return the columns of the payment that store the provider's last answer about it, which arrived at the
        instant `at`. `provider_state` is the provider's name of the payment's state.
        """
        return {
            "provider_state": provider_state,
            "told_at": at,
            "provider_refunded_minor": 0,
            "provider_minor": sample.amount_minor,
        }

    def add_answer(self, sample: PaymentSample, at: datetime, provider_state: str, outcome: str) -> None:
        """Add to the sample payment an answer that the provider gave at the instant `at`; it becomes a row of
        evidence. `provider_state` is the provider's name of the payment's state, `outcome` the outcome class and its
        reason, such as "SUCCEEDED answered"."""
        body = make_payment_body(
            sample.provider,
            sample.merchant_payment_id,
            sample.provider_payment_id,
            sample.amount_minor,
            provider_state,
            sample.begun_at,
        )
        sample.evidence_items.append(
            SampleEvidenceItem(at, "worker", f"{sample.provider}.payment", f"HTTP 200 {outcome}", body)
        )

    def add_requested_refund(
        self, sample: PaymentSample, amount_minor: int, at: datetime, maker: str = ""
    ) -> RefundSample:
        """Add to the payment a refund of `amount_minor` (in minor units) that a maker has requested at the instant
        `at`, and that no checker has decided yet. Return the refund. If `maker` is "", the maker is drawn at random.
        """
        refund = RefundSample(
            amount_minor, maker or self.random.choice(REFUND_MAKER_NAMES), at, self.random.choice(REFUND_REASON_TEXTS)
        )
        facts: dict[str, Any] = {"payment": None, "minor": amount_minor, "currency": sample.currency, "radar": []}
        refund.events.append(SampleEvent(at, refund.maker, AuditAction.REFUND_REQUESTED, facts))
        sample.refunds.append(refund)
        return refund

    def add_approved_refund(self, sample: PaymentSample, amount_minor: int, at: datetime) -> RefundSample:
        """Add to the payment a refund of `amount_minor` (in minor units) that the operator has requested at the
        instant `at`, and that the approver has approved nine minutes later; it is not sent yet. Return the refund."""
        refund = self.add_requested_refund(sample, amount_minor, at, "op-a")
        refund.status, refund.checkers = RefundState.APPROVED, ("lead-b",)
        refund.events.append(
            SampleEvent(at + timedelta(minutes=9), "lead-b", AuditAction.REFUND_APPROVED, {"given": 1, "needed": 1})
        )
        return refund

    def add_sent_refund(
        self, sample: PaymentSample, amount_minor: int, at: datetime, status: RefundState, journal_state: JournalState
    ) -> RefundSample:
        """Add to the payment a refund of `amount_minor` (in minor units) that was requested at the instant `at`, then
        approved, and sent once with its idempotency key. `status` is the refund's state, `journal_state` is (state,
        outcome class, reason) of its operation in the journal. Return the refund; the caller adds the provider's
        answer.
        """
        refund = self.add_approved_refund(sample, amount_minor, at)
        sent_at = at + timedelta(minutes=9, seconds=1)
        refund.status, refund.journal_state, refund.operation_id = status, journal_state, self._draw_uuid()
        refund.idempotency_key = "RFD-" + "".join(self.random.choice(_REFUND_KEY_CHARACTERS) for _ in range(26))
        refund.column_values = {"first_sent_at": sent_at, "last_sent_at": sent_at, "sent_count": 1}
        return refund

    def add_accepted_refund(self, sample: PaymentSample, amount_minor: int, at: datetime) -> RefundSample:
        """Add to the payment a refund of `amount_minor` (in minor units) that was requested at the instant `at`, and
        that the provider has accepted but not executed yet. Return the refund."""
        refund = self.add_sent_refund(
            sample, amount_minor, at, RefundState.SUBMITTED, ("done", "PENDING", "accepted")
        )
        refund.provider_refund_number, refund.sandbox_state = (
            self._make_provider_refund_id(sample, refund),
            "accepted",
        )
        word = "CREATED" if sample.provider == "paypay" else "REFUND INITIATED"
        refund.column_values |= {"provider_state": word, "told_at": refund.column_values["last_sent_at"] + ONE_SECOND}
        self.add_refund_outcome(
            sample,
            refund,
            refund.column_values["told_at"],
            AuditAction.REFUND_ACCEPTED,
            "HTTP 200 PENDING accepted",
            word,
        )
        return refund

    def add_completed_refund(self, sample: PaymentSample, amount_minor: int, at: datetime) -> RefundSample:
        """Add to the payment a refund of `amount_minor` (in minor units) that was requested at the instant `at` and
        completed 12 minutes later. Return the refund."""
        refund = self.add_accepted_refund(sample, amount_minor, at)
        word = "REFUNDED" if sample.provider == "paypay" else "REFUND PROCESSED"
        completed_at = at + timedelta(minutes=12)
        refund.status, refund.sandbox_state = RefundState.COMPLETED, "completed"
        refund.column_values |= {"provider_state": word, "told_at": completed_at}
        self.add_refund_outcome(
            sample, refund, completed_at, AuditAction.REFUND_COMPLETED, "HTTP 200 SUCCEEDED answered", word
        )
        sample.column_values |= {
            "provider_refunded_minor": sum(r.amount_minor for r in sample.refunds if r.sandbox_state == "completed")
        }
        return refund

    def add_refund_outcome(
        self,
        sample: PaymentSample,
        refund: RefundSample,
        at: datetime,
        audit_action: AuditAction,
        summary: str,
        provider_state: str = "",
        reason: str | None = None,
    ) -> None:
        """Add to the refund the outcome of its submission at the instant `at`: an audit entry with the action
        `audit_action`, and an item of evidence. `summary` is the summary of the evidence, `provider_state` the
        provider's name of the state ("" if the provider gave none), `reason` the reason in the audit entry (None: no
        reason)."""
        facts = {"payment": None, "minor": refund.amount_minor, "currency": sample.currency}
        refund.events.append(SampleEvent(at, "lead-b", audit_action, facts, reason=reason))
        if provider_state:
            body = make_refund_body(
                sample.provider, str(sample.provider_payment_id), str(refund.idempotency_key),
                str(refund.provider_refund_number), refund.amount_minor, provider_state, at,
            )  # fmt: skip
        else:
            body = make_paypay_refusal_body("CANCELED_USER", "Canceled user") if reason == "payer_left" else ""
        call = "refund_status" if audit_action is AuditAction.REFUND_COMPLETED else "refund"
        refund.evidence_items.append(SampleEvidenceItem(at, "lead-b", f"{sample.provider}.{call}", summary, body))

    def _make_provider_refund_id(self, sample: PaymentSample, refund: RefundSample) -> str | None:
        """Return the id that the provider gives to the refund: PayPay uses our idempotency key as the id, Atom gives
        a number of its own. Return None for a refund at PayPay that has no idempotency key.
        """
        return (
            refund.idempotency_key
            if sample.provider == "paypay"
            else str(_FIRST_ATOM_REFUND_ID + self.random.randrange(10**6))
        )

    def _make_next_provider_payment_id(self, provider: str) -> str:
        """Return the next payment id that this provider would assign."""
        first = _FIRST_PAYPAY_PAYMENT_ID if provider == "paypay" else _FIRST_ATOM_PAYMENT_ID
        text = str(first + self._payment_count)
        return f"0{text}" if provider == "paypay" else text

    def _draw_uuid(self) -> str:
        """Return a random UUID, which depends only on the seed of this factory."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))
