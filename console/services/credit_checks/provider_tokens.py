"""The access and refresh token of the credit-check provider, and the minimum time between two calls to this provider.
All desks share the tokens and this minimum time through the database.

The classes implement the interfaces TokenStore and RateLimiter of the provider's adapter.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from console.domain.alerts.provider_subjects import (
    AUTHORISATION_EXPECTED,
    AUTHORISATION_OBSERVED,
    AUTHORISATION_RULE,
    PROVIDER_KIND,
    compute_provider_subject_id,
)
from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import OutcomeUnknownReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import BadProfileDetail
from console.domain.process import interrupts
from console.domain.setting_problems import SettingProblem
from console.providers.credit_checks.tokens import (
    CredentialsRefused,
    TokenAnswerLost,
    TokenExchange,
    TokenPair,
    TokenUnavailable,
)
from console.services.guarded.leases import acquire_lease, keep_lease_renewed
from console.services.process.context import ServiceContext
from console.services.process.failure_suppression import log_and_suppress
from console.store.alerts import cases
from console.store.database.engine import Transaction
from console.store.operations import call_rates
from console.store.operations import provider_tokens as tokens
from console.store.operations.leases import Lease
from console.store.operations.provider_tokens import StoredToken
from console.store.spool.cipher import Cipher, DecryptionFailed

REFRESH_LEASE_NAME = "alarmbox_token"
REFRESH_LEASE_WAIT_SECONDS = 60.0
_REFRESH_LEASE_POLL_SECONDS = 0.05
_MAX_TOKEN_STORE_ATTEMPTS = 3
_log = logging.getLogger("console.tokens")


class DatabaseTokenStore:
    """TokenStore that stores the provider's pair of access and refresh token in the database. Only one desk at a
    time refreshes the pair, and a new pair is stored before it is used."""

    def __init__(
        self, context: ServiceContext, provider: str, first_refresh_token: str | None, cipher: Cipher
    ) -> None:
        self._context = context
        self._provider = provider
        self._first_refresh_token = first_refresh_token
        self._cipher = cipher
        self._last_pair: TokenPair | None = None
        """The pair that this process has read or stored last. It is used if the stored row can't be decrypted."""

    def find_current_pair(self) -> TokenPair | None:
        """Return the stored pair of access and refresh token; None if no pair is stored. If the row can't be
        decrypted with the store key, return the pair that this process has read or stored last; raise bad_profile if
        this process has no pair in memory.
        """
        with self._context.database.read() as conn:
            stored_token = tokens.read_token(conn, self._provider)
        return self._decrypt_stored_pair(stored_token) if stored_token else None

    def store_first_pair(self, exchange: Callable[[], TokenPair]) -> TokenPair:
        """Under the lease REFRESH_LEASE_NAME, call `exchange` and store the pair of tokens that it returns in
        place of the stored pair, even if the stored pair can't be decrypted. Return the new pair with its
        version. Until the database has the new pair, this desk's spool has it, encrypted (`store_spooled_pair`).

        Raises TokenUnavailable if the lease is not free within REFRESH_LEASE_WAIT_SECONDS or if a signal arrives, and
        TokenAnswerLost if the database could not store the new pair (`tokens_not_stored`), or neither the database
        nor the spool could (`tokens_lost`).
        """
        with keep_lease_renewed(self._context, self._wait_for_refresh_lease()):
            version_before = self._read_stored_version()
            new_pair = exchange()
            is_spooled = self._spool_pair(new_pair, version_before)
            try:
                stored_pair = self._store_authorised_pair(new_pair)
            except ConsoleError as not_stored:
                _log.warning("the tokens of a new authorisation were not stored (%s)", not_stored.code)
                stored_pair = None
            if stored_pair is None:
                raise TokenAnswerLost(
                    OutcomeUnknownReason.TOKENS_NOT_STORED if is_spooled else OutcomeUnknownReason.TOKENS_LOST
                )
            self._delete_spooled_pair()
            return stored_pair

    def store_spooled_pair(self) -> TokenPair | None:
        """Under the lease REFRESH_LEASE_NAME, store the pair of an earlier authorisation that this desk's spool has,
        because the database could not store it. Return this pair with its version. Return None if the spool has none,
        or if the database has got another pair since then; the spool's pair is then deleted.

        Raises TokenUnavailable if the lease is not free within REFRESH_LEASE_WAIT_SECONDS or if a signal arrives.
        Raises the error of the database if it still can't store the pair, which stays in the spool.
        """
        if self._read_spooled_pair() is None:
            return None
        with keep_lease_renewed(self._context, self._wait_for_refresh_lease()):
            spooled_pair = self._read_spooled_pair()  # another process may have stored it meanwhile
            stored_pair = None
            if spooled_pair is not None and spooled_pair.version == self._read_stored_version():
                stored_pair = self._store_authorised_pair(spooled_pair)
            self._delete_spooled_pair()
            return stored_pair

    def _store_authorised_pair(self, new_pair: TokenPair) -> TokenPair | None:
        """Store a new pair of tokens in place of the stored row, and return it with its version. If another desk
        replaces the row meanwhile, read the row and try again. Return None after _MAX_TOKEN_STORE_ATTEMPTS attempts.
        """
        for _ in range(_MAX_TOKEN_STORE_ATTEMPTS):
            version = self._replace_stored_pair(new_pair)
            if version is not None:
                return self._keep_pair_in_memory(new_pair, version)
        return None

    def _read_stored_version(self) -> int:
        """Return the version of the stored row; 0 if there is no row."""
        with self._context.database.read() as conn:
            stored_token = tokens.read_token(conn, self._provider)
        return stored_token.version if stored_token else 0

    @property
    def _spooled_pair_name(self) -> str:
        return f"tokens:{self._provider}:{self._context.database_id}"

    def _spool_pair(self, new_pair: TokenPair, version_before: int) -> bool:
        """Store the encrypted pair in this desk's spool, on the disk, with the version of the row that it replaces.
        Return True, or False if this fails."""
        expires_at = new_pair.expires_at.isoformat() if new_pair.expires_at else None
        content = json.dumps([new_pair.access_token, new_pair.refresh_token, expires_at, version_before])
        encrypted_text = self._cipher.encrypt(content.encode()).decode()
        try:
            self._context.spool.store_value(self._spooled_pair_name, encrypted_text, is_durable=True)
        except ConsoleError as not_spooled:
            _log.warning("the tokens of a new authorisation are not in the spool (%s)", not_spooled.code)
            return False
        return True

    def _read_spooled_pair(self) -> TokenPair | None:
        """Return the pair in this desk's spool, with the version of the row that it replaces; None if the spool has
        no pair, or one of another store key."""
        encrypted_text = self._context.spool.read_value(self._spooled_pair_name)
        if not encrypted_text:
            return None
        try:
            content = json.loads(self._cipher.decrypt(encrypted_text.encode()))
        except DecryptionFailed:
            return None
        access_token, refresh_token, expires_at, version_before = content
        return TokenPair(
            access_token,
            refresh_token,
            None if expires_at is None else datetime.fromisoformat(expires_at),
            version_before,
        )

    def _delete_spooled_pair(self) -> None:
        with log_and_suppress("tokens in the spool"):
            self._context.spool.store_value(self._spooled_pair_name, "")

    def _replace_stored_pair(self, new_pair: TokenPair) -> int | None:
        """Store the pair of tokens in place of the stored row, and return the version of the new row; None if
        another desk has replaced the row meanwhile."""
        with self._context.database.read() as conn:
            stored_token = tokens.read_token(conn, self._provider)
        new_row = self._make_token_row(stored_token, new_pair, first_token=None)
        is_stored = self._context.write(
            lambda tx: self._replace_token_row(tx, stored_token, new_row, AuditAction.TOKEN_AUTHORISED)
        )
        return new_row.version if is_stored else None

    def refresh_pair(self, exchange: TokenExchange, *, outdated_pair: TokenPair | None) -> TokenPair:
        """Return a pair of tokens newer than `outdated_pair` (None: any stored pair is newer): the stored pair or,
        under the lease REFRESH_LEASE_NAME, a new pair from `exchange`. `exchange` sends a refresh token to the
        provider and returns the new pair, None if the provider refuses the token.

        Raises CredentialsRefused if no refresh token remains: no pair is stored or the provider refuses its refresh
        token, and the refresh token from the settings is missing, already used or refused. Raises TokenUnavailable if
        the lease is not free within REFRESH_LEASE_WAIT_SECONDS, if a signal arrives, or if another desk has replaced
        the stored row meanwhile by a row without a pair. Raises bad_profile if the stored pair can't be decrypted and
        this process has no earlier pair in memory.
        """
        with keep_lease_renewed(self._context, self._wait_for_refresh_lease()):
            return self._refresh_pair(exchange, outdated_pair)

    def _refresh_pair(self, exchange: TokenExchange, outdated_pair: TokenPair | None) -> TokenPair:
        with self._context.database.read() as conn:
            stored_token = tokens.read_token(conn, self._provider)
        stored_pair = self._decrypt_stored_pair(stored_token) if stored_token else None
        if stored_pair is not None and (outdated_pair is None or stored_pair.version > outdated_pair.version):
            return stored_pair
        if stored_pair is not None:
            new_pair = exchange(stored_pair.refresh_token)
            if new_pair is not None:
                return self._store_pair(stored_token, new_pair, first_token=None)
            newer_pair = self.find_current_pair()
            if newer_pair is not None and newer_pair.version > stored_pair.version:
                return newer_pair
        return self._exchange_first_token(exchange, stored_token)

    def _exchange_first_token(self, exchange: TokenExchange, stored_token: StoredToken | None) -> TokenPair:
        """Exchange the refresh token from the settings for a new pair of tokens, store the pair in place of
        `stored_token` (None: no token is stored), and return the pair. Raises CredentialsRefused if the settings have
        no refresh token, if it was used before, or if the provider refuses it.
        """
        used_hashes = stored_token.hashes_of_used_first_tokens if stored_token else ()
        if self._first_refresh_token is None or self._hash_token(self._first_refresh_token) in used_hashes:
            raise self._make_authorisation_refusal()
        new_pair = exchange(self._first_refresh_token)
        if new_pair is None:
            raise self._make_authorisation_refusal()
        return self._store_pair(stored_token, new_pair, first_token=self._first_refresh_token)

    def _make_authorisation_refusal(self) -> CredentialsRefused:
        """Return the error that a person must authorise the provider again, and open a case about this, unless one is
        open. The case is closed as soon as a pair of tokens is stored. If the case can't be written, only the log has
        this failure, so that the caller gets the reason of the refusal."""
        context, subject_id = self._context, compute_provider_subject_id(self._provider)
        try:
            context.write(
                lambda tx: cases.open_case(
                    tx.conn,
                    AUTHORISATION_RULE,
                    PROVIDER_KIND,
                    subject_id,
                    AUTHORISATION_OBSERVED,
                    AUTHORISATION_EXPECTED,
                    context.now(),
                )
            )
        except ConsoleError as error:
            _log.warning("no case about the refused tokens was opened (%s)", error.code)
        return CredentialsRefused("authorise_again")

    def _store_pair(
        self, stored_token: StoredToken | None, new_pair: TokenPair, first_token: str | None
    ) -> TokenPair:
        """Store the new pair of tokens in place of the row `stored_token` (None: no row is stored), and return the
        pair with its version. If another desk has replaced the row meanwhile, return the pair of that desk.
        `first_token` is the refresh token from the settings if the provider gave the pair for it, otherwise None."""
        new_row = self._make_token_row(stored_token, new_pair, first_token)
        if not self._context.write(
            lambda tx: self._replace_token_row(tx, stored_token, new_row, AuditAction.TOKEN_REFRESHED)
        ):
            return self._read_pair_of_other_desk()
        return self._keep_pair_in_memory(new_pair, new_row.version)

    def _make_token_row(
        self, stored_token: StoredToken | None, new_pair: TokenPair, first_token: str | None
    ) -> StoredToken:
        """Return the row that replaces the row `stored_token`: the encrypted new pair with the next version.
        `first_token` is the refresh token from the settings if the provider gave the pair for it, otherwise
        None; its hash is added to the hashes of used tokens.
        """
        used_hashes = stored_token.hashes_of_used_first_tokens if stored_token else ()
        version = (stored_token.version if stored_token else 0) + 1
        return StoredToken(
            encrypted_pair=self._encrypt_pair(new_pair, version),
            expires_at=new_pair.expires_at,
            version=version,
            hashes_of_used_first_tokens=(*used_hashes, self._hash_token(first_token)) if first_token else used_hashes,
        )

    def _keep_pair_in_memory(self, new_pair: TokenPair, version: int) -> TokenPair:
        """Store the pair with this version in this process's memory, and return it."""
        self._last_pair = replace(new_pair, version=version)
        return self._last_pair

    def _replace_token_row(
        self, tx: Transaction, stored_token: StoredToken | None, new_row: StoredToken, action: AuditAction
    ) -> bool:
        """Write `new_row` in place of the row `stored_token` (None: no row is stored), with an audit entry, and close
        the case about an authorisation that the provider refused. Return True; return False, and write nothing, if
        another desk has replaced the row meanwhile."""
        now = self._context.now()
        is_stored = tokens.replace_token(tx.conn, self._provider, stored_token, new_row, now)
        if is_stored:
            subject_id = compute_provider_subject_id(self._provider)
            cases.close_case(tx.conn, AUTHORISATION_RULE, PROVIDER_KIND, subject_id, now)
            self._context.record_audit(tx, action, self._provider, {"version": new_row.version}, kind="provider")
        return is_stored

    def _read_pair_of_other_desk(self) -> TokenPair:
        """Return the pair of tokens that another desk has stored meanwhile. Because of that pair, this process could
        not store its own. Raises TokenUnavailable if the database has no pair."""
        pair = self.find_current_pair()
        if pair is None:
            raise TokenUnavailable("stored_by_another_desk")
        return pair

    def _hash_token(self, token: str) -> str:
        """Return a keyed hash of the token. The key of the hash is the fingerprint of the store key, so the hash
        differs between installations with different store keys. The fingerprint is not secret."""
        import hashlib
        import hmac

        return hmac.digest(self._cipher.fingerprint.encode(), token.encode(), hashlib.sha256).hex()

    def _encrypt_pair(self, pair: TokenPair, version: int) -> str:
        """Return the encrypted pair of tokens with the version of the pair in front, in the form in which the row
        stores the pair. The encrypted text also contains the version, so that `_decrypt_pair` detects an older pair
        that was copied into a newer row, with or without a version in front.
        """
        plain_text = json.dumps([pair.access_token, pair.refresh_token, version])
        return f"v{version}.{self._cipher.encrypt(plain_text.encode()).decode()}"

    def _decrypt_stored_pair(self, stored_token: StoredToken) -> TokenPair | None:
        """Return the pair of tokens of the row; None if the row has no pair. If the row can't be decrypted, return
        the pair that this process has in memory; raise bad_profile if this process has no pair in memory."""
        if stored_token.encrypted_pair is None:
            return None
        try:
            self._last_pair = self._decrypt_pair(stored_token.encrypted_pair, stored_token)
        except DecryptionFailed:
            if self._last_pair is None:
                detail: BadProfileDetail = {
                    "variable": "CONSOLE_SECRET_STORE_KEY",
                    "problem": SettingProblem.OTHER_STORE_KEY,
                }
                raise ConsoleError(ErrorCode.BAD_PROFILE, detail) from None
            _log.warning("the stored tokens are damaged; version %d of this process is used", self._last_pair.version)
        return self._last_pair

    def _decrypt_pair(self, encrypted_pair: str, stored_token: StoredToken) -> TokenPair:
        """Return the pair of tokens that `encrypted_pair`, the text in the row `stored_token`, contains. Raises
        DecryptionFailed if the text was encrypted with another store key, or if the row version in front of the text
        or inside it isn't that of `stored_token`. A text without any row version, which an earlier program wrote, is
        accepted.
        """
        version_mark, separator, encrypted_text = encrypted_pair.rpartition(".")
        access_token, refresh_token, *versions_inside = json.loads(self._cipher.decrypt(encrypted_text.encode()))
        has_version = bool(separator or versions_inside)
        if has_version and (version_mark, versions_inside) != (f"v{stored_token.version}", [stored_token.version]):
            raise DecryptionFailed
        expires_at: datetime | None = stored_token.expires_at
        return TokenPair(access_token, refresh_token, expires_at, stored_token.version)

    def _wait_for_refresh_lease(self) -> Lease:
        """Return the lease REFRESH_LEASE_NAME when it is acquired. Raises TokenUnavailable if a signal arrives, or
        after REFRESH_LEASE_WAIT_SECONDS."""
        context = self._context
        deadline = context.clock.monotonic() + context.scale.scale_seconds(REFRESH_LEASE_WAIT_SECONDS)
        while True:
            lease = acquire_lease(context, REFRESH_LEASE_NAME)
            if lease is not None:
                return lease
            if interrupts.is_interrupt_pending():
                raise TokenUnavailable(interrupts.INTERRUPT_REASON)
            if context.clock.monotonic() >= deadline:
                raise TokenUnavailable(ErrorCode.LEASE_TIMEOUT)
            context.clock.sleep(_REFRESH_LEASE_POLL_SECONDS)


