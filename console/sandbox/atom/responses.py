"""Contents of the simulated Atom's answers and callbacks about a payment, a refund, and all refunds of a payment."""

from console.sandbox.atom.crypto import compute_signature_of_parts, encrypt_text
from console.sandbox.atom.exact_json import (
    JSON_NUMBER_MARK,
    encode_exact_json,
    format_amount,
    format_india_day,
    format_india_time,
    make_marked_rupee_number,
)
from console.sandbox.atom.merchant import AtomMerchant, make_response_details
from console.sandbox.http.messages import JsonObject
from console.sandbox.payments.ledger import Payment, Refund

STATUS_FETCHED_MESSAGE = "REFUND STATUS FETCHED SUCCESSFULLY"


def make_marked_id(text: str | None) -> str | None:
    """Return an id with JSON_NUMBER_MARK in front, so that `encode_exact_json` writes the id as a JSON number. Return
    None if the id is None or empty."""
    return JSON_NUMBER_MARK + text if text else None


def make_bank_transaction_number(payment: Payment) -> str | None:
    """Return the bank's id of the payment; None as long as the payment hasn't reached the bank."""
    at_bank = payment.state not in ("OTS0301", "OTS0351", "OTS0551", "OTS0101")
    return f"00{payment.id}1119" if at_bank and payment.id else None


def make_payment_attempt_contents(payment: Payment) -> JsonObject:
    """Return the contents that the answer to TXNVERIFICATION has about one attempt to pay."""
    return {
        "settlementDetails": {"reconStatus": "NRNS"},
        "merchDetails": {
            "merchId": make_marked_id(payment.merchant),
            "merchTxnId": payment.merchant_payment_id,
            "merchTxnDate": format_india_time(payment.created_at),
        },
        "payDetails": {
            "atomTxnId": make_marked_id(payment.id),
            "product": payment.details["product"],
            "amount": make_marked_rupee_number(payment.amount_minor),
            "surchargeAmount": make_marked_rupee_number(payment.surcharge_minor),
            "totalAmount": make_marked_rupee_number(payment.amount_minor + payment.surcharge_minor),
        },
        "payModeSpecificData": {
            "subChannel": payment.details.get("subChannel", "DC"),
            "bankDetails": {"bankTxnId": make_bank_transaction_number(payment), "otsBankName": "Sandbox Bank"},
        },
        "responseDetails": make_response_details(payment.state, _find_status_description(payment)),
    }


def _find_status_description(payment: Payment) -> str | None:
    return "TRANSACTION IS SUCCESSFUL" if payment.is_captured else None


def make_refund_answer(payment: Payment, refunds: list[Refund], total: int) -> JsonObject:
    """Return the contents of the answer to REFUNDINIT, for one request's accepted refunds and their total in
    paise.
    """
    products = [
        {
            "prodName": refund.product,
            "refundTxnId": make_marked_id(refund.id),
            "prodRefundId": refund.key,
            "prodStatusCode": "OTS0000",
            "prodDescription": "REFUND INITIATED",
            "prodRefundAmount": make_marked_rupee_number(refund.amount_minor),
        }
        for refund in refunds
    ]
    pay_fields = {
        "atomTxnId": make_marked_id(payment.id),
        "txnCurrency": payment.currency,
        "totalRefundAmount": make_marked_rupee_number(total),
        "prodDetails": products,
    }
    return {"payInstrument": {"payDetails": pay_fields, "responseDetails": make_response_details("OTS0000")}}


def make_refund_status_answer(payment: Payment, *, is_in_paise: bool, is_list: bool) -> JsonObject:
    """Return the contents of the answer to REFUNDSTATUS. `is_in_paise`: amounts are in paise instead of rupees.
    `is_list`: the field `refundStatusDetails` is a list instead of an object.
    """
    rows = [_make_refund_row(refund, is_in_paise=is_in_paise) for refund in payment.refunds]
    details = [{"prodName": payment.details["product"], "refundStatus": rows}]
    return {
        "payInstrument": {
            "payDetails": {"atomTxnId": make_marked_id(payment.id)},
            "responseDetails": make_response_details("OTS0000", STATUS_FETCHED_MESSAGE),
            "refundStatusDetails": details if is_list else {"refundDetails": details},
        }
    }


