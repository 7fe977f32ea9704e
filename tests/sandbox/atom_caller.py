"""A client that calls the simulated Atom's interface NDPS as a merchant. It has its own encryption and signatures,
written from Atom's published description.
"""

import base64
import hashlib
import hmac
import json
import re
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlencode

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from console.sandbox import Sandbox
from console.sandbox.environment import credentials as known
from tests.sandbox.caller import FORM_CONTENT_TYPE, Answer, Caller

ORDER_NUMBER = "ORD20261120000123"
PAYMENT_DAY_IN_INDIA = "2026-11-20"
PAYMENT_TIME_IN_INDIA = "2026-11-20 12:21:33"


@lru_cache
def derive_key(password: str, salt: str) -> bytes:
    return hashlib.pbkdf2_hmac("sha512", password.encode(), salt.encode(), 65536, 32)


def encrypt_text(text: str, password: str, salt: str) -> str:
    data = text.encode()
    data += bytes([16 - len(data) % 16]) * (16 - len(data) % 16)
    cipher = Cipher(AES(derive_key(password, salt)), CBC(bytes(range(16)))).encryptor()
    return (cipher.update(data) + cipher.finalize()).hex().upper()


def decrypt_text(sealed: str, password: str, salt: str) -> str:
    cipher = Cipher(AES(derive_key(password, salt)), CBC(bytes(range(16)))).decryptor()
    data = cipher.update(bytes.fromhex(sealed)) + cipher.finalize()
    return data[: -data[-1]].decode()


def make_signature(key: str, *parts: str) -> str:
    return hmac.new(key.encode(), "".join(parts).encode(), hashlib.sha512).hexdigest()


def decrypt_body(body: bytes) -> str:
    """Return the decrypted text of an answer's or a callback's body."""
    form = parse_qs(body.decode())
    return decrypt_text(form["encData"][0], known.ATOM_RESPONSE_KEY, known.ATOM_RESPONSE_SALT)


def decrypt_json_answer(answer: Answer) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(decrypt_body(answer.body))
    return content


class AtomCaller:
    """A client of the simulated Atom. Amounts are given as texts; the client writes them as numbers into the JSON."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.http_caller = Caller(sandbox)

    def send_post(
        self, path: str, text: str, *, merch_id: str = known.ATOM_MERCH_ID, key: str = known.ATOM_REQUEST_KEY
    ) -> Answer:
        form = urlencode({"merchId": merch_id, "encData": encrypt_text(text, key, known.ATOM_REQUEST_SALT)})
        return self.http_caller.send_request("POST", path, form, Content_Type=FORM_CONTENT_TYPE)

    def start_payment(self, number: str = ORDER_NUMBER, amount: str = "500.00", **pay: Any) -> Answer:
        content = {"payInstrument": {
            "headDetails": {"version": "OTSv1.1", "api": "AUTH", "platform": "FLASH"},
            "merchDetails": {"merchId": known.ATOM_MERCH_ID, "userId": "", "password": pay.pop(
                "password", known.ATOM_PASSWORD), "merchTxnId": number,
                "merchTxnDate": pay.pop("at", PAYMENT_TIME_IN_INDIA)},
            "payDetails": {"amount": amount, "product": "NSE", "custAccNo": "1", "txnCurrency": "INR", **pay},
            "custDetails": {"custEmail": "ops@example.com", "custMobile": "9999999999"},
            "extras": {"udf1": "corp:1180301018771"},
        }}  # fmt: skip
        return self.send_post("/ots/aipay/auth", json.dumps(content))

    def verify_payment(
        self, number: str = ORDER_NUMBER, amount: str = "500.00", day: str = PAYMENT_DAY_IN_INDIA, **change: Any
    ) -> Answer:
        signature = make_signature(change.get("hash_key", known.ATOM_REQUEST_HASH_KEY), known.ATOM_MERCH_ID,
                         known.ATOM_PASSWORD, number, amount, "INR", "TXNVERIFICATION")  # fmt: skip
        content = {
            "payInstrument": {
                "headDetails": {"api": change.get("api", "TXNVERIFICATION"), "source": "OTS"},
                "merchDetails": {
                    "merchId": int(known.ATOM_MERCH_ID),
                    "password": change.get("password", known.ATOM_PASSWORD),
                    "merchTxnId": number,
                    "merchTxnDate": day,
                },
                "payDetails": {"amount": f"@{amount}@", "txnCurrency": "INR", "signature": signature},
            }
        }
        return self.send_post(
            "/ots/payment/status", format_json_numbers(content), key=change.get("key", known.ATOM_REQUEST_KEY)
        )

    def verify_payment_v2(
        self, number: str = ORDER_NUMBER, amount: str = "500.00", day: str = PAYMENT_DAY_IN_INDIA
    ) -> Answer:
        signature = make_signature(known.ATOM_REQUEST_HASH_KEY, known.ATOM_MERCH_ID, number, amount, "INR")
        content = {
            "payInstrument": {
                "merchDetails": {"merchId": int(known.ATOM_MERCH_ID), "merchTxnId": number, "merchTxnDate": day},
                "payDetails": {"amount": f"@{amount}@", "txnCurrency": "INR", "signature": signature},
            }
        }
        return self.send_post("/ots/v2/payment/status", format_json_numbers(content))

    def refund_payment(
        self, payment_id: str, amount: str = "150.50", key: str = "RFD1", number: str = ORDER_NUMBER, **change: Any
    ) -> Answer:
        signed = change.get("signed", amount)
        signature = make_signature(change.get("hash_key", known.ATOM_REQUEST_HASH_KEY), known.ATOM_MERCH_ID,
                         known.ATOM_PASSWORD, number, signed, "INR", "REFUNDINIT")  # fmt: skip
        product = {"prodName": "NSE", "prodRefundId": key, "prodRefundAmount": f"@{amount}@"}
        content = {"payInstrument": {
            "headDetails": {"api": "REFUNDINIT", "source": "OTS"},
            "merchDetails": {"merchId": int(known.ATOM_MERCH_ID), "password": change.get(
                "password", known.ATOM_PASSWORD), "merchTxnId": number},
            "payDetails": {"atomTxnId": int(payment_id), "signature": signature, "txnCurrency": "INR",
                           "prodDetails": change.get("products", [product]), "totalRefundAmount": f"@{amount}@"},
        }}  # fmt: skip
        return self.send_post("/ots/payment/refund", format_json_numbers(content))

    def read_refund_status(self, payment_id: str, password: str = known.ATOM_PASSWORD) -> Answer:
        content = {
            "payInstrument": {
                "headDetails": {"api": "REFUNDSTATUS", "source": "OTS_ARS"},
                "merchDetails": {
                    "merchId": int(known.ATOM_MERCH_ID),
                    "password": base64.b64encode(password.encode()).decode(),
                },
                "payDetails": {"atomTxnId": int(payment_id), "prodDetails": [{"prodName": "NSE"}]},
            }
        }
        return self.send_post("/ots/payment/status", json.dumps(content))


def format_json_numbers(content: Any) -> str:
    """Return `content` as JSON. A text between two `@`, such as `@150.50@`, is written as the number 150.50."""
    return re.sub(r'"@(.*?)@"', r"\1", json.dumps(content))


def get_status_code(answer: Answer) -> str:
    """Return the status code in an answer of Atom. The payment part of the answer may be an object, or a list, of
    which the last entry counts.
    """
    instrument = decrypt_json_answer(answer)["payInstrument"]
    status_code: str = (instrument[-1] if isinstance(instrument, list) else instrument)["responseDetails"][
        "statusCode"
    ]
    return status_code
