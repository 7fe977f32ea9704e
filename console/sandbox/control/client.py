"""Drives a sandbox's control room from tests and from the demo; needs nothing but the standard library."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

from console.sandbox.payment_client import PaymentClient


class SandboxError(RuntimeError):
    """The control room did not understand; the text is its answer."""


class SandboxControl:
    """One sandbox, by its URL. Every method is one request; all may be called from any thread or process."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._place = urlsplit(self.url).netloc
        self.money = PaymentClient(self._ask)

    def fault(self, action: str, **rule: Any) -> int:
        """Switch a fault on; returns the rule's id. See docs/sandbox.md for the settings of a rule."""
        return int(self._ask("POST", "faults", {"action": action, **rule})["ids"][0])

    def faults(self, *rules: dict[str, Any]) -> list[int]:
        """Switch several on; the first that fits a call decides."""
        return [int(rule_id) for rule_id in self._ask("POST", "faults", {"rules": list(rules)})["ids"]]

    def random_faults(self, *actions: str, seed: int, rate: float, **rule: Any) -> int:
        """Every matching call draws from `actions` with probability `rate`; the same seed draws the same."""
        wanted = {"mode": "random", "actions": list(actions), "seed": seed, "rate": rate, **rule}
        return int(self._ask("POST", "faults", wanted)["ids"][0])

    def clear_faults(self, rule_id: int | None = None) -> int:
        """Switch off one rule, or all; tells how many."""
        return int(self._ask("DELETE", "faults", query={"id": rule_id})["cleared"])

    def catalogue(self) -> list[dict[str, Any]]:
        """The table of faults."""
        return list(self._ask("GET", "catalogue")["faults"])

    def state(self) -> dict[str, Any]:
        return self._ask("GET", "state")

    def ledger(self, number: str | None = None) -> dict[str, Any]:
        """`total`, `by_number` and `entries`, of all numbers or of one."""
        return self._ask("GET", "ledger", query={"number": number})

    def charges(self, number: str | None = None) -> int:
        """How many charges there are, of all numbers or of one."""
        return int(self.ledger(number)["total"])

    def requests(self, call: str | None = None, number: str | None = None, after: int = 0) -> list[dict[str, Any]]:
        """What providers were asked, in order; `after` is a `seq`."""
        asked = {"call": call, "number": number, "after": after}
        return list(self._ask("GET", "requests", query=asked)["requests"])

    def reset(self, *, keep_tokens: bool = False) -> None:
        """As at the start; held calls end without any effect."""
        self._ask("POST", "reset", {"keep_tokens": keep_tokens})

    def config(self, **settings: Any) -> dict[str, Any]:
        """Change settings (see docs/sandbox.md); returns the state."""
        return self._ask("POST", "config", settings)

    def accept(self, client_id: str, client_secret: str, refresh_token: str | None = None) -> None:
        """Make AlarmBox know a client and its first refresh token."""
        wanted = {"client_id": client_id, "client_secret": client_secret, "refresh_token": refresh_token}
        self._ask("POST", "config", {"credentials": wanted})

    def know(self, *checks: dict[str, Any]) -> list[dict[str, Any]]:
        """Let credit checks exist that cost nothing here; returns them as AlarmBox will answer them."""
        return list(self._ask("POST", "checks", {"checks": list(checks)})["credit_checks"])

    def release(self, call: str | None = None, number: str | None = None) -> int:
        """Let held calls go on; tells how many."""
        return int(self._ask("POST", "release", {"call": call, "number": number})["released"])

    def wait(self, seconds: float = 10.0, **until: Any) -> bool:
        """Wait until so many are `held`, `charges` made, `refunds` accepted, `notices` dealt with, `requests`
        received (`call`, `number`); False: too late."""
        answer = self._ask("GET", "wait", query={"timeout": seconds, **until}, patience=seconds + 30)
        return bool(answer["reached"])

    def revoke_tokens(self) -> int:
        """Revoke every token: only a new authorisation helps."""
        return int(self._ask("POST", "tokens/revoke")["revoked"])

    def expire_tokens(self) -> int:
        """End every access token; a refresh helps."""
        return int(self._ask("POST", "tokens/expire")["expired"])

    def outage(self, seconds: float) -> None:
        """Refuse all connections for so long; returns when they are refused."""
        self._ask("POST", "outage", {"seconds": seconds})

    @contextmanager
    def down(self, seconds: float = 60.0) -> Iterator[None]:
        """Refuse all connections inside the block, `seconds` at most; afterwards they are accepted again."""
        kept = http.client.HTTPConnection(self._place, timeout=30)
        try:
            self._ask("POST", "outage", {"seconds": seconds}, connection=kept)
            try:
                yield
            finally:
                self._ask("DELETE", "outage", connection=kept)
        finally:
            kept.close()

    def _ask(
        self,
        method: str,
        what: str,
        body: dict[str, Any] | None = None,
        *,
        query: dict[str, Any] | None = None,
        patience: float = 30.0,
        connection: http.client.HTTPConnection | None = None,
    ) -> dict[str, Any]:
        asked = urlencode({name: value for name, value in (query or {}).items() if value is not None})
        sent = json.dumps(body or {})
        line = connection or http.client.HTTPConnection(self._place, timeout=patience)
        try:
            line.request(method, f"/_sandbox/{what}?{asked}", sent, {"Content-Type": "application/json"})
            answer = line.getresponse()
            data: dict[str, Any] = json.loads(answer.read())
        finally:
            if connection is None:
                line.close()
        if answer.status >= 400:
            raise SandboxError(str(data.get("message", data)))
        return data
