"""The truth: every charge that the simulated providers accepted. Two requests are two charges."""

from collections import Counter
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
        self._counts: Counter[str] = Counter()

    def charge(self, charge_id: int, provider: str, number: str, at: datetime) -> None:
        with self._lock:
            self._charges[charge_id] = Charge(charge_id, provider, number, instant_text(at))
            self._counts[number] += 1

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
            self._counts.clear()

    @property
    def total(self) -> int:
        return len(self._charges)

    def count(self, number: str) -> int:
        """Charges of one corporation number."""
        with self._lock:
            return self._counts[number]

    def by_number(self) -> dict[str, int]:
        with self._lock:
            return dict(self._counts)

    def charges(self, number: str | None = None) -> list[Charge]:
        """In the order in which they were made."""
        with self._lock:
            return [charge for charge in self._charges.values() if number in (None, charge.number)]

    def as_json(self, number: str | None = None) -> JsonObject:
        charges = self.charges(number)
        return {
            "total": len(charges),
            "by_number": {number: self.count(number)} if number else self.by_number(),
            "entries": [asdict(charge) for charge in charges],
        }
