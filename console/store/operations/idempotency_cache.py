"""Cache of idempotency results in Redis. A process asks Redis before it reads the database.

A process uses a result from Redis only if this result is encrypted with the store key and for this database, its
present epoch, this idempotency key and this fingerprint of the request. If Redis has anything else, the process reads
the database.

The *epoch* is a random text in the database. The transaction that forgets a result replaces the epoch. The first
action after an hour also replaces it, so that a restored database gets no results of the days that it has lost. A
result is encrypted for the epoch that the process had read before it read or stored the result. Even if the result
reaches Redis late, no process that has read the newer epoch can decrypt it.

A process reads the epoch from the database and asks Redis only within the following second. During that second the
forgotten result is replaced in Redis by a mark, which no result overwrites. So every process stops using a forgotten
result immediately while Redis works. Redis may also lose the mark, restore an old snapshot, ask a replica that is
behind, or give a wrong answer. Then every process stops using the result within one second.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock
from typing import Any, Literal

from console.store.database.boot_clock import read_uptime_ms
from console.store.operations.redis_client import RedisClient
from console.store.spool.cipher import derive_key

RESULT_LIFETIME_MS = 86_400_000
"""Time (milliseconds) for which Redis keeps a result."""
RUNNING_MARK_LIFETIME_MS = 30_000
"""Time (milliseconds) for which Redis keeps the mark that an operation uses a key."""
FORGOTTEN_MARK_LIFETIME_MS = 300_000
"""Time (milliseconds) for which Redis keeps the mark of a forgotten result."""

LARGEST_RESULT_BYTES = 8 * 1024
"""Largest result (bytes) that is stored in Redis."""
EPOCH_VALID_MS = 1_000
"""Time (milliseconds) after its reading for which an epoch may be used."""
_RUNNING_MARK = b"r"
"""First byte of an entry in Redis: an operation uses the key now."""
_FORGOTTEN_MARK = b"t"
"""First byte of an entry in Redis: the result was forgotten."""
_RESULT_MARK = b"d"
"""First byte of an entry in Redis: an encrypted result follows."""

_ENTRY_NAME_BYTES = 16
# A result never overwrites the entry ("t") that marks a forgotten result.
_ADD_COUNTS_SCRIPT = (
    "redis.call('hincrby',KEYS[1],'answered',ARGV[1]) redis.call('hincrby',KEYS[1],'asked',ARGV[2])"
    " return redis.call('hmget',KEYS[1],'answered','asked')"
)
_STORE_RESULT_SCRIPT = (
    "if redis.call('getrange',KEYS[1],0,0)~='t' then redis.call('set',KEYS[1],ARGV[1],'px',ARGV[2]) end return 1"
)


@dataclass(frozen=True, slots=True)
class CacheLookup:
    """Result of one look-up of an idempotency key in Redis. `result` is the stored result of the operation that uses
    the key, if this result may be used; otherwise None. `is_entry_missing`: Redis had no entry for the key, didn't
    answer, or wasn't asked. `epoch` is the epoch to which the look-up belongs, even if Redis couldn't be reached;
    None if the epoch or the store key wasn't known.
    """

    result: str | None = None
    is_entry_missing: bool = True
    epoch: str | None = None


_EMPTY_LOOKUP = CacheLookup()


class IdempotencyCache:
    """Interface of the cache of results, by idempotency key. This class itself is the cache of a process without a
    configured Redis: it has no results.

    `query_count` is the number of times that this process has asked Redis for a result, `hit_count` the number of
    times that it has used the result that Redis returned. In this class both stay 0; in the subclass
    RedisIdempotencyCache they are approximate.
    """

    query_count = 0
    hit_count = 0

    @property
    def hit_and_query_counts(self) -> tuple[int, int]:
        """Two numbers: the number of results from Redis that were used, and the number of times that Redis was asked
        for a result. Both are 0 without Redis.
        """
        return 0, 0

    @property
    def state(self) -> Literal["on", "off"] | None:
        """The state of the cache: "on" while Redis answers, "off" while it can't be reached, None without a
        configured Redis.
        """
        return None

    def refresh_epoch(self, read_epoch: Callable[[], str]) -> str | None:
        """Interface: return the present epoch of the database, which the function `read_epoch` reads. In this class:
        return None, because without Redis no epoch is needed."""
        return None

    def find_result(self, key: str, fingerprint: str) -> CacheLookup:
        """Interface: look up the result of the idempotency key, for a request with this fingerprint. In this class:
        return a look-up without a result, because there is no Redis to ask."""
        return _EMPTY_LOOKUP

    def announce_use(self, key: str, fingerprint: str) -> CacheLookup:
        """Interface: look up the result of the idempotency key, for a request with this fingerprint; if there is no
        result, make other processes see that an operation uses the key now. In this class: return a look-up without a
        result, because there is no Redis to ask."""
        return _EMPTY_LOOKUP

    def store_result(self, key: str, fingerprint: str, result: str, epoch: str | None) -> None:
        """Interface: store the committed result of an idempotency key; `fingerprint` is that of the request, `epoch`
        the epoch that was read before the result. In this class: do nothing, because there is no Redis."""

    def forget_result(self, key: str) -> None:
        """Interface: forget the stored result of an idempotency key. In this class: do nothing, because there is no
        Redis."""

    def close(self) -> None:
        """Do nothing, because there are no connections to close."""


class RedisIdempotencyCache(IdempotencyCache):
    """Cache of results in Redis, by idempotency key. Thread-safe; no error of Redis is raised.

    `url` is the address of Redis. `database_id` is the id of this database: the entries of several databases in one
    Redis have different names and keys. `get_store_key` returns the text of the store key; it is called before the
    first connection, and again before the next attempt if it raises an exception.
    """

    def __init__(self, url: str, database_id: str, get_store_key: Callable[[], str]) -> None:
        self._redis_client = RedisClient(url, self._ensure_entry_cipher)
        self._database_id = database_id
        self._store_key = get_store_key
        self._entry_cipher: _CacheEntryCipher | None = None
        self._time_and_epoch = (-EPOCH_VALID_MS, "")  # time of the last query for the epoch, and the epoch
        self._lock = Lock()
        self.query_count = self.hit_count = 0
        self._reported_counts = (0, 0)

    @property
    def hit_and_query_counts(self) -> tuple[int, int]:
        """Two numbers: the number of results from Redis that were used, and the number of times that Redis was asked
        for a result. Both are the sums of all desks, which Redis stores. If Redis doesn't answer, both are the counts
        of this process only.
        """
        return self._add_counts_and_read_sums() or (self.hit_count, self.query_count)

    def _add_counts_and_read_sums(self) -> tuple[int, int] | None:
        """Add the counts of this process since the last call to the counts in Redis, and return the sums as (hits,
        queries). Return None if Redis doesn't answer, answers impossible numbers, or was never
        connected."""
        entry_cipher = self._entry_cipher
        if entry_cipher is None:
            return None
        with self._lock:
            present_counts, reported_counts = (self.hit_count, self.query_count), self._reported_counts
            self._reported_counts = present_counts
        added_counts = [after - before for after, before in zip(present_counts, reported_counts, strict=True)]
        sums: Any = self._redis_client.send_command(
            "EVAL", _ADD_COUNTS_SCRIPT, 1, entry_cipher.make_entry_name("figures"), *added_counts
        )
        try:
            hit_sum, query_sum = (int(count) for count in sums)
        except (TypeError, ValueError):
            return None
        return (hit_sum, query_sum) if 0 <= hit_sum <= query_sum else None

    @property
    def state(self) -> Literal["on", "off"]:
        """The state of the cache: "on" while Redis answers, "off" while it can't be reached."""
        return "on" if self._redis_client.is_up else "off"

    def connect(self) -> bool:
        """Connect to Redis now instead of in the background. Return True if Redis can be used."""
        return self._redis_client.connect()

    def close(self) -> None:
        """Add the usage counts of this process (`hit_and_query_counts`) to the sums in Redis, and close the
        connections to Redis."""
        if self.query_count > self._reported_counts[1]:
            self._add_counts_and_read_sums()
        self._redis_client.close()

    def refresh_epoch(self, read_epoch: Callable[[], str]) -> str | None:
        """Return the epoch: the random text in the database that changes when a result is forgotten. If this process
        read the epoch more than a second ago, it first reads it again from the database, by calling `read_epoch`.
        Return None if the database has no epoch, or if reading it took more than a second."""
        if self._get_known_epoch() is None:
            asked_at = read_uptime_ms()
            time_and_epoch = (asked_at, read_epoch())
            with self._lock:
                self._time_and_epoch = max(self._time_and_epoch, time_and_epoch)
        return self._get_known_epoch()

    def find_result(self, key: str, fingerprint: str) -> CacheLookup:
        """Look up the result of the operation with this idempotency key in Redis. The returned look-up has no result
        if the entry in Redis has another fingerprint of the request."""
        return self._send_key_command(key, fingerprint, "GET")

    def announce_use(self, key: str, fingerprint: str) -> CacheLookup:
        """Look up the result of the operation with this idempotency key in Redis, for a request with this
        fingerprint. If Redis has no entry for the key, store an entry for 30 seconds, so that other processes see
        that an operation uses the key now. In this case the returned look-up has `is_entry_missing`.
        """
        return self._send_key_command(
            key, fingerprint, "SET", _RUNNING_MARK, "NX", "GET", "PX", RUNNING_MARK_LIFETIME_MS
        )

    def store_result(self, key: str, fingerprint: str, result: str, epoch: str | None) -> None:
        """Store the committed result of an idempotency key in Redis for a day, for requests with this fingerprint.
        `epoch` must have been read before the result was read from the database or stored in it. With `epoch` None,
        or for a result that is too large, nothing is stored.
        """
        entry_cipher, plaintext = self._entry_cipher, result.encode()
        if entry_cipher is None or epoch is None or len(plaintext) > LARGEST_RESULT_BYTES:
            return
        name = entry_cipher.make_entry_name(key)
        self._redis_client.send_command(
            "EVAL",
            _STORE_RESULT_SCRIPT,
            1,
            name,
            entry_cipher.encrypt(_make_associated_data(name, epoch, fingerprint), plaintext),
            RESULT_LIFETIME_MS,
        )

    def forget_result(self, key: str) -> None:
        """Replace the result of an idempotency key in Redis by the value _FORGOTTEN_MARK, which no result overwrites
        for five minutes. Before this call the caller must have committed a new epoch of the cache
        (`console.store.operations.idempotency`) in the database."""
        with self._lock:
            self._time_and_epoch = (-EPOCH_VALID_MS, "")
        if self._entry_cipher is not None:
            self._redis_client.send_command(
                "SET", self._entry_cipher.make_entry_name(key), _FORGOTTEN_MARK, "PX", FORGOTTEN_MARK_LIFETIME_MS
            )

    def _send_key_command(
        self, key: str, fingerprint: str, command: str, *further_arguments: str | bytes | int
    ) -> CacheLookup:
        """Send the Redis command `command` with the entry name of this idempotency key and `further_arguments`, and
        return the look-up. It has a result only if the entry in Redis has this fingerprint. If the store key or the
        epoch isn't known, nothing is sent and the look-up is empty.

        When the answer comes, the known epoch may have changed or be more than a second old, because this process was
        suspended meanwhile. Then the result in the answer isn't used.
        """
        entry_cipher, epoch = self._entry_cipher, self._get_known_epoch()
        if not self._redis_client.is_up:
            self._redis_client.connect_in_background()
        if entry_cipher is None or epoch is None:
            return _EMPTY_LOOKUP
        name = entry_cipher.make_entry_name(key)
        self.query_count += 1
        entry: Any = self._redis_client.send_command(command, name, *further_arguments)
        if not isinstance(entry, bytes):
            return CacheLookup(epoch=epoch)
        result = (
            entry_cipher.decrypt(_make_associated_data(name, epoch, fingerprint), entry)
            if entry[:1] == _RESULT_MARK
            else None
        )
        usable_result = result if self._get_known_epoch() == epoch else None
        self.hit_count += usable_result is not None
        return CacheLookup(usable_result, is_entry_missing=False, epoch=epoch)

    def _get_known_epoch(self) -> str | None:
        """Return the epoch that this process has read in the last EPOCH_VALID_MS; None if that was longer ago."""
        asked_at, epoch = self._time_and_epoch
        return epoch or None if read_uptime_ms() - asked_at < EPOCH_VALID_MS else None

    def _ensure_entry_cipher(self) -> None:
        """Make the cipher of the entries from the store key, unless it exists. An exception of `get_store_key` is
        raised, so that no connection to Redis is opened.
        """
        if self._entry_cipher is None:
            self._entry_cipher = _CacheEntryCipher(derive_key(self._store_key(), f"cache/{self._database_id}"))


