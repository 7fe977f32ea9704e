"""The ledger of the credit checks that the simulated AlarmBox has sold. Each accepted purchase request is one charge,
also if the same number was bought before.
"""

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from threading import Lock

from console.sandbox.environment.clock import format_instant
from console.sandbox.http.messages import JsonObject


@dataclass(slots=True)
class Charge:
    """One accepted purchase of a credit check for the corporation number `number`. `id` is the credit check's id;
    `at` is the time of the purchase in UTC, such as `2026-11-20T03:20:01.123Z`. `delivered` is True if the correct
    answer was written to the caller completely; `fault` is the simulated fault of the call, None without a fault.
    """

    id: int
    provider: str
    number: str
    at: str
    delivered: bool = False
    fault: str | None = None


class ChargeLedger:
    """Ledger of charges for credit checks. Each purchase is a separate charge. Several threads may use the ledger at
    the same time.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._charges: dict[int, Charge] = {}
        self._counts: Counter[str] = Counter()

    def add_charge(self, charge_id: int, provider: str, corporation_number: str, at: datetime) -> None:
        """Record a charge by the provider `provider` for a corporation number at the instant `at`. `charge_id` is the
        id of the purchased credit check."""
        with self._lock:
            self._charges[charge_id] = Charge(charge_id, provider, corporation_number, format_instant(at))
            self._counts[corporation_number] += 1

    def mark_delivered(self, charge_id: int) -> None:
        """Record that the correct answer about a charge was written to the caller completely."""
        with self._lock:
            if charge_id in self._charges:
                self._charges[charge_id].delivered = True

    def record_fault(self, charge_id: int, fault: str) -> None:
        """Record the simulated fault of the call that made a charge."""
        with self._lock:
            if charge_id in self._charges:
                self._charges[charge_id].fault = fault

    def clear(self) -> None:
        """Delete all charges and their counts."""
        with self._lock:
            self._charges.clear()
            self._counts.clear()

    @property
    def charge_count(self) -> int:
        return len(self._charges)

    def count_charges_of_number(self, corporation_number: str) -> int:
        """Return the number of charges of one corporation number."""
        with self._lock:
            return self._counts[corporation_number]

    def count_charges_by_number(self) -> dict[str, int]:
        """Return the number of charges of each corporation number."""
        with self._lock:
            return dict(self._counts)

    def list_charges_of_number(self, corporation_number: str | None = None) -> list[Charge]:
        """Return the charges of one corporation number, or of all corporation numbers (None), in the sequence in
        which they were made."""
        with self._lock:
            return [charge for charge in self._charges.values() if corporation_number in (None, charge.number)]

    def export_json(self, corporation_number: str | None = None) -> JsonObject:
        """Return the total, the counts of charges by corporation number, and the charges as JSON, for one
        corporation number or all (None)."""
        charges = self.list_charges_of_number(corporation_number)
        return {
            "total": len(charges),
            "by_number": (
                {corporation_number: self.count_charges_of_number(corporation_number)}
                if corporation_number
                else self.count_charges_by_number()
            ),
            "entries": [asdict(charge) for charge in charges],
        }
