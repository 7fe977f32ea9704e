"""Hands out the payment providers of this desk, made when first asked for: the half for reading, or the whole."""

from collections.abc import Callable, Mapping
from threading import Lock

from console.domain.errors import ConsoleError
from console.domain.payment_records import PaymentState
from console.providers.payment_protocol import PaymentReader, PaymentVendor


class PaymentVendors:
    """Lazy access to every provider by its name. Services that must never move money get only `reader`."""

    def __init__(self, make: Callable[[str], PaymentVendor]) -> None:
        """`make` raises not_found for a name that is no provider's, bad_profile for one that is not configured."""
        self._make = make
        self._made: dict[str, PaymentVendor] = {}
        self._lock = Lock()

    def whole(self, provider: str) -> PaymentVendor:
        """The provider with what moves money. Raises as `make` does."""
        with self._lock:
            if provider not in self._made:
                self._made[provider] = self._make(provider)
            return self._made[provider]

    def reader(self, provider: str) -> PaymentReader:
        """The half that can't move money. Raises as `make` does."""
        return self.whole(provider).reader()

    def asker(self, provider: str) -> PaymentReader | None:
        """The half that can't move money; None where nobody can be asked: a mere source of notices, or a provider
        that is not configured here.
        """
        try:
            return self.reader(provider)
        except ConsoleError:
            return None


NOTICE_WORDS: Mapping[str, PaymentState] = {
    "payment.succeeded": PaymentState.PAYMENT_SUCCESS,
    "payment.failed": PaymentState.PAYMENT_FAILED,
    "payment.reversed": PaymentState.PAYMENT_FAILED,
    "payment.cancelled": PaymentState.PAYMENT_FAILED,
    "payment.expired": PaymentState.EXPIRED,
    "payment.pending": PaymentState.USER_PAYMENT,
}
"""What the types of a signed notice say of a payment; any other type says nothing."""


def meaning(provider: str, word: str | None) -> PaymentState | None:
    """What a provider's own word for a payment's state means; None for a word that no table has."""
    if word is None:
        return None
    if provider == "paypay":
        from console.providers.paypay_codes import PAYMENT_STATES

        standing = PAYMENT_STATES.get(word)
        return standing.state if standing else None
    if provider == "atom":
        from console.providers.atom_codes import PAYMENTS

        standing = PAYMENTS.get(word)
        return standing.state if standing else None
    return NOTICE_WORDS.get(word)
