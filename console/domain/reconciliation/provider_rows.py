"""Rows of a provider's history of payments and refunds, in one form for files and lists of all providers. No I/O."""

from dataclasses import dataclass
from datetime import datetime

from console.domain.money import Money
from console.domain.payments.states import PaymentState, RefundState


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One event at the provider at the instant `at` (aware UTC): a payment reached `state`; or, if `refund` is set, a
    refund of it reached that state.

    `key` identifies the row in the history and is the same at every reading; `word` is the provider's own word for
    the state. `amount` is the paid or refunded amount. At least one of the payment's two numbers is set.
    """

    key: str
    provider_payment_id: str | None
    merchant_payment_id: str | None
    state: PaymentState
    word: str
    at: datetime
    amount: Money
    refund: RefundState | None = None
    method: str | None = None


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A rejected row of the history, with the reason. `provider_payment_id` is None if even that couldn't be read."""

    key: str
    reason: str
    provider_payment_id: str | None = None