class ProviderCallRefuser:
    """RateLimiter and TokenStore for a desk at which a worker acts for the person. Such a desk may read the
    capabilities of the provider's adapter, which needs no credentials, but must send nothing to the provider.
    """

    def wait_for_start(self) -> None:
        """Always raise worker_away, so that this desk sends nothing to the provider."""
        raise ConsoleError(ErrorCode.WORKER_AWAY)

    def find_current_pair(self) -> TokenPair | None:
        """Always raise worker_away, so that this desk sends nothing to the provider."""
        raise ConsoleError(ErrorCode.WORKER_AWAY)

    def refresh_pair(self, exchange: TokenExchange, *, outdated_pair: TokenPair | None) -> TokenPair:
        """Always raise worker_away, so that this desk sends nothing to the provider."""
        raise ConsoleError(ErrorCode.WORKER_AWAY)


class DatabaseRateLimiter:
    """RateLimiter that stores in the database the time at which the next call to a provider may start. At least
    `spacing_seconds` pass between the starts of two calls, also if different desks make the calls. `name` identifies
    the limit in the database.
    """

    def __init__(self, context: ServiceContext, name: str, spacing_seconds: float) -> None:
        self._context = context
        self._name = name
        self._spacing_seconds = context.scale.scale_seconds(spacing_seconds)

    def wait_for_start(self) -> None:
        """Reserve the next free start time in the database, and sleep until that time."""
        if self._spacing_seconds <= 0:
            return
        wait_seconds = self._context.write(
            lambda tx: call_rates.reserve_call_start_and_get_wait_seconds(tx.conn, self._name, self._spacing_seconds)
        )
        self._context.clock.sleep(wait_seconds)