def _make_refund_row(refund: Refund, *, is_in_paise: bool) -> JsonObject:
    return {
        "refundTxnId": make_marked_id(refund.id),
        "refundAmt": refund.amount_minor if is_in_paise else make_marked_rupee_number(refund.amount_minor),
        "refundInitiatedDate": format_india_day(refund.accepted_at),
        "remarks": refund.state,
        "prodRefundId": refund.key,
    }


def make_callback_data(payment: Payment) -> JsonObject:
    """Return the contents of a callback about a payment, without the signature."""
    day = format_india_time(payment.created_at)
    return {
        "payInstrument": {
            "merchDetails": {
                "merchId": make_marked_id(payment.merchant),
                "merchTxnId": payment.merchant_payment_id,
                "merchTxnDate": day.replace(" ", "T") if day else None,
            },
            "payDetails": {
                "atomTxnId": make_marked_id(payment.id),
                "prodDetails": [
                    {
                        "prodName": payment.details["product"],
                        "prodAmount": make_marked_rupee_number(payment.amount_minor),
                    }
                ],
                "amount": make_marked_rupee_number(payment.amount_minor),
                "surchargeAmount": make_marked_rupee_number(payment.surcharge_minor),
                "totalAmount": make_marked_rupee_number(payment.amount_minor + payment.surcharge_minor),
                "custAccNo": payment.details.get("custAccNo", ""),
                "txnCurrency": payment.currency,
                "txnInitDate": format_india_time(payment.begun_at),
                "txnCompleteDate": format_india_time(payment.captured_at or payment.begun_at),
            },
            "payModeSpecificData": {
                "subChannel": [payment.details.get("subChannel", "DC")],
                "bankDetails": {
                    "otsBankId": 2,
                    "bankTxnId": make_bank_transaction_number(payment),
                    "otsBankName": "Sandbox Bank",
                },
            },
            "responseDetails": make_response_details(payment.state),
        }
    }


def compute_callback_signature(key: str, data: JsonObject) -> str:
    """Return the signature of a callback, made with the hash key `key`. The signature covers the merchant id, Atom's
    and the merchant's payment id, the total, the status code, the channel and the bank's id.
    """
    contents = data["payInstrument"]
    pay_fields, pay_mode = contents["payDetails"], contents["payModeSpecificData"]
    channel = pay_mode["subChannel"]
    parts = (
        contents["merchDetails"]["merchId"],
        pay_fields["atomTxnId"],
        contents["merchDetails"]["merchTxnId"],
        pay_fields["totalAmount"],
        contents["responseDetails"]["statusCode"],
        channel[0] if isinstance(channel, list) else channel,
        pay_mode["bankDetails"]["bankTxnId"] or "",
    )
    return compute_signature_of_parts(key, (_format_signed_value(part) for part in parts))


def _format_signed_value(value: object) -> str:
    """Return a value of a callback as the text that the signature covers, which is the text of the value in the
    message. A float, which only tests insert, gets two decimals."""
    return (
        format_amount(round(value * 100)) if isinstance(value, float) else str(value).removeprefix(JSON_NUMBER_MARK)
    )


def make_encrypted_callback(merchant: AtomMerchant, data: JsonObject, signature_kind: str) -> bytes:
    """Return a callback as an encrypted form. `signature_kind` selects its signature and encryption: `good` (both
    valid), `other_key` (signed with the hash key of requests), `no_signature`, `bad_signature`, or `other_seal`
    (encrypted with the key of requests).
    """
    contents = data["payInstrument"]
    key = merchant.request_hash_key if signature_kind == "other_key" else merchant.response_hash_key
    signature: str | None = compute_callback_signature(key, data)
    if signature_kind == "bad_signature":
        signature = "0" * len(str(signature))
    if signature_kind == "no_signature":
        signature = None
    signed_data = {**contents, "payDetails": {**contents["payDetails"], "signature": signature}}
    key_and_salt = (merchant.response_key, merchant.response_salt)
    if signature_kind == "other_seal":
        key_and_salt = (merchant.request_key, merchant.request_salt)
    encrypted_text = encrypt_text(encode_exact_json({"payInstrument": signed_data}), *key_and_salt)
    return f"merchId={merchant.merch_id}&encData={encrypted_text}".encode("ascii")
