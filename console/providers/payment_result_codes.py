"""What a provider's code says in one row of a table: a class, the word of its reason, and how a payment stands."""

from dataclasses import dataclass

from console.domain.outcomes import OutcomeClass
from console.domain.payment_records import PaymentState


@dataclass(frozen=True, slots=True)
class Verdict:
    """One row's right half; `reason` is a stable code with words of its own."""

    kind: OutcomeClass
    reason: str


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """One standing of a payment."""

    verdict: Verdict
    state: PaymentState
    final: bool


def unknown(reason: str) -> Verdict:
    """An answer that settles nothing, and why."""
    return Verdict(OutcomeClass.UNKNOWN, reason)


def refused(reason: str) -> Verdict:
    """Certainly nothing happened; of a read: the provider says that it failed."""
    return Verdict(OutcomeClass.FAILED_DEFINITE, reason)


def denied(reason: str) -> Verdict:
    """Credentials, signature or contract: nothing happened."""
    return Verdict(OutcomeClass.AUTH, reason)


def too_fast(reason: str) -> Verdict:
    """Nothing happened; later it may."""
    return Verdict(OutcomeClass.RATE_LIMITED, reason)


def pending(reason: str) -> Verdict:
    """Begun, not final."""
    return Verdict(OutcomeClass.PENDING, reason)


ANSWERED = Verdict(OutcomeClass.SUCCEEDED, "answered")
ACCEPTED = pending("accepted")
NOT_FOUND = Verdict(OutcomeClass.NOT_FOUND, "not_found")
UNLISTED = unknown("unlisted_answer")
