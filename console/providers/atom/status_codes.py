"""Atom's status codes and the remarks of refunds: for each call and code, the class and reason of the outcome. The
same code can mean different things in the answers to different calls.
"""

from collections.abc import Mapping
from enum import StrEnum

from console.domain.payments.states import PaymentState, RefundState
from console.providers.payments.result_codes import (
    ACCEPTED_VERDICT,
    NOT_FOUND_VERDICT,
    NOT_PAID_YET_REASON,
    SUCCEEDED_VERDICT,
    UNLISTED_CODE_VERDICT,
    CodeVerdict,
    PaymentCodeMeaning,
    make_auth_verdict,
    make_failed_verdict,
    make_pending_verdict,
    make_rate_limited_verdict,
    make_unknown_verdict,
)


class AtomCall(StrEnum):
    """The calls to Atom that the adapter makes; the values are the names that Atom gives them."""

    AUTH = "AUTH"
    PAYMENT = "TXNVERIFICATION"
    REFUND = "REFUNDINIT"
    REFUND_STATUS = "REFUNDSTATUS"


SUCCESS_CODE = "OTS0000"


class FailureCause(StrEnum):
    """The part that staff must examine after a failed call to Atom. AUTHENTICATION: the credentials; SIGNATURE: the
    keys and the sequence of signed fields; SYSTEM: Atom's own system; OTHER: the single request.
    """

    AUTHENTICATION = "authentication"
    SIGNATURE = "signature"
    SYSTEM = "system"
    OTHER = "other"


_SIGNATURE_REFUSED_VERDICT = make_auth_verdict("signature_refused")
_CREDENTIALS_REFUSED_VERDICT = make_auth_verdict("credentials_refused")
_MERCHANT_REFUSED_VERDICT = make_auth_verdict("merchant_refused")
_NOT_PAID_YET_VERDICT = make_pending_verdict(NOT_PAID_YET_REASON)
_PROVIDER_ERROR_VERDICT = make_unknown_verdict("provider_error")
_VERDICT_BY_DENIED_CODE: Mapping[str, CodeVerdict] = {
    "OTS0506": _SIGNATURE_REFUSED_VERDICT,
    "OTS0522": _CREDENTIALS_REFUSED_VERDICT,
    "OTS0451": _MERCHANT_REFUSED_VERDICT,
}
_BAD_REQUEST_CODES = ("OTS0503", "OTS0504", "OTS0507", "OTS0508", "OTS0509", "OTS0510")
_PAGE_ERROR_CODES = tuple(f"OTS{number:04}" for number in range(601, 642))


PAYMENT_CODE_MEANINGS: Mapping[str, PaymentCodeMeaning] = {
    "OTS0000": PaymentCodeMeaning(SUCCEEDED_VERDICT, PaymentState.PAYMENT_SUCCESS, is_final=True),
    "OTS0002": PaymentCodeMeaning(SUCCEEDED_VERDICT, PaymentState.PAYMENT_SUCCESS, is_final=True),
    "OTS0551": PaymentCodeMeaning(make_pending_verdict("pending_at_bank"), PaymentState.USER_PAYMENT, is_final=False),
    "OTS0351": PaymentCodeMeaning(_NOT_PAID_YET_VERDICT, PaymentState.USER_PAYMENT, is_final=False),
    "OTS0301": PaymentCodeMeaning(_NOT_PAID_YET_VERDICT, PaymentState.USER_PAYMENT, is_final=False),
    "OTS0201": PaymentCodeMeaning(
        make_pending_verdict("payment_timed_out"), PaymentState.USER_PAYMENT, is_final=False
    ),
    "OTS0001": PaymentCodeMeaning(
        make_failed_verdict("payment_reversed"), PaymentState.PAYMENT_FAILED, is_final=True
    ),
    "OTS0101": PaymentCodeMeaning(
        make_failed_verdict("payment_cancelled"), PaymentState.PAYMENT_FAILED, is_final=True
    ),
    "OTS0600": PaymentCodeMeaning(make_failed_verdict("payment_failed"), PaymentState.PAYMENT_FAILED, is_final=True),
}
"""Meaning of the status codes for a payment's state, in the answer to TXNVERIFICATION and in a callback."""

_VERDICT_BY_READ_CODE: Mapping[str, CodeVerdict] = {
    **_VERDICT_BY_DENIED_CODE,
    **dict.fromkeys(_BAD_REQUEST_CODES, make_unknown_verdict("bad_question")),
    "OTS0401": NOT_FOUND_VERDICT,
    "OTS0951": _PROVIDER_ERROR_VERDICT,
    "OTS0501": _PROVIDER_ERROR_VERDICT,
}

