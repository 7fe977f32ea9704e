"""Reads PayPay's answers. The result code decides first; then each field is checked. Unexpected contents mean
UNKNOWN.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from console.domain.money import InvalidAmountText, Money
from console.domain.payments.provider_messages import (
    PaymentQuestion,
    PaymentReport,
    PaymentRequest,
    RefundInstruction,
    RefundReport,
    StartedPayment,
)
from console.domain.payments.states import PaymentState
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.providers.http import list_pages
from console.providers.http.answer_outcomes import (
    REFUSAL_OUTCOME_CLASSES,
    REFUSED_BUT_MADE_REASON,
    TOO_MANY_REQUESTS_STATUS,
    AnswerConverter,
    UnusableAnswer,
    format_storable_text,
    has_no_information,
    iterate_nested_fields,
)
from console.providers.http.strict_json import UnreadableJson, parse_json_object
from console.providers.http.transport import HttpAnswer
from console.providers.payments.result_codes import (
    SUCCEEDED_VERDICT,
    CodeVerdict,
    make_rate_limited_verdict,
    make_unknown_verdict,
)
from console.providers.paypay.result_codes import (
    CONTENT_FIELDS_BY_CALL,
    PAYMENT_STATE_MEANINGS,
    PAYPAY_READING_CALLS,
    REFUND_STATE_MEANINGS,
    SUCCESSFUL_CODES_BY_CALL,
    PayPayCall,
    find_code_verdict,
)

T = TypeVar("T")
Fields = dict[str, object]
DataReader = Callable[[object], tuple[T | None, CodeVerdict]]
"""Function that reads the field `data` of a PayPay answer and returns its content and a verdict. Raises
UnreadableJson if a part of the field has the wrong JSON type; UnusableAnswer if its content is invalid or belongs
to another request. After either exception the outcome is UNKNOWN.
"""

CURRENCY = "JPY"
LARGEST_AMOUNT_YEN = 99_999_999_999
_RESULT_CODE_PATTERN = re.compile(r"[A-Z0-9_]{1,64}")
_ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_REQUEST_ID_PATTERN = re.compile(r"[A-Za-z0-9-]{1,64}")
_CANCELED_CAPTURE_STATES = ("USER_CANCELED",)
_REFUNDED_STATE = "REFUNDED"
"""PayPay's state of a payment of which at least a part was refunded."""
_LATEST_EPOCH_SECONDS = 32_503_679_999  # the end of the year 2999: a later time can have no refund window


def make_paypay_answer_converter(call: PayPayCall, read_content: DataReader[T]) -> AnswerConverter[T]:
    """Return the function that converts an answer to `call` into an outcome. `read_content` reads the data of a
    success; the table of result codes decides every other answer with a result code. A redirect or an unreadable
    answer is UNKNOWN, except that an answer with status 429 and a body without information (`has_no_information`) is
    RATE_LIMITED.
    """

    def convert_answer(answer: HttpAnswer) -> Outcome[T]:
        content, verdict = _read_content_and_verdict(call, answer, read_content)
        return Outcome(
            verdict.kind,
            verdict.reason,
            SendingCertainty.YES,
            content,
            answer.status,
            make_evidence_text(answer),
            answer.sha256,
        )

    return convert_answer


def _read_content_and_verdict(
    call: PayPayCall, answer: HttpAnswer, read_content: DataReader[T]
) -> tuple[T | None, CodeVerdict]:
    """Return the content of an answer (None if the answer has no usable content) and its verdict, by HTTP status,
    result code and `read_content`."""
    if 300 <= answer.status < 400:
        return None, make_unknown_verdict("redirect")
    try:
        envelope = parse_json_object(answer.body)
        code = _require_result_code(envelope)
        if (answer.status, code) not in SUCCESSFUL_CODES_BY_CALL[call]:
            return None, _judge_unsuccessful_answer(call, answer.status, code, envelope)
        return read_content(envelope.get("data"))
    except UnusableAnswer as error:
        return None, make_unknown_verdict(error.reason)
    except UnreadableJson:
        if answer.status == TOO_MANY_REQUESTS_STATUS and has_no_information(answer):
            return None, make_rate_limited_verdict("rate_limited")
        return None, make_unknown_verdict("unreadable" if 200 <= answer.status < 300 else f"http_{answer.status}")


