"""Client of PayPay (OPA): creates codes that payers scan, reads payments by our payment number, and sends refunds
under our idempotency key.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from threading import BoundedSemaphore
from typing import TypeVar

from console.domain.calendar_days import JST
from console.domain.clock import Clock, TimeScale
from console.domain.payments.provider_messages import (
    PaymentQuestion,
    PaymentReport,
    PaymentRequest,
    RefundInstruction,
    RefundReport,
    StartedPayment,
)
from console.domain.provider_outcome import Outcome
from console.providers.http.answer_outcomes import AnswerConverter, format_storable_text
from console.providers.http.rate_limiter import RateLimiter
from console.providers.http.single_request import SingleRequest, get_error_reason, make_unsent_outcome, send_once
from console.providers.http.transport import HttpTransport
from console.providers.payments.provider import NotFoundRule, PaymentCapabilities
from console.providers.paypay.responses import (
    is_valid_amount,
    is_valid_id,
    make_payment_reader,
    make_paypay_answer_converter,
    make_refund_reader,
    make_started_payment_reader,
    read_deleted_code,
    read_no_content,
)
from console.providers.paypay.result_codes import PayPayCall
from console.providers.paypay.signing import PayPayKey, make_authorization

T = TypeVar("T")

PRODUCTION_URL = "https://apigw.paypay.ne.jp"
STAGING_URL = "https://apigw.stg.paypay.ne.jp"
SANDBOX_URL = "https://apigw.sandbox.paypay.ne.jp"
CONNECT_TIMEOUT_SECONDS = 5.0
POST_READ_TIMEOUT_SECONDS = 30.0
GET_AND_DELETE_READ_TIMEOUT_SECONDS = 15.0
POST_BUDGET_SECONDS = 45.0
"""Longest duration of a whole call with the method POST."""
GET_AND_DELETE_BUDGET_SECONDS = 25.0
"""Longest duration of a whole call with the method GET or DELETE, whose requests have no body."""
MAX_PARALLEL_CALLS = 2
REFUND_WINDOW_DAYS = 365
MAX_REFUNDS = 50
_CONTENT_TYPE = "application/json;charset=UTF-8"
_LONGEST_DESCRIPTION_CHARACTERS = 255
# Fields whose values are removed from the evidence. `code` isn't listed: at PayPay it is the result code, not an
# OAuth code.
_FIELDS_HIDDEN_IN_LOG = ("password",)


@dataclass(frozen=True, slots=True)
class PayPayConfig:
    """URL and credentials of PayPay; the secrets are hidden in `repr`. `allows_repeated_refunds`: the contract allows
    several refunds of one payment.
    """

    base_url: str
    key: PayPayKey
    merchant_id: str = field(repr=False)
    allows_repeated_refunds: bool = True


class PayPayRequestSender:
    """Signs each request to PayPay and sends it once, at most two requests at the same time. Several threads may use
    the sender.
    """

    def __init__(
        self,
        config: PayPayConfig,
        *,
        transport: HttpTransport,
        rate_limiter: RateLimiter,
        clock: Clock,
    ) -> None:
        self.config = config
        self._transport = transport
        self._rate_limiter = rate_limiter
        self._clock = clock
        self._slots = BoundedSemaphore(MAX_PARALLEL_CALLS)

    def send(self, request: SingleRequest, convert_answer: AnswerConverter[T]) -> Outcome[T]:
        """Wait for the rate limiter, sign and send the request, and return its outcome, which `convert_answer`
        makes from the HTTP answer. Raises no `Exception`: an error becomes an outcome."""
        with self._slots:
            try:
                self._rate_limiter.wait_for_start()
            except Exception as error:
                return make_unsent_outcome(get_error_reason(error), has_effect=request.has_effect)
            return self._send_signed(request, convert_answer)

    def _send_signed(self, request: SingleRequest, convert_answer: AnswerConverter[T]) -> Outcome[T]:
        """Sign the request, send it without a wait, and return the outcome. The caller has already waited for the
        rate limiter, because the signature contains the time."""
        key = self.config.key
        try:
            headers = self._make_headers(request)
        except Exception:  # signing failed: nothing was sent
            return make_unsent_outcome("not_prepared", has_effect=request.has_effect)
        return send_once(
            self._transport,
            _IMMEDIATE_RATE_LIMITER,
            request,
            convert_answer,
            headers=headers,
            secrets=(key.secret, key.api_key),
            hidden_fields=_FIELDS_HIDDEN_IN_LOG,
            make_cut_evidence=format_storable_text,
        )

    def _make_headers(self, request: SingleRequest) -> dict[str, str]:
        content_type = _CONTENT_TYPE if request.body else None
        authorization = make_authorization(
            self.config.key,
            request.method,
            request.path.partition("?")[0],
            nonce=secrets.token_hex(4),
            epoch_seconds=int(self._clock.now().timestamp()),
            content_type=content_type,
            body=request.body,
        )
        headers = {
            "Authorization": authorization,
            "X-ASSUME-MERCHANT": self.config.merchant_id,
            "Content-Type": content_type or "",
        }
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            raise ValueError("a key that fits into no header")
        return {"Accept": "application/json"} | {name: value for name, value in headers.items() if value}


class _ImmediateRateLimiter:
    """A rate limiter that never waits, for a request that has already waited for the provider's rate limiter."""

    def wait_for_start(self) -> None:
        return None


