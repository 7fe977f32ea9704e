"""Kaede Pay, an invented payment provider that uses JSON over HTTPS and signed callbacks. This single module adds the
provider to the program.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from console.domain.calendar_days import JST
from console.domain.money import Money
from console.domain.payments.provider_messages import (
    PaymentQuestion,
    PaymentReport,
    PaymentRequest,
    RefundInstruction,
    RefundReport,
    StartedPayment,
)
from console.domain.payments.provider_registry import HistoryKind, NoticeKind
from console.domain.payments.states import PaymentState, RefundState
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.providers.http.answer_outcomes import (
    PURCHASE_STATUS_CLASSES,
    READ_STATUS_CLASSES,
    StatusTable,
    UnusableAnswer,
    make_answer_converter,
)
from console.providers.http.rate_limiter import RateLimiter
from console.providers.http.single_request import SingleRequest, make_unsent_outcome, send_once
from console.providers.http.strict_json import UnreadableJson, parse_json_object
from console.providers.http.transport import HttpAnswer, HttpTransport
from console.providers.payments.adapter_arguments import AdapterArguments
from console.providers.payments.notices import SignedCallback
from console.providers.payments.plugin import ProviderPlugin
from console.providers.payments.provider import NotFoundRule, PaymentCapabilities
from console.providers.payments.result_codes import (
    ACCEPTED_VERDICT,
    SUCCEEDED_VERDICT,
    CodeVerdict,
    PaymentCodeMeaning,
    make_failed_verdict,
    make_pending_verdict,
)
from console.settings.provider_access import ProviderAccess, SettingSource, choose_spacing_seconds, parse_seconds

ResultT = TypeVar("ResultT")
Fields = Mapping[str, object]

# 1. Settings: the section [kaede] of a profile, and the secrets CONSOLE_SECRET_KAEDE_….

DEFAULT_URL = "https://api.kaede-pay.example"
CALL_SPACING_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class KaedeSettings:
    """The settings of Kaede Pay: the shortest time (seconds) between the starts of two calls."""

    spacing_seconds: float = CALL_SPACING_SECONDS


def _read_settings(given: SettingSource, url: str | None, _: Collection[str]) -> KaedeSettings:
    return KaedeSettings(
        given.get("kaede.spacing_seconds", parse_seconds, choose_spacing_seconds(url, CALL_SPACING_SECONDS))
    )


# 2. Codes: each word of the provider, in one row.

PAYMENT_OUTCOME_BY_WORD: Mapping[str, PaymentCodeMeaning] = {
    "waiting": PaymentCodeMeaning(make_pending_verdict("not_paid_yet"), PaymentState.USER_PAYMENT, is_final=False),
    "paid": PaymentCodeMeaning(SUCCEEDED_VERDICT, PaymentState.PAYMENT_SUCCESS, is_final=True),
    "void": PaymentCodeMeaning(make_failed_verdict("payment_cancelled"), PaymentState.PAYMENT_FAILED, is_final=True),
}
REFUND_OUTCOME_BY_WORD: Mapping[str, tuple[CodeVerdict, RefundState]] = {
    "accepted": (ACCEPTED_VERDICT, RefundState.SUBMITTED),
    "returned": (SUCCEEDED_VERDICT, RefundState.COMPLETED),
    "declined": (make_failed_verdict("refund_failed"), RefundState.FAILED),
}


def _find_payment_state(word: str) -> PaymentState | None:
    row = PAYMENT_OUTCOME_BY_WORD.get(word)
    return row.state if row else None


# 3. The adapter: a half that reads, and a half that moves money.


@dataclass(frozen=True, slots=True)
class KaedeConnection:
    """Connection to Kaede Pay with its transport, rate limiter and credentials. Its text form doesn't contain the
    secrets.
    """

    transport: HttpTransport = field(repr=False)
    rate_limiter: RateLimiter = field(repr=False)
    secrets: Mapping[str, str] = field(repr=False)

    def send_request(
        self,
        method: str,
        path: str,
        table: StatusTable,
        read: Callable[[Fields], tuple[ResultT, CodeVerdict]],
        request_body: object = None,
    ) -> Outcome[ResultT]:
        """Send one request without retries, and return the outcome. `table` has the outcome class by HTTP status. For
        a successful status, `read` returns the report and a CodeVerdict, whose class and reason the outcome gets.
        `request_body` is the JSON body; None for a request that only reads.
        """
        body = None if request_body is None else json.dumps(request_body).encode()
        question = SingleRequest(
            method,
            path,
            read_timeout_seconds=10.0,
            budget_seconds=15.0,
            body=body,
            has_effect=request_body is not None,
        )
        key = self.secrets["API_KEY"]
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

        def convert_answer(answer: HttpAnswer) -> Outcome[ResultT]:
            judged = make_answer_converter(table, lambda body_bytes: read(parse_json_object(body_bytes)))(answer)
            answer_facts = (judged.status, judged.evidence, judged.sha256)
            if judged.content is None:
                return Outcome(judged.kind, judged.reason, SendingCertainty.YES, None, *answer_facts)
            report, verdict = judged.content
            return Outcome(verdict.kind, verdict.reason, SendingCertainty.YES, report, *answer_facts)

        return send_once(self.transport, self.rate_limiter, question, convert_answer, headers=headers, secrets=(key,))


class KaedeReader:
    """The methods of the adapter that only read and can't move money."""

    name = "kaede"
    capabilities = PaymentCapabilities(
        currency="JPY",
        allows_partial_refunds=True,
        allows_repeated_refunds=True,
        max_refund_count=None,
        refund_window_days=None,
        can_cancel=False,
        keeps_idempotency_keys=True,
        not_found_rule=NotFoundRule(),
        needs_amount_and_day=False,
        refund_probe_delay_seconds=10.0,
    )

    def __init__(self, line: KaedeConnection) -> None:
        self._line = line

    def read_payment(self, question: PaymentQuestion) -> Outcome[PaymentReport]:
        """Read a payment by our payment number."""

        def read_report(fields: Fields) -> tuple[PaymentReport, CodeVerdict]:
            report, verdict = _read_payment_report(fields)
            if report.merchant_payment_id != question.merchant_payment_id:
                raise UnusableAnswer("other_id")
            if question.amount not in (None, report.amount):
                raise UnusableAnswer("other_amount")
            return report, verdict

        return self._line.send_request(
            "GET", f"/payments/{question.merchant_payment_id}", READ_STATUS_CLASSES, read_report
        )

    def read_refund(self, instruction: RefundInstruction) -> Outcome[RefundReport]:
        """Read a refund by its idempotency key."""
        return self._line.send_request(
            "GET",
            f"/refunds/{instruction.key}",
            READ_STATUS_CLASSES,
            lambda fields: _read_refund_report(fields, instruction),
        )

    def parse_callback(self, body: bytes) -> SignedCallback:
        """Parse a callback and verify its signature. If the signature is wrong or the body is malformed, the result
        contains no report.
        """
        sha256 = hashlib.sha256(body).hexdigest()
        try:
            fields = parse_json_object(body)
            text = _read_text(fields, "payment")
            made = hmac.new(self._line.secrets["NOTICE_KEY"].encode(), text.encode(), hashlib.sha256).hexdigest()
            if not hmac.compare_digest(made, _read_text(fields, "signature")):
                raise UnusableAnswer("signature")
            report, verdict = _read_payment_report(parse_json_object(text.encode()))
        except (UnreadableJson, UnusableAnswer):
            evidence = f"{len(body)} bytes"
            return SignedCallback(False, None, "", OutcomeClass.UNKNOWN, "callback_refused", None, evidence, sha256)
        event = hashlib.sha256(f"kaede\n{text}".encode()).hexdigest()
        number = report.merchant_payment_id
        return SignedCallback(True, number, event, verdict.kind, verdict.reason, report, text, sha256)

    def find_refund_deadline(self, paid_at: datetime) -> datetime | None:
        """Return None: Kaede Pay publishes no time limit for refunds."""
        return None

    def find_cancel_deadline(self, paid_at: datetime) -> datetime | None:
        """Return None: Kaede Pay has no call that cancels a payment."""
        return None


