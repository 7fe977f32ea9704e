"""The plain texts that Atom gets, written so that an amount stands in them as the very text that was signed."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from console.domain.money import Money, decimal_text
from console.domain.payment_records import PaymentRequest, RefundOrder
from console.providers.atom_signing import AmountFormat, ist_text, signature

CURRENCY = "INR"


class Verification(StrEnum):
    """Which form of TXNVERIFICATION a merchant has."""

    V1 = "v1"
    V2 = "v2"


@dataclass(frozen=True, slots=True)
class AtomMerchant:
    """As whom Atom is asked; all but the plain settings stay out of reprs. Keys are texts, never decoded."""

    merch_id: str
    password: str = field(repr=False)
    request_key: str = field(repr=False)
    request_salt: str = field(repr=False)
    response_key: str = field(repr=False)
    response_salt: str = field(repr=False)
    request_hash_key: str = field(repr=False)
    response_hash_key: str = field(repr=False)
    product: str = "NSE"
    account: str = ""
    amounts: AmountFormat = AmountFormat.TWO_DECIMALS
    verification: Verification = Verification.V1

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be seen in anything that is kept, in each form in which it is sent."""
        keys = (self.request_key, self.request_salt, self.response_key, self.response_salt)
        hashes = (self.request_hash_key, self.response_hash_key)
        return (*keys, *hashes, in_base64(self.password), self.password)


@dataclass(frozen=True, slots=True)
class Literal:
    """A number as it is written, digit by digit."""

    text: str


def auth_text(merchant: AtomMerchant, request: PaymentRequest) -> str:
    """AUTH: asks for the token of a payment page. Not signed; its amount is text."""
    pay = {"amount": decimal_text(request.amount), "product": merchant.product}
    corporation = request.corporation_number
    customer = {"custEmail": request.payer_email, "custMobile": request.payer_mobile}
    return _instrument(
        headDetails={"version": "OTSv1.1", "api": "AUTH", "platform": "FLASH"},
        merchDetails={
            "merchId": merchant.merch_id,
            "userId": "",
            "password": merchant.password,
            "merchTxnId": request.merchant_payment_id,
            "merchTxnDate": ist_text(request.requested_at),
        },
        payDetails={**pay, **({"custAccNo": merchant.account} if merchant.account else {}), "txnCurrency": CURRENCY},
        custDetails={name: value for name, value in customer.items() if value},
        extras={"udf1": f"corp:{corporation}"} if corporation else {},
    )


def verification_text(merchant: AtomMerchant, merch_txn_id: str, amount: Money, day: date) -> str:
    """TXNVERIFICATION: how does this payment stand? `day` is the payment's in India."""
    said = merchant.amounts.text(amount)
    own = {"merchTxnId": merch_txn_id, "merchTxnDate": day.isoformat()}
    pay = {"amount": Literal(said), "txnCurrency": CURRENCY}
    if merchant.verification is Verification.V2:
        signed = signature(merchant.request_hash_key, merchant.merch_id, merch_txn_id, said, CURRENCY)
        head, password = {}, {}
    else:
        parts = (merchant.merch_id, merchant.password, merch_txn_id, said, CURRENCY, "TXNVERIFICATION")
        signed = signature(merchant.request_hash_key, *parts)
        head, password = _head("TXNVERIFICATION"), {"password": merchant.password}
    return _instrument(
        headDetails=head,
        merchDetails={"merchId": _number(merchant.merch_id), **password, **own},
        payDetails={**pay, "signature": signed},
    )


def refund_text(merchant: AtomMerchant, order: RefundOrder) -> str:
    """REFUNDINIT: give this much of the payment back, under our key."""
    said = merchant.amounts.text(order.amount)
    ours = order.merchant_payment_id
    parts = (merchant.merch_id, merchant.password, ours, said, CURRENCY, "REFUNDINIT")
    product = {"prodName": merchant.product, "prodRefundId": order.key, "prodRefundAmount": Literal(said)}
    return _instrument(
        headDetails=_head("REFUNDINIT"),
        merchDetails={"merchId": _number(merchant.merch_id), "password": merchant.password, "merchTxnId": ours},
        payDetails={
            "atomTxnId": _number(order.provider_payment_id),
            "signature": signature(merchant.request_hash_key, *parts),
            "prodDetails": [product],
            "txnCurrency": CURRENCY,
            "totalRefundAmount": Literal(said),
        },
    )


def refund_status_text(merchant: AtomMerchant, order: RefundOrder) -> str:
    """REFUNDSTATUS: all refunds of a payment. The password goes in Base64, nothing is signed."""
    return _instrument(
        headDetails={"api": "REFUNDSTATUS", "source": "OTS_ARS"},
        merchDetails={"merchId": _number(merchant.merch_id), "password": in_base64(merchant.password)},
        payDetails={
            "atomTxnId": _number(order.provider_payment_id),
            "prodDetails": [{"prodName": merchant.product}],
        },
    )


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _head(api: str) -> dict[str, str]:
    return {"api": api, "source": "OTS"}


def _number(digits: str) -> Literal | str:
    """An id as the number it is, without passing through one."""
    plain = digits.isascii() and digits.isdigit() and (digits == "0" or digits[0] != "0")
    return Literal(digits) if plain else digits


def _instrument(**parts: Mapping[str, object]) -> str:
    """The message; a part without fields is left out."""
    return written({"payInstrument": {name: fields for name, fields in parts.items() if fields}})


def written(value: object) -> str:
    """JSON without blanks, literals as they are."""
    if isinstance(value, Literal):
        return value.text
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(name)}:{written(one)}" for name, one in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
