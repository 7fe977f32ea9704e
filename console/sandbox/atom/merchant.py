"""A merchant of the simulated NDPS: its keys, and what is sealed, opened, signed and checked with them."""

import hmac
import re
from dataclasses import dataclass, fields
from threading import Lock
from urllib.parse import urlencode

from console.sandbox import credentials
from console.sandbox.atom_seal import BadSeal, seal, sign, unseal
from console.sandbox.atom_texts import read, write
from console.sandbox.wire import JsonObject, Refused, Reply, Request

CODES = {
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
    """Credentials of one merchant; request and response have keys, salts and hash keys of their own."""

    merch_id: str
    password: str
    request_key: str
    request_salt: str
    response_key: str
    response_salt: str
    request_hash_key: str
    response_hash_key: str
    product: str = credentials.ATOM_PRODUCT

    def open(self, sealed: str) -> JsonObject:
        """A request's contents. Raises `BadSeal` or `ValueError`."""
        return read(unseal(sealed, self.request_key, self.request_salt))

    def form(self, data: object) -> bytes:
        """An answer as it goes over the wire: form text, whatever its media type says."""
        sealed = seal(write(data), self.response_key, self.response_salt)
        return urlencode({"merchId": self.merch_id, "encData": sealed}).encode("ascii")

    def signed(self, given: object, *parts: object) -> bool:
        """Whether a request's signature is right for these parts."""
        wanted = sign(self.request_hash_key, (str(part) for part in parts))
        return isinstance(given, str) and hmac.compare_digest(given.encode(), wanted.encode())

    def reply(self, data: JsonObject, status: int = 200, charge: int | None = None) -> Reply:
        """A sealed answer that claims to be JSON."""
        return Reply(status, self.form(data), "application/json", data=data, charge=charge, encoder=self.form)

    def result(self, code: str, status: int = 200) -> Reply:
        """An answer that is a code alone."""
        return self.reply({"payInstrument": {"responseDetails": response_details(code)}}, status)

    def token_result(self, code: str, status: int, description: str) -> Reply:
        """The same in the words of AUTH, whose names begin with `txn`."""
        told = {"txnStatusCode": code, "txnMessage": CODES.get(code, "?"), "txnDescription": description}
        return self.reply({"responseDetails": told}, status)

    def refusal(self, code: str) -> Refused:
        return Refused(self.result(code))


def response_details(code: str, description: str | None = None) -> JsonObject:
    message = CODES.get(code, "?")
    return {"statusCode": code, "message": message, "description": description or message}


class AtomDoor:
    """The merchants that NDPS knows; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self._merchants: dict[str, AtomMerchant] = {}
        self.accept(**{f.name: getattr(credentials, f"ATOM_{f.name.upper()}") for f in fields(AtomMerchant)})

    def accept(self, merch_id: str, **secrets: str) -> None:
        """Know a merchant, or other secrets of it. Raises `TypeError` for a missing one."""
        merchant = AtomMerchant(str(merch_id), **secrets)
        with self._lock:
            self._merchants.pop(merchant.merch_id, None)
            self._merchants[merchant.merch_id] = merchant

    @property
    def newest(self) -> str:
        """The merchant that was made known last."""
        return list(self._merchants)[-1]

    def of_form(self, body: bytes) -> AtomMerchant | None:
        """The merchant that an answer is for."""
        found = re.match(rb"merchId=([^&]+)&", body)
        return self.merchant(found[1].decode("ascii", "replace")) if found else None

    def merchant(self, merch_id: str) -> AtomMerchant | None:
        return self._merchants.get(merch_id)

    def open(self, request: Request) -> tuple[AtomMerchant, JsonObject]:
        """Who asks, and what. Raises `Refused`: 400 no form, 403 no such merchant, 401 not to be opened."""
        form = request.form() if request.media_type() == "application/x-www-form-urlencoded" else {}
        if "merchId" not in form or not form.get("encData"):
            raise Refused(Reply(400))
        merchant = self.merchant(form["merchId"])
        if merchant is None:
            raise Refused(Reply(403))
        try:
            return merchant, merchant.open(form["encData"])
        except (BadSeal, ValueError):
            raise Refused(Reply(401)) from None


