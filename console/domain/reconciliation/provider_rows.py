"""Rows of a provider's history of payments and refunds, in one form for all providers. No I/O."""

from dataclasses import dataclass
from datetime import datetime

from console.domain.money import Money
from console.domain.payments.states import PaymentState, RefundState


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One event in a provider's history at the instant `at` (aware UTC): a payment reached `state`; or, if
    `refund_state` is set, a refund of this payment reached the state `refund_state`.

    `key` identifies the row in the history and is the same each time the history is read; `provider_state` is the
    provider's own word for the state. `amount` is the paid or refunded amount. At least one of the payment's two ids
    is set. `method` is the provider's word for the way of paying, None if the history has none.
    """

    key: str
    provider_payment_id: str | None
    merchant_payment_id: str | None
    state: PaymentState
    provider_state: str
    at: datetime
    amount: Money
    refund_state: RefundState | None = None
    method: str | None = None


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A rejected row of a provider's history, with the code of the reason. `key` identifies the row in the history.
    `provider_payment_id` is None if this id couldn't be read either.
    """

    key: str
    reason: str
    provider_payment_id: str | None = None
