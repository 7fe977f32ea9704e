"""Reads decrypted requests to the simulated Atom. Each field is checked; a refusal has the status code that Atom
would send.
"""

import base64
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.sandbox.atom.exact_json import convert_to_paise, is_day_text, parse_india_time
from console.sandbox.atom.merchant import AtomMerchant
from console.sandbox.http.messages import JsonObject, RequestRefused

MERCHANT_CHOSEN_ID_PATTERN = "[A-Za-z0-9_-]{1,50}"
MAX_USER_DEFINED_FIELD_LENGTH = 45


@dataclass(frozen=True, slots=True)
class PaymentTokenRequest:
    """A request for the token of a payment page. `merchant_payment_id` is the merchant's payment id, `amount_paise`
    is in paise; `details` are the request's bank account and product.
    """

    merchant_payment_id: str
    amount_paise: int
    at: datetime
    details: JsonObject


@dataclass(frozen=True, slots=True)
class PaymentQuery:
    """A query for the state of a payment: the merchant's payment id (`merchant_payment_id`), the payment's day in
    India (`2026-11-20`) and its price in paise.
    """

    merchant_payment_id: str
    day: str
    amount_paise: int


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """A request to refund a payment: the merchant's payment id (`merchant_payment_id`), Atom's payment id, and the
    total in paise. `products` has, for each product, its name, the merchant's refund id, and the amount in paise.
    """

    merchant_payment_id: str
    payment_id: str
    amount_paise: int
    products: tuple[tuple[str, str, int], ...]


def read_object_field(data: JsonObject, name: str) -> JsonObject:
    """Return the value `name` of a JSON object if this value is an object, otherwise an empty object."""
    value = data.get(name)
    return value if isinstance(value, dict) else {}


def read_message_contents(data: JsonObject) -> JsonObject:
    """Return the contents of a message to Atom, which are in its field `payInstrument`."""
    return read_object_field(data, "payInstrument")


def read_payment_token_request(merchant: AtomMerchant, data: JsonObject) -> PaymentTokenRequest:
    """Check an AUTH request, which requests the token of a payment page, and return its fields.

    Raises `RequestRefused`: 401 for wrong credentials, 400 for wrong contents.
    """
    request = read_message_contents(data)
    merchant_fields, pay_fields = read_object_field(request, "merchDetails"), read_object_field(request, "payDetails")
    if merchant_fields.get("merchId") != merchant.merch_id or merchant_fields.get("password") != merchant.password:
        raise RequestRefused(merchant.make_token_result_reply("OTS0451", 401, "INVALID MERCHANT"))
    amount, at = (
        convert_to_paise(pay_fields.get("amount")),
        parse_india_time(merchant_fields.get("merchTxnDate")),
    )
    number = merchant_fields.get("merchTxnId")
    wrong_field = _find_wrong_token_field(merchant, request, amount, at, number)
    if wrong_field or amount is None or at is None:
        raise RequestRefused(merchant.make_token_result_reply("OTS0600", 400, f"VALIDATION: {wrong_field}"))
    details = {"custAccNo": str(pay_fields.get("custAccNo", "")), "product": merchant.product}
    return PaymentTokenRequest(str(number), amount, at, details)


def _find_wrong_token_field(
    merchant: AtomMerchant, request: JsonObject, amount: int | None, at: datetime | None, number: Any
) -> str | None:
    """Return the name of the first wrong field of an AUTH request; None if all fields are correct. `number` is the
    merchant's transaction id in the request, `at` the time of the transaction, `amount` the amount in paise; `amount`
    and `at` are None if the request has no valid value."""
    pay_fields = read_object_field(request, "payDetails")
    has_matching_products = has_matching_product_sum(merchant, pay_fields.get("prodDetails"), amount)
    return next((name for name, is_valid in (
        ("api", read_object_field(request, "headDetails").get("api") == "AUTH"),
        ("merchTxnId", isinstance(number, str) and re.fullmatch(MERCHANT_CHOSEN_ID_PATTERN, number)),
        ("merchTxnDate", at),
        ("amount", amount),
        ("txnCurrency", pay_fields.get("txnCurrency") == "INR"),
        ("product", pay_fields.get("product") == merchant.product or has_matching_products),
        ("extras", all(
            len(str(text)) <= MAX_USER_DEFINED_FIELD_LENGTH for text in read_object_field(request, "extras").values()
        )),
    ) if not is_valid), None)  # fmt: skip


def has_matching_product_sum(merchant: AtomMerchant, products: Any, amount: int | None) -> bool:
    """True if all rows of `products` are of the merchant's product and their amounts add up to `amount` (paise)."""
    rows = products if isinstance(products, list) else []
    named_rows = [row for row in rows if isinstance(row, dict) and row.get("prodName") == merchant.product]
    return (
        bool(rows)
        and len(named_rows) == len(rows)
        and sum(convert_to_paise(r.get("prodAmount")) or 0 for r in rows) == amount
    )


