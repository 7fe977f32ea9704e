"""Drives the payments of a sandbox: what payers, banks and providers do there."""

from collections.abc import Callable
from typing import Any


class PaymentClient:
    """`provider` is paypay or atom, `number` the merchant's number of a payment; amounts are minor units."""

    def __init__(self, ask: Callable[..., dict[str, Any]]) -> None:
        self._ask = ask

    def know(self, provider: str, number: str, amount_minor: int, state: str = "paid", **more: Any) -> dict[str, Any]:
        """Let a payment exist that was not begun here; returns it."""
        given = {"provider": provider, "number": number, "amount_minor": amount_minor, "state": state, **more}
        return self._ask("POST", "payments", given)

    def move(self, provider: str, number: str, to: str, **more: Any) -> dict[str, Any]:
        """Let the payer or the bank act (paid, failed, expired, reversed, …); returns the payment."""
        return self._ask("POST", "payments/move", {"provider": provider, "number": number, "to": to, **more})

    def move_refund(self, key: str, to: str, **more: Any) -> dict[str, Any]:
        """Let a refund go on (completed, failed, …), by the merchant's key; returns it."""
        return self._ask("POST", "refunds/move", {"key": key, "to": to, **more})

    def ledger(self, provider: str | None = None, number: str | None = None) -> dict[str, Any]:
        """`payments` with their refunds, and the sums of what was captured, accepted, refunded and reversed."""
        return self._ask("GET", "payments", query={"provider": provider, "number": number})

    def payment(self, provider: str, number: str) -> dict[str, Any]:
        """One payment. Raises `LookupError`."""
        found: list[dict[str, Any]] = self.ledger(provider, number)["payments"]
        if not found:
            raise LookupError(number)
        return found[0]

    def refunds(self, key: str | None = None, payment: str | None = None) -> list[dict[str, Any]]:
        """Accepted refunds in order; the same key twice is two refunds."""
        return list(self._ask("GET", "refunds", query={"key": key, "payment": payment})["refunds"])

    def notices_to(self, **addresses: str | None) -> None:
        """Where notices go: `paypay="http://127.0.0.1:8700/webhooks/paypay"`; None: nowhere."""
        self._ask("POST", "notices", addresses)

    def notices(self) -> list[dict[str, Any]]:
        """What was sent, and how each try was answered."""
        return list(self._ask("GET", "notices")["sent"])

    def send(self, provider: str, number: str, times: int = 1) -> int:
        """Send a notice about a payment as it stands; tells how many were handed in."""
        wanted = {"provider": provider, "number": number, "times": times}
        return int(self._ask("POST", "notices/send", wanted)["handed_in"])

    def compose(self, provider: str, number: str, **more: Any) -> tuple[str, bytes]:
        """Media type and body of a notice, to be delivered by the caller; `fields`, `manner` change it."""
        made = self._ask("POST", "notices/compose", {"provider": provider, "number": number, **more})
        return made["media_type"], made["body"].encode()

    def recon(self, day: str, *, notify: bool = False) -> str:
        """The address of PayPay's reconciliation file of a day (`2026-11-20`)."""
        return str(self._ask("POST", "recon", {"date": day, "notify": notify})["url"])

    def accept_paypay(self, api_key: str, api_secret: str, merchant_id: str) -> None:
        """Make PayPay know an API key."""
        given = {"api_key": api_key, "api_secret": api_secret, "merchant_id": merchant_id}
        self._ask("POST", "config", {"paypay": given})

    def accept_atom(self, merch_id: str, **secrets: str) -> None:
        """Make Atom know a merchant: password, request_key, request_salt, response_key, …_hash_key, product."""
        self._ask("POST", "config", {"atom": {"merch_id": merch_id, **secrets}})
