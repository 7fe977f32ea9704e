"""The table of faults, and what a fault can do to a call."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from console.sandbox.exchange import Exchange

Effect = Literal["nothing", "happens", "late", "when released"]
Argument = Literal["none", "optional", "required", "word"]
PURCHASE, READS, TOKEN, PDF = ("purchase",), ("purchase", "detail", "pdf", "list"), ("token",), ("pdf",)
DETAILS = ("detail", "pdf")
PAYPAY = ("paypay_create", "paypay_delete_code", "paypay_payment", "paypay_cancel", "paypay_refund",
          "paypay_refund_details")  # fmt: skip
ATOM = ("atom_auth", "atom_verification", "atom_refund", "atom_refund_status")
NOTICES = ("paypay_webhook", "atom_callback")
CALLS = ("authorize", "token", "purchase", "detail", "pdf", "list", *PAYPAY, "paypay_recon", *ATOM, *NOTICES)


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One row of the table. `effect`: what becomes of the charge, rotation, refund, notice; no `calls`: every call.

    A notice is a call of the sandbox's own: only the faults that name it apply to it.
    """

    name: str
    sees: str
    effect: Effect
    calls: frozenset[str]
    argument: Argument
    options: tuple[str, ...]
    perform: Callable[["Exchange"], None]


FAULTS: dict[str, FaultKind] = {}
ORDINARY = FaultKind(
    "",
    "the ordinary answer",
    "happens",
    frozenset(),
    "none",
    (),
    lambda exchange: exchange.send(exchange.act()),
)


def fault(
    name: str,
    sees: str,
    effect: Effect,
    calls: tuple[str, ...] = (),
    *,
    argument: Argument = "none",
    options: tuple[str, ...] = (),
) -> Callable[[Callable[["Exchange"], None]], Callable[["Exchange"], None]]:
    """Enter a function into the table of faults; `sees` is what the caller gets, in a few words."""

    def enter(perform: Callable[["Exchange"], None]) -> Callable[["Exchange"], None]:
        FAULTS[name] = FaultKind(name, sees, effect, frozenset(calls), argument, options, perform)
        return perform

    return enter