def read_payment_query(merchant: AtomMerchant, data: JsonObject, *, is_version_2: bool) -> PaymentQuery:
    """Check a TXNVERIFICATION request, which requests the state of a payment, and return its fields. If
    `is_version_2` is True, the request is of version 2 of the call: it has neither header nor password, and its
    signature covers fewer fields.

    Raises `RequestRefused` with Atom's status code for wrong credentials, signature or contents.
    """
    request = read_message_contents(data)
    merchant_fields, pay_fields = read_object_field(request, "merchDetails"), read_object_field(request, "payDetails")
    number, currency, amount = (
        merchant_fields.get("merchTxnId"),
        pay_fields.get("txnCurrency"),
        pay_fields.get("amount"),
    )
    _require_matching_merchant(merchant, merchant_fields, password=None if is_version_2 else merchant.password)
    signed_before_payment = (merchant.merch_id,) if is_version_2 else (merchant.merch_id, merchant.password)
    signed_after_payment = () if is_version_2 else ("TXNVERIFICATION",)
    if not merchant.has_valid_signature(
        pay_fields.get("signature"), *signed_before_payment, number, amount, currency, *signed_after_payment
    ):
        raise merchant.make_refusal("OTS0506")
    if "merchTxnDate" not in merchant_fields:
        raise merchant.make_refusal("OTS0507")
    if not is_day_text(merchant_fields["merchTxnDate"]):
        raise merchant.make_refusal("OTS0510")
    return PaymentQuery(
        str(number), str(merchant_fields["merchTxnDate"]), _parse_amount_paise(merchant, currency, amount)
    )


def read_refund_request(merchant: AtomMerchant, data: JsonObject) -> RefundRequest:
    """Check a REFUNDINIT request, which requests a refund of a payment, and return its fields.

    Raises `RequestRefused` with Atom's status code for wrong credentials, signature or contents.
    """
    request = read_message_contents(data)
    merchant_fields, pay_fields = read_object_field(request, "merchDetails"), read_object_field(request, "payDetails")
    number, currency, total_text = (
        merchant_fields.get("merchTxnId"),
        pay_fields.get("txnCurrency"),
        pay_fields.get("totalRefundAmount"),
    )
    _require_matching_merchant(merchant, merchant_fields, password=merchant.password)
    parts = (merchant.merch_id, merchant.password, number, total_text, currency, "REFUNDINIT")
    if not merchant.has_valid_signature(pay_fields.get("signature"), *parts):
        raise merchant.make_refusal("OTS0506")
    amount = _parse_amount_paise(merchant, currency, total_text)
    products = _read_products(merchant, pay_fields.get("prodDetails"))
    if sum(product[2] for product in products) != amount:
        raise merchant.make_refusal("OTS0509")
    return RefundRequest(str(number), str(pay_fields.get("atomTxnId")), amount, products)


def read_refund_query(merchant: AtomMerchant, data: JsonObject) -> str:
    """Read and check a REFUNDSTATUS request, which requests the states of a payment's refunds. Return Atom's
    payment id. The password in this request is in Base64.

    Raises `RequestRefused` with Atom's status code for wrong credentials or contents.
    """
    request = read_message_contents(data)
    encoded_password = base64.b64encode(merchant.password.encode()).decode("ascii")
    _require_matching_merchant(merchant, read_object_field(request, "merchDetails"), password=encoded_password)
    pay_fields = read_object_field(request, "payDetails")
    products = pay_fields.get("prodDetails")
    names = [row.get("prodName") for row in products if isinstance(row, dict)] if isinstance(products, list) else []
    if merchant.product not in names:
        raise merchant.make_refusal("OTS0637")
    return str(pay_fields.get("atomTxnId"))


def _require_matching_merchant(merchant: AtomMerchant, merchant_fields: JsonObject, *, password: str | None) -> None:
    """Check the merchant id and the password of a request. `password` is the expected password; None if the request
    has no password.

    Raises `RequestRefused` if the merchant id or the password is wrong.
    """
    if merchant_fields.get("merchId") != merchant.merch_id:
        raise merchant.make_refusal("OTS0451")
    if password is not None and merchant_fields.get("password") != password:
        raise merchant.make_refusal("OTS0522")


def _parse_amount_paise(merchant: AtomMerchant, currency: Any, amount: Any) -> int:
    if currency != "INR":
        raise merchant.make_refusal("OTS0508")
    minor = convert_to_paise(amount)
    if minor is None:
        raise merchant.make_refusal("OTS0509")
    return minor


def _read_products(merchant: AtomMerchant, rows: Any) -> tuple[tuple[str, str, int], ...]:
    """Return name, merchant's refund id and amount in paise of each product. Raises `RequestRefused` if the request
    has no product or an invalid one."""
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise merchant.make_refusal("OTS0637")
    return tuple(_read_product(merchant, row) for row in rows)


def _read_product(merchant: AtomMerchant, row: JsonObject) -> tuple[str, str, int]:
    """Return name, merchant's refund id and amount in paise of a product. Raises `RequestRefused` if one of these
    values is wrong."""
    name, refund_id, amount = (
        row.get("prodName"),
        row.get("prodRefundId"),
        convert_to_paise(row.get("prodRefundAmount")),
    )
    if name != merchant.product:
        raise merchant.make_refusal("OTS0637")
    if not isinstance(refund_id, str) or not re.fullmatch(MERCHANT_CHOSEN_ID_PATTERN, refund_id):
        raise merchant.make_refusal("OTS0638")
    if amount is None:
        raise merchant.make_refusal("OTS0509")
    return name, refund_id, amount