def _judge_unsuccessful_answer(call: PayPayCall, status: int, code: str, envelope: Fields) -> CodeVerdict:
    """Return the verdict of an answer that isn't a success, by HTTP status and result code. `envelope` is the JSON
    object of the whole answer.

    The verdict is UNKNOWN if the answer contradicts itself: it refuses a call with an effect, or says "not found" to
    a read, and yet contains the payment, refund or code that the call is about.
    """
    verdict = find_code_verdict(call, status, code)
    contents = {name: value for name, value in envelope.items() if name != "resultInfo"}
    is_denial = (
        verdict.kind is OutcomeClass.NOT_FOUND
        if call in PAYPAY_READING_CALLS
        else verdict.kind in REFUSAL_OUTCOME_CLASSES
    )
    if is_denial and any(
        _proves_object_of_call_exists(call, name, value) for name, value in iterate_nested_fields(contents)
    ):
        return make_unknown_verdict(REFUSED_BUT_MADE_REASON)
    return verdict


def _proves_object_of_call_exists(call: PayPayCall, name: str, value: object) -> bool:
    """True if the field `name` with this value shows that the payment, refund or code that the call is about exists
    at PayPay."""
    if call is PayPayCall.REFUND and name == "status" and isinstance(value, str) and value in REFUND_STATE_MEANINGS:
        return True
    return name in CONTENT_FIELDS_BY_CALL.get(call, ()) and value not in (None, "")


def make_evidence_text(answer: HttpAnswer) -> str:
    """Return the answer's body as text that may be stored. The first line is the request id, by which PayPay's
    support can find the call.
    """
    request_id = answer.headers.get("x-request-id", "")
    return f"X-REQUEST-ID: {request_id}\n" * bool(_REQUEST_ID_PATTERN.fullmatch(request_id)) + format_storable_text(
        answer.body
    )


def make_started_payment_reader(request: PaymentRequest) -> DataReader[StartedPayment]:
    """Return the function that reads the answer with a created payment code. An answer for another payment or another
    amount than the requested one is unusable (`other_id`, `other_amount`).
    """

    def read_started_payment(value: object) -> tuple[StartedPayment, CodeVerdict]:
        code_fields = _require_object(value)
        _require_equal(code_fields.get("merchantPaymentId"), request.merchant_payment_id, "other_id")
        if _parse_amount(code_fields.get("amount")) != request.amount:
            raise UnusableAnswer("other_amount")
        started_payment = StartedPayment(
            merchant_payment_id=request.merchant_payment_id,
            handle=_require_id(code_fields.get("codeId")),
            url=_parse_link(code_fields.get("url"), "https://"),
            deeplink=_parse_link(code_fields.get("deeplink"), "paypay"),
            expires_at=parse_instant(code_fields.get("expiryDate")),
        )
        return started_payment, SUCCEEDED_VERDICT

    return read_started_payment


def read_no_content(_: object) -> tuple[None, CodeVerdict]:
    """Return None and SUCCEEDED_VERDICT (success), for calls whose answer has no data."""
    return None, SUCCEEDED_VERDICT


def read_deleted_code(data: object) -> tuple[None, CodeVerdict]:
    """Return None and SUCCEEDED_VERDICT (success). Raises UnusableAnswer if the answer contains data of a payment,
    because the code that PayPay reports as deleted was then paid."""
    if any(
        name in CONTENT_FIELDS_BY_CALL[PayPayCall.DELETE_CODE] and value
        for name, value in iterate_nested_fields(data)
    ):
        raise UnusableAnswer(REFUSED_BUT_MADE_REASON)
    return None, SUCCEEDED_VERDICT


