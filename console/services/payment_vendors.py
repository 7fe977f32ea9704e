"""Hands out the payment providers of this desk, each made when first asked for: its half for reading, or the whole."""

from collections.abc import Callable
from threading import Lock

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
