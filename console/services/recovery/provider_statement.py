"""Find the provider's last stored statement about a payment, such as paid, waiting or failed."""

from collections.abc import Mapping
from datetime import datetime

from console.domain.payments.consistency import is_answer_old, is_final
from console.domain.payments.records import Payment
from console.domain.payments.report_rules import CROSSED_ANSWERS_REASON, NOT_BOOKABLE_REASON, OTHER_AMOUNT_REASON
from console.domain.payments.states import ENDED_WITHOUT_MONEY_STATES, PAID_STATES, WAITING_STATES, PaymentState
from console.domain.records import Certainty, WorkState
from console.domain.recovery.records import ProviderStatement
from console.services.payments.providers import find_payment_state_of_provider_word

_NOT_FOUND_ERROR_CODES = ("not_found", "no_such_payment", "no_such_code")
_STATEMENT_OF_PAYMENT_STATE: Mapping[PaymentState, ProviderStatement] = {
    **dict.fromkeys(PAID_STATES, ProviderStatement.PAID),
    **dict.fromkeys(WAITING_STATES, ProviderStatement.WAITING),
    **dict.fromkeys(ENDED_WITHOUT_MONEY_STATES, ProviderStatement.FAILED),
    PaymentState.EXPIRED: ProviderStatement.EXPIRED,
}


def find_last_provider_statement(
    payment: Payment, now: datetime, *, accepts_old_confirmation: bool = False
) -> ProviderStatement:
    """Return the provider's last statement about the payment, derived from the payment's row. Return
    `ProviderStatement.NOTHING` if no statement is stored, or if the statement is too old to rely on at the time
    `now`. With `accepts_old_confirmation`, an old statement that a payment is paid is returned too, if the payment is
    stored as paid and no person must look at it.
    """
    if payment.error_code == OTHER_AMOUNT_REASON:
        return ProviderStatement.OTHER_AMOUNT
    if payment.certainty is Certainty.UNKNOWN and payment.error_code in _NOT_FOUND_ERROR_CODES:
        return ProviderStatement.NOT_FOUND
    # The newest answer decides nothing; the stored facts are those of an earlier one.
    if payment.certainty is Certainty.UNKNOWN and payment.error_code in (NOT_BOOKABLE_REASON, CROSSED_ANSWERS_REASON):
        return ProviderStatement.NOTHING
    state = find_payment_state_of_provider_word(payment.provider, payment.provider_state)
    if state is None or payment.told_at is None:
        return ProviderStatement.NOTHING
    is_accepted = accepts_old_confirmation and _is_confirmation(state, payment)
    if is_answer_old(payment.told_at, payment, now) and not is_accepted:
        return ProviderStatement.NOTHING
    own_minor = payment.captured_minor or payment.asked_minor
    return (
        ProviderStatement.OTHER_AMOUNT
        if state in PAID_STATES and payment.provider_minor not in (None, own_minor)
        else _STATEMENT_OF_PAYMENT_STATE[state]
    )


def _is_confirmation(state: PaymentState, payment: Payment) -> bool:
    """Return True if the provider's state `state` says that the payment is paid, the payment is stored as paid, and
    no person must look at it."""
    is_stored_as_paid = payment.state in PAID_STATES and is_final(payment)
    return state in PAID_STATES and is_stored_as_paid and payment.work.state is not WorkState.NEEDS_REVIEW
