"""Answers of the idempotency service in Redis: asked first, believed only where they can't be wrong.

An answer is believed when it is the final result of the key, sealed with the store's key for this database, its
present epoch, this key and this fingerprint. Everything else that Redis may hold, whoever wrote it, only leads to the
database.

The *epoch* is a random text in the database, replaced in the same transaction in which a result is forgotten, and
every hour, so that a database from a backup is not answered with what became of it in days that it lost. Whoever puts
a result into Redis seals it for the epoch that was known before the result was read or stored; however late it
is written, it can't be opened once the result has been forgotten and that is known. A process learns the epoch from
the database, and asks Redis only within the second that follows. For the rest of that second a mark stands where the
forgotten result was, and no result covers it. So with Redis at hand a forgotten result is forgotten at once, and
within a second whatever Redis does: a lost mark, an old snapshot, a replica that is behind, a server that lies.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from threading import Lock
from typing import Any, Literal

from console.store.boot_clock import uptime_ms
from console.store.cipher import derived_key
from console.store.redis_link import RedisLink

RESULT_MS, RUNNING_MS, TEMPORARY_MS = 86_400_000, 30_000, 300_000
LARGEST_RESULT = 8 * 1024
EPOCH_MS = 1_000
_RUNNING, _TEMPORARY, _RESULT = b"r", b"t", b"d"
_NAME_BYTES = 16
# A result never covers the mark of a forgotten one.
_KEEP = "if redis.call('getrange',KEYS[1],0,0)~='t' then redis.call('set',KEYS[1],ARGV[1],'px',ARGV[2]) end return 1"


@dataclass(frozen=True, slots=True)
class Glance:
    """What Redis knew. `fresh`: nothing at all of this key. `epoch`: in which it was asked, None when it was not."""

    result: str | None = None
    fresh: bool = True
    epoch: str | None = None


_UNASKED = Glance()


class NoCache:
    """Where no Redis is configured. `asked`, `answered`: how often in this process, about."""

    asked = 0
    answered = 0

    @property
    def state(self) -> Literal["on", "off"] | None:
        """Whether Redis is asked; None where there is none to ask."""
        return None

    def refresh(self, read: Callable[[], str]) -> str | None:
        return None

    def recall(self, key: str, fingerprint: str) -> Glance:
        return _UNASKED

    def announce(self, key: str, fingerprint: str) -> Glance:
        return _UNASKED

    def keep(self, key: str, fingerprint: str, result: str, epoch: str | None) -> None:
        """Nothing is kept."""

    def forget(self, key: str) -> None:
        """Nothing was kept."""

    def close(self) -> None:
        """Nothing is open."""


class Cache(NoCache):
    """Results by idempotency key. Safe from any thread; whatever happens to Redis, nothing is raised.

    `store_key` is asked once, in the background, before the first connection.
    """

    def __init__(self, url: str, database_id: str, store_key: Callable[[], str]) -> None:
        self._link = RedisLink(url, self._unlock)
        self._database_id = database_id
        self._store_key = store_key
        self._keys: _Keys | None = None
        self._known = (-EPOCH_MS, "")  # when the epoch was asked for, and the epoch
        self._lock = Lock()
        self.asked = self.answered = 0

    @property
    def state(self) -> Literal["on", "off"]:
        return "on" if self._link.up else "off"

    def connect(self) -> bool:
        """Connect now instead of in the background; whether Redis can be used."""
        return self._link.connect()

    def close(self) -> None:
        self._link.close()

    def refresh(self, read: Callable[[], str]) -> str | None:
        """The epoch, by `read` from the database if it was learnt more than a second ago; "" when there is none."""
        if self._epoch() is None:
            asked_at = uptime_ms()
            learnt = (asked_at, read())
            with self._lock:
                self._known = max(self._known, learnt)
        return self._epoch()

    def recall(self, key: str, fingerprint: str) -> Glance:
        """The final result of a key that was used with this fingerprint, if Redis knows it."""
        return self._ask(key, fingerprint, "GET")

    def announce(self, key: str, fingerprint: str) -> Glance:
        """The same; and where nothing is known, half a minute's notice that the key is being used."""
        return self._ask(key, fingerprint, "SET", _RUNNING, "NX", "GET", "PX", RUNNING_MS)

    def keep(self, key: str, fingerprint: str, result: str, epoch: str | None) -> None:
        """The key is done, committed, and this is its result. `epoch`: known before the result was read or stored."""
        keys, plain = self._keys, result.encode()
        if keys is None or epoch is None or len(plain) > LARGEST_RESULT:
            return
        name = keys.name(key)
        self._link.ask("EVAL", _KEEP, 1, name, keys.seal(_bound(name, epoch, fingerprint), plain), RESULT_MS)

    def forget(self, key: str) -> None:
        """The key's result counts no more: the database has a new epoch, committed."""
        with self._lock:
            self._known = (-EPOCH_MS, "")
        if self._keys is not None:
            self._link.ask("SET", self._keys.name(key), _TEMPORARY, "PX", TEMPORARY_MS)

    def _ask(self, key: str, fingerprint: str, verb: str, *rest: str | bytes | int) -> Glance:
        """What was found counts only if the epoch is still known when it is there: this process may have slept."""
        keys, epoch = self._keys, self._epoch()
        if not self._link.up:
            self._link.wake()
        if keys is None or epoch is None:
            return _UNASKED
        name = keys.name(key)
        self.asked += 1
        found: Any = self._link.ask(verb, name, *rest)
        if not isinstance(found, bytes):
            return Glance(epoch=epoch)
        result = keys.open(_bound(name, epoch, fingerprint), found) if found[:1] == _RESULT else None
        believed = result if self._epoch() == epoch else None
        self.answered += believed is not None
        return Glance(believed, fresh=False, epoch=epoch)

    def _epoch(self) -> str | None:
        asked_at, epoch = self._known
        return epoch or None if uptime_ms() - asked_at < EPOCH_MS else None

    def _unlock(self) -> None:
        if self._keys is None:
            self._keys = _Keys(derived_key(self._store_key(), f"cache/{self._database_id}"))


def _bound(name: bytes, epoch: str, fingerprint: str) -> bytes:
    """What an entry is sealed for; the name stands for database and key."""
    return b"%b\n%b\n%b" % (name, epoch.encode(), fingerprint.encode())


class _Keys:
    """Names and seals of one database's entries: neither shows whose payment it is.

    SIV needs no nonce, which would make each entry a tenth larger; equal results of one key look equal, and may.
    """

    def __init__(self, key: bytes) -> None:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        self._naming = key
        self._cipher = AESSIV(blake2b(b"seal", digest_size=32, key=key).digest())
        self._broken = (InvalidTag, ValueError)

    def name(self, key: str) -> bytes:
        return b"sc:" + blake2b(key.encode(), digest_size=_NAME_BYTES, key=self._naming).digest()

    def seal(self, bound: bytes, plain: bytes) -> bytes:
        return _RESULT + self._cipher.encrypt(plain, [bound])

    def open(self, bound: bytes, found: bytes) -> str | None:
        """What was sealed for this; None for anything else."""
        try:
            return self._cipher.decrypt(found[1:], [bound]).decode()
        except self._broken:
            return None
