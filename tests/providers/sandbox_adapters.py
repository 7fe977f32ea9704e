"""The PayPay and Atom adapters, connected to the simulated providers over HTTP, with one payment at each provider."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from console.domain.clock import Clock, SystemClock, TimeScale
from console.domain.money import Money
from console.domain.payments.provider_messages import PaymentQuestion, PaymentRequest, RefundInstruction
from console.domain.provider_outcome import Outcome
from console.providers.atom.client import Atom, AtomConfig, AtomMerchant, AtomUrls, make_atom_adapter
from console.providers.atom.read_retries import NO_RETRIES
from console.providers.http.rate_limiter import RateLimiter
from console.providers.paypay.client import PayPay, PayPayConfig, make_paypay_adapter
from console.providers.paypay.signing import PayPayKey
from console.sandbox import SandboxControl
from console.sandbox.environment import credentials
from tests.providers.parts import CountingRateLimiter

PAYPAY_ORDER_NUMBER = "ORD-20261120-000123"
ATOM_ORDER_NUMBER = "ORD20261120000123"
REFUND_KEY = "RFD-20261120-000123-01"
ATOM_REFUND_KEY = "RFD2026112000012301"
AMOUNT_IN_YEN = Money(3300, "JPY")
AMOUNT_IN_RUPEES = Money(50_000, "INR")
REFUNDED_PART_IN_YEN = Money(1000, "JPY")
REFUNDED_PART_IN_RUPEES = Money(15_050, "INR")
INDIAN_TIME = timezone(timedelta(hours=5, minutes=30))


def make_paypay(
    url: str, *, scale: float = 1.0, clock: Clock | None = None, rate_limiter: RateLimiter | None = None, **given: Any
) -> PayPay:
    """Return a PayPay adapter with the sandbox's credentials, whose time limits are divided by `scale`. `given`
    replaces the credentials `api_key`, `api_secret` or `merchant_id`.
    """
    known = {
        "api_key": credentials.PAYPAY_API_KEY,
        "api_secret": credentials.PAYPAY_API_SECRET,
        "merchant_id": credentials.PAYPAY_MERCHANT_ID,
    } | given
    config = PayPayConfig(url, PayPayKey(known["api_key"], known["api_secret"]), known["merchant_id"])
    return make_paypay_adapter(
        config,
        rate_limiter=rate_limiter or CountingRateLimiter(),
        clock=clock or SystemClock(),
        scale=TimeScale(scale),
    )


def make_merchant(changes: Mapping[str, Any]) -> AtomMerchant:
    return replace(
        AtomMerchant(
            credentials.ATOM_MERCH_ID,
            credentials.ATOM_PASSWORD,
            credentials.ATOM_REQUEST_KEY,
            credentials.ATOM_REQUEST_SALT,
            credentials.ATOM_RESPONSE_KEY,
            credentials.ATOM_RESPONSE_SALT,
            credentials.ATOM_REQUEST_HASH_KEY,
            credentials.ATOM_RESPONSE_HASH_KEY,
            credentials.ATOM_PRODUCT,
        ),
        **changes,
    )


def make_atom(url: str, *, scale: float = 1.0, **changes: Any) -> Atom:
    """Return an Atom adapter with the sandbox's merchant, whose time limits are divided by `scale`. `changes`
    replaces single fields of the merchant.
    """
    merchant = make_merchant(changes)
    config = AtomConfig(AtomUrls.make_urls_of_origin(url, merchant.verification), merchant, NO_RETRIES)
    return make_atom_adapter(config, rate_limiter=CountingRateLimiter(), clock=SystemClock(), scale=TimeScale(scale))


class AdaptersAtSandbox:
    """The PayPay and Atom adapters at the sandbox, with a paid payment at each provider (3300 yen, 500 rupees). Calls
    are made by the names that the sandbox uses for them."""

    def __init__(self, control: SandboxControl, scale: float = 1.0) -> None:
        self.control = control
        self.paypay, self.atom = make_paypay(control.url, scale=scale), make_atom(control.url, scale=scale)
        self.now = SystemClock().now()
        yen = control.payments_control.register_payment("paypay", PAYPAY_ORDER_NUMBER, AMOUNT_IN_YEN.minor)["id"]
        rupees = control.payments_control.register_payment("atom", ATOM_ORDER_NUMBER, AMOUNT_IN_RUPEES.minor)["id"]
        self.order = RefundInstruction(
            REFUND_KEY, PAYPAY_ORDER_NUMBER, yen, REFUNDED_PART_IN_YEN, self.now, "注文キャンセルのため"
        )
        self.atom_order = RefundInstruction(
            ATOM_REFUND_KEY, ATOM_ORDER_NUMBER, rupees, REFUNDED_PART_IN_RUPEES, self.now, "cancelled"
        )
        self.question = PaymentQuestion(PAYPAY_ORDER_NUMBER, yen, AMOUNT_IN_YEN)
        self.atom_question = PaymentQuestion(ATOM_ORDER_NUMBER, rupees, AMOUNT_IN_RUPEES, begun_at=self.now)

    def make_refunds(self) -> None:
        """Send one refund to each provider and check that the provider accepts it."""
        assert self.paypay.refund(self.order).content is not None
        assert self.atom.refund(self.atom_order).content is not None

    def send_call(self, call: str) -> Outcome[Any]:
        calls: dict[str, Callable[[], Outcome[Any]]] = {
            "paypay_create": lambda: self.paypay.start(PaymentRequest("NEW", AMOUNT_IN_YEN, self.now, "利用料")),
            "paypay_payment": lambda: self.paypay.read_payment(self.question),
            "paypay_cancel": lambda: self.paypay.cancel(self.question),
            "paypay_refund": lambda: self.paypay.refund(self.order),
            "paypay_refund_details": lambda: self.paypay.read_refund(self.order),
            "atom_auth": lambda: self.atom.start(PaymentRequest("NEW", AMOUNT_IN_RUPEES, self.now)),
            "atom_verification": lambda: self.atom.read_payment(self.atom_question),
            "atom_refund": lambda: self.atom.refund(self.atom_order),
            "atom_refund_status": lambda: self.atom.read_refund(self.atom_order),
        }
        return calls[call]()


def convert_to_india_time(at: datetime) -> datetime:
    return at.astimezone(INDIAN_TIME)