def make_payment_reader(question: PaymentQuestion) -> DataReader[PaymentReport]:
    """Return the function that reads the details of a payment. Ids and amount may be missing in the answer (an unpaid
    code has no ids). An answer with other ids than those of `question` is unusable (`other_id`, `other_payment`).
    With another amount the outcome is UNKNOWN with the reason `other_amount`, and the content is the report.
    """

    def read_payment_report(value: object) -> tuple[PaymentReport, CodeVerdict]:
        payment_fields = _require_object(value)
        state_meaning = PAYMENT_STATE_MEANINGS.get(_get_text_or_empty(payment_fields.get("status")))
        if state_meaning is None:
            raise UnusableAnswer("unlisted_state")
        has_payment_number = payment_fields.get("merchantPaymentId") is not None
        if has_payment_number:
            _require_equal(payment_fields["merchantPaymentId"], question.merchant_payment_id, "other_id")
        payment_id = None if payment_fields.get("paymentId") is None else _require_id(payment_fields["paymentId"])
        if question.provider_payment_id is not None and payment_id not in (None, question.provider_payment_id):
            raise UnusableAnswer("other_payment")
        amount = _read_charged_amount(payment_fields)
        refund_reports = _read_refund_reports(payment_fields.get("refunds"))
        if payment_fields["status"] == _REFUNDED_STATE and not refund_reports:
            refund_reports = None  # there is at least one, and the answer doesn't list it
        if state_meaning.state is PaymentState.PAYMENT_SUCCESS and payment_id is None and not has_payment_number:
            refund_reports = None  # the answer may belong to another request
        report = PaymentReport(
            merchant_payment_id=question.merchant_payment_id,
            provider_payment_id=payment_id,
            provider_state=_get_text_or_empty(payment_fields["status"]),
            state=state_meaning.state,
            is_final=state_meaning.is_final,
            amount=amount,
            total=amount,
            paid_at=parse_instant(payment_fields.get("acceptedAt")),
            method=_join_payment_methods(payment_fields.get("paymentMethods")),
            refunds=refund_reports,
            has_payment_number=has_payment_number,
        )
        has_other_amount = question.amount is not None and amount not in (None, question.amount)
        return report, make_unknown_verdict("other_amount") if has_other_amount else state_meaning.verdict

    return read_payment_report


def _read_charged_amount(payment_fields: Fields) -> Money | None:
    """Return the amount that the payer was charged: the sum of the captures if PayPay lists captures, because an
    authorised payment may be captured in part, otherwise the amount of the payment. Return None if the answer has no
    amount. Raises UnusableAnswer or UnreadableJson for captures that can't be read.
    """
    capture_rows = _read_listed_objects(payment_fields.get("captures"))
    if not capture_rows:
        return None if payment_fields.get("amount") is None else _parse_amount(payment_fields["amount"])
    minor_amounts = [
        _parse_amount(row.get("amount")).minor
        for row in capture_rows
        if row.get("status") not in _CANCELED_CAPTURE_STATES
    ]
    return _parse_amount({"amount": sum(minor_amounts), "currency": CURRENCY})


def make_refund_reader(instruction: RefundInstruction) -> DataReader[RefundReport]:
    """Return the function that reads the details of a refund. An answer without our idempotency key or the payment's
    id is unusable (`no_id`), and so is one with another key or another payment's id than those of `instruction`
    (`other_id`, `other_payment`). With another amount the outcome is UNKNOWN with the reason `other_amount`, and the
    content is the report.
    """

    def read_refund_report(value: object) -> tuple[RefundReport, CodeVerdict]:
        refund_fields = _require_object(value)
        report = _read_refund_report(refund_fields)
        _require_equal(report.key, instruction.key, "other_id")
        _require_equal(report.provider_payment_id, instruction.provider_payment_id, "other_payment")
        verdict, _ = REFUND_STATE_MEANINGS[report.provider_state]
        return report, verdict if report.amount == instruction.amount else make_unknown_verdict("other_amount")

    return read_refund_report


def _read_refund_report(refund_fields: Fields) -> RefundReport:
    provider_word = _get_text_or_empty(refund_fields.get("status"))
    if provider_word not in REFUND_STATE_MEANINGS:
        raise UnusableAnswer("unlisted_state")
    key = _require_id(refund_fields.get("merchantRefundId"))
    return RefundReport(
        key=key,
        provider_refund_id=key,  # PayPay gives refunds no id of its own
        provider_state=provider_word,
        state=REFUND_STATE_MEANINGS[provider_word][1],
        amount=_parse_amount(refund_fields.get("amount")),
        provider_payment_id=_require_id(refund_fields.get("paymentId")),
        accepted_at=parse_instant(refund_fields.get("acceptedAt")),
    )


def _read_refund_reports(value: object) -> tuple[RefundReport, ...] | None:
    """Read all refunds in PayPay's details of a payment. Return an empty tuple if the payment has no refund. Return
    None if a refund may be missing in the list, or if any refund in it can't be read."""
    try:
        return tuple(map(_read_refund_report, _read_listed_objects(value)))
    except (UnusableAnswer, UnreadableJson):
        return None