VERDICTS_BY_CALL: Mapping[AtomCall, Mapping[str, CodeVerdict]] = {
    AtomCall.PAYMENT: {**_VERDICT_BY_READ_CODE, **{code: row.verdict for code, row in PAYMENT_CODE_MEANINGS.items()}},
    AtomCall.REFUND_STATUS: _VERDICT_BY_READ_CODE,
    AtomCall.REFUND: {
        **_VERDICT_BY_DENIED_CODE,
        **dict.fromkeys((*_BAD_REQUEST_CODES, "OTS0637", "OTS0638", "OTS0641"), make_failed_verdict("bad_request")),
        "OTS0401": make_failed_verdict("no_such_payment"),
        "OTS0951": _PROVIDER_ERROR_VERDICT,
    },
    AtomCall.AUTH: {
        **dict.fromkeys(("OTS0600", *_PAGE_ERROR_CODES), make_failed_verdict("bad_request")),
        **_VERDICT_BY_DENIED_CODE,
    },
}
"""Meaning of each status code in the answer to each call. A code that isn't listed means UNKNOWN. The success code
OTS0000 is listed only for the call that reads a payment; after a success, the contents of the answer to any other
call decide.
"""

REFUND_REMARK_MEANINGS: Mapping[str, tuple[CodeVerdict, RefundState]] = {
    "REFUND INITIATED": (ACCEPTED_VERDICT, RefundState.SUBMITTED),
    "REFUND PENDING": (ACCEPTED_VERDICT, RefundState.SUBMITTED),
    "REFUND PROCESSED": (SUCCEEDED_VERDICT, RefundState.COMPLETED),
    "REFUND FAILED": (make_failed_verdict("refund_failed"), RefundState.FAILED),
    "REFUND REJECTED": (make_failed_verdict("refund_rejected"), RefundState.FAILED),
}
"""Outcome and our state of the refund, by the remark in Atom's answer about the refund."""

_VERDICT_BY_HTTP_STATUS: Mapping[AtomCall, Mapping[int, CodeVerdict]] = {
    AtomCall.AUTH: {
        400: make_failed_verdict("bad_request"),
        401: _CREDENTIALS_REFUSED_VERDICT,
        402: make_failed_verdict("no_token_made"),
        403: _MERCHANT_REFUSED_VERDICT,
    },
    AtomCall.REFUND: {401: _CREDENTIALS_REFUSED_VERDICT, 403: _MERCHANT_REFUSED_VERDICT},
    AtomCall.PAYMENT: {
        401: _CREDENTIALS_REFUSED_VERDICT,
        403: _MERCHANT_REFUSED_VERDICT,
        429: make_rate_limited_verdict("rate_limited"),
    },
    AtomCall.REFUND_STATUS: {
        401: _CREDENTIALS_REFUSED_VERDICT,
        403: _MERCHANT_REFUSED_VERDICT,
        429: make_rate_limited_verdict("rate_limited"),
    },
}

_FAILURE_CAUSE_BY_REASON: Mapping[str, FailureCause] = {
    "signature_refused": FailureCause.SIGNATURE,
    "credentials_refused": FailureCause.AUTHENTICATION,
    "merchant_refused": FailureCause.AUTHENTICATION,
    "provider_error": FailureCause.SYSTEM,
}


def find_code_verdict(call: AtomCall, code: str) -> CodeVerdict:
    """Return class and reason of the outcome that a status code means in the answer to `call`; UNKNOWN for a code
    that isn't listed."""
    return VERDICTS_BY_CALL[call].get(code, UNLISTED_CODE_VERDICT)


def find_status_verdict(call: AtomCall, status: int) -> CodeVerdict:
    """Return class and reason of the outcome of an answer to `call` with an HTTP status other than 2xx; UNKNOWN
    for a status that isn't listed."""
    if 300 <= status < 400:
        return make_unknown_verdict("redirect")
    return _VERDICT_BY_HTTP_STATUS[call].get(status, make_unknown_verdict(f"http_{status}"))


def find_remark_verdict(text: object) -> tuple[CodeVerdict, RefundState] | None:
    """Return class and reason of the outcome, and the refund state, that Atom's remark about a refund means; None for
    an unlisted remark. The comparison ignores blanks at both ends, and upper and lower case of ASCII letters only:
    `ß` is not equal to SS.
    """
    return REFUND_REMARK_MEANINGS.get(text.strip().upper()) if isinstance(text, str) and text.isascii() else None


def find_failure_cause(reason: str) -> FailureCause:
    """Return the part that staff should examine after a call to Atom whose outcome has this reason."""
    return (
        FailureCause.SYSTEM
        if reason.startswith("http_5")
        else _FAILURE_CAUSE_BY_REASON.get(reason, FailureCause.OTHER)
    )
