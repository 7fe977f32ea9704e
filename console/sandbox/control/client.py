"""Client of a sandbox's control API, for tests and the demo. It uses the standard library only."""

import http.client
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any
from urllib.parse import urlencode, urlsplit

from console.sandbox.control.payment_client import PaymentClient
from console.sandbox.registry.rows import RegistryRow


class SandboxError(RuntimeError):
    """The control API has refused a request; the text of the exception is the API's message."""


class SandboxControl:
    """Client that controls the sandbox at a URL. Each method sends one request; any thread or process may call it.
    `payments_control` has the methods for payments.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._netloc = urlsplit(self.url).netloc
        self.payments_control = PaymentClient(self._call_sandbox)

    def add_fault(self, action: str, **rule: Any) -> int:
        """Add a rule that gives the fault `action` to matching calls, and return the rule's id. `rule` are the other
        settings of the rule, which docs/sandbox.md lists, such as `call`."""
        return int(self._call_sandbox("POST", "faults", {"action": action, **rule})["ids"][0])

    def add_faults(self, *rules: dict[str, Any]) -> list[int]:
        """Add several fault rules and return their ids, in the same order. Each of `rules` has the settings of one
        rule by name, such as `{"action": "status:503", "call": "purchase"}`; docs/sandbox.md lists them. If several
        rules match a call, the first one decides the call's fault."""
        return [int(rule_id) for rule_id in self._call_sandbox("POST", "faults", {"rules": list(rules)})["ids"]]

    def add_random_faults(self, *actions: str, seed: int, rate: float, **rule: Any) -> int:
        """Add a rule that gives each matching call one of the faults `actions` with probability `rate`. The same seed
        gives the same faults. `rule` are the other settings of the rule, which docs/sandbox.md lists. Return the
        rule's id."""
        body = {"mode": "random", "actions": list(actions), "seed": seed, "rate": rate, **rule}
        return int(self._call_sandbox("POST", "faults", body)["ids"][0])

    def clear_faults(self, rule_id: int | None = None) -> int:
        """Remove one fault rule, or all fault rules (None); return the number of removed rules."""
        return int(self._call_sandbox("DELETE", "faults", query={"id": rule_id})["cleared"])

    def read_fault_catalogue(self) -> list[dict[str, Any]]:
        """Return the table of all faults that the sandbox can simulate."""
        return list(self._call_sandbox("GET", "catalogue")["faults"])

    def read_state(self) -> dict[str, Any]:
        """Return the state of the sandbox as JSON: clock, day, settings, tokens, fault rules, held calls, and the
        numbers of charges and calls."""
        return self._call_sandbox("GET", "state")

    def read_ledger(self, corporation_number: str | None = None) -> dict[str, Any]:
        """Return the charges for credit checks as `total`, `by_number` and `entries`, for `corporation_number`
        or for all corporation numbers (None).
        """
        return self._call_sandbox("GET", "ledger", query={"number": corporation_number})

    def count_charges(self, corporation_number: str | None = None) -> int:
        """Return the number of charges for credit checks of the corporation `corporation_number`, or of all
        corporations (None)."""
        return int(self.read_ledger(corporation_number)["total"])

    def read_requests(
        self, call: str | None = None, number: str | None = None, after_seq: int = 0
    ) -> list[dict[str, Any]]:
        """Return the requests that the simulated providers received, in sequence. `call` restricts the result to
        requests of the call with this name, `number` to requests about this subject (such as a corporation number).
        Only requests with a sequence number `seq` above `after_seq` are returned.
        """
        query = {"call": call, "number": number, "after": after_seq}
        return list(self._call_sandbox("GET", "requests", query=query)["requests"])

    def reset(self, *, must_keep_tokens: bool = False) -> None:
        """Restore the sandbox's initial state; held calls end without an effect. `must_keep_tokens`: OAuth clients,
        merchants and tokens stay."""
        self._call_sandbox("POST", "reset", {"keep_tokens": must_keep_tokens})

    def change_settings(self, **settings: Any) -> dict[str, Any]:
        """Change settings of the sandbox (docs/sandbox.md lists them); return the sandbox's state."""
        return self._call_sandbox("POST", "config", settings)

    def register_client(self, client_id: str, client_secret: str, refresh_token: str | None = None) -> None:
        """Register an OAuth client at the simulated AlarmBox, with `refresh_token` as its first refresh token (None:
        without a refresh token)."""
        client = {"client_id": client_id, "client_secret": client_secret, "refresh_token": refresh_token}
        self._call_sandbox("POST", "config", {"credentials": client})

    def register_checks(self, *checks: dict[str, Any]) -> list[dict[str, Any]]:
        """Add credit checks to the simulated AlarmBox, without charges, as if another program had purchased them.
        Return them in the form in which AlarmBox sends them. Each of `checks` has at least a `corporation_number`; a
        missing field, such as `purchase_date` or `result`, gets the value that a purchase would give it."""
        return list(self._call_sandbox("POST", "checks", {"checks": list(checks)})["credit_checks"])

    def release_calls(self, call: str | None = None, number: str | None = None) -> int:
        """Let held calls continue: all held calls, or only those with the given name and the given subject (such as a
        corporation number). Return the number of released calls."""
        return int(self._call_sandbox("POST", "release", {"call": call, "number": number})["released"])

    def wait_until_counts_reached(self, timeout_seconds: float = 300.0, **expected_counts: Any) -> bool:
        """Wait until each count is at least the count of the same name in `expected_counts`: `held` calls, `charges`,
        accepted `refunds`, handled `notices`, received `requests`. Two more names restrict what is counted: `call`
        restricts the held calls and the requests, `number` the held calls and the charges. Return True when the
        counts are reached, False if they aren't within `timeout_seconds`."""
        answer = self._call_sandbox(
            "GET", "wait", query={"timeout": timeout_seconds, **expected_counts}, timeout_seconds=timeout_seconds + 60
        )
        return bool(answer["reached"])

    def publish_registry(self, row_count: int, seed: int, day: date, first_rows: Iterable[RegistryRow] = ()) -> None:
        """Publish another whole corporation registry: the rows `first_rows`, then `row_count` invented corporations,
        which are the same for the same arguments. Differences that were published before are removed."""
        body = {
            "rows": row_count,
            "seed": seed,
            "day": day.isoformat(),
            "planted": [row._asdict() for row in first_rows],
        }
        self._call_sandbox("POST", "registry/whole", body)

    def publish_difference(self, day: date, row_count: int = 0, changes: Iterable[RegistryRow] = ()) -> int:
        """Publish the corporations that changed on `day`: `row_count` invented rows, and the rows `changes`. Return
        the number of rows.

        Raises `SandboxError` unless `day` is after all days that are published.
        """
        body = {"day": day.isoformat(), "rows": row_count, "changes": [row._asdict() for row in changes]}
        return int(self._call_sandbox("POST", "registry/differences", body)["rows"])

    def revoke_tokens(self) -> int:
        """Revoke all tokens of the simulated AlarmBox, so that a person must authorize the OAuth client again.
        Return the number of token pairs."""
        return int(self._call_sandbox("POST", "tokens/revoke")["revoked"])

    def expire_tokens(self) -> int:
        """Make all access tokens of the simulated AlarmBox expire, and return the number of these access tokens. The
        OAuth client gets a new access token by a refresh."""
        return int(self._call_sandbox("POST", "tokens/expire")["expired"])

    def begin_outage(self, duration_seconds: float) -> None:
        """Make the sandbox refuse all connections for `duration_seconds` seconds. Return as soon as connections are
        refused."""
        self._call_sandbox("POST", "outage", {"seconds": duration_seconds})

    @contextmanager
    def cause_outage(self, duration_seconds: float = 3_600.0) -> Iterator[None]:
        """A context manager: the sandbox refuses all connections while the block runs, for at most
        `duration_seconds`."""
        connection = http.client.HTTPConnection(self._netloc, timeout=120)
        try:
            self._call_sandbox("POST", "outage", {"seconds": duration_seconds}, connection=connection)
            try:
                yield
            finally:
                self._call_sandbox("DELETE", "outage", connection=connection)
        finally:
            connection.close()

    def _call_sandbox(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        query: dict[str, Any] | None = None,
        timeout_seconds: float = 120.0,
        connection: http.client.HTTPConnection | None = None,
    ) -> dict[str, Any]:
        """Send one request to the control API and return its JSON answer. `path` is the path after the API's prefix,
        such as "faults"; `body` is sent as JSON, `query` as the parameters of the URL. `timeout_seconds` is in
        seconds; `connection` None means a new connection for this request. Raises SandboxError with the API's message
        if the request is refused."""
        query_text = urlencode({name: value for name, value in (query or {}).items() if value is not None})
        body_text = json.dumps(body or {})
        used_connection = connection or http.client.HTTPConnection(self._netloc, timeout=timeout_seconds)
        try:
            used_connection.request(
                method, f"/_sandbox/{path}?{query_text}", body_text, {"Content-Type": "application/json"}
            )
            answer = used_connection.getresponse()
            answer_data: dict[str, Any] = json.loads(answer.read())
        finally:
            if connection is None:
                used_connection.close()
        if answer.status >= 400:
            raise SandboxError(str(answer_data.get("message", answer_data)))
        return answer_data
