"""The payment adapters of PayPay and Atom, made as in the program, with requests and answers for tests."""

import hashlib
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

from console.domain.clock import TimeScale
from console.domain.money import Money
from console.domain.payments.provider_messages import PaymentQuestion, PaymentRequest, RefundInstruction
from console.domain.provider_outcome import Outcome, OutcomeClass
from console.providers.atom.aes import derive_key, encrypt_text
from console.providers.atom.client import Atom, AtomConfig, AtomMerchant, AtomUrls, make_atom_adapter
from console.providers.atom.read_retries import NO_RETRIES, RetryLimits
from console.providers.http.rate_limiter import RateLimiter
from console.providers.http.transport import HttpAnswer
from console.providers.paypay.client import PayPay, PayPayConfig, make_paypay_adapter
from console.providers.paypay.signing import PayPayKey
from tests.providers.parts import CountingRateLimiter, ManualClock
from tests.providers.raw_server import Script, make_answer_script

ResultT = TypeVar("ResultT")

PROVIDER_TEST_VECTORS = json.loads((Path(__file__).parents[2] / "vectors/provider_vectors.json").read_text("utf-8"))
INSTANT = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
CLOCK = ManualClock(INSTANT)

# The merchant that the provider publishes for its test environment.
REQUEST_KEY = "A4476C2062FFA58980DC8F79EB6A799E"
RESPONSE_KEY = "75AEF0FA1B94B3C10D4F5B268F757F11"
MERCHANT = AtomMerchant(
    "317157", "Test@123", REQUEST_KEY, REQUEST_KEY, RESPONSE_KEY, RESPONSE_KEY, "KEY123657234", "KEYRESP123657234",
    account="213232323",
)  # fmt: skip
PAYPAY_SECRETS = ("a_dGVzdA_sample", "Zk3s5qXb0mB1n7yV2cQ8tR4uW6pL9aHd=")

AMOUNT_IN_YEN = Money(3300, "JPY")
AMOUNT_IN_RUPEES = Money(50_000, "INR")
PAYPAY_REFUND_INSTRUCTION = RefundInstruction(
    "RFD-20261120-000123-01",
    "ORD-20261120-000123",
    "04212345678901234567",
    AMOUNT_IN_YEN,
    INSTANT,
    "注文キャンセルのため",
)
PAYPAY_REQUEST = PaymentRequest("ORD-20261120-000123", AMOUNT_IN_YEN, INSTANT, "利用料 2026年11月分")
PAYPAY_QUESTION = PaymentQuestion("ORD-20261120-000123", amount=AMOUNT_IN_YEN)
ATOM_REFUND = RefundInstruction(
    "RFD2026112000012301", "ORD20261120000123", "11000000615892", Money(15_050, "INR"), INSTANT
)
ATOM_REQUEST = PaymentRequest(
    "ORD20261120000123",
    AMOUNT_IN_RUPEES,
    datetime(2026, 11, 20, 6, 51, 33, tzinfo=UTC),
    corporation_number="1180301018771",
    payer_email="ops@example.com",
    payer_mobile="9999999999",
)
ATOM_QUESTION = PaymentQuestion("ORD20261120000123", amount=AMOUNT_IN_RUPEES, day=date(2026, 11, 20))


def make_paypay(url: str, *, rate_limiter: RateLimiter | None = None, scale: float = 1.0) -> PayPay:
    config = PayPayConfig(url, PayPayKey(*PAYPAY_SECRETS), "123456789012345678")
    return make_paypay_adapter(
        config, rate_limiter=rate_limiter or CountingRateLimiter(), clock=CLOCK, scale=TimeScale(scale)
    )


def make_atom(
    url: str, *, rate_limiter: RateLimiter | None = None, scale: float = 1.0, retry_limits: RetryLimits = NO_RETRIES
) -> Atom:
    config = AtomConfig(AtomUrls.make_urls_of_origin(url), MERCHANT, retry_limits)
    return make_atom_adapter(
        config, rate_limiter=rate_limiter or CountingRateLimiter(), clock=CLOCK, scale=TimeScale(scale)
    )


def derive_response_key() -> bytes:
    return derive_key(RESPONSE_KEY, RESPONSE_KEY)


def seal_answer(content: object) -> bytes:
    """Return an answer in Atom's form, with its JSON encrypted. If `content` is a text, it is encrypted unchanged
    instead of as JSON.
    """
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    return f"merchId=317157&encData={encrypt_text(text, derive_response_key())}".encode()


def make_sealed_script(content: object, status: int = 200) -> Script:
    return make_answer_script(status, seal_answer(content))


def make_paypay_json(code: str, data: object = None) -> dict[str, Any]:
    """Return the JSON body of an answer in PayPay's format."""
    return {"resultInfo": {"code": code, "message": "-", "codeId": "08100001"}, "data": data}


def make_http_answer(status: int, body: object = b"") -> HttpAnswer:
    """Return an HTTP answer as the transport would return it."""
    whole = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return HttpAnswer(status, {"x-request-id": "REQ-1"}, whole, hashlib.sha256(whole).hexdigest())


def describe_effect(kind: str) -> str:
    return {"SUCCEEDED": "yes", "PENDING": "yes", "UNKNOWN": "maybe"}.get(kind, "no")


def get_class_and_reason(outcome: Outcome[object]) -> tuple[OutcomeClass, str]:
    """Return the outcome class and the reason of an outcome."""
    return outcome.kind, outcome.reason


def get_report(outcome: Outcome[ResultT]) -> ResultT:
    """Return the report of an outcome; the test fails if the outcome has none."""
    assert outcome.content is not None
    return outcome.content