_IMMEDIATE_RATE_LIMITER = _ImmediateRateLimiter()


class PayPayReader:
    """Read-only calls to PayPay; this class has no call that moves money."""

    name = "paypay"

    def __init__(self, sender: PayPayRequestSender) -> None:
        self._sender = sender

    @property
    def capabilities(self) -> PaymentCapabilities:
        """The features and limits of PayPay as a payment provider."""
        return PaymentCapabilities(
            currency="JPY",
            allows_partial_refunds=True,
            allows_repeated_refunds=self._sender.config.allows_repeated_refunds,
            max_refund_count=MAX_REFUNDS if self._sender.config.allows_repeated_refunds else 1,
            refund_window_days=REFUND_WINDOW_DAYS,
            can_cancel=True,
            keeps_idempotency_keys=True,
            not_found_rule=NotFoundRule(),
            needs_amount_and_day=False,
            refund_probe_delay_seconds=POST_READ_TIMEOUT_SECONDS,
            lists_refunds_with_payment=True,
        )

    def read_payment(self, question: PaymentQuestion) -> Outcome[PaymentReport]:
        """Read the details of a payment. If `question.by_code` is True, the request is for a payment by a code that
        this console requested; otherwise it is for a payment of another kind, which has another path at PayPay. If
        our payment number isn't valid, nothing is sent and the outcome is UNKNOWN with the reason `bad_id`.
        """
        if not is_valid_id(question.merchant_payment_id):
            return make_unsent_outcome("bad_id", has_effect=False)
        path = "/v2/codes/payments" if question.by_code else "/v2/payments"
        request = _make_request_without_body("GET", f"{path}/{question.merchant_payment_id}")
        return self._sender.send(
            request, make_paypay_answer_converter(PayPayCall.PAYMENT, make_payment_reader(question))
        )

    def read_refund(self, instruction: RefundInstruction) -> Outcome[RefundReport]:
        """Read the details of one refund by our idempotency key, and return the outcome with PayPay's report. If the
        key or PayPay's payment id isn't valid, nothing is sent and the outcome is UNKNOWN with the reason `bad_id`.
        """
        if not (is_valid_id(instruction.key) and is_valid_id(instruction.provider_payment_id)):
            return make_unsent_outcome("bad_id", has_effect=False)
        request = _make_request_without_body(
            "GET", f"/v2/refunds/{instruction.key}?paymentId={instruction.provider_payment_id}"
        )
        return self._sender.send(
            request, make_paypay_answer_converter(PayPayCall.REFUND_STATUS, make_refund_reader(instruction))
        )

    def find_refund_deadline(self, paid_at: datetime) -> datetime | None:
        """Return PayPay's limit for refunds (aware): 23:59:59 in Japan on the 365th day after the payment. The result
        is never None.
        """
        return _find_time_after_days(paid_at, REFUND_WINDOW_DAYS, time(23, 59, 59))

    def find_cancel_deadline(self, paid_at: datetime) -> datetime | None:
        """Return PayPay's limit for cancellations (aware): 00:14:59 in Japan on the day after the payment. The result
        is never None.
        """
        return _find_time_after_days(paid_at, 1, time(0, 14, 59))


