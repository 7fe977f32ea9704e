"""Merchants of the simulated Atom: their keys, and the encryption and signatures made with these keys."""

import hmac
import re
from dataclasses import dataclass, fields
from threading import Lock
from urllib.parse import urlencode

from console.sandbox.atom.crypto import DecryptionFailed, compute_signature_of_parts, decrypt_text, encrypt_text
from console.sandbox.atom.exact_json import decode_exact_json, encode_exact_json
from console.sandbox.environment import credentials
from console.sandbox.http.messages import HttpReply, HttpRequest, JsonObject, RequestRefused

MESSAGE_BY_RESPONSE_CODE = {
    "OTS0000": "SUCCESS", "OTS0002": "FORCE SUCCESS", "OTS0551": "PENDING FROM BANK", "OTS0351": "INITIATED",
    "OTS0301": "INITIALIZED", "OTS0201": "TIMEOUT", "OTS0001": "AUTO REVERSAL", "OTS0101": "CANCELLED",
    "OTS0600": "FAILED", "OTS0401": "NODATA", "OTS0506": "SIGNATURE MISMATCHED", "OTS0522": "INVALID PASSWORD",
    "OTS0451": "INVALID MERCHANT INFORMATION", "OTS0503": "API NAME MISSING", "OTS0504": "INVALID API NAME",
    "OTS0507": "TRANSACTION DATE MISSING", "OTS0510": "INVALID TRANSACTION DATE",
    "OTS0508": "INVALID TRANSACTION CURRENCY", "OTS0509": "INVALID TRANSACTION AMOUNT",
    "OTS0637": "INVALID PRODUCT DETAILS", "OTS0638": "INVALID PRODUCT REFUND ID", "OTS0641": "INVALID PAYLOAD",
    "OTS0951": "SOMETHING WENT WRONG", "OTS0501": "INTERNAL ERROR",
}  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False)
class AtomMerchant:
    """Credentials of one merchant of the simulated Atom. Requests and answers have different keys, salts and hash
    keys.
    """

    merch_id: str
    password: str
    request_key: str
    request_salt: str
    response_key: str
    response_salt: str
    request_hash_key: str
    response_hash_key: str
    product: str = credentials.ATOM_PRODUCT

    def decrypt_request(self, encrypted_text: str) -> JsonObject:
        """Decrypt a request of this merchant and return its JSON object.

        Raises `DecryptionFailed` if the text can't be decrypted; `ValueError` if the decrypted text isn't a JSON
        object.
        """
        return decode_exact_json(decrypt_text(encrypted_text, self.request_key, self.request_salt))

    def make_encrypted_form(self, data: object) -> bytes:
        """Return the form text of an answer with the encrypted contents `data` (`merchId=…&encData=…`). Atom sends
        such a form with the media type of JSON."""
        encrypted_text = encrypt_text(encode_exact_json(data), self.response_key, self.response_salt)
        return urlencode({"merchId": self.merch_id, "encData": encrypted_text}).encode("ascii")

    def has_valid_signature(self, signature: object, *parts: object) -> bool:
        """Return True if `signature`, a value of a request, is this merchant's signature over `parts`."""
        expected_signature = compute_signature_of_parts(self.request_hash_key, (str(part) for part in parts))
        return isinstance(signature, str) and hmac.compare_digest(signature.encode(), expected_signature.encode())

    def make_encrypted_reply(
        self, data: JsonObject, status: int = 200, ledger_entry_id: int | None = None
    ) -> HttpReply:
        """Return an encrypted answer with the contents `data`, the HTTP status `status` and the media type JSON.
        `ledger_entry_id` is the id of the ledger entry that the answer reports."""
        return HttpReply(
            status,
            self.make_encrypted_form(data),
            "application/json",
            data=data,
            ledger_entry_id=ledger_entry_id,
            encoder=self.make_encrypted_form,
        )

    def make_result_reply(self, code: str, status: int = 200) -> HttpReply:
        """Return an encrypted answer that has the Atom status code `code` and no other contents. `status` is the HTTP
        status."""
        return self.make_encrypted_reply({"payInstrument": {"responseDetails": make_response_details(code)}}, status)

    def make_token_result_reply(self, code: str, status: int, description: str) -> HttpReply:
        """Return an encrypted answer to AUTH that has the Atom status code `code` with its description, and no other
        contents. In this format the names of fields begin with `txn`. `status` is the HTTP status."""
        details = {
            "txnStatusCode": code,
            "txnMessage": MESSAGE_BY_RESPONSE_CODE.get(code, "?"),
            "txnDescription": description,
        }
        return self.make_encrypted_reply({"responseDetails": details}, status)

    def make_refusal(self, code: str) -> RequestRefused:
        """Return an exception whose answer has the Atom status code `code` (such as OTS0401) in its body. The caller
        raises it."""
        return RequestRefused(self.make_result_reply(code))


def make_response_details(code: str, description: str | None = None) -> JsonObject:
    """Return the part of an answer with the status code, its message and its description."""
    message = MESSAGE_BY_RESPONSE_CODE.get(code, "?")
    return {"statusCode": code, "message": message, "description": description or message}


class RegisteredAtomMerchants:
    """The merchants that are registered at the simulated Atom. Several threads may use this object at the same
    time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.reset()

    def reset(self) -> None:
        """Restore the default merchant; delete all other merchants."""
        with self._lock:
            self._merchants: dict[str, AtomMerchant] = {}
        self.register_merchant(
            **{f.name: getattr(credentials, f"ATOM_{f.name.upper()}") for f in fields(AtomMerchant)}
        )

    def register_merchant(self, merch_id: str, **secrets: str) -> None:
        """Register a merchant, or replace the secrets of a registered merchant. `secrets` are the other fields of
        AtomMerchant by name, such as `password`.

        Raises `TypeError` for a missing or unknown secret.
        """
        merchant = AtomMerchant(str(merch_id), **secrets)
        with self._lock:
            self._merchants.pop(merchant.merch_id, None)
            self._merchants[merchant.merch_id] = merchant

    @property
    def newest_merchant_id(self) -> str:
        """The id of the merchant that was registered last."""
        return list(self._merchants)[-1]

    def find_merchant_of_form(self, body: bytes) -> AtomMerchant | None:
        """Return the merchant whose id is in the form (`merchId=…`) of an encrypted answer; None if the form has no
        id, or if no registered merchant has this id."""
        match = re.match(rb"merchId=([^&]+)&", body)
        return self.find_merchant(match[1].decode("ascii", "replace")) if match else None

    def find_merchant(self, merch_id: str) -> AtomMerchant | None:
        """Return the registered merchant with this id; None if no registered merchant has it."""
        return self._merchants.get(merch_id)

    def decrypt_request(self, request: HttpRequest) -> tuple[AtomMerchant, JsonObject]:
        """Return the merchant that sent a request, and the decrypted contents.

        Raises `RequestRefused`: 400 without a valid form, 403 for an unknown merchant, 401 if the contents can't be
        decrypted.
        """
        form = request.read_form() if request.read_media_type() == "application/x-www-form-urlencoded" else {}
        if "merchId" not in form or not form.get("encData"):
            raise RequestRefused(HttpReply(400))
        merchant = self.find_merchant(form["merchId"])
        if merchant is None:
            raise RequestRefused(HttpReply(403))
        try:
            return merchant, merchant.decrypt_request(form["encData"])
        except (DecryptionFailed, ValueError):
            raise RequestRefused(HttpReply(401)) from None
