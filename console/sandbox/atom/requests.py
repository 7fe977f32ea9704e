"""What NDPS is asked, opened already: checked field by field, in NDPS's own words of refusal."""

import base64
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.sandbox.atom_merchant import AtomMerchant
from console.sandbox.atom_texts import is_day, paise, read_india_time
from console.sandbox.wire import JsonObject, Refused

NUMBER = "[A-Za-z0-9_-]{1,50}"
UDF_LIMIT = 45


@dataclass(frozen=True, slots=True)
class NewToken:
    """A checkout token that is asked for; paise."""

    number: str
    amount: int
    at: datetime
    details: JsonObject


@dataclass(frozen=True, slots=True)
class Question:
    """A payment that is asked about: its number, day in India and price in paise."""

    number: str
    day: str
    amount: int


@dataclass(frozen=True, slots=True)
class NewRefund:
    """A refund that is asked for: of one payment, split over products as (product, our id, paise)."""

    number: str
    payment_id: str
    amount: int
    products: tuple[tuple[str, str, int], ...]


def part(data: JsonObject, name: str) -> JsonObject:
    """An object inside another; an empty one for anything else."""
    value = data.get(name)
    return value if isinstance(value, dict) else {}


def instrument(data: JsonObject) -> JsonObject:
    return part(data, "payInstrument")


def read_token(merchant: AtomMerchant, data: JsonObject) -> NewToken:
    """Raises `Refused`: 401 for who asks, 400 for what."""
    asked = instrument(data)
    who, pay = part(asked, "merchDetails"), part(asked, "payDetails")
    if who.get("merchId") != merchant.merch_id or who.get("password") != merchant.password:
        raise Refused(merchant.token_result("OTS0451", 401, "INVALID MERCHANT"))
    amount, at = paise(pay.get("amount")), read_india_time(who.get("merchTxnDate"))
    number = who.get("merchTxnId")
    wrong = _wrong_token(merchant, asked, amount, at, number)
    if wrong or amount is None or at is None:
        raise Refused(merchant.token_result("OTS0600", 400, f"VALIDATION: {wrong}"))
    details = {"custAccNo": str(pay.get("custAccNo", "")), "product": merchant.product}
    return NewToken(str(number), amount, at, details)


def _wrong_token(
    merchant: AtomMerchant, asked: JsonObject, amount: int | None, at: datetime | None, number: Any
) -> str | None:
    pay = part(asked, "payDetails")
    return next((name for name, fine in (
        ("api", part(asked, "headDetails").get("api") == "AUTH"),
        ("merchTxnId", isinstance(number, str) and re.fullmatch(NUMBER, number)),
        ("merchTxnDate", at),
        ("amount", amount),
        ("txnCurrency", pay.get("txnCurrency") == "INR"),
        ("product", pay.get("product") == merchant.product or _adds_up(merchant, pay.get("prodDetails"), amount)),
        ("extras", all(len(str(text)) <= UDF_LIMIT for text in part(asked, "extras").values())),
    ) if not fine), None)  # fmt: skip


def _adds_up(merchant: AtomMerchant, products: Any, amount: int | None) -> bool:
    rows = products if isinstance(products, list) else []
    named = [row for row in rows if isinstance(row, dict) and row.get("prodName") == merchant.product]
    return bool(rows) and len(named) == len(rows) and sum(paise(r.get("prodAmount")) or 0 for r in rows) == amount


def read_question(merchant: AtomMerchant, data: JsonObject, *, v2: bool) -> Question:
    """TXNVERIFICATION; the second version has neither head nor password, and signs less."""
    asked = instrument(data)
    who, pay = part(asked, "merchDetails"), part(asked, "payDetails")
    number, currency, amount = who.get("merchTxnId"), pay.get("txnCurrency"), pay.get("amount")
    _check_merchant(merchant, who, password=None if v2 else merchant.password)
    before = (merchant.merch_id,) if v2 else (merchant.merch_id, merchant.password)
    after = () if v2 else ("TXNVERIFICATION",)
    if not merchant.signed(pay.get("signature"), *before, number, amount, currency, *after):
        raise merchant.refusal("OTS0506")
    if "merchTxnDate" not in who:
        raise merchant.refusal("OTS0507")
    if not is_day(who["merchTxnDate"]):
        raise merchant.refusal("OTS0510")
    return Question(str(number), str(who["merchTxnDate"]), _rupees(merchant, currency, amount))


def read_refund(merchant: AtomMerchant, data: JsonObject) -> NewRefund:
    """REFUNDINIT."""
    asked = instrument(data)
    who, pay = part(asked, "merchDetails"), part(asked, "payDetails")
    number, currency, total = who.get("merchTxnId"), pay.get("txnCurrency"), pay.get("totalRefundAmount")
    _check_merchant(merchant, who, password=merchant.password)
    parts = (merchant.merch_id, merchant.password, number, total, currency, "REFUNDINIT")
    if not merchant.signed(pay.get("signature"), *parts):
        raise merchant.refusal("OTS0506")
    amount = _rupees(merchant, currency, total)
    products = _products(merchant, pay.get("prodDetails"))
    if sum(product[2] for product in products) != amount:
        raise merchant.refusal("OTS0509")
    return NewRefund(str(number), str(pay.get("atomTxnId")), amount, products)


def read_refund_question(merchant: AtomMerchant, data: JsonObject) -> str:
    """REFUNDSTATUS: the payment's number at NDPS; the password comes in Base64."""
    asked = instrument(data)
    hidden = base64.b64encode(merchant.password.encode()).decode("ascii")
    _check_merchant(merchant, part(asked, "merchDetails"), password=hidden)
    pay = part(asked, "payDetails")
    products = pay.get("prodDetails")
    names = [row.get("prodName") for row in products if isinstance(row, dict)] if isinstance(products, list) else []
    if merchant.product not in names:
        raise merchant.refusal("OTS0637")
    return str(pay.get("atomTxnId"))


def _check_merchant(merchant: AtomMerchant, who: JsonObject, *, password: str | None) -> None:
    if who.get("merchId") != merchant.merch_id:
        raise merchant.refusal("OTS0451")
    if password is not None and who.get("password") != password:
        raise merchant.refusal("OTS0522")


def _rupees(merchant: AtomMerchant, currency: Any, amount: Any) -> int:
    if currency != "INR":
        raise merchant.refusal("OTS0508")
    found = paise(amount)
    if found is None:
        raise merchant.refusal("OTS0509")
    return found


def _products(merchant: AtomMerchant, rows: Any) -> tuple[tuple[str, str, int], ...]:
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise merchant.refusal("OTS0637")
    return tuple(_product(merchant, row) for row in rows)


def _product(merchant: AtomMerchant, row: JsonObject) -> tuple[str, str, int]:
    name, key, amount = row.get("prodName"), row.get("prodRefundId"), paise(row.get("prodRefundAmount"))
    if name != merchant.product:
        raise merchant.refusal("OTS0637")
    if not isinstance(key, str) or not re.fullmatch(NUMBER, key):
        raise merchant.refusal("OTS0638")
    if amount is None:
        raise merchant.refusal("OTS0509")
    return name, key, amount