class PayPay(PayPayReader):
    """All calls to PayPay, also those that move money. PayPay identifies a payment by our payment number and a refund
    by our idempotency key: a repeated number or key means the same payment or refund.
    """

    @property
    def merchant_id(self) -> str:
        """The id that PayPay has given to our shop (merchant)."""
        return self._sender.config.merchant_id

    def start(self, request: PaymentRequest) -> Outcome[StartedPayment]:
        """Create a payment code at PayPay, with which the payer can pay once, and return the outcome with the code.
        If our payment number or the amount isn't valid, nothing is sent and the outcome is FAILED_DEFINITE with the
        reason `bad_id` or `bad_amount`.
        """
        if not is_valid_id(request.merchant_payment_id):
            return make_unsent_outcome("bad_id", has_effect=True)
        if not is_valid_amount(request.amount):
            return make_unsent_outcome("bad_amount", has_effect=True)
        fields = {
            "merchantPaymentId": request.merchant_payment_id,
            "amount": {"amount": request.amount.minor, "currency": request.amount.currency},
            "codeType": "ORDER_QR",
            "orderDescription": request.description[:_LONGEST_DESCRIPTION_CHARACTERS] or None,
            "isAuthorization": False,
            "requestedAt": int(request.requested_at.timestamp()),
        }
        return self._sender.send(
            _make_post_request("/v2/codes", fields),
            make_paypay_answer_converter(PayPayCall.CREATE_CODE, make_started_payment_reader(request)),
        )

    def delete_code(self, handle: str) -> Outcome[None]:
        """Delete an unpaid code, so that nobody can pay with it, and return the outcome of the call. `handle` is the
        id that PayPay has given to the code. If it isn't valid, nothing is sent and the outcome is FAILED_DEFINITE
        with the reason `bad_id`.
        """
        if not is_valid_id(handle):
            return make_unsent_outcome("bad_id", has_effect=True)
        return self._sender.send(
            _make_request_without_body("DELETE", f"/v2/codes/{handle}"),
            make_paypay_answer_converter(PayPayCall.DELETE_CODE, read_deleted_code),
        )

    def refund(self, instruction: RefundInstruction) -> Outcome[RefundReport]:
        """Request a refund, and return the outcome with PayPay's report. The outcome of a request that PayPay accepts
        is PENDING, or SUCCEEDED if PayPay reports the refund as completed. If an id or the amount isn't valid,
        nothing is sent and the outcome is FAILED_DEFINITE with the reason `bad_id` or `bad_amount`.
        """
        if not (is_valid_id(instruction.key) and is_valid_id(instruction.provider_payment_id)):
            return make_unsent_outcome("bad_id", has_effect=True)
        if not is_valid_amount(instruction.amount):
            return make_unsent_outcome("bad_amount", has_effect=True)
        fields = {
            "merchantRefundId": instruction.key,
            "paymentId": instruction.provider_payment_id,
            "amount": {"amount": instruction.amount.minor, "currency": instruction.amount.currency},
            "requestedAt": int(instruction.requested_at.timestamp()),
            "reason": instruction.reason[:_LONGEST_DESCRIPTION_CHARACTERS] or None,
        }
        return self._sender.send(
            _make_post_request("/v2/refunds", fields),
            make_paypay_answer_converter(PayPayCall.REFUND, make_refund_reader(instruction)),
        )

    def cancel(self, question: PaymentQuestion) -> Outcome[None]:
        """Ask PayPay to cancel a payment, and return the outcome of the request. The outcome of a request that PayPay
        accepts is PENDING; the payment becomes FAILED at PayPay later. If our payment number isn't valid, nothing is
        sent and the outcome is FAILED_DEFINITE with the reason `bad_id`.
        """
        if not is_valid_id(question.merchant_payment_id):
            return make_unsent_outcome("bad_id", has_effect=True)
        request = _make_request_without_body("DELETE", f"/v2/payments/{question.merchant_payment_id}")
        return self._sender.send(request, make_paypay_answer_converter(PayPayCall.CANCEL, read_no_content))

    def make_reader(self) -> PayPayReader:
        """Return an adapter of PayPay without the calls that move money."""
        return PayPayReader(self._sender)


def make_paypay_adapter(config: PayPayConfig, *, rate_limiter: RateLimiter, clock: Clock, scale: TimeScale) -> PayPay:
    """Return the adapter of PayPay for this configuration. `rate_limiter` keeps the minimum time between two calls,
    `scale` divides the durations in tests. Nothing is sent. Raises ConsoleError `bad_profile` for an invalid URL.
    """
    transport = HttpTransport(
        config.base_url, clock=clock, scale=scale, connect_timeout_seconds=CONNECT_TIMEOUT_SECONDS
    )
    return PayPay(PayPayRequestSender(config, transport=transport, rate_limiter=rate_limiter, clock=clock))


def _make_post_request(path: str, fields: Mapping[str, object]) -> SingleRequest:
    """Return a POST request with the fields as JSON; fields with the value None are left out. The signature covers
    the exact bytes of the body, so the body is encoded only here.
    """
    text = json.dumps({k: v for k, v in fields.items() if v is not None}, ensure_ascii=False, separators=(",", ":"))
    body = text.encode("utf-8", "replace")  # half a surrogate pair is possible in a reason but can't be encoded
    return SingleRequest("POST", path, POST_READ_TIMEOUT_SECONDS, POST_BUDGET_SECONDS, body=body, has_effect=True)


def _make_request_without_body(method: str, path: str) -> SingleRequest:
    """Return a request without a body. `has_effect` is True unless `method` is GET."""
    return SingleRequest(
        method,
        path,
        GET_AND_DELETE_READ_TIMEOUT_SECONDS,
        GET_AND_DELETE_BUDGET_SECONDS,
        has_effect=method != "GET",
    )


def _find_time_after_days(paid_at: datetime, days: int, at: time) -> datetime:
    """Return the instant at the time of day `at` in Japan, `days` Japanese calendar days after the day of the
    payment (`paid_at`)."""
    day = paid_at.astimezone(JST).date() + timedelta(days=days)
    return datetime.combine(day, at, JST)
