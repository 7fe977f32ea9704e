"""Texts of the requests to Atom, before encryption. An amount has the same text in the message and in the
signature."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from console.domain.money import Money, format_decimal
from console.domain.payments.provider_messages import PaymentRequest, RefundInstruction
from console.providers.atom.signing import AmountFormat, compute_signature, format_india_time

ATOM_CURRENCY = "INR"


class VerificationVersion(StrEnum):
    """Version of the call TXNVERIFICATION (a query about a payment) that Atom has set up for a merchant."""

    V1 = "v1"
    V2 = "v2"


@dataclass(frozen=True, slots=True)
class AtomMerchant:
    """Credentials and settings of our merchant at Atom; the secrets are hidden in `repr`. Requests and answers have
    different keys, salts and hash keys. Keys are used as texts and never decoded. `merch_id` is our merchant id at
    Atom; `product` is Atom's name of the merchant's product, `account` its name of the bank account that receives the
    money (`custAccNo`). `verification`: version of the call TXNVERIFICATION.
    """

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
    amount_format: AmountFormat = AmountFormat.TWO_DECIMALS
    verification: VerificationVersion = VerificationVersion.V1

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secret values that are removed from texts before these are stored. The password is included twice: as
        it is, and in Base64, because REFUNDSTATUS sends it in Base64.
        """
        keys = (self.request_key, self.request_salt, self.response_key, self.response_salt)
        hashes = (self.request_hash_key, self.response_hash_key)
        return (*keys, *hashes, encode_base64(self.password), self.password)


@dataclass(frozen=True, slots=True)
class ExactNumber:
    """A number that `encode_json` writes into JSON with exactly the digits of `text`."""

    text: str


def make_auth_text(merchant: AtomMerchant, request: PaymentRequest) -> str:
    """Return the text of an AUTH request, which requests the token of a payment page from Atom. The request isn't
    signed; its amount is a JSON string.
    """
    pay_details = {"amount": format_decimal(request.amount), "product": merchant.product}
    corporation = request.corporation_number
    customer = {"custEmail": request.payer_email, "custMobile": request.payer_mobile}
    return _make_request_text(
        headDetails={"version": "OTSv1.1", "api": "AUTH", "platform": "FLASH"},
        merchDetails={
            "merchId": merchant.merch_id,
            "userId": "",
            "password": merchant.password,
            "merchTxnId": request.merchant_payment_id,
            "merchTxnDate": format_india_time(request.requested_at),
        },
        payDetails={
            **pay_details,
            **({"custAccNo": merchant.account} if merchant.account else {}),
            "txnCurrency": ATOM_CURRENCY,
        },
        custDetails={name: value for name, value in customer.items() if value},
        extras={"udf1": f"corp:{corporation}"} if corporation else {},
    )


def make_verification_text(merchant: AtomMerchant, merch_txn_id: str, amount: Money, day: date) -> str:
    """Return the text of a TXNVERIFICATION request, which requests a payment's state from Atom. `merch_txn_id` is our
    number of the payment, `day` the day of the payment in India."""
    amount_text = merchant.amount_format.format_amount(amount)
    payment_fields = {"merchTxnId": merch_txn_id, "merchTxnDate": day.isoformat()}
    pay_details = {"amount": ExactNumber(amount_text), "txnCurrency": ATOM_CURRENCY}
    if merchant.verification is VerificationVersion.V2:
        request_signature = compute_signature(
            merchant.request_hash_key, merchant.merch_id, merch_txn_id, amount_text, ATOM_CURRENCY
        )
        header, password = {}, {}
    else:
        parts = (merchant.merch_id, merchant.password, merch_txn_id, amount_text, ATOM_CURRENCY, "TXNVERIFICATION")
        request_signature = compute_signature(merchant.request_hash_key, *parts)
        header, password = _make_header("TXNVERIFICATION"), {"password": merchant.password}
    return _make_request_text(
        headDetails=header,
        merchDetails={"merchId": _make_id_value(merchant.merch_id), **password, **payment_fields},
        payDetails={**pay_details, "signature": request_signature},
    )


def make_refund_text(merchant: AtomMerchant, instruction: RefundInstruction) -> str:
    """Return the text of a REFUNDINIT request, which requests from Atom a refund of the amount of `instruction` under
    our idempotency key.
    """
    amount_text = merchant.amount_format.format_amount(instruction.amount)
    merchant_id = instruction.merchant_payment_id
    parts = (merchant.merch_id, merchant.password, merchant_id, amount_text, ATOM_CURRENCY, "REFUNDINIT")
    product = {
        "prodName": merchant.product,
        "prodRefundId": instruction.key,
        "prodRefundAmount": ExactNumber(amount_text),
    }
    return _make_request_text(
        headDetails=_make_header("REFUNDINIT"),
        merchDetails={
            "merchId": _make_id_value(merchant.merch_id),
            "password": merchant.password,
            "merchTxnId": merchant_id,
        },
        payDetails={
            "atomTxnId": _make_id_value(instruction.provider_payment_id),
            "signature": compute_signature(merchant.request_hash_key, *parts),
            "prodDetails": [product],
            "txnCurrency": ATOM_CURRENCY,
            "totalRefundAmount": ExactNumber(amount_text),
        },
    )


def make_refund_status_text(merchant: AtomMerchant, provider_payment_id: str) -> str:
    """Return the text of a REFUNDSTATUS request, which requests from Atom all refunds of the payment to which Atom
    has given the id `provider_payment_id`. Its password is in Base64; the request isn't signed.
    """
    return _make_request_text(
        headDetails={"api": "REFUNDSTATUS", "source": "OTS_ARS"},
        merchDetails={"merchId": _make_id_value(merchant.merch_id), "password": encode_base64(merchant.password)},
        payDetails={
            "atomTxnId": _make_id_value(provider_payment_id),
            "prodDetails": [{"prodName": merchant.product}],
        },
    )


def encode_base64(text: str) -> str:
    """Return the text (UTF-8) in Base64."""
    return base64.b64encode(text.encode()).decode()


def _make_header(call_name: str) -> dict[str, str]:
    """Return the part `headDetails` of a request, which names the call."""
    return {"api": call_name, "source": "OTS"}


def _make_id_value(digits: str) -> ExactNumber | str:
    """Return an id as a JSON number with the same digits. An id that isn't a valid JSON number stays a text."""
    is_json_number = digits.isascii() and digits.isdigit() and (digits == "0" or digits[0] != "0")
    return ExactNumber(digits) if is_json_number else digits


def _make_request_text(**parts: Mapping[str, object]) -> str:
    """Return the text of a request to Atom: a JSON object `payInstrument` with the given parts. A part that has no
    fields is left out."""
    return encode_json({"payInstrument": {name: fields for name, fields in parts.items() if fields}})


def encode_json(value: object) -> str:
    """Return the value as JSON without white space; an ExactNumber keeps its digits."""
    if isinstance(value, ExactNumber):
        return value.text
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(name)}:{encode_json(item)}" for name, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(map(encode_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