class Kaede(KaedeReader):
    """The complete adapter of Kaede Pay. If a request repeats an idempotency key, Kaede Pay returns the earlier
    result.
    """

    @property
    def merchant_id(self) -> str:
        return self._line.secrets["SHOP"]

    def start(self, request: PaymentRequest) -> Outcome[StartedPayment]:
        """Begin a payment. The outcome has the code with which the payer pays."""

        def read_started_payment(fields: Fields) -> tuple[StartedPayment, CodeVerdict]:
            return StartedPayment(request.merchant_payment_id, _read_text(fields, "code")), SUCCEEDED_VERDICT

        request_body = {"number": request.merchant_payment_id, "amount": request.amount.minor}
        return self._line.send_request(
            "POST", "/payments", PURCHASE_STATUS_CLASSES, read_started_payment, request_body
        )

    def refund(self, instruction: RefundInstruction) -> Outcome[RefundReport]:
        """Send a refund with its idempotency key."""
        request_body = {
            "key": instruction.key,
            "payment": instruction.provider_payment_id,
            "amount": instruction.amount.minor,
        }
        return self._line.send_request(
            "POST",
            "/refunds",
            PURCHASE_STATUS_CLASSES,
            lambda fields: _read_refund_report(fields, instruction),
            request_body,
        )

    def cancel(self, question: PaymentQuestion) -> Outcome[None]:
        """Return a refusal without sending a request, because Kaede Pay has no call that cancels a payment."""
        return make_unsent_outcome("not_supported", has_effect=True)

    def make_reader(self) -> KaedeReader:
        return KaedeReader(self._line)


