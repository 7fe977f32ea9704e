"""Client of the control API for payments, which acts in place of payers, banks and providers."""

from collections.abc import Callable
from typing import Any


class PaymentClient:
    """Client for the payments of a sandbox. `provider` is paypay or atom, `payment_number` is the merchant's payment
    id; amounts are in minor units (yen, paise)."""

    def __init__(self, call_sandbox: Callable[..., dict[str, Any]]) -> None:
        self._call_sandbox = call_sandbox

    def register_payment(
        self, provider: str, payment_number: str, amount_minor: int, state: str = "paid", **more_fields: Any
    ) -> dict[str, Any]:
        """Register a payment with the merchant's payment id `payment_number`, as if it was begun outside of the
        sandbox. Return the payment. `more_fields` are further fields of the payment, which docs/sandbox.md lists."""
        body = {
            "provider": provider,
            "number": payment_number,
            "amount_minor": amount_minor,
            "state": state,
            **more_fields,
        }
        return self._call_sandbox("POST", "payments", body)

    def change_payment_state(
        self, provider: str, payment_number: str, new_state: str, **more_fields: Any
    ) -> dict[str, Any]:
        """Change the state of the payment with the merchant's payment id `payment_number` (to paid, failed, expired,
        reversed, …) in place of the payer or the bank. Return the payment. `more_fields` are further fields of the
        request `payments/move`, which docs/sandbox.md lists, such as `at`."""
        return self._call_sandbox(
            "POST", "payments/move", {"provider": provider, "number": payment_number, "to": new_state, **more_fields}
        )

    def change_refund_state(self, key: str, new_state: str, **more_fields: Any) -> dict[str, Any]:
        """Change the state of the refund with this merchant's refund id (to completed, failed, …); return the refund.
        `more_fields` may have the name of the `provider`; without it the refund may be of any provider."""
        return self._call_sandbox("POST", "refunds/move", {"key": key, "to": new_state, **more_fields})

    def read_ledger(self, provider: str | None = None, payment_number: str | None = None) -> dict[str, Any]:
        """Return as `payments` the payments of `provider` (None: of all providers) with the merchant's payment id
        `payment_number` (None: with any id), each with its refunds. The result also has the sums over these payments
        in minor units: `captured_minor`, `accepted_minor` (accepted refunds), `refunded_minor` and `reversed_minor`.
        """
        return self._call_sandbox("GET", "payments", query={"provider": provider, "number": payment_number})

    def read_payment(self, provider: str, payment_number: str) -> dict[str, Any]:
        """Return the payment of a provider with this merchant's payment id.

        Raises `LookupError` if the provider has no such payment.
        """
        payments: list[dict[str, Any]] = self.read_ledger(provider, payment_number)["payments"]
        if not payments:
            raise LookupError(payment_number)
        return payments[0]

    def read_refunds(self, key: str | None = None, payment: str | None = None) -> list[dict[str, Any]]:
        """Return the accepted refunds with the merchant's refund id `key` (None: with any id) of the payment with the
        merchant's payment id `payment` (None: of all payments), in the sequence in which they were accepted. Two
        refunds may have the same `key`.
        """
        return list(self._call_sandbox("GET", "refunds", query={"key": key, "payment": payment})["refunds"])

    def set_notice_addresses(self, **addresses: str | None) -> None:
        """Set the URLs to which notices are sent, by provider: `paypay="http://127.0.0.1:8700/webhooks/paypay"`. With
        None no notices of this provider are sent.
        """
        self._call_sandbox("POST", "notices", addresses)

    def read_notices(self) -> list[dict[str, Any]]:
        """Return the sent notices, each with the fields of `SentNotice` of the sandbox, such as the HTTP status of
        each attempt.
        """
        return list(self._call_sandbox("GET", "notices")["sent"])

    def send_notice(self, provider: str, payment_number: str, notice_count: int = 1) -> int:
        """Send `notice_count` notices about the current state of the payment with the merchant's payment id
        `payment_number`. Return the number of notices that are sent: 0 if no address is set for the provider."""
        body = {"provider": provider, "number": payment_number, "times": notice_count}
        return int(self._call_sandbox("POST", "notices/send", body)["handed_in"])

    def compose_notice(self, provider: str, payment_number: str, **more_fields: Any) -> tuple[str, bytes]:
        """Return the media type and the body of a notice about the payment with the merchant's payment id
        `payment_number`. The sandbox doesn't send this notice; the caller sends it. In `more_fields`, `fields`
        replaces parts of the notice's contents, and `manner` selects its encryption and signature."""
        answer = self._call_sandbox(
            "POST", "notices/compose", {"provider": provider, "number": payment_number, **more_fields}
        )
        return answer["media_type"], answer["body"].encode()

    def publish_reconciliation_file(self, day: str, *, must_notify: bool = False) -> str:
        """Return the URL at which the simulated PayPay's reconciliation file of the Japanese day `day` (`2026-11-20`)
        can be downloaded for two hours. It is the file of the merchant that was registered last. With `must_notify`
        PayPay's notice about the file is sent too, to the address that `set_notice_addresses` has set.
        """
        return str(self._call_sandbox("POST", "recon", {"date": day, "notify": must_notify})["url"])

    def register_paypay_merchant(self, api_key: str, api_secret: str, merchant_id: str) -> None:
        """Register an API key, its secret and its merchant at the simulated PayPay."""
        merchant = {"api_key": api_key, "api_secret": api_secret, "merchant_id": merchant_id}
        self._call_sandbox("POST", "config", {"paypay": merchant})

    def register_atom_merchant(self, merch_id: str, **secrets: str) -> None:
        """Register a merchant at the simulated Atom. Its `secrets`: password, request_key, request_salt,
        response_key, response_salt, request_hash_key, response_hash_key, and optionally product.
        """
        self._call_sandbox("POST", "config", {"atom": {"merch_id": merch_id, **secrets}})
