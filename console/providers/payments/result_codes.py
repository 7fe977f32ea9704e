"""The outcome (class and reason) that a code in a payment provider's answer means, and the state of the payment."""

from dataclasses import dataclass

from console.domain.payments.states import PaymentState
from console.domain.provider_outcome import OutcomeClass

NOT_PAID_YET_REASON = "not_paid_yet"
"""Reason of the outcome PENDING of a payment that the payer has not paid yet. Other reasons of this outcome, such as
`pending_at_bank` or `not_captured`, mean that the payer has tried to pay, and that the payment can still succeed.
"""


@dataclass(frozen=True, slots=True)
class CodeVerdict:
    """Verdict of a provider's code: class (`kind`) and reason of the outcome that the code means. `reason` is a
    stable code that the screens show as a sentence."""

    kind: OutcomeClass
    reason: str


@dataclass(frozen=True, slots=True)
class PaymentCodeMeaning:
    """Meaning of a provider's code for a payment: class and reason of the outcome (`verdict`), and the payment's
    state. `is_final`: the provider will not change the state again.
    """

    verdict: CodeVerdict
    state: PaymentState
    is_final: bool


def make_unknown_verdict(reason: str) -> CodeVerdict:
    """Return the outcome class UNKNOWN with this reason: the provider's answer proves neither success nor failure."""
    return CodeVerdict(OutcomeClass.UNKNOWN, reason)


def make_failed_verdict(reason: str) -> CodeVerdict:
    """Return the outcome class FAILED_DEFINITE with this reason: certainly nothing happened at the provider. In the
    answer to a read, the code means that the provider reports a failure of the payment or refund.
    """
    return CodeVerdict(OutcomeClass.FAILED_DEFINITE, reason)


def make_auth_verdict(reason: str) -> CodeVerdict:
    """Return the outcome class AUTH with this reason: the provider refused the credentials, the signature or the
    contract, and nothing happened."""
    return CodeVerdict(OutcomeClass.AUTH, reason)


def make_rate_limited_verdict(reason: str) -> CodeVerdict:
    """Return the outcome class RATE_LIMITED with this reason: nothing happened, and a later request may succeed."""
    return CodeVerdict(OutcomeClass.RATE_LIMITED, reason)


def make_pending_verdict(reason: str) -> CodeVerdict:
    """Return the outcome class PENDING with this reason: the provider has accepted the request, and its result
    isn't final yet."""
    return CodeVerdict(OutcomeClass.PENDING, reason)


SUCCEEDED_VERDICT = CodeVerdict(OutcomeClass.SUCCEEDED, "answered")
ACCEPTED_VERDICT = make_pending_verdict("accepted")
NOT_FOUND_VERDICT = CodeVerdict(OutcomeClass.NOT_FOUND, "not_found")
UNLISTED_CODE_VERDICT = make_unknown_verdict("unlisted_answer")
