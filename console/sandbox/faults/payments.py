"""Faults of the payment providers: codes of their tables, wrong echoes, foreign seals, refunds executed twice."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from console.sandbox.atom_texts import MARK, amount_text, paise
from console.sandbox.exchange import Exchange
from console.sandbox.fault_table import ATOM, PAYPAY, fault
from console.sandbox.wire import JsonObject, Reply, encode

BOTH = (*PAYPAY, *ATOM)
REFUND = ("paypay_refund", "atom_refund")
STATUS = ("paypay_refund_details", "atom_refund_status")
PAID = ("paypay_payment", "atom_verification")
ECHOES = (*PAID, *REFUND, *STATUS)
AMOUNTS = ("amount", "totalAmount", "totalRefundAmount", "prodRefundAmount", "refundAmt")
Change = Callable[[Any], Any]


def change_all(data: Any, names: tuple[str, ...], change: Change) -> None:
    """Change every plain value that stands under one of these names, at any depth."""
    for name, value in list(data.items()) if isinstance(data, dict) else []:
        if isinstance(value, dict | list):
            change_all(value, names, change)
        elif name in names and value is not None:
            data[name] = change(value)
    for value in data if isinstance(data, list) else []:
        change_all(value, names, change)


def _entered(name: str, sees: str, names: tuple[str, ...], change: Change, calls: tuple[str, ...] = ECHOES) -> None:
    def perform(x: Exchange) -> None:
        x.send(x.act().altered(lambda data: change_all(data, names, change)))

    fault(name, sees, "happens", calls)(perform)


def _more(value: Any) -> Any:
    """One yen, or one rupee, more."""
    if isinstance(value, str) and value.startswith(MARK):
        return MARK + amount_text((paise(value.removeprefix(MARK)) or 0) + 100)
    return value + 1 if isinstance(value, int) else value


_entered("other_payment", "another payment id of the provider", ("paymentId", "atomTxnId"), lambda value: f"{value}9")
_entered("other_order", "another payment number of the merchant", ("merchantPaymentId", "merchTxnId"),
         lambda value: f"{value}-OTHER", PAID)  # fmt: skip
_entered("other_refund", "another refund id of the merchant", ("merchantRefundId", "prodRefundId"),
         lambda value: f"{value}-OTHER", (*REFUND, *STATUS))  # fmt: skip
_entered("other_amount", "one yen or one rupee more", AMOUNTS, _more)
_entered("amount_as_text", "amounts as text", AMOUNTS, lambda value: str(value).removeprefix(MARK))
_entered("amount_fraction", "half a yen more", AMOUNTS, lambda value: value + 0.5,
         ("paypay_payment", "paypay_refund", "paypay_refund_details"))  # fmt: skip
_entered("other_currency", "USD", ("currency", "txnCurrency"), lambda _: "USD")
_entered("odd_status", "a status that is in no table", ("status", "statusCode", "prodStatusCode", "remarks"),
         lambda value: "OTS9999" if value.startswith("OTS") else "SOMETHING_NEW")  # fmt: skip
_entered("refund_failed", "the refund failed (REFUND_FAILED, REFUND FAILED), although it did not",
         ("status", "remarks"), lambda text: "REFUND FAILED" if " " in text else "REFUND_FAILED", STATUS)  # fmt: skip


@fault("result", "that code of the provider's table; `fields` may name another `status` or `codeId`", "nothing", BOTH,
       argument="word", options=("fields", "seconds"))  # fmt: skip
def result(x: Exchange) -> None:
    x.pause(x.order.seconds or 0.0)
    x.send(_coded(x))


@fault("result_after", "that code of the provider's table", "happens", BOTH, argument="word", options=("fields",))
def result_after(x: Exchange) -> None:
    x.act()
    x.send(_coded(x))


def _coded(x: Exchange) -> Reply:
    if x.call.answer is None:
        return x.act()
    return x.call.answer(x.order.argument, x.order.fields)


@fault("set_fields", "the ordinary answer, `fields` put in by path (`data.status`, `payInstrument.0.…`)", "happens",
       BOTH, options=("fields",))  # fmt: skip
def set_fields(x: Exchange) -> None:
    def change(data: JsonObject) -> None:
        for path, value in x.order.fields.items():
            put(data, path.split("."), value)

    x.send(x.act().altered(change))


def put(data: Any, path: list[str], value: Any) -> None:
    """Set one value; a path that leads nowhere changes nothing."""
    name, *rest = path
    if isinstance(data, list) and name.isdecimal() and int(name) < len(data) and rest:
        put(data[int(name)], rest, value)
    elif isinstance(data, dict) and rest:
        put(data.get(name), rest, value)
    elif isinstance(data, dict):
        data[name] = value


@fault("no_data", "a success without contents", "happens", ECHOES)
def no_data(x: Exchange) -> None:
    def change(data: JsonObject) -> None:
        if "payInstrument" in data:
            data["payInstrument"] = []
        else:
            data["data"] = None

    x.send(x.act().altered(change))


@fault("hidden_refunds", "no refunds, although there are some", "happens", ("paypay_payment", "atom_refund_status"))
def hidden_refunds(x: Exchange) -> None:
    def change(data: JsonObject) -> None:
        if data.get("data"):
            data["data"]["refunds"] = None
        put(data, ["payInstrument", "refundStatusDetails"], {"refundDetails": []})

    x.send(x.act().altered(change))


@fault("refund_twice", "the ordinary answer, but the refund is executed twice", "happens", REFUND)
def refund_twice(x: Exchange) -> None:
    reply = x.act()
    if reply.charge is not None:
        x.world.payments.repeat(reply.charge)
    x.send(reply)


@fault("other_seal", "an answer sealed with the key of requests", "happens", ATOM)
def other_seal(x: Exchange) -> None:
    reply = x.act()
    merchant = x.world.atom_door.of_form(reply.body)
    if merchant is not None:
        turned = replace(merchant, response_key=merchant.request_key, response_salt=merchant.request_salt)
        reply = reply.with_body(turned.form(reply.data))
    x.send(reply)


@fault("no_seal", "the answer as plain JSON", "happens", ATOM)
def no_seal(x: Exchange) -> None:
    reply = x.act()
    x.send(reply.with_body(encode(reply.data).replace(rb"\u0000", b"")))


@fault("sealed_json", "the good answer as JSON with an encData member, as some documents show it", "happens", ATOM)
def sealed_json(x: Exchange) -> None:
    reply = x.act()
    form = parse_qs(reply.body.decode("ascii"))
    x.send(replace(reply, body=encode({name: values[0] for name, values in form.items()})))


@fault("cut_seal", "a sealed text that lost its second half", "happens", ATOM)
def cut_seal(x: Exchange) -> None:
    reply = x.act()
    x.send(reply.with_body(reply.body[: len(reply.body) * 2 // 3 | 1]))
