"""Keeps the provider's token pair for all desks and spaces the calls: the store's side of the adapter's needs."""

import json
from datetime import datetime

from console.domain.errors import ConsoleError
from console.providers.protocol import Exchange, TokenPair, TokenRefused, TokenUnavailable
from console.services.desk import Desk
from console.services.heartbeat import LEASE_SECONDS
from console.store import leases, rates, tokens
from console.store.cipher import Cipher, SealBroken
from console.store.engine import Transaction
from console.store.leases import Lease
from console.store.tokens import StoredToken

LEASE = "alarmbox_token"
WAIT_SECONDS = 60.0
_NAP_SECONDS = 0.05


class StoredTokens:
    """TokenKeeper over the database: one refresh at a time, the new pair stored before it is used."""

    def __init__(self, desk: Desk, provider: str, first_refresh_token: str | None, cipher: Cipher) -> None:
        self._desk = desk
        self._provider = provider
        self._first = first_refresh_token
        self._cipher = cipher

    def current(self) -> TokenPair | None:
        with self._desk.database.read() as conn:
            stored = tokens.read(conn, self._provider)
        return self._open(stored) if stored else None

    def refresh(self, exchange: Exchange, *, stale: TokenPair | None) -> TokenPair:
        lease = self._wait_for_lease()
        try:
            return self._refresh(exchange, stale)
        finally:
            self._desk.write(lambda tx: leases.release(tx.conn, lease))

    def _refresh(self, exchange: Exchange, stale: TokenPair | None) -> TokenPair:
        with self._desk.database.read() as conn:
            stored = tokens.read(conn, self._provider)
        pair = self._open(stored) if stored else None
        if pair is not None and (stale is None or pair.version > stale.version):
            return pair
        if pair is not None:
            new = exchange(pair.refresh_token)
            if new is not None:
                return self._store(stored, new, first=None)
            newer = self.current()
            if newer is not None and newer.version > pair.version:
                return newer
        return self._try_first(exchange, stored)

    def _try_first(self, exchange: Exchange, stored: StoredToken | None) -> TokenPair:
        """The given token counts only until it was used once; whoever gives a new one starts anew with it."""
        used = stored.used_first if stored else frozenset()
        if self._first is None or self._mark(self._first) in used:
            raise TokenRefused("authorise_again")
        new = exchange(self._first)
        if new is None:
            raise TokenRefused("authorise_again")
        return self._store(stored, new, first=self._first)

    def _store(self, stored: StoredToken | None, new: TokenPair, first: str | None) -> TokenPair:
        used = stored.used_first if stored else frozenset()
        version = (stored.version if stored else 0) + 1
        after = StoredToken(
            sealed=self._seal(new),
            expires_at=new.expires_at,
            version=version,
            used_first=used | {self._mark(first)} if first else used,
        )
        if not self._desk.write(lambda tx: self._swap(tx, stored, after)):
            return self._stored_by_another()
        return TokenPair(new.access_token, new.refresh_token, new.expires_at, version)

    def _swap(self, tx: Transaction, stored: StoredToken | None, after: StoredToken) -> bool:
        swapped = tokens.replace(tx.conn, self._provider, stored, after, self._desk.now())
        if swapped:
            self._desk.note(tx, "token.refreshed", self._provider, {"version": after.version}, kind="provider")
        return swapped

    def _stored_by_another(self) -> TokenPair:
        """Our lease was lost and another desk was quicker: its pair counts, ours is of no use to anybody."""
        pair = self.current()
        if pair is None:
            raise TokenUnavailable("stored_by_another_desk")
        return pair

    def _mark(self, token: str) -> str:
        """A hash under our key, so that the row doesn't help to guess a token."""
        import hashlib
        import hmac

        return hmac.digest(self._cipher.fingerprint.encode(), token.encode(), hashlib.sha256).hex()

    def _seal(self, pair: TokenPair) -> str:
        return self._cipher.seal(json.dumps([pair.access_token, pair.refresh_token]).encode()).decode()

    def _open(self, stored: StoredToken) -> TokenPair | None:
        if stored.sealed is None:
            return None
        try:
            access, refresh = json.loads(self._cipher.open(stored.sealed.encode()))
        except SealBroken:
            problem = {"variable": "CONSOLE_SECRET_STORE_KEY", "problem": "other_key"}
            raise ConsoleError("bad_profile", problem) from None
        expires: datetime | None = stored.expires_at
        return TokenPair(access, refresh, expires, stored.version)

    def _wait_for_lease(self) -> Lease:
        desk = self._desk
        seconds = desk.scale.lease_seconds(LEASE_SECONDS)
        deadline = desk.clock.monotonic() + desk.scale.seconds(WAIT_SECONDS)
        while True:
            lease = desk.write(lambda tx: leases.take(tx, LEASE, desk.holder(), desk.now(), seconds))
            if lease is not None:
                return lease
            if desk.clock.monotonic() >= deadline:
                raise TokenUnavailable("lease_timeout")
            desk.clock.sleep(_NAP_SECONDS)


class SpacedCalls:
    """RateGate over the database: the starts of calls keep their distance over all desks."""

    def __init__(self, desk: Desk, name: str, spacing_seconds: float) -> None:
        self._desk = desk
        self._name = name
        self._spacing = desk.scale.seconds(spacing_seconds)

    def wait_turn(self) -> None:
        if self._spacing <= 0:
            return
        wait = self._desk.write(lambda tx: rates.reserve(tx.conn, self._name, self._spacing))
        self._desk.clock.sleep(wait)
