"""Atom's status codes and remarks: (call, code) to class and reason, one row each; no code means the same twice."""

from collections.abc import Mapping
from enum import StrEnum

from console.domain.payment_records import PaymentState, RefundState
from console.providers.payment_verdicts import (
    ACCEPTED,
    ANSWERED,
    NOT_FOUND,
    UNLISTED,
    PaymentRow,
    Verdict,
    denied,
    pending,
    refused,
    too_fast,
    unknown,
)


class Call(StrEnum):
    """What was asked of Atom."""

    AUTH = "AUTH"
    PAYMENT = "TXNVERIFICATION"
    REFUND = "REFUNDINIT"
    REFUND_STATUS = "REFUNDSTATUS"


SUCCESS = "OTS0000"


class Trouble(StrEnum):
    """What to look at: the credentials, the keys and the order of fields, the provider, or the single case."""

    AUTHENTICATION = "authentication"
    SIGNATURE = "signature"
    SYSTEM = "system"
    OTHER = "other"


_SIGNATURE = denied("signature_refused")
_CREDENTIALS = denied("credentials_refused")
_MERCHANT = denied("merchant_refused")
_SYSTEM = unknown("provider_error")
_DENIED: Mapping[str, Verdict] = {"OTS0506": _SIGNATURE, "OTS0522": _CREDENTIALS, "OTS0451": _MERCHANT}
_QUESTION = ("OTS0503", "OTS0504", "OTS0507", "OTS0508", "OTS0509", "OTS0510")
_PAGE = tuple(f"OTS{number:04}" for number in range(601, 642))


PAYMENTS: Mapping[str, PaymentRow] = {
    "OTS0000": PaymentRow(ANSWERED, PaymentState.PAYMENT_SUCCESS, final=True),
    "OTS0002": PaymentRow(ANSWERED, PaymentState.PAYMENT_SUCCESS, final=True),
    "OTS0551": PaymentRow(pending("pending_at_bank"), PaymentState.USER_PAYMENT, final=False),
    "OTS0351": PaymentRow(pending("not_paid_yet"), PaymentState.USER_PAYMENT, final=False),
    "OTS0301": PaymentRow(pending("not_paid_yet"), PaymentState.USER_PAYMENT, final=False),
    "OTS0201": PaymentRow(pending("payment_timed_out"), PaymentState.USER_PAYMENT, final=False),
    "OTS0001": PaymentRow(refused("payment_reversed"), PaymentState.PAYMENT_FAILED, final=True),
    "OTS0101": PaymentRow(refused("payment_cancelled"), PaymentState.PAYMENT_FAILED, final=True),
    "OTS0600": PaymentRow(refused("payment_failed"), PaymentState.PAYMENT_FAILED, final=True),
}
"""Codes that say how a payment stands: in the answer to TXNVERIFICATION and in a callback."""

_READ: Mapping[str, Verdict] = {
    **_DENIED,
    **dict.fromkeys(_QUESTION, unknown("bad_question")),
    "OTS0401": NOT_FOUND,
    "OTS0951": _SYSTEM,
    "OTS0501": _SYSTEM,
}

CODES: Mapping[Call, Mapping[str, Verdict]] = {
    Call.PAYMENT: {**_READ, **{code: row.verdict for code, row in PAYMENTS.items()}},
    Call.REFUND_STATUS: _READ,
    Call.REFUND: {
        **_DENIED,
        **dict.fromkeys((*_QUESTION, "OTS0637", "OTS0638", "OTS0641"), refused("bad_request")),
        "OTS0401": refused("no_such_payment"),
        "OTS0951": _SYSTEM,
    },
    Call.AUTH: {
        **dict.fromkeys(("OTS0600", *_PAGE), refused("bad_request")),
        **_DENIED,
    },
}
"""What is not here is UNKNOWN. OTS0000 is not decided by itself, except for a payment."""

REMARKS: Mapping[str, tuple[Verdict, RefundState]] = {
    "REFUND INITIATED": (ACCEPTED, RefundState.SUBMITTED),
    "REFUND PENDING": (ACCEPTED, RefundState.SUBMITTED),
    "REFUND PROCESSED": (ANSWERED, RefundState.COMPLETED),
    "REFUND FAILED": (refused("refund_failed"), RefundState.FAILED),
    "REFUND REJECTED": (refused("refund_rejected"), RefundState.FAILED),
}

_STATUSES: Mapping[Call, Mapping[int, Verdict]] = {
    Call.AUTH: {
        400: refused("bad_request"),
        401: _CREDENTIALS,
        402: refused("no_token_made"),
        403: _MERCHANT,
    },
    Call.REFUND: {401: _CREDENTIALS, 403: _MERCHANT},
    Call.PAYMENT: {401: _CREDENTIALS, 403: _MERCHANT, 429: too_fast("rate_limited")},
    Call.REFUND_STATUS: {401: _CREDENTIALS, 403: _MERCHANT, 429: too_fast("rate_limited")},
}

_TROUBLES: Mapping[str, Trouble] = {
    "signature_refused": Trouble.SIGNATURE,
    "credentials_refused": Trouble.AUTHENTICATION,
    "merchant_refused": Trouble.AUTHENTICATION,
    "provider_error": Trouble.SYSTEM,
}


def verdict(call: Call, code: str) -> Verdict:
    """The row of a code; an unlisted one is UNKNOWN."""
    return CODES[call].get(code, UNLISTED)


def verdict_by_status(call: Call, status: int) -> Verdict:
    """The row of an HTTP status that is no success; an unlisted one is UNKNOWN."""
    if 300 <= status < 400:
        return unknown("redirect")
    return _STATUSES[call].get(status, unknown(f"http_{status}"))


def remark(text: object) -> tuple[Verdict, RefundState] | None:
    """The row of a refund's remark, compared trimmed and without regard to case."""
    return REMARKS.get(text.strip().upper()) if isinstance(text, str) else None


def trouble(reason: str) -> Trouble:
    """The kind of trouble behind the reason of an outcome."""
    return Trouble.SYSTEM if reason.startswith("http_5") else _TROUBLES.get(reason, Trouble.OTHER)
