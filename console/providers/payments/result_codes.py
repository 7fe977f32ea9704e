"""Meaning of the codes in a payment provider's answers: the outcome's class and reason, and the state of the
payment.
"""

from dataclasses import dataclass

from console.domain.payments.states import PaymentState
from console.domain.provider_outcome import OutcomeClass


@dataclass(frozen=True, slots=True)
class Verdict:
    """Class and reason of the outcome that a provider's code means. `reason` is a stable code that the screens show
    as a sentence.
    """

    kind: OutcomeClass
    reason: str


@dataclass(frozen=True, slots=True)
class PaymentCodeMeaning:
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
    """Return a FAILED_DEFINITE verdict with this reason: certainly nothing happened. For a read it means that the
    provider reports a failure of the payment or refund.
    """
    return Verdict(OutcomeClass.FAILED_DEFINITE, reason)


def make_denied_verdict(reason: str) -> Verdict:
    """Return an AUTH verdict with this reason: the provider refused the credentials, the signature or the contract,
    and nothing happened.
    """
    return Verdict(OutcomeClass.AUTH, reason)


def make_rate_limited_verdict(reason: str) -> Verdict:
    """Return a RATE_LIMITED verdict with this reason: nothing happened, and a later request may succeed."""
    return Verdict(OutcomeClass.RATE_LIMITED, reason)


def make_pending_verdict(reason: str) -> Verdict:
    """Return a PENDING verdict with this reason: the provider has begun, and its result isn't final yet."""
    return Verdict(OutcomeClass.PENDING, reason)


ANSWERED_VERDICT = Verdict(OutcomeClass.SUCCEEDED, "answered")
ACCEPTED_VERDICT = make_pending_verdict("accepted")
NOT_FOUND_VERDICT = Verdict(OutcomeClass.NOT_FOUND, "not_found")
UNLISTED_VERDICT = make_unknown_verdict("unlisted_answer")