def _read_payment_report(fields: Fields) -> tuple[PaymentReport, CodeVerdict]:
    word = _read_text(fields, "state")
    row = PAYMENT_OUTCOME_BY_WORD.get(word)
    if row is None:
        raise UnusableAnswer("unlisted_state")
    paid_at = fields.get("paid_at")
    report = PaymentReport(
        merchant_payment_id=_read_text(fields, "number"),
        provider_payment_id=_read_text(fields, "id"),
        provider_state=word,
        state=row.state,
        is_final=row.is_final,
        amount=_read_yen(fields),
        paid_at=datetime.fromisoformat(paid_at) if isinstance(paid_at, str) else None,
        refunds=None,
    )
    return report, row.verdict


def _read_refund_report(fields: Fields, instruction: RefundInstruction) -> tuple[RefundReport, CodeVerdict]:
    word = _read_text(fields, "state")
    if word not in REFUND_OUTCOME_BY_WORD:
        raise UnusableAnswer("unlisted_state")
    if (_read_text(fields, "key"), _read_yen(fields)) != (instruction.key, instruction.amount):
        raise UnusableAnswer("other_amount")
    verdict, state = REFUND_OUTCOME_BY_WORD[word]
    return RefundReport(
        instruction.key, _read_text(fields, "id"), word, state, instruction.amount, instruction.provider_payment_id
    ), verdict


def _read_text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise UnusableAnswer("bad_id")
    return value


def _read_yen(fields: Fields) -> Money:
    value = fields.get("amount")
    if type(value) is not int or value <= 0:
        raise UnusableAnswer("bad_amount")
    return Money(value, "JPY")


def _make_adapter(opening: AdapterArguments[KaedeSettings]) -> Kaede:
    transport = HttpTransport(opening.url or DEFAULT_URL, clock=opening.clock, scale=opening.scale)
    return Kaede(KaedeConnection(transport, opening.rate_limiter, opening.secrets))


# 4. Words, and the plugin itself.

_WORDS_BY_KEY = {
    "provider.kaede": {"ja": "カエデペイ", "en": "Kaede Pay"},
    "dialog.reconcile.about.kaede": {
        "ja": "カエデペイにはファイルがないため、対象日に開始した決済を 1 件ずつ状態確認します。日付は日本時間です。",
        "en": "Kaede Pay has no file: each payment that began on these days is asked about. Days are days of Japan.",
    },
    "provider_state.kaede-payment.paid": {"ja": "支払い完了", "en": "Paid"},
    "provider_state.kaede-payment.void": {"ja": "取消済み", "en": "Cancelled"},
    "provider_state.kaede-payment.waiting": {"ja": "未払い", "en": "Not paid yet"},
    "provider_state.kaede-refund.accepted": {"ja": "返金受付済み、処理中", "en": "Refund accepted, in progress"},
    "provider_state.kaede-refund.declined": {"ja": "返金拒否", "en": "Refund declined"},
    "provider_state.kaede-refund.returned": {"ja": "返金完了", "en": "Refunded"},
}

PLUGIN = ProviderPlugin(
    name="kaede",
    time_zone=JST,
    history_source=HistoryKind.EACH_PAYMENT,
    reversible_days=1,
    notice_source=NoticeKind.CALLBACKS,
    notice_path="/callbacks/kaede",
    sentences_by_key=_WORDS_BY_KEY,
    access=ProviderAccess(
        environment_by_host={"api.kaede-pay.example": "production"},
        credential_names=("SHOP", "API_KEY"),
        additional_secret_names=("NOTICE_KEY",),
        merchant_credential_name="SHOP",
        profile_keys=("spacing_seconds",),
    ),
    read_settings=_read_settings,
    make_adapter=_make_adapter,
    find_payment_state=_find_payment_state,
    find_refund_state=lambda word: REFUND_OUTCOME_BY_WORD[word][1] if word in REFUND_OUTCOME_BY_WORD else None,
)