def _make_associated_data(name: bytes, epoch: str, fingerprint: str) -> bytes:
    """Return the associated data with which an entry of Redis is encrypted: the entry's name, the epoch and the
    fingerprint of the request. `name` is derived from the database and the idempotency key."""
    return b"%b\n%b\n%b" % (name, epoch.encode(), fingerprint.encode())


class _CacheEntryCipher:
    """Makes the names of the entries of one database in Redis, and encrypts their content. Neither a name nor an
    entry identifies the operation that it is about.

    AES-SIV (RFC 5297) needs no nonce, which would make each entry a tenth larger. Without a nonce, equal results
    of one key give equal entries, which is harmless.
    """

    def __init__(self, key: bytes) -> None:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        self._naming_key = key
        self._cipher = AESSIV(blake2b(b"seal", digest_size=32, key=key).digest())
        self._decryption_error_types = (InvalidTag, ValueError)

    def make_entry_name(self, key: str) -> bytes:
        return b"sc:" + blake2b(key.encode(), digest_size=_ENTRY_NAME_BYTES, key=self._naming_key).digest()

    def encrypt(self, associated_data: bytes, plaintext: bytes) -> bytes:
        return _RESULT_MARK + self._cipher.encrypt(plaintext, [associated_data])

    def decrypt(self, associated_data: bytes, encrypted_entry: bytes) -> str | None:
        """Return the text that was encrypted with these associated data. Return None if the entry is damaged or was
        encrypted with other data or another key.
        """
        try:
            return self._cipher.decrypt(encrypted_entry[1:], [associated_data]).decode()
        except self._decryption_error_types:
            return None
