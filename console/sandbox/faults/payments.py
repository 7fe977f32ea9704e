"""Faults of the simulated payment providers: result codes, wrong ids and amounts in answers, encryption with a wrong
key, refunds executed twice.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from console.sandbox.atom.exact_json import JSON_NUMBER_MARK, convert_to_paise, format_amount
from console.sandbox.faults.call_in_progress import CallInProgress
from console.sandbox.http.messages import HttpReply, JsonObject, encode_json
from console.sandbox.rules.fault_table import ATOM_CALLS, PAYPAY_CALLS, register_fault

PAYMENT_PROVIDER_CALLS = (*PAYPAY_CALLS, *ATOM_CALLS)
REFUND_CALLS = ("paypay_refund", "atom_refund")
REFUND_STATUS_CALLS = ("paypay_refund_details", "atom_refund_status")
PAYMENT_STATUS_CALLS = ("paypay_payment", "atom_verification")
CALLS_THAT_REPEAT_IDS = (*PAYMENT_STATUS_CALLS, *REFUND_CALLS, *REFUND_STATUS_CALLS)
"""Calls whose answer contains ids of the request again."""
AMOUNT_FIELD_NAMES = ("amount", "totalAmount", "totalRefundAmount", "prodRefundAmount", "refundAmt")
FieldValueChange = Callable[[Any], Any]
"""Type of a function that gets the value of a field and returns the changed value."""


def change_field_values(data: Any, names: tuple[str, ...], change: FieldValueChange) -> None:
    """Replace every value of a field with one of these names by the result of `change`, at any depth of `data`. A
    value that is None, an object or a list isn't replaced."""
    for name, value in list(data.items()) if isinstance(data, dict) else []:
        if isinstance(value, dict | list):
            change_field_values(value, names, change)
        elif name in names and value is not None:
            data[name] = change(value)
    for value in data if isinstance(data, list) else []:
        change_field_values(value, names, change)


def _register_changed_answer_fault(
    name: str,
    answer_description: str,
    names: tuple[str, ...],
    change: FieldValueChange,
    calls: tuple[str, ...] = CALLS_THAT_REPEAT_IDS,
) -> None:
    """Register the fault `name`, for which `change` changes the value of each field in `names` in the correct answer.
    `answer_description` describes the answer that the caller gets; `calls` are the names of the calls to which the
    fault can be applied."""

    def send_changed_answer(call_in_progress: CallInProgress) -> None:
        call_in_progress.send_reply(
            call_in_progress.execute_call().change_data(lambda data: change_field_values(data, names, change))
        )

    register_fault(name, answer_description, "happens", calls)(send_changed_answer)


def _make_increased_amount(value: Any) -> Any:
    """Return the amount in an answer of PayPay (whole yen) or Atom (a marked number of rupees) increased by one yen
    or one rupee; any other value unchanged."""
    if isinstance(value, str) and value.startswith(JSON_NUMBER_MARK):
        return JSON_NUMBER_MARK + format_amount((convert_to_paise(value.removeprefix(JSON_NUMBER_MARK)) or 0) + 100)
    return value + 1 if isinstance(value, int) else value


_register_changed_answer_fault(
    "other_payment", "another payment id of the provider", ("paymentId", "atomTxnId"), lambda value: f"{value}9"
)
_register_changed_answer_fault(
    "other_order",
    "another payment number of the merchant",
    ("merchantPaymentId", "merchTxnId"),
    lambda value: f"{value}-OTHER",
    PAYMENT_STATUS_CALLS,
)
_register_changed_answer_fault(
    "other_refund",
    "another refund id of the merchant",
    ("merchantRefundId", "prodRefundId"),
    lambda value: f"{value}-OTHER",
    (*REFUND_CALLS, *REFUND_STATUS_CALLS),
)
_register_changed_answer_fault(
    "other_amount", "one yen or one rupee more", AMOUNT_FIELD_NAMES, _make_increased_amount
)
_register_changed_answer_fault(
    "amount_as_text", "amounts as text", AMOUNT_FIELD_NAMES, lambda value: str(value).removeprefix(JSON_NUMBER_MARK)
)
_register_changed_answer_fault(
    "amount_fraction",
    "half a yen more",
    AMOUNT_FIELD_NAMES,
    lambda value: value + 0.5,
    ("paypay_payment", "paypay_refund", "paypay_refund_details"),
)
_register_changed_answer_fault("other_currency", "USD", ("currency", "txnCurrency"), lambda _: "USD")
_register_changed_answer_fault(
    "odd_status",
    "a status that is in no table",
    ("status", "statusCode", "prodStatusCode", "remarks"),
    lambda value: "OTS9999" if value.startswith("OTS") else "SOMETHING_NEW",
)
_register_changed_answer_fault(
    "refund_failed",
    "the refund failed (REFUND_FAILED, REFUND FAILED), although it did not",
    ("status", "remarks"),
    lambda text: "REFUND FAILED" if " " in text else "REFUND_FAILED",
    REFUND_STATUS_CALLS,
)


