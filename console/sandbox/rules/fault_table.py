"""The table of faults, and the names of the provider calls."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

FaultEffect = Literal["nothing", "happens", "late", "when released"]
"""Time of the effect (a charge, a refund) of a call with a fault: never, before the answer, some time after it, or
when the held call is released.
"""
FaultArgumentRule = Literal["none", "optional", "required", "word"]
"""States if a fault has an argument after the colon in its name: none, an optional or a required number, or a
required word.
"""
CREDIT_CHECK_CALLS = ("purchase", "detail", "pdf", "list")
TOKEN_CALLS = ("token",)
PDF_CALLS = ("pdf",)
AUTHORIZE_CALLS = ("authorize",)
DETAIL_CALLS = ("detail", "pdf")
PAYPAY_CALLS = (
    "paypay_create",
    "paypay_delete_code",
    "paypay_payment",
    "paypay_cancel",
    "paypay_refund",
    "paypay_refund_details",
)
ATOM_CALLS = ("atom_auth", "atom_verification", "atom_refund", "atom_refund_status")
REGISTRY_CALLS = ("registry_num", "registry_diff", "registry_name")
NOTICE_CALLS = ("paypay_webhook", "atom_callback")
PROVIDER_CALL_NAMES = (
    "authorize",
    "token",
    "purchase",
    "detail",
    "pdf",
    "list",
    *PAYPAY_CALLS,
    "paypay_recon",
    *ATOM_CALLS,
    *REGISTRY_CALLS,
    *NOTICE_CALLS,
)


FaultFunction = Callable[[Any], None]
"""Function that answers one provider call with a fault. Its argument is a `CallInProgress`; the type isn't named
here, because the module `console.sandbox.faults.call_in_progress` imports this module.
"""
FaultFunctionT = TypeVar("FaultFunctionT", bound=FaultFunction)


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One row of the table of faults. `answer_description` describes the answer that the caller gets. `effect` names
    the time at which the effect of the call (the charge, token rotation, refund or notice) happens; `nothing` means
    that no effect happens. `calls` are the calls to which the fault can be applied; empty means every call except the
    notices. `argument_rule` states if the fault has an argument: a number or, with `word`, a code such as
    SERVICE_ERROR, which is required. `option_names` are the names of its options. `apply` is the function that
    answers a call with the fault.

    The sandbox itself makes the calls that send notices, so a fault applies to them only if its `calls` name them.
    """

    name: str
    answer_description: str
    effect: FaultEffect
    calls: frozenset[str]
    argument_rule: FaultArgumentRule
    option_names: tuple[str, ...]
    apply: FaultFunction


FAULT_BY_NAME: dict[str, FaultKind] = {}
NO_FAULT = FaultKind(
    "",
    "the ordinary answer",
    "happens",
    frozenset(),
    "none",
    (),
    lambda call_in_progress: call_in_progress.send_reply(call_in_progress.execute_call()),
)


def register_fault(
    name: str,
    answer_description: str,
    effect: FaultEffect,
    calls: tuple[str, ...] = (),
    *,
    argument_rule: FaultArgumentRule = "none",
    option_names: tuple[str, ...] = (),
) -> Callable[[FaultFunctionT], FaultFunctionT]:
    """Return a decorator that adds a function to the table of faults under this name; `answer_description` describes
    the answer that the caller gets. The other parameters are the fields of `FaultKind`.
    """

    def register_function(fault_function: FaultFunctionT) -> FaultFunctionT:
        FAULT_BY_NAME[name] = FaultKind(
            name, answer_description, effect, frozenset(calls), argument_rule, option_names, fault_function
        )
        return fault_function

    return register_function
