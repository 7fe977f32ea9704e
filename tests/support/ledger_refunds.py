"""Simulated payment providers in memory with a ledger of refunds and the methods of the real adapters.

The provider `paypay` treats two calls with the same idempotency key as one refund. For `atom` each accepted call is
another refund.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from console.domain.money import Money
from console.domain.payments.provider_messages import PaymentQuestion, PaymentReport, RefundInstruction, RefundReport
from console.domain.payments.states import PaymentState, RefundState
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.providers.payments.provider import NotFoundRule, PaymentCapabilities
from tests.support.in_memory_alarmbox import OpenTransactionCounter, require

Behaviour = Literal[
    "accepts", "completes", "refuses", "unauthorised", "too_fast", "throttled", "unreachable", "other_amount",
    "silent_after", "silent_before",
]  # fmt: skip
BEHAVIOURS_THAT_REFUND: frozenset[Behaviour] = frozenset(("accepts", "completes", "other_amount", "silent_after"))
EntryState = Literal["accepted", "done", "void"]
_OUTCOME_WITHOUT_REPORT_BY_BEHAVIOUR: dict[Behaviour, tuple[OutcomeClass, str, SendingCertainty]] = {
    "refuses": (OutcomeClass.FAILED_DEFINITE, "not_refundable", SendingCertainty.YES),
    "unauthorised": (OutcomeClass.AUTH, "credentials_refused", SendingCertainty.YES),
    "too_fast": (OutcomeClass.RATE_LIMITED, "rate_limited", SendingCertainty.YES),
    "throttled": (OutcomeClass.RATE_LIMITED, "similar_refund_running", SendingCertainty.YES),
    "unreachable": (OutcomeClass.FAILED_DEFINITE, "not_connected", SendingCertainty.NO),
    "other_amount": (OutcomeClass.UNKNOWN, "other_amount", SendingCertainty.YES),
    "silent_after": (OutcomeClass.UNKNOWN, "read_timeout", SendingCertainty.MAYBE),
    "silent_before": (OutcomeClass.UNKNOWN, "connection_broken", SendingCertainty.MAYBE),
}
_ANSWER_BY_STATE: dict[EntryState, tuple[OutcomeClass, RefundState]] = {
    "accepted": (OutcomeClass.PENDING, RefundState.SUBMITTED),
    "done": (OutcomeClass.SUCCEEDED, RefundState.COMPLETED),
    "void": (OutcomeClass.FAILED_DEFINITE, RefundState.FAILED),
}
UNREADABLE_OUTCOME: Outcome[Any] = Outcome(OutcomeClass.UNKNOWN, "read_timeout", SendingCertainty.YES)


@dataclass
class RefundEntry:
    """One refund that the provider has accepted. `number` is the provider's id of the refund, `key` our idempotency
    key, and `payment` the provider's id of the refunded payment. `entry_state` is the state: "accepted", "done"
    (completed) or "void" (refused later).
    """

    number: str
    key: str
    payment: str
    amount: Money
    entry_state: EntryState


@dataclass
class RefundLedger:
    """The refund ledger of PayPay and Atom. `behaviour` decides the answers to the next sendings. For each sending,
    first `on_request` is called with the instruction, then `before_call`. `during_call` is called after the
    provider has accepted or refused the refund, and before its answer.
    """

    behaviour: Behaviour = "accepts"
    is_readable: bool = True
    hides_refunds: bool = False
    """The provider finds no refund for now, also none that it has accepted."""
    is_period_over: bool = False
    """The provider refunds none of its payments any more, because they were paid too long ago."""
    on_request: Callable[[RefundInstruction], None] = lambda _order: None
    before_call: Callable[[], None] = lambda: None
    during_call: Callable[[], None] = lambda: None
    entries: list[RefundEntry] = field(default_factory=list)
    sending_count: int = 0
    transaction_counters: list[OpenTransactionCounter] = field(default_factory=list)

    def add_refund(self, instruction: RefundInstruction, *, keeps_keys: bool) -> RefundEntry:
        """Add a refund to the ledger, and return its entry. With `keeps_keys`, return the existing entry if the
        ledger has one with this idempotency key.
        """
        known = self.list_entries(instruction.key)
        if known and keeps_keys:
            return known[0]
        number = instruction.key if keeps_keys else str(1_519 + len(self.entries))
        self.entries.append(
            RefundEntry(number, instruction.key, instruction.provider_payment_id, instruction.amount, "accepted")
        )
        return self.entries[-1]

    def list_entries(self, key: str | None) -> list[RefundEntry]:
        """Return the entries with this idempotency key, or no entries if the key is None."""
        return [entry for entry in self.entries if entry.key == key]

    def check_no_transaction(self) -> None:
        """Check that the caller has no open database transaction, because no provider may be called inside a
        transaction.
        """
        require(not any(one.count for one in self.transaction_counters), "a provider was asked inside a transaction")


@dataclass(frozen=True)
class RefundLedgerReader:
    """The methods of the simulated payment provider `name` that only read."""

    name: str
    ledger: RefundLedger

    @property
    def keeps_keys(self) -> bool:
        """Return True if the provider treats two calls with the same idempotency key as one refund."""
        return self.name == "paypay"

    @property
    def capabilities(self) -> PaymentCapabilities:
        return PaymentCapabilities(
            currency="JPY" if self.keeps_keys else "INR",
            allows_partial_refunds=True,
            allows_repeated_refunds=True,
            max_refund_count=50 if self.keeps_keys else None,
            refund_window_days=365 if self.keeps_keys else None,
            can_cancel=False,
            keeps_idempotency_keys=self.keeps_keys,
            not_found_rule=NotFoundRule() if self.keeps_keys else None,
            needs_amount_and_day=not self.keeps_keys,
            refund_probe_delay_seconds=30.0,
            has_slow_refunds=not self.keeps_keys,
        )

    def read_refund(self, instruction: RefundInstruction) -> Outcome[RefundReport]:
        self.ledger.check_no_transaction()
        if not self.ledger.is_readable:
            return UNREADABLE_OUTCOME
        entries = [] if self.ledger.hides_refunds else self.ledger.list_entries(instruction.key)
        if not entries:
            return Outcome(OutcomeClass.NOT_FOUND, "not_found", SendingCertainty.YES)
        return _make_answer(entries[0])

    def read_payment(self, question: PaymentQuestion) -> Outcome[PaymentReport]:
        self.ledger.check_no_transaction()
        if not self.ledger.is_readable:
            return UNREADABLE_OUTCOME
        report = PaymentReport(
            question.merchant_payment_id,
            question.provider_payment_id,
            "COMPLETED",
            PaymentState.PAYMENT_SUCCESS,
            is_final=True,
            amount=question.amount,
            refunds=self.report_refunds(question.provider_payment_id),
        )
        return Outcome(OutcomeClass.SUCCEEDED, "answered", SendingCertainty.YES, report)

    def report_refunds(self, provider_payment_id: str | None) -> tuple[RefundReport, ...]:
        """Return the refunds that the provider reports in a payment's details; `atom` reports none."""
        if not self.keeps_keys or self.ledger.hides_refunds:
            return ()
        return tuple(make_report(one) for one in self.ledger.entries if one.payment == provider_payment_id)

    def find_refund_deadline(self, paid_at: datetime) -> datetime | None:
        return paid_at - timedelta(days=1) if self.ledger.is_period_over else None

    def find_cancel_deadline(self, _paid_at: object) -> None:
        return None