@register_fault(
    "result",
    "that code of the provider's table; `fields` may name another `status` or `codeId`",
    "nothing",
    PAYMENT_PROVIDER_CALLS,
    argument_rule="word",
    option_names=("fields", "seconds"),
)
def answer_result_code(call_in_progress: CallInProgress) -> None:
    call_in_progress.pause(call_in_progress.instruction.seconds or 0.0)
    call_in_progress.send_reply(_make_result_reply(call_in_progress))


@register_fault(
    "result_after",
    "that code of the provider's table",
    "happens",
    PAYMENT_PROVIDER_CALLS,
    argument_rule="word",
    option_names=("fields",),
)
def answer_result_code_after_effect(call_in_progress: CallInProgress) -> None:
    call_in_progress.execute_call()
    call_in_progress.send_reply(_make_result_reply(call_in_progress))


def _make_result_reply(call_in_progress: CallInProgress) -> HttpReply:
    if call_in_progress.call.answer_with_code is None:
        return call_in_progress.execute_call()
    return call_in_progress.call.answer_with_code(
        call_in_progress.instruction.argument, call_in_progress.instruction.fields
    )


@register_fault(
    "set_fields",
    "the ordinary answer, `fields` put in by path (`data.status`, `payInstrument.0.…`)",
    "happens",
    PAYMENT_PROVIDER_CALLS,
    option_names=("fields",),
)
def answer_with_set_fields(call_in_progress: CallInProgress) -> None:
    def set_fields(data: JsonObject) -> None:
        for path, value in call_in_progress.instruction.fields.items():
            set_field_at_path(data, path.split("."), value)

    call_in_progress.send_reply(call_in_progress.execute_call().change_data(set_fields))


def set_field_at_path(data: Any, path: list[str], value: Any) -> None:
    """Set a field of `data` to `value`. `path` has the field names and list indexes that lead to the field. The last
    one is the field's name, which may be new. Do nothing if another part of the path doesn't exist."""
    name, *further_path = path
    if isinstance(data, list) and name.isdecimal() and int(name) < len(data) and further_path:
        set_field_at_path(data[int(name)], further_path, value)
    elif isinstance(data, dict) and further_path:
        set_field_at_path(data.get(name), further_path, value)
    elif isinstance(data, dict):
        data[name] = value


@register_fault("no_data", "a success without contents", "happens", CALLS_THAT_REPEAT_IDS)
def remove_answer_contents(call_in_progress: CallInProgress) -> None:
    def remove_content(data: JsonObject) -> None:
        if "payInstrument" in data:
            data["payInstrument"] = []
        else:
            data["data"] = None

    call_in_progress.send_reply(call_in_progress.execute_call().change_data(remove_content))


@register_fault(
    "hidden_refunds", "no refunds, although there are some", "happens", ("paypay_payment", "atom_refund_status")
)
def hide_refunds(call_in_progress: CallInProgress) -> None:
    def empty_refund_lists(data: JsonObject) -> None:
        if data.get("data"):
            data["data"]["refunds"] = None
        set_field_at_path(data, ["payInstrument", "refundStatusDetails"], {"refundDetails": []})

    call_in_progress.send_reply(call_in_progress.execute_call().change_data(empty_refund_lists))


@register_fault("refund_twice", "the ordinary answer, but the refund is executed twice", "happens", REFUND_CALLS)
def execute_refund_twice(call_in_progress: CallInProgress) -> None:
    reply = call_in_progress.execute_call()
    if reply.ledger_entry_id is not None:
        call_in_progress.state.payment_ledger.repeat_refund(reply.ledger_entry_id)
    call_in_progress.send_reply(reply)


@register_fault("other_seal", "an answer sealed with the key of requests", "happens", ATOM_CALLS)
def encrypt_answer_with_request_key(call_in_progress: CallInProgress) -> None:
    reply = call_in_progress.execute_call()
    merchant = call_in_progress.state.atom_merchants.find_merchant_of_form(reply.body)
    if merchant is not None:
        merchant_with_wrong_key = replace(
            merchant, response_key=merchant.request_key, response_salt=merchant.request_salt
        )
        reply = reply.replace_body(merchant_with_wrong_key.make_encrypted_form(reply.data))
    call_in_progress.send_reply(reply)


@register_fault("no_seal", "the answer as plain JSON", "happens", ATOM_CALLS)
def answer_unencrypted(call_in_progress: CallInProgress) -> None:
    reply = call_in_progress.execute_call()
    call_in_progress.send_reply(reply.replace_body(encode_json(reply.data).replace(rb"\u0000", b"")))


@register_fault(
    "sealed_json", "the good answer as JSON with an encData member, as some documents show it", "happens", ATOM_CALLS
)
def answer_encrypted_json(call_in_progress: CallInProgress) -> None:
    reply = call_in_progress.execute_call()
    form = parse_qs(reply.body.decode("ascii"))
    call_in_progress.send_reply(replace(reply, body=encode_json({name: values[0] for name, values in form.items()})))


@register_fault("cut_seal", "a sealed text that lost its last third", "happens", ATOM_CALLS)
def cut_encrypted_answer(call_in_progress: CallInProgress) -> None:
    reply = call_in_progress.execute_call()
    call_in_progress.send_reply(reply.replace_body(reply.body[: len(reply.body) * 2 // 3 | 1]))
