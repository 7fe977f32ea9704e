"""How NDPS tells about a payment, a refund, and the refunds of a payment."""

from console.sandbox.atom_merchant import AtomMerchant, response_details
from console.sandbox.atom_seal import seal, sign
from console.sandbox.atom_texts import MARK, amount_text, india_day, india_time, number, write
from console.sandbox.payment_book import Payment, Refund
from console.sandbox.wire import JsonObject

DONE = "REFUND STATUS FETCHED SUCCESSFULLY"


def bare(text: str | None) -> str | None:
    """An id as a JSON number."""
    return MARK + text if text else None


def bank_number(payment: Payment) -> str | None:
    """What the bank calls it; nothing until the bank knows of it."""
    known = payment.state not in ("OTS0301", "OTS0351", "OTS0551", "OTS0101")
    return f"00{payment.id}1119" if known and payment.id else None


def attempt(payment: Payment) -> JsonObject:
    """One attempt at a payment, as a verification tells it."""
    return {
        "settlementDetails": {"reconStatus": "NRNS"},
        "merchDetails": {
            "merchId": bare(payment.merchant),
            "merchTxnId": payment.number,
            "merchTxnDate": india_time(payment.created),
        },
        "payDetails": {
            "atomTxnId": bare(payment.id),
            "product": payment.details["product"],
            "amount": number(payment.amount_minor),
            "surchargeAmount": number(payment.surcharge_minor),
            "totalAmount": number(payment.amount_minor + payment.surcharge_minor),
        },
        "payModeSpecificData": {
            "subChannel": payment.details.get("subChannel", "DC"),
            "bankDetails": {"bankTxnId": bank_number(payment), "otsBankName": "Sandbox Bank"},
        },
        "responseDetails": response_details(payment.state, _described(payment)),
    }


def _described(payment: Payment) -> str | None:
    return "TRANSACTION IS SUCCESSFUL" if payment.captured else None


def refund_answer(payment: Payment, refunds: list[Refund], total: int) -> JsonObject:
    """The answer to REFUNDINIT."""
    products = [
        {
            "prodName": refund.product, "refundTxnId": bare(refund.id), "prodRefundId": refund.key,
            "prodStatusCode": "OTS0000", "prodDescription": "REFUND INITIATED",
            "prodRefundAmount": number(refund.amount_minor),
        }
        for refund in refunds
    ]  # fmt: skip
    pay = {
        "atomTxnId": bare(payment.id), "txnCurrency": payment.currency, "totalRefundAmount": number(total),
        "prodDetails": products,
    }  # fmt: skip
    return {"payInstrument": {"payDetails": pay, "responseDetails": response_details("OTS0000")}}


def refund_status(payment: Payment, *, in_paise: bool, as_list: bool) -> JsonObject:
    """The answer to REFUNDSTATUS."""
    rows = [_refund_row(refund, in_paise=in_paise) for refund in payment.refunds]
    details = [{"prodName": payment.details["product"], "refundStatus": rows}]
    return {
        "payInstrument": {
            "payDetails": {"atomTxnId": bare(payment.id)},
            "responseDetails": response_details("OTS0000", DONE),
            "refundStatusDetails": details if as_list else {"refundDetails": details},
        }
    }


def _refund_row(refund: Refund, *, in_paise: bool) -> JsonObject:
    return {
        "refundTxnId": bare(refund.id),
        "refundAmt": refund.amount_minor if in_paise else number(refund.amount_minor),
        "refundInitiatedDate": india_day(refund.at),
        "remarks": refund.state,
        "prodRefundId": refund.key,
    }


def callback_data(payment: Payment) -> JsonObject:
    """What a callback tells, without its signature."""
    day = india_time(payment.created)
    return {
        "payInstrument": {
            "merchDetails": {
                "merchId": bare(payment.merchant),
                "merchTxnId": payment.number,
                "merchTxnDate": day.replace(" ", "T") if day else None,
            },
            "payDetails": {
                "atomTxnId": bare(payment.id),
                "prodDetails": [{"prodName": payment.details["product"], "prodAmount": number(payment.amount_minor)}],
                "amount": number(payment.amount_minor),
                "surchargeAmount": number(payment.surcharge_minor),
                "totalAmount": number(payment.amount_minor + payment.surcharge_minor),
                "custAccNo": payment.details.get("custAccNo", ""),
                "txnCurrency": payment.currency,
                "txnInitDate": india_time(payment.begun),
                "txnCompleteDate": india_time(payment.ended or payment.begun),
            },
            "payModeSpecificData": {
                "subChannel": [payment.details.get("subChannel", "DC")],
                "bankDetails": {"otsBankId": 2, "bankTxnId": bank_number(payment), "otsBankName": "Sandbox Bank"},
            },
            "responseDetails": response_details(payment.state),
        }
    }


def callback_signature(key: str, data: JsonObject) -> str:
    """Over merchant, both numbers, total, code, channel and the bank's number."""
    told = data["payInstrument"]
    pay, mode = told["payDetails"], told["payModeSpecificData"]
    channel = mode["subChannel"]
    parts = (
        told["merchDetails"]["merchId"], pay["atomTxnId"], told["merchDetails"]["merchTxnId"], pay["totalAmount"],
        told["responseDetails"]["statusCode"], channel[0] if isinstance(channel, list) else channel,
        mode["bankDetails"]["bankTxnId"] or "",
    )  # fmt: skip
    return sign(key, (_plain(part) for part in parts))


def _plain(value: object) -> str:
    """As it stands in the text; a float that a test put in gets its two decimals."""
    return amount_text(round(value * 100)) if isinstance(value, float) else str(value).removeprefix(MARK)


def sealed_callback(merchant: AtomMerchant, data: JsonObject, manner: str) -> bytes:
    """A callback's form. `manner`: good, other_key, no_signature, bad_signature, other_seal."""
    told = data["payInstrument"]
    key = merchant.request_hash_key if manner == "other_key" else merchant.response_hash_key
    signature: str | None = callback_signature(key, data)
    if manner == "bad_signature":
        signature = "0" * len(str(signature))
    if manner == "no_signature":
        signature = None
    signed = {**told, "payDetails": {**told["payDetails"], "signature": signature}}
    keys = (merchant.response_key, merchant.response_salt)
    if manner == "other_seal":
        keys = (merchant.request_key, merchant.request_salt)
    sealed = seal(write({"payInstrument": signed}), *keys)
    return f"merchId={merchant.merch_id}&encData={sealed}".encode("ascii")