def _read_listed_objects(value: object) -> list[Fields]:
    """Return the JSON objects of a list in PayPay's answer; the list is in the field `data` of the object `value`.
    Return an empty list if `value` is None, because PayPay has sent no list.

    Raises UnusableAnswer `list_incomplete` if the other fields of `value` don't show that the list is complete, and
    UnreadableJson for a value of any other form.
    """
    if value is None:
        return []
    other_fields = dict(_require_object(value))
    rows = other_fields.pop("data", None)
    if rows is None:
        rows = []
    if not isinstance(rows, list):
        raise UnreadableJson("no list")
    if list_pages.may_lack_rows(other_fields, len(rows)):
        raise UnusableAnswer("list_incomplete")
    return [_require_object(row) for row in rows]


def _require_result_code(envelope: Fields) -> str:
    code = _require_object(envelope.get("resultInfo")).get("code")
    if not isinstance(code, str) or not _RESULT_CODE_PATTERN.fullmatch(code):
        raise UnreadableJson("no code")
    return code


def _require_object(value: object) -> Fields:
    if not isinstance(value, dict):
        raise UnreadableJson("no object")
    return value


def _get_text_or_empty(value: object) -> str:
    return value if isinstance(value, str) else ""


def _require_id(value: object) -> str:
    """Return `value`, an id in PayPay's answer. Raises UnusableAnswer: `no_id` if the id is missing (None), `bad_id`
    if the value can't be an id."""
    if value is None:
        raise UnusableAnswer("no_id")
    if not isinstance(value, str) or not _ID_PATTERN.fullmatch(value):
        raise UnusableAnswer("bad_id")
    return value


def _require_equal(value: object, expected_value: str, reason: str) -> None:
    """Raise UnusableAnswer with the code `reason` unless the value equals the expected value; with the code `no_id`
    if the value is missing."""
    if value is None:
        raise UnusableAnswer("no_id")
    if value != expected_value:
        raise UnusableAnswer(reason)


def _parse_amount(value: object) -> Money:
    """Return an amount in whole yen that a PayPay answer contains. Raises UnusableAnswer for any other value, also
    for 3300.0, "3300" and true."""
    fields = value if isinstance(value, dict) else {}
    minor = fields.get("amount")
    if type(minor) is not int or minor > LARGEST_AMOUNT_YEN:
        raise UnusableAnswer("bad_amount")
    if fields.get("currency") != CURRENCY:
        raise UnusableAnswer("other_currency")
    try:
        return Money(minor, CURRENCY)
    except InvalidAmountText:
        raise UnusableAnswer("bad_amount") from None


def parse_instant(value: object) -> datetime | None:
    """Return the instant (UTC) of a time in PayPay's answer, which is in seconds since 1970. Return None for 0, by
    which PayPay means "not yet", and for invalid values."""
    if type(value) is not int or not 0 < value <= _LATEST_EPOCH_SECONDS:
        return None
    return datetime.fromtimestamp(value, UTC)


def _join_payment_methods(methods: object) -> str | None:
    """Return the names of the payment methods, joined by "+", because one payment may use points and another method;
    None without a method.
    """
    rows = methods if isinstance(methods, list) else []
    method_names = [row.get("type") for row in rows if isinstance(row, dict)]
    return (
        "+".join(
            method for method in method_names if isinstance(method, str) and _RESULT_CODE_PATTERN.fullmatch(method)
        )
        or None
    )


def _parse_link(value: object, scheme: str) -> str | None:
    """Return a link that the screens may show; None if the text isn't a safe link that begins with `scheme`."""
    is_link = isinstance(value, str) and value.startswith(scheme) and len(value) <= 2_048 and value.isprintable()
    return value if is_link and isinstance(value, str) else None


def is_valid_id(text: str) -> bool:
    """True if the text has the form of an id at PayPay, which the merchant or PayPay has chosen: 1 to 64 letters,
    digits, hyphens and underscores.
    """
    return bool(_ID_PATTERN.fullmatch(text))


def is_valid_amount(money: Money) -> bool:
    """True if PayPay can execute a payment or refund of this amount: 1 to 99,999,999,999 yen."""
    return money.currency == CURRENCY and 1 <= money.minor <= LARGEST_AMOUNT_YEN
