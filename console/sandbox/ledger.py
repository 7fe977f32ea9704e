"""The truth: every charge that the simulated providers accepted. Two requests are two charges."""

from dataclasses import asdict, dataclass
from datetime import datetime
from threading import Lock

from console.sandbox.clock import instant_text
from console.sandbox.wire import JsonObject


@dataclass(slots=True)
class Charge:
    """One accepted purchase. `delivered`: its true answer was written to the caller in full."""

    id: int
    provider: str
    number: str
    at: str
    delivered: bool = False
    fault: str | None = None


class Ledger:
    """Counts charges and never merges them; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._charges: dict[int, Charge] = {}

    def charge(self, charge_id: int, provider: str, number: str, at: datetime) -> None:
        with self._lock:
            self._charges[charge_id] = Charge(charge_id, provider, number, instant_text(at))

    def delivered(self, charge_id: int) -> None:
        with self._lock:
            if charge_id in self._charges:
                self._charges[charge_id].delivered = True

    def happened_under(self, charge_id: int, fault: str) -> None:
        """Name the fault that accompanied a charge."""
        with self._lock:
            if charge_id in self._charges:
                self._charges[charge_id].fault = fault

    def clear(self) -> None:
        with self._lock:
            self._charges.clear()

    @property
    def total(self) -> int:
        return len(self._charges)

    def count(self, number: str) -> int:
        """Charges of one corporation number."""
        with self._lock:
            return sum(1 for charge in self._charges.values() if charge.number == number)

    def by_number(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for charge in self.charges():
            counts[charge.number] = counts.get(charge.number, 0) + 1
        return counts

    def charges(self, number: str | None = None) -> list[Charge]:
        """In the order in which they were made."""
        with self._lock:
            return [charge for charge in self._charges.values() if number in (None, charge.number)]

    def as_json(self, number: str | None = None) -> JsonObject:
        charges = self.charges(number)
        counts = self.by_number()
        return {
            "total": len(charges),
            "by_number": {number: counts.get(number, 0)} if number else counts,
            "entries": [asdict(charge) for charge in charges],
        }
