"""AlarmBox's token office: OAuth 2.0 with refresh tokens that rotate, as Doorkeeper keeps them.

A refresh hands out a new pair and leaves the old one alive; the old pair, access token included, dies with
the first use of the new one. So a lost answer can be asked for again, until the new pair is put to use.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import RLock

from console.sandbox.clock import SandboxClock
from console.sandbox.credentials import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, SCOPE
from console.sandbox.settings import Settings
from console.sandbox.wire import JsonObject, Refused, json_reply

CODE_LIFETIME = timedelta(minutes=10)


@dataclass(slots=True)
class Pair:
    """An access token with its refresh token; the first refresh token of a client has no access token yet."""

    client_id: str
    scope: str
    access: str | None
    refresh: str
    ends_at: datetime
    previous: "Pair | None" = None
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    client_id: str
    redirect_uri: str
    scope: str
    ends_at: datetime


class TokenOffice:
    """Hands out, checks and revokes tokens; safe to use from any thread."""

    def __init__(self, clock: SandboxClock, settings: Settings) -> None:
        self._clock = clock
        self._settings = settings
        self._lock = RLock()
        self.reset()

    def reset(self) -> None:
        """Back to the default client and its first refresh token; everything handed out is forgotten."""
        with self._lock:
            self.clients: dict[str, str] = {}
            self._by_access: dict[str, Pair] = {}
            self._by_refresh: dict[str, Pair] = {}
            self._codes: dict[str, Code] = {}
        self.accept(CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN)

    def accept(
        self, client_id: str, client_secret: str, refresh_token: str | None = None, scope: str = SCOPE
    ) -> None:
        """Know a client, and a first refresh token of it."""
        with self._lock:
            self.clients[client_id] = client_secret
            if refresh_token:
                self._keep(Pair(client_id, scope, None, refresh_token, self._clock.now()))

    def authorize(self, client_id: str, redirect_uri: str, scope: str) -> str:
        """A code, good once within ten minutes."""
        with self._lock:
            if client_id not in self.clients:
                raise refusal(401, "invalid_client")
            code = "code-" + secrets.token_hex(12)
            self._codes[code] = Code(client_id, redirect_uri, scope or SCOPE, self._clock.now() + CODE_LIFETIME)
            return code

    def exchange(self, form: dict[str, str]) -> Pair:
        """A new pair for a code or for a refresh token. Raises `Refused` with OAuth's words."""
        with self._lock:
            self._check_client(form)
            match form.get("grant_type"):
                case "authorization_code":
                    return self._from_code(form)
                case "refresh_token":
                    return self._from_refresh(form)
                case _:
                    raise refusal(400, "unsupported_grant_type")

    def check(self, authorization: str) -> Pair:
        """The living pair behind an `Authorization` header; its use ends the pair before it."""
        scheme, _, token = authorization.partition(" ")
        with self._lock:
            pair = self._by_access.get(token.strip()) if scheme.lower() == "bearer" else None
            if pair is None or pair.revoked or pair.ends_at <= self._clock.now():
                raise refusal(401, "invalid_token")
            self._used(pair)
            return pair

    def expire(self, access: str | None = None) -> int:
        """End the life of one access token, or of all, now; refresh tokens stay good."""
        with self._lock:
            ended = [pair for pair in self._by_access.values() if access in (None, pair.access)]
            for pair in ended:
                pair.ends_at = min(pair.ends_at, self._clock.now())
            return len(ended)

    def revoke(self) -> int:
        """Revoke every token, refresh tokens included: an operator must authorise again."""
        with self._lock:
            pairs = [*self._by_refresh.values(), *self._by_access.values()]
            for pair in pairs:
                pair.revoked = True
            return len({id(pair) for pair in pairs})

    def take_back(self, pair: Pair) -> None:
        """Undo the rotation: `pair` keeps its access token, the refresh token before it stays good."""
        with self._lock:
            self._by_refresh.pop(pair.refresh, None)
            pair.previous = None

    def answer(self, pair: Pair) -> JsonObject:
        return {
            "access_token": pair.access,
            "token_type": "Bearer",
            "expires_in": max(0, round((pair.ends_at - self._clock.now()).total_seconds())),
            "refresh_token": pair.refresh,
            "scope": pair.scope,
            "created_at": int(self._clock.now().timestamp()),
        }

    def pair_of(self, access: str) -> Pair | None:
        with self._lock:
            return self._by_access.get(access)

    def as_json(self) -> JsonObject:
        """Counts only; a token is never shown."""
        with self._lock:
            living = [pair for pair in self._by_access.values() if not pair.revoked]
            return {
                "clients": sorted(self.clients),
                "pairs_handed_out": len(self._by_access),
                "access_tokens_alive": sum(1 for pair in living if pair.ends_at > self._clock.now()),
            }

    def _check_client(self, form: dict[str, str]) -> None:
        secret = self.clients.get(form.get("client_id", ""))
        if secret is None or not secrets.compare_digest(secret.encode(), form.get("client_secret", "").encode()):
            raise refusal(401, "invalid_client")

    def _from_code(self, form: dict[str, str]) -> Pair:
        code = self._codes.pop(form.get("code", ""), None)
        asked = (form.get("client_id"), form.get("redirect_uri"))
        if code is None or code.ends_at <= self._clock.now() or asked != (code.client_id, code.redirect_uri):
            raise refusal(400, "invalid_grant")
        return self._hand_out(code.client_id, code.scope, None)

    def _from_refresh(self, form: dict[str, str]) -> Pair:
        old = self._refreshable(form)
        self._used(old)
        return self._hand_out(old.client_id, old.scope, old)

    def _refreshable(self, form: dict[str, str]) -> Pair:
        old = self._by_refresh.get(form.get("refresh_token", ""))
        if old is None or old.revoked or old.client_id != form.get("client_id"):
            raise refusal(400, "invalid_grant")
        return old

    def _hand_out(self, client_id: str, scope: str, previous: Pair | None) -> Pair:
        ends_at = self._clock.now() + timedelta(seconds=self._settings.access_token_seconds)
        access, refresh = "at-" + secrets.token_hex(16), "rt-" + secrets.token_hex(16)
        return self._keep(Pair(client_id, scope, access, refresh, ends_at, previous))

    def _keep(self, pair: Pair) -> Pair:
        self._by_refresh[pair.refresh] = pair
        if pair.access:
            self._by_access[pair.access] = pair
        return pair

    def _used(self, pair: Pair) -> None:
        previous, pair.previous = pair.previous, None
        if previous is None:
            return
        self._by_refresh.pop(previous.refresh, None)
        previous.revoked = previous.revoked or self._settings.old_access_dies


def refusal(status: int, error: str) -> Refused:
    """An OAuth error, `{"error": …}`; with 401 the challenge that RFC 6750 asks for."""
    challenge = (("WWW-Authenticate", f'Bearer realm="AlarmBox", error="{error}"'),) if status == 401 else ()
    return Refused(replace(json_reply({"error": error}, status), headers=challenge))
