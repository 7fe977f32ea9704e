"""A company's payments, refunds and orders as lists."""

from collections.abc import Mapping

from console.views.case_words import ref_of
from console.views.pages.case_columns import case_columns, whole
from console.views.pages.static_table import StaticTable
from console.views.seat import Seat

MONEY_LISTS: Mapping[str, tuple[str, ...]] = {
    "payments": ("day", "name", "provider", "amount", "state", "certainty", "work", "payer", "next", "age"),
    "refunds": ("day", "name", "amount", "state", "certainty", "work", "people", "next", "age"),
    "orders": ("day", "name", "amount", "state", "certainty", "work", "age"),
}


def money_table(seat: Seat, name: str) -> StaticTable:
    """One of the lists; what is least needed goes first where there is no room."""
    kinds = {"payments": ("payment", "waiting", "business"), "refunds": ("refund",), "orders": ("order",)}[name]
    columns = case_columns(seat, MONEY_LISTS[name], whole, kinds=kinds)
    return StaticTable(seat, columns, ref_of, seat.say(f"record.tab.{name}"), spare=("payer", "next", "age"))
