"""Client of the control API for payments: it acts in place of payers, banks and providers."""

from collections.abc import Callable
from typing import Any


class PaymentClient:
    """Acts on a sandbox's payments. `provider` is paypay or atom, `number` the merchant's id of a payment; amounts
    are in minor units (yen, paise).
    """

    def __init__(self, call_sandbox: Callable[..., dict[str, Any]]) -> None:
        self._call_sandbox = call_sandbox

    def register_payment(
        self, provider: str, number: str, amount_minor: int, state: str = "paid", **more_fields: Any
    ) -> dict[str, Any]:
        """Register a payment that was begun elsewhere; return it."""
        body = {"provider": provider, "number": number, "amount_minor": amount_minor, "state": state, **more_fields}
        return self._call_sandbox("POST", "payments", body)

    def move_payment(self, provider: str, number: str, new_state: str, **more_fields: Any) -> dict[str, Any]:
        """Act for the payer or the bank: move the payment to a state (paid, failed, expired, reversed, …); return
        it.
        """
        return self._call_sandbox(
            "POST", "payments/move", {"provider": provider, "number": number, "to": new_state, **more_fields}
        )

    def move_refund(self, key: str, new_state: str, **more_fields: Any) -> dict[str, Any]:
        """Move the refund with this merchant's key to a state (completed, failed, …); return it."""
        return self._call_sandbox("POST", "refunds/move", {"key": key, "to": new_state, **more_fields})

    def read_ledger(self, provider: str | None = None, number: str | None = None) -> dict[str, Any]:
        """Return `payments` with their refunds, and the total amounts captured, accepted for refund, refunded and
        reversed.
        """
        return self._call_sandbox("GET", "payments", query={"provider": provider, "number": number})

    def read_payment(self, provider: str, number: str) -> dict[str, Any]:
        """Return one payment.

        Raises `LookupError` if there is none.
        """
        payments: list[dict[str, Any]] = self.read_ledger(provider, number)["payments"]
        if not payments:
            raise LookupError(number)
        return payments[0]

    def read_refunds(self, key: str | None = None, payment: str | None = None) -> list[dict[str, Any]]:
        """Return accepted refunds in sequence; two refunds may have the same key. `payment` is the merchant's id
        of a payment.
        """
        return list(self._call_sandbox("GET", "refunds", query={"key": key, "payment": payment})["refunds"])

    def set_notice_addresses(self, **addresses: str | None) -> None:
        """Set the addresses to which notices are sent: `paypay="http://127.0.0.1:8700/webhooks/paypay"`; with None
        they are not sent.
        """
        self._call_sandbox("POST", "notices", addresses)

    def read_notices(self) -> list[dict[str, Any]]:
        """Return the sent notices, with the HTTP status of each attempt."""
        return list(self._call_sandbox("GET", "notices")["sent"])

    def send_notice(self, provider: str, number: str, times: int = 1) -> int:
        """Send a notice about a payment's current state `times` times; return the number of notices that have an
        address.
        """
        body = {"provider": provider, "number": number, "times": times}
        return int(self._call_sandbox("POST", "notices/send", body)["handed_in"])

    def compose_notice(self, provider: str, number: str, **more_fields: Any) -> tuple[str, bytes]:
        """Return media type and body of a notice that the caller sends itself; `fields` and `manner` change it."""
        answer = self._call_sandbox(
            "POST", "notices/compose", {"provider": provider, "number": number, **more_fields}
        )
        return answer["media_type"], answer["body"].encode()

    def publish_recon_file(self, day: str, *, must_notify: bool = False) -> str:
        """Return the URL of PayPay's reconciliation file of a Japanese day (`2026-11-20`). `must_notify`: also send
        PayPay's notice about it.
        """
        return str(self._call_sandbox("POST", "recon", {"date": day, "notify": must_notify})["url"])

    def register_paypay_merchant(self, api_key: str, api_secret: str, merchant_id: str) -> None:
        """Register an API key at PayPay."""
        merchant = {"api_key": api_key, "api_secret": api_secret, "merchant_id": merchant_id}
        self._call_sandbox("POST", "config", {"paypay": merchant})

    def register_atom_merchant(self, merch_id: str, **secrets: str) -> None:
        """Register a merchant at Atom. Its `secrets`: password, request_key, request_salt, response_key,
        response_salt, request_hash_key, response_hash_key, and optionally product.
        """
        self._call_sandbox("POST", "config", {"atom": {"merch_id": merch_id, **secrets}})