class RefundLedgerProvider(RefundLedgerReader):
    """The simulated payment provider with all methods, including those that move money."""

    def make_reader(self) -> RefundLedgerReader:
        return RefundLedgerReader(self.name, self.ledger)

    def refund(self, instruction: RefundInstruction) -> Outcome[RefundReport]:
        ledger = self.ledger
        ledger.check_no_transaction()
        ledger.sending_count += 1
        ledger.on_request(instruction)
        ledger.before_call()
        entry = (
            ledger.add_refund(instruction, keeps_keys=self.keeps_keys)
            if ledger.behaviour in BEHAVIOURS_THAT_REFUND
            else None
        )
        ledger.during_call()
        if ledger.behaviour in _OUTCOME_WITHOUT_REPORT_BY_BEHAVIOUR:
            return Outcome(*_OUTCOME_WITHOUT_REPORT_BY_BEHAVIOUR[ledger.behaviour])
        assert entry is not None
        if ledger.behaviour == "completes" and entry.entry_state == "accepted":
            entry.entry_state = "done"
        return _make_answer(entry)

    def start(self, _request: object) -> Outcome[Any]:
        return UNREADABLE_OUTCOME

    def cancel(self, _question: object) -> Outcome[None]:
        return UNREADABLE_OUTCOME


def make_report(entry: RefundEntry) -> RefundReport:
    """Return the provider's report about the refund. The same report is a part of the details of the refunded
    payment.
    """
    state = _ANSWER_BY_STATE[entry.entry_state][1]
    return RefundReport(entry.key, entry.number, entry.entry_state.upper(), state, entry.amount, entry.payment)


def _make_answer(entry: RefundEntry) -> Outcome[RefundReport]:
    return replace(
        Outcome(_ANSWER_BY_STATE[entry.entry_state][0], "answered", SendingCertainty.YES, make_report(entry)),
        evidence="{}",
    )
