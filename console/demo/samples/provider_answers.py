"""The stored answers of the providers to the calls of sample records: texts in the form in which the program stores a
real answer as evidence. When the program replays a sample's evidence pack, it derives the outcome of the sample from
these texts."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from console.domain.calendar_days import IST
from console.domain.records import CheckReport
from console.providers.atom.request_bodies import ExactNumber, encode_json

_MASKED_TEXT = "***"
_PAYMENT_CODE_LIFETIME = timedelta(minutes=5)
_ATOM_SUCCESS_CODE = "OTS0000"
_ATOM_MESSAGE_BY_CODE = {_ATOM_SUCCESS_CODE: "SUCCESS", "OTS0001": "AUTO REVERSAL", "OTS0600": "FAILED"}


def make_purchase_body(report: CheckReport) -> str:
    """Return AlarmBox's answer to the purchase of the credit check in `report`."""
    days = {"purchase_date": report.purchase_date, "expiration_date": report.expiration_date}
    check = {
        "credit_check_id": report.credit_check_id,
        **{name: day.isoformat() if day else None for name, day in days.items()},
        "corporation_name": report.company_name,
        "corporation_number": report.corporation_number,
        "result": report.result,
    }
    return encode_json({"credit_check": check})


def make_start_body(provider: str, number: str, amount_minor: int, handle: str, at: datetime) -> str:
    """Return the provider's answer to the start of a payment at the instant `at`: PayPay's payment code `handle`, or
    Atom's token, of which the program stores only a mask. `number` is our payment number, `amount_minor` the price in
    minor units."""
    if provider == "atom":
        details = {"txnStatusCode": _ATOM_SUCCESS_CODE, "txnMessage": "SUCCESS", "txnDescription": "ATOM TOKEN ID HAS"
                   " BEEN GENERATED SUCCESSFULLY"}  # fmt: skip
        return encode_json({"atomTokenId": _MASKED_TEXT, "responseDetails": details})
    return _make_paypay_body(
        {
            "codeId": handle,
            "url": f"https://qr.paypay.example.invalid/{handle}",
            "deeplink": f"paypay://payment?link_key={handle}",
            "expiryDate": int((at + _PAYMENT_CODE_LIFETIME).timestamp()),
            "merchantPaymentId": number,
            "amount": _make_yen_amount(amount_minor),
        }
    )


def make_payment_body(
    provider: str, number: str, payment_id: str | None, amount_minor: int, provider_state: str, at: datetime
) -> str:
    """Return the provider's answer to a query about a payment that was begun at the instant `at`. `number` is our
    payment number, `payment_id` the id that the provider has given to the payment, None if it has given none.
    `amount_minor` is the price in minor units, `provider_state` the provider's name of the payment's state."""
    if provider == "atom":
        attempt = {
            "settlementDetails": {"reconStatus": "NRNS"},
            "merchDetails": {"merchTxnId": number, "merchTxnDate": f"{at.astimezone(IST):%Y-%m-%d %H:%M:%S}"},
            "payDetails": {
                "atomTxnId": None if payment_id is None else ExactNumber(payment_id),
                "amount": _make_rupee_amount(amount_minor),
                "totalAmount": _make_rupee_amount(amount_minor),
            },
            "payModeSpecificData": {"subChannel": "DC"},
            "responseDetails": _make_atom_response_details(provider_state),
        }
        return encode_json({"payInstrument": [attempt]})
    if payment_id is None:
        return _make_paypay_body({"status": provider_state, "acceptedAt": 0, "requestedAt": 0})
    return _make_paypay_body(
        {
            "paymentId": payment_id,
            "status": provider_state,
            "acceptedAt": int(at.timestamp()),
            "refunds": None,
            "merchantPaymentId": number,
            "amount": _make_yen_amount(amount_minor),
            "requestedAt": int(at.timestamp()),
        }
    )


def make_refund_body(
    provider: str, payment_id: str, key: str, refund_id: str, amount_minor: int, provider_state: str, at: datetime
) -> str:
    """Return the provider's answer to the request of a refund that was sent at the instant `at`. If `provider_state`,
    the provider's name of the refund's state, is a final state, return the answer to a later query about the refund.
    `key` is the idempotency key of the refund; `payment_id` and `refund_id` are the ids that the provider has given.
    `amount_minor` is the amount in minor units."""
    if provider != "atom":
        return _make_paypay_body(
            {
                "status": provider_state,
                "acceptedAt": int(at.timestamp()),
                "merchantRefundId": key,
                "paymentId": payment_id,
                "amount": _make_yen_amount(amount_minor),
                "requestedAt": int(at.timestamp()),
            }
        )
    amount, refund_number = _make_rupee_amount(amount_minor), ExactNumber(refund_id)
    pay_details: dict[str, object] = {"atomTxnId": ExactNumber(payment_id)}
    answer: dict[str, object] = {
        "payDetails": pay_details,
        "responseDetails": _make_atom_response_details(_ATOM_SUCCESS_CODE),
    }
    if provider_state == "REFUND INITIATED":
        product = {
            "prodName": "NSE",
            "refundTxnId": refund_number,
            "prodRefundId": key,
            "prodStatusCode": _ATOM_SUCCESS_CODE,
            "prodDescription": provider_state,
            "prodRefundAmount": amount,
        }
        pay_details |= {"txnCurrency": "INR", "totalRefundAmount": amount, "prodDetails": [product]}
    else:
        row = {"refundTxnId": refund_number, "refundAmt": amount, "remarks": provider_state, "prodRefundId": key}
        answer["refundStatusDetails"] = {"refundDetails": [{"prodName": "NSE", "refundStatus": [row]}]}
    return encode_json({"payInstrument": answer})


def make_paypay_refusal_body(code: str, message: str) -> str:
    """Return PayPay's answer that refuses a call: `code` is the result code, `message` PayPay's text about it."""
    return _make_paypay_body(None, code, message)


def _make_paypay_body(data: Mapping[str, object] | None, code: str = "SUCCESS", message: str = "Success") -> str:
    result = {"code": code, "message": message, "codeId": "08100001"}
    return encode_json({"resultInfo": result, "data": data})


def _make_yen_amount(amount_minor: int) -> dict[str, object]:
    return {"amount": amount_minor, "currency": "JPY"}


def _make_rupee_amount(amount_minor: int) -> ExactNumber:
    return ExactNumber(f"{amount_minor // 100}.{amount_minor % 100:02}")


def _make_atom_response_details(code: str) -> dict[str, object]:
    message = _ATOM_MESSAGE_BY_CODE.get(code, "PENDING")
    return {"statusCode": code, "message": message, "description": message}
