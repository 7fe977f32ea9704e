"""Meaning of the codes in a provider's answers: the outcome's class and reason, and the state of the payment."""

from dataclasses import dataclass

from console.domain.payments.states import PaymentState
from console.domain.provider_outcome import OutcomeClass


@dataclass(frozen=True, slots=True)
class Verdict:
    """Class and reason of an outcome. `reason` is a stable code that the screens show as a sentence."""

    kind: OutcomeClass
    reason: str


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """Meaning of a provider's code for a payment's state. `final`: the provider will not change the state any
    more.
    """

    verdict: Verdict
    state: PaymentState
    final: bool


def make_unknown_verdict(reason: str) -> Verdict:
    """Return an UNKNOWN verdict with this reason: the answer proves neither success nor failure."""
    return Verdict(OutcomeClass.UNKNOWN, reason)


def make_refused_verdict(reason: str) -> Verdict:
    """Return a FAILED_DEFINITE verdict: certainly nothing happened. For a read: the provider reports a failure."""
    return Verdict(OutcomeClass.FAILED_DEFINITE, reason)


def make_denied_verdict(reason: str) -> Verdict:
    """Return an AUTH verdict: the credentials, the signature or the contract were refused, and nothing happened."""
    return Verdict(OutcomeClass.AUTH, reason)


def make_rate_limited_verdict(reason: str) -> Verdict:
    """Return a RATE_LIMITED verdict: nothing happened, and a later request may succeed."""
    return Verdict(OutcomeClass.RATE_LIMITED, reason)


def make_pending_verdict(reason: str) -> Verdict:
    """Return a PENDING verdict: the provider has begun, but the result isn't final."""
    return Verdict(OutcomeClass.PENDING, reason)


ANSWERED_VERDICT = Verdict(OutcomeClass.SUCCEEDED, "answered")
ACCEPTED_VERDICT = make_pending_verdict("accepted")
NOT_FOUND_VERDICT = Verdict(OutcomeClass.NOT_FOUND, "not_found")
UNLISTED_VERDICT = make_unknown_verdict("unlisted_answer")
