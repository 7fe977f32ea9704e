"""The result of a lookup: all records of one corporation number."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.domain.records import CreditCheck

if TYPE_CHECKING:  # imported for types only: a lookup of credit checks doesn't need them
    from console.domain.payments.records import Order, Payment, Refund
    from console.domain.registry.facts import CorporationFacts
    from console.domain.views.company import CompanyTotals


@dataclass(frozen=True, slots=True)
class LookupResult:
    """All records of one corporation number: credit checks, orders, payments and refunds, each newest first and empty
    if there are none. `had_prefix` is True if the number was typed with a T (invoice registration number).
    `corporation` has the registry's facts about the number; None if this desk has no registry. `totals` has the sums
    of money for each currency (see CompanyTotals); empty if there are no payments.
    """

    corporation_number: str
    credit_checks: tuple[CreditCheck, ...]
    had_prefix: bool = False
    orders: "tuple[Order, ...]" = ()
    payments: "tuple[Payment, ...]" = ()
    refunds: "tuple[Refund, ...]" = ()
    corporation: "CorporationFacts | None" = None
    totals: "tuple[CompanyTotals, ...]" = ()
