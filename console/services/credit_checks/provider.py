"""Hands out the credit vendor of this desk, made when first asked for: its half for reading, or the whole."""

from collections.abc import Callable
from threading import Lock

from console.domain.errors import ConsoleError
from console.providers.protocol import Capabilities, CreditReader, CreditVendor

_NONE = Capabilities(
    by_number=False, synchronous=False, verdict=False, pdf=False, idempotent=False, finds_purchases=False
)


class Vendors:
    """Lazy access to one vendor. Services that must never buy get only `reader`."""

    def __init__(self, make: Callable[[], CreditVendor]) -> None:
        self._make = make
        self._made: CreditVendor | None = None
        self._lock = Lock()

    def buyer(self) -> CreditVendor:
        """The whole vendor. Raises bad_profile when it is not configured."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made

    def capabilities(self) -> Capabilities:
        """What the vendor can do; nothing at all where it is not configured, so that deciding needs no provider."""
        try:
            return self.buyer().capabilities
        except ConsoleError:
            return _NONE

    def reader(self) -> CreditReader:
        """The half that can't buy."""
        return self.buyer().reader()
