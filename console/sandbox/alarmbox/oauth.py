"""The OAuth 2.0 token endpoint of the simulated AlarmBox, with rotating refresh tokens as in the library Doorkeeper.

A refresh issues a new token pair and leaves the old pair valid. The first use of the new pair revokes the old pair,
including (unless the setting `revokes_old_access_token` is False) the old access token. So a client that has lost an
answer can refresh again until the new pair is used.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import RLock

from console.sandbox.environment.clock import SandboxClock
from console.sandbox.environment.credentials import CLIENT_ID, CLIENT_SECRET, OAUTH_SCOPE, REFRESH_TOKEN
from console.sandbox.environment.settings import SandboxSettings
from console.sandbox.http.messages import JsonObject, RequestRefused, make_json_reply

AUTHORIZATION_CODE_LIFETIME = timedelta(minutes=10)


@dataclass(slots=True)
class TokenPair:
    """An access token with its refresh token; `access_token` is None for the first refresh token of an OAuth
    client. `previous_pair` is the pair that is revoked when this pair is first used."""

    client_id: str
    scope: str
    access_token: str | None
    refresh_token: str
    access_expires_at: datetime
    previous_pair: "TokenPair | None" = None
    is_revoked: bool = False


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """An OAuth authorization code. It is valid once, for this OAuth client, redirect URI and scope, until
    `ends_at`.
    """

    client_id: str
    redirect_uri: str
    scope: str
    ends_at: datetime


class TokenIssuer:
    """Issues, checks and revokes the tokens of the simulated AlarmBox. Several threads may use this object at the
    same time.
    """

    def __init__(self, clock: SandboxClock, settings: SandboxSettings) -> None:
        self._clock = clock
        self._settings = settings
        self._lock = RLock()
        self.reset()

    def reset(self) -> None:
        """Restore the default OAuth client and its first refresh token; delete all other clients, tokens and
        codes."""
        with self._lock:
            self.secret_by_client_id: dict[str, str] = {}
            self._pair_by_access_token: dict[str, TokenPair] = {}
            self._pair_by_refresh_token: dict[str, TokenPair] = {}
            self._codes: dict[str, AuthorizationCode] = {}
        self.register_client(CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN)

    def register_client(
        self, client_id: str, client_secret: str, refresh_token: str | None = None, scope: str = OAUTH_SCOPE
    ) -> None:
        """Register an OAuth client, and its first refresh token if a refresh token is given."""
        with self._lock:
            self.secret_by_client_id[client_id] = client_secret
            if refresh_token:
                self._store_pair(TokenPair(client_id, scope, None, refresh_token, self._clock.now()))

    def issue_code(self, client_id: str, redirect_uri: str, scope: str) -> str:
        """Return a new authorization code for the OAuth client, redirect URI and scope (OAuth's text of the granted
        rights). The code is valid once within ten minutes.

        Raises `RequestRefused`, 401, for an unknown OAuth client.
        """
        with self._lock:
            if client_id not in self.secret_by_client_id:
                raise make_oauth_refusal(401, "invalid_client")
            code = "code-" + secrets.token_hex(12)
            self._codes[code] = AuthorizationCode(
                client_id, redirect_uri, scope or OAUTH_SCOPE, self._clock.now() + AUTHORIZATION_CODE_LIFETIME
            )
            return code

    def issue_token_pair(self, form: dict[str, str]) -> TokenPair:
        """Return a new token pair in exchange for the authorization code or refresh token in `form`, the fields of a
        token request.

        Raises `RequestRefused` with an OAuth error if the OAuth client, the code or the refresh token is unknown or
        not valid, or if the `grant_type` is another than `authorization_code` and `refresh_token`.
        """
        with self._lock:
            self._require_known_client(form)
            match form.get("grant_type"):
                case "authorization_code":
                    return self._issue_pair_for_code(form)
                case "refresh_token":
                    return self._issue_pair_for_refresh_token(form)
                case _:
                    raise make_oauth_refusal(400, "unsupported_grant_type")

    def require_valid_token(self, authorization: str) -> TokenPair:
        """Return the pair to which the access token in an `Authorization` header belongs. This use of the pair
        revokes the previous pair.

        Raises `RequestRefused`, 401, if the token is unknown, revoked or expired.
        """
        scheme, _, token = authorization.partition(" ")
        with self._lock:
            pair = self._pair_by_access_token.get(token.strip()) if scheme.lower() == "bearer" else None
            if pair is None or pair.is_revoked or pair.access_expires_at <= self._clock.now():
                raise make_oauth_refusal(401, "invalid_token")
            self._revoke_previous_pair(pair)
            return pair

    def expire_access_tokens(self, access_token: str | None = None) -> int:
        """Make one access token, or all access tokens (None), expire now; refresh tokens stay valid. Return the
        number of these access tokens.
        """
        with self._lock:
            expired_pairs = [
                pair for pair in self._pair_by_access_token.values() if access_token in (None, pair.access_token)
            ]
            for pair in expired_pairs:
                pair.access_expires_at = min(pair.access_expires_at, self._clock.now())
            return len(expired_pairs)

    def revoke_all_tokens(self) -> int:
        """Revoke every token pair, also the refresh tokens, so that a person must authorize the OAuth client
        again. Return the number of pairs."""
        with self._lock:
            pairs = [*self._pair_by_refresh_token.values(), *self._pair_by_access_token.values()]
            for pair in pairs:
                pair.is_revoked = True
            return len({id(pair) for pair in pairs})

    def undo_token_rotation(self, pair: TokenPair) -> None:
        """Undo the rotation of a refresh token: the access token of `pair` stays valid, the refresh token of `pair`
        becomes invalid, and the previous pair will not be revoked.
        """
        with self._lock:
            self._pair_by_refresh_token.pop(pair.refresh_token, None)
            pair.previous_pair = None

    def make_token_answer(self, pair: TokenPair) -> JsonObject:
        """Return the JSON fields of the token endpoint's answer with this token pair."""
        return {
            "access_token": pair.access_token,
            "token_type": "Bearer",
            "expires_in": max(0, round((pair.access_expires_at - self._clock.now()).total_seconds())),
            "refresh_token": pair.refresh_token,
            "scope": pair.scope,
            "created_at": int(self._clock.now().timestamp()),
        }

    def find_token_pair(self, access_token: str) -> TokenPair | None:
        """Return the token pair with this access token; None if no pair has it."""
        with self._lock:
            return self._pair_by_access_token.get(access_token)

    def export_json(self) -> JsonObject:
        """Return the ids of the OAuth clients, the count of issued token pairs and the count of valid access
        tokens. No token is returned."""
        with self._lock:
            valid_pairs = [pair for pair in self._pair_by_access_token.values() if not pair.is_revoked]
            return {
                "clients": sorted(self.secret_by_client_id),
                "pairs_handed_out": len(self._pair_by_access_token),
                "access_tokens_alive": sum(1 for pair in valid_pairs if pair.access_expires_at > self._clock.now()),
            }

    def _require_known_client(self, form: dict[str, str]) -> None:
        secret = self.secret_by_client_id.get(form.get("client_id", ""))
        if secret is None or not secrets.compare_digest(secret.encode(), form.get("client_secret", "").encode()):
            raise make_oauth_refusal(401, "invalid_client")

    def _issue_pair_for_code(self, form: dict[str, str]) -> TokenPair:
        authorization_code = self._codes.pop(form.get("code", ""), None)
        client = (form.get("client_id"), form.get("redirect_uri"))
        if (
            authorization_code is None
            or authorization_code.ends_at <= self._clock.now()
            or client != (authorization_code.client_id, authorization_code.redirect_uri)
        ):
            raise make_oauth_refusal(400, "invalid_grant")
        return self._issue_pair(authorization_code.client_id, authorization_code.scope, None)

    def _issue_pair_for_refresh_token(self, form: dict[str, str]) -> TokenPair:
        old_pair = self._require_pair_to_refresh(form)
        self._revoke_previous_pair(old_pair)
        return self._issue_pair(old_pair.client_id, old_pair.scope, old_pair)

    def _require_pair_to_refresh(self, form: dict[str, str]) -> TokenPair:
        """Return the token pair that has the refresh token in `form`, the fields of a token request.

        Raises `RequestRefused`, 400 `invalid_grant`, if the refresh token is unknown, revoked or of another OAuth
        client.
        """
        old_pair = self._pair_by_refresh_token.get(form.get("refresh_token", ""))
        if old_pair is None or old_pair.is_revoked or old_pair.client_id != form.get("client_id"):
            raise make_oauth_refusal(400, "invalid_grant")
        return old_pair

    def _issue_pair(self, client_id: str, scope: str, previous_pair: TokenPair | None) -> TokenPair:
        """Return a new stored token pair. Its first use will revoke `previous_pair`."""
        ends_at = self._clock.now() + timedelta(seconds=self._settings.access_token_seconds)
        access_token, refresh_token = "at-" + secrets.token_hex(16), "rt-" + secrets.token_hex(16)
        return self._store_pair(TokenPair(client_id, scope, access_token, refresh_token, ends_at, previous_pair))

    def _store_pair(self, pair: TokenPair) -> TokenPair:
        """Store a token pair under its access token and its refresh token, and return the pair."""
        self._pair_by_refresh_token[pair.refresh_token] = pair
        if pair.access_token:
            self._pair_by_access_token[pair.access_token] = pair
        return pair

    def _revoke_previous_pair(self, pair: TokenPair) -> None:
        """Revoke the previous pair of the token pair `pair`, if such a pair exists and is not revoked yet: make the
        refresh token of the previous pair invalid, and with the setting `revokes_old_access_token` also its access
        token. The tokens of `pair` stay valid.
        """
        previous_pair, pair.previous_pair = pair.previous_pair, None
        if previous_pair is None:
            return
        self._pair_by_refresh_token.pop(previous_pair.refresh_token, None)
        previous_pair.is_revoked = previous_pair.is_revoked or self._settings.revokes_old_access_token


def make_oauth_refusal(status: int, error: str) -> RequestRefused:
    """Return an exception with the OAuth error `{"error": …}`, which the caller raises. With status 401 the answer
    also has the challenge header that RFC 6750 requires.
    """
    challenge_headers = (("WWW-Authenticate", f'Bearer realm="AlarmBox", error="{error}"'),) if status == 401 else ()
    return RequestRefused(replace(make_json_reply({"error": error}, status), headers=challenge_headers))
